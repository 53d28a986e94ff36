"""A learner's function can do what it likes: print, raise, loop for ever. What came of it is told."""

import contextlib
import re
import subprocess
import sys
import threading
import time

import pytest
import torch

from helpers.exercises.calling import Called, called, takes_others


def test_the_value_and_what_was_printed_come_back(capsys):
    def adds(a, b):
        print("adding", a)
        return a + b

    result = called(adds, [2, 3])
    assert (result.value, result.printed, result.error, result.is_unwritten) == (5, "adding 2\n", "", False)
    assert capsys.readouterr().out == ""


def test_an_error_is_told_in_its_own_words_with_the_learners_line():
    def reads(image):
        rows = image.shape[0]
        return image[rows, 0]

    error = called(reads, [torch.zeros(3, 3)]).error
    assert error.startswith("IndexError: index 3 is out of bounds for dimension 0 with size 3\nin line ")
    assert error.endswith(": return image[rows, 0]")


def test_the_line_is_the_learners_even_if_the_error_came_up_inside_torch():
    def multiplies(image):
        return torch.nn.functional.linear(image, torch.zeros(2, 5))

    error = called(multiplies, [torch.zeros(3, 4)]).error
    assert "mat1 and mat2" in error
    assert error.endswith(": return torch.nn.functional.linear(image, torch.zeros(2, 5))")


@pytest.mark.parametrize("kind", [ValueError, RecursionError, MemoryError, SystemExit, GeneratorExit, BaseException])
def test_no_error_of_the_learners_gets_through(kind):
    def fails():
        raise kind("no")

    assert called(fails, []).error.startswith(f"{kind.__name__}: no\nin line ")


def test_the_stop_button_gets_through():
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        called(stopped, [])


def one_line():
    while True: pass  # fmt: skip  # noqa: E701


def counts():
    number = 0
    while True:
        number += 1


def catches():
    while True:
        with contextlib.suppress(Exception):
            sum(range(10))


def catches_everything():
    number = 0
    while True:
        try:  # noqa: SIM105
            number += 1
        except:  # noqa: E722
            pass


def prints():
    while True:
        print("x" * 1000)


def comprehends():
    return [number for number in iter(int, 1)]


@pytest.mark.parametrize("endless", [one_line, counts, catches, catches_everything, prints, comprehends])
def test_an_endless_loop_is_stopped(endless):
    start = time.monotonic()
    result = called(endless, [], seconds=0.3)
    assert result.error == "It was stopped after 0.3 seconds. Does a loop in it never end?"
    assert time.monotonic() - start < 10


def test_an_endless_loop_is_stopped_in_another_thread_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(called(one_line, [], seconds=0.3)))
    thread.start()
    thread.join(20)
    assert "stopped after" in found[0].error


def test_what_is_printed_is_kept_only_so_far():
    assert len(called(prints, [], seconds=0.3).printed) < 1000


def test_a_function_may_close_what_it_prints_to():
    def closes():
        print("a")
        sys.stdout.close()
        print("b")

    assert called(closes, []).printed == "a\nb\n"


def test_a_long_error_is_cut():
    def fails():
        raise ValueError("x" * 1_000_000)

    assert len(called(fails, []).error) < 2000


def test_nothing_is_left_behind_after_a_call():
    threads, trace, out = threading.active_count(), sys.gettrace(), sys.stdout
    for seconds in (5, 1e-6):
        for _ in range(200):
            called(lambda: sum(range(50)), [], seconds=seconds)
    assert sys.stdout is out
    assert sys.gettrace() is trace
    time.sleep(0.1)
    assert threading.active_count() <= threads


@pytest.mark.parametrize("first", ["lambda: 1", "endless"])
def test_a_debugger_works_after_a_call_that_ended_and_after_one_that_was_stopped(first):
    code = f"""
import sys
from helpers.exercises.calling import called
def endless():
    while True:
        pass
called({first}, [], seconds=0.05)
sys.settrace(lambda *a: None)
(lambda: 1)()
sys.settrace(None)
print("went on")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout == "went on\n", run.stderr


def test_one_that_comes_in_the_last_moment_is_taken_before_the_lesson_goes_on():
    before = threading.active_count()
    for _ in range(300):  # they end about when they are stopped
        error = called(lambda: time.sleep(0.001), [], seconds=0.001).error
        assert error == "" or error.startswith("It was stopped after 0.001 seconds.")
    assert threading.active_count() == before


def test_without_room_for_a_thread_a_function_is_called_all_the_same(monkeypatch):
    def no_room(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_room)
    assert called(lambda: 1, []) == Called(1)


class Untold(Exception):  # noqa: N818
    def __str__(self):
        sys.exit("from within the text of an error")


class Endless(Exception):  # noqa: N818
    def __str__(self):
        while True:
            pass


@pytest.mark.parametrize("kind", [Untold, Endless])
def test_an_error_that_cannot_say_itself_is_told_by_its_name(kind):
    def fails():
        raise kind

    error = called(fails, [], seconds=0.05).error
    assert re.match(rf"(test_exercises_calling\.)?{kind.__name__}\b.*\nin line \d+: raise kind$", error)


def test_three_dots_are_seen_as_unwritten_where_ever_they_stand():
    def returns_them():
        return ...

    def uses_them():
        output = torch.zeros(2)
        output[0] = ...
        return output

    def adds_to_them():
        return 1 + ...

    def among_others():
        return 1, ...

    def makes_a_tensor():
        return torch.tensor(...)

    def has_no_sum():
        window = ...
        return window.sum()

    for function in (returns_them, uses_them, adds_to_them, among_others, makes_a_tensor, has_no_sum):
        assert called(function, []).is_unwritten
    assert not called(lambda: torch.zeros(2, 3)[..., 0], []).is_unwritten


def test_what_is_observed_of_a_function_may_be_something_else_than_its_value():
    def observe(function, start):
        numbers = [start]
        function(numbers)
        return numbers

    assert called(lambda numbers: numbers.append(4), [3], observe).value == [3, 4]
    assert called(lambda numbers: ..., [3], observe).is_unwritten


def test_a_function_that_takes_others_is_told_what_it_is_called_with():
    def pooled(size, kernel_size):
        return size // kernel_size

    assert takes_others(pooled, ["size", "kernel_size"]) == ""
    assert takes_others(pooled, ["size", "kernel_size", "stride"]) == (
        "It is called with 3 arguments, (size, kernel_size, stride), but yours is `pooled(size, kernel_size)`."
    )
    assert takes_others(pooled, ["size"]).startswith("It is called with 1 argument, (size), but")
    assert takes_others(lambda *sizes: sizes, ["a", "b", "c"]) == ""
    assert takes_others(torch.add, ["a"]) == ""
    assert takes_others(torch.nn.Linear(2, 2), ["x"]) == ""
