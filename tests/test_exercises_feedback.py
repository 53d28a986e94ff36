"""What a question says is the same as text and as HTML, and its state is told in a sign and in words."""

import re
from html import unescape

from helpers.exercises.feedback import MARKS, Beside, Feedback

WRONG = Feedback(
    "q5",
    "wrong",
    "9? Not yet.",
    (("padding counted once", "it is added on both sides: `2·padding` < 3."), "Try again.", ("yours", "1 2\n3 4")),
)


def words(html):
    html = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", html))


def test_as_text_it_is_a_headline_and_indented_paragraphs():
    assert repr(WRONG) == (
        "q5 ✗ 9? Not yet.\n"
        "  padding counted once: it is added on both sides: `2·padding` < 3.\n"
        "  Try again.\n"
        "  yours:\n"
        "    1 2\n"
        "    3 4"
    )


def test_html_says_the_same_words_in_the_same_order():
    squeezed = " ".join(words(WRONG._repr_html_()).split())
    assert squeezed == " ".join(repr(WRONG).replace("`", "").split())


def test_code_is_marked_and_everything_else_is_escaped():
    html = WRONG._repr_html_()
    assert "<code>2·padding</code> &lt; 3" in html
    assert "<script>" not in Feedback("q1", "wrong", "<script>? Not yet.", ("a\n<script>",))._repr_html_()


def test_lines_stay_as_they_are():
    assert "<pre>1 2\n3 4</pre>" in WRONG._repr_html_()


def test_each_state_has_a_sign_of_its_own_and_a_class_for_its_colour():
    assert len(set(MARKS.values())) == len(MARKS)
    for state, mark in MARKS.items():
        feedback = Feedback("q1", state, "said")
        assert repr(feedback) == f"q1 {mark} said"
        assert f'class="cs-answer cs-answer-{state}"' in feedback._repr_html_()


def test_a_table_is_aligned_as_text_and_has_heads_in_html():
    feedback = Feedback("progress", "note", "1 of 2", rows=(("question", "result"), ("q1", "right"), ("q10", "a < b")))
    assert repr(feedback).splitlines()[1:] == ["  question  result", "  q1        right", "  q10       a < b"]
    html = feedback._repr_html_()
    assert html.count('<th scope="col">') == 2
    assert html.count('<th scope="row">') == 2
    assert "<td>a &lt; b</td>" in html


def test_a_screen_reader_is_told_and_the_card_brings_its_style_once():
    html = WRONG._repr_html_()
    assert 'role="status"' in html
    assert html.count("<style>") == 1
    assert "/*" not in html


def test_what_stands_side_by_side_in_a_notebook_stands_one_below_the_other_as_text():
    feedback = Feedback("q7", "wrong", "Not yet.", (Beside((("yours", "1 2\n3 4"), ("stride", "2"))), "Try again."))
    assert repr(feedback).splitlines()[1:] == ["  yours:", "    1 2", "    3 4", "  stride: 2", "  Try again."]
    html = feedback._repr_html_()
    assert "<div><p><b>yours</b></p><pre>1 2\n3 4</pre></div><div><p><b>stride</b></p><pre>2</pre></div>" in html


def test_a_long_line_alone_or_with_a_label_may_break_and_the_rows_of_a_matrix_may_not():
    long = " 1" * 40
    texts = {long: True, f"losses: 1\nweights: {long}": True}
    texts |= dict.fromkeys((f"{long}\n{long}", f"maps:\n{long}", "2", ""), False)
    html = Feedback("q7", "wrong", "Not yet.", (Beside(tuple(("yours", text) for text in texts)),))._repr_html_()
    found = re.findall('<pre( style="white-space: pre-wrap")?>', html)
    assert [bool(breaks) for breaks in found] == list(texts.values())
