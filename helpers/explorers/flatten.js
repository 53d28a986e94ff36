// FlattenExplorer: the cells of a volume, their places in one row of memory, and what view makes of it.

import { keepHeight, make, plural, setClass, setText, show } from "./page/elements.js";
import { dimensions, endsOf, hasStrides, readingOrder, refusedSize, refusedStrides, rowSentence, verdict, wayBack } from "./flatten_order.js";
import { makeFormulas, makeShapes } from "./flatten_lines.js";
import { drawBatch, drawVolume, makeFigure, waysOf } from "./flatten_picture.js";
import { makeFlights } from "./flatten_flights.js";
import { makeScrub } from "./flatten_scrub.js";
import { ending, makeFrame, makeRemark, watchWidth } from "./page/frame.js";
import { makePlayer, watchPointing } from "./page/pointing.js";
import { findSliders } from "./page/sliders.js";

const shapeText = (sizes) => `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`;

const START = { grid: "plane-1", row: 1, column: 2 };
const LONGEST_NOTE = "x[2, 3, 4] lies at place 59 of memory and is number 59 in reading order.".length; // characters

/** The place in memory of a cell, pulled back into a volume that has become smaller; of START if it is not drawn. */
function placeOf(cell, { channels, height, width, batch, k, one, order, count }) {
  const inside = (index, size) => Math.min(index, size - 1);
  if (batch && cell.grid === "rows") return order[inside(cell.row * k + cell.column, count)];
  if (batch) return order[cell.grid === "pictures" ? cell.row * one + inside(cell.column, one) : one];
  if (cell.grid === "memory") return inside(cell.column, count);
  if (cell.grid === "output") return order[inside(cell.column, count)];
  const { grid, row, column } = cell.grid.startsWith("plane-") ? cell : START;
  const channel = inside(Number(grid.slice("plane-".length)), channels);
  return (channel * height + inside(row, height)) * width + inside(column, width);
}

/** The cell that keys and player pin: a plane's, or one of the batch's pictures. */
function cellAt(place, { height, width, batch, one, order }) {
  if (batch) return { grid: "pictures", row: Math.floor(place / one), column: order.indexOf(place) % one };
  const inPlane = place % (height * width);
  return { grid: `plane-${Math.floor(place / (height * width))}`, row: Math.floor(inPlane / width), column: inPlane % width };
}

/** Everything that follows from the controls. */
function arrangement(sliders, pictures) {
  const values = sliders.values();
  const dims = dimensions(values);
  const one = values.channels * values.height * values.width;
  const order = readingOrder(dims, values.batch ? pictures : 1);
  const positions = [];
  order.forEach((place, position) => (positions[place] = position));
  return { ...values, pictures, dims, one, order, positions, permuted: values.memory === "permuted", count: order.length };
}

/**
 * The cells to walk through with keys, player and the slider that unzips; `arranged()` is the present arrangement,
 * `redraw` is called when another cell is pointed at or one is on its way.
 */
