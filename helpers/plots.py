"""Pictures of images, filters, feature maps, training, mistakes and speed. Each function returns its figure.

Tensors and arrays are both taken. pyplot is not used: nothing is drawn twice, and nothing is kept open. A
figure shows itself as the last line of a cell; its text form says in one line what is to be seen, and is the
picture's alt text. Wrong arguments raise TypeError or ValueError, in one sentence.
"""

import textwrap
from itertools import zip_longest

import numpy as np
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from helpers.arguments import array, as_many, at_most, class_numbers, described, kind_of, positive, whole
from helpers.colours import COLOURS, INK, PAPER
from helpers.figures import DPI, MOST, Picture, numbers, pictures, plain, shades, short, signed, styled, tiles

# 7 colours, 8 markers: the first 56 lines all look different, and no two by their colour only.
LINES, MARKERS = ("input", "kernel", "output", "negative", "C", "H", "N"), "os^DvPX*"
TITLES = {"filter": "filter {number}", "before": "before {number}", "after": "after {number}", "maps": "map {number}"}
FLOOR = "the floor"  # what benchmarks call how fast a step could be at most


@styled
def show_images(images, titles=None, columns=8):
    """A batch of pictures, (N, 3, H, W) in colour or (N, 1, H, W) in grey, with a title for each.

    Bytes 0–255 and floats 0–1 are shown as they are; other floats (normalised images) are stretched so that
    the smallest becomes black and the largest white, and the figure says so.
    """
    images, note = pictures(images)
    if titles is not None:
        titles = [short(title) for title in (titles.tolist() if hasattr(titles, "tolist") else titles)]
        as_many("titles", titles, len(images), "a title for each image")
    figure = tiles(images, titles, columns, note=note)
    height, width = images.shape[1:3]
    told = [f"{_many(len(images), 'image', 'images')} of {height}×{width}"]
    told += [f"titled {_some(titles)}"] if titles else []
    told += [note] if note else []
    figure.description = f"Figure: {', '.join(told)}"
    return figure


