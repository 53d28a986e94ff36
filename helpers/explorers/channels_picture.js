// ChannelsExplorer: its input planes, kernels, biases and output planes.

import { factor, make, setClass, setStyle, setText, show, tint, upTo, written } from "./page/elements.js";
import { INPUT_NAME, colourOf, digitsOf, planeName } from "./channels_layout.js";
import { writeResult } from "./page/frame.js";
import { makeGrid, squeeze, widthOf } from "./page/grid.js";
import { drawPlane, makeOutline, metBy, noteMeeting } from "./page/planes.js";
import { weightClass } from "./page/weights.js";
import { layWindow } from "./page/windows.js";

/** The panels' elements, empty, for as many planes and filters as the sliders reach. */
export function makeFigure(planes, filters) {
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
    const name = make("div", "cs-row-name", make("b", "cs-kernel-ink", `filter ${filter}`), make("span", "cs-small", `weight[${filter}]`));
    const bias = make("span", "cs-bias");
    Object.assign(bias.dataset, { grid: "bias", row: filter, column: 0 });
    const [sigma, total] = [make("span", "cs-sigma", "Σ"), make("b", "cs-output-ink")];
    const addend = make("div", "cs-addend", bias, make("span", "cs-small", " bias"));
    const tail = make("div", "cs-tail", addend, make("div", "cs-addend", sigma, total));
    const grid = makeGrid("output", { name: `output${filter}` });
    const out = make("div", "cs-out", make("div", "cs-small", `output[${filter}]`), grid.root);
    return { filter, name, bias, sigma, total, tail, grid, out };
  });
  const band = make("div", "cs-band");
  const title = make("div", "cs-title");
  const nothing = make("div", "cs-nothing", "∅");
  const outputs = make("div", "cs-outputs", title, ...rows.map((row) => row.out), nothing);
  const shape = make("b", "cs-input-ink");
  const inputName = make("div", "cs-row-name", make("b", "cs-input-ink", INPUT_NAME), shape);
  const root = make("div", "cs-figure", band, inputName, ...inputs.map((input) => input.root));
  root.append(...rows.map((row) => row.name), ...pairs.map((pair) => pair.root), ...rows.map((row) => row.tail), outputs);
  root.setAttribute("aria-label", "The planes and filters. Arrow keys move the window, Space plays, Escape goes back.");
  return { root, inputs, pairs, rows, band, title, nothing, outputs, inputName, shape };
}

const put = (element, row, column) => setStyle(element, "grid-area", `${row} / ${column}`);

/** The input planes, with the window of the output pointed at on all of them. */
export function drawInputs(figure, scene, page) {
  const { values, shape, sum, start } = scene;
  const { size, in_channels } = values;
  const stacked = page.mode === "stacked";
  figure.inputs.forEach(({ channel, title, grid, outline, root }) => {
    show(root, channel < in_channels);
    if (channel >= in_channels) return;
    put(root, 1, stacked ? "auto" : channel + 2);
    for (const element of [title, grid.root]) put(element, stacked ? channel + 2 : "auto", stacked ? 1 + (element === title) : "auto");
    setStyle(grid.root, "--digits", `${digitsOf.input(page.inputCell)}px`);
    setClass(root, `cs-plane ${colourOf(channel, values)}`);
    setText(title, planeName(channel, values));
    grid.startAt(start.input);
    const isOn = scene.window || scene.here.channel === channel;
    drawPlane(grid, page.inputCell, scene, { pixel: scene.pixel[channel], most: 5, kernel: scene.weights[scene.chosen][channel], isOn });
    layWindow(outline, page.inputCell, shape, { grid: "output", ...sum }, values);
    setStyle(grid.root, "margin-bottom", `${(page.most - shape.padded) * page.inputCell}px`);
  });
  put(figure.inputName, 1, 1);
  setText(figure.shape, `(${in_channels}, ${size}, ${size})`);
}

