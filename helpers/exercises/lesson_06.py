"""The questions of lesson 06, Fast training."""

import contextlib

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from helpers.exercises.implementation import implementation
from helpers.exercises.prediction import Asked, prediction
from helpers.exercises.small_models import small_models
from helpers.model import SimpleCNN
from helpers.tape import Tape, captured, taped


@prediction(
    "what is gained at most", "1 · What is the device waiting for?", network=(3, range(2, 13)), times=(5, range(2, 13))
)
def q1(network, times):
    total, loading = network * times, network * (times - 1)
    return Asked(
        f"An epoch takes {total} s: {loading} s of loading and {network} s of computing. If loading cost nothing, how "
        "many times as fast would the epoch be?",
        answer=times,
        working=f"{total} / {network}",
        hints=(
            "How long is an epoch before, and how long after? Which of the two is divided by the other?",
            f"Before, it takes {total} s. Afterwards only the {network} s of computing are left.",
        ),
        mistakes={
            "the two parts compared": (
                times - 1,
                "that compares loading with computing. But it is the whole epoch that gets faster, and computing is "
                "part of it before, too.",
            ),
            "divided by the part that goes": (
                total / loading,
                f"you divided by the {loading} s that are saved. What is the epoch's time when they are gone?",
            ),
            "the seconds that are saved": (
                loading,
                "these are the seconds that are saved. How many times as fast is a ratio: before to after.",
            ),
            "the seconds that are left": (
                network,
                "these are the seconds of an epoch afterwards. How many times do they fit into those before?",
            ),
            "the share that is saved": (
                loading / total,
                "this is the fraction of the time that goes. The question asks for a ratio: before to after.",
            ),
        },
    )


class _Device:
    """Computes one step after the other, while others are queued. Its time passes only in the calls.

    Queuing a step takes a while, and longer the first time.
    """

    def __init__(self, queuing, work, first):
        self.queuing, self.work, self.first = queuing, work, first
        self.now = self.done = 0.0
        self.steps, self.seen = 0, []  # how many were queued so far, and at each look at the clock

    def step(self):
        self.now += self.queuing if self.steps else self.first
        self.done = max(self.now, self.done) + self.work
        self.steps += 1

    def synchronize(self):
        self.now = max(self.now, self.done)

    def clock(self):
        self.seen.append(self.steps)
        return self.now


def _timed(seconds_per_step, steps, seconds):
    """What a function says of a device, and how many steps it made from its first look at the clock to its last."""
    device = _Device(*seconds.values())
    result = seconds_per_step(device.step, steps, device.synchronize, device.clock)
    if result is None:
        return None
    timed = device.seen[-1] - device.seen[0] if device.seen else 0
    return {"steps between two looks at the clock": timed, "seconds per step": result}


def _devices(generator):
    """Two on which a step takes longer to compute than to queue, and one on which it does not."""
    cases = []
    for steps, queuing, work in (
        (3, 1, 4),
        (generator.randint(4, 9), generator.randint(1, 3), generator.randint(4, 9)),
        (generator.randint(4, 9), generator.randint(4, 9), generator.randint(1, 3)),
    ):
        seconds = {"to queue": queuing, "to compute": work, "to queue the first": 10 * queuing}
        cases.append({"steps": steps, "seconds": seconds})
    return cases


def _calls(*calls):
    """A function that makes these calls, and divides what the clock has shown by the number of steps."""

    def seconds_per_step(step, steps, synchronize, clock):
        seen = []
        for call in calls:
            if call == "clock":
                seen.append(clock())
            elif call == "synchronize":
                synchronize()
            else:
                for _ in range(steps if call == "steps" else 1):
                    step()
        return (seen[-1] - seen[0]) / steps

    return seconds_per_step


def _wait_in_each_step(step, steps, synchronize, clock):
    def step_and_wait():
        step()
        synchronize()

    return seconds_per_step(step_and_wait, steps, synchronize, clock)


def seconds_per_step(step, steps, synchronize, clock):
    step()  # the first one takes longer
    synchronize()  # nothing of it may be left when the clock starts
    start = clock()
    for _ in range(steps):
        step()
    synchronize()  # queued is not yet computed
    return (clock() - start) / steps


