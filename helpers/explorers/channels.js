// ChannelsExplorer: every filter lays one kernel on each input plane, and adds what they give to one output plane.

import {
  factor, keepHeight, make, plural, setClass, setStyle, setText, show, tint, upTo, within, written,
} from "./page/elements.js";
import { ending, makeFrame, makeNote, watchWidth, writeResult } from "./page/frame.js";
import { makeGrid, squeeze, widthOf } from "./page/grid.js";
import { drawPlane, makeOutline } from "./page/planes.js";
import { makeWalker } from "./page/pointing.js";
import { findSliders } from "./page/sliders.js";
import { colourWeights, weightClass } from "./page/weights.js";
import {
  explain, geometry, layWindow, makeFormula, makeSum, neverRead, starts, takingPart, windowSum, windowTerms,
} from "./page/windows.js";

const COLOURS = ["red", "green", "blue"];
const LABEL = 70; // pixels for the filters' names, and for the bias and the total
const TAIL = 102;
const GAP = 12;
const ADDEND = 20;
const NAME = 74; // pixels for a plane's name beside it
const HIGH = 500; // pixels: so high all of it is, if cells can be legible then


const planeName = (channel, { in_channels }) => (in_channels === 3 ? COLOURS[channel] : `channel ${channel}`);

/** What the weight's shape and the number of parameters are; `write(values)` fills the numbers in. */
function makeCount() {
  const ink = (name, text = "") => make("b", `cs-${name}-ink`, text);
  const words = make("div", "cs-words", "weight (", ink("output", "filters"), ", ", ink("input", "input planes"), ", ");
  words.append(ink("kernel", "kernel"), ", ", ink("kernel", "kernel"), ") and one bias a filter");
  const parts = upTo(4).map((place) => [0, 1].map(() => ink(["output", "input", "kernel", "kernel"][place])));
  const biases = ink("output");
  const total = make("span");
  const numbers = make("div", "cs-numbers cs-count", "weight (");
  parts.forEach(([part], place) => numbers.append(part, place < 3 ? ", " : "): "));
  parts.forEach(([, part], place) => numbers.append(part, place < 3 ? "·" : " + "));
  numbers.append(biases, total);
  return {
    root: make("div", "cs-formula", words, numbers),
    write({ in_channels, out_channels, kernel_size }) {
      const shape = [out_channels, in_channels, kernel_size, kernel_size];
      shape.forEach((value, place) => parts[place].forEach((part) => setText(part, value)));
      setText(biases, out_channels);
      setText(total, ` = ${plural(out_channels * (in_channels * kernel_size ** 2 + 1), "parameter")}`);
    },
  };
}

/** The panels' elements, empty, for as many planes and filters as the sliders reach. */
function makeFigure(planes, filters) {
  const inputs = upTo(planes).map((channel) => {
    const title = make("div", "cs-title cs-input-ink");
    const grid = makeGrid("input", { name: `input${channel}` });
    const outline = makeOutline();
    grid.root.append(outline);
    return { channel, title, grid, outline, root: make("div", "cs-plane", title, grid.root) };
  });
  const pairs = upTo(filters).flatMap((filter) =>
    upTo(planes).map((channel) => {
      const grid = makeGrid("kernel", { name: `kernel${filter}-${channel}` });
      const addend = make("div", "cs-addend");
      return { filter, channel, grid, addend, root: make("div", "cs-pair", grid.root, addend) };
    }),
  );
  const rows = upTo(filters).map((filter) => {
    const name = make("div", "cs-row-name", make("b", "", `filter ${filter}`), make("span", "cs-small", `weight[${filter}]`));
    const bias = make("span", "cs-bias");
    Object.assign(bias.dataset, { grid: "bias", row: filter, column: 0 });
    const total = make("b", "cs-output-ink");
    const sum = make("div", "cs-addend", bias, total);
    const grid = makeGrid("output", { name: `output${filter}` });
    const out = make("div", "cs-out", make("div", "cs-small", `output[${filter}]`), grid.root);
    return { filter, name, bias, total, tail: make("div", "cs-tail", make("div", "cs-small", "bias"), sum), grid, out };
  });
  const band = make("div", "cs-band");
  const title = make("div", "cs-title");
  const nothing = make("div", "cs-nothing", "∅");
  const outputs = make("div", "cs-outputs", title, ...rows.map((row) => row.out), nothing);
  const shape = make("b", "cs-input-ink");
  const inputName = make("div", "cs-row-name", make("b", "cs-input-ink", "input"), shape);
  const root = make("div", "cs-figure", band, inputName, ...inputs.map((input) => input.root));
  root.append(...rows.map((row) => row.name), ...pairs.map((pair) => pair.root), ...rows.map((row) => row.tail), outputs);
  root.setAttribute("aria-label", "The planes and filters. Arrow keys move the window, Space plays, Escape goes back.");
  return { root, inputs, pairs, rows, band, title, nothing, inputName, shape };
}

