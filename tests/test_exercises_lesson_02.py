"""Lesson 02's answers are torch's; functions written as a learner might write them are judged rightly."""

import pytest
import torch
import torch.nn.functional as F
from exercising import answers, checked, each, named, questions
from torch import nn

from helpers.arithmetic import pool_output_size
from helpers.exercises import lesson_02 as lesson
from helpers.exercises.prediction import Prediction


def by_default(size, kernel_size):
    return nn.MaxPool2d(kernel_size)(torch.zeros(1, size, size)).shape[1]


def read_and_rounded_up(size, kernel_size):
    rows = torch.arange(float(size)).expand(size, size).T[None]  # each cell holds the number of its row
    last = nn.MaxPool2d(kernel_size)(rows).max().item()
    return last, nn.MaxPool2d(kernel_size, ceil_mode=True)(rows).shape[1]


def seen(first, pool_size, second):
    row = torch.zeros(1, 1, 80)
    layers = nn.Sequential(nn.Conv1d(1, 1, first), nn.MaxPool1d(pool_size), nn.Conv1d(1, 1, second)).requires_grad_(
        False
    )
    for layer in (layers[0], layers[2]):
        layer.weight.fill_(1)  # so that what grows makes the number at the end grow
        layer.bias.fill_(0)
    changed = row.repeat(80, 1, 1)
    changed[range(80), 0, range(80)] = 1
    return (layers(changed)[:, 0, 0] != layers(row)[0, 0, 0]).sum().item()


def top_left(a, b, c, d):
    plane = torch.full((1, 4, 4), 100.0)  # the window at the top left does not reach the hundreds
    plane[0, :2, :2] = torch.tensor([[a, b], [c, d]])
    return nn.MaxPool2d(3, stride=2, padding=1)(plane)[0, 0, 0].item()


def maps(pictures, channels, height, width, kernel_size):
    return tuple(nn.MaxPool2d(kernel_size)(torch.zeros(pictures, channels, height, width)).shape)


def learned(in_channels, out_channels, kernel_size, pool_size):
    layers = nn.Sequential(nn.Conv2d(in_channels, out_channels, kernel_size), nn.MaxPool2d(pool_size))
    return sum(parameter.numel() for parameter in layers.parameters())


def gradients(a, b, c, d, gradient):
    window = torch.tensor([[[a, b], [c, d]]]).float().requires_grad_()
    F.max_pool2d(window, 2).backward(torch.full((1, 1, 1), float(gradient)))
    return tuple(window.grad.flatten().tolist())


def relus(channels, size, kernel_size):
    read = []
    relu = nn.ReLU()
    relu.register_forward_pre_hook(lambda layer, inputs: read.append(inputs[0].numel()))
    nn.Sequential(nn.MaxPool2d(kernel_size), relu)(torch.zeros(1, channels, size, size))
    return read[0]


BY_TORCH = {
    lesson.q2: by_default,
    lesson.q3: seen,
    lesson.q4: read_and_rounded_up,
    lesson.q5: top_left,
    lesson.q6: maps,
    lesson.q7: learned,
    lesson.q8: gradients,
    lesson.q9: relus,
}


def test_every_prediction_is_held_against_torch():
    assert list(BY_TORCH) == questions(lesson, Prediction)


@pytest.mark.parametrize("question", BY_TORCH, ids=lambda question: question.name)
def test_the_answer_is_torchs_for_the_lessons_numbers_and_for_up_to_300_others(question):
    tried = answers(question, at_most=300)
    assert len(tried) > 50
    for numbers, answer in tried:
        assert answer == BY_TORCH[question](**numbers), numbers


@pytest.mark.parametrize("question", BY_TORCH, ids=lambda question: question.name)
def test_no_two_mistakes_lead_to_the_same_answer_with_the_lessons_numbers(question):
    question.again(0)
    given = [mistake.answer for mistake in question.asked().mistakes]
    assert [one for n, one in enumerate(given) if one in given[:n]] == []


@pytest.mark.parametrize(("question", "guess"), [(lesson.q2, 16), (lesson.q7, 0)], ids=["halved", "the pool alone"])
def test_a_likely_guess_is_a_known_mistake(question, guess):
    question.again(0)
    assert len(question.predict(guess).paragraphs[0]) == 2


def test_the_gradient_question_has_one_winner_for_every_seed():
    for seed in range(50):
        lesson.q8.again(seed)
        assert sum(gradient > 0 for gradient in lesson.q8.asked().answer) == 1


# Written as a learner would; none of them is among the known mistakes.


def the_top_left_of_each_block(plane):
    return plane[0::2, 0::2]


def the_smallest_of_four(plane):
    return -F.max_pool2d(-plane[None], 2)[0]


def cuts_memory_in_order(plane):
    height, width = plane.shape
    plane = plane.as_strided((height, width), (width, 1))
    return F.max_pool2d(plane[None], 2)[0]