@implementation("seconds per step", "2 · Measure first", solution=seconds_per_step, cases=_devices, observe=_timed)
def q2():
    """Write `seconds_per_step(step, steps, synchronize, clock)`: the mean seconds of `steps` steps in a row.
    `step()` queues a step on a device and returns before it is computed, `synchronize()` waits until everything
    queued is computed, and `clock()` returns seconds. The very first step takes longer, and must not count.
    """
    hints = (
        "What is the device still doing when the last `step()` has returned? And when the first one has?",
        "The clock may only be read while the device has nothing to do: what comes before each `clock()`?",
        "`step()`, `synchronize()`, `clock()`, then all steps, `synchronize()`, `clock()`. Divide the difference by "
        "`steps`.",
    )
    mistakes = {
        "the first step timed": (
            _calls("synchronize", "clock", "steps", "synchronize", "clock"),
            "it takes longer than all others, and you count it. Make one step before the clock starts.",
        ),
        "the clock started before the first step": (
            _calls("clock", "step", "synchronize", "steps", "synchronize", "clock"),
            "you make a step to warm up, but the clock is already running. Start it afterwards.",
        ),
        "the first step timed like the others": (
            _calls("clock", "step", "steps", "synchronize", "clock"),
            "you make one step more, but the clock runs from the first one on. Start it when that one is computed.",
        ),
        "the clock stopped without waiting": (
            _calls("step", "synchronize", "clock", "steps", "clock"),
            "this is the time to queue the steps. The device is still busy with them: synchronise before the clock is "
            "read for the last time.",
        ),
        "the clock started without waiting": (
            _calls("step", "clock", "steps", "synchronize", "clock"),
            "the device still computes the step that must not count, and the others wait for it. Synchronise before "
            "the clock starts, too.",
        ),
        "the clock started before the wait": (
            _calls("step", "clock", "synchronize", "steps", "synchronize", "clock"),
            "you wait for the step that must not count while the clock is running. Synchronise first, then start it.",
        ),
        "neither warmed up nor waited": (
            _calls("clock", "steps", "clock"),
            "the first step takes longer, and is counted. And at the end the steps are queued, but not computed.",
        ),
        "waited in each step": (
            _wait_in_each_step,
            "the device stands idle while the next step is queued. In training the two overlap: synchronise once, "
            "after all of them.",
        ),
        "not divided": (
            lambda step, steps, *others: seconds_per_step(step, steps, *others) * steps,
            "these are the seconds of all steps together. Divide by `steps`.",
        ),
        "divided by one step too many": (
            lambda step, steps, *others: seconds_per_step(step, steps, *others) * steps / (steps + 1),
            "the step that warms up was not timed. Do not divide by it.",
        ),
        "one step too few": (
            lambda step, steps, *others: seconds_per_step(step, steps - 1, *others) * (steps - 1) / steps,
            "the step that warms up is not one of the `steps`: make it before them.",
        ),
    }
    return hints, mistakes


@prediction(
    "more workers",
    "4 · Waiting for pictures",
    cores=(2, (2, 4)),
    loading=(8, range(4, 33, 4)),
    network=(12, range(6, 33)),
)
def q3(cores, loading, network):
    work = loading + cores * network
    return Asked(
        f"A machine has {cores} cores. The network's step takes {network} ms and keeps every core busy. Loading a "
        f"batch keeps one core busy for {loading} ms. Now {cores} workers load the next batches while the network "
        "computes; suppose that starting them and sending a batch cost nothing. How many milliseconds does a step take "
        "at least?",
        answer=work // cores,
        working=f"({loading} + {cores}·{network}) / {cores} = {work} / {cores}",
        hints=(
            "How long would a single core work for one step, if it did everything?",
            f"It would compute for {cores}·{network} ms and load for {loading} ms. {cores} cores can share that work.",
        ),
        mistakes={
            "workers with cores of their own": (
                network,
                "that is how long the network needs every core. A worker has no core of its own: its work has to be "
                "shared among the same cores.",
            ),
            "one after the other": (
                loading + network,
                "that is how long a step takes without workers: only one core works while a batch is loaded. Workers "
                "use the rest.",
            ),
            "the network's time divided too": (
                (loading + network) / cores,
                f"in its {network} ms the network keeps each of the {cores} cores busy already. You counted them "
                "twice.",
            ),
            "loading alone": (
                loading / cores,
                "that is how long all cores load. The network needs the same cores for its part.",
            ),
            "the work of one core": (
                work,
                f"that is how long a single core would take. {cores} of them share the work.",
            ),
        },
    )


