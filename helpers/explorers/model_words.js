// What a network's steps are called, and what is said of them.

import { plural } from "./page/elements.js";
import { told } from "./model_paint.js";

export const shapeText = (shape) => `(${shape.join(", ")})`;

/** A step's name as far as there is room: of a call the function's, of a numbered layer its kind, of a long path its end. */
export function shortName({ name, kind }, characters = 13) {
  const own = name.replace(/^[\w.]+: /, ""); // without the module that calls it
  const short = /^[\d.]+$/.test(own) && kind ? kind : /^[\w.]*?(\w+)\(.*\)$/.exec(own)?.[1] ?? own;
  return short.length > characters ? `…${short.slice(1 - characters)}` : short;
}

/** The name of a step that is read, as far as there is room for it; before the first there is the image. */
export const stepName = (chain, index, characters) => (index ? shortName(chain[index], characters) : "image");

/** The images that are looked at: of others they say nothing. */
export const theseImages = ({ count }) => (count === 1 ? "this image" : `these ${count} images`);

const areZero = (zeros, words, pictures) => `${plural(zeros.length, ...words)} ${zeros.length === 1 ? "is" : "are"} 0 in ${theseImages(pictures)}`;

/** A step in a sentence: what it is, and its shapes. */
export function stepSentence({ chain, network }, index) {
  const zeros = network.trait("zeros")[index];
  return `${shapesSentence(chain, index)}${zeros ? ` ${areZero(zeros, wordsOf(chain[index].shape), network.trait("pictures"))}.` : ""}`;
}

const wordsOf = (shape) => (shape.length === 1 ? ["number", "numbers"] : ["map", "maps"]);

function shapesSentence(chain, index) {
  const { call, kind, shape, inputs, parameters, note, name } = chain[index];
  if (!index) return `The image: ${shapeText(shape)}.`;
  const from = inputs.map((input) => shapeText(chain[input].shape)).join(" and ");
  return `${name}: ${from} → ${shapeText(shape)}. ${call ?? kind}${parameters ? `, ${parameters === 1 ? "1 parameter" : `${parameters.toLocaleString("en")} parameters`}` : ""}.${note ? ` ${note}` : ""}`;
}

/** A layer in a sentence. */
export function layerSentence({ chain, index, zeros, at, pointed, head, network, image, maps }) {
  if (pointed?.cell) return `${head}: its window in the input and its field in the image are marked, where it has them.`;
  const { shape } = chain[index];
  const names = zeros.slice(0, 12).join(", ") + (zeros.length > 12 ? " and others" : "");
  const none = zeros.length ? ` ${areZero(zeros, wordsOf(shape), network.trait("pictures"))}: ${names}.` : "";
  const size = chain[index].formula && ` Size: ${chain[index].formula}.`;
  const value = network.row(index)?.[image * maps.count + at.map];
  const own = value === undefined ? "" : ` Number ${at.map} is ${told(value)} for image ${image + 1}.`;
  return `${shapesSentence(chain, index)}${own}${size}${none}${zeros.includes(at.map) ? " The chosen one is among them." : ""}`;
}

/** What a screen reader is told. */
export function spoken({ depth, chain, index, image, network, head, answer, verdict }, sentence, refusal) {
  const shown = `Image ${image + 1} of ${network.trait("pictures").count}.`;
  if (depth === "chain") return `${plural(chain.length - 1, "step", "steps")}. ${shown} ${verdict} ${sentence} ${refusal.parts[0].hidden ? "" : refusal.spoken()}`;
  if (depth === "layer") return `${shown} ${sentence}`;
  return `${shown} ${chain[index].name}, ${head} ${answer ? `is ${answer.value}` : ""}. ${sentence}`;
}
