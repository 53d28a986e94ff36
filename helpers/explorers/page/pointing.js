// What the learner points at, and playing: a window that goes from output to output.

import { make } from "./elements.js";
import { cellOf } from "./grid.js";

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
  figure.onpointerover = (event) => event.pointerType !== "touch" && hover(cellOf(event) ?? hovered);
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
  return { at: () => hovered ?? pinned, pinned: () => pinned, pin, hover };
}

/** Buttons to step and play; `step(+1 or -1)` moves the picture. `toggle()` is also the Space key's. */
export function makePlayer(step) {
  const play = make("button", "cs-button cs-play");
  let timer = null;
  const set = (playing) => {
    clearInterval(timer);
    timer = playing ? setInterval(() => step(1), 600) : null;
    play.textContent = playing ? "❚❚ Pause" : "▶ Play";
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
 * they are drawn in, if not "output" alone. Playing goes through all cells of one grid and on to the next.
 */
export function makeWalker(outputs) {
  const player = makePlayer(step);
  const first = { grid: outputs().grids?.[0] ?? "output", row: 0, column: 0 };
  let pointing = null;

  /** The output that keys and player move from: the pinned one, pulled back if the output has shrunk, or the first. */
  const pinnedOutput = (all) => pulledBack(pointing.pinned(), all);
  function pulledBack({ grid, row, column }, { rows, columns, grids = ["output"] }) {
    if (!grids.includes(grid)) return first;
    return { grid, row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
  }

  /** To the next output or the one before, on through all rows. */
  function step(delta) {
    const all = outputs();
    const { rows, columns, grids = ["output"] } = all;
    if (!rows) return;
    const { grid, row, column } = pinnedOutput(all);
    const count = grids.length * rows * columns;
    const index = ((grids.indexOf(grid) * rows + row) * columns + column + delta + count) % count;
    const cell = index % (rows * columns);
    pointing.pin({
      grid: grids[Math.floor(index / (rows * columns))],
      row: Math.floor(cell / columns),
      column: cell % columns,
    });
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
    /** What is pointed at, inside grids of `most` cells a side; one that a slider has made smaller shows the output left. */
    at(most) {
      const at = pointing.at();
      return Math.max(at.row, at.column) < most[at.grid] ? at : pulledBack(at, outputs());
    },
    /** From now on `redraw` is called when something else is pointed at; returns what watchPointing does. */
    watch(root, figure, redraw) {
      const keys = {
        ArrowRight: () => walk("column", 1),
        ArrowLeft: () => walk("column", -1),
        ArrowDown: () => walk("row", 1),
        ArrowUp: () => walk("row", -1),
        " ": player.toggle,
        Escape: () => (player.stop(), pointing.pin(first)),
      };
      pointing = watchPointing(root, figure, first, keys, redraw);
      return pointing;
    },
  };
}
