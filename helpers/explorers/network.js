// NetworkExplorer: SimpleCNN's tensors as blocks in a row, each layer's arithmetic, and where its parameters are.

import { keepMost, make, setAttribute, setClass, setStyle, setText, show, svg, written } from "./page/elements.js";
import { ending, makeCode, makeSpeaker, watchWidth } from "./page/frame.js";
import { SENTENCES } from "./page/from_python.js";
import { makePlayer, watchPointing } from "./page/pointing.js";
import { fill, kernelError, kernelTooBig, makeRefusal, nearestChanges } from "./page/refusals.js";
import { findSliders } from "./page/sliders.js";

const LAYERS = ["input", "conv1 + ReLU", "pool", "flatten", "fc1 + ReLU", "fc2"];
const CONV1 = 1;
const POOL = 2;
const FLATTEN = 3;
const FC1 = 4;
const FC2 = 5;

const SIDE = 2.4; // pixels on the page for one row of a block,
const SLANT = { x: 0.75, y: 0.5 }; // for one column of it, drawn slanting backwards,
const CHANNEL = 0.6; // and for one channel
const NOTCH = 34; // pixels: a bar of ten times as many numbers is this much higher
const BAR = { foot: 6, width: 14 };

const CHANGEABLE = ["image_size", "conv_channels", "kernel_size", "stride", "padding", "pool_kernel_size", "pool_stride"];

/** 294976 as 294,976. */
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const arriving = (count) => `${count} ${count === 1 ? "number arrives" : "numbers arrive"}`;
const shapeOf = (...sizes) => `(${sizes.join(", ")})`;
const product = (...factors) => factors.reduce((one, other) => one * other, 1);

/** How many places a kernel has along one side, as torch counts them: 0 or less where it does not fit. */
const places = (size, kernel, stride, padding) => Math.floor((size + 2 * padding - kernel) / stride) + 1;

/**
 * Everything about one setting, in integers: the sides and features, the layer where the chain breaks (or null), and
 * parameters and multiply-adds of the three layers that learn. `wanted` is the number of inputs fc1 has.
 */
function chainOf(values, images, fc1Inputs) {
  const { image_size, in_channels, conv_channels, kernel_size, stride, padding } = values;
  const { pool_kernel_size, pool_stride, hidden_features, classes, compute_fc1 } = values;
  const conv = places(image_size, kernel_size, stride, padding);
  const pool = places(conv, pool_kernel_size, pool_stride, 0);
  const features = conv_channels * pool ** 2;
  const front = conv < 1 ? CONV1 : pool < 1 ? POOL : null; // what breaks before fc1
  const wanted = !compute_fc1 ? fc1Inputs : front ? null : features;
  const broken = front ?? (wanted === features ? null : FC1);
  const weights = {
    conv1: [conv_channels, in_channels, kernel_size, kernel_size],
    fc1: [hidden_features, wanted],
    fc2: [classes, hidden_features],
  };
  const shapes = [
    [images, in_channels, image_size, image_size],
    [images, conv_channels, conv, conv],
    [images, conv_channels, pool, pool],
    [images, features],
    [images, hidden_features],
    [images, classes],
  ];
  const each = (count) => Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, count(weight)]));
  const macs = each((weight) => product(...weight));
  macs.conv1 *= conv ** 2;
  return {
    conv,
    pool,
    features,
    wanted,
    broken,
    shapes: shapes.slice(0, broken ?? shapes.length), // a layer that breaks has no output, and those behind it neither
    parameters: each((weight) => product(...weight) + weight[0]),
    macs,
  };
}

