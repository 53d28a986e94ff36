"""What `trace` says of broken models, and that the changes it proposes, made as a learner makes them, make them run.

The sentences of all explanations stand in trace_problems.txt; `python tests/test_trace_problems.py` writes it anew.
"""

import functools
import inspect
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from broken_models import BROKEN
from torch import nn

from helpers.trace import KINDS, trace
from helpers.trace.rules import findings
from helpers.trace.steps import follow

SENTENCES = Path(__file__).parent / "trace_problems.txt"
# No change of the model, or of the target, would help, or none is known.
UNMENDED = {"labels of another batch", "forward without return", "two weights for three labels", "a mask in colours"}
UNMENDED |= {"measured numbers for classes", "a triplet of other numbers", "numbers of another batch"}
UNMENDED |= {"a mean over the batch, and labels for each row"}
pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")  # what torch says to some of them
each_model = pytest.mark.parametrize("name", BROKEN)

# What somebody concludes who reads nothing but the message: the first of these words that stands in it.
READ = {
    "stride": "stride",
    "pad": "padding-argument",
    "channel": "channels",
    "mat1": "linear-width",
    "groups": "groups",
    "kernel": "kernel-too-big",
    "dtype": "dtype",
    "type": "dtype",
    "dimension": "rank",
    "target": "target",
    "output size": "pooled-away",
    "invalid for input of size": "view-size",
    "must match": "merge",
    "device": "device",
    "running_mean": "batchnorm",
}


class Speaking(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.layer = nn.Linear(*sizes)

    def forward(self, x):
        return self.layer(x)


class Silent(Speaking):
    """The same without its return."""

    def forward(self, x):
        self.layer(x)


NAMES = {"torch": torch, "F": F, "nn": nn, "Silent": Silent, "Speaking": Speaking}


def inputs_of(broken):
    given = eval(broken.x, dict(NAMES))
    return list(given) if isinstance(given, tuple) else [given]


def made(broken):
    """The model and its inputs."""
    layers = "".join(f"        self.{line.strip()}\n" for line in broken.layers.split(";"))
    lines = "".join(f"        {line.strip()}\n" for line in broken.forward.split(";"))
    inputs, scope = inputs_of(broken), dict(NAMES)
    source = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"{layers}    def forward(self, {', '.join('xyz'[: len(inputs)])}):\n{lines}"
    )
    exec(source, scope)
    return scope["Net"](), inputs


def mended(broken, fix):
    """The model and its inputs with a change made as its text says: in the source, or in what the model is given."""
    now, after = broken, []
    for change in fix.split(", and "):
        now, line = changed(now, change)
        after += [line] if line else []
    model, inputs = made(now)
    for line in after:
        exec(line, {**NAMES, "model": model, "remade": remade})
    return model, inputs


def changed(broken, change):
    """The model with one change, and a line to run on it where the change is a new layer."""

    def forward(old, new):
        assert old in broken.forward, f"{old!r} does not stand in {broken.forward!r}"
        return replace(broken, forward=broken.forward.replace(old, new, 1)), None

    if match := re.fullmatch(r"(\S+) = (nn\.\w+\(.*\))", change):  # fc1 = nn.Linear(18432, 64)
        name, layer = match.groups()
        return (broken, f"{name if name.startswith('model[') else f'model.{name}'} = {layer.replace('(*', '(*model.')}")
    if match := re.fullmatch(r"nn\.(\w+)\(\) instead of nn\.(\w+)\(\)", change):  # another loss
        layers = re.sub(rf"nn\.{match[2]}\([^;]*\)", f"nn.{match[1]}()", broken.layers)
        return replace(broken, layers=layers), None
    if match := re.fullmatch(r"((?:pos_)?weight)(\S.*) in (\w+)", change):  # weight.float() in loss
        layers = re.sub(rf"(\b{match[1]}=)(.+)\)$", rf"\1\2{match[2]})", broken.layers)
        return replace(broken, layers=layers), None
    if match := re.fullmatch(
        r"((?:pos_)?weight)(\S.*) in (.+)", change
    ):  # weight.float() in F.nll_loss(x, y, weight=z)
        return forward(match[3], match[3].replace(f"{match[1]}=z", f"{match[1]}=z{match[2]}"))
    if match := re.fullmatch(r"torch\.as_tensor\(target\)(\S*) in (F\.\w+)\(x, .+\)", change):
        given = re.search(rf"{re.escape(match[2])}\(x, (.+)\)", broken.forward)[1]
        return forward(f"(x, {given})", f"(x, torch.as_tensor({given}){match[1]})")
    if match := re.fullmatch(r"(\w+)\(y, x\) instead of \w+\(x, y\)", change):  # loss(y, x) instead of loss(x, y)
        return forward(f"self.{match[1]}(x, y)", f"self.{match[1]}(y, x)")
    if match := re.fullmatch(r"(\w+)=(\S+) in (\w+)\[(\d+)\]", change):  # padding=1 in features[2]: a pool, no weights
        return broken, f"model.{match[3]}[{match[4]}].{match[1]} = {match[2]}"
    if match := re.fullmatch(r"(\w+=.+) in (\w+)", change):  # padding=1 in conv1; padding=1, output_padding=1 in up
        return broken, f"model.{match[2]} = remade({line_of(broken, match[2])!r}, dict({match[1]}))"
    if match := re.fullmatch(r"(\w+)=(\S+) in (.+)", change):  # padding=1 in F.max_pool2d(x, 4)
        call, argument = match[3].replace(", w", ", self.w"), f"{match[1]}={match[2]}"
        old = re.search(rf'{match[1]}=[\w"]+', call)
        return forward(call, call.replace(old[0], argument) if old else f"{call[:-1]}, {argument})")
    if match := re.fullmatch(r"model\((.+)\)", change):  # model(x[None])
        whole = match[1] if len(inputs_of(broken)) == 1 else f"({match[1]}, *rest)"
        return replace(broken, x=f"(lambda x, *rest: {whole})(*[{broken.x}])"), None
    if match := re.fullmatch(r"(x(?:, _)+) = (\w+)\(x\)", change):  # x, _ = lstm(x)
        return forward(f"x = self.{match[2]}(x)", f"{match[1]} = self.{match[2]}(x)")
    if (match := re.fullmatch(r"(.+) before (attn)", change)) and "self.attn(x, x, x)" in broken.forward:
        return forward("x, _ = self.attn", f"x = {match[1]}; x, _ = self.attn")
    if match := re.fullmatch(r"(.+) before (\S+)", change):  # torch.flatten(x, 1) before fc1
        return forward(f"self.{match[2]}(x)", f"self.{match[2]}({match[1]})")
    if match := re.fullmatch(r"leave (.+) out", change):
        return forward(match[1], "x")
    if match := re.fullmatch(r"call (\S+) once less", change):
        return forward(f"x = self.{match[1]}(x); ", "")
    if match := re.fullmatch(r"(.+) on the branch from .+", change):
        with_layer = replace(broken, layers=f"{broken.layers}; shortcut = {match[1]}")
        return replace(with_layer, forward=forward("x + y", "x + self.shortcut(y)")[0].forward), None
    if match := re.fullmatch(r"(.*?\b([xyz])\b.*) in (.+)", change):  # y.long() in loss; y - 1 in F.cross_entropy(x, y)
        call = f"self.{match[3]}(x, y)" if re.fullmatch(r"\w+", match[3]) else match[3]
        return forward(call, re.sub(rf"\b{match[2]}\b", match[1], call))
    if match := re.fullmatch(r'(.+)\.to_empty\(device="cpu"\)', change):
        return broken, f'model.{match[1]}.to_empty(device="cpu")'
    if change.startswith("a batch of at least 2"):
        return replace(broken, x=f"torch.cat([{broken.x}] * 2)"), None
    if change.startswith("nn.ModuleList([...])"):
        return replace(broken, layers=re.sub(r"(\[.*\])", r"nn.ModuleList(\1)", broken.layers)), None
    if change.startswith("return x at the end of the forward of block"):
        return replace(broken, layers=broken.layers.replace("Silent", "Speaking")), None
    match = re.fullmatch(r"(.+) instead of (.+)", change)  # torch.flatten(x, 1) instead of x.view(-1, 4608)
    assert match, f"nobody knows how to make this change: {change}"
    own = "|".join(line.partition(" = ")[0].strip() for line in broken.layers.split(";"))  # up(x) is self.up(x)
    new, old = (re.sub(rf"(?<![.\w])({own})\b(?!=)", r"self.\1", part) for part in match.groups())
    return forward(old, new)


