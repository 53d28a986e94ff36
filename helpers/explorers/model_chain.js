// The whole network: each step a block of its maps, to scale, with the ways between them, the scores at the end.

import { make, setAttribute, setClass, setStyle, setText, show, svg, upTo } from "./page/elements.js";
import { folded, mapsOf, orderOf } from "./model_data.js";
import { lanesOf, placeSteps, rowsOf } from "./model_lanes.js";
import { paintMap, paintPicture, paintRow } from "./model_paint.js";
import { makeScores } from "./model_scores.js";
import { shapeText, shortName, stepName } from "./model_words.js";

const [SMALL, LARGE] = [56, 116]; // pixels: the side of the largest map
const DEEP = 0.28; // of that side: so far behind the first the last card of most maps lies
const TITLE = 19; // pixels: so high are a block's name, and its shape
const BETWEEN = 28; // pixels between two pictures at least
const NAME_LETTER = 6.9; // pixels of a name's letter
const CARDS = 5; // of a block are drawn, or so many that they overlap
const [OVERLAP, MOST_CARDS] = [3.5, 10];
const LEAST = 4; // pixels: no map is smaller
const NOTCH = 17; // pixels for each power of ten of numbers in a row
const BESIDE = 880; // pixels: on a page so wide the scores stand beside the chain
const SCORES = 236; // pixels
const EXTRA = 26; // pixels that a column is wider at most, where there is room

/** How large each block's picture is, where the largest map has this side: its front, and how deep its cards lie. */
function frontsOf(chain, side) {
  const all = chain.map(({ shape }) => mapsOf(shape));
  const isMap = (maps) => maps && maps.rows * maps.columns > 1;
  const largest = Math.max(1, ...all.filter(isMap).map(({ rows, columns }) => Math.max(rows, columns)));
  const most = Math.max(1, ...all.filter(isMap).map(({ count }) => count));
  return all.map((maps, index) => {
    if (!maps) return { width: 30, height: 30, depth: 0, cards: 1 };
    if (!isMap(maps)) {
      const { rows, columns } = folded(maps.count);
      const height = Math.round(12 + NOTCH * Math.log10(maps.count));
      return { width: Math.max(9, Math.round((height * columns) / rows)), height, depth: 0, cards: 1 };
    }
    const [width, height] = [maps.columns, maps.rows].map((size) => Math.max(LEAST, Math.round((size * side) / largest)));
    const deep = index && maps.count > 1 ? Math.max(2 * Math.min(CARDS, maps.count) - 2, Math.round((DEEP * side * maps.count) / most)) : 0;
    const overlapping = Math.ceil(deep / Math.max(OVERLAP, 0.6 * Math.min(width, height))) + 1;
    const cards = deep ? Math.min(maps.count, MOST_CARDS, Math.max(CARDS, overlapping)) : 1;
    return { width, height, depth: deep, cards };
  });
}

/** The largest pictures with which the chain takes no more rows than with the smallest. */
function fitChain(chain, { steps, columns }, room) {
  const laid = (side) => {
    const fronts = frontsOf(chain, side);
    const widths = new Array(columns).fill(0);
    fronts.forEach(({ width, depth }, index) => {
      const letters = Math.max(stepName(chain, index).length, shapeText(chain[index].shape).length);
      const { column } = steps[index];
      widths[column] = Math.max(widths[column], width + depth + BETWEEN, Math.ceil(letters * NAME_LETTER) + 6);
    });
    const placed = rowsOf(widths, room, EXTRA);
    return { fronts, columns: placed, rows: placed.at(-1).row };
  };
  const { rows } = laid(SMALL);
  const sides = upTo((LARGE - SMALL) / 4 + 1).map((less) => LARGE - 4 * less);
  return sides.map(laid).find((each) => each.rows <= rows);
}

/** A step's picture: a canvas in the page's own pixels, on which cards lie behind each other. */
function makeBlock(index) {
  const picture = make("canvas", "cs-cards");
  const [title, place, shape] = [make("div", "cs-block-name"), make("div", "cs-block-place", picture), make("div", "cs-block-shape")];
  const root = make("div", "cs-block", title, place, shape);
  root.dataset.step = index;
  return { root, title, place, picture, shape, scratch: make("canvas") };
}

