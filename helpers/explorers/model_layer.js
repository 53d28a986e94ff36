// A layer: all its maps of all images, a row for each image and a column for each map.

import { make, plural, setAttribute, setStyle, setText, show, upTo, within } from "./page/elements.js";
import { mapsOf } from "./model_data.js";
import { makeHeads, makeLabels, makeValues } from "./model_margins.js";
import { WHITE, makePlate, paintMany, told } from "./model_paint.js";

const LABEL = 38; // pixels: an image before its row
const [SMALLEST, LARGEST_MAP] = [26, 56]; // pixels: a map
const [CELL, WIDE] = [14, 34]; // pixels: a single number, painted
const [WRITTEN, LINE] = [44, 26]; // and written: its cell
const HIGH = 320; // pixels: all rows, if maps can be seen then
const MAP_GAP = 3; // pixels between maps
const MANY = 12; // rows at most
const FEW = 16; // numbers that stay in their order: the scores of classes

/** So many of `count` that the chosen one is among them, in pages. */
function pageWith(order, chosen, room) {
  const place = Math.max(0, order.indexOf(chosen));
  const first = Math.floor(place / room) * room;
  return order.slice(first, first + room);
}

/** The size of a map on the page, and how many stand in a row. */
function measure(width, maps, images, isWritten) {
  const room = width - LABEL - 4;
  const rows = Math.min(images, MANY);
  if (isWritten) return { wide: WRITTEN, high: LINE, columns: Math.max(1, Math.floor(room / WRITTEN)), rows };
  const single = maps.rows * maps.columns === 1;
  const [least, most] = single ? [CELL, WIDE] : [SMALLEST, LARGEST_MAP];
  const tallest = Math.max(least, Math.floor(HIGH / rows));
  const across = within(least, Math.min(most, tallest), room / maps.count);
  const shape = single ? 1 : maps.rows / maps.columns;
  return { wide: across, high: Math.max(6, Math.round(across * Math.min(shape, 2))), columns: Math.max(1, Math.floor(room / across)), rows };
}

/** What is above the maps: how many there are, in which order, further ones, what their greys mean. */
function makeTools() {
  const [title, scale] = [make("div", "cs-title cs-output-ink"), make("span", "cs-small")];
  const order = make("button", "cs-button", "strongest first");
  const [back, on] = ["◀", "▶"].map((text) => make("button", "cs-button", text));
  back.setAttribute("aria-label", "Maps before these");
  on.setAttribute("aria-label", "Maps behind these");
  const pages = make("span", "cs-pages", back, on);
  return {
    root: make("div", "cs-layer-tools", title, order, pages, scale),
    buttons: { order, back, on },
    /** There are no maps: why. */
    refuse(text) {
      for (const part of [order, pages, scale]) show(part, false);
      setText(title, text);
    },
    write({ network, known, shape, count, maps, isOrdered }) {
      const all = shape.rows * shape.columns === 1 ? plural(shape.count, "number", "numbers") : plural(shape.count, "map", "maps");
      const part = maps.length < shape.count ? `${maps.length} of ${all}` : all;
      setText(title, `${part}, ${plural(count, "image", "images")}`);
      setAttribute(order, "aria-pressed", String(isOrdered));
      show(order, shape.count > 1);
      show(pages, maps.length < shape.count);
      show(scale, true);
      const most = told(known.limit * WHITE, 2);
      const epochs = network.trait("epochs").length ? " · the same in every epoch" : "";
      setText(scale, `black 0 · white from ${most} on · pink down to −${most}${epochs}`);
    },
  };
}

