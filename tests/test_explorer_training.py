"""TrainingExplorer: a run equals train(), stops, breaks and is told as one would wish; the page draws its numbers."""

import asyncio
import base64
import copy
import json
import math
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from helpers.data import ImageSet, load_shapes
from helpers.explorers import TrainingExplorer
from helpers.explorers.runs import Run
from helpers.model import SimpleCNN
from helpers.training import devices, pick_device, train, train_step
from helpers.training.checkpoints import History

TRAIN_SET, TEST_SET = load_shapes(200, 60)


def explorer_of(**values):
    return TrainingExplorer(TRAIN_SET, TEST_SET, **({"batch_size": 32, "epochs": 2, "conv_channels": 4} | values))


def elsewhere(call, *args):
    """What it returns on a thread of its own: Playwright has an event loop on this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *args).result()


def run_async(coroutine):
    return elsewhere(asyncio.run, coroutine)


def trained(explorer, **settings):
    for name, value in settings.items():
        setattr(explorer, name, value)
    return run_async(explorer.train())


async def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this never came"
        await asyncio.sleep(0)


def gradients_of(run):
    return [parameter.grad for parameter in run.model.parameters() if parameter.grad is not None]


def weighted_mean(losses, run, epoch):
    """The epoch's mean loss, from the points of its curve and how many pictures each stands for."""
    pictures = [min(run.settings["batch_size"] * step, run.pictures) for step in range(run.steps + 1)]
    total, before = 0.0, epoch * run.steps
    for step, loss in losses:
        if epoch * run.steps < step <= (epoch + 1) * run.steps:
            total += loss * (pictures[step - epoch * run.steps] - pictures[before - epoch * run.steps])
            before = step
    return total / run.pictures


# -- a run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lr": 0.01, "batch_size": 128, "conv_channels": 1, "kernel_size": 7, "epochs": 1},
        {"lr": 0.1, "batch_size": 512, "conv_channels": 32, "kernel_size": 1, "epochs": 3},
        {"batch_size": 8, "conv_channels": 4},
    ],
)
def test_the_code_on_the_page_gives_the_same_numbers_as_the_run(stand, settings):
    explorer = explorer_of(**settings)
    run = trained(explorer)
    names = {"torch": torch, "SimpleCNN": SimpleCNN, "train_set": TRAIN_SET, "test_set": TEST_SET}
    names["train"] = lambda *args, **kwargs: train(*args, **kwargs, progress=False)
    exec(stand(explorer).locator(".cs-code code").text_content(), names)
    history = names["history"]
    assert run.state in ("finished", "collapsed")
    for name in ("loss", "train_accuracy", "test_accuracy"):
        assert getattr(run.history, name) == getattr(history, name), name
    assert len(run.history.seconds) == len(run.history.images_per_second) == explorer.epochs
    for one, other in zip(run.model.parameters(), names["model"].parameters(), strict=True):
        assert torch.equal(one, other)
    for epoch, loss in enumerate(history.loss):
        assert weighted_mean(run.losses, run, epoch) == pytest.approx(loss, rel=1e-5)


def test_a_run_leaves_torchs_random_numbers_and_modes_alone():
    torch.manual_seed(7)
    before = torch.random.get_rng_state()

    async def beside_a_run():
        explorer = explorer_of()
        running = asyncio.ensure_future(explorer.train())
        await until(lambda: explorer.runs and explorer.runs[0].losses)
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
        drawn = torch.rand(3)
        explorer.layer()
        await running
        return drawn, torch.rand(3)

    drawn = torch.cat(run_async(beside_a_run()))
    torch.random.set_rng_state(before)
    assert torch.equal(drawn, torch.rand(6))


def test_runs_are_kept_with_their_settings_until_they_are_cleared():
    explorer = explorer_of()
    assert repr(explorer) == (
        "TrainingExplorer: 200 pictures, lr=0.001, batch_size=32, 2 epochs, 4 channels, kernel 3, 0 runs"
    )
    first = trained(explorer)
    second = trained(explorer, lr=0.003, epochs=1, conv_channels=1)
    assert explorer.runs == [first, second]
    assert [run.settings["lr"] for run in explorer.runs] == [0.001, 0.003]
    assert [run["settings"] for run in explorer.view.runs] == [first.settings, second.settings]
    assert explorer.view.current == {}
    assert repr(first).startswith("Run: lr=0.001, batch_size=32, epochs=2, conv_channels=4, kernel_size=3, fin")
    assert repr(explorer).endswith("lr=0.003, batch_size=32, 1 epoch, 1 channel, kernel 3, 2 runs")
    explorer.clear_button.click()
    assert explorer.runs == explorer.view.runs == []


