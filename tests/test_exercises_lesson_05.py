"""Lesson 05's answers are torch's; every order of the five lines does what its mistake says; functions are judged."""

import ast
import random
from collections import Counter
from copy import deepcopy
from functools import cache
from itertools import permutations
from pathlib import Path

import nbformat
import pytest
import torch
import torch.nn.functional as F
from exercising import answers, checked, each, questions
from exercising import named as mistakes_named
from torch import nn

from helpers.exercises import lesson_05 as lesson
from helpers.exercises.implementation import Implementation
from helpers.model import SimpleCNN

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "05_training_on_gpu.ipynb"


# -- numbers -------------------------------------------------------------------------------------------


def test_the_batches_are_those_that_torch_splits_into():
    for numbers, answer in answers(lesson.q1):
        assert answer == len(torch.zeros(numbers["pictures"]).split(numbers["batch_size"])), numbers


def test_the_loss_before_training_is_that_of_equal_scores():
    for numbers, answer in answers(lesson.q2):
        loss = F.cross_entropy(torch.zeros(7, numbers["classes"]), torch.zeros(7, dtype=torch.int64))
        assert answer == pytest.approx(loss.item(), rel=1e-5), numbers


def test_the_gradient_is_what_backward_adds_up():
    for numbers, answer in answers(lesson.q4):
        weight = torch.zeros((), requires_grad=True)
        for slope in numbers.values():
            (slope * weight).backward()
        assert answer == weight.grad.item(), numbers


def test_the_mean_over_all_pictures_is_torchs():
    for numbers, answer in answers(lesson.q11):
        size, last_size, loss, last_loss = numbers.values()
        losses = torch.tensor([float(loss)] * (2 * size) + [float(last_loss)] * last_size)
        assert answer == pytest.approx(losses.mean().item(), rel=1e-5), numbers


def test_the_time_is_that_of_a_gpu_which_works_piece_after_piece():
    for numbers, answer in answers(lesson.q9):
        handed_over = [numbers["hand_over"] * (piece + 1) for piece in range(numbers["pieces"])]
        done = 0
        for moment in handed_over:
            done = max(done, moment) + numbers["work"]
        assert answer == pytest.approx(done), numbers
        without_waiting = lesson.q9._ask(**numbers).mistakes[0]
        assert without_waiting.answer == pytest.approx(handed_over[-1])


def test_adams_first_step_is_torchs_and_its_mistakes_are_the_steps_they_name():
    for numbers, answer in answers(lesson.q10):
        start, gradient, lr = numbers.values()
        after = {}
        for optimizer in (torch.optim.Adam, torch.optim.SGD):
            weight = torch.tensor(float(start), requires_grad=True)
            (gradient * weight).backward()
            optimizer([weight], lr=lr).step()
            after[optimizer] = weight.item()
        assert answer == pytest.approx(after[torch.optim.Adam], abs=1e-5), numbers
        plain, along, whole, uncorrected = (mistake.answer for mistake in lesson.q10._ask(**numbers).mistakes)
        assert plain == pytest.approx(after[torch.optim.SGD], abs=1e-5)
        assert (along + answer) / 2 == pytest.approx(start)
        assert abs(whole - start) == 1
        assert abs(uncorrected - start) == pytest.approx(lr * 10**0.5, abs=0.01)  # 0.1 / √0.001 = √10


def test_the_obvious_ways_to_write_the_answers_are_right():
    assert lesson.q2.predict(4.61).state == lesson.q2.predict("4.605").state == "right"
    assert lesson.q11.predict(1.09).state == lesson.q11.predict(284 / 260).state == "right"


# -- the five lines in all orders ----------------------------------------------------------------------

RIGHT = lesson.FIVE_LINES
ALL_ORDERS = list(permutations(RIGHT))
torch.manual_seed(0)
BATCHES = [(torch.randn(4, 3, 8, 8), torch.arange(4)) for _ in range(3)]


