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

ROOT = Path(__file__).parent.parent
NAMES_IT = [
    "README.md",
    "TEACHING.md",
    "CITATION.cff",
    *(f"notebooks/{path.name}" for path in address.LESSONS),
]
SERVICES = re.compile(
    r"https://(?:github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)"
    r"|https://([\w-]+\.github\.io/[\w.-]+)"
)


def git(folder, *command):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *command], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def copy_of_the_course(folder):
    """What git would commit of this working tree, in a folder of its own."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def course(tmp_path):
    return copy_of_the_course(tmp_path)


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
def test_publishing_puts_one_address_into_every_file(course, name):
    done = publish(course, "Ada-L/cnn.shapes_2", "https://hub.example.edu/")
    assert done.returncode == 0, done.stderr
    text = (course / name).read_text("utf-8")
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
def test_a_malformed_name_changes_nothing_and_says_what_is_expected(course, given):
    before = texts(course)
    done = publish(course, given)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "REPO is the repository's owner and name on GitHub, such as REPO=ada/cnn-shapes; got"
    )
    assert "Nothing was changed." in done.stderr
    assert texts(course) == before


@pytest.mark.parametrize("hub", ["hub.example.edu", "https://", "https://hub.example.edu/a b", "ftp://hub"])
def test_a_malformed_hub_changes_nothing_and_says_what_is_expected(course, hub):
    before = texts(course)
    done = publish(course, "ada/shapes", hub)
    assert done.returncode == 1
    assert done.stderr.startswith("HUB is a hub's address, such as HUB=https://hub.example.edu; got")
    assert texts(course) == before


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_publish_without_a_name_says_what_is_expected(course):
    command = ["make", "-o", ".venv/test-ready", "publish", f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    assert done.returncode != 0
    assert "such as REPO=ada/cnn-shapes; got ''. Nothing was changed." in done.stderr


def test_helpers_is_named_as_git_names_it(course):
    git(course, "init", "--quiet")
    git(course, "add", ".")
    assert address.helpers_tree() == git(course, "write-tree", "--prefix=helpers/")


def test_a_lesson_opens_where_its_links_say(course):
    publish(course, "ada/shapes", "https://hub.example.edu")
    name = "01_convolution_arithmetic.ipynb"
    first = nbformat.read(course / "notebooks" / name, as_version=4).cells[0].source
    assert first.split("\n\n")[1] == (
        f"[Open in Colab](https://colab.research.google.com/github/ada/shapes/blob/main/notebooks/{name}) · "
        f"[Launch on Binder](https://mybinder.org/v2/gh/ada/shapes/main?urlpath=lab/tree/notebooks/{name})"
    )
    assert (
        "https://hub.example.edu/hub/user-redirect/git-pull?repo=https://github.com/ada/shapes&branch=main"
        f"&urlpath=lab/tree/shapes/notebooks/{name}"
    ) in (course / "TEACHING.md").read_text("utf-8")
    assert 'repository-code: "https://github.com/ada/shapes"' in (course / "CITATION.cff").read_text("utf-8")
