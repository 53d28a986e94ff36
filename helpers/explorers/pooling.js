// PoolingExplorer: windows over one plane, the largest or the mean of each, and where the gradient goes on its way back.

import {
  factor, keepHeight, lineCount, make, plural, setClass, setNote, setStyle, setText, show, tint, upTo, written,
} from "./page/elements.js";
import { ending, makeFrame, makeRemark, watchWidth, writeResult } from "./page/frame.js";
import { SENTENCES } from "./page/from_python.js";
import { makeGrid, ROOMY, squeeze, widthOf } from "./page/grid.js";
import { fly, makeGlider, makeSteps, pale, seenCell } from "./page/motion.js";
import { ahead, BOLD, drawWindow, fitCell, makePanels, unreadMark, WINDOW_NAME } from "./page/planes.js";
import { fill, kernelTooBig, nearestChanges, refusalHeight } from "./page/refusals.js";
import { findSliders } from "./page/sliders.js";
import { makeWalker } from "./page/walker.js";
import { makeFormula, MONOSPACED, neverRead, reading, starts, takingPart } from "./page/windows.js";

/** How many windows there are along one side, were nothing else in the way; `skipped` ones would start too late. */
function countWindows({ size, kernel_size, stride, padding, dilation, ceil_mode }) {
  const padded = size + 2 * padding;
  const span = dilation * (kernel_size - 1) + 1;
  const room = padded - span;
  const counted = (ceil_mode ? Math.ceil : Math.floor)(room / stride) + 1;
  const skipped = ceil_mode && counted > 1 && (counted - 1) * stride >= size + padding ? 1 : 0;
  return { padded, span, room, counted, skipped };
}

/** Why torch refuses a setting, in the order in which it looks, or null where it does not. */
function misfit(values) {
  const { kernel_size, padding, dilation, mode } = values;
  const { counted, skipped } = countWindows(values);
  if (mode === "avg" && dilation > 1) return "dilation";
  if (padding > Math.floor(kernel_size / 2)) return "padding";
  return counted - skipped < 1 ? "too large" : null;
}

/** Where everything lies along one side, as `geometry` gives it for a convolution; `out` is 0 where torch refuses. */
function poolGeometry(values) {
  const places = countWindows(values);
  const { padded, span, counted, skipped } = places;
  const kind = misfit(values);
  const out = kind ? 0 : counted - skipped;
  const { read, dropped } = reading(out, padded, values);
  const overhang = out ? Math.max(0, (out - 1) * values.stride + span - padded) : 0;
  return { ...places, out, kind, overhang, dropped, read: new Set([...read].filter((index) => index < padded)) };
}

/** The smallest changes within the sliders' reach, one argument each, or two where none is enough alone. */
function changes(values, sliders) {
  const kind = misfit(values);
  const worth = {
    padding: ["padding", "kernel_size"],
    "too large": ["padding", "kernel_size", ...(values.dilation > 1 ? ["dilation"] : []), "size"],
  };
  const single = nearestChanges(values, sliders, worth[kind], (other) => !misfit(other));
  if (single.length || kind !== "padding") return single;
  const padding = Math.floor(values.kernel_size / 2); // as much as is taken, and then the window is too large
  return changes({ ...values, padding }, sliders).map((change) => `${sliders.labels.padding} ${padding} and ${change}`);
}

