"""How fast the pictures follow a slider in JupyterLab, in headless Chromium: `make bench`.

Keys pressed on a slider's handle are timed inside the page, from the key's event to the changed picture and to the
second frame after it, at each explorer's largest setting, with the kernel idle and with a cell running. An element
that only writes one number is timed in between: what is over that is the explorer's. Keys come at random moments
between two frames, with the focus on the slider, as a learner's do. Right after a frame the second one can only be
33 ms away; and the cursor that blinks in a focused cell keeps frames going that otherwise start at once.

The same picture is drawn by matplotlib, too, through ipywidgets.interactive_output, in turn with ConvolutionExplorer.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import numpy
from browser import chromium_browser
from ipywidgets import IntSlider, SelectionSlider
from lab import jupyterlab, jupyterlab_page, open_notebook, run_cell

from helpers import explorers
from helpers.files import write_whole
from helpers.model import SimpleCNN

# Each explorer at its largest setting, and the slider that is moved there and back.
LARGEST = [
    ("ConvolutionExplorer(size=12, kernel_size=1, padding=3)", "padding"),
    ("ConvolutionExplorer(size=12, kernel_size=3, padding=3)", "dilation"),
    ("ChannelsExplorer(size=6, in_channels=4, out_channels=4, kernel_size=3, padding=2)", "padding"),
    ("ChannelsExplorer(size=6, in_channels=4, out_channels=4, kernel_size=5, padding=2)", "kernel_size"),
    ("FilterExplorer(numpy.arange(64 * 64).reshape(64, 64) % 251 / 251, numpy.ones((5, 5)), padding=3)", "padding"),
    ("PoolingExplorer(size=8, kernel_size=4, stride=1, padding=2)", "padding"),
    ("PoolingExplorer(size=8, kernel_size=4, stride=1, padding=2, mode='avg')", "padding"),
    ("FlattenExplorer(channels=3, height=4, width=5, memory='permuted')", "width"),
    ("FlattenExplorer(channels=3, height=4, width=5, batch=True, k=2)", "k"),
    ("NetworkExplorer(image_size=64, conv_channels=64, hidden_features=128)", "conv_channels"),
    ("NetworkExplorer(image_size=64, in_channels=4, conv_channels=64, kernel_size=7, padding=3)", "image_size"),
    ("NetworkExplorer(image_size=64, in_channels=4, conv_channels=64, kernel_size=7, padding=3)", "kernel_size"),
    ("ModelExplorer(SimpleCNN(), numpy.random.rand(8, 3, 32, 32))", "image"),
    ("ModelExplorer(SimpleCNN(), numpy.random.rand(8, 3, 32, 32), depth='layer')", "step"),
    ("ModelExplorer(SimpleCNN(), numpy.random.rand(8, 3, 32, 32), depth='cell')", "image"),
]

# The explorer, and a slider like its own with the picture by matplotlib. Not by pyplot: a cell that ends while another
# thread draws takes pyplot's figures to its own outputs.
BOTH = """
%matplotlib inline
import numpy
from ipywidgets import IntSlider, interactive_output
from matplotlib.figure import Figure
from helpers.explorers import ConvolutionExplorer
from helpers.explorers.convolution import PICTURE, vertical_edges

def draw(padding):
    plane = numpy.pad(numpy.array(PICTURE)[:7, :7], padding)
    kernel = numpy.array(vertical_edges(3))
    windows = numpy.lib.stride_tricks.sliding_window_view(plane, (3, 3))  # (out, out, 3, 3)
    planes = {"input": plane, "kernel": kernel, "output": (windows * kernel).sum((2, 3))}
    figure = Figure(figsize=(9, 3))
    for panel, (name, numbers) in zip(figure.subplots(1, 3), planes.items()):
        panel.imshow(numbers, cmap="coolwarm")
        panel.set_title(f"{name} {len(numbers)} × {len(numbers)}")
        panel.axis("off")
        for (row, column), number in numpy.ndenumerate(numbers):
            panel.text(column, row, number, ha="center", va="center")
    display(figure)

padding = IntSlider(max=3, description="padding")
display(ConvolutionExplorer(), padding, interactive_output(draw, {"padding": padding}))
"""

TIME_KEYS = """async ([handle, picture, count, keys]) => {
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const shown = () => picture.querySelector("img")?.src ?? picture.textContent;
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  document.activeElement.blur();
  handle.focus();
  const times = [];
  for (let press = 0; press < count; press++) {
    await wait(40 + 17 * Math.random());
    const before = shown();
    let watcher;
    const changed = new Promise((resolve, reject) => {
      watcher = new MutationObserver(() => shown() !== before && resolve(performance.now()));
      watcher.observe(picture, all);
      setTimeout(() => reject(new Error("a key changed nothing")), 30_000);
    });
    const start = performance.now();
    handle.dispatchEvent(new KeyboardEvent("keydown", { key: keys[press % 2], bubbles: true }));
    const end = await changed;
    watcher.disconnect();
    await frame();
    await frame();
    times.push([end - start, performance.now() - start]);
  }
  return times;
}"""
KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
KEEP_BUSY = f"""async (seconds) => {{
  const code = `import time; end = time.time() + ${{seconds}}\nwhile time.time() < end: pass`;
  window.cellEnded = {KERNEL}.requestExecute({{ code }}).done;
  while ({KERNEL}.status !== "busy") await new Promise((resolve) => setTimeout(resolve, 20));
}}"""
MAKE_EMPTY = """() => {
  const box = document.createElement("div");
  box.textContent = "0";
  box.onkeydown = () => (box.textContent = Number(box.textContent) + 1);
  document.body.append(box);
  return box;
}"""


class Bench:
    """A notebook's page, and how often each key is pressed there."""

    def __init__(self, page, presses):
        self.page, self.presses = page, presses
        self.empty = page.evaluate_handle(MAKE_EMPTY)

    def show(self, code):
        run_cell(self.page, code)
        self.page.locator(".cs-explorer").wait_for()
        # It is drawn in one go, so its line of code tells when; to watch every cell would cost time of its own.
        return self.page.locator(".cs-explorer .cs-code code, .cs-figure-of-model").first.element_handle()

    def handle(self, place):
        return self.page.locator(".jp-OutputArea-output .noUi-handle").nth(place).element_handle()

    def press(self, handle, picture, keys=("ArrowRight", "ArrowLeft"), presses=None):
        """[milliseconds to the changed picture, to the second frame after it] of each key."""
        return self.page.evaluate(TIME_KEYS, [handle, picture, presses or self.presses, keys])

    def busy(self, seconds, *pressed):
        """The same while a cell runs for so long."""
        self.page.evaluate(KEEP_BUSY, seconds)
        times = self.press(*pressed)
        # Not until the status is idle: a slider's message, answered beside the cell, sets it, too.
        self.page.evaluate("async () => void (await window.cellEnded)")
        return times


