"""What a learner moves and what it changes are on one screen, measured with ipywidgets' own sliders; and by hand."""

import functools
import re
from itertools import pairwise
from pathlib import Path

import anywidget
import npm
import pytest
from ipywidgets.embed import dependency_state, embed_data
from lab import watched
from pages import FRAMES, arguments_of, boxes, held_motion

from helpers import explorers
from helpers.colours import COLOURS
from helpers.explorers.runs import Run
from helpers.training import History

# Where the result of each explorer ends.
RESULTS = {
    "ConvolutionExplorer": ".cs-panel-output",
    "ChannelsExplorer": ".cs-out",
    "FilterExplorer": ".cs-panel-output .cs-picture",
    "PoolingExplorer": ".cs-panel-output",
    "FlattenExplorer": ".cs-memory, .cs-rows",
    "ModelExplorer": ".cs-figure-of-model",
    "NetworkExplorer": ".cs-stage",
    "TrainingExplorer": ".cs-chart, .cs-score, .cs-seen",
}
LARGEST = {
    "ConvolutionExplorer": {"size": 12, "kernel_size": 7, "padding": 3},
    "ChannelsExplorer": {"size": 6, "in_channels": 4, "out_channels": 4, "kernel_size": 5, "padding": 2},
    "FilterExplorer": {"padding": 3},
    "PoolingExplorer": {"size": 8, "kernel_size": 4, "stride": 1, "padding": 2},
    "FlattenExplorer": {"channels": 3, "height": 4, "width": 5},
    "ModelExplorer": {"image": 8, "depth": "layer", "step": 1},
    "NetworkExplorer": {"image_size": 64, "conv_channels": 64, "pool_kernel_size": 1, "pool_stride": 1, "classes": 20},
    "TrainingExplorer": {"epochs": 10, "conv_channels": 32, "kernel_size": 7},
}
PAGE = """<!doctype html><meta charset="utf-8"><style>body { font: 16px sans-serif; margin: 8px }</style>
<script src="require.js"></script><script src="embed-amd.js"></script>"""
# Shows widgets in place of those before: to read the manager's code again would take five times as long.
SHOW = """async ([state, views]) => {
  const loaded = (name) => new Promise((resolve, reject) => require([name], resolve, reject));
  const { HTMLManager } = await loaded("@jupyter-widgets/html-manager");
  const { requireLoader } = await loaded("@jupyter-widgets/html-manager/dist/libembed-amd");
  await window.manager?.clear_state();
  document.body.replaceChildren();
  document.head.querySelectorAll("style[id]").forEach((sheet) => sheet.remove()); // anywidget leaves them behind
  window.manager = new HTMLManager({ loader: requireLoader });
  await window.manager.set_state(state);
  for (const { model_id } of views) {
    const one = document.body.appendChild(document.createElement("div"));
    one.className = "one";
    const view = await window.manager.create_view(await window.manager.get_model(model_id));
    await window.manager.display_view(view, one);
  }
}"""
EMPTY = {"version_major": 2, "version_minor": 0, "state": {}}
HEIGHT = """([place, result]) => {
  const one = document.querySelectorAll(".one")[place];
  const seen = [...one.querySelectorAll(result)].filter((part) => part.checkVisibility());
  const top = one.querySelector(".cs-slider").getBoundingClientRect().top;
  return Math.max(...seen.map((part) => part.getBoundingClientRect().bottom)) - top;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the browser code, for pages that lie beside it."""
    require, widgets = (npm.package(name) for name in ("requirejs@2.3.8", "@jupyter-widgets/html-manager@1.0.15"))
    folder = tmp_path_factory.mktemp("pages")
    code = [require / "require.js", widgets / "dist" / "embed-amd.js"]
    for path in (*code, Path(anywidget.__file__).parent / "nbextension" / "index.js"):
        (folder / ("anywidget.js" if path.name == "index.js" else path.name)).symlink_to(path)
    (folder / "page.html").write_text(PAGE, "utf-8")
    return folder


