// FlattenExplorer: the cells of a volume, their places in one row of memory, and what view makes of it.

import { keepHeight, make, plural, setClass, setNote, setStyle, setText, show, upTo, within } from "./page/elements.js";
import { ending, makeFrame, watchWidth } from "./page/frame.js";
import { makeGrid } from "./page/grid.js";
import { makePlayer, watchPointing } from "./page/pointing.js";
import { findSliders } from "./page/sliders.js";

const LARGEST_CELL = 34;
const SMALLEST_CELL = 26; // two digits at 13 px
// Pixels as the style sheet has them: in front of each row of a batch, a panel's title, between panels and planes.
const LABEL = 26;
const TITLE = 26;
const GAP = 18;
const INK = /^[CHW]( name| stride)?$/i; // places in a line that have the colour of their dimension

const shapeText = (sizes) => `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`;

/** A line of text with places to fill in: "= {c}·{C stride}"; `write({ c: 1, "C stride": 12 })`. */
function makeLine(className, template) {
  const root = make("div", className);
  const places = [];
  template.split(/[{}]/).forEach((part, index) => {
    if (index % 2 === 0) return root.append(part);
    const place = make("span", INK.test(part) ? `cs-${part[0].toLowerCase()}-ink` : "");
    places.push([part, place]);
    root.append(place);
  });
  return { root, write: (values) => places.forEach(([name, place]) => setText(place, values[name])) };
}

/** The dimensions of one volume in the order they are read, each with its stride in memory. */
function dimensions({ channels, height, width, memory }) {
  const c = { name: "c", size: channels, stride: height * width };
  const h = { name: "h", size: height, stride: width };
  const w = { name: "w", size: width, stride: 1 };
  return memory === "permuted" ? [h, w, c] : [c, h, w];
}

/** The places in memory of all numbers of `pictures` volumes, in reading order. */
function readingOrder([first, second, third], pictures) {
  const one = first.size * second.size * third.size;
  const order = [];
  for (let n = 0; n < pictures; n++)
    for (let i = 0; i < first.size; i++)
      for (let j = 0; j < second.size; j++)
        for (let k = 0; k < third.size; k++)
          order.push(n * one + i * first.stride + j * second.stride + k * third.stride);
  return order;
}

/** Whether one step along a row and one from row to row lead through all places: then torch can view them so. */
function hasStrides(order, across) {
  const along = across > 1 ? order[1] - order[0] : 0;
  const down = across < order.length ? order[across] - order[0] : 0;
  return order.every((place, index) => place === Math.floor(index / across) * down + (index % across) * along);
}

/** `c = 23 // 12 = 1, …`: from a position in reading order back to the indices. */
function wayBack(position, [first, second, third]) {
  const block = second.size * third.size;
  return [
    `${first.name} = ${position} // ${block} = ${Math.floor(position / block)}`,
    `${second.name} = ${position} % ${block} // ${third.size} = ${Math.floor((position % block) / third.size)}`,
    `${third.name} = ${position} % ${third.size} = ${position % third.size}`,
  ];
}

/** The values of k nearest to this one that cut `count` numbers without a remainder. */
function nearestDivisors(count, k, highest) {
  const divisors = upTo(highest).map((index) => index + 1).filter((divisor) => count % divisor === 0);
  const least = Math.min(...divisors.map((divisor) => Math.abs(divisor - k)));
  return divisors.filter((divisor) => Math.abs(divisor - k) === least);
}

/** Which pictures row number `row` holds numbers of, as [picture, how many]. */
function holdings(row, { k, one, count }) {
  const [start, end] = [row * k, Math.min((row + 1) * k, count)];
  const first = Math.floor(start / one);
  const pictures = upTo(Math.floor((end - 1) / one) - first + 1).map((index) => first + index);
  return pictures.map((picture) => [picture, Math.min(end, (picture + 1) * one) - Math.max(start, picture * one)]);
}

/** `Row 1 holds 8 numbers of picture 0 and 16 of picture 1.` */
function rowSentence(row, all) {
  const held = holdings(row, all).map(([picture, some], index) => `${index ? some : plural(some, "number")} of picture ${picture}`);
  const last = held.pop();
  return `Row ${row} holds ${held.length ? `${held.join(", ")} and ${last}` : last}.`;
}

/** What the rows of a batch are good for, in a sentence. */
function verdict(all, pictures) {
  const { k, one, count } = all;
  if (k === one) return "✓ One row for each picture.";
  const rows = count / k;
  const mixed = upTo(rows).filter((row) => holdings(row, all).length > 1).length;
  const made = `✗ ${plural(rows, "row")} for ${pictures} pictures`;
  if (!mixed) return `${made}: each picture is cut into ${one / k}. No error.`;
  if (mixed === rows) return `${made}, and ${rows === 1 ? "it mixes them all" : "each mixes pictures"}. No error.`;
  return `${made}, and ${mixed} of them ${mixed === 1 ? "mixes" : "mix"} pictures. No error.`;
}

