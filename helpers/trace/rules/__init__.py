"""The rules: each looks at a run, or at the step that failed, and yields what it finds."""

from helpers.trace.rules import arrival, batch, code, features, joins, losses, spatial

# In this order: what arrives at all, whether it is a batch of pictures, the step's own numbers, and the rest.
STEP_RULES = (
    arrival.not_registered,
    arrival.device,
    arrival.dtype,
    arrival.no_tensor,
    batch.channels_last,
    batch.no_batch,
    batch.batch_changed,
    features.linear,
    features.norm,
    features.sequence,
    spatial.kernels,
    spatial.groups,
    spatial.padding,
    joins.reshaping,
    joins.branches,
    joins.product_of_matrices,
    losses.target,
    joins.missing_dimension,
)
SILENT_RULES = (
    code.not_registered,
    code.no_result,
    batch.unbatched,
    batch.channels_last_unnoticed,
    batch.batch_lost,
    features.columns_of_maps,
    losses.softmax_twice,
)


def findings(run):
    """What the rules find in a run, the likeliest first."""
    if run.error is None:
        for rule in SILENT_RULES:
            yield from (finding for finding in rule(run) if finding.call not in run.changed)
    elif run.failed is None:
        yield from code.between_steps(run)
    else:
        is_known = False
        for rule in STEP_RULES:
            for finding in rule(run, run.failed):
                is_known = True
                yield finding
        if not is_known:
            yield from joins.anything(run, run.failed)