/** Why a setting has no output, as `explain` says it for a convolution. */
function explainPooling(values, { kind, span, counted, skipped }, sliders) {
  const { size, kernel_size, stride, padding, dilation, mode, ceil_mode } = values;
  const { labels } = sliders;
  if (kind === "dilation") {
    const plain = { ...values, dilation: 1 };
    const [one, other] = [`${labels.dilation} 1`, `${labels.mode} max`];
    const alone = [!misfit(plain) && one, !misfit({ ...values, mode: "max" }) && other].filter(Boolean);
    return {
      problem: "Average pooling has no dilation: nn.AvgPool2d has no such argument.",
      remedy: alone.length ? alone : changes(plain, sliders).map((change) => `${one} and ${change}`),
      torch: "TypeError: AvgPool2d.__init__() got an unexpected keyword argument 'dilation'",
    };
  }
  const remedy = changes(values, sliders);
  if (kind === "padding") {
    const message =
      padding > Math.floor(span / 2)
        ? "pad should be at most half of effective kernel size, but got " +
          `pad=${padding}, kernel_size=${kernel_size} and dilation=${dilation}`
        : "pad should be smaller than or equal to half of kernel size, but got " +
          `padW = ${padding}, padH = ${padding}, kW = ${kernel_size}, kH = ${kernel_size}`;
    return {
      problem: fill(SENTENCES["pool-padding"], {
        padding,
        kernel_size,
        half: Math.floor(kernel_size / 2),
        pooling: SENTENCES[mode],
        undilated: dilation > 1 ? SENTENCES.undilated : "",
      }),
      remedy,
      torch: `RuntimeError: ${message}`,
    };
  }
  const none = counted - skipped;
  return {
    problem: kernelTooBig(values, ceil_mode ? stride - 1 : 0),
    remedy,
    torch:
      `RuntimeError: Given input size: (1x${size}x${size}). Calculated output size: (1x${none}x${none}). ` +
      "Output size is too small",
  };
}

/** What one window reads: its cells in the padded input in reading order, its winner or its divisor, its number. */
function readWindow(pixel, { row, column }, { kernel_size, stride, dilation, mode }, padded) {
  const cells = [];
  for (let i = 0; i < kernel_size; i++)
    for (let j = 0; j < kernel_size; j++) {
      const cell = { row: row * stride + i * dilation, column: column * stride + j * dilation };
      if (cell.row < padded && cell.column < padded) cells.push({ ...cell, value: pixel(cell.row, cell.column) });
    }
  if (mode === "avg") {
    const sum = cells.reduce((total, { value }) => total + value, 0);
    return { cells, divisor: cells.length, number: sum / cells.length };
  }
  const number = Math.max(...cells.map(({ value }) => value));
  const largest = cells.filter(({ value }) => value === number);
  return { cells, winner: largest[0], ties: largest.length, number };
}

/** A number with two decimals at most, away from zero at a half. */
const rounded = (number) => (Math.sign(number) * Math.round(Math.abs(number) * 100)) / 100;
const decimal = (number) => written(rounded(number)).replace("Infinity", "∞");
const equals = (number) => (Math.abs(rounded(number) - number) < 1e-9 ? " = " : " ≈ "); // nine ninths are 1

/** One line of reckoning: its parts, [text, class], are kept and filled in place. */
function makeReckoning() {
  const root = make("div", "cs-sum");
  const spans = [];
  let shown = 0;
  return {
    root,
    write(parts) {
      while (spans.length < parts.length) spans.push(make("span"));
      if (shown !== parts.length) root.replaceChildren(...spans.slice(0, (shown = parts.length)));
      parts.forEach(([text, name], index) => (setText(spans[index], text), setClass(spans[index], name ?? "")));
    },
  };
}

/** `output[0, 0] = max(1, 3, 2, 4) = 4`, or the sum over the divisor. */
function forwardParts({ row, column }, { cells, winner, divisor, number }, inside) {
  const max = !divisor;
  const terms = cells.flatMap((cell, index) => {
    const ink = cell === winner ? "cs-output-ink cs-chosen" : inside(cell.row, cell.column) ? "cs-input-ink" : "cs-padding-ink";
    const text = max || !index ? decimal(cell.value) : factor(cell.value); // no brackets in brackets
    return [[index ? (max ? ", " : " + ") : ""], [text, `cs-term ${ink}`]];
  });
  return [
    [`output[${row}, ${column}] = ${max ? "max" : ""}(`],
    ...terms,
    [max ? ") = " : `) / ${divisor}${equals(number)}`],
    [decimal(number), "cs-output-ink cs-chosen"],
  ];
}