@pytest.fixture(scope="module")
def idle_managers():
    """Pages that have the manager's code, for any test of this file."""
    pages = []
    yield pages
    for page in pages:
        page.close()


@pytest.fixture
def touch_screen(chromium):
    """An empty page on a touch screen."""
    context = chromium.new_context(has_touch=True)
    yield watched(context.new_page())
    context.close()


@pytest.fixture
def embedded(chromium, folder, idle_managers):
    """`embedded(explorers, column)` → a page that has them with their sliders, in a column so wide."""
    own = []

    def with_manager():
        own.append(idle_managers.pop() if idle_managers else watched(chromium.new_page()))
        return own[-1]

    def show(explorers, column, page=None):
        page = page or with_manager()
        made = embed_data(explorers, state=dependency_state(explorers, drop_defaults=False))
        page.set_viewport_size({"width": column + 16, "height": 900})
        if page.url == "about:blank":
            page.goto((folder / "page.html").as_uri())
        page.evaluate(SHOW, [made["manager_state"], made["view_specs"]])
        page.locator(".cs-explorer").nth(len(explorers) - 1).wait_for()
        page.locator(".cs-slider").first.wait_for()
        page.evaluate(FRAMES)
        return page

    yield show
    for page in own:
        page.mouse.move(0, 0)
        page.evaluate(SHOW, [EMPTY, []])
        page.problems.clear()
    idle_managers += own


def made(name, **settings):
    return getattr(explorers, name)(*arguments_of(name, train=200, test=60), **settings)


def test_each_explorer_is_measured():
    assert set(RESULTS) == set(LARGEST) == {name for name in explorers.__all__ if name.endswith("Explorer")}


# What looks in another way when this style sheet stands on the page, too: behind the explorer's own, or before it.
CHANGED = """(css) => {
  const kind = (part) => `${part.tagName} ${part.getAttribute("class")} ${part.parentNode.className}`;
  const all = [...new Map([...document.querySelectorAll(".one *")].map((part) => [kind(part), part])).values()];
  const styles = (part) => [null, "::before", "::after"].map((pseudo) => getComputedStyle(part, pseudo))
    .filter((style, pseudo) => !pseudo || style.content !== "none");
  const sheet = document.createElement("style");
  sheet.textContent = css;
  document.head.append(sheet);
  const names = new Set(); // of all properties, also this sheet's own; to spread a style takes five times as long
  for (const style of all.flatMap(styles))
    for (let place = 0; place < style.length; place++) names.add(style[place]);
  sheet.remove();
  const told = (style) => [...names].map((name) => `${name}: ${style.getPropertyValue(name)}`);
  const looks = () => all.map((part) => styles(part).flatMap(told));
  const before = looks();
  return ["append", "prepend"].flatMap((place) => {
    document.head[place](sheet);
    const after = looks();
    sheet.remove();
    return all.flatMap((part, n) => {
      const differ = after[n].filter((line, k) => line !== before[n][k]);
      return differ.length ? [`${place} ${part.outerHTML.slice(0, 80)} ${differ.slice(0, 3)}`] : [];
    }).slice(0, 3);
  });
}"""


@functools.cache
def sheet_of(name):
    return made(name).view._css


@pytest.mark.parametrize("name", RESULTS)
def test_an_explorer_looks_the_same_whatever_others_a_notebook_or_another_open_one_shows(embedded, name):
    page = embedded([made(name)], 680)
    assert page.evaluate(CHANGED, "".join(sheet_of(other) for other in RESULTS if other != name)) == []


def widen(page, column):
    page.set_viewport_size({"width": column + 16, "height": 900})
    page.evaluate(FRAMES)