def test_the_text_form_is_never_cut():
    explorer = explorer_of(lr=0.0001, batch_size=512, epochs=10, conv_channels=32)
    explorer._train_set = load_shapes(500, 1)[0]
    explorer.runs = [None] * 99
    assert len(repr(explorer)) + len("50,000") - len("500") <= 110


def test_layer_is_the_latest_runs_network_and_output_its_scores():
    explorer = explorer_of(conv_channels=5, kernel_size=4)
    torch.manual_seed(0)
    fresh = SimpleCNN(conv_channels=5, kernel_size=4)
    assert torch.equal(explorer.output().cpu(), fresh(explorer.input().cpu()).detach())
    run = trained(explorer)
    assert not gradients_of(run)
    assert explorer.layer() is run.model
    assert explorer.input().shape == (32, 3, 32, 32)
    assert torch.equal(explorer.output(), run.model(explorer.input()))
    assert not explorer.output().requires_grad


# -- stopping, breaking --------------------------------------------------------------------------------------


def test_the_buttons_start_a_run_beside_other_work_and_stop_it_with_its_curve():
    async def press():
        explorer = explorer_of(epochs=10, batch_size=8)
        explorer.train_button.click()
        assert explorer.train_button.disabled
        assert explorer.view.message == "Training starts as soon as the kernel is free."
        await until(lambda: len(explorer.runs and explorer.runs[0].losses) > 2)
        explorer.lr = 0.1  # for the next run: this one keeps its own
        explorer.train_button.click()
        with pytest.raises(RuntimeError, match="A run is under way: press Stop first"):
            await explorer.train()
        steps = explorer.runs[0].step
        explorer.stop_button.click()
        await until(lambda: not explorer.train_button.disabled)
        return explorer, steps

    explorer, steps = run_async(press())
    (run,) = explorer.runs
    assert run.state == "stopped"
    assert run.step <= steps + 1
    assert run.settings["lr"] == 0.001
    assert run.history.interrupted
    assert len(run.losses) >= 3
    assert re.fullmatch(r"Stopped in epoch \d+, after \d+ steps\.", run.message)
    assert explorer.view.runs[0]["losses"] == run.losses
    assert explorer.stop_button.disabled
    assert trained(explorer, lr=0.001, epochs=1).state == "finished"


def test_stop_is_heard_while_the_network_is_tested():
    async def stop_in_test():
        explorer = TrainingExplorer(TRAIN_SET, load_shapes(1, 1200)[1], epochs=2)
        running = asyncio.ensure_future(explorer.train())
        await until(lambda: explorer.runs and explorer.runs[0].progress.endswith("validating"))
        explorer.stop()
        return await running

    run = run_async(stop_in_test())
    assert run.state == "stopped"
    assert run.step == run.steps == len(run.losses)
    assert run.history.test_accuracy == []
    assert run.message == "Stopped in epoch 1, after 2 steps."


def test_stop_before_the_run_has_begun_and_a_cancelled_run():
    async def press():
        explorer = explorer_of()
        explorer.train_button.click()
        explorer.stop_button.click()
        await until(lambda: not explorer.train_button.disabled)
        running = asyncio.ensure_future(explorer.train())
        await until(lambda: len(explorer.runs) == 2 and explorer.runs[1].losses)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return explorer

    explorer = run_async(press())
    assert [run.state for run in explorer.runs] == ["stopped", "stopped"]
    assert explorer.runs[0].message == "Stopped in epoch 1, after 0 steps."
    assert not explorer.train_button.disabled


def test_a_button_pressed_on_another_thread_trains_on_the_loop_of_the_cells():
    async def press():
        explorer = explorer_of(epochs=1)
        await asyncio.to_thread(explorer.train_button.click)  # as ipykernel 7 does
        await until(lambda: explorer.runs and explorer.runs[0].state == "finished")

    run_async(press())


def test_a_run_that_blows_up_and_learns_nothing_more_says_so(stand):
    explorer = explorer_of(epochs=4)
    trained(explorer)
    run = trained(explorer, lr=1.0)
    highest = max(loss for _, loss in run.losses)
    assert highest > 2 * math.log(10)
    assert run.state == "collapsed"
    assert run.message == (
        f"The loss rose to {highest:,.1f} and was {run.history.loss[-1]:.2f} on average in the last epoch, "
        "where guessing gives 2.30: most likely the learning rate 1 is too large. Try 0.001."
    )
    assert len(run.history.test_accuracy) == 4
    page = stand(explorer)
    assert page.locator(".cs-run-wrong").text_content() == run.message
    assert page.locator(".cs-broke-name").text_content() == "collapsed"
    hold(page, explorer)


