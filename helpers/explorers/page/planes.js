// Planes of numbers: the panels they stand in, and the cells of a padded input.

import { make, setNote, setStyle, setText, show, tint, upTo, written } from "./elements.js";
import { ROOMY } from "./grid.js";
import { weightClass } from "./weights.js";
import { layWindow } from "./windows.js";

/** How a cell of the padded input is marked that no output reads: behind the last window, or stepped over. */
export function unreadMark({ out, padded, read, dropped }, row, column) {
  if (out && Math.max(row, column) >= padded - dropped) return " cs-dropped";
  return out && !(read.has(row) && read.has(column)) ? " cs-skipped" : "";
}

/** What marks an output that the window, which prints one after another, has not come to. */
export const ahead = ({ printing, out, at }, row, column) => (printing && row * out + column > at.row * out + at.column ? " cs-ahead" : "");

/**
 * Draw a padded input plane with the weights that lie on it at the window. `pixel(row, column)` is its number, `most`
 * the largest, for the tint; `isOn` says whether what is pointed at has to do with this plane.
 */
export function drawPlane(grid, cell, { values, shape, out, inside, at, part, window }, { pixel, most, kernel, isOn = true }) {
  const { kernel_size, dilation } = values;
  const chosen = /^kernel/.test(at.grid) ? weightClass(at.row, at.column) : "";
  grid.draw(shape.padded, shape.padded, cell, (element, row, column) => {
    const value = pixel(row, column);
    const lit = out > 0 && isOn && part.input(row, column);
    const [i, j] = lit && window ? [part.tap(at.row, row), part.tap(at.column, column)] : [];
    const laid = lit && window && cell >= ROOMY;
    setText(element, written(value));
    setNote(element, laid ? `×${written(kernel[i][j])}` : "");
    let name = (inside(row) && inside(column) ? tint(value, most) : "cs-pad") + unreadMark(shape, row, column);
    // Where the outline lies around what is lit, it says so; cells that are spread have rings of the window's colour.
    if (lit && !(window && dilation === 1)) name += window ? " cs-lit cs-taken" : " cs-lit";
    if (lit) name += window ? weightClass(i, j) : chosen;
    return laid ? `${name} cs-noted` : name;
  });
}

/**
 * What the pointed-at weight or input has to do with an output: the part of its sum that the weight makes, or the weight
 * that the input meets there. Null where it has nothing to do with it, and where an output is pointed at itself. `kind`
 * is the pointed-at grid's, `pixel` and `kernel` are those of a plane that the output reads.
 */
export function metBy(kind, { values, at, part }, pixel, kernel, row, column) {
  const { stride, dilation } = values;
  if (kind === "kernel") {
    const value = pixel(row * stride + at.row * dilation, column * stride + at.column * dilation);
    return { told: written(kernel[at.row][at.column] * value), name: weightClass(at.row, at.column) };
  }
  if (kind !== "input" || !part.output(row, column)) return null;
  const [i, j] = [part.tap(row, at.row), part.tap(column, at.column)];
  return { told: `×${written(kernel[i][j])}`, name: weightClass(i, j) };
}

/** Note in an output's cell, where there is room, how it is met; returns the cell's classes. */
export function noteMeeting(element, meeting, isRoomy) {
  setNote(element, meeting && isRoomy ? meeting.told : "");
  return meeting ? meeting.name + (isRoomy ? " cs-noted" : "") : "";
}

const SMALL_NUMBERS = {
  kernel: "Small numbers: what it adds.",
  input: "Small numbers: weights it meets.",
};

/** A role, and how it meets an output, `met`, if it meets any: where there is room, small numbers say so for each. */
export function explained(told, kind, isRoomy, met) {
  return met ? `${told} ${isRoomy ? SMALL_NUMBERS[kind] : met}` : told;
}

/**
 * How the pointed-at weight or input meets one output, in a sentence: the one at `home`, or, if that does not read the
 * input, the first that does. `outputAt(row, column)` and `weightAt(row, column)` are what they are called.
 */
export function meetingOf(kind, { values, at, part, out }, pixel, kernel, home, { outputAt, weightAt }) {
  if (kind === "kernel") {
    const { told } = metBy(kind, { values, at, part }, pixel, kernel, home.row, home.column);
    return `It adds ${told} to ${outputAt(home.row, home.column)}.`;
  }
  if (kind !== "input") return "";
  const places = upTo(out * out).map((index) => ({ row: Math.floor(index / out), column: index % out }));
  const reader = [home, ...places].find(({ row, column }) => part.output(row, column));
  if (!reader) return "";
  const [i, j] = [part.tap(reader.row, at.row), part.tap(reader.column, at.column)];
  return `In ${outputAt(reader.row, reader.column)} it meets ${weightAt(i, j)} = ${written(kernel[i][j])}.`;
}

