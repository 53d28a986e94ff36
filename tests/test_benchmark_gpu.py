"""The GPU's part of the benchmark: what it writes and tells, and what of it runs without a GPU."""

import contextlib
import json
import types

import benchmark_gpu as gpu
import benchmark_training as benchmark
import fake_cuda
import pytest
import torch
from torch.autograd import DeviceType

from helpers.data import load_shapes
from helpers.model import FastCNN
from helpers.speed import Times
from helpers.training.devices import HELPS
from helpers.training.loop import Loop

OF_A_ROW = {
    "name", "batch_size", "pictures_per_second", "min", "max", "n", "ratio", "share_of_floor", "memory",
    "seconds_to_start",
}  # fmt: skip
OF_THE_FLOOR = {
    "name", "batch_size", "pictures_per_second", "ratio", "seconds", "seconds_to_move", "seconds_to_multiply",
    "bandwidth", "rate",
}  # fmt: skip


def check(results):
    """Is every field there, and does each number fit the others?"""
    by_size = {}
    for row in results["rows"]:
        by_size.setdefault(row["batch_size"], {})[row["name"]] = row
    for rows in by_size.values():
        least, usual = rows[gpu.FLOOR], rows.get(gpu.TUTORIAL)
        assert least.keys() == OF_THE_FLOOR
        for row in rows.values():
            if row is not least:
                assert row.keys() == OF_A_ROW
                share = row["pictures_per_second"] / least["pictures_per_second"]
                assert row["share_of_floor"] == pytest.approx(share)
            ratio = usual and row["pictures_per_second"] / usual["pictures_per_second"]
            assert row["ratio"] == (ratio if ratio is None else pytest.approx(ratio))
    kernels = results["kernels"]
    assert sum(row["microseconds"] for row in kernels["rows"]) <= kernels["microseconds"]
    for row in results["accuracies"]:
        assert row.keys() == {"name", "batch_size", "seed", "epochs", "seconds", "accuracy"}
        assert len(row["seconds"]) == len(row["accuracy"])
        assert 0 <= row["accuracy"][-1] <= 1


def test_the_committed_file_says_what_it_is_and_its_numbers_fit_each_other():
    results = json.loads((benchmark.MEASURED / "training-cuda.json").read_text("utf-8"))
    check(results)
    assert results["by"].startswith("Recorded by hand") or results["by"] == "Measured by `make bench`"
    assert results["hardware"]["gpu"]
    assert {row["batch_size"] for row in results["rows"]} >= {128, 512}


RESULTS = {
    "by": "By hand", "date": "2026-11-28", "hardware": {"cpu": None, "cores": 16, "threads": None, "gpu": "A GPU"},
    "torch": "2.11", "python": "3.12", "device": "cuda", "data": "shapes", "pictures": 50_000,
    "rows": [
        {"name": gpu.TUTORIAL, "batch_size": 512, "pictures_per_second": 5000, "ratio": 1.0, "share_of_floor": 0.0011,
         "seconds_to_start": 3.14, "n": 2},
        {"name": "broken", "batch_size": 512, "failed": "ImportError: no Triton"},
        {"name": "fast", "batch_size": 512, "pictures_per_second": 800_000, "ratio": 160.0, "share_of_floor": 0.19,
         "seconds_to_start": 0.04, "n": 9},
        {"name": gpu.FLOOR, "batch_size": 512, "pictures_per_second": 4_000_000, "ratio": None},
    ],
    "kernels": {"name": "fast", "batch_size": 512, "microseconds": 590.2,
                "rows": [{"name": "a", "microseconds": 400.4}, {"name": "b", "microseconds": 100}]},
    "accuracies": [
        {"name": "fast", "batch_size": 512, "seed": seed, "epochs": 8, "seconds": [0.5], "accuracy": [0.3, right]}
        for seed, right in enumerate((0.61, 0.6249))
    ],
}  # fmt: skip


