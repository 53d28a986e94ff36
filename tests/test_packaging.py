"""What the course needs is written once for pip, once for conda, and meant by the imports: all three must agree."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.colab import NEEDED

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
IMPORTED_AS = {"pillow": "PIL"}  # where the two names differ
ON_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # the same package under conda-forge's name


def split(requirement):
    """`matplotlib>=3.9` → ("matplotlib", ">=3.9")."""
    return re.fullmatch(r"([\w-]+)(.*)", requirement).groups()


def test_conda_and_pip_install_the_same_packages_in_the_same_versions():
    conda = dict(map(split, ENVIRONMENT["dependencies"]))
    pip = {ON_CONDA.get(name, name): version for name, version in map(split, PROJECT["dependencies"])}
    test_tools = dict(map(split, PROJECT["optional-dependencies"]["test"]))
    assert conda.pop("python") == "=3.12"
    assert conda == pip | {name: test_tools[name] for name in ("pytest", "nbval")}
    assert ENVIRONMENT["channels"] == ["conda-forge"]


def test_each_package_is_imported_by_helpers_and_each_import_is_declared():
    imported = set()
    for path in (ROOT / "helpers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    declared = {IMPORTED_AS.get(name, name) for name, _ in map(split, PROJECT["dependencies"])}
    declared |= {"triton"}  # a test tool, and torch brings it where it can be used; helpers.kernel goes on without it
    assert imported - set(sys.stdlib_module_names) - {"helpers"} == declared - {"jupyterlab"}
    assert set(NEEDED) | {"jupyterlab"} == {name for name, _ in map(split, PROJECT["dependencies"])}


def test_the_constraints_pin_every_package_the_project_names():
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    named = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert {split(requirement)[0].lower() for requirement in named} <= pinned


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_says_of_an_environment_that_cannot_be_used_how_to_get_another(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").touch()  # killed just then; or its Python is not there any more
    run = subprocess.run(["make", "lab"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2
    assert ".venv cannot be used: " in run.stderr
    assert 'Take it away with "rm -r .venv", and run this again.' in run.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_takes_a_python_whose_path_has_spaces(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / "my python" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\n[ "$2" = venv ] && exec mkdir -p .venv/bin/python\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    make = ["make", ".venv/bin/python", f"PYTHON={python}"]
    run = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / ".venv" / "bin" / "python").exists()


def test_importing_helpers_or_its_explorers_does_not_import_torch():
    code = (
        "import sys, helpers; assert not {'torch', 'numpy', 'ipywidgets'} & set(sys.modules);"
        "import helpers.explorers as e; print(e.ConvolutionExplorer()); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# What runs without a notebook, one after the other in one Python, and what must not have been imported by then.
IMPORTS = [
    ("import helpers.data", {"ipywidgets", "IPython", "platformdirs", "requests"}),
    ("import helpers.speed", {"ipywidgets", "matplotlib"}),
    ("from torch import nn; from helpers.trace import trace", {"ipywidgets"}),
    ("assert trace(nn.Linear(3, 2), (2, 3)).ok", {"torch._dynamo"}),
    ("from helpers.model import SimpleCNN; problem = trace(SimpleCNN(), (4, 3, 48, 48)).problem", {"ipywidgets"}),
    ("import helpers.arithmetic, helpers.model, helpers.plots, helpers.training", {"ipywidgets"}),
]


def test_what_runs_without_a_notebook_imports_no_widgets_no_downloader_and_no_compiler():
    told = [f"{line}\nprint(sorted({names} & set(sys.modules)))" for line, names in IMPORTS]
    shown = "import torch; before = torch.get_rng_state(); assert problem.show() is not None\n"
    shown += "assert 'ipywidgets' in sys.modules; assert torch.equal(before, torch.get_rng_state())"
    command = [sys.executable, "-c", "\n".join(["import sys", *told, shown])]
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert run.stdout.splitlines() == ["[]"] * len(IMPORTS)


def test_every_file_of_the_package_is_installed_with_it():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    files = {path for path in (ROOT / "helpers").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    packages = {path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in files}
    assert packages == set(settings["packages"])
    data = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert {path for path in files if path.suffix != ".py"} == data


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("user", ["0", "1000"])
def test_make_lab_starts_jupyterlab_on_this_machine_alone_and_as_root_says_what_that_takes(tmp_path, user):
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (tmp_path / "id").chmod(0o755)
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = ["make", "-n", "--no-print-directory", "-o", ".venv/lab-ready", "lab", "ARGS=--no-browser"]
    printed = subprocess.run(
        command, cwd=ROOT, env=os.environ | path, capture_output=True, text=True, check=True
    ).stdout
    *said, start = printed.splitlines()
    assert "jupyterlab --ip=127.0.0.1 " in start
    assert start.endswith(" --no-browser")
    assert "token" not in start.lower()  # it stays switched on
    assert ("--allow-root" in start, len(said)) == ((True, 1) if user == "0" else (False, 0))
    assert all("You are root" in line and "--allow-root" in line for line in said)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_a_container_for_development_has_the_python_of_conda_and_a_command_that_make_knows():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    (python,) = (line for line in ENVIRONMENT["dependencies"] if line.startswith("python="))
    assert container["image"] == python.replace("=", ":")
    make, target = container["postCreateCommand"].split()
    command = [make, "-n", target, "PYTHON=python3"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"
