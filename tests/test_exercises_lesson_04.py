"""Lesson 04's answers are torch's; functions written as a learner might write them are judged rightly."""

import re
from contextlib import nullcontext
from itertools import combinations

import pytest
import torch
import torch.nn.functional as F
from exercising import asked, checked, each, questions
from torch import nn

from helpers.exercises import lesson_04 as lesson
from helpers.exercises.prediction import Prediction
from helpers.exercises.ten_networks import ten_networks
from helpers.trace import trace


def convolved(batch, channels, image_size, conv_channels, kernel_size, padding):
    """A batch after conv1 and the pool, as torch makes it. No batch: one picture without that dimension."""
    layers = nn.Sequential(nn.Conv2d(channels, conv_channels, kernel_size, padding=padding), nn.MaxPool2d(2))
    shape = (channels, image_size, image_size)
    return layers.to("meta")(torch.empty(shape if batch is None else (batch, *shape), device="meta"))


def test_the_shape_after_the_pool_is_torchs():
    for numbers, found in asked(lesson.q1, at_most=80):
        assert found.answer == tuple(convolved(**numbers).shape), numbers


def test_what_flatten_makes_of_one_picture_without_a_batch_is_torchs():
    for numbers, found in asked(lesson.q2, at_most=80):
        maps = convolved(None, **numbers, kernel_size=3, padding=1)
        assert found.answer == tuple(torch.flatten(maps, 1).shape), numbers
        assert tuple(torch.flatten(maps).shape) in [mistake.answer for mistake in found.mistakes]


def test_what_fc1_needs_after_another_padding_is_what_the_flatten_makes():
    for numbers, found in asked(lesson.q3, at_most=80):
        before = numbers["before"]
        now = {name: value for name, value in numbers.items() if name != "before"}
        assert found.answer == convolved(**now, channels=3).flatten(1).shape[1], numbers
        unchanged = convolved(**now | {"padding": before}, channels=3).flatten(1).shape[1]
        assert found.mistakes[0].answer == unchanged, numbers


def test_the_message_is_torchs_own_and_with_the_answer_the_layer_runs():
    for numbers, found in asked(lesson.q4, at_most=80):
        batch, outputs = numbers["batch"], numbers["outputs"]
        arrives = torch.zeros(batch, numbers["conv_channels"] * numbers["arriving"] ** 2)
        written = numbers["conv_channels"] * numbers["written"] ** 2
        with pytest.raises(RuntimeError) as error:
            nn.Linear(written, outputs)(arrives)
        assert f"`{error.value}`" in found.text
        assert nn.Linear(found.answer, outputs)(arrives).shape == (batch, outputs)


def test_each_of_the_ten_networks_has_the_cause_that_trace_finds():
    """The words in which trace's diagnosis says the same as the question's cause, and PyTorch's error, or none."""
    diagnosed = [
        ("4050 numbers arrive", RuntimeError),
        ("not flattened", RuntimeError),
        ("x.view(-1, 4608): 4 images went in, and 9 rows came out", None),
        ("conv1: 1 channel arrives", RuntimeError),
        ("channels last", RuntimeError),
        ("One picture without a batch", RuntimeError),
        ("conv1: The kernel (7) is larger", RuntimeError),
        ("pool: The kernel (2) is larger", RuntimeError),
        ("the target is (4, 1)", (RuntimeError, ValueError)),
        ("torch.uint8 arrive", RuntimeError),
    ]
    networks = ten_networks()
    assert list(networks) == list(range(1, 11))
    for (model, inputs), (words, error) in zip(networks.values(), diagnosed, strict=True):
        assert words in trace(model, inputs).problem.what
        with pytest.raises(error) if error else nullcontext():
            model(*inputs)


def test_two_causes_that_change_places_are_told_at_the_first_of_the_two_networks():
    for one, other in combinations(range(10), 2):
        lines = list(lesson.q8.lines)
        lines[one], lines[other] = lines[other], lines[one]
        mistake = lesson.q8.problem(lines)
        assert mistake.name == lesson.OVERLOOKED[one][0]
        assert mistake.why.startswith(f"8 of 10 fit. Look at network {one + 1} again: ")
        assert lesson.CAUSES[one] not in mistake.why
    assert lesson.q8.problem([*lesson.q8.lines[1:], lesson.q8.lines[0]]).why.startswith("None fits yet.")