def test_it_is_told_in_tables():
    by = "; where no format is named, conv1 multiplies in tf32, all else in float32.*"
    assert benchmark.recorded(RESULTS | {"tf32": True}).splitlines()[0].endswith(f", medians{by}")
    assert benchmark.recorded(RESULTS).replace("\N{NO-BREAK SPACE}", " ").splitlines() == [
        "*By hand: A GPU, 16 cores, torch 2.11, Python 3.12, 2026-11-28; shapes, 50,000 pictures an epoch, medians.*",
        "",
        "| batch | loop | pictures/s | an epoch | to start | × tutorial's | of the floor | n |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
        "| 512 | tutorial's loop | 5,000 | 10.0 s | 3.1 s | 1.0 | 0.1 % | 2 |",
        "| 512 | broken | ImportError: no Triton | | | | | |",
        "| 512 | fast | 800,000 | 62.5 ms | 40.0 ms | 160 | 19 % | 9 |",
        "| 512 | the floor | 4,000,000 | 12.5 ms |  |  | 100 % |  |",
        "",
        "| fast, batch 512 | µs |",
        "|---|---:|",
        "| a | 400 |",
        "| b | 100 |",
        "| all others | 90 |",
        "| together | 590 |",
        "",
        "| batch | loop | epochs | test accuracy of each seed |",
        "|---:|---|---:|---|",
        "| 512 | fast | 8 | 0.610 · 0.625 |",
    ]


def test_the_plain_loop_trains():
    train_set, _ = load_shapes(64, 1)
    torch.manual_seed(0)
    model = FastCNN()
    optimizer = torch.optim.Adam(model.parameters())
    losses = [gpu.plain_epoch(model, train_set, 32, optimizer) for _ in range(3)]
    assert losses[2] < losses[0] < 3
    plain = next(candidate for candidate in gpu.CANDIDATES if candidate.loop == "plain")
    assert benchmark.prepared(plain, benchmark.Plan(pictures=64, batch_size=32))() < 3


@pytest.mark.parametrize(("kind", "fused"), [("plain", None), ("fused", True)])
def test_a_plain_adam_is_that_of_somebody_who_says_nothing(kind, fused):
    assert gpu.adam_of(FastCNN(), kind).defaults["fused"] is fused


LEAST = {"seconds": 0.001, "seconds_to_move": 0.001, "seconds_to_multiply": 0.0, "bandwidth": 1e12, "rate": 1e13}


def test_each_way_has_its_row_and_one_that_failed_says_so(monkeypatch):
    ways = [gpu.CANDIDATES[0], gpu.CANDIDATES[5], gpu.CANDIDATES[-1]]
    found = {
        gpu.TUTORIAL: (Times([9.0, 10.0, 12.0]), 100, "", 13.0),
        gpu.NO_GRAPH: (Times([0.3, 0.25, 0.2]), 200, "", 0.24),
        gpu.KERNEL: (Times([0.1]), None, "ImportError: no Triton", None),
    }
    monkeypatch.setattr(gpu, "timed", lambda candidates, plan, repeats: found if candidates == ways else {})
    monkeypatch.setattr(gpu, "CANDIDATES", ways)
    monkeypatch.setattr(gpu, "floor_of", lambda plan: LEAST)
    rows = gpu.speeds(benchmark.Plan(pictures=1000, batch_size=32), 3)
    assert [row["name"] for row in rows] == [gpu.TUTORIAL, gpu.NO_GRAPH, gpu.KERNEL, gpu.FLOOR]
    assert rows.pop(2) == {"name": gpu.KERNEL, "batch_size": 32, "failed": "ImportError: no Triton"}
    assert [row["seconds_to_start"] for row in rows[:2]] == [3.0, 0.0]
    assert rows[1]["ratio"] == 40
    check({"rows": rows, "kernels": {"rows": [], "microseconds": 0}, "accuracies": []})


def test_without_the_tutorials_loop_there_is_nothing_to_compare_with(monkeypatch):
    monkeypatch.setattr(gpu, "timed", lambda *given: {gpu.TUTORIAL: (Times([1.0]), None, "its process ended", None)})
    monkeypatch.setattr(gpu, "floor_of", lambda plan: LEAST)
    with pytest.raises(SystemExit, match="tutorial's loop failed: its process ended"):
        gpu.speeds(benchmark.Plan(), 1)


# -- with captured steps that a CPU replays; with the kernel in Triton's interpreter -------------------


