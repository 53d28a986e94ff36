"""The lessons with Colab's versions, each alone in a folder, with a stand-in for Colab's own package."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
import torch
from address import LESSONS, ROOT
from elsewhere import COLAB, LONG, add_kernel, execute, hold_outputs, needs_colab, outputs_of
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell
from packaging.requirements import Requirement
from pages import ends
from test_address import copy_of_the_course, git, publish
from test_exercises_notebooks import hold_right, solved

from helpers import explorers

REPOSITORY = "https://github.com/somebody/something"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
GIVEN_SETS = ("ModelExplorer", "TrainingExplorer")  # they cannot be made of settings alone
EXPLORERS = [name for name in dir(explorers) if name.endswith("Explorer") and name not in GIVEN_SETS]

# What Colab does before the first cell, and helpers taken from the packages that are installed.
AT_START = """import sys
import google.colab.output
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in str(finder)]"""

pytestmark = needs_colab


def first_cell(course):
    cells = nbformat.read(course / "notebooks" / LESSONS[0].name, as_version=4).cells
    return next(cell.source for cell in cells if cell.cell_type == "code")


def printed(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.fixture(scope="module")
def unpublished(tmp_path_factory):
    """The course as it lies here, in a repository of its own, before anyone gave it an address."""
    course = copy_of_the_course(tmp_path_factory.mktemp("unpublished"))
    settings = course / "pyproject.toml"
    settings.write_text(re.sub(r'(?m)^repository = ".*"', 'repository = ""', settings.read_text("utf-8")), "utf-8")
    subprocess.run([sys.executable, "tools/stamp.py"], cwd=course, check=True, capture_output=True)
    git(course, "init", "--quiet")
    git(course, "add", ".")
    git(course, "commit", "--quiet", "--message=The course")
    return course


@pytest.fixture(scope="module")
def published(unpublished, tmp_path_factory):
    """The same after `make publish REPO=somebody/something` and a commit."""
    course = tmp_path_factory.mktemp("published")
    git(course, "clone", "--quiet", unpublished, ".")
    publish(course, "somebody/something").check_returncode()
    git(course, "commit", "--quiet", "--all", "--message=The course has an address")
    git(course, "repack", "-a", "-d", "--quiet", "--window=0")  # once, for the dozen kernels that fetch it
    return course


@pytest.fixture(scope="module")
def on_colab(published, tmp_path_factory):
    """`on_colab(name, setting, value)` adds a kernel of that name, as Colab starts it, with a setting of git's."""
    home = tmp_path_factory.mktemp("jupyter")
    startup = home / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "colab.py").write_text(AT_START)
    paths = {"PYTHONPATH": f"{COLAB}:{ROOT / 'tests' / 'colab'}", "IPYTHONDIR": str(home / "ipython")}

    def kernel(name, setting, value):
        add_kernel(name, paths | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": setting, "GIT_CONFIG_VALUE_0": value})
        return name

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(home))
        yield kernel


@pytest.fixture(scope="module")
def colab(on_colab, published):
    """The name of such a kernel that finds `published` at its address."""
    return on_colab("colab", f"url.{published.as_uri()}.insteadOf", REPOSITORY)


# -- two kernels, one after the other: their versions ---------------------------------------------------

INSTALLED = """import json
from importlib.metadata import distributions
print(json.dumps({each.name.lower(): each.version for each in reversed(list(distributions()))}))"""
IMPORTED = """import json, anywidget, IPython, ipykernel, ipywidgets, torch, traitlets
modules = [anywidget, IPython, ipykernel, ipywidgets, torch, traitlets]
print(json.dumps({each.__name__.lower(): [each.__version__, each.__file__] for each in modules}))"""
# The helpers that the first cell has fetched.
ITS_OWN = """from pathlib import Path
import helpers
assert Path(helpers.__file__).is_relative_to(Path.cwd()), helpers.__file__"""
SHOW = "explorer = {name}()\nexplorer"
MOVE = """heard = []
next(iter(explorer.sliders.values())).observe(heard.append)
for setting in json.loads({settings!r}):
    for name, value in setting.items():
        setattr(explorer, name, value)
    try:
        output = explorer.output().tolist()
    except (RuntimeError, TypeError) as error:
        output = str(error)
    print(json.dumps([explorer.settings, repr(explorer), output]))
assert heard"""
TRAIN = [
    "from helpers.data import load_shapes\n"
    "explorer = TrainingExplorer(*load_shapes(200, 60), batch_size=32, epochs=2, conv_channels=4)\n"
    "explorer",
    "explorer.train_button.click(); print(len(explorer.runs))",
    "import asyncio\n"
    "await asyncio.wait_for(explorer._task, 60); print(explorer.runs[0].state, explorer.output().shape)",
]
EVERY_EXPLORER = [
    "import json\nfrom helpers.explorers import *",
    *(
        cell
        for name in EXPLORERS
        for cell in (SHOW.format(name=name), MOVE.format(settings=json.dumps(ends(getattr(explorers, name)))))
    ),
    *TRAIN,
]


