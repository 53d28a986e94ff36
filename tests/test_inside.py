"""The numbers inside a model: each product, sum and value is torch's, told by gradients and by hooks."""

import copy
import functools
import json
import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_trace_fuzz import drawn, looks
from test_trace_models import AlexNet, Inception, LeNet, MobileNet, ResNet, UNet, VisionTransformer
from torch import nn

from helpers.inside import maps
from helpers.inside.cells import cell
from helpers.inside.run import look
from helpers.inside.told import key, strongest_cell, told
from helpers.inside.watching import Slot
from helpers.model import FastCNN, SimpleCNN
from helpers.trace.steps import is_layer


class SmallVGG(nn.Sequential):
    def __init__(self):
        layers = []
        for inputs, outputs in [(3, 6), (6, 8), (8, 12)]:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
            layers += [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        super().__init__(
            nn.Sequential(*layers), nn.Flatten(), nn.Dropout(), nn.Linear(12 * 2 * 2, 10), nn.Softmax(dim=1)
        )


class AutoEncoder(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 6, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(6, 8, 3, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, groups=2, bias=False),
            nn.ReLU(),
            nn.ConvTranspose2d(6, 3, 4, 2, 1),
            nn.Sigmoid(),
        )


MODELS = {
    "SimpleCNN": (SimpleCNN, (3, 32, 32)),
    "FastCNN": (FastCNN, (3, 32, 32)),
    "LeNet": (LeNet, (1, 28, 28)),
    "SmallVGG": (SmallVGG, (3, 16, 16)),
    "ResNet": (ResNet, (3, 32, 32)),
    "Inception": (Inception, (3, 16, 16)),
    "AutoEncoder": (AutoEncoder, (3, 16, 16)),
    "UNet": (UNet, (3, 16, 16)),
    "MobileNet": (MobileNet, (3, 16, 16)),
    "AlexNet": (AlexNet, (3, 64, 64)),
    "VisionTransformer": (VisionTransformer, (3, 16, 16)),
}
REQUIRED = list(MODELS)[:7]


@functools.cache
def made(name, is_trained=False):
    """(a model, its images); a trained one has made three steps."""
    torch.manual_seed(3)
    kind, shape = MODELS[name]
    model, images = kind(), torch.randn(3, *shape)
    if is_trained:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            model(images).square().mean().backward()
            optimizer.step()
    return model, images


@functools.cache
def opened(name, is_trained=False):
    return look(*made(name, is_trained))


def places(inside, count, seed=0):
    """So many random (block, image, [map, row, column])."""
    chance, drawn = random.Random(seed), [at for at, block in enumerate(inside.blocks) if at and block.sizes]
    for number in range(count):
        block = drawn[number % len(drawn)]
        yield block, chance.randrange(inside.count), [chance.randrange(size) for size in inside.blocks[block].sizes]


@functools.cache
def double(call):
    """The layer in float64 and eval mode, or the function."""
    return copy.deepcopy(call).double().eval() if isinstance(call, nn.Module) else call


def redone(seen, given):
    """What the step makes of other tensors: torch computes it again."""

    def fill(value):
        if isinstance(value, Slot):
            return given[value.place]
        if isinstance(value, dict):
            return {key: fill(part) for key, part in value.items()}
        return type(value)(map(fill, value)) if type(value) in (list, tuple) else value

    result = double(seen.call)(*fill(seen.args), **fill(seen.kwargs))
    return result[0] if isinstance(result, (tuple, list)) else result


def hold(inside, block, image, where):
    """The answer's terms are torch's: numbers read from its tensors, weights its gradients, their sum its value."""
    answer, drawn = cell(inside, block, image, where), inside.blocks[block]
    at = drawn.index(where)
    assert answer["value"] == float(drawn.values[image][at])
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    if answer["opens"] == "none":
        assert answer["sentence"]
        return answer
    notes = drawn.seen.step.notes
    given = [each.double().requires_grad_(note.is_data) for each, note in zip(drawn.seen.given, notes, strict=True)]
    made = redone(drawn.seen, [tensor * 1 for tensor in given])[image][at]  # × 1: some work in place
    exact = float(made.detach())
    assert exact == pytest.approx(answer["value"], rel=1e-4, abs=1e-5)
    given = [each for each in given if each.requires_grad]
    gradients = torch.autograd.grad(made, given, allow_unused=True, materialize_grads=True)
    gradients = [gradient[image] if len(gradient) == inside.count else gradient for gradient in gradients]
    numbers = drawn.seen.given[0].double()[image]
    globals()[f"hold_{answer['opens']}"](inside, answer, at, exact, numbers, gradients)
    return answer


def hold_conv(inside, answer, at, exact, numbers, gradients):
    numbers, weights = (each if each.dim() == 3 else each[:, None] for each in (numbers, gradients[0]))
    assert (answer["bias"] or 0) + sum(each["sum"] for each in answer["channels"]) == pytest.approx(exact, rel=1e-9)
    sums = [each["sum"] for each in answer["channels"]]
    assert sums == sorted(sums, key=abs, reverse=True)
    for each in answer["channels"]:
        channel = each["channel"]
        assert each["sum"] == pytest.approx(float((numbers[channel] * weights[channel]).sum()), rel=1e-9, abs=1e-12)
        if "values" in each and filled(inside, answer):
            assert each["values"] == filled(inside, answer)[channel]
        elif "values" in each:
            for value, weight, at_cell in zip(each["values"], each["weights"], covered(answer), strict=True):
                if value is not None:
                    assert (value, weight) == (float(numbers[channel][at_cell]), float(weights[channel][at_cell]))
                else:
                    assert not all(0 <= side < size for side, size in zip(at_cell, numbers.shape[1:], strict=True))
    assert all("values" in each for each in answer["channels"][:8])


def filled(inside, answer):
    """Of a convolution whose padding is filled with numbers, those in the window, for each channel; else nothing."""
    seen = inside.blocks[answer["block"]].seen
    layer = seen.step.layer
    if layer is None or layer.padding_mode == "zeros":
        return None
    rows, columns = layer.padding
    padded = F.pad(seen.given[0][answer["image"]][None], (columns, columns, rows, rows), mode=layer.padding_mode)[0]
    return [[float(maps[y + rows, x + columns]) for y, x in covered(answer)] for maps in padded]


def covered(answer):
    """The cells of the input that the window covers, row by row."""
    window, (rows, columns) = answer["window"], answer["kernel"]
    down = (window["height"] - 1) // max(rows - 1, 1)
    right = (window["width"] - 1) // max(columns - 1, 1)
    return [(window["top"] + down * y, window["left"] + right * x) for y in range(rows) for x in range(columns)]


def hold_terms(answer, exact, numbers, weights, where):
    """The terms written out are the largest; with the rest and the bias they make the number."""
    for term in answer["terms"]:
        place = where(term)
        assert (term["input"], term["weight"]) == (float(numbers[place]), float(weights[place]))
        assert term["product"] == term["input"] * term["weight"]
    products = (numbers * weights).flatten()
    assert [abs(term["product"]) for term in answer["terms"]] == pytest.approx(
        products.abs().sort(descending=True).values[: len(answer["terms"])].tolist(), rel=1e-9
    )
    total = sum(term["product"] for term in answer["terms"]) + answer["rest"] + (answer["bias"] or 0)
    assert total == pytest.approx(exact, rel=1e-9, abs=1e-12)


def hold_transposed(inside, answer, at, exact, numbers, gradients):
    where = lambda term: tuple(term["from"]) if numbers.dim() == 3 else tuple(term["from"][1:])  # noqa: E731
    hold_terms(answer, exact, numbers, gradients[0], where)
    assert answer["count"] == int((gradients[0] != 0).sum())


def hold_linear(inside, answer, at, exact, numbers, gradients):
    hold_terms(answer, exact, numbers, gradients[0], lambda term: (*at[:-1], term["index"]))
    assert answer["count"] == numbers.shape[-1]
    for term in answer["terms"] if answer["source"] else []:
        source = inside.blocks[answer["source"]]
        came = float(source.values[answer["image"]][source.index(term["from"])])
        assert came == term["input"] or max(came, 0) == term["input"]  # ReLU may stand between


def hold_pool(inside, answer, at, exact, numbers, gradients):
    numbers, gradient = (each if each.dim() == 3 else each[:, None] for each in (numbers, gradients[0]))
    for value, at_cell in zip(answer["values"], covered(answer), strict=True):
        inner = all(0 <= side < size for side, size in zip(at_cell, numbers.shape[1:], strict=True))
        assert value == (float(numbers[at[0]][at_cell]) if inner else None)
    known = [value for value in answer["values"] if value is not None]
    if answer["mode"] == "max":
        winner = covered(answer)[answer["winner"]]
        assert answer["values"][answer["winner"]] == max(known) == exact
        assert known.count(exact) > 1 or gradient[at[0]][winner] == 1
    else:
        assert sum(known) == pytest.approx(answer["sum"])
        assert answer["sum"] / answer["divisor"] == pytest.approx(exact)


def hold_relu(inside, answer, at, exact, numbers, gradients):
    assert answer["before"] == float(numbers[at])
    others = gradients[0].clone()
    others[at] = 0
    assert not others.any()


def hold_norm(inside, answer, at, exact, numbers, gradients):
    scaled = (answer["before"] - answer["mean"]) / math.sqrt(answer["variance"] + answer["eps"])
    weight = 1 if answer["weight"] is None else answer["weight"]
    assert answer["before"] == float(numbers[at])
    assert scaled * weight + (answer["bias"] or 0) == pytest.approx(exact, rel=1e-6, abs=1e-9)


def hold_softmax(inside, answer, at, exact, numbers, gradients):
    powers = [math.exp(score) for score in answer["scores"]]
    share = powers[answer["at"]] / sum(powers)
    assert (math.log(share) if answer["log"] else share) == pytest.approx(exact)


def hold_sum(inside, answer, at, exact, numbers, gradients):
    one, two = (part["value"] for part in answer["parts"])
    made = {"+": one + two, "−": one - two, "×": one * two, "÷": two and one / two, "max": max(one, two)}
    assert made[answer["operator"]] == pytest.approx(exact)
    for part in answer["parts"]:
        if part["block"] is not None and inside.blocks[part["block"]].shape == inside.blocks[answer["block"]].shape:
            assert float(inside.blocks[part["block"]].values[answer["image"]][at]) == part["value"]


PADDING = "This is padding: a 0 that was put here."


def hold_moved(inside, answer, at, exact, numbers, gradients):
    if answer["from"] is None:
        is_padding = all(not gradient.any() for gradient in gradients)
        assert answer["source"] is None
        assert answer["sentence"] == (PADDING if is_padding else "It comes from a tensor of which no maps are drawn.")
        return
    source = inside.blocks[answer["source"]]
    where = source.index(answer["from"])
    assert float(source.values[answer["image"]][where]) == answer["value"]
    assert sum(int((gradient != 0).sum()) for gradient in gradients) == 1
    assert any(gradient.shape == source.shape and gradient[where] == 1 for gradient in gradients)


@pytest.mark.parametrize("is_trained", [False, True], ids=["random", "trained"])
@pytest.mark.parametrize("name", MODELS)
def test_every_number_opens_to_what_torch_computes(name, is_trained):
    inside = opened(name, is_trained)
    assert inside.problem is None
    kinds = {hold(inside, *place)["opens"] for place in places(inside, 200)}
    assert len(kinds) > 2
    assert name == "VisionTransformer" or "none" not in kinds


@pytest.mark.parametrize("name", MODELS)
def test_every_block_is_what_a_hook_sees(name):
    model, images = made(name)
    seen, hooks = [], []
    for layer in [each for each in model.modules() if is_layer(each)]:
        hooks.append(layer.register_forward_hook(lambda layer, given, made: seen.append((layer, first(made).clone()))))
    with torch.no_grad():
        scores = copy.deepcopy(model).eval()(images)
    for hook in hooks:
        hook.remove()
    blocks = [block for block in opened(name).blocks if block.seen and block.seen.step.layer is not None]
    assert len(seen) == len(blocks)
    for (layer, values), block in zip(seen, blocks, strict=True):
        assert type(layer) is type(block.seen.step.layer)
        assert tuple(values.shape[1:]) == block.shape
        torch.testing.assert_close(values, block.values)  # attention has two ways, of which hooks choose one
    torch.testing.assert_close(scores, opened(name).blocks[-1].values)


def first(made):
    return made[0] if isinstance(made, tuple) else made


class Does(nn.Module):
    """A model that does one thing."""

    def __init__(self, does):
        super().__init__()
        self.does = does

    def forward(self, x):
        return self.does(x)


STEPS = [
    ("conv", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2), groups=2)),
    ("conv", nn.Conv2d(4, 12, 4, padding="same", dilation=3)),
    ("conv", nn.Conv2d(4, 2, 3, padding=2, padding_mode="reflect", bias=False)),
    ("conv", nn.Conv2d(4, 2, 3, padding=(3, 1), padding_mode="replicate")),
    ("conv", nn.Conv2d(4, 2, 5, padding=2, padding_mode="circular", dilation=2)),
    ("conv", nn.Sequential(nn.Flatten(2), nn.Conv1d(4, 3, 3, stride=2, padding=1))),
    ("conv", lambda x: F.conv2d(x, KERNEL, padding=1)),
    ("conv", lambda x: F.conv2d(x, weight=KERNEL, bias=KERNEL[:, 0, 0, 0], stride=2)),
    (
        "transposed",
        nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), padding=1, output_padding=(1, 0), groups=2, dilation=(1, 2)),
    ),
    ("transposed", nn.Sequential(nn.Flatten(2), nn.ConvTranspose1d(4, 3, 3, stride=2))),
    ("transposed", lambda x: F.conv_transpose2d(x, KERNEL.transpose(0, 1), stride=3)),
    ("pool", nn.MaxPool2d((3, 2), (2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True)),
    ("pool", nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)),
    ("pool", nn.AvgPool2d((2, 3), (2, 2), padding=1, count_include_pad=False)),
    ("pool", lambda x: F.avg_pool2d(x, 2, ceil_mode=True, divisor_override=7)),
    ("pool", lambda x: F.max_pool2d(x, 3, return_indices=True)[0]),
    ("pool", nn.AdaptiveAvgPool2d((4, 5))),
    ("pool", nn.AdaptiveMaxPool2d((5, 3))),
    ("pool", lambda x: x.mean((2, 3))),
    ("pool", lambda x: x.mean(dim=(-2, -1), keepdim=True)),
    ("pool", lambda x: torch.amax(x, (2, 3))),
    ("linear", nn.Linear(7, 5)),
    ("linear", nn.Sequential(nn.Flatten(2), nn.Linear(42, 5, bias=False))),
    ("linear", lambda x: F.linear(x.flatten(1), KERNEL.reshape(3, -1)[:, :1].expand(3, 168))),
    ("norm", nn.BatchNorm2d(4, affine=False)),
    ("norm", nn.BatchNorm2d(4, track_running_stats=False)),
    ("norm", nn.InstanceNorm2d(4, affine=True)),
    ("norm", nn.GroupNorm(2, 4)),
    ("norm", nn.LayerNorm((6, 7))),
    ("norm", nn.LayerNorm(7, bias=False)),
    ("norm", nn.RMSNorm(7)),
    ("norm", lambda x: F.layer_norm(x, (7,))),
    ("norm", lambda x: F.batch_norm(x, MEAN, MEAN + 2, training=True)),
    ("norm", lambda x: F.batch_norm(x, MEAN, MEAN + 2, weight=MEAN)),
    ("norm", lambda x: F.group_norm(x, 4, MEAN, MEAN)),
    ("softmax", nn.Softmax(dim=-1)),
    ("softmax", nn.LogSoftmax(1)),
    ("softmax", lambda x: F.softmax(x.flatten(1), dim=1)),
    ("softmax", lambda x: torch.log_softmax(x, 2)),
    ("relu", nn.PReLU(4)),
    ("relu", lambda x: x * 0.5 + 1),
    ("relu", lambda x: 1 - x / 2),
    ("relu", lambda x: F.hardtanh(x).abs().clamp(0.1, 0.5)),
    ("sum", lambda x: x - x.tanh()),
    ("sum", lambda x: x * x.mean((2, 3), keepdim=True).sigmoid()),
    ("sum", lambda x: torch.maximum(x, x.flip(3))),
    ("sum", lambda x: torch.add(x, KERNEL[0, :, :1, :1]) / (2 + x.sigmoid())),
    ("moved", lambda x: x.permute(0, 2, 3, 1)),
    ("moved", lambda x: x[:, 1:, ..., ::2]),
    ("moved", lambda x: x[:, 2]),
    ("moved", lambda x: torch.cat([x, x.relu(), x], 2)),
    ("moved", lambda x: F.pad(x, (1, 2, 0, 1))),
    ("moved", nn.ReflectionPad2d(2)),
    ("moved", nn.PixelShuffle(2)),
    ("moved", nn.Upsample(scale_factor=2)),
    ("moved", nn.ChannelShuffle(2)),
    ("moved", lambda x: x.reshape(len(x), -1).unflatten(1, (2, -1)).transpose(1, 2)),
    ("none", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    ("none", lambda x: x.cumsum(2)),
    ("none", lambda x: x.flatten(2) @ x.flatten(2).transpose(1, 2)),
    ("none", nn.Sequential(nn.Flatten(2), nn.LSTM(42, 5, batch_first=True))),
]
KERNEL, MEAN = torch.linspace(-1, 1, 3 * 4 * 2 * 2).reshape(3, 4, 2, 2), torch.linspace(-0.5, 1, 4)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("opens", "does"), STEPS)
def test_each_kind_of_step_with_any_setting(opens, does):
    torch.manual_seed(1)
    inside = look(Does(does), torch.randn(2, 4, 6, 7))
    assert inside.problem is None
    assert inside.blocks[-1].opens == opens
    for place in places(inside, 30 * (len(inside.blocks) - 1)):
        answer = hold(inside, *place)
        assert answer["opens"] == inside.blocks[place[0]].opens


