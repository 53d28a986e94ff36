// ChannelsExplorer: every filter lays one kernel on each input plane, and adds what they give to one output plane.

import { keepHeight, lineCount, make, plural, setClass, setStyle, show, upTo, written } from "./page/elements.js";
import { makeCircuit } from "./channels_circuit.js";
import { layOut, planeName } from "./channels_layout.js";
import { drawFilters, drawInputs, drawKernels, drawOutputs, makeFigure } from "./channels_picture.js";
import { makeCount, makeSums } from "./channels_sums.js";
import { ending, makeFrame, makeNote, makeRemark, watchWidth } from "./page/frame.js";
import { makeSteps } from "./page/motion.js";
import { BOLD, explained, meetingOf } from "./page/planes.js";
import { findSliders } from "./page/sliders.js";
import { makeWalker } from "./page/walker.js";
import { colourWeights } from "./page/weights.js";
import { explain, geometry, makeFormula, neverRead, starts, takingPart, windowSum } from "./page/windows.js";

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const formula = makeFormula({ dilated: false });
  const count = makeCount();
  let page = {};
  const walker = makeWalker(() => {
    const values = sliders.values();
    const { out } = geometry(values);
    const grids = upTo(values.out_channels).map((filter) => `output${filter}`);
    return { rows: out, columns: out, grids, apart: page.inputCell * values.stride };
  });
  const { player } = walker;
  const figure = makeFigure(model.get("planes").length, model.get("biases").length);
  const circuit = makeCircuit(figure, model.get("planes").length);
  const steps = makeSteps();
  const sums = makeSums(model.get("planes").length);
  const note = makeNote();
  const frame = makeFrame(el, {
    sliders,
    formulas: [make("div", "cs-formulas", formula.root, count.root)],
    tools: [player.root, makeRemark().root],
    figure: figure.root,
    notes: [note.root, sums.root],
  });
  const space = watchWidth(frame.root, draw);
  const pointing = walker.watch(frame.root, figure.root, draw);

  function draw() {
    const scene = { ...sceneOf(model, sliders, pointing, walker.home()), printing: walker.printing(sliders.values()) };
    page = layOut(space.width(), scene.values, scene.shape, scene.longest);
    setClass(frame.root, `cs-explorer cs-channels${page.width >= 680 ? "" : " cs-narrow"}`);
    setClass(figure.root, `cs-figure cs-${page.mode}`);
    colourWeights(figure.root, scene.values.kernel_size);
    setStyle(figure.root, "grid-template-columns", page.template);
    keepHeight(figure.root, page.height);
    for (const { grid } of [...figure.inputs, ...figure.pairs, ...figure.rows]) grid.pin(walker.pinned());
    drawInputs(figure, scene, page);
    drawKernels(figure, scene, page);
    drawFilters(figure, scene, page);
    drawOutputs(figure, scene, page);
    circuit.draw(scene, page, stepBefore(steps, scene, pointing.isHovered()));
    player.enable(scene.out > 0);
    formula.write(scene.values, scene.shape);
    count.write(scene.values);
    writeBelow(frame, note, scene, page);
    sums.write(scene);
    if (!player.playing()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  sliders.watch(draw);
  draw();
  return ending(sliders, space, player, circuit, frame.speaker);
}

/** The window before a step, from one output to another or on to the next plane; else null. */
function stepBefore(steps, { values, out, at, window, chosen }, isHovered) {
  const place = window ? { grid: "output", row: chosen * out + at.row, column: at.column } : at;
  const before = steps(values, place, isHovered);
  return before && { row: before.row % out, column: before.column };
}

/** What a cell's grid is: its kind, and which filter and plane it belongs to. */
function belonging({ grid, row }) {
  const [, kind, first, second] = /^([a-z]+)(\d*)-?(\d*)$/.exec(grid);
  if (kind === "bias") return { kind, filter: row };
  return kind === "input" ? { kind, channel: Number(first) } : { kind, filter: Number(first), channel: Number(second) };
}

/** Pulled back into the picture when a slider has made it smaller: as the walker does it, for the keys go on there. */
function inPicture(cell, { in_channels, out_channels, kernel_size }, { padded, out }) {
  const { kind, filter = 0, channel = 0 } = belonging(cell);
  const most = { input: padded, kernel: kernel_size, output: out, bias: out_channels }[kind];
  if (filter >= out_channels || channel >= in_channels) return { grid: "output0", row: 0, column: 0 };
  if (Math.max(cell.row, cell.column) < most) return cell;
  if (kind !== "output") return { grid: "output0", row: 0, column: 0 };
  return { grid: cell.grid, row: Math.min(cell.row, out - 1), column: Math.min(cell.column, out - 1) };
}

/** Everything about one setting and what is pointed at, before anything is drawn. */
function sceneOf(model, sliders, pointing, home) {
  const values = { dilation: 1, ...sliders.values() };
  const { size, in_channels, out_channels, kernel_size, padding } = values;
  const biases = model.get("biases");
  const shape = geometry(values);
  const { out } = shape;
  const weights = model.get("weights")[kernel_size - 1];
  const inside = (index) => index >= padding && index < padding + size;
  const pixel = model.get("planes").map(
    (plane) => (row, column) => (inside(row) && inside(column) ? plane[row - padding][column - padding] : 0),
  );
  const planeSum = (filter, channel, place) => windowSum(pixel[channel], weights[filter][channel], place, values);
  const total = (filter, place) =>
    upTo(in_channels).reduce((sum, channel) => sum + planeSum(filter, channel, place), biases[filter]);
  const results = upTo(out_channels).map((filter) =>
    upTo(out).map((row) => upTo(out).map((column) => total(filter, { row, column }))),
  );
  const numbers = results.flat(2);
  const at = inPicture(pointing.at(), values, shape);
  const here = belonging(at);
  const part = takingPart({ ...at, grid: here.kind }, values, out);
  const chosen = here.filter ?? belonging(home).filter;
  const sum = !out ? null : here.kind === "output" ? at : home; // whose sum is written: also while another cell is hovered
  return {
    ...{ values, shape, out, weights, biases, inside, pixel, planeSum, results, at, here, part, chosen, sum },
    window: out > 0 && here.kind === "output",
    start: starts(values, sliders.highest),
    longest: Math.max(1, ...numbers.map((number) => written(number).length)),
    peak: Math.max(0, ...numbers.map(Math.abs)),
    lost: out ? neverRead(values, shape) : "",
    role: out ? roleOf(at, here, values, part, out) : "",
    met: out ? inOne(here, { values, at, part, out }, { weights, pixel, chosen, sum }) : "",
    reasons: out ? null : explain(values, shape, sliders),
  };
}

/** The code, and below the picture what is never read and what is pointed at, or why there is no output. */
function writeBelow({ code, refusal }, note, { values, out, here, lost, role, met, reasons }, { width, isRoomy }) {
  const { size, in_channels, out_channels, kernel_size, stride, padding } = values;
  const options = (stride > 1 ? `, stride=${stride}` : "") + (padding ? `, padding=${padding}` : "");
  code.write(
    `nn.Conv2d(${in_channels}, ${out_channels}, kernel_size=${kernel_size}${options})`,
    `  # (${in_channels}, ${size}, ${size}) → ${out ? `(${out_channels}, ${out}, ${out})` : "RuntimeError"}`,
  );
  refusal.write(reasons);
  note.write(lost, explained(role, here.kind, isRoomy, met));
  keepHeight(note.root, 21 * Math.max(...longestTold(values, out, isRoomy).map((told) => lineCount(`${lost} ${told}`, width, BOLD))));
  show(note.root, out > 0);
}

/** As long as what is told of an input or of a weight can be, on each plane: whatever is pointed at, nothing below moves. */
function longestTold(values, out, isRoomy) {
  const last = { row: values.size - 1, column: values.size - 1 };
  const told = (kind, channel, met) =>
    explained(roleOf(last, { kind, channel, filter: 0 }, values, { output: () => true }, out), kind, isRoomy, met);
  return upTo(values.in_channels).flatMap((channel) => [
    told("input", channel, "In output[0, 0, 0] it meets weight[0, 0, 0, 0] = −0."),
    told("kernel", channel, "It adds −00 to output[0, 0, 0]."),
  ]);
}

/** What a screen reader is told. */
function spoken({ values, out, biases, planeSum, results, at, window, chosen, lost, role, met, reasons }, refusal) {
  const { size, in_channels, out_channels, kernel_size, stride, padding } = values;
  const setting =
    `Input ${plural(in_channels, "plane", "planes")} of ${size} by ${size}, ${plural(out_channels, "filter", "filters")}, ` +
    `kernel ${kernel_size}, stride ${stride}, padding ${padding}`;
  if (reasons) return `${setting}: no output. ${refusal.spoken()}`;
  const addends = window ? upTo(in_channels).map((channel) => planeSum(chosen, channel, at)).join(" plus ") : "";
  const sum = window ? `${addends} plus bias ${biases[chosen]}: ${results[chosen][at.row][at.column]}` : "";
  const here = window ? `Output plane ${chosen}, row ${at.row}, column ${at.column} is ${sum}.` : "";
  return `${setting}: output ${plural(out_channels, "plane", "planes")} of ${out} by ${out}. ${lost} ${role} ${met} ${here}`;
}

/** What the pointed-at input cell, weight or bias takes part in, in a sentence; an output's is its sum. */
function roleOf(at, { kind, filter, channel }, values, part, out) {
  const { out_channels, padding } = values;
  if (kind === "bias") return `bias[${filter}] is added to ${plural(out * out, "number", "numbers")}: all of output[${filter}].`;
  if (kind === "kernel") {
    const weight = `weight[${filter}, ${channel}, ${at.row}, ${at.column}]`;
    return `${weight} multiplies ${plural(out * out, "cell", "cells")} of ${padding ? "padded " : ""}${planeName(channel, values)}, one for each number of output[${filter}].`;
  }
  if (kind === "output") return "";
  const readers = upTo(out * out).filter((place) => part.output(Math.floor(place / out), place % out)).length;
  const where = `Row ${at.row}, column ${at.column} of ${padding ? "padded " : ""}${planeName(channel, values)}`;
  if (!readers) return `${where} is never read.`;
  const each = out_channels > 1 ? `, ${readers} in each plane` : "";
  return `${where} is read by ${plural(readers * out_channels, "output", "outputs")}${each}.`;
}

/** How the pointed-at weight or input meets one output: that whose sum is written, or the first. */
const inOne = ({ kind, channel }, scene, { weights, pixel, chosen, sum }) =>
  meetingOf(kind, scene, pixel[channel], weights[chosen][channel], sum, {
    outputAt: (row, column) => `output[${chosen}, ${row}, ${column}]`,
    weightAt: (row, column) => `weight[${chosen}, ${channel}, ${row}, ${column}]`,
  });

export default { render };
