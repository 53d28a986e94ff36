// FlattenExplorer: a slider that unzips the volume into the row of memory, and the cells on their way.

import { make, setAttribute, setClass, setStyle, setText, show, svg, upTo, within } from "./page/elements.js";
import { isStill, placeIn, travel } from "./page/motion.js";

const ABREAST = 4; // cells on their way at once: each leaves so many steps before it lands
const TRAIL = 8; // ways that can be seen, behind the cells that have gone them

/**
 * The slider, and how far it has come: 0 to the number of cells. `chosen(index)` is called with the cell whose turn it
 * is, in reading order, `redraw` with every frame of its way.
 */
export function makeScrub(chosen, redraw) {
  const input = make("input");
  Object.assign(input, { type: "range", min: "0", step: "any" });
  input.setAttribute("aria-label", "unzip");
  const [from, to] = [make("span"), make("span")];
  let [at, goal, count] = [0, 0, 1];
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
    /** Back to where nothing is unzipped. */
    reset: () => (stop(), (at = goal = 0)),
    /** For another setting, of so many cells: nothing moves on, and what has come to the end stays there. */
    fit(cells) {
      stop();
      isSettled = true;
      at = goal = goal === count ? cells : Math.min(Math.floor(goal), cells);
      count = cells;
    },
    /** The part of its way that a cell has gone; at both ends the picture is whole, and every cell is in its place. */
    gone(index) {
      if (at === 0 || at === count) return null;
      const begin = isWhole() ? index : Math.max(0, index + 1 - ABREAST);
      return Math.max(0, Math.min(1, (at - begin) / (index + 1 - begin)));
    },
    isWhole,
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

/**
 * The cells on their way, over the picture: `draw(key, count, scrub, cells)`. `cells()` are all of them in reading order,
 * [{ text, hue, from, to }] with the cell each comes from and goes to; `key` tells when they have changed.
 */
export function makeFlights(figure) {
  const lines = svg("svg", { class: "cs-ways" });
  const root = make("div", "cs-flights");
  for (const layer of [lines, root]) {
    layer.setAttribute("aria-hidden", "true");
    figure.append(layer);
  }
  const [flyers, ways] = [[], []];
  let known = { key: "" };

  /** All cells, and where they come from and go to, in pixels from the figure's corner: read once, before any moves. */
  function placed(key, cells) {
    if (known.key === key) return known.all;
    const box = placeIn(figure);
    known = { key, all: cells().map(({ text, hue, from, to }) => ({ text, hue, from: box(from), to: box(to) })) };
    return known.all;
  }

  function drawFlyer(place, { text, hue, from, to }, part) {
    flyers[place] ??= root.appendChild(make("div"));
    const between = (name) => from[name] + (to[name] - from[name]) * part;
    setClass(flyers[place], `cs-flying cs-hue-${hue}`);
    setText(flyers[place], text);
    for (const side of ["width", "height"]) setStyle(flyers[place], side, `${between(side)}px`);
    setStyle(flyers[place], "line-height", `${between("height") - 2}px`);
    setStyle(flyers[place], "transform", `translate(${between("x")}px, ${between("y")}px) translate(-50%, -50%)`);
  }

  function drawWay(place, { hue, from, to }, strength) {
    ways[place] ??= lines.appendChild(svg("line"));
    const ends = { x1: from.x, y1: from.y + from.height / 2, x2: to.x, y2: to.y - to.height / 2 };
    for (const [name, value] of Object.entries(ends)) setAttribute(ways[place], name, value.toFixed(1));
    setAttribute(ways[place], "class", `cs-hue-${hue}`);
    setStyle(ways[place], "opacity", strength.toFixed(2));
  }

  return {
    draw(key, count, { gone, isWhole }, cells) {
      const isMoving = gone(0) !== null && !isWhole();
      for (const layer of [lines, root]) setStyle(layer, "display", isMoving ? "block" : "none");
      if (!isMoving) return;
      const parts = upTo(count).map(gone);
      const first = parts.findIndex((part) => part < 1); // that has not landed
      const all = placed(key, cells);
      const seen = upTo(count).filter((index) => index >= first - TRAIL && parts[index] > 0);
      const flying = seen.filter((index) => index >= first);
      seen.forEach((index, place) => drawWay(place, all[index], Math.min(1, 1 - (first - index) / (TRAIL + 1))));
      flying.forEach((index, place) => drawFlyer(place, all[index], parts[index]));
      flyers.forEach((flyer, place) => show(flyer, place < flying.length));
      ways.forEach((way, place) => setAttribute(way, "visibility", place < seen.length ? "visible" : "hidden"));
    },
  };
}
