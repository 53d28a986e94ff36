"""Where the course is published: one setting in pyproject.toml, and every text that is made from it.

Until `make publish REPO=owner/name` has set it, nothing leads to a repository: what a teacher reads says so, and a
lesson has no links.
"""

import ast
import hashlib
import re
import sys
from pathlib import Path

import nbformat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PYPROJECT = ROOT / "pyproject.toml"  # where the course's address stands
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEXT, BINARY = (".py", ".js", ".css", ".json"), (".pt",)  # what helpers/ is made of: nothing else that may lie there
BRANCH = "main"
NOT_SET = "the address of this copy is not set yet (`make publish REPO=owner/name`)"
ANY_HUB = "https://HUB"  # in the links for a hub, until one is named


def settings() -> dict:
    """`repository` ("owner/name") and `hub` (an address), each empty where it is not set."""
    return tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["course"]


def on_github() -> str:
    """The repository's address, or ""."""
    repository = settings()["repository"]
    return f"https://github.com/{repository}" if repository else ""


def on_pages() -> str:
    """The address of the pages that GitHub publishes, or ""."""
    owner, _, name = settings()["repository"].partition("/")
    if not owner:
        return ""
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def on_colab(notebook: str) -> str:
    return f"https://colab.research.google.com/github/{settings()['repository']}/blob/{BRANCH}/notebooks/{notebook}"


def on_kaggle(notebook: str) -> str:
    return f"https://kaggle.com/kernels/welcome?src={on_github()}/blob/{BRANCH}/notebooks/{notebook}"


def on_binder(notebook: str) -> str:
    return f"https://mybinder.org/v2/gh/{settings()['repository']}/{BRANCH}?urlpath=lab/tree/notebooks/{notebook}"


def on_hub(notebook: str) -> str:
    """nbgitpuller's link: it brings the course into a student's folder on a JupyterHub, and opens the lesson."""
    name = settings()["repository"].partition("/")[2]
    return (
        f"{settings()['hub'] or ANY_HUB}/hub/user-redirect/git-pull?repo={on_github()}&branch={BRANCH}"
        f"&urlpath=lab/tree/{name}/notebooks/{notebook}"
    )


def helpers_tree() -> str:
    """git's name for the state of helpers/ as it lies here: a clone finds just these files by it."""

    def of_folder(folder: Path) -> bytes | None:
        entries = []
        for path in folder.iterdir():
            if path.is_dir() and (tree := of_folder(path)):
                entries.append((f"{path.name}/", b"40000", tree))  # sorted as if its name ended in a slash
            elif path.suffix in TEXT + BINARY:
                content = path.read_bytes()
                if path.suffix in TEXT:
                    content = content.replace(b"\r\n", b"\n")  # as git keeps it, also on Windows
                entries.append((path.name, b"100644", hashed(b"blob", content)))
        lines = [mode + b" " + name.rstrip("/").encode() + b"\0" + ident for name, mode, ident in sorted(entries)]
        return hashed(b"tree", b"".join(lines)) if lines else None  # git keeps no empty folder

    def hashed(kind: bytes, content: bytes) -> bytes:
        return hashlib.sha1(kind + b" %d\0" % len(content) + content).digest()

    return of_folder(ROOT / "helpers").hex()


# JupyterLab shows the first line alone, and never breaks it: a longer one makes a narrow window scroll sideways.
SETUP = """\
# @title Run this cell first: it finds the course's code.
# Running it again does no harm.
import os
import sys

sys.path.insert(0, "..")  # helpers/ lies beside notebooks/
"""

# What tells that a lesson is alone, without a folder of the course's around it: Colab and Kaggle open it so.
ALONE = '"google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ'

