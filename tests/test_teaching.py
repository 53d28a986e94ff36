"""TEACHING.md: its examples run, its plans add up, and every section and question it names is in the lessons."""

import doctest
import importlib
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
import recorded_runs
from ipywidgets import IntSlider
from pages import arguments_of

from helpers import explorers
from helpers.exercises.question import QUESTIONS

ROOT = Path(__file__).parent.parent
TEACHING = (ROOT / "TEACHING.md").read_text("utf-8")
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
for name in LESSONS:
    if name != "00":
        importlib.import_module(f"helpers.exercises.lesson_{name}")

WORDS = dict(enumerate(["five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"], start=5))
PART = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PARTS = dict(PART.findall(TEACHING))
EXPLORER = re.compile(r"^### `(\w+)`, lessons? (.+?)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
EXPLORERS = EXPLORER.findall(PARTS["What to ask at which slider"])
each_explorer = pytest.mark.parametrize(
    ("name", "lessons", "text"), EXPLORERS, ids=lambda value: value if value.endswith("Explorer") else ""
)


def rows(text):
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def plan():
    """(session, minutes, lesson, section, what to do) of both plans; session 0 is the one of 90 minutes."""
    short = [["0", *row] for row in rows(PARTS["90 minutes"])]
    return [(s, int(m), *rest) for s, m, *rest in short + rows(PARTS["Three sessions of 90 minutes"])]


def section(lesson, heading):
    """The source of a lesson's section, from its heading to the next of the same level."""
    source = "\n".join(cell.source for cell in nbformat.read(LESSONS[lesson], as_version=4).cells)
    return dict(PART.findall(source))[heading]


def code():
    return re.findall(r"```python\n(.*?)```", TEACHING, flags=re.DOTALL)


def test_the_minutes_of_each_plan_add_up_to_ninety():
    minutes = Counter()
    for session, each, *_ in plan():
        minutes[session] += each
    assert minutes == {"0": 90, "1": 90, "2": 90, "3": 90}


def test_the_minutes_and_numbers_of_questions_are_the_lessons():
    minutes = [
        re.search(r"\*\*(\d+) minutes\.\*\*", nbformat.read(path, as_version=4).cells[0].source)[1]
        for path in LESSONS.values()
    ]
    said = re.search(rf"alone needs ([\d, and]+) minutes for lessons 00 to {max(LESSONS)}", TEACHING)[1]
    assert re.findall(r"\d+", said) == minutes
    readme = (ROOT / "README.md").read_text("utf-8")
    in_all = sum(map(int, minutes))
    assert f"That is {in_all} minutes in all." in " ".join(TEACHING.split())
    assert f"The {WORDS[len(LESSONS)]} lessons take {in_all} minutes." in " ".join(readme.split())
    assert f"lesson, pages 1 to {len(LESSONS) - 1}, then the answers" in TEACHING
    questions = Counter(name[:2] for name in QUESTIONS)
    fewest, most = (WORDS[limit(questions.values())] for limit in (min, max))
    assert f"from 01 on has {fewest} to {most} questions" in TEACHING.replace("\n", " ")


def test_each_row_of_a_plan_names_a_section_and_questions_that_are_asked_there():
    for _session, _minutes, lesson, heading, what in plan():
        if what == "a break":
            assert lesson == heading == ""
            continue
        source = section(lesson, heading)
        asked, _, homework = what.partition("omework: ")
        for question in re.findall(r"\b(\d\d)\.(q\d+)", asked):
            assert question[0] == lesson
            assert re.search(rf"\b{question[1]}\.(predict|check)\(", source), (heading, question)
        for again in re.findall(r"`(q\d+)\.again", what):
            assert f"{lesson}.{again}" in asked
        assert homework == "" or re.search(r"\d\d\.q\d+", homework)


def test_each_plan_ends_with_what_progress_then_shows():
    """It shows the lesson of the notebook in which it is run."""
    asked = {s: [q for _s, *_, what in plan() if _s == s for q in re.findall(r"\b01\.(q\d+)", what)] for s in "01"}
    ends = {s: (lesson, what) for s, _, lesson, heading, what in plan() if heading == "Looking back"}
    assert [ends[session][0] for session in "0123"] == ["01", "01", "03", "05"]
    questions = [name.removeprefix("01.") for name in QUESTIONS if name.startswith("01.")]
    assert f"here {WORDS[len(asked['0'])]} of {WORDS[len(questions)]} answered" in ends["0"][1]
    assert asked["1"] == questions
    but, homework = (re.findall(r"q\d+", part) for part in ends["1"][1].split(" Homework: "))
    assert but == homework
    assert all(f"shows lesson {ends[session][0]} alone" in ends[session][1] for session in "23")


def test_every_question_named_exists():
    named = re.findall(r"\b\d\d\.q\d+", TEACHING)
    assert len(set(named)) > 20
    assert set(named) <= set(QUESTIONS)
    assert QUESTIONS["01.q5"].title == "all of it in one line"  # q5, wherever no lesson is named


def test_the_sections_of_lesson_05_that_the_text_names_are_what_it_says():
    headings = [heading for heading in dict(PART.findall("\n".join(_sources("05")))) if heading[0].isdigit()]
    titles = {int(heading.split(" · ")[0]): heading.split(" · ")[1] for heading in headings}
    assert all("GPU" in titles[number] or "Devices" in titles[number] for number in (7, 8, 9))
    extras = [source for source in _sources("05") if source.startswith("## Extra · ")]
    assert extras[-1].startswith("## Extra · The same on photographs")
    assert "explorer = TrainingExplorer" in section("05", f"10 · {titles[10]}")
    assert "lesson 05 needs it" in TEACHING
    assert "explorer` is the one of section 10" in TEACHING


def _sources(lesson):
    return [cell.source for cell in nbformat.read(LESSONS[lesson], as_version=4).cells]


def test_the_examples_print_what_they_say():
    examples = doctest.DocTestParser().get_doctest("\n".join(code()), {}, "TEACHING", None, 0)
    assert len(examples.examples) >= 30
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


def test_every_explorer_has_its_questions_and_its_lesson_shows_it():
    public = {name for name in vars(explorers) if name.endswith("Explorer")} | {"TrainingExplorer"}
    assert {name for name, _, _ in EXPLORERS} == public
    for name, lessons, _ in EXPLORERS:
        for lesson in re.findall(r"\d\d", lessons):
            assert any(f"{name}(" in source for source in _sources(lesson))


@each_explorer
def test_the_settings_can_be_entered_and_the_numbers_come_from_the_code(name, lessons, text):
    found = rows(text.partition("<details>")[0])
    assert len(found) >= 3
    shown = "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    arguments = arguments_of(name, train=10, test=10)
    for setting, question, answer in found:
        assert "?" in question
        line = re.fullmatch(r"`(.+)`", setting)[1]
        scope = {name: getattr(explorers, name)}
        if arguments:
            scope = {"explorer": getattr(explorers, name)(*arguments)}
            exec(line, scope)
            explorer = scope["explorer"]
        else:
            explorer = eval(line, scope)
        sources = numbers(f"{shown} {setting} {question} {explorer!r}")
        # Numbers of one digit are everywhere; the measured parts of runs are held by the next test.
        assert {n for n in numbers(answer) if len(n) > 1} - {"30"} <= sources, (setting, answer)


def numbers(text):
    """The numbers in a text, as digits: 296,130 and 296130 are one."""
    return set(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3})|\.0\b", "", text)))


