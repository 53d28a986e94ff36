import json
import multiprocessing
import os

import benchmark_training as benchmark
import pytest
import torch
import torch.nn.functional as F
import tutorial_loop as tutorial

from helpers.data import load_shapes
from helpers.model import SimpleCNN


@pytest.fixture(scope="module")
def train_set():
    return load_shapes(96, 1)[0]


def said(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# -- the tutorial's loop computes what ours does -------------------------------------------------------


def test_the_tutorials_pictures_are_those_of_the_set(train_set):
    pictures = tutorial.Pictures(train_set)
    assert len(pictures) == len(train_set)
    for i in range(len(train_set)):
        (image, label), (same, same_label) = pictures[i], train_set[i]
        assert label == same_label
        torch.testing.assert_close(image, same, rtol=1e-6, atol=1e-6)  # (b/255 − m)/s and (b − 255m)/255s
    pictures.transform = tutorial.ToTensor()
    assert all(torch.equal((pictures[i][0] * 255).round().byte(), train_set.images[i]) for i in range(96))


def test_a_colour_that_never_varies_is_refused_as_torchvision_does():
    with pytest.raises(ValueError, match="std evaluated to zero") as error:
        tutorial.Normalize((0.5, 0.5, 0.5), (0.5, 0, 0.5))(torch.ones(3, 2, 2))
    assert "torch.float32" in said(error)


def test_normalize_leaves_what_it_is_given():
    image = torch.ones(3, 2, 2)
    assert tutorial.Normalize((0.5,) * 3, (0.5,) * 3)(image).eq(1).all()
    tutorial.Normalize((0.2,) * 3, (0.5,) * 3)(image)
    assert image.eq(1).all()


def plain_losses(train_set, order, batch_size):
    """The same training in the fewest words."""
    torch.manual_seed(0)
    model, losses = SimpleCNN(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for some in order.split(batch_size):
        images = torch.stack([train_set[i][0] for i in some.tolist()])
        loss = F.cross_entropy(model(images), train_set.labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("data", [tutorial.Pictures, tutorial.tensors])
def test_the_tutorials_losses_are_those_of_a_plain_loop(train_set, data):
    order = torch.randperm(len(train_set), generator=torch.Generator().manual_seed(3))
    torch.manual_seed(0)
    model = SimpleCNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = tutorial.loader(data(train_set), 32, order=order.tolist())
    losses = plain_losses(train_set, order, 32)
    assert tutorial.train_epoch(model, batches, optimizer) == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_train_and_the_tutorials_loop_give_the_same_losses_where_nothing_rounds_to_tf32(train_set, monkeypatch):
    allowed, train_epoch = [], tutorial.train_epoch
    tf32 = torch.backends.cudnn

    def noting(*given):
        allowed.append(tf32.allow_tf32)
        return train_epoch(*given)

    monkeypatch.setattr(tutorial, "train_epoch", noting)
    monkeypatch.setattr(tf32, "allow_tf32", True)
    assert benchmark.largest_difference(train_set, 32) < 1e-5
    assert allowed == [False] * 3
    assert tf32.allow_tf32


def test_workers_bring_the_same_pictures(train_set):
    pictures = tutorial.Pictures(train_set)
    alone, helped = (tutorial.loader(pictures, 48, workers, range(96)) for workers in (0, 1))
    for one, other in zip(alone, helped, strict=True):
        assert all(map(torch.equal, one, other))


# -- a run ---------------------------------------------------------------------------------------------

FIELDS = {
    "date", "hardware", "torch", "python", "device", "data", "pictures", "rows", "switches", "difference_of_losses",
    "accuracies",
}  # fmt: skip
OF_A_ROW = {"name", "batch_size", "pictures_per_second", "min", "max", "n", "ratio", "share_of_floor", "memory"}
OF_THE_FLOOR = {
    "name", "batch_size", "pictures_per_second", "ratio", "seconds", "seconds_to_move", "seconds_to_multiply",
    "bandwidth", "rate",
}  # fmt: skip


def check(results, sizes):
    """Is every field there, and does each number fit the others?"""
    assert results.keys() == FIELDS
    assert results["hardware"].keys() == {"cpu", "cores", "threads", "gpu"}
    floors = {row["batch_size"]: row for row in results["rows"] if row["name"] == benchmark.FLOOR}
    assert list(floors) == sizes
    for row in results["rows"]:
        least = floors[row["batch_size"]]
        if row is least:
            assert row.keys() == OF_THE_FLOOR
            assert row["seconds"] == pytest.approx(max(row["seconds_to_move"], row["seconds_to_multiply"]))
            continue
        assert row.keys() == OF_A_ROW
        assert row["min"] <= row["pictures_per_second"] <= row["max"]
        share = row["pictures_per_second"] / least["pictures_per_second"]
        assert row["share_of_floor"] == pytest.approx(share)
        assert row["memory"] > 1e6
    for row in results["switches"]:
        if "failed" not in row:
            speeds = row["with"]["pictures_per_second"], row["without"]["pictures_per_second"]
            assert row["ratio"] == pytest.approx(speeds[0] / speeds[1])


@pytest.fixture
def quick_start(monkeypatch):
    """Processes begin as copies of one that has imported torch: each for itself would take seconds."""
    multiprocessing.set_forkserver_preload(["torch._dynamo"])
    monkeypatch.setattr(benchmark, "START", "forkserver")


class Asking:
    """A pipe's end for `serve`: asks for two epochs, and notes what was answered, and what there was at the time."""

    def __init__(self):
        self.answers, self.caches, self.asked = [], [], iter(["epoch", "epoch", "end"])

    def send(self, answer):
        self.answers.append(answer)
        self.caches.append([os.environ[name] for name in ("TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")])
        assert all(map(os.path.isdir, self.caches[-1]))

    def recv(self):
        return next(self.asked)


def test_each_candidate_compiles_into_a_folder_of_its_own_and_says_when_it_is_ready(monkeypatch):
    for name in ("TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        monkeypatch.setenv(name, "shared")
    compiled, pipes, epochs = [], [Asking(), Asking()], []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda model, **how: compiled.append(how))
    monkeypatch.setattr(benchmark, "train", lambda *given, **how: epochs.append([len(pipe.answers) for pipe in pipes]))
    for pipe in pipes:
        benchmark.serve(pipe, benchmark.SWITCHES[-1], benchmark.Plan(pictures=4, batch_size=2))
    assert compiled == [{"dynamic": False}] * 2
    assert epochs == [[1, 0], [2, 0], [4, 1], [4, 2]]  # ready, before the first
    own = {folder for pipe in pipes for folders in pipe.caches for folder in folders}
    assert len(own) == 2
    assert not any(map(os.path.exists, own))


def test_no_epoch_is_timed_before_all_are_ready(monkeypatch):
    told = []

    class Process:
        failed = ""

        def __init__(self, candidate, plan, bar):
            self.name = candidate.name

        def ready(self):
            told.append(f"{self.name} is ready")

        def epoch(self):
            told.append(self.name)

        def end(self):
            return 1, 2.0

    monkeypatch.setattr(benchmark, "Process", Process)
    benchmark.timed([benchmark.Candidate("a"), benchmark.Candidate("b")], benchmark.Plan(), 1)
    assert told == ["a is ready", "b is ready", "a", "b", "a", "b"]


@pytest.mark.usefixtures("quick_start")
def test_a_tiny_run_writes_a_file_with_every_field(tmp_path, monkeypatch, capsys):
    first, last = benchmark.CANDIDATES[0], benchmark.CANDIDATES[-1]
    monkeypatch.setattr(benchmark, "CANDIDATES", [first, last])
    broken = benchmark.Candidate("broken", network="NoSuchCNN")
    monkeypatch.setattr(benchmark, "SWITCHES", [benchmark.SWITCHES[0], broken])
    monkeypatch.setattr(benchmark, "pick_device", lambda: (torch.device("cpu"), ""))
    path = tmp_path / "new" / "training.json"
    run = ["--pictures", "70", "--batch-size", "32", "--repeats", "2", "--json", str(path)]
    benchmark.main(run)
    results = json.loads(path.read_text())
    check(results, [32])
    assert [row["name"] for row in results["rows"]] == ["tutorial's loop", "train(FastCNN)", "the floor"]
    assert results["rows"][0]["ratio"] == 1
    assert all(row["n"] == 2 for row in results["rows"][:-1])
    assert [row["name"] for row in results["switches"]] == ["channels_last", "broken"]
    assert results["switches"][0]["in_ours"] is True
    assert "NoSuchCNN" in results["switches"][1]["failed"]
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr().out
    assert benchmark.table(results) in told
    assert benchmark.switch_table(results) in told
    assert "Accuracy against time: measured on a GPU, or on the pictures of --data." in told


def test_accuracy_is_measured_for_both_loops_and_each_seed(train_set):
    rows = benchmark.accuracies(train_set, train_set, 48, "cpu", epochs=2, seeds=2)
    assert [(row["name"], row["seed"]) for row in rows] == [
        (name, seed) for seed in (0, 1) for name in ("tutorial's loop", "train(FastCNN)")
    ]
    assert all(len(row["seconds"]) == len(row["accuracy"]) == 2 for row in rows)
    assert all(0 <= accuracy <= 1 for row in rows for accuracy in row["accuracy"])


def test_a_plan_gives_whole_batches():
    assert len(benchmark.Plan(pictures=100, batch_size=32).train_set()) == 96


# -- how it is told ------------------------------------------------------------------------------------


def row(name, speed, **more):
    return {"name": name, "batch_size": 128, "pictures_per_second": speed, "ratio": speed / 2500} | more


RESULTS = {
    "rows": [
        row("tutorial's loop", 2500.4, min=2400.6, max=2600, n=5, share_of_floor=0.1, memory=400 * 2**20),
        row("train(FastCNN)", 10_000, min=9000, max=11_000, n=5, share_of_floor=0.4, memory=500.4 * 2**20),
        row("the floor", 25_000, seconds=0.00512),
    ],
    "switches": [
        {"name": "channels_last", "batch_size": 128, "in_ours": True, "ratio": 1.456},
        {"name": "fused Adam", "batch_size": 128, "in_ours": False, "ratio": 0.99},
        {"name": "torch.compile", "batch_size": 128, "failed": "InvalidCxxCompiler: none found"},
    ],
}


def test_the_table_is_markdown():
    assert benchmark.table(RESULTS).replace("\N{NO-BREAK SPACE}", " ").splitlines() == [
        "| batch | loop | pictures/s | from – to | × tutorial's | of the floor | MiB |",
        "|---:|---|---:|---:|---:|---:|---:|",
        "| 128 | tutorial's loop | 2,500 | 2,401 to 2,600 | 1.00 | 10 % | 400 |",
        "| 128 | train(FastCNN) | 10,000 | 9,000 to 11,000 | 4.00 | 40 % | 500 |",
        "| 128 | the floor | 25,000 |  | 10.00 | 100 % |  |",
    ]


def test_the_switches_are_a_table_and_one_that_failed_says_so():
    assert benchmark.switch_table(RESULTS).splitlines() == [
        "| batch | switch | in train(FastCNN) | × as fast with it |",
        "|---:|---|---|---:|",
        "| 128 | channels_last | yes | 1.46 |",
        "| 128 | fused Adam | no | 0.99 |",
        "| 128 | torch.compile |  | InvalidCxxCompiler: none found |",
    ]


def test_the_committed_file_is_one_of_this_benchmark():
    results = json.loads((benchmark.MEASURED / "training-cpu.json").read_text())
    check(results, [128, 512])
    names = [candidate.name for candidate in benchmark.CANDIDATES] + [benchmark.FLOOR]
    assert [row["name"] for row in results["rows"]] == names * 2
    assert [row["name"] for row in results["switches"]] == [switch.name for switch in benchmark.SWITCHES] * 2
    assert all(row["n"] >= 5 for row in results["rows"] if "n" in row)
