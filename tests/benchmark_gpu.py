"""The GPU's part of benchmark_training.py: the road from the tutorial's loop to the floor, each step of it measured.

An epoch here is one of a long training: what is made once, such as a captured step or a compiled kernel, is told apart,
as the seconds that the first epoch takes longer than the others. float32 is what torch makes of it by default: matrices
in float32, convolutions in tf32 where a GPU can.
"""

import functools
import itertools
from dataclasses import replace

import torch
import torch.nn.functional as F
from benchmark_training import (
    FLOOR,
    NBSP,
    OURS,
    TUTORIAL,
    Candidate,
    floor_of,
    hardware_told,
    load,
    switched,
    timed,
    told,
    tutorial_epochs,
)
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from helpers import model as models
from helpers.training import History, evaluate, train
from helpers.training.checks import mode
from helpers.training.loop import Loop

NO_GRAPH, KERNEL = f"{OURS}, no graph", f"{OURS}, one kernel each way"
KERNELS = f"{KERNEL}, Adam in another"
CANDIDATES = [
    Candidate(TUTORIAL, "tutorial", network="SimpleCNN"),
    Candidate(f"{TUTORIAL}, 4 workers", "tutorial", workers=4, network="SimpleCNN"),
    Candidate(f"{TUTORIAL}, ready tensors", "tensors", network="SimpleCNN"),
    Candidate("plain loop, pictures on the GPU", "plain"),
    Candidate("plain loop, pictures on the GPU, fused Adam", "plain", adam="fused"),
    Candidate(NO_GRAPH, graph=False),
    Candidate(f"{NO_GRAPH}, bfloat16", graph=False, precision="bfloat16"),
    Candidate(OURS, graph=True, adam="fused"),
    Candidate(f"{OURS}, bfloat16", graph=True, adam="fused", precision="bfloat16"),
    Candidate(f"{OURS}, torch.compile", graph=True, adam="fused", compiled=True),
    Candidate(KERNEL, "kernel", graph=True, adam="fused"),
    Candidate(KERNELS, "kernel", graph=True, adam="kernel"),
]


# -- one candidate, in a process of its own ------------------------------------------------------------


def prepared(candidate, plan, train_set, model):
    """The function that trains one epoch of a long training, for what is special to a GPU."""
    device = torch.device(plan.device)
    if candidate.loop == "kernel":
        from helpers.kernel_cnn import KernelCNN, Numbers

        model, train_set = KernelCNN(train_set).to(device), Numbers(train_set)
    adam = adam_of(model, candidate.adam)
    if candidate.loop == "plain":
        return lambda: plain_epoch(model, train_set, plan.batch_size, adam)
    how = {"batch_size": plan.batch_size, "lr": 1e-3, "optimizer": adam, "precision": candidate.precision}
    loop = functools.cache(lambda: Loop(model, train_set, None, device, **how))  # made in the first epoch: it tries
    history, seeds = History(), itertools.count()  # the model, which compiles what is to be compiled

    def epoch():
        with mode(model, training=True):
            for _ in loop().epoch(next(seeds), history):
                pass

    return epoch


def adam_of(model, kind):
    if kind == "kernel":
        from helpers.kernel_adam import KernelAdam

        return KernelAdam(model.parameters(), lr=1e-3)
    return torch.optim.Adam(
        model.parameters(), lr=1e-3, fused=True if kind == "fused" else None
    )  # None: torch's choice


def plain_epoch(model, train_set, batch_size, optimizer):
    """What one writes once the pictures lie on the GPU, and nothing is read back before the epoch ends."""
    total = 0
    for images, labels in train_set.batches(batch_size, shuffle=True):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(labels)
    return total.item() / len(train_set)


# -- what is measured ----------------------------------------------------------------------------------


def speeds(plan, repeats):
    """The rows of one batch size, the floor's last."""
    found = timed(CANDIDATES, plan, repeats)
    pictures, least, rows = plan.pictures // plan.batch_size * plan.batch_size, floor_of(plan), []
    usual, _, why = found[TUTORIAL][:3]
    if why:
        raise SystemExit(f"{TUTORIAL} failed: {why}")
    for name, (times, memory, failed, first) in found.items():
        row = {"name": name, "batch_size": plan.batch_size}
        if failed:  # torch.compile may find no compiler, and a machine no Triton
            rows.append(row | {"failed": failed})
            continue
        row |= told(times, pictures) | {"ratio": usual.median / times.median, "memory": memory}
        row["share_of_floor"] = least["seconds"] * pictures / plan.batch_size / times.median
        rows.append(row | {"seconds_to_start": max(first - times.median, 0.0)})
    rate = plan.batch_size / least["seconds"]
    row = {"name": FLOOR, "batch_size": plan.batch_size, "pictures_per_second": rate}
    return [*rows, row | {"ratio": usual.median * rate / pictures} | least]


def kernels(plan, steps=20, most=12):
    """The kernels of one captured step, those that take longest first: their microseconds, mean over some steps."""
    few = replace(plan, pictures=plan.batch_size * steps)
    train_set = few.train_set().to(plan.device)
    candidate = next(each for each in CANDIDATES if each.name == OURS)
    epoch = prepared(candidate, few, train_set, models.FastCNN().to(plan.device))
    with switched(plan.device, graph=candidate.graph):
        epoch()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        epoch()
    # The time of a kernel is also in the operation that started it, which is the CPU's, and in what marks a part.
    took = {
        event.key: event.self_device_time_total / steps
        for event in seen.key_averages()
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    }
    longest = sorted(took, key=took.get, reverse=True)[:most]
    rows = [{"name": name.replace("|", " ")[:70], "microseconds": took[name]} for name in longest]
    return {"name": OURS, "batch_size": plan.batch_size, "microseconds": sum(took.values()), "rows": rows}


