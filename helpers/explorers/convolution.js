// ConvolutionExplorer: input, kernel and output as numbers in cells, and the arithmetic that ties them together.

import {
  keepHeight, lineCount, make, setClass, setStyle, setText, show, tint, upTo, written,
} from "./page/elements.js";
import { ending, makeFrame, makeRemark, watchTraits, watchWidth, writeResult } from "./page/frame.js";
import { makeGrid, ROOMY, squeeze, widthOf } from "./page/grid.js";
import { fly, makeGlider, makeSteps, seenCell } from "./page/motion.js";
import {
  ahead, BOLD, drawPlane, drawWindow, explained, fitCell, makePanels, meetingOf, metBy, noteMeeting, WINDOW_NAME,
} from "./page/planes.js";
import { refusalHeight } from "./page/refusals.js";
import { findSliders } from "./page/sliders.js";
import { makeWalker } from "./page/walker.js";
import { colourWeights, makePresetList, makeWeightField, makeWeights, weightClass, writeWeight } from "./page/weights.js";
import {
  explain, geometry, makeFormula, makeSum, neverRead, role, starts, sumHeight, takingPart, windowSum, windowTerms,
} from "./page/windows.js";

const WEIGHT = 28; // pixels a cell of the kernel at least: one types there

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const formula = makeFormula({ dilated: true });
  let page = {};
  const walker = makeWalker(() => {
    const values = sliders.values();
    const { out } = geometry(values);
    return { rows: out, columns: out, apart: page.cell * values.stride };
  });
  const { player } = walker;
  const figure = makePanels("The convolution.", {
    input: makeGrid("input"),
    kernel: makeGrid("kernel", { makeCell: makeWeightField }),
    output: makeGrid("output"),
  }, { kernel: "∗", output: "=" });
  const weights = makeWeights(model, figure.grids.kernel, {
    trait: "weights",
    rows: (all) => all[sliders.values().kernel_size - 1],
    numbers: { pattern: /^[+-]?\d+$/, largest: model.get("largest_weight"), kind: "a whole number" },
    leave: () => pointing.hover(null),
    figure: figure.root,
  });
  const presets = makePresetList(model, weights);
  const [unread, pointed, sum] = [make("div", "cs-note cs-unread"), make("div", "cs-note"), makeSum()];
  const told = make("div", "cs-one-place", pointed, sum.root); // never both
  const frame = makeFrame(el, {
    sliders,
    formulas: [formula.root],
    tools: [player.root, presets.root, makeRemark().root],
    figure: figure.root,
    notes: [told, unread],
  });
  const space = watchWidth(frame.root, draw);
  const glider = makeGlider(figure.outline);
  const pointing = walker.watch(frame.root, figure.root, draw, glider.leave);
  const steps = makeSteps();

  const settingFor = (values) => settingOf(model, sliders, values, space.width());

  function draw() {
    const setting = settingFor(sliders.values());
    const scene = { ...setting, ...pointedAt(setting, walker), printing: walker.printing([setting.values, setting.kernel]) };
    page = scene.page;
    for (const grid of Object.values(figure.grids)) grid.pin(walker.pinned());
    setClass(frame.root, page.width >= 680 ? "cs-explorer" : "cs-explorer cs-narrow");
    drawInput(figure, scene, page);
    drawKernel(figure, scene, page);
    drawOutput(figure, scene, page);
    drawWindow(figure, scene, page, nameOf(scene));
    moveWindow(figure, glider, scene, page, steps(scene.values, scene.at, pointing.isHovered()));
    player.enable(scene.out > 0);
    formula.write(scene.values, scene.shape);
    presets.show(scene.values.kernel_size);
    writeBelow(frame, { unread, told, pointed, sum }, scene, page);
    keepHeight(figure.root, 0); // its own, unless a slider is on its way
    keepNotes([setting]);
    if (!player.playing()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  /** As high as the highest of these settings needs, whatever is pointed at. */
  function keepNotes(settings) {
    const high = heightsOf(settings);
    keepHeight(told, high.told);
    keepHeight(frame.below, Math.max(high.told + high.lost, high.refusal));
  }

  sliders.watch(draw, (all) => {
    const settings = all.map(settingFor).filter((other) => other.page.rows <= page.rows); // more rows are another picture
    keepHeight(figure.root, Math.max(...settings.map(({ page: { height }, out }) => height + (out ? 0 : WINDOW_NAME))));
    keepNotes(settings);
  });
  const traits = watchTraits(model, ["weights"], draw);
  draw();
  return ending(sliders, traits, space, player, frame.speaker);
}

/** Everything about one setting, before anything is drawn. */
function settingOf(model, sliders, values, width) {
  const { size, kernel_size, padding } = values;
  const picture = model.get("picture");
  const shape = geometry(values);
  const { padded, out } = shape;
  const kernel = model.get("weights")[kernel_size - 1];
  const inside = (index) => index >= padding && index < padding + size;
  const pixel = (row, column) => (inside(row) && inside(column) ? picture[row - padding][column - padding] : 0);
  const sums = upTo(out).map((row) => upTo(out).map((column) => windowSum(pixel, kernel, { row, column }, values)));
  const titles = {
    input: `input ${size} × ${size}${padding ? `, padded ${padded} × ${padded}` : ""}`,
    kernel: `kernel ${kernel_size} × ${kernel_size}${spreadOf(shape, values)}`,
    output: out ? `output ${out} × ${out}` : "no output",
  };
  return {
    ...{ values, shape, out, kernel, inside, pixel, sums, titles },
    page: layOut(width, { values, shape, out, sums, titles }),
    lost: out ? neverRead(values, shape) : "",
    start: starts(values, sliders.highest),
    reasons: out ? null : explain(values, shape, sliders),
  };
}

/** What is pointed at in this setting, and what has to do with it. */
function pointedAt({ values, shape, out }, walker) {
  const at = walker.at({ input: shape.padded, kernel: values.kernel_size, output: out });
  const part = takingPart(at, values, out);
  const told = out ? role(at, values, part, out) : "";
  return { at, part, home: walker.home(), window: out > 0 && at.grid === "output", role: told };
}

/** How high each note below the picture, and a refusal, is in the highest of these settings. */
function heightsOf(settings) {
  const most = (high) => Math.max(0, ...settings.map(high));
  return {
    told: most((setting) => (setting.out ? toldHeight(setting) : 0)),
    lost: most(({ page, lost }) => (lost ? 21 * lineCount(lost, page.width, BOLD) : 0)),
    refusal: most(({ page, reasons }) => (reasons ? refusalHeight(reasons, page.width) : 0)),
  };
}

/** How high the longest is that is told of a setting: a sum, or the role of an input or of a weight. */
function toldHeight({ values, shape, out, kernel, page: { width, cell, longest } }) {
  const last = { row: out - 1, column: out - 1 };
  const factors = windowTerms(() => 0, kernel, last, values); // all pixels are as long
  const sum = sumHeight(`output[${last.row}, ${last.column}]`, factors, "0".repeat(longest), width);
  const roles = [["input", shape.padded], ["kernel", values.kernel_size]].map(([grid, side]) => {
    const at = { grid, row: side - 1, column: side - 1 };
    const longest = role(at, values, { output: () => true }, out);
    return 21 * lineCount(explained(longest, grid, cell >= ROOMY, "In output[00, 00] it meets weight[0, 0] = −0."), width, BOLD);
  });
  return Math.max(sum, ...roles);
}

/** Sizes on the page: one cell size for all three, so that a smaller output looks smaller. */
function layOut(width, { values: { kernel_size }, shape: { padded, span }, out, sums, titles }) {
  const longest = Math.max(1, ...sums.flat().map((total) => written(total).length));
  const side = out ? padded : span;
  const panels = [
    { cells: side, title: titles.input },
    { cells: kernel_size, least: WEIGHT, title: titles.kernel, sign: true },
    { cells: out, title: titles.output, sign: true },
  ];
  return { width, side, longest, ...fitCell(width - 4, panels, widthOf(longest)) };
}

function drawInput({ grids, titles }, scene, { cell }) {
  const { kernel, pixel, start } = scene;
  grids.input.startAt(start.input);
  drawPlane(grids.input, cell, scene, { pixel, most: 9, kernel });
  setText(titles.input, scene.titles.input);
}

function drawKernel({ root, grids, titles }, scene, { cell }) {
  const { values, kernel, part } = scene;
  const { kernel_size } = values;
  const largest = Math.max(1, ...kernel.flat().map(Math.abs));
  colourWeights(root, kernel_size);
  grids.kernel.draw(kernel_size, kernel_size, Math.max(cell, WEIGHT), (element, row, column) => {
    writeWeight(element, kernel[row][column]);
    const lit = part.kernel(row, column) ? " cs-lit" : "";
    return tint(kernel[row][column], largest) + lit + weightClass(row, column);
  });
  setText(titles.kernel, scene.titles.kernel);
}

function drawOutput({ grids, titles, nothing }, scene, { cell, longest }) {
  const { out, kernel, pixel, sums, at, part, start } = scene;
  const peak = Math.max(0, ...sums.flat().map(Math.abs));
  squeeze(grids.output, cell, longest);
  grids.output.startAt(start.output);
  grids.output.draw(out, out, cell, (element, row, column) => {
    setText(element, written(sums[row][column]));
    const name = tint(sums[row][column], peak) + (part.output(row, column) ? " cs-lit" : "");
    const met = noteMeeting(element, metBy(at.grid, scene, pixel, kernel, row, column), cell >= ROOMY);
    return name + met + ahead(scene, row, column);
  });
  show(grids.output.root, out > 0);
  show(nothing, !out);
  writeResult(titles.output, out && scene.titles.output);
}

/** After a step the window comes from where it was, and its products meet in the cell of their sum. */
function moveWindow({ root }, glider, { values, kernel, pixel, at }, { cell }, before) {
  const { stride, dilation } = values;
  glider.laid(before && [(at.row - before.row) * stride * cell, (at.column - before.column) * stride * cell]);
  if (!before) return;
  const to = seenCell(root, "output", at.row, at.column);
  const products = kernel.flatMap((line, i) =>
    line.map((weight, j) => {
      const [row, column] = [at.row * stride + i * dilation, at.column * stride + j * dilation];
      return { text: written(weight * pixel(row, column)), from: seenCell(root, "input", row, column), to };
    }),
  );
  fly(root, products.filter(({ text }) => text !== "0"));
}

const NAMES = {
  outputAt: (row, column) => `output[${row}, ${column}]`,
  weightAt: (row, column) => `weight[${row}, ${column}]`,
};

/** How the pointed-at weight or input meets one output. */
const inOne = ({ pixel, kernel, home, ...scene }) => (scene.out ? meetingOf(scene.at.grid, scene, pixel, kernel, home, NAMES) : "");

/** The code, and below the picture the sum, or why there is none. */
function writeBelow({ code, refusal }, { unread, told, pointed, sum }, scene, { cell }) {
  const { values, out, kernel, pixel, sums, at, window, lost, role, reasons } = scene;
  const { size, kernel_size, stride, padding, dilation } = values;
  code.write(
    `nn.Conv2d(1, 1, kernel_size=${kernel_size}, stride=${stride}, padding=${padding}` +
      `${dilation > 1 ? `, dilation=${dilation}` : ""}, bias=False)`,
    `  # (1, ${size}, ${size}) → ${out ? `(1, ${out}, ${out})` : "RuntimeError"}`,
  );
  refusal.write(reasons);
  setText(unread, lost);
  show(unread, Boolean(lost));
  show(told, out > 0);
  setText(pointed, explained(role, at.grid, cell >= ROOMY, inOne(scene)));
  setStyle(sum.root, "visibility", window ? "visible" : "hidden"); // its place is kept
  if (!window) return;
  sum.write(`output[${at.row}, ${at.column}]`, windowTerms(pixel, kernel, at, values), sums[at.row][at.column]);
}

/** What a screen reader is told. */
function spoken(scene, refusal) {
  const { values, out, sums, at, window, lost, role, reasons } = scene;
  const { size, kernel_size, stride, padding, dilation } = values;
  const setting = `Input ${size} by ${size}, kernel ${kernel_size}, stride ${stride}, padding ${padding}, dilation ${dilation}`;
  if (reasons) return `${setting}: no output. ${refusal.spoken()}`;
  const here = window ? `Output row ${at.row}, column ${at.column} is ${sums[at.row][at.column]}.` : "";
  return `${setting}: output ${out} by ${out}. ${lost} ${role} ${inOne(scene)} ${here}`;
}

const nameOf = ({ values, shape }) => `${values.kernel_size} × ${values.kernel_size} kernel${spreadOf(shape, values)}`;
const spreadOf = ({ span }, { dilation }) => (dilation > 1 ? `, spans ${span}` : "");

export default { render };