/** What an average sends back to each of its cells. */
const share = (divisor) => (divisor === 1 ? "1" : `1/${divisor}`);

/** `gradient[1, 2] = 1/4 + 1/4 = 0.5`: what comes back to one input cell, from each window that sends it some. */
function backwardParts(row, column, divisors) {
  const total = divisors.reduce((sum, divisor) => sum + 1 / divisor, 0);
  const name = `gradient[${row}, ${column}]`;
  const terms = divisors.flatMap((divisor, index) => [[index ? " + " : " = "], [share(divisor), "cs-term cs-output-ink"]]);
  const told = divisors.length > 1 || divisors[0] > 1 ? terms : [];
  return [[name], ...told, [told.length ? equals(total) : " = "], [decimal(total), "cs-input-ink cs-chosen"]];
}

/** What the pointed-at cell has to do with the windows, in a sentence or two. */
function poolRole(at, values, { out, overhang }, windows, backward) {
  const { padding, kernel_size, size, mode } = values;
  const max = mode === "max";
  const isInside = ({ row, column }) => Math.min(row, column) >= padding && Math.max(row, column) < padding + size;
  const named = ({ row, column }) => `input[${row - padding}, ${column - padding}]`;
  const isHere = ({ row, column }) => row === at.row && column === at.column;

  if (at.grid === "output") {
    const { cells, winner, ties, divisor } = windows[at.row][at.column];
    const name = `output[${at.row}, ${at.column}]`;
    const outside = kernel_size ** 2 - cells.length;
    const padded = cells.filter((cell) => !isInside(cell)).length;
    const arePadding = `${padded} ${padded === 1 ? "is" : "are"} padding`;
    if (backward && max) return `${name} sends its 1 back to its winner, ${named(winner)}${ties > 1 ? `, the first of ${ties} equals` : ""}.`;
    if (backward) {
      const lost = padded ? `; ${arePadding}: there it is lost` : "";
      return `${name} sends ${divisor > 1 ? `1/${divisor} to each of its ${divisor} cells` : "its 1 to its one cell"}${lost}.`;
    }
    const many = max ? plural(outside, "cell", "cells") : `${outside} more`;
    const beyond = outside && `${many} ${outside === 1 ? "hangs" : "hang"} over the border.`;
    const first = ties > 1 ? `, the first of ${ties} equals` : "";
    const averaged = `The mean of ${plural(cells.length, "cell", "cells")}${padded ? `; ${arePadding}, counted as 0` : ""}.`;
    return [max ? `The winner is ${named(winner)}${first}.` : averaged, beyond].filter(Boolean).join(" ");
  }

  const readers = windows.flat().filter(({ cells }) => cells.some(isHere));
  const name = isInside(at) ? named(at) : max ? "This padding, −∞," : "This padding, 0,";
  if (!readers.length) return `${name} is never read${backward ? ": gradient 0" : ""}.`;
  if (max) {
    const won = readers.filter(({ winner }) => isHere(winner)).length;
    if (backward && isInside(at)) return `${name} wins ${won ? plural(won, "window", "windows") : "no window"}: gradient ${won}.`;
    if (backward) return `${name} never wins: no gradient comes here.`;
    const wins = won === readers.length ? (won === 1 ? "it" : "all of them") : won ? `${won} of them` : "none";
    return `${name} is in ${plural(readers.length, "window", "windows")} and wins ${wins}.`;
  }
  if (backward && !isInside(at)) return `${name} keeps no gradient: its share is lost.`;
  const total = readers.reduce((sum, { divisor }) => sum + 1 / divisor, 0);
  return `${name} is in ${plural(readers.length, "window", "windows")}${backward ? `: gradient ${decimal(total)}` : ", as one of the terms"}.`;
}

