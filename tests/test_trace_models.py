"""Whole models, with the structure of well-known ones: what the table says, held against torch."""

import re
from math import ceil, floor

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from helpers.model import SimpleCNN
from helpers.trace import trace


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = F.max_pool2d(torch.relu(self.conv2(x)), (2, 2), stride=2)
        x = x.view(-1, 16 * 5 * 5)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(8, 12, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(48, 20), nn.ReLU(inplace=True), nn.Linear(20, 5))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class VGG(nn.Module):
    def __init__(self, plan=(4, "pool", 8, 8, "pool")):
        super().__init__()
        layers, channels = [], 3
        for step in plan:
            if step == "pool":
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
                continue
            layers += [nn.Conv2d(channels, step, 3, padding="same", bias=False), nn.BatchNorm2d(step), nn.ReLU()]
            channels = step
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Flatten(), nn.LazyLinear(7))

    def forward(self, x):
        return self.head(self.features(x))


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)  # called twice
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.MaxPool2d(3, 2, 1))
        self.layer1 = nn.Sequential(ResidualBlock(8, 8), ResidualBlock(8, 8))
        self.layer2 = nn.Sequential(ResidualBlock(8, 16, stride=2), ResidualBlock(16, 16))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(x.mean((2, 3)))


class InceptionBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.branches = nn.ModuleDict(
            {
                "one": nn.Conv2d(channels, 4, 1),
                "three": nn.Sequential(nn.Conv2d(channels, 3, 1), nn.Conv2d(3, 6, 3, padding=1)),
                "five": nn.Sequential(nn.Conv2d(channels, 2, 1), nn.Conv2d(2, 3, (1, 5), padding=(0, 2))),
                "pool": nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1), nn.Conv2d(channels, 2, 1)),
            }
        )

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches.values()], dim=1)


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([InceptionBlock(3), InceptionBlock(15)])
        self.fc = nn.Linear(15, 4)

    def forward(self, x):
        for block in self.blocks:
            x = F.relu(block(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.middle = self.pair(3, 4), self.pair(4, 8), self.pair(8, 16)
        self.pool = nn.MaxPool2d(2)
        self.up2, self.conv2 = nn.ConvTranspose2d(16, 8, 2, stride=2), self.pair(16, 8)
        self.up1, self.conv1 = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1), self.pair(8, 4)
        self.out = nn.Conv2d(4, 2, 1)

    def pair(self, inputs, outputs):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU()
        )

    def forward(self, x):
        one = self.down1(x)
        two = self.down2(self.pool(one))
        x = self.middle(self.pool(two))
        x = self.conv2(torch.cat([two, self.up2(x)], 1))
        x = self.conv1(torch.cat([one, self.up1(x, output_size=one.shape[2:])], 1))
        return self.out(x)


class MobileBlock(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.expand = nn.Conv2d(channels, 4 * channels, 1, bias=False)
        self.depthwise = nn.Conv2d(4 * channels, 4 * channels, 3, stride, 1, groups=4 * channels, bias=False)
        self.project = nn.Conv2d(4 * channels, channels, 1, bias=False)
        self.gate = nn.Parameter(torch.ones(channels, 1, 1)) if stride == 1 else None

    def forward(self, x):
        out = self.project(F.relu6(self.depthwise(F.hardswish(self.expand(x)))))
        return out if self.gate is None else x + self.gate * out


class MobileNet(nn.Sequential):
    def __init__(self):
        blocks = [MobileBlock(6, 1), MobileBlock(6, 2)]
        super().__init__(nn.Conv2d(3, 6, 3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))


class ByHand(nn.Module):
    """Without a single layer: all functions."""

    def __init__(self):
        super().__init__()
        self.kernels = nn.Parameter(torch.randn(5, 3, 3, 3))
        self.matrix = nn.Parameter(torch.randn(7, 5 * 4 * 4))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        x = (x.float() - self.mean.view(1, -1, 1, 1)) / 255
        x = F.relu(F.conv2d(x, self.kernels, stride=2, padding=1))
        x = F.avg_pool2d(F.max_pool2d(x, 3, 1, 1), 2)
        x = F.dropout(x, 0.5, training=self.training).reshape(x.size(0), -1)
        return F.log_softmax(F.linear(x, self.matrix), dim=1)


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))
        self.positions = nn.Parameter(torch.zeros(1, 17, 8))
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.head(self.encoder(x)[:, 0])