function makeWalk(arranged, redraw) {
  const player = makePlayer(step, () => pointing.isHovered(), { changed: () => redraw() });
  const scrub = makeScrub((index) => (player.stop(), choose(index, arranged())), redraw);
  let pointing = null;

  const choose = (index, all) => pointing.pin(cellAt(all.order[index], all));

  /** On in reading order, and from the end to the beginning; the cells up to there are unzipped. */
  function step(delta) {
    const all = arranged();
    const from = all.positions[placeOf(pointing.pinned(), all)];
    const start = delta < 0 && from === 0 ? all.count : from;
    scrub.goTo(start + delta, start);
    choose((start + delta) % all.count, all);
  }

  /** To the neighbour on the page: through a plane and into the one beside it; through the rows of a batch. */
  function walk(down, right) {
    player.stop();
    const all = arranged();
    const place = placeOf(pointing.pinned(), all);
    if (all.batch) {
      const index = all.positions[place] + down * all.k + right;
      if (index >= 0 && index < all.count) pointing.pin(cellAt(all.order[index], all));
      return;
    }
    // The planes stand side by side: seen so, a row goes on in the next channel.
    const { channels, height, width } = all;
    const channel = Math.floor(place / (height * width));
    const across = channel * width + (place % width) + right;
    const row = (Math.floor(place / width) % height) + down;
    if (across < 0 || across >= channels * width || row < 0 || row >= height) return;
    pointing.pin({ grid: `plane-${Math.floor(across / width)}`, row, column: across % width });
  }

  const keys = {
    ArrowRight: () => walk(0, 1),
    ArrowLeft: () => walk(0, -1),
    ArrowDown: () => walk(1, 0),
    ArrowUp: () => walk(-1, 0),
    " ": player.toggle,
    Escape: () => (player.stop(), scrub.reset(), pointing.pin(START)),
  };
  return {
    player,
    scrub,
    at: () => pointing.at(),
    /** The cell that the learner has chosen; null before, and while it plays. */
    pinned: () => (player.playing() || pointing.pinned() === START ? null : pointing.pinned()),
    watch: (root, figure) => (pointing = watchPointing(root, figure, START, keys, redraw)),
  };
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const arranged = () => arrangement(sliders, model.get("pictures"));
  const formulas = makeFormulas();
  const walk = makeWalk(arranged, draw);
  const { player, scrub } = walk;
  const remark = makeRemark();
  const figure = makeFigure(sliders.highest.channels);
  const flights = makeFlights(figure.root);
  const shapes = makeShapes();
  figure.titles.volume.append(...shapes.roots);
  const notes = { judged: make("div", "cs-note"), note: make("div", "cs-note"), back: make("div", "cs-sum") };
  const frame = makeFrame(el, {
    sliders,
    formulas: formulas.roots,
    tools: [player.root, remark.root],
    figure: figure.root,
    beneath: [scrub.root],
    notes: Object.values(notes),
  });
  const space = watchWidth(frame.root, draw);
  walk.watch(frame.root, figure.root);

  let setting = "";
  function draw() {
    const all = arranged();
    const values = JSON.stringify(sliders.values());
    if (setting !== values) scrub.fit(all.count, all.batch);
    setting = values;
    const scene = { ...sceneOf(all, walk.at(), sliders.highest), gone: scrub.gone };
    const { memory, batch, count } = scene;
    const page = space.width();
    const mode = batch ? "batch" : memory;
    setClass(frame.root, `cs-explorer cs-flatten${page < 900 ? " cs-narrow" : ""}`);
    sliders.offer("k", batch);
    formulas.write(mode, scene.filled, scene.divides);
    shapes.write(memory, scene.filled);
    const panels = batch ? ["pictures", "rows"] : memory === "permuted" ? ["volume", "memory", "output"] : ["volume", "memory"];
    for (const [name, panel] of Object.entries(figure.panels)) {
      show(panel, panels.includes(name));
      setClass(panel, `cs-panel cs-panel-${name}${name === panels.at(-1) ? " cs-goal" : ""}`);
    }
    for (const grid of figure.allGrids) grid.pin(walk.pinned());
    const needed = (batch ? drawBatch : drawVolume)(figure, scene, page - 4);
    keepHeight(figure.root, needed);
    flights.draw(`${page} ${setting}`, count, scrub, () => waysOf(figure, scene));
    scrub.write(endsOf(scene), (index) => toldOf(index, scene));
    remark.write(`Play goes ${batch || memory === "permuted" ? "in reading order" : "along memory"}`);
    writeCode(frame.code, scene);
    writeBelow(frame.refusal, notes, scene, page, mode);
    if (!player.playing() && !scrub.isUsed()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  sliders.watch(draw);
  draw();
  return ending(sliders, space, player, scrub, frame.speaker);
}

/** Channel, row and column of a place in memory. */
const indicesOf = (place, { channels, height, width }) => [
  Math.floor(place / (height * width)) % channels,
  Math.floor(place / width) % height,
  place % width,
];

/** The cell whose turn it is, in words, and where it goes. */
function toldOf(index, all) {
  const { batch, permuted, k, one, order, count } = all;
  const [c, h, w] = indicesOf(order[index], all);
  const picture = batch ? `picture ${Math.floor(index / one)}, ` : "";
  const memory = permuted ? `, place ${order[index]} of memory` : "";
  const to = batch ? `row ${Math.floor(index / k)}, column ${index % k}` : index;
  return `cell ${index} of ${count}: ${picture}channel ${c}, row ${h}, column ${w}${memory} → ${to}`;
}

/** The arrangement, what is pointed at, and what becomes of the view, before anything is drawn. */
function sceneOf(all, at, highest) {
  const { channels, height, width, permuted, batch, pictures, k, one, order, positions, count } = all;
  const place = placeOf(at, all);
  const position = positions[place];
  const across = batch ? k : count;
  const divides = count % across === 0;
  const views = divides && hasStrides(order, across);
  const [c, h, w] = indicesOf(place, all);
  const where = `x[${c}, ${h}, ${w}] lies at place ${place} of memory`;
  const inOrder = permuted ? `${where} and is number ${position} in reading order.` : `${where}.`;
  const wanted = batch ? `-1, ${k}` : "-1";
  return {
    ...{ ...all, place, position, divides, views, wanted },
    x: permuted ? `x.permute(${batch ? "0, 2, 3, 1" : "1, 2, 0"})` : "x",
    filled: {
      ...{ "c name": "c", "h name": "h", "w name": "w", "C name": "C", "H name": "H", "W name": "W" },
      ...{ c, h, w, C: channels, H: height, W: width, N: pictures, k, one, count, place },
      ...{ "C stride": height * width, "H stride": width, "W stride": 1 },
      rows: divides ? count / across : `${(count / across).toFixed(2)} ✗`,
    },
    told: batch ? rowSentence(Math.floor(position / k), all) : inOrder,
    judgement: batch && divides ? `${views ? "" : "With reshape: "}${verdict(all, pictures)}` : "",
    reasons: views ? null : divides ? refusedStrides(all, wanted) : refusedSize(all, highest),
  };
}

/** What runs: x, perhaps permuted, and the view. */
function writeCode(code, { x, wanted, dims, channels, height, width, batch, pictures, permuted, k, count, views }) {
  const first = batch ? [pictures] : [];
  const start = shapeText([...first, channels, height, width]);
  const read = shapeText([...first, ...dims.map((dimension) => dimension.size)]);
  const made = views ? shapeText(batch ? [count / k, k] : [count]) : "RuntimeError";
  code.write(`${x}.view(${wanted})`, `  # ${start}${permuted ? ` → ${read}` : ""} → ${made}`);
}

/** Below: what is pointed at, and why a view is refused. */
function writeBelow(refusal, { judged, note, back }, scene, page, mode) {
  const { batch, pictures, k, one, position, dims, divides, told, judgement, reasons } = scene;
  const room = page - 4;
  setText(note, told);
  const longest = batch ? 24 + 18 * Math.min(pictures, Math.ceil(k / one) + 1) : LONGEST_NOTE; // characters
  keepHeight(note, Math.ceil((longest * 8) / room) * 21);
  show(judged, batch && divides);
  setText(judged, judgement);
  setClass(judged, k === one ? "cs-note" : "cs-note cs-unread");
  show(back, !batch);
  setText(back, batch ? "" : `The way back from ${position}: ${wayBack(position, dims).join(", ")}`);
  keepHeight(back, Math.ceil((76 * 8.5) / room) * 23);
  refusal.write(reasons);
}

/** What a screen reader is told. */
function spoken({ channels, height, width, memory, batch, pictures, k, count, told, judgement, reasons }, refusal) {
  const batched = batch ? `, batch of ${pictures}, rows of ${k}` : "";
  const setting = `${plural(channels, "channel", "channels")} of ${height} by ${width}, ${memory}${batched}`;
  const result = reasons ? `view is refused. ${refusal.spoken()}` : batch ? judgement : `one row of ${count} numbers.`;
  return `${setting}: ${result} ${told}`;
}

export default { render };
