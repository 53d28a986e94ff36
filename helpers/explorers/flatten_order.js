// FlattenExplorer: where numbers lie in memory, in which order they are read, and what view makes of them.

import { plural, upTo } from "./page/elements.js";

/** The dimensions of one volume in the order they are read, each with its stride in memory. */
export function dimensions({ channels, height, width, memory }) {
  const c = { name: "c", size: channels, stride: height * width };
  const h = { name: "h", size: height, stride: width };
  const w = { name: "w", size: width, stride: 1 };
  return memory === "permuted" ? [h, w, c] : [c, h, w];
}

/** The places in memory of all numbers of `pictures` volumes, in reading order. */
export function readingOrder([first, second, third], pictures) {
  const one = first.size * second.size * third.size;
  const order = [];
  for (let n = 0; n < pictures; n++)
    for (let i = 0; i < first.size; i++)
      for (let j = 0; j < second.size; j++)
        for (let k = 0; k < third.size; k++)
          order.push(n * one + i * first.stride + j * second.stride + k * third.stride);
  return order;
}

/** Whether one step along a row and one from row to row lead through all places: then torch can view them so. */
export function hasStrides(order, across) {
  const along = across > 1 ? order[1] - order[0] : 0;
  const down = across < order.length ? order[across] - order[0] : 0;
  return order.every((place, index) => place === Math.floor(index / across) * down + (index % across) * along);
}

/** `c = 23 // 12 = 1, …`: from a position in reading order back to the indices. */
export function wayBack(position, [first, second, third]) {
  const block = second.size * third.size;
  return [
    `${first.name} = ${position} // ${block} = ${Math.floor(position / block)}`,
    `${second.name} = ${position} % ${block} // ${third.size} = ${Math.floor((position % block) / third.size)}`,
    `${third.name} = ${position} % ${third.size} = ${position % third.size}`,
  ];
}

/** The values of k nearest to this one that cut `count` numbers without a remainder. */
function nearestDivisors(count, k, highest) {
  const divisors = upTo(highest).map((index) => index + 1).filter((divisor) => count % divisor === 0);
  const least = Math.min(...divisors.map((divisor) => Math.abs(divisor - k)));
  return divisors.filter((divisor) => Math.abs(divisor - k) === least);
}

/** Which pictures row number `row` holds numbers of, as [picture, how many]. */
export function holdings(row, { k, one, count }) {
  const [start, end] = [row * k, Math.min((row + 1) * k, count)];
  const first = Math.floor(start / one);
  const pictures = upTo(Math.floor((end - 1) / one) - first + 1).map((index) => first + index);
  return pictures.map((picture) => [picture, Math.min(end, (picture + 1) * one) - Math.max(start, picture * one)]);
}

/** `Row 1 holds 8 numbers of picture 0 and 16 of picture 1.` */
export function rowSentence(row, all) {
  const held = holdings(row, all).map(([picture, some], index) => `${index ? some : plural(some, "number", "numbers")} of picture ${picture}`);
  const last = held.pop();
  return `Row ${row} holds ${held.length ? `${held.join(", ")} and ${last}` : last}.`;
}

/** What the slider that unzips goes from and to. */
export const endsOf = ({ batch, permuted, views }) =>
  batch ? ["pictures", "rows"] : permuted ? ["memory", views ? "row" : "copy"] : ["volume", "row"];

/** What the rows of a batch are good for, in a sentence. */
export function verdict(all, pictures) {
  const { k, one, count } = all;
  if (k === one) return "✓ One row for each picture.";
  const rows = count / k;
  const mixed = upTo(rows).filter((row) => holdings(row, all).length > 1).length;
  const made = `✗ ${plural(rows, "row", "rows")} for ${pictures} pictures`;
  if (!mixed) return `${made}: each picture is cut into ${one / k}. No error.`;
  if (mixed === rows) return `${made}, and ${rows === 1 ? "it mixes them all" : "each mixes pictures"}. No error.`;
  return `${made}, and ${mixed} of them ${mixed === 1 ? "mixes" : "mix"} pictures. No error.`;
}

/** Why numbers that are out of order in memory cannot be viewed as `view(wanted)` would. */
export function refusedStrides({ order, batch, k }, wanted) {
  const beginning = order.slice(0, 5).join(", ") + (order.length > 5 ? ", …" : "");
  const missing = batch ? `no strides lead through rows of ${k}` : "no single stride leads through them";
  return {
    problem: `In reading order the numbers lie at places ${beginning}: ${missing}, and view never copies.`,
    remedy: [`.reshape(${wanted}), which copies`, `.contiguous().view(${wanted})`],
    torch:
      "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans " +
      "across two contiguous subspaces). Use .reshape(...) instead.",
  };
}

/** Why so many numbers do not make whole rows of k. Out of order in memory, they need another call as well. */
export function refusedSize({ count, k, one, order }, highest) {
  const near = nearestDivisors(count, k, highest.k);
  const call = hasStrides(order, one) ? "" : " with reshape";
  const whole = `k ${one}${call}: ${near.includes(one) ? "C·H·W," : "further off, but"} one row for each picture`;
  return {
    problem: `${count} numbers do not fill whole rows of ${k}: ${count} = ${Math.floor(count / k)}·${k} + ${count % k}.`,
    remedy: [...near.filter((divisor) => divisor !== one).map((divisor) => `k ${divisor}${call}`), whole],
    torch: `RuntimeError: shape '[-1, ${k}]' is invalid for input of size ${count}`,
  };
}
