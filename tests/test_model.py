import copy
import doctest

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

import helpers.model
from helpers.arithmetic import ShapeError
from helpers.model import FastCNN, SimpleCNN


class NoteCNN(nn.Module):
    """The class of the note that the course grew from, as it stood there."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 18, kernel_size=3, stride=1, padding=1)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2, padding=0)
        self.fc1 = nn.Linear(18 * 16 * 16, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.pool(x)
        x = x.view(-1, 18 * 16 * 16)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


def made(cls, seed=0, **settings):
    torch.manual_seed(seed)
    return cls(**settings)


def said(error):
    """The sentence, on one line."""
    text = str(error.value)
    assert "\n" not in text
    return text


def test_the_same_seed_gives_the_same_weights_as_the_notes_class():
    ours, note = made(SimpleCNN).state_dict(), made(NoteCNN).state_dict()
    assert list(ours) == list(note)
    assert all(torch.equal(ours[name], note[name]) for name in note)


def test_the_same_weights_give_the_same_scores_as_the_notes_class():
    ours, note = made(SimpleCNN, seed=1), made(NoteCNN, seed=2)
    ours.load_state_dict(note.state_dict())
    images = torch.randn(5, 3, 32, 32)
    assert torch.equal(ours(images), note(images))


def test_the_layers_are_those_of_the_note():
    assert str(SimpleCNN()).replace("SimpleCNN", "NoteCNN") == str(NoteCNN())


def test_there_are_296130_parameters():
    assert sum(parameter.numel() for parameter in SimpleCNN().parameters()) == 296_130


@pytest.mark.parametrize("n", [0, 1, 4])
def test_every_image_of_a_batch_gets_its_own_row_of_scores(n):
    assert SimpleCNN()(torch.zeros(n, 3, 32, 32)).shape == (n, 10)


@pytest.mark.parametrize(
    "settings",
    [
        {"image_size": 48},
        {"image_size": (20, 33)},
        {"image_size": [9, 8], "in_channels": 1, "classes": 2},
        {"kernel_size": 5, "stride": 2, "padding": 0},
        {"kernel_size": (3, 5), "padding": (1, 2), "stride": (1, 2)},
        {"padding": "same", "kernel_size": 4},
        {"padding": "valid"},
        {"pool_kernel_size": 3, "pool_stride": 1},
        {"pool_kernel_size": 3, "pool_stride": None},
        {"image_size": 2, "conv_channels": 1, "hidden_features": 1, "classes": 1},
    ],
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_the_inputs_of_fc1_follow_from_the_settings(settings):
    model = SimpleCNN(**settings)
    assert model(torch.randn(2, *model.image_shape)).shape == (2, settings.get("classes", 10))


def test_a_pool_without_a_stride_moves_by_its_kernel():
    assert SimpleCNN(pool_kernel_size=4, pool_stride=None).fc1.in_features == 18 * 8 * 8


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"image_size": 3, "kernel_size": 6}, ["conv1: ", "3 + 2·1 = 5", "padding 2", "image_size 4"]),
        ({"image_size": (32, 2), "kernel_size": 5}, ["conv1: Width", "2 + 2·1 = 4", "in width"]),
        ({"image_size": 2, "padding": 0, "kernel_size": 2}, ["pool: ", "pool_kernel_size 1"]),
        ({"padding": "same", "stride": 2}, ["conv1: ", "stride 1"]),
        ({"padding": "some"}, ["conv1: ", "same"]),
        ({"stride": 0}, ["conv1: stride wants a whole number of at least 1, but got 0"]),
        ({"pool_stride": 0}, ["pool: stride wants a whole number of at least 1, but got 0", "pool_stride 1"]),
    ],
)
def test_an_impossible_setting_names_the_layer_and_the_change(settings, words):
    with pytest.raises(ShapeError) as error:
        SimpleCNN(**settings)
    assert all(word in said(error) for word in words), said(error)
    assert error.value.__suppress_context__


@pytest.mark.parametrize("name", ["kernel_size", "stride", "padding", "pool_kernel_size", "pool_stride"])
def test_a_fraction_is_no_layer_setting(name):
    with pytest.raises(TypeError, match="pool: " if "pool" in name else "conv1: "):
        SimpleCNN(**{name: 2.5})


@pytest.mark.parametrize("name", ["image_size", "in_channels", "conv_channels", "hidden_features", "classes"])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), ("3", TypeError), (True, TypeError)]
)
def test_counts_are_whole_numbers_of_at_least_one(name, value, error):
    pair = r" or a \(height, width\) pair" if (name, error) == ("image_size", TypeError) else ""
    with pytest.raises(error, match=f"SimpleCNN: {name} wants a whole number of at least 1{pair}, but got {value!r}"):
        SimpleCNN(**{name: value})


def test_an_image_size_is_one_number_or_two():
    wanted = r"image_size wants a whole number of at least 1 or a \(height, width\) pair, but got \(3, 32, 32\)"
    with pytest.raises(TypeError, match=rf"{wanted}. Did you mean \(32, 32\)\?"):
        SimpleCNN(image_size=(3, 32, 32))


@pytest.mark.parametrize(
    ("shape", "proposed"),
    [
        ((3, 32, 32), "x[None]"),
        ((4, 3, 48, 48), "image_size=48"),
        ((4, 3, 40, 48), "image_size=(40, 48)"),
        ((4, 3, 64, 16), "image_size=(64, 16)"),  # as many numbers as fc1 wants: torch would go on
        ((4, 1, 32, 32), "in_channels=1"),
        ((4, 1, 28, 28), "image_size=28, in_channels=1"),
        ((4, 32, 32, 3), "x.permute(0, 3, 1, 2)"),
        ((32, 32, 3), "x.permute(2, 0, 1)[None]"),
        ((4, 3072), "x.unflatten(1, (3, 32, 32))"),
    ],
)
def test_images_of_another_shape_are_refused_and_what_is_proposed_works(shape, proposed):
    x, model = torch.zeros(shape), SimpleCNN()
    with pytest.raises(ShapeError) as error:
        model(x)
    assert f"wants images (N, 3, 32, 32), but got {shape}" in said(error)
    assert proposed in said(error)
    if proposed.startswith("x"):
        x = eval(proposed)
    else:
        model = eval(f"SimpleCNN({proposed})")
        assert said(error).endswith(f"make it with {proposed}.")
    assert model(x).shape == (shape[0] if len(shape) in (2, 4) else 1, 10)


@pytest.mark.parametrize(
    ("settings", "shape", "proposed"),
    [
        ({"image_size": 64}, (4, 1, 64, 64), {"in_channels": 1}),
        ({"in_channels": 1}, (4, 1, 48, 48), {"image_size": 48}),
        ({"kernel_size": 5, "padding": 0}, (4, 4, 9, 9), {"image_size": 9, "in_channels": 4}),
    ],
)
def test_what_is_proposed_is_to_be_changed_and_the_other_settings_stay(settings, shape, proposed):
    with pytest.raises(ShapeError) as error:
        SimpleCNN(**settings)(torch.zeros(shape))
    assert said(error).endswith(", make it with {}.".format(", ".join(f"{name}={n}" for name, n in proposed.items())))
    assert SimpleCNN(**settings | proposed)(torch.zeros(shape)).shape == (4, 10)


@pytest.mark.parametrize("shape", [(), (32, 32), (2, 4, 3, 32, 32)])
def test_a_shape_with_no_near_fix_is_told_what_the_four_numbers_are(shape):
    with pytest.raises(ShapeError, match="the four numbers are images, channels, height, width"):
        SimpleCNN()(torch.zeros(shape))


@pytest.mark.parametrize(("shape", "words"), [((28, 28), "x[None, None]"), ((7, 28, 28), "x.unsqueeze(1)")])
def test_grey_images_without_channels_are_refused_with_what_would_work(shape, words):
    with pytest.raises(ShapeError) as error:
        SimpleCNN(image_size=28, in_channels=1)(torch.zeros(shape))
    assert words in said(error)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), ValueError, "got torch.uint8: .float() / 255"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.float64), ValueError, "got torch.float64: .to(torch.float32)"),
        ([[0.0]], TypeError, "got a list: torch.as_tensor"),
    ],
)
def test_what_are_not_floats_in_a_tensor_is_refused(x, error, words):
    with pytest.raises(error) as raised:
        SimpleCNN()(x)
    assert words in said(raised)


def test_autocast_and_double_precision_work():
    with torch.autocast("cpu", torch.bfloat16):
        assert SimpleCNN()(torch.zeros(1, 3, 32, 32)).dtype == torch.bfloat16
        assert SimpleCNN()(torch.zeros(1, 3, 32, 32, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert SimpleCNN().double()(torch.zeros(1, 3, 32, 32).double()).dtype == torch.float64


def test_shapes_can_be_followed_without_numbers():
    with torch.device("meta"):
        model, images = SimpleCNN(), torch.empty(7, 3, 32, 32)
    assert model(images).shape == (7, 10)


def test_forward_itself_lets_torch_fail_at_the_layer():
    seen = []
    model = SimpleCNN()
    model.fc1.register_forward_pre_hook(lambda layer, args: seen.append(tuple(args[0].shape)))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        model.forward(torch.zeros(4, 3, 48, 48))
    assert seen == [(4, 18 * 24 * 24)]


def test_rebuilt_layers_may_take_other_images():
    model = SimpleCNN()
    model.pool = nn.AdaptiveAvgPool2d(16)
    model.image_shape = None
    assert model(torch.zeros(2, 3, 48, 48)).shape == (2, 10)


def test_a_copy_checks_its_images_too():
    with pytest.raises(ShapeError):
        copy.deepcopy(SimpleCNN())(torch.zeros(3, 32, 32))


def test_torch_compile_follows_the_check_in_one_graph():
    model = made(SimpleCNN)
    images = torch.randn(2, 3, 32, 32)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(images), model(images))


def test_the_examples_in_the_docstring_hold():
    assert doctest.testmod(helpers.model, extraglobs={"torch": torch}).failed == 0


# -- FastCNN -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"image_size": (9, 7), "conv_channels": 4, "stride": 2, "padding": 0},
        {"image_size": 10, "pool_kernel_size": 3, "pool_stride": 1, "classes": 3},
    ],
)
def test_fast_cnn_gives_simple_cnns_scores_and_gradients_to_the_last_bit(settings):
    torch.manual_seed(0)
    simple, fast = SimpleCNN(**settings), FastCNN(**settings)
    fast.load_state_dict(simple.state_dict())
    x, labels = torch.randn(5, *simple.image_shape), torch.tensor([0, 1, 2, 0, 1])
    scores = simple(x), fast(x)
    assert torch.equal(*scores)
    for score in scores:
        F.cross_entropy(score, labels).backward()
    for ours, theirs in zip(fast.parameters(), simple.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_fast_cnn_gives_its_first_relu_a_quarter_of_the_numbers():
    seen = []

    class Counting(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function is F.relu:
                seen.append(args[0][0].numel())
            return function(*args, **(kwargs or {}))

    for network in (SimpleCNN(), FastCNN()):
        with Counting():
            network(torch.zeros(2, 3, 32, 32))
    assert seen == [18 * 32 * 32, 64, 18 * 16 * 16, 64]
