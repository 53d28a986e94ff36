// Planes of numbers: the panels they stand in, and the cells of a padded input.

import { make, setNote, setText, tint, written } from "./elements.js";
import { ROOMY } from "./grid.js";

/** How a cell of the padded input is marked that no output reads: behind the last window, or stepped over. */
export function unreadMark({ out, padded, read, dropped }, row, column) {
  if (out && Math.max(row, column) >= padded - dropped) return " cs-dropped";
  return out && !(read.has(row) && read.has(column)) ? " cs-skipped" : "";
}

/**
 * Draw a padded input plane with the weights that lie on it at the window. `pixel(row, column)` is its number, `most`
 * the largest, for the tint; `isOn` says whether what is pointed at has to do with this plane.
 */
export function drawPlane(grid, cell, { values, shape, out, inside, at, part, window }, { pixel, most, kernel, isOn = true }) {
  grid.draw(shape.padded, shape.padded, cell, (element, row, column) => {
    const value = pixel(row, column);
    const lit = out > 0 && isOn && part.input(row, column);
    const laid = lit && window && cell >= ROOMY;
    setText(element, written(value));
    setNote(element, laid ? `×${written(kernel[part.tap(at.row, row)][part.tap(at.column, column)])}` : "");
    const name = (inside(row) && inside(column) ? tint(value, most) : "cs-pad") + unreadMark(shape, row, column);
    // Where the outline lies around what is lit, it says so.
    return `${name}${lit && !(window && values.dilation === 1) ? " cs-lit" : ""}${laid ? " cs-noted" : ""}`;
  });
}

/** An input, an output, and perhaps a kernel between them: the panels' elements, empty, with an outline over the input. */
export function makePanels(label, grids) {
  const [outline, outlineName] = [make("div", "cs-window"), make("div", "cs-window-name")];
  const nothing = make("div", "cs-nothing", "∅");
  const titles = Object.fromEntries(Object.keys(grids).map((name) => [name, make("div", "cs-title")]));
  const panels = Object.entries(grids).map(([name, grid]) => make("div", `cs-panel cs-panel-${name}`, titles[name], grid.root));
  const root = make("div", "cs-figure", ...panels);
  grids.input.root.append(outline, outlineName);
  root.lastChild.append(nothing);
  root.setAttribute("aria-label", `${label} Arrow keys move the window, Space plays, Escape goes back.`);
  return { root, grids, titles, outline, outlineName, nothing };
}
