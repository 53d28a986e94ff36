// What one number of a network has seen: its window in what the step reads, and its field in the image.

import { mapsOf } from "./model_data.js";

const AXES = [0, 1]; // rows, columns

/** What a step with one side reads of a map whose rows are the channels: a pool its own, a convolution its group's. */
function channelsRead(span, before, after, { opens, numbers: { groups = 1 } }) {
  if (opens === "pool") return span;
  const [made, read] = [after / groups, before / groups];
  return span.map((channel, end) => (Math.floor(channel / made) + end) * read - end);
}
/** A rectangle as two spans, [first, last] of the rows and of the columns. */
const spansOf = ({ top, left, height, width }) => [
  [top, top + height - 1],
  [left, left + width - 1],
];
const boxOf = ([[top, bottom], [left, right]]) => ({ top, left, height: bottom - top + 1, width: right - left + 1 });
const allOf = ({ rows, columns }) => ({ top: 0, left: 0, height: rows, width: columns });

/** What is put before the first cell; "same" puts what is odd behind the last. */
const padded = (axis, { kernel_size, padding, dilation = [1, 1] }) =>
  ({ same: Math.floor((dilation[axis] * (kernel_size[axis] - 1)) / 2), valid: 0 })[padding] ?? padding[axis];
const windowed = ([first, last], axis, numbers) => {
  const { kernel_size, stride, dilation = [1, 1] } = numbers;
  const before = padded(axis, numbers);
  return [first * stride[axis] - before, last * stride[axis] - before + dilation[axis] * (kernel_size[axis] - 1)];
};
/** The piece of an adaptive pool, which cuts `before` cells into `after` parts. */
const pieceOf = ([first, last], before, after) => [Math.floor((first * before) / after), Math.ceil(((last + 1) * before) / after) - 1];
/** The inputs whose kernel reaches an output: a transposed convolution's windows lie on what comes out. */
const spread = ([first, last], axis, { kernel_size, stride, padding, dilation = [1, 1] }) => [
  Math.ceil((first + padding[axis] - dilation[axis] * (kernel_size[axis] - 1)) / stride[axis]),
  Math.floor((last + padding[axis]) / stride[axis]),
];

/** Where numbers in a row come from that were maps: all cells of them, or the one of a single number. */
function unflattened(place, maps) {
  if (place === null || maps.rows * maps.columns * maps.count <= place) return { box: allOf(maps), map: null };
  const [row, column] = [Math.floor(place / maps.columns) % maps.rows, place % maps.columns];
  return { box: { top: row, left: column, height: 1, width: 1 }, map: Math.floor(place / (maps.rows * maps.columns)) };
}

/** What part of its input number `which` a step reads for a part of what it gives: { map, box }, `map` null for all maps. */
export function readBy(chain, index, which, { map, box }) {
  const { opens, kind, numbers = {}, shape, inputs } = chain[index];
  const before = mapsOf(chain[inputs[which]].shape);
  const after = mapsOf(shape);
  if (!before || !after || !box) return { map: null, box: null };
  const spans = (span) => {
    const [rows, columns] = spansOf(box);
    if (numbers.kernel_size.length > 1) return boxOf([span(rows, 0, numbers), span(columns, 1, numbers)]);
    return boxOf([channelsRead(rows, before.rows, after.rows, chain[index]), span(columns, 0, numbers)]);
  };
  const isAlike = before.rows === after.rows && before.columns === after.columns;
  if (opens === "conv" && numbers.kernel_size) return { map: null, box: spans(windowed) };
  if (opens === "transposed" && numbers.kernel_size) return { map: null, box: spans(spread) };
  if (opens === "pool" && numbers.kernel_size) return { map, box: spans(windowed) };
  if (opens === "pool") {
    const [rows, columns] = spansOf(box);
    return { map, box: boxOf([pieceOf(rows, before.rows, after.rows), pieceOf(columns, before.columns, after.columns)]) };
  }
  if (kind === "cat" && isAlike) {
    const first = inputs.slice(0, which).reduce((sum, input) => sum + mapsOf(chain[input].shape).count, 0);
    if (map !== null && (map < first || map >= first + before.count)) return { map, box: null };
    return { map: map === null ? null : map - first, box };
  }
  if (opens === "relu" || opens === "sum" || (opens === "norm" && isAlike && kind.startsWith("BatchNorm"))) return { map, box };
  if (opens === "moved" && after.rows * after.columns === 1) return unflattened(map, before);
  return { map: null, box: allOf(before) };
}

const joined = (one, other) => {
  if (!one || !other) return one ?? other;
  const [first, second] = [spansOf(one), spansOf(other)];
  return boxOf(AXES.map((axis) => [Math.min(first[axis][0], second[axis][0]), Math.max(first[axis][1], second[axis][1])]));
};

/** The field in the image of a part of a step's output; null where the way back cannot be followed. It may stick out. */
export function fieldOf(chain, index, part) {
  let fields = new Map([[index, part]]); // what is read of each step, from the last to the first
  for (let at = index; at > 0; at--) {
    const read = fields.get(at);
    if (!read?.box) continue;
    chain[at].inputs.forEach((input, which) => {
      const more = readBy(chain, at, which, read);
      const known = fields.get(input);
      const map = known && known.map !== more.map ? null : more.map;
      fields.set(input, { map, box: joined(known?.box, more.box) });
    });
  }
  return fields.get(0)?.box ?? null;
}