/** Two buttons of which one is on: the numbers on their way forward, or the gradient on its way back. */
function makeDirection(redraw) {
  const buttons = ["Forward", "Backward"].map((text) => make("button", "", text));
  const names = ["cs-forward", "cs-backward"];
  const root = make("span", "cs-direction", ...buttons);
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "What the picture shows");
  let chosen = 0;
  const choose = (index) => {
    chosen = index;
    buttons.forEach((button, place) => {
      setClass(button, `cs-button ${names[place]}${place === chosen ? " cs-on" : ""}`);
      button.setAttribute("aria-pressed", place === chosen);
    });
  };
  buttons.forEach((button, index) => (button.onclick = () => (choose(index), redraw())));
  choose(0);
  return { root, backward: () => chosen === 1 };
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const formula = makeFormula({ dilated: true });
  let page = {};
  const remark = make("span");
  formula.root.lastChild.append(remark);
  const walker = makeWalker(() => {
    const values = sliders.values();
    const { out } = poolGeometry(values);
    return { rows: out, columns: out, apart: page.cell * values.stride };
  });
  const { player } = walker;
  const direction = makeDirection(draw);
  const legend = makeRemark();
  const figure = makePanels("The pooling.", { input: makeGrid("input"), output: makeGrid("output") }, { output: "→" });
  const parts = { unread: make("div", "cs-unread"), pointed: make("div"), line: makeReckoning(), remark, legend };
  parts.note = make("div", "cs-note", parts.pointed, parts.unread);
  const frame = makeFrame(el, {
    sliders,
    formulas: [formula.root],
    tools: [player.root, direction.root, legend.root],
    figure: figure.root,
    notes: [parts.line.root, parts.note],
  });
  const space = watchWidth(frame.root, draw);
  const glider = makeGlider(figure.outline);
  const pointing = walker.watch(frame.root, figure.root, draw, glider.leave);
  const steps = makeSteps();

  const settingFor = (values) => settingOf(model, sliders, values, direction.backward(), space.width());

  function draw() {
    const setting = settingFor(sliders.values());
    const scene = { ...setting, ...pointedAt(setting, walker), printing: walker.printing(setting.values) };
    for (const grid of Object.values(figure.grids)) grid.pin(walker.pinned());
    page = scene.page;
    setClass(frame.root, `cs-explorer cs-pooling${page.width >= 900 ? "" : " cs-narrow"}`);
    drawInput(figure, scene, page);
    drawOutput(figure, scene, page);
    drawWindow(figure, scene, page, nameOf(scene));
    moveWindow(figure, glider, scene, page, steps(scene.values, scene.at, pointing.isHovered()));
    player.enable(scene.out > 0);
    formula.write(scene.values, { room: scene.shape.room, out: Math.max(0, scene.shape.counted) });
    writeCode(frame.code, parts, scene);
    writeBelow(frame.refusal, parts, scene);
    keepHeight(figure.root, 0); // its own, unless a slider is on its way
    keepNotes([setting]);
    if (!player.playing()) frame.speaker.say(spoken(scene, frame.refusal)); // else sentence would follow sentence
  }

  /** As high as the highest of these settings needs, whatever is pointed at. */
  function keepNotes(settings) {
    const high = heightsOf(settings);
    keepHeight(parts.line.root, high.line);
    keepHeight(parts.pointed, high.told);
    keepHeight(frame.below, Math.max(high.line + high.told + high.lost, high.refusal));
  }

  sliders.watch(draw, (all) => {
    const settings = all.map(settingFor).filter((other) => other.page.rows <= page.rows); // more rows are another picture
    keepHeight(figure.root, Math.max(...settings.map(({ page: { height }, out }) => height + (out ? 0 : WINDOW_NAME))));
    keepNotes(settings);
  });
  draw();
  return ending(sliders, space, player, frame.speaker);
}

