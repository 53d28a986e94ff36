// Maps on canvas: grey from 0 up, as a picture is, the course's pink below 0; and the numbers beside them, as torch prints them.

import { make, setAttribute, setClass, setStyle, show, upTo, written } from "./page/elements.js";
import { COLOUR_OF } from "./page/from_python.js";
import { packed, redGreenBlue } from "./page/rgba.js";
import { NOT_A_NUMBER, folded } from "./model_data.js";

const FULL = 127; // a byte's, which stands for the block's scale
/** The part of the block's limit from which on all is white: one strong number would leave all others in the dark. */
export const WHITE = 0.5;
const [BELOW, BROKEN] = [COLOUR_OF.negative, COLOUR_OF.wrong].map(redGreenBlue);

/** The colour of each byte of a block, from −128 on. */
function shadesOf(known) {
  const step = known.limit ? known.scale / (FULL * WHITE * known.limit) : 0;
  return (known.shades ??= Uint32Array.from(upTo(256), (place) => {
    const byte = place - 128;
    if (byte === NOT_A_NUMBER) return packed(...BROKEN);
    if (byte < 0 && known.relu) return packed(0, 0, 0);
    const part = Math.min(1, Math.abs(byte) * step);
    const grey = Math.round(255 * part);
    return byte < 0 ? packed(...BELOW.map((full) => Math.round(full * part))) : packed(grey, grey, grey);
  }));
}

/** A canvas's image of so many rows and columns, to be written and put: `put()`. */
function imageOf(canvas, rows, columns) {
  if (canvas.width !== columns || canvas.height !== rows || !canvas.pixels) {
    Object.assign(canvas, { width: columns, height: rows });
    canvas.context = canvas.getContext("2d");
    canvas.image = canvas.context.createImageData(columns, rows);
    canvas.pixels = new Uint32Array(canvas.image.data.buffer);
  }
  return { pixels: canvas.pixels, put: () => canvas.context.putImageData(canvas.image, 0, 0) };
}

/** One map in a canvas of as many pixels. Numbers in a row are folded into a rectangle. */
export function paintMap(canvas, known, start) {
  const { bytes, height, width } = known;
  const [{ pixels, put }, shades] = [imageOf(canvas, height, width), shadesOf(known)];
  for (let place = 0; place < height * width; place++) pixels[place] = shades[bytes[start + place] + 128];
  put();
}

/** All numbers that a block of single numbers gives one image, in columns. */
export function paintRow(canvas, known, image) {
  const count = known.channels.length;
  const { rows, columns } = folded(count);
  const [{ pixels, put }, shades] = [imageOf(canvas, rows, columns), shadesOf(known)];
  pixels.fill(0);
  for (let place = 0; place < count; place++)
    pixels[(place % rows) * columns + Math.floor(place / rows)] = shades[known.bytes[image * count + place] + 128];
  put();
}

/** A picture in its own colours; `plane` is one of its planes alone, in greys. */
export function paintPicture(canvas, { height, width, planes, bytes }, plane = null) {
  const { pixels, put } = imageOf(canvas, height, width);
  const part = (place, channel) => bytes[place * planes + Math.min(channel, planes - 1)];
  for (let place = 0; place < height * width; place++)
    pixels[place] = plane === null ? packed(...[0, 1, 2].map((channel) => part(place, channel))) : packed(...[0, 1, 2].map(() => part(place, plane)));
  put();
}

/** The maps of many images beside and below each other, `gap` pixels apart: `maps` are their channels, `images` the rows. */
export function paintMany(canvas, known, images, maps, gap) {
  const { height, width, bytes } = known;
  const shades = shadesOf(known);
  const { pixels, put } = imageOf(canvas, images.length * (height + gap) - gap, maps.length * (width + gap) - gap);
  pixels.fill(0);
  images.forEach((image, down) =>
    maps.forEach((map, across) => {
      let start = known.at(image, map);
      if (start === null) return;
      for (let row = 0; row < height; row++) {
        const line = (down * (height + gap) + row) * canvas.width + across * (width + gap);
        for (let column = 0; column < width; column++) pixels[line + column] = shades[bytes[start++] + 128];
      }
    }),
  );
  put();
}

/** A kernel of one plane as greys, as plots show it: mid-grey is 0, white +`most`, black −`most`. */
export function paintKernel(canvas, weight, start, [rows, columns], most) {
  const { pixels, put } = imageOf(canvas, rows, columns);
  for (let place = 0; place < rows * columns; place++) {
    const grey = Math.round(127.5 * (1 + (most ? weight[start + place] / most : 0)));
    pixels[place] = packed(grey, grey, grey);
  }
  put();
}

/** A canvas with boxes over it that are laid on some of its pixels: `lay(name, box)`, or none where `box` is null. */
export function makePlate(className, boxes) {
  const canvas = make("canvas", "cs-plane");
  canvas.setAttribute("role", "img");
  const outlines = Object.fromEntries(boxes.map((name) => [name, make("div", `cs-box cs-box-${name}`)]));
  const root = make("div", `cs-plate ${className}`, canvas, ...Object.values(outlines));
  let scale = [1, 1];
  return {
    root,
    canvas,
    outlines,
    /** So large it is on the page. */
    size(width, height, told) {
      scale = [height / canvas.height, width / canvas.width];
      setStyle(root, "width", `${width}px`);
      setStyle(root, "height", `${height}px`);
      setAttribute(canvas, "aria-label", told);
    },
    lay(name, box) {
      const outline = outlines[name];
      // What sticks out is padding, which is not drawn.
      const [top, left] = box ? [Math.max(0, box.top), Math.max(0, box.left)] : [0, 0];
      const high = box ? Math.min(canvas.height, box.top + box.height) - top : 0;
      const across = box ? Math.min(canvas.width, box.left + box.width) - left : 0;
      show(outline, high > 0 && across > 0);
      const place = { top: top * scale[0], left: left * scale[1], height: high * scale[0], width: across * scale[1] };
      for (const [side, pixels] of Object.entries(place)) setStyle(outline, side, `${pixels.toFixed(1)}px`);
    },
    mark: (name, state) => setClass(outlines[name], `cs-box cs-box-${name}${state}`),
    /** The pixel under the pointer. */
    pixelAt({ clientX, clientY }) {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const within = (part, count) => Math.max(0, Math.min(count - 1, Math.floor(part * count)));
      return { row: within((clientY - top) / height, canvas.height), column: within((clientX - left) / width, canvas.width) };
    },
  };
}

/** A number as torch prints it, with so many decimals; in powers of ten where those would not show it. */
export function told(number, decimals = 4) {
  if (typeof number !== "number") return written(number); // NaN, Infinity
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size >= 1e5 || size < 0.5 * 10 ** -decimals) return written(number.toExponential(1));
  return written(number.toFixed(decimals));
}

/** The same as something added or multiplied: a negative one in brackets. */
export const inBrackets = (text) => (text.startsWith("−") ? `(${text})` : text);
