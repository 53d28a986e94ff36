// What a network's steps are called, and what is said of them.

import { plural } from "./page/elements.js";

export const shapeText = (shape) => `(${shape.join(", ")})`;

/** A step's name as far as there is room: of a call the function's, of a numbered layer its kind, of a long path its end. */
export function shortName({ name, kind }, characters = 13) {
  const own = name.replace(/^[\w.]+: /, ""); // without the module that calls it
  const short = /^[\d.]+$/.test(own) && kind ? kind : /^[\w.]*?(\w+)\(.*\)$/.exec(own)?.[1] ?? own;
  return short.length > characters ? `…${short.slice(1 - characters)}` : short;
}

/** A step in a sentence: what it is, and its shapes. */
export function stepSentence(chain, index, dead) {
  const { call, kind, shape, inputs, parameters, note, name } = chain[index];
  if (!index) return `The image: ${shapeText(shape)}.`;
  const from = inputs.map((input) => shapeText(chain[input].shape)).join(" and ");
  const none = dead?.length ? ` ${plural(dead.length, "map")} of it ${dead.length === 1 ? "is" : "are"} dead.` : "";
  return `${name}: ${from} → ${shapeText(shape)}. ${call ?? kind}${parameters ? `, ${parameters === 1 ? "1 parameter" : `${parameters.toLocaleString("en")} parameters`}` : ""}.${note ? ` ${note}` : ""}${none}`;
}

/** A layer in a sentence. */
export function layerSentence({ chain, index, dead, at, pointed, head, note }) {
  if (pointed?.cell) return `${head}: the window in its input and its field in the image are marked.`;
  const { shape } = chain[index];
  const names = dead.slice(0, 12).join(", ") + (dead.length > 12 ? ", …" : "");
  const none = dead.length ? ` ${plural(dead.length, "dead map")}, the same everywhere in all images: ${names}.` : "";
  const size = chain[index].formula && ` Size: ${chain[index].formula}.`;
  return `${stepSentence(chain, index, null)}${size}${none}${dead.includes(at.map) ? " The chosen one is dead." : ""}`;
}

/** What a screen reader is told. */
export function spoken({ depth, chain, index, image, network, head, answer, verdict }, sentence, refusal) {
  const shown = `Image ${image + 1} of ${network.trait("pictures").count}.`;
  if (depth === "chain") return `${plural(chain.length - 1, "step")}. ${shown} ${verdict} ${sentence} ${refusal.parts[0].hidden ? "" : refusal.spoken()}`;
  if (depth === "layer") return `${shown} ${sentence}`;
  return `${shown} ${chain[index].name}, ${head} ${answer ? `is ${answer.value}` : ""}. ${sentence}`;
}
