// FlattenExplorer: the numbers on their way from the volume to the row, and the ways they go.

import { make, setAttribute, setClass, setStyle, setText, show, svg, upTo } from "./page/elements.js";
import { distances, placeIn } from "./page/motion.js";
import { lettersOf } from "./flatten_picture.js";

const TRAIL = 8; // ways that can be seen, behind the cells that have gone them
const SLIM = 0.2; // of a cell: so wide is what passes between two numbers
const LARGE = 0.85; // the same where nothing else is
const OFF = 4; // pixels from a grid

/**
 * The way of a number as points, [x, y, its size there]: beside its cell, down between the others, across the room
 * below its grid, and between the others to its place. It crosses no number and no title.
 */
function wayOf(from, to, leaving, arriving) {
  const [out, into] = [from.x + from.width / 2, to.x - to.width / 2];
  const [low, high] = [leaving.y + leaving.height / 2 + OFF, arriving.y - arriving.height / 2 - OFF];
  const across = [[out, low, SLIM], [(out + into) / 2, (low + high) / 2, LARGE], [into, high, SLIM]];
  const begin = [[from.x, from.y, 1], [from.x + from.width / 3, from.y, SLIM], [out, from.y, SLIM]];
  return [...begin, ...across, [into, to.y, SLIM], [to.x - to.width / 3, to.y, SLIM], [to.x, to.y, 1]];
}

/** Where on its way a number is that has gone this part of it: [x, y, size]. */
function pointOn(way, far, part) {
  const gone = part * far.at(-1);
  const next = Math.max(1, far.findIndex((length) => length >= gone));
  const share = (gone - far[next - 1]) / (far[next] - far[next - 1] || 1);
  return way[next].map((end, axis) => way[next - 1][axis] + (end - way[next - 1][axis]) * share);
}

/**
 * The cells on their way, over the picture: `draw(key, count, scrub, cells)`. `cells()` are all of them in reading order,
 * [{ text, hue, from, to, leaving, arriving }] with the cell each comes from and goes to, and their grids; `key` tells
 * when they have changed.
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

  /** All cells with their ways, in pixels from the figure's corner: read once, before any moves. */
  function placed(key, cells) {
    if (known.key === key) return known.all;
    const box = placeIn(figure);
    const all = cells().map(({ text, hue, from, to, leaving, arriving }) => {
      const way = wayOf(box(from), box(to), box(leaving), box(arriving));
      return { text, hue, from: box(from), to: box(to), way, far: distances(way) };
    });
    known = { key, all };
    return all;
  }

  function drawFlyer(place, { text, hue, from, to, way, far }, part) {
    flyers[place] ??= root.appendChild(make("div"));
    const between = (name) => from[name] + (to[name] - from[name]) * part;
    const [x, y, size] = pointOn(way, far, part);
    setClass(flyers[place], `cs-flying cs-hue-${hue}`);
    setText(flyers[place], text);
    for (const side of ["width", "height"]) setStyle(flyers[place], side, `${between(side)}px`);
    setStyle(flyers[place], "font-size", `${lettersOf(between("width") + 2)}px`);
    setStyle(flyers[place], "line-height", `${between("height") - 2}px`);
    setStyle(flyers[place], "transform", `translate(${x}px, ${y}px) translate(-50%, -50%) scale(${size})`);
  }

  function drawWay(place, { hue, way }, strength) {
    ways[place] ??= lines.appendChild(svg("polyline"));
    setAttribute(ways[place], "points", way.slice(2, -2).map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
    setAttribute(ways[place], "class", `cs-hue-${hue}`);
    setStyle(ways[place], "opacity", strength.toFixed(2));
  }

  return {
    draw(key, count, { gone, isMoving }, cells) {
      for (const layer of [lines, root]) setStyle(layer, "display", isMoving() ? "block" : "none");
      if (!isMoving()) return;
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