/** Why the chain breaks where it does: what makeRefusal writes. */
function reasonsOf(values, chain, chainAt, sliders) {
  const { image_size, kernel_size, padding, conv_channels, pool_kernel_size, hidden_features } = values;
  const { conv, pool, features, wanted, broken, shapes } = chain;
  const offered = (order, works) => nearestChanges(values, sliders, order, works);
  if (broken === FC1) {
    return {
      problem: fill(SENTENCES["linear-width"], { layer: "fc1", arriving: arriving(features), each: "for each image", wanted }),
      remedy: [`nn.Linear(${features}, ${hidden_features})`, ...offered(CHANGEABLE, (other) => chainAt(other).broken === null)],
      torch:
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied " +
        `(${shapes[FLATTEN].join("x")} and ${wanted}x${hidden_features})`,
    };
  }
  const order = ["pool_kernel_size", "padding", "kernel_size", "image_size", "stride"];
  const remedy = offered(order, (other) => [null, FC1].includes(chainAt(other).broken));
  const padded = image_size + 2 * padding;
  if (broken === CONV1)
    return {
      problem: `conv1: ${kernelTooBig({ size: image_size, kernel_size, padding })}`,
      remedy,
      torch: kernelError([padded, padded], [kernel_size, kernel_size]),
    };
  return {
    problem: `pool: ${kernelTooBig({ size: conv, kernel_size: pool_kernel_size, padding: 0 })}`,
    remedy,
    torch:
      `RuntimeError: Given input size: (${conv_channels}x${conv}x${conv}). ` +
      `Calculated output size: (${conv_channels}x${pool}x${pool}). Output size is too small`,
  };
}

/** The class that does what is drawn, to run as it stands. */
function classOf(values, { conv, pool, features, wanted, broken, shapes }) {
  const { in_channels, conv_channels, kernel_size, stride, padding } = values;
  const { pool_kernel_size, pool_stride, hidden_features, classes } = values;
  const inputs = wanted === features ? `${conv_channels} * ${pool} * ${pool}` : wanted;
  // Where nothing reaches fc1, its inputs cannot be told: a lazy layer would look when the first batch arrives.
  const fc1 = wanted ? `nn.Linear(${inputs}, ${hidden_features})` : `nn.LazyLinear(${hidden_features})`;
  const shape = (index) => shapeOf("N", ...shapes[index].slice(1));
  const remark = (index) => {
    if (broken !== null && index > broken) return "";
    return `  # ${shape(index - 1)} -> ${index === broken ? "RuntimeError" : shape(index)}`;
  };
  const conv1 = `${in_channels}, ${conv_channels}, kernel_size=${kernel_size}, stride=${stride}, padding=${padding}`;
  return `import torch
import torch.nn.functional as F
from torch import nn


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(${conv1})
        self.pool = nn.MaxPool2d(kernel_size=${pool_kernel_size}, stride=${pool_stride})
        self.fc1 = ${fc1}
        self.fc2 = nn.Linear(${hidden_features}, ${classes})

    def forward(self, x):
        x = F.relu(self.conv1(x))${remark(CONV1)}
        x = self.pool(x)${remark(POOL)}
        x = torch.flatten(x, 1)${remark(FLATTEN)}
        x = F.relu(self.fc1(x))${remark(FC1)}
        return self.fc2(x)${remark(FC2)}
`;
}

/** Rounded down and what it was: `⌊15.5⌋ + 1 = 16`. */
function floored(room, stride) {
  const shown = Math.round((room / stride) * 100) / 100;
  return `⌊${written(shown)}⌋ + 1 = ${output(written(Math.floor(room / stride) + 1))}`;
}

/** Marks for the colours of what is read, of the weights, of the padding and of what comes out: see `paint`. */
const input = (text) => `@i${text}@`;
const kernel = (text) => `@k${text}@`;
const border = (text) => `@p${text}@`;
const output = (text) => `@o${text}@`;
const INKS = { i: "cs-input-ink", k: "cs-kernel-ink", p: "cs-padding-ink", o: "cs-output-ink" };
const unmarked = (text) => text.replace(/@[ikpo]?/g, "");

/** Write a text with marks, each part in a span of its own that is kept. */
function paint(element, text) {
  if (element.painted === text) return;
  element.painted = text;
  const parts = text.split("@");
  while (element.children.length < parts.length) element.append(make("span"));
  [...element.children].forEach((span, index) => {
    const part = parts[index] ?? "";
    setClass(span, index % 2 && part ? INKS[part[0]] : "");
    setText(span, index % 2 ? part.slice(1) : part);
  });
}

