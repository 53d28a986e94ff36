"""The questions of lesson 05, Training on a GPU."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.exercises.implementation import implementation
from helpers.exercises.ordering import ordering
from helpers.exercises.prediction import Asked, prediction
from helpers.exercises.question import Mistake
from helpers.exercises.small_models import small_models


@prediction(
    "batches in an epoch",
    "1 · Data, and what a batch is",
    pictures=(10_000, (500, 1000, 2000, 5000, 10_000, 50_000, 60_000)),
    batch_size=(128, (16, 32, 64, 96, 128, 256, 300, 512)),
)
def q1(pictures, batch_size):
    full, left = divmod(pictures, batch_size)
    return Asked(
        f"{pictures:,} pictures in batches of {batch_size}. How many batches are there?",
        answer=math.ceil(pictures / batch_size),
        working=f"⌈{pictures:,} / {batch_size}⌉ = ⌈{round(pictures / batch_size, 4):g}⌉",
        hints=(
            "How many full batches are there? And where do the pictures go that are left over?",
            f"{full} full batch{'es' * (full != 1)} hold{'s' * (full == 1)} {full * batch_size:,} pictures. {left} are "
            "left over.",
        ),
        mistakes={
            "the last, smaller batch dropped": (
                full,
                f"that is the number of full batches. The {left} pictures that are left over make a batch too: "
                f"{full * batch_size:,} + {left}.",
            ),
            "a part of a batch counted as a part": (
                pictures / batch_size,
                f"the {left} pictures that are left over make one batch, a smaller one: round up.",
            ),
            "the pictures of the last batch": (
                left,
                f"these are the pictures that are left over after {full} full batch{'es' * (full != 1)}.",
            ),
        },
    )


@prediction(
    "the loss before training",
    "2 · The loss before training",
    classes=(100, (2, 3, 4, 5, 6, 8, 12, 15, 26, 37, 50, 100, 1000)),  # not 200: its log10 is log(10)
)
def q2(classes):
    probability = f"1/{classes}"
    return Asked(
        f"A network has {classes} classes to choose from and prefers none of them yet. Which loss do you expect, to "
        "two decimals?",
        answer=-math.log(1 / classes),
        working=f"−log({probability})",
        hints=(
            "Which probability does it give to each class, if it prefers none? And which loss is that?",
            f"Each class has the same chance, {probability}. `-math.log(p)` is the loss of the probability `p`.",
        ),
        mistakes={
            "the probability, not the loss": (
                1 / classes,
                f"{probability} is the probability of the right class. The loss is computed from it, with a logarithm.",
            ),
            "1 minus the probability": (
                1 - 1 / classes,
                f"1 − {probability} is the probability of all wrong classes together. The loss asks only for the right "
                "one.",
            ),
            "logarithm to base 10": (
                math.log10(classes),
                f"cross-entropy takes the natural logarithm, to base e = 2.718…: `-math.log(1 / {classes})`.",
            ),
            "logarithm to base 2": (
                math.log2(classes),
                f"these are bits. PyTorch's cross-entropy takes the natural logarithm: `-math.log(1 / {classes})`.",
            ),
            "the loss of ten classes": (
                math.log(10),
                f"that is the loss with ten classes, as in the first figure. Here there are {classes}.",
            ),
            "the minus forgotten": (
                math.log(1 / classes),
                "the logarithm of a number below 1 is below 0. A loss is not: it has the other sign.",
            ),
        },
    )


FIVE_LINES = (
    "logits = model(images)",
    "loss = F.cross_entropy(logits, labels)",
    "optimizer.zero_grad()",
    "loss.backward()",
    "optimizer.step()",
)


@ordering(
    "the five lines",
    "3 · The five lines",
    lines=FIVE_LINES,
    first="CEDAB",
    hints=(
        "Which line uses a name that another line makes? That fixes the order of three of them.",
        "`backward` puts a gradient beside every weight, `step` uses it, `zero_grad` throws it away.",
        "`logits`, then `loss`, then `backward`, then `step`. `zero_grad` may stand anywhere except between the last "
        "two.",
    ),
)
def q3(lines):
    """A training step is five lines. Here they are, shuffled. In which order do they train a network, batch after
    batch, with every batch used?
    """
    # What these five lines do in this order, round after round: a Mistake, or None if they train.
    forward, loss, zero_grad, backward, step = map(lines.index, FIVE_LINES)
    if backward < loss:
        name, why = (
            "backward before the loss",
            "where `loss.backward()` stands there is no loss yet: a `NameError`. In a notebook, where an old one may "
            "be left over, PyTorch refuses to go backward from it a second time.",
        )
    elif loss < forward:
        name, why = (
            "the loss before the logits",
            "the loss is computed from the logits, and there are none yet: a `NameError`. In a notebook, where old "
            "ones may be left over, `backward` refuses to go through them a second time.",
        )
    elif backward < zero_grad < step:
        name, why = (
            "zero_grad between backward and step",
            "the gradients are thrown away before `step` uses them. Nothing is learned, and no error is raised.",
        )
    elif backward < step:
        return None
    elif not step < zero_grad < backward:
        name, why = (
            "step before backward",
            "you step before you have gradients: `zero_grad` has thrown away those of the round before, and "
            "`backward` is yet to come. Nothing is learned, and no error is raised.",
        )
    elif forward < step:
        name, why = (
            "step between forward and backward",
            "you step before you have this round's gradients. In the first round there are none. In the second, `step` "
            "moves along those of the first, and changes weights that `backward` still needs as they were: a "
            "`RuntimeError`.",
        )
    else:
        name, why = (
            "step a round too late",
            "you step before you have this round's gradients, and move along those of the round before. It learns, but "
            "the first `step` does nothing, and what the last `backward` found is never used.",
        )
    return Mistake(name, lines, why)


GRADIENTS = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)


@prediction(
    "gradients without zero_grad",
    "The orders that go wrong",
    first=(4, GRADIENTS),
    second=(1, GRADIENTS),
    third=(-2, GRADIENTS),
)
def q4(first, second, third):
    one, two, three = map(str, (first, second, third))
    total = " + ".join(f"({number})" if "-" in number else number for number in (one, two, three))
    return Asked(
        "Three batches one after the other, forward and `backward`, with no `zero_grad` and no `step` in between. "
        f"Alone, they would give a weight the gradients {one}, {two} and {three}. "
        "What is its gradient in the end?",
        answer=first + second + third,
        working=total,
        hints=(
            "A gradient is there already. Does `backward` write over it, take a mean, or add?",
            f"After the first `backward` it is {one}. The second one adds {two} to it.",
        ),
        mistakes={
            "the last one only": (
                third,
                "`backward` does not write over what is there, it adds to it. Starting from nothing is the work of "
                "`zero_grad`.",
            ),
            "the first one kept": (first, "each later `backward` adds its own gradient to it."),
            "averaged": (
                (first + second + third) / 3,
                "the mean is taken over the pictures of one batch. From batch to batch, `backward` adds.",
            ),
            "the signs dropped": (
                abs(first) + abs(second) + abs(third),
                "a gradient has a direction, and two of opposite sign work against each other.",
            ),
        },
    )


def _number(value):
    """A loss as a plain number, whether `loss` or `loss.item()` was returned."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def _weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def _three_steps(step, model, images, labels, lr):
    """Losses and weights of three steps, and how often `backward` had been called at the time of each."""
    optimizer = torch.optim.SGD(model.parameters(), lr)
    calls, calls_at_step = [], []
    last = list(model.parameters())[-1]
    last.register_post_accumulate_grad_hook(calls.append)
    optimizer.register_step_pre_hook(lambda *_: calls_at_step.append(len(calls)))
    losses = [_number(step(model, images, labels, optimizer)) for _ in range(3)]
    if None in losses:
        return None
    return {
        "calls of backward before each step": tuple(calls_at_step),
        **dict(zip(("first loss", "second loss", "third loss"), losses, strict=True)),
        "weights": _weights(model),
    }


