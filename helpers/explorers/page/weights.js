// A kernel: a colour for each of its weights, fields to type them in, and a list of presets.

import { make, setStyle, setText, upTo, written } from "./elements.js";

/**
 * Give each weight of a kernel its colour, in `root` and all grids in it: a hue for each column, a lightness for each row,
 * so that a weight is known again where it lies on the input, however small the cells are.
 */
export function colourWeights(root, size) {
  for (const row of upTo(size))
    for (const column of upTo(size))
      setStyle(root, `--w${row * size + column}`, `hsl(${25 + Math.round((320 * column) / size)} 75% ${30 + Math.round((45 * row) / size)}%)`);
}

/** The class of a cell on which the weight in this row and column of a kernel lies. */
export const weightClass = (row, column, size) => ` cs-weighted cs-w-${row * size + column}`;

/** A cell of the kernel's grid. */
export function makeWeightField(row, column) {
  const field = make("input");
  field.setAttribute("aria-label", `weight, row ${row}, column ${column}`);
  return field;
}

export function writeWeight(field, weight) {
  const text = written(weight);
  if (field.drawnText !== text) field.value = field.drawnText = text;
}

/**
 * Lets the kernel in `grid` be edited, a grid of weight fields. `trait` is where the model keeps the weights, `rows`
 * finds the drawn rows in its value; `presets` of the model are values of the same form. `numbers` says what can be
 * typed: `pattern`, `largest`, and `kind` in words; `leave()` is called when a weight was entered. Returns the list of
 * presets, the place for messages, and `showPreset()`, which shows what the weights are now.
 */
export function makeWeights(model, grid, { trait, rows, numbers, leave }) {
  const presets = model.get("presets");
  const choice = make("select", "cs-select");
  choice.setAttribute("aria-label", "Preset weights");
  for (const name of [...Object.keys(presets), "edited"]) choice.append(make("option", "", name));
  choice.lastChild.disabled = true;
  const message = make("span", "cs-message");
  message.setAttribute("role", "alert");
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function set(weights) {
    setText(message, "");
    model.set(trait, weights);
    model.save_changes();
  }
  choice.onchange = () => set(structuredClone(presets[choice.value]));

  /** Take what was typed into a weight's cell, or say why not and put the weight back. */
  function accept({ target }) {
    const { row, column } = target.dataset;
    const weights = structuredClone(model.get(trait));
    const line = rows(weights)[row];
    if (line?.[column] === undefined) return; // the kernel has become smaller meanwhile
    const typed = target.value.trim().replace("−", "-");
    const { pattern, largest, kind } = numbers;
    const fits = pattern.test(typed) && Math.abs(Number(typed)) <= largest;
    if (fits && Number(typed) !== line[column]) {
      line[column] = Number(typed);
      set(weights);
    } else if (!fits) setText(message, `A weight is ${kind} from −${largest} to ${largest}; “${typed}” is not.`);
    target.value = target.drawnText = written(line[column]);
  }
  grid.root.addEventListener("focusin", ({ target }) => target.select());
  grid.root.addEventListener("change", accept);
  const steps = { ArrowUp: 1, ArrowDown: -1 };
  grid.root.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key in steps) {
      event.preventDefault(); // the cursor would jump to an end of the text
      const { largest } = numbers;
      const stepped = Number(target.value.replace("−", "-")) + steps[key];
      if (Math.abs(stepped) <= largest) accept({ target: Object.assign(target, { value: String(Number(stepped.toFixed(4))) }) });
      target.select();
    } else if (key === "Escape") {
      setText(message, "");
      target.value = target.drawnText;
    } else if (key === "Enter") {
      accept(event); // JupyterLab keeps this key from becoming a change event
      leave();
    }
  });

  return {
    choice: make("label", "", "weights ", choice),
    message,
    showPreset() {
      const chosen = Object.keys(presets).find((name) => same(presets[name], model.get(trait))) ?? "edited";
      if (choice.value !== chosen) choice.value = chosen;
    },
  };
}