@pytest.mark.parametrize(
    ("settings", "limits"), [({}, {374: 760, 680: 560, 1100: 560}), (LARGEST, {1100: 720})], ids=["first", "largest"]
)
def test_from_the_first_slider_to_the_last_cell_it_fits_one_screen(embedded, request, settings, limits):
    page = embedded([made(name, **settings.get(name, {})) for name in RESULTS], 374)
    too_high = {}
    for column, most in limits.items():
        widen(page, column)
        high = {name: round(page.evaluate(HEIGHT, [place, RESULTS[name]])) for place, name in enumerate(RESULTS)}
        request.node.user_properties.append(("measured", f"{column}: {high}"))
        too_high |= {(name, column): height for name, height in high.items() if height > most}
        assert page.evaluate("() => document.documentElement.scrollWidth") <= column + 16
    assert too_high == {}
    assert page.problems == []


NOTEBOOK = 599  # pixels: so much of a notebook JupyterLab shows in a window of 1280 × 720, on a projector
# Where NetworkExplorer is highest, of some 6000 settings at the ends and between: with and without an output.
HIGHEST = [
    {"image_size": 48, "conv_channels": 32, "kernel_size": 2, "hidden_features": 128, "compute_fc1": False},
    {"image_size": 8, "conv_channels": 64, "kernel_size": 6, "padding": 0, "pool_kernel_size": 4},
    {"image_size": 1, "conv_channels": 64, "kernel_size": 7, "padding": 0, "compute_fc1": False},
    {"image_size": 64, "conv_channels": 64, "kernel_size": 1, "padding": 3, "pool_kernel_size": 1, "pool_stride": 1},
]
ALL = """() => [...document.querySelectorAll(".one")].map((one) => {
  const box = (part) => part.getBoundingClientRect();
  const parts = [...one.querySelectorAll(".cs-below > :not(.cs-class)")].filter((part) => part.checkVisibility());
  return Math.max(...parts.map((part) => box(part).bottom)) - box(one.querySelector(".cs-layers")).top;
})"""


def test_the_network_and_all_that_is_said_of_it_are_on_one_screen_of_jupyterlab(embedded, request):
    page = embedded([made("NetworkExplorer", **settings) for settings in HIGHEST], 848)
    for column in (848, 1112):  # with the files beside it, and without
        widen(page, column)
        high = [round(height) for height in page.evaluate(ALL)]
        request.node.user_properties.append(("measured", f"{column}: {high}"))
        assert max(high) <= NOTEBOOK


# Where ChannelsExplorer is highest, of all 2880 settings, and where it would be, if no cells gave way.
TALLEST = [
    {"size": 5, "in_channels": 1, "out_channels": 4, "kernel_size": 3, "padding": 2},
    {"size": 6, "in_channels": 2, "out_channels": 3, "kernel_size": 1, "padding": 2},
    {"size": 6, "in_channels": 1, "out_channels": 4, "kernel_size": 1, "padding": 2},
    {"size": 6, "in_channels": 4, "out_channels": 4, "kernel_size": 1, "padding": 2},
    {"size": 6, "in_channels": 3, "out_channels": 4, "kernel_size": 2, "padding": 2},
    {"size": 6, "in_channels": 2, "out_channels": 4, "kernel_size": 3, "padding": 2},
    {"size": 5, "in_channels": 4, "out_channels": 4, "kernel_size": 2, "padding": 2},
]


def test_however_many_planes_filters_and_cells_there_are_all_outputs_are_on_one_screen(embedded, request):
    page = embedded([made("ChannelsExplorer", **settings) for settings in TALLEST], 1100)
    result = RESULTS["ChannelsExplorer"]
    high = [round(page.evaluate(HEIGHT, [place, result])) for place in range(len(TALLEST))]
    request.node.user_properties.append(("measured", f"1100: {high}"))
    assert max(high) <= 720
    assert page.locator(".cs-output .cs-cell:visible").evaluate_all(CUT) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1100 + 16


@pytest.mark.parametrize("name", ["ConvolutionExplorer", "PoolingExplorer"])
@pytest.mark.parametrize("is_large", [False, True])
def test_input_and_output_have_cells_of_one_size_and_the_output_comes_last(embedded, name, is_large):
    page = embedded([made(name, **(LARGEST[name] if is_large else {}))], 374)
    for column in (374, 680, 1100):
        widen(page, column)
        sides = page.evaluate(
            "() => ['input', 'output'].map((grid) => "
            "getComputedStyle(document.querySelector(`.cs-grid.cs-${grid}`)).getPropertyValue('--cell'))"
        )
        assert sides[0] == sides[1]
        for before, after in pairwise(boxes(page.locator(".cs-panel"))):
            assert after["x"] >= before["right"] or after["y"] >= before["bottom"]


