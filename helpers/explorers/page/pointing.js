// What the learner points at, drags, and plays.

import { make } from "./elements.js";
import { cellOf } from "./grid.js";
import { SHORT } from "./motion.js";

/**
 * What the learner points at in a figure of grids: hovering shows a cell, a click or a key pins one, leaving goes back
 * to the pinned cell. `keys` names what each key does, anywhere in `root` but where something is typed or chosen.
 */
export function watchPointing(root, figure, first, keys, redraw) {
  let pinned = first;
  let hovered = null;
  const pin = (cell) => {
    pinned = cell;
    hovered = null;
    redraw();
  };
  const hover = (cell) => {
    if (cell === hovered) return;
    hovered = cell;
    redraw();
  };
  figure.tabIndex = 0;
  figure.setAttribute("role", "application"); // so that screen readers hand the arrow keys on
  let isDropped = false; // what has just been dragged there is looked at, and not the cell that lies under the pointer
  figure.onpointerover = (event) => {
    if (event.pointerType !== "touch" && !isDropped) hover(cellOf(event) ?? hovered);
    isDropped = false;
  };
  figure.onpointerleave = () => hover(null);
  figure.onclick = (event) => event.target.tagName !== "INPUT" && cellOf(event) && pin(cellOf(event));
  const isTyped = ({ target }) => target.tagName === "INPUT"; // a cell to type in is shown while one does
  figure.addEventListener("focusin", (event) => isTyped(event) && hover(cellOf(event)));
  figure.addEventListener("focusout", (event) => isTyped(event) && hover(null));
  root.onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return; // JupyterLab's and the browser's own
    if (["INPUT", "SELECT"].includes(event.target.tagName)) event.stopPropagation(); // JupyterLab would move on
    else if (event.key in keys && !(event.key === " " && event.target.tagName === "BUTTON")) {
      keys[event.key]();
      event.preventDefault();
      event.stopPropagation(); // JupyterLab would take the arrow keys for itself
    }
  };
  return { at: () => hovered ?? pinned, pinned: () => pinned, isHovered: () => Boolean(hovered), pin, hover, drop: () => (isDropped = true) };
}

const BEAT = 600; // milliseconds from step to step while it plays

/**
 * Buttons to step and play; `step(+1 or -1)` moves the picture. `toggle()` is also the Space key's. While `isHovered()`
 * it waits: what the learner points at wins. `changed()` is called when playing begins and ends; `leave()` a moment
 * before it plays a step, for what is under way until then.
 */
export function makePlayer(step, isHovered, { changed = () => {}, leave = () => {} } = {}) {
  const play = make("button", "cs-button cs-play");
  let timer = null;
  const wait = (milliseconds, next, act) => {
    timer = setTimeout(() => {
      next();
      if (!isHovered()) act(); // it may stop the playing
    }, milliseconds);
  };
  const depart = () => wait(BEAT - SHORT.duration, arrive, leave);
  const arrive = () => wait(SHORT.duration, depart, () => step(1));
  const set = (playing) => {
    const before = Boolean(timer);
    clearTimeout(timer);
    timer = null;
    if (playing) depart();
    play.textContent = playing ? "❚❚ Pause" : "▶ Play";
    if (before !== playing) changed();
  };
  const button = (text, label, delta) => {
    const element = make("button", "cs-button", text);
    element.setAttribute("aria-label", label);
    element.onclick = () => (set(false), step(delta));
    return element;
  };
  play.onclick = () => set(!timer);
  set(false);
  const root = make("span", "cs-player", button("◀", "Step back", -1), play, button("▶|", "Step forward", 1));
  return {
    root,
    toggle: () => !play.disabled && set(!timer),
    playing: () => Boolean(timer),
    stop: () => set(false),
    /** Without an output there is nothing to play. */
    enable(able) {
      if (play.disabled !== able) return;
      if (!able) set(false);
      for (const element of root.children) element.disabled = !able;
    },
  };
}

const SHAKE = 4; // pixels: a press that moves less is a click

/**
 * Dragging over an input, by mouse or pen anywhere, by touch on the window's handle: elsewhere a finger scrolls the page.
 * `from()` is what is dragged, `to(it, down, right)` moves it by so many pixels.
 */
export function watchDrag(figure, { begin, from, to, end }) {
  let drag = null;
  figure.addEventListener("pointerdown", (event) => {
    const isInput = cellOf(event)?.grid.startsWith("input");
    const isHandle = event.target.classList.contains("cs-handle");
    if (event.button === 0 && (isHandle || (isInput && event.pointerType !== "touch")))
      drag = { x: event.clientX, y: event.clientY, from: from(), moved: false };
  });
  figure.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [right, down] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(right, down) < SHAKE) return;
    if (!drag.moved) {
      drag.moved = true;
      begin();
      figure.setPointerCapture(event.pointerId); // hovering ends, and the pointer may leave the picture
    }
    to(drag.from, down, right);
  });
  for (const name of ["pointerup", "pointercancel"]) figure.addEventListener(name, () => drag && !drag.moved && (drag = null));
  figure.addEventListener("lostpointercapture", ({ target }) => {
    if (target !== figure) return; // a finger's own capture, which the figure has taken over
    end();
    setTimeout(() => (drag = null)); // after the click that ends it
  });
  figure.addEventListener("click", (event) => drag?.moved && event.stopPropagation(), true);
}