@prediction(
    "a step of many calls",
    "5 · Waiting for Python",
    operations=(60, (40, 50, 60, 80, 100, 120)),
    call=(40, (20, 25, 30, 40, 50)),
    work=(10, (4, 5, 8, 10, 12, 16)),
)
def q4(operations, call, work):
    return Asked(
        f"A training step is {operations} operations. Python needs {call} µs to start each of them, one after the "
        f"other; the GPU needs {work} µs to compute each, and computes one while Python starts the next. In a long "
        "row of steps, how many milliseconds does each step take?",
        answer=operations * call / 1000,
        working=f"{operations}·max({call}, {work}) µs = {operations}·{call} / 1000 ms",
        hints=(
            "When the GPU has computed an operation, has the next one been started? Who waits for whom?",
            f"The GPU is done {call} − {work} = {call - work} µs before the next operation arrives. So operations "
            f"follow each other every {call} µs.",
        ),
        mistakes={
            "starting and computing added": (
                operations * (call + work) / 1000,
                "you added the two. But while the GPU computes one operation, Python starts the next.",
            ),
            "the GPU's work alone": (
                operations * work / 1000,
                "that is how long the GPU computes. It is done with each operation before Python has started the next.",
            ),
            "only the first start counted": (
                (call + operations * work) / 1000,
                "a single step takes that long where the GPU is the slower one, as in lesson 05: its queue is never "
                "empty then. Here it runs empty after every operation.",
            ),
            "microseconds": (operations * call, "these are µs, and the question asks for ms."),
        },
    )