/** Draw a block's cards, where they are others than before: the front one is the map that answers most, or the chosen one. */
function drawCards(block, front, network, { index, image, map }, ratio) {
  const { picture, scratch } = block;
  const known = index ? network.block(index) : null;
  const now = [network.version(), known, front, image, map, ratio];
  if (block.drawn?.every((part, place) => part === now[place])) return;
  block.drawn = now;
  const { width, height, depth, cards } = front;
  const [wide, high] = [width + depth, height + depth].map((side) => Math.ceil(side * ratio));
  if (picture.width !== wide || picture.height !== high) Object.assign(picture, { width: wide, height: high });
  setStyle(picture, "width", `${wide / ratio}px`);
  setStyle(picture, "height", `${high / ratio}px`);
  const context = (picture.context ??= picture.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, wide, high);
  const lay = (card) => {
    const away = cards > 1 ? (depth * card) / (cards - 1) : 0;
    const [x, y, w, h] = [away, depth - away, width, height].map((side) => Math.round(side * ratio));
    context.fillStyle = "gray"; // an edge, that a black map is seen on a black page
    context.fillRect(x, y, w, h);
    context.drawImage(scratch, x + 1, y + 1, w - 2, h - 2);
  };
  if (!index) paintPicture(scratch, network.picture(image));
  else if (known && known.height * known.width === 1) paintRow(scratch, known, image);
  if (!index || (known && known.height * known.width === 1)) return lay(0);
  const order = orderOf(network, index, known, map);
  for (let card = cards - 1; card >= 0; card--) {
    const start = known?.at(image, order[card % order.length]) ?? null;
    if (start === null) scratch.width = scratch.height = 1;
    else paintMap(scratch, known, start);
    scratch.pixels = start === null ? null : scratch.pixels;
    lay(card);
  }
}

/** Does the chain stop there? Else it goes on, with numbers that are wrong. */
const isEnd = ({ index }, chain) => index !== undefined && index >= chain.length;

/** The chain of blocks: `draw(scene, width)`; `block(index)` is a block's picture, for a zoom. */
export function makeChain() {
  const wires = svg("svg", { class: "cs-lanes", "aria-hidden": "true" });
  const broken = make("div", "cs-block cs-broken-block", make("div", "cs-block-name"), make("div", "cs-block-place", make("div", "cs-nothing", "∅")));
  const row = make("div", "cs-model-chain", wires, broken);
  const scores = makeScores();
  const root = make("div", "cs-whole", row, scores.root);
  const blocks = [];
  let laid = { key: null };

  /** Where all stands, computed again only for another chain or another width. */
  function layOut(chain, width, problem, hasScores) {
    if (laid.chain === chain && laid.width === width && laid.problem === problem) return laid;
    const all = isEnd(problem, chain) ? [...chain, { name: problem.name, shape: [], inputs: [chain.length - 1] }] : chain;
    const lanes = lanesOf(all);
    const beside = hasScores && width >= BESIDE ? fitChain(all, lanes, width - SCORES) : null;
    const isBeside = beside?.rows === 0;
    const { fronts, columns } = isBeside ? beside : fitChain(all, lanes, width);
    const pictures = fronts.map(({ width, height, depth }) => ({ width: width + depth, height: height + depth }));
    return (laid = { chain, width, problem, isBeside, fronts, ...placeSteps(lanes, columns, pictures, TITLE) });
  }

  return {
    root,
    blocks,
    draw({ network, chain, problem, image, step, hovered, map }, width) {
      const hasScores = Boolean(network.trait("scores").length);
      const { fronts, places, paths, isBeside, height } = layOut(chain, width, problem, hasScores);
      setClass(root, `cs-whole${isBeside ? " cs-beside" : ""}`);
      setStyle(row, "height", `${height}px`);
      while (blocks.length < chain.length) {
        blocks.push(makeBlock(blocks.length));
        row.append(blocks.at(-1).root);
      }
      while (wires.children.length < paths.length) wires.append(svg("path"));
      [...wires.children].forEach((wire, place) => setAttribute(wire, "d", paths[place] ?? ""));
      const ratio = Math.max(1, devicePixelRatio);
      blocks.forEach((block, index) => {
        show(block.root, index < chain.length);
        if (index >= chain.length) return;
        put(block.root, places[index]);
        const isLit = index === (hovered ?? step);
        setClass(block.root, `cs-block${isLit ? " cs-lit" : ""}${index ? "" : " cs-image-block"}${index === problem.index ? " cs-broken-block" : ""}`);
        const isWrong = index === problem.index;
        setText(block.title, `${stepName(chain, index, isWrong ? 11 : 13)}${isWrong ? " ✗" : ""}`);
        setAttribute(block.title, "title", index ? chain[index].name : stepName(chain, 0));
        setText(block.shape, shapeText(chain[index].shape));
        drawCards(block, fronts[index], network, { index, image, map: index === step ? map : null }, ratio);
      });
      show(broken, isEnd(problem, chain));
      if (isEnd(problem, chain)) {
        put(broken, places[chain.length]);
        setAttribute(broken.firstChild, "title", problem.name);
        setText(broken.firstChild, `${shortName({ name: problem.name }, 11)} ✗`);
      }
      return scores.draw(network, image);
    },
  };
}

function put(element, { x, y, width, height }) {
  setStyle(element, "height", `${height}px`);
  setStyle(element, "width", `${width}px`);
  setStyle(element, "left", `${x}px`);
  setStyle(element, "top", `${y}px`);
}
