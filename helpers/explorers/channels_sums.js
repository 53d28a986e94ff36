// ChannelsExplorer: the parameters that are counted, and the sums that are written out.

import { factor, make, plural, setClass, setText, show, upTo, written } from "./page/elements.js";
import { colourOf, planeName } from "./channels_layout.js";
import { makeSum, windowTerms } from "./page/windows.js";

/** What the weight's shape and the number of parameters are; `write(values)` fills the numbers in. */
export function makeCount() {
  const inks = ["cs-output-ink", "cs-input-ink", "cs-kernel-ink", "cs-kernel-ink"];
  const ink = (place, text = "") => make("b", inks[place], text);
  const words = make("div", "cs-words", "weight (", ink(0, "filters"), ", ", ink(1, "input planes"), ", ");
  words.append(ink(2, "kernel"), ", ", ink(3, "kernel"), ") and one bias a filter");
  const parts = upTo(4).map((place) => [0, 1].map(() => ink(place)));
  const biases = ink(0);
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
      setText(total, ` = ${plural(out_channels * (in_channels * kernel_size ** 2 + 1), "parameter", "parameters")}`);
    },
  };
}

const READABLE = 16; // products of one plane: there are several planes

/** The chosen output as a sum over the planes, and each plane's own sum: `write(scene)`. */
export function makeSums(planes) {
  const [addition, answer] = [make("span"), make("b", "cs-output-ink")];
  const sums = upTo(planes).map(() => makeSum(READABLE));
  const lines = [make("div", "cs-sum cs-equation", addition, answer), ...sums.map((sum) => sum.root)].map((line) => {
    const longest = make("div", "cs-longest");
    longest.setAttribute("aria-hidden", "true");
    return { longest, root: make("div", "cs-one-place", line, longest) };
  });
  const root = make("div", "cs-arithmetic", ...lines.map((line) => line.root));
  return {
    root,
    write({ values, out, weights, biases, pixel, planeSum, results, sum: at, chosen }) {
      const { in_channels } = values;
      lines.forEach((line, place) => show(line.root, out > 0 && place <= in_channels));
      longestSums(values, weights).forEach((text, place) => setText(lines[place].longest, text));
      if (!at) return;
      const addends = upTo(in_channels).map((channel) => planeSum(chosen, channel, at));
      const added = addends.map((sum, index) => (index ? factor(sum) : written(sum))).join(" + ");
      setText(addition, `output[${chosen}, ${at.row}, ${at.column}] = ${added} + bias ${factor(biases[chosen])} = `);
      setText(answer, written(results[chosen][at.row][at.column]));
      sums.slice(0, in_channels).forEach((sum, channel) => {
        setClass(sum.root, `cs-sum ${colourOf(channel, values)}`);
        const factors = windowTerms(pixel[channel], weights[chosen][channel], at, values);
        sum.write(planeName(channel, values), factors, addends[channel]);
      });
    },
  };
}

/** The longest that each line can be: as high is its place, whatever is pointed at, so that nothing below moves. */
function longestSums(values, weights) {
  const { in_channels, out_channels } = values;
  const planes = upTo(in_channels).map((channel) => {
    const kernels = upTo(out_channels).map((filter) => weights[filter][channel].flat());
    const brackets = (kernel) => kernel.filter((weight) => weight < 0).length;
    const longest = kernels.reduce((most, kernel) => (brackets(kernel) > brackets(most) ? kernel : most));
    if (longest.length > READABLE) {
      const rows = upTo(values.kernel_size).map(() => "(−00)");
      return `${planeName(channel, values)}, row by row = ${rows.join(" + ")} = −00`;
    }
    return `${planeName(channel, values)} = ${longest.map((weight) => `0·${factor(weight)}`).join(" + ")} = −00`;
  });
  return [`output[0, 0, 0] = ${planes.map(() => "(−00)").join(" + ")} + bias (−0) = −00`, ...planes];
}
