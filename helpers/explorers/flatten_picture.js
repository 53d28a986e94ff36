// FlattenExplorer: its planes of cells, rows of memory, and rows of a batch.

import { make, plural, setClass, setNote, setStyle, setText, show, upTo, within } from "./page/elements.js";
import { makeGrid } from "./page/grid.js";
import { dimensions, holdings } from "./flatten_order.js";

const LARGEST_CELL = 45;
const SMALLEST_CELL = 17; // two digits at 12 px, and no room between cells
const SPACED = 20; // from here on there is room between them
const IN_LINES = 30; // where a row is broken into lines, a cell has this size at most
// Pixels as the style sheet has them: in front of each row of a batch, a panel's title, between panels and planes.
const LABEL = 26;
const TITLE = 26;
const GAP = 18;
const WAYS = 26; // more, where the numbers go to
const INDEX = 18; // below each line of a row

/** How large the digits in a cell are. */
export const lettersOf = (cell) => within(12, 18, 0.42 * cell);

/** How many cells stand in a line: all, or the largest block of the reading order that fits. */
const perLine = (count, [, second, third], fit) => [count, second.size * third.size, third.size].find((size) => size <= fit);

/** The panels' elements, empty: planes, memory and the new row for one volume; two ways of cutting for a batch. */
export function makeFigure(channels) {
  const planes = upTo(channels).map((channel) => {
    const grid = makeGrid("plane", { name: `plane-${channel}` });
    return { grid, root: make("div", "", make("div", `cs-plane-name cs-hue-${channel}`, `channel ${channel}`), grid.root) };
  });
  const grids = {
    memory: makeGrid("memory"),
    output: makeGrid("memory", { name: "output" }),
    pictures: makeGrid("rows", { name: "pictures" }),
    rows: makeGrid("rows"),
  };
  const panels = { volume: make("div", "cs-planes", ...planes.map((plane) => plane.root)) };
  for (const name of Object.keys(grids)) panels[name] = grids[name].root;
  const titles = {};
  const root = make("div", "cs-figure");
  for (const [name, element] of Object.entries(panels)) {
    titles[name] = make("div", "cs-title");
    panels[name] = make("div", `cs-panel cs-panel-${name}`, titles[name], element);
    root.append(panels[name]);
  }
  root.setAttribute("aria-label", "The volume and its memory. Arrow keys move, Space plays along, Escape goes back.");
  return { root, planes, grids, allGrids: [...planes.map(({ grid }) => grid), ...Object.values(grids)], panels, titles };
}

/** How a cell is marked that its number has left, and a place that waits for its own. */
const leftMark = (part) => (part > 0 ? " cs-left" : "");
const aheadMark = (part) => (part < 1 ? " cs-ahead" : "");

/** Planes, memory, and for a permuted volume the new row; returns the height they need. */
export function drawVolume({ planes, grids, titles }, all, room) {
  const { channels, height, width, permuted, dims, order, positions, count, place, x, views, gone } = all;
  const hueOf = (at) => `cs-hue-${Math.floor(at / (height * width))}${at === place ? " cs-lit" : ""}`;
  const cell = within(SMALLEST_CELL, LARGEST_CELL, (room / channels - GAP) / width);
  planes.forEach(({ grid, root }, channel) => {
    show(root, channel < channels);
    if (channel >= channels) return;
    setStyle(grid.root, "--letters", `${lettersOf(cell)}px`);
    grid.draw(height, width, cell, (element, row, column) => {
      const at = (channel * height + row) * width + column;
      const mark = permuted ? "" : leftMark(gone(positions[at])); // a copy leaves what it copies
      setText(element, mark ? "" : `${at}`);
      return hueOf(at) + mark;
    });
  });
  const drawRow = (grid, places, blocks, isFilled) => {
    const across = perLine(count, blocks, Math.floor(room / SMALLEST_CELL));
    const size = within(SMALLEST_CELL, across < count ? IN_LINES : LARGEST_CELL, room / across);
    setStyle(grid.root, "--across", across);
    setStyle(grid.root, "--between", size < SPACED ? "0px" : "1px");
    setStyle(grid.root, "--letters", `${lettersOf(size)}px`);
    grid.draw(1, count, size, (element, _, column) => {
      const mark = isFilled ? aheadMark(gone(column)) : "";
      setText(element, mark ? "" : `${places[column]}`);
      setNote(element, `${column}`);
      return hueOf(places[column]) + mark;
    });
    return TITLE + Math.ceil(count / across) * (size + INDEX);
  };
  const memoryHeight = drawRow(grids.memory, upTo(count), dimensions({ channels, height, width }), !permuted);
  const copyHeight = permuted ? drawRow(grids.output, order, dims, true) + GAP : 0;
  setText(titles.memory, permuted ? "memory: nothing has moved" : `x.view(-1) (${count},): the row of memory`);
  const sameRow = `${x}.view(-1) (${count},): the row of memory as it is`;
  setText(titles.output, views ? sameRow : `${x}.reshape(-1) (${count},): a copy, in reading order`);
  return TITLE + 20 + height * cell + GAP + WAYS + memoryHeight + copyHeight;
}

