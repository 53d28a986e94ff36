"""NetworkExplorer: its Python, and every shape, count, sentence and class its JavaScript writes, held against torch."""

import itertools
import math
import re
from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pages import in_parts, read, sliders_of, with_own_clock
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from helpers.arithmetic import ShapeError, conv_parameters, linear_parameters
from helpers.explorers import NetworkExplorer
from helpers.model import SimpleCNN

SLIDERS = sliders_of(NetworkExplorer)
LAYERS = ["input", "conv1 + ReLU", "pool", "flatten", "fc1 + ReLU", "fc2"]
SPATIAL = ("image_size", "kernel_size", "stride", "padding", "pool_kernel_size", "pool_stride")
LABELS = {slider.label: name for name, slider in SLIDERS.items()}

SEEN = """({
  titles: all(".cs-stage-title"),
  shapes: all(".cs-stage-shape"),
  state: [...document.querySelectorAll(".cs-stage")].map((stage) => stage.className),
  drawn: [...document.querySelectorAll(".cs-block")].map((block) => block.getAttribute("visibility")),
  misfit: all(".cs-misfit").join(),
  details: [...document.querySelectorAll(".cs-detail")].map((detail) => [
    detail.firstChild.textContent,
    ...[...detail.querySelectorAll(".cs-line")].map((line) => line.lastChild.lastChild.textContent),
  ]),
  sums: all(".cs-shares .cs-sum"),
  shares: [...document.querySelectorAll(".cs-share")].filter(visible).map((share) => Number(share.style.flexGrow)),
  code: text(".cs-code code"),
  problem: text(".cs-problem"),
  remedy: text(".cs-remedy"),
  torch: text(".cs-torch"),
})""".replace(
    "all(", "((selector) => [...document.querySelectorAll(selector)].filter(visible).map((e) => e.textContent))("
)


# The oracle: torch's own layers. Sides come from the "meta" device, which has shapes and no numbers.


@cache
def conv1_of(*settings):
    return nn.Conv2d(1, 1, *settings, device="meta")


@cache
def side_after_conv1(size, *settings):
    return side_left(conv1_of(*settings), size)


@cache
def side_after_pool(size, *settings):
    return side_left(nn.MaxPool2d(*settings), size)


def side_left(layer, size):
    """The side that a layer leaves of a square image, or None where torch refuses."""
    try:
        return layer(torch.empty(1, 1, size, size, device="meta")).shape[-1]
    except RuntimeError:
        return None


def sides_of(image_size, kernel_size, stride, padding, pool_kernel_size, pool_stride):
    conv = side_after_conv1(image_size, kernel_size, stride, padding)
    return conv, conv and side_after_pool(conv, pool_kernel_size, pool_stride)


def refusal(layer, shape):
    """What a real layer says to a real tensor."""
    with pytest.raises(RuntimeError) as caught:
        layer(torch.empty(shape))
    return str(caught.value)


@cache
def written_fc1(hidden_features):
    return nn.utils.skip_init(nn.Linear, 4608, hidden_features)


def steps_of_torch(values):
    """The shapes up to the layer that breaks, and torch's message there (or None)."""
    size, kernel_size, stride, padding, pool_kernel_size, pool_stride = (values[name] for name in SPATIAL)
    channels, hidden = values["conv_channels"], values["hidden_features"]
    shapes = [(4, values["in_channels"], size, size)]
    conv, pool = sides_of(size, kernel_size, stride, padding, pool_kernel_size, pool_stride)
    if conv is None:
        conv1 = nn.Conv2d(values["in_channels"], channels, kernel_size, stride, padding)
        return shapes, refusal(conv1, shapes[-1])
    shapes.append((4, channels, conv, conv))
    if pool is None:
        return shapes, refusal(nn.MaxPool2d(pool_kernel_size, pool_stride), shapes[-1])
    shapes += [(4, channels, pool, pool), (4, channels * pool**2)]
    if shapes[-1][1] != 4608 and not values["compute_fc1"]:
        return shapes, refusal(written_fc1(hidden), shapes[-1])
    return [*shapes, (4, hidden), (4, values["classes"])], None


def features_of(settings):
    """How many numbers reach fc1, for (*SPATIAL, channels); None where conv1 or pool have nothing to work on."""
    pool = sides_of(*settings[:6])[1]
    return pool and settings[6] * pool**2


CHANGEABLE = (*SPATIAL, "conv_channels")


def nearest_changes(settings, works):
    """Slider by slider, the nearest value that alone makes it work, by trying all of them."""
    found = {}
    for place, name in enumerate(CHANGEABLE):
        slider, now = SLIDERS[name], settings[place]
        before, after = settings[:place], settings[place + 1 :]
        values = range(slider.low, slider.high + 1)
        fitting = [n for n in values if works(features_of((*before, n, *after)))]
        if fitting:
            found[name] = min(fitting, key=lambda n, now=now: (abs(n - now), n))
    return found


