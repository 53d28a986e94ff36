// Maps: what conv1 and pool make of a picture, computed as torch does, and painted with one pixel for each number.

import { make, setAttribute } from "./elements.js";
import { COLOUR_OF } from "./from_python.js";

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
  const sums = new Float64Array(out * out).fill(bias);
  const from = (tap) => Math.max(0, Math.ceil((padding - tap) / stride)); // the outputs whose window has this tap on the picture
  const to = (tap) => Math.min(out - 1, Math.floor((size - 1 + padding - tap) / stride));
  weight.forEach((factor, place) => {
    const [i, j] = [Math.floor(place / kernel_size) % kernel_size, place % kernel_size];
    const plane = Math.floor(place / kernel_size ** 2) * size * size;
    const [first, last, lowest] = [from(j), to(j), to(i)];
    for (let row = from(i); row <= lowest; row++) {
      const end = row * out + last;
      let read = plane + (row * stride + i - padding) * size + j - padding + first * stride;
      for (let sum = row * out + first; sum <= end; sum++, read += stride) sums[sum] += factor * planes[read];
    }
  });
  return { size: out, numbers: Float32Array.from(sums, (sum) => Math.max(0, sum)) };
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

const OUTPUT = [1, 3, 5].map((place) => parseInt(COLOUR_OF.output.slice(place, place + 2), 16));

/** A square of numbers, one pixel for each, which the page enlarges. What it shows is also told in words, to all who do not see it. */
export function makePlane() {
  const root = make("canvas", "cs-plane");
  root.setAttribute("role", "img");
  const context = root.getContext("2d");
  function paint(size, told, write) {
    if (root.width !== size) root.width = root.height = size;
    const image = context.createImageData(size, size);
    write(image.data);
    context.putImageData(image, 0, 0);
    setAttribute(root, "aria-label", told);
  }
  return {
    root,
    /** A map: from nothing, for 0, to the full colour of outputs, for `most`. */
    shade: ({ size, numbers }, most, told) =>
      paint(size, told, (pixels) => {
        const factor = most ? 255 / most : 0;
        for (let place = 0; place < numbers.length; place++) {
          for (let part = 0; part < 3; part++) pixels[4 * place + part] = OUTPUT[part];
          pixels[4 * place + 3] = Math.round(factor * numbers[place]);
        }
      }),
    /** A picture: `planes` are its red, green, blue and, if it has one, its opacity, in bytes. */
    colour: (size, told, planes) =>
      paint(size, told, (pixels) => {
        pixels.fill(255);
        planes.forEach((plane, part) => plane.forEach((byte, place) => (pixels[4 * place + part] = byte)));
      }),
  };
}
