"""How fast the pictures follow a slider in JupyterLab, in headless Chromium: `make benchmark`.

Keys pressed on a slider's handle are timed inside the page, from the key's event to the changed picture and to the
second frame after it, at each explorer's largest setting, with the kernel idle and with a cell running. An element
that only writes one number is timed beside it, in the same run: what is over that is the explorer's.
"""

import statistics
import tempfile
from pathlib import Path

import numpy
from ipywidgets import IntSlider
from lab import chromium_browser, jupyterlab, opened, run_cell

from helpers import explorers

PRESSES = 120
# Each explorer at its largest setting, and the slider that is moved there and back.
LARGEST = {
    "ConvolutionExplorer(size=12, kernel_size=1, padding=3)": "padding",
    "ConvolutionExplorer(size=12, kernel_size=3, padding=3)": "dilation",
    "ChannelsExplorer(size=6, in_channels=4, out_channels=4, kernel_size=3, padding=2)": "padding",
    "ChannelsExplorer(size=6, in_channels=4, out_channels=4, kernel_size=5, padding=2)": "kernel_size",
    "FilterExplorer(numpy.arange(64 * 64).reshape(64, 64) % 251 / 251, numpy.ones((5, 5)), padding=3)": "padding",
    "PoolingExplorer(size=8, kernel_size=4, stride=1, padding=2)": "padding",
    "PoolingExplorer(size=8, kernel_size=4, stride=1, padding=2, mode='avg')": "padding",
    "FlattenExplorer(channels=3, height=4, width=5, memory='permuted')": "width",
    "FlattenExplorer(channels=3, height=4, width=5, batch=True, k=2)": "k",
    "NetworkExplorer(image_size=64, conv_channels=64, hidden_features=128)": "conv_channels",
}

TIME_KEYS = """async ([handle, picture, count, keys]) => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const times = [];
  for (let press = 0; press < count; press++) {
    await frame();
    let changed = null;
    const watcher = new MutationObserver(() => (changed ??= performance.now()));
    watcher.observe(picture, { subtree: true, childList: true, characterData: true, attributes: true });
    const start = performance.now();
    handle.dispatchEvent(new KeyboardEvent("keydown", { key: keys[press % 2], bubbles: true }));
    await Promise.resolve(); // the observer has been told by now
    await frame();
    await frame();
    if (changed === null) throw new Error("a key changed nothing");
    times.push([changed - start, performance.now() - start]);
    watcher.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  return times;
}"""
KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
BUSY = "import time; end = time.time() + 15\\nwhile time.time() < end: pass"
KEEP_BUSY = f"""async () => {{
  {KERNEL}.requestExecute({{ code: "{BUSY}" }});
  while ({KERNEL}.status !== "busy") await new Promise((resolve) => setTimeout(resolve, 20));
}}"""
MAKE_EMPTY = """() => {
  const box = document.createElement("div");
  box.textContent = "0";
  box.onkeydown = () => (box.textContent = Number(box.textContent) + 1);
  document.body.append(box);
  return box;
}"""


def report(name, times):
    for what, values in zip(("changed", "2nd frame"), zip(*times, strict=True), strict=True):
        ordered = sorted(values)
        print(
            f"{name:72} {what:10} median {statistics.median(ordered):5.1f} ms, "
            f"95th percentile {ordered[int(0.95 * len(ordered))]:5.1f} ms, n = {len(ordered)}",
            flush=True,
        )


def press(page, code, control):
    """The times of keys that move one slider of the explorer that `code` makes."""
    explorer = eval(code, vars(explorers) | {"numpy": numpy})
    handles = [name for name, widget in explorer.sliders.items() if isinstance(widget, IntSlider)]
    handle = page.locator(".jp-OutputArea-output .noUi-handle").nth(handles.index(control))
    at_the_end = getattr(explorer, control) == explorer.sliders[control].max
    keys = ["ArrowLeft", "ArrowRight"] if at_the_end else ["ArrowRight", "ArrowLeft"]
    # The picture is drawn in one go, so its line of code tells when; to watch every cell would cost time of its own.
    picture = page.locator(".cs-explorer .cs-code code").first.element_handle()
    return page.evaluate(TIME_KEYS, [handle.element_handle(), picture, PRESSES, keys])


def main():
    with (
        tempfile.TemporaryDirectory() as home,
        jupyterlab(Path(home)) as url,
        chromium_browser() as browser,
        opened(browser, url, "one_cell.ipynb") as page,
    ):
        for code, control in LARGEST.items():
            run_cell(page, f"import numpy\nfrom helpers.explorers import *\n{code}")
            page.locator(".cs-explorer").wait_for()
            report(f"{code} {control}", press(page, code, control))
            page.evaluate(KEEP_BUSY)
            report(f"{code} {control}, busy", press(page, code, control))
            page.wait_for_function(f"() => {KERNEL}.status === 'idle'", timeout=60_000)
        empty = page.evaluate_handle(MAKE_EMPTY)
        report("an element with one number", page.evaluate(TIME_KEYS, [empty, empty, PRESSES, ["a", "a"]]))


if __name__ == "__main__":
    main()
