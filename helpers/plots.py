"""Pictures of images, filters, feature maps, training and mistakes. Each function returns its figure.

Tensors and arrays are both taken. pyplot is not used: nothing is drawn twice, and nothing is kept open. A
figure shows itself as the last line of a cell; its text form says in one line what is to be seen, and is the
picture's alt text. Wrong arguments raise TypeError or ValueError, in one sentence.
"""

import numpy as np
from matplotlib.ticker import MaxNLocator

from helpers.figures import (
    COLOURS,
    DPI,
    INK,
    MOST,
    PAPER,
    Picture,
    array,
    check_count,
    class_numbers,
    numbers,
    pictures,
    shades,
    signed,
    styled,
    tiles,
)


@styled
def show_images(images, titles=None, columns=8):
    """A batch of pictures, (N, 3, H, W) in colour or (N, 1, H, W) in grey, with a title for each.

    Bytes 0–255 and floats 0–1 are shown as they are; other floats (normalised images) are stretched so that
    the smallest becomes black and the largest white, and the figure says so.
    """
    images, note = pictures(images)
    if titles is not None:
        titles = [str(title) for title in (titles.tolist() if hasattr(titles, "tolist") else titles)]
        if len(titles) != len(images):
            raise ValueError(f"There are {len(images)} images, but {len(titles)} titles.")
    figure = tiles(images, titles, columns, note=note)
    height, width = images.shape[1:3]
    told = [f"{_many(len(images), 'image')} of {height}×{width}"]
    told += [f"titled {_some(titles)}"] if titles else []
    told += [note] if note else []
    figure.description = f"Figure: {', '.join(told)}"
    return figure


@styled
def show_filters(weight, columns=6):
    """A convolution's kernels, (out_channels, in_channels, height, width), numbered from 0.

    Three input channels: one picture in colour for each kernel; 0 is mid-grey, and the figure says how far
    black and white are from it. Otherwise a row for each output channel and a column for each input channel,
    with a colour bar.
    """
    weight = numbers("weight", weight, 4, "(out_channels, in_channels, height, width), such as conv1.weight")
    out, channels, height, width = weight.shape
    limit = float(np.abs(weight).max()) or 1.0
    if channels == 3:
        check_count(out, "filters", "weight")
        note = f"mid-grey is 0, black −{limit:.2g}, white +{limit:.2g}, in each of red, green, blue"
        colours = (0.5 + weight / (2 * limit)).clip(0, 1)
        figure = tiles(colours.transpose(0, 2, 3, 1), range(out), columns, note=note)
    else:
        if out * channels > MOST:
            raise ValueError(f"{out}×{channels} kernels are too many for one figure: take weight[:8, :8].")
        titles, bar = range(out), "weight"
        if channels > 1:
            titles = [f"{row}, {column}" for row in range(out) for column in range(channels)]
            columns, bar = channels, "weight (titles: output, input channel)"
        kernels = weight.reshape(-1, height, width)
        figure = tiles(kernels, titles, columns, bar=bar, cmap=signed("kernel"), limits=(-limit, limit))
    about = f"{_many(out, 'filter')} of {channels}×{height}×{width}, weights {_range(weight)}"
    figure.description = f"Figure: {about}"
    return figure


@styled
def show_feature_maps(maps, columns=6):
    """The feature maps of one image, (C, H, W) or (1, C, H, W), numbered from 0, on one scale."""
    maps = array(maps)
    if maps.ndim == 4 and len(maps) > 1:
        raise ValueError(f"show_feature_maps shows one image's maps, but got {maps.shape}: take maps[0].")
    maps = numbers("maps", maps[0] if maps.ndim == 4 else maps, 3, "(C, H, W) or (1, C, H, W)")
    channels, height, width = maps.shape
    check_count(channels, "maps", "maps")
    limit = float(np.abs(maps).max()) or 1.0
    cmap, lowest = (signed("output"), -limit) if maps.min() < 0 else (shades("output"), 0)
    figure = tiles(maps, range(channels), columns, bar="value", cmap=cmap, limits=(lowest, limit))
    about = f"{_many(channels, 'feature map')} of {height}×{width}, values {_range(maps)}"
    figure.description = f"Figure: {about}"
    return figure


