"""FlattenExplorer: its Python, and what its JavaScript draws, held against torch at every setting."""

import itertools
import re
from functools import partial

import pages
import pytest
import torch
from pages import cell, lit, read, what_torch_says, with_own_clock

from helpers.explorers import FlattenExplorer

SHAPES = [
    dict(zip(("channels", "height", "width"), shape, strict=True))
    for shape in itertools.product(range(1, 4), range(1, 5), range(1, 6))
]
SINGLE = [{**shape, "memory": memory, "batch": False} for shape in SHAPES for memory in ("contiguous", "permuted")]
BATCHES = [
    {**shape, "memory": memory, "batch": True, "k": k}
    for shape in SHAPES
    for memory in ("contiguous", "permuted")
    for k in range(1, 61)
]

# A cell of a volume or of memory is read as its number, "-" where it is left or waits; one of a batch as the picture
# whose colour it has.
SEEN = """(() => {
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const cells = (line) => [...line.children].filter((cell) => !cell.hidden);
  const lines = (name, read) => {
    const grid = document.querySelector(`[data-grid="${name}"]`)?.closest(".cs-grid");
    if (!grid || !visible(grid)) return null;
    return [...grid.children].filter((line) => !line.hidden).map((line) => cells(line).map(read).join(" "));
  };
  const hue = (cell) => cell.className["cs-cell cs-hue-".length];
  const number = (cell) => `${cell.matches(".cs-left, .cs-ahead") ? "-" : ""}${cell.textContent}/${hue(cell)}`;
  const formula = all(".cs-formula")[0];
  return {
    titles: all(".cs-title").map((title) => cells(title).map((part) => part.textContent).join() || title.textContent),
    planes: [0, 1, 2].map((channel) => lines(`plane-${channel}`, number)),
    memory: lines("memory", number),
    output: lines("output", number),
    indices: all(".cs-memory .cs-cell").map((cell) => Number(cell.dataset.note)),
    flying: all(".cs-flying").filter((flyer) => flyer.checkVisibility()).length,
    pictures: lines("pictures", hue),
    rows: lines("rows", hue),
    mixed: all(".cs-panel-rows .cs-mixed").map((line) => line.dataset.note),
    code: text(".cs-code code"),
    numbers: formula.querySelector(".cs-numbers").textContent,
    strides: formula.querySelector(".cs-strides").textContent,
    back: text(".cs-sum"),
    notes: all(".cs-note").map((note) => note.textContent),
    problem: text(".cs-problem"),
    remedy: text(".cs-remedy"),
    torch: text(".cs-torch"),
  };
})()"""


def hold(seen, explorer):
    """Compare each number and sentence read from the page with torch, at the explorer's setting."""
    setting, layer, x = explorer.settings, explorer.layer(), explorer.input()
    expected, refusal = what_torch_says(layer, x)
    code, shapes = seen["code"].split("  # ")
    start = x.permute(*((0, 3, 1, 2) if explorer.batch else (2, 0, 1))) if permuted(explorer) else x
    run, refused = what_torch_says(lambda x: eval(code, {"x": x}), start)
    assert refused == refusal, setting
    assert refusal or torch.equal(run, expected), setting
    read_as = [start.shape] + [x.shape] * permuted(explorer)
    made = "RuntimeError" if refusal else str(tuple(expected.shape))
    assert shapes == " → ".join([*(str(tuple(shape)) for shape in read_as), made])
    if refusal:
        assert seen["torch"] == f"PyTorch says: RuntimeError: {refusal}", setting
        hold_remedy(seen, explorer, code)
    else:
        assert [seen["problem"], seen["remedy"], seen["torch"]] == [None] * 3, setting
    result = "no output" if refusal else tuple(expected.shape)
    assert repr(explorer).endswith(f" → {layer!r} → {result}".replace("View(", "view("))
    (hold_batch if explorer.batch else hold_volume)(seen, explorer, expected)


def permuted(explorer):
    return explorer.memory == "permuted"