CUT = "(texts) => texts.filter((text) => text.scrollWidth > text.clientWidth + 1).map((text) => text.textContent)"
PLACES = """([columns, parts]) => {
  const boxes = (selector) =>
    [...document.querySelectorAll(selector)].map((part) => part.getBoundingClientRect().toJSON());
  return [boxes(columns), boxes(parts)];
}"""


# Each with what mends it: the sliders' names, and how often which key is pressed.
IMPOSSIBLE = [
    ("ConvolutionExplorer", {"size": 3, "kernel_size": 5}, {"kernel": 2 * ["ArrowLeft"]}),
    ("ChannelsExplorer", {"size": 3, "kernel_size": 5}, {"padding": ["ArrowRight"]}),
    ("PoolingExplorer", {"size": 3, "padding": 2, "dilation": 2}, {"kernel": 2 * ["ArrowRight"]}),
    (
        "PoolingExplorer",
        {"size": 2, "kernel_size": 3, "padding": 2, "dilation": 2},
        {"padding": ["ArrowLeft"], "dilation": ["ArrowLeft"]},
    ),
    ("FlattenExplorer", {"batch": True, "k": 7}, {"k (batch)": ["ArrowLeft"]}),
    ("FlattenExplorer", {"memory": "permuted", "batch": True, "k": 7}, {}),  # no slider mends it without another call
    ("NetworkExplorer", {"image_size": 34, "compute_fc1": False}, {"image size": ["ArrowLeft"]}),
    ("NetworkExplorer", {"image_size": 3, "kernel_size": 6}, {"padding": ["ArrowRight"]}),
]
MARKS = """(one) => Object.fromEntries([...one.querySelectorAll("[data-mend]")].map((slider) => {
  const moved = slider.querySelector("[aria-description]");
  return [moved.ariaLabel, [slider.dataset.mend, moved.getAttribute("aria-description")]];
}))"""


def named_in(remedy, labels):
    """{slider: [value, the change that names it]} of a sentence, by the first change that does."""
    found = {}
    for change in remedy.removeprefix("Smallest change that works: ").split(" · or "):
        for part in change.split(": ")[0].split(" and "):
            for label in labels:
                if re.fullmatch(rf"{label.split(' (')[0]} \w+", part):
                    found.setdefault(label, [part.split()[-1], f"{change} would work"])
    return found


def test_the_sliders_that_a_refusal_names_are_marked_with_the_value_and_no_others(embedded):
    page = embedded([made(name, **settings) for name, settings, _ in IMPOSSIBLE], 374)
    for column in (374, 680, 712, 848):
        widen(page, column)
        assert page.locator(".widget-readout, .widget-label").evaluate_all(CUT) == []
    for one, (name, settings, keys) in zip(page.locator(".one").all(), IMPOSSIBLE, strict=True):
        explorer = made(name, **settings)
        labels = [slider.description for slider in explorer.sliders.values()]
        marks, remedy = one.evaluate(MARKS), one.locator(".cs-remedy").text_content()
        assert marks == named_in(remedy, labels), name
        for label, pressed in keys.items():
            assert label in marks
            for key in pressed:
                one.get_by_role("slider", name=label, exact=True).press(key)
        if keys:
            one.locator(".cs-problem").wait_for(state="hidden")
            assert one.evaluate(MARKS) == {}
    assert page.problems == []


def test_sliders_stand_under_the_name_of_the_layer_that_they_change_and_over_its_block(embedded):
    page = embedded([made("NetworkExplorer", hidden_features=128)], 374)
    for column in (374, 680, 712, 848, 952, 1100):  # 712 and 952: of a page 1010 and 1000 pixels wide
        widen(page, column)
        hold_columns(page, column)