@pytest.fixture(scope="module")
def two_kernels(colab, published, tmp_path_factory):
    """A folder, and the outputs of one kernel after the other there; the second goes on with every explorer."""
    folder, setup = tmp_path_factory.mktemp("content"), first_cell(published)
    cells = [INSTALLED, setup, setup, ITS_OWN, INSTALLED, IMPORTED]
    return folder, [outputs_of(cells, colab, folder), outputs_of(cells + EVERY_EXPLORER, colab, folder)]


def test_the_kernel_has_the_versions_of_colab_and_the_torch_that_is_here(two_kernels):
    _, ((first, *_, last), _) = two_kernels
    lines = (ROOT / "tests" / "colab" / "versions.txt").read_text("utf-8").splitlines()
    listed = [Requirement(line) for line in lines if not line.startswith("#")]
    wanted = {each.name: str(each.specifier)[2:] for each in listed if not each.marker or each.marker.evaluate()}
    installed, imported = json.loads(printed(first)), json.loads(printed(last))
    assert {name: installed[name] for name in wanted} == wanted
    assert imported.pop("torch") == [torch.__version__, torch.__file__]
    assert {name: at_work for name, (at_work, _) in imported.items()}.items() <= wanted.items()
    assert all(Path(path).is_relative_to(COLAB) for _, path in imported.values())
    assert wanted["ipywidgets"] == "7.7.1" != version("ipywidgets")


# -- the lessons -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.name for path in LESSONS if path not in LONG])
def test_a_lesson_alone_in_a_folder_fetches_the_course_and_gives_its_outputs(colab, published, tmp_path, name):
    lesson = nbformat.read(published / "notebooks" / name, as_version=4)
    lesson.cells.append(new_code_cell(ITS_OWN))
    nbformat.write(lesson, tmp_path / name)
    hold_outputs(tmp_path / name, "--nbval-kernel-name", colab)


@pytest.mark.parametrize("path", LONG, ids=lambda path: path.stem)
def test_a_long_lesson_alone_in_a_folder_fetches_the_course_and_runs_with_every_answer_right(
    colab, tmp_path, published, path
):
    lesson = solved(published / "notebooks" / path.name)
    for cell in lesson.cells:  # the versions here decide what a cell shows, not what more epochs or repeats teach
        cell.source = re.sub(r'\b((?:epochs|repeats)(?:=|": ))\d+', r"\g<1>1", cell.source)
    lesson.cells.append(new_code_cell(ITS_OWN))
    execute(lesson, colab, tmp_path)
    hold_right(path, lesson.cells)


def test_the_first_cell_may_run_twice_and_in_the_next_kernel_and_what_is_installed_keeps_its_version(
    two_kernels, published
):
    folder, kernels = two_kernels
    for before, _, _, _, after, *_ in kernels:
        assert json.loads(printed(after)) == json.loads(printed(before))
    assert [path.name for path in folder.iterdir()] == [git(published, "rev-parse", "HEAD:helpers")]


def test_a_lesson_gets_the_helpers_it_was_written_with_whatever_the_repository_has_become(
    on_colab, published, tmp_path
):
    later, content = tmp_path / "later", tmp_path / "content"
    git(tmp_path, "clone", "--quiet", published, later)
    git(later, "rm", "--quiet", "helpers/arithmetic.py", "helpers/colab.py")
    git(later, "commit", "--quiet", "--message=Everything is new")
    content.mkdir()
    kernel = on_colab("later", f"url.{later.as_uri()}.insteadOf", REPOSITORY)
    outputs_of([first_cell(published), ITS_OWN, "import helpers.arithmetic"], kernel, content)


