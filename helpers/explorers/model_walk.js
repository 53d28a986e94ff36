// Ways through a network: the line of where one is, keys, pointing and clicking.

import { make, setAttribute, setClass, setText, within } from "./page/elements.js";
import { cellAt } from "./model_trail.js";
import { shortName } from "./model_words.js";

const DEPTHS = ["chain", "layer", "cell"];

/** Where one is, and the way back: `write(scene)`; a press on a part goes there. */
export function makeCrumbs(go) {
  const parts = DEPTHS.map((depth) => {
    const button = make("button", "cs-button cs-crumb");
    button.onclick = () => go({ depth });
    return button;
  });
  const signs = [0, 1].map(() => make("span", "cs-crumb-sign", "›"));
  const root = make("nav", "cs-crumbs", parts[0], signs[0], parts[1], signs[1], parts[2]);
  root.setAttribute("aria-label", "Where you are in the network");
  return {
    root,
    write({ depth, chain, index, at, maps }, width) {
      const deep = DEPTHS.indexOf(depth);
      const cell = !maps ? "" : maps.rows * maps.columns === 1 ? `number ${at.map}` : width < 560 ? `[${at.map}, ${at.row}, ${at.column}]` : `map ${at.map}, row ${at.row}, column ${at.column}`;
      ["network", shortName(chain[index], width < 560 ? 15 : 30), cell].forEach((text, place) => {
        setText(parts[place], text);
        setAttribute(parts[place], "title", place === 1 ? chain[index].name : "");
        setClass(parts[place], `cs-button cs-crumb${place === deep ? " cs-here" : ""}${place > deep ? " cs-ahead" : ""}`);
        if (place === deep) parts[place].setAttribute("aria-current", "location");
        else parts[place].removeAttribute("aria-current");
      });
    },
  };
}

/** What the keys do, at each depth. */
export function press(event, { depth, index, chain, chosen, maps, pinned, pointed, network }, go, layer) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return; // JupyterLab's and the browser's own
  const [right, down] = [{ ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0, { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0];
  const deep = DEPTHS.indexOf(depth);
  const isButton = event.target.tagName === "BUTTON";
  if (right || down) {
    if (depth === "chain") go({ step: within(1, Math.max(1, chain.length - 1), index + right + down) });
    else if (!maps) return;
    else if (depth === "layer") {
      const { count } = network.trait("pictures");
      const map = layer.mapAfter(network, index, maps.count, pinned.map, right);
      go({ image: within(0, count - 1, chosen + down) + 1, place: [map, pinned.row, pinned.column] });
    } else go({ place: movedCell(maps, pinned, right, down) });
  } else if (event.key === "Escape" && deep) go({ depth: DEPTHS[deep - 1] });
  else if (event.key === "Enter" && !isButton && deep < 2) go(deep && pointed?.cell ? into(pointed.cell) : { depth: DEPTHS[deep + 1] });
  else return;
  event.preventDefault();
  event.stopPropagation(); // JupyterLab would take the keys for itself
}

/** The way to one number's sum. */
const into = ({ image, map, row, column }) => ({ image: image + 1, place: [map, row, column], depth: "cell" });

/** The next number: of a row of single numbers all keys go along it. */
function movedCell({ count, rows, columns }, { map, row, column }, right, down) {
  if (rows * columns === 1) return [within(0, count - 1, map + right + down), 0, 0];
  return [map, within(0, rows - 1, row + down), within(0, columns - 1, column + right)];
}

/** Pointing and clicking: into a block, to a map's pixel, to a number of the map that comes out. */
export function watchStage(stage, { chain, trail, layer }, { scene, go, point }) {
  const stepOf = (event) => event.target.closest?.("[data-step]")?.dataset.step;
  /** The number under the pointer, in the map that comes out or among all of them: its image, map, row and column. */
  function numberOf(event) {
    const { maps, image, at } = scene();
    if (event.target === layer.grid.canvas) return layer.at(event);
    const cell = event.target === trail.out.canvas && maps && cellAt(trail.out, maps, at.map, event);
    return cell ? { image, ...cell } : null;
  }
  stage.onpointermove = (event) => {
    if (event.pointerType === "touch") return;
    const step = stepOf(event);
    if (step !== undefined) return point({ step: Number(step) });
    const cell = numberOf(event);
    point(cell && { cell });
  };
  stage.onpointerleave = () => point(null);
  stage.onclick = (event) => {
    const step = stepOf(event);
    const label = event.target.closest?.("[data-image]")?.dataset.image;
    if (step !== undefined && Number(step) > 0) return go({ step: Number(step), depth: "layer" });
    if (label !== undefined) return go({ image: Number(label) + 1 });
    const cell = numberOf(event);
    if (cell) go(into(cell));
  };
}