def test_what_does_not_fit_stands_inside_its_frame(embedded):
    page = embedded([made("NetworkExplorer", **LARGEST["NetworkExplorer"], compute_fc1=False)], 374)
    for column in (374, 680, 712, 848, 952, 1100):
        widen(page, column)
        stage, misfit = (page.locator(part).bounding_box() for part in (".cs-broken", ".cs-misfit:visible"))
        assert misfit["x"] >= stage["x"] - 1
        assert misfit["x"] + misfit["width"] <= stage["x"] + stage["width"] + 1


def hold_columns(page, column):
    columns, stages = page.evaluate(PLACES, [".cs-layer", ".cs-stage"])
    names = page.locator(".cs-layer-name").all_text_contents()
    assert names == [title.split()[0] for title in page.locator(".cs-stage-title").all_text_contents()]
    in_a_row = len({stage["y"] for stage in stages})
    assert in_a_row == (2 if column == 374 else 1)
    for place, (layer, stage) in enumerate(zip(columns, stages, strict=True)):
        assert (layer["x"], layer["width"]) == pytest.approx((stage["x"], stage["width"]), abs=0.6)
        assert stage["y"] > layer["bottom"]
        sliders = page.locator(".cs-layer").nth(place).locator(".cs-slider")
        for slider in boxes(sliders):
            assert slider["x"] >= layer["x"] - 0.6
            assert slider["right"] <= layer["right"] + 0.6
        for track in boxes(sliders.locator(".slider-container")):
            assert track["width"] > layer["width"] - 24
    assert page.locator(".cs-layer .widget-readout, .cs-layer .widget-label").evaluate_all(CUT) == []


COLOUR = "(handle) => getComputedStyle(handle).backgroundColor"


RING = "(handle) => getComputedStyle(handle).boxShadow"


def test_a_handle_has_the_colour_of_what_it_changes_also_while_it_is_moved(embedded):
    page = embedded([made("TrainingExplorer")], 680)
    grey, green, orange = "rgb(128, 128, 128)", *map(in_rgb, (COLOURS["output"], COLOURS["kernel"]))
    wanted = {"learning rate": grey, "batch size": grey, "epochs": grey, "channels": green, "kernel": orange}
    for name, colour in wanted.items():
        handle = page.get_by_role("slider", name=name, exact=True)
        assert handle.evaluate(COLOUR) == colour
        handle.hover()
        assert handle.evaluate(RING) == "none"
        page.mouse.down()
        assert handle.evaluate(COLOUR) == colour
        assert handle.evaluate(RING) != "none"
        page.mouse.up()
        handle.press("ArrowRight")
        assert handle.evaluate(COLOUR) == colour
        assert handle.evaluate(RING) != "none"


def in_rgb(colour):
    return f"rgb({', '.join(str(byte) for byte in bytes.fromhex(colour[1:]))})"


HELD_FROM = """(handle) => { // how far beside its middle, and below it, a press still takes hold of it
  const { left, top, width, height } = handle.getBoundingClientRect();
  const [x, y] = [left + width / 2, top + height / 2];
  const far = (right, down) => {
    let pixels = 0;
    while (handle.contains(document.elementFromPoint(x + pixels * right, y + pixels * down))) pixels += 0.5;
    return pixels;
  };
  return [Math.min(far(-1, 0), far(1, 0)), Math.min(far(0, 1), far(0, -1))];
}"""


@pytest.mark.parametrize(("is_touched", "across", "down"), [(False, 24, 24), (True, 40, 28)])  # the next slider is near
def test_a_handle_is_taken_hold_of_from_all_around_it(embedded, touch_screen, is_touched, across, down):
    page = embedded([made("ConvolutionExplorer")], 680, touch_screen if is_touched else None)
    for handle in page.locator(".noUi-handle").all():
        beside, below = handle.evaluate(HELD_FROM)
        assert (beside >= across / 2, below >= down / 2) == (True, True)


