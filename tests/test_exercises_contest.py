"""A contest counts a network's parameters, tests it on pictures that it has never met, and keeps the best."""

import pytest
import torch
from torch import nn

from helpers.data import load_shapes
from helpers.exercises import progress, record
from helpers.exercises.contest import fewest_of
from helpers.exercises.lesson_07 import q11 as contest
from helpers.trained import trained_cnn
from helpers.training import evaluate


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch):
    monkeypatch.setattr("helpers.exercises.contest.PICTURES", 200)


def untrained():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))


def test_a_trained_network_is_counted_and_stands_beside_the_courses_own():
    told = contest.check(trained_cnn())
    assert told.state == "right"
    assert "296,130 parameters" in told.headline
    assert "your fewest: 296,130, the course's: 994" in repr(told)
    assert "your fewest: 296,130, the course's: 994" in repr(progress())


def test_the_accuracy_is_that_of_evaluate_on_the_rounds_pictures():
    model = trained_cnn()
    said = set()
    for seed in (0, 1):
        contest.again(seed)
        _, accuracy = evaluate(model, contest.pictures())
        assert f"{accuracy:.2%}" in contest.check(model).headline
        said.add(contest.pictures().images.sum().item())
    assert len(said) == 2, "another round has other pictures"
    train_set, test_set = load_shapes(200, 200)
    assert not any(
        torch.equal(contest.pictures().images[0], other) for other in (train_set.images[0], test_set.images[0])
    )


def test_a_network_that_guesses_is_not_counted_and_nothing_is_beside_it():
    told = contest.check(untrained())
    assert told.state == "wrong"
    assert "30,730 parameters" in told.headline
    assert "97% are asked for" in told.headline
    assert "your fewest" not in repr(progress())
    contest.check(trained_cnn())
    contest.check(untrained())  # has fewer, and does not count
    assert fewest_of(record.events(contest.name)) == 296_130


def test_what_is_just_below_is_not_told_as_what_is_asked_for(monkeypatch):
    monkeypatch.setattr("helpers.exercises.contest.evaluate", lambda model, pictures: (0.1, 0.9695))
    told = contest.check(untrained())
    assert told.state == "wrong"
    assert "30,730 parameters, 96.95%: 97% are asked for." in told.headline


@pytest.mark.parametrize("given", [None, 3, "model", [], SystemExit, nn.Linear])
def test_what_is_no_network_is_no_answer(given):
    assert contest.check(given).state == "open"
    assert record.events() == []


@pytest.mark.parametrize("broken", [nn.Linear(3, 10), nn.Sequential(nn.Flatten(), nn.Linear(5, 10)), nn.Identity()])
def test_a_network_that_cannot_be_tested_says_why_and_is_not_kept(broken):
    told = contest.check(broken)
    assert told.state == "wrong"
    assert "It cannot be tested" in told.headline
    assert "Error" in repr(told)
    assert record.events() == []


def test_a_network_is_left_as_it_was():
    model = trained_cnn().train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    state = torch.random.get_rng_state()
    contest.check(model)
    assert model.training
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())


def test_entries_that_were_torn_or_foreign_do_not_count():
    events = [
        {"what": "answer", "is_right": True, "given": given} for given in ("", "a function", "1,204 parameters, 97%")
    ]
    assert fewest_of(events) == 1204
    assert fewest_of([]) is None