MODELS = {
    LeNet: (4, 1, 28, 28),
    AlexNet: (2, 3, 63, 63),
    VGG: (2, 3, 15, 9),
    ResNet: (2, 3, 32, 48),
    Inception: (2, 3, 8, 10),
    UNet: (2, 3, 12, 20),
    MobileNet: (2, 3, 16, 12),
    ByHand: (2, 3, 16, 16),
    VisionTransformer: (2, 3, 16, 16),
    SimpleCNN: (4, 3, 32, 32),
}
models = pytest.mark.parametrize(("make", "shape"), MODELS.items(), ids=lambda one: getattr(one, "__name__", ""))


def made(make, seed=0):
    torch.manual_seed(seed)
    return make()


def layers_of(model):
    """The modules that compute something themselves, by their names."""
    inside = {
        part for layer in model.modules() if isinstance(layer, nn.MultiheadAttention) for part in layer.children()
    }
    return {
        name: layer
        for name, layer in model.named_modules()
        if type(layer).__module__.startswith("torch.nn.")
        and layer not in inside
        and (not list(layer.children()) or isinstance(layer, nn.MultiheadAttention))
    }


def run(model, *inputs):
    """What hooks and torch.utils.flop_counter see in a real run: [(name, input shape, output shape)], {name: MACs}."""
    calls, tensors = [], [torch.zeros(shape) for shape in inputs]

    def note(name):
        def hook(layer, args, output):
            first = output if isinstance(output, torch.Tensor) else output[0]
            calls.append((name, tuple(args[0].shape), tuple(first.shape)))

        return hook

    handles = [layer.register_forward_hook(note(name)) for name, layer in layers_of(model).items()]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(*tensors)
    for handle in handles:
        handle.remove()
    counts = {name.partition(".")[2]: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    return calls, counts | {"": counter.get_total_flops() // 2}


def value(side):
    """What a formula's left-hand side comes to, as a pupil would work it out."""
    side = re.sub(r' \((padding="same"|a window would start in the padding)\)', "", side)
    for sign, code in {"⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "·": "*", "−": "-"}.items():
        side = side.replace(sign, code)
    assert re.fullmatch(r"[-+*/() \dfloorceil]+", side), side
    return eval(side, {"floor": floor, "ceil": ceil})


def sizes(formula, dims):
    """The sizes that a formula gives for `dims` dimensions; each must be what its left-hand side comes to."""
    parts = formula.split(" · ")
    results = []
    for part in parts:
        left, _, right = re.sub(r"^(depth|height|width) ", "", part).rpartition(" = ")
        assert value(left) == int(right), formula
        results.append(int(right))
    return tuple(results * dims if len(results) == 1 else results)


@models
def test_each_layer_has_a_row_with_the_shapes_of_a_real_run(make, shape):
    model = made(make)
    table = trace(model, shape)
    calls, _ = run(model, shape)
    names = layers_of(model)
    assert table.ok
    assert [(row.name, row.input_shape, row.output_shape) for row in table.rows if row.name in names] == calls


@models
def test_the_parameters_of_the_rows_are_those_of_the_model(make, shape):
    model = made(make)
    table = trace(model, shape)
    run(model, shape)  # now lazy layers have their size
    assert table.parameters == sum(row.parameters for row in table.rows)
    assert table.parameters == sum(parameter.numel() for parameter in model.parameters())
    for name, layer in layers_of(model).items():
        rows = [row for row in table.rows if row.name == name]
        assert sum(row.parameters for row in rows) == sum(p.numel() for p in layer.parameters() if rows)
    assert table.unused == []


@models
def test_the_multiply_adds_are_those_that_torch_counts(make, shape):
    model = made(make).train()  # in eval(), torch takes attention in one piece that it cannot count
    table = trace(model, shape)
    _, counts = run(model, shape)
    assert table.macs == sum(row.macs for row in table.rows) == counts[""]
    for name in layers_of(model):
        assert sum(row.macs for row in table.rows if row.name == name) == counts.get(name, 0), name


@models
def test_each_formula_comes_to_the_size_that_torch_returns(make, shape):
    rows = [row for row in trace(made(make), shape).rows if row.formula]
    for row in rows:
        if row.kind == "cat":
            assert sizes(row.formula, 1)[0] == row.output_shape[1]
        elif len(row.output_shape) == 2:
            assert sizes(row.formula, 1) == row.output_shape[1:]
        else:
            assert sizes(row.formula, 2) == row.output_shape[2:]
    spatial = ("Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "conv2d", "max_pool2d", "avg_pool2d")
    assert all(row in rows for row in trace(made(make), shape).rows if row.kind in spatial)


def calls_in(model, *shapes):
    """The rows that are calls of functions, as the learner wrote them."""
    names = layers_of(model)
    return [row.name for row in trace(model, list(shapes)).rows if row.name not in names]


def test_functions_between_the_layers_are_written_as_in_the_model():
    assert calls_in(LeNet(), (4, 1, 28, 28)) == [
        "torch.relu(x)",
        "F.max_pool2d(x, 2)",
        "torch.relu(x)",
        "F.max_pool2d(x, (2, 2), stride=2)",
        "x.view(-1, 400)",
        "F.relu(x)",
        "F.relu(x)",
    ]
    assert calls_in(UNet(), (2, 3, 12, 20)) == ["torch.cat([x, y], 1)", "torch.cat([x, y], 1)"]
    assert calls_in(ByHand(), (2, 3, 16, 16)) == [
        "F.conv2d(x, kernels, stride=2, padding=1)",
        "F.relu(x)",
        "F.max_pool2d(x, 3, stride=1, padding=1)",
        "F.avg_pool2d(x, 2)",
        "F.dropout(x)",
        "x.reshape(2, -1)",
        "F.linear(x, matrix)",
        "F.log_softmax(x, dim=1)",
    ]


def test_a_function_in_a_block_is_named_with_the_block():
    assert calls_in(ResNet(), (2, 3, 32, 32)) == [
        "layer1.0: x += y",
        "layer1.1: x += y",
        "layer2.0: x += y",
        "layer2.1: x += y",
        "x.mean((2, 3))",
    ]


def test_what_is_made_from_parameters_counts_them_once():
    rows = trace(VisionTransformer(), (2, 3, 16, 16)).rows
    own = {row.name: row.parameters for row in rows if "cls" in row.name or "positions" in row.name}
    assert own == {"cls.expand(2, -1, -1)": 8, "x + positions": 136}


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 6)
        self.places = nn.Embedding(20, 6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.fc = nn.Linear(6, 2)

    def forward(self, tokens):
        mask = (tokens == 0).unsqueeze(1).expand(-1, 5, -1).clone()
        mask[:, :, 0] = False
        places = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0).expand_as(tokens)
        x = self.embedding(tokens).float() / 2 + self.places(places)
        state = x.new_zeros(3, 6) + torch.zeros_like(x[:, 0])
        x, _ = self.attention(x, x, x, attn_mask=mask.repeat_interleave(2, 0))
        return self.fc(x.masked_fill(mask[:, 0, :, None], 0).max(1).values + state)


def test_masks_positions_and_casts_are_not_shown():
    rows = trace(Masked(), (3, 5)).rows
    assert [row.name for row in rows] == ["embedding", "places", "x[:, 0]", "attention", "x.max(1)", "fc"]


# Layers and functions alone.


def pieces(row_kind, layer, shape):
    """The one row of a layer, and what torch returns and counts for it."""
    table = trace(layer, shape)
    (row,) = (row for row in table.rows if row.kind == row_kind)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        output = layer(torch.zeros(shape))
    return row, tuple(output.shape), counter.get_total_flops() / 2


number, rate = st.integers(1, 4), st.integers(1, 3)


@st.composite
def settings_of(draw, dims, **ranges):
    """For each argument one number, or one for each dimension."""
    one = {name: draw(st.one_of(values, st.tuples(*[values] * dims))) for name, values in ranges.items()}
    shape = draw(st.tuples(*[st.integers(1, 14)] * dims))
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    return one, batch, shape


def fitting(make, shape):
    """The layer, if torch takes these settings and this shape."""
    try:
        layer = make()
        layer(torch.zeros(shape))
    except (RuntimeError, ValueError):
        assume(False)
    return layer


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(1, 3), st.sampled_from([1, 2, 3]), st.booleans())
def test_any_convolution_has_the_right_size_and_count(data, dims, groups, by_function):
    kind = f"Conv{dims}d"
    padding = {"padding": st.integers(0, 3)}
    one, batch, shape = data.draw(settings_of(dims, kernel_size=number, stride=rate, dilation=rate, **padding))
    if data.draw(st.booleans()):
        one |= {"padding": data.draw(st.sampled_from(["same", "valid"]))}
    shape = (*batch, 2 * groups, *shape)
    layer = fitting(lambda: getattr(nn, kind)(2 * groups, 3 * groups, groups=groups, **one), shape)
    if by_function:
        kind, layer = (kind.lower(), Functional(layer, f"conv{dims}d", "stride", "padding", "dilation", "groups"))
    row, output, count = pieces(kind, layer, shape)
    assert sizes(row.formula, dims) == output[-dims:]
    assert (row.output_shape, row.macs) == (output, count)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(1, 3), st.sampled_from([1, 2]), st.booleans())
def test_any_transposed_convolution_has_the_right_size_and_count(data, dims, groups, by_function):
    kind, most = f"ConvTranspose{dims}d", st.integers(0, 2)
    ranges = {"kernel_size": number, "stride": rate, "dilation": rate, "padding": most, "output_padding": most}
    one, batch, shape = data.draw(settings_of(dims, **ranges))
    shape = (*batch, 2 * groups, *shape)
    layer = fitting(lambda: getattr(nn, kind)(2 * groups, 3 * groups, groups=groups, **one), shape)
    if by_function:
        names = ("stride", "padding", "output_padding", "groups", "dilation")
        kind, layer = f"conv_transpose{dims}d", Functional(layer, f"conv_transpose{dims}d", *names)
    row, output, count = pieces(kind, layer, shape)
    assert sizes(row.formula, dims) == output[-dims:]
    assert (row.output_shape, row.macs) == (output, count)


@settings(max_examples=120, deadline=None)
@given(st.data(), st.integers(1, 3), st.sampled_from(["Max", "Avg"]), st.booleans(), st.booleans())
def test_any_pooling_has_the_right_size(data, dims, mode, ceil_mode, by_function):
    ranges = {"kernel_size": number, "stride": rate, "padding": st.integers(0, 2)}
    if mode == "Max":
        ranges |= {"dilation": rate}
    one, batch, shape = data.draw(settings_of(dims, **ranges))
    shape = (*batch, 2, *shape)
    kind = f"{mode}Pool{dims}d"
    layer = fitting(lambda: getattr(nn, kind)(ceil_mode=ceil_mode, **one), shape)
    if by_function:
        kind = f"{mode.lower()}_pool{dims}d"
        layer = Functional(layer, kind, *ranges, "ceil_mode")
    row, output, _ = pieces(kind, layer, shape)
    assert sizes(row.formula, dims) == output[-dims:]
    assert (row.output_shape, row.macs) == (output, 0)


class Functional(nn.Module):
    """A layer's function, called with its settings."""

    def __init__(self, layer, function, *names):
        super().__init__()
        self.settings = {name: getattr(layer, name) for name in names}
        self.function, self.weight = getattr(F, function), getattr(layer, "weight", None)

    def forward(self, x):
        weights = [] if self.weight is None else [self.weight]
        return self.function(x, *weights, **self.settings)


def test_pooling_that_starts_in_the_padding_says_so():
    row = trace(nn.MaxPool2d(2, 2, 1, ceil_mode=True), (1, 1, 3, 3)).rows[0]
    assert row.formula == "⌈(3 + 2·1 − 2) / 2⌉ + 1 − 1 (a window would start in the padding) = 2"
    assert row.output_shape == (1, 1, 2, 2)


def test_pooling_with_its_indices_is_a_pooling():
    class Both(nn.Module):
        def forward(self, x):
            x, places = F.max_pool2d(x, 2, return_indices=True)
            return F.max_unpool2d(x, places, 2)

    rows = trace(Both(), (1, 1, 6, 6)).rows
    assert rows[0].name == "F.max_pool2d(x, 2, return_indices=True)"
    assert rows[0].formula == "⌊(6 − 2) / 2⌋ + 1 = 3"


PRODUCTS = {
    "F.linear(x, y)": ((5, 3, 4), (6, 4)),
    "x @ y": ((2, 3, 4), (2, 4, 5)),
    "torch.matmul(x, y)": ((3, 4), (2, 4, 5)),
    "torch.mm(x, y)": ((3, 4), (4, 5)),
    "torch.bmm(x, y)": ((2, 3, 4), (2, 4, 5)),
    "torch.matmul(x[0], y)": ((3, 4), (4, 5)),  # a vector in front is a matrix of one row
    "torch.addmm(x.new_zeros(3, 5), x, y)": ((3, 4), (4, 5)),
    "torch.baddbmm(x.new_zeros(2, 3, 5), x, y)": ((2, 3, 4), (2, 4, 5)),
    'torch.einsum("bij,bjk->bik", x, y)': ((2, 3, 4), (2, 4, 5)),
    'torch.einsum("...ij, jk", x, y)': ((2, 3, 4), (4, 5)),
    'torch.einsum("bi,bi->b", x, y)': ((2, 3), (2, 3)),
    'torch.einsum("bi,bj->bij", x, y)': ((2, 3), (2, 4)),
    'torch.einsum("bij,jk->b", x, y)': ((2, 3, 4), (4, 5)),
    "F.scaled_dot_product_attention(x, y, y)": ((2, 3, 4, 6), (2, 3, 5, 6)),
    "F.scaled_dot_product_attention(query=x, value=y, key=y)": ((2, 3, 4, 6), (2, 3, 5, 6)),
    "F.conv2d(x, y, padding='same')": ((1, 2, 5, 6), (3, 2, 3, 3)),
    "F.conv_transpose1d(x, y, stride=2)": ((1, 2, 5), (2, 3, 3)),
}


class Code(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.code = compile(code, "code", "eval")

    def forward(self, x, y=None):
        return eval(self.code, {"torch": torch, "F": F, "x": x, "y": y})


@pytest.mark.parametrize(("code", "shapes"), PRODUCTS.items())
def test_functions_are_counted_as_torch_counts_them(code, shapes):
    table = trace(Code(code), list(shapes))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        Code(code)(*map(torch.zeros, shapes))
    assert table.macs == counter.get_total_flops() / 2
    assert table.macs > 0 or "bi,bj->bij" in code


@pytest.mark.parametrize("code", ["x @ y", "torch.matmul(x, y)"])
def test_a_product_with_one_vector_counts_nothing_as_in_torch(code):
    assert trace(Code(code), [(3, 4), (4,)]).macs == 0


def test_a_bilinear_layer_counts_nothing_as_in_torch():
    table = trace(nn.Bilinear(4, 5, 6), [(3, 4), (3, 5)])
    assert (table.macs, table.rows[0].output_shape) == (0, (3, 6))


CODE = {
    "torch.flatten(x, 1)": "torch.flatten(x, 1)",
    "x.flatten(start_dim=1)": "x.flatten(start_dim=1)",
    "x.view(-1, 16)": "x.view(-1, 16)",
    "x.view((2, 32))": "x.view((2, 32))",
    "F.relu(x)": "F.relu(x)",
    "F.relu(x, inplace=True)": "F.relu(x, inplace=True)",
    "F.softmax(x, dim=1)": "F.softmax(x, dim=1)",
    "x.softmax(-1)": "x.softmax(-1)",
    "F.gelu(x)": "F.gelu(x)",
    "F.interpolate(x, scale_factor=2)": "F.interpolate(x, scale_factor=2)",
    "F.interpolate(x, scale_factor=2, mode='bilinear')": 'F.interpolate(x, scale_factor=2, mode="bilinear")',
    "F.pad(x, (1, 1))": "F.pad(x, (1, 1))",
    "F.pixel_shuffle(x, 2)": "F.pixel_shuffle(x, 2)",
    "x + y": "x + y",
    "y + x": "x + y",
    "x - y": "x - y",
    "x * x": "x * x",
    "x @ y.mT": "x @ y",
    "x.__iadd__(y)": "x += y",
    "x.__imul__(y)": "x *= y",
    "torch.add(x, y)": "torch.add(x, y)",
    "torch.cat([x, y], 1)": "torch.cat([x, y], 1)",
    "torch.cat((x, y), dim=1)": "torch.cat((x, y), dim=1)",
    "torch.stack([x, y])": "torch.stack([x, y])",
    "x[:, 0]": "x[:, 0]",
    "x[..., None, 1:-1:2, :]": "x[..., None, 1:-1:2, :]",
    "x[0]": "x[0]",
    "x.mT": "x.mT",
    "x.permute(0, 2, 3, 1)": "x.permute(0, 2, 3, 1)",
    "x.mean((2, 3))": "x.mean((2, 3))",
    "x.amax(dim=(2, 3), keepdim=True)": "x.amax(dim=(2, 3), keepdim=True)",
    "x.unsqueeze(1)": "x.unsqueeze(1)",
    "torch.stack((x,))": "torch.stack((x,))",
    "torch.einsum('bchw,bkhw->bck', x, y)": 'torch.einsum("bchw,bkhw->bck", x, y)',
    "F.scaled_dot_product_attention(x, y, y)": "F.scaled_dot_product_attention(x, y, y)",
    "torch.linalg.vector_norm(x, dim=1)": "torch.linalg.vector_norm(x, dim=1)",
    "torch.where(x > 0, x, y)": "torch.where(x, y, z)",
}


@pytest.mark.parametrize(("code", "name"), CODE.items())
def test_a_call_reads_as_it_was_written(code, name):
    shapes = [(2, 4, 2, 4)] * (2 if "y" in re.findall(r"\w+", code) else 1)
    assert trace(Code(code), shapes).rows[-1].name == name


@pytest.mark.parametrize(
    "code",
    [
        "x.float()",
        "x.detach()",
        "x / 255",
        "1 - x",
        "x.to(torch.float64)",
        "x.clone()",
        "-x",
        "x > 0",
        "x.contiguous()",
    ],
)
def test_what_changes_no_shape_and_joins_nothing_has_no_row(code):
    assert trace(Code(code), (2, 4, 2, 4)).rows == []


def test_dimensions_of_one_size_that_change_places_have_a_row():
    for code in ("x.transpose(1, 2)", "x.permute(0, 2, 1)", "x.mT", "x.view(2, 3, 3)"):
        assert [row.output_shape for row in trace(Code(code), (2, 3, 3)).rows] == [(2, 3, 3)], code


def test_a_rows_input_is_what_came_from_the_models_input():
    (row,) = trace(Code("F.relu(torch.ones(1, 5, 1) * x)"), (2, 1, 3)).rows[-1:]
    assert row.input_shape == (2, 5, 3)
    assert trace(Code("torch.ones(1, 5, 1) * x"), (2, 1, 3)).rows[0].input_shape == (2, 1, 3)


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)], ids=["LSTM", "GRU", "RNN"])
def test_a_recurrent_layer_counts_the_matrices_of_its_gates(layer, gates):
    row = trace(layer(6, 5, num_layers=2, bidirectional=True, batch_first=True), (3, 7, 6)).rows[0]
    first, second = (gates * 5 * (6 + 5), gates * 5 * (10 + 5))  # of one direction, for one moment of one sequence
    assert (row.macs, row.output_shape) == (3 * 7 * 2 * (first + second), (3, 7, 10))
    assert trace(layer(6, 5), (7, 6)).macs == 7 * first  # one sequence without a batch