def test_what_only_moves_here_and_there_says_so_where_it_does_not():
    inside = look(Does(lambda x: F.pad(x, (1, 1), value=0.5)), torch.randn(2, 3, 4, 5))
    assert cell(inside, 1, 0, [0, 1, 1])["from"] == [0, 1, 0]
    assert cell(inside, 1, 0, [0, 1, 0])["opens"] == "none"
    inside = look(Does(lambda x: x.flip(0)), torch.randn(2, 3, 4, 5))
    assert cell(inside, 1, 0, [0, 1, 1])["sentence"] == (
        "How it is computed is not shown here: the step does more than move numbers about in an image."
    )


@pytest.mark.parametrize("name", ["SimpleCNN", "LeNet", "ResNet", "Inception", "UNet", "AutoEncoder", "MobileNet"])
def test_no_number_depends_on_the_image_outside_its_field(name):
    model, images = made(name)
    inside = opened(name)
    for block, image, where in places(inside, 30, seed=1):
        field = cell(inside, block, image, where)["field"]
        other = torch.randn_like(images[image])
        rows, columns = reach(field)
        other[:, rows, columns] = images[image][:, rows, columns]
        at = inside.blocks[block].index(where)
        now = look(model, other[None]).blocks[block].values[0][at]
        assert float(now) == pytest.approx(float(inside.blocks[block].values[image][at]), abs=1e-5)