@cache
def rounds(lines, count=3, begin=()):
    """The weights after so many rounds of these lines, with fresh names; or the error that stopped them."""
    torch.manual_seed(0)
    model = SimpleCNN(image_size=8, conv_channels=2, hidden_features=4)
    names = {"F": F, "model": model, "optimizer": torch.optim.Adam(model.parameters(), lr=0.01)}
    names["images"], names["labels"] = BATCHES[0]
    for line in begin:
        exec(line, names)
    try:
        for images, labels in BATCHES[:count]:
            names |= {"images": images, "labels": labels}
            for line in lines:
                exec(line, names)
    except (NameError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def happened(lines):
    """In a word, what these lines do in three rounds."""
    weights = rounds(lines)
    if isinstance(weights, str):
        return weights.split(":")[0]
    for word, after in (("unchanged", 0), ("trained", 3), ("a round late", 2)):
        if torch.equal(weights, rounds(RIGHT, after)):
            return word
    return "something else"


HAPPENS = {
    None: "trained",
    "backward before the loss": "NameError",
    "the loss before the logits": "NameError",
    "zero_grad between backward and step": "unchanged",
    "step before backward": "unchanged",
    "step between forward and backward": "RuntimeError",
    "step a round too late": "a round late",
}


def named(lines):
    mistake = lesson.q3.problem(list(lines))
    return mistake.name if mistake else None


def test_each_of_the_120_orders_does_what_the_name_of_its_mistake_says():
    assert len(ALL_ORDERS) == 120
    for lines in ALL_ORDERS:
        assert happened(lines) == HAPPENS[named(lines)], lines
    assert set(map(named, ALL_ORDERS)) == set(HAPPENS)
    assert Counter(HAPPENS[named(lines)] for lines in ALL_ORDERS)["trained"] == 4


def test_the_missing_name_is_the_one_that_the_mistake_speaks_of():
    missing = {"backward before the loss": "'loss'", "the loss before the logits": "'logits'"}
    for lines in ALL_ORDERS:
        if name := missing.get(named(lines)):
            assert name in rounds(lines), lines


def test_with_old_names_lying_about_torch_refuses_to_go_backward_a_second_time():
    tried = [lines for lines in ALL_ORDERS if HAPPENS[named(lines)] == "NameError"]
    assert len(tried) == 100
    for lines in tried:
        assert "backward through the graph a second time" in rounds(lines, begin=RIGHT), lines


def test_the_order_that_is_refused_is_refused_for_changed_weights_and_in_the_second_round():
    tried = [lines for lines in ALL_ORDERS if HAPPENS[named(lines)] == "RuntimeError"]
    for lines in tried:
        assert not isinstance(rounds(lines, count=1), str)
        assert "modified by an inplace operation" in rounds(lines, count=2)


def test_a_wrong_order_is_named_under_other_letters_too():
    for seed in range(5):
        lesson.q3.again(seed)
        letters = {line: letter for letter, line in lesson.q3.lettered().items()}
        for lines in ALL_ORDERS[::7]:
            feedback = lesson.q3.check("".join(letters[line] for line in lines))
            names = [paragraph[0] for paragraph in feedback.paragraphs if isinstance(paragraph, tuple)]
            assert names == ([named(lines)] if named(lines) else [])
            assert feedback.state == ("wrong" if named(lines) else "right")


# -- functions, written as a learner would; none of them is among the known mistakes ----------------------


def step_left_out(model, images, labels, optimizer):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    return loss


def adds_the_losses_up(model, images, labels, optimizer):
    loss = F.cross_entropy(model(images), labels, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def steps_twice(model, images, labels, optimizer):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss


def returns_the_logits(model, images, labels, optimizer):
    logits = model(images)
    optimizer.zero_grad()
    F.cross_entropy(logits, labels).backward()
    optimizer.step()
    return logits


def returns_the_loss_after_the_step(model, images, labels, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    return F.cross_entropy(model(images), labels)


def makes_its_own_optimizer(model, images, labels, optimizer):
    optimizer = torch.optim.Adam(model.parameters())
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def returns_nothing(model, images, labels, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()


def zero_grad_first_and_a_number(model, images, labels, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def zero_grad_last_by_the_model(model, images, labels, optimizer):
    loss = nn.CrossEntropyLoss()(model(images), labels)
    loss.backward()
    optimizer.step()
    model.zero_grad()
    return loss.detach()


def gradients_filled_with_zeros(model, images, labels, optimizer):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss


def first_batch_only(model, batches, optimizer):
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        break
    return losses


def step_then_backward(model, batches, optimizer):
    losses = []
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels)
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


def zero_grad_every_other_time(model, batches, optimizer):
    losses = []
    for number, (images, labels) in enumerate(batches):
        if number % 2 == 0:
            optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def one_number(model, batches, optimizer):
    return sum(zero_grad_first_and_a_number(model, *batch, optimizer) for batch in batches)


def loop_with_zero_grad_last(model, batches, optimizer):
    return [zero_grad_last_by_the_model(model, *batch, optimizer) for batch in batches]


def stays_in_train_mode(model, images, labels):
    model.train()
    with torch.inference_mode():
        return (model(images).argmax(dim=1) == labels).float().mean().item()


def part_that_is_wrong(model, images, labels):
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(dim=1) != labels).float().mean().item()


def count_that_is_right(model, images, labels):
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(dim=1) == labels).sum().item()


def first_layer_in_eval_mode(model, images, labels):
    model[0].eval()
    with torch.no_grad():
        return (model(images).argmax(dim=1) == labels).float().mean().item()


def puts_the_mode_back(model, images, labels):
    model.eval()
    with torch.inference_mode():
        right = (model(images).argmax(dim=1) == labels).sum()
    model.train()
    return right / len(labels)


def sum_of_means(model, batches):
    return sum(F.cross_entropy(model(images), labels).item() for images, labels in batches)


def first_batch_of_all(model, batches):
    images, labels = batches[0]
    return F.cross_entropy(model(images), labels).item()


def median(model, batches):
    return torch.stack([F.cross_entropy(model(images), labels) for images, labels in batches]).median()


def mean_on_softmax(model, batches):
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return F.cross_entropy(model(images).softmax(dim=1), labels)


def weighed_means(model, batches):
    total = sum(F.cross_entropy(model(images), labels) * len(images) for images, labels in batches)
    return total / sum(len(images) for images, _ in batches)


def holds_one_layer(model, device):
    model.to(device)
    return torch.optim.Adam(list(model.parameters())[:1])


def holds_another_model(model, device):
    model.to(device)
    return torch.optim.Adam(SimpleCNN(image_size=8).to(device).parameters())


def holds_a_copy(model, device):
    model.to(device)
    return torch.optim.Adam(deepcopy(model).parameters())


def moves_weights_one_by_one(model, device):
    return torch.optim.Adam([parameter.to(device) for parameter in model.parameters()])


def moves_back(model, device):
    optimizer = torch.optim.Adam(model.to(device).parameters())
    model.to_empty(device="cpu")
    return optimizer


def returns_the_model(model, device):
    return model.to(device)


def plain_sgd(model, device):
    model = model.to(device)
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


WRONG = {
    lesson.q5: [
        step_left_out,
        adds_the_losses_up,
        steps_twice,
        returns_the_logits,
        returns_the_loss_after_the_step,
        makes_its_own_optimizer,
        returns_nothing,
    ],
    lesson.q6: [first_batch_only, step_then_backward, zero_grad_every_other_time, one_number],
    lesson.q7: [part_that_is_wrong, count_that_is_right, first_layer_in_eval_mode, stays_in_train_mode],
    lesson.q8: [
        holds_one_layer,
        holds_another_model,
        holds_a_copy,
        moves_weights_one_by_one,
        moves_back,
        returns_the_model,
    ],
    lesson.q12: [sum_of_means, first_batch_of_all, median, mean_on_softmax],
}
RIGHT_TOO = {
    lesson.q5: [zero_grad_first_and_a_number, zero_grad_last_by_the_model, gradients_filled_with_zeros],
    lesson.q6: [loop_with_zero_grad_last],
    lesson.q7: [puts_the_mode_back],
    lesson.q8: [plain_sgd],
    lesson.q12: [weighed_means],
}


@each(WRONG)
def test_a_wrong_function_is_rejected(question, function):
    # What is as wrong as the lesson's own function, and no more, is not mended yet.
    like_the_lessons = {first_layer_in_eval_mode, stays_in_train_mode}
    expected = "open" if function in like_the_lessons else "wrong"
    assert {feedback.state for feedback in checked(question, function, seeds=3)} == {expected}


@each(RIGHT_TOO)
def test_a_function_written_otherwise_is_accepted(question, function):
    for feedback in checked(question, function, seeds=3):
        assert feedback.state == "right", feedback


def test_a_step_that_returns_nothing_or_no_number_is_told_so():
    assert "It returns nothing. Does it end with `return`?" in repr(lesson.q5.check(returns_nothing))
    assert "a number is expected" in repr(lesson.q5.check(returns_the_logits))


@pytest.mark.parametrize("count", range(4))
def test_a_loop_is_said_never_to_change_a_weight_if_it_never_does(count):
    """Whichever of the three calls it has, in whichever order."""
    for calls in permutations(("zero_grad", "backward", "step"), count):
        function = lesson._train_with(lesson._step(*calls))
        case = lesson._epochs(random.Random(0))[0]
        before = lesson._weights(case["model"])
        is_still = torch.equal(lesson._epoch(function, **case)["weights"], before)
        for feedback in checked(lesson.q6, function, seeds=2):
            assert mistakes_named(lesson.q6, feedback) == ["weights that never change"] * is_still, calls


def test_a_mean_without_its_return_is_told_so():
    assert "It returns nothing. Does it end with `return`?" in repr(lesson.q12.check(lambda model, batches: None))


def test_dropout_and_batch_norm_both_make_the_untouched_accuracy_too_low_in_every_instance():
    """So the lesson's function never passes by luck, and eval() is asked for with either of the two."""
    for seed in range(40):
        for case in lesson._testing(random.Random(seed)):
            assert lesson._tested_twice(lesson.q7.broken, **deepcopy(case))["accuracy"] < 0.7
            assert lesson._tested_twice(lesson.q7.reference, **case)["accuracy"] == 0.75


def test_the_functions_to_mend_stand_in_the_lesson_as_the_module_knows_them():
    cells = [cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    for question in questions(lesson, Implementation):
        if question.broken:
            (source,) = (cell for cell in cells if f"{question.label}.check(" in cell)
            *definition, _ = ast.parse(source).body
            names = {"torch": torch, "F": F}
            exec(compile(ast.Module(definition, []), "lesson", "exec"), names)
            feedback = question.check(names[definition[0].name])
            assert "Not fixed yet" in feedback.headline
