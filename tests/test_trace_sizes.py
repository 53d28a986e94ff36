"""Which sizes fit, held against models that are run on images of every size."""

import pytest
import torch
import torch.nn.functional as F
from test_trace_fuzz import looks
from test_trace_models import AlexNet, Inception, LeNet, ResNet, UNet
from test_trace_problems import Around
from torch import nn

from helpers.model import SimpleCNN
from helpers.trace import trace
from helpers.trace.sizes import Sizes

CONV = nn.Conv2d
MODELS = {
    "LeNet": (LeNet, (2, 1, 28, 28), "Square images fit if their side is 28 to 31. Tried: 1 to 256."),
    "AlexNet": (AlexNet, (2, 3, 63, 63), "Square images fit if their side is 31 or more. Tried: 1 to 256."),
    "ResNet": (ResNet, (2, 3, 32, 48), "Square images fit if their side is 1 or more. Tried: 1 to 256."),
    "Inception": (Inception, (2, 3, 8, 10), "Square images fit if their side is 1 or more. Tried: 1 to 256."),
    "a U-Net": (UNet, (2, 3, 12, 20), "Square images fit if their side is a multiple of 4. Tried: 1 to 256."),
    "SimpleCNN": (SimpleCNN, (4, 3, 32, 32), "Square images fit if their side is 32. Tried: 1 to 256."),
    "halved once": (
        lambda: Around(lambda m, x: x + F.interpolate(F.max_pool2d(x, 2), scale_factor=2)),
        (2, 1, 8, 8),
        "Square images fit if their side is even. Tried: 1 to 256.",
    ),
    "an odd kernel and halves": (
        lambda: nn.Sequential(CONV(1, 1, 4), nn.PixelUnshuffle(2)),
        (2, 1, 9, 9),
        "Square images fit if their side is odd, and 5 or more. Tried: 1 to 256.",
    ),
    "patches": (
        lambda: nn.Sequential(CONV(1, 3, 8, 8), nn.Flatten(), nn.Linear(48, 2)),
        (2, 1, 32, 32),
        "Square images fit if their side is 32 to 39. Tried: 1 to 256.",
    ),
    "a view that mixes images": (
        lambda: Around(
            lambda m, x: m.fc(F.max_pool2d(m.conv(x), 2).view(-1, 512)),
            conv=CONV(3, 2, 3, padding=1),
            fc=nn.Linear(512, 3),
        ),
        (2, 3, 32, 32),
        "Square images fit if their side is 32 or 33. Tried: 1 to 256.",
    ),
    "reflections": (
        lambda: nn.Sequential(nn.ReflectionPad2d(5), CONV(1, 1, 3), nn.MaxPool2d(3, 2)),
        (2, 1, 16, 16),
        "Square images fit if their side is 6 or more. Tried: 1 to 256.",
    ),
    "several sizes and no rule": (
        lambda: Around(lambda m, x: m.conv(x[:, :, : 8 * (x.shape[2] % 16 < 4)]), conv=CONV(1, 1, 3)),
        (2, 1, 16, 16),
        "Square images fit if their side is 3, 16 to 19, 32 to 35, 48 to 51, 64 to 67, 80 to 83, or one of 41 more. "
        "Tried: 1 to 256.",
    ),
    "sound": (
        lambda: nn.Sequential(nn.Conv1d(1, 2, 3, 2), nn.Flatten(), nn.LazyLinear(3)),
        (2, 1, 30),
        "Inputs fit if their length is 29 or 30. Tried: 1 to 256.",
    ),
}


ALL = range(1, 257)
# On sides beyond 128, where a run costs most, deep models run on one of nine: these leave every remainder by 2 and 4.
DEEP = ("LeNet", "AlexNet", "ResNet", "Inception", "a U-Net")
OF_NINE = (*range(1, 129), *range(129, 256, 9), 256)


def by_running(model, shape, sides):
    """Those of the sides that a model takes, and gives back a row for each image."""
    rows = {}
    for side in sides:
        try:
            result = model(torch.zeros(*shape[:2], *(side,) * (len(shape) - 2)))
        except (RuntimeError, ValueError):
            continue
        rows[side] = len(result)
    is_kept = shape[0] in rows.values()
    return [side for side, number in rows.items() if number == shape[0] or not is_kept]


