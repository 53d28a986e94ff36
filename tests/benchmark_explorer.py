"""How fast the picture follows a slider in JupyterLab, in headless Chromium: `make benchmark`.

Keys pressed on a slider's handle are timed inside the page, from the key's event to the changed picture and to the
second frame after it, at the explorer's largest setting. An element that only writes one number is timed beside it,
in the same run: what is over that is the explorer's.
"""

import statistics
import tempfile
from pathlib import Path

from lab import chromium_browser, jupyterlab, opened, run_all

PRESSES = 120
LARGEST = {"input size": "End", "padding": "End", "kernel": "Home"}  # 18 × 18 cells, and as many outputs

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
            f"{name:34} {what:10} median {statistics.median(ordered):5.1f} ms, "
            f"95th percentile {ordered[int(0.95 * len(ordered))]:5.1f} ms, n = {len(ordered)}"
        )


def main():
    with (
        tempfile.TemporaryDirectory() as home,
        jupyterlab(Path(home)) as url,
        chromium_browser() as browser,
        opened(browser, url, "01_convolution_arithmetic.ipynb") as page,
    ):
        run_all(page)
        explorer = page.locator(".jp-OutputArea-output", has=page.locator(".cs-explorer")).first
        explorer.scroll_into_view_if_needed()

        def handle(label):
            return explorer.locator(".cs-slider", has_text=label).locator(".noUi-handle")

        for label, key in LARGEST.items():
            handle(label).press(key)
        # The picture is drawn in one go, so its formula tells when; to watch every cell would cost time of its own.
        picture = explorer.locator(".cs-numbers").element_handle()

        def press(label, *keys):
            return page.evaluate(TIME_KEYS, [handle(label).element_handle(), picture, PRESSES, keys])

        report("padding 3, 2, 3, … at kernel 1", press("padding", "ArrowLeft", "ArrowRight"))
        report("kernel 1, 2, 1, …", press("kernel", "ArrowRight", "ArrowLeft"))
        handle("kernel").press("ArrowRight")
        handle("kernel").press("ArrowRight")
        report("dilation 1, 2, 1, … at kernel 3", press("dilation", "ArrowRight", "ArrowLeft"))
        empty = page.evaluate_handle(MAKE_EMPTY)
        report("an element with one number", page.evaluate(TIME_KEYS, [empty, empty, PRESSES, ["a", "a"]]))


if __name__ == "__main__":
    main()
