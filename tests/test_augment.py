"""FlipAndShift draws one of all flips and shifts, for each picture anew, and leaves pictures alone in eval mode."""

import pytest
import torch
import torch.nn.functional as F

from helpers.augment import FlipAndShift


def all_of(picture, most):
    """Every flip and shift of one picture (C, H, W), its border repeated: (2·(2·most + 1)², C, H, W)."""
    _, height, width = picture.shape
    found = []
    for flipped in (picture, picture.flip(2)):
        padded = F.pad(flipped[None], (most,) * 4, mode="replicate")[0]
        found += [
            padded[:, row : row + height, column : column + width]
            for row in range(2 * most + 1)
            for column in range(2 * most + 1)
        ]
    return torch.stack(found)


@pytest.mark.parametrize(("most", "size"), [(1, (5, 4)), (3, (8, 9))])
def test_each_picture_becomes_one_of_its_flips_and_shifts_and_all_of_them_come(most, size):
    torch.manual_seed(0)
    pictures = torch.randn(2, 3, *size)
    known = [all_of(picture, most) for picture in pictures]
    batch = pictures.repeat(1000, 1, 1, 1)  # (2, 3, H, W) -> (2000, 3, H, W): the two in turn
    changed = FlipAndShift(most)(batch)
    assert changed.shape == batch.shape
    for number in range(2):
        is_known = (changed[number::2, None] == known[number]).flatten(2).all(dim=2)  # (1000, kinds)
        assert (is_known.sum(dim=1) == 1).all()
        assert is_known.any(dim=0).all()


def test_two_calls_differ_in_training_and_in_eval_mode_pictures_pass_as_they_are():
    torch.manual_seed(0)
    pictures = torch.randn(16, 3, 32, 32)
    layer = FlipAndShift()
    assert not torch.equal(layer(pictures), layer(pictures))
    assert torch.equal(layer.eval()(pictures), pictures)


def test_gradients_arrive_at_the_pictures():
    pictures = torch.randn(4, 3, 8, 8, requires_grad=True)
    FlipAndShift()(pictures).sum().backward()
    assert pictures.grad.sum() == pictures.numel()  # each output was read from one input
