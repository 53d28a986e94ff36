"""The paper the plots are drawn on, and reading what they are given."""

import functools
import io

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from helpers.arguments import array, at_most, channels_first, described, whole
from helpers.colours import COLOURS, DARK, INK, PAPER

DPI = 100  # of the layout: so many pixels of a page to the inch
SHARP = 2  # pixels of the PNG to each of those. Not SVG: GitHub and nbviewer take its styles away
MOST = 100  # pictures in one figure: more are too small to see

# The figure is a light card in any theme and under any style the reader has set.
STYLE = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 10, "axes.labelsize": 10,
    "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9,
    "text.color": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "axes.edgecolor": INK,
    "xtick.color": INK, "ytick.color": INK, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "legend.facecolor": PAPER,
    "axes.grid": False, "image.origin": "upper", "text.usetex": False,
}  # fmt: skip


class Picture(Figure):
    """A figure that shows itself in a notebook, and says in one line what it shows."""

    description = "Figure"

    def __repr__(self):
        return self.description

    __str__ = __repr__

    def draw(self, renderer):
        with matplotlib.rc_context(STYLE):  # some ticks are made only now
            super().draw(renderer)

    def _repr_png_(self):
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=SHARP * DPI, metadata={"Software": None})
        return buffer.getvalue(), {"alt": self.description, "width": round(self.get_figwidth() * DPI)}


def styled(draw):
    """Draw in the course's style, whatever the reader's own settings are, and leave those as they were."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def short(name, most=40):
    """The beginning of a name, without what cannot be printed: a figure shows a few words of each."""
    lines = ["".join(filter(str.isprintable, line)) for line in str(name)[:200].splitlines()[:3]]
    return "\n".join(line if len(line) <= most else f"{line[: most - 1]}…" for line in lines)


def plain(text):
    """Text that is shown as it is: what stands between two $, matplotlib would read as a formula."""
    return text.replace("$", r"\$")


def tiles(pictures, titles, columns, *, size=0.96, note="", bar="", cmap="gray", limits=(0, 1)):
    """A Picture of pictures, each (H, W) on one scale or (H, W, 3), in rows of `columns`, `size` inches wide each.

    `note` stands below them; `bar` is the label of a colour bar beside them. The last picture gives their proportions.
    """
    count, columns = len(pictures), min(whole("columns", columns, least=1), len(pictures))
    rows = -(-count // columns)
    titles = [plain(str(title)) for title in titles or ()]
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    # All in inches: a tile is `size` wide and `tall` high, has `head` above it, and `gap` from the next one.
    gap, edge, head = 0.1, 0.12, 0.17 * lines + (0.05 if lines else 0)
    tall = size * pictures[-1].shape[0] / pictures[-1].shape[1]
    grid = columns * (size + gap) - gap
    width = 2 * edge + max(grid + (0.95 if bar else 0), 0.075 * len(note))  # wide enough for the note
    height = 2 * edge + max(rows * (tall + head + gap) - gap, 1.4 if bar else 0) + (0.28 if note else 0)
    figure = Picture(figsize=(width, height), dpi=DPI)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        left, top = edge + column * (size + gap), edge + row * (tall + head + gap) + head
        ax = figure.add_axes((left / width, 1 - (top + tall) / height, size / width, tall / height))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=COLOURS["padding"], linewidth=0.6)
        if titles:
            ax.set_title(titles[number], fontsize=9, pad=3)
        drawn = ax.imshow(picture, interpolation="nearest", aspect="auto", cmap=cmap, vmin=limits[0], vmax=limits[1])
    if note:
        figure.text(edge / width, edge / height, note, fontsize=9, va="bottom")
    if bar:
        place = ((edge + grid + 0.15) / width, edge / height, 0.14 / width, 1 - 2 * edge / height)
        scale = figure.colorbar(drawn, cax=figure.add_axes(place))
        scale.outline.set_visible(False)
        scale.set_label(bar, fontsize=9)
    return figure


def shades(name):
    """Colours for numbers of one sign: 0 is white."""
    return LinearSegmentedColormap.from_list(name, [(0, PAPER), (0.6, COLOURS[name]), (1, DARK[name])])


def signed(name):
    """Colours for numbers of both signs: 0 is white in the middle, and both sides have the same scale."""
    below = [(0, DARK["negative"]), (0.2, COLOURS["negative"])]
    above = [(0.8, COLOURS[name]), (1, DARK[name])]
    return LinearSegmentedColormap.from_list(name, [*below, (0.5, PAPER), *above], N=257)


# -- reading: what came, what is wanted ----------------------------------------------------------------


def numbers(name, values, ndim, wanted):
    found = array(values)
    if found.ndim != ndim or found.size == 0 or found.dtype.kind not in "fiub":
        raise ValueError(f"{name} wants {wanted}, but got {described(values)}.")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} wants finite numbers, but got NaN or infinite ones, which have no colour.")
    return found.astype(np.float32)


def pictures(images):
    """(floats 0 to 1 as matplotlib wants them: (N, H, W, 3) or (N, H, W); what was done to them, or "")."""
    given, images = images, array(images)
    if images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        fix = channels_first("images", 4)
        raise ValueError(f"images wants the channels first, (N, 3, H, W), but got {images.shape}. Try {fix}.")
    if images.ndim in (2, 3):
        three = "image[None]" if images.shape[0] in (1, 3) else "images[:, None]"
        fix = "image[None, None]" if images.ndim == 2 else three
        raise ValueError(f"images wants a batch (N, 3, H, W), but got {images.shape}. Try {fix}.")
    is_bytes = images.dtype.kind in "iu"
    images = numbers("images", given, 4, "(N, 3, H, W) or (N, 1, H, W)")
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images wants 1 or 3 channels, but got {images.shape}. Try show_feature_maps(images[0]).")
    at_most("images", len(images), MOST, "images")
    low, high = float(images.min()), float(images.max())
    note = ""
    if is_bytes:
        if low < 0 or high > 255:
            raise ValueError(
                f"images wants whole numbers from 0 to 255, or floats, but got numbers from {low:g} to {high:g}."
            )
        images = images / 255
    elif low < -1e-6 or high > 1 + 1e-6:
        note = f"stretched: black is {low:.2f}, white {high:.2f}".replace("-", "−")
        images = (images - low) / (high - low or 1)
    images = images.clip(0, 1).transpose(0, 2, 3, 1)
    return (images[..., 0] if images.shape[3] == 1 else images), note
