// SimpleCNN's tensors in a row: blocks with a picture's first map in front, and bars where the numbers lie in a row.

import { LAYERS, CONV1, POOL, misfitOf, shapeOf } from "./chain.js";
import { make, plural, setAttribute, setClass, setStyle, setText, show, svg } from "./page/elements.js";
import { makePlane } from "./page/maps.js";

const FEWEST = 4; // rows: an image of as many or more fills its place
// So many channels are as deep as this part of their place's width, and at most so many pixels; upwards, as a part of that.
const DEPTH = { most: 64, width: 0.28, pixels: 44, slant: 0.55 };
const HIGHEST = 165; // pixels: a place is as high at most, so that sliders and sums stay on one screen
const BAR = { foot: 6, width: 16, most: 5.5 }; // of 10 to this power numbers, it is as high as the place

/** A tensor as a block with three faces, or as a bar with notches. */
function makeBlock(kind) {
  const drawing = svg("svg", { class: "cs-block" });
  const [right, top, front] = ["right", "top", "front"].map((name) => svg("polygon", { class: `cs-face cs-face-${name}` }));
  const notches = svg("path", { class: "cs-notches" });
  drawing.append(right, top, front, notches);
  const plane = makePlane();
  const root = make("div", `cs-solid cs-${kind}`, drawing, plane.root);
  const points = (face, corners) =>
    setAttribute(face, "points", corners.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
  const size = (width, height) => {
    setAttribute(drawing, "width", String(Math.ceil(width + 2)));
    setAttribute(drawing, "height", String(Math.ceil(height + 2)));
  };
  return {
    root,
    drawing,
    plane,
    /** `channels` deep, and `side` rows and columns in front. */
    drawSolid(channels, side, scale) {
      const [wide, deep] = [side * scale.row, channels * scale.channel];
      const rise = deep * DEPTH.slant;
      const corner = (across, down, back) => [1 + across * wide + back * deep, 1 + down * wide + (1 - back) * rise];
      points(front, [corner(0, 0, 0), corner(1, 0, 0), corner(1, 1, 0), corner(0, 1, 0)]);
      points(top, [corner(0, 0, 0), corner(1, 0, 0), corner(1, 0, 1), corner(0, 0, 1)]);
      points(right, [corner(1, 0, 0), corner(1, 0, 1), corner(1, 1, 1), corner(1, 1, 0)]);
      size(wide + deep, wide + rise);
      setStyle(plane.root, "top", `${1 + rise}px`);
      setStyle(plane.root, "width", `${wide}px`);
      setStyle(plane.root, "height", `${wide}px`);
    },
    drawBar(count, scale) {
      const power = Math.log10(count);
      const height = BAR.foot + scale.notch * power;
      points(front, [[1, 1], [1 + BAR.width, 1], [1 + BAR.width, 1 + height], [1, 1 + height]]);
      const marks = Array.from({ length: Math.floor(power) + 1 }, (_, index) => (1 + scale.notch * (power - index)).toFixed(1));
      setAttribute(notches, "d", marks.map((y) => `M${1 + BAR.width / 2} ${y}h${BAR.width / 2}`).join(""));
      size(BAR.width, height);
    },
  };
}

/** The row of blocks, one column for each of LAYERS. */
export function makeBlocks() {
  const root = make("div", "cs-chain");
  root.setAttribute("aria-label", "The network. Arrow keys go from layer to layer, Space plays, Escape goes back.");
  const columns = LAYERS.map((_, column) => {
    const block = makeBlock(column ? "output" : "input");
    const parts = {
      title: make("div", `cs-stage-title cs-${column ? "output" : "input"}-ink`),
      block,
      misfit: make("div", "cs-misfit"),
      shape: make("div", "cs-stage-shape"),
    };
    parts.place = make("div", "cs-stage-place", block.root, parts.misfit);
    parts.root = make("div", "cs-stage", parts.title, parts.place, parts.shape);
    Object.assign(parts.root.dataset, { grid: "layers", row: 0, column });
    root.append(parts.root);
    return parts;
  });
  return { root, columns };
}

/** Pixels for a row, a channel and a notch: the largest front fills a place of this width, beside the deepest block. */
function scaleOf(shapes, width) {
  const deep = Math.min(DEPTH.width * width, DEPTH.pixels);
  const above = DEPTH.slant * deep + 6;
  const front = Math.min(width - deep - 8, HIGHEST - above);
  const place = front + above;
  const sides = shapes.map(([, , side]) => side ?? 0);
  return { row: front / Math.max(FEWEST, ...sides), channel: deep / DEPTH.most, notch: (place - BAR.foot) / BAR.most, place };
}

/**
 * The blocks of all tensors, in places of this width; a layer that breaks says with which numbers. `at` is the one that is
 * pointed at, `pinned` the one that was chosen, if any.
 */
export function drawBlocks({ root, columns }, values, chain, { at, pinned }, width) {
  const { shapes, broken } = chain;
  const scale = scaleOf(shapes, width);
  columns.forEach(({ root: stage, title, block, misfit, shape }, index) => {
    const [reached, isBroken] = [index < shapes.length, index === broken];
    setClass(stage, `cs-stage${reached ? "" : isBroken ? " cs-broken" : " cs-missing"}${index === at ? " cs-lit" : ""}${index === pinned ? " cs-pinned" : ""}`);
    setText(title, isBroken ? `${LAYERS[index].split(" ")[0]} ✗` : LAYERS[index]);
    setAttribute(block.drawing, "visibility", reached ? "visible" : "hidden");
    show(block.plane.root, reached && index <= POOL);
    if (reached) drawBlock(block, shapes[index], scale);
    show(misfit, isBroken);
    if (isBroken) setText(misfit, misfitOf(values, chain).join("\n"));
    setText(shape, reached ? shapeOf(...shapes[index]) : isBroken ? "no output" : "");
  });
  setStyle(root, "--place", `${scale.place}px`);
}

const drawBlock = (block, [, channels, side], scale) =>
  side === undefined ? block.drawBar(channels, scale) : block.drawSolid(channels, side, scale);

/** The picture and its maps in front of the first blocks, each painted where it is another one than before. */
export function paintMaps({ columns }, { conv_channels, in_channels }, { picture, conv1, pool }) {
  const paint = (index, map, write) => {
    const { plane } = columns[index].block;
    if (map && plane.painted !== map) write((plane.painted = map), plane);
  };
  paint(0, picture, ({ size, planes }, plane) => {
    const [grey, ...others] = planes;
    plane.colour(size, `the picture: ${plural(in_channels, "plane", "planes")}`, planes.length < 3 ? [grey, grey, grey, ...others] : planes);
  });
  const shade = (where) => (map, plane) =>
    plane.shade(map, conv1.most, `after ${where}: map ${conv1.place + 1} of ${conv_channels}, from 0 to ${conv1.most.toFixed(3)}`);
  paint(CONV1, conv1, shade("conv1 and ReLU"));
  paint(POOL, pool, shade("pool"));
}
