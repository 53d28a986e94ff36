// What Python has sent of a network, its maps as bytes, and what it answers when it is asked for more.

import { watchTraits } from "./page/frame.js";
import { upTo } from "./page/elements.js";

export const NOT_A_NUMBER = -128; // the byte of one
const PATIENCE = 1000; // milliseconds: by then a kernel that is there and free has answered
const TRAITS = ["chain", "pictures", "maps", "kernels", "dead", "strongest", "scores", "labels", "classes", "problem", "cells", "place"];

/** A shape, without its batch, as maps: how many, and their rows and columns; null where it cannot be drawn so. */
export function mapsOf(shape) {
  if (shape.length === 3) return { count: shape[0], rows: shape[1], columns: shape[2] };
  if (shape.length === 2) return { count: 1, rows: shape[0], columns: shape[1] };
  return shape.length === 1 ? { count: shape[0], rows: 1, columns: 1 } : null;
}

/** Numbers in a row as a rectangle, higher than it is wide: { rows, columns }. */
export function folded(count) {
  const rows = Math.min(count, Math.max(16, Math.ceil(Math.sqrt(2 * count))));
  return { rows, columns: Math.ceil(count / rows) };
}

const int8 = (view) => new Int8Array(view.buffer, view.byteOffset, view.byteLength);
const uint8 = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
/** float32 numbers; a buffer may start anywhere, the numbers in it may not. */
const float32 = (view) => new Float32Array(uint8(view).slice().buffer);

/** A block's maps as they were sent: `at(image, channel)` is where one begins in `bytes`, or null where it was not sent. */
function sentMaps({ scale, bytes, maps, height, width }, count) {
  const channels = maps ?? upTo(count);
  const places = new Map(channels.map((channel, place) => [channel, place]));
  const size = height * width;
  return {
    ...{ scale, height, width, channels, whole: !maps, bytes: int8(bytes) },
    at: (image, channel) => (places.has(channel) ? (image * channels.length + places.get(channel)) * size : null),
  };
}

/**
 * The network as it is now: `step(index)` of its chain, its `block(index)` of maps, and `cell(block, image, place)`, the
 * answer to what that cell is a sum of. What is missing is asked for; `redraw` is called when it comes, and when nothing
 * comes. An answer about another version of the network is not used.
 */
export function makeNetwork(model, redraw) {
  let version = null;
  let [blocks, answers, kernels] = [new Map(), new Map(), new Map()];
  let waiting = null; // for what an answer is awaited
  let missed = null; // what was asked for in vain

  /** Forget what was said of another version. */
  function renew() {
    if (version === model.get("maps").version) return;
    version = model.get("maps").version;
    [blocks, answers, kernels] = [new Map(), new Map(Object.entries(model.get("cells"))), new Map()];
    endWaiting();
    missed = null;
  }
  function endWaiting() {
    clearTimeout(waiting?.timer);
    waiting = null;
  }
  /** One question at a time: what is still wanted when its answer comes is asked for then. */
  function ask(key, question) {
    if (waiting || missed === key) return;
    const giveUp = () => ((missed = key), (waiting = null), redraw());
    waiting = { key, timer: setTimeout(giveUp, PATIENCE) };
    model.send({ ...question, version });
  }
  function hear(content, buffers) {
    if (content.version !== version) return;
    if ("maps" in content) {
      const { count } = mapsOf(model.get("chain")[content.maps].shape);
      blocks.set(content.maps, sentMaps({ ...content, maps: null, bytes: buffers[0] }, count));
    } else if (content.ask === "cell") {
      const { block, image, map, row, column } = content;
      answers.set([block, image, map, row, column].join(), content);
    } else return;
    endWaiting();
    missed = null;
    redraw();
  }

  const changed = () => (renew(), redraw());
  const traits = watchTraits(model, TRAITS, changed);
  model.on("msg:custom", hear);
  renew();

  const step = (index) => model.get("chain")[index];
  function block(index) {
    if (!blocks.has(index)) {
      const sent = model.get("maps").blocks[index];
      const maps = mapsOf(step(index).shape);
      blocks.set(index, sent && maps ? sentMaps({ ...sent, ...(sent.of ? made(sent) : {}) }, maps.count) : null);
    }
    return blocks.get(index);
  }
  /** The numbers of a block that are another's, in the same order, by ReLU or only moved. */
  function made({ of, relu }) {
    const { scale, bytes } = block(Number(of));
    return { scale, bytes: relu ? bytes.map((byte) => (byte < 0 && byte !== NOT_A_NUMBER ? 0 : byte)) : bytes };
  }
  return {
    step,
    block,
    version: () => version,
    trait: (name) => model.get(name),
    /** All maps of a block; until they come those that are there. `late` says that they do not come. */
    whole(index) {
      const [key, known] = [`maps ${index}`, block(index)];
      if (!known?.whole && mapsOf(step(index).shape)) ask(key, { ask: "maps", block: index });
      return { known, late: !known?.whole && missed === key };
    },
    /** { answer }, or what is known of its absence: { waited } or { late }. */
    cell(index, image, [map, row, column]) {
      const key = [index, image, map, row, column].join();
      const answer = answers.get(key);
      if (answer) return { answer };
      ask(key, { ask: "cell", block: index, image, map, row, column });
      return missed === key ? { late: true } : { waited: true };
    },
    /** The place of the number that a block answers most with, as far as its sum was kept: it needs no kernel. */
    strongest(index, image) {
      const kept = Object.keys(model.get("cells")).find((key) => key.startsWith(`${index},${image},`));
      return kept?.split(",").slice(2).map(Number);
    },
    /** A layer's weights, { shape, weight, bias }, or null where they are too many to be sent. */
    kernel(index) {
      if (!kernels.has(index)) {
        const sent = model.get("kernels")[index];
        kernels.set(index, sent ? { shape: sent.shape, weight: float32(sent.bytes) } : null);
      }
      return kernels.get(index);
    },
    picture(image) {
      const { height, width, planes, pixels } = model.get("pictures");
      return { height, width, planes, bytes: uint8(pixels).subarray(image * height * width * planes) };
    },
    stop() {
      traits.stop();
      model.off("msg:custom", hear);
      endWaiting();
    },
  };
}

/** Which maps are drawn, the front one first: those that answer most, and before them the chosen one. */
export function orderOf(network, index, known, map = null) {
  const channels = known?.channels ?? [];
  const strongest = (network.trait("strongest")[index] ?? channels).filter((channel) => channels.includes(channel));
  const first = map !== null && channels.includes(map) ? [map] : [];
  return [...new Set([...first, ...strongest, ...channels])];
}
