// A page without Python replays runs that were recorded: what is drawn changes as it does where a kernel trains.

import { make, plural } from "./page/elements.js";
import { bytesOf } from "./page/maps.js";
import { isStill } from "./page/motion.js";
import { findModels, findViews } from "./page/sliders.js";

const PICTURES = 40; // in which a run is shown
const EVERY = 100; // milliseconds

/** The recorded runs, from a script that leaves them packed in the document: a page from the disk can fetch nothing. */
async function recordedAt(address) {
  if (!document.recordedRuns)
    await new Promise((resolve, reject) => {
      const script = Object.assign(make("script"), { src: address, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  const packed = new Blob([bytesOf(document.recordedRuns)]);
  return new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** Looks as looks.py has them; kept is what has changed since the one before, as multiples of a small `step`. */
function unpackedLooks(looks, step) {
  const multiples = new Int32Array(looks[0].weight.length);
  return looks.map((look) => {
    look.weight.forEach((change, place) => (multiples[place] += change));
    const bytes = new Uint8Array(Float32Array.from(multiples, (multiple) => multiple * step).buffer);
    return { ...look, weight: btoa(String.fromCharCode(...bytes)) };
  });
}

/** The run with these settings, and its looks, before the first epoch and after each. */
function runOf({ runs, untrained, fine }, values) {
  const { looks, ...run } = runs.find(({ settings }) => Object.keys(settings).every((name) => settings[name] === Number(values[name])));
  const first = untrained[`${values.conv_channels} ${values.kernel_size}`];
  return { run, looks: unpackedLooks([first, ...looks], fine * values.kernel_size) };
}

/** The run as it was after so many steps. */
function runUntil(run, step) {
  const epochs = Math.floor(step / run.steps);
  const until = { losses: run.losses.filter(([at]) => at <= step), loss: run.loss.slice(0, epochs), test_accuracy: run.test_accuracy.slice(0, epochs) };
  return { ...run, ...until, step, state: "running", message: "", progress: `epoch ${epochOf(run, step)} of ${run.settings.epochs} · a recorded run` };
}

const epochOf = (run, step) => Math.min(Math.floor(step / run.steps), run.settings.epochs - 1) + 1;

/** Let the buttons of a page replay what is recorded; `foresee()` shows the untrained network of the present settings. */
export async function makeReplay(model, sliders) {
  const { script, buttons: references } = model.get("recorded");
  const buttons = await findModels(model, references);
  const { train, stop } = Object.fromEntries(buttons);
  let loading = null;
  let timer = null;
  let pressed = null; // Train, as it was pressed
  /** The run with the present settings; null, and a sentence, where nothing can be loaded. */
  async function find() {
    loading ??= recordedAt(script).catch(() => (loading = null));
    const recorded = await loading;
    if (recorded) return runOf(recorded, sliders.values());
    model.set("message", `The recorded runs are missing: this page looks for them in ${script}.`);
    return null;
  }
  function finish(run, looks) {
    clearInterval(timer);
    model.set("looks", looks);
    model.set("runs", [...model.get("runs"), run]);
    model.set("current", {});
    stop.set("disabled", true);
    train.set("disabled", false);
    // A button that is switched off loses the keyboard: it goes back to where the run began.
    const { activeElement } = document;
    if (activeElement === document.body || activeElement.disabled) pressed.focus({ preventScroll: true });
  }
  function play({ run, looks }) {
    let picture = 0;
    const show = () => {
      if (picture === PICTURES || isStill()) return finish(run, looks);
      const now = runUntil(run, Math.floor((run.step * picture) / PICTURES));
      const seen = now.loss.length + 1;
      if (!picture || model.get("looks").length !== seen) model.set("looks", looks.slice(0, seen));
      model.set("current", now);
      picture++;
    };
    timer = setInterval(show, EVERY);
    stop.set("disabled", false);
    model.set("message", "");
    show();
  }
  async function foresee() {
    const isFresh = () => !model.get("runs").length && !train.get("disabled");
    if (!isFresh()) return;
    const [seen] = model.get("looks");
    const { conv_channels, kernel_size } = sliders.values();
    if (seen.channels === Number(conv_channels) && seen.shape[2] === Number(kernel_size)) return;
    const found = await find();
    if (found && isFresh()) model.set("looks", found.looks.slice(0, 1));
  }
  const presses = {
    async train({ currentTarget }) {
      pressed = currentTarget;
      train.set("disabled", true);
      const found = await find();
      if (found) play(found);
      else train.set("disabled", false);
    },
    stop() {
      const run = model.get("current");
      const message = `Stopped in epoch ${epochOf(run, run.step)}, after ${plural(run.step, "step", "steps")}.`;
      finish({ ...run, state: "stopped", message, progress: "" }, model.get("looks"));
    },
    clear() {
      model.set("runs", []);
      model.set("message", "");
      if (!train.get("disabled")) model.set("looks", model.get("looks").slice(0, 1));
      foresee();
    },
  };
  findViews(buttons, (el, name) => el.addEventListener("click", presses[name]));
  return { foresee, stop: () => clearInterval(timer) };
}