def line_of(broken, name):
    lines = [line.strip().partition(" = ") for line in broken.layers.split(";")]
    return next(layer for own, _, layer in lines if own == name)


def remade(line, changed):
    """The layer of this line with some arguments changed."""
    kind, arguments = re.fullmatch(r"nn\.(\w+)\((.*)\)", line).groups()
    signature = inspect.signature(getattr(nn, kind))
    bound = eval(f"signature.bind({arguments})", {**NAMES, "signature": signature})
    if kind in ("LSTM", "GRU", "RNN"):  # their signatures are *args, **kwargs
        return getattr(nn, kind)(*bound.args, **bound.kwargs | changed)
    bound.arguments.update(changed)
    return getattr(nn, kind)(*bound.args, **bound.kwargs)


@functools.cache
def problem_of(name):
    return trace(*made(BROKEN[name])).problem


def sentences_of(name):
    problem = problem_of(name)
    return f"## {name}\n{problem.what}\nWhy: {problem.why}\nGot: {problem.got}\nWanted: {problem.wanted}\n"


@each_model
def test_the_kind_the_layer_and_the_change_are_named(name):
    problem, broken = problem_of(name), BROKEN[name]
    assert (problem.kind, problem.layer, problem.fix) == (broken.kind, broken.layer, broken.fix)


@each_model
def test_the_model_runs_with_the_change_and_not_without(name):
    model, inputs = made(BROKEN[name])
    before = torch.get_rng_state()
    problem = trace(model, inputs).problem
    assert torch.equal(torch.get_rng_state(), before)
    if problem.torch_message:
        with pytest.raises(
            (RuntimeError, ValueError, TypeError, IndexError, AssertionError, AttributeError, ZeroDivisionError)
        ) as error:
            model(*inputs)
        assert problem.torch_message == f"{error.type.__name__}: {error.value}"
    else:
        model(*inputs)
    assert (problem.fix == "") == (name in UNMENDED)
    if problem.fix:
        model, inputs = mended(BROKEN[name], problem.fix)
        assert trace(model, inputs).ok
        model(*inputs)


@each_model
def test_every_sentence_is_as_it_was_read_and_approved(name):
    approved = {part.split("\n")[0]: f"## {part}" for part in SENTENCES.read_text("utf-8").split("## ")[1:]}
    assert sentences_of(name).strip() == approved[name].strip()


def test_no_sentence_is_approved_that_nobody_says():
    assert re.findall(r"^## (.*)$", SENTENCES.read_text("utf-8"), re.MULTILINE) == list(BROKEN)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_two_models_or_more(kind):
    assert sum(broken.kind == kind for broken in BROKEN.values()) >= 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("device", "other")])
def test_a_model_of_each_kind_would_mislead_who_reads_the_message_alone(kind):
    """(`device` follows below: on a machine with one device, torch always says so.)"""
    messages = [problem_of(name).torch_message for name, broken in BROKEN.items() if broken.kind == kind]
    concluded = {next((read for word, read in READ.items() if word in message), None) for message in messages}
    assert concluded - {kind}