def test_an_epoch_of_train_goes_on_with_what_was_captured(monkeypatch):
    fake_cuda.install(monkeypatch)
    monkeypatch.setitem(HELPS["cpu"], "graph", True)
    plan, train_set = benchmark.Plan(pictures=64, batch_size=16), load_shapes(64, 1)[0]
    candidate = next(each for each in gpu.CANDIDATES if each.name == gpu.OURS)
    made = []
    monkeypatch.setattr(gpu, "Loop", lambda *given, **how: made.append(Loop(*given, **how)) or made[-1])
    epoch = gpu.prepared(candidate, plan, train_set, FastCNN())
    assert not made  # the first epoch has all that comes before its first step
    for _ in range(3):
        epoch()
    assert len(made) == 1
    assert fake_cuda.replays() == [9]  # of 12 steps, all but the first three


def test_accuracy_is_measured_for_each_way(monkeypatch):
    pytest.importorskip("triton", reason="Triton is for Linux")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import helpers.kernel_adam
    monkeypatch.setattr(helpers.kernel_adam, "BLOCK", 2**19)  # one program for each tensor: the interpreter is slow
    switched = []
    monkeypatch.setattr(gpu, "switched", lambda device, graph: switched.append(graph) or contextlib.nullcontext())
    rows = gpu.accuracies(*load_shapes(3, 2), 2, "cpu", epochs=2, seeds=1)
    assert [row["name"] for row in rows] == [gpu.TUTORIAL, gpu.NO_GRAPH, gpu.OURS, gpu.KERNELS]
    assert all(len(row["seconds"]) == len(row["accuracy"]) == 2 for row in rows)
    assert all(row["seconds"][0] < row["seconds"][1] for row in rows)
    assert switched == [False, True, True]


def test_helps_is_switched_for_a_while():
    before = dict(HELPS["cuda"])
    with contextlib.suppress(KeyError), benchmark.switched("cuda", graph=True, fused=True):
        assert HELPS["cuda"] == before | {"graph": True, "fused": True}
        raise KeyError
    assert HELPS["cuda"] == before


def test_the_kernels_of_a_captured_step_that_take_longest_come_first_and_each_counts_once(monkeypatch):
    fake_cuda.install(monkeypatch)
    here, there = DeviceType.CPU, DeviceType.CUDA
    took = [("small", there, 20), ("aten::relu", here, 160), ("a|b", there, 60), ("large", there, 100)]
    took.append(("Optimizer.step#Adam.step", there, 180))
    events = [
        types.SimpleNamespace(key=key, device_type=device, self_device_time_total=time, is_user_annotation="#" in key)
        for key, device, time in took
    ]
    seen = types.SimpleNamespace(key_averages=lambda: events)
    monkeypatch.setattr(gpu, "profile", lambda activities: contextlib.nullcontext(seen))
    found = gpu.kernels(benchmark.Plan(batch_size=4), steps=4, most=2)
    assert fake_cuda.replays() == [5]  # of two epochs of four steps
    assert not HELPS["cpu"]["graph"]
    assert found["rows"] == [{"name": "large", "microseconds": 25}, {"name": "a b", "microseconds": 15}]
    assert (found["microseconds"], found["batch_size"]) == (45, 4)


@pytest.mark.parametrize(("capability", "tf32"), [((7, 5), False), ((9, 0), True)])
def test_on_a_gpu_the_file_has_what_a_gpu_is_measured_by(monkeypatch, capability, tf32):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(gpu, "speeds", lambda plan, repeats: [f"{plan.batch_size}, {repeats} times"])
    monkeypatch.setattr(gpu, "kernels", lambda plan: f"of {plan.batch_size}")
    monkeypatch.setattr(gpu, "accuracies", lambda train_set, test_set, size, device: [len(train_set), size, device])
    monkeypatch.setattr(benchmark, "largest_difference", lambda *given: 1e-6)
    results = benchmark.measured(benchmark.Plan(pictures=2600, device="cuda"), [128, 512], 7)
    assert (results["by"], results["tf32"]) == ("Measured by `make bench`", tf32)
    assert (results["rows"], results["kernels"]) == (["128, 7 times", "512, 7 times"], "of 512")
    assert results["accuracies"] == [2600, 512, "cuda"]
    assert results["difference_of_losses"] == 1e-6
