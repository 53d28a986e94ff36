"""What a page replays: every setting of the grid, as train() gives it, drawn as where a kernel trains."""

import copy
import functools
import re
import shutil
from types import SimpleNamespace

import page_widgets
import pytest
import recorded_runs
import torch
from build_site import TEMPLATE
from ipywidgets.embed import dependency_state
from pages import with_own_clock
from test_explorer_training import DRAWN, LOOK, elsewhere, hold, hold_planes, weighted_mean

from helpers.data import load_shapes
from helpers.explorers import TrainingExplorer
from helpers.explorers.runs import Run
from helpers.model import SimpleCNN
from helpers.training import train

USUAL = {"lr": 0.001, "batch_size": 128, "epochs": 5, "conv_channels": 18, "kernel_size": 3}
SMALL = {"lr": 0.003, "batch_size": 512, "conv_channels": 1, "kernel_size": 1}
sets = functools.cache(recorded_runs.sets)
recorded = functools.cache(recorded_runs.recorded)
BUTTON = "Train (replay a recording)"  # what it says, and what a screen reader calls it


def kept(**setting):
    """The recorded run of this setting, for functions that want a Run."""
    (run,) = (run for run in recorded()["runs"] if run["settings"] == USUAL | setting)
    history = SimpleNamespace(loss=run["loss"], test_accuracy=run["test_accuracy"])
    return SimpleNamespace(**run, history=history)


@functools.cache
def trained(*setting):
    """(history, the networks before the first epoch and after each), by train() alone."""
    setting = USUAL | dict(setting)
    torch.manual_seed(0)
    model = SimpleCNN(conv_channels=setting["conv_channels"], kernel_size=setting["kernel_size"])
    states = [copy.deepcopy(model)]
    options = {name: setting[name] for name in ("epochs", "batch_size", "lr")}
    keep = lambda _: states.append(copy.deepcopy(model))  # noqa: E731
    return train(model, *sets(), progress=False, after_epoch=keep, **options), states


def test_every_setting_of_the_grid_was_recorded():
    assert recorded()["grid"] == recorded_runs.GRID
    assert [run["settings"] for run in recorded()["runs"]] == recorded_runs.settings()
    assert len(recorded()["runs"]) == 5 * 3 * 3 * 3
    assert all(values == sorted(values) for values in recorded_runs.GRID.values())
    for name, control in TrainingExplorer.controls.items():
        assert control.default in recorded_runs.GRID[name]
        assert [control.checked(value) for value in recorded_runs.GRID[name]] == recorded_runs.GRID[name]
    for run in recorded()["runs"]:
        assert run["state"] in ("finished", "collapsed")
        assert run["step"] == run["steps"] * 5 == run["losses"][-1][0]
        assert len(run["looks"]) == len(run["loss"]) == len(run["test_accuracy"]) == 5
        assert f"{run['settings']['conv_channels']} {run['settings']['kernel_size']}" in recorded()["untrained"]
    assert all(run["state"] == "collapsed" for run in recorded()["runs"] if run["settings"]["lr"] == 1.0)
    assert recorded_runs.FILE.stat().st_size < 600_000


def test_a_recorded_run_ended_as_it_would_end_now():
    """So that another rule, or another sentence, is recorded anew."""
    for told in recorded()["runs"]:
        history = SimpleNamespace(loss=told["loss"], test_accuracy=told["test_accuracy"])
        run = Run(told["settings"], told["pictures"], history, losses=told["losses"])
        run.conclude()
        assert run.state == told["state"]
        highest = r"rose to [\d,.]+"  # of its seven digits six were kept
        assert re.sub(highest, "", run.message) == re.sub(highest, "", told["message"])


@pytest.mark.parametrize("setting", [{}, SMALL, SMALL | {"lr": 1.0}], ids=["usual", "small", "too far"])
def test_a_recorded_run_is_what_train_gives(setting):
    """To what another machine, which adds in another order, may differ by."""
    run, (history, states) = kept(**setting), trained(*setting.items())
    assert run.loss == pytest.approx(history.loss, rel=2e-3)
    assert run.test_accuracy == pytest.approx(history.test_accuracy, abs=0.011)
    for epoch, loss in enumerate(run.loss):
        assert weighted_mean(run.losses, run, epoch) == pytest.approx(loss, rel=1e-5)
    with torch.no_grad():
        scores = torch.stack([model(sets()[1][recorded_runs.PICTURE][0][None])[0] for model in states[1:]])
    largest = scores.abs().max().item()
    for look, expected in zip(run.looks, scores, strict=True):
        assert look["scores"] == pytest.approx(expected.tolist(), abs=0.01 * largest)