def test_a_recurrent_cell_counts_one_moment():
    assert trace(nn.LSTMCell(6, 5), (3, 6)).macs == 3 * 4 * 5 * 11
    assert trace(nn.GRUCell(6, 5), (3, 6)).macs == 3 * 3 * 5 * 11


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")
def test_an_lstm_with_projection_counts_it():
    assert trace(nn.LSTM(6, 5, proj_size=2), (7, 3, 6)).macs == 7 * 3 * (4 * 5 * (6 + 2) + 2 * 5)


def by_hand(query, key, value, heads):
    """Attention in matrices, for flop_counter: projections, scores, sums, and the way out. (batch, length, features)"""
    embed = query.shape[-1]
    q, k, v = (F.linear(x, torch.zeros(embed, x.shape[-1])) for x in (query, key, value))
    q, k, v = (x.unflatten(-1, (heads, embed // heads)).transpose(1, 2) for x in (q, k, v))
    out = (q @ k.mT).softmax(-1) @ v
    return F.linear(out.transpose(1, 2).flatten(2), torch.zeros(embed, embed))


@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_counts_its_projections_its_scores_and_its_sums(batch_first):
    layer = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, batch_first=batch_first)
    query, key, value = torch.zeros(3, 5, 8), torch.zeros(3, 7, 6), torch.zeros(3, 7, 4)
    with FlopCounterMode(display=False) as counter:
        by_hand(query, key, value, heads=2)
    given = [query, key, value] if batch_first else [x.transpose(0, 1) for x in (query, key, value)]
    assert trace(layer, given).macs == counter.get_total_flops() / 2


def test_attention_of_one_sequence_needs_no_batch():
    x = torch.zeros(5, 8)
    for batch_first in (True, False):
        assert trace(nn.MultiheadAttention(8, 2, batch_first=batch_first), [x, x, x]).macs == 4 * 5 * 64 + 2 * 25 * 8


def test_attention_with_a_place_more_to_look_at_counts_it():
    x = torch.zeros(3, 5, 8)
    for more in ({"add_bias_kv": True}, {"add_zero_attn": True}):
        layer = nn.MultiheadAttention(8, 2, batch_first=True, **more)
        assert trace(layer, [x, x, x]).macs == 3 * (4 * 5 * 64 + 2 * 5 * 6 * 8)


# How models are put together.


def test_a_layer_that_is_called_twice_is_counted_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.same = self.fc

        def forward(self, x):
            return self.same(self.fc(x))

    rows = trace(Twice(), (2, 4)).rows
    assert [(row.name, row.parameters, row.macs) for row in rows] == [("fc", 20, 32), ("fc", 0, 32)]


def test_tied_weights_are_counted_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(9, 4)
            self.out = nn.Linear(4, 9, bias=False)
            self.out.weight = self.embedding.weight

        def forward(self, tokens):
            return self.out(self.embedding(tokens))

    table = trace(Tied(), (2, 5))
    assert [(row.name, row.parameters) for row in table.rows] == [("embedding", 36), ("out", 0)]
    assert table.unused == []


def test_a_parameter_has_a_row_wherever_it_meets_the_input():
    class Scales(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x):
            return (x * self.scale + 1) / self.scale

    rows = trace(Scales(), (2, 4)).rows
    assert [(row.name, row.parameters) for row in rows] == [("x * scale", 4), ("x / scale", 0)]


def test_layers_that_are_never_called_are_named():
    class Forgets(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.norm = nn.BatchNorm2d(2)
            self.pool = nn.MaxPool2d(2)  # has nothing to learn
            self.blocks = nn.ModuleList([nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2))])
            self.used_by_hand = nn.Linear(4, 3)
            self.weighted = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return F.linear(self.conv(x), self.used_by_hand.weight)

    model = Forgets()
    names = ["scale", "norm", "blocks.0", "blocks.1.0", "weighted"]
    assert trace(model, (1, 1, 6, 6)).unused == names
    assert trace(model, (1, 2, 6, 6)).unused == []  # it did not come to the end


def test_a_bare_layer_is_one_row():
    (row,) = trace(nn.Conv2d(3, 18, 3), (4, 3, 32, 32)).rows
    assert (row.name, row.kind, row.parameters) == ("Conv2d", "Conv2d", 504)


def test_a_bare_sequential_has_a_row_for_each_layer():
    rows = trace(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), (2, 3, 2, 2)).rows
    assert [(row.name, row.kind, row.formula) for row in rows] == [("0", "Flatten", "3·2·2 = 12"), ("1", "Linear", "")]


def test_several_inputs_are_tensors_and_shapes():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.bilinear = nn.Bilinear(3, 4, 2)

        def forward(self, x, y):
            return torch.cat([self.bilinear(x, y), x], 1)

    rows = trace(Two(), [(5, 3), torch.ones(5, 4)]).rows
    assert [(row.input_shape, row.output_shape) for row in rows] == [((5, 3), (5, 2)), (((5, 2), (5, 3)), (5, 5))]
    assert rows[1].formula == "2 + 3 = 5"
