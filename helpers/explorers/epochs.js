// What the network sees, before its first epoch and after each: its kernels, what they make of one picture, and its scores.

import { make, plural, setClass, setStyle, setText, upTo, written } from "./page/elements.js";
import { bytesOf, convolved, largestOf, makePlane } from "./page/maps.js";

const GREY = 127.5; // a weight of 0; the largest is 0 or 255
const SIDE = 32; // of the picture
const MOST = 18; // kernels that are kept

/** The picture's planes as bytes, and as its data set normalises them. */
function seen({ bytes, mean, std }) {
  const all = bytesOf(bytes);
  const planes = [0, 1, 2].map((plane) => all.subarray(plane * SIDE * SIDE, (plane + 1) * SIDE * SIDE));
  const input = new Float32Array(all.length);
  planes.forEach((plane, n) => plane.forEach((byte, place) => (input[n * SIDE * SIDE + place] = (byte / 255 - mean[n]) / std[n])));
  return { planes, input };
}

/** A look as numbers: each kernel's weights, [plane][row][column], and the map that it makes of the picture. */
function numbersOf({ shape: [count, planes, kernel_size], weight, bias }, input) {
  const weights = new Float32Array(bytesOf(weight).buffer);
  const each = planes * kernel_size ** 2;
  const kernels = upTo(count).map((n) => weights.subarray(n * each, (n + 1) * each));
  const maps = kernels.map((weight, n) => convolved(input, SIDE, { weight, bias: bias[n], kernel_size }));
  const largest = { weight: kernels.map((kernel) => largestOf(kernel.map(Math.abs))), map: maps.map(({ numbers }) => largestOf(numbers)) };
  return { kernel_size, kernels, maps, largest };
}

/** A kernel's three planes as colours: grey where all its weights are 0. */
function coloursOf(kernel, kernel_size, most) {
  const colour = Uint8Array.from(kernel, (weight) => Math.round(GREY + (GREY * weight) / most));
  return [0, 1, 2].map((plane) => colour.subarray(plane * kernel_size ** 2, (plane + 1) * kernel_size ** 2));
}

/** The ten scores, each with a bar from 0 to the right or to the left. */
function makeScores(classes, label) {
  const root = make("div", "cs-scores", make("div", "cs-title cs-output-ink", "its ten scores"));
  const rows = classes.map((name) => {
    const [bar, number] = [make("span"), make("span", "cs-score-number")];
    const row = make("div", "", make("span", "cs-score-name", name), make("span", "cs-score-bar", bar), number);
    root.append(row);
    return { row, bar, number, right: name === label ? " cs-score-right" : "" };
  });
  return {
    root,
    /** `lowest` and `highest` are those of all looks: the bars of two epochs can be compared. */
    write(scores, lowest, highest) {
      setStyle(root, "--zero", `${(100 * -lowest) / (highest - lowest || 1)}%`);
      const most = Math.max(...scores);
      const along = (score) => (100 * (score - lowest)) / (highest - lowest || 1);
      rows.forEach(({ row, bar, number, right }, n) => {
        const score = scores[n];
        setText(number, written(score.toFixed(2)));
        setClass(row, `cs-score${score === most ? " cs-score-highest" : ""}${right}`);
        setClass(bar, score < 0 ? "cs-below-0" : "");
        setStyle(bar, "left", `${along(Math.min(0, score))}%`);
        setStyle(bar, "width", `${along(Math.abs(score) + lowest)}%`);
      });
    },
  };
}

