// A page's widgets without Jupyter: their models as Python has written them, the kinds that lessons show as the browser's
// own controls, and the explorers' views above them, to which a model here is what ipywidgets would give them. Elements
// have ipywidgets' class names: the explorers' style sheets know them by these.

const views = {}; // by name: the modules of the explorers, each in a file of its own, which puts it here
const models = new Map(); // made when they are first asked for
let states = {};

class Model {
  #listeners = {};
  views = {}; // where it is shown, as ipywidgets has it: promises
  widget_manager = { get_model: async (name) => modelOf(name) };

  constructor({ model_name, state, buffers = [] }) {
    [this.kind, this.state] = [model_name.replace(/Model$/, ""), state];
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      path.slice(0, -1).reduce((within, name) => within[name], state)[path.at(-1)] = new DataView(bytes.buffer);
    }
  }

  get(name) {
    const value = this.state[name];
    return typeof value === "string" && value.startsWith("IPY_MODEL_") ? modelOf(value) : value;
  }

  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    for (const event of [`change:${name}`, "change"]) for (const call of this.#listeners[event] ?? []) call();
  }

  on(event, call) {
    (this.#listeners[event] ??= []).push(call);
  }

  off(event, call) {
    this.#listeners[event] = this.#listeners[event]?.filter((other) => other !== call);
  }

  save_changes() {} // nobody else is to know
  send() {} // nobody is there to ask
}

function modelOf(reference) {
  const name = reference.replace("IPY_MODEL_", "");
  if (!models.has(name)) models.set(name, new Model(states[name]));
  return models.get(name);
}

// ---- what a widget looks like, by its kind

const KINDS = {
  Any: makeAny,
  Box: (model) => makeBox(model, "widget-box"),
  Button: makePressed,
  Checkbox: makeCheckbox,
  Dropdown: makeDropdown,
  HBox: (model) => makeBox(model, "widget-hbox"),
  HTML: (model) => kept(model, tagged("div"), (el) => (el.innerHTML = model.get("value"))),
  IntSlider: makeSlider,
  Label: (model) => kept(model, tagged("div", "widget-label"), (el) => (el.textContent = model.get("value"))),
  SelectionSlider: makeSlider,
  VBox: (model) => makeBox(model, "widget-vbox"),
};

/** An element with children. */
const tagged = (tag, className = "", ...children) => {
  const el = Object.assign(document.createElement(tag), { className });
  el.append(...children);
  return el;
};

/** The element, drawn now and whenever its model changes. */
function kept(model, el, draw) {
  model.on("change", () => draw(el));
  draw(el);
  return el;
}

/** A new element for a model, with its classes and its layout. */
function viewOf(model) {
  const [el, layout] = [KINDS[model.kind](model), model.get("layout")];
  el.classList.add("jupyter-widgets", ...(model.get("_dom_classes") ?? []));
  const laidOut = () => Object.entries(layout.state).filter(([name]) => !name.startsWith("_"));
  kept(layout, el, () => laidOut().forEach(([name, value]) => el.style.setProperty(name.replaceAll("_", "-"), value)));
  model.views[Object.keys(model.views).length] = Promise.resolve({ el });
  return el;
}

function makeAny(model) {
  const el = tagged("div");
  views[model.get("_esm")].render({ model, el });
  return el;
}

const makeBox = (model, className) =>
  tagged("div", `widget-container ${className}`, ...model.get("children").map((child) => viewOf(modelOf(child))));

function makePressed(model) {
  const draw = (el) => Object.assign(el, { textContent: model.get("description"), disabled: model.get("disabled") });
  const className = `widget-button mod-${model.get("button_style")}`;
  return kept(model, Object.assign(tagged("button", className), { type: "button" }), draw);
}

let controls = 0; // so far: each label names its own

/** A row of a label, as wide as its neighbours', the control that it names, and what stands beside that. */
function labelled(model, control, ...others) {
  const label = tagged("label", "widget-label", model.get("description"));
  label.htmlFor = control.id = `control-${(controls += 1)}`;
  label.style.width = model.get("style").get("description_width");
  return tagged("div", "widget-inline-hbox", label, ...others);
}

/** A slider among numbers, or among texts, of which the model has the place. */
function makeSlider(model) {
  const texts = () => model.get("_options_labels");
  const trait = texts() ? "index" : "value";
  const range = Object.assign(tagged("input"), { type: "range" });
  const readout = tagged(texts() ? "output" : "input", "widget-readout");
  if (!texts()) readout.setAttribute("aria-label", `${model.get("description")}, as a number`);
  range.oninput = () => model.set(trait, Number(range.value));
  readout.onchange = () => {
    const typed = Math.round(Number(readout.value));
    if (readout.value.trim() && !Number.isNaN(typed)) model.set(trait, Math.min(Math.max(typed, range.min), range.max));
    readout.value = model.get(trait);
  };
  return kept(model, labelled(model, range, tagged("div", "slider-container", range), readout), () => {
    const [least, most] = texts() ? [0, texts().length - 1] : [model.get("min"), model.get("max")];
    const shown = String(texts()?.[model.get(trait)] ?? model.get(trait));
    Object.assign(range, { min: least, max: most, value: model.get(trait) }); // the limits first: they hold the value
    range.disabled = readout.disabled = Boolean(model.get("disabled"));
    readout.style.setProperty("--digits", String(most).length);
    range.setAttribute("aria-valuetext", (readout.value = shown));
  });
}

function makeDropdown(model) {
  const select = tagged("select", "", ...model.get("_options_labels").map((text) => tagged("option", "", text)));
  select.onchange = () => model.set("index", select.selectedIndex);
  return kept(model, labelled(model, select, select), () => (select.selectedIndex = model.get("index")));
}

function makeCheckbox(model) {
  const box = Object.assign(tagged("input"), { type: "checkbox" });
  const label = tagged("label", "widget-label-basic", box, tagged("span", "", model.get("description")));
  const indent = tagged("span", "widget-label"); // as far in as the others' labels
  indent.style.width = model.get("style").get("description_width");
  box.onchange = () => model.set("value", box.checked);
  return kept(model, tagged("div", "widget-inline-hbox widget-checkbox", indent, label), () => (box.checked = model.get("value")));
}

// ---- on this page

/** The first is shown at once, and each of the others as soon as the browser has nothing else to do, or prints. */
function showAll() {
  states = JSON.parse(document.querySelector('script[type="application/x-widgets"]').textContent);
  const places = [...document.querySelectorAll("[data-model]")];
  const later = window.requestIdleCallback ?? setTimeout; // Safari has none
  const showNext = () => {
    const place = places.shift();
    if (!place) return;
    later(showNext);
    place.replaceChildren(viewOf(modelOf(place.dataset.model)));
  };
  addEventListener("beforeprint", () => places.splice(0).forEach((place) => place.replaceChildren(viewOf(modelOf(place.dataset.model)))));
  showNext();
}

document.addEventListener("DOMContentLoaded", showAll);