def _random_pictures(generator, count):
    numbers = torch.Generator().manual_seed(generator.randrange(2**31))
    return torch.randint(-3, 4, (count, 2), generator=numbers).float(), torch.arange(count) % 3


def _learning(generator):
    cases = []
    for model in small_models(generator):
        images, labels = _random_pictures(generator, 4)
        cases.append({"model": model, "images": images, "labels": labels, "lr": 0.5})
    return cases


def _step(*calls):
    """A training step: forward, loss, and then these calls, in this order."""

    def step(model, images, labels, optimizer):
        loss = F.cross_entropy(model(images), labels)
        known = {"zero_grad": optimizer.zero_grad, "backward": loss.backward, "step": optimizer.step}
        for call in calls:
            known[call]()
        return loss

    return step


ZERO_GRAD_BETWEEN = _step("backward", "zero_grad", "step")


def _backward_before_loss(model, images, labels, optimizer):
    loss.backward()  # noqa: F821 (that is the mistake)
    loss = F.cross_entropy(model(images), labels)
    optimizer.step()
    return loss


def _step_on_softmax(model, images, labels, optimizer):
    return training_step(lambda images: model(images).softmax(dim=1), images, labels, optimizer)


def training_step(model, images, labels, optimizer):
    logits = model(images)  # (B, ...) -> (B, classes)
    loss = F.cross_entropy(logits, labels)  # (B, classes), (B,) -> one number
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()  # the number, without the graph that led to it