const NOTHING = [
  ["size", "nothing arrives: a layer before this one has no output", ""],
  ["parameters", "", ""],
  ["multiply-adds", "", ""],
];
const none = (parameters, computed) => [
  ["parameters", `none: ${parameters}`, ""],
  ["multiply-adds", `none: ${computed}`, ""],
];

/** What is written about each layer: three lines of [name, in words, with this setting's numbers]. */
function arithmeticOf(values, chain, images) {
  const lines = [inputLines, conv1Lines, poolLines, flattenLines, fc1Lines, fc2Lines];
  return lines.map((write, index) => (index <= (chain.broken ?? FC2) ? write(values, chain, images) : NOTHING));
}

function inputLines({ image_size, in_channels }, _, images) {
  const shape = shapeOf(images, in_channels, image_size, image_size);
  return [["size", "(images, channels, rows, columns)", shape], ...none("these are the data", "nothing is computed yet")];
}

function conv1Lines(values, { conv, broken, parameters, macs }) {
  const { image_size, in_channels, conv_channels, kernel_size, stride, padding } = values;
  const weights = `${in_channels}·${kernel(kernel_size)}·${kernel(kernel_size)}`;
  const sizes = `⌊(${input(image_size)} + 2·${border(padding)} − ${kernel(kernel_size)}) / ${stride}⌋ + 1`;
  const fits = broken !== CONV1;
  return [
    [
      "size",
      `⌊(${input("in")} + 2·${border("padding")} − ${kernel("kernel")}) / stride⌋ + 1`,
      `${sizes} = ${floored(image_size + 2 * padding - kernel_size, stride)}${fits ? "" : " ✗"}`,
    ],
    [
      "parameters",
      `channels·in channels·${kernel("kernel")}·${kernel("kernel")} + channels`,
      `${conv_channels}·${weights} + ${conv_channels} = ${grouped(parameters.conv1)}`,
    ],
    [
      "multiply-adds",
      `channels·${output("rows")}·${output("columns")}·in channels·${kernel("kernel")}·${kernel("kernel")}`,
      fits ? `${conv_channels}·${output(conv)}·${output(conv)}·${weights} = ${grouped(macs.conv1)}` : "",
    ],
  ];
}

function poolLines({ pool_kernel_size, pool_stride }, { conv, broken }) {
  const sizes = `⌊(${input(conv)} − ${kernel(pool_kernel_size)}) / ${pool_stride}⌋ + 1`;
  return [
    [
      "size",
      `⌊(${input("in")} − ${kernel("pool")}) / pool stride⌋ + 1`,
      `${sizes} = ${floored(conv - pool_kernel_size, pool_stride)}${broken === POOL ? " ✗" : ""}`,
    ],
    ...none("the largest number of each window", "it only compares"),
  ];
}

function flattenLines({ conv_channels }, { pool, features }) {
  return [
    ["size", "channels·rows·columns", `${conv_channels}·${pool}·${pool} = ${output(features)}`],
    ...none("the same numbers, in one row", "nothing is computed"),
  ];
}

const fc1Lines = ({ hidden_features }, chain, images) =>
  linearLines("fc1", [chain.features, chain.wanted, hidden_features], chain, images);
const fc2Lines = ({ hidden_features, classes }, chain, images) =>
  linearLines("fc2", [hidden_features, hidden_features, classes], chain, images);

/** A linear layer multiplies two matrices, which torch calls mat1 and mat2. */
function linearLines(name, [arriving, inputs, out], { parameters, macs }, images) {
  const fits = arriving === inputs;
  const matrices = `(${images} × ${input(arriving)}) · (${kernel(inputs)} × ${kernel(out)})`;
  const weights = `${kernel(out)}·${kernel(inputs)}`;
  return [
    [
      "size",
      `${input("mat1")} · ${kernel("mat2")}: what arrives times the weights`,
      `${matrices} ${fits ? `= (${images} × ${output(out)})` : "✗"}`,
    ],
    ["parameters", "out·in + out", `${weights} + ${kernel(out)} = ${grouped(parameters[name])}`],
    ["multiply-adds", "out·in", fits ? `${weights} = ${grouped(macs[name])}` : ""],
  ];
}