def hold_remedy(seen, explorer, code):
    """What is offered works in torch, and is the smallest change."""
    x = explorer.input()
    changes = seen["remedy"].removeprefix("Smallest change that works: ").split(" · or ")
    if "invalid for input" not in seen["torch"]:
        assert [change.split(",")[0].split("(")[0] for change in changes] == [".reshape", ".contiguous"]
        calls = [change.removesuffix(", which copies") for change in changes]
        made = [eval(f"x{call}", {"x": x}) for call in calls]
        assert all(torch.equal(row, x.reshape(explorer.layer().shape)) for row in made)
        return
    one = explorer.channels * explorer.height * explorer.width
    *others, whole = [change.removeprefix("k ") for change in changes]
    offered = [change.split(" ", 1) for change in (*others, whole.split(":")[0])]
    for k, *call in offered:
        refused = what_torch_says(lambda x, k=int(k): x.view(-1, k), x)[1]
        assert call == (["with reshape"] if refused else []), explorer
        x.reshape(-1, int(k))
    *near, last = [int(k) for k, *_ in offered]
    assert last == one
    works = [k for k in range(1, 61) if x.numel() % k == 0]
    now = explorer.k
    least = min(abs(k - now) for k in works)
    assert near == [k for k in works if abs(k - now) == least and k != one], explorer
    why = "C·H·W," if abs(one - now) == least else "further off, but"
    assert whole.endswith(f": {why} one row for each picture"), explorer


def hold_volume(seen, explorer, expected):
    """One volume: planes and rows hold torch's numbers in their channel's colour; the formulas are true in Python."""
    x = explorer.input()
    volume = x.permute(2, 0, 1) if permuted(explorer) else x
    channels, height, width = volume.shape
    colour = lambda place: place // (height * width)  # noqa: E731
    count = x.numel()

    def full(line, places):  # how many of its cells hold their numbers; the others are empty, and none holds another
        expected = [f"{place}/{colour(place)}" for place in places]
        drawn = line.split(" ")
        empty = [f"-/{colour(place)}" for place in places]
        assert all(one in pair for one, *pair in zip(drawn, expected, empty, strict=True)), (drawn, expected)
        return sum(one == whole for one, whole in zip(drawn, expected, strict=True))

    numbers = volume.int().tolist()
    assert seen["planes"][channels:] == [None] * (3 - channels)
    planes = list(zip(seen["planes"][:channels], numbers, strict=True))
    in_planes = sum(full(*pair) for lines, plane in planes for pair in zip(lines, plane, strict=True))
    in_memory = full(*seen["memory"], range(count))
    if permuted(explorer):  # a copy takes nothing away
        assert in_planes == in_memory == count
        full(*seen["output"], x.reshape(-1).int().tolist())
    else:
        assert in_planes + in_memory + seen["flying"] == count
        assert seen["output"] is None
    assert seen["indices"] == [*range(count)] * (1 + permuted(explorer))
    assert [seen["pictures"], seen["rows"]] == [None, None]
    call = "reshape" if expected is None else "view"
    why = "a copy, in reading order" if expected is None else "the row of memory as it is"
    assert seen["titles"] == (
        [
            f"x.permute(1, 2, 0) (H, W, C) = {tuple(x.shape)}: the same cells, read with the channels last",
            "memory: nothing has moved",
            f"x.permute(1, 2, 0).{call}(-1) ({count},): {why}",
        ]
        if permuted(explorer)
        else [f"x (C, H, W) = {tuple(x.shape)}", f"x.view(-1) ({count},): the row of memory"]
    )
    c, h, w = (f"{name} {step}" for name, step in zip(("channel", "row", "column"), volume.stride(), strict=True))
    ways = [h, w, c] if permuted(explorer) else [c, h, w]
    assert seen["strides"].endswith(
        f"stride{'' if permuted(explorer) else '()'} = {x.stride()}: places to the next {', '.join(ways)}"
    )

    name, place, position = re.match(
        r"x\[(.*)\] lies at place (\d+) of memory(?: and is number (\d+) in reading order)?\.$", *seen["notes"]
    ).groups()
    assert volume[eval(name)] == int(place)
    position = int(position or place)
    assert x.reshape(-1)[position] == int(place)
    formula = seen["numbers"].removeprefix("= ").replace("·", "*")
    assert len({eval(part) for part in formula.split(" = ")}) == 1
    assert formula.endswith(f" = {place}")
    head, *steps = re.split(r": |, ", seen["back"])
    assert head == f"The way back from {position}"
    where = {step.split(" = ")[0]: int(step.split(" = ")[2]) for step in steps}
    assert [eval(step.split(" = ")[1]) for step in steps] == list(where.values())
    assert tuple(where.values()) == tuple(map(int, torch.unravel_index(torch.tensor(position), x.shape)))
    assert (where["c"], where["h"], where["w"]) == eval(name)