/** Everything about one setting, before anything is drawn; `isBackward` is the view that is chosen. */
function settingOf(model, sliders, values, isBackward, width) {
  const { size, stride, padding, mode, ceil_mode } = values;
  const picture = model.get("picture");
  const max = mode === "max";
  const shape = poolGeometry(values);
  const { padded, out } = shape;
  const backward = out > 0 && isBackward;
  const inside = (row, column) => Math.min(row, column) >= padding && Math.max(row, column) < padding + size;
  const pixel = (row, column) => (inside(row, column) ? picture[row - padding][column - padding] : max ? -Infinity : 0);
  const windows = upTo(out).map((row) => upTo(out).map((column) => readWindow(pixel, { row, column }, values, padded)));
  const around = padding ? `, padded with ${max ? "−∞" : "0"} to ${padded} × ${padded}` : "";
  const where = out * stride < padded ? "in the right padding" : padding ? "past the padding" : "past the input";
  const numbers = windows.map((line) => line.map(({ number }) => (backward ? "1" : decimal(number))));
  const titles = {
    input: backward ? `gradient of the input ${size} × ${size}` : `input ${size} × ${size}${around}`,
    output: out ? `${backward ? "gradient of the output" : "output"} ${out} × ${out}` : "no output",
  };
  return {
    ...{ values, max, shape, out, backward, inside, pixel, windows, where, numbers, titles, ...gradients(windows, padded) },
    page: layOut(width, { shape, out, numbers, titles }),
    start: starts(values, sliders.highest),
    lost: out ? neverRead(values, shape, ceil_mode ? `the next window would start ${where}` : undefined) : "",
    reasons: out ? null : explainPooling(values, shape, sliders),
  };
}

/** What is pointed at in this setting, and what has to do with it. */
function pointedAt({ values, shape, out, windows, backward }, walker) {
  const at = walker.at({ input: shape.padded, output: out });
  return {
    at,
    part: takingPart(at, values, out),
    onOutput: out > 0 && at.grid === "output",
    told: out ? poolRole(at, values, shape, windows, backward) : "",
  };
}

/**
 * Which windows send a gradient to each cell, as their divisors (a winner's is 1), `senders` being their places in reading
 * order; the place of the last that reads it; and what has arrived when a window, `now`, has sent its own.
 */
function gradients(windows, padded) {
  const each = (make) => upTo(padded).map(() => upTo(padded).map(make));
  const [arriving, senders, last] = [each(() => []), each(() => []), each(() => -1)];
  windows.flat().forEach(({ cells, winner, divisor }, place) => {
    for (const { row, column } of cells) last[row][column] = place;
    for (const { row, column } of winner ? [winner] : cells) {
      arriving[row][column].push(divisor ?? 1);
      senders[row][column].push(place);
    }
  });
  const gradient = (row, column, now = Infinity) =>
    arriving[row][column].reduce((sum, divisor, index) => sum + (senders[row][column][index] <= now ? 1 / divisor : 0), 0);
  return { arriving, senders, last, gradient };
}

// Characters, about.
const LONGEST_TOLD = "output[0, 0] sends its 1 back to its winner, input[0, 0], the first of 2 equals.".length + 1;

/** How high each note below the picture, and a refusal, is in the highest of these settings. */
function heightsOf(settings) {
  const most = (high) => Math.max(0, ...settings.map(high));
  const lineHeight = ({ values: { kernel_size }, max, page: { width } }) => {
    const terms = upTo(kernel_size ** 2).map(() => (max ? "−9" : "(−9)"));
    const reckoned = max ? `max(${terms.join(", ")}) = −9` : `(${terms.join(" + ")}) / 00 = −0.00`;
    return 23 * lineCount(`output[0, 0] = ${reckoned}`, width, MONOSPACED);
  };
  return {
    line: most((setting) => (setting.out ? lineHeight(setting) : 0)),
    told: most(({ page, out }) => (out ? 21 * Math.ceil((LONGEST_TOLD * BOLD) / page.width) : 0)),
    lost: most(({ page, lost }) => (lost ? 21 * lineCount(lost, page.width, BOLD) : 0)),
    refusal: most(({ page, reasons }) => (reasons ? refusalHeight(reasons, page.width) : 0)),
  };
}

