// Motion that carries an idea: on elements that lie over the cells, never on cells, and not where the reader wants none.

import { make } from "./elements.js";

const SHORT = { duration: 220, easing: "ease-in-out" };
const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

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

/** Let texts go to one cell of a figure, each from a cell of its own: `texts` are [{ text, from }]. */
export function fly(figure, texts, to, ink) {
  if (isStill() || !to) return;
  const here = figure.getBoundingClientRect();
  const at = (element) => {
    const box = element.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2 - here.left, box.top + box.height / 2 - here.top];
    return `translate(${x}px, ${y}px) translate(-50%, -50%)`;
  };
  const end = at(to);
  const ways = texts.filter(({ from }) => from).map(({ text, from }) => ({ text, start: at(from) })); // read before it is written
  for (const { text, start } of ways) {
    const flyer = make("div", `cs-flyer ${ink}`, text);
    flyer.setAttribute("aria-hidden", "true");
    figure.append(flyer);
    const flight = flyer.animate([{ transform: start }, { transform: end }], { ...SHORT, duration: 300 });
    flight.onfinish = flight.oncancel = () => flyer.remove();
  }
}

/** A cell that is seen, by its grid and place. */
export const seenCell = (figure, grid, row, column) =>
  [...figure.querySelectorAll(`[data-grid="${grid}"][data-row="${row}"][data-column="${column}"]`)].find((cell) => cell.offsetParent);