def _replayed(function, model, pictures, labels):
    """The losses and weights of three batches that are trained by what `function` returns, and who was asked to step.

    The weights, and Adam's averages, begin where they were before the capture, however often a step was made for it.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, fused=True)
    begin, first, steps = [p.detach().clone() for p in model.parameters()], pictures[0].clone(), 0

    def step(images, labels):
        nonlocal steps
        steps += 1
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    replay = function(step, pictures[0], labels[0], Tape(), taped)
    if replay is None:
        return None
    with torch.no_grad():
        for parameter, before in zip(model.parameters(), begin, strict=True):
            parameter.copy_(before)
        for average in (average for state in optimizer.state.values() for average in state.values()):
            average.zero_()
    steps, losses = 0, []
    for images, right in zip(pictures[1:], labels[1:], strict=True):
        loss = replay(images.clone(), right.clone())
        losses.append(loss.item() if isinstance(loss, torch.Tensor) else loss)
    return {
        "steps that Python made while replaying": steps,
        "losses": torch.tensor([float("nan") if loss is None else loss for loss in losses]),
        "weights": torch.cat([parameter.detach().flatten() for parameter in model.parameters()]),
        "numbers overwritten in the first batch": (pictures[0] != first).sum().item(),
    }


def _batches(generator):
    cases = []
    for model in small_models(generator):
        pictures, labels = torch.randn(4, 6, 2), torch.randint(0, 3, (4, 6))  # four batches of six
        cases.append({"model": model, "pictures": pictures, "labels": labels})
    return cases


def _capture(*copied, warm_up=True, own=True, replays=True, frozen=False):
    """A function like `captured` that does, or leaves out, these of its parts."""

    def captured(step, images, labels, graph, capture):
        buffers = {"images": images.clone(), "labels": labels.clone()} if own else {"images": images, "labels": labels}
        if warm_up:
            step(*buffers.values())
        with capture(graph):
            loss = step(*buffers.values())
        if frozen:
            loss = loss.item()

        def replay(images, labels):
            for name, new in (("images", images), ("labels", labels)):
                if name in copied:
                    buffers[name].copy_(new)
            if replays:
                graph.replay()
            return loss

        return replay

    return captured


def _not_captured(step, images, labels, graph, capture):
    return step


@implementation("a captured step", "5 · Waiting for Python", solution=captured, cases=_batches, observe=_replayed)
def q5():
    """Write `captured(step, images, labels, graph, capture)`. It returns a function `replay(images, labels)` that
    trains on any batch of this shape and returns the loss, without calling `step` again. `step(images, labels)` makes a
    training step and returns its loss. What is computed inside `with capture(graph):` is noted and not done;
    `graph.replay()` does it, from the same memory into the same memory.
    """
    hints = (
        "`graph.replay()` reads the tensors that `step` was given when it was captured. How do new pictures get there?",
        "Make two tensors of your own, `images.clone()` and `labels.clone()`, and capture a step on them. "
        "`tensor.copy_(other)` writes into a tensor's memory.",
        "Before the capture make one step: in its first step Adam makes its averages, and a replay would make them "
        "anew. `replay` copies the pictures and the labels, calls `graph.replay()` and returns the captured loss.",
    )
    mistakes = {
        "the batch not copied": (
            _capture(),
            "every replay trains on the batch that was captured. Giving a name to another tensor changes nothing: "
            "write into the captured memory, with `copy_`.",
        ),
        "only the pictures copied": (
            _capture("images"),
            "the new pictures are trained with the labels of the captured batch. Copy both.",
        ),
        "only the labels copied": (
            _capture("labels"),
            "the pictures of the captured batch are trained with new labels. Copy both.",
        ),
        "no memory of its own": (
            _capture("images", "labels", own=False),
            "it copies new batches into the caller's first one. Capture with `images.clone()` and `labels.clone()`.",
        ),
        "not warmed up": (
            _capture("images", "labels", warm_up=False),
            "in its first step Adam makes its averages, as zeros. That was captured, so each replay sets them to zero "
            "again: make a step before the capture.",
        ),
        "never replayed": (
            _capture("images", "labels", replays=False),
            "nothing is computed: `graph.replay()` is missing.",
        ),
        "the step itself": (
            _not_captured,
            "it trains, but Python starts every operation again. Only `graph.replay()` avoids that.",
        ),
        "the loss read too early": (
            _capture("images", "labels", frozen=True),
            "`.item()` makes a number, which stays as it was. Return the tensor: each replay writes its loss into it.",
        ),
    }
    return hints, mistakes


class _ReLUs(TorchFunctionMode):
    """Counts the numbers that go through ReLU, however it is called: by name, or chosen or multiplied by a mask."""

    numbers = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = function.__name__.strip("_")
        is_masked = name in ("mul", "where") and any(
            isinstance(value, torch.Tensor) and value.dtype == torch.bool for value in args
        )
        if is_masked or name in ("relu", "clamp", "clamp_min", "clip", "maximum"):
            self.numbers += result.numel()
        return result


def _scores_and_relus(forward, model, x):
    """Right scores alone do not show where ReLU stands: the numbers that go through it do."""
    with _ReLUs() as relus:
        scores = forward(model, x)
    return None if scores is None else {"scores": scores, "numbers through ReLU": relus.numbers}


def _networks(generator):
    """A small one, one whose windows overlap and leave a rest, and the course's own, with many numbers below 0."""
    torch.manual_seed(generator.randrange(2**31))
    small = SimpleCNN(image_size=4, in_channels=1, conv_channels=2, hidden_features=8, classes=3)
    awkward = SimpleCNN((9, 6), kernel_size=2, padding=0, conv_channels=4, pool_kernel_size=3, classes=3)
    cases = [{"model": model, "x": torch.randn(2, *model.image_shape)} for model in (small, awkward, SimpleCNN())]
    with torch.no_grad():
        for case in cases:
            case["model"].conv1.bias -= 1  # so that whole windows are below 0
    return cases


def _unchanged(x):
    return x