/** Sizes on the page: one cell size for both planes, so that a smaller output looks smaller. */
function layOut(width, { shape: { padded, span, overhang }, out, numbers, titles }) {
  const side = out ? padded + overhang : Math.max(padded, span);
  const longest = Math.max(1, ...numbers.flat().map((told) => told.length));
  const panels = [
    { cells: side, title: titles.input },
    { cells: out, title: titles.output, sign: true },
  ];
  return { width, side, longest, ...fitCell(width - 4, panels, widthOf(longest)) };
}

const isWinner = (winner, row, column) => winner?.row === row && winner.column === column;

function drawInput({ grids, titles }, scene, { cell }) {
  const { values, max, shape, out, backward, inside, pixel, windows, arriving, senders, last, gradient, at, part, onOutput, start } = scene;
  const { padding, dilation } = values;
  const { padded } = shape;
  const chosen = onOutput ? windows[at.row][at.column].winner : null;
  const peak = Math.max(1, ...arriving.flatMap((line, row) => line.map((_, column) => gradient(row, column))));
  const short = (number) => decimal(number).replace("0.", "."); // no room for the zero
  const text = (row, column) => {
    if (!backward) return decimal(pixel(row, column));
    return inside(row, column) ? short(gradient(row, column)) : "";
  };
  // The window prints here, too: who has won so far, and each gradient when nothing more is added to it; small, what it is so far.
  const now = scene.printing ? at.row * out + at.column : Infinity;
  let longest = 1;
  grids.input.startAt(start.input);
  grids.input.draw(padded, padded, cell, (element, row, column) => {
    const told = text(row, column);
    longest = Math.max(longest, told.length);
    setText(element, told);
    let name = "cs-pad";
    if (inside(row, column)) name = backward ? tint(gradient(row, column), peak) : tint(pixel(row, column), 9);
    name += unreadMark(shape, row, column);
    if (out && part.input(row, column) && !(onOutput && dilation === 1)) name += " cs-lit"; // there the outline says it
    if (max && senders[row][column][0] <= now) name += " cs-won";
    const isAhead = backward && inside(row, column) && last[row][column] > now;
    const soFar = isAhead && cell >= ROOMY ? gradient(row, column, now) : 0;
    setNote(element, soFar ? short(soFar) : "");
    if (isAhead) name += soFar ? " cs-ahead cs-noted" : " cs-ahead";
    return isWinner(chosen, row, column) ? `${name} cs-winner` : name;
  });
  squeeze(grids.input, cell, longest);
  setText(titles.input, scene.titles.input);
}

function drawOutput({ grids, titles, signs, nothing }, scene, { cell, longest }) {
  const { out, backward, windows, numbers, at, part, start } = scene;
  const largest = Math.max(0, ...windows.flat().map(({ number }) => Math.abs(number)));
  squeeze(grids.output, cell, longest);
  grids.output.startAt(start.output);
  grids.output.draw(out, out, cell, (element, row, column) => {
    setText(element, numbers[row][column]);
    const { winner, number } = windows[row][column];
    let name = backward ? "cs-tint-3" : tint(number, largest);
    if (part.output(row, column)) name += " cs-lit";
    if (!backward) name += ahead(scene, row, column);
    return at.grid === "input" && isWinner(winner, at.row, at.column) ? `${name} cs-winner` : name;
  });
  setText(signs.output, backward ? "←" : "→");
  show(nothing, !out);
  show(grids.output.root, out > 0);
  writeResult(titles.output, out && scene.titles.output);
}

