"""Pictures of images, filters, feature maps, training and mistakes. Each function returns its figure.

Tensors and arrays are both taken. pyplot is not used: nothing is drawn twice, and nothing is kept open. A
figure shows itself as the last line of a cell; its text form says in one line what is to be seen, and is the
picture's alt text. Wrong arguments raise TypeError or ValueError, in one sentence.
"""

import functools
import io

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# One colour for each thing in the whole course (Okabe & Ito: told apart by colour-blind readers too).
COLOURS = {
    "input": "#0072B2",
    "kernel": "#D55E00",
    "output": "#009E73",
    "padding": "#999999",
    "negative": "#CC79A7",
    "N": "#000000",
    "C": "#E69F00",
    "H": "#56B4E9",
    "W": "#F0E442",
}

# A scale runs from white through the thing's colour to this darker one, so that small values are seen too.
DARK = {"kernel": "#5A2700", "output": "#00402F", "negative": "#5C1F43"}

INK, PAPER = "#1B2A38", "#FFFFFF"
DPI = 100
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
        self.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue(), {"alt": self.description}


def _styled(draw):
    """Draw in the course's style, whatever the reader's own settings are, and leave those as they were."""

    @functools.wraps(draw)
    def styled(*args, **kwargs):
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@_styled
def show_images(images, titles=None, columns=8):
    """A batch of pictures, (N, 3, H, W) in colour or (N, 1, H, W) in grey, with a title for each.

    Bytes 0–255 and floats 0–1 are shown as they are; other floats (normalised images) are stretched so that
    the smallest becomes black and the largest white, and the figure says so.
    """
    images, note = _pictures(images)
    titles = _titles(titles, len(images))
    height, width = images.shape[1:3]
    figure, axes = _grid(len(images), columns, height / width, title_lines=_lines(titles), note=note)
    for ax, image, title in zip(axes, images, titles or [""] * len(images), strict=True):
        _show(ax, image, title, cmap="gray", vmin=0, vmax=1)
    named = f", titled {_some(titles)}" if titles else ""
    figure.description = f"Figure: {_many(len(images), 'image')} of {height}×{width}{named}{_and(note)}"
    return figure


@_styled
def show_filters(weight, columns=6):
    """A convolution's kernels, (out_channels, in_channels, height, width), numbered from 0.

    Three input channels: one picture in colour for each kernel; 0 is mid-grey, and the figure says how far
    black and white are from it. Otherwise a row for each output channel and a column for each input channel,
    with a colour bar.
    """
    weight = _numbers("weight", weight, 4, "(out_channels, in_channels, height, width), such as conv1.weight")
    out, channels, height, width = weight.shape
    limit = float(np.abs(weight).max()) or 1.0
    about = f"{_many(out, 'filter')} of {channels}×{height}×{width}, weights {_range(weight)}"
    if channels == 3:
        _check_count(out, "filters", "weight")
        note = f"mid-grey is 0, black −{limit:.2g}, white +{limit:.2g}, in each of red, green, blue"
        figure, axes = _grid(out, columns, height / width, title_lines=1, note=note)
        for number, (ax, kernel) in enumerate(zip(axes, weight, strict=True)):
            _show(ax, (0.5 + kernel / (2 * limit)).transpose(1, 2, 0).clip(0, 1), str(number))
    else:
        if out * channels > MOST:
            raise ValueError(f"{out}×{channels} kernels are too many for one figure: take weight[:8, :8].")
        columns = columns if channels == 1 else channels
        figure, axes = _grid(out * channels, columns, height / width, title_lines=1, bar=True)
        for number, (ax, kernel) in enumerate(zip(axes, weight.reshape(-1, height, width), strict=True)):
            title = str(number) if channels == 1 else f"{number // channels}, {number % channels}"
            picture = _show(ax, kernel, title, **_signed(limit, "kernel"))
        _bar(figure, picture, "weight" if channels == 1 else "weight (titles: output, input channel)")
    figure.description = f"Figure: {about}"
    return figure