@cache
def evaluated(text):
    return eval(text.replace("·", "*").replace("−", "-").replace("⌊", "math.floor(").replace("⌋", ")"))


def numbers_of(line):
    """The sides of `a = b = c`, each as a number."""
    return [evaluated(part.replace(",", "")) for part in line.split(" = ")]


def hold(seen, explorer):
    """Assert that all that was read from the page is what torch says of the explorer's setting."""
    hold_setting(seen, explorer.settings)


def hold_setting(seen, values):
    """Assert that all that was read from the page is what torch says of this setting."""
    shapes, message = steps_of_torch(values)
    broken = len(shapes) if message else None
    written = [str(shape) for shape in shapes] + (["no output"] if message else [])
    assert seen["shapes"] == written + [""] * (6 - len(written))
    assert seen["titles"] == [f"{name.split()[0]} ✗" if index == broken else name for index, name in enumerate(LAYERS)]
    assert ["cs-broken" in state for state in seen["state"]] == [index == broken for index in range(6)]
    missing = [broken is not None and index > broken for index in range(6)]
    assert ["cs-missing" in state for state in seen["state"]] == missing
    assert seen["drawn"] == ["visible"] * len(shapes) + ["hidden"] * (6 - len(shapes))
    hold_arithmetic(seen["details"], values, shapes, broken)
    if broken in (1, 4):  # instead of a product
        assert seen["details"][broken][3] == seen["misfit"].replace("\n", " ") + " ✗"
    if message:
        hold_refusal(seen, values, shapes, message)
    else:
        assert seen["problem"] is seen["remedy"] is seen["torch"] is None
        assert seen["misfit"] == ""
        hold_budget(seen, values, shapes)


def parameters_of(values, inputs):
    """Of conv1, fc1 and fc2, by helpers.arithmetic; real layers are counted further below."""
    hidden, classes = values["hidden_features"], values["classes"]
    convolution = conv_parameters(values["in_channels"], values["conv_channels"], values["kernel_size"])
    return [convolution, linear_parameters(inputs, hidden), linear_parameters(hidden, classes)]


def macs_of(values, shapes):
    """Multiply-adds for one image: one for each weight at each place where it is laid."""
    conv1 = math.prod(shapes[1][1:]) * values["in_channels"] * values["kernel_size"] ** 2
    return [conv1, *(shapes[n - 1][1] * shapes[n][1] for n in (4, 5) if n < len(shapes))]


def hold_arithmetic(details, values, shapes, broken):
    """Each layer's three lines: what stands between the equals signs is equal, and ends in torch's number."""
    for index, (title, size, parameters, macs) in enumerate(details):
        before = f"{shapes[index - 1]} → " if 0 < index <= len(shapes) else ""
        after = shapes[index] if index < len(shapes) else "no output"
        assert title == f"{LAYERS[index]}: {before}{after}"
        if broken is not None and index > broken:
            assert size == parameters == macs == ""
        elif index == broken:
            assert size.endswith(" ✗")
            assert macs.endswith(" ✗") or broken == 2
    if broken != 1:
        sides = numbers_of(details[1][1])
        assert sides == [shapes[1][2]] * 3
        assert numbers_of(details[1][3]) == [macs_of(values, shapes)[0]] * 2
    else:
        first, second, third = numbers_of(details[1][1].removesuffix(" ✗"))
        assert first == second == third < 1
    if len(shapes) > 2:
        assert numbers_of(details[2][1]) == [shapes[2][2]] * 3
        assert numbers_of(details[3][1]) == [shapes[3][1]] * 2
    elif broken == 2:
        first, second, third = numbers_of(details[2][1].removesuffix(" ✗"))
        assert first == second == third < 1
    inputs = shapes[3][1] if len(shapes) > 3 and values["compute_fc1"] else 4608
    conv1, fc1, fc2 = parameters_of(values, inputs)
    assert numbers_of(details[1][2]) == [conv1] * 2
    hidden, classes = values["hidden_features"], values["classes"]
    if len(shapes) > 3:
        matrices = f"(4 × {shapes[3][1]}) · ({inputs} × {hidden})"
        assert details[4][1] == (f"{matrices} ✗" if broken == 4 else f"{matrices} = (4 × {hidden})")
        assert numbers_of(details[4][2]) == [fc1] * 2
    if broken is None:
        assert details[5][1] == f"(4 × {hidden}) · ({hidden} × {classes}) = (4 × {classes})"
        assert numbers_of(details[5][2]) == [fc2] * 2
        assert [numbers_of(details[n][3]) for n in (4, 5)] == [[n] * 2 for n in macs_of(values, shapes)[1:]]


def hold_budget(seen, values, shapes):
    counts = [parameters_of(values, shapes[3][1]), macs_of(values, shapes)]
    wanted = [
        f"{sum(parts):,} {name} = conv1 {parts[0]:,} + fc1 {parts[1]:,} + fc2 {parts[2]:,}"
        for parts, name in zip(counts, ("parameters", "multiply-adds per image"), strict=True)
    ]
    assert seen["sums"] == wanted
    shares = [100 * part / sum(parts) for parts in counts for part in parts]
    assert seen["shares"] == pytest.approx([min(share, 99.9) for share in shares], rel=1e-4)


