// FilterExplorer: a picture and what a kernel makes of it, pixel by pixel on canvas.

import { drawMeeting, pixelMet, readersOf, roleOf } from "./filter_meets.js";
import { factor, keepHeight, make, plural, setClass, setStyle, setText, show, tint, written } from "./page/elements.js";
import { ending, makeFrame, makeNote, makeRemark, watchTraits, watchWidth, writeResult } from "./page/frame.js";
import { SENTENCES } from "./page/from_python.js";
import { lay, makeGrid, widthOf } from "./page/grid.js";
import { makePhotograph } from "./page/photograph.js";
import { filtered, makePicture, paintInput, paintOutput, sizePicture, watchPixels } from "./page/pixels.js";
import { fill, kernelError, nearestChanges } from "./page/refusals.js";
import { findSliders } from "./page/sliders.js";
import { makeThumbnails } from "./page/thumbnails.js";
import { makeWalker } from "./page/walker.js";
import { colourWeights, makeWeightField, makeWeights, weightClass, writeWeight } from "./page/weights.js";
import { makeFormula, makeSum, windowTerms } from "./page/windows.js";

const APART = 14; // pixels between panels; the style sheet says the same
const BETWEEN = APART + 26; // and for the sign there
const EQUALS = 20; // and for the sign alone, where the page is narrow
const UNDER = 116; // pixels: so wide is the title `pixels under it`
const TALLEST = 420; // pixels: so high a picture is drawn at most
const LOWEST = 250; // the same where the output stands in a row below the input
const NARROWEST = 150; // pixels: where a picture beside the kernel is narrower, input and output stand below the kernel
const EASIEST = 3; // pixels a pixel that are enough to have the panels beside each other
const COARSEST = 24; // pixels a pixel at most
const SCALE = 124; // pixels: as wide is the scale of colours at least
const NOTE = 48; // characters, about, that stand in the note's own lines; more take those of the sum, which is not there then
const LONGEST_NOTE = "weight[0, 0] multiplies 4096 pixels, one for each output. For output[63, 63] it meets a pixel of padding = 0 and adds 0.".length;

/** Why the kernel does not fit, for both sides in one sentence; what to change, and torch's message. */
function explainFilter(values, [height, width], kernel_size, sliders) {
  const padded = [height, width].map((size) => size + 2 * values.padding);
  const smaller = Math.min(...padded);
  const fits = ({ padding }) => Math.min(height, width) + 2 * padding >= kernel_size;
  return {
    problem: fill(SENTENCES["kernel-over-picture"], { kernel: `${kernel_size} × ${kernel_size}`, padded: padded.join(" × ") }),
    remedy: [...nearestChanges(values, sliders, ["padding"], fits), `a kernel of ${smaller} × ${smaller}`],
    torch: kernelError(padded, [kernel_size, kernel_size]),
  };
}

