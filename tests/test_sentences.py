"""helpers.sentences: the browser has the same ones, fills them in as Python does, and leaves no gap in any; trace, the
arithmetic and the explorers say the same of the same numbers."""

from pathlib import Path
from string import Formatter

import pytest
from torch import nn

from helpers import sentences
from helpers.arithmetic import ShapeError, conv_output_size, conv_transpose_output_size, pool_output_size
from helpers.explorers import NetworkExplorer
from helpers.explorers.modules import browser_code
from helpers.sentences import SENTENCES
from helpers.trace import trace

FILL = """async ([code, key, values]) => {
  const module = new Blob([code, "export { SENTENCES };"], { type: "text/javascript" });
  const { fill, SENTENCES } = await import(URL.createObjectURL(module));
  return fill(SENTENCES[key], values);
}"""


def names_in(sentence):
    """Each once, in their order."""
    return list(dict.fromkeys(name for _, name, _, _ in Formatter().parse(sentence) if name is not None))


@pytest.fixture
def filled(open_page):
    """`filled(key, values)` → the sentence as the browser writes it."""
    page = open_page()
    return lambda key, values: page.evaluate(FILL, [browser_code("page/refusals.js"), key, values])


def test_each_sentence_is_written_once_and_used():
    own = Path(sentences.__file__)
    code = "".join(
        path.read_text("utf-8") for kind in ("*.py", "*.js") for path in own.parent.rglob(kind) if path != own
    )
    for key, sentence in SENTENCES.items():
        assert f'"{key}"' in code or f"'{key}'" in code or f"SENTENCES.{key}" in code
        parts = [
            text for text, _, _, _ in Formatter().parse(sentence) if len(text) > 16
        ]  # shorter ones are plain words
        assert [part for part in parts if part in code] == [], key


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


@pytest.mark.parametrize(
    ("layer", "rule", "size", "settings"),
    [
        (nn.Conv2d(3, 4, 7, padding=1), conv_output_size, 4, {"kernel_size": 7, "padding": 1}),
        (nn.Conv2d(3, 4, 3, dilation=4), conv_output_size, 8, {"kernel_size": 3, "dilation": 4}),
        (nn.Conv2d(3, 4, 3, stride=0), conv_output_size, 8, {"kernel_size": 3, "stride": 0}),
        (nn.MaxPool2d(3), pool_output_size, 2, {"kernel_size": 3}),
        (nn.MaxPool2d(3, padding=2), pool_output_size, 8, {"kernel_size": 3, "padding": 2}),
        (nn.ConvTranspose2d(3, 4, 1, padding=4), conv_transpose_output_size, 8, {"kernel_size": 1, "padding": 4}),
    ],
)
def test_trace_says_of_a_layer_what_the_arithmetic_says_of_its_numbers(layer, rule, size, settings):
    with pytest.raises(ShapeError) as error:
        rule(size, **settings)
    # One picture: of two, in more than one thread, torch 2.13 gives a transposed convolution no cells and no error.
    problem = trace(nn.Sequential(layer), (1, 3, size, size)).problem
    assert problem.what == f"model[0]: {error.value.problem}"


def test_trace_says_of_fc1_what_the_network_explorer_draws(stand):
    explorer = NetworkExplorer(image_size=48, compute_fc1=False)
    problem = trace(explorer.layer(), explorer.input()).problem
    assert stand(explorer).locator(".cs-problem").inner_text() == problem.what
