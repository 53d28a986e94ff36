"""The GPU's part of the benchmark: what it writes and tells, and what of it runs without a GPU."""

import json

import benchmark_gpu as gpu
import benchmark_training as benchmark
import pytest
import torch

from helpers.data import load_shapes
from helpers.model import FastCNN

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
    model = FastCNN()
    optimizer = torch.optim.Adam(model.parameters())
    losses = [gpu.plain_epoch(model, train_set, 32, optimizer) for _ in range(3)]
    assert losses[2] < losses[0] < 2.5


def test_a_tiny_run_has_a_row_of_each_way_and_the_floors():
    plan = benchmark.Plan(pictures=70, batch_size=32)
    broken = benchmark.Candidate("broken", "plain", network="NoSuchCNN")
    ways = [gpu.CANDIDATES[0], gpu.CANDIDATES[3], benchmark.Candidate(gpu.NO_GRAPH, graph=False), broken]
    rows = gpu.speeds(plan, 2, ways)
    assert [row["name"] for row in rows] == [*(way.name for way in ways), gpu.FLOOR]
    assert "NoSuchCNN" in rows.pop(3)["failed"]
    check({"rows": rows, "kernels": {"rows": [], "microseconds": 0}, "accuracies": []})
    assert all(row["n"] == 2 for row in rows[:-1])