@pytest.mark.parametrize(("accuracy", "state"), [(0.31, "finished"), (0.142, "collapsed")])
def test_a_run_that_blew_up_and_sees_more_than_guessing_does_has_not_collapsed(accuracy, state):
    """As with learning rate 0.003 and 32 channels, after two epochs."""
    run = Run(explorer_of().settings, 200, History(), losses=[[1, 2.3], [2, 9.0], [14, 2.03]])
    run.history.loss, run.history.test_accuracy = [4.0, 2.12], [0.1, accuracy]
    run.conclude()
    assert run.state == state
    assert (run.message == "") == (state == "finished")


def test_a_loss_that_is_no_number_any_more_ends_the_run_and_its_curve_holds_numbers_only(stand, monkeypatch):
    explorer, taken = explorer_of(), []

    def overflowing(*args):
        logits, loss = train_step(*args)
        taken.append(loss)
        return logits, loss * (math.inf if len(taken) > 5 else 1)

    monkeypatch.setattr("helpers.training.loop.train_step", overflowing)
    run = trained(explorer)
    assert (run.state, run.step, len(taken)) == ("diverged", 6, 6)
    assert run.message.startswith("The loss became infinite or NaN in step 6: most likely the learning rate 0.001 is")
    assert run.message.endswith(" Try 0.0001.")
    assert all(math.isfinite(loss) for _, loss in run.losses)
    page = stand(explorer)
    assert page.locator(".cs-run-wrong").text_content() == run.message
    hold(page, explorer)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("a shape is wrong\nand more"), "The run failed: RuntimeError: a shape is wrong"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 99 bytes"),
            "A batch of 32 images did not fit into memory: try batch_size=16.",
        ),
    ],
)
def test_an_error_in_a_run_is_a_sentence_on_the_page(stand, monkeypatch, error, sentence):
    def fails(*_):
        raise error

    monkeypatch.setattr("helpers.training.loop.train_step", fails)

    async def press():
        explorer = explorer_of()
        explorer.train_button.click()
        await until(lambda: not explorer.train_button.disabled)
        with pytest.raises(RuntimeError, match=re.escape(str(error))):
            await explorer.train()
        return explorer

    explorer = run_async(press())
    assert [run.state for run in explorer.runs] == ["failed", "failed"]
    assert all(run.error is error for run in explorer.runs)
    assert stand(explorer).locator(".cs-run-wrong").all_text_contents() == [sentence] * 2


class Malloc:
    """Notes what the C library is told."""

    def __init__(self):
        self.told = []

    def mallopt(self, parameter, value):
        self.told.append((parameter, value))

    def malloc_trim(self, rest):
        self.told.append("all goes back")