@implementation(
    "the training step", "3 · The five lines", solution=training_step, cases=_learning, observe=_three_steps
)
def q5():
    """Write `training_step(model, images, labels, optimizer)`: one step on one batch. It returns the loss of the
    batch.
    """
    hints = (
        "Five lines, and one that returns the loss. Which names does each of them need, and which line makes them?",
        "`logits = model(images)` and `loss = F.cross_entropy(logits, labels)` come first.",
        "Then `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`, and `return loss.detach()`.",
    )
    mistakes = {
        "zero_grad left out": (
            _step("backward", "step"),
            "`backward` adds to the gradients of the batches before. Throw them away first: `optimizer.zero_grad()`.",
        ),
        "step before backward": (
            _step("zero_grad", "step", "backward"),
            "you step before you have gradients: `backward` makes them, and `step` comes after it.",
        ),
        "zero_grad between backward and step": (
            ZERO_GRAD_BETWEEN,
            "it throws away what `backward` has just computed, and `step` finds nothing to move along.",
        ),
        "backward left out": (
            _step("zero_grad", "step"),
            "no weight has a gradient, so `step` moves none: `loss.backward()` makes them.",
        ),
        "backward before the loss": (
            _backward_before_loss,
            "in that line there is no loss yet: first `loss = F.cross_entropy(logits, labels)`.",
        ),
        "softmax before cross-entropy": (
            _step_on_softmax,
            "`F.cross_entropy` takes the logits and does the softmax itself. Done twice, it makes the gradients small.",
        ),
    }
    return hints, mistakes


