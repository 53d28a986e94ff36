// The numbers of one point of the curves.

import { make, setText } from "./page/elements.js";

/** The numbers of the point that is hovered, or reached with the arrow keys; else `hint()`. */
export function makeReadout(figure, charts, speaker, hint) {
  const root = make("div", "cs-readout");
  let at = null; // the point that is told about
  const allPoints = () => Object.values(charts).flatMap((chart) => chart.points); // the loss comes before the accuracy
  function tell(point) {
    at = point;
    for (const chart of Object.values(charts)) chart.mark(point);
    setText(root, point ? point.text : hint());
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