def hold_batch(seen, explorer, expected):
    """A batch: rows in their pictures' colours, as torch cuts them; the sentences count what torch counts."""
    x, k = explorer.input(), explorer.k
    count, one = x.numel(), x.numel() // 4
    owners = torch.arange(4).reshape(4, 1, 1, 1).expand(x.shape)
    drawn = lambda rows: [" ".join(map(str, row)) for row in rows]  # noqa: E731
    assert seen["pictures"] == drawn(owners.flatten(1).tolist())
    rows = [part.tolist() for part in owners.reshape(-1).split(k)]
    assert seen["rows"] == drawn(rows), explorer.settings
    mixed = [row for row, held in enumerate(rows) if len(set(held)) > 1]
    assert seen["mixed"] == list(map(str, mixed))
    assert [seen["planes"], seen["memory"], seen["output"]] == [[None] * 3, None, None]
    x_name = "x.permute(0, 2, 3, 1)" if permuted(explorer) else "x"
    flat, title = seen["titles"]
    assert flat == f"{x_name}.flatten(1) {(4, one)}: one row for each picture, whatever its size"
    *judged, pointed = seen["notes"]
    if count % k:
        left = f"{counted(count // k, 'whole row')} and {count % k} left over"
        assert title == f"{x_name}.view(-1, {k}): no output, {left}"
        assert judged == []
        assert seen["numbers"].endswith(f" = {count / k:.2f} ✗") or abs(count / k * 100 % 1 - 0.5) < 1e-6
    else:
        call = f"{x_name}.{'reshape' if expected is None else 'view'}(-1, {k}) {(count // k, k)}"
        assert title == call + (": a copy, as view is refused" if expected is None else "")
        assert len(judged) == 1
        said = judged[0].removeprefix("With reshape: ")
        assert (said != judged[0]) == (expected is None)
        assert said == judgement(len(rows), len(mixed), k, one)
        assert seen["numbers"].endswith(f" = {count // k}")
    formula = seen["numbers"].removeprefix("= ").replace("·", "*").split(" = ")[:-1]
    assert {eval(part) for part in formula} == {count / k}
    assert seen["strides"].startswith(
        f"one picture has {explorer.channels}·{explorer.height}·{explorer.width} = {one} "
    )
    row = int(re.match(r"Row (\d+) holds ", pointed).group(1))
    held = {int(n): int(some) for some, n in re.findall(r"(\d+)(?: numbers?)? of picture (\d)", pointed)}
    assert held == {picture: rows[row].count(picture) for picture in rows[row]}


def counted(count, word):
    return f"{count} {word}{'' if count == 1 else 's'}"


def judgement(rows, mixed, k, one):
    if k == one:
        return "✓ One row for each picture."
    if not mixed:
        return f"✗ {rows} rows for 4 pictures: each picture is cut into {one // k}. No error."
    if rows == 1:
        return "✗ 1 row for 4 pictures, and it mixes them all. No error."
    which = "each mixes" if mixed == rows else f"{mixed} of them {'mixes' if mixed == 1 else 'mix'}"
    return f"✗ {rows} rows for 4 pictures, and {which} pictures. No error."


hold_all = partial(pages.hold_all, SEEN, hold)


def test_every_volume_is_drawn_as_torch_lays_it_out_and_unzipped_its_row_is_full(stand):
    explorer = FlattenExplorer()
    page = stand(explorer)
    hold_all(page, explorer, SINGLE)
    page.get_by_role("slider", name="unzip").press("End")
    page.wait_for_function("() => !document.querySelector('.cs-ahead')")
    hold_all(page, explorer, SINGLE)
    assert page.locator(".cs-ahead").count() == 0
    assert page.problems == []


