// One number of a network as the sum, or the choice, that it is: the windows and weights of a convolution, a pool's winner, …

import { make, setClass, setStyle, setText, show, upTo } from "./page/elements.js";
import { weightClass } from "./page/weights.js";
import { inBrackets, told } from "./model_paint.js";
import { channelName } from "./model_trail.js";
import { shortName, stepName } from "./model_words.js";

const DIGIT = 7.3; // pixels of a digit at 12 px
const FEWEST_DECIMALS = 2; // decimals in a cell
const STRONGEST = 4; // of ten tints: on stronger ones the weights could not be read
const CHANNEL_GAP = 18; // pixels between channels

/** A number as an addend: in brackets where it is negative. */
const addend = (number) => inBrackets(told(number));
const ink = (name, text) => make("span", `cs-${name}-ink`, text);

/** Where a term comes from: a map's row and column, or its place in a row. */
function whereFrom({ from, index }, width) {
  if (!from) return `input[${index}]`;
  return width < 560 ? `[${from.join(", ")}]` : `map ${from[0]}, row ${from[1]}, column ${from[2]}`;
}

/** How many decimals a kernel's cells have room for, so that it stays within so many pixels; 0 where none. */
function decimalsIn(texts, columns, width) {
  for (const decimals of [4, 3, FEWEST_DECIMALS]) {
    const longest = Math.max(...texts.map((number) => (number === null ? 1 : told(number, decimals).length + 1)));
    const cell = Math.ceil(longest * DIGIT) + 7;
    if (cell * columns <= width) return { decimals, cell };
  }
  return { decimals: 0, cell: Math.max(9, Math.floor(width / columns)) };
}

/** A window of numbers, each with the weight that lies on it, as rows of cells. */
function windowOf(values, weights, [, columns], { decimals, cell }, mark = () => "") {
  const most = Math.max(...values.map((value) => Math.abs(value ?? 0)).filter(isFinite), 1e-30);
  const rows = upTo(values.length / columns).map((row) =>
    make("div", "cs-row", ...upTo(columns).map((column) => {
      const place = row * columns + column;
      const [value, weight] = [values[place], weights?.[place]];
      const tinted = value === null ? "cs-pad" : `cs-tint-${Math.round((STRONGEST * Math.abs(value)) / most) || 0}${value < 0 ? " cs-negative" : ""}`;
      const element = make("div", `cs-cell ${tinted}${weights ? weightClass(row, column) : ""}${mark(place)}`);
      if (decimals) element.append(make("span", "", value === null ? "0" : told(value, decimals)));
      if (decimals && weights) element.append(make("span", "cs-kernel-ink", `×${told(weight, decimals)}`));
      element.title = weights ? `${told(value ?? 0)} · ${addend(weight)} = ${told((value ?? 0) * weight)}` : told(value ?? 0);
      return element;
    })),
  );
  const root = make("div", `cs-grid cs-input cs-window-of-numbers${weights ? " cs-two" : ""}${decimals ? "" : " cs-dense"}`, ...rows);
  root.style.setProperty("--cell", `${cell}px`);
  return root;
}

/** `name = a + b + … = value`, or with another sign, each part in its ink. */
function equation(head, parts, value, sign = "+") {
  const root = make("div", "cs-sum cs-equation", `${head} = `);
  parts.forEach(([name, number], place) => root.append(make("span", "cs-term", place ? ` ${sign} ` : "", ink(name, place ? addend(number) : told(number)))));
  root.append(" = ", make("b", "cs-output-ink", told(value)));
  return root;
}

