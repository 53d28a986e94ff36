// TrainingExplorer: the curves of all runs, laid over one another, as they come.

import { make, plural, setClass, setText, svg } from "./page/elements.js";
import { ending, makeCode, makeSpeaker, watchTraits, watchWidth } from "./page/frame.js";
import { findSliders } from "./page/sliders.js";

const GUESSING = Math.log(10); // the loss of ten equal probabilities
const HEIGHTS = [200, 250]; // pixels: below each other, and side by side
const EDGE = { left: 46, right: 14, top: 10, bottom: 40 }; // pixels around the plot, for its numbers
const DASHES = ["", "9 4", "14 3 3 3", "5 3"];
const MARKERS = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", // circle
  "M-4,-4h8v8h-8z", // square
  "M0,-5l5,9h-10z", // triangle
  "M0,-5l5,5l-5,5l-5,-5z", // diamond
  "M-5,-4h10l-5,9z", // triangle that points down
];
const COLOURS = 7; // of the style sheet
const NEAR = 60; // pixels: how far a point may be to be told about
const SETTINGS = {
  lr: (value) => `lr ${shortly(value)}`,
  batch_size: (value) => `batch ${value}`,
  epochs: (value) => plural(value, "epoch"),
  conv_channels: (value) => plural(value, "channel"),
  kernel_size: (value) => `kernel ${value}`,
};
const USUAL = { lr: 0.001, batch_size: 128, epochs: 5, conv_channels: 18, kernel_size: 3 };

/** A learning rate as Python writes it shortly: 0.001, 1e+12. */
const shortly = (number) => (Math.abs(number) >= 1e6 ? number.toExponential().replace(/\.0+e/, "e") : String(number));
const percent = (part) => `${(100 * part).toFixed(1)} %`;
/** A loss in a few characters: 0.143, 73.1, 43,800, 4.2e+16. */
const lossText = (loss) =>
  loss < 10 ? loss.toFixed(3) : loss < 1e6 ? Math.round(loss).toLocaleString("en") : loss.toExponential(1);
const look = (number) => ({
  colour: `cs-run-${number % COLOURS}`,
  dash: DASHES[number % DASHES.length],
  marker: MARKERS[number % MARKERS.length],
});

