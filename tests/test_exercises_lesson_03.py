"""Lesson 03's answers are torch's; functions written as a learner might write them are judged rightly."""

from math import prod

import pytest
import torch
import torch.nn.functional as F
from exercising import answers, asked, checked, each

from helpers.exercises import lesson_03 as lesson
from helpers.model import SimpleCNN


def test_the_place_and_the_way_back_are_torchs():
    tried = answers(lesson.q1, 400)
    assert len(tried) > 30
    for numbers, answer in tried:
        x = torch.arange(numbers["channels"] * numbers["height"] * numbers["width"])
        x = x.reshape(numbers["channels"], numbers["height"], numbers["width"])
        assert answer == x[numbers["c"], numbers["h"], numbers["w"]]
    tried = answers(lesson.q2, 400)
    assert len(tried) > 30
    for numbers, answer in tried:
        sizes = (numbers["channels"], numbers["height"], numbers["width"])
        assert answer == tuple(map(int, torch.unravel_index(torch.tensor(numbers["place"]), sizes)))


def test_strides_and_flattened_shapes_are_torchs():
    for numbers, answer in answers(lesson.q4, 400):
        x = torch.zeros(numbers["channels"], numbers["height"], numbers["width"])
        assert answer == x.permute(numbers["order"]).stride()
    for numbers, answer in answers(lesson.q6, 400):
        assert answer == torch.flatten(torch.zeros(tuple(numbers.values()), device="meta"), 1).shape


def test_what_reshape_copies_is_torchs_and_the_other_order_is_a_mistake():
    tried = list(asked(lesson.q5, 400))
    assert len(tried) > 30
    for numbers, found in tried:
        k, sizes = numbers["k"], (numbers["channels"], numbers["height"], numbers["width"])
        x = torch.arange(prod(sizes)).reshape(sizes)
        mistakes = {mistake.name: mistake.answer for mistake in found.mistakes}
        assert found.answer == x.permute(1, 2, 0).reshape(-1)[k]
        assert mistakes["permuted the other way"] == x.permute(2, 0, 1).reshape(-1)[k]


def test_a_convolution_that_is_taken_to_keep_the_size_is_a_known_mistake():
    assert "you halved 40" in repr(lesson.q9.predict(12 * 20 * 20))


def test_the_rows_are_those_of_the_network_with_the_view():
    model = SimpleCNN().to("meta")
    tried = answers(lesson.q7, 400)
    assert len(tried) > 20
    for numbers, answer in tried:
        images = torch.zeros(numbers["pictures"], 3, numbers["image_size"], numbers["image_size"], device="meta")
        maps = model.pool(model.conv1(images))
        try:
            assert answer == len(maps.view(-1, 18 * 16 * 16))
        except RuntimeError:
            assert answer == "error"
    assert 10 < sum(answer == "error" for _, answer in tried) < len(tried) - 10, "neither goes without saying"


def test_the_inputs_of_fc1_are_those_that_torch_flattens():
    tried = answers(lesson.q9, 400)
    assert len(tried) > 30
    for numbers, answer in tried:
        conv1 = torch.nn.Conv2d(3, numbers["conv_channels"], numbers["kernel_size"], padding=numbers["padding"])
        maps = conv1.to("meta")(torch.zeros(1, 3, numbers["image_size"], numbers["image_size"], device="meta"))
        assert answer == F.max_pool2d(maps, 2).flatten(1).shape[1]


# Written as a learner would; none of them is among the known mistakes.


def rows_of_all_channels(place, height, width):
    c = place // (height * width)
    return c, (place - c) // width, place % width


def height_and_width_swapped(place, height, width):
    c, rest = divmod(place, height * width)
    w, h = divmod(rest, width)
    return c, h, w


def as_floats(place, height, width):
    return place / (height * width), place / width % height, place % width


def one_less(place, height, width):
    c, rest = divmod(place, (height - 1) * (width - 1) or 1)
    return c, rest // max(width - 1, 1), rest % max(width - 1, 1)


def without_the_column(place, height, width):
    return place // (height * width), place % (height * width) // width


def by_modulo(place, height, width):
    return [place // width // height, place // width % height, place % width]


WRONG = {lesson.q3: [rows_of_all_channels, height_and_width_swapped, as_floats, one_less, without_the_column]}


@each(WRONG)
def test_a_wrong_way_back_is_rejected(question, function):
    assert {feedback.state for feedback in checked(question, function, seeds=3)} == {"wrong"}


def test_a_way_back_written_otherwise_is_accepted():
    assert lesson.q3.check(by_modulo).state == "right"


def scores(flatten):
    return lambda model, images: model.fc2(F.relu(model.fc1(flatten(model.pool(F.relu(model.conv1(images)))))))


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.reshape(-1, 4608),
        lambda x: x.view(2, 4608),
        lambda x: x.flatten(),
        lambda x: x.view(1, -1),
        lambda x: x.reshape(len(x), -1)[:, :4608] * 2,
        lambda x: x.permute(0, 2, 3, 1).reshape(len(x), -1),
        lambda x: x.flatten()[: len(x) * 4608].view(-1, 4608),
        lambda x: x[:, :, :16, :16].reshape(-1, 4608)[: len(x) - 1],
    ],
)
def test_a_view_that_is_fixed_wrongly_is_rejected(flatten):
    assert lesson.q8.check(scores(flatten)).state in ("wrong", "open")


def test_only_the_same_mistake_in_other_words_is_not_fixed_yet():
    assert "Not fixed yet" in lesson.q8.check(scores(lambda x: x.reshape(-1, 4608))).headline
    assert lesson.q8.check(scores(lambda x: x.flatten())).state == "wrong"


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: x.view(len(x), -1),
        lambda x: x.reshape(x.shape[0], -1),
        lambda x: torch.nn.Flatten()(x),
        lambda x: x.view(-1, x.shape[1] * x.shape[2] * x.shape[3]),
        lambda x: F.adaptive_avg_pool2d(x, 16).flatten(1),
    ],
)
def test_a_view_that_is_fixed_otherwise_is_accepted(flatten):
    feedback = lesson.q8.check(scores(flatten))
    assert feedback.state == "right", feedback


def test_the_picture_of_the_bug_is_nine_rows_for_four_pictures():
    assert "rows of scores, if there is no error: Yours is 9, expected is 4." in repr(lesson.q8.check(lesson.q8.broken))


def test_an_error_of_ones_own_for_another_size_is_loud_as_well():
    def strict(x):
        assert x.shape[1:] == (18, 16, 16)
        return x.view(-1, 4608)

    assert lesson.q8.check(scores(strict)).state == "right"