def reach(field):
    return slice(field["top"], field["top"] + field["height"]), slice(field["left"], field["left"] + field["width"])


def test_a_number_depends_on_the_first_and_last_pixel_of_its_field():
    torch.manual_seed(2)
    chain = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.AvgPool2d(3, 2), nn.ConvTranspose2d(1, 1, 4, 2, 1), nn.Flatten())
    with torch.no_grad():
        for weight in chain.parameters():
            weight.abs_()
    images = torch.rand(1, 1, 21, 25)
    inside = look(chain, images)
    for block, image, where in places(inside, 40):
        rows, columns = reach(cell(inside, block, image, where)["field"])
        at = inside.blocks[block].index(where)
        for row in (rows.start, rows.stop - 1):
            for column in (columns.start, columns.stop - 1):
                other = images.clone()
                other[0, 0, row, column] += 1
                assert look(chain, other).blocks[block].values[0][at] > inside.blocks[block].values[0][at]


def test_behind_a_flatten_a_number_sees_what_it_saw_before():
    inside = look(nn.Sequential(nn.Conv2d(3, 4, 4, stride=2), nn.Flatten(), nn.Tanh()), torch.rand(1, 3, 5, 5))
    for block in (1, 2, 3):
        for channel in range(4):
            assert cell(inside, block, 0, [channel, 0, 0])["field"] == {"top": 0, "left": 0, "height": 4, "width": 4}