/** One kernel for each filter and plane, and what it sums to at the window. */
export function drawKernels({ pairs }, { values, weights, planeSum, at, here, part, sum, chosen }, { mode, kernelCell }) {
  const { in_channels, out_channels, kernel_size } = values;
  const stacked = mode === "stacked";
  pairs.forEach(({ filter, channel, grid, addend, root }) => {
    const visible = filter < out_channels && channel < in_channels && !(stacked && filter !== chosen);
    show(root, visible);
    if (!visible) return;
    put(root, stacked ? channel + 2 : filter + 2, stacked ? 2 : channel + 2);
    setClass(root, filter === chosen ? "cs-pair" : "cs-pair cs-other");
    const kernel = weights[filter][channel];
    setStyle(grid.root, "--digits", `${digitsOf.kernel(kernelCell)}px`);
    grid.draw(kernel_size, kernel_size, kernelCell, (element, row, column) => {
      setText(element, written(kernel[row][column]));
      const pointedAt = here.kind === "kernel" && at.grid === `kernel${filter}-${channel}` && part.kernel(row, column);
      return tint(kernel[row][column], 2) + (pointedAt ? " cs-lit" : "") + weightClass(row, column);
    });
    setStyle(addend, "visibility", sum ? "visible" : "hidden"); // its place is kept
    if (!sum) return;
    const added = planeSum(filter, channel, sum);
    setText(addend, channel ? `+ ${factor(added)}` : written(added));
  });
}

/** Each filter's name, bias and total. */
export function drawFilters({ rows, band }, { values, biases, results, at, here, sum, chosen, printing }, { mode }) {
  const { in_channels, out_channels } = values;
  const stacked = mode === "stacked";
  rows.forEach(({ filter, name, bias, total, tail }) => {
    const visible = filter < out_channels && !(stacked && filter !== chosen);
    for (const element of [name, tail]) show(element, visible);
    if (filter >= out_channels) return;
    put(name, stacked ? 1 : filter + 2, stacked ? 2 : 1);
    put(tail, stacked ? in_channels + 2 : filter + 2, stacked ? 2 : in_channels + 2);
    setClass(name, filter === chosen ? "cs-row-name" : "cs-row-name cs-other");
    setClass(tail, filter === chosen ? "cs-tail" : "cs-tail cs-other");
    setText(bias, `+ ${factor(biases[filter])}`);
    setClass(bias, here.kind === "bias" && at.row === filter ? "cs-bias cs-lit" : "cs-bias");
    const isKnown = sum && !(printing && filter > chosen); // one output after the other
    setText(total, isKnown ? ` = ${written(results[filter][sum.row][sum.column])}` : "");
  });
  show(band, !stacked);
  setStyle(band, "grid-area", `${chosen + 2} / 1 / ${chosen + 3} / -1`);
}

/** The output planes: at the ends of the filters' rows, or below them all, and there across the page. */
export function drawOutputs({ rows, title, nothing, outputs }, scene, { width, mode, outputCell, line, letters, isRoomy, isLow }) {
  const { values, out, weights, pixel, results, at, here, part, window, chosen, start, longest, peak, printing } = scene;
  const { in_channels, out_channels } = values;
  rows.forEach(({ filter, grid, out: panel }) => {
    const visible = filter < out_channels && out > 0;
    show(panel, visible);
    if (!visible) return;
    if (mode === "side") put(panel, filter + 2, in_channels + 3);
    setClass(panel, `cs-out${filter === chosen ? "" : " cs-other-out"}${isLow ? " cs-low" : ""}`);
    squeeze(grid, Math.max(outputCell, widthOf(longest)), longest, letters); // digits may reach the edges of a cell
    setStyle(grid.root, "--line", `${line}px`);
    grid.startAt(start.output);
    const isMet = here.kind === "input" || (here.kind === "kernel" && here.filter === filter);
    const meeting = (row, column) => metBy(here.kind, scene, pixel[here.channel], weights[filter][here.channel], row, column);
    grid.draw(out, out, outputCell, (element, row, column) => {
      const value = results[filter][row][column];
      setText(element, written(value));
      const lit = ["input", "output"].includes(here.kind) && part.output(row, column);
      const mark = !lit ? "" : window && filter !== chosen ? " cs-also" : " cs-lit";
      const isAhead = printing && (filter - chosen || row - at.row || column - at.column) > 0; // the window prints the outputs
      const met = noteMeeting(element, isMet ? meeting(row, column) : null, isRoomy);
      return tint(value, peak) + mark + met + (isAhead ? " cs-ahead" : "");
    });
  });
  setStyle(outputs, "width", mode === "below-outputs" ? `${width}px` : "auto");
  show(nothing, !out);
  writeResult(title, out && `output (${out_channels}, ${out}, ${out})`);
  for (const element of [title, nothing])
    setStyle(element, "grid-area", mode === "side" ? `${element === title ? 1 : 2} / ${in_channels + 3}` : "auto");
}
