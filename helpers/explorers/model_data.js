// What Python has sent of a network, its maps as bytes, and what it answers when it is asked for more.

import { watchTraits } from "./page/frame.js";
import { upTo } from "./page/elements.js";

export const NOT_A_NUMBER = -128; // the byte of one
const PATIENCE = 1000; // milliseconds: by then a kernel that is there and free has answered
const TRAITS = ["chain", "pictures", "maps", "limits", "kernels", "rows", "zeros", "strongest", "scores", "labels", "classes"];
TRAITS.push("problem", "cells", "place", "epoch", "epochs");

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

/**
 * A block's maps as they were sent: `at(image, channel)` is where one begins in `bytes`, or null where it was not sent.
 * `limit` is the largest number of this block in all states that were kept: as long as they are looked at, the same grey
 * is the same number. With `relu` what is below 0 stands for 0.
 */
function sentMaps({ scale, bytes, maps, height, width, limit, relu }, count) {
  const places = maps && new Map(maps.map((channel, place) => [channel, place]));
  const [sent, size] = [maps?.length ?? count, height * width];
  return {
    ...{ scale, limit, relu, height, width, channels: maps ?? upTo(count), whole: !maps, bytes: int8(bytes) },
    at(image, channel) {
      const place = places ? places.get(channel) : channel;
      return place === undefined ? null : (image * sent + place) * size;
    },
  };
}

/** What was sent of the version that is shown, read once: `block(index)` of maps, `kernel(index)`, `row(index)` of numbers. */
function makeSent(model) {
  const read = { block: new Map(), kernel: new Map(), row: new Map() };
  const once = (kind, make) => (index) => {
    if (!read[kind].has(index)) read[kind].set(index, make(index));
    return read[kind].get(index);
  };
  const countOf = (index) => mapsOf(model.get("chain")[index].shape)?.count;
  const limited = (index, sent) => sentMaps({ ...sent, limit: model.get("limits")[index] }, countOf(index));
  const block = once("block", (index) => {
    const sent = model.get("maps").blocks[index];
    if (!sent || !countOf(index)) return null;
    if (!sent.of) return limited(index, sent);
    const { scale, bytes, relu } = block(Number(sent.of)); // the same numbers in the same order, or their ReLU
    return limited(index, { ...sent, scale, bytes, relu: sent.relu || relu });
  });
  return {
    block,
    /** A layer's weights, { shape, weight }, or null where they are too many to be sent. */
    kernel: once("kernel", (index) => {
      const sent = model.get("kernels")[index];
      return sent ? { shape: sent.shape, weight: float32(sent.bytes) } : null;
    }),
    /** The numbers of a block of single ones, those of an image behind the other's; null where they were not sent. */
    row: once("row", (index) => (model.get("rows")[index] ? float32(model.get("rows")[index]) : null)),
    /** All maps of a block, which came later. */
    add: (index, sent) => read.block.set(index, limited(index, { ...sent, maps: null })),
    forget: () => Object.values(read).forEach((each) => each.clear()),
  };
}

/** One question to the kernel at a time; `redraw` is called when nothing comes. */
function makeAsking(send, redraw) {
  let waiting = null; // for what an answer is awaited
  let missed = null; // what was asked for in vain
  const stop = () => (clearTimeout(waiting?.timer), (waiting = null));
  return {
    ask(key, question) {
      if (waiting || missed === key) return;
      const giveUp = () => ((missed = key), (waiting = null), redraw());
      waiting = { key, timer: setTimeout(giveUp, PATIENCE) };
      send(question);
    },
    isMissed: (key) => missed === key,
    /** What is still wanted is asked for when it is drawn. */
    answered: () => (stop(), (missed = null)),
    stop,
  };
}

/**
 * The network as it is now: `step(index)` of its chain, its `block(index)` of maps, and `cell(block, image, place)`, the
 * answer to what that cell is a sum of. What is missing is asked for; `redraw` is called when it comes, and when nothing
 * comes. An answer about another version of the network is not used.
 */
export function makeNetwork(model, redraw) {
  let version = null;
  const answers = new Map(); // those that came later
  const [sent, asking] = [makeSent(model), makeAsking((question) => model.send({ ...question, version }), redraw)];
  const epochs = makeAsking(() => {}, redraw); // the slider itself has told the kernel

  /** Forget what was said of another version. */
  function renew() {
    if (version === model.get("maps").version) return;
    version = model.get("maps").version;
    answers.clear();
    sent.forget();
    asking.answered();
  }
  function hear(content, buffers) {
    if (content.version !== version) return;
    if ("maps" in content) sent.add(content.maps, { ...content, bytes: buffers[0] });
    else if (content.ask === "cell") {
      const { block, image, map, row, column } = content;
      answers.set([block, image, map, row, column].join(), content);
    } else return;
    asking.answered();
    redraw();
  }
  const traits = watchTraits(model, TRAITS, () => (renew(), redraw()));
  model.on("msg:custom", hear);
  renew();

  const step = (index) => model.get("chain")[index];
  return {
    ...{ step, block: sent.block, kernel: sent.kernel, row: sent.row },
    version: () => version,
    trait: (name) => model.get(name),
    /** All maps of a block; until they come those that are there. `late` says that they do not come. */
    whole(index) {
      const [key, known] = [`maps ${index}`, sent.block(index)];
      if (!known?.whole && mapsOf(step(index).shape)) asking.ask(key, { ask: "maps", block: index });
      return { known, late: !known?.whole && asking.isMissed(key) };
    },
    /** { answer }, or what is known of its absence: { waited } or { late }. */
    cell(index, image, [map, row, column]) {
      const key = [index, image, map, row, column].join();
      const answer = answers.get(key) ?? model.get("cells")[key];
      if (answer) return { answer };
      asking.ask(key, { ask: "cell", block: index, image, map, row, column });
      return asking.isMissed(key) ? { late: true } : { waited: true };
    },
    /** Was this epoch chosen in vain? */
    isLate(epoch) {
      if (epoch === model.get("epoch")) epochs.answered();
      else epochs.ask(epoch);
      return epochs.isMissed(epoch);
    },
    /** The place of the number that a block answers most with, as far as its sum was kept: it needs no kernel. */
    strongest(index, image) {
      const kept = Object.keys(model.get("cells")).find((key) => key.startsWith(`${index},${image},`));
      return kept?.split(",").slice(2).map(Number);
    },
    picture(image) {
      const { height, width, planes, pixels } = model.get("pictures");
      return { height, width, planes, bytes: uint8(pixels).subarray(image * height * width * planes) };
    },
    stop() {
      traits.stop();
      model.off("msg:custom", hear);
      asking.stop();
      epochs.stop();
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