/** The filters, and below each its map. */
function makeTiles() {
  const [counted, theirs] = [make("span", "cs-kernel-ink"), make("span", "cs-output-ink")];
  const title = make("div", "cs-title", counted, " and ", theirs);
  const tiles = upTo(MOST).map(() => ({ kernel: makePlane(), map: makePlane() }));
  const grid = make("div", "cs-tiles", ...tiles.map((tile) => (tile.root = make("div", "cs-seen", tile.kernel.root, tile.map.root))));
  grid.setAttribute("aria-hidden", "true"); // the scrubber says in words what changes
  return {
    root: make("div", "cs-kernels", title, grid),
    /** `all` are the numbers of all looks: each kernel, and each map, is as strong as it ever is in the run, or weaker. */
    write({ kernel_size, kernels, maps }, channels, all) {
      const of = channels > kernels.length ? `${kernels.length} of ` : "";
      setText(counted, `${of}${plural(channels, "filter", "filters")} ${kernel_size} × ${kernel_size}`);
      setText(theirs, channels === 1 ? "its map" : "their maps");
      const most = (kind, n) => Math.max(...all.map(({ largest }) => largest[kind][n]));
      tiles.forEach(({ root, kernel, map }, n) => {
        setStyle(root, "visibility", n < kernels.length ? "visible" : "hidden"); // its place stays: nothing jumps
        if (n >= kernels.length) return;
        kernel.colour(kernel_size, `filter ${n + 1}`, coloursOf(kernels[n], kernel_size, most("weight", n)));
        map.shade(maps[n], most("map", n), `map ${n + 1}`);
      });
    },
  };
}

/** A slider over the epochs: `place()` is the look to show, the newest until another one is chosen. */
function makeScrubber(changed) {
  const [name, range, told] = [make("label"), make("input"), make("output")];
  Object.assign(range, { type: "range", min: 0, step: 1 });
  name.append("what it sees", range);
  let [chosen, count] = [null, 0];
  range.oninput = () => ((chosen = Number(range.value) === count - 1 ? null : Number(range.value)), changed());
  range.onkeydown = (event) => event.stopPropagation(); // JupyterLab would take the arrow keys for itself
  return {
    root: make("div", "cs-epoch", name, told),
    place(looks) {
      if (looks < count) chosen = null; // another run
      count = looks;
      range.disabled = count === 1;
      range.max = count - 1;
      range.value = chosen ?? count - 1;
      return Number(range.value);
    },
    write(text, spoken) {
      setText(told, text);
      range.setAttribute("aria-valuetext", `${text}: ${spoken}`);
    },
  };
}

/** What the network sees; `draw(looks, run)` draws the chosen look of that run, or before run 1, and returns its epoch. */
export function makeEpochs(picture, redraw) {
  const { planes, input } = seen(picture);
  const { classes, label } = picture;
  const scrubber = makeScrubber(redraw);
  const [plane, tiles, scores, sentence] = [makePlane(), makeTiles(), makeScores(classes, label), make("div", "cs-note")];
  plane.colour(SIDE, `the picture: ${label}`, planes);
  const pictured = make("div", "cs-looked-at", make("div", "cs-title cs-input-ink", label), plane.root);
  const root = make("div", "cs-epochs", scrubber.root, sentence, make("div", "cs-sight", pictured, scores.root, tiles.root));
  let known = new Map(); // what has been computed, by the numbers it was computed from
  const key = ({ weight, bias }) => weight + bias;
  return {
    root,
    draw(looks, run) {
      known = new Map(looks.map((look) => [key(look), known.get(key(look)) ?? numbersOf(look, input)]));
      const epoch = scrubber.place(looks.length);
      const now = looks[epoch];
      tiles.write(known.get(key(now)), now.channels, [...known.values()]);
      const told = looks.flatMap((look) => look.scores);
      scores.write(now.scores, Math.min(0, ...told), Math.max(0, ...told));
      const named = classes[now.scores.indexOf(Math.max(...now.scores))];
      const verdict = named === label ? `It says ${named}: right.` : `It says ${named}: wrong, the class is ${label}.`;
      setText(sentence, verdict);
      scrubber.write(`${run ? `run ${run}, ` : ""}${epoch ? `after epoch ${epoch}` : "untrained"}`, verdict);
      return epoch;
    },
  };
}