def _epoch(train, model, images, labels, batch_size, lr):
    """Losses and weights after one step for each batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr)
    losses = train(model, _split(images, labels, batch_size), optimizer)
    if losses is None:
        return None
    return {"losses": torch.tensor([_number(loss) for loss in losses]), "weights": _weights(model)}


def _split(images, labels, batch_size):
    return list(zip(images.split(batch_size), labels.split(batch_size), strict=True))


def _epochs(generator):
    cases = []
    for model, count in zip(small_models(generator), (2, 5), strict=True):
        images, labels = _random_pictures(generator, count)
        cases.append({"model": model, "images": images, "labels": labels, "batch_size": count // 2, "lr": 0.5})
    return cases


def _train_with(step):
    return lambda model, batches, optimizer: [step(model, *batch, optimizer).item() for batch in batches]


def _zero_grad_once(model, batches, optimizer):
    optimizer.zero_grad()
    return _train_with(_step("backward", "step"))(model, batches, optimizer)


def _one_step_at_the_end(model, batches, optimizer):
    losses = _train_with(_step("zero_grad", "backward"))(model, batches, optimizer)
    optimizer.step()
    return losses


def train_for(model, batches, optimizer):
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@implementation(
    "a loop that goes wrong",
    "The orders that go wrong",
    solution=train_for,
    broken=_zero_grad_once,
    cases=_epochs,
    observe=_epoch,
)
def q6():
    """`train_for(model, batches, optimizer)` makes a step for each batch and returns the losses. The first step is
    right; every later one is wrong. Fix it.
    """
    hints = (
        "What is in `weight.grad` when the second batch comes to `backward`?",
        "How often is `zero_grad` called, and how often `backward`?",
        "`optimizer.zero_grad()` belongs in the loop: anywhere except between `backward` and `step`.",
    )
    mistakes = {
        "weights that never change": (
            _train_with(ZERO_GRAD_BETWEEN),
            "no weight changes any more, not even in the first step. First `backward`, then `step`, and no `zero_grad` "
            "between them.",
        ),
        "one step for all batches": (
            _one_step_at_the_end,
            "`optimizer.step()` stands after the loop: the gradients of all batches but the last are thrown away.",
        ),
    }
    return hints, mistakes


def _tested_twice(accuracy, model, images, labels):
    """What two calls return, and whether torch kept anything for backward."""
    torch.manual_seed(0)  # what dropout drops: the same for every function that is tried
    kept = []
    model.register_forward_hook(lambda layer, given, scores: kept.append(scores.requires_grad))
    results = [_number(accuracy(model, images, labels)) for _ in range(2)]
    if None in results:
        return None
    return {"accuracy": results[0], "once more": results[1], "calls that keep gradients": sum(kept)}


class _Dropout(nn.Dropout):
    """nn.Dropout whose random numbers are the same on every machine."""

    def forward(self, x):
        return x * (torch.rand(x.shape) > self.p) / (1 - self.p) if self.training else x

    def _get_name(self):
        return "Dropout"


def _testing(generator):
    """Models in train mode, which are right for three of four pictures, in eval mode."""
    cases = []
    images, _ = _random_pictures(generator, 40)
    for name, between in (("dropout", _Dropout(0.8)), ("batch norm", nn.BatchNorm1d(8))):
        model = nn.Sequential(nn.Linear(2, 8), between, nn.Linear(8, 4))
        if name == "batch norm":
            between.running_mean += 3  # the training pictures had other averages than this batch
        with torch.no_grad():
            labels = model.eval()(images).argmax(dim=1)  # (40, 4) -> (40,)
        labels[::4] = (labels[::4] + 1) % 4
        cases.append({"model": model.train(), "images": images, "labels": labels})
    return cases


@torch.no_grad()
def _accuracy_as_it_is(model, images, labels):
    return (model(images).argmax(dim=1) == labels).float().mean().item()


def _eval_afterwards(model, images, labels):
    accuracy = _accuracy_as_it_is(model, images, labels)
    model.eval()
    return accuracy


def _eval_alone(model, images, labels):
    return (model.eval()(images).argmax(dim=1) == labels).float().mean().item()


def _dropout_alone(model, images, labels):
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    return _accuracy_as_it_is(model, images, labels)


def accuracy_of(model, images, labels):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        predictions = model(images).argmax(dim=1)  # (N, classes) -> (N,)
    model.train(was_training)  # as it was, so that training can go on
    return (predictions == labels).float().mean().item()


@implementation(
    "an accuracy that changes",
    "6 · `eval()` and `no_grad()`: two switches",
    solution=accuracy_of,
    broken=_accuracy_as_it_is,
    cases=_testing,
    observe=_tested_twice,
)
def q7():
    """`accuracy_of(model, images, labels)` returns the fraction of the pictures that are classified correctly. For a
    model with dropout it is too low, and can differ at each call. Fix it.
    """
    hints = (
        "`no_grad()` is there. Which of the two switches decides whether two calls agree?",
        "A model that was trained is still in train mode: nobody has told its layers that this is a test.",
        "`model.eval()`, before the pictures go through the model.",
    )
    mistakes = {
        "eval() after the scores": (
            _eval_afterwards,
            "the pictures have been through the model by then, in train mode. Only the second call is right.",
        ),
        "eval() in place of no_grad()": (
            _eval_alone,
            "the accuracy is right, but torch now keeps everything that `backward` would need. Testing wants both.",
        ),
        "only dropout switched off": (
            _dropout_alone,
            "batch normalisation also behaves differently in training: `model.eval()` switches every layer of the "
            "model.",
        ),
    }
    return hints, mistakes


def _held(prepare, model, device):
    """How many of the model's weights are on the device, and how many of them the optimizer holds."""
    optimizer = prepare(model, device)
    if optimizer is None:
        return None
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    weights = list(model.parameters())
    return {
        "weights on the device": sum(weight.device == device for weight in weights),
        "weights the optimizer holds": sum(id(weight) in held for weight in weights),
    }


def _devices(generator):
    small, large = small_models(generator)
    names = ((small, "cpu"), (small, "meta"), (large, "meta"))
    return [{"model": model, "device": torch.device(name)} for model, name in names]


def _prepare_too_early(model, device):
    optimizer = torch.optim.Adam(model.parameters())
    model.to(device)
    return optimizer


def _move_optimizer(model, device):
    optimizer = torch.optim.Adam(model.parameters())
    model.to(device)
    optimizer.to(device)
    return optimizer


def prepare(model, device):
    model.to(device)
    return torch.optim.Adam(model.parameters(), lr=1e-3)


