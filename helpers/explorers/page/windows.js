// Windows that slide over a plane: where they lie, what they read, and the formula for how many there are.

import { factor, lineCount, make, plural, setClass, setText, upTo, written } from "./elements.js";
import { lay } from "./grid.js";
import { kernelError, kernelTooBig, nearestChanges } from "./refusals.js";

/** Where everything lies along one side: integers only, from the formula in torch's documentation of Conv2d. */
export function geometry({ size, kernel_size, stride, padding, dilation = 1 }) {
  const padded = size + 2 * padding;
  const span = dilation * (kernel_size - 1) + 1;
  const room = padded - span; // how far the kernel can move
  const out = room < 0 ? 0 : Math.floor(room / stride) + 1;
  return { padded, span, room, out, ...reading(out, padded, { kernel_size, stride, dilation }) };
}

/**
 * Where grids start, when the widest padding starts at 0: a cell then stays the same while the padding grows around it.
 * The outputs of stride 1 grow as the input does.
 */
export function starts({ padding, stride }, highest) {
  const input = Math.max(0, highest.padding - padding);
  return { input, output: stride === 1 ? input : 0 };
}

/** Which rows (or columns) of the padded input some output reads, and how many lie behind the last window. */
export function reading(out, padded, { kernel_size, stride, dilation = 1 }) {
  const read = new Set();
  for (let place = 0; place < out; place++)
    for (let k = 0; k < kernel_size; k++) read.add(place * stride + k * dilation);
  return { read, dropped: out ? Math.max(0, padded - 1 - Math.max(...read)) : 0 };
}

/** The factors of one output number, [pixel, weight] in reading order. */
export function windowTerms(pixel, weights, { row, column }, { stride, dilation = 1 }) {
  return weights.flatMap((line, i) =>
    line.map((weight, j) => [pixel(row * stride + i * dilation, column * stride + j * dilation), weight]),
  );
}

/** One output number: the sum of weight times pixel. */
export function windowSum(pixel, weights, { row, column }, { stride, dilation = 1 }) {
  let sum = 0;
  for (let i = 0; i < weights.length; i++)
    for (let j = 0; j < weights.length; j++)
      sum += weights[i][j] * pixel(row * stride + i * dilation, column * stride + j * dilation);
  return sum;
}

/** Why a setting has no output: the sentence, the smallest changes within the sliders' reach, and torch's message. */
export function explain(values, { padded, span }, sliders) {
  const names = ["padding", "kernel_size", ...(values.dilation > 1 ? ["dilation"] : []), "size"];
  return {
    problem: kernelTooBig(values),
    remedy: nearestChanges(values, sliders, names, (other) => geometry(other).out > 0),
    torch: kernelError([padded, padded], [span, span]),
  };
}

/** Lay the outline around what the pointed-at output reads; in red over the corner where the window does not fit. */
export function layWindow(outline, cell, { out, span }, at, { stride, dilation }) {
  const place = out ? { top: at.row * stride, left: at.column * stride } : { top: 0, left: 0 };
  const isShown = !out || at.grid.startsWith("output");
  lay(outline, cell, { ...place, rows: isShown ? span : 0, columns: isShown ? span : 0 });
  setClass(outline, `cs-window${out ? (dilation > 1 ? " cs-spread" : "") : " cs-too-big"}`);
}

/**
 * Which cells take part in the one pointed at, as a test for each grid: an output's window, an input cell's readers,
 * a weight's factors. `tap(place, index)` is which row (or column) of the kernel an output lays on an input index.
 */
export function takingPart(at, { kernel_size, stride, dilation }, out) {
  const tap = (place, index) => {
    const k = (index - place * stride) / dilation;
    return Number.isInteger(k) && k >= 0 && k < kernel_size ? k : -1;
  };
  const same = (row, column) => row === at.row && column === at.column;
  const reads = (place, index) => tap(place, index) >= 0;
  const multiplied = (index, k) => {
    const place = (index - k * dilation) / stride;
    return Number.isInteger(place) && place >= 0 && place < out;
  };
  const never = () => false;
  const tests = {
    input: { input: same, kernel: never, output: (row, column) => reads(row, at.row) && reads(column, at.column) },
    kernel: {
      input: (row, column) => multiplied(row, at.row) && multiplied(column, at.column),
      kernel: same,
      output: never,
    },
    output: {
      input: (row, column) => reads(at.row, row) && reads(at.column, column),
      kernel: never,
      output: same,
    },
  };
  return { ...tests[at.grid], tap };
}

/** What the pointed-at input cell or weight takes part in, in a sentence; an output's is its sum. */
export function role(at, { padding }, part, out) {
  if (at.grid === "kernel") return `weight[${at.row}, ${at.column}] multiplies ${plural(out * out, "cell", "cells")}, one for each output.`;
  if (at.grid === "output") return "";
  const places = upTo(out * out).map((index) => [Math.floor(index / out), index % out]);
  const readers = places.filter(([row, column]) => part.output(row, column)).length;
  const where = `Row ${at.row}, column ${at.column} of the ${padding ? "padded " : ""}input`;
  return readers ? `${where} is read by ${plural(readers, "output", "outputs")}.` : `${where} is never read.`;
}

