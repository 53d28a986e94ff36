// One picture on its way through the untrained SimpleCNN, as far as its maps are drawn: the numbers of torch.manual_seed(0).

import { upTo } from "./page/elements.js";
import { bytesOf, convolved, largestOf, pooled } from "./page/maps.js";

const WORDS = 624; // of the Mersenne Twister
const SHIFT = 397;
// One map is drawn, and stays while sliders move that leave conv1's kernels as they are. For [in_channels - 1][kernel_size - 1]
// it is the first that shows the picture well with three of four numbers of channels, each of which has other biases; a
// test looks for it with torch.
const PLACES = [
  [7, 5, 2, 1, 2, 1, 1],
  [8, 2, 3, 2, 1, 0, 0],
  [5, 5, 0, 1, 0, 3, 2],
  [5, 4, 1, 2, 3, 2, 1],
];

/** The first numbers that torch draws on a CPU from seed 0, each from 0 to 1, with 24 bits. */
function drawnNumbers(count) {
  const state = new Uint32Array(WORDS); // state[0] is the seed
  for (let n = 1; n < WORDS; n++) state[n] = Math.imul(1812433253, state[n - 1] ^ (state[n - 1] >>> 30)) + n;
  return Float64Array.from({ length: count }, (_, index) => {
    const n = index % WORDS;
    const mixed = (state[n] & 0x80000000) | (state[(n + 1) % WORDS] & 0x7fffffff);
    state[n] = state[(n + SHIFT) % WORDS] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    let word = state[n];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return (word & 0xffffff) / 2 ** 24;
  });
}

/** conv1's first weights, of one map: the same numbers for each setting, spread around 0 as far as their count says. */
function makeFirstWeights({ conv_channels, in_channels, kernel_size }) {
  const numbers = drawnNumbers(conv_channels * (in_channels * kernel_size ** 2 + 1));
  return ({ conv_channels, in_channels, kernel_size }, map) => {
    const count = in_channels * kernel_size ** 2;
    const spread = (number) => (2 * number - 1) / Math.sqrt(count);
    // Behind the weights of all maps come their biases.
    const bias = spread(numbers[conv_channels * count + map]);
    return { weight: Float32Array.from(numbers.subarray(map * count, (map + 1) * count), spread), bias, kernel_size };
  };
}

/** What a function of numbers gives, kept while it is asked for with the same ones. */
function remembered(compute) {
  let [last, result] = ["", null];
  return (...numbers) => (last === numbers.join() ? result : ((last = numbers.join()), (result = compute(...numbers))));
}

/**
 * The picture and one of its maps: a function of a setting that gives { picture, conv1, pool }, those that are among its
 * `reached` first shapes. `conv1.place` says which map it is, `conv1.most` is its largest number. `picture` comes as
 * base64 of bytes, [plane][row][column], of `side` rows: red, green, blue.
 */
export function makeSeenMaps(picture, side, highest) {
  const bytes = bytesOf(picture);
  const weightsOf = makeFirstWeights(highest);
  const colour = (plane) => (place) => bytes[plane * side * side + place];
  const grey = (place) => Math.round((colour(0)(place) + colour(1)(place) + colour(2)(place)) / 3);
  /** Grey, or red, green and blue; an even number of planes has the opacity, too: the four kinds of a PNG file. */
  const planesOf = (count) => [...(count < 3 ? [grey] : [0, 1, 2].map(colour)), ...(count % 2 ? [] : [() => 255])];
  const pictureAt = remembered((size, in_channels) => {
    const planes = planesOf(in_channels).map((read) => {
      const plane = new Uint8Array(size * size);
      const from = upTo(size).map((index) => Math.floor((index * side) / size)); // the rows and columns that are read
      for (let row = 0; row < size; row++)
        for (let column = 0; column < size; column++) plane[row * size + column] = read(from[row] * side + from[column]);
      return plane;
    });
    const input = new Float32Array(in_channels * size * size);
    planes.forEach((plane, place) => input.set(plane, place * size * size));
    return { size, planes, input: input.map((byte) => byte / 255) };
  });
  const conv1At = remembered((image_size, in_channels, conv_channels, kernel_size, stride, padding) => {
    const { input } = pictureAt(image_size, in_channels);
    const often = PLACES[in_channels - 1][kernel_size - 1];
    const place = often < conv_channels ? often : 0;
    const weights = weightsOf({ in_channels, conv_channels, kernel_size }, place);
    const map = convolved(input, image_size, { ...weights, stride, padding });
    return { ...map, place, most: largestOf(map.numbers) };
  });
  const poolAt = remembered((pool_kernel_size, pool_stride, ...conv) => pooled(conv1At(...conv), pool_kernel_size, pool_stride));
  return ({ image_size, in_channels, conv_channels, kernel_size, stride, padding, pool_kernel_size, pool_stride }, reached) => {
    const conv = [image_size, in_channels, conv_channels, kernel_size, stride, padding];
    return {
      picture: pictureAt(image_size, in_channels),
      conv1: reached > 1 ? conv1At(...conv) : null,
      pool: reached > 2 ? poolAt(pool_kernel_size, pool_stride, ...conv) : null,
    };
  };
}