def test_on_kaggle_too_the_first_cell_fetches_the_course(colab, published, tmp_path):
    """Kaggle says of itself that it is there by a variable; nothing of Colab's is loaded."""
    setting = {"KEY_0": f"url.{published.as_uri()}.insteadOf", "VALUE_0": REPOSITORY, "COUNT": "1"}
    variables = {f"GIT_CONFIG_{name}": value for name, value in setting.items()}
    add_kernel("kaggle", variables | {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"})
    outputs_of([first_cell(published), ITS_OWN, "assert 'google.colab' not in sys.modules"], "kaggle", tmp_path)


def add_wheel(folder, name, version, requirement=""):
    """An empty package, as pip finds it in a folder."""
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        info, about = f"{name}-{version}.dist-info", f"Name: {name}\nVersion: {version}\n{requirement}"
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\n{about}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


INSTALL = """import os, sys
sys.path.insert(0, {root!r})
from helpers import colab
os.environ |= {{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": {folder!r}, "PIP_TARGET": {target!r}}}
colab.NEEDED = ("tqdm", "apackage")
colab.install_missing()"""


def test_a_package_that_colab_lacks_is_installed_with_what_it_needs_in_colabs_version(colab, tmp_path):
    add_wheel(tmp_path, "apackage", "1.0", "Requires-Dist: tqdm")
    for version_of_tqdm in ("4.67.3", "99.0"):
        add_wheel(tmp_path, "tqdm", version_of_tqdm)
    there = tmp_path / "there"
    install = INSTALL.format(root=str(ROOT), folder=str(tmp_path), target=str(there))
    ((said,),) = outputs_of([install], colab, tmp_path)
    assert said.data["text/plain"] == "['apackage']"
    assert {path.stem for path in there.glob("*.dist-info")} == {"apackage-1.0", "tqdm-4.67.3"}


def test_a_package_that_needs_another_version_than_colabs_is_refused(colab, tmp_path):
    add_wheel(tmp_path, "apackage", "1.0", "Requires-Dist: tqdm>=99")
    add_wheel(tmp_path, "tqdm", "99.0")
    install = INSTALL.format(root=str(ROOT), folder=str(tmp_path), target=str(tmp_path / "there"))
    with pytest.raises(CellExecutionError) as failed:
        outputs_of([install], colab, tmp_path)
    assert failed.value.evalue.startswith("pip could not install apackage: ERROR: Cannot install apackage==1.0")
    assert not (tmp_path / "there").exists()


def test_without_a_network_the_first_cell_says_so_and_works_once_there_is_one(on_colab, published, tmp_path):
    kernel = on_colab("offline", "http.proxy", "http://127.0.0.1:9")  # nobody answers there
    fails = f"try: exec({first_cell(published)!r})\nexcept RuntimeError as error: print(repr(str(error)))"
    network = {"KEY_0": f"url.{published.as_uri()}.insteadOf", "VALUE_0": REPOSITORY}
    there_is_one = f"os.environ |= {{f'GIT_CONFIG_{{name}}': value for name, value in {network!r}.items()}}"
    said, *_ = outputs_of([fails, there_is_one, first_cell(published), ITS_OWN], kernel, tmp_path)
    refusal = printed(said).splitlines()[-1]
    assert refusal == repr("The course was not fetched. Is there a network? On Kaggle, switch Internet on.")


def test_a_course_without_an_address_says_so_on_colab(colab, unpublished, tmp_path):
    with pytest.raises(CellExecutionError) as failed:
        outputs_of([first_cell(unpublished)], colab, tmp_path)
    assert failed.value.evalue == ("The address of this copy is not set yet (`make publish REPO=owner/name`).")


# -- the explorers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_explorers(two_kernels):
    """The outputs of showing each explorer and of moving its controls to both ends, and then of `TRAIN`."""
    return two_kernels[1][1][-len(EVERY_EXPLORER) + 1 :]


@pytest.fixture(scope="module")
def at_both_ends(with_explorers):
    """{explorer's name: (the outputs that show it, the outputs of moving each control to both ends)}."""
    outputs = with_explorers[: -len(TRAIN)]
    return dict(zip(EXPLORERS, zip(outputs[::2], outputs[1::2], strict=True), strict=True))


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_is_shown_with_colabs_widget_manager(at_both_ends, name):
    ((view,), _) = at_both_ends[name]
    assert view.data["text/plain"] == repr(getattr(explorers, name)())
    assert view.data[WIDGET_VIEW]["model_id"]
    assert view.metadata[WIDGET_VIEW]["colab"]["custom_widget_manager"]["url"]


def output_or_refusal(explorer):
    try:
        return explorer.output()
    except (RuntimeError, TypeError) as error:
        return str(error)


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_moved_from_python_computes_there_what_torch_does_here(at_both_ends, name):
    (_, moved) = at_both_ends[name]
    explorer = getattr(explorers, name)()
    for setting, line in zip(ends(type(explorer)), printed(moved).splitlines(), strict=True):
        for control, value in setting.items():
            setattr(explorer, control, value)
        there, text, output = json.loads(line)
        assert (there, text) == (explorer.settings, repr(explorer))
        expected = output_or_refusal(explorer)
        if isinstance(expected, str):
            assert output == expected
        else:
            torch.testing.assert_close(torch.tensor(output), expected)


def test_the_train_button_starts_a_run_that_ends_after_its_cell(with_explorers):
    shown, pressed, ended = with_explorers[-len(TRAIN) :]
    assert shown[0].metadata[WIDGET_VIEW]["colab"]
    assert printed(pressed) == "0\n"
    assert printed(ended) == "finished torch.Size([32, 10])\n"