def test_runs_end_as_the_teacher_is_told():
    """The recorded ones, which another test holds to be those of train()."""
    recorded = recorded_runs.recorded()["runs"]

    def run(**changed):
        defaults = {name: control.default for name, control in explorers.TrainingExplorer.controls.items()}
        (found,) = (each for each in recorded if each["settings"] == defaults | changed)
        return found

    usual, fast, rare, one_pixel = run(), run(lr=0.01), run(batch_size=512), run(kernel_size=1)
    assert abs(usual["loss"][-1] - 1.4) < 0.15
    assert abs(usual["test_accuracy"][-1] - 0.6) < 0.06
    assert fast["loss"][0] > 2.5
    assert abs(fast["loss"][-1] - 2.3) < 0.2
    assert 1.8 < rare["loss"][-1] < 2.2
    assert abs(one_pixel["test_accuracy"][-1] - 0.3) < 0.06


def test_other_answers_of_the_tables():
    pooled = explorers.PoolingExplorer(size=6, padding=1).output()
    assert (pooled < 0).sum() == 4  # those whose largest number is negative
    batch = explorers.FlattenExplorer(batch=True, width=5).output()
    assert [n for n, row in enumerate(batch) if len({int(place) // 30 for place in row}) == 2] == [1, 2, 3]
    for text in ("18·24·24 = 10368", "18·15·15 = 4050", "4608·64 + 64", "3·(3 − 1) + 1", "4 + 2·1 = 6"):
        assert text in TEACHING
        left, _, right = text.replace("·", "*").replace("−", "-").partition("=")
        assert right == "" or eval(left) == int(right)
    assert explorers.FlattenExplorer(memory="permuted").input().flatten()[:3].tolist() == [0, 12, 12 - 11]


def test_links_lead_to_files_and_commands_to_what_there_is():
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", TEACHING) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []
    readme = (ROOT / "README.md").read_text("utf-8")
    parts = [link.partition("#")[2] for link in [*links, *re.findall(r"TEACHING\.md(#[\w-]+)", readme)] if "#" in link]
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in PARTS}
    assert len(parts) >= 10
    assert set(parts) <= anchors
    scripts = re.findall(r"python (tools/\w+\.py)", TEACHING)
    assert {"tools/worksheet.py", "tools/build_site.py", "tools/publish.py"} <= set(scripts)
    assert [script for script in scripts if not (ROOT / script).exists()] == []
    assert ".venv/bin/python" not in TEACHING, "with conda it is elsewhere"
    assert all("--no-deps --editable ." in " ".join(text.split()) for text in (TEACHING, readme))
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"`(?:[A-Z_]+=[\w,]+ )?make ([a-z]+)", TEACHING)
    assert {"lab", "publish", "site"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
    for name in ("helpers/exercises/", "environment.yml"):
        assert f"`{name}`" in TEACHING
        assert (ROOT / name).exists()


def test_what_is_said_of_cifar10_is_what_the_code_does():
    from helpers import cifar10

    assert len(cifar10.SOURCES) == 3
    assert "Three hosts are tried" in TEACHING
    assert f"silent for {cifar10.TIMEOUT} seconds" in TEACHING
    assert f"less than {cifar10.ENOUGH // 1000} kB a second" in TEACHING
    assert {archive for _, archive, _ in cifar10.SOURCES} == set(re.findall(r"cifar-10-\w+\.tar\.gz", TEACHING))


def test_the_switch_and_the_files_are_named_as_the_code_names_them():
    from helpers import language
    from helpers.exercises import progress, record, switches

    assert f"{switches.SWITCH}=solutions,hints" in TEACHING
    assert f"`{language.SWITCH}=de`" in TEACHING
    named = TEACHING.count(switches.SWITCH) + TEACHING.count(language.SWITCH)
    assert TEACHING.count("CNN_SHAPES") == named
    assert f"kept in `{record.FILE}`" in TEACHING
    assert f"`{switches.SWITCH}=file`" in TEACHING
    assert hasattr(progress(), "export")
    assert isinstance(explorers.ConvolutionExplorer(size=4, kernel_size=7, padding=1).sliders["size"], IntSlider)


def test_the_folder_that_a_class_hands_in_gives_the_report_that_the_text_quotes(tmp_path, monkeypatch, capsys):
    from helpers.exercises import class_report, progress, record
    from helpers.exercises.lesson_01 import q1

    files = re.findall(r"^ *(class-a/.+\.(?:txt|jsonl))$", PARTS["Collecting answers"], re.MULTILINE)
    assert len(files) == 5
    monkeypatch.chdir(tmp_path)
    for name in files:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        record.forget()
        if name.endswith(".jsonl"):
            progress(keep_in=name)
        q1.predict(5)
        if name.endswith(".txt"):
            assert progress().export(name).state == "note"
    record.forget()
    command = re.search(r"`python -m (helpers\.exercises\.class_report) (class-a)`", TEACHING)
    assert command[1] == class_report.__name__
    assert class_report.main([command[2]]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed.startswith("3 students: ")
    assert f"prints `{printed}`" in " ".join(TEACHING.split())


def test_there_is_one_block_for_the_hubs_links_and_no_address_else():
    blocks = re.findall(r"<!-- address:hub -->\n.*?<!-- /address -->", TEACHING, flags=re.DOTALL)
    assert len(blocks) == 1
    assert re.findall(r"https?://[^\s`)>]+", TEACHING.replace(blocks[0], "")) == ["https://hub.example.edu"]


def test_the_pairs_of_tables_and_code_are_complete():
    folded = re.findall(r"<details>|</details>", TEACHING)
    assert all(one != other for one, other in pairwise(folded))
    assert len(code()) == len(EXPLORERS)