def test_what_a_pooled_number_sees_is_where_torch_has_a_gradient():
    for numbers, found in asked(lesson.q9, at_most=80):
        row = torch.ones(1, 1, 60, requires_grad=True)
        kernel = torch.ones(1, 1, numbers["kernel_size"])
        F.avg_pool1d(F.conv1d(row, kernel), numbers["pool"])[0, 0, 1].backward()
        assert found.answer == (row.grad != 0).sum(), numbers


@pytest.mark.parametrize("question", questions(lesson, Prediction), ids=lambda question: question.name)
def test_no_word_about_a_mistake_ends_with_the_right_answer(question):
    for seed in range(50):
        question.again(seed)
        asked = question.asked()
        for words in (asked.working, *(mistake.why for mistake in asked.mistakes)):
            assert not re.search(rf"[=:→] {re.escape(str(asked.answer))}$", words.rstrip(" .")), words


# Functions written as a learner would; none of them is among the known mistakes.


def without_padding(image_size, conv_channels, kernel_size, padding):
    return conv_channels * ((image_size - kernel_size + 1) // 2) ** 2


def without_plus_one(image_size, conv_channels, kernel_size, padding):
    return conv_channels * ((image_size + 2 * padding - kernel_size) // 2) ** 2


def rounds_the_pool_up(image_size, conv_channels, kernel_size, padding):
    return conv_channels * -((-(image_size + 2 * padding - kernel_size + 1) // 2) ** 2)


def colours(image_size, conv_channels, kernel_size, padding):
    return 3 * ((image_size + 2 * padding - kernel_size + 1) // 2) ** 2


def strides_twice(image_size, conv_channels, kernel_size, padding):
    return conv_channels * ((image_size + 2 * padding - kernel_size) // 2 // 2 + 1) ** 2


def one_number(image_size, conv_channels, kernel_size, padding):
    return 18 * 16 * 16


def a_shape(image_size, conv_channels, kernel_size, padding):
    size = (image_size + 2 * padding - kernel_size + 1) // 2
    return conv_channels, size, size


def by_sending_zeros(image_size, conv_channels, kernel_size, padding):
    layers = nn.Sequential(nn.Conv2d(3, conv_channels, kernel_size, padding=padding), nn.MaxPool2d(2))
    return layers(torch.zeros(1, 3, image_size, image_size)).numel()


def in_one_line(image_size, conv_channels, kernel_size, padding):
    return conv_channels * ((image_size + 2 * padding - kernel_size + 1) // 2) ** 2


def layers(padding, linear, flatten=None, pool=2):
    first = [nn.Conv2d(3, 18, 3, padding=padding), nn.ReLU(), nn.MaxPool2d(pool), flatten or nn.Flatten()]
    return nn.Sequential(*first, linear, nn.ReLU(), nn.Linear(64, 10))


def batch_in_the_row(image_size, padding):
    size = (image_size + 2 * padding - 2) // 2
    return layers(padding, nn.Linear(18 * size * size, 64), nn.Flatten(0))


def batch_in_fc1(image_size, padding):
    size = (image_size + 2 * padding - 2) // 2
    return layers(padding, nn.Linear(4 * 18 * size * size, 64))


def padding_on_one_side(image_size, padding):
    return layers(padding, nn.Linear(18 * ((image_size + padding - 2) // 2) ** 2, 64))


def viewed(image_size, padding):
    """Rows of 4608, wherever the pictures end."""

    class Rows(nn.Module):
        def forward(self, x):
            return x.reshape(-1, 4608)

    return layers(padding, nn.Linear(4608, 64), Rows())


def same_padding(image_size, padding):
    return layers("same", nn.Linear(18 * (image_size // 2) ** 2, 64))


def returns_no_model(image_size, padding):
    layers(padding, nn.Linear(4608, 64))


def lazily(image_size, padding):
    return layers(padding, nn.LazyLinear(64))


def as_a_class(image_size, padding):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 18, 3, padding=padding)
            self.fc1 = nn.Linear(18 * ((image_size + 2 * padding - 2) // 2) ** 2, 64)
            self.fc2 = nn.Linear(64, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            return self.fc2(F.relu(self.fc1(x.flatten(1))))

    return Net()


def halved_by_dividing(image_size, conv_channels, kernel_size, padding):
    size = (image_size + 2 * padding - kernel_size + 1) / 2
    return conv_channels * size * size


def minus_the_mean_probability(logits, labels):
    return -logits.softmax(dim=1)[range(len(labels)), labels].mean()


KNOWN = {halved_by_dividing: (lesson.q5, "Write `// 2`."), minus_the_mean_probability: (lesson.q7, "−log p, not −p.")}


@pytest.mark.parametrize("function", KNOWN, ids=lambda function: function.__name__)
def test_a_likely_mistake_is_told_by_its_step(function):
    question, words = KNOWN[function]
    assert words in repr(question.check(function))


def as_a_float(logits, labels):
    return F.cross_entropy(logits, labels).item()


def sigmoid_in_front(logits, labels):
    return F.cross_entropy(logits.sigmoid(), labels)


def largest_in_place_of_right(logits, labels):
    return -logits.log_softmax(dim=1).amax(dim=1).mean()


def minus_forgotten(logits, labels):
    return logits.log_softmax(dim=1)[range(len(labels)), labels].mean()


def mean_before_log(logits, labels):
    return -logits.softmax(dim=1)[range(len(labels)), labels].mean().log()


def base_ten(logits, labels):
    return -logits.softmax(dim=1)[range(len(labels)), labels].log10().mean()


def whole_numbers_one_hot(logits, labels):
    return F.cross_entropy(logits, F.one_hot(labels, logits.shape[1]))


def divided_by_classes(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum") / logits.shape[1]


def log_softmax_in_front(logits, labels):
    """A softmax of it changes nothing: the sum of exp is 1 already."""
    return F.cross_entropy(logits.log_softmax(dim=1), labels)


def by_hand(logits, labels):
    return -logits.softmax(dim=1)[range(len(labels)), labels].log().mean()


def nll(logits, labels):
    return nn.NLLLoss()(F.log_softmax(logits, dim=1), labels)


def one_hot_floats(logits, labels):
    return F.cross_entropy(logits, F.one_hot(labels, logits.shape[1]).float())


WRONG = {
    lesson.q5: [without_padding, without_plus_one, rounds_the_pool_up, colours, strides_twice, one_number, a_shape],
    lesson.q6: [batch_in_the_row, batch_in_fc1, padding_on_one_side, viewed, same_padding, returns_no_model],
    lesson.q7: [
        sigmoid_in_front,
        largest_in_place_of_right,
        minus_forgotten,
        mean_before_log,
        base_ten,
        whole_numbers_one_hot,
        divided_by_classes,
    ],
}
RIGHT = {
    lesson.q5: [by_sending_zeros, in_one_line],
    lesson.q6: [lazily, as_a_class],
    lesson.q7: [log_softmax_in_front, by_hand, nll, one_hot_floats, as_a_float],
}


@each(WRONG)
def test_a_wrong_function_is_rejected(question, function):
    assert {feedback.state for feedback in checked(question, function, seeds=4)} == {"wrong"}


@each(RIGHT)
def test_a_right_one_written_otherwise_is_accepted(question, function):
    for feedback in checked(question, function, seeds=4):
        assert feedback.state == "right", feedback


def broken_network(image_size, padding):
    return layers(padding, nn.Linear(18 * 16 * 16, 64))


def test_a_network_that_does_not_fit_is_explained_by_trace():
    feedback = repr(lesson.q6.check(broken_network))
    assert "Not fixed yet" in feedback
    assert "mat1 and mat2 shapes cannot be multiplied (4x4050 and 4608x64)" in feedback
    assert "4050 numbers arrive for each image, but model[4] is written for 4608." in feedback


def test_a_padding_put_back_is_told_though_all_scores_have_the_right_shape():
    def padded_again(image_size, padding):
        return layers(1, nn.LazyLinear(64))

    feedback = repr(lesson.q6.check(padded_again))
    assert "the padding put back" in feedback
    assert "after the convolution" in feedback
