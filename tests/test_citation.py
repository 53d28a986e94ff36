"""CITATION.cff says what pyproject.toml, the README and the licence say."""

import sys
from pathlib import Path

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CITATION.cff").read_text("utf-8")
CITATION = yaml.safe_load(TEXT)
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = SETTINGS["project"]


def test_it_has_what_the_format_asks_for_and_nothing_the_format_does_not_know():
    assert CITATION["cff-version"] == "1.2.0"
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    known = {"abstract", "version", "type", "license", "keywords", "repository-code", "url"}
    assert set(CITATION) <= known | {"cff-version", "message", "title", "authors"}
    assert all(isinstance(CITATION[key], str) for key in set(CITATION) - {"authors", "keywords"})
    assert CITATION["type"] == "software"


def test_it_agrees_with_the_project():
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["abstract"] == PROJECT["description"]
    assert CITATION["title"] == (ROOT / "README.md").read_text("utf-8").splitlines()[0].removeprefix("# ")


def test_what_changed_is_told_of_this_version_first():
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines() if line.startswith("## ")]
    assert headings[0] == f"## {PROJECT['version']}"


def test_its_authors_are_the_licences():
    (authors,) = CITATION["authors"]
    assert set(authors) == {"name"}
    (line,) = (line for line in (ROOT / "LICENSE").read_text().splitlines() if line.startswith("Copyright"))
    assert line.endswith(f" {authors['name']}")


def test_it_names_the_repository_that_the_project_is_published_in_and_no_other():
    repository = SETTINGS["tool"].get("course", {}).get("repository", "")
    address = f"https://github.com/{repository}" if repository else None
    assert CITATION.get("repository-code") == address
    assert ("url" in CITATION) == bool(repository)
