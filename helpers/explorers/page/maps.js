// Maps: what conv1 and pool make of a picture, computed as torch does, and painted with one pixel for each number.

import { make, setAttribute } from "./elements.js";
import { COLOUR_OF } from "./from_python.js";
import { packed, redGreenBlue } from "./rgba.js";

/** How many places a kernel has along one side, as torch counts them: 0 or less where it does not fit. */
export const places = (size, kernel, stride, padding) => Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** The bytes that Python has written as base64. */
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/**
 * One map of F.relu(conv1(x)), as { size, numbers }: `planes` are the picture's, one after the other, square, each of `size`
 * rows; `weight` is this map's, [plane][row][column], with its bias.
 */
export function convolved(planes, size, { weight, bias, kernel_size, stride = 1, padding = 1 }) {
  const out = places(size, kernel_size, stride, padding);
  const count = weight.length / kernel_size ** 2; // planes
  const numbers = new Float32Array(out * out);
  for (let row = 0; row < out; row++)
    for (let column = 0; column < out; column++) {
      // Of the window, on the picture. No lists here: each move would make thousands, and clearing them away keeps the slider waiting.
      const top = row * stride - padding;
      const left = column * stride - padding;
      const i = Math.max(0, -top);
      const j = Math.max(0, -left);
      const end = Math.min(kernel_size, size - left);
      const lowest = Math.min(kernel_size, size - top);
      let sum = bias;
      for (let plane = 0; plane < count; plane++)
        for (let line = i; line < lowest; line++) {
          let tap = (plane * kernel_size + line) * kernel_size + j;
          let read = (plane * size + top + line) * size + left + j;
          for (const last = tap + end - j; tap < last; tap++, read++) sum += weight[tap] * planes[read];
        }
      numbers[row * out + column] = Math.max(0, sum);
    }
  return { size: out, numbers };
}

/** The largest number of each window of a map, as { size, numbers }. */
export function pooled({ size, numbers }, kernel, stride) {
  const out = places(size, kernel, stride, 0);
  const largest = new Float32Array(out * out).fill(-Infinity);
  for (let row = 0; row < out; row++)
    for (let column = 0; column < out; column++)
      for (let i = 0; i < kernel; i++)
        for (let j = 0; j < kernel; j++) {
          const number = numbers[(row * stride + i) * size + column * stride + j];
          if (number > largest[row * out + column]) largest[row * out + column] = number;
        }
  return { size: out, numbers: largest };
}

export const largestOf = (numbers) => numbers.reduce((most, number) => (number > most ? number : most), 0);

const [RED, GREEN, BLUE] = redGreenBlue(COLOUR_OF.output);

/** A square of numbers, one pixel for each, which the page enlarges. What it shows is also told in words, to all who do not see it. */
export function makePlane() {
  const root = make("canvas", "cs-plane");
  root.setAttribute("role", "img");
  const context = root.getContext("2d");
  function paint(size, told, colourAt) {
    if (root.width !== size) root.width = root.height = size;
    const image = context.createImageData(size, size);
    const pixels = new Uint32Array(image.data.buffer);
    for (let place = 0; place < pixels.length; place++) pixels[place] = colourAt(place);
    context.putImageData(image, 0, 0);
    setAttribute(root, "aria-label", told);
  }
  return {
    root,
    /** A map: from nothing, for 0, to the full colour of outputs, for `most`. */
    shade({ size, numbers }, most, told) {
      const factor = most ? 255 / most : 0;
      paint(size, told, (place) => packed(RED, GREEN, BLUE, Math.round(factor * numbers[place])));
    },
    /** A picture: `planes` are its red, green, blue and, if it has one, its opacity, in bytes. */
    colour(size, told, [red, green, blue, opacity]) {
      paint(size, told, (place) => packed(red[place], green[place], blue[place], opacity ? opacity[place] : 255));
    },
  };
}