def accuracies(train_set, test_set, batch_size, device, epochs=8, seeds=3):
    """Test accuracy against seconds of training: a row of each way and seed; of the tutorial's slow loop one alone."""
    rows = []
    for name, seed in [(TUTORIAL, 0), *itertools.product((NO_GRAPH, OURS, KERNELS), range(seeds))]:
        torch.manual_seed(seed)
        if name == TUTORIAL:
            seconds, right = tutorial_epochs(train_set, test_set, batch_size, device, epochs)
        else:
            seconds, right = trained(name, train_set, test_set, seed, epochs, batch_size, device)
        seconds = list(itertools.accumulate(seconds))
        row = {"name": name, "batch_size": batch_size, "seed": seed, "epochs": epochs}
        rows.append(row | {"seconds": seconds, "accuracy": right})
        print(f"{name}, seed {seed}: {seconds[-1]:.2f} s for {epochs} epochs, accuracy {right[-1]:.3f}")
    return rows


def trained(name, train_set, test_set, seed, epochs, batch_size, device):
    """(seconds, test accuracy) of each epoch of one of train()'s ways."""
    model, tested = models.FastCNN().to(device), models.FastCNN().to(device)
    images, right, kind = train_set, [], "plain" if name == NO_GRAPH else "fused"
    if name == KERNELS:
        from helpers.kernel_cnn import KernelCNN, Numbers

        images, kind = Numbers(train_set.to(device)), "kernel"
        model = KernelCNN(images.train_set).to(device)

    def test(history):
        tested.load_state_dict(model.state_dict())
        right.append(evaluate(tested, test_set)[1])

    with switched(device, graph=name != NO_GRAPH):
        how = {"epochs": epochs, "batch_size": batch_size, "device": device, "seed": seed * epochs}
        how["optimizer"] = adam_of(model, kind)
        history = train(model, images, progress=False, after_epoch=test, **how)
    return history.seconds, right


def measured(plan, batch_sizes, repeats):
    """What the file has of a GPU, beside the machine and the date."""
    tf32 = torch.backends.cudnn.allow_tf32 and torch.cuda.get_device_capability() >= (8, 0)
    results = {"by": "Measured by `make bench`", "tf32": tf32, "rows": [], "switches": []}
    for size in batch_sizes:
        results["rows"] += speeds(replace(plan, batch_size=size), repeats)
    results["kernels"] = kernels(replace(plan, batch_size=batch_sizes[-1]))
    sets = load(plan.data, plan.pictures, 10_000)
    results["accuracies"] = accuracies(*sets, batch_sizes[-1], plan.device)
    return results


# -- how it is told ------------------------------------------------------------------------------------


def table(results):
    """The road as a table in Markdown."""
    lines = [
        "| batch | loop | pictures/s | an epoch | to start | × tutorial's | of the floor | n |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"]:
        is_floor = row["name"] == FLOOR
        if "failed" in row:
            lines.append(f"| {row['batch_size']} | {row['name']} | {row['failed']} | | | | | |")
            continue
        cells = [row["batch_size"], row["name"], f"{row['pictures_per_second']:,.0f}"]
        cells.append(seconds(results["pictures"] / row["pictures_per_second"]))
        cells.append("" if is_floor else seconds(row["seconds_to_start"]))
        cells.append("" if row["ratio"] is None else f"{row['ratio']:.{0 if row['ratio'] > 9.95 else 1}f}")
        share = 100 * (1 if is_floor else row["share_of_floor"])
        cells.append(f"{share:.{0 if share > 9.95 else 1}f}{NBSP}%")
        cells.append("" if is_floor else row["n"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def seconds(value):
    return f"{value:.1f}{NBSP}s" if value > 0.995 else f"{1000 * value:.{0 if value > 0.0995 else 1}f}{NBSP}ms"


def kernel_table(results):
    """Where a step spends its time, as a table in Markdown."""
    kernels = results["kernels"]
    named = sum(row["microseconds"] for row in kernels["rows"])
    rows = [*kernels["rows"], {"name": "all others", "microseconds": kernels["microseconds"] - named}]
    lines = [f"| {kernels['name']}, batch {kernels['batch_size']} | µs |", "|---|---:|"]
    lines += [f"| {row['name']} | {row['microseconds']:.0f} |" for row in rows]
    return "\n".join([*lines, f"| together | {kernels['microseconds']:.0f} |"])


def accuracy_table(results):
    """The accuracy that each seed reached, as a table in Markdown."""
    lines = ["| batch | loop | epochs | test accuracy of each seed |", "|---:|---|---:|---|"]
    alike = itertools.groupby(results["accuracies"], lambda row: (row["batch_size"], row["name"], row["epochs"]))
    for (size, name, epochs), rows in alike:
        reached = " · ".join(f"{row['accuracy'][-1]:.3f}" for row in rows)
        lines.append(f"| {size} | {name} | {epochs} | {reached} |")
    return "\n".join(lines)


def recorded(results):
    """All of it in Markdown, as it is printed: the machine, the road, the kernels of a step, the accuracies."""
    versions = f"torch {results['torch']}, Python {results['python']}, {results['date']}"
    how = f"{results['data']}, {results['pictures']:,} pictures an epoch, medians"
    if results.get("tf32"):
        how += "; where no format is named, conv1 multiplies in tf32, all else in float32"
    head = f"*{results['by']}: {hardware_told(results['hardware'])}, {versions}; {how}.*"
    return "\n\n".join([head, table(results), kernel_table(results), accuracy_table(results)])