def test_the_model_stays_exactly_as_it_was():
    model, images = made("ResNet", is_trained=True)
    model = copy.deepcopy(model).train()
    model.layer1[0].bn1.eval()  # a mixture
    model.layer1.register_forward_hook(lambda *given: None)
    model(images).sum().backward()
    torch.manual_seed(5)
    before = state(model)
    inside = look(model, images)
    assert inside.problem is None
    assert state(model) == before


def state(model):
    tensors = [*model.parameters(), *model.buffers()]
    return {
        "modes": [each.training for each in model.modules()],
        "hooks": [len(each._forward_hooks) + len(each._forward_pre_hooks) for each in model.modules()],
        "tensors": [(id(each), each._version, each.sum().item()) for each in tensors],
        "gradients": [None if each.grad is None else each.grad.sum().item() for each in model.parameters()],
        "random": torch.get_rng_state().tolist(),
    }


def test_an_answer_runs_no_hook_and_the_run_each_once():
    model, called = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), []
    for layer in model:
        layer.register_forward_hook(lambda *given: called.append(0))
    inside = look(model, torch.rand(2, 3, 6, 6))
    assert len(called) == 2
    assert {cell(inside, *place)["opens"] for place in places(inside, 8)} == {"conv", "moved"}
    told(inside, 1)
    assert len(called) == 2


