"""The workflows on GitHub and the hooks before a commit: they parse, and what they run is there."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from address import LESSONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
WORKFLOWS = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github").rglob("*.yml")}
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
ON = True  # what YAML 1.1 makes of the key `on`
OURS = {"checkout", "setup-python", "setup-node", "upload-pages-artifact", "deploy-pages"}
each_job = pytest.mark.parametrize(
    ("workflow", "name"), [(file, name) for file, content in WORKFLOWS.items() for name in content["jobs"]]
)


def steps(kind):
    """Every `uses` or `run` of all workflows."""
    jobs = [job for content in WORKFLOWS.values() for job in content["jobs"].values()]
    return [step[kind] for job in jobs for step in job["steps"] if kind in step]


def pythons():
    """Every Python version that a workflow asks for."""
    asked = set()
    for content in WORKFLOWS.values():
        for job in content["jobs"].values():
            asked |= set(job.get("strategy", {}).get("matrix", {}).get("python", []))
            for step in job["steps"]:
                version = step.get("with", {}).get("python-version")
                if version is not None and "matrix" not in version:
                    asked.add(version)
    return asked


def test_there_is_one_for_the_tests_and_one_for_the_pages():
    assert set(WORKFLOWS) == {"tests.yml", "pages.yml"}
    assert set(WORKFLOWS["tests.yml"][ON]) == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert WORKFLOWS["pages.yml"][ON]["push"] == {"branches": ["main"]}
    (monthly,) = WORKFLOWS["tests.yml"][ON]["schedule"]
    minute, hour, day, month, weekday = monthly["cron"].split()
    assert all(field.isdigit() for field in (minute, hour, day))
    assert (month, weekday) == ("*", "*")


@each_job
def test_each_job_has_a_time_limit_and_no_more_rights_than_it_needs(workflow, name):
    content = WORKFLOWS[workflow]
    job = content["jobs"][name]
    assert 0 < job["timeout-minutes"] <= 60
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["group"]
    wanted = {"pages": "write", "id-token": "write"} if name == "deploy" else None
    assert job.get("permissions") == wanted


@pytest.mark.parametrize("used", steps("uses"))
def test_only_githubs_own_actions_are_used(used):
    action, version = re.fullmatch(r"actions/([\w-]+)@(v\d+)", used).groups()
    assert action in OURS
    versions = {other for other in steps("uses") if other.startswith(f"actions/{action}@")}
    assert versions == {f"actions/{action}@{version}"}


def test_every_target_and_every_file_that_a_command_names_is_there():
    targets = [target for run in steps("run") for target in re.findall(r"\bmake ([\w-]+)", run)]
    assert {"test", "site"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)] == []
    named = [word for run in steps("run") for word in re.findall(r"[\w./\[\]*-]+\.(?:py|ipynb|txt)\b", run)]
    assert "constraints.txt" in named
    assert [word for word in named if not list(ROOT.glob(word))] == []
    assert len({path for word in named for path in ROOT.glob(word) if path.suffix == ".ipynb"}) == 4


def test_the_pages_that_are_published_are_those_that_make_writes():
    (upload,) = (
        step for step in WORKFLOWS["pages.yml"]["jobs"]["build"]["steps"] if "upload-pages" in step.get("uses", "")
    )
    assert upload["with"] == {"path": "site"}
    assert WORKFLOWS["pages.yml"]["jobs"]["deploy"]["needs"] == "build"


def test_the_oldest_python_is_the_one_the_project_promises():
    oldest = min(pythons(), key=lambda version: [int(part) for part in version.split(".")])
    assert PROJECT["requires-python"] == f">={oldest}"
    assert all(re.fullmatch(r"3\.\d+", version) for version in pythons())
    said = {
        version
        for name in ("README.md", "TEACHING.md", "CONTRIBUTING.md")
        for version in re.findall(r"Python (3\.\d+) or newer", (ROOT / name).read_text("utf-8"))
    }
    assert said == {oldest}


def test_the_tests_run_on_the_oldest_and_the_newest_python_on_three_systems():
    jobs = WORKFLOWS["tests.yml"]["jobs"]
    systems = {"ubuntu-latest": jobs["everything"]["strategy"]["matrix"]["python"]}
    matrix = jobs["lessons"]["strategy"]["matrix"]
    systems |= dict.fromkeys(matrix["system"], matrix["python"])
    assert set(systems) == {"ubuntu-latest", "windows-latest", "macos-latest"}
    assert all({"3.10", "3.13"} <= set(versions) for versions in systems.values())
    assert "3.11" in systems["ubuntu-latest"]  # how a loop is stopped differs there from both
    assert pythons() == {"3.10", "3.11", "3.13", "3.14"}  # the last one in the monthly run


def test_the_monthly_run_takes_the_newest_releases_and_the_others_the_constraints():
    jobs = WORKFLOWS["tests.yml"]["jobs"]
    assert "schedule" in jobs["newest"]["if"]
    for name in ("everything", "lessons"):
        assert jobs[name]["if"] == "github.event_name != 'schedule'"
    for name, job in jobs.items():
        runs = "\n".join(step["run"] for step in job["steps"] if "run" in step)
        assert ("--constraint constraints.txt" in runs) == (name != "newest")


def test_no_registry_is_named():
    texts = [(ROOT / ".github" / "workflows" / name).read_text("utf-8") for name in WORKFLOWS]
    texts.append((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [text for text in texts if re.search(r"https?://|index-url|find-links", text)] == []


def test_the_hooks_are_local_and_run_what_is_there():
    (repository,) = HOOKS["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        program, *arguments = shlex.split(hook["entry"])
        assert hook["language"] == "system"
        assert program == ".venv/bin/python"
        scripts = [argument for argument in arguments if argument.endswith(".py")]
        assert all((ROOT / script).exists() for script in scripts)
    entries = [hook["entry"] for hook in repository["hooks"]]
    for wanted in ("ruff check", "ruff format --check", "tools/stamp.py --check"):
        assert any(entry.endswith(wanted) for entry in entries)
    made = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]  # what the hooks and make lint share
    assert "ruff check" in made
    assert "ruff format --check" in made


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    targets = re.findall(r"\bmake (test|[a-z]+(?= ARGS)|[a-z]+(?=`))", text)
    assert {"test", "notebooks", "format", "lint"} <= set(targets)
    assert [target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)] == []
    files = set(re.findall(r"(?:notebooks|helpers|tests)/[\w/]+\.\w+", text))
    there = {name for name in files if "name" not in name and f"_{len(LESSONS):02}" not in name}
    assert {"notebooks/02_max_pooling.ipynb", "helpers/exercises/lesson_01.py"} <= there
    assert [name for name in there if not (ROOT / name).exists()] == []
    assert len(text.splitlines()) < 130  # two screens and a bit


def map_of_the_house():
    """Every file and every folder that CONTRIBUTING's map names, in its order."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    return re.findall(r"\w+\.(?:py|pt|txt|yml)|\w+/", re.search(r"^```\n(notebooks/.*?)```", text, re.M | re.S)[1])


