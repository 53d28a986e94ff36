"""The rules: each looks at a run, or at the step that failed, and yields what it finds."""

import platform
import traceback
import warnings
from pathlib import Path

import torch

from helpers.trace.finding import found
from helpers.trace.loss_calls import loss_of
from helpers.trace.rules import (
    arrival,
    batch,
    broadcasting,
    channels,
    class_losses,
    code,
    features,
    joins,
    kernels,
    losses,
    norms,
    number_losses,
    padding,
    pooling,
    rest,
    rows,
    sequences,
    silent_losses,
    state,
    tables,
    triplet_losses,
    views,
)

# In this order: what arrives at all, whether it is a batch of pictures, the step's own numbers, and the rest.
STEP_RULES = (
    arrival.not_registered,
    arrival.device,
    arrival.dtype,
    arrival.no_tensor,
    batch.channels_last,
    batch.no_batch,
    rows.batch_changed,
    rows.made_for_other_rows,
    features.linear,
    norms.norm,
    sequences.recurrent,
    sequences.attention,
    state.state,
    tables.embedding,
    tables.index,
    pooling.unpooling,
    kernels.settings,
    channels.channels,
    padding.of_convolution,
    kernels.place,
    channels.groups,
    padding.padding,
    views.reshaping,
    tables.gathered,
    joins.branches,
    joins.product_of_matrices,
    views.missing_dimension,
    rows.put_below,
)
# A loss has rules of its own: how it is called, where its batch got lost, and what is held against what.
LOSS_RULES = (
    losses.no_tensors,
    losses.swapped,
    losses.weights,
    rows.batch_changed,
    rows.put_below,
    class_losses.classes,
    number_losses.numbers,
    triplet_losses.three,
    arrival.device,
)
SILENT_RULES = (
    code.not_registered,
    code.no_result,
    batch.unbatched,
    batch.channels_last_unnoticed,
    rows.batch_lost,
    features.columns_of_maps,
    pooling.unpooled,
    silent_losses.one_class,
    silent_losses.done_before,
    silent_losses.turned_around,
    silent_losses.softmax_over_the_batch,
    broadcasting.batch_meets_itself,
    broadcasting.numbers_stretched,
    number_losses.type_for_backward,
    number_losses.beyond_silently,
)


def findings(run):
    """What the rules find in a run, the likeliest first.

    A rule that fails itself is passed over: an explanation must not be the next error. What it could not say is told,
    with what to report.
    """
    faults = []
    if run.error is None:
        for rule in SILENT_RULES:
            yield from (finding for finding in _asked(rule, faults, run) if finding.call not in run.changed)
        for fault in faults:
            warnings.warn(fault, stacklevel=2)
    elif run.failed is None:
        yield from code.between_steps(run)
    else:
        is_known = False
        for rule in STEP_RULES if loss_of(run.failed) is None else LOSS_RULES:
            for finding in _asked(rule, faults, run, run.failed):
                is_known = True
                yield finding
        if not is_known and faults:
            what = f"{run.failed.label} does not take what arrives."
            yield found(run.failed, "other", what, run.failed.shape, "something else", faults[0])
        elif not is_known:
            yield from rest.anything(run, run.failed)


def _asked(rule, faults, *given):
    """What a rule finds; an error of its own goes into `faults`, in words."""
    try:
        yield from rule(*given)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        versions = f"torch {torch.__version__}, Python {platform.python_version()}"
        faults.append(
            f"trace cannot say more, because one of its own rules failed: {type(error).__name__} in "
            f"{Path(place.filename).name}, line {place.lineno} ({versions}). Please report this, with the model."
        )
