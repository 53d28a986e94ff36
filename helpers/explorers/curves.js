// The curves of all runs, laid over one another: the plots, and what is read off them.

import { make, svg } from "./page/elements.js";

export const GUESSING = Math.log(10); // the loss of ten equal probabilities
const EDGE = { left: 50, right: 14, top: 10, bottom: 22 }; // pixels around the plot, for its numbers
const DASHES = ["", "9 4", "14 3 3 3", "5 3"];
const MARKERS = [
  "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", // circle
  "M-4,-4h8v8h-8z", // square
  "M0,-5l5,9h-10z", // triangle
  "M0,-5l5,5l-5,5l-5,-5z", // diamond
  "M-5,-4h10l-5,9z", // triangle that points down
];
// How a run ends that went too far, in words: hardly better than guessing; infinite or NaN.
const TOO_FAR = { collapsed: "collapsed", diverged: "diverged" };
const COLOURS = 7; // of the style sheet
const NEAR = 60; // pixels: how far a point may be to be told about
// How many times as high as the plot a curve goes. At the plot's border it is almost upright; the dashes of a curve that
// goes millions of pixels up would take up to a second to draw.
const HIGHEST = 100;

export const percent = (part) => `${(100 * part).toFixed(1)} %`;
/** A loss in a few characters: 0.143, 73.1, 43,800, 4.2e+16. */
export const lossText = (loss) =>
  loss < 10 ? loss.toFixed(3) : loss < 1e6 ? Math.round(loss).toLocaleString("en") : loss.toExponential(1);
export const look = (number) => ({
  colour: `cs-run-${number % COLOURS}`,
  dash: DASHES[number % DASHES.length],
  marker: MARKERS[number % MARKERS.length],
});