@pytest.mark.skipif(sys.platform != "linux", reason="only there")
def test_memory_is_kept_while_runs_are_under_way_and_goes_back_however_the_last_one_ends(monkeypatch):
    malloc = Malloc()
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: malloc)
    monkeypatch.setitem(devices.HELPS[pick_device()[0].type], "memory_kept", True)

    def breaks(*_):
        raise RuntimeError("broken")

    async def runs():
        stopped, cancelled, broken = (explorer_of(epochs=10, batch_size=8) for _ in range(3))
        running = [asyncio.ensure_future(explorer.train()) for explorer in (stopped, cancelled, broken)]
        await until(lambda: all(explorer.runs and explorer.runs[0].losses for explorer in (stopped, cancelled, broken)))
        kept = list(malloc.told)
        stopped.stop()
        await running[0]
        running[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await running[1]
        assert malloc.told == kept  # the third run goes on
        with monkeypatch.context() as broken_now:
            broken_now.setattr("helpers.training.loop.train_step", breaks)
            with pytest.raises(RuntimeError, match="broken"):
                await running[2]
        return kept, [explorer.runs[0] for explorer in (stopped, cancelled, broken)]

    kept, ended = run_async(runs())
    assert not any(gradients_of(run) for run in ended)
    assert len(kept) == len(set(kept)) == 2  # told once, by the first
    assert malloc.told[-1] == "all goes back"
    assert {parameter for parameter, _ in kept} < {parameter for parameter, _ in malloc.told[2:-1]}
    before = len(malloc.told)
    assert trained(explorer_of(epochs=1)).state == "finished"
    assert malloc.told[before:] == malloc.told[:before]


def test_a_button_without_an_event_loop_says_what_to_do():
    explorer = elsewhere(explorer_of)
    elsewhere(explorer.train_button.click)
    assert explorer.view.message == ("There is no event loop here to train on: use await explorer.train() instead.")
    assert not explorer.train_button.disabled


# -- what is handed in ------------------------------------------------------------------------------------------

LARGE = ImageSet(torch.zeros(4, 3, 16, 16, dtype=torch.uint8), [0] * 4, ("a",), (0.5,) * 3, (0.5,) * 3)
MANY = ImageSet(torch.zeros(4, 3, 32, 32, dtype=torch.uint8), [11] * 4, ("a",) * 12, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("sets", "error", "sentence"),
    [
        (
            (TRAIN_SET, TRAIN_SET.images),
            TypeError,
            "test_set wants a data set, but got a Tensor: train_set, test_set = ",
        ),
        ((None, TEST_SET), TypeError, "train_set wants a data set, but got None: .*load_shapes.. makes two."),
        ((LARGE, TEST_SET), ValueError, r"train_set wants images \(3, 32, 32\).*, but got \(3, 16, 16\)."),
        ((TRAIN_SET, MANY), ValueError, "test_set wants labels from 0 to 9, as SimpleCNN.* 10 outputs, but got 11."),
    ],
)
def test_sets_that_cannot_be_used_are_refused_with_a_sentence(sets, error, sentence):
    with pytest.raises(error, match=sentence):
        TrainingExplorer(*sets)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", 0), ("lr", 0.002), ("lr", "0.001"), ("lr", float("nan")), ("batch_size", 100), ("batch_size", True),
     ("epochs", 0), ("epochs", 11), ("epochs", 1.5), ("conv_channels", 33), ("kernel_size", 8)],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_and_nothing_moves(name, value):
    explorer = explorer_of()
    before = repr(explorer)
    with pytest.raises((TypeError, ValueError), match=f"{name} wants "):
        setattr(explorer, name, value)
    assert repr(explorer) == before
    with pytest.raises((TypeError, ValueError)):
        explorer_of(**{name: value})


# -- the page ---------------------------------------------------------------------------------------------------

DRAWN = """() => Object.fromEntries([...document.querySelectorAll("[data-chart]")].map((chart) => {
  const number = (text, name) => Number(text.getAttribute(name));
  const axis = (name, place) =>
    [...chart.querySelectorAll(`[data-${name}]`)].map((text) => [number(text, `data-${name}`), number(text, place)]);
  const curves = [...chart.querySelectorAll("path[data-run]")].map((path) => path.getAttribute("d"));
  return [chart.dataset.chart, { x: axis("x", "x"), y: axis("y", "y"), curves }];
}))"""


def values_of(chart):
    """The curves of a chart as [(epoch, value), …], read off its own axes."""

    def scale(marks, offset=0):
        (low, low_at), (high, high_at) = marks[0], marks[-1]
        return lambda place: low + (place - low_at + offset) / (high_at - low_at) * (high - low)

    across, up = scale(chart["x"]), scale(chart["y"], offset=4)  # a number stands 4 pixels below its line
    points = [re.findall(r"[ML](-?[\d.e+]+),(-?[\d.e+]+)", curve) for curve in chart["curves"]]
    return [[(across(float(x)), up(float(y))) for x, y in curve] for curve in points]


def hold(page, explorer):
    """The curves drawn are the runs' numbers."""
    drawn = page.evaluate(DRAWN)
    losses, accuracies = values_of(drawn["loss"]), values_of(drawn["accuracy"])
    for run, loss, accuracy in zip(explorer.runs, losses, accuracies, strict=True):
        expected = [(step / run.steps, value) for step, value in run.losses]
        assert [point[0] for point in loss] == pytest.approx([point[0] for point in expected], abs=0.01)
        # Hundredths of a pixel; of a loss far above the plot, the same part of it, up to a hundred times the plot.
        losses_drawn = [min(value, 150 * math.log(10)) for _, value in expected]
        assert [point[1] for point in loss] == pytest.approx(losses_drawn, abs=2e-3, rel=1e-3)
        expected = list(enumerate(run.history.test_accuracy, start=1))
        assert [point[0] for point in accuracy] == pytest.approx([point[0] for point in expected], abs=0.01)
        assert [point[1] for point in accuracy] == pytest.approx([point[1] for point in expected], abs=1e-3)