@pytest.mark.filterwarnings("ignore")  # those of torch, about odd shapes
def test_random_models_are_opened_without_an_error_and_stay_as_they_were():
    kinds = set()
    for seed in range(300):
        found = drawn(seed)
        if found is None or len(found[1]) != 4:
            continue
        model, shape = found
        torch.manual_seed(seed)
        images, before = torch.randn(shape), looks(model)
        inside = look(model, images)
        assert looks(model) == before, seed
        told(inside, 1)
        if any(block.sizes for block in inside.blocks[1:]):
            kinds |= {hold(inside, *place)["opens"] for place in places(inside, 9)}
    assert len(kinds) >= 8


def test_answers_stay_those_of_their_run_when_the_weights_change():
    model, images = SimpleCNN(), torch.randn(2, 3, 32, 32)
    inside = look(model, images)
    before = [cell(inside, *place) for place in places(inside, 21)]
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(-2)
    assert [cell(inside, *place) for place in places(inside, 21)] == before
    after = look(model, images)
    assert [hold(after, *place) for place in places(after, 21)] != before


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_a_model_of_another_type_shows_its_own_numbers(dtype):
    model, images = SimpleCNN().to(dtype), torch.randn(2, 3, 32, 32)
    inside = look(model, images)
    with torch.no_grad():
        assert torch.equal(inside.blocks[-1].values.to(dtype), model(images.to(dtype)))
    for block, image, where in places(inside, 35):
        answer = cell(inside, block, image, where)
        if answer["opens"] == "conv":
            total = answer["bias"] + sum(each["sum"] for each in answer["channels"])
            assert total == pytest.approx(answer["value"], rel=torch.finfo(dtype).eps, abs=torch.finfo(dtype).eps)