@styled
def show_history(history):
    """Loss and accuracy after each epoch, of one History or of several, {name: History}, overlaid."""
    runs = history if isinstance(history, dict) else {"": history}
    for run in runs.values():
        if not hasattr(run, "train_accuracy"):
            wanted = "what train returned, or {name: history}"
            raise TypeError(f"show_history wants {wanted}, but got a {type(run).__name__}.")
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


@styled
def show_confusion(labels, predictions, classes):
    """How often each class (rows) was taken for each class (columns): right in green, mistakes in orange.

    `labels` and `predictions` are class numbers (N,), `classes` the names. The larger a cell's part of
    its row, the darker it is.
    """
    classes = [str(name) for name in classes]
    labels = class_numbers("labels", labels, classes)
    predictions = class_numbers("predictions", predictions, classes)
    if len(labels) != len(predictions):
        raise ValueError(f"There are {len(labels)} labels, but {len(predictions)} predictions.")
    if len(classes) > 30:
        raise ValueError(f"{len(classes)} classes are too many to read in one figure: at most 30.")
    n = len(classes)
    counts = np.zeros((n, n), int)
    np.add.at(counts, (labels, predictions), 1)
    shade = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)) / 2  # √: a few are seen too

    diagonal = np.eye(n, dtype=bool)
    colour = np.where(diagonal[..., None], shades("output")(shade), shades("kernel")(shade))
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

    figure.description = f"Figure: confusion of {_many(len(labels), 'prediction')}, {counts.trace()} right"
    counts[diagonal] = 0
    if counts.any():
        row, column = np.unravel_index(counts.argmax(), counts.shape)
        often = f"{classes[row]} taken for {classes[column]}, {_many(counts.max(), 'time')}"
        figure.description += f"; most often {often}"
    return figure


@styled
def show_most_wrong(images, labels, scores, classes, n=8):
    """The mistakes the model was surest of: the picture, the true class, the predicted one, its probability.

    `scores` are the model's logits (N, classes), or probabilities if each row is one already.
    """
    classes = [str(name) for name in classes]
    labels = class_numbers("labels", labels, classes)
    scores = numbers("scores", scores, 2, "the model's logits, (N, classes)").astype(np.float64)
    images = array(images)
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
        told = f"no mistake among {_many(len(labels), 'image')}"
        figure = Picture(figsize=(4.2, 0.8), dpi=DPI)
        figure.text(0.5, 0.5, told, ha="center", va="center")
        figure.description = f"Figure: {told}"
        return figure
    images, note = pictures(images[wrong])
    titles = [f"{classes[labels[i]]}, taken for\n{classes[seen[i]]} ({sure[i]:.2f})" for i in wrong]
    figure = tiles(images, titles, min(n, 4), size=1.44, note=note)
    told = [f"the surest mistakes: {_some(titles, '; ')}", *([note] if note else [])]
    figure.description = f"Figure: {', '.join(told)}"
    return figure


# -- words ---------------------------------------------------------------------------------------------


def _many(count, thing):
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _some(words, between=", "):
    words = [word.replace("\n", " ") for word in words]
    return between.join(words[:8] + ["…"] * (len(words) > 8))


def _range(numbers):
    return f"{numbers.min():.2f} to {numbers.max():.2f}".replace("-", "−")


def _told(name, run):
    start = f"{name}: " if name != "" else ""
    if not run.loss:
        return f"{start}no completed epoch"
    loss = f"loss {run.loss[0]:.2f} to {run.loss[-1]:.2f}"
    parts = [_many(len(run.loss), "epoch"), loss, f"training accuracy {run.train_accuracy[-1]:.2f}"]
    parts += [f"test accuracy {run.test_accuracy[-1]:.2f}"] if run.test_accuracy else []
    return start + ", ".join(parts + ["interrupted"] * run.interrupted)