def test_every_batch_is_cut_into_rows_as_torch_cuts_it(stand):
    explorer = FlattenExplorer(batch=True)
    page = stand(explorer)
    hold_all(page, explorer, BATCHES)
    assert len(SINGLE) + len(BATCHES) == 3 * 4 * 5 * 2 * (60 + 1)
    assert page.problems == []


def test_a_cell_lights_its_place_in_memory_and_in_the_new_row_and_they_light_it(stand):
    explorer = FlattenExplorer(memory="permuted")
    page = stand(explorer)
    x = explorer.input()
    order = x.reshape(-1).int().tolist()
    for c, h, w in itertools.islice(itertools.product(range(2), range(3), range(4)), 0, None, 5):
        place = int(x[h, w, c])
        same = {
            f"plane-{c}": {(h, w)},
            f"plane-{1 - c}": set(),
            "memory": {(0, place)},
            "output": {(0, order.index(place))},
        }
        for grid in (f"plane-{c}", "memory", "output"):
            cell(page, grid, *next(iter(same[grid]))).hover()
            assert {name: lit(page, name) for name in same} == same
            hold(read(page, [{}], SEEN)[0], explorer)
            assert f"x[{c}, {h}, {w}] lies at place {place} " in page.locator(".cs-note:visible").text_content()


def test_a_number_of_a_batch_lights_in_both_ways_of_cutting_and_its_row_is_counted(stand):
    explorer = FlattenExplorer(batch=True, k=16)
    page = stand(explorer)
    for number in (0, 15, 16, 23, 24, 47, 48, 95):
        pictures, rows = divmod(number, 24), divmod(number, 16)
        for grid, place in (("pictures", pictures), ("rows", rows)):
            cell(page, grid, *place).hover()
            assert (lit(page, "pictures"), lit(page, "rows")) == ({pictures}, {rows})
            hold(read(page, [{}], SEEN)[0], explorer)
    cell(page, "rows", 1, 8).hover()
    said = page.locator(".cs-note:visible").all_text_contents()
    assert said == [
        "✗ 6 rows for 4 pictures, and 2 of them mix pictures. No error.",
        "Row 1 holds 8 numbers of picture 0 and 8 of picture 1.",
    ]


def place_of(page):
    """The number of the place that is lit in memory."""
    return int(page.locator('[data-grid="memory"].cs-lit').get_attribute("data-note"))


@pytest.mark.parametrize(
    ("memory", "visited"), [("contiguous", [19, 20, 21, 22, 23, 0]), ("permuted", [7, 19, 8, 20, 9, 21])]
)
def test_playing_goes_along_memory_or_in_reading_order_and_stops_at_a_key(stand, memory, visited):
    page = stand(FlattenExplorer(memory=memory))
    with_own_clock(page)
    cell(page, "plane-1", 1, 2).click()
    page.mouse.move(2, 2)
    page.get_by_role("button", name="Play").click()
    seen = []
    for _ in visited:
        page.clock.run_for(600)
        seen.append(place_of(page))
    assert seen == visited
    page.locator(".cs-figure").press("ArrowUp")
    stopped = place_of(page)
    page.clock.run_for(3000)
    assert place_of(page) == stopped
    page.locator(".cs-figure").press("Space")
    assert page.get_by_role("button", name="Pause").is_visible()


def test_the_keys_walk_through_the_planes_as_they_stand_side_by_side(stand):
    page = stand(FlattenExplorer())
    visited = []
    for key in (
        "ArrowRight",
        "ArrowRight",
        "ArrowDown",
        "ArrowDown",
        "Escape",
        *["ArrowLeft"] * 3,
        "ArrowUp",
        "ArrowUp",
    ):
        page.locator(".cs-figure").press(key)
        visited.append(place_of(page))
    assert visited == [19, 19, 23, 23, 18, 17, 16, 7, 3, 3]