def hold_refusal(seen, values, shapes, message):
    """Why the chain breaks, torch's message word for word, and every smallest change of one slider that mends it."""
    assert seen["torch"] == f"PyTorch says: RuntimeError: {message}"
    assert seen["sums"] == []
    how, offers = seen["remedy"].split(": ")
    offers = offers.split(" · or ")
    hidden, settings = values["hidden_features"], tuple(values[name] for name in CHANGEABLE)
    features = features_of(settings)
    if features:
        arriving = "1 number arrives" if features == 1 else f"{features} numbers arrive"
        assert seen["problem"] == f"fc1: {arriving} for each image, but fc1 is written for 4608."
        assert seen["misfit"] == f"{arriving.replace(' numbers', '').replace(' number', '')},\n4608 wanted"
        assert offers.pop(0) == f"nn.Linear({features}, {hidden})"
        assert how == "Smallest change that works"
        works = lambda features: features == 4608  # noqa: E731
    else:
        assert how == ("Smallest change that works" if values["compute_fc1"] else "Smallest change that gets it to fc1")
        works = bool
        assert seen["problem"].split(":")[0] == ("conv1", "pool")[len(shapes) - 1]
        hold_against_simple_cnn(seen["problem"], dict(map(change, offers)), values)
    assert dict(map(change, offers)) == nearest_changes(settings, works)
    assert features or offers


def change(offer):
    label, value = offer.rsplit(" ", 1)
    return LABELS[label], int(value)


def hold_against_simple_cnn(problem, offers, values):
    """SimpleCNN refuses the same in the same words; what it offers is offered here too, where it mends the chain."""
    with pytest.raises(ShapeError) as caught:
        SimpleCNN(**{name: value for name, value in values.items() if name in SLIDERS})
    assert problem == caught.value.problem
    for name, value in caught.value.fixes.items():
        slider, changed = SLIDERS[name], values | {name: value}
        if slider.low <= value <= slider.high and features_of([changed[name] for name in CHANGEABLE]):
            assert offers[name] == value


def moved(explorer, values):
    for name, value in values.items():
        if getattr(explorer, name) != value:
            setattr(explorer, name, value)
    return explorer


@cache
def all_spatial_settings():
    """Every image size, kernel, stride and padding, and every side of conv1 with every pool.

    The other sliders go through all their values beside them, one of them at each step.
    """
    ranges = {name: range(slider.low, slider.high + 1) for name, slider in SLIDERS.items()}
    pools = list(itertools.product(*(ranges[name] for name in SPATIAL[4:])))
    spatial = list(itertools.product(*(ranges[name] for name in SPATIAL[:4])))
    by_side = {}
    for values in spatial:
        by_side.setdefault(side_after_conv1(*values), []).append(values)
    spatial += [values[-1] for values in by_side.values() for _ in range(len(pools) - len(values))]
    pools = {side: itertools.cycle(pools) for side in by_side}
    others = {name: itertools.cycle(values) for name, values in ranges.items() if name not in SPATIAL}
    others["compute_fc1"] = itertools.cycle([True, True, False])
    now = {name: next(values) for name, values in others.items()}
    settings = []
    for values, name in zip(spatial, itertools.cycle(others)):
        now[name] = next(others[name])
        pool = next(pools[side_after_conv1(*values)])
        settings.append(dict(zip(SPATIAL, (*values, *pool), strict=True)) | now)
    return settings


# Moves the sliders of a setting without a word, and lets the last one call for the drawing: one for each setting.
DRAW_ONCE = """() => {
  const values = {};
  for (const [name, slider] of Object.entries(window.sliders)) {
    const get = slider.get;
    slider.get = (trait) => (trait === "value" && name in values ? values[name] : get(trait));
  }
  window.move = (name, value) => {
    values[name] = value;
    if (name === "compute_fc1") window.sliders[name].set("value", value);
  };
}"""


