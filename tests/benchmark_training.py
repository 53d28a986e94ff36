"""How fast the course trains, beside PyTorch's tutorial loop, and beside what the machine allows: `make bench`.

Each candidate runs in a process of its own, so that what one does to the memory helps or harms no other, and their
epochs take turns: a, b, c, a, b, c, ... What is timed is one whole epoch, with all that comes before its first step.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import torch
import tutorial_loop as tutorial
from tqdm import tqdm

import helpers
from helpers import model as models
from helpers.colours import COLOURS
from helpers.data import ImageSet, load_cifar10, load_shapes
from helpers.figures import DPI, Picture, styled
from helpers.files import write_whole
from helpers.speed import compare, copy_bandwidth, floor, matmul_rate, work
from helpers.training import evaluate, train
from helpers.training.devices import HELPS, pick_device

MEASURED = Path(helpers.__file__).parent / "measured"
NBSP = "\N{NO-BREAK SPACE}"
TUTORIAL, OURS, FLOOR = "tutorial's loop", "train(FastCNN)", "the floor"
START = "spawn"  # how processes begin: none has a CUDA of its starter


@dataclass(frozen=True)
class Candidate:
    """One way to train. `flipped` is a switch of helpers.training.devices.HELPS, set to its opposite."""

    name: str
    loop: str = "train"  # "tutorial": from PIL images; "tensors": from floats; "plain", "kernel": see benchmark_gpu.py
    workers: int = 0
    network: str = "FastCNN"
    precision: str = "float32"
    compiled: bool = False
    flipped: str = ""
    graph: bool | None = None  # the switch "graph", where it is told
    adam: str = "plain"  # "fused", "kernel"; for these loops of benchmark_gpu.py


@dataclass(frozen=True)
class Plan:
    """What all candidates train on, and how."""

    data: str = "shapes"  # or a folder with CIFAR-10's archive
    pictures: int = 10_240
    batch_size: int = 128
    device: str = "cpu"

    def train_set(self):
        """The pictures, cut to whole batches, so that every step is alike."""
        whole, _ = load(self.data, self.pictures, 1)
        count = len(whole) // self.batch_size * self.batch_size
        return ImageSet(whole.images[:count], whole.labels[:count], whole.classes, whole.mean, whole.std)


CANDIDATES = [
    Candidate(TUTORIAL, "tutorial", network="SimpleCNN"),
    Candidate(f"{TUTORIAL}, 2 workers", "tutorial", workers=2, network="SimpleCNN"),
    Candidate(f"{TUTORIAL}, ready tensors", "tensors", network="SimpleCNN"),
    Candidate("train(SimpleCNN)", network="SimpleCNN"),
    Candidate(OURS),
]
# Each differs from OURS in one thing. Where that thing is a part of ours, it is measured by leaving it out.
SWITCHES = [
    Candidate("channels_last", flipped="channels_last"),
    Candidate("memory kept", flipped="memory_kept"),
    Candidate("fused Adam", flipped="fused"),
    Candidate("ReLU after the pool", network="SimpleCNN"),
    Candidate("bfloat16", precision="bfloat16"),
    Candidate("torch.compile", compiled=True),
]


def load(data, train_pictures, test_pictures):
    """(train_set, test_set) of so many pictures."""
    if data == "shapes":
        return load_shapes(train_pictures, test_pictures)
    return load_cifar10(root=data, subset=min(train_pictures, 50_000))


# -- one candidate, in a process of its own ------------------------------------------------------------


@contextlib.contextmanager
def switched(device, **switches):
    """HELPS with other values for a while."""
    before = dict(HELPS[device])
    HELPS[device] |= switches
    try:
        yield
    finally:
        HELPS[device] |= before


def prepared(candidate, plan):
    """The function that trains one epoch."""
    train_set, device = plan.train_set(), torch.device(plan.device)
    torch.manual_seed(0)
    model = getattr(models, candidate.network)().to(device)
    if candidate.flipped:
        HELPS[device.type][candidate.flipped] ^= True
    if candidate.compiled:
        model.compile(dynamic=False)  # for this batch; train() tries a model on two pictures first
    if candidate.graph is not None:
        HELPS[device.type]["graph"] = candidate.graph
    if candidate.loop == "plain" or candidate.graph is not None:
        import benchmark_gpu

        return benchmark_gpu.prepared(candidate, plan, train_set.to(device), model)
    if candidate.loop == "train":
        how = {"batch_size": plan.batch_size, "device": device, "precision": candidate.precision}
        return lambda: train(model, train_set, epochs=1, progress=False, **how)
    data = tutorial.Pictures(train_set) if candidate.loop == "tutorial" else tutorial.tensors(train_set)
    batches = tutorial.loader(data, plan.batch_size, candidate.workers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return lambda: tutorial.train_epoch(model, batches, optimizer, device)


def peak_memory(device):
    """Bytes: of the GPU, as PyTorch took them; on a CPU of the whole process, PyTorch itself included."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def serve(pipe, candidate, plan):
    """Say when all is ready; train an epoch for each "epoch" that arrives; at the end, tell the peak memory."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
        # What one has compiled no other finds: the first epoch of each compiles all that it needs.
        os.environ |= {"TRITON_CACHE_DIR": own, "TORCHINDUCTOR_CACHE_DIR": own}
        try:
            epoch, first = prepared(candidate, plan), None
            pipe.send(None)
            while pipe.recv() == "epoch":
                began = time.perf_counter()
                epoch()
                if plan.device == "cuda":
                    torch.cuda.synchronize()
                first = first or time.perf_counter() - began
                pipe.send(None)
            pipe.send((peak_memory(plan.device), first))
        except EOFError:  # nobody asks any more
            return
        except Exception as error:  # torch.compile may find no compiler, and bfloat16 no such device
            pipe.send(f"{type(error).__name__}: {error}".splitlines()[0])


class Process:
    """A candidate that is asked for epochs."""

    def __init__(self, candidate, plan, bar):
        self.candidate, self.bar, self.failed = candidate, bar, ""
        here, there = multiprocessing.Pipe()
        self.pipe = here
        context = multiprocessing.get_context(START)
        self.process = context.Process(target=serve, args=(there, candidate, plan))
        self.process.start()
        there.close()

    def ready(self):
        """Wait until it is: while others still start, no first epoch is timed."""
        self.failed = self.answer() or ""

    def epoch(self):
        self.bar.set_description(self.candidate.name)
        if not self.failed:
            self.failed = self.ask("epoch") or ""
        self.bar.update()

    def end(self):
        """(peak memory in bytes, seconds of the first epoch); None of both if it has failed."""
        ended = (None, None) if self.failed else self.ask("end")
        self.process.join()
        return ended

    def ask(self, what):
        with contextlib.suppress(BrokenPipeError):  # it has failed already, and its reason lies in the pipe
            self.pipe.send(what)
        return self.answer()

    def answer(self):
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return "its process ended"


def timed(candidates, plan, repeats):
    """{name: (Times of an epoch, peak memory, why it failed, seconds of the first epoch)} of candidates in turn."""
    # The processes are started before this one grows: one that is started has its starter's size for a moment.
    with tqdm(total=len(candidates) * (repeats + 1), unit=" epochs", file=sys.stdout, ncols=100) as bar:
        processes = {candidate.name: Process(candidate, plan, bar) for candidate in candidates}
        for process in processes.values():
            process.ready()
        times = compare({name: process.epoch for name, process in processes.items()}, repeats=repeats)
        ended = {name: process.end() for name, process in processes.items()}
    return {name: (times[name], memory, processes[name].failed, first) for name, (memory, first) in ended.items()}


# -- what is measured ----------------------------------------------------------------------------------


def speeds(plan, repeats):
    """(rows of the candidates and the floor, rows of what each switch gives) at one batch size."""
    found = timed([*CANDIDATES, *SWITCHES], plan, repeats)
    pictures = plan.pictures // plan.batch_size * plan.batch_size
    rows, least = [], floor_of(plan)
    for name in [candidate.name for candidate in CANDIDATES]:
        times, memory, failed, _ = found[name]
        if failed:
            raise SystemExit(f"{name} failed: {failed}")
        rows.append(
            {
                "name": name,
                "batch_size": plan.batch_size,
                **told(times, pictures),
                "ratio": found[TUTORIAL][0].median / times.median,
                "share_of_floor": least["seconds"] * pictures / plan.batch_size / times.median,
                "memory": memory,
            }
        )
    rate = plan.batch_size / least["seconds"]
    ratio = found[TUTORIAL][0].median * rate / pictures
    rows.append({"name": FLOOR, "batch_size": plan.batch_size, "pictures_per_second": rate, "ratio": ratio, **least})
    return rows, [switch(candidate, found, plan, pictures) for candidate in SWITCHES]


def told(times, pictures):
    """Pictures per second: the median, from the slowest to the fastest of n epochs."""
    return {
        "pictures_per_second": pictures / times.median,
        "min": pictures / times.longest,
        "max": pictures / times.shortest,
        "n": len(times),
    }


def switch(candidate, found, plan, pictures):
    """How many times as fast training is with this switch as without it."""
    other, _, failed, _ = found[candidate.name]
    row = {"name": candidate.name, "batch_size": plan.batch_size}
    if failed:
        return {**row, "failed": failed}
    ours = found[OURS][0]
    is_ours = candidate.network != "FastCNN" or HELPS[plan.device].get(candidate.flipped, False)
    on, off = (ours, other) if is_ours else (other, ours)
    row |= {"in_ours": is_ours, "ratio": off.median / on.median}
    return row | {"with": told(on, pictures), "without": told(off, pictures)}


def floor_of(plan):
    """The floor of one step of FastCNN, in seconds, and what it is made of."""
    works = work(models.FastCNN(), (plan.batch_size, 3, 32, 32))
    parameters = sum(parameter.numel() for parameter in models.FastCNN().parameters())
    bandwidth, rate = copy_bandwidth(plan.device), matmul_rate(plan.device)
    return {
        "seconds": floor(works, bandwidth, rate, parameters),
        "seconds_to_move": floor([one._replace(macs=0) for one in works], bandwidth, rate, parameters),
        "seconds_to_multiply": sum(one.macs for one in works) / rate,
        "bandwidth": bandwidth,
        "rate": rate,
    }


@contextlib.contextmanager
def exact():
    """No convolution rounds to tf32, which torch allows on a GPU."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


