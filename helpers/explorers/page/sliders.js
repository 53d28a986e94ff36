// Watching the sliders' models, and saying what they are.

import { letGo } from "./elements.js";

const ENDS = ["pointerup", "pointercancel"];

/**
 * The sliders' models: `values()` reads them all, `watch(redraw)` calls it when one moves, until `stop()`. While a handle
 * is held, what is drawn keeps its height, so that nothing below jumps; let go of, it is as high as it needs.
 */
export async function findSliders(model) {
  const find = async ([name, reference]) => [
    name,
    await model.widget_manager.get_model(reference.slice("IPY_MODEL_".length)),
  ];
  const sliders = await Promise.all(Object.entries(model.get("sliders")).map(find));
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
    watch(redraw) {
      const events = ["change:value", "change:index"];
      let held = false;
      const moved = () => (held || letGo(), redraw());
      const grasp = ({ target }) => (held = Boolean(target.closest?.(".cs-slider")));
      const release = () => held && ((held = false), letGo(), redraw());
      for (const [, slider] of sliders) for (const event of events) slider.on(event, moved);
      document.addEventListener("pointerdown", grasp, true);
      for (const name of ENDS) document.addEventListener(name, release, true);
      stop = () => {
        sliders.forEach(([, slider]) => events.forEach((event) => slider.off(event, moved)));
        document.removeEventListener("pointerdown", grasp, true);
        for (const name of ENDS) document.removeEventListener(name, release, true);
      };
    },
    stop: () => stop(),
  };
}

const viewsOf = (slider) => Object.values(slider.views ?? {});

/** Call `found(el, name, slider)` for the views of each slider. They may come after the picture, so it asks for a hundred frames. */
function findViews(sliders, found, frames = 100) {
  const waiting = sliders.filter(([name, slider]) => {
    const views = viewsOf(slider);
    views.forEach((view) => view.then(({ el }) => found(el, name, slider)));
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