/** The plot's frame, its numbers and the line of guessing, as SVG elements. */
function axesOf({ epochs, ticks, guess }, { x, y, right, bottom }) {
  const axes = [svg("line", { class: "cs-axis", x1: EDGE.left, x2: right, y1: bottom, y2: bottom })];
  for (const [value, text] of ticks)
    axes.push(
      svg("line", { class: "cs-gridline", x1: EDGE.left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { x: EDGE.left - 7, y: y(value) + 4, "text-anchor": "end", "data-y": value }, text),
    );
  const every = (right - EDGE.left) / epochs < 18 ? 2 : 1; // there is no room for all of them
  for (let epoch = 0; epoch <= epochs; epoch += every)
    axes.push(svg("text", { x: x(epoch), y: bottom + 17, "text-anchor": "middle", "data-x": epoch }, String(epoch)));
  axes.push(
    svg("text", { x: EDGE.left - 6, y: bottom + 17, "text-anchor": "end" }, "epochs"),
    svg("line", { class: "cs-guess", x1: EDGE.left, x2: right, y1: y(guess), y2: y(guess) }),
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

/** What is written at a run's curve: where it left the plot, where it collapsed or diverged, and the newest number. */
function labelsOf(line, places, kind, { x, top, right, bottom }, named) {
  const name = `cs-curve ${look(line.number).colour}${line.newest ? " cs-newest" : ""}`;
  const labels = [];
  let rows = 0; // of words at the plot's top
  const above = places.filter((place) => place.value > top);
  if (above.length) {
    const peak = above.reduce((most, place) => (place.value > most.value ? place : most));
    labels.push(svg("path", { class: `${name} cs-above`, d: `M${peak.left - 5},${EDGE.top + 4}h10l-5,-9z` }));
  }
  if (line.broke !== null) {
    const left = x(line.broke);
    labels.push(svg("path", { class: `${name} cs-broke`, d: `M${left - 6},${EDGE.top}l12,12m0,-12l-12,12` }));
    const near = named.filter((other) => Math.abs(other.left - left) < 76);
    if (!near.some((other) => other.ended === line.ended)) {
      const y = EDGE.top + 11 + 14 * near.length; // the other word has the row above
      labels.push(svg("text", { class: "cs-broke-name", x: left + 11, y }, line.ended));
      named.push({ left, ended: line.ended });
    }
    rows = near.length + 1;
  }
  if (line.newest && places.length) {
    const last = places.at(-1);
    const end = last.left > right - 50;
    // A loss comes from above, an accuracy from below: its number stands on the other side, if there is room.
    const under = kind === "loss" ? last.top < bottom - 24 : last.top < EDGE.top + 14;
    const place = { x: last.left + (end ? 5 : 9), y: under ? Math.max(last.top + 19, EDGE.top + 19 + 14 * rows) : last.top - 9 };
    labels.push(svg("text", { class: "cs-latest", ...place, "text-anchor": end ? "end" : "start" }, last.short));
  }
  return labels;
}

/** One plot with its axes; `draw` rebuilds it, a few times a second at most. `guess` names the line of guessing. */
export function makeChart(kind, title, guess) {
  const root = svg("svg", { class: "cs-chart", "data-chart": kind, "aria-hidden": "true" });
  const ring = svg("circle", { class: "cs-ring", r: 7, visibility: "hidden" });
  const looked = svg("line", { class: "cs-looked" });
  const chart = {
    // The line of guessing is named in the title: at the line itself curves would cross its name.
    root: make("div", "cs-panel", make("div", "cs-title", title, make("span", "cs-guess-key", guess)), root),
    svg: root,
    points: [],
    ring,
    /** `scale` is {epochs, top, ticks: [[value, text], …], guess}; `lines` one {points, number, newest, broke, ended} a run. `epoch` is marked, if not null. */
    draw([width, height], scale, lines, epoch) {
      const plot = { width: width - EDGE.left - EDGE.right, height: height - EDGE.top - EDGE.bottom };
      const place = {
        x: (epoch) => EDGE.left + (epoch / scale.epochs) * plot.width,
        y: (value) => EDGE.top + (1 - Math.min(value / scale.top, HIGHEST)) * plot.height,
        top: scale.top,
        right: EDGE.left + plot.width,
        bottom: EDGE.top + plot.height,
      };
      // What is above the plot is cut off at its border, so that a loss of millions leaves the others readable.
      const inside = svg("svg", { x: 0, y: EDGE.top - 7, width, height: plot.height + 14 });
      inside.setAttribute("viewBox", `0 ${EDGE.top - 7} ${width} ${plot.height + 14}`);
      const labels = [];
      const named = []; // where "collapsed" and "diverged" stand: runs break in much the same step
      chart.points = [];
      for (const line of lines) {
        const places = line.points.map((point) => ({ ...point, left: place.x(point.epoch), top: place.y(point.value), line }));
        chart.points.push(...places);
        inside.append(...curveOf(line, places, kind));
        labels.push(...labelsOf(line, places, kind, place, named));
      }
      root.setAttribute("width", width);
      root.setAttribute("height", height);
      const left = place.x(epoch ?? 0);
      const line = { x1: left, x2: left, y1: EDGE.top, y2: place.bottom, visibility: epoch === null ? "hidden" : "visible" };
      for (const [name, value] of Object.entries(line)) looked.setAttribute(name, value);
      root.replaceChildren(...axesOf(scale, place), looked, inside, ...labels, ring);
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

/** The step in which a collapsed or diverged run's loss left the plot, or was no number any more. */
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
    broke: run.state in TOO_FAR ? brokeAt(run) / run.steps : null,
    ended: TOO_FAR[run.state],
  }));
  const accuracy = each((run, number) => ({
    points: run.test_accuracy.map((value, epoch) => ({
      epoch: epoch + 1,
      value,
      short: percent(value),
      text: `run ${number + 1}, after epoch ${epoch + 1}, step ${(epoch + 1) * run.steps}: accuracy ${percent(value)}`,
    })),
    broke: null,
  }));
  return { loss, accuracy };
}

export function drawCharts(charts, runs, values, size, epoch) {
  const epochs = Math.max(...(runs.length ? runs.map((run) => run.settings.epochs) : [values.epochs]));
  const highest = Math.max(0, ...runs.flatMap((run) => run.losses.map(([, loss]) => loss)));
  const top = Math.min(1.5 * GUESSING, Math.max(1.15 * GUESSING, 1.05 * highest));
  const lines = linesOf(runs);
  const losses = [0, 0.5, 1, 1.5, 2, 2.5, 3].filter((value) => value <= top).map((value) => [value, value.toFixed(1)]);
  const parts = [0, 0.25, 0.5, 0.75, 1].map((value) => [value, `${100 * value} %`]);
  charts.loss.draw(size, { epochs, top, ticks: losses, guess: GUESSING }, lines.loss, epoch);
  charts.accuracy.draw(size, { epochs, top: 1.04, ticks: parts, guess: 0.1 }, lines.accuracy, epoch);
}
