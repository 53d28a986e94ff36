// ChannelsExplorer: the parameters that are counted, and the sums that are written out.

import { factor, keepHeight, make, plural, setClass, setStyle, setText, show, upTo, written } from "./page/elements.js";
import { colourOf, planeName } from "./channels_layout.js";
import { makeSum, windowTerms } from "./page/windows.js";

/** What the weight's shape and the number of parameters are; `write(values)` fills the numbers in. */
export function makeCount() {
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

/** Lines that so many characters take, at most. */
export const linesOf = (characters, width) => Math.ceil((characters * (width < 500 ? 9.6 : 8.5)) / width);

/** The chosen output as a sum over the planes, and each plane's own sum: `write(scene, width)`. */
export function makeSums(planes) {
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