def _forward(*, before=_unchanged, after=F.relu, hidden=F.relu, last=_unchanged):
    """A forward with these functions before and after the pool, after fc1 and after fc2."""

    def forward(model, x):
        x = after(model.pool(before(model.conv1(x))))
        return last(model.fc2(hidden(model.fc1(torch.flatten(x, 1)))))

    return forward


def _batch_flattened(model, x):
    x = F.relu(model.pool(model.conv1(x)))
    return model.fc2(F.relu(model.fc1(x.flatten())))


def _pool_first(model, x):
    x = F.relu(model.conv1(model.pool(x)))
    return model.fc2(F.relu(model.fc1(torch.flatten(x, 1))))


def forward(model, x):
    x = model.pool(model.conv1(x))  # (N, 3, 32, 32) -> (N, 18, 32, 32) -> (N, 18, 16, 16)
    x = torch.flatten(F.relu(x), 1)  # (N, 18, 16, 16) -> (N, 4608)
    x = F.relu(model.fc1(x))  # (N, 4608) -> (N, 64)
    return model.fc2(x)  # (N, 64) -> (N, 10)


@implementation(
    "ReLU after the pool", "6 · Waiting for bytes", solution=forward, cases=_networks, observe=_scores_and_relus
)
def q6():
    """Write `forward(model, x)`: the scores that the SimpleCNN `model` gives for `x`, from its layers `conv1`,
    `pool`, `fc1` and `fc2`. But the first ReLU gets only what comes out of the pool.
    """
    hints = (
        "SimpleCNN's own order is conv1, ReLU, pool, flatten, fc1, ReLU, fc2. Which two change places?",
        "`model.pool(model.conv1(x))` comes first, and `F.relu` gets its result.",
        "Then `torch.flatten(x, 1)`, `model.fc1`, the second `F.relu`, and `model.fc2`.",
    )
    mistakes = {
        "in SimpleCNN's own order": (
            _forward(before=F.relu, after=_unchanged),
            "the scores are right, but ReLU still gets every number of `conv1`, before the pool.",
        ),
        "before the pool and after it": (
            _forward(before=F.relu),
            "the scores are right, but the ReLU before the pool is still there.",
        ),
        "the first ReLU left out": (
            _forward(after=_unchanged),
            "it should move, not disappear. Where all of a window is below 0, so is what comes out of the pool.",
        ),
        "the second ReLU left out": (
            _forward(hidden=_unchanged),
            "there is another one, between `fc1` and `fc2`. It stays where it is.",
        ),
        "the batch flattened, too": (
            _batch_flattened,
            "`flatten()` turns the whole batch into one row. Keep the axis of the pictures: `torch.flatten(x, 1)`.",
        ),
        "the pool before the convolution": (
            _pool_first,
            "the pool changes places with the ReLU, not with `conv1`: it pools the maps, not the picture.",
        ),
        "a ReLU on the scores": (_forward(last=F.relu), "scores may be below 0. There is no ReLU after `fc2`."),
        "the second ReLU after fc2": (
            _forward(hidden=_unchanged, last=F.relu),
            "the second ReLU stands between `fc1` and `fc2`. Scores may be below 0.",
        ),
    }
    return hints, mistakes


@prediction(
    "at least",
    "How fast could it be?",
    compute=(5, range(2, 13)),
    move=(6, range(2, 13)),
    rate=(60, (30, 40, 50, 60, 80, 100, 200)),
    bandwidth=(10, (5, 8, 10, 20, 25)),
)
def q7(compute, move, rate, bandwidth):
    if compute == move:
        return None
    macs, megabytes = compute * rate, move * bandwidth
    longer, shorter = ("bytes", "multiply-adds") if move > compute else ("multiply-adds", "bytes")
    return Asked(
        f"A layer makes {macs} million multiply-adds and moves {megabytes} MB. The machine can make {rate} billion "
        f"multiply-adds a second, and move {bandwidth} GB a second. How many milliseconds does the layer take at "
        "least?",
        answer=max(compute, move),
        working=f"max({macs} / {rate}, {megabytes} / {bandwidth})",
        hints=(
            "How long do the multiply-adds take alone? And the bytes? Does one have to wait for the other?",
            f"The multiply-adds take {macs} / {rate} ms and the bytes {megabytes} / {bandwidth} ms. At best the "
            "machine does both at the same time.",
        ),
        mistakes={
            "added up": (
                compute + move,
                "you added the two times: first moving, then computing. A machine can do both at once.",
            ),
            "the shorter of the two": (
                min(compute, move),
                f"by then the {shorter} have finished; the {longer} have not. The layer is done when both are.",
            ),
            "each limit with the other's work": (
                max(macs / bandwidth, megabytes / rate),
                "you divided each by the other's speed: multiply-adds are limited by multiply-adds a second, bytes by "
                "bytes a second.",
            ),
            "seconds": (max(compute, move) / 1000, "these are seconds, and the question asks for milliseconds."),
        },
    )