@pytest.mark.parametrize(
    "said",
    ["mat1 and mat2 shapes cannot be multiplied (4x5 and 6x7)", "Given groups=1, expected 3 channels", "Fehler 7"],
)
@pytest.mark.parametrize("name", [n for n, broken in BROKEN.items() if broken.kind != "other"])
def test_torch_could_say_anything_else_and_the_kind_would_be_the_same(name, said):
    """Its words differ from device to device and from version to version, and on a GPU speak of types for devices."""
    model, inputs = made(BROKEN[name])
    run = follow(model, inputs)
    by_words = "flatten from a dimension that is not there", "softmax of whole numbers"
    if run.failed is None or name in by_words:
        return  # nothing was said, or nothing but words is there to go by
    object.__setattr__(run.failed, "error", type(run.failed.error)(said))
    assert next(findings(run)).kind == BROKEN[name].kind


class Around(nn.Module):
    """A model of some layers whose forward is a function."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.steps = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs):
        return self.steps(self, *inputs)


CONV, LONG = nn.Conv2d(3, 8, 3, padding=1), torch.int64
SOUND = {
    "a language model and its loss": (
        Around(
            lambda m, x, y: F.cross_entropy(m.head(m.words(x)).view(-1, 50), y.view(-1)),
            words=nn.Embedding(50, 8),
            head=nn.Linear(8, 50),
        ),
        [torch.zeros(4, 7, dtype=LONG), torch.zeros(4, 7, dtype=LONG)],
    ),
    "scores for every word, folded": (Around(lambda m, x: m.head(x).view(-1, 50), head=nn.Linear(8, 50)), (4, 7, 8)),
    "a picture in patches": (
        Around(
            lambda m, x: m.head(m.encoder(m.patches(x).flatten(2).transpose(1, 2)).mean(1)),
            patches=nn.Conv2d(3, 16, 4, 4),
            encoder=nn.TransformerEncoderLayer(16, 4, batch_first=True),
            head=nn.Linear(16, 10),
        ),
        (4, 3, 32, 32),
    ),
    "frames folded into the batch": (
        Around(lambda m, x: m.conv(x.flatten(0, 1)).mean((2, 3)), conv=CONV),
        (2, 4, 3, 32, 32),
    ),
    "channels folded into the batch": (
        Around(lambda m, x: m.conv(x.view(-1, 1, 32, 32)), conv=nn.Conv2d(1, 2, 3)),
        (4, 3, 32, 32),
    ),
    "the batch not first": (
        Around(lambda m, x: m.head(m.lstm(x)[0][-1]), lstm=nn.LSTM(10, 20), head=nn.Linear(20, 2)),
        (7, 4, 10),
    ),
    "a linear layer on channels that were moved last": (
        Around(lambda m, x: m.mix(m.conv(x).permute(0, 2, 3, 1)), conv=CONV, mix=nn.Linear(8, 16)),
        (4, 3, 32, 32),
    ),
    "one number for all of the batch": (Around(lambda m, x: m.conv(x).flatten().sum(), conv=CONV), (4, 3, 8, 8)),
    "rows of pictures for linear layers": (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), (4, 28, 28)),
    "a softmax and no loss": (nn.Sequential(nn.Flatten(), nn.Linear(12, 10), nn.Softmax(1)), (4, 3, 2, 2)),
    "two pictures compared": (
        Around(lambda m, x, y: F.cosine_similarity(m.conv(x).flatten(1), m.conv(y).flatten(1)), conv=CONV),
        [(4, 3, 8, 8), (4, 3, 8, 8)],
    ),
    "a U-Net of odd sizes that follows its skips": (
        Around(
            lambda m, x: m.out(torch.cat([x, F.interpolate(m.middle(m.pool(x)), size=x.shape[2:])], 1)),
            pool=nn.MaxPool2d(2),
            middle=nn.Conv2d(3, 5, 3, padding=1),
            out=nn.Conv2d(8, 2, 1),
        ),
        (2, 3, 15, 17),
    ),
    "a dense block": (
        Around(
            lambda m, x: m.two(torch.cat([x, m.one(x)], 1)),
            one=nn.Conv2d(3, 4, 3, padding=1),
            two=nn.Conv2d(7, 4, 3, padding=1),
        ),
        (2, 3, 8, 8),
    ),
    "squeeze and excite": (
        Around(
            lambda m, x: x * m.fc2(F.relu(m.fc1(x.mean((2, 3))))).sigmoid()[:, :, None, None],
            fc1=nn.Linear(8, 2),
            fc2=nn.Linear(2, 8),
        ),
        (2, 8, 5, 5),
    ),
    "a depthwise separable convolution": (
        nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16), nn.ReLU6()),
        (2, 8, 7, 7),
    ),
    "channels shuffled between groups": (
        Around(
            lambda m, x: m.conv(x.view(2, 2, 4, 5, 5).transpose(1, 2).flatten(1, 2)), conv=nn.Conv2d(8, 8, 1, groups=2)
        ),
        (2, 8, 5, 5),
    ),
    "a feature pyramid": (
        Around(
            lambda m, x: [m.side(x), m.top(m.down(x)), m.side(x) + F.interpolate(m.top(m.down(x)), scale_factor=2)],
            down=nn.Conv2d(3, 8, 3, 2, 1),
            side=nn.Conv2d(3, 4, 1),
            top=nn.Conv2d(8, 4, 1),
        ),
        (2, 3, 16, 16),
    ),
    "the mean of all maps beside them": (
        Around(lambda m, x: m.mix(torch.cat([x, F.adaptive_avg_pool2d(x, 1).expand_as(x)], 1)), mix=nn.Conv2d(6, 4, 1)),
        (2, 3, 9, 9),
    ),
    "an autoencoder of transposed convolutions": (
        nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 7),
            nn.ConvTranspose2d(16, 8, 7),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, 2, 1, output_padding=1),
        ),
        (2, 1, 28, 28),
    ),
    "a generator of pictures from noise": (
        nn.Sequential(nn.Unflatten(1, (16, 1, 1)), nn.ConvTranspose2d(16, 8, 4), nn.ConvTranspose2d(8, 3, 4, 2, 1)),
        (3, 16),
    ),
    "pooling and unpooling": (
        Around(
            lambda m, x: m.unpool(*m.pool(x), output_size=x.shape),
            pool=nn.MaxPool2d(2, return_indices=True),
            unpool=nn.MaxUnpool2d(2),
        ),
        (2, 3, 7, 7),
    ),
    "an LSTM over the frames of a film": (
        Around(
            lambda m, x: m.head(m.lstm(m.conv(x.flatten(0, 1)).mean((2, 3)).unflatten(0, (2, 4)))[0][:, -1]),
            conv=CONV,
            lstm=nn.LSTM(8, 6, batch_first=True),
            head=nn.Linear(6, 3),
        ),
        (2, 4, 3, 8, 8),
    ),
    "an LSTM over the columns of a line of text": (
        Around(
            lambda m, x: m.lstm(m.conv(x).permute(0, 3, 1, 2).flatten(2))[0],
            conv=nn.Conv2d(1, 4, 3, padding=1),
            lstm=nn.LSTM(32, 5, batch_first=True, bidirectional=True),
        ),
        (2, 1, 8, 20),
    ),
    "an encoder that hands its state on": (
        Around(
            lambda m, x, y: m.dec(y, m.enc(x)[1])[0],
            enc=nn.LSTM(5, 8, 2, batch_first=True),
            dec=nn.LSTM(3, 8, 2, batch_first=True),
        ),
        [(2, 7, 5), (2, 4, 3)],
    ),
    "a cell that is called step by step": (
        Around(lambda m, x: m.cell(x[:, 1], m.cell(x[:, 0], torch.zeros(len(x), 8))), cell=nn.GRUCell(5, 8)),
        (3, 2, 5),
    ),
    "positions that are cut to the length": (
        Around(lambda m, x: m.fc(x + m.places.weight[: x.shape[1]]), places=nn.Embedding(50, 8), fc=nn.Linear(8, 2)),
        (2, 20, 8),
    ),
    "questions to another sequence": (
        Around(
            lambda m, x, y: m.attn(x, y, y)[0], attn=nn.MultiheadAttention(16, 4, kdim=12, vdim=12, batch_first=True)
        ),
        [(2, 7, 16), (2, 9, 12)],
    ),
    "a linear layer that shortens the frequencies of maps": (
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Linear(64, 16)),
        (2, 2, 30, 64),
    ),
    "a linear layer along the frequencies of maps": (
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64)),
        (2, 2, 30, 64),
    ),
    "patches and channels mixed in turn": (
        Around(
            lambda m, x: x + m.patches(x.transpose(1, 2)).transpose(1, 2) + m.channels(x),
            patches=nn.Linear(9, 9),
            channels=nn.Linear(8, 8),
        ),
        (2, 9, 8),
    ),
    "normalisation with the channels last": (
        Around(lambda m, x: m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), norm=nn.LayerNorm(3)),
        (2, 3, 8, 8),
    ),
    "a causal convolution that cuts its end": (
        Around(lambda m, x: x + m.conv(x)[:, :, : x.shape[2]], conv=nn.Conv1d(3, 3, 3, padding=4, dilation=2)),
        (2, 3, 20),
    ),
    "a condition that scales and shifts maps": (
        Around(
            lambda m, x, y: x * m.scale(y)[:, :, None, None] + m.shift(y)[:, :, None, None],
            scale=nn.Linear(5, 3),
            shift=nn.Linear(5, 3),
        ),
        [(2, 3, 8, 8), (2, 5)],
    ),
    "pixels shuffled to larger pictures": (
        nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(3, 3, 3, padding=1)),
        (2, 3, 8, 8),
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_model_raises_no_alarm(name):
    model, given = SOUND[name]
    assert trace(model, given).problem is None


@pytest.mark.parametrize(("asked", "places"), [(3, 4), (-4, 4), (-5, 5)])
def test_a_place_that_is_not_there_says_how_many_there_must_be(asked, places):
    problem = trace(Around(lambda m, x: m.wide(x)[:, asked], wide=nn.Linear(5, 3)), (2, 5)).problem
    assert problem.wanted == f"at least {places} places"


@pytest.mark.parametrize(
    ("forward", "given", "kind", "fix"),
    [
        (lambda m, x: F.pad(x, 1), (2, 5), "padding-argument", "F.pad(x, (1, 1, 1, 1)) instead of F.pad(x, 1)"),
        (lambda m, x: torch.reshape(x, shape=(2, 100)), (4, 5), "view-size", "torch.flatten(x, 1) instead of"),
        (lambda m, x: x.reshape(shape=(2, 100)), (4, 5), "view-size", "torch.flatten(x, 1) instead of"),
        (lambda m, x: torch.stack([m.wide(x), m.wide(x)[:, :2]]), (4, 16), "merge", ""),
        (
            lambda m, x: torch.cat([x, x, x[:, :, :3]], dim=-3),
            (2, 3, 4, 4),
            "merge",
            "torch.cat([x, x, F.pad(y, (0, 0, 0, 1))], dim=-3)",
        ),
        (lambda m, x: x @ x, (4, 5), "merge", ""),
        (lambda m, x: m.wide(x) + m.conv.bias, (4, 16), "merge", ""),
        (lambda m, x: m.conv(x), torch.rand(4, 16, 16, 3).double(), "dtype", "model(x.float()), and model("),
        (lambda m, x: m.conv(x), (4, 2, 3, 3), "channels", "conv = nn.Conv2d(2, 8, kernel_size=3"),
        (lambda m, x: m.many(x), (4, 32, 32, 16), "channels", "model(x.permute(0, 3, 1, 2))"),
        (lambda m, x: m.many(x), (4, 20, 16, 16), "channels", "many = nn.Conv2d(20, 8, kernel_size=3)"),
        (lambda m, x: m.grey(x[:, 0]), (5, 3, 8, 8), "rank", "x.unsqueeze(1) before grey"),
        (lambda m, x: m.line(x), (8, 100, 12), "channels", "x.transpose(1, 2) before line"),
        (lambda m, x: m.lstm(x)[0], (8, 10, 15), "linear-width", "x.transpose(1, 2) before lstm"),
        (lambda m, x: nn.ReLU(x), (4, 16), "wiring", ""),
        (lambda m, x: m.wide(x.sum()), (4, 16), "other", ""),
        (lambda m, x: F.interpolate(x, scale_factor=2, mode="bilinear"), (3, 8, 8), "other", ""),
        (lambda m, x: x[:, 10], (2, 8, 4, 4), "too-short", ""),
        (
            lambda m, x: F.cross_entropy(x, torch.zeros(2, 6, dtype=LONG)),
            (2, 6, 7),
            "target",
            "x.transpose(1, 2) in F.cross_entropy(x, y)",
        ),
        (lambda m, x: F.cross_entropy(x, torch.full((2, 8, 8), 7)), (2, 5, 8, 8), "target", ""),
        (
            lambda m, x: F.cross_entropy(x.squeeze(), torch.zeros(3, dtype=LONG)),
            (3, 1),
            "target",
            "F.binary_cross_entropy_with_logits(x, y.float()) instead of F.cross_entropy(x, y)",
        ),
    ],
)
def test_what_a_first_reader_broke_is_explained(forward, given, kind, fix):
    layers = {
        "wide": nn.Linear(16, 3),
        "conv": CONV,
        "grey": nn.Conv2d(1, 4, 3),
        "line": nn.Conv1d(12, 4, 3),
        "many": nn.Conv2d(16, 8, 3),
        "lstm": nn.LSTM(10, 4, batch_first=True),
    }
    problem = trace(Around(forward, **layers), given).problem
    assert problem.kind == kind
    assert problem.fix.startswith(fix)
    assert bool(problem.fix) == bool(fix)


def test_labels_that_a_loss_ignores_are_not_counted():
    labels = torch.tensor([0, -1, 12])
    model = Around(lambda m, x: F.cross_entropy(m.head(x), labels, ignore_index=-1), head=nn.Linear(4, 10))
    assert "the labels go from 0 to 12" in trace(model, (3, 4)).problem.what


def test_the_branch_that_does_not_fit_is_named_and_not_its_neighbour():
    model = Around(lambda m, x: torch.cat([x, m.conv(x), m.small(x)], 1), conv=CONV, small=nn.Conv2d(3, 8, 3))
    problem = trace(model, (2, 3, 8, 8)).problem
    assert "(2, 3, 8, 8) from the model's input and (2, 8, 6, 6) from small do not fit" in problem.what
    assert problem.fix == "padding=1 in small"


def test_a_change_that_does_not_lead_to_the_end_is_not_offered_as_if_it_did():
    encoder = nn.TransformerEncoderLayer(64, 4, batch_first=True)
    problem = trace(nn.Sequential(nn.Linear(10, 32), encoder), (2, 5, 10)).problem
    assert problem.kind == "linear-width"
    assert ", and " not in problem.fix


def test_an_error_with_no_tensor_in_sight_goes_by_as_it_is():
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        trace(Around(lambda m, x: m.pool(), pool=nn.MaxPool2d(2)), (2, 3, 8, 8))


@pytest.mark.parametrize(
    ("size", "rows", "told"),
    [
        (48, 9, "The 4·10368 = 41472 of the batch are cut into pieces of 4608, wherever an image ends."),
        (64, 16, "Each is cut into 4 rows of 4608."),
    ],
)
def test_a_view_that_mixes_images_is_told_from_one_that_cuts_each(size, rows, told):
    model, _ = made(BROKEN["four pictures, nine rows"])
    problem = trace(model, (4, 3, size, size)).problem
    assert problem.what == f"x.view(-1, 4608): 4 images went in, and {rows} rows came out."
    assert problem.why.endswith(told)


@pytest.mark.parametrize(
    ("layer", "shape", "fix"),
    [
        (nn.Conv2d(3, 18, 3), (4, 2, 8, 8), "model = nn.Conv2d(2, 18, kernel_size=3)"),
        (nn.MaxPool2d(9), (4, 1, 8, 8), "padding=1 in model"),
        (nn.Sequential(nn.Conv2d(3, 18, 3), nn.BatchNorm2d(4)), (4, 3, 8, 8), "model[1] = nn.BatchNorm2d(18)"),
    ],
)
def test_a_bare_layer_is_called_model(layer, shape, fix):
    assert trace(layer, shape).problem.fix == fix


def test_a_giant_layer_is_proposed_without_making_it():
    """64·1024·1024 inputs for 4096 outputs would need a thousand gigabytes."""
    model = nn.Sequential(nn.Conv2d(3, 64, 1), nn.Flatten(), nn.Linear(4608, 4096))
    assert trace(model, (1, 3, 1024, 1024)).problem.fix == "model[2] = nn.Linear(67108864, 4096)"


def test_an_explanation_is_told_in_four_lines():
    problem = problem_of("pictures of another size")
    assert str(problem).split("\n") == [
        "fc1: 10368 numbers arrive for each image, but fc1 is written for 4608.",
        "Why: torch.flatten(x, 1) turns (4, 18, 24, 24), which pool returns, into rows of 18·24·24 = 10368. "
        "18·16·16 = 4608 is right for maps of 16 × 16.",
        "Change: fc1 = nn.Linear(10368, 64)",
        f"PyTorch says: {problem.torch_message}",
    ]


def test_where_torch_reports_nothing_the_explanation_says_so():
    assert str(problem_of("four pictures, nine rows")).endswith("\nPyTorch reports no error.")


class Own(nn.InstanceNorm2d):
    """With a name that does not tell its dimensions."""


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        self.conv(x)


class Log(nn.Module):
    """Returns nothing, and need not."""

    def forward(self, x):
        self.mean = x.mean()


def added_in_place(m, x):
    y = m.grey(x)
    y += x
    return y


def four_sizes(m, x):
    _, _, height, width = x.shape
    return m.one(x)[..., : height // 2, : width // 2]


MAPS, SMALL, TABLE = (4, 3, 32, 32), (4, 3, 8, 8), (4, 10)
HOLDS = {
    "two open sizes": (
        lambda m, x: m.conv(x).view(-1, -1),
        MAPS,
        "x.view(-1, -1): only one size can be -1.\nWhy: conv ",
    ),
    "two open sizes of three": (
        lambda m, x: m.conv(x).reshape(4, -1, -1),
        MAPS,
        "(4, -1, -1): only one size can be -1",
    ),
    "an open size to unflatten": (
        lambda m, x: m.ten(x).unflatten(1, (-1, 3)),
        TABLE,
        "10 of (4, 10) cannot be cut into pieces of 3.",
    ),
    "two open sizes to unflatten": (lambda m, x: m.ten(x).unflatten(1, (-1, -1)), TABLE, "only one size can be -1."),
    "group norm of single numbers": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.GroupNorm(8, 8)),
        (1, 3, 8, 8),
        "GroupNorm needs more than one number for each mean.\nWhy: It subtracts a mean. A single number is its own "
        "mean, and nothing would be left.\nPyTorch",
    ),
    "group norm of single numbers in eval": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.GroupNorm(8, 8)).eval(),
        (1, 3, 8, 8),
        "(1, 8, 1, 1) arrives, and GroupNorm needs more than one number for each mean.",
    ),
    "instance norm of single numbers": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.InstanceNorm2d(8)),
        MAPS,
        "(4, 8, 1, 1) arrives, and InstanceNorm2d needs more than one number for each mean.",
    ),
    "one's own instance norm": (
        nn.Sequential(nn.AdaptiveAvgPool2d(1), Own(3)),
        SMALL,
        "Own needs more than one number",
    ),
    "one's own instance norm without a batch": (
        nn.Sequential(Own(5, affine=True)),
        (3, 4, 4),
        "model[0]: 3 channels arrive, but it is written for 5.",
    ),
    "one's own instance norm of a table": (
        nn.Sequential(nn.Linear(10, 3), Own(3)),
        TABLE,
        "(4, 3) arrives, and Own wants (C, H, W) or (N, C, H, W).",
    ),
    "instance norm that takes any channels": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.InstanceNorm2d(16)),
        MAPS,
        "(4, 8, 1, 1) arrives, and InstanceNorm2d needs more than one number for each mean.",
    ),
    "batch norm that takes any channels": (
        nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(9, affine=False, track_running_stats=False)),
        (1, 10),
        "(1, 8) arrives, one number for each channel. BatchNorm1d needs more.",
    ),
    "instance norm of maps of another rank": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.InstanceNorm1d(8)),
        MAPS,
        "InstanceNorm1d wants (C, L) or (N, C, L).",
    ),
    "instance norm without a batch": (
        nn.Sequential(nn.Linear(10, 10), nn.InstanceNorm1d(8, affine=True)),
        (6, 10),
        "model[1]: 6 channels arrive, but it is written for 8.",
    ),
    "batch norm of one row and without a running mean": (
        nn.Sequential(nn.Linear(10, 8), nn.BatchNorm1d(8, track_running_stats=False)).eval(),
        (1, 10),
        "(1, 8) arrives, one number for each channel. BatchNorm1d needs more.\nWhy: It subtracts the mean over the "
        "batch. A single number is its own mean, and nothing would be left.\nChange: a batch of at least 2\n",
    ),
    "attention over maps": (
        lambda m, x: (lambda y: m.attention(y, y, y)[0])(m.conv(x)),
        SMALL,
        "MultiheadAttention wants (L, N, 8).\nWhy: conv returns (4, 8, 6, 6).\n"
        "Change: x.flatten(2).permute(2, 0, 1) before attention",
    ),
    "attention over channels last": (
        lambda m, x: m.attention(x, x, x)[0],
        (4, 8, 6),
        "Change: x.permute(2, 0, 1) before attention",
    ),
    "an LSTM over columns": (
        lambda m, x: m.columns(m.conv(x))[0],
        SMALL,
        "LSTM wants (L, N, 48).\nWhy: conv returns (4, 8, 6, 6).\n"
        "Change: x.permute(3, 0, 1, 2).flatten(2) before columns",
    ),
    "an LSTM over places": (
        lambda m, x: m.places(m.conv(x))[0],
        SMALL,
        "Change: x.flatten(2).permute(2, 0, 1) before places",
    ),
    "an LSTM over channels": (lambda m, x: m.places(x)[0], (4, 8, 6), "Change: x.permute(2, 0, 1) before places"),
    "hstack": (
        lambda m, x, y: torch.hstack([m.ten(x), y]),
        [TABLE, (5, 7)],
        "hstack is cat along dimension 1, which wants all other dimensions equal. They differ in dimension 0 (4 and",
    ),
    "hstack of one row": (
        lambda m, x, y: torch.hstack([m.ten(x), y]),
        [TABLE, (1, 10)],
        "They differ in dimension 0 (4 and 1).\nChange: torch.hstack([x, y.expand(len(x), -1)]) instead of",
    ),
    "vstack": (
        lambda m, x, y: torch.vstack([m.ten(x), y]),
        [TABLE, (5, 7)],
        "vstack is cat along dimension 0, which wants all other dimensions equal. They differ in dimension 1 (10 ",
    ),
    "vstack of rows that belong side by side": (
        lambda m, x, y: torch.vstack([m.ten(x), y]),
        [TABLE, (4, 7)],
        "Change: torch.cat([x, y], 1) instead of torch.vstack([x, y])",
    ),
    "vstack of vectors": (
        lambda m, x, y: torch.vstack([m.ten(x), x[0], y]),
        [TABLE, (7,)],
        "(4, 10) from ten and (1, 7) from the model's input do not fit together.\nWhy: vstack is cat along "
        "dimension 0, which wants all other dimensions equal. A vector of n numbers is a row, (1, n). They differ in "
        "dimension 1 (10 and 7).",
    ),
    "added in place": (
        added_in_place,
        SMALL,
        "or 1 in the second: in place, the first keeps its shape. They differ in the channels (1 and 3).",
    ),
    "batches of matrices": (
        lambda m, x, y: torch.bmm(m.ten(x), y),
        [(4, 3, 10), (6, 10, 2)],
        "torch.bmm(x, y): (4, 3, 10) and (6, 10, 2) do not fit together.\nWhy: ten returns",
    ),
    "a product of yes and no": (
        lambda m, x, y: (m.ten(x) > 0) @ (y > 0),
        [TABLE, (10, 3)],
        "x @ y: it does not take numbers of torch.bool.",
    ),
    "no matrices": (lambda m, x, y: torch.mm(m.ten(x), y), [(4, 3, 10), (10, 2)], "(10, 2) do not fit together."),
    "added to a product": (
        lambda m, x, y: torch.addmm(y, m.ten(x), m.ten.weight),
        [TABLE, (3,)],
        "torch.addmm(x, y, ten.weight): (3,) and (4, 10) do not fit together.",
    ),
    "pieces of a given size": (
        lambda m, x: (lambda a, b: a + b)(*m.ten(x).split(6, 1)),
        TABLE,
        "x.split(6, dim=1) cuts (4, 10) into pieces that are not equal.",
    ),
    "too much reflected": (
        lambda m, x: F.pad(m.one(x), (4, 4, 4, 4), mode="reflect"),
        (4, 3, 4, 4),
        '"reflect" takes at most one cell fewer than there are, "circular" all of them. one returns',
    ),
    "two numbers to reflect maps": (
        lambda m, x: F.pad(m.conv(x), (1, 1), mode="reflect"),
        SMALL,
        'In mode "reflect", (4, 8, 6, 6) wants 4 numbers. conv returns (4, 8, 6, 6).\n'
        'Change: F.pad(x, (1, 1, 1, 1), mode="reflect") instead of',
    ),
    "eight numbers to reflect five dimensions": (
        lambda m, x: F.pad(x, (1,) * 8, mode="reflect"),
        (2, 3, 4, 4, 4),
        'In mode "reflect", (2, 3, 4, 4, 4) wants 6 numbers. The model\'s input is (2, 3, 4, 4, 4).\n'
        'Change: F.pad(x, (1, 1, 1, 1, 1, 1), mode="reflect") instead of',
    ),
    "two numbers to repeat": (
        lambda m, x: F.pad(m.conv(x), (1, 2), mode="replicate"),
        SMALL,
        'In mode "replicate", (4, 8, 6, 6) wants 4 numbers.',
    ),
    "a block without return": (
        nn.Sequential(Block()),
        SMALL,
        "Why: Perhaps a return is missing in the forward of model[0].",
    ),
    "a block without return, and a log": (
        lambda m, x: (m.log(m.conv(x)), m.block(x))[1],
        SMALL,
        "Why: Perhaps a return is missing in the forward of one of these: block, log.",
    ),
    "a layer that is returned": (lambda m, x: (m.conv(x), m.ten)[1], SMALL, "Why: A layer must be called: layer(x)."),
    "a block that is returned": (lambda m, x: Block(), SMALL, "Why: A layer must be called: layer(x)."),
    "a class that is given the input": (lambda m, x: nn.ReLU(x), SMALL, "Why: nn.ReLU(x) makes a layer; nn.ReLU()(x)"),
    "a layer made in forward": (
        lambda m, x: nn.Conv2d(3, 8, 3)(x),
        SMALL,
        "Change: the layer as an attribute made in __init__, or in an nn.ModuleList or nn.ModuleDict",
    ),
    "grey pictures without channels, unpacked": (
        four_sizes,
        (4, 32, 32),
        "A shape of three numbers is given: (4, 32, 32). The model wants four, (N, C, H, W).",
    ),
    "images cut into rows": (
        lambda m, x: m.wide(m.conv(x).view(-1, 6)),
        SMALL,
        "wide: 6 numbers arrive in each row, but wide is written for 4608.",
    ),
    "batches below each other": (
        lambda m, x: m.wide(torch.cat([m.ten(x), m.other(x)])),
        TABLE,
        "torch.cat([x, y]): 2 batches of 4 became 8 rows.",
    ),
    "rows cut elsewhere": (
        lambda m, x: m.six(m.nine(x).view(-1, 6)),
        TABLE,
        "x.view(-1, 6): 4 rows went in, and 6 rows came out.\nWhy: Each row of (4, 9) has 9 numbers. The 4·9 = 36 of "
        "the batch are cut into pieces of 6, wherever a row ends.",
    ),
    "labels from 3 to 10": (
        lambda m, x: F.cross_entropy(m.ten(x), torch.tensor([3, 5, 10, 7])),
        TABLE,
        "Why: Are these labels counted from 1? Classes are counted from 0.",
    ),
    "maps beside maps without channels": (
        lambda m, x: F.mse_loss(m.grey(x), x[:, 0]),
        SMALL,
        "That makes 4 × 4 = 16 pairs where 4 are meant.",
    ),
    "an array": (lambda m, x: m.ten(x.numpy()), TABLE, "ten: a NumPy array arrives, and it wants a tensor."),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_is_said_holds_of_this_model_too(name):
    model, given, said = HOLDS[name]
    torch.manual_seed(0)
    if not isinstance(model, nn.Module):
        model = Around(
            model,
            conv=nn.Conv2d(3, 8, 3),
            one=nn.Conv2d(1, 2, 3) if given == (4, 32, 32) else nn.Conv2d(3, 8, 1),
            grey=nn.Conv2d(3, 1, 3, padding=1),
            ten=nn.Linear(10, 10),
            other=nn.Linear(10, 10),
            nine=nn.Linear(10, 9),
            six=nn.Linear(6, 2),
            wide=nn.Linear(20 if given == TABLE else 4608, 3),
            attention=nn.MultiheadAttention(8, 2),
            columns=nn.LSTM(48, 5),
            places=nn.LSTM(8, 5),
            **({"block": Block(), "log": Log()} if "a log" in name else {}),
        )
    assert said in str(trace(model, given).problem)


@pytest.mark.parametrize(
    "body",
    [
        "if x is None:\n        return x",
        "return x if x is None else None",
        "return (x is None) or None",
        "return x is not None and None",
    ],
)
def test_a_block_whose_return_is_in_doubt_is_not_named(body):
    forward = {}
    exec(f"def forward(self, x):\n    {body}", forward)
    block = type("Doubtful", (nn.Module,), {"forward": forward["forward"]})()
    why = trace(Around(lambda m, x: m.block(x), block=block), TABLE).problem.why
    assert why == "Somewhere a return is missing, or None is returned."


@pytest.mark.parametrize("forward", [lambda m, x: m.fc({"maps": [x]}), lambda m, x: F.mse_loss({"maps": [x]}, x)])
def test_a_dict_whose_tensors_lie_deeper_is_told_by_its_keys(forward):
    problem = trace(Around(forward, fc=nn.Linear(4, 4)), (2, 4)).problem
    assert (problem.kind, problem.why) == ("wiring", "Its keys are 'maps'.")


def test_things_that_were_put_together_after_a_layer_are_not_called_what_it_returns():
    gru = nn.GRU(4, 5)
    returned = trace(Around(lambda m, x: F.relu(m.gru(x)), gru=gru), (2, 3, 4)).problem
    assert (returned.why, returned.fix) == ("gru returns several things: (2, 3, 5), (1, 3, 5).", "x, _ = gru(x)")
    together = trace(Around(lambda m, x: F.relu((m.gru(x)[0], x)), gru=gru), (2, 3, 4)).problem
    assert (together.why, together.fix) == ("It holds (2, 3, 5), (2, 3, 4).", "x[0] in F.relu((x, y))")


@pytest.mark.parametrize("key", ["out", 0, (1, 2), "it's", 'the "best"', "a\\b"])
def test_a_dict_is_opened_by_its_key_as_python_reads_it(key):
    for forward in (lambda m, x: m.fc({key: x}), lambda m, x: F.mse_loss({key: x}, x)):
        code, _, _ = re.split(" (before|in) ", trace(Around(forward, fc=nn.Linear(4, 4)), (2, 4)).problem.fix)
        assert eval(code, {"x": {key: "the part"}}) == "the part"


def test_what_a_sequence_of_maps_is_turned_into_keeps_pictures_apart():
    """Without batch_first=True, the second number is the batch: another first picture leaves the second as it was."""
    conv = nn.Conv2d(3, 8, 3)
    for name, layer in (("attn", nn.MultiheadAttention(8, 2)), ("lstm", nn.LSTM(8, 5)), ("lstm", nn.LSTM(48, 5))):
        called = (lambda m, x: m.attn(x, x, x)[0]) if name == "attn" else (lambda m, x: m.lstm(x)[0])
        fix = trace(
            Around(lambda m, x, called=called: called(m, m.conv(x)), conv=conv, **{name: layer}), SMALL
        ).problem.fix
        x = conv(torch.rand(SMALL))
        other = torch.cat([x[:1] + 1, x[1:]])
        results = [
            called(Around(None, **{name: layer}), eval(fix.partition(" before ")[0], {"x": x})) for x in (x, other)
        ]
        assert torch.allclose(results[0][:, 1:], results[1][:, 1:])
        assert not torch.allclose(results[0][:, 0], results[1][:, 0])


class OneScore(nn.Module):
    def __init__(self, squeezed=False, **settings):
        super().__init__()
        self.fc, self.squeezed, self.settings = nn.Linear(5, 1), squeezed, settings

    def forward(self, x, y):
        x = self.fc(x)
        return F.cross_entropy(x.squeeze(-1) if self.squeezed else x, y, **self.settings)


def test_a_score_for_each_candidate_is_right_with_one_candidate_too():
    assert trace(OneScore(squeezed=True), (torch.rand(4, 1, 5), torch.zeros(4).long())).ok
    assert not trace(OneScore(), (torch.rand(4, 5), torch.zeros(4).long())).ok


def test_no_other_loss_is_offered_where_labels_are_left_out():
    problem = trace(OneScore(ignore_index=1), (torch.rand(4, 5), torch.tensor([0, 1, 0, 1]))).problem
    assert "so the loss is always 0" in problem.why
    assert problem.fix == ""


if __name__ == "__main__":
    SENTENCES.write_text("\n".join(map(sentences_of, BROKEN)), "utf-8")
    print(f"wrote {SENTENCES}", file=sys.stderr)