def test_the_sliders_of_training_are_long_and_none_of_their_names_is_cut(embedded):
    page = embedded([made("TrainingExplorer", lr=0.0001)], 374)
    for column in (374, 680, 1100):
        widen(page, column)
        assert min(track["width"] for track in boxes(page.locator(".cs-slider .slider-container"))) > 100
        assert page.locator(".cs-slider > *").evaluate_all(CUT) == []


def trainings(**settings):
    """An explorer before its first run, and as it is with a run under way, finished, collapsed, and after eight."""
    shown = [made("TrainingExplorer", **settings) for _ in range(5)]
    explorer = shown[0]
    run = Run(explorer.settings, 200, History(), step=4, losses=[[1, 2.4], [4, 2.1]])
    run.looks = explorer.view.looks * (explorer.epochs + 1)
    run.history.test_accuracy = [0.25] * explorer.epochs
    ended = run.drawn() | {"state": "finished"}
    told = "The loss rose to 292,766.5 and was 2.33 on average in the last epoch, where guessing gives 2.30"
    run.too_far("collapsed", told)
    lost = run.drawn() | {"losses": [[1, 2.4], [2, 292766.5], [4, 2.33]]}
    started = ended | {"state": "running", "losses": [], "test_accuracy": [], "step": 0, "progress": ""}
    shown[1].view.current = started | {"progress": "epoch 10 of 10 · 12,345 images/s · about 10 s left"}
    for explorer, runs in zip(shown[2:], ([ended], [lost], [ended] * 8), strict=True):
        explorer.view.runs, explorer.view.looks = runs, run.looks
    return shown


@pytest.mark.parametrize("settings", [{}, LARGEST["TrainingExplorer"]], ids=["first", "largest"])
def test_training_fits_one_screen_with_its_newest_run_and_nothing_moves_when_a_run_begins_or_ends(
    embedded, request, settings
):
    page = embedded(trainings(**settings), 374)
    places = """() => [...document.querySelectorAll(".one")].map((one) => {
      const top = one.querySelector(".cs-slider").getBoundingClientRect().top;
      const bottoms = (part) => [...one.querySelectorAll(part)].map((e) => e.getBoundingClientRect().bottom - top);
      const told = [".cs-readout", ".cs-chart", ".cs-epoch", ".cs-plane", ".cs-score"].flatMap(bottoms);
      const entry = bottoms(".cs-run:first-child .cs-run-numbers")[0] ?? 0;
      const { width } = one.querySelector(".cs-epoch input").getBoundingClientRect();
      return { told, entry, width, below: bottoms(".cs-note:has(.cs-device)")[0] };
    })"""
    for column, (most, with_run) in {374: (760, 850), 680: (560, 610), 848: (520, 560), 1100: (520, 560)}.items():
        widen(page, column)  # 848: JupyterLab's, in a window of 1280 × 720, whose cells have 599 pixels
        before, begun, *ended = page.evaluate(places)
        assert all(one["told"] == pytest.approx(before["told"]) for one in (begun, *ended)), column
        assert {one["width"] for one in (begun, *ended)} == {before["width"]}  # a handle stays under its pointer
        assert begun["below"] == ended[0]["below"]
        assert begun["below"] == before["below"] or column == 374  # there lr and its neighbours may need two lines
        high = max(before["told"]), max(one["entry"] for one in (begun, *ended))
        request.node.user_properties.append(("measured", f"{column}: {[round(pixels) for pixels in high]}"))
        assert high[0] <= most, column
        assert high[1] <= with_run, column
        assert page.evaluate("() => document.documentElement.scrollWidth") <= column + 16
    assert page.problems == []


def test_no_arrow_lies_in_a_frame_and_no_block_and_no_text_leaves_its_place(embedded):
    page = embedded([made("NetworkExplorer", **LARGEST["NetworkExplorer"])], 374)
    for column in (374, 680, 712, 848, 952, 1100):
        widen(page, column)
        hold_frames(page, column)
        assert page.locator(".cs-stage-title, .cs-stage-shape").evaluate_all(CUT) == []


