// Motion that carries an idea: on elements that lie over the cells, never on cells, and not where the reader wants none.

import { make } from "./elements.js";
import { digits } from "./grid.js";

export const SHORT = { duration: 220, easing: "ease-in-out" };
const FLIGHT = 300; // milliseconds from cell to cell

/** Whether the reader wants nothing to move. */
export const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Tells a step from other redraws: `steps(setting, at, isHovered)` is the place before, { row, column }, where the same
 * setting is shown and the window has gone from one output to another by a key, a drag, or by playing; else null.
 */
export function makeSteps() {
  let last = { setting: "" };
  return (values, at, isHovered) => {
    const before = last;
    last = { setting: JSON.stringify(values), at: at.grid.startsWith("output") && !isHovered ? at : null };
    if (before.setting !== last.setting || !before.at || !last.at || before.at.grid !== at.grid) return null;
    return before.at.row === at.row && before.at.column === at.column ? null : before.at;
  };
}

/** Let a box that has been laid somewhere else come from where it was, so many pixels down and right of there. */
export function glide(box, down, right) {
  if (!isStill()) box.animate([{ transform: `translate(${right}px, ${down}px)` }, { transform: "none" }], SHORT);
}

/** A box that goes on before what is drawn: it leaves while all else is as it was, and is laid anew when it is there. */
export function makeGlider(box) {
  let way = null;
  return {
    /** Go so many pixels down and right. */
    leave(down, right) {
      if (!isStill()) way = box.animate([{ transform: "none" }, { transform: `translate(${right}px, ${down}px)` }], { ...SHORT, fill: "forwards" });
    },
    /** The box has been laid somewhere else: `step` is how far [down, right], where it was a step that it should be seen to make. */
    laid(step) {
      const isThere = Boolean(way);
      way?.cancel();
      way = null;
      if (step && !isThere) glide(box, -step[0], -step[1]);
    },
  };
}

/** A place in a figure's own pixels: the middle of an element, and its sides. */
export function placeIn(figure) {
  const here = figure.getBoundingClientRect();
  return (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { x: left + width / 2 - here.left, y: top + height / 2 - here.top, width, height };
  };
}

function layOver(figure, className, text = "") {
  const element = make("div", className, text);
  element.setAttribute("aria-hidden", "true");
  figure.append(element);
  return element;
}

const ended = (animation, element) => (animation.onfinish = animation.oncancel = () => element.remove());

/** Veil places of a figure, as placeIn gives them, in these steps of opacity. */
function veil(figure, places, opacity, duration) {
  for (const { x, y, width, height } of places) {
    const cover = layOver(figure, "cs-veil");
    cover.style.cssText = `height: ${height}px; left: ${x - width / 2}px; top: ${y - height / 2}px; width: ${width}px`;
    ended(cover.animate({ opacity }, { ...SHORT, duration }), cover);
  }
}

/** Let cells of a figure pale while others fly: those that lose. */
export function pale(figure, cells) {
  if (!isStill()) veil(figure, cells.filter(Boolean).map(placeIn(figure)), [0, 0.85, 0.85, 0], FLIGHT);
}

/**
 * Let numbers go from cell to cell of a figure, on tiles: `ways` are [{ text, from, to }]. The cells they go to are blank
 * until they land.
 */
export function fly(figure, ways) {
  if (isStill()) return;
  const place = placeIn(figure);
  const at = ({ x, y }) => `translate(${x}px, ${y}px) translate(-50%, -50%)`;
  const seen = ways.filter(({ from, to }) => from && to);
  const flights = seen.map(({ text, from, to }) => ({ text, from: place(from), to: place(to) })); // all is read before anything is written
  veil(figure, [...new Set(seen.map(({ to }) => to))].map(place), [1, 1], FLIGHT);
  for (const { text, from, to } of flights) {
    const tile = layOver(figure, "cs-flyer cs-tile", text);
    tile.style.fontSize = `${digits(to.height)}px`;
    ended(tile.animate([{ transform: at(from) }, { transform: at(to) }], { ...SHORT, duration: FLIGHT }), tile);
  }
}

/** How far along a way of points each of them lies. */
export const distances = (way) =>
  way.map((_, place) => way.slice(1, place + 1).reduce((sum, [x, y], before) => sum + Math.hypot(x - way[before][0], y - way[before][1]), 0));

/** Let a text go along a way of points, [x, y] in a figure's pixels: seen from `delay` on, for so many milliseconds. */
export function follow(figure, text, way, ink, { delay, duration }) {
  if (isStill()) return;
  const flyer = layOver(figure, `cs-flyer ${ink}`, text);
  const far = distances(way);
  const steps = way.map(([x, y], place) => ({
    transform: `translate(${x}px, ${y}px) translate(-50%, -50%)`,
    offset: far[place] / (far.at(-1) || 1),
    opacity: 1,
  }));
  flyer.style.opacity = 0; // until its turn comes
  ended(flyer.animate(steps, { delay, duration, easing: SHORT.easing }), flyer);
}

/**
 * Let a frame go from one place in a figure to another, { x, y, width, height }: into what is shown there, or out of it. It
 * carries a copy of what is seen on `canvas`, if one is given.
 */
export function grow(figure, start, end, canvas) {
  if (isStill() || !start || !end) return;
  const frame = layOver(figure, "cs-zoom");
  if (canvas?.width) {
    const copy = Object.assign(make("canvas", "cs-plane"), { width: canvas.width, height: canvas.height });
    copy.getContext("2d").drawImage(canvas, 0, 0);
    frame.append(copy);
  }
  frame.style.cssText = `height: ${end.height}px; left: ${end.x - end.width / 2}px; top: ${end.y - end.height / 2}px; width: ${end.width}px`;
  const scale = [start.width / end.width, start.height / end.height];
  const begin = { transform: `translate(${start.x - end.x}px, ${start.y - end.y}px) scale(${scale})`, opacity: 1 };
  ended(frame.animate([begin, { transform: "none", opacity: 1, offset: 0.8 }, { transform: "none", opacity: 0 }], { ...SHORT, duration: 260 }), frame);
}

/** A cell that is seen, by its grid and place. */
export const seenCell = (figure, grid, row, column) =>
  [...figure.querySelectorAll(`[data-grid="${grid}"][data-row="${row}"][data-column="${column}"]`)].find((cell) => cell.offsetParent);

/** Let a number go from one to another: `write(number)` is called with each frame; returns what stops it on its way. */
export function travel(from, to, write) {
  if (isStill()) {
    write(to);
    return () => {};
  }
  let start = null;
  let stopped = false;
  const next = (now) => {
    if (stopped) return;
    start ??= now;
    const part = Math.min(1, (now - start) / SHORT.duration);
    write(part < 1 ? from + (to - from) * part : to);
    if (part < 1) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  return () => (stopped = true);
}
