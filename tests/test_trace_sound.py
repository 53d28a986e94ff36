"""Sound models, losses and loops in which `trace` finds nothing: what looks like a fault there is meant.

Broadcasting on purpose, rows that are folded and unfolded, and losses as they are usual.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.trace import explained, trace

pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")
LONG = torch.int64
ROWS, PICTURES, WORDS = (6, 8), (4, 3, 8, 8), (5, 4, 8)


class Around(nn.Module):
    """A model of some layers whose forward is a function."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.steps = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs):
        return self.steps(self, *inputs)


def rows(forward, **layers):
    return Around(forward, fc=nn.Linear(8, 3), one=nn.Linear(8, 1), same=nn.Linear(8, 8), **layers)


def maps(forward, **layers):
    return Around(forward, conv=nn.Conv2d(3, 4, 3, padding=1), one=nn.Conv2d(3, 1, 1), **layers)


LABELS, YES, MASK = torch.zeros(6, dtype=LONG), torch.ones(6), torch.zeros(4, 8, 8, dtype=LONG)
BROADCASTING = {
    "a bias": (rows(lambda m, x: m.one(x) + m.bias, bias=nn.Parameter(torch.zeros(6))), ROWS),
    "a gate for each row": (rows(lambda m, x: x * m.one(x).sigmoid()), ROWS),
    "a gate for each channel": (maps(lambda m, x: x * x.mean((2, 3), keepdim=True).sigmoid()), PICTURES),
    "a gate for each place": (maps(lambda m, x: x * m.one(x).sigmoid()), PICTURES),
    "a batch as large as a row is long": (rows(lambda m, x: x * m.one(x)), (8, 8)),
    "positions": (rows(lambda m, x: x + m.places[: x.shape[1]], places=nn.Parameter(torch.zeros(9, 8))), (4, 5, 8)),
    "waves of positions": (rows(lambda m, x: m.fc((x[:, :1] * torch.arange(8.0)).sin())), ROWS),
    "a column and as many numbers as rows": (rows(lambda m, x: (m.one(x) * torch.arange(6.0)).sin()), ROWS),
    "times and as many frequencies as rows": (rows(lambda m, t: (t[:, None] * torch.arange(6.0)).cos()), (6,)),
    "a mask of what may be seen": (
        rows(lambda m, x: (x @ x.mT + torch.full((5, 5), -1e9).triu(1)).softmax(-1) @ x),
        (4, 5, 8),
    ),
    "a length of each row": (rows(lambda m, x: x / x.norm(dim=1, keepdim=True)), (8, 8)),
    "layer norm by hand": (rows(lambda m, x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)), (8, 8)),
    "each row beside each other": (rows(lambda m, x: ((y := m.one(x)) - y.squeeze(1)).abs().mean()), ROWS),
    "each row beside each other, indexed": (rows(lambda m, x: x[:, None] - x), ROWS),
    "a column beside another row, on purpose": (
        rows(lambda m, x, y: (m.one(x).squeeze(1)[:, None] - m.one(y).squeeze(1)).abs().mean()),
        [ROWS, ROWS],
    ),
    "distances by squares": (rows(lambda m, x: x.pow(2).sum(1, keepdim=True) + x.pow(2).sum(1) - 2 * x @ x.T), ROWS),
    "distances between two sets by squares": (
        rows(lambda m, x, y: x.pow(2).sum(1, keepdim=True) + y.pow(2).sum(1) - 2 * x @ y.T),
        [ROWS, ROWS],
    ),
    "who is nearest": (rows(lambda m, x, y: (m.one(x) - m.one(y).squeeze(1)).abs().argmin(1)), [ROWS, ROWS]),
    "a graph's attention": (rows(lambda m, x: F.leaky_relu(m.one(x) + m.one(m.same(x)).T).softmax(1) @ x), ROWS),
    "an outer product": (rows(lambda m, x, y: torch.einsum("bi,bj->bij", x, y)), [ROWS, ROWS]),
    "a code book": (
        rows(
            lambda m, x: (x.pow(2).sum(1, keepdim=True) + m.code.pow(2).sum(1) - 2 * x @ m.code.T).argmin(1),
            code=nn.Parameter(torch.zeros(6, 8)),
        ),
        ROWS,
    ),
    "a mean picture": (maps(lambda m, x: m.conv(x - x.mean(0))), PICTURES),
    "a score against one number": (rows(lambda m, x: F.mse_loss(m.one(x), torch.tensor(1.0))), ROWS),
}
FOLDING = {
    "frames in the batch and back": (
        maps(lambda m, x: m.conv(x.flatten(0, 1)).mean((2, 3)).view(2, 4, 4).mean(1)),
        (2, 4, 3, 8, 8),
    ),
    "crops below each other, and their mean": (
        maps(lambda m, x: m.conv(torch.cat([x[..., :6, :6], x[..., 2:, 2:]])).mean((2, 3)).view(2, 4, 4).mean(0)),
        PICTURES,
    ),
    "two views below each other, and apart again": (
        rows(lambda m, x, y: m.fc(torch.cat([x, y])).chunk(2)),
        [ROWS, ROWS],
    ),
    "two views below each other, and compared": (
        rows(lambda m, x, y: F.mse_loss(*m.fc(torch.cat([x, y])).split(6))),
        [ROWS, ROWS],
    ),
    "a picture and its mirror image": (
        maps(lambda m, x: torch.stack(m.conv(torch.cat([x, x.flip(-1)])).mean((2, 3)).chunk(2)).mean(0)),
        PICTURES,
    ),
    "two views by one layer": (rows(lambda m, x, y: torch.cat([m.fc(x), m.fc(y)])), [ROWS, ROWS]),
    "the words that a layer wrote, one after the other": (
        rows(lambda m, x: torch.cat([m.fc(word) for word in x])),
        WORDS,
    ),
    "windows of a map and back": (
        maps(
            lambda m, x: (
                m.conv(x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 4, 4))
                .view(4, 2, 2, 4, 4, 4)
                .permute(0, 3, 1, 4, 2, 5)
                .reshape(4, 4, 8, 8)
            )
        ),
        PICTURES,
    ),
    "scores of words, folded": (rows(lambda m, x: m.fc(x).view(-1, 3)), WORDS),
    "words folded for their loss": (
        rows(lambda m, x, y: F.cross_entropy(m.fc(x).flatten(0, 1), y.flatten())),
        [torch.rand(WORDS), torch.zeros(5, 4, dtype=LONG)],
    ),
    "heads in the batch and back": (
        rows(
            lambda m, x: (
                m.same(x).view(5, 4, 2, 4).transpose(1, 2).reshape(10, 4, 4).view(5, 2, 4, 4).transpose(1, 2).flatten(2)
            )
        ),
        WORDS,
    ),
    "channels in the batch and back": (
        maps(lambda m, x: m.grey(x.view(-1, 1, 8, 8)).view(4, 6, 8, 8), grey=nn.Conv2d(1, 2, 3, padding=1)),
        PICTURES,
    ),
    "a class token before the words": (
        rows(lambda m, x: torch.cat([m.token.expand(len(x), -1, -1), x], 1), token=nn.Parameter(torch.zeros(1, 1, 8))),
        WORDS,
    ),
    "two inputs side by side": (
        rows(lambda m, x, y: m.wide(torch.cat([x, y], 1)), wide=nn.Linear(16, 3)),
        [ROWS, ROWS],
    ),
    "boxes of all pictures": (maps(lambda m, x: [one.flatten(1).T for one in m.conv(x)]), PICTURES),
    "a bag of rows that becomes one": (rows(lambda m, x: (m.one(x).softmax(0) * x).sum(0, keepdim=True)), ROWS),
    "a bag of rows, looked at in two ways": (rows(lambda m, x: m.fc(x).softmax(0).T @ x), ROWS),
    "attention over time, the batch second": (
        Around(
            lambda m, x: ((out := m.lstm(x)[0]) * m.score(out).softmax(0)).sum(0),
            lstm=nn.LSTM(8, 6),
            score=nn.Linear(6, 1),
        ),
        WORDS,
    ),
}
LOSSES = {
    "log_softmax before cross-entropy": rows(lambda m, x: F.cross_entropy(m.fc(x).log_softmax(1), LABELS)),
    "log_softmax and its loss": rows(lambda m, x: F.nll_loss(F.log_softmax(m.fc(x), dim=1), LABELS)),
    "labels as probabilities": rows(lambda m, x: F.cross_entropy(m.fc(x), torch.full((6, 3), 1 / 3))),
    "smoothed labels": rows(lambda m, x: F.cross_entropy(m.fc(x), LABELS, label_smoothing=0.1)),
    "weighted classes": rows(lambda m, x: m.loss(m.fc(x), LABELS), loss=nn.CrossEntropyLoss(torch.ones(3))),
    "labels as bytes": rows(lambda m, x: F.cross_entropy(m.fc(x), LABELS.byte())),
    "labels to ignore": rows(lambda m, x: F.cross_entropy(m.fc(x), LABELS - 100)),
    "one score and yes or no": rows(lambda m, x: F.binary_cross_entropy_with_logits(m.one(x).squeeze(1), YES)),
    "a weight for yes": rows(
        lambda m, x: F.binary_cross_entropy_with_logits(m.one(x), YES[:, None], pos_weight=torch.ones(1))
    ),
    "labels that are left out later": rows(
        lambda m, x: F.binary_cross_entropy_with_logits(m.one(x)[:, 0], YES - 2, reduction="none").mul(YES - YES).mean()
    ),
    "probabilities and their logarithms": rows(lambda m, x: F.nll_loss(m.fc(x).softmax(1).log(), LABELS)),
    "scores against a target of the model": rows(lambda m, x: F.mse_loss(x[:, :3], m.fc(x))),
    "one row, squeezed by name": rows(lambda m, x: F.mse_loss(m.one(x).squeeze(-1), YES)),
    "probabilities": rows(lambda m, x: F.binary_cross_entropy(m.fc(x).sigmoid(), torch.zeros(6, 3))),
    "measured numbers": rows(lambda m, x: F.mse_loss(m.one(x).flatten(), YES)),
    "measured numbers and whole ones": rows(lambda m, x: F.l1_loss(m.fc(x), torch.zeros(6, 3, dtype=LONG))),
    "a teacher": rows(lambda m, x: F.kl_div(m.fc(x).log_softmax(1), m.fc(x).softmax(1), reduction="batchmean")),
    "a mean and a spread": rows(lambda m, x: F.gaussian_nll_loss(m.fc(x), torch.zeros(6, 3), torch.ones(6, 1))),
    "three views": rows(lambda m, x: F.triplet_margin_loss(m.fc(x), m.fc(x), m.fc(x.flip(0)))),
    "one negative for all": rows(lambda m, x: F.triplet_margin_loss(m.fc(x), m.fc(x), m.fc(x[:1]))),
    "which is better": rows(lambda m, x: F.margin_ranking_loss(m.one(x)[:, 0], m.one(x)[:, 0], YES)),
    "alike or not": rows(lambda m, x: F.cosine_embedding_loss(m.fc(x), m.fc(x), YES)),
    "two views that find each other": rows(
        lambda m, x: F.cross_entropy(F.normalize(m.fc(x)) @ F.normalize(m.fc(x)).T, torch.arange(6))
    ),
    "differences by hand": rows(lambda m, x: (m.one(x).squeeze(1) - YES).pow(2).mean()),
    "without a softmax over rows": rows(lambda m, x: m.fc(x).softmax(-1)),
}