@pytest.mark.parametrize("name", MODELS)
def test_the_sizes_are_those_that_a_model_runs_with(name):
    make, shape, said = MODELS[name]
    torch.manual_seed(0)
    model = make()
    found = trace(model, shape).sizes()
    assert str(found) == said
    with torch.no_grad():
        model(torch.zeros(shape))  # now lazy layers have their size
        sides = OF_NINE if name in DEEP else ALL
        assert [side for side in found if side in sides] == by_running(model, shape, sides)


def test_the_model_stays_as_it_was_and_computes_nothing():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.calls = CONV(1, 2, 3), nn.BatchNorm2d(2), []
            self.scale, self.lstm = torch.ones(2, 1, 1), nn.LSTM(2, 3)

        def forward(self, x):
            self.calls.append(x.device.type)
            x = self.norm(self.conv(x)) * self.scale + torch.zeros(2, 1, 1)
            return self.lstm(x.flatten(2).transpose(1, 2))[0]

    model = Counting()
    traced = trace(model, (2, 1, 8, 8))
    before, scale = looks(model), model.scale
    seen = []
    model.conv.register_forward_pre_hook(lambda layer, args: seen.append(args[0].device.type))
    assert traced.sizes(most=20) == tuple(range(3, 21))
    assert looks(model) == before
    assert model.scale is scale
    assert model.calls == []
    assert set(seen) == {"meta"}
    assert trace(model, (2, 1, 8, 8)).ok


def test_several_images_change_together_and_other_inputs_stay():
    model = Around(lambda m, x, y, z: x + y + z[:, :, None, None])
    assert trace(model, [(2, 3, 8, 8), (2, 3, 8, 8), (2, 3)]).sizes(most=4) == (1, 2, 3, 4)


def test_a_size_of_which_nothing_is_left_is_none_that_fits():
    assert trace(Around(lambda m, x: m.conv(x)[:, :, 2:], conv=CONV(1, 1, 1)), (2, 1, 8, 8)).sizes(most=5) == (3, 4, 5)


def test_where_there_is_a_problem_the_sizes_that_would_fit_are_told():
    assert trace(SimpleCNN(image_size=40), (4, 3, 48, 48)).sizes() == (40,)


@pytest.mark.parametrize(
    ("model", "given", "said"),
    [
        (nn.Linear(3, 4), (2, 3), "the model was given (2, 3)"),
        (nn.Embedding(3, 4), (2, 3), "the model was given (2, 3)"),
        (Around(lambda m, x: m.conv(x) * float(x.sum()), conv=CONV(1, 1, 1)), (1, 1, 4, 4), "tries shapes without"),
    ],
)
def test_what_cannot_be_tried_is_said_in_one_sentence(model, given, said):
    with pytest.raises(ValueError, match=r"sizes\(\) tries") as error:
        trace(model, given).sizes()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_most_is_a_whole_number_of_at_least_one():
    with pytest.raises(ValueError, match="most"):
        trace(CONV(1, 1, 1), (1, 1, 4, 4)).sizes(most=0)


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ((), "No side fits. Tried: 1 to 20."),
        ((7,), "is 7. "),
        ((7, 8, 9), "is 7 to 9. "),
        ((6, 8, 10), "is even, and 6 to 10. "),
        ((5, 10, 15, 20), "is a multiple of 5. "),
        ((10, 15, 20), "is a multiple of 5, and 10 or more. "),
        ((3, 7, 11, 15, 19), "is 3, 7, 11 and so on. "),
        ((3, 7, 11), "is 3, 7 or 11. "),
        ((2, 5, 8, 11, 14, 17, 20), "is 2, 5, 8 and so on. "),
        ((3, 7), "is 3 or 7. "),
        ((2, 3, 9), "is 2 to 3 or 9. "),
    ],
)
def test_sides_are_told_as_a_rule_where_there_is_one(sides, said):
    assert said in str(Sizes(sides, 2, 20))


def test_many_sides_that_end_are_told_with_their_last():
    assert "is 2, 5, 8 and so on, up to 23. " in str(Sizes(range(2, 24, 3), 2, 40))