def summary(what, times, **more):
    """A row of the table: the median and the 95th percentile of times in milliseconds."""
    ordered = sorted(times)
    p95 = ordered[int(0.95 * len(ordered))]
    row = {"what": what, "n": len(ordered), "median_ms": statistics.median(ordered), "p95_ms": p95}
    return row | {"min_ms": ordered[0], "max_ms": ordered[-1]} | more


def summaries(what, times):
    changed, second = zip(*times, strict=True)
    return [summary(f"{what}: changed picture", changed), summary(f"{what}: second frame", second)]


def largest_settings(bench):
    rows, empty = [], []
    for code, control in LARGEST:
        picture = bench.show(
            f"import numpy\nfrom helpers.model import SimpleCNN\nfrom helpers.explorers import *\n{code}"
        )
        explorer = eval(code, vars(explorers) | {"numpy": numpy, "SimpleCNN": SimpleCNN})
        names = [name for name, widget in explorer.sliders.items() if isinstance(widget, (IntSlider, SelectionSlider))]
        keys = ["ArrowRight", "ArrowLeft"]
        if getattr(explorer, control) == explorer.sliders[control].max:
            keys.reverse()
        pressed = bench.handle(names.index(control)), picture, keys
        rows += summaries(f"{code} {control}", bench.press(*pressed))
        empty += bench.press(bench.empty, bench.empty, presses=bench.presses // 5)
        rows += summaries(f"{code} {control}, busy", bench.busy(0.12 * bench.presses, *pressed))
    return rows + summaries("an element with one number", empty)


def beside_matplotlib(bench, rounds=5, each=8):
    """ConvolutionExplorer and matplotlib in turn, idle, and within a cell that runs for a second."""
    ours = bench.show(BOTH)
    bench.page.locator(".jp-OutputArea img").wait_for()
    theirs = bench.page.locator(".jp-OutputArea:has(img)").last.element_handle()
    pictures = {"ConvolutionExplorer()": (bench.handle(3), ours), "matplotlib": (bench.handle(5), theirs)}
    times = {(name, state): [] for state in ("", ", busy") for name in pictures}
    for _ in range(rounds):
        for name, (handle, picture) in pictures.items():
            times[name, ""] += bench.press(handle, picture, presses=each)
            for keys in (["ArrowRight"], ["ArrowLeft"]):
                times[name, ", busy"] += bench.busy(1, handle, picture, keys, 1)
    rows = {key: summaries("".join(key), each) for key, each in times.items()}
    for state in ("", ", busy"):
        for row, other in zip(rows["matplotlib", state], rows["ConvolutionExplorer()", state], strict=True):
            row["ratio"] = row["median_ms"] / other["median_ms"]
    return [row for pair in rows.values() for row in pair]


def measure(presses=120):
    """The rows of the table: what was timed, n, median_ms, p95_ms, min_ms, max_ms, and for matplotlib ratio."""
    with (
        tempfile.TemporaryDirectory() as home,
        jupyterlab(Path(home)) as url,
        chromium_browser() as browser,
        jupyterlab_page(browser, url) as page,
    ):
        bench = Bench(open_notebook(page, "one_cell.ipynb"), presses)
        return largest_settings(bench) + beside_matplotlib(bench)


def tell(rows):
    """Print the rows as a table."""
    width = max(len(row["what"]) for row in rows)
    print(f"{'milliseconds':{width}}  median  95th percentile     from      to    n")
    for row in rows:
        times = f"{row['median_ms']:6.1f}  {row['p95_ms']:15.1f}  {row['min_ms']:7.1f} {row['max_ms']:7.1f}"
        ratio = f"  {row['ratio']:.0f} times the explorer's" if "ratio" in row else ""
        print(f"{row['what']:{width}}  {times} {row['n']:4}{ratio}")


def main(measure=measure, **options):
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, help="write the rows to this file, too")
    for name, usual in options.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    chosen = vars(parser.parse_args())
    path = chosen.pop("json")
    rows = measure(**chosen)
    tell(rows)
    if path:
        write_whole(path, (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    main(presses=120)