/** The outline of a window, with a handle for fingers. */
export const makeOutline = () => make("div", "cs-window", make("div", "cs-handle"));

/** An input, an output, and perhaps a kernel between them: the panels' elements, empty, with an outline over the input. */
export function makePanels(label, grids, between) {
  const [outline, outlineName] = [makeOutline(), make("div", "cs-window-name")];
  const nothing = make("div", "cs-nothing", "∅");
  const titles = Object.fromEntries(Object.keys(grids).map((name) => [name, make("div", `cs-title cs-${name}-ink`)]));
  const signs = Object.fromEntries(Object.entries(between).map(([name, sign]) => [name, make("span", "cs-sign", sign)]));
  const panels = Object.entries(grids).map(([name, grid]) =>
    make("div", `cs-panel cs-panel-${name}`, titles[name], ...(signs[name] ? [signs[name]] : []), grid.root),
  );
  const root = make("div", "cs-figure cs-level", ...panels);
  grids.input.root.append(outline, outlineName);
  root.lastChild.append(nothing);
  root.setAttribute("aria-label", `${label} Arrow keys move the window, Space plays, Escape goes back.`);
  return { root, grids, titles, signs, outline, outlineName, nothing };
}

export const WINDOW_NAME = 28; // pixels below the input for the name of a window that does not fit

/**
 * The window: around what one output reads, or dashed in red where it does not fit, with what it is below the `side` cells
 * that it and the input take.
 */
export function drawWindow({ root, grids, outline, outlineName }, { values, shape, out, at }, { side, cell, sign }, name) {
  layWindow(outline, cell, shape, at, values);
  show(outlineName, !out);
  setText(outlineName, name);
  setStyle(outlineName, "top", `${side * cell + 4}px`);
  const beyond = (side - shape.padded) * cell;
  setStyle(grids.input.root, "margin", `0 ${beyond}px ${beyond + (out ? 0 : WINDOW_NAME)}px 0`);
  setStyle(root, "--sign", `${sign}px`);
}

const NOTHING = 86; // pixels: as large is the sign that there is no output
const [APART, SIGN, TITLE] = [14, 26, 26]; // pixels: between panels, for a sign, for a title; the style sheet says the same
export const BOLD = 8.3; // pixels of a letter of 14 px, where letters are wide
// Pixels a cell. Of the large sizes there are few: a picture that a slider changes then keeps its size more often.
const USUAL = 36;
const SIZES = [48, 42, ...upTo(23).map((less) => USUAL - less)];
const LEAST = SIZES.at(-1);
const [EASY, LEGIBLE] = [22, 24]; // pixels a cell that is large enough for all panels in one row; and anyhow
const TALL = 520; // pixels: rows of panels are as high at most, if they can
const LOW = 420; // pixels: one row of panels whose cells are larger than usual; sum and Play then stand on the same screen

/**
 * The one cell size of all panels on a page of this width, how high they are then, and how far below their titles the
 * signs between them stand: at the middle of the lowest. The panels flow as text does:
 * `panels` are [{ cells, least, title, sign }], with `least` pixels a cell where smaller ones are no use; no cells are a
 * sign that there is no output. Numbers of `longest` pixels make larger cells.
 */
export function fitCell(width, panels, longest = 0) {
  const arranged = (cell) => {
    const [widths, heights] = [[], []];
    const sides = panels.map(({ cells, least = 0 }) => (cells ? cells * Math.max(cell, least) : NOTHING));
    panels.forEach(({ title, sign }, index) => {
      widths.push(Math.max(sides[index], title.length * BOLD) + (sign ? SIGN : 0));
      heights.push(TITLE + sides[index]);
    });
    const rows = [];
    let room = 0;
    widths.forEach((wide, index) => {
      if (wide > room) {
        rows.push(0);
        room = width;
      }
      rows.push(Math.max(rows.pop(), heights[index]));
      room -= wide + APART;
    });
    const height = rows.reduce((sum, high) => sum + high + 10, -10);
    const sign = Math.max(0, Math.min(...sides) / 2 - 11);
    return { cell, rows: rows.length, sign, fits: Math.max(...widths) <= width, height };
  };
  const all = SIZES.map(arranged).filter(({ fits }) => fits);
  return (
    all.find(({ rows, cell, height }) => rows === 1 && cell >= EASY && height <= (cell > USUAL ? LOW : TALL)) ??
    all.find(({ height, cell }) => height <= TALL && cell >= LEGIBLE) ??
    all.find(({ cell }) => cell <= Math.max(LEGIBLE, Math.min(longest, ROOMY - 1))) ??
    arranged(LEAST)
  );
}