def _in_bfloat16(step, model, images, labels, lr):
    """The numbers that one step leaves, and the kinds of number that it computed with."""
    optimizer, scores_were = torch.optim.SGD(model.parameters(), lr), []
    model.register_forward_hook(lambda layer, given, scores: scores_were.append(scores.dtype))
    loss = step(model, images, labels, optimizer)
    if loss is None:
        return None
    return {
        "bits of a score": _bits(*scores_were[:1]),
        "bits of a weight": _bits(next(model.parameters()).dtype),
        "bits of the loss": _bits(loss.dtype if isinstance(loss, torch.Tensor) else torch.float32),
        "loss": loss.item() if isinstance(loss, torch.Tensor) else loss,
        "weights": torch.cat([parameter.detach().float().flatten() for parameter in model.parameters()]),
    }


def _bits(dtype=None):
    return 0 if dtype is None else torch.finfo(dtype).bits


def _half_cases(generator):
    models = small_models(generator)
    return [{"model": m, "images": torch.randn(6, 2), "labels": torch.randint(0, 3, (6,)), "lr": 0.5} for m in models]


def _half(*, forward=True, loss=True, cast=_unchanged, pictures=_unchanged):
    """A step with these of its parts under autocast; `cast` is done to the model, `pictures` to the pictures."""

    def step_in_bfloat16(model, images, labels, optimizer):
        def under(switch):
            return torch.autocast("cpu", torch.bfloat16) if switch else contextlib.nullcontext()

        cast(model)
        with under(forward):
            logits = model(pictures(images))
        with under(loss):
            value = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return step_in_bfloat16


def step_in_bfloat16(model, images, labels, optimizer):
    with torch.autocast(images.device.type, torch.bfloat16):
        logits = model(images)  # (B, …) -> (B, classes), in bfloat16
        loss = F.cross_entropy(logits, labels)  # -> one number, in float32
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@implementation(
    "a step in bfloat16", "Half the bytes: bfloat16", solution=step_in_bfloat16, cases=_half_cases, observe=_in_bfloat16
)
def q8():
    """Write `step_in_bfloat16(model, images, labels, optimizer)`: a training step that returns its loss. Let
    `torch.autocast(images.device.type, torch.bfloat16)` choose for each layer and for the loss in which numbers they
    are computed. Weights stay float32, and `backward` needs no autocast: it takes the numbers of the forward pass.
    """
    hints = (
        "It is the five lines of lesson 05. Which two of them compute something from the pictures?",
        "`with torch.autocast(images.device.type, torch.bfloat16):` holds those two lines, indented.",
        "The logits and the loss stand inside; `zero_grad`, `backward` and `step` follow outside.",
    )
    mistakes = {
        "the layers outside": (
            _half(forward=False),
            "the layers still compute in float32: `model(images)` belongs inside.",
        ),
        "the model itself in bfloat16": (
            _half(forward=False, loss=False, cast=nn.Module.bfloat16, pictures=torch.Tensor.bfloat16),
            "now the weights have 8 binary digits too, and a small step is rounded away. Autocast rounds copies of "
            "them for each layer, and leaves them as they are.",
        ),
        "only the pictures in bfloat16": (
            _half(forward=False, loss=False, pictures=torch.Tensor.bfloat16),
            "a layer expects pictures of the same kind as its weights. Leave both float32: autocast rounds them where "
            "it helps.",
        ),
        "the loss outside": (
            _half(loss=False),
            "the loss is computed in bfloat16, like the scores. Under autocast torch turns them into float32 first, "
            "because a sum needs it.",
        ),
    }
    return hints, mistakes


