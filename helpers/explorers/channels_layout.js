// ChannelsExplorer: what its planes are called, how its panels stand, and how large their cells are.

import { COLOUR_NAMES, within } from "./page/elements.js";
import { ROOMY, widthOf } from "./page/grid.js";
import { BOLD } from "./page/planes.js";

const CLASSES = ["cs-red", "cs-green", "cs-blue"];
const LABEL = 70; // pixels for the filters' names, and for the bias and the total
const TAIL = 102;
const GAP = 12;
const BETWEEN = 18; // pixels between outputs that stand side by side
const ADDEND = 20;
const NAME = 22; // pixels for a plane's name above its kernel there
const WIRES = 72; // pixels for a sum beside a kernel, and the wires that lead on
const HIGH = 500; // pixels: so high all of it is, if cells can be legible then
const WIDE = 900; // pixels of a page on which all is larger
const HIGHEST = 660; // pixels: no higher there, for sliders and all outputs are on one screen
const TIGHT = 7.25; // pixels of a digit at 12 px
// What is tried where that is too high, until it is low enough: smaller cells of the planes, lower lines of the outputs,
// and all outputs in one row below the kernels, which are smaller, too, in the end.
const CLOSER = [{}, { lowest: 14 }, { isBelow: true }, { isBelow: true, largest: 20 }];

/** What all input planes together are called. */
export const INPUT_NAME = "input";
const INPUT = Math.ceil(INPUT_NAME.length * BOLD) + 70; // pixels for that and their shape above them, where they are stacked

/** What an input plane is called, and the class of its colour. */
export const planeName = (channel, { in_channels }) => (in_channels === 3 ? COLOUR_NAMES[channel] : `channel ${channel}`);
export const colourOf = (channel, { in_channels }) => (in_channels === 3 ? CLASSES[channel] : "");

/** How large the digits are in a cell of a plane, and in one of a kernel. */
export const digitsOf = { input: (cell) => within(12, 15, 0.36 * cell), kernel: (cell) => within(12, 15, 0.5 * cell) };

/**
 * How the panels stand in a page of this width, and how large their cells are: outputs at the rows' ends, or below all
 * rows, or, on a phone, the planes on top of each other with the kernels of one filter. `longest` is the number of
 * characters of the outputs' longest number.
 */
export function layOut(width, values, shape, longest) {
  const usual = arranged(width, values, shape, longest);
  if (width < WIDE || usual.height <= HIGHEST) return usual;
  const closer = CLOSER.map((how) => arranged(width, values, shape, longest, { goal: HIGHEST, least: 15, ...how }));
  const lower = (one, other) => (other.height < one.height ? other : one);
  return closer.find(({ height }) => height <= HIGHEST) ?? closer.reduce(lower, usual);
}

/**
 * One arrangement, as high as the `goal` if cells of the planes are then at least `least` pixels, lines of the outputs
 * `lowest`, and cells of the kernels at most `largest`; `isBelow`: no outputs at the rows' ends.
 */
function arranged(width, { in_channels, out_channels, kernel_size }, { padded, out }, longest, how = {}) {
  const { goal = HIGH, least = 18, lowest = 15, largest = 30, isBelow = false } = how;
  const most = Math.max(padded, kernel_size); // an impossible kernel is drawn over its plane
  const isWide = width >= WIDE;
  const room = width - 4 - LABEL - TAIL - GAP * (in_channels + 1);
  const tallest = kernel_size > 3 ? 5 : 3; // cells of two sizes: most steps of the slider then leave them as they are
  const line = within(lowest, isWide ? 32 : 28, 400 / (out_channels * Math.max(out, 1)));
  const inOneRow = isBelow ? Math.floor(((width + BETWEEN) / out_channels - BETWEEN) / out) : Infinity;
  const outputCell = Math.max(line, Math.min(widthOf(longest), 30, Math.max(inOneRow, Math.ceil(longest * TIGHT) + 4)));
  const outputWidth = Math.max(120, out * outputCell + 76);
  const besideOutput = room - outputWidth - GAP;
  const kernelRoom = (isWide && !isBelow ? besideOutput : room) / (in_channels * tallest);
  const kernelCell = within(18, isWide ? largest : 24, Math.min(360 / (out_channels * tallest), kernelRoom));
  const kernelHeight = kernel_size * kernelCell + ADDEND;
  const withOutput = Math.max(kernelHeight, 2 * ADDEND, out * line);
  const beside = Math.max(1, Math.floor((width + BETWEEN) / (out * outputCell + BETWEEN)));
  const outputHeight = 40 + Math.ceil(out_channels / beside) * (out ? out * line + 26 : 84);
  const fitting = (pixels, cells, high, least) => Math.min(within(least, isWide ? 44 : 36, high), Math.floor(pixels / cells));
  const rowsHigh = (row) => (goal - 24 - out_channels * (row + 8)) / most;
  const side = fitting(besideOutput, in_channels * most, rowsHigh(withOutput), least);
  const below = fitting(room, in_channels * most, rowsHigh(Math.max(kernelHeight, 2 * ADDEND)) - outputHeight / most, least);
  const stackedKernel = 24;
  const besidePlanes = GAP + kernel_size * stackedKernel + WIRES;
  const stacked = fitting(width - 4 - besidePlanes, most, (HIGH - 160) / in_channels / most, 16);
  const columnOf = (cellSize) => Math.max(most * cellSize, kernel_size * kernelCell, 72);
  const fitsBelow = below >= 13 && in_channels * columnOf(below) <= room;
  const mode = !isBelow && side >= (isWide ? 13 : 24) ? "side" : fitsBelow ? "below-outputs" : "stacked";
  const inputCell = { side, "below-outputs": below, stacked }[mode];
  const columns = `${LABEL}px repeat(${in_channels}, ${columnOf(inputCell)}px) ${TAIL}px`;
  const template = { side: `${columns} ${outputWidth}px`, "below-outputs": columns, stacked: `${Math.max(INPUT, most * inputCell)}px 1fr` };
  const rowHeight = mode === "side" ? withOutput : Math.max(kernelHeight, 2 * ADDEND);
  const planeHeight = most * inputCell + 24;
  const height = {
    side: planeHeight + out_channels * (rowHeight + 8),
    "below-outputs": planeHeight + out_channels * (rowHeight + 8) + outputHeight,
    stacked: in_channels * (Math.max(planeHeight - 24, kernel_size * stackedKernel + NAME) + 8) + 60 + outputHeight,
  };
  return {
    ...{ width, mode, inputCell, outputCell, line, most, template: template[mode], height: height[mode] },
    isRoomy: line >= ROOMY, // an output has room for a second number
    isLow: line < 22, // or not even for a weight's whole band
    kernelCell: mode === "stacked" ? stackedKernel : kernelCell,
    letters: isWide && line > 14 ? 14 : 12,
  };
}
