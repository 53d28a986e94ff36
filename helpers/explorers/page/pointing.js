// What the learner points at, and playing: a window that goes from output to output.

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
  figure.onfocusin = (event) => hover(cellOf(event)); // a cell to type in is shown while one does
  figure.onfocusout = () => hover(null);
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

/**
 * A window that goes from output to output: with arrow keys, by playing or stepping through all of them, by a click.
 * `outputs()` gives how many there are, { rows, columns, grids }, 0 rows where there are none; `grids` names the grids
 * they are drawn in, if not "output" alone, and `apart` how many pixels lie between two windows. Playing goes through
 * all cells of one grid and on to the next. The window can be dragged over the input. It starts at the first output,
 * or at the one that `start()` gives, and goes back there.
 */
export function makeWalker(outputs, start = () => ({ grid: outputs().grids?.[0] ?? "output", row: 0, column: 0 })) {
  let [renew, glideOn] = [() => {}, () => {}];
  let [stepped, isDragged] = [{}, false]; // the output that a step has come to, and in which setting
  const player = makePlayer(step, () => pointing.isHovered(), { changed: () => renew(), leave });
  let first = start();
  let pointing = null;

  const goBack = () => pointing.pin((first = start()));

  /** The output that keys and player move from: the pinned one, pulled back if the output has shrunk, or the first. */
  const pinnedOutput = (all) => pulledBack(pointing.pinned(), all);
  function pulledBack({ grid, row, column }, all) {
    const { rows, columns, grids = ["output"] } = all;
    if (!grids.includes(grid)) return pulledBack(first, all);
    return { grid, row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
  }

  /** The next output or the one before, on through all rows; null where there is none. */
  function next(delta) {
    const all = outputs();
    return all.rows ? outputAfter(pinnedOutput(all), all, delta) : null;
  }

  function step(delta) {
    const cell = next(delta);
    if (!cell) return;
    stepped = { cell };
    pointing.pin(cell);
  }

  /** The window is dragged, or has been. */
  function drag(begins) {
    isDragged = begins;
    if (begins) player.stop();
    else pointing.drop();
    renew();
  }

  /** While it plays, the window goes on before, and what is drawn follows when it is there. */
  function leave() {
    const [from, to, { apart }] = [pinnedOutput(outputs()), next(1), outputs()];
    if (to?.grid === from.grid) glideOn((to.row - from.row) * apart, (to.column - from.column) * apart);
  }

  /** One output along a row or a column, up to the border. */
  function walk(axis, delta) {
    player.stop();
    const all = outputs();
    const from = pinnedOutput(all);
    const last = (axis === "row" ? all.rows : all.columns) - 1;
    if (all.rows) pointing.pin({ ...from, [axis]: Math.max(0, Math.min(from[axis] + delta, last)) });
  }

  return {
    player,
    goBack,
    /** The cell that the learner has chosen, and to which the picture goes back; null before, and while it plays. */
    pinned: () => (player.playing() || pointing.pinned() === first ? null : pointing.pinned()),
    /**
     * Are the outputs printed one after another: does it play, is the window dragged, or has a step come to where it is?
     * Another setting shows all of them again, and so does what is hovered after a step.
     */
    printing(values) {
      const setting = JSON.stringify(values);
      stepped.setting ??= setting;
      if (stepped.setting !== setting) stepped = {};
      return player.playing() || isDragged || (pointing.pinned() === stepped.cell && !pointing.isHovered());
    },
    /** The output to which the picture goes back when nothing is hovered. */
    home: () => pinnedOutput(outputs()),
    /** What is pointed at, inside grids of `most` cells a side; one that a slider has made smaller shows the output left. */
    at(most) {
      const at = pointing.at();
      return Math.max(at.row, at.column) < most[at.grid] ? at : pulledBack(at, outputs());
    },
    /**
     * From now on `redraw` is called when something else is pointed at, and `glide(down, right)`, in pixels, when playing
     * is about to move the window so far; returns what watchPointing does.
     */
    watch(root, figure, redraw, glide = () => {}) {
      const keys = {
        ArrowRight: () => walk("column", 1),
        ArrowLeft: () => walk("column", -1),
        ArrowDown: () => walk("row", 1),
        ArrowUp: () => walk("row", -1),
        " ": player.toggle,
        Escape: () => (player.stop(), goBack()),
      };
      [renew, glideOn] = [redraw, glide];
      pointing = watchPointing(root, figure, first, keys, redraw);
      watchDrag(figure, { begin: () => drag(true), from: () => pinnedOutput(outputs()), to: dragged, end: () => drag(false) });
      return pointing;
    },
  };

  /** The output whose window lies so many pixels down and right of another's, as near as there is one. */
  function dragged(from, down, right) {
    const { rows, columns, apart } = outputs();
    const to = (index, pixels, count) => Math.max(0, Math.min(index + Math.round(pixels / apart), count - 1));
    const cell = { ...from, row: to(from.row, down, rows), column: to(from.column, right, columns) };
    const { row, column } = pointing.at();
    if (rows && (cell.row !== row || cell.column !== column || pointing.isHovered())) pointing.pin(cell);
  }
}

/** The output so many places on in reading order, through all grids, and from the last to the first. */
function outputAfter({ grid, row, column }, { rows, columns, grids = ["output"] }, delta) {
  const count = grids.length * rows * columns;
  const index = ((grids.indexOf(grid) * rows + row) * columns + column + delta + count) % count;
  const cell = index % (rows * columns);
  return { grid: grids[Math.floor(index / (rows * columns))], row: Math.floor(cell / columns), column: cell % columns };
}

const SHAKE = 4; // pixels: a press that moves less is a click

/**
 * Dragging over an input, by mouse or pen anywhere, by touch on the window's handle: elsewhere a finger scrolls the page.
 * `from()` is what is dragged, `to(it, down, right)` moves it by so many pixels.
 */
function watchDrag(figure, { begin, from, to, end }) {
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