DIGITS = {"bfloat16": 8, "float16": 11}  # binary digits of a number, the leading 1 among them


def _rounded(number, digits):
    """The nearest number of `digits` binary digits, and only zeros after them. Of two as near: that whose last is 0."""
    unit = 2 ** max(0, number.bit_length() - digits)
    return round(number / unit) * unit


@prediction(
    "a sum in bfloat16",
    "Half the bytes: bfloat16",
    dtype=("bfloat16", tuple(DIGITS)),
    step=(1, (1, 2, 4)),
    pictures=(10_000, (4_321, 5_000, 6_001, 7_777, 8_000, 9_999, 10_000, 12_345)),
)
def q9(dtype, step, pictures):
    digits, total = DIGITS[dtype], step * pictures
    if _rounded(total, digits) == total:
        return None
    power = f"2**{digits}" if step == 1 else f"{step}·2**{digits}"
    further = "" if step == 1 else f" In steps of {step} it is {step} times as far."
    return Asked(
        f"`{dtype}` keeps {digits} binary digits of a number. A sum in `{dtype}` begins at 0, and {step} is added to "
        f"it {pictures:,} times, once for each picture. What is it in the end?",
        answer=step * 2**digits,
        working=power,
        hints=(
            f"The first whole number that cannot be kept has {digits + 1} binary digits, and the last of them is a 1. "
            "Which one is it, and what is it rounded to?",
            f"2**{digits} + 1 lies in the middle between two numbers that can be kept, and becomes the smaller one, "
            f"whose last digit is 0.{further}",
        ),
        mistakes={
            "as if all digits were kept": (
                total,
                f"{total:,} has {total.bit_length()} binary digits. Long before that, the sum reaches numbers that "
                f"{digits} digits cannot hold, and is rounded.",
            ),
            "rounded once at the end": (
                _rounded(total, digits),
                "this is the right sum, rounded. But the sum is rounded after each picture, and what is lost then is "
                "lost.",
            ),
            "all ones": (
                2**digits - 1,
                f"this is {digits} ones. The number after it is a 1 and zeros, and can be kept, too: zeros at the end "
                "need no digits.",
            ),
            "begun again at 0": (
                total % 2**digits,
                f"whole numbers of {digits} bits count like this. `{dtype}` also has an exponent: it does not begin "
                "again, it rounds.",
            ),
            "one digit fewer": (
                step * 2 ** (digits - 1),
                f"{digits} digits are kept, the leading 1 among them. They also hold the next sum, "
                f"{step * 2 ** (digits - 1) + step}.",
            ),
            "halves rounded up": (
                step * 2 ** (digits + 1),
                "the sum would get that far if one in the middle between two numbers were always rounded up. But it "
                "becomes the one whose last digit is 0.",
            ),
        },
    )


@prediction(
    "two batch sizes",
    "7 · Larger batches",
    small=(128, (16, 32, 64, 128)),
    factor=(4, (2, 4, 8)),
    ms_small=(4, range(2, 13)),
    ms_large=(10, range(3, 41)),
)
def q10(small, factor, ms_small, ms_large):
    large, answer = small * factor, factor * ms_small / ms_large
    if not ms_small < ms_large < factor * ms_small or round(answer, 2) != answer:
        return None  # more pictures take longer, but not in proportion; and two decimals are to be enough
    if abs(answer - ms_large / ms_small) < 0.1:
        return None  # rounded to one decimal, a mistake would pass for the answer
    return Asked(
        f"Run A takes {ms_small} ms for a step with a batch of {small}, run B {ms_large} ms with a batch of {large}. "
        "B trains on how many times as many pictures a second as A? (Two decimals at most.)",
        answer=answer,
        working=f"({large} / {ms_large}) / ({small} / {ms_small})",
        hints=(
            "A step of A and one of B are not the same work. How many pictures does each of them train on in a ms?",
            f"A trains on {small} / {ms_small} pictures in a ms, B on {large} / {ms_large}.",
        ),
        mistakes={
            "steps compared": (
                ms_small / ms_large,
                f"this compares steps a second. But a step of B has {large} pictures, and one of A has {small}.",
            ),
            "milliseconds compared": (
                ms_large / ms_small,
                "that is how many times as long a step of B takes. It has more pictures, too.",
            ),
            "batches compared": (
                factor,
                "that is how many times as many pictures B has in a step. Its step takes longer, too.",
            ),
            "A compared with B": (1 / answer, "this is A compared with B. The question is the other way round."),
        },
    )


