"""Losses of three tensors, compared row with row: triplets, rankings, pairs that are alike or not."""

from math import prod

from helpers.trace.finding import count, found
from helpers.trace.loss_calls import OF_THREE, Target, actual, loss_of, on
from helpers.trace.notes import TensorNote
from helpers.trace.rules.number_losses import in_shape


def three(run, step):
    """Margin and triplet losses: tensors that are compared with each other, row by row."""
    loss = loss_of(step)
    if loss is None or loss.function not in OF_THREE or not all(isinstance(one, TensorNote) for one in loss.pair):
        return
    shapes, letters = {name: loss.given[name].shape for name in list(loss.given)[: len(loss.pair)]}, "xyz"
    # Of the first two, the first has the shape that all others want; the target of a margin is a number for each row.
    first = next(iter(shapes.values()))
    for place, (name, shape) in enumerate(shapes.items()):
        wanted = first[:1] if name == "target" and loss.function == "cosine_embedding_loss" else first
        if shape == wanted:
            continue
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        what = f"{step.label}: {name} is {shape}, and has to be {wanted}."
        why = f"This loss compares row with row: {told}." + " The target is 1 or −1 for each." * (name == "target")
        shaped, changes = in_shape(Target(letters[place], actual(run, loss, name)), wanted), []
        if shaped is not None:
            changes = [on(loss, name, shaped.text, shaped.do)]
        elif len(shape) == len(wanted) and shape[:1] != wanted[:1]:
            why += f" There are {count(prod(wanted[:1]), 'row')} and {count(prod(shape[:1]), 'row')}."
        yield found(step, "target", what, shape, wanted, why, *changes)
        return