/** The batch as one row for each picture, and as rows of k; returns the height they need. */
export function drawBatch({ grids, titles }, all, room) {
  const { pictures, k, one, count, position, x, views, divides, gone } = all;
  const cell = Math.min(20, Math.floor((room - LABEL) / Math.max(k, one)));
  const drawRows = (grid, across, mark) => {
    const rows = Math.ceil(count / across);
    const abreast = Math.max(1, Math.floor((room + 20) / (across * cell + LABEL + 20)));
    const down = Math.min(rows, Math.max(16, Math.ceil(rows / abreast)));
    setStyle(grid.root, "--down", down);
    grid.draw(rows, across, cell, (element, row, column) => {
      const at = row * across + column;
      if (at >= count) return null;
      const picture = Math.floor(at / one);
      const own = mark(gone(at));
      setText(element, cell < 14 || own ? "" : `${picture}`);
      return `cs-hue-${picture}${at === position ? " cs-lit" : ""}${own}`;
    });
    for (let row = 0; row < rows; row++) {
      const line = grid.root.children[row];
      const mixed = holdings(row, { k: across, one, count }).length > 1;
      setNote(line, `${row}`);
      setClass(line, `cs-row${mixed ? " cs-mixed" : ""}${(row + 1) * across > count ? " cs-short" : ""}`);
    }
    return TITLE + down * 18 - 2;
  };
  const needed = drawRows(grids.pictures, one, leftMark) + GAP + WAYS + drawRows(grids.rows, k, aheadMark);
  setText(titles.pictures, `${x}.flatten(1) (${pictures}, ${one}): one row for each picture, whatever its size`);
  const short = `${x}.view(-1, ${k}): no output, ${plural(Math.floor(count / k), "whole row", "whole rows")} and ${count % k} left over`;
  const viewed = `${x}.view(-1, ${k}) (${count / k}, ${k})`;
  const copied = `${x}.reshape(-1, ${k}) (${count / k}, ${k}): a copy, as view is refused`;
  setText(titles.rows, views ? viewed : divides ? copied : short);
  setClass(titles.rows, views ? "cs-title" : "cs-title cs-wrong");
  return needed;
}

/** Every number in reading order: how it is drawn, the cell it is read from, its cell in the row, and their grids. */
export function waysOf({ planes, grids }, { height, width, permuted, batch, k, one, order, count }) {
  const cellIn = (grid, index, across) => grid.root.children[Math.floor(index / across)].children[index % across];
  const way = (source, goal) => ({ from: cellIn(...source), to: cellIn(...goal), leaving: source[0].root, arriving: goal[0].root });
  return order.map((place, index) => {
    if (batch) {
      const picture = Math.floor(index / one);
      return { text: `${picture}`, hue: picture, ...way([grids.pictures, index, one], [grids.rows, index, k]) };
    }
    const hue = Math.floor(place / (height * width));
    const source = permuted ? [grids.memory, place, count] : [planes[hue].grid, place % (height * width), width];
    return { text: `${place}`, hue, ...way(source, [permuted ? grids.output : grids.memory, index, count]) };
  });
}