/** Why numbers that are out of order in memory cannot be viewed as `view(wanted)` would. */
function refusedStrides({ order, batch, k }, wanted) {
  const beginning = order.slice(0, 5).join(", ") + (order.length > 5 ? ", …" : "");
  const missing = batch ? `no strides lead through rows of ${k}` : "no single stride leads through them";
  return {
    problem: `In reading order the numbers lie at places ${beginning}: ${missing}, and view never copies.`,
    remedy: [`.reshape(${wanted}), which copies`, `.contiguous().view(${wanted})`],
    torch:
      "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans " +
      "across two contiguous subspaces). Use .reshape(...) instead.",
  };
}

/** Why so many numbers do not make whole rows of k. Out of order in memory, they need another call as well. */
function refusedSize({ count, k, one, order }, highest) {
  const near = nearestDivisors(count, k, highest.k).filter((divisor) => divisor !== one);
  const call = hasStrides(order, one) ? "" : " with reshape";
  return {
    problem: `${count} numbers do not fill whole rows of ${k}: ${count} = ${Math.floor(count / k)}·${k} + ${count % k}.`,
    remedy: [...near.map((divisor) => `k ${divisor}${call}`), `k ${one}${call}: C·H·W, one row for each picture`],
    torch: `RuntimeError: shape '[-1, ${k}]' is invalid for input of size ${count}`,
  };
}

/** How many cells stand in a line: all, or whole blocks of the reading order, as many as fit. */
function perLine(count, [, second, third], fit) {
  if (count <= fit) return count;
  const block = [second.size * third.size, third.size].find((size) => size <= fit);
  return block * Math.floor(fit / block);
}

/** The panels' elements, empty: planes, memory and the new row for one volume; two ways of cutting for a batch. */
function makeFigure(channels) {
  const planes = upTo(channels).map((channel) => {
    const grid = makeGrid("plane", { name: `plane-${channel}` });
    return { grid, root: make("div", "", make("div", `cs-plane-name cs-hue-${channel}`, `channel ${channel}`), grid.root) };
  });
  const grids = {
    memory: makeGrid("memory"),
    output: makeGrid("memory", { name: "output" }),
    pictures: makeGrid("rows", { name: "pictures" }),
    rows: makeGrid("rows"),
  };
  const panels = { volume: make("div", "cs-planes", ...planes.map((plane) => plane.root)) };
  for (const name of Object.keys(grids)) panels[name] = grids[name].root;
  const titles = {};
  const root = make("div", "cs-figure");
  for (const [name, element] of Object.entries(panels)) {
    titles[name] = make("div", "cs-title");
    panels[name] = make("div", `cs-panel cs-panel-${name}`, titles[name], element);
    root.append(panels[name]);
  }
  root.setAttribute("aria-label", "The volume and its memory. Arrow keys move, Space plays along, Escape goes back.");
  return { root, planes, grids, panels, titles };
}

/** What stands above the picture, a block for each mode; `write(mode, values, right)` fills it in and shows one. */
function makeFormulas() {
  const templates = {
    contiguous: [
      "index = {c name}·{H name}·{W name} + {h name}·{W name} + {w name}",
      "= {c}·{C stride} + {h}·{H stride} + {w} = {place}",
      "x.stride() = ({C stride}, {H stride}, {W stride}): places to the next channel {C stride}, row {H stride}, column {W stride}",
    ],
    permuted: [
      "index = {h name}·{W name} + {w name} + {c name}·{H name}·{W name}",
      "= {h}·{H stride} + {w} + {c}·{C stride} = {place}",
      "stride = ({H stride}, {W stride}, {C stride}): places to the next row {H stride}, column {W stride}, channel {C stride}",
    ],
    batch: [
      "rows = N·{C name}·{H name}·{W name} / k",
      "= {N}·{C}·{H}·{W} / {k} = {count} / {k} = {rows}",
      "one picture has {C}·{H}·{W} = {one} numbers, drawn in a colour of its own",
    ],
  };
  const blocks = Object.entries(templates).map(([mode, [words, numbers, below]]) => {
    const lines = [makeLine("cs-words", words), makeLine("cs-numbers", numbers), makeLine("cs-strides", below)];
    return { mode, lines, root: make("div", "cs-formula", ...lines.map((line) => line.root)) };
  });
  return {
    roots: blocks.map((block) => block.root),
    write(mode, values, right) {
      for (const { mode: own, lines, root } of blocks) {
        show(root, own === mode);
        if (own === mode) for (const line of lines) line.write(values);
        setClass(lines[1].root, right ? "cs-numbers" : "cs-numbers cs-wrong");
      }
    },
  };
}