def test_in_place_steps_do_not_change_what_came_before():
    class Writes(nn.Module):
        def forward(self, x):
            y = x * 2
            z = y[:, :1]
            z += 100  # changes y, too
            return F.relu(y - 50, inplace=True)

    images = torch.rand(2, 3, 4, 4)
    inside = look(Writes(), images)
    assert [block.name for block in inside.blocks] == [
        "image",
        "x * 2",
        "x[:, :1]",
        "x += 100",
        "x - 50",
        "F.relu(x, inplace=True)",
    ]
    assert torch.equal(inside.blocks[1].values, images * 2)
    assert torch.equal(inside.blocks[3].values, images[:, :1] * 2 + 100)
    expected = images * 2
    expected[:, :1] += 100
    assert torch.equal(inside.blocks[4].values, expected - 50)
    assert torch.equal(inside.blocks[5].values, (expected - 50).relu())
    assert cell(inside, 4, 0, [0, 1, 2])["before"] == float(expected[0, 0, 1, 2])


# -- where a run stops -------------------------------------------------------------------------------------


class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return {"scores": self.conv(x)}["score"]


def with_weight(name, change):
    model = SimpleCNN()
    with torch.no_grad():
        change(model.get_parameter(name))
    return model


@pytest.mark.parametrize(
    ("model", "shape", "blocks", "index", "kind", "said"),
    [
        (SimpleCNN(), (3, 48, 48), 5, 5, "linear-width", "10368 numbers arrive for each image, but fc1 is written for"),
        (SimpleCNN(), (1, 32, 32), 1, 1, "channels", "conv1: 1 channel arrives, but it is written for 3."),
        (Raises(), (3, 8, 8), 2, 2, "other", "Raises breaks off with an error of its own code."),
        (Does(lambda x: x.view(-1, 100)), (3, 8, 8), 1, 1, "view-size", "cannot be cut into pieces of 100"),
        (
            nn.Sequential(nn.ReLU(), nn.Flatten(0), nn.Linear(384, 3)),
            (3, 8, 8),
            4,
            2,
            "batch-changed",
            "2 images went in",
        ),
        (
            with_weight("fc1.weight", lambda weight: weight[3, 5].fill_(math.nan)),
            (3, 32, 32),
            8,
            5,
            "not-finite",
            "fc1 turns finite numbers into NaN or infinity: some of its weights are not finite. Make the model again, ",
        ),
        (
            with_weight("conv1.weight", lambda weight: weight.fill_(3e38)),
            (3, 32, 32),
            8,
            1,
            "not-finite",
            "conv1 turns finite numbers into NaN or infinity: they are too large, or it has no result for them.",
        ),
    ],
)
def test_a_model_that_breaks_is_shown_up_to_where_it_does(model, shape, blocks, index, kind, said):
    inside = look(model, 2 + torch.rand(2, *shape))
    assert (len(inside.blocks), inside.problem.index, inside.problem.kind) == (blocks, index, kind)
    assert said in inside.problem.sentence
    assert (inside.problem.torch_message == "") == (index < blocks)
    assert bool(inside.scores is None) == (blocks < 8)
    page = told(inside, 1)
    json.dumps({name: page[name] for name in ("chain", "scores", "zeros", "strongest", "cells", "problem")})
    for place in places(inside, 2 * blocks - 2):
        assert cell(inside, *place)["value"] is not None


