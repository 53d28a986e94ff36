// A window that goes from output to output, and what is seen of the outputs meanwhile.

import { makePlayer, watchDrag, watchPointing } from "./pointing.js";

/**
 * A window that goes from output to output: with arrow keys, by playing or stepping through all of them, by a click.
 * `outputs()` gives how many there are, { rows, columns, grids }, 0 rows where there are none; `grids` names the grids
 * they are drawn in, if not "output" alone, and `apart` how many pixels lie between two windows. Playing goes through
 * all cells of one grid and on to the next. The window can be dragged over the input. It starts at the first output,
 * or at the one that `start()` gives, and goes back there.
 */
export function makeWalker(outputs, start = () => ({ grid: outputs().grids?.[0] ?? "output", row: 0, column: 0 })) {
  let [renew, glideOn] = [() => {}, () => {}];
  const player = makePlayer(step, () => pointing.isHovered(), { changed: () => renew(), leave });
  let first = start();
  let pointing = null;
  const print = makePrint(player, () => pointing);

  const goBack = () => pointing.pin((first = start()));

  /** The output that keys and player move from: the pinned one, pulled back if the output has shrunk, or the first. */
  const pinnedOutput = (all) => pulledBack(pointing.pinned(), all, first);

  /** The next output or the one before, on through all rows; null where there is none. */
  function next(delta) {
    const all = outputs();
    return all.rows ? outputAfter(pinnedOutput(all), all, delta) : null;
  }

  function step(delta) {
    const cell = next(delta);
    if (!cell) return;
    print.step(cell);
    pointing.pin(cell);
  }

  /** The window is dragged, or has been. */
  function drag(begins) {
    print.drag(begins);
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
    if (all.rows) pointing.pin(outputAlong(pinnedOutput(all), axis, delta, all));
  }

  return {
    player,
    goBack,
    /** The cell that the learner has chosen, and to which the picture goes back; null before, and while it plays. */
    pinned: () => (player.playing() || pointing.pinned() === first ? null : pointing.pinned()),
    printing: print.isOn,
    /** The output to which the picture goes back when nothing is hovered. */
    home: () => pinnedOutput(outputs()),
    /** What is pointed at, inside grids of `most` cells a side; one that a slider has made smaller shows the output left. */
    at(most) {
      const at = pointing.at();
      return Math.max(at.row, at.column) < most[at.grid] ? at : pulledBack(at, outputs(), first);
    },
    /**
     * From now on `redraw` is called when something else is pointed at, and `glide(down, right)`, in pixels, when playing
     * is about to move the window so far; returns what watchPointing does.
     */
    watch(root, figure, redraw, glide = () => {}) {
      [renew, glideOn] = [redraw, glide];
      pointing = watchPointing(root, figure, first, keysOf(walk, player, goBack), redraw);
      watchDrag(figure, { begin: () => drag(true), from: () => pinnedOutput(outputs()), to: dragged, end: () => drag(false) });
      return pointing;
    },
  };

  function dragged(from, down, right) {
    const all = outputs();
    const cell = outputBeside(from, down, right, all);
    const { row, column } = pointing.at();
    if (all.rows && (cell.row !== row || cell.column !== column || pointing.isHovered())) pointing.pin(cell);
  }
}

/** What each key does: `walk(axis, delta)`, play, go back. */
const keysOf = (walk, player, goBack) => ({
  ArrowRight: () => walk("column", 1),
  ArrowLeft: () => walk("column", -1),
  ArrowDown: () => walk("row", 1),
  ArrowUp: () => walk("row", -1),
  " ": player.toggle,
  Escape: () => (player.stop(), goBack()),
});

/**
 * Are the outputs printed one after another: does it play, is the window dragged, or has a step come to where it is?
 * `isOn(all)` says so, of `all` that makes a setting. Another one shows all of them again, and so does what is hovered.
 */
function makePrint(player, pointing) {
  let [stepped, isDragged] = [{}, false]; // the output that a step has come to, and in which setting
  return {
    step: (cell) => (stepped = { cell }),
    drag: (begins) => (isDragged = begins),
    isOn(all) {
      const setting = JSON.stringify(all);
      stepped.setting ??= setting;
      if (stepped.setting !== setting) stepped = {};
      return isDragged || (!pointing().isHovered() && (player.playing() || pointing().pinned() === stepped.cell));
    },
  };
}

/** An output within those that there are; in place of what is none, `first`. */
function pulledBack({ grid, row, column }, all, first) {
  const { rows, columns, grids = ["output"] } = all;
  if (!grids.includes(grid)) return pulledBack(first, all, first);
  return { grid, row: Math.min(row, rows - 1), column: Math.min(column, columns - 1) };
}

/** An output along a row or a column, up to the border. */
function outputAlong(from, axis, delta, { rows, columns }) {
  const last = (axis === "row" ? rows : columns) - 1;
  return { ...from, [axis]: Math.max(0, Math.min(from[axis] + delta, last)) };
}

/** The output whose window lies so many pixels down and right of another's, as near as there is one. */
function outputBeside(from, down, right, { rows, columns, apart }) {
  const to = (index, pixels, count) => Math.max(0, Math.min(index + Math.round(pixels / apart), count - 1));
  return { ...from, row: to(from.row, down, rows), column: to(from.column, right, columns) };
}

/** The output so many places on in reading order, through all grids, and from the last to the first. */
function outputAfter({ grid, row, column }, { rows, columns, grids = ["output"] }, delta) {
  const count = grids.length * rows * columns;
  const index = ((grids.indexOf(grid) * rows + row) * columns + column + delta + count) % count;
  const cell = index % (rows * columns);
  return { grid: grids[Math.floor(index / (rows * columns))], row: Math.floor(cell / columns), column: cell % columns };
}
