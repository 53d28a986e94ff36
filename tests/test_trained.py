"""The weights that come with the course are those of a network that has learned, small enough to travel."""

import torch

from helpers.data import load_shapes
from helpers.model import SimpleCNN
from helpers.trained import WEIGHTS, trained_cnn
from helpers.training import evaluate


def test_it_is_right_about_nearly_all_test_pictures():
    _, accuracy = evaluate(trained_cnn(), load_shapes(10_000, 500)[1])
    assert accuracy > 0.97


def test_it_is_simple_cnn_in_full_precision_and_does_not_train_unasked():
    model = trained_cnn()
    assert type(model) is SimpleCNN
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert not model.training


def test_its_weights_take_at_most_a_megabyte():
    assert WEIGHTS.stat().st_size < 1_000_000


def test_it_can_be_trained_anew(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.trained.WEIGHTS", tmp_path / "trained.pt")
    monkeypatch.setattr("helpers.trained.load_shapes", lambda: load_shapes(64, 10))
    from helpers import trained

    trained.main()
    model = trained_cnn()
    assert not torch.equal(model.conv1.weight, SimpleCNN().conv1.weight)
    assert all(torch.equal(weight, weight.half().float()) for weight in model.parameters())