/** Which rows and columns no output reads, and why, in a sentence or two. */
export function neverRead({ padding }, { padded, read, dropped }, why = "the floor drops them") {
  const last = dropped > 1 ? `last ${dropped} rows and columns` : "last row and column";
  const between = padded - dropped - read.size;
  return [
    dropped && `The ${last} ${dropped > padding ? "" : "of padding "}are never read: ${why}.`,
    between && `${plural(between, "row", "rows")} and ${plural(between, "column", "columns")} are stepped over.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/**
 * The size formula, in words and with a setting's numbers; `write(values, geometry)` fills the numbers in. Without a
 * dilation, which is 1, it is shorter.
 */
export function makeFormula({ dilated }) {
  const [opening, closing] = [0, 1].map(() => [make("span"), make("span")]); // in the words and in the numbers
  const words = make("div", "cs-words", "out = ", opening[0], "(", make("span", "cs-input-ink", "in"), " + 2·");
  words.append(make("span", "cs-padding-ink", "padding"), dilated ? " − dilation·(" : " − ", make("span", "cs-kernel-ink", "kernel"));
  words.append(dilated ? " − 1) − 1) / stride" : ") / stride", closing[0], " + 1");
  const parts = {
    size: make("b", "cs-input-ink"),
    padding: make("b", "cs-padding-ink"),
    dilation: make("b"),
    kernel_size: make("b", "cs-kernel-ink"),
    stride: make("b"),
    result: make("span"),
    out: make("b", "cs-output-ink"),
    mark: make("span"),
  };
  const { size, padding, dilation, kernel_size, stride, result, out, mark } = parts;
  const numbers = make("div", "cs-numbers", "= ", opening[1], "(", size, " + 2·", padding, " − ");
  numbers.append(...(dilated ? [dilation, "·(", kernel_size, " − 1) − 1"] : [kernel_size]), ") / ", stride, closing[1]);
  numbers.append(" + 1 = ", result, out, mark);
  return {
    root: make("div", "cs-formula", words, numbers),
    write(values, { room, out: size }) {
      for (const name of ["size", "padding", "dilation", "kernel_size", "stride"]) setText(parts[name], values[name]);
      const [open, close, round] = values.ceil_mode ? ["⌈", "⌉", Math.ceil] : ["⌊", "⌋", Math.floor];
      for (const element of opening) setText(element, open);
      for (const element of closing) setText(element, close);
      const quotient = room / values.stride;
      const shown = Number.isInteger(quotient) ? quotient : Math.round(quotient * 100) / 100;
      setText(result, `${open}${written(shown)}${close} + 1 = `);
      setText(out, written(round(quotient) + 1));
      setText(mark, size ? "" : " ✗");
      setClass(numbers, size ? "cs-numbers" : "cs-numbers cs-wrong");
    },
  };
}

/** What each row of a square kernel adds to a sum, from its [pixel, weight] pairs in reading order. */
function rowSums(factors) {
  const size = Math.sqrt(factors.length);
  const product = ([value, weight]) => value * weight;
  return upTo(size).map((row) => factors.slice(row * size, (row + 1) * size).reduce((sum, pair) => sum + product(pair), 0));
}

const WRITTEN_OUT = 25; // products at most
export const MONOSPACED = 8.45; // pixels of a letter of 14 px

/** The terms of a sum, [pixel, weight] as texts, or of more products than are readable [what a row of the kernel adds]. */
const termsOf = (factors, readable) =>
  factors.length > readable
    ? rowSums(factors).map((part) => [factor(part)])
    : factors.map(([value, weight]) => [written(value), factor(weight)]);

/** How high a sum is on a page of this width. Of more products than are readable, each row may add a long number. */
export function sumHeight(name, factors, sum, width) {
  const byRows = factors.length > WRITTEN_OUT;
  const terms = termsOf(factors, WRITTEN_OUT).map((term) => (byRows ? "(−00)" : term.join("·")));
  return 22.4 * lineCount(`${name}${byRows ? ", row by row" : ""} = ${terms.join(" + ")} = ${sum}`, width, MONOSPACED);
}

/**
 * `output[0, 0] = 1·1 + …`, or `output[0, 0], row by row = 12 + …`: its terms are kept and filled in place.
 * Of more products than are `readable`, it says what each row of the kernel adds.
 */
export function makeSum(readable = WRITTEN_OUT) {
  const head = make("span");
  const total = make("b", "cs-output-ink");
  const root = make("div", "cs-sum");
  const terms = [];
  const addTerm = () => {
    const value = make("span", "cs-input-ink");
    const weight = make("span", "cs-kernel-ink");
    terms.push({ value, weight, plus: terms.length ? " + " : "" });
  };
  let shown = "";
  return {
    root,
    /** `name` is the output's, `factors` its [pixel, weight] pairs. */
    write(name, factors, sum) {
      const byRows = factors.length > readable;
      const texts = termsOf(factors, readable);
      while (terms.length < texts.length) addTerm();
      if (shown !== `${byRows} ${texts.length}`) {
        shown = `${byRows} ${texts.length}`;
        const part = ({ plus, value, weight }) => (byRows ? [plus, value] : [plus, value, "·", weight]);
        const parts = terms.slice(0, texts.length).flatMap(part);
        root.replaceChildren(head, ...parts, " = ", total); // a line breaks at spaces only
      }
      setText(head, `${name}${byRows ? ", row by row" : ""} = `);
      texts.forEach(([value, weight], index) => {
        setText(terms[index].value, value);
        if (!byRows) setText(terms[index].weight, weight);
      });
      setText(total, written(sum));
    },
  };
}