def test_the_curves_of_all_runs_are_drawn_over_one_another_and_stay_readable(stand):
    explorer = explorer_of()
    trained(explorer)
    trained(explorer, lr=0.1, epochs=4)  # its loss goes far above the others
    trained(explorer, lr=0.0003, batch_size=8, kernel_size=5, epochs=3)
    page = stand(explorer)
    hold(page, explorer)
    assert page.locator(".cs-run").count() == 3
    assert max(value for value, _ in page.evaluate(DRAWN)["loss"]["y"]) == 3
    newest = page.locator(".cs-run").first.text_content()
    last = explorer.runs[-1]
    assert newest == (
        "run 3lr 0.0003 · batch 8 · 3 epochs · 4 channels · kernel 5"
        f"training loss {last.losses[-1][1]:.3f} · accuracy {100 * last.history.test_accuracy[-1]:.1f} % · "
        "75 steps"
    )
    assert "The loss rose to" in page.locator(".cs-run").nth(1).text_content()
    strokes = page.locator("[data-chart=loss] path[data-run]").evaluate_all(
        "(paths) => paths.map((path) => path.getAttribute('class') + path.getAttribute('stroke-dasharray'))"
    )
    assert len(set(strokes)) == 3
    assert page.problems == []


def test_runs_that_collapsed_and_diverged_in_the_same_step_are_both_named_and_each_word_once(stand):
    explorer = explorer_of(epochs=1)
    run = trained(explorer)
    explorer.clear()
    ends = [run.drawn() | {"state": state} for state in ("collapsed", "diverged", "diverged", "collapsed", "finished")]
    explorer.view.runs = [end | {"losses": [[1, 2.4], [2, 999.0], [3, 2.3]]} for end in ends]
    page = stand(explorer)
    assert page.locator(".cs-broke").count() == 4
    names = page.locator(".cs-broke-name")
    assert names.all_text_contents() == ["collapsed", "diverged"]
    first, second = (name.bounding_box() for name in names.all())
    size = names.first.evaluate("(name) => parseFloat(getComputedStyle(name).fontSize)")
    assert second["y"] - first["y"] >= size  # the letters do not touch; a box has air above and below them
    assert page.problems == []


def test_before_the_first_run_the_loss_of_guessing_is_marked(stand):
    page = stand(explorer_of())
    assert page.get_by_text("guessing: 2.30").is_visible()
    assert page.get_by_text("Press Train: the curves appear here.").is_visible()
    assert page.get_by_text("accuracy on 60 other pictures").is_visible()
    line = page.locator("[data-chart=loss] .cs-guess")
    top = float(line.get_attribute("y1"))
    (low, low_at), (high, high_at) = (page.evaluate(DRAWN)["loss"]["y"][n] for n in (0, -1))
    assert low + (top + 4 - low_at) / (high_at - low_at) * (high - low) == pytest.approx(math.log(10), abs=1e-3)
    assert page.locator(".cs-device").text_content() == "{}: {}".format(*pick_device())


