"""Is what the model is given a batch of pictures, channels first?"""

from math import isqrt

from helpers.arguments import channels_first
from helpers.sentences import SENTENCES
from helpers.trace.changes import given, replaced
from helpers.trace.finding import first_conv, first_spatial, found
from helpers.trace.operations import FLATTENING, Conv

SIDES = {1: "L", 2: "H, W", 3: "D, H, W"}


def no_batch(run, step):
    """One picture without its batch, grey pictures without their channel, or rows of numbers: the input is fixed."""
    spatial, computed = first_spatial(run)
    if not run.inputs or spatial is None:
        return
    shape, dims, conv = run.inputs[0].shape, computed.dims, first_conv(run)
    channels = conv.in_channels if conv is not None else shape[0] if shape else 0
    wanted = f"(N, {channels}, {SIDES[dims]})"
    if len(shape) == dims + 1 and shape[0] == channels:
        what, change = "One picture without a batch is", given("x[None]", lambda x: x[None])
    elif len(shape) == dims + 1 and channels == 1:
        what, change = "Pictures without channels are", given("x.unsqueeze(1)", lambda x: x.unsqueeze(1))
    elif len(shape) == dims == 2 and _are_rows(shape, channels):
        sizes = (channels, *[isqrt(shape[1] // channels)] * 2)
        what, change = "Rows of numbers are", given(f"x.unflatten(1, {sizes})", lambda x: x.unflatten(1, sizes))
    elif len(shape) == dims and channels == 1:
        what = "One picture without a batch and without channels is"
        change = given("x[None, None]", lambda x: x[None, None])
    elif len(shape) == dims + 3 and shape[2] == channels:
        what, change = "A batch of batches is", given("x.flatten(0, 1)", lambda x: x.flatten(0, 1))
    else:
        return
    alone = ", or one picture (C, H, W)" if dims == 2 else ""
    why = f"{spatial.label} takes (N, C, {SIDES[dims]}){alone}: N is the batch.{_taken_for_a_batch(run)}"
    what = SENTENCES["no-batch"].format(what=what, shape=shape, wanted=wanted)
    yield found(step, "rank", what, shape, wanted, why, change)


def _are_rows(shape, channels):
    """Does each row hold a square picture, and are there not about as many rows as a picture of that width has?"""
    is_square = channels > 0 and channels * isqrt(shape[1] // channels) ** 2 == shape[1] > 1
    return is_square and (channels > 1 or not shape[1] / 2 < shape[0] < shape[1] * 2)


def _taken_for_a_batch(run):
    """Where the channels of an unbatched picture are kept as if they were the batch."""
    for step in reversed(run.steps):
        if step.kind in FLATTENING and len(step.shape) == 3 and step.outputs[0].shape[0] == step.shape[0]:
            channels = step.shape[0]
            return f" {step.label} then takes the {channels} channels of {step.shape} for {channels} pictures."
    return ""


def unbatched(run):
    """The same where torch takes the picture as it is, and nothing later minds."""
    spatial, computed = first_spatial(run)
    if spatial is not None and computed.dims == 2 and len(spatial.shape) == 3 and len(run.inputs[0].shape) == 3:
        yield from no_batch(run, spatial)


def channels_last(run, step):
    """Pictures as files have them, with their channels behind height and width."""
    conv, (spatial, computed) = first_conv(run), first_spatial(run)
    if not run.inputs or conv is None or computed.dims != 2 or len(run.inputs[0].shape) not in (3, 4):
        return
    shape = run.inputs[0].shape
    looks_last = shape[-1] in (1, 3, 4) or shape[-3] == shape[-2]  # as few as colours, or behind a square
    if shape[-1] == conv.in_channels < shape[-3] and looks_last:
        why = f"It takes the height, {shape[-3]}, for the channels. Files and Matplotlib have the channels last."
        yield _channels_last(spatial, shape, why, [_channels_first(shape)])


def channels_last_unnoticed(run):
    """A first convolution that takes the height for its channels: a lazy one, or one written to please the message."""
    step, conv = first_spatial(run)
    if not isinstance(conv, Conv) or conv.dims != 2 or not run.inputs or run.inputs[0].shape != step.shape:
        return
    shape = step.shape
    if len(shape) == 4 and shape[-1] in (1, 3, 4) and shape[1] == shape[2] > 4:
        why = f"It takes the height, {shape[1]}, for the channels, and has as many input channels: so it runs."
        first, three = _channels_first(shape), shape[-1]
        alternatives = [[first]] if step.layer is None else [[first], [first, replaced(step, in_channels=three)]]
        yield _channels_last(step, shape, why, *alternatives)


def _channels_first(shape):
    batch = (-1, *shape[-3:])
    return given(channels_first("x", len(shape)), lambda x: x.reshape(batch).permute(0, 3, 1, 2))


def _channels_last(spatial, shape, why, *alternatives):
    what = f"Pictures with their channels last are given: {shape}."
    what += f" {spatial.label} takes the channels first, (N, C, H, W)."
    wanted = (shape[0] if len(shape) == 4 else 1, shape[-1], *shape[-3:-1])
    return found(spatial, "channels", what, shape, wanted, why, *alternatives)