def test_the_map_in_contributing_names_every_module_and_nothing_that_is_not_there():
    def names(paths):
        return {f"{path.name}/" if path.is_dir() else path.name for path in paths if not path.name.startswith("__py")}

    folders = [ROOT / name for name in ("helpers", "tests", "tools")]
    named = set(map_of_the_house())
    assert named - names(ROOT.iterdir()) - names(path for folder in folders for path in folder.rglob("*")) == set()
    assert names([*(ROOT / "helpers").iterdir(), *(ROOT / "tools").iterdir()]) - {"__init__.py"} <= named


def test_a_module_of_helpers_imports_only_what_stands_above_it_in_the_map():
    floors = [name.removesuffix(".py").rstrip("/") for name in map_of_the_house()]
    for path in set((ROOT / "helpers").rglob("*.py")) - {ROOT / "helpers" / "__init__.py"}:  # that is their house
        own = path.relative_to(ROOT / "helpers").parts[0].removesuffix(".py")
        imported = r"^\s*(?:from helpers import |(?:from|import) helpers\.)(\w+)"
        for module in re.findall(imported, path.read_text("utf-8"), re.MULTILINE):
            if (path.name, module) == ("picture.py", "explorers"):
                continue  # loaded when a problem is to be shown, and not before
            assert module == own or floors.index(module) < floors.index(own), f"{path.name} imports {module}"


def test_the_table_of_faults_names_tests_that_are_there():
    tests = Path(__file__).parent
    named = set(re.findall(r"`(test_\w+)`", (tests / "faults.md").read_text("utf-8")))
    there = set(
        re.findall(r"^def (test_\w+)\(", "\n".join(p.read_text("utf-8") for p in tests.glob("test_*.py")), re.M)
    )
    assert len(named) > 30
    assert named - there == set()