def test_the_keys_walk_along_and_down_the_rows_of_a_batch(stand):
    page = stand(FlattenExplorer(batch=True, k=18))
    visited = []
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowDown", "Escape"):
        page.locator(".cs-figure").press(key)
        visited.append(*lit(page, "rows"))
    assert visited == [(0, 6), (0, 6), (0, 5), (1, 5), (1, 6)]


def test_a_cell_that_was_pinned_stays_in_a_volume_that_becomes_smaller(stand):
    explorer = FlattenExplorer(channels=3, height=4, width=5)
    page = stand(explorer)
    cell(page, "plane-2", 3, 4).click()
    hold_all(page, explorer, SINGLE[::-7])
    cell(page, "memory", 0, 0).click()
    hold_all(page, explorer, SINGLE[::-11])


def test_the_cell_that_was_clicked_stays_marked_while_others_are_looked_at(stand):
    page = stand(FlattenExplorer())
    pinned = page.locator(".cs-pinned")
    assert pinned.count() == 0
    for grid, row, column in (("plane-0", 1, 3), ("memory", 0, 7)):
        cell(page, grid, row, column).click()
        cell(page, "plane-1", 0, 0).hover()
        assert [pinned.get_attribute(f"data-{name}") for name in ("grid", "row", "column")] == [
            grid,
            str(row),
            str(column),
        ]
        assert pinned.evaluate("(cell) => getComputedStyle(cell).backgroundImage") != "none"
    page.get_by_role("button", name="Play").click()
    page.mouse.move(2, 2)
    assert pinned.count() == 0
    page.get_by_role("button", name="Pause").click()
    assert pinned.count() == 1
    page.locator(".cs-figure").press("Escape")
    assert pinned.count() == 0


LETTERS = "(cells) => cells.map((cell) => parseFloat(getComputedStyle(cell).fontSize))"
OVER = """(cells) => cells.filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getBoundingClientRect().width > cell.clientWidth;
}).length"""


@pytest.mark.parametrize(
    ("page_width", "height", "width", "lines"),
    [(700, 3, 4, [36]), (700, 4, 5, [20] * 3), (390, 3, 4, [12] * 3), (390, 4, 5, [20] * 3), (1116, 4, 5, [60])],
)
def test_a_row_stands_on_one_line_where_it_fits_and_else_breaks_after_each_channel(
    stand, page_width, height, width, lines
):
    page = stand(FlattenExplorer(3, height, width), viewport={"width": page_width, "height": 900})
    page.get_by_role("slider", name="unzip").press("End")
    page.wait_for_function("() => !document.querySelector('.cs-ahead')")
    cells = page.locator('[data-grid="memory"]')
    tops = cells.evaluate_all("(cells) => cells.map((cell) => cell.getBoundingClientRect().top)")
    assert [tops.count(top) for top in sorted(set(tops))] == lines
    assert cells.evaluate_all(OVER) == 0
    assert min(cells.evaluate_all(LETTERS)) >= 12


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "2 channels of 3 by 4, contiguous: one row of 24 numbers. x[1, 1, 2] lies at place 18 of memory."),
        (
            {"batch": True, "k": 16},
            "2 channels of 3 by 4, contiguous, batch of 4, rows of 16: ✗ 6 rows for 4 pictures, and 2 of them mix "
            "pictures. No error. Row 1 holds 8 numbers of picture 0 and 8 of picture 1.",
        ),
        (
            {"batch": True, "k": 23},
            "2 channels of 3 by 4, contiguous, batch of 4, rows of 23: view is refused. 96 numbers do not fill whole "
            "rows of 23: 96 = 4·23 + 4. Smallest change that works: k 24: C·H·W, one row for each picture. "
            "Row 1 holds 1 number of picture 0 and 22 of picture 1.",
        ),
    ],
)
def test_a_screen_reader_is_told_the_setting_and_its_result(stand, settings, said):
    page = stand(FlattenExplorer(**settings))
    page.wait_for_function("() => document.querySelector('.cs-spoken').textContent")
    assert page.locator("[aria-live]").text_content() == said


