// What stands around a layer's maps and on them: their numbers, the images of their rows, the values of single numbers.

import { make, setClass, setStyle, setText, show, written } from "./page/elements.js";
import { WHITE, makePlate, paintPicture } from "./model_paint.js";

const HEAD_WIDTH = 24; // pixels: a map's number needs its room
const HEAD_DIGIT = 9; // and so much of it for each digit, where it has more than two
const LARGEST_PLAIN = 1000; // from here on in powers of ten

/** As many parts as are needed: `each(index)`, those behind `count` hidden. */
function makeParts(parent, makeOne) {
  const parts = [];
  return (count) => {
    while (parts.length < count) {
      parts.push(makeOne());
      parent.append(parts.at(-1).root);
    }
    parts.forEach(({ root }, place) => show(root, place < count));
    return parts.slice(0, count);
  };
}

/** The numbers of the maps, above them: `write(scene)`. */
export function makeHeads() {
  const root = make("div", "cs-map-names");
  const heads = makeParts(root, () => ({ root: make("div") }));
  return {
    root,
    write({ maps, zeros, at, size }) {
      const room = Math.max(HEAD_WIDTH, HEAD_DIGIT * String(Math.max(...maps)).length);
      const every = Math.max(1, Math.ceil(room / size.wide));
      const chosen = maps.indexOf(at.map);
      heads(maps.length).forEach(({ root: each }, place) => {
        const isTold = place === chosen || (place % every === 0 && Math.abs(place - chosen) >= every);
        setClass(each, `cs-map-name${place === chosen ? " cs-lit" : ""}${zeros.includes(maps[place]) ? " cs-zero" : ""}`);
        setText(each, isTold ? String(maps[place]) : "");
      });
    },
  };
}

/** The images before their rows: `write(scene)`. */
export function makeLabels() {
  const root = make("div", "cs-image-names");
  const labels = makeParts(root, () => {
    const plate = makePlate("cs-thumb", []);
    return { root: make("div", "cs-image-name", plate.root), plate, key: null };
  });
  return {
    root,
    write({ network, images, image, size }) {
      const [classes, named] = ["classes", "labels"].map(network.trait);
      labels(images.length).forEach((label, place) => {
        const key = `${network.version()} ${images[place]}`;
        if (label.key !== key) paintPicture(label.plate.canvas, network.picture(images[place]));
        label.key = key;
        const name = classes[named[images[place]]];
        const high = Math.min(32, size.high - 2);
        label.plate.size(high, high, `image ${images[place] + 1}${name ? `: ${name}` : ""}`);
        setClass(label.root, `cs-image-name${images[place] === image ? " cs-lit" : ""}`);
        label.root.dataset.image = images[place];
      });
    },
  };
}

/** A number in a cell: about five signs, and 0 only where it is 0. */
function inCell(number) {
  const size = Math.abs(number);
  if (!Number.isFinite(size)) return written(number);
  if (size >= LARGEST_PLAIN) return written(number.toExponential(0));
  return number === 0 ? "0" : written(number.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0));
}

/** Single numbers, written on their cells: `write(scene)`; without `row`, the numbers, none. */
export function makeValues() {
  const root = make("div", "cs-cell-values");
  const cells = makeParts(root, () => ({ root: make("span") }));
  root.setAttribute("aria-hidden", "true"); // the sentence below says the chosen one
  return {
    root,
    write({ row, known, maps, images, shape, size }) {
      show(root, Boolean(row));
      if (!row) return;
      setStyle(root, "grid-template-columns", `repeat(${maps.length}, ${size.wide}px)`);
      setStyle(root, "grid-auto-rows", `${size.high}px`);
      const numbers = images.flatMap((image) => maps.map((map) => row[image * shape.count + map]));
      cells(numbers.length).forEach(({ root: each }, place) => {
        setText(each, inCell(numbers[place]));
        setClass(each, `cs-cell-value${numbers[place] === 0 ? " cs-nil" : ""}${isPale(numbers[place] / (WHITE * known.limit || 1)) ? " cs-on-pale" : ""}`);
      });
    },
  };
}

/** Is a cell so pale that its number must be dark? Grey is it earlier than pink. */
const isPale = (part) => part > 0.46 || part < -0.8;
