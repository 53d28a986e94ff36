// Each layer's arithmetic in words and with this setting's numbers, each number in the colour of what it counts.

import { CONV1, FC2, LAYERS, POOL, grouped, misfitOf, shapeOf } from "./chain.js";
import { make, setClass, setText, written } from "./page/elements.js";

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
/** In place of a product: what does not fit. */
const misfit = (values, chain) => `${misfitOf(values, chain).join(" ")} ✗`;
export const unmarked = (text) => text.replace(/@[ikpo]?/g, "");

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
export function arithmeticOf(values, chain, images) {
  const lines = [inputLines, conv1Lines, poolLines, flattenLines, fc1Lines, fc2Lines];
  return lines.map((write, index) => (index <= (chain.broken ?? FC2) ? write(values, chain, images) : NOTHING));
}

function inputLines({ image_size, in_channels }, _, images) {
  const shape = shapeOf(images, in_channels, image_size, image_size);
  return [["size", "(images, channels, rows, columns)", shape], ...none("these are the data", "nothing is computed yet")];
}

function conv1Lines(values, chain) {
  const { conv, broken, parameters, macs } = chain;
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
      fits ? `${conv_channels}·${output(conv)}·${output(conv)}·${weights} = ${grouped(macs.conv1)}` : misfit(values, chain),
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

const fc1Lines = (values, chain, images) =>
  linearLines("fc1", [chain.features, chain.wanted, values.hidden_features], values, chain, images);
const fc2Lines = (values, chain, images) =>
  linearLines("fc2", [values.hidden_features, values.hidden_features, values.classes], values, chain, images);

/** A linear layer multiplies two matrices, which torch calls mat1 and mat2. */
function linearLines(name, [arriving, inputs, out], values, chain, images) {
  const { parameters, macs } = chain;
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
    ["multiply-adds", "out·in", fits ? `${weights} = ${grouped(macs[name])}` : misfit(values, chain)],
  ];
}

/** The arithmetic of all layers in one place, one of them visible: what is below cannot jump. */
export function makeArithmetic() {
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