def views_that_find_each_other(m, x, y):
    z = F.normalize(m.fc(torch.cat([x, y])), dim=1)
    alike = (z @ z.T).masked_fill(torch.eye(12, dtype=torch.bool), -9)
    return F.cross_entropy(alike, torch.cat([torch.arange(6) + 6, torch.arange(6)]))


def rows_of_one_class(m, x):
    z, y = F.normalize(m.fc(x), dim=1), (LABELS + 1).view(-1, 1)
    alike = z @ z.T
    logarithms = alike - alike.exp().sum(1, keepdim=True).log()
    return -((y == y.T).float() * logarithms).mean()


def values_of_actions(m, x, y):
    chosen = m.fc(x).gather(1, LABELS[:, None]).squeeze(1)
    return F.smooth_l1_loss(chosen, YES + 0.9 * m.fc(y).max(1).values)


def pairs_in_order(m, x):
    scores = m.one(x).squeeze(-1)
    return F.binary_cross_entropy_with_logits(scores.unsqueeze(1) - scores.unsqueeze(0), torch.ones(6, 6).triu())


def a_mean_discrepancy(m, x, y):
    def kernel(a, b):
        return (-((a[:, None] - b[None]) ** 2).sum(-1)).exp().mean()

    return kernel(m.fc(x), m.fc(x)) - 2 * kernel(m.fc(x), m.fc(y))


