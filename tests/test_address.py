"""The course's address: set in one place, the same everywhere, and nobody else's until it is set."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import address
import nbformat
import pytest
import stamp
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent
NAMES_IT = ["README.md", "TEACHING.md", "CITATION.cff", *(f"notebooks/{path.name}" for path in address.LESSONS)]
SERVICES = re.compile(
    r"https://(?:github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)"
    r"|https://([\w-]+\.github\.io/[\w.-]+)"
)


def git(folder, *command):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def copy_of_the_course(folder):
    """What git would commit of this working tree, in a folder of its own."""
    ignored = (ROOT / ".gitignore").read_text("utf-8").replace("/", "").split()
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", *ignored), dirs_exist_ok=True)
    return folder


@pytest.fixture
def course(tmp_path):
    return copy_of_the_course(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A course that nothing may change, for what is refused; and its files as they were."""
    course = copy_of_the_course(tmp_path_factory.mktemp("untouched"))
    return course, texts(course)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A course with an address and a hub."""
    course = copy_of_the_course(tmp_path_factory.mktemp("published"))
    done = publish(course, "Ada-L/cnn.shapes_2", "https://hub.example.edu/")
    assert done.returncode == 0, done.stderr
    return course


def publish(course, repository, hub=""):
    command = [sys.executable, "tools/publish.py", f"--repository={repository}", f"--hub={hub}"]
    return subprocess.run(command, cwd=course, capture_output=True, text=True)


def texts(course):
    return {
        path.relative_to(course): path.read_bytes()
        for path in course.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def repositories(text):
    """Every repository of GitHub that the text names: owner/name."""
    found = set()
    for named, pages in SERVICES.findall(text):
        found.add(named.removesuffix(".git") if named else pages.replace(".github.io", ""))
    return found


def test_every_file_is_in_its_canonical_form_and_names_the_address_of_pyproject():
    assert stamp.differing() == []


@pytest.mark.parametrize("name", NAMES_IT)
def test_no_file_names_a_repository_but_the_courses_own(name):
    own = address.settings()["repository"]
    assert repositories((ROOT / name).read_text("utf-8")) <= ({own} if own else set())


@pytest.mark.parametrize("name", NAMES_IT)
def test_publishing_puts_one_address_into_every_file(published, name):
    text = (published / name).read_text("utf-8")
    assert {found.lower() for found in repositories(text)} == {"ada-l/cnn.shapes_2"}
    assert "not set yet" not in text
    if name == "TEACHING.md":
        assert text.count("https://hub.example.edu/hub/user-redirect/git-pull?") == len(address.LESSONS)
        assert address.ANY_HUB + "/" not in text


def test_a_published_course_passes_its_own_check_until_one_link_differs(course):
    publish(course, "ada/cnn-shapes")
    check = [sys.executable, "tools/stamp.py", "--check"]
    assert subprocess.run(check, cwd=course).returncode == 0
    readme = course / "README.md"
    readme.write_text(readme.read_text("utf-8").replace("/gh/ada/", "/gh/eve/", 1), "utf-8")
    done = subprocess.run(check, cwd=course, capture_output=True, text=True)
    assert done.returncode == 1
    assert "README.md" in done.stderr
    assert "01_" not in done.stderr


def test_what_is_published_keeps_the_courses_style(course):
    publish(course, "ada-lovelace/a-rather-long-name-for-a-course")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=course, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_publishing_twice_changes_nothing_and_a_new_name_replaces_the_old_one(course):
    publish(course, "ada/first")
    once = texts(course)
    publish(course, "ada/first")
    assert texts(course) == once
    publish(course, "ada/second")
    assert [name for name in NAMES_IT if "ada/first" in (course / name).read_text("utf-8")] == []


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "ada/",
        "/shapes",
        "ada/cnn/shapes",
        "ada/cnn shapes",
        "https://github.com/ada/shapes",
        "-ada/shapes",
        "ada/..",
        "ada/shapes.git",
        'ada/"; rm -rf /',
        "ada/shapes\n",
        "owner/näme",
        "a" * 40 + "/shapes",
    ],
)
def test_a_malformed_name_changes_nothing_and_says_what_is_expected(untouched, given):
    course, before = untouched
    done = publish(course, given)
    assert done.returncode == 1
    assert done.stderr.startswith("REPO is the repository's owner and name on GitHub, such as REPO=ada/cnn-shapes; got")
    assert "Nothing was changed." in done.stderr
    assert texts(course) == before


@pytest.mark.parametrize("hub", ["hub.example.edu", "https://", "https://hub.example.edu/a b", "ftp://hub"])
def test_a_malformed_hub_changes_nothing_and_says_what_is_expected(untouched, hub):
    course, before = untouched
    done = publish(course, "ada/shapes", hub)
    assert done.returncode == 1
    assert done.stderr.startswith("HUB is a hub's address, such as HUB=https://hub.example.edu; got")
    assert texts(course) == before


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("given", ["", 'ada/x"; touch made; echo "', "ada/$(touch made)x", "ada/$(shell touch made)x"])
def test_make_publish_takes_a_wrong_name_for_nothing_but_a_name(untouched, given):
    course, before = untouched
    command = ["make", "-o", ".venv/test-ready", "publish", f"BIN={Path(sys.executable).parent}", f"REPO={given}"]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"such as REPO=ada/cnn-shapes; got {given!r}. Nothing was changed." in done.stderr
    assert texts(course) == before


def test_helpers_is_named_as_git_names_it(course):
    git(course, "init", "--quiet")
    git(course, "add", ".")
    assert address.helpers_tree() == git(course, "write-tree", "--prefix=helpers/")


def test_only_code_counts_and_git_and_windows_agree(course, monkeypatch):
    monkeypatch.setattr(address, "ROOT", course)
    before = address.helpers_tree()
    for folder in ("__pycache__", "old/__pycache__"):
        (course / "helpers" / folder).mkdir(parents=True, exist_ok=True)
        (course / "helpers" / folder / "a.pyc").touch()
    (course / "helpers" / "answers.jsonl").touch()
    for path in (course / "helpers").rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert address.helpers_tree() == before
    (course / "helpers" / "__init__.py").write_text("changed = True\n")
    assert address.helpers_tree() != before


def test_a_file_without_a_place_for_the_address_stops_the_publishing_before_it_begins(course):
    readme = course / "README.md"
    readme.write_text(readme.read_text("utf-8").replace("<!-- address:badges -->", ""), "utf-8")
    before = texts(course)
    done = publish(course, "ada/shapes")
    assert done.stderr == (
        "README.md must have one block `<!-- address:badges -->` … `<!-- /address -->`. Nothing was changed.\n"
    )
    assert texts(course) == before


def lesson(first, *code):
    return new_notebook(cells=[new_markdown_cell(first), *map(new_code_cell, code)])


def test_a_paragraph_about_colab_and_code_that_is_not_the_setup_cell_are_never_overwritten():
    first = "# 07 · A title\n\nOn Colab this is slow."
    formed = stamp.in_canonical_form(lesson(first, address.SETUP), "07_new.ipynb")
    links = address.lesson_links("07_new.ipynb")
    assert formed.cells[0].source == "\n\n".join(filter(None, ["# 07 · A title", links, "On Colab this is slow."]))
    assert formed.cells[1].source == address.setup_cell()
    assert stamp.in_canonical_form(formed, "07_new.ipynb") == formed
    for wrong in (lesson(first, "precious = 1"), lesson(first)):
        with pytest.raises(ValueError, match=r"07_new\.ipynb: its first code cell must be the setup cell"):
            stamp.in_canonical_form(wrong, "07_new.ipynb")
    for wrong in (new_notebook(), lesson("no title", address.SETUP)):
        with pytest.raises(ValueError, match=r"07_new\.ipynb must begin with its title"):
            stamp.in_canonical_form(wrong, "07_new.ipynb")


def test_a_lesson_has_links_as_long_as_the_course_has_an_address(monkeypatch):
    formed = lesson("# 07 · A title\n\nAfter this lesson", address.SETUP)
    for repository in ("", "ada/shapes", "ada/other", ""):
        monkeypatch.setattr(address, "settings", lambda repository=repository: {"repository": repository, "hub": ""})
        title, *links, text = stamp.in_canonical_form(formed, "07_new.ipynb").cells[0].source.split("\n\n")
        assert (title, text) == ("# 07 · A title", "After this lesson")
        assert len(links) == bool(repository)
        assert all(f"/{repository}/" in link and address.NOT_SET not in link for link in links)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_when_one_file_cannot_be_written_publishing_changes_none(untouched):
    course, before = untouched
    command = [sys.executable, "tools/publish.py", "--repository=ada/shapes"]
    small = ["sh", "-c", 'ulimit -f 40; exec "$@"', "sh", *command]  # 20 or 40 KB: the lessons are larger
    done = subprocess.run(small, cwd=course, capture_output=True, text=True)
    assert done.stderr == "The files cannot be written (File too large). Nothing was changed.\n"
    assert texts(course) == before
    assert not list(course.rglob("*.part"))


def test_publishing_again_keeps_the_hub(course):
    publish(course, "ada/first", "https://hub.example.edu")
    publish(course, "ada/second")
    assert "https://hub.example.edu/hub/user-redirect" in (course / "TEACHING.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("repository", "pages"),
    [("", ""), ("Ada/Shapes", "https://ada.github.io/Shapes/"), ("Ada/ada.github.io", "https://ada.github.io/")],
)
def test_the_pages_are_where_github_puts_them(monkeypatch, repository, pages):
    monkeypatch.setattr(address, "settings", lambda: {"repository": repository, "hub": ""})
    assert address.on_pages() == pages


def test_each_badge_opens_its_own_lesson_and_its_picture_is_there(monkeypatch):
    monkeypatch.setattr(address, "settings", lambda: {"repository": "ada/shapes", "hub": ""})
    rows = [line for line in address.badges().splitlines() if "ipynb" in line]
    for path, row in zip(address.LESSONS, rows, strict=True):
        assert address.title(path) in row
        pictures, links = zip(*re.findall(r"\[!\[[^]]+\]\(([^)]+)\)\]\(([^)]+)\)", row), strict=True)
        assert links == (address.on_colab(path.name), address.on_kaggle(path.name), address.on_binder(path.name))
        assert all((ROOT / picture).is_file() for picture in pictures)
    assert address.on_pages() in address.badges()
    assert address.hub_links().startswith(f"Put your hub's address in the place of `{address.ANY_HUB}`:")


def test_a_lesson_opens_where_its_links_say(published):
    name = "01_convolution_arithmetic.ipynb"
    first = nbformat.read(published / "notebooks" / name, as_version=4).cells[0].source
    assert first.split("\n\n")[1] == (
        f"[Open in Colab](https://colab.research.google.com/github/Ada-L/cnn.shapes_2/blob/main/notebooks/{name}) · "
        "[Open in Kaggle](https://kaggle.com/kernels/welcome?src="
        f"https://github.com/Ada-L/cnn.shapes_2/blob/main/notebooks/{name}) · "
        f"[Launch on Binder](https://mybinder.org/v2/gh/Ada-L/cnn.shapes_2/main?urlpath=lab/tree/notebooks/{name})"
    )
    assert (
        "https://hub.example.edu/hub/user-redirect/git-pull?repo=https://github.com/Ada-L/cnn.shapes_2&branch=main"
        f"&urlpath=lab/tree/cnn.shapes_2/notebooks/{name}"
    ) in (published / "TEACHING.md").read_text("utf-8")
    assert 'repository-code: "https://github.com/Ada-L/cnn.shapes_2"' in (published / "CITATION.cff").read_text("utf-8")
