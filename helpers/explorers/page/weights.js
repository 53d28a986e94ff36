// A kernel: a colour for each of its weights, fields to type them in, and a list of presets.

import { make, setAttribute, setText, written } from "./elements.js";

/** Give each weight of a kernel its colour, in `root` and all grids in it: the style sheet has one for each size. */
export const colourWeights = (root, size) => setAttribute(root, "data-kernel", size);

/** The class of a cell on which the weight in this row and column of a kernel lies. */
export const weightClass = (row, column) => ` cs-weighted cs-w-${row}${column}`;

const SCRUB = 12; // pixels that a weight is dragged to become one larger or smaller

/** A cell of the kernel's grid. */
export function makeWeightField(row, column) {
  const field = make("input");
  field.setAttribute("aria-label", `weight, row ${row}, column ${column}`);
  field.title = "drag, type, or ↑ ↓";
  return field;
}

export function writeWeight(field, weight) {
  const text = written(weight);
  if (field.drawnText !== text) field.value = field.drawnText = text;
}

const typedIn = ({ value }) => value.trim().replace("−", "-");

/**
 * Lets the kernel in `grid` be edited, a grid of weight fields. `trait` is where the model keeps the weights, `rows`
 * finds the drawn rows in its value; `presets` of the model are values of the same form. `numbers` says what can be
 * typed: `pattern`, `largest`, and `kind` in words; `leave()` is called when a weight was entered. What cannot be a
 * weight is said below the kernel, until something is typed, or pressed in `figure`. Returns `choose(name)`, which takes a preset, and `chosen()`, the present one's name
 * or undefined.
 */
export function makeWeights(model, grid, { trait, rows, numbers, leave, figure }) {
  const presets = model.get("presets");
  const { pattern, largest, kind } = numbers;
  const wanted = `A weight is ${kind} from −${largest} to ${largest}`;
  const message = make("div", "cs-message");
  message.setAttribute("role", "alert");
  figure.addEventListener("pointerdown", () => setText(message, "")); // the weight that is left by it is refused after it
  grid.root.append(message);
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function set(weights) {
    setText(message, "");
    model.set(trait, weights);
    model.save_changes();
  }

  /** Take what was typed into a weight's cell, or say why not and put the weight back. */
  function accept(field) {
    const { row, column } = field.dataset;
    const weights = structuredClone(model.get(trait));
    const line = rows(weights)[row];
    if (line?.[column] === undefined) return; // the kernel has become smaller meanwhile
    const typed = typedIn(field);
    const fits = pattern.test(typed) && Math.abs(Number(typed)) <= largest;
    if (fits && Number(typed) !== line[column]) {
      line[column] = Number(typed);
      set(weights);
    } else setText(message, fits ? "" : `${wanted}; “${typed}” is not.`);
    field.value = field.drawnText = written(line[column]);
  }

  /** Make a weight so many larger than `from`, or as large as it can be: then it is said. */
  function step(field, from, steps) {
    const way = Math.sign(steps);
    const room = Math.floor(largest - way * from);
    const stepped = from + way * Math.min(Math.abs(steps), room);
    field.value = Number(stepped.toFixed(4));
    accept(field);
    if (Math.abs(steps) > room) setText(message, `${wanted}.`);
  }

  grid.root.addEventListener("focusin", ({ target }) => target.select());
  grid.root.addEventListener("input", () => setText(message, "")); // and not on the way to the next weight: it is read there
  grid.root.addEventListener("change", ({ target }) => accept(target));
  const keys = { ArrowUp: 1, ArrowDown: -1 };
  grid.root.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key in keys) {
      event.preventDefault(); // the cursor would jump to an end of the text
      const typed = Number(typedIn(target));
      if (Number.isNaN(typed)) accept(target);
      else step(target, typed, keys[key]);
      target.select();
    } else if (key === "Escape") {
      setText(message, "");
      target.value = target.drawnText;
    } else if (key === "Enter") {
      accept(target); // JupyterLab keeps this key from becoming a change event
      leave();
    }
  });
  watchScrub(grid.root, step);

  return {
    choose: (name) => set(structuredClone(presets[name])),
    chosen: () => Object.keys(presets).find((name) => same(presets[name], model.get(trait))),
  };
}

/**
 * Lets each field in `root` be dragged as a slider is, to the side or up and down: `step(field, from, steps)` is called
 * with the number at the start. A finger drags to the side: up and down it scrolls the page. A click is for typing.
 */
function watchScrub(root, step) {
  let drag = null;
  root.addEventListener("pointerdown", ({ target, button, clientX, clientY }) => {
    drag = button === 0 && target.matches("input") ? { field: target, x: clientX, y: clientY, steps: 0 } : null;
  });
  root.addEventListener("pointermove", ({ pointerId, pointerType, clientX, clientY }) => {
    if (!drag) return;
    const way = { right: Math.round((clientX - drag.x) / SCRUB), up: Math.round((drag.y - clientY) / SCRUB) };
    const axis = Math.abs(way.right) >= Math.abs(way.up) ? "right" : "up";
    if (!drag.axis && way[axis] && !(axis === "up" && pointerType === "touch")) {
      root.querySelector(":focus")?.blur(); // what has been typed is entered
      drag.field.setPointerCapture(pointerId); // the pointer may leave the cell
      Object.assign(drag, { axis, from: Number(typedIn(drag.field)) });
    }
    if (!drag.axis || way[drag.axis] === drag.steps) return;
    drag.steps = way[drag.axis];
    step(drag.field, drag.from, drag.steps);
  });
  for (const name of ["pointerup", "pointercancel"]) root.addEventListener(name, () => (drag = null));
  root.addEventListener("dragstart", (event) => event.preventDefault()); // the text selected by the press
}

/**
 * A list of the presets of `weights`, as `makeWeights` returns them; `show(size)` selects the present one. A kernel of
 * this size may be too small for what a name says (`least` of the model): it cannot be chosen then, and a name that holds is shown.
 */
export function makePresetList(model, weights) {
  const [presets, least] = [model.get("presets"), model.get("least")];
  const names = Object.keys(presets);
  const choice = make("select", "cs-select");
  choice.setAttribute("aria-label", "Preset weights");
  for (const name of [...names, "edited"]) choice.append(make("option", "", name));
  choice.lastChild.disabled = true;
  choice.onchange = () => weights.choose(choice.value);
  return {
    root: make("label", "", "weights ", choice),
    show(size) {
      const fits = (name) => size >= (least[name] ?? 1);
      const kernel = (name) => JSON.stringify(presets[name][size - 1]);
      names.forEach((name, place) => (choice.options[place].disabled = !fits(name)));
      const chosen = weights.chosen() ?? "edited";
      const shown = fits(chosen) ? chosen : names.find((name) => fits(name) && kernel(name) === kernel(chosen));
      if (choice.value !== shown) choice.value = shown;
    },
  };
}