function convolution({ channels, bias, kernel, value }, { chain, index, head }, width) {
  const source = chain[index].inputs[0];
  const full = channels.filter(({ values }) => values).sort((one, other) => one.channel - other.channel);
  const others = channels.filter(({ values }) => !values);
  const numbers = full.flatMap(({ values, weights }) => [...values, ...weights]);
  const most = Math.max(1, Math.floor((Math.min(width, 1060) + CHANNEL_GAP) / (3 * 46 + CHANNEL_GAP)));
  const beside = Math.min(full.length, most, 4);
  const room = Math.min(Math.floor((width - 8 - (beside - 1) * CHANNEL_GAP) / beside), 330);
  const fits = [room, width - 8].map((pixels) => decimalsIn(numbers, kernel[1], pixels));
  const fit = fits.find(({ decimals }) => decimals) ?? fits[0];
  const panels = full.map(({ channel, values, weights, sum }) => {
    const total = make("div", "cs-sum", "= ", ink("input", told(sum)));
    return make("div", "cs-channel", make("div", "cs-title cs-input-ink", channelName(chain, source, channel)), windowOf(values, weights, kernel, fit), total);
  });
  const rest = others.reduce((sum, { sum: part }) => sum + Number(part), 0);
  const addends = [...full.map(({ sum }) => ["input", sum]), ...(others.length ? [["input", rest]] : []), ...(bias === null ? [] : [["kernel", bias]])];
  const parts = [`${full.length} channel${full.length === 1 ? "" : "s"}`, others.length && (others.length === 1 ? "the other channel" : `the ${others.length} others together`), bias !== null && "bias"];
  const words = make("div", "cs-small", `the products of each channel added up: ${parts.filter(Boolean).join(" + ")}`);
  return [make("div", "cs-channels-of-cell", ...panels), equation(head, addends, value), words];
}

function pooling({ mode, values, kernel, winner, value, divisor }, { head }, width) {
  const fit = decimalsIn(values, kernel[1], Math.min(width - 8, 420));
  const isIn = values.filter((each) => each !== null);
  const grid = windowOf(values, null, kernel, fit, (place) => (place === winner ? " cs-lit cs-taken" : mode === "max" ? " cs-loser" : ""));
  const list = isIn.length <= 16 ? isIn.map((each) => told(each)).join(mode === "avg" ? " + " : ", ") : `${isIn.length} numbers`;
  const sum = make("div", "cs-sum", `${head} = `, mode === "avg" ? `(${list}) / ${divisor} = ` : `max(${list}) = `, make("b", "cs-output-ink", told(value)));
  return [grid, sum];
}

/** The largest of many products, with a bar for each, and what the others add. */
function products({ terms, rest, count, bias, source, value }, { head, chain }, width) {
  const most = Math.max(...terms.map(({ product }) => Math.abs(product)).filter(isFinite), 1e-30);
  const lines = terms.map((term) => {
    const bar = make("span");
    bar.style.width = `${Math.min(100, (100 * Math.abs(term.product)) / most)}%`;
    bar.className = term.product < 0 ? "cs-below-0" : "";
    const numbers = make("span", "cs-product", ink("input", told(term.input)), " · ", ink("kernel", addend(term.weight)), " = ", make("b", "", told(term.product)));
    return make("div", "cs-largest-term", make("span", "", whereFrom(term, width)), numbers, make("span", "cs-class-bar", bar));
  });
  const sum = terms.reduce((total, { product }) => total + Number(product), 0); // "NaN" comes as a text
  const others = count - terms.length;
  const addends = [["input", sum], ...(others ? [["input", rest]] : []), ...(bias === null ? [] : [["kernel", bias]])];
  const where = typeof source === "number" ? ` (places in ${stepName(chain, source, 30)})` : "";
  const parts = [`the ${terms.length} largest of ${count} products${where}`, others && (others === 1 ? "the other product" : `the ${others} others`), bias !== null && "bias"];
  return [make("div", "cs-largest-terms", ...lines), equation(head, addends, value), make("div", "cs-small", parts.filter(Boolean).join(" + "))];
}

const line = (head, value, ...parts) => [make("div", "cs-sum cs-equation", `${head} = `, ...parts, " = ", make("b", "cs-output-ink", told(value)))];