@exact()
def largest_difference(train_set, batch_size, device="cpu", epochs=3):
    """How far train's losses are from the tutorial loop's with the same weights and order of pictures, relatively."""
    torch.manual_seed(0)
    plain, ours = models.SimpleCNN().to(device), models.FastCNN()
    ours.load_state_dict(plain.state_dict())
    data, optimizer = tutorial.Pictures(train_set), torch.optim.Adam(plain.parameters(), lr=1e-3)
    losses = []
    for epoch in range(epochs):
        order = torch.randperm(len(train_set), generator=torch.Generator().manual_seed(epoch)).tolist()
        batches = tutorial.loader(data, batch_size, order=order)
        losses.append(tutorial.train_epoch(plain, batches, optimizer, device))
    history = train(ours, train_set, epochs=epochs, batch_size=batch_size, device=device, progress=False)
    return max(abs(a - b) / a for a, b in zip(losses, history.loss, strict=True))


def accuracies(train_set, test_set, batch_size, device, epochs=5, seeds=3):
    """Test accuracy against seconds of training, a row for each seed of the tutorial's loop and of ours."""
    rows = []
    for seed in range(seeds):
        for name in (TUTORIAL, OURS):
            torch.manual_seed(seed)
            if name == TUTORIAL:
                seconds, right = tutorial_epochs(train_set, test_set, batch_size, device, epochs)
            else:
                model, how = models.FastCNN(), {"epochs": epochs, "batch_size": batch_size, "device": device}
                history = train(model, train_set, test_set, seed=seed * epochs, progress=False, **how)
                seconds, right = history.seconds, history.test_accuracy
            rows.append({"name": name, "seed": seed, "seconds": seconds, "accuracy": right})
            print(f"{name}, seed {seed}: {statistics.median(seconds):.2f} s an epoch, accuracy {right[-1]:.3f}")
    return rows


