// NetworkExplorer: the tensors of SimpleCNN in a row, each layer's arithmetic, and where its parameters are.

import { drawBlocks, makeBlocks, paintMaps } from "./blocks.js";
import { CONV1, FC1, LAYERS, chainOf, classOf, grouped, reasonsOf, shapeOf } from "./chain.js";
import { arithmeticOf, makeArithmetic, unmarked } from "./layer_lines.js";
import { make, setStyle, setText, show } from "./page/elements.js";
import { beforeTheFrame, ending, makeCode, makeRemark, makeSpeaker, watchWidth } from "./page/frame.js";
import { LANGUAGE } from "./page/from_python.js";
import { makePlayer, watchPointing } from "./page/pointing.js";
import { makeRefusal } from "./page/refusals.js";
import { findSliders } from "./page/sliders.js";
import { makeSeenMaps } from "./seen_maps.js";

/** One sum as a strip whose parts are as long as the layers' shares: `write({ conv1, fc1, fc2 })`. */
function makeShares(name, remark) {
  const sum = make("div", "cs-sum");
  const strip = make("div", "cs-strip");
  const segments = {};
  for (const layer of ["conv1", "fc1", "fc2"]) {
    segments[layer] = make("span");
    strip.append(make("div", `cs-share cs-share-${layer}`, segments[layer]));
  }
  return {
    root: make("div", "cs-shares", sum, strip),
    write(counts) {
      const total = Object.values(counts).reduce((one, other) => one + other);
      const terms = Object.entries(counts).map(([layer, count]) => `${layer} ${grouped(count)}`);
      setText(sum, `${grouped(total)} ${name}${remark} = ${terms.join(" + ")}`);
      for (const [layer, count] of Object.entries(counts)) {
        const share = Math.min((100 * count) / total, 99.9); // never quite all of it
        setStyle(segments[layer].parentNode, "flex-grow", String(share));
        setText(segments[layer], `${layer} ${share.toFixed(1)} %`); // in sight where there is room
      }
    },
  };
}

/** The network to look through with keys and player: `at(broken)` is the layer that is pointed at. */
function makeWalk(layerThatBreaks) {
  let renew = () => {};
  const player = makePlayer(step, () => pointing.isHovered(), { changed: () => renew() });
  const unpinned = { grid: "layers", row: 0, column: CONV1 }; // then a layer that breaks is shown, or conv1
  const columnOf = (cell, broken) => (cell === unpinned ? (broken ?? cell.column) : cell.column);
  let pointing = null;

  /** To the next layer or the one before, and round. */
  function step(delta) {
    const from = columnOf(pointing.pinned(), layerThatBreaks());
    pointing.pin({ ...unpinned, column: (from + delta + LAYERS.length) % LAYERS.length });
  }
  const walk = (delta) => (player.stop(), step(delta));
  const keys = {
    ArrowRight: () => walk(1),
    ArrowDown: () => walk(1),
    ArrowLeft: () => walk(-1),
    ArrowUp: () => walk(-1),
    " ": player.toggle,
    Escape: () => (player.stop(), pointing.pin(unpinned)),
  };
  return {
    player,
    at: (broken) => columnOf(pointing.at(), broken),
    /** The layer that the learner has chosen; null before, and while it plays. */
    pinned: () => (player.playing() || pointing.pinned() === unpinned ? null : pointing.pinned().column),
    watch: (root, figure, redraw) => (([renew, pointing] = [redraw, watchPointing(root, figure, unpinned, keys, redraw)])),
  };
}

