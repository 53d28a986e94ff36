// Why settings are impossible, in the words of helpers/sentences.py and of torch.

import { lineCount, make, setText, show } from "./elements.js";
import { SENTENCES } from "./from_python.js";

/** A sentence with its values put in. One that is missing is a mistake here, which must not reach the page as a gap. */
export function fill(sentence, values) {
  return sentence.replace(/{(\w+)}/g, (_, name) => {
    if (values[name] == null) throw new Error(`No ${name} was given for "${sentence}"`);
    return values[name];
  });
}

/** Why a window has no place, in the words of helpers/arithmetic.py; `extra` cells are added by rounding up. */
export function kernelTooBig({ size, kernel_size, padding, dilation = 1 }, extra = 0) {
  const span = dilation * (kernel_size - 1) + 1;
  return fill(SENTENCES["kernel-too-big"], {
    size,
    kernel_size,
    padding,
    padded: size + 2 * padding,
    spread: dilation > 1 ? fill(SENTENCES.spread, { dilation, kernel_size, span }) : "",
    rounded_up: extra ? fill(SENTENCES.rounded_up, { extra }) : "",
  });
}

/** What torch says of a kernel that is larger than its padded input, both (height, width). */
export const kernelError = (padded, kernel) =>
  `RuntimeError: Calculated padded input size per channel: (${padded.join(" x ")}). ` +
  `Kernel size: (${kernel.join(" x ")}). Kernel size can't be greater than actual input size`;

/**
 * The smallest changes that make `works(values)` true, one slider each, as a remedy says them: the nearest value that
 * the slider reaches, of two as near the lower.
 */
export function nearestChanges(values, { lowest, highest, labels }, names, works) {
  const nearest = (name) => {
    for (let distance = 1; distance <= highest[name]; distance++)
      for (const value of [values[name] - distance, values[name] + distance])
        if (value >= lowest[name] && value <= highest[name] && works({ ...values, [name]: value })) return value;
    return null;
  };
  const found = names.map((name) => [labels[name], nearest(name)]);
  return found.filter(([, value]) => value !== null).map((change) => change.join(" "));
}

const remedyOf = ({ remedy }) => `Smallest change that works: ${remedy.join(" · or ")}`;
const messageOf = ({ torch }) => `PyTorch says: ${torch}`;

/** How high a refusal is on a page of this width, about. */
export const refusalHeight = (reasons, width) =>
  21 * (lineCount(reasons.problem, width, 8) + lineCount(remedyOf(reasons), width, 7.4)) + 6 + 18 * lineCount(messageOf(reasons), width, 7.3);

/**
 * Why a setting is impossible, below the picture: `write({ problem, remedy, torch })`, or `write(null)` where it is not.
 * `remedy` is the list of smallest changes that work, `torch` the error as Python would print its last line. The sliders
 * that the remedy names are marked.
 */
export function makeRefusal(sliders) {
  const problem = make("div", "cs-problem");
  const remedy = make("div", "cs-remedy");
  const torch = make("div", "cs-torch");
  const parts = [problem, remedy, torch];
  return {
    parts,
    write(reasons) {
      for (const element of parts) show(element, Boolean(reasons));
      sliders.mark(reasons?.remedy ?? []);
      if (!reasons) return;
      setText(problem, reasons.problem);
      setText(remedy, remedyOf(reasons));
      setText(torch, messageOf(reasons));
    },
    /** The same for a screen reader. */
    spoken: () => `${problem.textContent} ${remedy.textContent}.`,
  };
}
