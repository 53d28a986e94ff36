// ChannelsExplorer: what its planes are called, how its panels stand, and how large their cells are.

import { within } from "./page/elements.js";
import { widthOf } from "./page/grid.js";

const COLOURS = ["red", "green", "blue"];
const LABEL = 70; // pixels for the filters' names, and for the bias and the total
const TAIL = 102;
const GAP = 12;
const ADDEND = 20;
const NAME = 74; // pixels for a plane's name beside it
const HIGH = 500; // pixels: so high all of it is, if cells can be legible then

/** What an input plane is called, and the class of its colour. */
export const planeName = (channel, { in_channels }) => (in_channels === 3 ? COLOURS[channel] : `channel ${channel}`);
export const colourOf = (channel, { in_channels }) => (in_channels === 3 ? `cs-${COLOURS[channel]}` : "");

/**
 * How the panels stand in a page of this width, and how large their cells are: outputs at the rows' ends, or below all
 * rows, or, on a phone, the planes on top of each other with the kernels of one filter. `longest` is the number of
 * characters of the outputs' longest number.
 */
export function layOut(width, { in_channels, out_channels, kernel_size }, { padded, out }, longest) {
  const most = Math.max(padded, kernel_size); // an impossible kernel is drawn over its plane
  const room = width - 4 - LABEL - TAIL - GAP * (in_channels + 1);
  const kernelCell = within(18, 24, Math.min(360 / (out_channels * kernel_size), room / (in_channels * kernel_size)));
  const line = within(15, 28, 400 / (out_channels * Math.max(out, 1)));
  const outputCell = Math.max(line, Math.min(widthOf(longest), 30));
  const outputWidth = Math.max(120, out * outputCell + 76);
  const kernelHeight = kernel_size * kernelCell + ADDEND;
  const withOutput = Math.max(kernelHeight, 2 * ADDEND, out * line);
  const beside = Math.max(1, Math.floor((width + 18) / (out * outputCell + 18)));
  const outputHeight = 40 + Math.ceil(out_channels / beside) * (out ? out * line + 26 : 84);
  const fitting = (pixels, cells, high) => Math.min(within(18, 36, high), Math.floor(pixels / cells));
  const rowsHigh = (row) => (HIGH - 24 - out_channels * (row + 8)) / most;
  const side = fitting(room - outputWidth - GAP, in_channels * most, rowsHigh(withOutput));
  const below = fitting(room, in_channels * most, rowsHigh(Math.max(kernelHeight, 2 * ADDEND)) - outputHeight / most);
  const stacked = fitting(width - 4 - 2 * GAP - 60 - NAME - kernel_size * kernelCell, most, (HIGH - 160) / in_channels / most);
  const columnOf = (cellSize) => Math.max(most * cellSize, kernel_size * kernelCell, 72);
  const fitsBelow = below >= 13 && in_channels * columnOf(below) <= room;
  const mode = side >= (width >= 900 ? 14 : 24) ? "side" : fitsBelow ? "below-outputs" : "stacked";
  const inputCell = { side, "below-outputs": below, stacked }[mode];
  const columns = `${LABEL}px repeat(${in_channels}, ${columnOf(inputCell)}px) ${TAIL}px`;
  const template = { side: `${columns} ${outputWidth}px`, "below-outputs": columns, stacked: `${most * inputCell + NAME}px 1fr` };
  const rowHeight = mode === "side" ? withOutput : Math.max(kernelHeight, 2 * ADDEND);
  const planeHeight = most * inputCell + 24;
  const height = {
    side: planeHeight + out_channels * (rowHeight + 8),
    "below-outputs": planeHeight + out_channels * (rowHeight + 8) + outputHeight,
    stacked: in_channels * (Math.max(planeHeight - 24, kernelHeight) + 8) + 60 + outputHeight,
  };
  return { width, mode, inputCell, kernelCell, outputCell, line, template: template[mode], height: height[mode], most };
}