def test_numbers_that_are_none_are_words_and_their_own_byte():
    inside = look(with_weight("fc1.weight", lambda weight: weight[3, 5].fill_(math.nan)), torch.rand(2, 3, 32, 32))
    assert cell(inside, 5, 0, [3, 0, 0])["value"] == "NaN"
    drawn = maps.drawn(inside)
    assert decoded(drawn, "5", inside)[0, 3] == maps.NOT_FINITE
    assert "of" not in drawn["6"]
    assert told(inside, 1)["scores"] == [["NaN"] * 10] * 2


def test_images_that_hold_no_numbers_are_blamed_themselves():
    images = torch.rand(2, 3, 32, 32)
    images[1, 0, 3, 3] = math.nan
    assert look(SimpleCNN(), images).problem.sentence == "The images hold NaN or infinity: replace them first."


def test_a_layer_without_a_shown_arithmetic_says_so():
    model = nn.Sequential(nn.Flatten(2), nn.LSTM(64, 5, batch_first=True))
    block = look(model, torch.rand(2, 3, 8, 8)).blocks[2]
    assert (block.opens, block.shape) == ("none", (3, 5))
    assert block.note == "LSTM has an arithmetic that is not shown here: its numbers are torch's."
    lost = look(nn.Sequential(nn.Flatten(1), nn.Unflatten(1, (2, 3, 4, 2, 4))), torch.rand(2, 3, 8, 8)).blocks[2]
    assert (lost.sizes, lost.note) == (
        None,
        "Unflatten returns (2, 2, 3, 4, 2, 4): these are no maps of rows and columns.",
    )
    turned = look(Does(lambda x: x.transpose(0, 1)), torch.rand(2, 3, 8, 8)).blocks[1]
    assert turned.note == "transpose returns (3, 2, 8, 8): its first size is not that of the images (2)."


def test_a_model_without_numbers_is_refused():
    with torch.device("meta"):
        model = SimpleCNN()
    with pytest.raises(ValueError, match=r"^ModelExplorer wants a model with numbers, but got one on the meta device"):
        look(model, torch.rand(2, 3, 32, 32))


def test_more_numbers_than_are_kept_are_refused(monkeypatch):
    monkeypatch.setattr("helpers.inside.watching.MOST", 100_000)
    with pytest.raises(ValueError, match=r"^ModelExplorer keeps every number .* 8 images .* Try images\[:2\]\.$"):
        look(SimpleCNN(), torch.rand(8, 3, 32, 32))
    with pytest.raises(
        ValueError, match=r"^ModelExplorer keeps .* this model has more than fit\. Try a smaller model\.$"
    ):
        look(SimpleCNN(), torch.rand(1, 3, 32, 32))


# -- what is drawn -----------------------------------------------------------------------------------------


def decoded(drawn, place, inside):
    """The bytes of a block, (images, maps, rows, columns), as the page reads them."""
    told = drawn[place]
    if "of" in told:
        numbers = decoded(drawn, told["of"], inside)
        numbers = np.maximum(numbers, 0) if told["relu"] else numbers
    else:
        numbers = np.frombuffer(told["bytes"], np.int8)
    return numbers.reshape(inside.count, -1, told["height"], told["width"])


def scale(drawn, place):
    return scale(drawn, drawn[place]["of"]) if "of" in drawn[place] else drawn[place]["scale"]


