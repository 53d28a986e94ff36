// FlattenExplorer: a slider that unzips the volume into the row of memory.

import { make, setAttribute, setText, within } from "./page/elements.js";
import { isStill, travel } from "./page/motion.js";

const ABREAST = 4; // cells on their way at once: each leaves so many steps before it lands

/**
 * The slider, and how far it has come: 0 to the number of cells. `chosen(index)` is called with the cell whose turn it
 * is, in reading order, `redraw` with every frame of its way.
 */
export function makeScrub(chosen, redraw) {
  const input = make("input");
  Object.assign(input, { type: "range", min: "0", step: "any" });
  input.setAttribute("aria-label", "unzip");
  const [from, to] = [make("span"), make("span")];
  let [at, goal, count, isCut] = [0, 0, 1, false];
  let stop = () => {};
  let isSettled = false; // a slider of the volume moved last: cells are in one place or the other, and none is in the air
  const isWhole = () => isSettled || isStill();

  /** Go on to so many cells, one after the other, from where it is, or from `start`. */
  function goTo(wanted, start = at) {
    stop();
    isSettled = false;
    goal = wanted;
    stop = travel(start, goal, (value) => ((at = value), redraw()));
  }
  input.oninput = () => {
    stop();
    isSettled = false;
    goal = at = isStill() ? Math.floor(Number(input.value)) : Number(input.value);
    chosen(Math.min(Math.floor(at), count - 1));
  };
  input.onkeydown = (event) => {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -count, End: count };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault(); // a hundredth of the way, in some browsers
    goTo(within(0, count, (step > 0 ? Math.floor(goal) : Math.ceil(goal)) + step));
    chosen(Math.min(goal, count - 1));
  };
  return {
    root: make("div", "cs-scrub", from, input, to),
    goTo,
    /** Back to the beginning: a volume is whole there, and of a batch are the rows, in which what `k` does is seen. */
    reset: () => (stop(), (at = goal = isCut ? count : 0)),
    /** For another setting, of so many cells: nothing moves on, and what has come to the end stays there. */
    fit(cells, batch) {
      stop();
      isSettled = true;
      const isAtEnd = batch === isCut ? goal === count : batch;
      at = goal = isAtEnd ? cells : batch === isCut ? Math.min(Math.floor(goal), cells) : 0;
      [count, isCut] = [cells, batch];
    },
    /** The part of its way that a cell has gone. */
    gone(index) {
      const begin = isWhole() ? index : Math.max(0, index + 1 - ABREAST);
      return Math.max(0, Math.min(1, (at - begin) / (index + 1 - begin)));
    },
    /** Whether there may be cells on their way. */
    isMoving: () => at > 0 && at < count && !isWhole(),
    isUsed: () => input.matches(":focus"), // then a screen reader says what it says itself
    write(names, told) {
      setText(from, names[0]);
      setText(to, names[1]);
      setAttribute(input, "max", count);
      if (Number(input.value) !== at) input.value = at;
      setAttribute(input, "aria-valuetext", goal === count ? `all ${count} cells are in the ${names[1]}` : told(Math.floor(goal)));
    },
    stop: () => stop(),
  };
}