const START = { grid: "plane-1", row: 1, column: 2 };

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

/** Planes, memory, and for a permuted volume the new row; returns the height they need. */
function drawVolume({ planes, grids, titles }, all, room) {
  const { channels, height, width, memory, dims, order, count, place, x, views } = all;
  const permuted = memory === "permuted";
  const classOf = (at) => `cs-hue-${Math.floor(at / (height * width))}${at === place ? " cs-lit" : ""}`;
  const cell = within(SMALLEST_CELL, LARGEST_CELL, (room / channels - GAP) / width);
  planes.forEach(({ grid, root }, channel) => {
    show(root, channel < channels);
    if (channel >= channels) return;
    grid.draw(height, width, cell, (element, row, column) => {
      const at = (channel * height + row) * width + column;
      setText(element, `${at}`);
      return classOf(at);
    });
  });
  const drawRow = (grid, places, blocks) => {
    const across = perLine(count, blocks, Math.floor(room / SMALLEST_CELL));
    const size = within(SMALLEST_CELL, LARGEST_CELL, room / across);
    setStyle(grid.root, "--across", across);
    grid.draw(1, count, size, (element, _, column) => {
      setText(element, `${places[column]}`);
      return classOf(places[column]);
    });
    return TITLE + Math.ceil(count / across) * (size + 6) - 6;
  };
  const memoryHeight = drawRow(grids.memory, upTo(count), dimensions({ channels, height, width }));
  const copyHeight = permuted ? drawRow(grids.output, order, dims) + GAP : 0;
  setText(titles.memory, permuted ? "memory: nothing has moved" : `x.view(-1) (${count},): the row of memory`);
  const sameRow = `${x}.view(-1) (${count},): the row of memory as it is`;
  setText(titles.output, views ? sameRow : `${x}.reshape(-1) (${count},): a copy, in reading order`);
  const abreast = Math.max(1, Math.floor((room + GAP) / (width * cell + GAP)));
  const planesHeight = TITLE + Math.ceil(channels / abreast) * (height * cell + 30) - 10;
  return planesHeight + GAP + memoryHeight + copyHeight;
}

/** The batch as one row for each picture, and as rows of k; returns the height they need. */
function drawBatch({ grids, titles }, all, room) {
  const { pictures, k, one, count, position, x, views, divides } = all;
  const cell = Math.min(20, Math.floor((room - LABEL) / Math.max(k, one)));
  const drawRows = (grid, across) => {
    const rows = Math.ceil(count / across);
    const abreast = Math.max(1, Math.floor((room + 20) / (across * cell + LABEL + 20)));
    const down = Math.min(rows, Math.max(16, Math.ceil(rows / abreast)));
    setStyle(grid.root, "--down", down);
    grid.draw(rows, across, cell, (element, row, column) => {
      const at = row * across + column;
      if (at >= count) return null;
      const picture = Math.floor(at / one);
      setText(element, cell >= 14 ? `${picture}` : "");
      return `cs-hue-${picture}${at === position ? " cs-lit" : ""}`;
    });
    for (let row = 0; row < rows; row++) {
      const line = grid.root.children[row];
      const mixed = holdings(row, { k: across, one, count }).length > 1;
      setNote(line, `${row}`);
      setClass(line, `cs-row${mixed ? " cs-mixed" : ""}${(row + 1) * across > count ? " cs-short" : ""}`);
    }
    return TITLE + down * 18 - 2;
  };
  const needed = drawRows(grids.pictures, one) + GAP + drawRows(grids.rows, k);
  setText(titles.pictures, `${x}.flatten(1) (${pictures}, ${one}): one row for each picture, whatever its size`);
  const short = `${x}.view(-1, ${k}): no output, ${plural(Math.floor(count / k), "whole row")} and ${count % k} left over`;
  const viewed = `${x}.view(-1, ${k}) (${count / k}, ${k})`;
  const copied = `${x}.reshape(-1, ${k}) (${count / k}, ${k}): a copy, as view is refused`;
  setText(titles.rows, views ? viewed : divides ? copied : short);
  setClass(titles.rows, views ? "cs-title" : "cs-title cs-wrong");
  return needed;
}

/** Everything that follows from the controls. */
function arrangement(sliders, pictures) {
  const values = sliders.values();
  const dims = dimensions(values);
  const one = values.channels * values.height * values.width;
  const order = readingOrder(dims, values.batch ? pictures : 1);
  return { ...values, pictures, dims, one, order, count: order.length };
}

