// FlattenExplorer: its formulas and shapes, lines of text with places that are filled in.

import { make, setClass, setText, show } from "./page/elements.js";

const INK = /^[CHW]( name| stride)?$/i; // places in a line that have the colour of their dimension

/** A line of text with places to fill in: "= {c}·{C stride}"; `write({ c: 1, "C stride": 12 })`. */
function makeLine(className, template) {
  const root = make("div", className);
  const places = [];
  template.split(/[{}]/).forEach((part, index) => {
    if (index % 2 === 0) return root.append(part);
    const place = make("span", INK.test(part) ? `cs-${part[0].toLowerCase()}-ink` : "");
    places.push([part, place]);
    root.append(place);
  });
  return { root, write: (values) => places.forEach(([name, place]) => setText(place, values[name])) };
}

/** What stands above the picture, a block for each mode; `write(mode, values, right)` fills it in and shows one. */
export function makeFormulas() {
  const templates = {
    contiguous: [
      "place = {c name}·{H name}·{W name} + {h name}·{W name} + {w name}",
      "= {c}·{C stride} + {h}·{H stride} + {w} = {place}",
      "x.stride() = ({C stride}, {H stride}, {W stride}): places to the next channel {C stride}, row {H stride}, column {W stride}",
    ],
    permuted: [
      "place = {h name}·{W name} + {w name} + {c name}·{H name}·{W name}",
      "= {h}·{H stride} + {w} + {c}·{C stride} = {place}",
      "stride = ({H stride}, {W stride}, {C stride}): places to the next row {H stride}, column {W stride}, channel {C stride}",
    ],
    batch: [
      "rows = N·{C name}·{H name}·{W name} / k",
      "= {N}·{C}·{H}·{W} / {k} = {count} / {k} = {rows}",
      "one picture has {C}·{H}·{W} = {one} numbers, drawn in a colour of its own",
    ],
  };
  const blocks = Object.entries(templates).map(([mode, [words, numbers, below]]) => {
    const lines = [makeLine("cs-words", words), makeLine("cs-numbers", numbers), makeLine("cs-strides", below)];
    return { mode, lines, root: make("div", "cs-formula", ...lines.map((line) => line.root)) };
  });
  return {
    roots: blocks.map((block) => block.root),
    write(mode, values, right) {
      for (const { mode: own, lines, root } of blocks) {
        show(root, own === mode);
        if (own === mode) for (const line of lines) line.write(values);
        setClass(lines[1].root, right ? "cs-numbers" : "cs-numbers cs-wrong");
      }
    },
  };
}

/** The shape of the volume, above its planes; `write(memory, values)`. */
export function makeShapes() {
  const lines = {
    contiguous: makeLine("", "x ({C name}, {H name}, {W name}) = ({C}, {H}, {W})"),
    permuted: makeLine("", "x.permute(1, 2, 0) ({H name}, {W name}, {C name}) = ({H}, {W}, {C}): the same cells, read with the channels last"),
  };
  return {
    roots: Object.values(lines).map((line) => line.root),
    write(memory, values) {
      for (const [name, line] of Object.entries(lines)) {
        show(line.root, name === memory);
        line.write(values);
      }
    },
  };
}
