"""`FilterExplorer`: a picture, a kernel to edit, and the filtered picture, each number of it equal to torch's."""

from __future__ import annotations

from numbers import Real

import numpy as np
import traitlets

from helpers.arithmetic import conv_output_size
from helpers.explorers.base import Explorer, Slider, View, style
from helpers.explorers.layers import call, convolution, options, output_shape
from helpers.explorers.modules import browser_code
from helpers.explorers.pictures import LARGEST_SIDE, MOST_PIXELS, grey_picture
from helpers.explorers.weights import checked_rows

LARGEST_KERNEL = 5
LARGEST_WEIGHT = 9
DECIMALS = 4  # of a weight: so the page can sum whole ten-thousandths, exactly; filter.js says the same

PRESETS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "blur": [[0.0625, 0.125, 0.0625], [0.125, 0.25, 0.125], [0.0625, 0.125, 0.0625]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "vertical edges": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "horizontal edges": [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}
ON_THE_PAGE = "identity, blur, sharpen, vertical edges, horizontal edges, emboss"  # in one text: code names the keys


def _checked_weight(weight) -> list[list[float]]:
    wanted = f"a square kernel of numbers, 1 × 1 to {LARGEST_KERNEL} × {LARGEST_KERNEL}"
    return checked_rows(weight, range(1, LARGEST_KERNEL + 1), wanted, _checked_number)


def _checked_number(number) -> float:
    if not isinstance(number, Real) or isinstance(number, bool) or not abs(number) <= LARGEST_WEIGHT:
        raise ValueError(f"weight wants numbers from {-LARGEST_WEIGHT} to {LARGEST_WEIGHT}, but got {number!r}.")
    return round(float(number), DECIMALS) + 0.0  # no −0.0


class FilterView(View):
    """The picture. `pixels` are its rows, whole numbers from 0 to 255."""

    _esm = browser_code("filter.js")
    _css = style("filter.css")
    pixels = traitlets.List().tag(sync=True)
    weight = traitlets.List().tag(sync=True)
    presets = traitlets.Dict(dict(zip(ON_THE_PAGE.split(", "), PRESETS.values(), strict=True))).tag(sync=True)
    largest_weight = traitlets.Int(LARGEST_WEIGHT).tag(sync=True)
    largest_side = traitlets.Int(LARGEST_SIDE).tag(sync=True)
    most_pixels = traitlets.Int(MOST_PIXELS).tag(sync=True)


class FilterExplorer(Explorer):
    """Change the weights of a kernel, and see what they do to a picture.

    `image` is a path, a PIL image, an array or a tensor; it is made grey and scaled down to 64 pixels a side. `weight`
    is a square kernel of 1 × 1 to 5 × 5; weights are kept to four decimals, so that each sum can be checked by hand.
    Both can be set later, too. What cannot be used raises an error, and the explorer stays as it was. A picture that
    the learner drops on the page is `image` from then on: the browser sends the grey pixels it draws.
    """

    stride = Slider("stride", 1, 4, default=1)
    padding = Slider("padding", 0, 3, default=1)

    def __init__(self, image=None, weight=None, *values, **named):
        weight = PRESETS["vertical edges"] if weight is None else weight
        view = FilterView(pixels=grey_picture(image).tolist(), weight=_checked_weight(weight))
        super().__init__(view, *values, **named)

    @property
    def image(self) -> np.ndarray:
        """The grey picture drawn, uint8 (height, width). Set it to filter another one."""
        return np.array(self.view.pixels, dtype=np.uint8)

    @image.setter
    def image(self, image):
        self.view.pixels = grey_picture(image).tolist()

    @property
    def weight(self) -> list[list[float]]:
        """The kernel drawn, as rows. Set it to change the picture."""
        return [[float(weight) for weight in line] for line in self.view.weight]

    @weight.setter
    def weight(self, rows):
        self.view.weight = _checked_weight(rows)

    def layer(self):
        """The `torch.nn.Conv2d` of this setting, with the weights drawn and no bias."""
        return convolution([[self.weight]], **options(self.settings))

    def input(self):
        """The pixels drawn, 0 to 255, as a float tensor of shape (1, height, width)."""
        import torch  # here and not above, so that the first slider need not wait for it

        return torch.tensor(self.view.pixels, dtype=torch.float32)[None]

    def __repr__(self):
        size = (len(self.view.pixels), len(self.view.pixels[0]))
        given = {"kernel_size": len(self.view.weight), **options(self.settings)}
        result = output_shape(1, conv_output_size, size, **given)
        return f"FilterExplorer: {(1, *size)} → {call('Conv2d', **given)} → {result}"
