// ChannelsExplorer: the wires from the input planes through one filter's kernels to Σ and to the output, and what runs there.

import { factor, setAttribute, setStyle, svg, upTo, written } from "./page/elements.js";
import { colourOf } from "./channels_layout.js";
import { follow, glide, placeIn, seenCell } from "./page/motion.js";

const LANE = 2.5; // pixels from wire to wire
// Milliseconds: the planes' sums run to Σ, the bias joins them, and the whole sum goes on; all before the next step.
const ADDENDS = { delay: 0, duration: 280 };
const BIAS = { delay: 130, duration: 150 };
const TOTAL = { delay: 280, duration: 270 };

const left = ({ x, width }) => x - width / 2;
const right = ({ x, width }) => x + width / 2;
const top = ({ y, height }) => y - height / 2;
const bottom = ({ y, height }) => y + height / 2;

/** Where the planes' wires enter Σ. The first channel's lies outside, and so does its lane: none crosses another. */
const entriesOf = ({ addends, sigma }) => addends.map((_, channel) => sigma.x + ((addends.length - 1) / 2 - channel) * LANE * 1.6);
const laneOf = ({ addends }, channel) => (addends.length - 1 - channel) * LANE;

/**
 * The wires of one filter, where the planes stand side by side and its kernels below them: lists of points, [x, y]. Down
 * to a kernel that is not in the first row, a wire goes beside those above it. Outputs are at the row's end or below.
 */
function waysBeside(places, filter, areBelow) {
  const { planes, kernels, addends, bias, sigma, total, tail, outputs, cell } = places;
  const entries = entriesOf(places);
  const toKernel = kernels.map((kernel, channel) => {
    const start = bottom(planes[channel]);
    if (!filter) return [[kernel.x, start], [kernel.x, top(kernel)]];
    const aside = left(kernel) - 6;
    return [[kernel.x, start], [kernel.x, start + 3], [aside, start + 3], [aside, kernel.y], [left(kernel), kernel.y]];
  });
  const toSum = addends.map((addend, channel) => {
    const low = bottom(addend) + 1 + laneOf(places, channel);
    return [[addend.x, bottom(addend) - 2], [addend.x, low], [entries[channel], low], [entries[channel], bottom(sigma)]];
  });
  const before = left(outputs) - 8;
  const ends = areBelow ? above(right(tail) + 4, places) : [[before, total.y], [before, cell.y], [left(outputs), cell.y]];
  const toBias = [[sigma.x, bottom(bias) - 4], [sigma.x, sigma.y]]; // from the line below the number, which it would strike out
  return { toKernel, toSum, toBias, toOutput: [[right(total) + 3, total.y], ...ends] };
}

/** The same where the planes stand on top of each other, each beside its kernel, and Σ and the outputs below them. */
function waysStacked(places) {
  const { planes, kernels, addends, bias, named, sigma, total } = places;
  const [entries, rightmost] = [entriesOf(places), Math.max(...addends.map(right))];
  const toSum = addends.map((addend, channel) => {
    const [side, low] = [rightmost + 5 + laneOf(places, channel), top(sigma) - 3 - channel * LANE];
    return [[right(addend) + 3, addend.y], [side, addend.y], [side, low], [entries[channel], low], [entries[channel], top(sigma)]];
  });
  return {
    toKernel: kernels.map((kernel, channel) => [[right(planes[channel]), kernel.y], [left(kernel), kernel.y]]),
    toSum,
    toBias: [[sigma.x, top(bias) + 6], [sigma.x, sigma.y]], // from above the number
    toOutput: [[right(total) + 3, total.y], ...above(Math.max(right(total), right(named)) + 12, places)],
  };
}

/** To outputs that stand below: the wire ends above them, for it would strike out their names. */
function above(aside, { total, outputs, cell }) {
  const high = top(outputs) - 4;
  return [[aside, total.y], [aside, high], [cell.x, high], [cell.x, high + 4]];
}

/**
 * The wires over a figure: `draw(scene, page, before)`, where `before` is the output the window was at, if a step has led
 * to this one. It draws with the next frame, for it asks the page where everything stands.
 */
export function makeCircuit(figure, planes) {
  const { root } = figure;
  const wires = upTo(2 * planes + 2).map(() => svg("path"));
  const layer = svg("svg", { class: "cs-wires", "aria-hidden": "true" }, ...wires);
  root.append(layer);
  let next = null;

  function lay({ scene, page, before }) {
    const { values, chosen, sum } = scene;
    const channels = upTo(values.in_channels);
    const [row, place] = [figure.rows[chosen], placeIn(root)];
    const pairs = figure.pairs.filter(({ filter }) => filter === chosen);
    const cell = sum && seenCell(root, `output${chosen}`, sum.row, sum.column);
    setStyle(layer, "display", cell ? "block" : "none");
    if (!cell) return;
    const places = {
      planes: figure.inputs.slice(0, channels.length).map(({ grid }) => place(grid.root)),
      kernels: channels.map((channel) => place(pairs[channel].grid.root)),
      addends: channels.map((channel) => place(pairs[channel].addend)),
      bias: place(row.bias),
      named: place(row.bias.parentElement), // with the word "bias"
      sigma: place(row.sigma),
      total: place(row.total),
      tail: place(row.tail),
      outputs: place(page.mode === "side" ? row.grid.root : figure.outputs),
      cell: place(cell),
    };
    const ways = page.mode === "stacked" ? waysStacked(places) : waysBeside(places, chosen, page.mode !== "side");
    const drawn = [...ways.toKernel, ...ways.toSum, ways.toBias, ways.toOutput];
    const classes = [...channels, ...channels].map((channel) => colourOf(channel, values)).concat("cs-of-bias", "cs-of-output");
    wires.forEach((wire, index) => {
      const points = drawn[index] ?? [];
      setAttribute(wire, "d", points.map(([x, y], first) => `${first ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""));
      setAttribute(wire, "class", classes[index] ?? "");
    });
    if (before) run(scene, page, before, places, ways);
  }

  /** The windows glide, the planes' sums run to Σ, the bias joins, the whole sum lands in its cell. */
  function run({ values, sum: at, chosen, biases, results, planeSum }, { inputCell }, before, places, ways) {
    const { stride } = values;
    const middle = ({ x, y }) => [x, y];
    places.addends.forEach((addend, channel) => {
      const { outline } = figure.inputs[channel];
      glide(outline, (before.row - at.row) * stride * inputCell, (before.column - at.column) * stride * inputCell);
      const way = [middle(addend), ...ways.toSum[channel], middle(places.sigma)];
      follow(root, written(planeSum(chosen, channel, at)), way, `cs-input-ink ${colourOf(channel, values)}`, ADDENDS);
    });
    follow(root, factor(biases[chosen]), [middle(places.bias), middle(places.sigma)], "cs-kernel-ink", BIAS);
    const way = [middle(places.total), ...ways.toOutput, middle(places.cell)];
    follow(root, written(results[chosen][at.row][at.column]), way, "cs-output-ink", TOTAL);
  }

  return {
    draw(scene, page, before) {
      for (const flyer of root.querySelectorAll(".cs-flyer")) flyer.remove(); // what another picture has sent
      if (!next) requestAnimationFrame(() => next && (lay(next), (next = null)));
      next = { scene, page, before };
    },
    stop: () => (next = null),
  };
}