def test_recording_keeps_what_the_explorers_runs_are(monkeypatch, tmp_path):
    small = {"lr": [0.003, 1.0], "batch_size": [64], "epochs": [2], "conv_channels": [2], "kernel_size": [3]}
    few = load_shapes(150, 40)
    monkeypatch.setattr(recorded_runs, "GRID", small)
    monkeypatch.setattr(recorded_runs, "sets", lambda: few)
    monkeypatch.setattr(recorded_runs, "FILE", tmp_path / "runs.json.gz")
    elsewhere(recorded_runs.main)
    explorer = TrainingExplorer(*few, picture=recorded_runs.PICTURE)
    for setting, told in zip(recorded_runs.settings(), recorded_runs.recorded()["runs"], strict=True):
        run = elsewhere(recorded_runs.trained, explorer, setting)
        assert [loss for _, loss in told["losses"]] == pytest.approx([loss for _, loss in run.losses], rel=1e-5)
        assert told["test_accuracy"] == run.history.test_accuracy
        assert [look["scores"] for look in told["looks"]] == [
            pytest.approx(look["scores"], rel=1e-5) for look in run.looks[1:]
        ]


# -- on a page ----------------------------------------------------------------------------------------------------


PAGE = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="assets/widgets.css"><link rel="stylesheet" href="assets/VIEW.css">
<script src="assets/widgets.js"></script><script src="assets/VIEW.js"></script>
<script type="application/x-widgets">MODELS</script><div class="output"><div data-model="SHOWN"></div></div>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a page that has the explorer, as pages show it, and what it loads."""
    folder = tmp_path_factory.mktemp("replay")
    assets = folder / "assets"
    assets.mkdir()
    for name in ("widgets.css", "widgets.js"):
        shutil.copyfile(TEMPLATE / name, assets / name)
    (assets / recorded_runs.ASSET).write_text(recorded_runs.script(), "utf-8")
    explorer = TrainingExplorer(*sets(), picture=recorded_runs.PICTURE)
    models = dependency_state([explorer], drop_defaults=False)
    recorded_runs.put_into(models)
    (view,), models = page_widgets.written(models, assets)
    body = PAGE.replace("VIEW", view).replace("MODELS", models).replace("SHOWN", explorer.model_id)
    for name, script in {"page.html": recorded_runs.ASSET, "without.html": "nowhere.js"}.items():
        (folder / name).write_text(body.replace(f"assets/{recorded_runs.ASSET}", f"assets/{script}"), "utf-8")
    return folder


@pytest.fixture
def replaying(open_page, folder):
    """`replaying(name, still=False)` → the page, where nothing moves if the reader wants that."""
    opened = []

    def show(name="page.html", still=False):
        page = open_page({"width": 1000, "height": 900})
        page.emulate_media(reduced_motion="reduce" if still else "no-preference")
        page.goto((folder / name).as_uri())
        page.get_by_role("button", name=BUTTON).wait_for()
        page.locator(".cs-explorer").wait_for()
        opened.append(page)
        return page

    yield show
    for page in opened:
        page.emulate_media(reduced_motion="no-preference")


def move(page, **keys):
    for name, key in keys.items():
        page.get_by_role("slider", name=name.replace("_", " "), exact=True).press(key)


@pytest.mark.parametrize(
    ("keys", "setting"),
    [
        ({}, {}),
        ({"channels": "Home", "kernel": "Home", "batch_size": "End", "learning_rate": "ArrowRight"}, SMALL),
        ({"learning_rate": "End", "channels": "Home", "kernel": "Home", "batch_size": "End"}, SMALL | {"lr": 1.0}),
    ],
    ids=["usual", "small", "too far"],
)
def test_the_page_draws_the_run_of_its_settings(replaying, keys, setting):
    run, (_, states) = kept(**setting), trained(*setting.items())
    page = replaying(still=True)
    move(page, **keys)
    page.get_by_role("button", name=BUTTON).click()
    page.locator(".cs-run").wait_for()
    hold(page, SimpleNamespace(runs=[run]))
    legend = page.locator(".cs-run").text_content()
    assert f"accuracy {100 * run.test_accuracy[-1]:.1f} % · {run.step} steps" in legend
    assert run.message in legend
    assert (page.locator(".cs-run-wrong").count() == 1) == (run.state == "collapsed")
    first = recorded()["untrained"]["{conv_channels} {kernel_size}".format(**run.settings)]
    for key, epoch in (("End", 5), ("Home", 0)):
        page.get_by_label("what it sees").press(key)
        seen = page.evaluate(LOOK)
        hold_planes(seen, states, epoch, sets()[1], slack=10, picture=recorded_runs.PICTURE)
        scores = [f"{score:.2f}" for score in [first, *run.looks][epoch]["scores"]]
        named = zip(sets()[1].classes, scores, strict=True)
        assert seen["scores"] == [f"{name}{score}".replace("-", "−") for name, score in named]
        assert seen["told"] == ("run 1, after epoch 5" if epoch else "run 1, untrained")
    assert page.problems == []


def test_a_run_is_played_in_a_few_seconds_stopped_cleared_and_played_again_by_keys(replaying):
    page = with_own_clock(replaying())
    replay, stop, clear = (page.get_by_role("button", name=name, exact=True) for name in (BUTTON, "Stop", "Clear"))
    focused = "() => document.activeElement.textContent"
    assert stop.is_disabled()
    assert page.evaluate("() => document.recordedRuns === undefined"), "loaded before anyone asked"
    replay.press("Enter")
    page.get_by_text("epoch 1 of 5 · a recorded run").wait_for()
    page.clock.run_for(1000)
    assert page.locator(".cs-readout").text_content() == "epoch 2 of 5 · a recorded run"
    assert replay.is_disabled()
    stop.press("Enter")
    assert page.evaluate(focused) == BUTTON
    assert page.locator(".cs-run-stopped").text_content() == "Stopped in epoch 2, after 20 steps."
    assert "so far" not in page.locator(".cs-run").text_content()
    assert page.evaluate(DRAWN)["loss"]["curves"][0].count(",") == 20
    assert page.locator(".cs-epoch output").text_content() == "run 1, after epoch 1"
    replay.press("Enter")
    page.locator(".cs-run").nth(1).wait_for()
    page.clock.run_for(3900)
    assert "78 steps so far" in page.locator(".cs-run").first.text_content()
    page.clock.run_for(200)
    assert page.locator(".cs-run").first.text_content().endswith("80 steps")
    assert page.evaluate(focused) == BUTTON
    assert stop.is_disabled()
    assert page.locator(".cs-readout").text_content().startswith("Hover a curve")
    clear.press("Enter")
    assert page.locator(".cs-run").count() == 0
    assert page.locator(".cs-epoch output").text_content() == "untrained"
    assert page.problems == []


def test_the_sliders_stop_at_what_was_recorded_and_the_untrained_network_follows_them(replaying):
    page = replaying(still=True)
    for control, options in recorded_runs.GRID.items():
        handle = page.get_by_role("slider", name=TrainingExplorer.controls[control].label, exact=True)
        if len(options) == 1:
            assert handle.get_attribute("aria-valuetext") == f"{options[0]}"
            assert handle.is_disabled()
            continue
        handle.press("Home")
        said = []
        for _ in options:
            said.append(handle.get_attribute("aria-valuetext"))
            handle.press("ArrowRight")
        assert said == [f"{option}" for option in options]
        assert f"{control}={said[-1]}" in page.locator(".cs-code code").text_content()
    page.get_by_text("18 of 32 filters 7 × 7 and their maps").wait_for()
    move(page, kernel="Home", channels="Home")
    page.get_by_text("1 filter 1 × 1 and its map").wait_for()
    assert page.problems == []


def test_where_the_recorded_runs_are_missing_the_page_says_so_and_stays_usable(replaying):
    page = replaying("without.html")
    for _ in range(2):
        page.get_by_role("button", name=BUTTON).click()
        page.get_by_text("The recorded runs are missing: this page looks for them in assets/nowhere.js.").wait_for()
        page.locator("button:enabled", has_text=BUTTON).wait_for()
    page.problems.clear()  # that a file is missing is the browser's error


def models_of(*pictures, **settings):
    return dependency_state([TrainingExplorer(*pictures, **settings)], drop_defaults=False)


def test_an_explorer_with_other_pictures_or_other_settings_is_refused():
    with pytest.raises(RuntimeError, match=r"^Run `make record` first: a TrainingExplorer has other pictures"):
        recorded_runs.put_into(models_of(*load_shapes(40, 20)))
    with pytest.raises(ValueError, match=r"0\.03"):
        recorded_runs.put_into(models_of(*sets(), lr=0.03, picture=recorded_runs.PICTURE))


def test_where_a_kernel_trains_nothing_is_replayed():
    explorer = TrainingExplorer(*sets())
    assert explorer.view.recorded == {}
    assert explorer.train_button.description == "Train"
