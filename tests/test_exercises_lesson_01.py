"""Lesson 01's answers are torch's; functions written as a learner might write them are judged rightly."""

import math
import re
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from exercising import answers, checked, each, questions
from torch import nn

from helpers.arithmetic import conv_output_size
from helpers.exercises import lesson_01 as lesson
from helpers.exercises.prediction import Prediction


def conv_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """In one dimension, as torch computes it."""
    row = torch.zeros(1, 1, size)
    return F.conv1d(row, torch.zeros(1, 1, kernel_size), None, stride, padding, dilation).shape[-1]


@pytest.mark.parametrize("question", [lesson.q1, lesson.q2, lesson.q3, lesson.q4, lesson.q5], ids=lambda q: q.name)
def test_output_sizes_are_torchs_for_all_numbers_that_can_be_drawn(question):
    tried = answers(question)
    assert len(tried) > 20
    for numbers, answer in tried:
        assert answer == conv_size(**numbers), numbers


def test_the_rectangles_are_torchs():
    for numbers, answer in answers(lesson.q6)[::17]:
        kernel = (numbers["kernel_height"], numbers["kernel_width"])
        layer = nn.Conv2d(1, 1, kernel, numbers["stride"])
        assert answer == tuple(layer(torch.zeros(1, numbers["height"], numbers["width"])).shape[1:]), numbers


def test_the_parameters_are_those_that_torch_counts():
    for numbers, answer in answers(lesson.q8):
        assert answer == sum(p.numel() for p in nn.Conv2d(**numbers).parameters()), numbers


def test_what_two_layers_see_is_where_torch_has_a_gradient():
    for numbers, answer in answers(lesson.q9):
        row = torch.ones(1, 1, 40, requires_grad=True)
        first, second = (torch.ones(1, 1, numbers[name]) for name in ("first", "second"))
        F.conv1d(F.conv1d(row, first), second)[0, 0, 0].backward()
        assert answer == (row.grad != 0).sum(), numbers


# Written as a learner would; none of them is among the known mistakes.


def adds_the_window_alone(image, weight, stride=1):
    rows, columns = (conv_output_size(*pair, stride) for pair in zip(image.shape, weight.shape, strict=True))
    output = torch.zeros(rows, columns)
    for row, column in product(range(rows), range(columns)):
        top, left = row * stride, column * stride
        output[row, column] = image[top : top + weight.shape[0], left : left + weight.shape[1]].sum()
    return output


def matrix_product(image, weight, stride=1):
    rows, columns = (conv_output_size(*pair, stride) for pair in zip(image.shape, weight.shape, strict=True))
    output = torch.zeros(rows, columns)
    for row, column in product(range(rows), range(columns)):
        top, left = row * stride, column * stride
        window = image[top : top + weight.shape[0], left : left + weight.shape[1]]
        output[row, column] = (window @ weight.T).sum()
    return output


def rounds_up(image, weight, stride=1):
    padded = F.pad(image, (0, stride - 1, 0, stride - 1))
    return F.conv2d(padded[None, None], weight[None, None], stride=stride)[0, 0]


def pads(image, weight, stride=1):
    return F.conv2d(image[None, None], weight[None, None], stride=stride, padding=1)[0, 0]


def one_stride_for_rows_only(image, weight, stride=1):
    return F.conv2d(image[None, None], weight[None, None], stride=(stride, 1))[0, 0]


def reads_memory_in_order(image, weight, stride=1):
    image = image.as_strided(image.shape, (image.shape[1], 1))
    return F.conv2d(image[None, None], weight[None, None], stride=stride)[0, 0]


def whole_numbers(image, weight, stride=1):
    return F.conv2d(image[None, None], weight[None, None], stride=stride)[0, 0].to(torch.int)


def without_negative_numbers(image, weight, stride=1):
    return F.conv2d(image.abs()[None, None], weight[None, None], stride=stride)[0, 0]


def a_list_of_lists(image, weight, stride=1):
    return F.conv2d(image[None, None], weight[None, None], stride=stride)[0, 0].tolist()


def unfolded(image, weight, stride=1):
    windows = image.unfold(0, weight.shape[0], stride).unfold(1, weight.shape[1], stride)
    return (windows * weight).sum(dim=(2, 3))


WRONG = {
    lesson.q7: [
        adds_the_window_alone,
        matrix_product,
        rounds_up,
        pads,
        one_stride_for_rows_only,
        reads_memory_in_order,
        whole_numbers,
        without_negative_numbers,
        a_list_of_lists,
    ]
}


@each(WRONG)
def test_a_wrong_conv2d_is_rejected(question, function):
    assert {feedback.state for feedback in checked(question, function, seeds=3)} == {"wrong"}


def test_a_conv2d_written_otherwise_is_accepted():
    assert lesson.q7.check(unfolded).state == "right"


def test_a_list_is_called_a_list():
    assert "Yours is a list, a tensor is expected." in repr(lesson.q7.check(a_list_of_lists))


@pytest.mark.parametrize("question", questions(lesson, Prediction), ids=lambda question: question.name)
def test_no_two_mistakes_lead_to_the_same_answer_with_the_lessons_numbers(question):
    question.again(0)
    given = [mistake.answer for mistake in question.asked().mistakes]
    assert [one for n, one in enumerate(given) if one in given[:n]] == []


@pytest.mark.parametrize(
    ("question", "given", "name", "why"),
    [
        (lesson.q4, 14 - (3 * (4 - 1) + 1), "the first position forgotten", "these are the moves"),
        (lesson.q5, (26 + 2 * 4 - (7 - 1)) // 2 + 1, "rounded up", "the formula's last − 1 is missing"),
        (lesson.q6, (math.ceil((6 - 5) / 2) + 1, math.ceil((9 - 3) / 2) + 1), "rounded up", "round down"),
    ],
    ids=["q4: moves", "q5: without the last − 1", "q6: rounded up"],
)
def test_a_slip_is_told_by_its_own_name_alone(question, given, name, why):
    question.again(0)
    feedback = question.predict(given)
    assert feedback.headline.endswith("? Not yet.")
    assert feedback.paragraphs[0][0] == name
    assert why in feedback.paragraphs[0][1]


def test_padding_counted_once_is_recognised_and_the_result_is_not_told():
    lesson.q5.again(0)
    feedback = lesson.q5.predict(12)
    assert feedback.headline == "12? Not yet."
    assert feedback.paragraphs[0][0] == "padding counted once"
    assert not re.search(r"\d", feedback.paragraphs[0][1])
