"""The arithmetic of steps without a window: linear layers, normalisation, softmax, sums of branches."""

import torch

from helpers.inside.kinds import ARITHMETIC, plain
from helpers.inside.windows import LARGEST, WEIGHT

GIVEN = {
    "batchnorm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "instancenorm": ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
    "layernorm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "rmsnorm": ("input", "normalized_shape", "weight", "eps"),
    "groupnorm": ("input", "num_groups", "weight", "bias", "eps"),
}


def linear(seen, image, index):
    """{"count", "terms", "rest", "bias"}: the ten largest products of a linear layer, and the sum of the others."""
    *row, out = index
    inputs = seen.given[0][image][tuple(row)].double()
    weight = seen.weight("weight", *WEIGHT)[out].double()
    bias, products = seen.weight("bias", *WEIGHT), inputs * weight
    order = products.abs().argsort(descending=True, stable=True)
    terms = [
        {"index": at, "input": float(inputs[at]), "weight": float(weight[at]), "product": float(products[at])}
        for at in order[:LARGEST].tolist()
    ]
    rest = float(products[order[LARGEST:]].sum())
    return {"count": len(products), "terms": terms, "rest": rest, "bias": None if bias is None else float(bias[out])}


def normalised(seen, image, index):
    """{"before", "mean", "variance", "eps", "weight", "bias"}: (before − mean) / √(variance + eps) · weight + bias."""
    values, layer = seen.given[0].double(), seen.step.layer
    kind = next((name for name in GIVEN if name in plain(seen.step.kind)), "batchnorm")
    given = seen.named(*GIVEN[kind]) if layer is None else vars(layer) | seen.weights
    weight, bias = (given.get(name) for name in ("weight", "bias"))
    if kind in ("layernorm", "rmsnorm"):
        over = len(given["normalized_shape"])
        group, at = values[image][index[: len(index) - over]].flatten(), index[len(index) - over :]
    elif kind == "groupnorm":
        size = values.shape[1] // (given["num_groups"])
        first = index[0] // size * size
        group, at = values[image, first : first + size].flatten(), index[:1]
    else:
        here = layer is None and (given.get("training") or given.get("use_input_stats", kind == "instancenorm"))
        group, at = (values[image, index[0]] if kind == "instancenorm" else values[:, index[0]]).flatten(), index[:1]
        if given.get("running_mean") is not None and not here:
            group = None
    if group is None:
        mean, variance = (float(given[name][index[0]]) for name in ("running_mean", "running_var"))
    elif kind == "rmsnorm":
        mean, variance = 0.0, float(group.square().mean())
    else:
        mean, variance = float(group.mean()), float(group.var(unbiased=False))
    eps = given.get("eps", 1e-5)
    eps = torch.finfo(seen.step.tensors[0].dtype).eps if eps is None else eps
    scale = [None if each is None else float(each[tuple(at)]) for each in (weight, bias)]
    told = {"before": float(values[image][index]), "mean": mean, "variance": variance, "eps": float(eps)}
    return told | {"weight": scale[0], "bias": scale[1]}


def softmax(seen, image, index):
    """{"scores", "at", "log"}: the numbers that share one whole, and which of them this is."""
    layer = seen.step.layer
    dim = getattr(layer, "dim", -3) if layer is not None else seen.named("input", "dim").get("dim")  # Softmax2d
    rank = seen.given[0].dim()
    if dim is None:  # what torch takes then
        dim = 0 if rank in (1, 3) else 1
    dim = dim % rank
    if dim == 0:
        raise ValueError("the images share one whole")
    line = list(index)
    line[dim - 1] = slice(None)
    sign = -1 if "min" in plain(seen.step.kind) else 1
    scores = seen.given[0][image][tuple(line)].double() * sign
    return {"scores": scores.tolist(), "at": index[dim - 1], "log": "log" in plain(seen.step.kind)}


def parts(seen, image, index):
    """{"operator", "parts"}: the numbers of the branches that are put together here."""
    shape = seen.made[0].shape
    values = [float(torch.broadcast_to(tensor, shape)[image][index]) for tensor in seen.given]
    return {"operator": ARITHMETIC[plain(seen.step.kind)], "parts": [{"value": value} for value in values]}


def pointwise(seen, image, index):
    """{"before", "name"}: a function of one number."""
    return {"before": float(seen.given[0][image][index]), "name": seen.step.kind}