const nameOf = ({ values: { kernel_size, dilation }, shape }) =>
  `${kernel_size} × ${kernel_size} window${dilation > 1 ? `, spans ${shape.span}` : ""}`;

/**
 * After a step the window comes from where it was. The winner goes to the output and the losers pale, or all that are
 * averaged go there; backward the gradient goes to the winner, or a share of it to each.
 */
function moveWindow({ root }, glider, { values: { stride }, backward, inside, windows, numbers, at }, { cell }, before) {
  glider.laid(before && [(at.row - before.row) * stride * cell, (at.column - before.column) * stride * cell]);
  if (!before) return;
  const { winner, cells, divisor } = windows[at.row][at.column];
  const seen = ({ row, column }) => seenCell(root, "input", row, column);
  if (winner && !backward) pale(root, cells.filter((cell) => cell !== winner).map(seen));
  const output = seenCell(root, "output", at.row, at.column);
  const text = ({ value }) => (winner ? numbers[at.row][at.column] : backward ? share(divisor) : decimal(value));
  const ways = (winner ? [winner] : cells.filter(({ row, column }) => inside(row, column))).map((cell) => {
    const [from, to] = backward ? [output, seen(cell)] : [seen(cell), output];
    return { text: text(cell), from, to };
  });
  fly(root, ways);
}

function writeCode(code, { remark, legend }, { values, max, shape, out, backward, where, reasons }) {
  const { size, kernel_size, stride, padding, dilation, ceil_mode } = values;
  const marks = backward ? "Each output sends back 1" : max ? "A green ring marks a winner" : "Every cell counts equally";
  legend.write(marks);
  setText(remark, out && shape.skipped ? `. The last window would start ${where}, so torch drops it: ${shape.counted} − 1 = ${out}` : "");
  const options = `${dilation > 1 ? `, dilation=${dilation}` : ""}${ceil_mode ? ", ceil_mode=True" : ""}`;
  code.write(
    `nn.${max ? "Max" : "Avg"}Pool2d(kernel_size=${kernel_size}, stride=${stride}, padding=${padding}${options})`,
    `  # (1, ${size}, ${size}) → ${out ? `(1, ${out}, ${out})` : reasons.torch.split(":")[0]}`,
  );
}

/** Below the picture: what the pointed-at cell does, or why there is no output. The places are kept. */
function writeBelow(refusal, { note, unread, pointed, line }, scene) {
  const { values, out, backward, inside, windows, arriving, at, onOutput, lost, told, reasons } = scene;
  const { padding } = values;
  refusal.write(reasons);
  setText(unread, lost);
  setText(pointed, told);
  show(note, out > 0);
  show(line.root, out > 0);
  const reckoned = onOutput !== backward && (onOutput || (backward && inside(at.row, at.column)));
  setStyle(line.root, "visibility", reckoned ? "visible" : "hidden");
  if (!reckoned) return;
  if (backward) line.write(backwardParts(at.row - padding, at.column - padding, arriving[at.row][at.column]));
  else line.write(forwardParts(at, windows[at.row][at.column], inside));
}

/** What a screen reader is told. */
function spoken({ values, max, out, backward, numbers, at, onOutput, lost, told, reasons }, refusal) {
  const { size, kernel_size, stride, padding, dilation, ceil_mode } = values;
  const setting =
    `${max ? "Max" : "Average"} pooling, input ${size} by ${size}, kernel ${kernel_size}, stride ${stride}, ` +
    `padding ${padding}, dilation ${dilation}${ceil_mode ? ", rounded up" : ""}`;
  if (reasons) return `${setting}: no output. ${refusal.spoken()}`;
  const here = onOutput && !backward ? `Output row ${at.row}, column ${at.column} is ${numbers[at.row][at.column]}.` : "";
  return `${setting}: ${backward ? "the gradient of " : ""}output ${out} by ${out}. ${lost} ${here} ${told}`;
}

export default { render };
