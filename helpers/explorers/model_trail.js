// On the way to one map: the image, the maps that a step reads with its kernels, and the map that comes out.

import { COLOUR_NAMES, make, setAttribute, setStyle, setText, show, upTo } from "./page/elements.js";
import { folded, mapsOf, orderOf } from "./model_data.js";
import { fieldOf, readBy } from "./model_fields.js";
import { makePlate, paintKernel, paintMap, paintPicture, paintRow, told } from "./model_paint.js";
import { shapeText, shortName, stepName, theseImages } from "./model_words.js";

const NARROW = 560; // pixels: on a page so wide, or wider, all is larger
const SIDES = [76, 112]; // pixels: the image, and the map that comes out
const TILES = [44, 56]; // pixels: a map that is read
const [GAPS, ARROWS] = [6, 40]; // pixels between what stands in a row, and for both arrows
const MOST_TILES = 14; // maps that are read are drawn at most

/** What a channel of a step is called: those of a colour picture have names. */
export function channelName(chain, index, channel) {
  return index === 0 && chain[0].shape[0] === 3 ? COLOUR_NAMES[channel] : `map ${channel}`;
}

/** Is it a row of single numbers, which is drawn folded? */
const isRow = (maps) => maps.rows * maps.columns === 1;

/** A single number's place in its folded row. */
const placeInRow = (map, count) => {
  const { rows } = folded(count);
  return { top: map % rows, left: Math.floor(map / rows), height: 1, width: 1 };
};

/** Show one map of a step for one image, or all its single numbers; false where it was not sent. */
function paintStep(plate, network, chain, ...of) {
  const now = [network.version(), network.block(of[0]), ...of];
  if (plate.painted?.every((part, place) => part === now[place])) return true;
  const isThere = paintAnew(plate, network, chain, ...of);
  plate.painted = isThere ? now : null;
  return isThere;
}

/** The same, painted. */
function paintAnew(plate, network, chain, index, image, map) {
  const maps = mapsOf(chain[index].shape);
  if (!index) {
    const picture = network.picture(image);
    paintPicture(plate.canvas, picture, map === null || picture.planes === 1 ? null : map);
    return true;
  }
  const known = network.block(index);
  if (!known || !maps) return false;
  if (isRow(maps)) paintRow(plate.canvas, known, image);
  else {
    const start = known.at(image, map);
    if (start === null) return false;
    paintMap(plate.canvas, known, start);
  }
  return true;
}

/** The side of a plate whose longer side is so many pixels. */
function sized(plate, longest, words) {
  const { width, height } = plate.canvas;
  const scale = longest / Math.max(width, height);
  plate.size(Math.max(6, Math.round(width * scale)), Math.round(height * scale), words);
}

/** Which maps of which of its inputs a step reads for one of its maps, as many as there is room for: { read: [{ which, map }], count }. */
function readMaps(network, chain, index, map, answer, room) {
  const { inputs, opens, numbers = {} } = chain[index];
  const all = inputs.flatMap((input, which) => {
    const before = mapsOf(chain[input].shape);
    if (!before) return [];
    if (isRow(before)) return [{ which, map: null }];
    const { map: own, box } = readBy(chain, index, which, { map, box: { top: 0, left: 0, height: 1, width: 1 } });
    if (!box) return []; // cat: it comes from another input
    if (own !== null || before.count === 1) return [{ which, map: own ?? 0 }];
    const groups = numbers.groups ?? 1;
    const [each, out] = [before.count / groups, mapsOf(chain[index].shape)?.count / groups];
    const first = opens === "conv" || opens === "transposed" ? Math.floor(map / out) * each : 0;
    return upTo(opens === "conv" || opens === "transposed" ? each : before.count).map((place) => ({ which, map: first + place }));
  });
  if (all.length <= room) return { read: all, count: all.length };
  const order = answer?.channels?.map(({ channel }) => channel) ?? orderOf(network, inputs[0], inputs[0] ? network.block(inputs[0]) : null);
  const rank = new Map(order.map((channel, place) => [channel, place]));
  const place = ({ map }) => rank.get(map) ?? Infinity;
  return { read: [...all].sort((one, other) => place(one) - place(other)).slice(0, room), count: all.length };
}

/** A map that is read, with the kernel that lies on it. */
function makeTile() {
  const [plate, kernel, name] = [makePlate("cs-read", ["window"]), makePlate("cs-weights", []), make("div", "cs-small")];
  return { root: make("div", "cs-tile-of-input", plate.root, kernel.root, name), plate, kernel, name };
}

/** Draw a map that a step reads, what of it is read for the chosen number, and the kernel on it. */
function drawTile(tile, { network, chain, index, image, at }, { which, map }, side) {
  const input = chain[index].inputs[which];
  const before = mapsOf(chain[input].shape);
  const isThere = paintStep(tile.plate, network, chain, input, image, map);
  show(tile.plate.root, isThere);
  if (isThere) sized(tile.plate, isRow(before) ? 1.5 * side : side, `${stepName(chain, input, 40)}, ${map === null ? "all numbers" : channelName(chain, input, map)}`);
  const { map: own, box } = readBy(chain, index, which, { map: at.map, box: oneCell(at) });
  const { numbers = {} } = chain[index];
  tile.plate.lay("window", isRow(before) ? (own === null ? null : placeInRow(own, before.count)) : box);
  tile.plate.mark("window", (numbers.dilation ?? [1]).some((apart) => apart > 1) ? " cs-spread" : "");
  setText(tile.name, map === null ? shapeText(chain[input].shape) : channelName(chain, input, map));
  const weights = kernelOf(network, chain, index, at);
  show(tile.kernel.root, Boolean(weights));
  if (!weights) return;
  const { own: filter, each, size, most } = weights;
  paintKernel(tile.kernel.canvas, filter, (map % each) * size[0] * size[1], size, most);
  sized(tile.kernel, 0.55 * side, `kernel on ${channelName(chain, input, map)}, weights up to ${told(most)}`);
}

