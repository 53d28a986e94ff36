// ChannelsExplorer: the wires from the input planes through one filter's kernels to Σ and to the output, and what runs there.

import { factor, setAttribute, setStyle, svg, upTo, written } from "./page/elements.js";
import { colourOf } from "./channels_layout.js";
import { follow, glide, placeIn, seenCell } from "./page/motion.js";

const LANE = 2.5; // pixels from wire to wire
// Milliseconds: the planes' sums run to Σ, the bias joins them, and the whole sum goes on; all before the next step.
const ADDENDS = { delay: 0, duration: 280 };
const BIAS = { delay: 130, duration: 150 };
const TOTAL = { delay: 280, duration: 270 };

/** The wires of the chosen filter as lists of points, [x, y], from the places of what they join. */
function circuitWays({ planes, kernels, addends, bias, sigma, total, tail, outputs, cell }, mode) {
  const last = addends.length - 1;
  const [top, bottom] = [sigma.y - sigma.height / 2, sigma.y + sigma.height / 2];
  const rightmost = Math.max(...addends.map(({ x, width }) => x + width / 2));
  const into = upTo(addends.length).map((channel) => sigma.x + (last / 2 - channel) * LANE * 1.6);
  const toSum = addends.map(({ x, y, width, height }, channel) => {
    const lane = (last - channel) * LANE; // the first channel's wire lies outside, so that none crosses another
    if (mode === "stacked") {
      const [side, low] = [rightmost + 5 + lane, top - 3 - channel * LANE];
      return [[x + width / 2 + 3, y], [side, y], [side, low], [into[channel], low], [into[channel], top]];
    }
    const low = y + height / 2 + 1 + lane;
    return [[x, y + height / 2 - 2], [x, low], [into[channel], low], [into[channel], bottom]];
  });
  const right = ({ x, width }) => x + width / 2;
  const isStacked = mode === "stacked";
  const aside = isStacked ? right(total) + 12 : right(tail) + 4;
  const above = outputs.y - outputs.height / 2 - 4;
  const before = outputs.x - outputs.width / 2 - 8;
  return {
    toKernel: kernels.map((kernel, channel) => {
      const plane = planes[channel];
      return isStacked
        ? [[right(plane) + 4, kernel.y], [kernel.x - kernel.width / 2, kernel.y]]
        : [[kernel.x, plane.y + plane.height / 2], [kernel.x, kernel.y - kernel.height / 2]];
    }),
    toSum,
    toBias: [[sigma.x, bias.y], [sigma.x, sigma.y]], // they stand one above the other
    // Where the outputs stand below, the wire ends above them: it would strike out their names.
    toOutput: [
      [right(total) + 3, total.y],
      ...(mode === "side"
        ? [[before, total.y], [before, cell.y], [cell.x - cell.width / 2, cell.y]]
        : [[aside, total.y], [aside, above], [cell.x, above], [cell.x, above + 4]]),
    ],
  };
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
    const { values, at, chosen, window } = scene;
    const channels = upTo(values.in_channels);
    const [row, place] = [figure.rows[chosen], placeIn(root)];
    const pairs = figure.pairs.filter(({ filter }) => filter === chosen);
    const cell = seenCell(root, at.grid, at.row, at.column);
    setStyle(layer, "display", window && cell ? "block" : "none");
    if (!window || !cell) return;
    const places = {
      // In a stack its name stands between a plane and its kernel.
      planes: figure.inputs.slice(0, channels.length).map(({ title, grid }) => place(page.mode === "stacked" ? title : grid.root)),
      kernels: channels.map((channel) => place(pairs[channel].grid.root)),
      addends: channels.map((channel) => place(pairs[channel].addend)),
      bias: place(row.bias),
      sigma: place(row.sigma),
      total: place(row.total),
      tail: place(row.tail),
      outputs: place(page.mode === "side" ? row.grid.root : figure.outputs),
      cell: place(cell),
    };
    const ways = circuitWays(places, page.mode);
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
  function run({ values, at, chosen, biases, results, planeSum }, { inputCell }, before, places, ways) {
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
