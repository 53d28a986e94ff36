// A layer: all its maps of all images, a row for each image and a column for each map.

import { make, plural, setAttribute, setClass, setStyle, setText, show, upTo, within } from "./page/elements.js";
import { mapsOf } from "./model_data.js";
import { WHITE, makePlate, paintMany, paintPicture, told } from "./model_paint.js";

const LABEL = 38; // pixels: an image before its row
const HEAD = 20; // the maps' numbers above
const [SMALLEST, LARGEST_MAP] = [26, 56]; // pixels: a map
const [CELL, WIDE] = [14, 34]; // pixels: a single number
const HIGH = 320; // pixels: all rows, if maps can be seen then
const MAP_GAP = 3; // pixels between maps
const MANY = 12; // rows at most

/** So many of `count` that the chosen one is among them, in pages. */
function pageWith(order, chosen, room) {
  const place = Math.max(0, order.indexOf(chosen));
  const first = Math.floor(place / room) * room;
  return order.slice(first, first + room);
}

/** The size of a map on the page, and how many stand in a row. */
function measure(width, maps, images) {
  const single = maps.rows * maps.columns === 1;
  const room = width - LABEL - 4;
  const rows = Math.min(images, MANY);
  const [least, most] = single ? [CELL, WIDE] : [SMALLEST, LARGEST_MAP];
  const tallest = Math.max(least, Math.floor(HIGH / rows));
  const across = within(least, Math.min(most, tallest), room / maps.count);
  const shape = single ? 1 : maps.rows / maps.columns;
  return { wide: across, high: Math.max(6, Math.round(across * Math.min(shape, 2))), columns: Math.max(1, Math.floor(room / across)), rows };
}

/** The grid: `draw(scene, width)`; `at(event)` is the map and pixel under the pointer. */
export function makeLayer() {
  const grid = makePlate("cs-all-maps", ["row", "column", "cell"]);
  const [heads, labels] = [[], []];
  const head = make("div", "cs-map-names");
  const side = make("div", "cs-image-names");
  const [title, scale] = [make("div", "cs-title cs-output-ink"), make("span", "cs-small")];
  const order = make("button", "cs-button", "strongest first");
  const [back, on] = ["◀", "▶"].map((text) => make("button", "cs-button", text));
  back.setAttribute("aria-label", "Maps before these");
  on.setAttribute("aria-label", "Maps behind these");
  const pages = make("span", "cs-pages", back, on);
  const tools = make("div", "cs-layer-tools", title, order, pages, scale);
  const root = make("div", "cs-layer-of-model", tools, make("div", "cs-maps-and-images", make("div"), head, side, grid.root));
  let [isOrdered, laid, painted] = [false, null, null];

  const orderOfMaps = (network, index, count) => (isOrdered && network.trait("strongest")[index]) || upTo(count);

  function writeHeads({ maps, dead, at, size }) {
    while (heads.length < maps.length) head.append((heads[heads.push(make("div")) - 1]));
    const every = Math.max(1, Math.ceil(24 / size.wide)); // a number needs its room
    heads.forEach((each, place) => {
      show(each, place < maps.length);
      if (place >= maps.length) return;
      const isDead = dead.includes(maps[place]);
      const isTold = maps[place] === at.map || (place % every === 0 && Math.abs(place - maps.indexOf(at.map)) >= every);
      setClass(each, `cs-map-name${maps[place] === at.map ? " cs-lit" : ""}${isDead ? " cs-dead" : ""}`);
      setText(each, isTold ? String(maps[place]) : "");
    });
  }
  function writeLabels({ network, images, image, size }) {
    while (labels.length < images.length) {
      const plate = makePlate("cs-thumb", []);
      const each = make("div", "cs-image-name", plate.root);
      labels.push({ each, plate, key: null });
      side.append(each);
    }
    const classes = network.trait("classes");
    labels.forEach((label, place) => {
      show(label.each, place < images.length);
      if (place >= images.length) return;
      const key = `${network.version()} ${images[place]}`;
      if (label.key !== key) paintPicture(label.plate.canvas, network.picture(images[place]));
      label.key = key;
      const named = classes[network.trait("labels")[images[place]]];
      const high = Math.min(32, size.high - 2);
      label.plate.size(high, high, `image ${images[place] + 1}${named ? `: ${named}` : ""}`);
      setClass(label.each, `cs-image-name${images[place] === image ? " cs-lit" : ""}`);
      label.each.dataset.image = images[place];
    });
  }

  return {
    root,
    grid,
    buttons: { order, back, on },
    toggleOrder: () => (isOrdered = !isOrdered),
    /** The map so many places on, in the order in which they stand. */
    mapAfter(network, index, count, map, places) {
      const all = orderOfMaps(network, index, count);
      return all[within(0, count - 1, all.indexOf(map) + places)];
    },
    /** How many maps stand beside each other. */
    room: () => laid?.size.columns ?? 1,
    draw({ network, chain, index, image, at, dead, pointed }, width) {
      const shape = mapsOf(chain[index].shape);
      const { known, late } = shape ? network.whole(index) : { known: null, late: false };
      const isThere = Boolean(known?.whole);
      show(root.lastChild, isThere);
      for (const part of [order, pages, scale]) show(part, isThere);
      if (!isThere) {
        setText(title, !shape ? "" : late ? "All maps of all images need a running kernel." : "The maps are on their way.");
        return;
      }
      const count = network.trait("pictures").count;
      const size = measure(width, shape, count);
      const all = orderOfMaps(network, index, shape.count);
      const maps = pageWith(all, at.map, size.columns);
      const images = pageWith(upTo(count), image, size.rows);
      laid = { size, maps, images, shape };
      const single = shape.rows * shape.columns === 1;
      const gap = single ? 0 : Math.max(1, Math.round((MAP_GAP * shape.columns) / size.wide));
      const key = [network.version(), index, maps, images, gap].join();
      if (painted !== key) paintMany(grid.canvas, known, images, maps, gap);
      painted = key;
      laid.step = { down: shape.rows + gap, across: shape.columns + gap };
      const scaled = size.wide / laid.step.across;
      grid.size(Math.round(grid.canvas.width * scaled), Math.round(grid.canvas.height * (size.high / laid.step.down)), `${maps.length} maps of ${images.length} images`);
      const [down, across] = [images.indexOf(image), maps.indexOf(at.map)];
      grid.lay("row", { top: down * laid.step.down, left: 0, height: shape.rows, width: grid.canvas.width });
      grid.lay("column", { top: 0, left: across * laid.step.across, height: grid.canvas.height, width: shape.columns });
      grid.lay("cell", single || !pointed ? null : { top: down * laid.step.down + at.row, left: across * laid.step.across + at.column, height: 1, width: 1 });
      setStyle(root, "--wide", `${size.wide}px`);
      setStyle(root, "--high", `${size.high}px`);
      writeHeads({ maps, dead, at, size });
      writeLabels({ network, images, image, size });
      const what = single ? "number" : "map";
      const part = maps.length < shape.count ? `${maps.length} of ${plural(shape.count, what)}` : plural(shape.count, what);
      setText(title, `${part}, ${plural(count, "image")}`);
      setAttribute(order, "aria-pressed", String(isOrdered));
      show(order, shape.count > 1);
      show(pages, maps.length < shape.count);
      const most = told(known.scale * WHITE, 2);
      setText(scale, `black 0 · white from ${most} on · pink down to −${most}`);
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