@prediction(
    "the last step of several processes",
    "8 · Waiting for other processes",
    pictures=(10_000, (2_000, 5_000, 10_000, 12_000, 20_000, 50_000, 60_000)),
    batch_size=(256, (48, 64, 96, 128, 192, 256, 384, 512)),
    processes=(2, (2, 4, 8)),
)
def q11(pictures, batch_size, processes):
    full, left = divmod(pictures, batch_size)
    alone = pictures // processes % batch_size
    if left == 0 or left % processes or batch_size % processes or pictures % processes or alone == 0:
        return None
    return Asked(
        f"An epoch has {pictures:,} pictures. Each step takes {batch_size} of them, shared evenly among {processes} "
        "processes. How many pictures does each process get in the last step?",
        answer=left // processes,
        working=f"({pictures:,} − {full}·{batch_size}) / {processes} = {left} / {processes}",
        hints=(
            "How many steps have a full batch? How many pictures are left for the one after them?",
            f"{full} full batches hold {full * batch_size:,} pictures. {left} are left, and all processes share them.",
        ),
        mistakes={
            "the last batch as full as the others": (
                batch_size // processes,
                "that is right for every step but the last. How many pictures are left after the full batches?",
            ),
            "not shared out": (left, f"that is how many pictures the last step has. {processes} processes share them."),
            "a full batch for each process": (
                alone,
                f"you gave each process {batch_size} pictures a step. {batch_size} is what they take together.",
            ),
            "the batch of all processes": (batch_size, "that is what all processes take together, in a full step."),
        },
    )


@prediction(
    "the winners' products",
    "Extra · Read a kernel",
    channels=(18, (6, 10, 12, 16, 18, 24, 32)),
    size=(32, range(12, 65, 4)),
    kernel_size=(2, (2, 3, 4)),
)
def q12(channels, size, kernel_size):
    side, taps = size // kernel_size, 27
    if size % kernel_size:
        return None
    before = channels * size**2 * taps
    return Asked(
        f"`conv1` has {channels} filters of 3 × 3 × 3 and turns a picture into {channels} maps of {size} × {size}. "
        f"For the gradient of its weight, each number in the maps' gradient is multiplied by the {taps} numbers "
        f"of its window: {before:,} products. But after `conv1` comes a {kernel_size} × {kernel_size} max pool. In how "
        "many of these products can the gradient be other than 0?",
        answer=channels * side**2 * taps,
        working=f"{channels}·{side}·{side}·{taps}",
        hints=(
            "The gradient goes only to the winner of each window of the pool (lesson 02). How many winners are there?",
            f"There are {side} × {side} windows in each of the {channels} maps, and one winner in each. Each winner is "
            f"multiplied by {taps} numbers.",
        ),
        mistakes={
            "as many as before": (
                before,
                f"you left the pool out. Within each of its {kernel_size} × {kernel_size} windows, which numbers get a "
                "gradient?",
            ),
            "one side only": (channels * size * side * taps, "you divided one side only. The pool shortens both."),
            "one map only": (side**2 * taps, f"that is one map. There are {channels}."),
            "winners, not products": (
                channels * side**2,
                f"that is how many winners there are. Each is multiplied by {taps} numbers.",
            ),
            "those with a 0": (
                before - channels * side**2 * taps,
                "these are the products with a 0. The question is how many are left without them.",
            ),
            "one colour only": (
                channels * side**2 * 9,
                "a filter is 3 × 3 × 3: you counted nine numbers, those of a single colour.",
            ),
        },
    )