def hold_frames(page, column):
    stages, blocks = page.evaluate(PLACES, [".cs-stage", ".cs-block"])
    for stage, block in zip(stages, blocks, strict=True):
        assert block["x"] >= stage["x"]
        assert block["right"] <= stage["right"]
        assert block["y"] >= stage["y"] + 20
        assert block["bottom"] <= stage["bottom"] - 20
    arrows = page.locator(".cs-stage-place").evaluate_all(
        """(places) => places.map((place) => {
          const { visibility, left, width } = getComputedStyle(place, "::before");
          const x = place.getBoundingClientRect().x + parseFloat(left);
          return left !== "auto" && visibility === "visible" ? [x, x + parseFloat(width)] : null;
        })"""
    )
    assert [bool(arrow) for arrow in arrows] == [(column != 374 and n > 0) or n % 3 > 0 for n in range(6)]
    for before, stage, arrow in zip([None, *stages], stages, arrows, strict=False):
        if arrow:
            assert before["right"] <= arrow[0] + 0.1
            assert arrow[1] <= stage["x"] + 0.1


@pytest.mark.parametrize("end", ["Home", "End"])
def test_the_ring_of_a_handle_at_the_end_of_its_slider_lies_within_the_column(embedded, end):
    page = embedded([made("TrainingExplorer")], 742)  # all five sliders stand in one line
    names = ("learning rate", "kernel")  # the first and the last
    first, last = (page.get_by_role("slider", name=name, exact=True) for name in names)
    assert first.bounding_box()["y"] == last.bounding_box()["y"]
    column = page.locator(".cs-stacked").bounding_box()
    for handle in (first, last):
        handle.press(end)
        box = handle.bounding_box()
        assert column["x"] <= box["x"] - HALO
        assert box["x"] + box["width"] + HALO <= column["x"] + column["width"]


HALO = 4  # pixels around a handle, as the style sheet has it
TOPS = "() => ['.cs-below', '.cs-toolbar'].map((part) => document.querySelector(part).getBoundingClientRect().y)"
MOVED = "(before) => document.querySelector('.cs-toolbar').getBoundingClientRect().y !== before"
STILL = "() => !document.getAnimations().length"


