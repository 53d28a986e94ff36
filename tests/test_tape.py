"""A tape replays what torch computed: the same operations, on the same memory, with nothing changed by noting them."""

import pytest
import torch
import torch.nn.functional as F

from helpers.model import FastCNN
from helpers.tape import Tape, beside, captured, taped


def trained(model, batches, replay=None, **how):
    """The losses of these batches, by steps or, where `replay` makes one of a step, by replays; the weights follow."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, **how)

    def step(images, labels):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    if replay is None:
        step(*batches[0])
        return [step(*batch).item() for batch in batches]
    again = replay(step, *batches[0])
    return [again(*batch).item() for batch in batches]


def by_tape(step, images, labels):
    return captured(step, images, labels, Tape(), taped)


@pytest.fixture
def batches():
    torch.manual_seed(1)
    return [(torch.randn(4, 3, 8, 8), torch.randint(0, 10, (4,))) for _ in range(4)]


def two_alike():
    torch.manual_seed(0)
    one, other = FastCNN(8, conv_channels=4), FastCNN(8, conv_channels=4)
    other.load_state_dict(one.state_dict())
    return one, other


def test_replays_train_as_steps_do_to_the_last_digit(batches):
    one, other = two_alike()
    assert trained(one, batches, fused=True) == trained(other, batches, by_tape, fused=True)
    assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_what_python_counts_stays_as_it_was_captured(batches):
    one, other = two_alike()
    plain, replayed = trained(one, batches), trained(other, batches, by_tape)
    assert plain[0] == replayed[0]
    assert plain[2] != replayed[2]


def test_noting_changes_nothing_and_a_replay_does():
    number, tape = torch.tensor([1.0, 2.0]), Tape()
    with taped(tape):
        twice = number * 2
        number += twice
        number[0] = 7
    assert number.tolist() == [1, 2]
    tape.replay()
    assert number.tolist() == [7, 6]
    assert twice.tolist() == [2, 4]
    tape.replay()
    assert number.tolist() == [7, 18]
    assert twice.tolist() == [14, 12]
    assert tape.operations[:2] == ["mul", "add_"]


def test_an_error_while_noting_leaves_the_numbers_as_they_were():
    number, tape = torch.zeros(2), Tape()

    def noted():
        with taped(tape):
            number.add_(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        noted()
    assert number.tolist() == [0, 0]
    assert tape.operations == []


def test_views_are_read_and_written_through():
    rows, tape = torch.arange(6.0), Tape()
    with taped(tape):
        rows.view(2, 3)[1].add_(10)
    tape.replay()
    assert rows.tolist() == [0, 1, 2, 13, 14, 15]


def test_on_a_cpu_nothing_is_needed_beside():
    with beside(torch.device("cpu")):
        assert torch.ones(2).sum() == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_the_same_lines_capture_a_step_on_a_gpu(batches):
    device = torch.device("cuda")
    one, other = (network.to(device) for network in two_alike())
    there = [(images.to(device), labels.to(device)) for images, labels in batches]

    def by_graph(step, images, labels):
        with beside(device):
            return captured(step, images, labels, torch.cuda.CUDAGraph(), torch.cuda.graph)

    how = {"fused": True, "capturable": True}
    assert trained(one, there, **how) == pytest.approx(trained(other, there, by_graph, **how), rel=1e-4)