@implementation(
    "a model that moves too late",
    "First move, then make the optimizer",
    solution=prepare,
    broken=_prepare_too_early,
    cases=_devices,
    observe=_held,
)
def q8():
    """`prepare(model, device)` moves the model to the device and returns an optimizer for it. On the device `meta`,
    that optimizer holds weights that the model no longer has. Fix it.
    """
    hints = (
        "Which weights does `model.parameters()` return: those from before the move, or those from after it?",
        "First move, then make the optimizer.",
    )
    mistakes = {
        "the model not moved": (
            lambda model, device: torch.optim.Adam(model.parameters()),
            "now the optimizer holds the model's weights, but they are where they were: "
            "`model.to(device)` comes first.",
        ),
        "a copy moved": (
            lambda model, device: prepare(copy.deepcopy(model), device),
            "the optimizer holds the weights of a copy, and the model itself stays where it was and is never trained.",
        ),
        "the optimizer moved": (
            _move_optimizer,
            "an optimizer has no `to`: it holds on to the weights it was given. Give it those the model has after the "
            "move.",
        ),
    }
    return hints, mistakes


@prediction(
    "waiting for the GPU",
    "8 · Timing a GPU honestly",
    pieces=(10, range(4, 21)),
    hand_over=(0.1, (0.1, 0.2, 0.3, 0.4, 0.5)),
    work=(2, (1, 2, 3, 4, 5)),
)
def q9(pieces, hand_over, work):
    last, all_work = round(pieces * hand_over, 2), pieces * work
    return Asked(
        f"Handing a piece of work over to a GPU takes {hand_over} ms, and the GPU needs {work} ms for it. You start "
        f"the clock, hand over {pieces} pieces, synchronise and stop the clock. How many milliseconds does it show?",
        answer=round(hand_over + all_work, 2),
        working=f"{hand_over} + {pieces}·{work} = {hand_over} + {all_work}",
        hints=(
            "While the GPU works, the CPU hands over the next piece. Who is done last?",
            f"The GPU begins when it has the first piece, after {hand_over} ms. From then on it always has work.",
        ),
        mistakes={
            "clock stopped without waiting": (
                last,
                f"after {pieces}·{hand_over} ms all is handed over, and the GPU is still busy. Synchronising waits "
                f"until it is done: {pieces} pieces of {work} ms.",
            ),
            "only the last piece waited for": (
                round(last + work, 2),
                f"the GPU does one piece after the other. When the last one is handed over, others are still "
                f"waiting: {pieces} pieces of {work} ms.",
            ),
            "handing over and work added": (
                round(last + all_work, 2),
                f"while the GPU works on a piece, the next one is handed over. The GPU waits only for the first "
                f"piece, {hand_over} ms.",
            ),
            "the work alone": (
                all_work,
                f"that is how long the GPU works. But it has to wait for the first piece, {hand_over} ms.",
            ),
        },
    )


@prediction(
    "Adam's first step",
    "10 · The learning rate",
    weight=(5, range(2, 10)),
    gradient=(30, (-60, -40, -30, -20, 20, 30, 40, 60)),
    lr=(0.1, (0.1, 0.2, 0.3, 0.5)),
)
def q10(weight, gradient, lr):
    told = f"{gradient}".replace("-", "−")
    against, sign, along = ("down", "−", "up") if gradient > 0 else ("up", "+", "down")
    down = math.copysign(1, gradient)
    without = lr * 0.1 / math.sqrt(0.001)  # the means as they are, which began at 0
    return Asked(
        f"A weight is {weight}, its gradient {told}. Adam makes its first step with learning rate {lr}. What is the "
        "weight then?",
        answer=round(weight - down * lr, 2),
        working=f"{weight} {sign} {lr}·1",
        hints=(
            "Adam divides the mean of the gradients by the root of the mean of their squares. After one gradient, "
            "what are the two means?",
            f"The mean of one gradient is {told}, the root of its square {abs(gradient)}. Divide; multiply by {lr}.",
        ),
        mistakes={
            "plain gradient descent": (
                round(weight - lr * gradient, 2),
                "this multiplies the learning rate by the gradient, as SGD does. Adam first divides the gradient by "
                "its usual size.",
            ),
            "along the gradient": (
                round(weight + down * lr, 2),
                f"the length is right. The gradient {told} says that the loss grows where the weight goes {along}: "
                f"step {against}.",
            ),
            "the learning rate left out": (
                weight - down,
                "the gradient divided by its own size is 1 or −1. The learning rate says how long the step is.",
            ),
            "the means not corrected": (
                round(weight - down * without, 2),
                "both means began at 0 and have hardly moved: 0.1 of the gradient and 0.001 of its square. Adam first "
                "divides them by 0.1 and 0.001, because they are of one step only.",
            ),
        },
    )