@_styled
def show_feature_maps(maps, columns=6):
    """The feature maps of one image, (C, H, W) or (1, C, H, W), numbered from 0, on one scale."""
    maps = _tensor(maps)
    if maps.ndim == 4 and len(maps) > 1:
        raise ValueError(f"show_feature_maps shows one image's maps, but got {maps.shape}: take maps[0].")
    maps = _numbers("maps", maps[0] if maps.ndim == 4 else maps, 3, "(C, H, W) or (1, C, H, W)")
    channels, height, width = maps.shape
    _check_count(channels, "maps", "maps")
    limit = float(np.abs(maps).max()) or 1.0
    scale = (
        _signed(limit, "output") if maps.min() < 0 else {"cmap": _shades("output"), "vmin": 0, "vmax": limit}
    )
    figure, axes = _grid(channels, columns, height / width, title_lines=1, bar=True)
    for number, (ax, one) in enumerate(zip(axes, maps, strict=True)):
        picture = _show(ax, one, str(number), **scale)
    _bar(figure, picture, "value")
    figure.description = (
        f"Figure: {_many(channels, 'feature map')} of {height}×{width}, values {_range(maps)}"
    )
    return figure


@_styled
def show_history(history):
    """Loss and accuracy after each epoch, of one History or of several, {name: History}, overlaid."""
    runs = history if isinstance(history, dict) else {"": history}
    for run in runs.values():
        if not hasattr(run, "train_accuracy"):
            raise TypeError(
                "show_history wants what train returned, or {name: history}, "
                f"but got a {type(run).__name__}."
            )
    if not any(run.loss for run in runs.values()):
        raise ValueError("There is no completed epoch to show yet.")
    figure = Picture(figsize=(8.4, 3.4), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    left, right = figure.subplots(1, 2)
    for number, (name, run) in enumerate(runs.items()):
        # 7 colours, 8 markers: the first 56 runs all look different, and no two by their colour only.
        colour = COLOURS[("input", "kernel", "output", "negative", "C", "H", "N")[number % 7]]
        look = {"color": colour, "marker": "os^DvPX*"[number % 8], "markersize": 5}
        label = f"{name}{' (interrupted)' * run.interrupted}".strip() or None
        epochs = range(1, len(run.loss) + 1)
        left.plot(epochs, run.loss, **look, label=label)
        right.plot(epochs, run.train_accuracy, **look, linestyle="--", markerfacecolor=PAPER)
        right.plot(epochs[: len(run.test_accuracy)], run.test_accuracy, **look)
    left.set(title="training loss", xlabel="epoch", ylim=(0, None))
    right.set(title="accuracy", xlabel="epoch", ylim=(0, 1.02))
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    right.plot([], [], "--o", color=INK, markerfacecolor=PAPER, markersize=5, label="training")
    if any(run.test_accuracy for run in runs.values()):
        right.plot([], [], "-o", color=INK, markersize=5, label="test")
    right.legend(frameon=False)
    if left.get_legend_handles_labels()[1]:
        figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.description = f"Figure: {'; '.join(_told(name, run) for name, run in runs.items())}"
    return figure


@_styled
def show_confusion(labels, predictions, classes):
    """How often each class (rows) was taken for each class (columns): right in green, mistakes in orange.

    `labels` and `predictions` are class numbers (N,), `classes` the names. The larger its
    part of the row, the darker a cell.
    """
    classes = [str(name) for name in classes]
    labels, predictions = (
        _class_numbers("labels", labels, classes),
        _class_numbers("predictions", predictions, classes),
    )
    if len(labels) != len(predictions):
        raise ValueError(f"There are {len(labels)} labels, but {len(predictions)} predictions.")
    if len(classes) > 30:
        raise ValueError(f"{len(classes)} classes are too many to read in one figure: at most 30.")
    n = len(classes)
    counts = np.zeros((n, n), int)
    np.add.at(counts, (labels, predictions), 1)
    shade = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)) / 2  # √: a few are seen too

    diagonal = np.eye(n, dtype=bool)
    colour = np.where(diagonal[..., None], _shades("output")(shade), _shades("kernel")(shade))
    size = 0.52 * n + 1.6
    figure = Picture(figsize=(max(size, 3.2), max(size, 3.0)), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    ax = figure.subplots()
    ax.imshow(colour)
    for (row, column), count in np.ndenumerate(counts):
        ax.text(column, row, str(count) if count else "·", ha="center", va="center", fontsize=9)
    ax.set_xticks(range(n), classes, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n), classes)
    ax.set(xlabel="predicted", ylabel="true")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)

    right = int(counts[diagonal].sum())
    worst = np.where(diagonal, 0, counts)
    row, column = np.unravel_index(worst.argmax(), worst.shape)
    often = (
        f"; most often {classes[row]} taken for {classes[column]}, {_many(worst.max(), 'time')}"
        if worst.any()
        else ""
    )
    figure.description = f"Figure: confusion of {_many(len(labels), 'prediction')}, {right} right{often}"
    return figure