/** The cells to walk through with keys and player; `arranged()` is the present arrangement. */
function makeWalk(arranged) {
  const player = makePlayer(step, () => pointing.isHovered());
  let pointing = null;

  /** On in reading order, and from the end to the beginning. */
  function step(delta) {
    const all = arranged();
    const from = all.order.indexOf(placeOf(pointing.pinned(), all));
    pointing.pin(cellAt(all.order[(from + delta + all.count) % all.count], all));
  }

  /** To the neighbour on the page: through a plane and into the one beside it; through the rows of a batch. */
  function walk(down, right) {
    player.stop();
    const all = arranged();
    const place = placeOf(pointing.pinned(), all);
    if (all.batch) {
      const index = all.order.indexOf(place) + down * all.k + right;
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
    Escape: () => (player.stop(), pointing.pin(START)),
  };
  return {
    player,
    at: () => pointing.at(),
    watch: (root, figure, redraw) => (pointing = watchPointing(root, figure, START, keys, redraw)),
  };
}

/** The shape of the volume, above its planes; `write(memory, values)`. */
function makeShapes() {
  const lines = {
    contiguous: makeLine("", "x ({C name}, {H name}, {W name}) = ({C}, {H}, {W})"),
    permuted: makeLine("", "x.permute(1, 2, 0) ({H name}, {W name}, {C name}) = ({H}, {W}, {C}): the same cells, read with the channels last"),
  };
  return {
    roots: Object.values(lines).map((line) => line.root),
    write(memory, values) {
      for (const [name, line] of Object.entries(lines)) {
        show(line.root, name === memory);
        line.write(values);
      }
    },
  };
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const arranged = () => arrangement(sliders, model.get("pictures"));
  const formulas = makeFormulas();
  const walk = makeWalk(arranged);
  const { player } = walk;
  const hint = make("span", "cs-hint");
  const figure = makeFigure(sliders.highest.channels);
  const shapes = makeShapes();
  figure.titles.volume.append(...shapes.roots);
  const notes = { judged: make("div", "cs-note"), note: make("div", "cs-note"), back: make("div", "cs-sum") };
  const frame = makeFrame(el, {
    formulas: formulas.roots,
    tools: [player.root, hint],
    figure: figure.root,
    notes: Object.values(notes),
  });
  const space = watchWidth(frame.root, draw);
  walk.watch(frame.root, figure.root, draw);

  function draw() {
    const scene = sceneOf(arranged(), walk.at(), sliders.highest);
    const { memory, batch } = scene;
    const page = space.width();
    const mode = batch ? "batch" : memory;
    setClass(frame.root, `cs-explorer cs-flatten${page < 900 ? " cs-narrow" : ""}`);
    sliders.offer("k", batch);
    formulas.write(mode, scene.filled, scene.divides);
    shapes.write(memory, scene.filled);
    for (const name of ["volume", "memory"]) show(figure.panels[name], !batch);
    show(figure.panels.output, !batch && memory === "permuted");
    for (const name of ["pictures", "rows"]) show(figure.panels[name], batch);
    const needed = (batch ? drawBatch : drawVolume)(figure, scene, page - 4);
    keepHeight(figure.root, needed);
    setText(hint, `Hover or click a cell · arrow keys move · Space plays ${batch || memory === "permuted" ? "in reading order" : "along memory"}`);
    writeCode(frame.code, scene);
    writeBelow(frame.refusal, notes, scene, page, mode);
    if (!player.playing()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  sliders.watch(draw);
  draw();
  return ending(sliders, space, player, frame.speaker);
}

/** The arrangement, what is pointed at, and what becomes of the view, before anything is drawn. */
function sceneOf(all, at, highest) {
  const { channels, height, width, memory, batch, pictures, k, one, order, count } = all;
  const permuted = memory === "permuted";
  const place = placeOf(at, all);
  const position = order.indexOf(place);
  const across = batch ? k : count;
  const divides = count % across === 0;
  const views = divides && hasStrides(order, across);
  const [c, h, w] = [Math.floor(place / (height * width)) % channels, Math.floor(place / width) % height, place % width];
  const where = `x[${c}, ${h}, ${w}] lies at place ${place} of memory`;
  const inOrder = permuted ? `${where} and is number ${position} in reading order.` : `${where}.`;
  const wanted = batch ? `-1, ${k}` : "-1";
  return {
    ...{ ...all, permuted, place, position, divides, views, wanted },
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
  const longest = batch ? 24 + 18 * Math.min(pictures, Math.ceil(k / one) + 1) : 72; // characters
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
  const setting = `${plural(channels, "channel")} of ${height} by ${width}, ${memory}${batched}`;
  const result = reasons ? `view is refused. ${refusal.spoken()}` : batch ? judgement : `one row of ${count} numbers.`;
  return `${setting}: ${result} ${told}`;
}

export default { render };