@prediction(
    "the mean of means",
    "Extra · The mean of means",
    size=(128, (16, 32, 64, 100, 128)),
    last_size=(4, (2, 4, 6, 8, 10, 12)),
    loss=(1, (1, 2, 3)),
    last_loss=(7, (4, 5, 6, 7, 8, 9)),
)
def q11(size, last_size, loss, last_loss):
    total, pictures = 2 * size * loss + last_size * last_loss, 2 * size + last_size
    weighed = f"({size}·{loss} + {size}·{loss} + {last_size}·{last_loss}) / {pictures}"
    return Asked(
        f"Three batches of {size}, {size} and {last_size} pictures, with mean losses of {loss}, {loss} and "
        f"{last_loss}. What is the mean over all {pictures}, to two decimals?",
        answer=total / pictures,
        working=f"{weighed} = {total} / {pictures}",
        hints=(
            f"What is the sum of the losses of the {last_size} pictures in the last batch? And in the first?",
            f"The last batch has the sum {last_size}·{last_loss} = {last_size * last_loss}. "
            f"Add up all sums, and divide once.",
        ),
        mistakes={
            "mean of means": (
                (2 * loss + last_loss) / 3,
                f"{last_size} of {pictures} pictures got a third of the vote. Weight each batch by its size: "
                f"{weighed}.",
            ),
            "batch losses added up": (
                2 * loss + last_loss,
                f"a mean times its batch's size is a sum that may be added. Then divide by all pictures: {weighed}.",
            ),
            "divided by the number of batches": (
                total / 3,
                f"{total} is the sum over pictures, so divide by the {pictures} pictures, not by 3: {weighed}.",
            ),
            "the small batch left out": (
                loss,
                f"its {last_size} pictures count too, each as much as any other: {weighed}.",
            ),
        },
    )


def _mean_over(mean, model, images, labels, batch_size):
    return _number(mean(model, _split(images, labels, batch_size)))


def _unequal(generator):
    small, large = small_models(generator)
    cases = []
    for model, count, batch_size in ((small, 3, 2), (small, 4, 2), (large, 10, 4), (large, 7, 7)):
        images, labels = _random_pictures(generator, count)
        cases.append({"model": model, "images": images, "labels": labels, "batch_size": batch_size})
    return cases


def _losses(model, batches):
    return [F.cross_entropy(model(images), labels).item() for images, labels in batches]


def _mean_loss(model, batches):
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return F.cross_entropy(model(images), labels).item()


def mean_loss(model, batches):
    total, pictures = 0.0, 0
    with torch.no_grad():
        for images, labels in batches:
            total += F.cross_entropy(model(images), labels, reduction="sum").item()
            pictures += len(labels)
    return total / pictures


@implementation(
    "a mean over unequal batches",
    "Extra · The mean of means",
    solution=mean_loss,
    reference=_mean_loss,
    cases=_unequal,
    observe=_mean_over,
)
def q12():
    """Write `mean_loss(model, batches)`: the mean cross-entropy over all pictures of all batches. `batches` is a
    list of (images, labels), and its batches may be of unequal size.
    """
    hints = (
        "What has to be added up from batch to batch, so that one division at the end is enough?",
        'The sum of a batch is `F.cross_entropy(..., reduction="sum")`, or its mean times `len(labels)`.',
        "Count the pictures too, and return the sum of all losses divided by that count.",
    )
    mistakes = {
        "mean of means": (
            lambda model, batches: sum(_losses(model, batches)) / len(batches),
            "a small last batch has as many votes as a full one. Weight each mean by `len(labels)`.",
        ),
        "divided by the number of batches": (
            lambda model, batches: _mean_loss(model, batches) * sum(len(y) for _, y in batches) / len(batches),
            "the sums of the batches are right. But each is a sum over pictures: divide by the pictures.",
        ),
        "means divided by the number of pictures": (
            lambda model, batches: sum(_losses(model, batches)) / sum(len(y) for _, y in batches),
            "`F.cross_entropy` has divided by the batch's size already. Times `len(labels)` it is a sum again.",
        ),
        "every batch as large as the first": (
            lambda model, batches: sum(_losses(model, batches)) * len(batches[0][1]) / sum(len(y) for _, y in batches),
            "you weight the last batch by the first one's size. Ask each batch: `len(labels)`.",
        ),
        "the last batch only": (
            lambda model, batches: _losses(model, batches)[-1],
            "each batch writes over the loss of the one before. Add it up.",
        ),
    }
    return hints, mistakes
