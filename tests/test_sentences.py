"""helpers.sentences: the browser has the same ones, fills them in as Python does, and leaves no gap in any."""

from string import Formatter

import pytest

from helpers.explorers.base import browser_code
from helpers.sentences import SENTENCES

FILL = """async ([code, key, values]) => {
  const module = new Blob([code, "export { fill, SENTENCES };"], { type: "text/javascript" });
  const { fill, SENTENCES } = await import(URL.createObjectURL(module));
  return fill(SENTENCES[key], values);
}"""


def names_in(sentence):
    """Each once, in their order."""
    return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(sentence) if name is not None))


@pytest.fixture
def filled(chromium):
    """`filled(key, values)` → the sentence as the browser writes it."""
    page = chromium.new_page()
    yield lambda key, values: page.evaluate(FILL, [browser_code(), key, values])
    page.close()


@pytest.mark.parametrize("key", SENTENCES)
def test_the_browser_writes_what_python_writes(filled, key):
    values = {name: number for number, name in enumerate(names_in(SENTENCES[key]))}  # 0 is a value, too
    values |= {name: "" for name in values if name in SENTENCES}  # and so is nothing to add
    assert filled(key, values) == SENTENCES[key].format(**values)
    if names_in(SENTENCES[key]):
        assert filled(key, values) != SENTENCES[key]


@pytest.mark.parametrize("key", [key for key in SENTENCES if names_in(SENTENCES[key])])
def test_a_sentence_with_a_gap_is_not_written(filled, key):
    for name in names_in(SENTENCES[key]):
        others = {other: 1 for other in names_in(SENTENCES[key]) if other != name}
        for values in (others, others | {name: None}):
            with pytest.raises(Exception, match=f"No {name} was given for"):
                filled(key, values)
        with pytest.raises(KeyError, match=name):
            SENTENCES[key].format(**others)
