"""How long the first explorer takes in a fresh kernel, in JupyterLab in headless Chromium: `make bench`.

Timed inside a page that was just opened, from asking for a kernel to the first cell's explorer in the page; in turn
with the same cell after an `import torch`, which the explorers leave out.
"""

import tempfile
from pathlib import Path

from benchmark_explorer import main, summary
from browser import chromium_browser
from lab import jupyterlab, jupyterlab_page, open_notebook

CELL = "import sys\nsys.path.insert(0, '..')\nfrom helpers.explorers import ConvolutionExplorer\nConvolutionExplorer()"
CELLS = {"the first explorer in a fresh kernel": CELL, "the same after import torch": f"import torch\n{CELL}"}

TIME_START = """async (code) => {
  const { content, sessionContext } = jupyterapp.shell.currentWidget;
  const name = sessionContext.session.kernel.name;
  await sessionContext.shutdown();
  content.model.sharedModel.cells[0].setSource(code);
  const drawn = new Promise((resolve) => {
    const look = () => document.querySelector(".cs-explorer .cs-cell") && resolve(performance.now());
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
  });
  const start = performance.now();
  await sessionContext.changeKernel({ name });
  await jupyterapp.commands.execute("notebook:run-all-cells");
  return (await drawn) - start;
}"""


def measure(repeats=7):
    """A row for each cell: what was timed, n, median_ms, p95_ms, min_ms, max_ms."""
    times = {what: [] for what in CELLS}
    with tempfile.TemporaryDirectory() as home, jupyterlab(Path(home)) as url, chromium_browser() as browser:
        for _ in range(repeats):
            for what, code in CELLS.items():
                with jupyterlab_page(browser, url) as page:
                    times[what].append(open_notebook(page, "one_cell.ipynb").evaluate(TIME_START, code))
    return [summary(what, each) for what, each in times.items()]


if __name__ == "__main__":
    main(measure, repeats=7)