/** A tensor as a block with three faces, or as a bar with notches; `draw(shape, zoom)` with the batch in the shape. */
function makeBlock(kind) {
  const root = svg("svg", { class: `cs-block cs-${kind}` });
  const [right, top, front] = ["right", "top", "front"].map((name) => svg("polygon", { class: `cs-face cs-face-${name}` }));
  const notches = svg("path", { class: "cs-notches" });
  root.append(right, top, front, notches);
  const points = (face, corners) =>
    setAttribute(face, "points", corners.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
  const size = (width, height) => {
    setAttribute(root, "width", String(Math.ceil(width + 2)));
    setAttribute(root, "height", String(Math.ceil(height + 2)));
    return Math.ceil(height + 2);
  };
  return {
    root,
    /** Returns its height on the page. */
    draw([, channels, side], zoom) {
      const isBar = side === undefined;
      setAttribute(notches, "visibility", isBar ? "inherit" : "hidden");
      if (isBar) {
        const [width, notch, power] = [BAR.width * zoom, NOTCH * zoom, Math.log10(channels)];
        const height = BAR.foot * zoom + notch * power;
        points(front, [[1, 1], [1 + width, 1], [1 + width, 1 + height], [1, 1 + height]]);
        const marks = Array.from({ length: Math.floor(power) + 1 }, (_, index) => (1 + notch * (power - index)).toFixed(1));
        setAttribute(notches, "d", marks.map((y) => `M${1 + width / 2} ${y}h${width / 2}`).join(""));
        return size(width, height);
      }
      const [wide, high] = [channels * CHANNEL * zoom, side * SIDE * zoom];
      const [x, y] = [side * SLANT.x * zoom, side * SLANT.y * zoom];
      const corner = (right, down, back) => [1 + right * wide + back * x, 1 + down * high + (1 - back) * y];
      points(front, [corner(0, 0, 0), corner(1, 0, 0), corner(1, 1, 0), corner(0, 1, 0)]);
      points(top, [corner(0, 0, 0), corner(1, 0, 0), corner(1, 0, 1), corner(0, 0, 1)]);
      points(right, [corner(1, 0, 0), corner(1, 0, 1), corner(1, 1, 1), corner(1, 1, 0)]);
      return size(wide + x, high + y);
    },
  };
}

/** The row of blocks, one column for each of LAYERS. */
function makeChain() {
  const root = make("div", "cs-chain");
  root.setAttribute("aria-label", "The network. Arrow keys go from layer to layer, Space plays, Escape goes back.");
  const columns = LAYERS.map((name, column) => {
    const block = makeBlock(name === "input" ? "input" : "output");
    const parts = {
      title: make("div", "cs-stage-title"),
      block,
      misfit: make("div", "cs-misfit"),
      shape: make("div", "cs-stage-shape"),
    };
    parts.place = make("div", "cs-stage-place", block.root, parts.misfit);
    parts.root = make("div", "cs-stage", parts.title, parts.place, parts.shape);
    Object.assign(parts.root.dataset, { grid: "layers", row: 0, column });
    root.append(parts.root);
    return parts;
  });
  return { root, columns };
}

/** The arithmetic of all layers in one place, one of them visible: what is below cannot jump. */
function makeArithmetic() {
  const root = make("div", "cs-details");
  const details = LAYERS.map(() => {
    const title = make("div", "cs-detail-title");
    const lines = [0, 1, 2].map(() => ({ name: make("span"), words: make("span", "cs-line-words"), numbers: make("span") }));
    const element = make("div", "cs-detail", title);
    for (const { name, words, numbers } of lines) {
      element.append(make("div", "cs-line", name, make("span", "", words, numbers)));
    }
    root.append(element);
    return { root: element, title, lines };
  });
  return {
    root,
    /** The lines of each layer of the chain; those of the layer pointed at are seen. */
    write({ shapes }, lines, at) {
      details.forEach((detail, index) => {
        const to = index < shapes.length ? shapeOf(...shapes[index]) : "no output";
        const from = index && index <= shapes.length ? `${shapeOf(...shapes[index - 1])} → ` : "";
        setText(detail.title, `${LAYERS[index]}: ${from}${to}`);
        setClass(detail.root, index === at ? "cs-detail" : "cs-detail cs-away");
        lines[index].forEach(([name, words, numbers], place) => {
          const line = detail.lines[place];
          setText(line.name, name);
          paint(line.words, words);
          paint(line.numbers, numbers);
          setClass(line.numbers, numbers.endsWith("✗") ? "cs-numbers cs-wrong" : "cs-numbers");
        });
      });
    },
  };
}

/** One sum as a strip whose parts are as long as the layers' shares: `write({ conv1, fc1, fc2 })`. */
function makeShares(name, remark) {
  const sum = make("div", "cs-sum");
  const strip = make("div", "cs-strip");
  const segments = {};
  for (const layer of ["conv1", "fc1", "fc2"]) {
    segments[layer] = make("div", `cs-share cs-share-${layer}`);
    strip.append(segments[layer]);
  }
  return {
    root: make("div", "cs-shares", sum, strip),
    write(counts, width) {
      const total = Object.values(counts).reduce((one, other) => one + other);
      const terms = Object.entries(counts).map(([layer, count]) => `${layer} ${grouped(count)}`);
      setText(sum, `${grouped(total)} ${name}${remark} = ${terms.join(" + ")}`);
      for (const [layer, count] of Object.entries(counts)) {
        const share = Math.min((100 * count) / total, 99.9); // never quite all of it
        setStyle(segments[layer], "flex-grow", String(share));
        setText(segments[layer], (share / 100) * width > 100 ? `${layer} ${share.toFixed(1)} %` : "");
      }
    },
  };
}

/** The network to look through with keys and player: `at(broken)` is the layer that is pointed at. */
function makeWalk(layerThatBreaks) {
  const player = makePlayer(step, () => pointing.isHovered());
  const unpinned = { grid: "layers", row: 0, column: CONV1 }; // then a layer that breaks is shown, or conv1
  const columnOf = (cell, broken) => (cell === unpinned ? (broken ?? cell.column) : cell.column);
  let pointing = null;

  /** To the next layer or the one before, and round. */
  function step(delta) {
    const from = columnOf(pointing.pinned(), layerThatBreaks());
    pointing.pin({ ...unpinned, column: (from + delta + LAYERS.length) % LAYERS.length });
  }
  const walk = (delta) => (player.stop(), step(delta));
  const keys = {
    ArrowRight: () => walk(1),
    ArrowDown: () => walk(1),
    ArrowLeft: () => walk(-1),
    ArrowUp: () => walk(-1),
    " ": player.toggle,
    Escape: () => (player.stop(), pointing.pin(unpinned)),
  };
  return {
    player,
    at: (broken) => columnOf(pointing.at(), broken),
    watch: (root, figure, redraw) => (pointing = watchPointing(root, figure, unpinned, keys, redraw)),
  };
}

async function render({ model, el }) {
  const images = model.get("images");
  const sliders = await findSliders(model);
  const chainAt = (values) => chainOf(values, images, model.get("fc1_inputs"));
  const walk = makeWalk(() => chainAt(sliders.values()).broken);
  const { player } = walk;
  const hint = make("span", "cs-hint", "Hover or click a layer · arrow keys move · Space plays");
  const toolbar = make("div", "cs-toolbar", player.root, hint);
  const figure = makeChain();
  const scale = make("div", "cs-hint cs-scale", "One image, to scale: height = rows, width = channels. ");
  scale.append("Each notch on a bar: ten times as many.");
  const [refusal, arithmetic, budget, source, speaker] = [makeRefusal(), makeArithmetic(), makeBudget(), makeSource(), makeSpeaker()];
  const below = make("div", "cs-below", ...refusal.parts, arithmetic.root, toolbar, budget.root, source.root);
  const root = make("div", "cs-explorer cs-network", figure.root, scale, below, speaker.root);
  el.append(root);
  const space = watchWidth(root, draw);
  walk.watch(root, figure.root, draw);

  function draw() {
    const values = sliders.values();
    const chain = chainAt(values);
    const { broken } = chain;
    const at = walk.at(broken);
    const width = space.width();
    drawChain(figure, values, chain, at, width);
    const lines = arithmeticOf(values, chain, images);
    arithmetic.write(chain, lines, at);
    const reasons = broken === null ? null : reasonsOf(values, chain, chainAt, sliders);
    refusal.write(reasons);
    if (broken !== null && broken !== FC1 && !values.compute_fc1)
      setText(refusal.parts[1], `Smallest change that takes it on to fc1: ${reasons.remedy.join(" · or ")}`);
    budget.write(chain, width);
    source.write(classOf(values, chain), "");
    if (!player.playing()) speaker.say(spoken(chain, lines, at, reasons, refusal)); // else sentence would follow sentence
  }

  sliders.watch(draw);
  draw();
  return ending(sliders, space, player, speaker);
}

/** The blocks of all tensors; a layer that breaks says with which numbers. */
function drawChain(figure, values, { shapes, broken, conv, features, wanted }, at, width) {
  const { kernel_size, image_size, padding, pool_kernel_size } = values;
  const padded = image_size + 2 * padding;
  const zoom = width >= 900 ? 1.3 : width >= 660 ? 1 : 0.8;
  setClass(figure.root, `cs-chain cs-chain-${width >= 660 ? 6 : width >= 320 ? 3 : 2}`);
  const wrong = {
    [CONV1]: `${kernel_size} × ${kernel_size} kernel\non ${padded} × ${padded}`,
    [POOL]: `${pool_kernel_size} × ${pool_kernel_size} window\non ${conv} × ${conv}`,
    [FC1]: `${features} arrive${features === 1 ? "s" : ""},\n${wanted} wanted`,
  };
  let highest = 70; // pixels for the blocks
  figure.columns.forEach(({ root, title, block, misfit, shape }, index) => {
    const reached = index < shapes.length;
    const state = reached ? "" : index === broken ? " cs-broken" : " cs-missing";
    setClass(root, `cs-stage${state}${index === at ? " cs-lit" : ""}`);
    setText(title, index === broken ? `${LAYERS[index].split(" ")[0]} ✗` : LAYERS[index]);
    setAttribute(block.root, "visibility", reached ? "visible" : "hidden");
    if (reached) highest = Math.max(highest, block.draw(shapes[index], zoom));
    show(misfit, index === broken);
    if (index === broken) setText(misfit, wrong[index]);
    setText(shape, reached ? shapeOf(...shapes[index]) : index === broken ? "no output" : "");
  });
  setStyle(figure.root, "--place", `${keepMost(figure, highest)}px`);
}

/** Where the parameters and the multiply-adds are, where nothing breaks. */
function makeBudget() {
  const shares = { parameters: makeShares("parameters", ""), macs: makeShares("multiply-adds", " per image") };
  const root = make("div", "cs-budget", shares.parameters.root, shares.macs.root);
  return {
    root,
    write(chain, width) {
      show(root, chain.broken === null);
      if (chain.broken === null) for (const [name, share] of Object.entries(shares)) share.write(chain[name], width);
    },
  };
}

/** The class of this setting, folded. */
function makeSource() {
  const code = makeCode();
  const summary = make("summary", "", "The class for these values");
  // Space and Enter open it; the explorer's keys and JupyterLab's would take them.
  summary.onkeydown = (event) => [" ", "Enter"].includes(event.key) && event.stopPropagation();
  return { root: make("details", "cs-class", summary, code.root), write: code.write };
}

/** What a screen reader is told. */
function spoken({ shapes, parameters }, lines, at, reasons, refusal) {
  const told = shapes.map((shape, index) => `${LAYERS[index]} ${shapeOf(...shape)}`).join(", ");
  const total = grouped(Object.values(parameters).reduce((one, other) => one + other));
  const here = lines[at].map(([name, words, numbers]) => `${name}: ${unmarked(numbers || words)}.`).join(" ");
  return `${told}. ${reasons ? refusal.spoken() : `${total} parameters.`} Pointed at: ${LAYERS[at]}. ${here}`;
}

export default { render };
