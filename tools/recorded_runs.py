"""The runs that a TrainingExplorer replays on a page: `make record` trains once with each setting of a grid.

They are kept beside this file: to train them whenever the pages are built would take many minutes. A page loads them
when it is asked to train, and helpers/explorers/replay.js plays them.
"""

import asyncio
import base64
import gzip
import itertools
import json
from pathlib import Path

import numpy as np

from helpers.data import ImageSet, load_shapes
from helpers.explorers import TrainingExplorer
from helpers.files import write_whole

FILE = Path(__file__).parent / "recorded" / "runs.json.gz"
ASSET = "runs.js"  # in site/assets
GRID = {  # the settings that lesson 05 compares
    "lr": [0.0001, 0.001, 0.003, 0.01, 1.0],
    "batch_size": [16, 128, 512],
    "epochs": [5],
    "conv_channels": [1, 18, 32],
    "kernel_size": [1, 3, 7],
}
FINE = 2**-12  # weights are kept as multiples of it times kernel_size: no map is drawn 4 % lighter or darker for it
PICTURE = 14  # in the middle of the usual run it turns right
LABEL = "Train (replay a recording)"


def sets():
    """The training and the validation set of lesson 05's explorers."""
    all_of_them, _ = load_shapes()

    def part(rows):
        kept = all_of_them.images[rows], all_of_them.labels[rows]
        return ImageSet(*kept, all_of_them.classes, all_of_them.mean, all_of_them.std)

    return part(slice(0, 2000)), part(slice(-2000, -1500))


def settings() -> list:
    """Every setting of the grid: {name: value}."""
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def trained(explorer, setting):
    """The explorer's Run with this setting."""
    for name, value in setting.items():
        setattr(explorer, name, value)
    explorer.clear()
    return asyncio.run(explorer.train())


def packed(run) -> dict:
    """A Run as the page is told of it, with its looks: each but the first has what its weights have changed since."""
    step = FINE * run.settings["kernel_size"]
    weights = [np.zeros(1)] + [np.rint(_weights(look) / step) for look in run.looks]
    changes = [after - before for before, after in itertools.pairwise(weights)]
    looks = [
        {**look, "weight": change.astype(int).tolist(), "bias": _short(look["bias"]), "scores": _short(look["scores"])}
        for look, change in zip(run.looks, changes, strict=True)
    ]
    told = run.drawn()
    return told | {name: _short(told[name]) for name in ("losses", "loss")} | {"looks": looks}


def _weights(look):
    return np.frombuffer(base64.b64decode(look["weight"]), np.float32)


def _short(number):
    """A number with more digits than a page shows, or a list of such."""
    if isinstance(number, list):
        return [_short(each) for each in number]
    return float(f"{number:.6g}") if isinstance(number, float) else number


def recorded() -> dict:
    """All that was recorded, {"grid", "fine", "device", "picture", "untrained", "runs"}.

    `untrained` has the first look of all runs of as many channels and the same kernel, so that `runs` need not have it.
    """
    return json.loads(gzip.decompress(FILE.read_bytes()))


def script() -> str:
    """The script that gives a page all of it: a page from the disk can load nothing else when it is open."""
    return f'document.recordedRuns = "{base64.b64encode(FILE.read_bytes()).decode()}";\n'


def put_into(models: dict):
    """Let each TrainingExplorer among a page's widgets, {id: model}, replay; its sliders stop where there is a run.

    Raises RuntimeError where one has other pictures than those of the recorded runs, and ValueError where it starts
    with a setting that was not recorded.
    """
    views = [name for name, model in models.items() if "recorded" in model["state"]]
    kept = recorded() if views else None

    def state_of(reference):
        return models[reference.removeprefix("IPY_MODEL_")]["state"]

    for name in views:
        view, explorer = models[name]["state"], _parent(models, name)
        if view["picture"] != kept["picture"]:
            raise RuntimeError("Run `make record` first: a TrainingExplorer has other pictures than its recorded runs.")
        buttons = dict(zip(("train", "stop", "clear"), state_of(explorer["children"][1])["children"], strict=True))
        view |= {"recorded": {"script": f"assets/{ASSET}", "buttons": buttons}, "device": kept["device"]}
        state_of(buttons["train"])["description"] = LABEL
        for button in buttons.values():
            state_of(state_of(button)["layout"])["width"] = "auto"  # a phone has room for all three
        sliders = {setting: state_of(reference) for setting, reference in view["sliders"].items()}
        for setting, options in kept["grid"].items():
            _stop_at(options, sliders[setting], like=dict(sliders["lr"]))


def _parent(models, name):
    """The state of the widget that has this one among its children."""
    (parent,) = (
        model["state"] for model in models.values() if f"IPY_MODEL_{name}" in model["state"].get("children", [])
    )
    return parent


def _stop_at(options, slider, like):
    """Let a slider stop at these options alone: where there are several, as a choice among texts, as `like` is one."""
    labels = [f"{option}" for option in options]
    if len(labels) == 1:
        slider["disabled"] = True
        return
    now = slider["_options_labels"][slider["index"]] if "index" in slider else f"{slider['value']}"
    own = {trait: slider[trait] for trait in ("description", "layout", "_dom_classes")}
    slider.clear()
    slider |= like | own | {"_options_labels": labels, "index": labels.index(now)}


def write(explorer, untrained, runs):
    """Keep these runs of the explorer, as `recorded` returns them."""
    about = {"grid": GRID, "fine": FINE, "device": f"{explorer.device}, where these runs were recorded"}
    about |= {"picture": explorer.view.picture, "untrained": untrained, "runs": runs}
    write_whole(FILE, gzip.compress(json.dumps(about, separators=(",", ":")).encode(), 9, mtime=0))


def main():
    explorer, untrained, runs = TrainingExplorer(*sets(), picture=PICTURE), {}, []
    for number, setting in enumerate(settings(), 1):
        run = trained(explorer, setting)
        runs.append(packed(run))
        untrained[f"{setting['conv_channels']} {setting['kernel_size']}"] = runs[-1]["looks"].pop(0)
        print(f"[{number}/{len(settings())}] {run}", flush=True)
    write(explorer, untrained, runs)


if __name__ == "__main__":
    main()
