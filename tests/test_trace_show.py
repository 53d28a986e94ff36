"""`problem.show()`: the explorer at the failing layer's own numbers, or a sentence."""

import pytest
import torch
from test_trace_problems import Around
from torch import nn

from helpers.explorers import ConvolutionExplorer, FlattenExplorer, NetworkExplorer, PoolingExplorer
from helpers.model import SimpleCNN
from helpers.trace import trace


class Views(SimpleCNN):
    def forward(self, x):
        return self.fc2(self.fc1(self.pool(self.conv1(x)).view(-1, 4608)))


NONE = "No explorer draws this problem: they draw convolutions, pooling, flattening and SimpleCNN."
SHOWN = [
    (nn.Conv2d(3, 8, 5), (1, 3, 4, 9), ConvolutionExplorer, {"size": 4, "kernel_size": 5, "padding": 0}),
    (nn.Conv2d(3, 8, 5, 2, 1, 2), (1, 3, 9, 3), ConvolutionExplorer, {"size": 3, "dilation": 2, "stride": 2}),
    (nn.Conv1d(3, 8, 7), (1, 3, 5), ConvolutionExplorer, {"size": 5, "kernel_size": 7}),
    (nn.MaxPool2d(3), (1, 1, 2, 2), PoolingExplorer, {"size": 2, "kernel_size": 3, "stride": 3, "mode": "max"}),
    (nn.AvgPool2d(4, 1, ceil_mode=True), (1, 1, 3, 3), PoolingExplorer, {"mode": "avg", "ceil_mode": True}),
    (nn.MaxPool2d(3, padding=2), (1, 1, 6, 6), PoolingExplorer, {"size": 6, "padding": 2}),
    (
        Around(lambda m, x: m.fc(x.view(-1, 30)), fc=nn.Linear(30, 2)),
        (4, 3, 4, 5),
        FlattenExplorer,
        {"channels": 3, "height": 4, "width": 5, "batch": True, "k": 30, "memory": "contiguous"},
    ),
    (
        Around(lambda m, x: x.permute(0, 2, 3, 1).view(4, -1)),
        (4, 2, 3, 4),
        FlattenExplorer,
        {"channels": 2, "height": 3, "width": 4, "k": 24, "memory": "permuted"},
    ),
    (SimpleCNN(), (4, 3, 48, 48), NetworkExplorer, {"image_size": 48, "compute_fc1": False, "conv_channels": 18}),
    (Views(), (4, 3, 48, 48), NetworkExplorer, {"image_size": 48, "compute_fc1": False}),
]


@pytest.mark.parametrize(("model", "shape", "kind", "settings"), SHOWN)
def test_the_explorer_opens_at_the_layers_own_numbers(model, shape, kind, settings):
    problem = trace(model, shape).problem
    explorer = problem.show()
    assert type(explorer) is kind
    assert explorer.settings | settings == explorer.settings
    if problem.kind != "batch-changed":  # torch, too, finds that these numbers do not fit
        with pytest.raises(RuntimeError):
            explorer.output()


@pytest.mark.parametrize(
    ("model", "shape", "said"),
    [
        (
            nn.Conv2d(3, 8, 50),
            (1, 3, 40, 40),
            "ConvolutionExplorer cannot draw this: its input size goes from 3 to 12, and here it is 40.",
        ),
        (
            nn.MaxPool2d(2),
            (1, 3, 1, 1),
            "PoolingExplorer cannot draw this: its input size goes from 2 to 8, and here it is 1.",
        ),
        (
            SimpleCNN(),
            (4, 3, 96, 96),
            "NetworkExplorer cannot draw this: its image size goes from 1 to 64, and here it is 96.",
        ),
        (nn.Conv2d(3, 8, 3), (1, 4, 8, 8), NONE),
        (nn.Linear(3, 4), (2, 4), NONE),
        (SimpleCNN(image_size=40), (4, 3, 48, 48), NONE),
        (Around(lambda m, x: x + x[:, :, 1:]), (1, 3, 8, 8), NONE),
        (nn.ConvTranspose2d(1, 1, 1, padding=3), (1, 1, 2, 2), NONE),
    ],
)
def test_where_no_explorer_goes_so_far_a_sentence_says_so(model, shape, said, capsys):
    problem = trace(model, shape).problem
    assert problem.show() is None
    assert capsys.readouterr().out == f"{said}\n"


def test_showing_a_problem_leaves_random_numbers_as_they_were():
    problem, before = trace(SimpleCNN(), (4, 3, 48, 48)).problem, torch.get_rng_state()
    assert problem.show() is not None
    assert torch.equal(before, torch.get_rng_state())


def test_a_problem_that_was_made_by_hand_shows_none(capsys):
    problem = trace(nn.Linear(3, 4), torch.zeros(2, 4)).problem
    assert problem == problem.__class__(*[getattr(problem, name) for name in problem.__match_args__[:8]])
    assert problem.__class__(*["x"] * 8).show() is None
    assert capsys.readouterr().out == f"{NONE}\n"