@pytest.mark.parametrize("name", REQUIRED)
def test_the_bytes_are_the_values(name):
    inside = opened(name)
    drawn = maps.drawn(inside)
    assert set(drawn) == {str(place) for place in range(1, len(inside.blocks))}
    assert sum(len(told.get("bytes", b"")) for told in drawn.values()) <= 400_000
    for place, block in enumerate(inside.blocks[1:], start=1):
        values = decoded(drawn, str(place), inside) / 127 * (size := scale(drawn, str(place)))
        assert np.abs(values - block.values.numpy().reshape(values.shape)).max() <= size / 250
        assert maps.strongest(block) == sorted(
            range(block.sizes[0]), key=lambda channel: -block.values.reshape(3, block.sizes[0], -1)[:, channel].max()
        )


def test_what_can_be_made_of_other_bytes_is_not_sent():
    drawn = maps.drawn(opened("SimpleCNN"))
    assert {place: (told["of"], told["relu"]) for place, told in drawn.items() if "of" in told} == {
        "2": ("1", True),
        "4": ("3", False),
        "6": ("5", True),
    }
    drops = look(
        Does(lambda x: F.dropout(x.tanh(), 0.5)), torch.rand(2, 3, 8, 8)
    )  # also in eval mode: the model's own way
    assert "of" not in maps.drawn(drops)["2"]


def test_a_large_model_is_drawn_by_its_strongest_maps_made_smaller():
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.Flatten()
    )
    inside = look(model, torch.rand(4, 3, 64, 64))
    drawn = maps.drawn(inside)
    assert sum(len(each["bytes"]) for each in drawn.values()) <= 400_000
    first = drawn["1"]
    assert first["maps"] == maps.strongest(inside.blocks[1])[:8]
    assert (first["height"], first["width"]) == (32, 32)
    means = F.avg_pool2d(inside.blocks[1].values[:, first["maps"]], 2).numpy()
    assert np.abs(decoded(drawn, "1", inside) / 127 * first["scale"] - means).max() <= first["scale"] / 250
    everything = maps.whole(inside.blocks[1])
    assert len(everything["bytes"]) == 4 * 32 * 64 * 64
    assert everything["maps"] is None
    assert len(json.dumps(told(inside, 1)["cells"])) <= 130_000


def test_maps_that_are_0_in_all_images_are_found_and_small_rows_of_numbers_are_sent():
    torch.manual_seed(0)  # of some other weights, another map is 0, too
    model = SimpleCNN()
    with torch.no_grad():
        model.conv1.weight[4] = 0
        model.conv1.bias[4] = 0.25
        model.conv1.bias[7] = -1000
        model.fc1.bias[9] = -1000
    inside = look(model, torch.rand(3, 3, 32, 32))
    page = told(inside, 1)
    assert "1" not in page["zeros"]  # map 4 is the same everywhere, and not 0
    assert page["zeros"]["2"] == [7]
    assert page["zeros"]["3"] == [7]
    assert 9 in page["zeros"]["6"]
    assert "5" not in page["zeros"]
    assert set(page["rows"]) == {"5", "6", "7"}  # flatten's 4,608 are too many
    for place, numbers in page["rows"].items():
        assert np.array_equal(np.frombuffer(numbers, np.float32), inside.blocks[int(place)].values.numpy().ravel())
    assert page["kernels"]["1"]["shape"] == [18, 3, 3, 3]
    assert page["kernels"]["1"]["bytes"] == model.conv1.weight.detach().numpy().tobytes()


@pytest.mark.parametrize("name", ["SimpleCNN", "LeNet", "AutoEncoder"])
def test_the_page_has_the_strongest_cell_of_each_block(name):
    inside = opened(name)
    page = told(inside, 7)
    for image in range(inside.count):
        for place, block in enumerate(inside.blocks[1:], start=1):
            where = strongest_cell(block, image)
            answer = page["cells"][key(place, image, where)]
            assert answer == cell(inside, place, image, where) | {"ask": "cell", "version": 7}
            assert answer["value"] == float(block.values[image].max())


def test_scores_are_probabilities_where_the_model_ends_in_a_row_of_them():
    scores = opened("SimpleCNN").blocks[-1].values
    assert torch.equal(opened("SimpleCNN").scores, scores.double().softmax(1))
    assert torch.equal(opened("SmallVGG").scores, opened("SmallVGG").blocks[-1].values)
    assert opened("AutoEncoder").scores is None
    single = look(nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), torch.rand(2, 3, 2, 2))
    assert single.scores is None, "one number is no choice between classes"
    logs = look(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.LogSoftmax(1)), torch.rand(2, 3, 2, 2))
    assert logs.scores.sum(1).tolist() == pytest.approx([1, 1])