def attention_over_a_graph(m, x):
    scores = F.leaky_relu(m.one(x) + m.one(m.same(x)).squeeze(1))
    return scores.masked_fill(torch.eye(6) == 0, -9).softmax(1) @ x


def a_focal_loss(m, x):
    losses = F.cross_entropy(m.fc(x), LABELS, reduction="none")
    return ((1 - (-losses).exp()) ** 2 * losses).mean()


def a_picture_made_again(m, x):
    mean, spread = m.same(x).chunk(2, 1)
    z = mean + torch.randn_like(mean) * (spread / 2).exp()
    return F.binary_cross_entropy(torch.cat([z, z], 1).sigmoid(), torch.ones(6, 8), reduction="sum") + mean.pow(2).sum()


def experts(m, x):
    shares = m.fc(x).softmax(1)
    made = torch.stack([m.same(x), m.same(x + 1), m.same(x - 1)], 1)
    return (shares.unsqueeze(-1) * made).sum(1)


KNOWN = [views_that_find_each_other, rows_of_one_class, values_of_actions, pairs_in_order, a_mean_discrepancy]
KNOWN += [attention_over_a_graph, a_focal_loss, a_picture_made_again, experts]


@pytest.mark.parametrize("forward", KNOWN)
def test_what_is_known_from_papers_raises_no_alarm_and_no_warning_in_a_loop(forward):
    inputs = [torch.rand(ROWS) for _ in range(forward.__code__.co_argcount - 1)]
    model = rows(forward)
    assert trace(model, inputs).problem is None
    with explained(model):
        model(*inputs).sum().backward()


@pytest.mark.parametrize("name", BROADCASTING)
def test_broadcasting_on_purpose_raises_no_alarm(name):
    model, given = BROADCASTING[name]
    assert trace(model, given).problem is None


@pytest.mark.parametrize("name", FOLDING)
def test_folding_on_purpose_raises_no_alarm(name):
    model, given = FOLDING[name]
    assert trace(model, given).problem is None


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_as_it_is_usual_raises_no_alarm(name):
    assert trace(LOSSES[name], torch.rand(ROWS)).problem is None


def test_maps_and_their_masks_raise_no_alarm():
    for loss in (
        lambda m, x: F.cross_entropy(m.conv(x), MASK),
        lambda m, x: F.nll_loss(m.conv(x).log_softmax(1), MASK),
        lambda m, x: F.binary_cross_entropy_with_logits(m.one(x), MASK[:, None].float()),
        lambda m, x: 1 - (m.one(x).sigmoid().squeeze(1) * MASK).sum((1, 2)).mean(),
        lambda m, x: F.mse_loss(m.conv(x)[:, :3], x),
    ):
        assert trace(maps(loss), PICTURES).problem is None
