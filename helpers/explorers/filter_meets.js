// What meets what in FilterExplorer: a pointed-at weight the pixels, a pointed-at pixel the weights of its outputs.

import { plural, setClass, setNote, setStyle, setText, tint, written } from "./page/elements.js";
import { product } from "./page/pixels.js";
import { weightClass } from "./page/weights.js";

/** Which outputs along one side read an input index: where the first is, and how many. */
export function readersOf(index, { stride, out }, kernel_size) {
  const first = Math.max(0, Math.ceil((index - kernel_size + 1) / stride));
  return { first, count: Math.max(0, Math.min(Math.floor(index / stride), out - 1) - first + 1) };
}

/** The pixel that the pointed-at weight meets for the output to which the picture goes back. */
export const pixelMet = ({ at, home, values: { stride } }) => ({ row: home.row * stride + at.row, column: home.column * stride + at.column });

/** What the pointed-at pixel or weight takes part in, in a sentence or two; an output's is its sum. */
export function roleOf(scene) {
  const { at, home, readers, pixel, inside, weight, values, rows, columns } = scene;
  if (at.grid === "output") return "";
  const { row, column } = at.grid === "kernel" ? pixelMet(scene) : at;
  const value = pixel(row, column);
  const own = inside(row, column) ? `input[${row - values.padding}, ${column - values.padding}]` : "";
  if (at.grid === "kernel") {
    const all = `weight[${at.row}, ${at.column}] multiplies ${plural(rows * columns, "pixel", "pixels")}, one for each output.`;
    const added = written(product(weight[at.row][at.column], value));
    return `${all} For output[${home.row}, ${home.column}] it meets ${own || "a pixel of padding"} = ${value} and adds ${added}.`;
  }
  const { top, left, rows: high, columns: wide } = readers;
  const name = own || "A pixel of padding";
  if (!(high * wide)) return `${name} = ${value} is never read.`;
  const first = `output[${top}, ${left}]`;
  const which = high * wide > 1 ? `${first} to output[${top + high - 1}, ${left + wide - 1}]` : first;
  return `${name} = ${value} is read by ${plural(high * wide, "output", "outputs")}: ${which}.`;
}

/**
 * The panel below the kernel: the pixels under it, each with the weight it meets; or, for a pointed-at pixel, the
 * weights that it meets, laid as the outputs are that read it.
 */
export function drawMeeting({ patch, window: panel }, scene, cell, largest) {
  const { values, weight, kernel_size, inside, pixel, at, under, readers } = scene;
  const isRead = at.grid === "input" && readers.rows * readers.columns > 0;
  setStyle(panel, "visibility", under || isRead ? "visible" : "hidden"); // its place is kept
  setStyle(panel, "min-width", `${cell * kernel_size}px`); // with fewer readers, too
  setClass(panel, isRead ? "cs-under cs-met" : "cs-under");
  if (!under && !isRead) return;
  const [top, left] = (isRead ? [readers.top, readers.left] : [under.row, under.column]).map((place) => place * values.stride);
  const drawReader = (element, row, column) => {
    if (row >= readers.rows || column >= readers.columns) return null;
    const [i, j] = [at.row - top - row * values.stride, at.column - left - column * values.stride];
    setText(element, `×${written(weight[i][j])}`);
    setNote(element, "");
    return tint(weight[i][j], largest) + weightClass(i, j);
  };
  const drawPixel = (element, row, column) => {
    const [down, right] = [top + row, left + column];
    setText(element, written(pixel(down, right)));
    setNote(element, `×${written(weight[row][column])}`);
    const lit = at.grid === "kernel" && at.row === row && at.column === column ? " cs-lit" : "";
    return `${inside(down, right) ? tint(pixel(down, right), 255) : "cs-pad"} cs-noted${weightClass(row, column)}${lit}`;
  };
  patch.draw(kernel_size, kernel_size, cell, isRead ? drawReader : drawPixel);
}