/** The grid: `draw(scene, width)`; `at(event)` is the map and pixel under the pointer. */
export function makeLayer() {
  const grid = makePlate("cs-all-maps", ["row", "column", "cell"]);
  const [heads, labels, values, tools] = [makeHeads(), makeLabels(), makeValues(), makeTools()];
  grid.root.append(values.root);
  const root = make("div", "cs-layer-of-model", tools.root, make("div", "cs-maps-and-images", make("div"), heads.root, labels.root, grid.root));
  let [chosenOrder, laid, painted] = [null, null, null];

  /** Many numbers stand in their order of strength at first, maps as they come. */
  const isOrdered = (network, index, count) => chosenOrder ?? Boolean(network.row(index) && count > FEW);
  const orderOfMaps = (network, index, count) =>
    isOrdered(network, index, count) ? [...new Set([...(network.trait("strongest")[index] ?? []), ...upTo(count)])] : upTo(count);

  /** What stands where, for this scene. */
  function layOut({ network, index, image, at }, known, shape, width) {
    const count = network.trait("pictures").count;
    const row = network.row(index);
    const size = measure(width, shape, count, Boolean(row));
    const maps = pageWith(orderOfMaps(network, index, shape.count), at.map, size.columns);
    const images = pageWith(upTo(count), image, size.rows);
    const single = shape.rows * shape.columns === 1;
    const gap = single ? 0 : Math.max(1, Math.round((MAP_GAP * shape.columns) / size.wide));
    const step = { down: shape.rows + gap, across: shape.columns + gap };
    return { known, shape, count, row, size, maps, images, single, gap, step };
  }
  /** The maps on their canvas, and the marks over them. */
  function drawGrid({ network, index, image, at, pointed }, { known, shape, size, maps, images, single, gap, step }) {
    const key = [network.version(), index, maps, images, gap].join();
    if (painted !== key) paintMany(grid.canvas, known, images, maps, gap);
    painted = key;
    const [wide, high] = [grid.canvas.width * (size.wide / step.across), grid.canvas.height * (size.high / step.down)];
    grid.size(Math.round(wide), Math.round(high), `${maps.length} maps of ${images.length} images`);
    const [down, across] = [images.indexOf(image) * step.down, maps.indexOf(at.map) * step.across];
    grid.lay("row", { top: down, left: 0, height: shape.rows, width: grid.canvas.width });
    grid.lay("column", { top: 0, left: across, height: grid.canvas.height, width: shape.columns });
    grid.lay("cell", single || !pointed ? null : { top: down + at.row, left: across + at.column, height: 1, width: 1 });
    setStyle(root, "--wide", `${size.wide}px`);
    setStyle(root, "--high", `${size.high}px`);
  }

  return {
    root,
    grid,
    buttons: tools.buttons,
    toggleOrder: ({ network, index, maps }) => (chosenOrder = !isOrdered(network, index, maps.count)),
    /** The map so many places on, in the order in which they stand. */
    mapAfter(network, index, count, map, places) {
      const all = orderOfMaps(network, index, count);
      return all[within(0, count - 1, all.indexOf(map) + places)];
    },
    /** How many maps stand beside each other. */
    room: () => laid?.size.columns ?? 1,
    draw(scene, width) {
      const { network, chain, index, image, at, zeros } = scene;
      const shape = mapsOf(chain[index].shape);
      const { known, late } = shape ? network.whole(index) : { known: null, late: false };
      show(root.lastChild, Boolean(known?.whole));
      if (!known?.whole) return tools.refuse(!shape ? "" : late ? "All maps of all images need a running kernel." : "The maps are on their way.");
      laid = layOut(scene, known, shape, width);
      drawGrid(scene, laid);
      heads.write({ ...laid, zeros, at });
      labels.write({ ...laid, network, image });
      values.write(laid);
      tools.write({ ...laid, network, isOrdered: isOrdered(network, index, shape.count) });
    },
    /** The image, map and pixel under the pointer, or null between them. */
    at(event) {
      if (!laid) return null;
      const { row, column } = grid.pixelAt(event);
      const { step, maps, images, shape } = laid;
      const [down, across] = [Math.floor(row / step.down), Math.floor(column / step.across)];
      const cell = { row: row - down * step.down, column: column - across * step.across };
      if (cell.row >= shape.rows || cell.column >= shape.columns) return null;
      return { image: images[down], map: maps[across], ...cell };
    },
    /** The place of the chosen map on the page, for a zoom. */
    chosen: () => grid.root.querySelector(".cs-box-column"),
  };
}
