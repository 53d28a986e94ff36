"""The explorers: their Python, and what their JavaScript draws, held against torch at every slider setting."""

import itertools
import json

import pytest
import torch
from torch import nn

from helpers.arithmetic import ShapeError, conv_output_size
from helpers.explorers import ConvolutionExplorer
from helpers.explorers.base import Slider

CONVOLUTION = {name: item for name, item in vars(ConvolutionExplorer).items() if isinstance(item, Slider)}
SETTINGS = [
    dict(zip(CONVOLUTION, values, strict=True))
    for values in itertools.product(*(range(slider.low, slider.high + 1) for slider in CONVOLUTION.values()))
]

# Sets the sliders, then reads what the page shows. The reading is by class and text alone, as a reader would.
READ = """(settings) => {
  const rows = (name) => {
    const cells = [...document.querySelectorAll(`.cs-${name} .cs-cell`)].filter((cell) => !cell.hidden);
    const lines = [];
    for (const cell of cells)
      (lines[cell.dataset.row] ??= [])[cell.dataset.column] = cell.value ?? cell.textContent;
    return lines;
  };
  const places = (selector) =>
    [...document.querySelectorAll(selector)]
      .filter((cell) => !cell.hidden)
      .map((cell) => [Number(cell.dataset.row), Number(cell.dataset.column)]);
  const text = (selector) => {
    const found = document.querySelector(selector);
    return found && !found.hidden ? found.textContent : null;
  };
  const seen = settings.map((setting) => {
    for (const [name, value] of Object.entries(setting))
      if (window.sliders[name].get("value") !== value) window.sliders[name].set("value", value);
    return {
      output: rows("output"),
      dropped: places(".cs-input .cs-dropped"),
      skipped: places(".cs-input .cs-skipped"),
      code: text(".cs-code code"),
      numbers: text(".cs-numbers"),
      sum: text(".cs-sum"),
      problem: text(".cs-problem"),
      remedy: text(".cs-remedy"),
      torch: text(".cs-torch"),
      title: text(".cs-panel-output .cs-title"),
    };
  });
  return JSON.stringify(seen); // one string crosses to Python far faster than many lists
}"""


def number(text):
    return int(text.replace("−", "-"))


def drawn(rows):
    return torch.tensor([[[number(text) for text in row] for row in rows]], dtype=torch.float32)


def in_parts(settings, size=280):
    return [settings[start : start + size] for start in range(0, len(settings), size)]


def hold_against_torch(page, explorer, settings):
    """Draw every setting, and compare each number and sentence on the page with torch."""
    layer, picture = explorer.layer, explorer.input
    for part in in_parts(settings):
        for setting, seen in zip(part, json.loads(page.evaluate(READ, part)), strict=True):
            for name, value in setting.items():
                setattr(explorer, name, value)
            convolution, numbers = layer(), picture()
            copied = eval(seen["code"].split("#")[0], {"nn": nn})
            assert repr(copied) == repr(convolution), setting
            try:
                expected = convolution(numbers)
            except RuntimeError as error:
                assert seen["output"] == [], setting
                assert seen["title"] == "no output"
                assert seen["torch"] == f"PyTorch says: RuntimeError: {error}", setting
                assert seen["sum"] is None
                assert seen["numbers"].endswith("✗")
                hold_against_shape_error(seen, setting)
            else:
                assert torch.equal(drawn(seen["output"]), expected), setting
                size = expected.shape[-1]
                assert seen["title"] == f"output {size} × {size}"
                assert seen["numbers"].endswith(f"⌋ + 1 = {size}")
                assert seen["problem"] is None
                assert number(seen["sum"].rsplit(" = ", 1)[1]) == expected[0, 0, 0]
                assert torch.equal(unread(seen, setting), never_read(convolution, setting)), setting


def unread(seen, setting):
    padded = setting["size"] + 2 * setting["padding"]
    hatched = torch.zeros(padded, padded, dtype=torch.bool)
    for row, column in seen["dropped"] + seen["skipped"]:
        hatched[row, column] = True
    return hatched


def never_read(convolution, setting):
    """Cells of the padded input without influence on any output: torch's gradient of the sum, all weights one."""
    padded = setting["size"] + 2 * setting["padding"]
    pixels = torch.zeros(1, 1, padded, padded, requires_grad=True)
    ones = torch.ones_like(convolution.weight)
    nn.functional.conv2d(pixels, ones, None, convolution.stride, 0, convolution.dilation).sum().backward()
    return pixels.grad[0, 0] == 0


def hold_against_shape_error(seen, setting):
    """The page explains an impossible setting as arithmetic does, and offers only changes that torch accepts."""
    with pytest.raises(ShapeError) as caught:
        conv_output_size(**setting)
    assert seen["problem"] == caught.value.problem
    words = {"padding": "padding", "kernel": "kernel_size", "dilation": "dilation", "input size": "size"}
    offered = {}
    for change in seen["remedy"].removeprefix("Smallest change that works: ").split(" · or "):
        label, value = change.rsplit(" ", 1)
        offered[words[label]] = int(value)
    reachable = {
        name: value for name, value in caught.value.fixes.items() if CONVOLUTION[name].low <= value <= CONVOLUTION[name].high
    }
    assert offered == reachable, setting
    assert offered


def test_every_slider_setting_draws_what_torch_computes(stand):
    explorer = ConvolutionExplorer()
    page = stand(explorer)
    hold_against_torch(page, explorer, SETTINGS)
    assert len(SETTINGS) == 10 * 7 * 4 * 4 * 3
    assert page.problems == []
