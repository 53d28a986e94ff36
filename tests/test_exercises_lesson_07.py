"""Lesson 07's answers are torch's; the course's own network in the contest is as small and as good as is said."""

import re
from pathlib import Path

import nbformat
import pytest
import torch
import torch.nn.functional as F
from exercising import answers, checked, each, named
from torch import nn

from helpers.exercises import lesson_07 as lesson
from helpers.trace import trace

LESSON = nbformat.read(Path(__file__).parent.parent / "notebooks" / "07_inside_your_network.ipynb", as_version=4)


def test_a_filters_answer_to_one_colour_is_torchs():
    for numbers, answer in answers(lesson.q1, 200):
        # The sums, spread unevenly over the nine weights.
        spread = torch.arange(9.0).reshape(3, 3) - 4
        weight = torch.stack([spread + number / 9 for number in numbers["sums"]])[None]
        pixels = torch.tensor(numbers["colour"], dtype=torch.float)[None, :, None, None].expand(1, 3, 3, 3)
        found = F.conv2d(pixels, weight, torch.tensor([float(numbers["bias"])]))
        assert answer == pytest.approx(found.item(), abs=1e-4)


def test_relu_and_pool_are_torchs():
    tried = answers(lesson.q3, 200)
    assert {answer for _, answer in tried} == {0.0, 1.0, 2.0}
    for numbers, answer in tried:
        window = torch.tensor(numbers["four"]).reshape(1, 2, 2)
        assert answer == F.max_pool2d(F.relu(window), 2).item()


def test_a_positive_number_is_asked_for_as_well_as_a_negative_one(monkeypatch):
    """ReLU changes nothing about it, so to forget the ReLU is no mistake there."""
    asked = []
    for seed in range(40):
        monkeypatch.setattr(lesson.q3, "seed", seed)
        asked.append(lesson.q3.asked())
    assert {question.answer for question in asked} == {0.0, 1.0, 2.0}
    for question in asked:
        names = {mistake.name for mistake in question.mistakes}
        assert ("the ReLU forgotten" in names) == (question.answer == 0)


def test_what_can_go_is_what_two_linear_layers_lose():
    for numbers, answer in answers(lesson.q5, 100):

        def parameters(features, inputs=numbers["inputs"], classes=numbers["classes"]):
            layers = nn.Linear(inputs, features, device="meta"), nn.Linear(features, classes, device="meta")
            return sum(weight.numel() for layer in layers for weight in layer.parameters())

        assert answer == parameters(numbers["features"]) - parameters(numbers["features"] - numbers["dead"])


def test_the_lead_is_the_difference_of_two_scores():
    for numbers, answer in answers(lesson.q6, 300):
        fc2 = nn.Linear(3, 2)
        with torch.no_grad():
            fc2.weight.copy_(torch.tensor([numbers["given"], numbers["right"]]))
            fc2.bias.copy_(torch.tensor(numbers["biases"]))
            given, right = fc2(torch.tensor(numbers["features"], dtype=torch.float))
        assert answer == (given - right).item()
        assert answer > 0, "it is the class that was given"


def test_the_second_convolutions_parameters_are_torchs():
    for numbers, answer in answers(lesson.q7, 100):
        second = nn.Conv2d(numbers["first"], numbers["second"], numbers["kernel_size"], device="meta")
        assert answer == sum(weight.numel() for weight in second.parameters())


def test_what_the_linear_layer_reads_and_a_number_sees_is_what_torch_finds():
    for numbers, answer in answers(lesson.q8, 100):
        maps = torch.zeros(1, 3, numbers["image_size"], numbers["image_size"], device="meta")
        for channels in (4, numbers["second"]):
            maps = F.max_pool2d(
                nn.Conv2d(maps.shape[1], channels, 3, padding=numbers["padding"], device="meta")(maps), 2
            )
        assert answer == maps.flatten(1).shape[1]
    for numbers, answer in answers(lesson.q9):
        first, second = numbers["kernels"]
        front = nn.Sequential(nn.Conv2d(1, 1, first), nn.AvgPool2d(2), nn.Conv2d(1, 1, second), nn.AvgPool2d(2))
        pixels = torch.zeros(1, 1, 64, 64, requires_grad=True)
        front(pixels)[0, 0, 2, 2].backward()
        assert answer == (pixels.grad != 0).any(dim=-1).sum()


def printed(start):
    """The numbers in the line that begins like this and ends with a number, of what the lesson printed."""
    texts = [output.get("text", "") for cell in LESSON.cells for output in cell.get("outputs", [])]
    lines = [line for text in texts for line in text.split("\n") if "parameters" not in line]
    (line,) = (line for line in lines if re.fullmatch(rf"{start}[ :].*[\d%}}]", line))
    return [float(number) for number in re.findall(r"[\d.]+(?![\d.:])", line.removeprefix(start))]


