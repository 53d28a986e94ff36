import io
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib import image as matplotlib_image
from matplotlib.text import Text

from helpers.figures import plain
from helpers.plots import (
    COLOURS,
    road,
    roofline,
    show_confusion,
    show_feature_maps,
    show_filters,
    show_history,
    show_images,
    show_losses,
    show_most_wrong,
)
from helpers.speed import Work
from helpers.training import History

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(n=8, channels=3):
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, channels, 32, 32), generator=random).to(torch.uint8)


def a_run(epochs=5, test=True, start=2.0, interrupted=False):
    loss = [start / (epoch + 1) for epoch in range(epochs)]
    right = [1 - value / 2.5 for value in loss]
    return History(loss, right, right[:] if test else [], [1.0] * epochs, [9.0] * epochs, interrupted)


# A training step of SimpleCNN on 128 images.
WORKS = [
    Work("images", 0, 1_966_080),
    Work("conv1", 127_401_984, 22_024_128),
    Work("relu after conv1", 0, 47_185_920),
    Work("pool", 0, 33_030_144),
    Work("fc1", 113_246_208, 10_683_136),
    Work("fc2", 245_760, 116_344),
]
ALIKE = [Work(f"features.{number}", 10**9, 10**8 + 10**6 * (number // 2)) for number in range(8)]


def way(name, size, speed):
    return {"name": name, "batch_size": size, "pictures_per_second": speed}


ROAD = [
    way("slow", 128, 4955.4), way("slow", 512, 6763), way("a graph", 128, 417_476), way("kernel", 512, 2_820_631),
    way("a graph", 2048, 9e5), way("the floor", 128, 3.96e6), way("the floor", 512, 4.4e6), way("other", 128, 7e5),
]  # fmt: skip
STEPS = {"slow": "the loop of most tutorials", "a graph": "no Python for each operation", "kernel": "fewer bytes"}

LABELS = torch.arange(200) % 10
FIGURES = {
    "images": lambda: show_images(pictures(8), CIFAR[:8]),
    "normalised images": lambda: show_images(numbers(12, 3, 32, 32), columns=6),
    "one normalised image": lambda: show_images(numbers(1, 3, 32, 32)),
    "one grey image": lambda: show_images(pictures(1, 1), [7]),
    "colour filters": lambda: show_filters(numbers(18, 3, 3, 3)),
    "one colour filter": lambda: show_filters(numbers(1, 3, 3, 3)),
    "grey filters": lambda: show_filters(numbers(8, 1, 5, 5)),
    "colour filters and their maps": lambda: show_filters(numbers(18, 3, 3, 3), 8, numbers(3, 32, 32)),
    "colour filters before and after": lambda: show_filters(numbers(5, 3, 3, 3), before=numbers(5, 3, 3, 3) / 3),
    "a filter and its map": lambda: show_filters(numbers(1, 3, 2, 5), image=pictures(1)[0, :, :9]),
    "one grey filter": lambda: show_filters(numbers(1, 1, 3, 3)),
    "filters of four channels": lambda: show_filters(numbers(6, 4, 3, 3)),
    "feature maps": lambda: show_feature_maps(numbers(18, 16, 16)),
    "wide feature maps": lambda: show_feature_maps(numbers(1, 5, 4, 16).relu()),
    "one feature map": lambda: show_feature_maps(numbers(1, 5, 5).relu()),
    "one run": lambda: show_history(a_run()),
    "three runs": lambda: show_history(
        {"lr 0.001": a_run(), "lr 0.1": a_run(2, interrupted=True), "": a_run(1, test=False)}
    ),
    "three runs, one far off": lambda: show_history({"a": a_run(), "b": a_run(start=2.2), "c": a_run(start=9)}),
    "losses": lambda: show_losses({"plain": [12.5, 3.0, 0.4], "momentum": [12.5, 9.0, 1e-4]}),
    "confusion": lambda: show_confusion(LABELS, (LABELS + (numbers(200) > 1)) % 10, CIFAR),
    "confusion of two": lambda: show_confusion([0, 1, 1], [0, 0, 1], ["cat", "dog"]),
    "mistakes": lambda: show_most_wrong(pictures(200), LABELS, numbers(200, 10), CIFAR),
    "one mistake": lambda: show_most_wrong(pictures(1), [3], numbers(1, 10), CIFAR),
    "roofline": lambda: roofline(WORKS, 17.7e9, 60e9),
    "roofline, measured": lambda: roofline(WORKS, 17.7e9, 60e9, {"conv1": 8e-3, "fc1": 4e-3, "fc2": 1e-4}),
    "roofline of layers alike": lambda: roofline(ALIKE, 3e12, 2e14),
    "the road": lambda: road(ROAD, STEPS),
    "a road of one step": lambda: road(ROAD, {"slow": "slow"}),
    "no mistake": lambda: show_most_wrong(pictures(10), LABELS[:10], torch.eye(10), CIFAR),
}
each_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def shown(figure):
    """The arrays in a figure's pictures, in order."""
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images]


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.images]


@cache
def displayed(draw):
    """(the figure, what a notebook shows of it, by type, what it says of that, [(a text that is drawn, its box)]).

    The boxes are in inches, as they are where the text is drawn.
    """
    figure = draw()
    drawn, draw_text = {}, Text.draw

    def watched(text, renderer):
        if text.get_text().strip() and text.get_visible():
            box = text.get_window_extent(renderer)
            drawn[text] = box.transformed(figure.dpi_scale_trans.inverted())
        return draw_text(text, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", watched)
        data, metadata = DisplayFormatter().format(figure, include=["text/plain", "image/png"])
    assert drawn
    return figure, data, metadata, [*drawn.items()]


def said(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# -- every figure --------------------------------------------------------------------------------------


@each_figure
def test_a_notebook_shows_a_png_with_its_one_line_as_alt_text(draw):
    figure, data, metadata, _ = displayed(draw)
    assert data["text/plain"] == repr(figure) == str(figure)
    assert re.fullmatch(r"Figure: .*\w.*", repr(figure))
    assert data["image/png"].startswith(b"\x89PNG")
    wide = matplotlib_image.imread(io.BytesIO(data["image/png"])).shape[1]
    assert metadata["image/png"] == {"alt": repr(figure), "width": pytest.approx(wide / 2, abs=1)}  # 200 pixels an inch
    assert wide <= 1800


@each_figure
def test_every_text_is_at_least_9_points_and_inside_the_picture(draw):
    figure, *_, written = displayed(draw)
    width, height = figure.get_size_inches()
    for text, box in written:
        assert text.get_fontsize() >= 9, text
        assert box.x0 >= -0.01 and box.y0 >= -0.01, text  # noqa: PT018
        assert box.x1 <= width + 0.01 and box.y1 <= height + 0.01, text  # noqa: PT018


@each_figure
def test_no_two_texts_overlap(draw):
    *_, written = displayed(draw)
    boxes = [(text, box) for text, box in written if text.get_rotation() in (0, 90)]
    for i, (text, box) in enumerate(boxes):
        for other, other_box in boxes[:i]:
            shared = box.intersection(box, other_box)
            assert shared is None or min(shared.width, shared.height) < 0.02, (text, other)


@each_figure
def test_the_same_call_gives_the_same_bytes_whatever_style_the_reader_has_set(draw):
    _, *before, _ = displayed(draw)
    with matplotlib.rc_context({"text.color": "red", "font.size": 20, "axes.grid": True, "savefig.dpi": 30}):
        figure = draw()
        assert matplotlib.rcParams["font.size"] == 20
        assert figure._repr_png_() == tuple(told["image/png"] for told in before)


def test_images_of_the_course_make_small_files():
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    smooth = torch.stack([x * 8, y * 8, (x + y) * 4]).to(torch.uint8).expand(16, -1, -1, -1)
    assert len(show_images(smooth, CIFAR + CIFAR[:6])._repr_png_()[0]) < 80_000
    small = (displayed(FIGURES[name])[1]["image/png"] for name in ("colour filters", "one run", "confusion"))
    assert all(len(png) < 80_000 for png in small)


def test_drawing_imports_neither_pyplot_nor_torch():
    code = (
        "import sys, numpy as np, helpers.plots as p; "
        "p.show_images(np.zeros((1, 3, 4, 4), np.uint8))._repr_png_(); "
        "sys.exit(' '.join({'matplotlib.pyplot', 'torch'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pyplot_does_not_show_a_figure_a_second_time():
    from matplotlib import pyplot

    show_images(pictures(1))
    assert pyplot.get_fignums() == []


def test_tensors_of_any_kind_and_arrays_are_taken():
    array = numbers(4, 3, 3, 3).numpy()
    learned = torch.nn.Parameter(torch.from_numpy(array))
    assert repr(show_filters(learned)) == repr(show_filters(array)) == repr(show_filters(array.tolist()))
    assert show_filters(learned.bfloat16()).description.startswith("Figure: 4 filters")


def test_the_colours_are_the_courses():
    assert COLOURS["input"] == "#0072B2"
    assert len(set(COLOURS.values())) == 9


# -- images --------------------------------------------------------------------------------------------


def test_bytes_are_shown_as_they_are():
    images = pictures(3)
    for image, drawn in zip(images, shown(show_images(images)), strict=True):
        assert np.allclose(drawn, image.permute(1, 2, 0).numpy() / 255)


def test_floats_from_0_to_1_are_shown_as_they_are():
    images = torch.rand(2, 1, 4, 6)
    figure = show_images(images)
    assert np.allclose(shown(figure), images[:, 0])
    assert [image.get_clim() for ax in figure.axes for image in ax.images] == [(0, 1)] * 2
    assert repr(figure) == "Figure: 2 images of 4×6"


def test_other_floats_are_stretched_and_the_figure_says_so():
    images = torch.linspace(-2, 3, 3 * 4 * 4).reshape(1, 3, 4, 4)
    figure = show_images(images)
    assert np.allclose(shown(figure)[0], (images[0].permute(1, 2, 0) + 2) / 5, atol=1e-6)
    note = "stretched: black is −2.00, white 3.00"
    assert note in [text.get_text() for text in figure.texts]
    assert repr(figure) == f"Figure: 1 image of 4×4, {note}"


def test_a_pixel_is_drawn_as_a_whole_square():
    image = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    image[0, 0, 0, 1] = 255
    picture = matplotlib_image.imread(io.BytesIO(show_images(image)._repr_png_()[0]))[..., :3]
    red = (picture == (1, 0, 0)).all(axis=2).sum()
    assert red == pytest.approx(96 * 96, rel=0.05)  # a quarter of a tile of 192 × 192


def test_titles_stand_over_their_images_and_in_the_text():
    figure = show_images(pictures(10), CIFAR)
    assert titles(figure) == list(CIFAR)
    assert repr(figure) == f"Figure: 10 images of 32×32, titled {', '.join(CIFAR[:8])}, …"
    assert titles(show_images(pictures(2), torch.tensor([3, 4]))) == ["3", "4"]


@pytest.mark.parametrize(
    "name", [r"$\frac$", "$x$ and $", "no\x07 <b>\u202eend", "A" * 10**6, "A\n" * 10**5, "$" * 10**6]
)
def test_whatever_names_are_given_they_are_shown_as_they_are_and_not_without_end(name):
    for figure in (
        show_images(pictures(2), [name, "b"]),
        show_confusion([0, 1], [1, 0], [name, "b"]),
        show_most_wrong(pictures(2), [0, 1], [[0, 5], [0, 5]], [name, "b"]),
        show_history({name: a_run(), "b": a_run()}),
        roofline([Work(name, 200, 10), Work("b", 0, 10)], 1e9, 1e9),
    ):
        png, _ = figure._repr_png_()
        assert len(png) < 100_000
        assert len(repr(figure)) < 1_000
        texts = [text for text in figure.findobj(Text) if text.get_text().startswith(plain(name[:2]))]
        assert texts
        assert not any(text._preprocess_math(text.get_text())[1] for text in texts)


def test_columns_break_the_row():
    figure = show_images(pictures(5), columns=2)
    corners = [ax.get_position() for ax in figure.axes]
    assert len({round(corner.x0, 3) for corner in corners}) == 2
    assert len({round(corner.y0, 3) for corner in corners}) == 3


# -- filters and feature maps --------------------------------------------------------------------------


def test_colour_filters_have_zero_as_mid_grey_on_one_scale():
    weight = torch.zeros(2, 3, 1, 2)
    weight[0, 0, 0, 0], weight[1, 2, 0, 1] = 0.5, -0.25
    figure = show_filters(weight)
    assert np.allclose(shown(figure)[0], [[[1, 0.5, 0.5], [0.5, 0.5, 0.5]]])
    assert np.allclose(shown(figure)[1], [[[0.5, 0.5, 0.5], [0.5, 0.5, 0.25]]])
    assert "mid-grey is 0, black −0.5, white +0.5" in figure.texts[0].get_text()
    assert repr(figure) == "Figure: 2 filters of 3×1×2, weights −0.25 to 0.50"


def test_other_filters_are_a_row_for_each_output_and_a_column_for_each_input():
    weight = numbers(3, 2, 3, 3)
    figure = show_filters(weight)
    assert titles(figure) == ["0, 0", "0, 1", "1, 0", "1, 1", "2, 0", "2, 1"]
    assert np.allclose(shown(figure)[:6], weight.reshape(6, 3, 3))
    limit = weight.abs().max().item()
    assert all(np.allclose(ax.images[0].get_clim(), (-limit, limit)) for ax in figure.axes[:6])


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [(3, 3), (2, 5), (1, 1)])
@pytest.mark.parametrize("image", [numbers(3, 9, 11), pictures(1)[0]], ids=["floats", "bytes"])
def test_beside_each_kernel_stands_the_map_that_torch_makes_of_the_image(kernel, image):
    weight = numbers(5, 3, *kernel)
    figure = show_filters(weight, 4, image)
    pixels = image / 255 if image.dtype == torch.uint8 else image
    maps = torch.nn.functional.conv2d(pixels, weight, padding="same")
    assert titles(figure)[:4] == ["filter 0", "map 0", "filter 1", "map 1"]
    for drawn, wanted in zip(shown(figure)[1:10:2], maps, strict=True):
        assert np.allclose(drawn, wanted, atol=1e-5)
    assert repr(figure).endswith(f"and the map each gives for an image of {image.shape[1]}×{image.shape[2]}")
    limit = maps.abs().max().item()
    assert np.allclose([ax.images[0].get_clim() for ax in figure.axes[1:10:2]], (-limit, limit))
    places = [ax.get_position() for ax in figure.axes]
    assert {round(place.x0, 3) for place in places[1:10:4]} == {round(places[1].x0, 3)}  # rows of whole pairs


def test_beside_each_filter_stands_what_it_was_on_the_scale_of_both():
    before, after = numbers(3, 3, 3, 3), numbers(3, 3, 3, 3) / 4
    figure = show_filters(after, 7, numbers(3, 9, 9), before=before)
    assert titles(figure)[:4] == ["before 0", "after 0", "map 0", "before 1"]
    limit = before.abs().max().item()
    for start, weight in enumerate((before, after)):
        for drawn, wanted in zip(shown(figure)[start:9:3], weight, strict=True):
            assert np.allclose(drawn, 0.5 + wanted.permute(1, 2, 0) / (2 * limit), atol=1e-6)
    assert titles(show_filters(after, before=before)) == [
        f"{kind} {n}" for n in range(3) for kind in ("before", "after")
    ]
    assert f"weights {after.min():.2f} to {after.max():.2f}, beside what they were: " in repr(figure).replace("−", "-")
    places = [ax.get_position() for ax in figure.axes]
    assert {round(place.x0, 3) for place in places[0:9:6]} == {round(places[0].x0, 3)}  # rows of whole groups


def test_filters_of_zeros_can_be_shown():
    assert "weights 0.00 to 0.00" in repr(show_filters(torch.zeros(2, 3, 3, 3)))
    assert "values 0.00 to 0.00" in repr(show_feature_maps(torch.zeros(2, 3, 3)))


def test_feature_maps_are_numbered_and_share_one_scale():
    maps = numbers(4, 5, 6).relu()
    figure = show_feature_maps(maps[None])
    assert titles(figure) == ["0", "1", "2", "3"]
    assert np.allclose(shown(figure)[:4], maps)
    assert {ax.images[0].get_clim() for ax in figure.axes[:4]} == {(0, maps.max().item())}
    assert repr(figure) == f"Figure: 4 feature maps of 5×6, values 0.00 to {maps.max():.2f}"


@pytest.mark.parametrize(("lowest", "limits"), [(-2.0, (-2, 2)), (0.5, (0, 1.5))])
def test_zero_has_its_own_colour_only_if_there_are_negative_values(lowest, limits):
    figure = show_feature_maps(torch.tensor([[[lowest, 1.5]]]))
    picture = figure.axes[0].images[0]
    assert picture.get_clim() == limits
    assert picture.to_rgba(np.array([[0.0]])).ravel().tolist() == [1, 1, 1, 1]


# -- training ------------------------------------------------------------------------------------------


def test_the_curves_are_the_historys_numbers():
    run = a_run(4)
    run.test_accuracy = [0.1, 0.2, 0.3, 0.4]
    left, right = show_history(run).axes
    assert left.lines[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert left.lines[0].get_ydata().tolist() == run.loss
    assert right.lines[0].get_ydata().tolist() == run.train_accuracy
    assert right.lines[1].get_ydata().tolist() == run.test_accuracy
    assert [line.get_linestyle() for line in right.lines[:2]] == ["--", "-"]


def test_a_loss_far_above_the_others_of_its_epoch_does_not_flatten_them_and_is_named_at_the_edge():
    near, far = {"a": a_run(start=2.0), "b": a_run(start=2.2)}, a_run(start=9)
    left, _ = show_history({**near, "c": far}).axes
    top = left.get_ylim()[1]
    assert 2.2 < top < 6
    assert [text.get_text() for text in left.texts] == [f"{loss:.1f}" for loss in far.loss if loss > top]
    assert left.lines[2].get_ydata().tolist() == far.loss  # only the axis is cut


@pytest.mark.parametrize("runs", [{"a": a_run(9)}, {"a": a_run(), "b": a_run(start=9)}, {n: a_run(9) for n in "abc"}])
def test_all_losses_are_shown_where_none_is_far_from_most_of_its_epoch(runs):
    left, _ = show_history(runs).axes
    assert left.get_ylim()[1] > max(loss for run in runs.values() for loss in run.loss)
    assert not left.texts


def test_runs_differ_by_their_marker_not_by_colour_only():
    left, right = show_history({f"run {i}": a_run(start=2 - i / 20) for i in range(20)}).axes
    looks = [(line.get_color(), line.get_marker()) for line in left.lines]
    assert len(set(looks)) == 20
    assert all(one[1] != other[1] for one, other in pairwise(looks))
    assert [(line.get_color(), line.get_marker()) for line in right.lines[:40:2]] == looks


def test_the_legend_names_runs_and_interruptions():
    figure = show_history({"slow": a_run(), "fast": a_run(2, interrupted=True), "none": History()})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["slow", "fast (interrupted)", "none"]
    assert repr(figure) == (
        "Figure: slow: 5 epochs, loss 2.00 to 0.40, training accuracy 0.84, accuracy on other pictures 0.84; "
        "fast: 2 epochs, loss 2.00 to 1.00, training accuracy 0.60, accuracy on other pictures 0.60, interrupted; "
        "none: no completed epoch"
    )
    named = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert named == ["training", "other pictures"]  # whether they validate or test, the lesson says


def test_one_run_needs_no_legend_of_runs():
    figure = show_history(a_run(1, test=False))
    assert figure.legends == []
    assert repr(figure) == "Figure: 1 epoch, loss 2.00 to 2.00, training accuracy 0.20"
    assert [text.get_text() for text in figure.axes[1].get_legend().get_texts()] == ["training"]


def test_the_losses_are_drawn_as_they_are_from_step_0_on_a_logarithmic_scale():
    figure = show_losses({"plain": [8.0, 4.0, 2.0], "momentum": [8.0, 1.0]})
    (ax,) = figure.axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[8, 4, 2], [8, 1]]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0, 1, 2], [0, 1]]
    assert ax.get_yscale() == "log"
    assert ax.lines[0].get_marker() != ax.lines[1].get_marker()
    assert repr(figure) == "Figure: plain: loss 8 to 2; momentum: loss 8 to 1"


# -- mistakes ------------------------------------------------------------------------------------------


def test_confusion_counts_true_classes_in_rows_and_predicted_in_columns():
    labels, predictions = torch.randint(0, 3, (2, 60), generator=torch.Generator().manual_seed(0))
    figure = show_confusion(labels, predictions, ["a", "b", "c"])
    counts = Counter(zip(labels.tolist(), predictions.tolist(), strict=True))
    written = {(round(y), round(x)): text for text in figure.axes[0].texts for x, y in [text.get_position()]}
    assert len(written) == 9
    assert all(written[place].get_text() == str(counts[place]) for place in written)
    assert figure.axes[0].get_ylabel() == "true"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b", "c"]


def test_confusion_tells_the_commonest_mistake():
    figure = show_confusion([0, 0, 0, 1, 1], [0, 1, 1, 1, 0], ["cat", "dog"])
    assert repr(figure) == "Figure: confusion of 5 predictions, 2 right; most often cat taken for dog, 2 times"
    assert repr(show_confusion([1], [1], ["cat", "dog"])) == "Figure: confusion of 1 prediction, 1 right"


def test_right_is_green_mistakes_are_orange_and_never_is_white():
    figure = show_confusion([0, 0, 1], [0, 1, 1], ["cat", "dog"])
    (right, mistake), (never, _) = shown(figure)[0][..., :3]
    assert right.argmax() == 1
    assert mistake.argmax() == 0
    assert never.tolist() == [1, 1, 1]


def test_the_surest_mistakes_come_first():
    logits = numbers(50, 10) * 3
    labels = LABELS[:50]
    sure, seen = logits.softmax(1).max(1)
    wrong = [i for i in sure.argsort(descending=True).tolist() if seen[i] != labels[i]][:6]
    figure = show_most_wrong(pictures(50), labels, logits, CIFAR, n=6)
    expected = [f"{CIFAR[labels[i]]}, taken for\n{CIFAR[seen[i]]} ({sure[i]:.2f})" for i in wrong]
    assert titles(figure) == expected
    assert np.allclose(shown(figure), pictures(50)[wrong].permute(0, 2, 3, 1) / 255)
    assert repr(figure) == "Figure: the surest mistakes: " + "; ".join(expected).replace("\n", " ")


def test_probabilities_are_taken_as_they_are():
    logits = numbers(50, 10)
    figures = [show_most_wrong(pictures(50), LABELS[:50], x, CIFAR) for x in (logits, logits.softmax(1))]
    assert repr(figures[0]) == repr(figures[1])


def test_logits_of_any_size_become_probabilities():
    figure = show_most_wrong(pictures(2), [0, 0], torch.tensor([[0.0, 1e4], [-1e4, 0]]), ["cat", "dog"])
    assert titles(figure) == ["cat, taken for\ndog (1.00)"] * 2


def test_no_mistake_is_said():
    assert repr(FIGURES["no mistake"]()) == "Figure: no mistake among 10 images"


# -- what came, what is wanted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: show_images(pictures(2).permute(0, 2, 3, 1)), "got (2, 32, 32, 3). Try images.permute(0, 3, 1, 2)."),
        (lambda: show_images(pictures(1)[0]), "batch (N, 3, H, W), but got (3, 32, 32). Try image[None]."),
        (lambda: show_images(pictures(5)[:, 0]), "got (5, 32, 32). Try images[:, None]."),
        (lambda: show_images(pictures(1)[0, 0]), "got (32, 32). Try image[None, None]."),
        (lambda: show_images(numbers(2, 18, 8, 8)), "got (2, 18, 8, 8). Try show_feature_maps(images[0])."),
        (lambda: show_images(torch.zeros(0, 3, 8, 8)), "but got float32 (0, 3, 8, 8)"),
        (lambda: show_images(3), "(N, 3, H, W) or (N, 1, H, W), but got an int."),
        (lambda: show_images(None), "(N, 3, H, W) or (N, 1, H, W), but got None."),
        (lambda: show_images(torch.full((1, 3, 8, 8), float("nan"))), "NaN or infinite"),
        (lambda: show_images(torch.full((1, 3, 8, 8), 300)), "from 0 to 255, or floats, but got numbers from 300 to"),
        (lambda: show_images(pictures(101)), "at most 100 images, but got 101. Try images[:100]."),
        (lambda: show_images(pictures(3), ["a", "b"]), "titles wants a title for each image, 3 in all, but got 2."),
        (lambda: show_images(pictures(3), columns=0), "a whole number of at least 1, but got 0"),
        (lambda: show_images(pictures(3), columns=2.0), "columns wants a whole number of at least 1"),
        (lambda: show_filters(numbers(3, 3)), "such as conv1.weight, but got float32 (3, 3)"),
        (lambda: show_filters(torch.nn.Conv2d(3, 2, 3)), "such as conv1.weight, but got a Conv2d"),
        (lambda: show_filters(numbers(32, 16, 3, 3)), "at most 100 kernels, but got 512. Try weight[:8, :8]."),
        (lambda: show_filters(numbers(101, 3, 3, 3)), "at most 100 filters, but got 101. Try weight[:100]."),
        (lambda: show_filters(numbers(2, 1, 3, 3), before=numbers(2, 1, 3, 3)), "before wants kernels of 3 channels"),
        (lambda: show_filters(numbers(2, 3, 3, 3), before=numbers(1, 3, 3, 3)), "(2, 3, 3, 3), but got (1, 3,"),
        (lambda: show_filters(numbers(2, 1, 3, 3), image=numbers(1, 8, 8)), "weight (2, 1, 3, 3). Leave image out."),
        (lambda: show_filters(numbers(2, 3, 3, 3), image=numbers(1, 8, 8)), "(3, H, W), but got (1, 8, 8)"),
        (lambda: show_filters(numbers(2, 3, 3, 3), image=pictures(1)), "colour picture, (3, H, W), but got uint8"),
        (lambda: show_filters(numbers(60, 3, 3, 3), image=numbers(3, 8, 8)), "at most 50 filters, but got 60."),
        (lambda: show_feature_maps(numbers(2, 3, 4, 4)), "of one image, but got float32 (2, 3, 4, 4). Try maps[0]."),
        (lambda: show_feature_maps(numbers(4, 4)), "(C, H, W) or (1, C, H, W), but got float32 (4, 4)"),
        (lambda: show_feature_maps(numbers(101, 4, 4)), "Try maps[:100]."),
        (lambda: show_history([1, 2]), "wants what train returned, or {name: history}, but got a list"),
        (lambda: show_history(History()), "wants a completed epoch, but got none yet."),
        (lambda: show_history({}), "wants a completed epoch, but got none yet."),
        (lambda: show_losses({"plain": []}), "losses of plain wants a list"),
        (lambda: show_losses({"plain": [1.0, 0.0]}), "above 0, for a logarithmic scale, but got 0."),
        (lambda: show_losses([1.0]), "show_losses wants {name: losses}, but got a list."),
        (lambda: show_losses({}), "wants {name: losses}, but got an empty dict."),
        (lambda: show_confusion([0, 1], torch.eye(2), "ab"), "predictions.argmax(1)"),
        (lambda: show_confusion([0, 1], [0.0, 1.0], "ab"), "wants class numbers (N,), but got float64"),
        (lambda: show_confusion([], [], "ab"), "labels wants class numbers"),
        (lambda: show_confusion([0, 1], [0], "ab"), "wants a class number for each label, 2 in all, but got 1."),
        (lambda: show_confusion([0, 2], [0, 0], "ab"), "wants 0 to 1, for the 2 classes, but got 2 at position 1"),
        (lambda: show_confusion([0], [0], range(31)), "at most 30 names, but got 31. Try show_most_wrong."),
        (lambda: show_most_wrong(pictures(3), [0, 1, 2], numbers(3, 9), CIFAR), "a column for each class, 10 in all"),
        (lambda: show_most_wrong(pictures(2), [0, 1, 2], numbers(3, 10), CIFAR), "for each picture, 2 in all"),
        (lambda: show_most_wrong(pictures(2), [0, 1], numbers(3, 10), CIFAR), "a row for each image, 2 in all"),
        (lambda: show_most_wrong(pictures(2), [0, 1], [0, 1], CIFAR), "scores wants the model's logits"),
        (lambda: show_most_wrong(pictures(1), [0], numbers(1, 10), CIFAR, n=0), "1 to 100, but got 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_in_a_sentence(draw, words):
    with pytest.raises((ValueError, TypeError)) as error:
        draw()
    assert words in said(error)


# -- the roofline --------------------------------------------------------------------------------------


def lines(figure, marker):
    """{x: y} of the points with this marker."""
    drawn = [line for line in figure.axes[0].lines if line.get_marker() == marker and len(line.get_xdata())]
    return {float(x): float(y) for line in drawn for x, y in zip(*line.get_data(), strict=True)}


def test_each_layer_stands_on_the_roof_at_its_multiply_adds_for_each_byte():
    points = lines(roofline(WORKS, 17.7e9, 60e9), "o")
    fc2, conv1, fc1 = (one.macs / one.bytes for one in (WORKS[5], WORKS[1], WORKS[4]))
    assert points == pytest.approx({fc2: fc2 * 17.7e9, conv1: 60e9, fc1: 60e9})


def test_a_measured_layer_has_a_point_at_what_it_reached():
    figure = roofline(WORKS, 17.7e9, 60e9, {"fc1": 4e-3, "pool": 1e-3})  # the pool has no multiply-adds to show
    assert lines(figure, "D") == pytest.approx({WORKS[4].intensity: WORKS[4].macs / 4e-3})


def test_the_axes_of_the_roofline_have_ticks_at_powers_of_ten_alone():
    ax = roofline(WORKS, 17.7e9, 60e9).axes[0]
    assert not [*ax.xaxis.get_minorticklocs(), *ax.yaxis.get_minorticklocs()]
    assert all(np.log10(tick) % 1 == 0 for tick in [*ax.get_xticks(), *ax.get_yticks()])


def test_layers_that_only_move_bytes_stand_below():
    figure = roofline(WORKS, 17.7e9, 60e9)
    words = " ".join(text.get_text() for text in figure.texts)
    assert words == "no multiply-adds, only bytes: images 1.97 MB, relu after conv1 47.2 MB, pool 33 MB"
    assert not any(text.get_text() for text in roofline(ALIKE, 3e12, 2e14).texts)


def test_the_roofline_says_what_each_layer_waits_for():
    start = "Figure: roofline of 17.7 GB/s and 60·10⁹ multiply-adds/s; waiting for bytes: fc2; "
    assert repr(roofline(WORKS, 17.7e9, 60e9)) == start + "waiting for multiply-adds: conv1, fc1"
    measured = repr(roofline(WORKS, 17.7e9, 60e9, {"fc1": 4e-3}))
    assert measured.endswith("conv1, fc1; measured: fc1 28.3·10⁹ multiply-adds/s")
    assert "3 TB/s and 200·10¹² multiply-adds/s" in repr(roofline(ALIKE, 3e12, 2e14))


def test_names_of_layers_cross_no_line_of_another():
    figure, *_, written = displayed(FIGURES["roofline of layers alike"])
    inches, ax = figure.dpi_scale_trans.inverted(), figure.axes[0]
    vertical = [line for line in ax.lines if len(set(line.get_xdata())) == 1 < len(line.get_xdata())]
    drops = [line.get_window_extent().transformed(inches) for line in vertical]
    names = [box for text, box in written if text.get_text().startswith("features")]
    assert len(drops) == len(names) == len(ALIKE)
    for box in names:
        for drop in drops:
            assert not (box.x0 < drop.x0 < box.x1 and drop.y0 < box.y1 - 0.02 and drop.y1 > box.y0 + 0.02)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"works": WORKS[:1]}, "works wants a layer with multiply-adds, but got none."),
        ({"bandwidth": 0}, "bandwidth wants a number above 0, but got 0"),
        ({"rate": "fast"}, "rate wants a number above 0, but got 'fast'"),
        ({"seconds": {"fc3": 1.0}}, "names among images, conv1, relu after conv1, pool, fc1, fc2, but got fc3."),
        ({"seconds": {"fc1": 0}}, "seconds of fc1 wants a number above 0, but got 0"),
    ],
)
def test_a_roofline_that_cannot_be_drawn_is_refused(given, words):
    with pytest.raises((ValueError, TypeError), match=re.escape(words)) as error:
        roofline(**{"works": WORKS, "bandwidth": 1e9, "rate": 1e9} | given)
    said(error)


