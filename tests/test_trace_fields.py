"""The receptive field of each row, held against what a change of each row and column of the image reaches."""

import pytest
import torch
import torch.nn.functional as F
from benchmark_trace import resnet18
from test_trace_problems import Around
from torch import nn

from helpers.arithmetic import receptive_field
from helpers.trace import fields, trace
from helpers.trace.spans import Span, kernel

CONV = nn.Conv2d
MODELS = {
    "a plain stack": (lambda: nn.Sequential(CONV(1, 2, 3), CONV(2, 2, 5, 2, 1), nn.MaxPool2d(3, 2)), (1, 1, 47, 41)),
    "dilation, and sides of their own": (
        lambda: nn.Sequential(CONV(1, 1, 3, dilation=2), CONV(1, 1, 3, dilation=(4, 1), padding=2), CONV(1, 1, (1, 5))),
        (1, 1, 40, 32),
    ),
    "a skip past two convolutions": (
        lambda: Around(
            lambda m, x: m.out(m.two(F.relu(m.one(x))) + x),
            one=CONV(1, 1, 3, padding=1),
            two=CONV(1, 1, 5, padding=2),
            out=CONV(1, 1, 1),
        ),
        (1, 1, 24, 24),
    ),
    "a skip past a stride": (
        lambda: Around(
            lambda m, x: m.out(m.two(m.one(x)) + m.short(x)),
            one=CONV(1, 2, 3, 2, 1),
            two=CONV(2, 2, 3, 1, 1),
            short=CONV(1, 2, 1, 2),
            out=CONV(2, 1, 3),
        ),
        (1, 1, 32, 32),
    ),
    "branches put side by side": (
        lambda: Around(
            lambda m, x: m.out(torch.cat([m.one(x), m.wide(x), m.pool(x)], 1)),
            one=CONV(1, 1, 1),
            wide=CONV(1, 2, (1, 7), padding=(0, 3)),
            pool=nn.AvgPool2d(3, 1, 1),
            out=CONV(4, 1, 3, 2),
        ),
        (1, 1, 30, 30),
    ),
    "a U-Net": (
        lambda: Around(
            lambda m, x: m.out(torch.cat([x, m.up(m.middle(m.pool(x)))], 1)),
            pool=nn.MaxPool2d(2),
            middle=CONV(1, 2, 3, padding=1),
            up=nn.ConvTranspose2d(2, 1, 3, 2, 1, 1),
            out=CONV(2, 1, 3, padding=1),
        ),
        (1, 1, 32, 32),
    ),
    "a U-Net of odd sizes": (
        lambda: Around(
            lambda m, x: m.out(x + F.interpolate(m.middle(m.pool(x)), size=x.shape[2:])),
            pool=nn.MaxPool2d(2),
            middle=CONV(1, 1, 3, padding=1),
            out=CONV(1, 1, 3, padding=1),
        ),
        (1, 1, 31, 33),
    ),
    "up by four": (
        lambda: nn.Sequential(CONV(1, 1, 3, 2, 1), CONV(1, 1, 3, 2, 1), nn.Upsample(scale_factor=4), CONV(1, 1, 5)),
        (1, 1, 48, 48),
    ),
    "bilinear": (
        lambda: nn.Sequential(CONV(1, 1, 3, 2, 1), nn.Upsample(scale_factor=2, mode="bilinear"), CONV(1, 1, 3)),
        (1, 1, 32, 32),
    ),
    "bilinear with aligned corners": (
        lambda: nn.Sequential(CONV(1, 1, 3, 2, 1), nn.UpsamplingBilinear2d(size=(31, 31)), CONV(1, 1, 3)),
        (1, 1, 32, 32),
    ),
    "transposed with gaps": (
        lambda: nn.Sequential(CONV(1, 1, 3, 2), nn.ConvTranspose2d(1, 1, 2, 3), CONV(1, 1, 3)),
        (1, 1, 30, 30),
    ),
    "transposed and dilated": (
        lambda: nn.Sequential(CONV(1, 1, 3, 2), nn.ConvTranspose2d(1, 1, 3, 3, 1, dilation=2), CONV(1, 1, 3)),
        (1, 1, 30, 30),
    ),
    "squeeze and excite": (
        lambda: Around(
            lambda m, x: m.out(m.conv(x) * m.gate(F.adaptive_avg_pool2d(m.conv(x), 1))),
            conv=CONV(1, 2, 3, padding=1),
            gate=CONV(2, 2, 1),
            out=CONV(2, 1, 3),
        ),
        (1, 1, 20, 20),
    ),
    "pieces, flattened": (
        lambda: nn.Sequential(CONV(1, 2, 3, padding=1), nn.AdaptiveAvgPool2d((3, 4)), nn.Flatten(), nn.Linear(24, 3)),
        (1, 1, 22, 22),
    ),
    "patches and attention": (
        lambda: Around(
            lambda m, x: m.head(m.attn(*[m.norm(m.patches(x).flatten(2).transpose(1, 2))] * 3)[0]),
            patches=CONV(1, 4, 4, 4),
            norm=nn.LayerNorm(4),
            attn=nn.MultiheadAttention(4, 2, batch_first=True),
            head=nn.Linear(4, 1),
        ),
        (1, 1, 16, 16),
    ),
    "padded and cut": (
        lambda: nn.Sequential(nn.ReflectionPad2d((1, 2, 3, 0)), CONV(1, 1, 4), nn.ZeroPad2d(-1), CONV(1, 1, 3, 2)),
        (1, 1, 26, 26),
    ),
    "every second place": (
        lambda: Around(
            lambda m, x: m.out(x[:, :, 2::2, 1:-1:2] + m.conv(x)[..., 1:, 1:]), conv=CONV(1, 1, 2, 2), out=CONV(1, 1, 3)
        ),
        (1, 1, 26, 26),
    ),
    "channels last and first again": (
        lambda: Around(
            lambda m, x: m.out(m.mix(m.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
            conv=CONV(1, 2, 3),
            mix=nn.Linear(2, 3),
            out=CONV(3, 1, 3),
        ),
        (1, 1, 20, 20),
    ),
    "sound": (
        lambda: nn.Sequential(nn.Conv1d(1, 2, 3, dilation=4), nn.Conv1d(2, 2, 3, 2), nn.MaxPool1d(3)),
        (1, 1, 60),
    ),
}


def reached(model, shape):
    """{layer: how far apart the cells of the image are, at most, that one of its numbers changes with}."""
    model, outputs = model.double().eval(), {}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.abs() + 0.1)  # so that nothing cancels out, and ReLU lets all through
    for name, layer in model.named_modules():
        layer.register_forward_hook(
            lambda layer, args, out, name=name: outputs.update({name: out if torch.is_tensor(out) else out[0]})
        )
    image, widths = torch.rand(shape, dtype=torch.float64), {}
    with torch.no_grad():
        model(image)
        before = dict(outputs)
        for dim in range(2, len(shape)):
            cells, changes = torch.arange(shape[dim])[:, None], {}
            for cell in range(shape[dim]):
                other = image.clone()
                other.select(dim, cell).add_(1000)  # so much that it is the largest of each window
                model(other)
                for name, output in outputs.items():
                    changes.setdefault(name, []).append((output != before[name]).flatten())
            for name, found in changes.items():
                mask = torch.stack(found)
                last = torch.where(mask, cells, -1).max(0).values
                first = torch.where(mask, cells, shape[dim]).min(0).values
                widths.setdefault(name, []).append(int((last - first + 1).max()))
    return {name: tuple(found) for name, found in widths.items()}


@pytest.mark.parametrize("name", MODELS)
def test_the_receptive_field_is_what_a_change_of_the_image_reaches(name):
    make, shape = MODELS[name]
    model = make()
    seen = {row.name: row.receptive_field for row in trace(model, shape).rows}
    true = reached(model, shape)
    layers = [name for name in seen if name in true]
    assert layers
    assert {name: seen[name] for name in layers} == {name: true[name] for name in layers}


def test_it_is_that_of_the_arithmetic_where_layers_follow_each_other():
    layers = [(3, 1, 1), (3, 2, 1), (5, 1, 2), (2, 2, 1)]
    model = nn.Sequential(*(CONV(1, 1, size, stride, dilation=dilation) for size, stride, dilation in layers))
    rows = trace(model, (1, 1, 64, 64)).rows
    assert [row.receptive_field for row in rows] == [(receptive_field(layers[: n + 1]),) * 2 for n in range(4)]


def test_a_field_is_no_wider_than_the_image_and_behind_means_all_of_it():
    rows = trace(resnet18(), (1, 3, 64, 64)).rows
    assert rows[0].receptive_field == (7, 7)
    assert rows[-1].receptive_field == (64, 64)
    assert all(1 <= side <= 64 for row in rows for side in row.receptive_field)


def test_what_is_no_image_has_none_and_what_is_not_known_is_left_open():
    condition = Around(lambda m, x, y: m.conv(x) + m.fc(y)[:, :, None, None], conv=CONV(3, 4, 3), fc=nn.Linear(5, 4))
    rows = {row.name: row.receptive_field for row in trace(condition, [(2, 3, 8, 8), (2, 5)]).rows}
    assert (rows["conv"], rows["fc"], rows["x + y"]) == ((3, 3), (), (3, 3))
    odd = Around(lambda m, x: m.two(F.unfold(m.one(x), 2).unflatten(2, (7, 7))), one=CONV(1, 1, 1), two=CONV(4, 1, 3))
    assert trace(odd, (1, 1, 8, 8)).rows[-1].receptive_field == ()
    assert "sees" not in str(trace(nn.Linear(3, 4), (2, 3)))


def test_a_step_that_cannot_be_followed_does_not_end_the_trace(monkeypatch):
    def broken(*given):
        raise ZeroDivisionError

    monkeypatch.setattr(fields, "_after", broken)
    rows = trace(nn.Sequential(CONV(1, 1, 3), nn.ReLU()), (1, 1, 8, 8)).rows
    assert [row.receptive_field for row in rows] == [(), ()]


def test_spans_that_drift_apart_are_joined_place_by_place():
    half = Span().through(*kernel(1, 2, 0, 1), 8)
    both = half.joined(Span(), 8)
    assert [both.at(place) for place in range(8)] == [(place, 2 * place) for place in range(8)]
    assert both.at(9) == both.at(7)