# Drags the slider to numbers of cells, and sees each time what has left and what is to come.
SCRUB = """(values, see) => values.map((value) => {
  const slider = document.querySelector(".cs-scrub input");
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
  return see();
})"""
UNZIPPED = """(() => {
  const marked = (mark) => [...document.querySelectorAll(`.cs-${mark}`)].filter(visible).map((cell) =>
    [cell.dataset.grid, Number(cell.dataset.row), Number(cell.dataset.column)].join());
  const sides = ({ x, y, width, height }) => [x, y, width, height];
  const isSeen = (part) => part.checkVisibility({ visibilityProperty: true });
  const seen = (selector) => [...document.querySelectorAll(selector)].filter(isSeen);
  return {
    left: marked("left"),
    lit: marked("lit"),
    ahead: marked("ahead"),
    told: document.querySelector(".cs-scrub input").getAttribute("aria-valuetext"),
    flying: seen(".cs-flying").map((flyer) => [flyer.textContent, sides(flyer.getBoundingClientRect())]),
    ways: seen(".cs-ways polyline").map((line) => line.getAttribute("points").split(/[ ,]/).map(Number)),
  };
})()"""
# How many fly, and what lies over a number or a title and is another's: [what, over what]. Numbers are read where their
# digits are.
CROSSED = """(() => {
  const isSeen = (part) => part.checkVisibility() && part.textContent;
  const seen = (selector) => [...document.querySelectorAll(selector)].filter(isSeen);
  const digits = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const still = seen(".cs-cell, .cs-title, .cs-plane-name").map((part) => [part, digits(part)]);
  const flyers = seen(".cs-flying").map((part) => [part, part.getBoundingClientRect()]);
  const isOver = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return [flyers.length, flyers.flatMap(([flyer, box]) =>
    still.filter(([, text]) => isOver(box, text)).map(([part]) => [flyer.textContent, part.textContent]))];
})()"""


def unzip(page, *values, seen=UNZIPPED):
    """What is seen with the slider at each of these numbers of cells."""
    return read(page, [{}], f"({SCRUB})({[*values]}, () => ({seen}))")[0]