# -- the road ------------------------------------------------------------------------------------------


def test_each_way_stands_at_its_pictures_per_second_below_the_one_before():
    figure = road(ROAD, STEPS)
    assert figure.axes[0].get_xscale() == "log"
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()][:3] == list(STEPS.values())
    places = {"o": [(4955.4, 0), (417_476, 1), (3.96e6, 3)], "s": [(6763, 0), (2_820_631, 2), (4.4e6, 3)]}
    for marker, wanted in places.items():
        points = [point for point in lines(figure, marker).items() if point[0] > 9]  # not the heads of the columns
        assert points == wanted
    written = [text.get_text() for text in figure.texts]
    assert {"batch 128", "4,955", "417,476", "batch 512", "6,763", "2,820,631"} <= set(written)
    assert not {"900,000", "700,000"} & set(written), "another batch size, and a way that is no step"


def test_the_floor_of_each_batch_size_is_a_line_upwards():
    drawn = [line for line in road(ROAD, STEPS).axes[0].lines if line.get_linestyle() == "--"]
    assert [(set(line.get_xdata()), list(line.get_ydata())) for line in drawn] == [
        ({3.96e6}, [-0.5, 3]),
        ({4.4e6}, [-0.5, 3]),
    ]


def test_the_road_is_told_in_one_line_and_an_unknown_way_is_refused():
    told = "batches of 512: the loop of most tutorials 6,763, fewer bytes 2,820,631, the floor"
    assert told in repr(road(ROAD, STEPS))
    with pytest.raises(
        ValueError, match="steps wants names among slow, a graph, kernel, the floor, other, but got jet"
    ) as error:
        road(ROAD, {"jet": "a jet"})
    said(error)