@styled
def show_filters(weight, columns=6, image=None, before=None):
    """A convolution's filters, (out_channels, in_channels, height, width), numbered from 0.

    Three input channels: one picture in colour for each filter; 0 is mid-grey, and the figure says how far
    black and white are from it. With `image`, (3, H, W), the map that a filter makes of it, padded to the same
    size and without a bias, stands beside each. With `before`, the same filters at an earlier time, each stands
    beside what it was, on one scale. Otherwise a row for each output channel and a column for each input
    channel, with a colour bar.
    """
    weight = numbers("weight", weight, 4, "(out_channels, in_channels, height, width), such as conv1.weight")
    out, channels, height, width = weight.shape
    about = f"{_many(out, 'filter', 'filters')} of {channels}×{height}×{width}, weights {_range(weight)}"
    earlier = weight if before is None else numbers("before", before, 4, "the same filters at an earlier time")
    if earlier.shape != weight.shape:
        raise ValueError(f"before wants filters of the shape of weight, {weight.shape}, but got {earlier.shape}.")
    limit = float(max(np.abs(weight).max(), np.abs(earlier).max())) or 1.0
    for name, given in (("image", image), ("before", before)):
        if given is not None and channels != 3:
            raise ValueError(f"{name} wants kernels of 3 channels, but got weight {weight.shape}. Leave {name} out.")
    if channels == 3:
        note = f"mid-grey is 0, black −{limit:.2g}, white +{limit:.2g}, in each of red, green, blue"
        kinds = {"filter": _coloured(weight, limit)}
        if before is not None:
            kinds = {"before": _coloured(earlier, limit), "after": kinds["filter"]}
            about += f", beside what they were: {_range(earlier)}"
        if image is not None:
            kinds["maps"] = _maps(weight, image)
            about += f", and the map each gives for an image of {'×'.join(map(str, kinds['maps'].shape[1:]))}"
        at_most("weight", out, MOST // len(kinds), "filters")
        figure = (
            tiles(kinds["filter"], range(out), columns, note=note) if len(kinds) == 1 else _beside(kinds, columns, note)
        )
    else:
        at_most("weight", out * channels, MOST, "kernels", "weight[:8, :8]")
        titles, meant = range(out), ""
        if channels > 1:
            titles = [f"{row}, {column}" for row in range(out) for column in range(channels)]
            columns, meant = channels, " (titles: output, input channel)"
        kernels = weight.reshape(-1, height, width)
        figure = tiles(kernels, titles, columns, bar=f"weight{meant}", cmap=signed("kernel"), limits=(-limit, limit))
    figure.description = f"Figure: {about}"
    return figure


def _maps(weight, image):
    """What the filters make of one image, (out, H, W): padded to the same size, without a bias."""
    is_bytes = array(image).dtype.kind in "iu"
    image = numbers("image", image, 3, "one colour picture, (3, H, W)")
    if len(image) != 3:
        raise ValueError(f"image wants one colour picture, (3, H, W), but got {image.shape}.")
    sides = weight.shape[2:]
    before = [(side - 1) // 2 for side in sides]
    pads = [(0, 0), *((low, side - 1 - low) for low, side in zip(before, sides, strict=True))]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(image / (255 if is_bytes else 1), pads), sides, axis=(1, 2)
    )
    return np.einsum("chwij,ocij->ohw", windows, weight)


def _coloured(weight, limit):
    """A picture in colour for each filter, (out, H, W, 3): 0 is mid-grey, and `limit` white."""
    return (0.5 + weight / (2 * limit)).clip(0, 1).transpose(0, 2, 3, 1)


def _beside(kinds, columns, note):
    """The pictures of each filter, {kind: one for each filter}, side by side, in rows of whole groups."""
    groups = [picture for group in zip(*kinds.values(), strict=True) for picture in group]
    titles = [TITLES[kind].format(number=number) for number in range(len(groups) // len(kinds)) for kind in kinds]
    columns = len(kinds) * max(whole("columns", columns, least=1) // len(kinds), 1)
    scale = {}
    if "maps" in kinds:
        limit = float(np.abs(kinds["maps"]).max()) or 1.0
        scale = {"bar": "map", "cmap": signed("output"), "limits": (-limit, limit)}
    return tiles(groups, titles, columns, size=0.84, note=note, **scale)


@styled
def show_feature_maps(maps, columns=6):
    """The feature maps of one image, (C, H, W) or (1, C, H, W), numbered from 0, on one scale."""
    maps = array(maps)
    if maps.ndim == 4 and len(maps) > 1:
        raise ValueError(f"maps wants those of one image, but got {described(maps)}. Try maps[0].")
    maps = numbers("maps", maps[0] if maps.ndim == 4 else maps, 3, "(C, H, W) or (1, C, H, W)")
    channels, height, width = maps.shape
    at_most("maps", channels, MOST, "maps")
    limit = float(np.abs(maps).max()) or 1.0
    cmap, lowest = (signed("output"), -limit) if maps.min() < 0 else (shades("output"), 0)
    figure = tiles(maps, range(channels), columns, bar="value", cmap=cmap, limits=(lowest, limit))
    about = f"{_many(channels, 'feature map', 'feature maps')} of {height}×{width}, values {_range(maps)}"
    figure.description = f"Figure: {about}"
    return figure


@styled
def show_history(history):
    """Loss and accuracy after each epoch, of one History or of several, {name: History}, overlaid."""
    runs = history if isinstance(history, dict) else {"": history}
    runs = [(short(name), run) for name, run in runs.items()]
    for _, run in runs:
        if not hasattr(run, "train_accuracy"):
            wanted = "what train returned, or {name: history}"
            raise TypeError(f"show_history wants {wanted}, but got {kind_of(run)}.")
    if not any(run.loss for _, run in runs):
        raise ValueError("show_history wants a completed epoch, but got none yet.")
    figure = Picture(figsize=(8.4, 3.4), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    left, right = figure.subplots(1, 2)
    for number, (name, run) in enumerate(runs):
        look = {"color": COLOURS[LINES[number % 7]], "marker": MARKERS[number % 8], "markersize": 5}
        label = f"{plain(name)}{' (interrupted)' * run.interrupted}".strip() or None
        epochs = range(1, len(run.loss) + 1)
        left.plot(epochs, run.loss, **look, label=label)
        right.plot(epochs, run.train_accuracy, **look, linestyle="--", markerfacecolor=PAPER)
        right.plot(epochs[: len(run.test_accuracy)], run.test_accuracy, **look)
    left.set(title="training loss", xlabel="epoch", ylim=(0, _ceiling([run.loss for _, run in runs])))
    right.set(title="accuracy", xlabel="epoch", ylim=(0, 1.02))
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    for line in list(left.lines):
        _point_up(left, line)
    right.plot([], [], "--o", color=INK, markerfacecolor=PAPER, markersize=5, label="training")
    if any(run.test_accuracy for _, run in runs):
        right.plot([], [], "-o", color=INK, markersize=5, label="other pictures")
    right.legend(frameon=False)
    if left.get_legend_handles_labels()[1]:
        figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.description = f"Figure: {'; '.join(_told(name, run) for name, run in runs)}"
    return figure


@styled
def show_losses(losses):
    """The loss in each step, {name: losses}, on a logarithmic scale; the first losses are those before any step."""
    if not isinstance(losses, dict) or not losses:
        raise TypeError(f"show_losses wants {{name: losses}}, but got {kind_of(losses)}.")
    named = {short(name): numbers(f"losses of {short(name)}", kept, 1, "a list") for name, kept in losses.items()}
    if (lowest := min(values.min() for values in named.values())) <= 0:
        raise ValueError(f"losses wants numbers above 0, for a logarithmic scale, but got {lowest:g}.")
    figure = Picture(figsize=(6.4, 3.2), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    ax = figure.subplots()
    for number, (name, values) in enumerate(named.items()):
        look = {"color": COLOURS[LINES[number % 7]], "marker": MARKERS[number % 8], "markersize": 5}
        ax.plot(values, **look, markevery=max(len(values) // 12, 1), label=plain(name))
    ax.set(xlabel="step", ylabel="loss", yscale="log")
    ax.minorticks_off()
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    told = [f"{name}: loss {values[0]:.3g} to {values[-1]:.2g}" for name, values in named.items()]
    figure.description = f"Figure: {'; '.join(told)}"
    return figure


def _ceiling(losses):
    """The highest loss that the axis shows; None: all of them.

    Among three runs or more, one that is three times as high as its epoch's median would flatten the others.
    """
    epochs = [[loss for loss in epoch if loss is not None] for epoch in zip_longest(*losses)]
    kept = [loss for epoch in epochs for loss in epoch if len(epoch) < 3 or loss <= 3 * np.median(epoch)]
    ceiling = 1.15 * max(kept)
    return ceiling if any(loss > ceiling for run in losses for loss in run) else None


def _point_up(ax, line):
    """Where a line leaves the axis above, an arrow with the number."""
    top = ax.get_ylim()[1]
    for epoch, loss in zip(*line.get_data(), strict=True):
        if loss > top:
            ax.annotate(f"{loss:.1f}", (epoch, top), (6, -3), textcoords="offset points", va="top", fontsize=9)
            ax.plot(epoch, 0.96 * top, marker=r"$\uparrow$", color=line.get_color(), markersize=11, label="_")


@styled
def show_confusion(labels, predictions, classes):
    """How often each class (rows) was taken for each class (columns): right in green, mistakes in orange.

    `labels` and `predictions` are class numbers (N,), `classes` the names. The larger a cell's part of
    its row, the darker it is.
    """
    classes = [short(name, 20) for name in classes]
    labels = class_numbers("labels", labels, classes)
    predictions = class_numbers("predictions", predictions, classes)
    as_many("predictions", predictions, len(labels), "a class number for each label")
    at_most("classes", len(classes), 30, "names", "show_most_wrong")
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
    names = [plain(name) for name in classes]
    ax.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n), names)
    ax.set(xlabel="predicted", ylabel="true")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)

    figure.description = (
        f"Figure: confusion of {_many(len(labels), 'prediction', 'predictions')}, {counts.trace()} right"
    )
    counts[diagonal] = 0
    if counts.any():
        row, column = np.unravel_index(counts.argmax(), counts.shape)
        often = f"{classes[row]} taken for {classes[column]}, {_many(counts.max(), 'time', 'times')}"
        figure.description += f"; most often {often}"
    return figure


@styled
def show_most_wrong(images, labels, scores, classes, n=8):
    """The mistakes the model was surest of: the picture, the true class, the predicted one, its probability.

    `scores` are the model's logits (N, classes), or probabilities if each row is one already.
    """
    classes = [short(name, 20) for name in classes]
    images = array(images)
    labels = class_numbers("labels", labels, classes, len(images))
    scores = numbers("scores", scores, 2, "the model's logits, (N, classes)").astype(np.float64)
    as_many("scores", scores, len(images), "a row for each image")
    as_many("scores", scores.T, len(classes), "a column for each class")
    n = whole("n", n, 1, MOST)
    if scores.min() < 0 or not np.allclose(scores.sum(axis=1), 1, atol=1e-3):
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))  # softmax, safe from overflow
        scores /= scores.sum(axis=1, keepdims=True)
    seen, sure = scores.argmax(axis=1), scores.max(axis=1)
    wrong = np.flatnonzero(seen != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:n]
    if len(wrong) == 0:
        told = f"no mistake among {_many(len(labels), 'image', 'images')}"
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


@styled
def roofline(works, bandwidth, rate, seconds=None):
    """How fast each layer can compute, from how many multiply-adds it does for each byte it moves.

    `works` are those of helpers.speed.work, `bandwidth` is in bytes and `rate` in multiply-adds per second. The
    roof is what the machine allows: on its slope a layer waits for bytes, on its flat part for multiply-adds.
    `seconds`, {name: seconds of a step}, adds a point for what a layer was measured to reach. Layers without
    multiply-adds only move bytes, and stand below the picture.
    """
    bandwidth, rate = positive("bandwidth", bandwidth), positive("rate", rate)
    works = [one._replace(name=short(one.name)) for one in works]
    computing = sorted((one for one in works if one.macs), key=lambda one: one.macs / one.bytes)
    if not computing:
        raise ValueError("works wants a layer with multiply-adds, but got none.")
    seconds = {short(name): positive(f"seconds of {name}", value) for name, value in (seconds or {}).items()}
    _check_names("seconds", seconds, [one.name for one in works])

    moving = [f"{plain(one.name)} {_bytes(one.bytes)}" for one in works if not one.macs]
    note = textwrap.wrap(f"no multiply-adds, only bytes: {', '.join(moving)}", 100) if moving else []
    reached = {one.name: one.macs / seconds[one.name] for one in computing if one.name in seconds}
    intensity = np.array([one.macs / one.bytes for one in computing])
    allowed = np.minimum(rate, intensity * bandwidth)
    ridge = rate / bandwidth
    left, right = min(intensity[0], ridge) / 4, max(intensity[-1], ridge) * 12

    # All in inches: the axes are `wide`; below the lowest point stand the names, in as many rows as they need.
    wide, line = 6.0, 0.19
    inches = wide * np.log(intensity / left) / np.log(right / left)
    rows = _rows_of_names(inches, [0.1 + 0.08 * len(one.name) for one in computing])
    names, below = line * (max(rows) + 1.5), 0.55 + 0.17 * len(note)
    tall = 2.4 + names
    figure = Picture(figsize=(wide + 1.1, tall + below + 0.25), dpi=DPI)
    width, height = figure.get_size_inches()
    ax = figure.add_axes((0.85 / width, below / height, wide / width, tall / height))
    low, high = min([*allowed, *reached.values(), left * bandwidth]) / 1.5, rate * 2
    low = high * (low / high) ** (tall / (tall - names))  # room for the names
    ax.set(xscale="log", yscale="log", xlim=(left, right), ylim=(low, high))
    ax.set(xlabel="multiply-adds for each byte", ylabel="multiply-adds per second")
    ax.plot([left, ridge, right], [left * bandwidth, rate, rate], color=INK, linewidth=1.5)
    ax.plot(intensity, allowed, "o", color=COLOURS["output"], markersize=7, label="what the machine allows")
    for x, y, row, one in zip(intensity, allowed, rows, computing, strict=True):
        end = low * (high / low) ** ((names - line * (row + 1)) / tall)
        ax.plot([x, x], [y, end], color=COLOURS["padding"], linewidth=0.8, zorder=0)
        ax.annotate(plain(one.name), (x, end), (3, 0), textcoords="offset points", fontsize=9, va="bottom")
        if one.name in reached:
            ax.plot(x, reached[one.name], "D", color=COLOURS["kernel"], markersize=6)
    ax.annotate(_per_second(rate), (right, rate), (-4, 3), textcoords="offset points", ha="right", fontsize=9)
    slope = np.degrees(np.arctan(tall / np.log(high / low) * np.log(right / left) / wide))
    at = (left * ridge) ** 0.5
    ax.annotate(
        f"{_bytes(bandwidth)}/s", (at, at * bandwidth), (-8, 6), textcoords="offset points", fontsize=9,
        rotation=slope, rotation_mode="anchor", ha="center",
    )  # fmt: skip
    if reached:
        ax.plot([], [], "D", color=COLOURS["kernel"], markersize=6, label="measured")
        ax.legend(frameon=False, loc="center right")
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.spines[["top", "right"]].set_visible(False)
    figure.text(0.1 / width, 0.06 / height, "\n".join(note), fontsize=9, va="bottom")

    waiting = {
        "for bytes": [one.name for one, x in zip(computing, intensity, strict=True) if x < ridge],
        "for multiply-adds": [one.name for one, x in zip(computing, intensity, strict=True) if x >= ridge],
    }
    told = [f"roofline of {_bytes(bandwidth)}/s and {_per_second(rate)}"]
    told += [f"waiting {what}: {_some(names)}" for what, names in waiting.items() if names]
    told += [f"measured: {_some([f'{name} {_per_second(y)}' for name, y in reached.items()])}"] if reached else []
    figure.description = f"Figure: {'; '.join(told)}"
    return figure


@styled
def road(rows, steps):
    """Pictures per second of each way to train, on a logarithmic scale, one below the other, and the floor.

    `rows` are those of helpers.speed.recorded; `steps`, {name of a row: what to call it}, from top to bottom. Each
    batch size has a marker and a column of numbers. The rows named "the floor" come last, with a line upwards.
    """
    steps = {
        **{str(name): short(told, 60) for name, told in steps.items()},
        FLOOR: "the floor: no faster, layer by layer",
    }
    _check_names("steps", steps, list(dict.fromkeys(row["name"] for row in rows)))
    speeds = {(row["batch_size"], row["name"]): row["pictures_per_second"] for row in rows if row["name"] in steps}
    sizes = [size for size in sorted({size for size, _ in speeds}) if (size, next(iter(steps))) in speeds]
    line, places = 0.3, {name: number for number, name in enumerate(steps)}
    # All in inches: names on the left, the axes in the middle, a column of numbers for each batch size on the right.
    left, wide, column = 0.15 + 0.068 * max(map(len, steps.values())), 3.0, 0.95
    tall, above, below = line * len(steps), 0.5, 0.5
    figure = Picture(figsize=(left + wide + column * len(sizes) + 0.15, above + tall + below), dpi=DPI)
    width, height = figure.get_size_inches()
    ax = figure.add_axes((left / width, below / height, wide / width, tall / height))
    low, high = min(speeds.values()), max(speeds.values())
    ax.set(xscale="log", xlim=(low / 1.6, high * 1.6), ylim=(len(steps) - 0.5, -0.5), xlabel="pictures per second")
    ax.set_yticks(range(len(steps)), [plain(told) for told in steps.values()])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", alpha=0.25)
    ax.spines[["top", "right", "left"]].set_visible(False)
    for number, size in enumerate(sizes):
        there = [name for name in steps if (size, name) in speeds]
        x, y = [speeds[size, name] for name in there], [places[name] for name in there]
        look = {"marker": "os^Dv"[number % 5], "color": COLOURS[("input", "output", "kernel", "H", "N")[number % 5]]}
        ax.plot(x[:-1], y[:-1], markersize=6, linewidth=1, **look)
        ax.plot(x[-1:], y[-1:], markersize=6, markerfacecolor=PAPER, linestyle="none", **look)
        ax.plot([x[-1]] * 2, [-0.5, y[-1]], linestyle="--", linewidth=1, zorder=0, color=look["color"])
        at = left + wide + column * (number + 1)
        head = above + tall + below - 0.18
        figure.text(at / width, head / height, f"batch {size}", fontsize=9, ha="right", va="center")
        ax.plot(
            (at - 0.42 - left) / wide, (head - 0.17 - below) / tall, markersize=6, clip_on=False,
            transform=ax.transAxes, **look
        )  # fmt: skip
        for place, speed in zip(y, x, strict=True):
            y_inches = below + tall - line * (place + 0.5)
            figure.text(at / width, y_inches / height, f"{speed:,.0f}", fontsize=9, ha="right", va="center")
    told = [f"batches of {size}: {_journey(speeds, steps, size)}" for size in sizes]
    figure.description = f"Figure: pictures per second; {'; '.join(told)}"
    return figure


def _rows_of_names(inches, widths):
    """The row of each name, counted from the top, so that none lies over another or over another's line.

    A name stands to the right of its line, which comes from above: below the names of all lines that it covers.
    """
    rows = [0] * len(inches)
    for number in reversed(range(len(inches))):
        end = inches[number] + widths[number]
        rows[number] = max(
            (rows[other] + 1 for other in range(number + 1, len(inches)) if inches[other] < end), default=0
        )
    return rows


# -- words ---------------------------------------------------------------------------------------------


def _check_names(name, given, names):
    if unknown := given.keys() - set(names):
        raise ValueError(f"{name} wants names among {_some(names)}, but got {_some(sorted(unknown))}.")


def _many(count, one, many):
    return f"{count} {one if count == 1 else many}"


def _some(words, between=", "):
    words = [word.replace("\n", " ") for word in words]
    return between.join(words[:8] + ["…"] * (len(words) > 8))


def _bytes(count):
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def _journey(speeds, steps, size):
    there = [(steps[name], speeds[size, name]) for name in steps if (size, name) in speeds]
    return ", ".join(f"{told} {speed:,.0f}" for told, speed in there)


def _per_second(rate):
    size, power = (1e12, "10¹²") if rate >= 1e12 else (1e9, "10⁹")
    return f"{rate / size:.3g}·{power} multiply-adds/s"


def _range(numbers):
    return f"{numbers.min():.2f} to {numbers.max():.2f}".replace("-", "−")


def _told(name, run):
    start = f"{name}: " if name != "" else ""
    if not run.loss:
        return f"{start}no completed epoch"
    loss = f"loss {run.loss[0]:.2f} to {run.loss[-1]:.2f}"
    parts = [_many(len(run.loss), "epoch", "epochs"), loss, f"training accuracy {run.train_accuracy[-1]:.2f}"]
    parts += [f"accuracy on other pictures {run.test_accuracy[-1]:.2f}"] if run.test_accuracy else []
    return start + ", ".join(parts + ["interrupted"] * run.interrupted)
