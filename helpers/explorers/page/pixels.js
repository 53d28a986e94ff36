// Pictures of pixels on canvas: what a kernel makes of one, and how both are painted and pointed at.

import { make, setStyle, upTo, within } from "./elements.js";
import { COLOUR_OF } from "./from_python.js";
import { cellOf } from "./grid.js";
import { packed, redGreenBlue } from "./rgba.js";
import { geometry } from "./windows.js";

const UNIT = 10000; // weights have four decimals: sums of whole ten-thousandths are exact, and fit into 32 bits
const UNREAD = 115; // alpha of a pixel that no output reads
const [PINK, PADDING] = [COLOUR_OF.negative, COLOUR_OF.padding].map(redGreenBlue);

const greys = (alpha) => Uint32Array.from(upTo(256), (grey) => packed(grey, grey, grey, alpha));
const [GREYS, PALE_GREYS] = [greys(255), greys(UNREAD)];

/** A picture's elements: its canvas, and boxes to lay over some of its pixels. */
export function makePicture(grid, ...boxes) {
  const canvas = make("canvas");
  Object.assign(canvas.dataset, { grid, row: 0, column: 0 });
  const root = make("div", "cs-picture", make("div", "cs-pixels", canvas), ...boxes);
  return { root, canvas, context: canvas.getContext("2d", { willReadFrequently: true }), image: null };
}

/** How large a picture is: `scale` pixels of the page for each of its own. */
export function sizePicture({ root, canvas }, rows, columns, scale) {
  for (const [name, size] of Object.entries({ height: rows, width: columns })) {
    setStyle(root, `--${name}`, `${size * scale}px`);
    setStyle(canvas, name, `${canvas[name] * scale}px`);
  }
}

/**
 * Draw a picture with one canvas pixel a pixel: `colour(row, column)` is a packed one. The canvas grows and does not
 * shrink, as another size takes the browser longer than all its pixels; what is not painted lies outside the picture.
 */
function paint(picture, rows, columns, colour) {
  const { canvas, context } = picture;
  if (!picture.image || canvas.width < columns || canvas.height < rows) {
    canvas.width = Math.max(columns, picture.image?.width ?? 0);
    canvas.height = Math.max(rows, picture.image?.height ?? 0);
    picture.image = context.createImageData(canvas.width, canvas.height);
    picture.colours = new Uint32Array(picture.image.data.buffer);
  }
  for (let row = 0; row < rows; row++)
    for (let column = 0, place = row * canvas.width; column < columns; column++, place++)
      picture.colours[place] = colour(row, column);
  context.putImageData(picture.image, 0, 0, 0, 0, columns, rows);
}

/** A weight times a pixel, exactly: as floats the two would often leave a tail. */
export const product = (weight, pixel) => (Math.round(weight * UNIT) * pixel) / UNIT;

/** Paint the padded input of `filtered`; what no output reads is pale, unless there is no output at all. */
export function paintInput(picture, { vertical, horizontal, pixel }, padding) {
  const isNothing = !(vertical.out && horizontal.out);
  const [rows, columns] = [vertical, horizontal].map(({ padded, read }) =>
    upTo(padded).map((place) => ({ isRead: isNothing || read.has(place), isIn: place >= padding && place < padded - padding })),
  );
  const [border, paleBorder] = [packed(...PADDING), packed(...PADDING, UNREAD)];
  paint(picture, rows.length, columns.length, (row, column) => {
    const [down, across] = [rows[row], columns[column]];
    const isRead = down.isRead && across.isRead;
    if (down.isIn && across.isIn) return (isRead ? GREYS : PALE_GREYS)[pixel(row, column)];
    return isRead ? border : paleBorder;
  });
}

/** Paint the output of `filtered`: 0 to 255 is grey, above is white, below is pink, full from −255 on. */
export function paintOutput(picture, { vertical, horizontal, value }) {
  const [red, green, blue] = PINK;
  paint(picture, vertical.out, horizontal.out, (row, column) => {
    const number = value(row, column);
    const strength = Math.min(Math.abs(number), 255);
    const part = (full) => Math.round((full * strength) / 255);
    return number < 0 ? packed(part(red), part(green), part(blue)) : GREYS[Math.round(strength)];
  });
}

/** The picture with its padding, and what comes out of each window. */
export function filtered(pixels, weight, { stride, padding }) {
  const side = (size) => geometry({ size, kernel_size: weight.length, stride, padding });
  const [vertical, horizontal] = [side(pixels.length), side(pixels[0].length)];
  const width = horizontal.padded;
  const padded = new Int32Array(vertical.padded * width);
  pixels.forEach((line, row) => padded.set(line, (row + padding) * width + padding));
  const taps = weight.flatMap((line, i) => line.map((number, j) => [i * width + j, Math.round(number * UNIT)]));
  const offsets = Int32Array.from(taps, ([offset]) => offset);
  const factors = Int32Array.from(taps, ([, number]) => number);
  const output = new Int32Array(vertical.out * horizontal.out);
  let [smallest, largest] = [2 ** 31 - 1, -(2 ** 31)];
  for (let row = 0, place = 0; row < vertical.out; row++)
    for (let column = 0; column < horizontal.out; column++, place++) {
      const start = row * stride * width + column * stride;
      let sum = 0;
      // In whole numbers of 32 bits, said so: a browser then takes a third less time.
      for (let tap = 0; tap < factors.length; tap++) sum = (sum + Math.imul(factors[tap], padded[start + offsets[tap]])) | 0;
      output[place] = sum;
      if (sum < smallest) smallest = sum;
      if (sum > largest) largest = sum;
    }
  return {
    vertical,
    horizontal,
    pixel: (row, column) => padded[row * width + column],
    value: (row, column) => output[row * horizontal.out + column] / UNIT,
    smallest: smallest / UNIT,
    largest: largest / UNIT,
  };
}

/** Let a canvas be pointed at as a grid of cells is: its data says which pixel is under the pointer. */
export function watchPixels({ root, canvas }, scale, pointing) {
  const index = (offset, size) => within(0, size / scale() - 1, offset / scale());
  const aim = ({ offsetX, offsetY }) =>
    Object.assign(canvas.dataset, { row: index(offsetY, root.clientHeight), column: index(offsetX, root.clientWidth) });
  for (const name of ["pointerover", "pointermove", "click"]) canvas.addEventListener(name, aim);
  canvas.addEventListener("pointermove", (event) => {
    const [now, cell] = [pointing.at(), cellOf(event)];
    const moved = Object.keys(cell).some((key) => cell[key] !== now[key]);
    if (moved && event.pointerType !== "touch") pointing.hover(cell);
  });
}