# helpers/ comes as it was when this lesson was written, whatever the repository has become.
FETCHED = """\
if {alone}:  # Colab, Kaggle
    import subprocess
    from pathlib import Path

    REPOSITORY = "{repository}"
    HELPERS = "{helpers}"  # git's name for helpers/ as this lesson knows it
    PART = f"{{HELPERS}}.part"
    FETCH = f"git clone -qn {{REPOSITORY}} {{PART}} && git -C {{PART}} read-tree -u --prefix=helpers/ {{HELPERS}}"
    if not Path(HELPERS).exists():
        fetched = subprocess.run(f"rm -rf {{PART}} && {{FETCH}}", shell=True, capture_output=True, text=True)
        if fetched.returncode:
            print(fetched.stderr)
            raise RuntimeError("The course was not fetched. Is there a network? On Kaggle, switch Internet on.")
        Path(PART).rename(HELPERS)
    sys.path.insert(0, HELPERS)
    from helpers.colab import install_missing

    install_missing()
"""

WITHOUT_ADDRESS = f"""\
if {ALONE}:
    raise RuntimeError("{NOT_SET[0].upper()}{NOT_SET[1:]}.")
"""


def is_setup(source: str) -> bool:
    """Whether this is the code of a setup cell, or of an older one, with or without a lesson's imports."""
    return bool(re.match(r'(?:#.*\n)+(?:import os\n)?import sys\n\nsys\.path\.insert\(0, "\.\."\)', source))


def behind_setup(source: str) -> str:
    """What a lesson has added to its setup cell: its imports, and all that stands behind the lines written here."""
    statements = ast.parse(source).body
    place = next(place for place, line in enumerate(statements) if isinstance(line, ast.Expr))  # of the path
    path, *rest = statements[place:]
    last = rest[0] if rest and isinstance(rest[0], ast.If) else path  # of the lines for Colab and Kaggle
    return "\n".join(source.splitlines()[last.end_lineno :]).strip("\n")


def setup_cell(behind: str = "") -> str:
    """The first code cell of a lesson, with what the lesson has added to it."""
    alone = WITHOUT_ADDRESS
    if on_github():
        alone = FETCHED.format(alone=ALONE, repository=on_github(), helpers=helpers_tree())
    return f"{SETUP}{alone}\n{behind}".rstrip("\n")


OPEN = "[Open in Colab]"  # how the line below a lesson's title begins


def lesson_links(notebook: str) -> str:
    """The line below a lesson's title, or "" without an address: a beginner can do nothing about that."""
    if not on_github():
        return ""
    others = f"[Open in Kaggle]({on_kaggle(notebook)}) · [Launch on Binder]({on_binder(notebook)})"
    return f"{OPEN}({on_colab(notebook)}) · {others}"


def badges() -> str:
    """README's table of where a lesson opens without an installation."""
    if not on_github():
        how = "[TEACHING.md](TEACHING.md#a-copy-of-your-own) says how."
        return f"*Badges for Colab, Kaggle and Binder come here: {NOT_SET}.* {how}"
    lines = ["| lesson | Colab | Kaggle | Binder |", "|---|---|---|---|"]
    for path in LESSONS:
        colab = f"[![Open in Colab](notebooks/images/open_in_colab.svg)]({on_colab(path.name)})"
        kaggle = f"[![Open in Kaggle](notebooks/images/open_in_kaggle.svg)]({on_kaggle(path.name)})"
        binder = f"[![Launch on Binder](notebooks/images/launch_on_binder.svg)]({on_binder(path.name)})"
        lines.append(f"| {title(path)} | {colab} | {kaggle} | {binder} |")
    return "\n".join([*lines, "", f"Pages whose sliders need no kernel: <{on_pages()}>"])


def hub_links() -> str:
    """The links to give to a class on a JupyterHub, for TEACHING.md."""
    if not on_github():
        return f"*The links come here: {NOT_SET}.*"
    lines = [f"- {title(path)}: <{on_hub(path.name)}>" for path in LESSONS]
    return "\n".join(
        lines if settings()["hub"] else [f"Put your hub's address in the place of `{ANY_HUB}`:", "", *lines]
    )


def citation() -> str:
    """CITATION.cff's lines about where the course is."""
    return f'repository-code: "{on_github()}"\nurl: "{on_pages()}"' if on_github() else f"# {NOT_SET}"


def title(path: Path) -> str:
    """`02_max_pooling.ipynb` → `02 Max pooling`, as its first line has it."""
    first_line = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
    return first_line.removeprefix("# ").replace(" · ", " ")
