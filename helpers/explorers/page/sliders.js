// Watching the sliders' models, and saying what they are.

import { letGo, upTo } from "./elements.js";
import { isStill, SHORT } from "./motion.js";

const ENDS = ["pointerup", "pointercancel"];
const UNTIL_REST = 1000; // milliseconds from the last move of a hand until what was kept high comes down

/**
 * The sliders' models: `values()` reads them all, `watch(redraw, makeRoom)` calls `redraw` when one moves, until
 * `stop()`. While a slider is moved by hand, with the pointer or by keys, what is drawn keeps its height, so that nothing
 * below jumps; soon after, it becomes as high as it needs. A frame after a slider's first move `makeRoom(settings)` is called
 * with every setting that this slider can make, so that what is below need not move again. Code moves sliders, too: then
 * all is at once as high as it needs.
 */
export async function findSliders(model) {
  const sliders = await findModels(model, model.get("sliders"));
  const each = (read) => Object.fromEntries(sliders.map(([name, slider]) => [name, read(slider)]));
  // A choice among texts keeps the place of the chosen one; numbers and switches keep their value.
  const valueOf = (slider) => slider.get("_options_labels")?.[slider.get("index")] ?? slider.get("value");
  const labels = each((slider) => slider.get("description"));
  const mends = {}; // by name: the value that would mend the setting, and the whole change
  let marked = "";
  let stop = () => {};
  findViews(sliders, (el, name, slider) => (nameSlider(el, slider), markSlider(el, mends[name])));
  return {
    values: () => each(valueOf),
    lowest: each((slider) => slider.get("min")),
    highest: each((slider) => slider.get("max")),
    labels,
    /** Move sliders to these values, { name: value }, as a hand does: Python is told. */
    move(values) {
      for (const [name, value] of Object.entries(values)) {
        const slider = sliders.find(([own]) => own === name)[1];
        const options = slider.get("_options_labels");
        if (options) slider.set("index", options.indexOf(String(value)));
        else slider.set("value", value);
        slider.save_changes();
      }
    },
    /** Mark the sliders that these changes name, as in "padding 1 and kernel 3", and no others: in sight, and for screen readers. */
    mark(changes) {
      if (marked === (marked = changes.join())) return;
      for (const [name, slider] of sliders) {
        const label = labels[name].split(" (")[0]; // as sentences have it
        const named = new RegExp(`(?:^| and )${label} (\\w+)(?=$|:| and )`); // not "k 9 with reshape"
        const change = changes.find((each) => named.test(each));
        mends[name] = change && { value: named.exec(change)[1], change };
        for (const view of viewsOf(slider)) view.then(({ el }) => markSlider(el, mends[name]));
      }
    },
    /** A slider that changes nothing here is away; its place is kept. */
    offer: (name, isOffered) =>
      sliders.find(([own]) => own === name)[1].get("layout")?.set("visibility", isOffered ? "visible" : "hidden"),
    watch(redraw, makeRoom = () => {}) {
      const events = ["change:value", "change:index"];
      let held = false; // by a pointer
      let roomFor = null; // the slider last moved by hand, until all has come to rest
      let resting = null;
      const rest = () => {
        roomFor = null;
        letGo(isStill() ? null : SHORT);
        redraw();
      };
      const wait = () => {
        clearTimeout(resting);
        if (roomFor && !held) resting = setTimeout(rest, UNTIL_REST);
      };
      const movers = sliders.map(([name, slider]) => () => {
        const isByHand = held || Boolean(document.activeElement?.closest(".cs-slider"));
        if (!isByHand && !roomFor) letGo();
        redraw();
        if (isByHand && roomFor !== name) {
          roomFor = name;
          const reach = () => reachOf(slider).map((value) => ({ ...each(valueOf), [name]: value }));
          requestAnimationFrame(() => roomFor === name && makeRoom(reach())); // reckoning it would keep the picture waiting
        }
        wait();
      });
      const listen = (method) => sliders.forEach(([, slider], place) => events.forEach((event) => slider[method](event, movers[place])));
      const grasp = ({ target }) => ((held = Boolean(target.closest?.(".cs-slider"))), wait());
      const release = () => held && ((held = false), wait());
      listen("on");
      document.addEventListener("pointerdown", grasp, true);
      for (const name of ENDS) document.addEventListener(name, release, true);
      stop = () => {
        clearTimeout(resting);
        listen("off");
        document.removeEventListener("pointerdown", grasp, true);
        for (const name of ENDS) document.removeEventListener(name, release, true);
      };
    },
    stop: () => stop(),
  };
}

/** The models of widgets that a view refers to, { name: reference }: [[name, model], …]. */
export function findModels(model, references) {
  const find = async ([name, reference]) => [name, await model.widget_manager.get_model(reference.slice("IPY_MODEL_".length))];
  return Promise.all(Object.entries(references).map(find));
}

/** All values that a slider, a choice or a switch can have. */
function reachOf(slider) {
  const [labels, least] = [slider.get("_options_labels"), slider.get("min")];
  if (labels) return [...labels];
  return least === undefined ? [false, true] : upTo(slider.get("max") - least + 1).map((more) => least + more);
}

const viewsOf = (slider) => Object.values(slider.views ?? {});

/** Call `found(el, name, model)` for the views of each widget. They may come after the picture, so it asks for a hundred frames. */
export function findViews(models, found, frames = 100) {
  const waiting = models.filter(([name, model]) => {
    const views = viewsOf(model);
    views.forEach((view) => view.then(({ el }) => found(el, name, model)));
    return !views.length;
  });
  if (waiting.length && frames) requestAnimationFrame(() => findViews(waiting, found, frames - 1));
}

/** A slider that would mend the setting says with which value; what it looks like is in the style sheet. */
function markSlider(el, mend) {
  const moved = el.querySelector("[role=slider], input, select");
  if (mend) {
    el.dataset.mend = mend.value;
    moved.setAttribute("aria-description", `${mend.change} would work`);
  } else {
    delete el.dataset.mend;
    moved.removeAttribute("aria-description");
  }
}

/**
 * Say to a screen reader what a slider is: ipywidgets gives its handle no name, where it slides among texts only their
 * places, and in version 7 no role and no value at all.
 */
function nameSlider(el, model) {
  const handle = el.querySelector("[role=slider], .ui-slider-handle");
  if (!handle) return; // a list or a switch, which has its name
  handle.setAttribute("role", "slider");
  handle.setAttribute("aria-label", model.get("description"));
  const tell = () => {
    const labels = model.get("_options_labels");
    const [least, most, now] = labels ? [0, labels.length - 1, model.get("index")] : ["min", "max", "value"].map((name) => model.get(name));
    const value = { valuemin: least, valuemax: most, valuenow: now, valuetext: labels?.[now] ?? now };
    for (const [name, each] of Object.entries(value))
      if (handle.getAttribute(`aria-${name}`) !== String(each)) handle.setAttribute(`aria-${name}`, each);
  };
  model.on("change", tell);
  // Moved by its model, the slider writes its own places into its handle, and last.
  new MutationObserver(tell).observe(handle, { attributeFilter: ["aria-valuetext"] });
  tell();
}