def test_what_the_lesson_concludes_from_what_it_trains_is_what_was_printed():
    """nbval does not compare what is trained."""
    slow, one, two = printed("SimpleCNN"), printed("without fc1"), printed("two convolutions")
    assert min(one + two) > max(slow), "they do not overlap"
    assert min(one) < max(two), "they overlap"
    assert min(two) < max(one), "they overlap"
    before, first, *_, eighth = printed("dead after how many steps")
    assert before == 0
    assert first == pytest.approx(64 / 3, abs=4), "a third of them"
    assert eighth > 32, "most of them"
    assert max(printed("the same with BatchNorm in front of fc1")) < first
    (spread,) = printed("before, features spread by")
    (step,) = printed("so 0.002 off each weight moves a feature by")
    assert step > 4 * spread


def test_the_lesson_says_how_many_parameters_the_courses_own_network_has():
    (asked,) = (cell.source for cell in LESSON.cells if "(q11):" in cell.source)
    assert f"network has {lesson.q11.fewest:,} parameters" in " ".join(asked.split())


# Written as a learner would; none of them is among the known mistakes.


def at_the_wrong_end(image, weight, bias, row, column):
    padded = F.pad(image, (2, 0, 2, 0))
    return (padded[:, row : row + 3, column : column + 3] * weight).sum() + bias


def rows_for_columns(image, weight, bias, row, column):
    return lesson.one_cell(image, weight, bias, column, row)


def after_the_relu(image, weight, bias, row, column):
    return F.relu(lesson.one_cell(image, weight, bias, row, column))


def by_the_sum(maps):
    return maps.sum(dim=(0, 1, 2)) == 0


def alive_maps(maps):
    return maps.amax(dim=(0, 2, 3)) > 0


def of_two_dimensions(maps):
    return (maps == 0).all(dim=3).all(dim=0)


def by_numbers(maps):
    return (maps.amax(dim=(0, 2, 3)) <= 0).nonzero().flatten().tolist()


def two_linear_layers(first, second):
    return nn.Sequential(
        *list(lesson.two_convolutions(first, second))[:-1], nn.Linear(second * 64, 32), nn.Linear(32, 10)
    )


def without_padding(first, second):
    return nn.Sequential(
        *(nn.Conv2d(3, first, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(second * 36, 10)),
    )


def without_its_first_relu(first, second):
    layers = list(lesson.two_convolutions(first, second))
    return nn.Sequential(layers[0], *layers[2:])


def without_its_second_relu(first, second):
    layers = list(lesson.two_convolutions(first, second))
    return nn.Sequential(*layers[:4], *layers[5:])


def a_class_instead(first, second):
    return nn.Conv2d


OTHERS = {
    lesson.q2: [at_the_wrong_end, rows_for_columns, after_the_relu],
    lesson.q4: [by_the_sum, alive_maps, of_two_dimensions, by_numbers],
    lesson.q10: [
        *(two_linear_layers, without_padding, a_class_instead),
        *(without_its_first_relu, without_its_second_relu),
    ],
}


@each(OTHERS)
def test_another_mistake_is_rejected_and_not_called_by_a_known_name(question, function):
    for told in checked(question, function, 3):
        assert told.state == "wrong"
        assert named(question, told) == []


def in_two_loops(image, weight, bias, row, column):
    total = bias.item()
    for channel in range(image.shape[0]):
        for i in range(3):
            for j in range(3):
                y, x = row + i - 1, column + j - 1
                if 0 <= y < image.shape[1] and 0 <= x < image.shape[2]:
                    total += image[channel, y, x].item() * weight[channel, i, j].item()
    return total


def by_all(maps):
    return (maps == 0).all(dim=3).all(dim=2).all(dim=0)


class Own(nn.Module):
    """The same as a class, with the ReLU after the pool."""

    def __init__(self, first, second):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, first, 3, padding=1), nn.Conv2d(first, second, 3, padding="same")
        self.fc = nn.Linear(second * 8 * 8, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        return self.fc(F.relu(F.max_pool2d(self.conv2(x), 2)).flatten(1))


@each({lesson.q2: [in_two_loops], lesson.q4: [by_all], lesson.q10: [Own]})
def test_another_way_that_is_right_is_accepted(question, function):
    for told in checked(question, function, 3):
        assert told.state == "right", told


def test_the_courses_own_network_is_as_small_as_is_said_and_right_often_enough():
    model = lesson.course_network()
    assert trace(model, (1, 3, 32, 32)).ok
    told = lesson.q11.check(model)
    assert told.state == "right"
    assert f"{lesson.q11.fewest:,} parameters" in told.headline