/**
 * How the panels stand in a page of this width, and how large their cells are: outputs at the rows' ends, or below all
 * rows, or, on a phone, the planes on top of each other with the kernels of one filter. `longest` is the number of
 * characters of the outputs' longest number.
 */
function layOut(width, { in_channels, out_channels, kernel_size }, { padded, out }, longest) {
  const most = Math.max(padded, kernel_size); // an impossible kernel is drawn over its plane
  const room = width - 4 - LABEL - TAIL - GAP * (in_channels + 1);
  const kernelCell = within(18, 24, Math.min(360 / (out_channels * kernel_size), room / (in_channels * kernel_size)));
  const line = within(15, 28, 400 / (out_channels * Math.max(out, 1)));
  const outputCell = Math.max(line, Math.min(widthOf(longest), 30));
  const outputWidth = Math.max(120, out * outputCell + 76);
  const kernelHeight = kernel_size * kernelCell + ADDEND;
  const withOutput = Math.max(kernelHeight, 2 * ADDEND, out * line);
  const beside = Math.max(1, Math.floor(width / (out * outputCell + 18)));
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
  const hint = make("span", "cs-hint", "Hover or click a cell of any plane · arrow keys move · Space plays through all planes");
  const figure = makeFigure(model.get("planes").length, model.get("biases").length);
  const [note, sums] = [makeNote(), makeSums(model.get("planes").length)];
  const frame = makeFrame(el, {
    formulas: [make("div", "cs-formulas", formula.root, count.root)],
    tools: [player.root, hint],
    figure: figure.root,
    notes: [note.root, sums.root],
  });
  const space = watchWidth(frame.root, draw);
  const pointing = walker.watch(frame.root, figure.root, draw);

  function draw() {
    const scene = sceneOf(model, sliders, pointing);
    page = layOut(space.width(), scene.values, scene.shape, scene.longest);
    setClass(frame.root, page.width >= 680 ? "cs-explorer" : "cs-explorer cs-narrow");
    setClass(figure.root, `cs-figure cs-channels cs-${page.mode}`);
    colourWeights(figure.root, scene.values.kernel_size);
    setStyle(figure.root, "grid-template-columns", page.template);
    keepHeight(figure.root, page.height);
    drawInputs(figure, scene, page);
    drawKernels(figure, scene, page);
    drawFilters(figure, scene, page);
    drawOutputs(figure, scene, page);
    player.enable(scene.out > 0);
    formula.write(scene.values, scene.shape);
    count.write(scene.values);
    writeBelow(frame, note, scene, page.width);
    sums.write(scene, page.width);
    if (!player.playing()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  sliders.watch(draw);
  draw();
  return ending(sliders, space, player, frame.speaker);
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
function sceneOf(model, sliders, pointing) {
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
  return {
    ...{ values, shape, out, weights, biases, inside, pixel, planeSum, results, at, here, part },
    window: out > 0 && here.kind === "output",
    chosen: here.filter ?? belonging(inPicture(pointing.pinned(), values, shape)).filter ?? 0,
    start: starts(values, sliders.highest),
    longest: Math.max(1, ...numbers.map((number) => written(number).length)),
    peak: Math.max(0, ...numbers.map(Math.abs)),
    lost: out ? neverRead(values, shape) : "",
    told: out ? roleOf(at, here, values, part, out) : "",
    reasons: out ? null : explain(values, shape, sliders),
  };
}

const put = (element, row, column) => setStyle(element, "grid-area", `${row} / ${column}`);
const colourOf = (channel, { in_channels }) => (in_channels === 3 ? `cs-${COLOURS[channel]}` : "");

/** The input planes, with the window of the output pointed at on all of them. */
function drawInputs(figure, scene, page) {
  const { values, shape, at, start } = scene;
  const { size, in_channels } = values;
  const stacked = page.mode === "stacked";
  figure.inputs.forEach(({ channel, title, grid, outline, root }) => {
    show(root, channel < in_channels);
    if (channel >= in_channels) return;
    put(root, stacked ? channel + 2 : 1, stacked ? 1 : channel + 2);
    setClass(root, `cs-plane ${colourOf(channel, values)}`);
    setText(title, planeName(channel, values));
    grid.startAt(start.input);
    const isOn = scene.window || scene.here.channel === channel;
    drawPlane(grid, page.inputCell, scene, { pixel: scene.pixel[channel], most: 5, kernel: scene.weights[scene.chosen][channel], isOn });
    layWindow(outline, page.inputCell, shape, at, values);
    setStyle(grid.root, "margin-bottom", `${(page.most - shape.padded) * page.inputCell}px`);
  });
  put(figure.inputName, 1, stacked ? "1 / 2 / 3" : 1);
  setText(figure.shape, `(${in_channels}, ${size}, ${size})`);
}

/** One kernel for each filter and plane, and what it sums to at the window. */
function drawKernels({ pairs }, { values, weights, planeSum, at, here, part, window, chosen }, { mode, kernelCell }) {
  const { in_channels, out_channels, kernel_size } = values;
  const stacked = mode === "stacked";
  pairs.forEach(({ filter, channel, grid, addend, root }) => {
    const visible = filter < out_channels && channel < in_channels && !(stacked && filter !== chosen);
    show(root, visible);
    if (!visible) return;
    put(root, stacked ? channel + 2 : filter + 2, stacked ? 2 : channel + 2);
    setClass(root, filter === chosen ? "cs-pair" : "cs-pair cs-other");
    const kernel = weights[filter][channel];
    grid.draw(kernel_size, kernel_size, kernelCell, (element, row, column) => {
      setText(element, written(kernel[row][column]));
      const pointedAt = here.kind === "kernel" && at.grid === `kernel${filter}-${channel}` && part.kernel(row, column);
      return tint(kernel[row][column], 2) + (pointedAt ? " cs-lit" : "") + weightClass(row, column, kernel_size);
    });
    setStyle(addend, "visibility", window ? "visible" : "hidden"); // its place is kept
    if (!window) return;
    const sum = planeSum(filter, channel, at);
    setText(addend, channel ? `+ ${factor(sum)}` : written(sum));
  });
}

/** Each filter's name, bias and total. */
function drawFilters({ rows, band }, { values, biases, results, at, here, window, chosen }, { mode }) {
  const { in_channels, out_channels } = values;
  const stacked = mode === "stacked";
  rows.forEach(({ filter, name, bias, total, tail }) => {
    const visible = filter < out_channels && !(stacked && filter !== chosen);
    for (const element of [name, tail]) show(element, visible);
    if (filter >= out_channels) return;
    const row = stacked ? in_channels + 2 : filter + 2;
    put(name, row, 1);
    put(tail, row, stacked ? 2 : in_channels + 2);
    setClass(name, filter === chosen ? "cs-row-name" : "cs-row-name cs-other");
    setClass(tail, filter === chosen ? "cs-tail" : "cs-tail cs-other");
    setText(bias, `+ ${factor(biases[filter])}`);
    setClass(bias, here.kind === "bias" && at.row === filter ? "cs-bias cs-lit" : "cs-bias");
    setText(total, window ? ` = ${written(results[filter][at.row][at.column])}` : "");
  });
  show(band, !stacked);
  setStyle(band, "grid-area", `${chosen + 2} / 1 / ${chosen + 3} / -1`);
}

/** The output planes: at the ends of the filters' rows, or below them all. */
function drawOutputs({ rows, title, nothing }, scene, { mode, outputCell, line }) {
  const { values, out, results, here, part, window, chosen, start, longest, peak } = scene;
  const { in_channels, out_channels } = values;
  rows.forEach(({ filter, grid, out: panel }) => {
    const visible = filter < out_channels && out > 0;
    show(panel, visible);
    if (!visible) return;
    if (mode === "side") put(panel, filter + 2, in_channels + 3);
    setClass(panel, filter === chosen ? "cs-out" : "cs-out cs-other-out");
    squeeze(grid, outputCell, longest);
    setStyle(grid.root, "--line", `${line}px`);
    grid.startAt(start.output);
    grid.draw(out, out, outputCell, (element, row, column) => {
      const value = results[filter][row][column];
      setText(element, written(value));
      const lit = ["input", "output"].includes(here.kind) && part.output(row, column);
      const mark = !lit ? "" : window && filter !== chosen ? " cs-also" : " cs-lit";
      return tint(value, peak) + mark;
    });
  });
  show(nothing, !out);
  writeResult(title, out && `output (${out_channels}, ${out}, ${out})`);
  for (const element of [title, nothing])
    setStyle(element, "grid-area", mode === "side" ? `${element === title ? 1 : 2} / ${in_channels + 3}` : "auto");
}

/** Lines that so many characters take, at most. */
const linesOf = (characters, width) => Math.ceil((characters * (width < 500 ? 9.6 : 8.5)) / width);

/** The chosen output as a sum over the planes, and each plane's own sum: `write(scene, width)`. */
function makeSums(planes) {
  const [addition, answer] = [make("span"), make("b", "cs-output-ink")];
  const equation = make("div", "cs-sum cs-equation", addition, answer);
  const sums = upTo(planes).map(() => makeSum());
  const root = make("div", "cs-arithmetic", equation, ...sums.map((sum) => sum.root));
  return {
    root,
    write({ values, out, weights, biases, pixel, planeSum, results, at, window, chosen }, width) {
      const { in_channels, out_channels } = values;
      // Room for the longest sums, whatever is pointed at.
      keepHeight(equation, linesOf(40 + 8 * in_channels, width) * 22.4);
      show(root, out > 0);
      setStyle(root, "visibility", window ? "visible" : "hidden");
      const addends = window ? upTo(in_channels).map((channel) => planeSum(chosen, channel, at)) : [];
      if (window) {
        const added = addends.map((sum, index) => (index ? factor(sum) : written(sum))).join(" + ");
        setText(addition, `output[${chosen}, ${at.row}, ${at.column}] = ${added} + bias ${factor(biases[chosen])} = `);
        setText(answer, written(results[chosen][at.row][at.column]));
      }
      sums.forEach((sum, channel) => {
        show(sum.root, channel < in_channels);
        if (!window || channel >= in_channels) return;
        setClass(sum.root, `cs-sum ${colourOf(channel, values)}`);
        const factors = windowTerms(pixel[channel], weights[chosen][channel], at, values);
        sum.write(planeName(channel, values), factors, addends[channel], width);
        const longest = upTo(out_channels).map((filter) => `${weights[filter][channel].flat().map(factor)}`.length);
        keepHeight(sum.root, linesOf(18 + 4 * factors.length + Math.max(...longest), width) * 22.4);
      });
    },
  };
}

/** The code, and below the picture what is never read and what is pointed at, or why there is no output. */
function writeBelow({ code, refusal }, note, { values, out, lost, told, reasons }, width) {
  const { size, in_channels, out_channels, kernel_size, stride, padding } = values;
  const options = (stride > 1 ? `, stride=${stride}` : "") + (padding ? `, padding=${padding}` : "");
  code.write(
    `nn.Conv2d(${in_channels}, ${out_channels}, kernel_size=${kernel_size}${options})`,
    `  # (${in_channels}, ${size}, ${size}) → ${out ? `(${out_channels}, ${out}, ${out})` : "RuntimeError"}`,
  );
  refusal.write(reasons);
  note.write(lost, told);
  keepHeight(note.root, linesOf(lost.length + 72, width) * 21); // room for the longest sentence
}

/** What a screen reader is told. */
function spoken({ values, out, biases, planeSum, results, at, window, chosen, lost, told, reasons }, refusal) {
  const { size, in_channels, out_channels, kernel_size, stride, padding } = values;
  const setting =
    `Input ${plural(in_channels, "plane")} of ${size} by ${size}, ${plural(out_channels, "filter")}, ` +
    `kernel ${kernel_size}, stride ${stride}, padding ${padding}`;
  if (reasons) return `${setting}: no output. ${refusal.spoken()}`;
  const addends = window ? upTo(in_channels).map((channel) => planeSum(chosen, channel, at)).join(" plus ") : "";
  const sum = window ? `${addends} plus bias ${biases[chosen]}: ${results[chosen][at.row][at.column]}` : "";
  const here = window ? `Output plane ${chosen}, row ${at.row}, column ${at.column} is ${sum}.` : "";
  return `${setting}: output ${plural(out_channels, "plane")} of ${out} by ${out}. ${lost} ${told} ${here}`;
}

/** What the pointed-at input cell, weight or bias takes part in, in a sentence; an output's is its sum. */
function roleOf(at, { kind, filter, channel }, values, part, out) {
  const { out_channels, padding } = values;
  if (kind === "bias") return `bias[${filter}] is added to ${plural(out * out, "number")}: all of output[${filter}].`;
  if (kind === "kernel") {
    const weight = `weight[${filter}, ${channel}, ${at.row}, ${at.column}]`;
    return `${weight} multiplies ${plural(out * out, "cell")} of ${planeName(channel, values)}, one for each output.`;
  }
  if (kind === "output") return "";
  const readers = upTo(out * out).filter((place) => part.output(Math.floor(place / out), place % out)).length;
  const where = `Row ${at.row}, column ${at.column} of ${padding ? "padded " : ""}${planeName(channel, values)}`;
  if (!readers) return `${where} is never read.`;
  const each = out_channels > 1 ? `, ${readers} in each plane` : "";
  return `${where} is read by ${plural(readers * out_channels, "output")}${each}.`;
}

export default { render };