function pointwise({ before, value }, { chain, index, head }) {
  const { kind, name } = chain[index];
  const called = /relu$/i.test(kind) && !/leaky|p?relu6|prelu/i.test(kind) ? ["max(0, ", ")"] : [`${/(\w+)\(/.exec(name)?.[1] ?? kind}(`, ")"];
  return line(head, value, called[0], ink("input", told(before)), called[1]);
}

function normalised({ before, mean, variance, eps, weight, bias, value }, { head }) {
  const scaled = weight == null ? "" : [" · ", ink("kernel", addend(weight)), " + ", ink("kernel", addend(bias ?? 0))];
  return [
    make("div", "cs-small", `(value − mean) / √(variance + eps)${weight == null ? "" : " · weight + bias"}`),
    ...line(head, value, "(", ink("input", told(before)), ` − ${addend(mean)}) / √(${told(variance)} + ${eps})`, ...scaled),
  ];
}

function softmaxed({ scores, at, log, value }, { head }) {
  const most = Math.max(...scores);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
  const own = scores[at];
  const [before, behind] = log ? ["log(", ")"] : ["", ""];
  return [
    make("div", "cs-small", `e to the power of each score, as a part of all ${scores.length} together; the largest score is taken from each first`),
    ...line(head, value, `${before}e^(${told(own - most)}) / (sum of ${scores.length} such)${behind} = ${before}${told(Math.exp(own - most))} / ${told(total)}${behind}`),
  ];
}

/** Two or more numbers that were added, multiplied, compared: `max` and `min` stand before them, other signs between. */
function combined({ operator, parts, value }, { head }) {
  const numbers = parts.map(({ value: part }) => told(part)).join(", ");
  const isFunction = /^m/.test(operator);
  const names = parts.map(({ name }) => shortName({ name }, 30)).join(isFunction ? ", " : ` ${operator} `);
  const sum = isFunction
    ? line(head, value, `${operator}(`, ink("input", numbers), ")")
    : [equation(head, parts.map(({ value: part }) => ["input", part]), value, operator)];
  return [...sum, make("div", "cs-small", names)];
}

const KINDS = {
  conv: convolution,
  transposed: products,
  pool: pooling,
  linear: products,
  relu: pointwise,
  norm: normalised,
  softmax: softmaxed,
  sum: combined,
  moved: ({ from, source, value }, { head, chain }) =>
    from && source !== null
      ? line(head, value, `${stepName(chain, source, 30)}[${from.join(", ")}]`)
      : KINDS.none({ value }, { head }), // padding, or what is drawn nowhere: the answer's sentence says so
  none: ({ value }, { head }) => [make("div", "cs-sum", `${head} = `, make("b", "cs-output-ink", told(value)))],
};

/** What a cell is called: `output[3, 4, 5]`, or `output[7]` of numbers in a row. */
export const cellName = ({ map, row, column }, { rows, columns }) => `output[${rows * columns === 1 ? map : [map, row, column].join(", ")}]`;

/** The sum: `draw(scene, width)` returns it in words. */
export function makeCell() {
  const [body, remark] = [make("div", "cs-cell-sum"), make("div", "cs-note")];
  const root = make("div", "cs-cell-of-model", body, remark);
  let drawn = null;
  return {
    root,
    body,
    draw(scene, width) {
      const { answer, waited, late } = scene;
      setClass(root, `cs-cell-of-model${answer ? "" : " cs-waiting"}`);
      setText(remark, answer ? answer.sentence ?? "" : late ? "This cell’s sum needs a running kernel." : "The kernel is asked for this cell’s sum.");
      show(remark, Boolean(remark.drawnText));
      show(body, Boolean(answer || (waited && drawn)));
      if (!answer || (drawn?.answer === answer && drawn.width === width)) return body.textContent;
      drawn = { answer, width };
      setStyle(root, "--value", "1");
      body.replaceChildren(...(KINDS[answer.opens] ?? KINDS.none)(answer, scene, width));
      return body.querySelector(".cs-sum:last-of-type")?.textContent ?? "";
    },
  };
}