/** Which rows and columns no output reads, and why. */
function neverReadSides({ padding }, vertical, horizontal) {
  const named = ([one, many], { dropped }) =>
    dropped && `the last ${dropped > 1 ? `${dropped} ${many}` : one}${dropped > padding ? "" : " of padding"}`;
  const between = ([one, many], { padded, dropped, read }) =>
    padded - dropped - read.size > 0 && plural(padded - dropped - read.size, one, many);
  const both = (tell) => [tell(["row", "rows"], vertical), tell(["column", "columns"], horizontal)].filter(Boolean);
  const [lost, skipped] = [both(named), both(between)];
  const one = lost.length === 1 && Math.max(vertical.dropped, horizontal.dropped) === 1;
  const sentence = `${lost.join(" and ")} ${one ? "is" : "are"} never read: the floor drops ${one ? "it" : "them"}.`;
  return [
    lost.length && sentence[0].toUpperCase() + sentence.slice(1),
    skipped.length && `${skipped.join(" and ")} are stepped over.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** The formula for height and width: one where they are equal. */
function makeFormulas() {
  const formulas = ["height ", "width "].map((side) => {
    const formula = makeFormula({ dilated: false });
    const label = make("span", "", side);
    formula.root.lastChild.prepend(label);
    return { ...formula, label };
  });
  formulas[1].root.firstChild.remove(); // the words are there once
  return {
    root: make("div", "", ...formulas.map(({ root }) => root)),
    write(sizes, values, sides) {
      const square = sizes[0] === sizes[1];
      formulas.forEach(({ root, label, write }, index) => {
        write({ ...values, size: sizes[index], dilation: 1 }, sides[index]);
        show(root, index === 0 || !square);
        show(label, !square);
      });
    },
  };
}

/** The panels' elements, empty. */
function makeFilterFigure() {
  const boxes = {
    border: make("div", "cs-border"),
    bottom: make("div", "cs-unread-part"),
    right: make("div", "cs-unread-part"),
    window: make("div", "cs-mark", make("div", "cs-handle")),
    met: make("div", "cs-mark"),
    lit: make("div", "cs-mark"),
    pins: { input: make("div", "cs-pinned"), output: make("div", "cs-pinned") },
  };
  const input = makePicture("input", boxes.border, boxes.bottom, boxes.right, boxes.window, boxes.met, boxes.pins.input);
  const output = makePicture("output", boxes.lit, boxes.pins.output);
  const kernel = makeGrid("kernel", { makeCell: makeWeightField });
  const patch = makeGrid("patch");
  const titles = Object.fromEntries(["input", "kernel", "output"].map((name) => [name, make("div", `cs-title cs-${name}-ink`)]));
  const under = make("div", "cs-one-place", make("div", "cs-title cs-input-ink", "pixels under it"));
  under.append(make("div", "cs-title cs-kernel-ink", "weights on it"));
  const window = make("div", "cs-under", under, patch.root);
  const nothing = make("div", "cs-nothing", "∅");
  const range = make("div", "cs-range");
  const ends = make("div", "cs-ends", "≤ −255", make("span", "cs-ramp"), "≥ 255");
  const scale = make("div", "cs-scale", ends, range);
  const sign = (text) => make("span", "cs-sign", text);
  const root = make(
    "div",
    "cs-figure",
    make("div", "cs-panel cs-panel-input", titles.input, input.root),
    make("div", "cs-panel cs-panel-kernel", titles.kernel, sign("∗"), kernel.root, window),
    make("div", "cs-panel cs-panel-output", titles.output, sign("="), output.root, nothing, scale),
  );
  root.setAttribute("aria-label", "The filtered picture. Arrow keys move the window, Space plays, Escape goes back.");
  return { root, boxes, input, output, kernel, patch, titles, window, nothing, scale, range };
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const present = makeFiltering(model, sliders);
  let page = { scale: 1 };
  const formulas = makeFormulas();
  const walker = makeWalker(
    () => ({ ...present().size, apart: page.scale * sliders.values().stride }),
    () => ({ grid: "output", ...strongest(present(), sliders.values()) }), // on an edge, and not on an even area
  );
  const { player } = walker;
  const figure = makeFilterFigure();
  const weights = makeWeights(model, figure.kernel, {
    trait: "weight",
    rows: (weight) => weight,
    numbers: { pattern: /^[+-]?(\d+\.?\d{0,4}|\.\d{1,4})$/, largest: model.get("largest_weight"), kind: "a number of at most four decimals" },
    leave: () => pointing.hover(null),
    figure: figure.root,
  });
  const thumbnails = makeThumbnails(model, weights);
  const photograph = makePhotograph(model, figure.root, figure.input.root, walker.goBack);
  figure.input.root.after(photograph.root);
  const [note, sum] = [makeNote(), makeSum()];
  const frame = makeFrame(el, {
    sliders,
    formulas: [formulas.root],
    tools: [player.root, makeRemark().root],
    figure: figure.root,
    beneath: [thumbnails.root],
    notes: [note.root, sum.root],
  });

  const space = watchWidth(frame.root, draw);
  const pointing = walker.watch(frame.root, figure.root, draw);
  for (const picture of [figure.input, figure.output]) watchPixels(picture, () => page.scale, pointing);

  function draw() {
    const scene = sceneOf(model, sliders, present(), pointing, walker.home());
    page = layOut(space.width(), scene, sliders.highest);
    setClass(frame.root, `cs-explorer cs-filter${page.width >= 680 ? "" : " cs-narrow"}${page.isAbreast ? " cs-abreast" : ""}`);
    drawPictures(figure, scene, page);
    drawBoxes(figure.boxes, scene, page);
    drawPins(figure.boxes.pins, scene, page, walker.pinned());
    drawKernel(figure, scene, page);
    writeTitles(figure.titles, scene);
    player.enable(scene.rows > 0);
    formulas.write(scene.sizes, { ...scene.values, kernel_size: scene.kernel_size }, scene.sides);
    thumbnails.show();
    writeBelow(frame, note, sum, scene, page.width);
    if (!player.playing()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  const traits = watchTraits(model, ["pixels", "weight"], draw);
  sliders.watch(draw);
  draw();
  return ending(sliders, traits, space, player, thumbnails, photograph, frame.speaker);
}

/** The filtered picture of the present setting: computed again only when it has changed. */
function makeFiltering(model, sliders) {
  let last = { key: [] };
  return () => {
    const values = sliders.values();
    const key = [model.get("pixels"), model.get("weight"), values.stride, values.padding];
    if (key.some((part, index) => part !== last.key[index])) {
      const result = filtered(model.get("pixels"), model.get("weight"), values);
      last = { key, ...result, size: { rows: result.vertical.out, columns: result.horizontal.out } };
      if (!(last.size.rows && last.size.columns)) last.size = { rows: 0, columns: 0 };
    }
    return last;
  };
}

/** The output that is furthest from 0: it lies on an edge, of the picture if it can, and not of its padding. */
function strongest({ size: { rows, columns }, vertical, horizontal, value }, { stride, padding }) {
  const isIn = (place, { padded, span }) => place * stride >= padding && place * stride + span <= padded - padding;
  let [best, most] = [{ row: 0, column: 0 }, -1];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const isPadded = !(isIn(row, vertical) && isIn(column, horizontal));
      const strength = Math.abs(value(row, column)) * (isPadded ? 1e-9 : 1);
      if (strength > most) [best, most] = [{ row, column }, strength];
    }
  return best;
}

/** Everything about one setting and what is pointed at, before anything is drawn. */
function sceneOf(model, sliders, now, pointing, home) {
  const values = sliders.values();
  const { stride, padding } = values;
  const [pixels, weight] = [model.get("pixels"), model.get("weight")];
  const kernel_size = weight.length;
  const [height, width] = [pixels.length, pixels[0].length];
  const { vertical, horizontal } = now;
  const { rows, columns } = now.size;
  const inside = (row, column) => row >= padding && row < padding + height && column >= padding && column < padding + width;

  // What is pointed at, pulled back into the picture when a slider has made it smaller.
  const most = { input: [vertical.padded, horizontal.padded], kernel: [kernel_size, kernel_size] }[pointing.at().grid];
  let at = pointing.at();
  if (!most || at.row >= most[0] || at.column >= most[1])
    at = { grid: "output", row: Math.min(at.row, rows - 1), column: Math.min(at.column, columns - 1) };
  const down = readersOf(at.row, { stride, out: rows }, kernel_size);
  const across = readersOf(at.column, { stride, out: columns }, kernel_size);
  const readers = { top: down.first, left: across.first, rows: down.count, columns: across.count };
  const sizes = [height, width];
  const scene = { values, now, weight, kernel_size, sizes, rows, columns, inside, at, home, readers, pixel: now.pixel };
  return {
    ...scene,
    sides: [vertical, horizontal],
    window: rows > 0 && at.grid === "output",
    under: !rows || at.grid === "input" ? null : at.grid === "output" ? at : home, // while a weight is changed, too
    range: `values from ${written(now.smallest)} to ${written(now.largest)}`,
    lost: rows ? neverReadSides(values, vertical, horizontal) : "",
    told: rows ? roleOf(scene) : "",
    reasons: rows ? null : explainFilter(values, sizes, kernel_size, sliders),
  };
}

/** Sizes on the page: one scale for both pictures, the same at each padding, so that a smaller output looks smaller. */
function layOut(page, { weight, kernel_size, sizes }, highest) {
  const longest = Math.max(...weight.flat().map((number) => written(number).length));
  const cell = Math.max(34, widthOf(longest + 1));
  const [rows, columns] = sizes.map((size) => size + 2 * highest.padding);
  const room = page - 4 - Math.max(UNDER, cell * kernel_size) - 2 * BETWEEN; // beside the kernel, and what is under it
  const fit = (pixels, count) => Math.floor(pixels / count);
  const inRow = Math.min(fit(room / 2, columns), fit(TALLEST, rows));
  const beside = Math.min(fit(room + APART, columns - kernel_size + 1), fit(page - 4, columns), fit(LOWEST, rows));
  const stacked = Math.min(fit(page - 4, columns), fit(LOWEST, rows));
  // On a phone two small pictures side by side, by half pixels of the page: its screen has them.
  const abreast = Math.min(fit(2 * (page - 4 - EQUALS), 2 * columns - kernel_size + 1) / 2, fit(LOWEST, rows));
  const isAbreast =
    inRow * columns < NARROWEST && abreast * columns >= NARROWEST && 2 * cell * kernel_size + EQUALS <= page - 4;
  const widest = isAbreast ? abreast : inRow >= EASIEST ? inRow : beside >= EASIEST ? beside : stacked;
  return { width: page, cell, scale: Math.max(1, Math.min(COARSEST, widest)), longest, isAbreast };
}

/** The two pictures, painted again only where the setting has changed. */
function drawPictures(figure, { values, now, kernel_size, rows, columns, sides, range }, { scale }) {
  const [vertical, horizontal] = sides;
  if (figure.painted !== now.key) {
    figure.painted = now.key;
    paintInput(figure.input, now, values.padding);
    if (rows) paintOutput(figure.output, now);
  }
  sizePicture(figure.input, vertical.padded, horizontal.padded, scale);
  sizePicture(figure.output, rows, columns, scale);
  show(figure.output.root, rows > 0);
  show(figure.nothing, !rows);
  show(figure.scale, rows > 0);
  // As much room as stride 1 takes: what is below stays where it is, and so does what is beside.
  const [fullRows, fullColumns] = sides.map(({ padded }) => padded - kernel_size + 1);
  setStyle(figure.scale, "width", `${Math.max(SCALE, fullColumns * scale)}px`);
  setStyle(figure.scale, "margin-bottom", `${(fullRows - rows) * scale}px`);
  setText(figure.range, range);
}

/** Over the input: its border, what is never read, the window or what takes part. Over the output: what reads it. */
function drawBoxes(boxes, scene, { scale }) {
  const { values, kernel_size, sizes, rows, columns, sides, at, home, readers } = scene;
  const { stride, padding } = values;
  const [vertical, horizontal] = sides;
  const [droppedRows, droppedColumns] = rows ? [vertical.dropped, horizontal.dropped] : [0, 0];
  const readRows = vertical.padded - droppedRows;
  lay(boxes.border, scale, { top: padding, left: padding, rows: sizes[0], columns: sizes[1] });
  lay(boxes.bottom, scale, { top: readRows, left: 0, rows: droppedRows, columns: horizontal.padded });
  lay(boxes.right, scale, { top: 0, left: horizontal.padded - droppedColumns, rows: readRows, columns: droppedColumns });

  const one = ({ row, column }) => ({ top: row, left: column, rows: 1, columns: 1 });
  const part = one(at);
  const multiplied = { ...part, rows: (rows - 1) * stride + 1, columns: (columns - 1) * stride + 1 };
  const covered = { top: at.row * stride, left: at.column * stride, rows: kernel_size, columns: kernel_size };
  const tooBig = { top: 0, left: 0, rows: kernel_size, columns: kernel_size };
  lay(boxes.window, scale, rows ? { input: part, kernel: multiplied, output: covered }[at.grid] : tooBig);
  const name = !rows ? " cs-too-big" : { input: " cs-no-window", kernel: ` cs-no-window${stride > 1 ? " cs-loose" : ""}`, output: "" }[at.grid];
  setClass(boxes.window, `cs-mark${name}`);

  const none = { top: 0, left: 0, rows: 0, columns: 0 };
  const isWeight = rows > 0 && at.grid === "kernel";
  lay(boxes.met, scale, isWeight ? one(pixelMet(scene)) : none);
  lay(boxes.lit, scale, !rows ? none : { input: readers, kernel: one(home), output: part }[at.grid]);
}

/** A dot at the pixel that the learner has chosen, in its picture. */
function drawPins(pins, { rows, columns, sides }, { scale }, pinned) {
  const most = { input: sides.map(({ padded }) => padded), output: [rows, columns] };
  for (const [name, pin] of Object.entries(pins)) {
    const isHere = pinned?.grid === name && pinned.row < most[name][0] && pinned.column < most[name][1];
    lay(pin, scale, { top: pinned?.row, left: pinned?.column, rows: isHere ? 1 : 0, columns: isHere ? 1 : 0 });
  }
}

/** The kernel, and what meets it. */
function drawKernel(figure, scene, { cell, scale, longest }) {
  const { weight, kernel_size, rows, sides, at } = scene;
  const largest = Math.max(...weight.flat().map(Math.abs));
  colourWeights(figure.root, kernel_size);
  figure.kernel.draw(kernel_size, kernel_size, cell, (element, row, column) => {
    writeWeight(element, weight[row][column]);
    const lit = at.grid === "kernel" && at.row === row && at.column === column;
    const name = tint(weight[row][column], largest) + weightClass(row, column);
    return name + (lit ? " cs-lit" : "") + (longest > 3 ? " cs-full" : "");
  });
  drawMeeting(figure, scene, cell, largest);
  const overhang = rows ? 0 : Math.max(0, kernel_size - sides[0].padded) * scale;
  setStyle(figure.input.root, "margin-bottom", `${overhang}px`);
}

function writeTitles(titles, { values, kernel_size, sizes, rows, columns, sides }) {
  const padded = values.padding ? `, padded ${sides.map((side) => side.padded).join(" × ")}` : "";
  setText(titles.input, `input ${sizes.join(" × ")}${padded}`);
  setText(titles.kernel, `kernel ${kernel_size} × ${kernel_size}`);
  writeResult(titles.output, rows && `output ${rows} × ${columns}`);
}

/** The code, and below the pictures the sum, or why there is none. */
function writeBelow({ code, refusal, below }, note, sum, scene, page) {
  const { values, now, weight, kernel_size, sizes, rows, columns, pixel, at, window, lost, told, reasons } = scene;
  code.write(
    `nn.Conv2d(1, 1, kernel_size=${kernel_size}, stride=${values.stride}, padding=${values.padding}, bias=False)`,
    `  # (1, ${sizes.join(", ")}) → ${rows ? `(1, ${rows}, ${columns})` : "RuntimeError"}`,
  );
  refusal.write(reasons);
  note.write(lost, told);
  const noted = (length) => 21 * Math.ceil(((lost.length + length) * 7.5) / page);
  const term = 7 + Math.max(...weight.flat().map((number) => factor(number).length)); // `255·(−1) + `
  const lines = Math.ceil((kernel_size ** 2 + 3) / Math.max(1, Math.floor(page / (8.5 * term))));
  const high = { note: noted(NOTE), sum: 23 * lines }; // room for pixels of three digits, wherever the window goes
  keepHeight(note.root, high.note);
  keepHeight(sum.root, high.sum);
  keepHeight(below, rows ? Math.max(high.note + high.sum, noted(LONGEST_NOTE)) : 0);
  show(sum.root, window);
  if (window) sum.write(`output[${at.row}, ${at.column}]`, windowTerms(pixel, weight, at, values), now.value(at.row, at.column));
}

/** What a screen reader is told. */
function spoken({ values, now, kernel_size, sizes, rows, columns, at, window, range, lost, told, reasons }, refusal) {
  const setting = `Input ${sizes.join(" by ")}, kernel ${kernel_size}, stride ${values.stride}, padding ${values.padding}`;
  if (reasons) return `${setting}: no output. ${refusal.spoken()}`;
  const here = window ? `Output row ${at.row}, column ${at.column} is ${now.value(at.row, at.column)}.` : "";
  return `${setting}: output ${rows} by ${columns}, ${range}. ${lost} ${told} ${here}`;
}

export default { render };