@pytest.mark.parametrize("column", [680, 1100])
@pytest.mark.parametrize(
    ("name", "slider"),
    [
        ("ConvolutionExplorer", "input size"),
        ("ConvolutionExplorer", "kernel"),
        ("ConvolutionExplorer", "dilation"),
        ("PoolingExplorer", "input size"),
        ("PoolingExplorer", "padding"),
    ],
)
def test_with_its_first_move_a_slider_makes_room_for_all_that_it_can_show_and_then_nothing_below_moves(
    embedded, name, slider, column
):
    page = embedded([made(name)], column)
    before = page.evaluate(TOPS)[1]
    handle = page.get_by_role("slider", name=slider, exact=True)
    least, most = (int(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max"))
    handle.press("Home")
    handle.press("ArrowRight")
    page.evaluate(FRAMES)  # the picture first, then the room
    tops = {tuple(page.evaluate(TOPS))}
    for _ in range(most - least - 1):
        handle.press("ArrowRight")
        tops.add(tuple(page.evaluate(TOPS)))
    assert len(tops) == 1
    (at_most,) = tops
    assert at_most[1] - before < 240
    handle.press("Home")
    assert page.evaluate(TOPS) == list(at_most)
    with held_motion(page):
        page.wait_for_function("() => document.getAnimations().length", polling=50)  # a second later, softly
    page.wait_for_function(MOVED, arg=at_most[1])
    page.wait_for_function(STILL, polling=50)
    fresh = embedded([made(name, **{NAMES[slider]: least})], column)
    assert page.evaluate(TOPS) == fresh.evaluate(TOPS)


NAMES = {"input size": "size", "kernel": "kernel_size", "dilation": "dilation", "padding": "padding"}


def test_while_a_handle_is_held_nothing_comes_up_and_code_that_moves_a_slider_keeps_nothing_high(embedded):
    page = embedded([made("ConvolutionExplorer", size=12)], 680)
    handle = page.get_by_role("slider", name="input size").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(handle["x"] - 300, handle["y"] + 8, steps=5)
    page.get_by_text("input 3 × 3", exact=True).wait_for()
    held = page.evaluate(TOPS)
    page.wait_for_timeout(1300)
    assert page.evaluate(TOPS) == held
    page.mouse.up()
    page.wait_for_function(MOVED, arg=held[1])


def test_the_outline_of_a_picture_with_the_keyboard_lies_inside_the_page_on_all_four_sides(embedded):
    page = embedded([made(name) for name in RESULTS], 680)
    for figure in page.locator("[role=application]").all():
        figure.press("ArrowRight")
        beyond, inner, outer = figure.evaluate(
            """(figure) => {
              const { outlineStyle, outlineWidth, outlineOffset } = getComputedStyle(figure);
              const beyond = outlineStyle === "none" ? null : parseFloat(outlineWidth) + parseFloat(outlineOffset);
              const boxes = [figure, figure.closest(".cs-explorer")].map((part) => part.getBoundingClientRect());
              return [beyond, ...boxes.map((box) => box.toJSON())];
            }"""
        )
        assert inner["x"] - outer["x"] >= beyond
        assert outer["right"] - inner["right"] >= beyond
        assert inner["y"] - outer["y"] >= beyond


def test_a_weight_has_arrows_only_while_it_is_pointed_at_or_typed_in(embedded):
    page = embedded([made("ConvolutionExplorer", kernel_size=5)], 680)
    weights = page.locator("input.cs-cell")
    arrows = lambda: weights.evaluate_all(  # noqa: E731
        "(fields) => fields.flatMap((field, n) => (getComputedStyle(field).backgroundImage === 'none' ? [] : [n]))"
    )
    assert arrows() == []
    weights.nth(7).hover()
    assert arrows() == [7]
    page.mouse.move(2, 2)
    weights.nth(9).focus()
    assert arrows() == [9]


def drag_by_finger(page, field, right, down):
    """Put a finger on the middle of an element, move it so many pixels, and take it off."""
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    for part in range(1, 7):
        there = {"x": at["x"] + right * part / 6, "y": at["y"] + down * part / 6}
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [there]})
        page.evaluate(FRAMES)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.fixture
def touched(embedded, touch_screen):
    """A page on a touch screen with two explorers, all in its place."""
    page = embedded([made("ConvolutionExplorer"), made("FilterExplorer")], 374, touch_screen)
    page.wait_for_timeout(300)
    return page


def test_on_a_touch_screen_buttons_are_40_pixels_high_and_a_finger_drags_the_window_by_its_handle(touched):
    assert min(button["height"] for button in boxes(touched.locator(".cs-button:visible, .cs-select:visible"))) > 39.9
    for place, ends in enumerate(["output[1, 2] = ", "output[17, 31] = "]):
        handle = touched.locator(".cs-handle").nth(place)
        box = handle.bounding_box()
        assert (box["width"], box["height"]) == pytest.approx((40, 40))
        drag_by_finger(touched, handle, 72, 36)
        touched.wait_for_function(
            "([place, ends]) => document.querySelectorAll('.cs-sum')[place].textContent.startsWith(ends)",
            arg=[place, ends],
        )


def test_a_finger_drags_a_weight_to_the_side_and_scrolls_the_page_up_and_down(touched):
    for place in (0, 1):
        field = touched.get_by_label("weight, row 1, column 1").nth(place)
        drag_by_finger(touched, field, 38, 4)
        assert field.input_value() == "3"
        before = touched.evaluate("() => scrollY")
        drag_by_finger(touched, field, 3, -120)
        touched.wait_for_function("(before) => scrollY > before + 50", arg=before)
        assert field.input_value() == "3"
        assert field.evaluate("(field) => document.activeElement !== field")
    touched.locator("input.cs-cell").first.tap()
    assert touched.evaluate("() => document.activeElement.ariaLabel") == "weight, row 0, column 0"
