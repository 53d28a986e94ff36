// ModelExplorer: inside a learner's own network, from the whole chain to one layer and to one number's sum.

import { make, setText, show, within } from "./page/elements.js";
import { ending, makeSpeaker, watchWidth } from "./page/frame.js";
import { LANGUAGE } from "./page/from_python.js";
import { grow, placeIn } from "./page/motion.js";
import { makeRefusal } from "./page/refusals.js";
import { findSliders } from "./page/sliders.js";
import { makeCell, cellName } from "./model_cell.js";
import { makeChain } from "./model_chain.js";
import { makeNetwork, mapsOf } from "./model_data.js";
import { makeLayer } from "./model_layer.js";
import { makeTrail } from "./model_trail.js";
import { makeCrumbs, press, watchStage } from "./model_walk.js";
import { layerSentence, spoken, stepSentence } from "./model_words.js";

/** Everything about what is shown, before anything is drawn. */
function sceneOf(network, sliders, pointed) {
  const values = sliders.values();
  const chain = network.trait("chain");
  const index = within(Math.min(1, chain.length - 1), chain.length - 1, values.step);
  const maps = mapsOf(chain[index].shape);
  const [map, row, column] = network.trait("place");
  const clamped = (place, most) => within(0, most - 1, place);
  const pinned = maps && { map: clamped(map, maps.count), row: clamped(row, maps.rows), column: clamped(column, maps.columns) };
  const hovered = values.depth === "layer" ? pointed?.cell : null;
  const at = hovered ?? pinned ?? { map: 0, row: 0, column: 0 };
  const chosen = within(0, network.trait("pictures").count - 1, values.image - 1);
  const image = hovered?.image ?? chosen;
  const asked = values.depth === "cell" && maps ? network.cell(index, image, [at.map, at.row, at.column]) : {};
  return {
    ...{ network, chain, index, maps, at, image, chosen, pinned, pointed, ...asked },
    depth: values.depth,
    epoch: values.epoch,
    step: index,
    hovered: pointed?.step ?? null,
    map: pinned?.map ?? null,
    zeros: network.trait("zeros")[index] ?? [],
    head: maps ? cellName(at, maps) : "",
    problem: network.trait("problem"),
  };
}

/** Draw what there is at the scene's depth; returns the sentence below it. */
function drawDepth({ chain, trail, layer, cell }, scene, width) {
  if (scene.depth === "chain") {
    scene.verdict = chain.draw(scene, width);
    return `${stepSentence(scene, scene.hovered ?? scene.step)} ${scene.network.trait("pictures").note}`.trim();
  }
  trail.draw(scene, width);
  if (scene.depth === "layer") {
    layer.draw(scene, width);
    return layerSentence(scene);
  }
  return cell.draw(scene, width) && "";
}

