// Grids of cells that are drawn in place.

import { make, setClass, setStyle, show, within } from "./elements.js";

/**
 * A grid of cells that is drawn in place. `root` is its element; rows and cells are made when first shown by
 * `makeCell(row, column)` and keep their place, so that drawing writes only what changed. No cell has a style of its
 * own: cells of one class then share one, which makes the browser several times faster. `kind` gives the colour
 * ("input", "kernel", "output"); `name` tells grids of one kind apart, and is what pointing calls this one.
 */
export function makeGrid(kind, { name = kind, makeCell = () => make("div") } = {}) {
  const root = make("div", `cs-grid cs-${kind}`);
  const lines = [];
  let start = 0;
  let pinned = null;
  const addCell = (line, row) => {
    const element = makeCell(row, line.cells.length);
    element.dataset.grid = name;
    line.cells.push(element);
    line.root.append(element);
  };
  const setPlace = (element, row, column) => {
    if (element.drawnRow !== row) element.dataset.row = element.drawnRow = row;
    if (element.drawnColumn !== column) element.dataset.column = element.drawnColumn = column;
  };
  return {
    root,
    /** Leave so many rows and columns out in front: a picture that grows there, too, then keeps its other cells. */
    startAt: (place) => (start = place),
    /** From the next drawing on, this cell is marked as the one the learner has chosen; none, if it is another grid's. */
    pin: (cell) => (pinned = cell?.grid === name ? cell : null),
    /** `write(element, row, column)` fills a cell and returns its classes, or null to leave the place empty. */
    draw(rows, columns, cellSize, write) {
      setStyle(root, "--cell", `${cellSize}px`);
      setStyle(root, "--numbers", `${digits(cellSize)}px`);
      setClass(root, `cs-grid cs-${kind}${cellSize < ROOMY ? " cs-dense" : ""}`);
      while (lines.length < start + rows) {
        lines.push({ root: make("div", "cs-row"), cells: [] });
        root.append(lines.at(-1).root);
      }
      const isWithin = (index, count) => index >= 0 && index < count;
      lines.forEach((line, place) => {
        const row = place - start;
        show(line.root, isWithin(row, rows));
        if (!isWithin(row, rows)) return;
        while (line.cells.length < start + columns) addCell(line, row);
        line.cells.forEach((element, place) => {
          const column = place - start;
          const name = isWithin(column, columns) ? write(element, row, column) : null;
          show(element, name !== null);
          if (name === null) return;
          setClass(element, `cs-cell ${name}${pinned?.row === row && pinned.column === column ? " cs-pinned" : ""}`);
          setPlace(element, row, column);
        });
      });
    },
  };
}

export const ROOMY = 32; // pixels: cells from this size on have room for a second number, and for round corners

/** How large, in pixels, the numbers are in cells of this size. */
export const digits = (cellSize) => within(12, 20, cellSize * 0.4);

/** The cell that holds this many characters at 12 px. */
export const widthOf = (characters) => Math.ceil(characters * 7.4) + 5;

/** Make the numbers of a grid fit its cells: smaller letters than `most` first, down to 9 px, and then closer ones. */
export function squeeze(grid, cellSize, characters, most = digits(cellSize)) {
  const size = within(9, most, ((cellSize - 5) / characters / 7.4) * 12);
  const over = Math.max(0, ((widthOf(characters) - 5) * size) / 12 - (cellSize - 5));
  setStyle(grid.root, "--letters", `${size}px`);
  setStyle(grid.root, "--spacing", `${(-over / characters).toFixed(2)}px`);
}

/** Lay a box over rows and columns of a picture whose cells have this size; or hide it, where there are none. */
export function lay(box, cell, { top, left, rows, columns }) {
  show(box, rows > 0 && columns > 0);
  setStyle(box, "top", `${top * cell}px`);
  setStyle(box, "left", `${left * cell}px`);
  setStyle(box, "height", `${rows * cell}px`);
  setStyle(box, "width", `${columns * cell}px`);
}

/** The cell a pointer or focus event is about, as {grid, row, column}, or null. */
export function cellOf(event) {
  const data = event.target.closest?.("[data-grid]")?.dataset;
  return data ? { grid: data.grid, row: Number(data.row), column: Number(data.column) } : null;
}