def ways(explorer):
    """Of each number, in reading order: the grid, row and column it comes from and goes to, and what it is called."""
    x, k = explorer.input(), explorer.k
    order, count = x.reshape(-1).int().tolist(), x.numel()
    original = torch.arange(count).reshape(explorer._shape)
    found = []
    for index, place in enumerate(order):
        *n, c, h, w = (int(i) for i in torch.unravel_index(torch.tensor(place), original.shape))
        told = f"cell {index} of {count}: {f'picture {n[0]}, ' if n else ''}channel {c}, row {h}, column {w}"
        told += f", place {place} of memory" if permuted(explorer) else ""
        if explorer.batch:
            source, goal = ("pictures", *divmod(index, count // 4)), ("rows", *divmod(index, k))
            told += f" → row {goal[1]}, column {goal[2]}"
        else:
            source = ("memory", 0, place) if permuted(explorer) else (f"plane-{c}", h, w)
            goal = ("output" if permuted(explorer) else "memory", 0, index)
            told += f" → {index}"
        found.append((source, goal, told))
    return found


joined = lambda place: ",".join(map(str, place))  # noqa: E731
UNZIPPING = [
    {},
    {"channels": 3, "height": 4, "width": 5, "memory": "permuted"},
    {"memory": "permuted", "channels": 1, "height": 1, "width": 1},
    {"memory": "permuted", "channels": 1},
    {"batch": True, "k": 16},
    {"batch": True, "k": 23, "memory": "permuted"},
]


def left(all_ways, explorer, value):
    """What so many numbers leave empty; where a copy is made of a permuted volume, nothing."""
    return set() if permuted(explorer) and not explorer.batch else {joined(source) for source, _, _ in all_ways[:value]}


def ends_in_torch(explorer):
    """What the slider goes from and to: a permuted volume is copied only where its row is other memory."""
    if explorer.batch:
        return ["pictures", "rows"]
    x = explorer.input()
    copied = x.flatten().data_ptr() != x.data_ptr()
    return ["memory", "copy" if copied else "row"] if permuted(explorer) else ["volume", "row"]


@pytest.mark.parametrize("settings", UNZIPPING, ids=str)
def test_cell_by_cell_the_slider_unzips_what_torch_reads(stand, settings):
    """From the beginning, where every place waits, empty, to the end, where what was moved has left empty cells."""
    explorer = FlattenExplorer(**settings)
    page = stand(explorer)
    page.emulate_media(reduced_motion="reduce")
    all_ways = ways(explorer)
    count = len(all_ways)
    ends = page.locator(".cs-scrub span").all_text_contents()
    assert ends == ends_in_torch(explorer)
    values = [*range(0, count, 1 if count < 30 else 7), count]
    between = [
        min(value + 0.6, count) for value in values
    ]  # where nothing is to move, cells are in one place or another
    all_seen = unzip(page, *between, seen=f"[{UNZIPPED}, {SEEN}]")
    for value, (seen, drawn) in zip(values, all_seen, strict=True):
        assert seen["flying"] == seen["ways"] == []
        assert set(seen["left"]) == left(all_ways, explorer, value)
        assert seen["ahead"] == [joined(goal) for _, goal, _ in all_ways[value:]]
        whole = f"all {count} cells are in the {ends[1]}"
        assert seen["told"] == (whole if value == count else all_ways[value][2])
        hold(drawn, explorer)
        goal = all_ways[min(value, count - 1)][1]
        assert [place for place in seen["lit"] if place.startswith(f"{goal[0]},")] == [joined(goal)]
    page.emulate_media(reduced_motion="no-preference")
    assert page.problems == []


def test_of_a_batch_the_rows_are_full_at_first_and_of_a_volume_the_volume_is(stand):
    explorer = FlattenExplorer()
    page = stand(explorer)
    at = lambda: page.get_by_role("slider", name="unzip").evaluate("(slider) => slider.value / slider.max")  # noqa: E731
    said = [at()]
    for batch in (True, False):
        page.evaluate("(batch) => window.move('batch', batch)", batch)
        said.append(at())
    assert said == [0, 1, 0]
    page.evaluate("() => window.move('batch', true)")
    unzip(page, 7)
    page.evaluate("() => window.move('k', 23)")
    assert at() == pytest.approx(7 / 96)
    page.locator(".cs-figure").press("Escape")
    assert at() == 1


@pytest.mark.parametrize("width", [390, 696, 1116])
def test_on_its_way_a_number_crosses_no_other_and_no_title(stand, width):
    page = stand(FlattenExplorer(), viewport={"width": width, "height": 900})
    for settings in [*UNZIPPING, {"channels": 3, "height": 4, "width": 5}]:
        explorer = FlattenExplorer(**settings)
        count = len(ways(explorer))
        read(page, [explorer.settings], "0")
        some = (0.5, 0.31 * count, 0.52 * count, 0.77 * count, count - 0.6)
        for value, (flying, crossed) in zip(some, unzip(page, *some, seen=CROSSED), strict=True):
            assert flying, (settings, value)
            others = [both for both in crossed if explorer.batch or both[0] != both[1]]  # of a copy, over its own
            assert others == [], (settings, value)


# Where cells begin and end, in pixels from the figure's left.
SIDES = """(places) => {
  const start = document.querySelector(".cs-figure").getBoundingClientRect().left;
  return places.map(([grid, row, column]) => {
    const cell = document.querySelector(`[data-grid="${grid}"][data-row="${row}"][data-column="${column}"]`);
    const { left, right } = cell.getBoundingClientRect();
    return [left - start, right - start];
  });
}"""


def test_paths_cross_only_when_permuted(stand):
    crossings = {}
    for memory in ("contiguous", "permuted"):
        explorer = FlattenExplorer(height=1, width=5, memory=memory)
        page = stand(explorer)
        all_ways = ways(explorer)
        (seen,) = unzip(page, 5.5)
        hold(read(page, [{}], SEEN)[0], explorer)
        order = explorer.input().reshape(-1).int().tolist()
        assert [text for text, _ in seen["flying"]] == [str(place) for place in order[5:9]]
        sources, goals = (page.evaluate(SIDES, [way[end] for way in all_ways[:9]]) for end in (0, 1))
        for points, (_, before), (after, _) in zip(seen["ways"], sources, goals, strict=True):
            assert [points[0], points[-2]] == pytest.approx([before, after], abs=0.2)
        ordered = itertools.combinations([(points[0], points[-2]) for points in seen["ways"]], 2)
        crossings[memory] = sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in ordered)
    assert crossings["contiguous"] == 0  # seen side by side, the planes are one row
    assert crossings["permuted"] == 10  # of 5 and 4


def test_keys_unzip_one_cell_or_ten_and_a_moved_slider_of_the_volume_moves_nothing(stand):
    page = stand(FlattenExplorer())
    slider = page.get_by_role("slider", name="unzip")
    marked = lambda: [len(read(page, [{}], UNZIPPED)[0][name]) for name in ("flying", "left", "ahead")]  # noqa: E731
    told = []
    for key in ("ArrowRight", "ArrowUp", "PageUp", "ArrowLeft", "End", "ArrowDown", "Home"):
        slider.press(key)
        told.append(int(re.match(r"(?:cell|all) (\d+)", slider.get_attribute("aria-valuetext"))[1]))
    assert told == [1, 2, 12, 11, 24, 23, 0]
    page.wait_for_function("() => !document.querySelector('.cs-left')")
    assert marked() == [0, 0, 24]
    slider.press("End")
    page.wait_for_function("() => document.querySelector('.cs-left')")
    page.evaluate("() => window.move('width', 5)")
    assert marked() == [0, 30, 0]
    assert slider.get_attribute("aria-valuetext") == "all 30 cells are in the row"
    slider.press("ArrowLeft")
    page.evaluate("() => window.move('height', 4)")
    assert marked() == [0, 29, 11]
    page.evaluate("() => window.move('height', 3)")
    page.evaluate("() => window.move('width', 2)")
    assert slider.get_attribute("aria-valuetext") == "all 12 cells are in the row"
    page.emulate_media(reduced_motion="reduce")
    slider.press("ArrowLeft")
    assert marked() == [0, 11, 1]
    page.emulate_media(reduced_motion="no-preference")
    assert page.problems == []


def test_playing_unzips_cell_by_cell_and_escape_closes_it(stand):
    explorer = FlattenExplorer()
    page = stand(explorer)
    with_own_clock(page)
    cell(page, "plane-1", 2, 1).click()
    page.mouse.move(2, 2)
    page.get_by_role("button", name="Play").click()
    waiting = []
    page.clock.run_for(600)
    for _ in range(5):
        page.clock.run_for(100)
        assert page.locator(".cs-flying:visible").count() > 0
        hold(read(page, [{}], SEEN)[0], explorer)
        page.clock.run_for(200)
        waiting.append(page.locator(".cs-ahead").count())
        page.clock.run_for(300)
    assert waiting == [2, 1, 0, 23, 22]
    page.locator(".cs-figure").press("Escape")
    assert (page.locator(".cs-left").count(), page.locator(".cs-ahead").count(), place_of(page)) == (0, 24, 18)


@pytest.mark.parametrize("memory", ["Permuted", "", 0, None, "channels_last"])
def test_a_memory_that_is_not_there_is_refused_with_those_that_are(memory):
    with pytest.raises(ValueError, match="memory wants one of 'contiguous', 'permuted', but got "):
        FlattenExplorer(memory=memory)


def test_the_input_shares_memory_with_the_output_where_torch_does_not_refuse():
    explorer = FlattenExplorer()
    x = explorer.input()
    assert explorer.layer()(x).data_ptr() == x.data_ptr()
    explorer.memory = "permuted"
    assert explorer.input().stride() == (4, 1, 12)
    with pytest.raises(RuntimeError, match=r"Use .reshape\(...\) instead"):
        explorer.output()


def test_the_text_form_gives_the_shapes():
    assert repr(FlattenExplorer()) == "FlattenExplorer: (2, 3, 4) → view(-1) → (24,)"
    assert repr(FlattenExplorer(batch=True, k=16)) == "FlattenExplorer: (4, 2, 3, 4) → view(-1, 16) → (6, 16)"
    assert (
        repr(FlattenExplorer(memory="permuted"))
        == "FlattenExplorer: (2, 3, 4) → permute(1, 2, 0) → (3, 4, 2) → view(-1) → no output"
    )