/** The filter that makes the chosen map: its weights, of how many kernels, their size, the largest; null where none is drawn. */
function kernelOf(network, chain, index, { map }) {
  const kernel = chain[index].opens === "conv" ? network.kernel(index) : null;
  if (!kernel || kernel.shape[2] * kernel.shape[3] === 1) return null;
  const [, each, ...size] = kernel.shape;
  const many = each * size[0] * size[1];
  const own = kernel.weight.subarray(map * many, (map + 1) * many);
  return { own, each, size, most: own.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0) };
}

const oneCell = ({ row, column }) => ({ top: row, left: column, height: 1, width: 1 });

/** The maps that a step reads, with their kernels: `draw(scene, side, room)`, at most so many. */
function makeInput(title) {
  const [list, more] = [make("div", "cs-tiles-of-input"), make("div", "cs-small")];
  const tiles = [];
  return {
    parts: [list, more],
    draw(scene, side, room) {
      const { network, chain, index, image, at, answer } = scene;
      const { read, count } = readMaps(network, chain, index, at.map, answer, room);
      while (tiles.length < read.length) {
        tiles.push(makeTile());
        list.append(tiles.at(-1).root);
      }
      tiles.forEach(({ root }, place) => show(root, place < read.length));
      read.forEach((each, place) => drawTile(tiles[place], scene, each, side));
      const names = [...new Set(chain[index].inputs.map((input) => stepName(chain, input, 24)))].join(" and ");
      setText(title, names ? `input: ${names}` : "input");
      const weights = kernelOf(network, chain, index, at);
      const greys = weights && `kernels: grey 0, white +${told(weights.most, 2)}`;
      setText(more, [read.length < count && `${read.length} of ${count} maps`, greys].filter(Boolean).join(" · "));
    },
  };
}

/** The panels: `draw(scene, width)`; `out` is the plate of the map that comes out, which can be pointed at. */
export function makeTrail() {
  const titles = ["cs-input-ink", "cs-input-ink", "cs-output-ink"].map((ink) => make("div", `cs-title ${ink}`));
  const [image, out] = [makePlate("cs-looked-at", ["field"]), makePlate("cs-came-out", ["cell"])];
  const [input, remark] = [makeInput(titles[1]), make("div", "cs-small")];
  const panel = (name, ...parts) => make("div", `cs-way ${name}`, ...parts);
  const arrow = () => make("span", "cs-arrow", "→");
  const panels = [
    panel("cs-way-image", titles[0], image.root),
    arrow(),
    panel("cs-way-input", titles[1], ...input.parts),
    arrow(),
    panel("cs-way-output", titles[2], out.root, remark),
  ];
  const root = make("div", "cs-trail", ...panels);

  function drawImage({ network, chain, index, image: shown, at }, side) {
    paintStep(image, network, chain, 0, shown, null);
    sized(image, side, `image ${shown + 1}`);
    setText(titles[0], `image ${shown + 1}`);
    image.lay("field", fieldOf(chain, index, { map: at.map, box: oneCell(at) }));
  }
  function drawOut({ network, chain, index, image: shown, at, zeros }, side, width) {
    const maps = mapsOf(chain[index].shape);
    const isThere = maps && paintStep(out, network, chain, index, shown, at.map);
    show(out.root, Boolean(isThere));
    if (isThere) sized(out, side, `${shortName(chain[index], 40)}, ${isRow(maps) ? "all numbers" : `map ${at.map}`}`);
    if (maps) out.lay("cell", isRow(maps) ? placeInRow(at.map, maps.count) : oneCell(at));
    const own = !maps ? "" : isRow(maps) ? `number ${at.map}` : `map ${at.map}`;
    setText(titles[2], width < NARROW ? own : [shortName(chain[index], 16), own].filter(Boolean).join(", ")); // the line above has its name
    setAttribute(titles[2], "title", chain[index].name);
    setText(remark, zeros.includes(at.map) ? `0 in ${theseImages(network.trait("pictures"))}` : "");
  }

  return {
    root,
    image,
    out,
    pixel: out.outlines.cell,
    draw(scene, width) {
      const [side, tile] = [SIDES, TILES].map((sizes) => sizes[Number(width >= NARROW)]);
      const room = Math.max(2, Math.min(MOST_TILES, Math.floor((width - 2 * side - ARROWS - 4 * GAPS) / (tile + GAPS))));
      drawImage(scene, side);
      input.draw(scene, tile, room);
      drawOut(scene, side, width);
      setStyle(root, "--side", `${side}px`);
    },
  };
}

/** Which number of a row was pointed at in its folded rectangle, or the pixel of a map. */
export function cellAt(plate, maps, map, event) {
  const { row, column } = plate.pixelAt(event);
  if (!isRow(maps)) return { map, row, column };
  const place = column * folded(maps.count).rows + row;
  return place < maps.count ? { map: place, row: 0, column: 0 } : null;
}
