"""tools/questions.py: the text of a question stands in its module, and `make format` writes it into the lesson."""

import questions

CELL = """\
A picture is padded.

**Predict (q2):** How large
is the output?
- Think of both sides.

**Write it (q12):** Write `f(x)`."""


def test_a_changed_text_takes_the_place_of_the_old_one_and_of_nothing_else():
    assert questions.asked(CELL, {"q2": "How wide is it?", "q12": "Write `g(x)`."}) == CELL.replace(
        "How large\nis the output?", "How wide is it?"
    ).replace("f(x)", "g(x)")


def test_a_text_that_only_breaks_its_lines_elsewhere_is_left_as_it_is():
    assert questions.asked(CELL, {"q2": "How large is the output?", "q12": "Write `f(x)`."}) == CELL


def test_a_long_text_is_wrapped_and_its_code_is_not_torn():
    text = "How many places are there in all of this for `" + "x" * 120 + "`, which is long?"
    lines = questions.asked("**Predict (q2):** a", {"q2": text}).split("\n")
    assert " ".join(lines) == f"**Predict (q2):** {text}"
    assert [len(line) > questions.WIDTH for line in lines] == [False, True, False]