def test_the_maps_lie_on_the_pages_own_colour(stand):
    seen = stand(explorer_of()).locator(".cs-seen:visible")
    assert seen.count() == 4  # conv_channels
    for tile in seen.all():
        assert tile.evaluate("(tile) => getComputedStyle(tile).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_a_run_under_way_grows_on_the_page(stand):
    explorer = explorer_of()
    run = trained(explorer)
    page = stand(explorer_of())
    for points in (0, 1, 5):
        part = run.drawn() | {"state": "running", "test_accuracy": [], "losses": run.losses[:points], "loss": []}
        part |= {"progress": f"epoch 1 of 2 · {points} images/s", "step": points}
        page.evaluate("(part) => window.view.set('current', part)", part)
        (curve,) = values_of(page.evaluate(DRAWN)["loss"])
        assert len(curve) == points
        assert page.locator(".cs-readout").text_content() == part["progress"]
    assert page.locator(".cs-run-numbers").text_content().endswith("5 steps so far")
    assert page.locator(".cs-latest").text_content() == f"{run.losses[4][1]:.3f}"
    assert page.problems == []


# -- what the network sees after each epoch -----------------------------------------------------------------------

LOOK = """() => ({
  told: document.querySelector(".cs-epoch output").textContent,
  verdict: document.querySelector(".cs-epochs .cs-note").textContent,
  spoken: document.querySelector(".cs-epoch input").getAttribute("aria-valuetext"),
  title: document.querySelector(".cs-kernels .cs-title").textContent,
  scores: [...document.querySelectorAll(".cs-score")].map((row) => row.textContent),
  bars: [...document.querySelectorAll(".cs-score-bar span")].map((bar) =>
    ["left", "width"].map((side) => parseFloat(bar.style[side])),
  ),
  highest: document.querySelector(".cs-score-highest .cs-score-name").textContent,
  right: document.querySelector(".cs-score-right .cs-score-name").textContent,
  looked: [...document.querySelectorAll(".cs-looked")].map((line) => Number(line.getAttribute("x1"))),
  planes: [...document.querySelectorAll(".cs-epochs .cs-plane")]
    .filter((plane) => plane.checkVisibility({ visibilityProperty: true }))
    .map((plane) => plane.getContext("2d").getImageData(0, 0, plane.width, plane.width).data)
    .map((bytes) => btoa(String.fromCharCode(...bytes))),
})"""


def states_of(explorer):
    """The network before the first epoch and after each, by train() alone."""
    torch.manual_seed(0)
    model = SimpleCNN(conv_channels=explorer.conv_channels, kernel_size=explorer.kernel_size)
    states = [copy.deepcopy(model)]
    options = {"epochs": explorer.epochs, "batch_size": explorer.batch_size, "lr": explorer.lr, "progress": False}
    train(model, TRAIN_SET, TEST_SET, **options, after_epoch=lambda _: states.append(copy.deepcopy(model)))
    return states


def hold_look(seen, models, epoch, run=1):
    """What is drawn is what torch computes with the network after this epoch, from the first test picture."""
    image, label = TEST_SET[0]
    with torch.no_grad():
        scores = models[epoch](image[None])[0]
    assert seen["scores"] == [
        f"{n}{s:.2f}".replace("-", "−") for n, s in zip(TEST_SET.classes, scores.tolist(), strict=True)
    ]
    best = TEST_SET.classes[scores.argmax()]
    assert (seen["highest"], seen["right"]) == (best, TEST_SET.classes[label])
    verdict = "right" if scores.argmax() == label else f"wrong, the class is {TEST_SET.classes[label]}"
    assert seen["verdict"] == f"It says {best}: {verdict}."
    assert seen["told"] == (f"run {run}, " if run else "") + (f"after epoch {epoch}" if epoch else "untrained")
    assert seen["spoken"] == f"{seen['told']}: {seen['verdict']}"
    with torch.no_grad():
        told = torch.cat([model(image[None])[0] for model in models])
    low, high = min(0, told.min().item()), max(0, told.max().item())
    for score, (left, width) in zip(scores.tolist(), seen["bars"], strict=True):
        ends = [100 * (end - low) / (high - low) for end in sorted([0, score])]
        assert [left, left + width] == pytest.approx(ends, abs=0.01)
    hold_planes(seen, models, epoch, TEST_SET)


def hold_planes(seen, models, epoch, test_set, slack=0, picture=0):
    """The picture, the kernels and their maps; of these, colours of 0 to 255 may differ by as much as `slack`."""
    image, _ = test_set[picture]
    with torch.no_grad():
        every_map = torch.stack([torch.relu(model.conv1(image[None]))[0, :18] for model in models])
    kernels = torch.stack([model.conv1.weight.detach()[:18] for model in models])
    planes = [torch.tensor(list(base64.b64decode(plane))) for plane in seen["planes"]]
    pixels, *tiles = [plane.view(math.isqrt(len(plane) // 4), -1, 4) for plane in planes]
    assert torch.equal(pixels[:, :, :3], test_set.images[picture].permute(1, 2, 0).long())
    assert len(tiles) == 2 * len(kernels[0])
    for n, (kernel, drawn) in enumerate(zip(tiles[::2], tiles[1::2], strict=True)):
        colours = 127.5 + 127.5 * kernels[epoch, n].permute(1, 2, 0) / kernels[:, n].abs().max()
        assert (kernel[:, :, :3] - colours).abs().max() <= 0.51 + slack
        strongest = every_map[:, n].max()
        alpha = 255 * every_map[epoch, n] / strongest if strongest else every_map[epoch, n]
        assert (drawn[:, :, 3] - alpha).abs().max() <= 0.52 + slack


def test_another_picture_can_be_looked_at_and_one_that_is_not_there_is_refused():
    explorer = explorer_of(picture=5)
    assert base64.b64decode(explorer.view.picture["bytes"]) == TEST_SET.images[5].numpy().tobytes()
    assert explorer.view.picture["label"] == TEST_SET.classes[TEST_SET.labels[5]]
    trained(explorer)
    for model, seen in zip(states_of(explorer), explorer.view.looks, strict=True):
        with torch.no_grad():
            assert seen["scores"] == pytest.approx(model(TEST_SET[5][0][None])[0].tolist())
    with pytest.raises(ValueError, match=f"picture wants a whole number from 0 to {len(TEST_SET) - 1}, but got 60"):
        explorer_of(picture=60)


@pytest.mark.parametrize("settings", [{}, {"conv_channels": 20, "kernel_size": 6, "lr": 0.01}])
def test_each_epoch_can_be_looked_at_and_is_what_torch_computes(stand, settings):
    explorer = explorer_of(**settings)
    trained(explorer)
    models = states_of(explorer)
    page = stand(explorer)
    scrubber = page.get_by_label("what it sees")
    charts = page.evaluate(DRAWN).values()
    places = list(zip(*([left for _, left in chart["x"]] for chart in charts), strict=True))
    for epoch in reversed(range(explorer.epochs + 1)):
        seen = page.evaluate(LOOK)
        hold_look(seen, models, epoch)
        assert seen["looked"] == pytest.approx(places[epoch], abs=0.01)
        scrubber.press("ArrowLeft")
    shown = "18 of 20 filters 6 × 6" if settings else "4 filters 3 × 3"
    assert seen["title"] == f"{shown} and their maps"
    scrubber.press("End")
    hold_look(page.evaluate(LOOK), models, explorer.epochs)
    assert page.problems == []


def test_looks_come_with_each_epoch_are_small_and_those_of_the_latest_run_stay(stand, monkeypatch):
    for seconds in ("SHOWN_EVERY", "BREATH"):  # the page is told of each step
        monkeypatch.setattr(f"helpers.explorers.training.{seconds}", 0)

    async def follow():
        explorer, counts = explorer_of(epochs=3, batch_size=8), set()
        running = asyncio.ensure_future(explorer.train())
        while not running.done():
            counts.add(len(explorer.view.looks))
            await asyncio.sleep(0)
        return explorer, counts

    explorer, counts = run_async(follow())
    assert counts | {len(explorer.view.looks)} == {1, 2, 3, 4}
    assert explorer.view.looks == explorer.runs[0].looks
    page = stand(explorer)
    assert page.evaluate(LOOK)["told"] == "run 1, after epoch 3"
    page.get_by_label("what it sees").press("ArrowLeft")
    page.evaluate(
        "(looks) => window.view.set('looks', looks)", explorer.view.looks
    )  # drawn again: what was chosen stays
    assert page.evaluate(LOOK)["told"] == "run 1, after epoch 2"
    second = trained(explorer, epochs=3, batch_size=128, conv_channels=18)
    assert explorer.view.looks == second.looks
    assert max(len(json.dumps(look)) for look in second.looks) < 4_000
    for looks in (second.looks[:1], second.looks):  # another run: the newest is shown again
        page.evaluate("(looks) => window.view.set('looks', looks)", looks)
    assert page.evaluate(LOOK)["told"].endswith("after epoch 3")
    assert page.problems == []


def test_before_the_first_run_the_untrained_network_is_seen_and_follows_the_sliders(stand):
    explorer = explorer_of()
    page = stand(explorer)

    def hold_untrained():
        page.evaluate("(looks) => window.view.set('looks', looks)", explorer.view.looks)
        torch.manual_seed(0)
        model = SimpleCNN(conv_channels=explorer.conv_channels, kernel_size=explorer.kernel_size)
        hold_look(page.evaluate(LOOK), [model], 0, run=None)
        assert page.get_by_label("what it sees").is_disabled()
        assert page.locator(".cs-looked").first.get_attribute("visibility") == "hidden"

    hold_untrained()
    for name, value in (("conv_channels", 20), ("kernel_size", 6), ("conv_channels", 1)):
        setattr(explorer, name, value)
        hold_untrained()
    trained(explorer)
    explorer.kernel_size = 2  # for the next run: the latest one is still there to be seen
    assert explorer.view.looks == explorer.runs[0].looks
    explorer.clear()
    hold_untrained()
    assert page.problems == []


def test_looking_ahead_waits_for_the_cell_that_runs_and_leaves_torchs_random_numbers_alone():
    async def beside_a_cell():
        explorer = explorer_of()
        shown = lambda: [look["shape"] for look in explorer.view.looks]  # noqa: E731
        torch.manual_seed(7)
        elsewhere(setattr, explorer, "kernel_size", 5)  # as ipykernel 7 does; this cell goes on
        assert shown() == [[4, 3, 3, 3]]
        drawn = torch.rand(3)
        await until(lambda: shown() == [[4, 3, 5, 5]])
        explorer.kernel_size = 2
        assert shown() == [[4, 3, 2, 2]]
        return torch.cat([drawn, torch.rand(3)])

    drawn = run_async(beside_a_cell())
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(6))


def test_a_network_that_is_no_number_any_more_is_not_looked_at(stand, monkeypatch):
    explorer = explorer_of()

    def spoiled(model, images, *_):
        with torch.no_grad():
            model.conv1.weight.fill_(math.nan)
        return torch.zeros(len(images), 10), torch.zeros(())

    monkeypatch.setattr("helpers.training.loop.train_step", spoiled)
    run = trained(explorer, epochs=1)
    assert len(run.looks) == 1
    page = stand(explorer)
    assert page.evaluate(LOOK)["told"] == "run 1, untrained"
    assert page.problems == []


def test_hovering_and_the_arrow_keys_tell_a_points_numbers(stand):
    explorer = explorer_of()
    first = trained(explorer)
    page = stand(explorer)
    told = lambda: page.locator(".cs-readout").text_content()  # noqa: E731
    marker = page.locator("[data-chart=accuracy] .cs-marker").first
    marker.hover(force=True)
    accuracy = f"{100 * first.history.test_accuracy[0]:.1f} %"
    assert told() == f"run 1, after epoch 1, step 7: accuracy {accuracy}"
    assert page.locator("[data-chart=accuracy] .cs-ring").get_attribute("visibility") == "visible"
    figure = page.locator(".cs-figure")
    figure.press("ArrowLeft")  # the last point of the loss
    assert told() == f"run 1, epoch 2.00, step 14: training loss {first.losses[-1][1]:.3f}"
    figure.press("ArrowLeft")
    assert told() == f"run 1, epoch 1.86, step 13: training loss {first.losses[-2][1]:.3f}"
    figure.press("ArrowDown")
    assert told().startswith("run 1, after epoch 2")
    figure.press("Escape")
    assert told().startswith("Hover a curve")
    assert page.locator("[data-chart=accuracy] .cs-ring").get_attribute("visibility") == "hidden"
    assert page.problems == []


def test_a_screen_reader_is_told_how_the_latest_run_ended(stand):
    explorer = explorer_of(epochs=1)
    run = trained(explorer)
    page = stand(explorer)
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    assert page.locator("[aria-live]").text_content() == (
        "run 1. lr 0.001 · batch 32 · 1 epoch · 4 channels · kernel 3. "
        f"training loss {run.losses[-1][1]:.3f} · accuracy {100 * run.history.test_accuracy[-1]:.1f} % · 7 steps"
        " · mean loss of its last epoch: no better than guessing"
    )


def test_nothing_is_cut_off_or_smaller_than_12_pixels_with_many_runs(stand):
    explorer = explorer_of(batch_size=128, epochs=10)
    for lr in (0.0001, 0.1, 1.0):
        trained(explorer, lr=lr)
    page = stand(explorer)
    for width in (360, 700, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("(width) => Math.abs(here.firstChild.offsetWidth - width) < 40", arg=width)
        page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        wide, small = page.evaluate(
            """() => {
              const seen = [...document.querySelectorAll(".cs-explorer *")].filter((e) => e.checkVisibility());
              const wide = seen.filter((e) => e.getBoundingClientRect().right > innerWidth && !e.closest(".cs-spoken"));
              const told = seen.filter((e) => e.textContent);
              const small = told.filter((e) => parseFloat(getComputedStyle(e).fontSize) < 12);
              return [wide.map((e) => e.outerHTML), small.map((e) => e.outerHTML)];
            }"""
        )
        assert (wide, small) == ([], []), width


def test_a_screen_reader_is_told_the_point_that_the_arrow_keys_reach(stand):
    explorer = explorer_of(epochs=1)
    run = trained(explorer)
    page = stand(explorer)
    page.locator(".cs-figure").press("ArrowLeft")
    told = "() => document.querySelector('.cs-spoken').textContent.startsWith('run 1,')"
    page.wait_for_function(told)
    assert page.locator(".cs-spoken").text_content() == page.locator(".cs-readout").text_content()
    assert f"{100 * run.history.test_accuracy[-1]:.1f} %" in page.locator(".cs-spoken").text_content()


def test_a_button_pressed_after_its_loop_was_closed_says_so_and_stays_usable():
    async def make():
        return explorer_of()

    explorer = run_async(make())
    explorer.train_button.click()
    assert "no event loop" in explorer.view.message
    assert not explorer.train_button.disabled