def height_for_width(plane):
    return F.max_pool2d(plane[None], 2)[0].reshape(plane.shape[1] // 2, plane.shape[0] // 2)


def blocks_of_four_in_a_row(plane):
    return plane.reshape(-1, 4).amax(dim=1).reshape(plane.shape[0] // 2, plane.shape[1] // 2)


def the_largest_absolute_value(plane):
    return F.max_pool2d(plane[None].abs(), 2)[0]


def prints_it(plane):
    print(F.max_pool2d(plane[None], 2)[0])


def cell_by_cell(plane):
    output = torch.empty(plane.shape[0] // 2, plane.shape[1] // 2)
    for row in range(output.shape[0]):
        for column in range(output.shape[1]):
            block = plane[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            output[row, column] = max(block.flatten().tolist())
    return output


def all_corners_in_a_stack(plane):
    return torch.stack([plane[row::2, column::2] for row in (0, 1) for column in (0, 1)]).amax(dim=0)


def pads_with_a_hundred_below_zero(plane, kernel_size, stride, padding):
    return F.max_pool2d(F.pad(plane, (padding,) * 4, value=-100)[None], kernel_size, stride)[0]


def pads_with_minus_one(plane, kernel_size, stride, padding):
    return F.max_pool2d(F.pad(plane, (padding,) * 4, value=-1)[None], kernel_size, stride)[0]


def the_smallest_of_each_window(plane, kernel_size, stride, padding):
    return -F.max_pool2d(-plane[None], kernel_size, stride, padding)[0]


def starts_from_zeros(plane, kernel_size, stride, padding):
    return F.max_pool2d(plane[None], kernel_size, stride, padding)[0].clamp(min=0)


def stride_of_the_kernel(plane, kernel_size, stride, padding):
    return F.max_pool2d(plane[None], kernel_size, padding=padding)[0]


def rows_for_columns(plane, kernel_size, stride, padding):
    return F.max_pool2d(plane.T[None], kernel_size, stride, padding)[0]


def window_as_large_as_the_stride(plane, kernel_size, stride, padding):
    padded = F.pad(plane, (padding,) * 4, value=-torch.inf)
    rows, columns = (pool_output_size(size, kernel_size, stride, padding) for size in plane.shape)
    output = torch.zeros(rows, columns)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            output[row, column] = padded[top : top + stride, left : left + stride].max()
    return output


def a_list_of_lists(plane, kernel_size, stride, padding):
    return F.max_pool2d(plane[None], kernel_size, stride, padding)[0].tolist()


def unfolded(plane, kernel_size, stride, padding):
    padded = F.pad(plane, (padding,) * 4, value=-torch.inf)
    return padded.unfold(0, kernel_size, stride).unfold(1, kernel_size, stride).amax(dim=(2, 3))


def only_the_cells_inside(plane, kernel_size, stride, padding):
    """No padding at all: the window is cut off at the border."""
    rows = range(-padding, plane.shape[0] + padding - kernel_size + 1, stride)
    columns = range(-padding, plane.shape[1] + padding - kernel_size + 1, stride)
    largest = [[plane[max(0, r) : r + kernel_size, max(0, c) : c + kernel_size].max() for c in columns] for r in rows]
    return torch.tensor(largest)


WRONG = {
    lesson.q1: [
        the_top_left_of_each_block,
        the_smallest_of_four,
        cuts_memory_in_order,
        height_for_width,
        blocks_of_four_in_a_row,
        the_largest_absolute_value,
        prints_it,
    ],
    lesson.q10: [
        pads_with_minus_one,
        pads_with_a_hundred_below_zero,
        the_smallest_of_each_window,
        starts_from_zeros,
        stride_of_the_kernel,
        rows_for_columns,
        window_as_large_as_the_stride,
        a_list_of_lists,
    ],
}
RIGHT = {lesson.q1: [cell_by_cell, all_corners_in_a_stack], lesson.q10: [unfolded, only_the_cells_inside]}


@each(WRONG)
def test_a_wrong_function_is_rejected_whatever_the_seed_and_called_no_known_mistake(question, function):
    for feedback in checked(question, function, seeds=5):
        assert feedback.state == "wrong"
        assert named(question, feedback) == []


@each(RIGHT)
def test_a_function_written_otherwise_is_accepted(question, function):
    for feedback in checked(question, function, seeds=5):
        assert feedback.state == "right", feedback


def test_zeros_in_the_padding_are_found_out_on_negative_numbers():
    feedback = lesson.q10.check(lambda plane, k, s, p: F.max_pool2d(F.pad(plane, (p,) * 4)[None], k, s)[0])
    assert feedback.paragraphs[0][0] == "padded with zeros"
    assert "yours 0, expected -" in repr(feedback)


def test_the_lessons_known_mistakes_are_all_among_the_questions():
    names = {
        mistake.name
        for question in questions(lesson)
        for mistake in (question.asked() if isinstance(question, Prediction) else question).mistakes
    }
    assert names >= {
        "the channels mixed",
        "a pool like a convolution",
        "stride 1 by default",
        "padded with zeros",
        "averaged",
    }
