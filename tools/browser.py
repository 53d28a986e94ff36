"""A headless Chromium, and a page for one explorer: for the lessons' pictures, and for the tests."""

import base64
import json
import shutil
from contextlib import contextmanager

from anywidget import AnyWidget

# The first has no window that it could open, and takes a sixth less of a test.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
# Chromium takes the last of such lists: the first two lines are from Playwright's. An address line's popups, which
# nobody sees, would be two pages more beside each page: a third of what a test takes.
NO_FEATURES = (
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,OptimizationHints,PreconnectToSearch,"
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FLAGS += [f"--disable-features={NO_FEATURES}"]

# Just enough of a widget manager for a view to find its sliders' models.
STAND = """<!doctype html><meta charset="utf-8"><style>body { margin: 16px }</style><div id="here"></div>
<script type="module">
// Bytes come as base64: `carried` writes them so.
const revived = (value) => {
  if (typeof value !== "object" || value === null) return value;
  const bytes = value.base64 && Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0));
  if (bytes) return new DataView(bytes.buffer);
  if (Array.isArray(value)) return value.map(revived);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revived(each)]));
};
const model = (state) => {
  const listeners = {};
  return {
    get: (name) => state[name],
    set(name, value) { state[name] = value; (listeners["change:" + name] ?? []).forEach((call) => call()); },
    save_changes() {},
    send(message) { window.asked.push(message); },
    renew(more) {
      Object.assign(state, revived(more)); // all of it is there before anybody is told
      for (const name of Object.keys(more)) (listeners["change:" + name] ?? []).forEach((call) => call());
    },
    hear(message, buffers) { (listeners["msg:custom"] ?? []).forEach((call) => call(message, buffers.map(revived))); },
    on: (event, call) => (listeners[event] ??= []).push(call),
    off: (event, call) => (listeners[event] = (listeners[event] ?? []).filter((other) => other !== call)),
    listeners: () => Object.values(listeners).flat().length,
  };
};
window.asked = []; // what the view has asked a kernel
window.move = (name, value) => {
  const slider = window.sliders[name];
  const labels = slider.get("_options_labels");
  const named = (label) => label === String(value) || Number(label) === value; // 1e+12, as Python writes it
  const [trait, wanted] = labels ? ["index", labels.findIndex(named)] : ["value", value];
  if (slider.get(trait) !== wanted) slider.set(trait, wanted);
};
window.mount = async ({ esm, css, state, sliders }) => {
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  window.sliders = Object.fromEntries(Object.entries(sliders).map(([name, value]) => [name, model(value)]));
  const references = Object.fromEntries(Object.keys(sliders).map((name) => [name, "IPY_MODEL_" + name]));
  const view = model({ ...revived(state), sliders: references });
  view.widget_manager = { get_model: async (name) => window.sliders[name] };
  window.view = view;
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  window.cleanUp = await (await import(url)).default.render({ model: view, el: document.getElementById("here") });
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  await frame(); // the view is told its width
  await frame();
};
</script>"""


def carried(value):
    """A copy that JSON can carry: what holds bytes has them as base64."""
    return json.loads(json.dumps(value, default=lambda held: {"base64": base64.b64encode(held).decode()}))


# What the view reads of a slider, a choice, a switch.
SYNCED = ("value", "min", "max", "description", "index", "_options_labels")


def parts_of(explorer) -> dict:
    """What an explorer's view is in the browser: its code, its style, and what it reads."""
    view = explorer.view
    inherited = {*AnyWidget.class_trait_names(), "sliders", "_esm", "_css", "_anywidget_id"}
    names = set(view.trait_names(sync=True)) - inherited
    return {
        "esm": view._esm,
        "css": view._css,
        "state": {name: getattr(view, name) for name in names},
        "sliders": {
            name: {trait: getattr(slider, trait) for trait in SYNCED if slider.has_trait(trait)}
            for name, slider in explorer.sliders.items()
        },
    }


def mount(page, parts):
    """Show a view on a page that has browser.STAND."""
    # One string crosses faster than many values.
    page.evaluate("async (parts) => await window.mount(JSON.parse(parts))", json.dumps(carried(parts)))


@contextmanager
def chromium_browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