/** The plot's frame, its numbers and the line of guessing, as SVG elements. */
function axesOf({ epochs, ticks, guess: [guess, guessText] }, { x, y, right, bottom }) {
  const axes = [svg("line", { class: "cs-axis", x1: EDGE.left, x2: right, y1: bottom, y2: bottom })];
  for (const [value, text] of ticks)
    axes.push(
      svg("line", { class: "cs-gridline", x1: EDGE.left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { x: EDGE.left - 7, y: y(value) + 4, "text-anchor": "end", "data-y": value }, text),
    );
  for (let epoch = 0; epoch <= epochs; epoch++)
    axes.push(svg("text", { x: x(epoch), y: bottom + 17, "text-anchor": "middle", "data-x": epoch }, String(epoch)));
  axes.push(
    svg("text", { x: EDGE.left, y: bottom + 34 }, "epochs"),
    svg("line", { class: "cs-guess", x1: EDGE.left, x2: right, y1: y(guess), y2: y(guess) }),
    // Its name stands below the plot: at the line itself curves would cross it.
    svg("line", { class: "cs-guess-key", x1: right - 118, x2: right - 96, y1: bottom + 30, y2: bottom + 30 }),
    svg("text", { x: right, y: bottom + 34, "text-anchor": "end" }, guessText),
  );
  return axes;
}

/** A run's curve with its markers. */
function curveOf(line, places, kind) {
  const { colour, dash, marker } = look(line.number);
  const name = `cs-curve ${colour}${line.newest ? " cs-newest" : ""}`;
  const path = places.map((place, n) => `${n ? "L" : "M"}${place.left.toFixed(2)},${place.top.toFixed(2)}`).join("");
  const marked = kind === "loss" ? places.slice(-1) : places;
  return [
    svg("path", { class: name, d: path, "stroke-dasharray": dash, "data-run": line.number }),
    ...marked.map(({ left, top }) => svg("path", { class: `${name} cs-marker`, d: marker, transform: `translate(${left},${top})` })),
  ];
}

/** What is written at a run's curve: where it left the plot, where it diverged, and the newest number. */
function labelsOf(line, places, kind, { x, top, right, bottom }, named) {
  const name = `cs-curve ${look(line.number).colour}${line.newest ? " cs-newest" : ""}`;
  const labels = [];
  const above = places.filter((place) => place.value > top);
  if (above.length) {
    const peak = above.reduce((most, place) => (place.value > most.value ? place : most));
    labels.push(svg("path", { class: `${name} cs-above`, d: `M${peak.left - 5},${EDGE.top + 4}h10l-5,-9z` }));
  }
  if (line.broke !== null) {
    const left = x(line.broke);
    labels.push(svg("path", { class: `${name} cs-broke`, d: `M${left - 6},${EDGE.top}l12,12m0,-12l-12,12` }));
    if (!named.some((other) => Math.abs(other - left) < 70)) {
      labels.push(svg("text", { class: "cs-broke-name", x: left + 11, y: EDGE.top + 11 }, "diverged"));
      named.push(left);
    }
  }
  if (line.newest && places.length) {
    const last = places.at(-1);
    const end = last.left > right - 50;
    // A loss comes from above, an accuracy from below: its number stands on the other side.
    const under = kind === "loss" && last.top < bottom - 24;
    const place = { x: last.left + (end ? 5 : 9), y: Math.max(last.top, EDGE.top + (under ? 0 : 18)) + (under ? 19 : -9) };
    labels.push(svg("text", { class: "cs-latest", ...place, "text-anchor": end ? "end" : "start" }, last.short));
  }
  return labels;
}

/** One plot with its axes; `draw` rebuilds it, a few times a second at most. */
function makeChart(kind, title) {
  const root = svg("svg", { class: "cs-chart", "data-chart": kind, "aria-hidden": "true" });
  const ring = svg("circle", { class: "cs-ring", r: 7, visibility: "hidden" });
  const chart = {
    root: make("div", "cs-panel", make("div", "cs-title", title), root),
    svg: root,
    points: [],
    ring,
    /** `scale` is {epochs, top, ticks: [[value, text], …], guess}; `lines` one {points, number, newest, broke} a run. */
    draw([width, height], scale, lines) {
      const plot = { width: width - EDGE.left - EDGE.right, height: height - EDGE.top - EDGE.bottom };
      const place = {
        x: (epoch) => EDGE.left + (epoch / scale.epochs) * plot.width,
        y: (value) => EDGE.top + (1 - value / scale.top) * plot.height,
        top: scale.top,
        right: EDGE.left + plot.width,
        bottom: EDGE.top + plot.height,
      };
      // What is above the plot is cut off at its border, so that a loss of millions leaves the others readable.
      const inside = svg("svg", { x: 0, y: EDGE.top - 7, width, height: plot.height + 14 });
      inside.setAttribute("viewBox", `0 ${EDGE.top - 7} ${width} ${plot.height + 14}`);
      const labels = [];
      const named = []; // where "diverged" stands: runs diverge in much the same step
      chart.points = [];
      for (const line of lines) {
        const places = line.points.map((point) => ({ ...point, left: place.x(point.epoch), top: place.y(point.value), line }));
        chart.points.push(...places);
        inside.append(...curveOf(line, places, kind));
        labels.push(...labelsOf(line, places, kind, place, named));
      }
      root.setAttribute("width", width);
      root.setAttribute("height", height);
      root.replaceChildren(...axesOf(scale, place), inside, ...labels, ring);
    },
    /** The point nearest to a place on the page, or null. */
    nearest(clientX, clientY) {
      const box = root.getBoundingClientRect();
      const away = (point) => Math.hypot(clientX - box.left - point.left, clientY - box.top - Math.max(point.top, EDGE.top));
      const best = chart.points.reduce((near, point) => (near && away(near) <= away(point) ? near : point), null);
      return best && away(best) <= NEAR ? best : null;
    },
    /** Put the ring around a point, or take it away. */
    mark(point) {
      const here = point && chart.points.includes(point);
      ring.setAttribute("visibility", here ? "visible" : "hidden");
      if (!here) return;
      ring.setAttribute("cx", point.left);
      ring.setAttribute("cy", Math.max(point.top, EDGE.top));
    },
  };
  return chart;
}

/** The step in which a diverged run's loss left the plot, or was no number any more. */
const brokeAt = (run) => run.losses.find(([, loss]) => loss > 2 * GUESSING)?.[0] ?? run.step;

/** What a run's two curves show: [epoch, value] with the numbers to tell when one is pointed at. */
function linesOf(runs) {
  const each = (points) => runs.map((run, number) => ({ ...points(run, number), number, newest: number === runs.length - 1 }));
  const loss = each((run, number) => ({
    points: run.losses.map(([step, value]) => ({
      epoch: step / run.steps,
      value,
      short: lossText(value),
      text: `run ${number + 1}, epoch ${(step / run.steps).toFixed(2)}, step ${step}: training loss ${lossText(value)}`,
    })),
    broke: run.state === "diverged" ? brokeAt(run) / run.steps : null,
  }));
  const accuracy = each((run, number) => ({
    points: run.test_accuracy.map((value, epoch) => ({
      epoch: epoch + 1,
      value,
      short: percent(value),
      text: `run ${number + 1}, after epoch ${epoch + 1}, step ${(epoch + 1) * run.steps}: test accuracy ${percent(value)}`,
    })),
    broke: null,
  }));
  return { loss, accuracy };
}

/** One run in the legend: its line and marker, its settings (strong where not the usual ones), and its numbers. */
function legendEntry(run, number, newest) {
  const { colour, dash, marker } = look(number);
  const name = `cs-curve ${colour}${newest ? " cs-newest" : ""}`;
  const swatch = svg("svg", { class: "cs-swatch", width: 44, height: 14, "aria-hidden": "true" });
  swatch.append(
    svg("path", { class: name, d: "M0,7H44", "stroke-dasharray": dash }),
    svg("path", { class: `${name} cs-marker`, d: marker, transform: "translate(22,7)" }),
  );
  const settings = make("span", "cs-settings");
  for (const [setting, value] of Object.entries(run.settings)) {
    const text = SETTINGS[setting](value);
    if (settings.childNodes.length) settings.append(" · ");
    settings.append(value === USUAL[setting] ? text : make("b", "", text));
  }
  const numbers = [
    run.losses.length && `training loss ${lossText(run.losses.at(-1)[1])}`,
    run.test_accuracy.length && `test accuracy ${percent(run.test_accuracy.at(-1))}`,
    `${plural(run.step, "step")}${run.state === "running" ? " so far" : ""}`,
  ].filter(Boolean);
  const highest = Math.max(0, ...run.losses.map(([, loss]) => loss));
  if (highest > 1.5 * GUESSING && !run.message) numbers.push(`▲ its loss was up to ${lossText(highest)}`);
  else if (run.state === "finished" && run.loss.at(-1) >= GUESSING) numbers.push("its loss is no better than guessing");
  const entry = make("div", "cs-run", swatch, make("span", "cs-run-name", `run ${number + 1}`), settings);
  entry.append(make("span", "cs-run-numbers", numbers.join(" · ")));
  if (run.message) entry.append(make("span", run.state === "stopped" ? "cs-run-stopped" : "cs-run-wrong", run.message));
  return entry;
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const code = makeCode();
  const device = make("div", "cs-note", make("span", "cs-words", "device "));
  device.append(make("span", "cs-device", model.get("device")));
  const progress = make("div", "cs-progress");
  const charts = { loss: makeChart("loss", "training loss"), accuracy: makeChart("accuracy", "test accuracy, after each epoch") };
  const figure = make("div", "cs-figure", charts.loss.root, charts.accuracy.root);
  const legend = make("div", "cs-legend");
  const speaker = makeSpeaker();
  const allRuns = () => {
    const current = model.get("current");
    return current.state ? [...model.get("runs"), current] : model.get("runs");
  };
  const readout = makeReadout(figure, charts, speaker, () => allRuns().length > 0);
  const root = make("div", "cs-explorer", progress, figure, readout.root, legend, device, code.root, speaker.root);
  el.append(root);
  const space = watchWidth(root, draw);

  function draw() {
    const values = sliders.values();
    writeCode(code, values);
    const runs = allRuns();
    const current = model.get("current");
    setText(progress, current.state ? current.progress || "starting" : model.get("message"));
    const width = space.width();
    const columns = width >= 600 ? 2 : 1;
    setClass(root, columns === 2 ? "cs-explorer" : "cs-explorer cs-narrow");
    drawCharts(charts, runs, values, [Math.floor(columns === 2 ? (width - 24) / 2 : width - 4), HEIGHTS[columns - 1]]);
    legend.replaceChildren(...runs.map((run, number) => legendEntry(run, number, number === runs.length - 1)).reverse());
    readout.renew();
    if (current.state) return; // a screen reader would be given sentence after sentence
    const latest = [...(legend.firstChild?.children ?? [])].map((part) => part.textContent);
    speaker.say([model.get("message"), ...latest].filter(Boolean).join(". ") || "No runs yet.");
  }

  const traits = watchTraits(model, ["runs", "current", "message"], draw);
  sliders.watch(draw);
  draw();
  return ending(sliders, traits, space, speaker);
}

function writeCode(code, { conv_channels, kernel_size, epochs, batch_size, lr }) {
  code.write(
    `torch.manual_seed(0)\nmodel = SimpleCNN(conv_channels=${conv_channels}, kernel_size=${kernel_size})\n` +
      `history = train(model, train_set, test_set, epochs=${epochs}, batch_size=${batch_size}, lr=${lr})`,
    "",
  );
}

function drawCharts(charts, runs, values, size) {
  const epochs = Math.max(...(runs.length ? runs.map((run) => run.settings.epochs) : [values.epochs]));
  const highest = Math.max(0, ...runs.flatMap((run) => run.losses.map(([, loss]) => loss)));
  const top = Math.min(1.5 * GUESSING, Math.max(1.15 * GUESSING, 1.05 * highest));
  const lines = linesOf(runs);
  const losses = [0, 0.5, 1, 1.5, 2, 2.5, 3].filter((value) => value <= top).map((value) => [value, value.toFixed(1)]);
  const parts = [0, 0.25, 0.5, 0.75, 1].map((value) => [value, `${100 * value} %`]);
  charts.loss.draw(size, { epochs, top, ticks: losses, guess: [GUESSING, "guessing: 2.30"] }, lines.loss);
  charts.accuracy.draw(size, { epochs, top: 1.04, ticks: parts, guess: [0.1, "guessing: 10 %"] }, lines.accuracy);
}

/** The numbers of the point that is hovered, or reached with the arrow keys. */
function makeReadout(figure, charts, speaker, hasRuns) {
  const root = make("div", "cs-readout");
  let at = null; // the point that is told about
  const allPoints = () => Object.values(charts).flatMap((chart) => chart.points); // the loss comes before the accuracy
  function tell(point) {
    at = point;
    for (const chart of Object.values(charts)) chart.mark(point);
    const hint = hasRuns() ? "Hover a point, or use the arrow keys: its numbers come here." : "Press Train: the curves come here.";
    setText(root, point ? point.text : hint);
  }
  /** The point some places on, in the order of the runs and their epochs. */
  function step(places) {
    const points = allPoints();
    if (!points.length) return;
    const from = points.findIndex((point) => point.text === at?.text);
    tell(points[from < 0 ? points.length - 1 : (from + places + points.length) % points.length]);
  }
  /** The nearest point of the next curve. */
  function jump(places) {
    const curves = Object.values(charts).flatMap((chart) => [...new Set(chart.points.map((point) => point.line))]);
    if (!at || !curves.length) return step(0);
    const line = curves[(curves.indexOf(at.line) + places + curves.length) % curves.length];
    const from = at.epoch;
    const points = allPoints().filter((point) => point.line === line);
    tell(points.reduce((near, point) => (Math.abs(point.epoch - from) < Math.abs(near.epoch - from) ? point : near)));
  }
  const keys = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowUp: () => jump(-1), ArrowDown: () => jump(1), Escape: () => tell(null) };
  figure.tabIndex = 0;
  figure.setAttribute("role", "application"); // so that screen readers hand the arrow keys on
  figure.setAttribute("aria-label", "The curves of all runs. Arrow keys go from point to point, Escape lets go.");
  figure.onpointermove = (event) => {
    const chart = Object.values(charts).find(({ svg: drawn }) => drawn.contains(event.target));
    tell(chart ? chart.nearest(event.clientX, event.clientY) : null);
  };
  figure.onpointerdown = figure.onpointermove; // touch
  figure.onpointerleave = (event) => event.pointerType !== "touch" && tell(null);
  figure.onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !(event.key in keys)) return;
    keys[event.key]();
    if (at) speaker.say(at.text);
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the arrow keys for itself
  };
  /** The points are new: the one told about is found again by its words. */
  const renew = () => tell(at && (allPoints().find((point) => point.text === at.text) ?? null));
  return { root, renew };
}

export default { render };
