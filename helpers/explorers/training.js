// TrainingExplorer: the curves of all runs as they come, and what the network sees after each epoch of the latest.

import { GUESSING, drawCharts, look, lossText, makeChart, percent } from "./curves.js";
import { makeEpochs } from "./epochs.js";
import { make, plural, setClass, svg } from "./page/elements.js";
import { ending, makeCode, makeSpeaker, watchTraits, watchWidth } from "./page/frame.js";
import { LANGUAGE } from "./page/from_python.js";
import { findSliders } from "./page/sliders.js";
import { makeReadout } from "./readout.js";
import { makeReplay } from "./replay.js";

const SETTINGS = {
  lr: (value) => `lr ${shortly(value)}`,
  batch_size: (value) => `batch ${value}`,
  epochs: (value) => plural(value, "epoch", "epochs"),
  conv_channels: (value) => plural(value, "channel", "channels"),
  kernel_size: (value) => `kernel ${value}`,
};
const USUAL = { lr: 0.001, batch_size: 128, epochs: 5, conv_channels: 18, kernel_size: 3 };

/** A learning rate as Python writes it shortly: 0.001, 1e+12. */
const shortly = (number) => (Math.abs(number) >= 1e6 ? number.toExponential().replace(/\.0+e/, "e") : String(number));

/** One run in the legend: its line and marker, its settings (strong where not the usual ones), and its numbers. */
function legendEntry(run, number, newest) {
  const { colour, dash, marker } = look(number);
  const name = `cs-curve ${colour}${newest ? " cs-newest" : ""}`;
  const swatch = svg("svg", { class: "cs-swatch", width: 44, height: 14, "aria-hidden": "true" });
  swatch.append(
    svg("path", { class: name, d: "M0,7H44", "stroke-dasharray": dash }),
    svg("path", { class: `${name} cs-marker`, d: marker, transform: "translate(22,7)" }),
  );
  const settings = make("span", "cs-settings");
  for (const [setting, value] of Object.entries(run.settings)) {
    const text = SETTINGS[setting](value);
    if (settings.childNodes.length) settings.append(" · ");
    settings.append(value === USUAL[setting] ? text : make("b", "", text));
  }
  const numbers = [
    run.losses.length && `training loss ${lossText(run.losses.at(-1)[1])}`,
    run.test_accuracy.length && `accuracy ${percent(run.test_accuracy.at(-1))}`,
    `${plural(run.step, "step", "steps")}${run.state === "running" ? " so far" : ""}`,
  ].filter(Boolean);
  const highest = Math.max(0, ...run.losses.map(([, loss]) => loss));
  if (highest > 1.5 * GUESSING && !run.message) numbers.push(`▲ its loss was up to ${lossText(highest)}`);
  else if (run.state === "finished" && run.loss.at(-1) >= GUESSING) numbers.push("mean loss of its last epoch: no better than guessing");
  const entry = make("div", "cs-run", swatch, make("span", "cs-run-name", `run ${number + 1}`), settings);
  entry.append(make("span", "cs-run-numbers", numbers.join(" · ")));
  if (run.message) entry.append(make("span", run.state === "stopped" ? "cs-run-stopped" : "cs-run-wrong", run.message));
  return entry;
}

/** How wide and high a chart is, and the class of its layout: in a wide page, what the network sees is beside the curves. */
function layoutOf(width) {
  if (width >= 780) return { name: " cs-wide", size: [Math.floor((width - 24) / 2), 178] };
  return { name: width < 600 ? " cs-narrow" : "", size: [Math.floor((width - 14) / 2), 126] };
}

async function render({ model, el }) {
  const sliders = await findSliders(model);
  const code = makeCode();
  const device = make("div", "cs-note", make("span", "cs-words", "device "));
  device.append(make("span", "cs-device", model.get("device")));
  const picture = model.get("picture");
  const charts = {
    loss: makeChart("loss", "training loss", "guessing: 2.30"),
    accuracy: makeChart("accuracy", `accuracy on ${picture.of.toLocaleString("en")} other pictures`, "guessing: 10 %"),
  };
  const figure = make("div", "cs-figure", charts.loss.root, charts.accuracy.root);
  const legend = make("div", "cs-legend");
  const speaker = makeSpeaker();
  const allRuns = () => {
    const current = model.get("current");
    return current.state ? [...model.get("runs"), current] : model.get("runs");
  };
  /** What stands above the curves while no point is told about. */
  function hint() {
    const current = model.get("current");
    if (current.state) return current.progress || "starting";
    if (model.get("message")) return model.get("message");
    return allRuns().length ? "Hover a curve, or press ← →, to read it." : "Press Train: the curves appear here.";
  }
  const readout = makeReadout(figure, charts, speaker, hint);
  const epochs = makeEpochs(picture, draw);
  const root = make("div", "cs-explorer cs-training", readout.root, make("div", "cs-halves", figure, epochs.root), legend, device, code.root, speaker.root);
  root.lang = LANGUAGE;
  el.append(root);
  const space = watchWidth(root, draw);

  function draw() {
    const values = sliders.values();
    writeCode(code, values);
    const runs = allRuns();
    const { name, size } = layoutOf(space.width());
    setClass(root, `cs-explorer cs-training${name}`);
    const epoch = epochs.draw(model.get("looks"), runs.length);
    drawCharts(charts, runs, values, size, runs.length ? epoch : null);
    legend.replaceChildren(...runs.map((run, number) => legendEntry(run, number, number === runs.length - 1)).reverse());
    readout.renew();
    if (model.get("current").state) return; // a screen reader would be given sentence after sentence
    const latest = [...(legend.firstChild?.children ?? [])].map((part) => part.textContent);
    speaker.say([model.get("message"), ...latest].filter(Boolean).join(". ") || "No runs yet.");
  }

  const traits = watchTraits(model, ["runs", "current", "looks", "message"], draw);
  const replay = model.get("recorded").script ? await makeReplay(model, sliders) : null;
  sliders.watch(() => (draw(), replay?.foresee()));
  draw();
  return ending(sliders, traits, space, speaker, ...(replay ? [replay] : []));
}

function writeCode(code, { conv_channels, kernel_size, epochs, batch_size, lr }) {
  code.write(
    `torch.manual_seed(0)\nmodel = SimpleCNN(conv_channels=${conv_channels}, kernel_size=${kernel_size})\n` +
      `history = train(model, train_set, test_set, epochs=${epochs}, batch_size=${batch_size}, lr=${lr})`,
    "",
  );
}

export default { render };