@_styled
def show_most_wrong(images, labels, scores, classes, n=8):
    """The mistakes the model was surest of: the picture, the true class, the predicted one, its probability.

    `scores` are the model's logits (N, classes), or probabilities if each row is one already.
    """
    classes = [str(name) for name in classes]
    labels = _class_numbers("labels", labels, classes)
    scores = _numbers("scores", scores, 2, "the model's logits, (N, classes)").astype(np.float64)
    images = _tensor(images)
    if scores.shape[1] != len(classes) or not len(images) == len(labels) == len(scores):
        raise ValueError(
            "show_most_wrong wants as many images, labels and rows of scores, and a score for each class, "
            f"but got {len(images)} images, {len(labels)} labels, scores {scores.shape} and "
            f"{len(classes)} classes."
        )
    if not 1 <= n <= MOST:
        raise ValueError(f"n wants a number of pictures, 1 to {MOST}, but got {n!r}.")
    if scores.min() < 0 or not np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))  # softmax, safe from overflow
        scores /= scores.sum(axis=1, keepdims=True)
    seen, sure = scores.argmax(axis=1), scores.max(axis=1)
    wrong = np.flatnonzero(seen != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:n]
    if len(wrong) == 0:
        figure = Picture(figsize=(4.2, 0.8), dpi=DPI)
        figure.text(0.5, 0.5, f"no mistake among {_many(len(labels), 'image')}", ha="center", va="center")
        figure.description = f"Figure: no mistake among {_many(len(labels), 'image')}"
        return figure
    pictures, note = _pictures(images[wrong])
    height, width = pictures.shape[1:3]
    figure, axes = _grid(len(wrong), min(n, 4), height / width, title_lines=2, tile=1.44, note=note)
    told = []
    for ax, picture, i in zip(axes, pictures, wrong, strict=True):
        title = f"{classes[labels[i]]}, taken for\n{classes[seen[i]]} ({sure[i]:.2f})"
        _show(ax, picture, title, cmap="gray", vmin=0, vmax=1)
        told.append(title.replace("\n", " "))
    figure.description = f"Figure: the surest mistakes: {_some(told, '; ')}{_and(note)}"
    return figure


# -- drawing -------------------------------------------------------------------------------------------


def _grid(count, columns, ratio, title_lines=0, tile=0.96, note="", bar=False):
    """(figure, one axes for each of `count` tiles). All measures in inches; `ratio` is height / width."""
    if isinstance(columns, bool) or not isinstance(columns, int) or columns < 1:
        raise ValueError(f"columns wants a whole number of at least 1, but got {columns!r}.")
    columns = min(columns, count)
    rows = -(-count // columns)
    gap, edge, line = 0.1, 0.12, 0.17
    head = title_lines * line + (0.05 if title_lines else 0)
    tall = tile * ratio
    below, beside = (0.28 if note else 0), (0.95 if bar else 0)
    grid = columns * (tile + gap) - gap
    width = max(2 * edge + grid + beside, 2 * edge + 0.075 * len(note))  # wide enough for the note
    height = 2 * edge + max(rows * (tall + head + gap) - gap, 1.4 if bar else 0) + below
    figure = Picture(figsize=(width, height), dpi=DPI)
    axes = []
    for number in range(count):
        row, column = divmod(number, columns)
        left, top = edge + column * (tile + gap), edge + row * (tall + head + gap) + head
        axes.append(figure.add_axes((left / width, 1 - (top + tall) / height, tile / width, tall / height)))
    if note:
        figure.text(edge / width, edge / height, note, fontsize=9, va="bottom")
    figure.bar_place = ((edge + grid + 0.15) / width, edge / height, 0.14 / width, 1 - 2 * edge / height)
    return figure, axes


def _show(ax, picture, title, **scale):
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(color=COLOURS["padding"], linewidth=0.6)
    if title:
        ax.set_title(title, fontsize=9, pad=3)
    return ax.imshow(picture, interpolation="nearest", aspect="auto", **scale)


def _bar(figure, picture, label):
    bar = figure.colorbar(picture, cax=figure.add_axes(figure.bar_place))
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=9)


def _shades(name):
    return LinearSegmentedColormap.from_list(name, [(0, PAPER), (0.6, COLOURS[name]), (1, DARK[name])])


def _signed(limit, name):
    """Colours for numbers of both signs: 0 is white, and both sides have the same scale."""
    stops = [
        (0, DARK["negative"]),
        (0.2, COLOURS["negative"]),
        (0.5, PAPER),
        (0.8, COLOURS[name]),
        (1, DARK[name]),
    ]
    return {"cmap": LinearSegmentedColormap.from_list(name, stops, N=257), "norm": Normalize(-limit, limit)}