def tutorial_epochs(train_set, test_set, batch_size, device, epochs):
    """(seconds, test accuracy) of each epoch of the tutorial's loop."""
    model, seconds, right = models.SimpleCNN().to(device), [], []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = tutorial.loader(tutorial.Pictures(train_set), batch_size)
    for _ in range(epochs):
        start = time.perf_counter()
        tutorial.train_epoch(model, batches, optimizer, device)  # it has read a loss: a GPU is done
        seconds.append(time.perf_counter() - start)
        right.append(evaluate(model, test_set, device)[1])
    return seconds, right


def hardware():
    cpu = platform.processor()
    with contextlib.suppress(OSError, StopIteration):  # Linux tells more
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": torch.get_num_threads(), "gpu": gpu}


def measured(plan, batch_sizes, repeats):
    """All of it, as it is written to the file."""
    results = {
        "date": date.today().isoformat(),
        "hardware": hardware(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": plan.device,
        "data": "shapes" if plan.data == "shapes" else "CIFAR-10",
        "pictures": plan.pictures,
        "rows": [],
        "switches": [],
    }
    few = Plan(plan.data, 10 * min(batch_sizes), min(batch_sizes)).train_set()
    results["difference_of_losses"] = difference = largest_difference(few, min(batch_sizes), plan.device)
    assert difference < 1e-4, f"The two loops do not compute the same: their losses differ by {difference:.1e}."
    if plan.device == "cuda":
        import benchmark_gpu

        return results | benchmark_gpu.measured(plan, batch_sizes, repeats)
    for batch_size in batch_sizes:
        rows, switches = speeds(replace(plan, batch_size=batch_size), repeats)
        results["rows"] += rows
        results["switches"] += switches
    results["accuracies"] = None
    if plan.data != "shapes":  # this takes minutes: only with real pictures, of which an accuracy says more
        results["accuracies"] = accuracies(*load(plan.data, 50_000, 10_000), 128, plan.device)
    return results


# -- how it is told ------------------------------------------------------------------------------------


def table(results):
    """The candidates as a table in Markdown."""
    lines = [
        "| batch | loop | pictures/s | from – to | × tutorial's | of the floor | MiB |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"]:
        cells = [row["batch_size"], row["name"], f"{row['pictures_per_second']:,.0f}"]
        is_floor = row["name"] == FLOOR
        cells.append("" if is_floor else f"{row['min']:,.0f}{NBSP}to{NBSP}{row['max']:,.0f}")
        cells.append(f"{row['ratio']:.2f}")
        cells.append(f"{100 * (1 if is_floor else row['share_of_floor']):.0f}{NBSP}%")
        cells.append("" if is_floor else f"{row['memory'] / 2**20:,.0f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def switch_table(results):
    """What each switch gives, as a table in Markdown."""
    lines = ["| batch | switch | in train(FastCNN) | × as fast with it |", "|---:|---|---|---:|"]
    for row in results["switches"]:
        in_ours, ratio = ("", row["failed"]) if "failed" in row else (row["in_ours"], f"{row['ratio']:.2f}")
        in_ours = {True: "yes", False: "no"}.get(in_ours, "")
        lines.append(f"| {row['batch_size']} | {row['name']} | {in_ours} | {ratio} |")
    return "\n".join(lines)


@styled
def bars(results):
    """Pictures per second of each candidate, with the spread, and the floor as a line: a panel for each batch size."""
    sizes = sorted({row["batch_size"] for row in results["rows"]})
    figure = Picture(figsize=(7.6, 2.0 * len(sizes) + 0.3), dpi=DPI, layout="constrained")
    for ax, size in zip(figure.subplots(len(sizes), sharex=True, squeeze=False)[:, 0], sizes, strict=True):
        *rows, least = [row for row in results["rows"] if row["batch_size"] == size]
        speed = [row["pictures_per_second"] for row in rows]
        spread = [[v - row["min"] for v, row in zip(speed, rows, strict=True)]]
        spread += [[row["max"] - v for v, row in zip(speed, rows, strict=True)]]
        colour = [COLOURS["output" if row["name"].startswith("train") else "padding"] for row in rows]
        ax.barh([row["name"] for row in rows], speed, xerr=spread, color=colour, height=0.65, capsize=3)
        best = least["pictures_per_second"]
        ax.axvline(best, color=COLOURS["kernel"], linestyle="--")
        ax.annotate(FLOOR, (best, 2), (-6, 0), textcoords="offset points", ha="right", va="center")
        ax.set(title=f"batches of {size}", xlabel="pictures per second" if size == sizes[-1] else None)
        ax.invert_yaxis()
        ax.spines[["top", "right"]].set_visible(False)
        ax.xaxis.set_major_formatter("{x:,.0f}")
    figure.description = "Figure: pictures per second of each loop"
    return figure


def hardware_told(machine):
    """In a few words; what is not known is left out."""
    counts = [f"{machine[name]} {name}" for name in ("cores", "threads") if machine[name]]
    return ", ".join([machine["gpu"] or machine["cpu"], *counts])


def recorded(results):
    """All of it in Markdown, as it is printed: the machine, the loops, the switches."""
    if results["device"] == "cuda":
        import benchmark_gpu

        return benchmark_gpu.recorded(results)
    where = hardware_told(results["hardware"])
    versions = f"torch {results['torch']}, Python {results['python']}, {results['date']}"
    how = f"{results['data']}, {results['pictures']:,} pictures an epoch, n = {results['rows'][0]['n']} epochs: medians"
    return f"*{where}, {versions}; {how}.*\n\n{table(results)}\n\n{switch_table(results)}"


def report(results):
    print(f"\n{recorded(results)}\n")
    print(f"The losses of both loops differ by {results['difference_of_losses']:.1e} at most, relatively.")
    if results["accuracies"] is None:
        print("Accuracy against time: measured on a GPU, or on the pictures of --data.")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="shapes", help="shapes, or the folder of CIFAR-10's archive")
    parser.add_argument("--pictures", type=int, help="in an epoch: 10,240, and on a GPU 50,000")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each that are timed")
    parser.add_argument("--json", type=Path, help="the file to write; a picture is put beside it")
    given = parser.parse_args(arguments)
    device = pick_device()[0].type
    pictures = given.pictures or (50_000 if device == "cuda" else 10_240)
    results = measured(Plan(given.data, pictures, device=device), given.batch_size, given.repeats)
    report(results)
    path = given.json or MEASURED / f"training-{device}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
    if device != "cuda":
        picture = given.json or Path(__file__).parent / "measured" / path.name
        bars(results).savefig(picture.with_suffix(".png"), metadata={"Software": None})


if __name__ == "__main__":
    main()