@pytest.mark.parametrize("part", range(4))
def test_every_spatial_setting_is_drawn_as_torch_computes_it(stand, part):
    sweep = all_spatial_settings()
    page = stand(NetworkExplorer())
    page.evaluate(DRAW_ONCE)
    for settings in in_parts(sweep[len(sweep) * part // 4 : len(sweep) * (part + 1) // 4]):
        for values, seen in zip(settings, read(page, settings, SEEN), strict=True):
            hold_setting(seen, values)
    assert page.problems == []


def test_the_sweep_goes_through_every_value_and_every_pool():
    sweep = all_spatial_settings()
    for name, slider in SLIDERS.items():
        assert {values[name] for values in sweep} == set(range(slider.low, slider.high + 1)), name
    assert len({tuple(values[name] for name in SPATIAL[:4]) for values in sweep}) == 64 * 7 * 4 * 4
    pools = {
        (side_after_conv1(*(v[name] for name in SPATIAL[:4])), v["pool_kernel_size"], v["pool_stride"]) for v in sweep
    }
    assert len(pools) == 71 * 4 * 4  # the sides 1 to 70, and none


ANY = st.fixed_dictionaries(
    {name: st.integers(slider.low, slider.high) for name, slider in SLIDERS.items()} | {"compute_fc1": st.booleans()}
)
NEAR_4608 = st.fixed_dictionaries(
    {"image_size": st.integers(22, 36), "padding": st.integers(0, 3), "kernel_size": st.integers(1, 7)}
).map(lambda some: NetworkExplorer(compute_fc1=False).settings | some)


@given(st.lists(ANY | NEAR_4608, min_size=1, max_size=60))
@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
def test_any_setting_is_drawn_as_torch_computes_it(one_page, some):
    explorer, page = one_page
    for values, seen in zip(some, read(page, some, SEEN), strict=True):
        hold(seen, moved(explorer, values))


@pytest.fixture
def one_page(stand):
    explorer = NetworkExplorer()
    return explorer, stand(explorer)


def some_small():
    """A few settings of the sweep, with fewer weights, so that real tensors are made in no time."""
    some = [*all_spatial_settings()[::107], NetworkExplorer(48, compute_fc1=False).settings]
    return [v | {"conv_channels": min(v["conv_channels"], 6), "hidden_features": 3} for v in some]


def test_layer_and_output_are_what_is_drawn_or_raise_torchs_own_message(one_page):
    explorer, page = one_page
    kinds = set()
    some = some_small()
    for values, seen in zip(some, read(page, some, SEEN), strict=True):
        moved(explorer, values)
        if seen["torch"]:
            with pytest.raises(RuntimeError) as caught:
                explorer.output()
            assert seen["torch"] == f"PyTorch says: RuntimeError: {caught.value}"
            kinds.add(str(caught.value).split()[0])
            continue
        layer, pixels, output = explorer.layer(), explorer.input(), explorer.output()
        assert isinstance(layer, SimpleCNN)
        assert tuple(output.shape) == (4, values["classes"])
        assert torch.equal(output, layer(pixels))
        counts = [sum(p.numel() for p in part.parameters()) for part in (layer.conv1, layer.fc1, layer.fc2)]
        assert sum(counts) == sum(p.numel() for p in layer.parameters())
        assert seen["sums"][0].startswith(f"{sum(counts):,} parameters")
        with FlopCounterMode(display=False) as counter:
            layer(pixels)
        macs = counter.get_total_flops() // 2 // 4  # two operations each, four images
        assert seen["sums"][1].startswith(f"{macs:,} multiply-adds")
    assert kinds == {"Calculated", "Given", "mat1"}


def test_the_class_runs_as_it_stands_and_is_the_same_network(one_page):
    explorer, page = one_page
    some = some_small()
    for values, seen in zip(some, read(page, some, SEEN), strict=True):
        moved(explorer, values)
        names = {}
        exec(seen["code"], names)
        model = names["SimpleCNN"]()
        shapes, message = steps_of_torch(values)
        of_a_batch = [str(("N", *shape[1:])).replace("'", "") for shape in shapes]
        arrows = [f"# {one} -> {other}" for one, other in itertools.pairwise(of_a_batch)]
        if message:
            arrows.append(f"# {of_a_batch[-1]} -> RuntimeError")
            with pytest.raises(RuntimeError, match=re.escape(message)):
                model(explorer.input())
        else:
            ours, pixels = explorer.layer(), explorer.input()
            model.load_state_dict(ours.state_dict())
            assert torch.equal(model(pixels), ours(pixels))
        assert re.findall("#.*", seen["code"]) == arrows


def test_the_weights_are_those_of_seed_0_and_the_random_state_stays():
    explorer = NetworkExplorer(image_size=9, kernel_size=2)
    before = torch.random.get_rng_state()
    output = explorer.output()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(0)
    assert torch.equal(SimpleCNN(image_size=9, kernel_size=2)(explorer.input()), output)
    assert torch.equal(explorer.input(), explorer.input())
    assert explorer.input().shape == (4, 3, 9, 9)


def test_the_arguments_are_simple_cnns_with_its_defaults():
    import inspect

    ours = inspect.signature(NetworkExplorer).parameters
    theirs = inspect.signature(SimpleCNN).parameters
    assert [(p.name, p.default) for p in ours.values()] == [
        *((p.name, p.default) for p in theirs.values()),
        ("compute_fc1", True),
    ]
    assert NetworkExplorer(compute_fc1=False).layer().fc1.in_features == 4608


def test_a_written_fc1_breaks_in_torchs_words_and_the_number_to_write_stands_beside_it():
    explorer = NetworkExplorer(48, compute_fc1=False)
    assert explorer.layer().fc1.in_features == 4608
    with pytest.raises(RuntimeError) as caught:
        explorer.output()
    assert str(caught.value) == "mat1 and mat2 shapes cannot be multiplied (4x10368 and 4608x64)"


def corners(page, column):
    """The corners of a block's faces, [(x, y), …] of all of them."""
    texts = (
        page.locator(".cs-stage")
        .nth(column)
        .locator("polygon")
        .evaluate_all("(faces) => faces.map((face) => face.getAttribute('points'))")
    )
    return [tuple(map(float, pair.split(","))) for text in texts if text for pair in text.split()]


def front(page, column):
    """How wide a block's front is, and how far its channels reach behind it, in pixels."""
    right, _, face = (corners(page, column)[n : n + 4] for n in (0, 4, 8))
    wide = max(x for x, _ in face) - min(x for x, _ in face)
    assert wide == pytest.approx(max(y for _, y in face) - min(y for _, y in face), abs=0.2)
    return wide, max(x for x, _ in right) - max(x for x, _ in face)


def test_blocks_share_one_scale_and_bars_another(stand):
    page = stand(NetworkExplorer(image_size=16), {"width": 1100, "height": 800})
    move = lambda **values: [page.evaluate("(v) => window.move(...v)", [*pair]) for pair in values.items()]  # noqa: E731
    fronts = lambda: [front(page, column)[0] for column in range(3)]  # noqa: E731
    deep = lambda column: front(page, column)[1]  # noqa: E731
    tall = lambda column: max(y for _, y in corners(page, column)) - 1  # noqa: E731
    before = fronts()
    assert before[0] == before[1] == pytest.approx(2 * before[2], abs=0.2)
    assert before[0] > 110  # as large as its place lets it be
    heights = [tall(3), tall(4)]
    move(image_size=48, conv_channels=36)
    assert fronts() == pytest.approx(before, abs=0.2)  # more rows in the same place: they are smaller
    # 18·8·8 → 36·24·24 is 18 times as many; 10 times as many is the height between 10 and 100 hidden features.
    move(hidden_features=10)
    ten = tall(4)
    move(hidden_features=100)
    assert tall(3) - heights[0] == pytest.approx((tall(4) - ten) * math.log10(18), abs=0.3)
    wide = deep(1)
    move(conv_channels=9)
    assert wide == pytest.approx(4 * deep(1), abs=0.3)
    assert deep(1) == pytest.approx(3 * deep(0), abs=0.3)
    move(padding=3, kernel_size=1)  # conv1's output is larger than its input
    assert [round(48 * wide / fronts()[1]) for wide in fronts()] == [43, 48, 24]
    assert fronts()[1] == pytest.approx(before[0], abs=0.2)
    move(image_size=1, padding=0, pool_kernel_size=1)
    assert fronts()[0] == fronts()[2] == pytest.approx(before[0] / 4, abs=0.2)  # not a dot


PAINTED = """[...document.querySelectorAll(".cs-stage .cs-plane")].filter(visible).map((plane) => ({
  told: plane.getAttribute("aria-label"),
  size: plane.width,
  bytes: [...plane.getContext("2d").getImageData(0, 0, plane.width, plane.width).data],
}))"""


def read_painted(page, settings, seen):
    """What the page shows at each setting, with the maps that are painted before the next frame: each has a frame."""
    page.evaluate(
        "() => { window.later = requestAnimationFrame; window.requestAnimationFrame = (call) => void call(); }"
    )
    found = read(page, settings, seen)
    page.evaluate("() => { window.requestAnimationFrame = window.later; }")
    return found


def map_settings():
    """A few settings of the sweep, each kind of picture, and the largest there is."""
    largest = {name: slider.high for name, slider in SLIDERS.items()} | {"pool_kernel_size": 1, "pool_stride": 1}
    some = [values | {"in_channels": 1 + n % 4} for n, values in enumerate(all_spatial_settings()[::211])]
    plain = {name: slider.default for name, slider in SLIDERS.items()} | {"compute_fc1": True}
    return [*some, plain, plain | largest, plain | {"image_size": 2, "kernel_size": 7}]


def hold_maps(planes, explorer):
    """The picture is the first of `input()`, byte by byte; the maps are torch's, from 0 to the largest in 255 steps."""
    picture = explorer.input()[:1]
    shapes, _ = steps_of_torch(explorer.settings)
    assert [plane["size"] for plane in planes] == [shape[-1] for shape in shapes[:3]]
    pixels = torch.tensor(planes[0]["bytes"]).view(explorer.image_size, explorer.image_size, 4).permute(2, 0, 1)
    colour = picture[0, :3] if explorer.in_channels > 2 else picture[0, :1].expand(3, -1, -1)
    assert torch.equal(pixels[:3], (colour * 255).round().long())
    assert (pixels[3] == 255).all()
    if len(planes) == 1:
        return None
    torch.manual_seed(0)  # conv1's weights are the first that SimpleCNN draws
    conv1 = nn.Conv2d(
        explorer.in_channels, explorer.conv_channels, explorer.kernel_size, explorer.stride, explorer.padding
    )
    maps = conv1(picture)[0].relu()
    number, channels, most = re.search(r"map (\d+) of (\d+), from 0 to ([\d.]+)$", planes[1]["told"]).groups()
    assert int(channels) == explorer.conv_channels
    chosen = maps[int(number) - 1]
    assert float(most) == pytest.approx(chosen.max().item(), abs=6e-4)
    after = [chosen]
    if len(planes) > 2:
        after.append(nn.MaxPool2d(explorer.pool_kernel_size, explorer.pool_stride)(chosen[None])[0])
    for plane, numbers in zip(planes[1:], after, strict=True):
        drawn = torch.tensor(plane["bytes"][3::4]).view(numbers.shape)
        expected = 255 * numbers / chosen.max() if chosen.max() else numbers
        assert (drawn - expected).abs().max() <= 0.501
    return int(number)


def test_the_picture_and_its_maps_are_what_torch_makes_of_them(one_page):
    explorer, page = one_page
    some, chosen = map_settings(), set()
    for values, planes in zip(some, read_painted(page, some, PAINTED), strict=True):
        moved(explorer, values)
        chosen.add(hold_maps(planes, explorer))
    assert {None, 1, 2, 3} < chosen
    assert page.problems == []


COUNT_PAINTINGS = """async (sizes) => {
  const kind = CanvasRenderingContext2D.prototype;
  const paint = kind.putImageData;
  const painted = [];
  kind.putImageData = function (...image) {
    painted.push(this.canvas.width);
    return paint.apply(this, image);
  };
  for (const size of sizes) window.move("image_size", size);
  const before = painted.length;
  await new Promise((resolve) => requestAnimationFrame(resolve));
  kind.putImageData = paint;
  return [before, painted];
}"""


def test_a_slider_that_is_moved_often_within_a_frame_has_the_maps_painted_once(stand):
    page = stand(NetworkExplorer())
    assert page.evaluate(COUNT_PAINTINGS, [20, 64, 40]) == [0, [40, 40, 20]]  # the picture, conv1, pool
    assert page.evaluate(COUNT_PAINTINGS, [32]) == [0, [32, 32, 16]]


FAIL_ONCE = """async (size) => {
  const kind = CanvasRenderingContext2D.prototype;
  const paint = kind.putImageData;
  kind.putImageData = () => { throw new Error("once"); };
  window.move("image_size", size);
  await new Promise((resolve) => requestAnimationFrame(resolve));
  kind.putImageData = paint;
}"""


def test_maps_that_could_not_be_painted_are_painted_with_the_next_move(stand):
    page = stand(NetworkExplorer())
    page.evaluate(FAIL_ONCE, 20)
    assert page.evaluate(COUNT_PAINTINGS, [48]) == [0, [48, 48, 24]]
    assert page.problems == ["once"]


def contrasts(maps):
    """How far each map's numbers lie apart, as a part of the largest; less where few are above a tenth of it."""
    flat = maps.flatten(-2)
    most = flat.amax(-1)
    living = (flat > most[..., None] / 10).float().mean(-1)
    return flat.std(-1, unbiased=False) / most.clamp(min=1e-9) * (4 * living).clamp(max=1)


def clear_map(in_channels, kernel_size, tried=12):
    """The first map that shows the picture with three of four numbers of channels, or the one that does with most."""
    biases = []
    for channels in range(1, SLIDERS["conv_channels"].high + 1):
        torch.default_generator.manual_seed(0)  # torch.manual_seed also tells devices that are not there: slow
        conv1 = nn.Conv2d(in_channels, channels, kernel_size)
        biases.append(torch.cat([conv1.bias, torch.full((tried,), torch.nan)])[:tried])  # too few channels for some
    picture = NetworkExplorer(in_channels=in_channels).input()[:1]
    sums = nn.functional.conv2d(picture, conv1.weight[:tried], padding=kernel_size // 2)[0]
    maps = (sums + torch.stack(biases)[:, :, None, None]).relu()  # (channels, tried, rows, columns)
    often = [(each[~each.isnan()] >= 0.12).float().mean().item() for each in contrasts(maps).detach().T]
    return next((n for n, part in enumerate(often) if part >= 0.75), often.index(max(often)))


@pytest.mark.parametrize("in_channels", range(1, 5))
def test_the_map_in_front_is_a_clear_one_and_stays_while_the_kernels_stay(one_page, in_channels):
    explorer, page = one_page
    others = ("image_size", "stride", "padding", "pool_kernel_size", "pool_stride", "conv_channels")
    for kernel_size in range(1, 8):
        here = explorer.settings | {"in_channels": in_channels, "kernel_size": kernel_size}
        moves = [{name: n} for name in others for n in (SLIDERS[name].low, SLIDERS[name].default, SLIDERS[name].high)]
        texts = read_painted(page, [here | move for move in moves if move != {"conv_channels": 1}], "text('.cs-scale')")
        numbers = {int(number) for text in texts for number in re.findall(r"map (\d+) of", text)}
        assert numbers == {clear_map(in_channels, kernel_size) + 1}


def test_the_picture_says_which_map_is_in_front_and_why(one_page):
    explorer, page = one_page
    plain = explorer.settings
    some = [plain, plain | {"kernel_size": 4}, plain | {"kernel_size": 7}, plain | {"image_size": 2, "kernel_size": 7}]
    told = read_painted(page, some, "text('.cs-scale').split('. ')[0]")
    assert told == [
        "In front: one of 4 pictures, then its map 1 of 18",
        "In front: one of 4 pictures, then its map 2 of 18 (1 often shows little)",
        "In front: one of 4 pictures, then its map 3 of 18 (1 and 2 often show little)",
        "In front: one of 4 pictures",
    ]
    lone = [plain | {"in_channels": 1, "kernel_size": 1, "conv_channels": count} for count in range(1, 65)]
    seen = read_painted(page, lone, f"[text('.cs-scale'), {PAINTED}[1].bytes.filter((_, n) => n % 4 === 3)]")
    assert {"(all 0 here)" in text for text, _ in seen} == {True, False}
    for text, shades in seen:
        assert ("(all 0 here)" in text) == (not any(shades))


def test_conv1_of_the_map_is_the_networks_own():
    explorer = NetworkExplorer(image_size=20, conv_channels=5, kernel_size=4)
    torch.manual_seed(0)
    conv1 = nn.Conv2d(3, 5, 4)
    assert torch.equal(explorer.layer().conv1.weight, conv1.weight)
    assert torch.equal(explorer.layer().conv1.bias, conv1.bias)


@pytest.mark.parametrize(("in_channels", "planes"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_the_input_is_four_pictures_as_a_file_of_so_many_planes_has_them(in_channels, planes):
    from PIL import Image

    from helpers.shapes import draw_shapes

    colour = draw_shapes(32, seed=0, stream=0)[0][28:].astype(int)
    grey = (colour.sum(1) + 1) // 3
    explorer = NetworkExplorer(image_size=32, in_channels=in_channels)
    images = (explorer.input() * 255).round().int()
    assert images.shape == (4, len(Image.new(planes, (1, 1)).getbands()), 32, 32)
    seen = images[:, :-1] if planes.endswith("A") else images
    wanted = grey[:, None] if planes.startswith("L") else colour
    assert (seen.numpy() == wanted).all()
    assert not planes.endswith("A") or (images[:, -1] == 255).all()
    small = NetworkExplorer(image_size=8, in_channels=in_channels).input()
    assert torch.equal(small, explorer.input()[:, :, ::4, ::4])
    large = NetworkExplorer(image_size=64, in_channels=in_channels).input()
    assert torch.equal(large[:, :, ::2, ::2], explorer.input())
    assert torch.equal(large[:, :, 1::2, 1::2], explorer.input())


def shown(page):
    """The layer that is pointed at: the one column lit, and the one arithmetic visible."""
    lit = page.locator(".cs-stage.cs-lit .cs-stage-title").all_text_contents()
    detail = page.locator(".cs-detail:not(.cs-away) .cs-detail-title").all_text_contents()
    assert len(lit) == len(detail) == 1
    assert detail[0].startswith(lit[0].split()[0])
    return lit[0].split()[0]


def test_hover_shows_a_layer_click_pins_it_and_escape_lets_go(stand):
    page = stand(NetworkExplorer())
    stage = page.locator(".cs-stage")
    assert shown(page) == "conv1"
    for column, name in enumerate(("input", "conv1", "pool", "flatten", "fc1", "fc2")):
        stage.nth(column).hover()
        assert shown(page) == name
    page.mouse.move(2, 2)
    assert shown(page) == "conv1"
    pinned = page.locator(".cs-pinned .cs-stage-title")
    assert pinned.count() == 0
    stage.nth(3).click()
    stage.nth(5).hover()
    assert pinned.all_text_contents() == ["flatten"]
    page.mouse.move(2, 2)
    assert shown(page) == "flatten"
    page.locator(".cs-chain").press("ArrowRight")
    assert shown(page) == "fc1"
    page.locator(".cs-chain").press("Escape")
    assert shown(page) == "conv1"
    assert pinned.count() == 0
    page.locator(".cs-chain").press("ArrowLeft")
    page.locator(".cs-chain").press("ArrowLeft")
    assert shown(page) == "fc2"


def test_what_is_chosen_has_its_dot_again_as_soon_as_play_pauses(stand):
    page = stand(NetworkExplorer())
    pinned = page.locator(".cs-pinned .cs-stage-title")
    page.locator(".cs-stage").nth(3).click()
    for name, dots in (("Play", []), ("Pause", ["flatten"])):
        page.get_by_role("button", name=name).click()
        assert pinned.all_text_contents() == dots


def test_dragging_over_the_blocks_selects_no_text(stand):
    page = stand(NetworkExplorer())
    first, last = (page.locator(".cs-stage-title").nth(column).bounding_box() for column in (0, 5))
    page.mouse.move(first["x"] + 4, first["y"] + 4)
    page.mouse.down()
    page.mouse.move(last["x"] + 4, last["y"] + 14, steps=4)
    page.mouse.up()
    assert page.evaluate("() => String(getSelection())") == ""


def test_where_nothing_is_pinned_the_layer_that_breaks_is_shown(stand):
    page = stand(NetworkExplorer(image_size=20, compute_fc1=False))
    assert shown(page) == "fc1"
    page.locator(".cs-chain").press("ArrowLeft")
    assert shown(page) == "flatten"
    page.evaluate("() => { window.move('image_size', 2); window.move('kernel_size', 7); }")
    assert shown(page) == "flatten"
    page.locator(".cs-chain").press("Escape")
    assert shown(page) == "conv1"


def test_the_keys_are_told_while_the_picture_has_the_keyboard_and_what_is_in_front_stays(stand):
    page = stand(NetworkExplorer(), {"width": 900, "height": 800})
    keys, scale = page.locator(".cs-keys"), page.locator(".cs-scale")
    assert scale.is_visible()
    assert not keys.is_visible()
    page.keyboard.press("Tab")
    assert keys.is_visible()
    assert scale.is_visible()
    boxes = [
        part.bounding_box()
        for part in (page.locator(".cs-detail-title:visible").first, keys, page.locator(".cs-player"))
    ]
    for left, right in itertools.pairwise(boxes):
        assert left["y"] < right["y"] + right["height"]


def test_playing_goes_through_the_layers(stand):
    page = stand(NetworkExplorer())
    with_own_clock(page)
    page.get_by_role("button", name="Play").click()
    visited = []
    for _ in range(6):
        page.clock.run_for(600)
        visited.append(shown(page))
    assert visited == ["pool", "flatten", "fc1", "fc2", "input", "conv1"]
    page.locator(".cs-chain").press("ArrowDown")
    page.clock.run_for(3000)
    assert shown(page) == "pool"


def test_the_class_opens_by_key_and_is_copied(stand):
    page = stand(NetworkExplorer())
    code = page.locator(".cs-class code")
    assert not code.is_visible()
    page.get_by_text("The class for these values").press("Space")
    page.wait_for_function("() => document.querySelector('.cs-class').open")
    assert page.get_by_role("button", name="Play").is_visible()  # Space did not start it
    assert code.is_visible()
    assert page.get_by_label("Copy the code").is_visible()


def test_a_screen_reader_is_told_every_shape_the_parameters_and_the_layer(stand):
    page = stand(NetworkExplorer())
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    assert page.locator("[aria-live]").text_content() == (
        "input (4, 3, 32, 32), conv1 + ReLU (4, 18, 32, 32), pool (4, 18, 16, 16), flatten (4, 4608), "
        "fc1 + ReLU (4, 64), fc2 (4, 10). 296,130 parameters. Pointed at: conv1 + ReLU. "
        "size: ⌊(32 + 2·1 − 3) / 1⌋ + 1 = ⌊31⌋ + 1 = 32. parameters: 18·3·3·3 + 18 = 504. "
        "multiply-adds: 18·32·32·3·3·3 = 497,664."
    )
    page = stand(NetworkExplorer(image_size=4, kernel_size=7))
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    assert (
        "Smallest change that works: padding 2 · or kernel 5 · or image size 6."
        in page.locator("[aria-live]").text_content()
    )


def test_a_wrong_switch_is_refused():
    explorer = NetworkExplorer()
    with pytest.raises(TypeError, match=r"compute_fc1 wants True or False, but got 1\. Did you mean True\?"):
        explorer.compute_fc1 = 1
    assert explorer.compute_fc1 is True


def test_the_text_form_gives_every_shape():
    assert repr(NetworkExplorer()) == (
        "NetworkExplorer: (4, 3, 32, 32) → (4, 18, 32, 32) → (4, 18, 16, 16) → (4, 4608) → (4, 64) → (4, 10)"
    )
    assert repr(NetworkExplorer(4, kernel_size=7)) == "NetworkExplorer: (4, 3, 4, 4) → conv1 does not fit"
    pooled_away = repr(NetworkExplorer(8, kernel_size=7, padding=0, pool_kernel_size=3))
    assert pooled_away == "NetworkExplorer: (4, 3, 8, 8) → (4, 18, 2, 2) → pool does not fit"
    assert repr(NetworkExplorer(48, compute_fc1=False)).endswith("→ (4, 10368) → fc1 wants 4608")


def test_the_text_form_is_what_torch_computes_and_short():
    explorer = NetworkExplorer()
    for values in all_spatial_settings()[::37]:
        text = repr(moved(explorer, values))
        shapes, message = steps_of_torch(values)
        assert text.startswith(f"NetworkExplorer: {' → '.join(map(str, shapes))}")
        assert len(text) <= 110  # ipywidgets cuts there
        assert bool(message) == (not text.endswith(")"))