/** Where a zoom between two depths begins or ends: at the block, at the map that comes out or its pixel, at the sum. */
function placeOf({ chain, trail, cell }, stage, depth, other, step) {
  const map = other === "cell" ? trail.pixel : trail.out.root;
  const element = { chain: chain.blocks[step]?.picture, layer: map, cell: cell.body }[depth];
  return element?.offsetParent ? placeIn(stage)(element) : null;
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const network = makeNetwork(model, () => draw());
  let [pointed, held, drawn] = [null, false, null];
  const crumbs = makeCrumbs(go);
  const views = { chain: makeChain(), trail: makeTrail(), layer: makeLayer(), cell: makeCell() };
  const { chain, trail, layer, cell } = views;
  const stage = make("div", "cs-figure-of-model", chain.root, trail.root, layer.root, cell.root);
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  const [sentence, refusal, speaker, keys] = [make("div", "cs-note"), makeRefusal(sliders), makeSpeaker(), make("div", "cs-hint")];
  const root = make("div", "cs-explorer cs-model", crumbs.root, stage, make("div", "cs-below", sentence, ...refusal.parts, keys), speaker.root);
  root.lang = LANGUAGE;
  el.append(root);
  const space = watchWidth(root, () => draw());

  /** Go there: to an image, a depth, a step, a place in its maps. The sliders follow, and Python is told. */
  function go({ place, ...moved }) {
    held = true;
    pointed = null;
    if ("step" in moved && moved.step !== drawn.step) place ??= network.strongest(moved.step, drawn.chosen);
    if (place) {
      model.set("place", place);
      model.save_changes();
    }
    sliders.move(moved);
    held = false;
    draw();
  }
  function draw() {
    if (held) return;
    const scene = sceneOf(network, sliders, pointed);
    const { depth } = scene;
    const width = space.width() - 4;
    const from = drawn && drawn.depth !== depth ? placeOf(views, stage, drawn.depth, depth, drawn.step) : null;
    crumbs.write(scene, width);
    show(chain.root, depth === "chain");
    show(trail.root, depth !== "chain");
    show(layer.root, depth === "layer");
    show(cell.root, depth === "cell");
    stage.setAttribute("aria-label", LABELS[depth]);
    setText(keys, KEYS[depth]);
    const late = network.isLate(scene.epoch) ? `This is ${network.trait("epoch")}: another epoch needs a running kernel. ` : "";
    setText(sentence, late + drawDepth(views, scene, width));
    writeProblem(refusal, scene);
    if (from) grow(stage, from, placeOf(views, stage, depth, drawn.depth, scene.step), depth === "cell" ? null : trail.out.canvas);
    drawn = scene;
    speaker.say(spoken(scene, sentence.textContent, refusal));
  }

  watchStage(stage, { chain, trail, layer }, { scene: () => drawn, go, point });
  function point(at) {
    if (JSON.stringify(at) === JSON.stringify(pointed)) return;
    pointed = at;
    draw();
  }
  layer.buttons.order.onclick = () => (layer.toggleOrder(drawn), draw());
  const turn = (pages) => go({ place: [layer.mapAfter(network, drawn.index, drawn.maps.count, drawn.pinned.map, pages * layer.room()), drawn.pinned.row, drawn.pinned.column] });
  layer.buttons.back.onclick = () => turn(-1);
  layer.buttons.on.onclick = () => turn(1);
  root.onkeydown = (event) => press(event, drawn, go, layer);
  /** A hand moves a slider: of a step with another number of maps the chosen place says nothing. */
  function follow() {
    if (held) return;
    const { step } = sliders.values();
    if (step !== drawn.step) pointed = null; // another step has other places
    const isByHand = Boolean(document.activeElement?.closest(".cs-slider"));
    const [from, to] = [drawn.step, step].map((index) => mapsOf(network.step(index)?.shape ?? [])?.count);
    if (isByHand && from !== to) go({ step });
    else draw();
  }
  sliders.watch(follow);
  draw();
  return ending(sliders, network, space, speaker);
}

const LABELS = {
  chain: "The network. Arrow keys go from step to step, Enter goes into one.",
  layer: "A layer. Arrow keys go from map to map and from image to image, Enter goes to one number, Escape goes back.",
  cell: "One number and its sum. Arrow keys move it, Escape goes back.",
};
const KEYS = {
  chain: "Click a block, or ← → and Enter: what is in it.",
  layer: "Hover a pixel: what it has seen. Click it, or Enter: its sum. ← → maps · ↑ ↓ images · Esc goes back.",
  cell: "Click another pixel of the map, or ← ↑ ↓ →. Esc goes back.",
};

function writeProblem(refusal, { problem }) {
  const isBroken = "name" in problem;
  refusal.write(isBroken ? { problem: problem.sentence, remedy: [problem.fix], torch: problem.torch_message } : null);
  // Where the numbers are wrong and no shape is, PyTorch says nothing.
  if (isBroken) [problem.fix, problem.torch_message].forEach((text, place) => show(refusal.parts[1 + place], Boolean(text)));
}

export default { render };