# -- words ---------------------------------------------------------------------------------------------


def _many(count, thing):
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _some(words, between=", "):
    return between.join(word.replace("\n", " ") for word in words[:8]) + (
        between + "…" if len(words) > 8 else ""
    )


def _and(note):
    return f", {note}" if note else ""


def _range(numbers):
    return f"{numbers.min():.2f} to {numbers.max():.2f}".replace("-", "−")


def _lines(titles):
    return max(title.count("\n") + 1 for title in titles) if titles else 0


def _told(name, run):
    start = f"{name}: " if name != "" else ""
    if not run.loss:
        return f"{start}no completed epoch"
    loss = f"loss {run.loss[0]:.2f} to {run.loss[-1]:.2f}"
    parts = [_many(len(run.loss), "epoch"), loss, f"training accuracy {run.train_accuracy[-1]:.2f}"]
    parts += [f"test accuracy {run.test_accuracy[-1]:.2f}"] if run.test_accuracy else []
    return start + ", ".join(parts + ["interrupted"] * run.interrupted)


# -- checks: what came, what is wanted -----------------------------------------------------------------


def _tensor(values):
    """A NumPy array of a tensor from any device, an array or a list."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values  # NumPy has no bfloat16
    return np.asarray(values)


def _numbers(name, values, ndim, wanted):
    values = _tensor(values)
    if values.ndim != ndim or values.size == 0 or values.dtype.kind not in "fiub":
        what = f"shape {values.shape}" if values.dtype.kind in "fiub" else f"a {values.dtype} array"
        raise ValueError(f"{name} wants {wanted}, but got {what}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite numbers, which have no colour.")
    return values.astype(np.float32)


def _pictures(images):
    """(floats 0 to 1 as matplotlib wants them: (N, H, W, 3) or (N, H, W); what was done to them, or "")."""
    images = _tensor(images)
    if images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        raise ValueError(
            f"images wants the channels first, (N, 3, H, W), but got {images.shape}: "
            "images.permute(0, 3, 1, 2) puts them there."
        )
    if images.ndim in (2, 3):
        fix = "image[None]" if images.ndim == 3 and images.shape[0] in (1, 3) else "images[:, None]"
        fix = "image[None, None]" if images.ndim == 2 else fix
        raise ValueError(f"images wants a batch (N, 3, H, W), but got {images.shape}: try {fix}.")
    is_bytes = images.dtype.kind in "iu"
    images = _numbers("images", images, 4, "(N, 3, H, W) or (N, 1, H, W)")
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"An image has 1 or 3 channels, but these {images.shape} have {images.shape[1]}: "
            "show_feature_maps(images[0]) shows each."
        )
    _check_count(len(images), "images", "images")
    low, high = float(images.min()), float(images.max())
    note = ""
    if is_bytes:
        if low < 0 or high > 255:
            raise ValueError(
                f"Whole numbers in images are bytes, 0 to 255, but these go from {low:g} to {high:g}."
            )
        images = images / 255
    elif low < -1e-6 or high > 1 + 1e-6:
        note = f"stretched: black is {low:.2f}, white {high:.2f}".replace("-", "−")
        images = (images - low) / (high - low or 1)
    images = images.clip(0, 1).transpose(0, 2, 3, 1)
    return (images[..., 0] if images.shape[3] == 1 else images), note


def _check_count(count, things, name):
    if count > MOST:
        raise ValueError(
            f"{count} {things} are too many for one figure: {name}[:{MOST}] shows the first {MOST}."
        )


def _titles(titles, count):
    if titles is None:
        return None
    titles = [str(title) for title in (titles.tolist() if hasattr(titles, "tolist") else titles)]
    if len(titles) != count:
        raise ValueError(f"There are {count} images, but {len(titles)} titles.")
    return titles


def _class_numbers(name, values, classes):
    values = _tensor(values)
    if values.ndim == 2:
        raise ValueError(f"{name} wants class numbers (N,), but got {values.shape}: try {name}.argmax(1).")
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iu":
        raise ValueError(f"{name} wants class numbers (N,), but got {values.dtype} {values.shape}.")
    if values.min() < 0 or values.max() >= len(classes):
        raise ValueError(
            f"{name} go from {values.min()} to {values.max()}, but there are {len(classes)} classes, from 0."
        )
    return values.astype(int)