async function render({ model, el }) {
  const images = model.get("images");
  const sliders = await findSliders(model);
  const chainAt = (values) => chainOf(values, images, model.get("fc1_inputs"));
  const walk = makeWalk(() => chainAt(sliders.values()).broken);
  const { player } = walk;
  const figure = makeBlocks();
  const mapsAt = makeSeenMaps(model.get("picture"), model.get("side"), sliders.highest);
  const scale = make("div", "cs-scale");
  const [refusal, arithmetic, budget, source, speaker] = [makeRefusal(sliders), makeArithmetic(), makeBudget(), makeSource(), makeSpeaker()];
  arithmetic.root.append(make("div", "cs-toolbar", player.root), makeRemark().root);
  const below = make("div", "cs-below", ...refusal.parts, arithmetic.root, budget.root, source.root);
  const root = make("div", "cs-explorer cs-network", figure.root, scale, below, speaker.root);
  root.lang = LANGUAGE;
  el.append(root);
  const place = watchWidth(figure.columns[CONV1].root, draw);
  walk.watch(root, figure.root, draw);

  // The same frame shows them, and a slider that is moved twice before it waits for one convolution alone.
  const paint = beforeTheFrame((values, reached) => {
    const maps = mapsAt(values, reached);
    paintMaps(figure, values, maps);
    setText(scale, `In front: one of ${images} pictures${frontOf(maps.conv1, values)}. Behind: all channels. Each notch of a bar: ten times as many.`);
  });

  function draw() {
    const values = sliders.values();
    const chain = chainAt(values);
    const { broken } = chain;
    const at = walk.at(broken);
    drawBlocks(figure, values, chain, { at, pinned: walk.pinned() }, place.width());
    paint(values, chain.shapes.length);
    const lines = arithmeticOf(values, chain, images);
    arithmetic.write(chain, lines, at);
    const reasons = broken === null ? null : reasonsOf(values, chain, chainAt, sliders);
    refusal.write(reasons);
    if (broken !== null && broken !== FC1 && !values.compute_fc1)
      setText(refusal.parts[1], `Smallest change that gets it to fc1: ${reasons.remedy.join(" · or ")}`);
    budget.write(chain);
    source.write(classOf(values, chain), "");
    if (!player.playing()) speaker.say(spoken(chain, lines, at, reasons, refusal)); // else sentence would follow sentence
  }

  sliders.watch(draw);
  draw();
  return ending(sliders, place, player, speaker);
}

/** Which of its maps is drawn, and why that one, or why nothing is seen in it; nothing where there is none. */
function frontOf(map, { conv_channels }) {
  if (!map) return "";
  const { place, most } = map;
  const before = place === 1 ? "1 often shows" : `1 ${place === 2 ? "and" : "to"} ${place} often show`;
  const remark = most === 0 ? " (all 0 here)" : place ? ` (${before} little)` : "";
  return `, then its map ${place + 1} of ${conv_channels}${remark}`;
}

/** Where the parameters and the multiply-adds are, where nothing breaks. */
function makeBudget() {
  const shares = { parameters: makeShares("parameters", ""), macs: makeShares("multiply-adds", " per image") };
  const root = make("div", "cs-budget", shares.parameters.root, shares.macs.root);
  return {
    root,
    write(chain) {
      show(root, chain.broken === null);
      if (chain.broken === null) for (const [name, share] of Object.entries(shares)) share.write(chain[name]);
    },
  };
}

/** The class of this setting, folded. */
function makeSource() {
  const code = makeCode();
  const summary = make("summary", "", "The class for these values");
  // Space and Enter open it; the explorer's keys and JupyterLab's would take them.
  summary.onkeydown = (event) => [" ", "Enter"].includes(event.key) && event.stopPropagation();
  return { root: make("details", "cs-class", summary, code.root), write: code.write };
}

/** What a screen reader is told. */
function spoken({ shapes, parameters }, lines, at, reasons, refusal) {
  const told = shapes.map((shape, index) => `${LAYERS[index]} ${shapeOf(...shape)}`).join(", ");
  const total = grouped(Object.values(parameters).reduce((one, other) => one + other));
  const here = lines[at].map(([name, words, numbers]) => `${name}: ${unmarked(numbers || words)}.`).join(" ");
  return `${told}. ${reasons ? refusal.spoken() : `${total} parameters.`} Pointed at: ${LAYERS[at]}. ${here}`;
}

export default { render };
