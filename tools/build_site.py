"""Write every lesson as a page whose sliders move without a kernel: `make site`.

A page has its lesson's outputs as they are committed, and its widgets as the cells make them now. The pages stand in
site/, with all they need: they can be opened from the disk, or served as plain files.
"""

import argparse
import html
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import address
import front_page
import jinja2
import lesson_page
import nbformat
import page_questions
import page_widgets
import recorded_runs
import shown_widgets
from address import LESSONS, ROOT
from npm import NpmError, program

from helpers import language
from helpers.colours import style
from helpers.exercises.feedback import SHEET
from helpers.files import STALE

SITE = ROOT / "site"
WORKSPACE = ".site-"  # how the folder beside it begins in which the next one is written
TEMPLATE = Path(__file__).parent / "template"


def assets() -> dict:
    """{name in site/assets: file}: what the pages share."""
    shared = {name: TEMPLATE / name for name in ("site.css", "site.js", "questions.js", "widgets.css", "widgets.js")}
    if address.on_pages():  # what is shown of a link to it
        shared["explorer.png"] = ROOT / "notebooks" / "images" / "convolution_explorer.png"
    return shared


def commit() -> str:
    """The commit the pages are built from, as HTML."""

    def git(*command):
        return subprocess.run(["git", "-C", ROOT, *command], capture_output=True, text=True).stdout.strip()

    # The course may have been unpacked inside a repository that is not its own.
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return "files outside any git repository"
    name, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    link = f'<a href="{address.on_github()}/tree/{name}">{name[:10]}</a>' if address.on_github() else name[:10]
    return f"commit {link}{', with changes that are not committed' if changed else ''}"


def elsewhere(path) -> str:
    """Where a lesson runs with a kernel, as HTML: the end of a sentence."""
    if not address.on_github():
        return "use <code>make lab</code> on a computer."
    ways = {"in Colab": address.on_colab, "in Kaggle": address.on_kaggle, "on Binder": address.on_binder}
    *others, last = (f'<a href="{html.escape(way(path.name))}">{where}</a>' for where, way in ways.items())
    return f"open this lesson {', '.join(others)} or {last}."


def write(folder: Path, say=print):
    """Write the whole site into an empty folder."""
    (folder / "assets").mkdir()
    for name, file in assets().items():
        if file.suffix == ".js":
            (folder / "assets" / name).write_text(language.script(file), "utf-8")
        elif file.suffix == ".css":
            (folder / "assets" / name).write_text(style(file), "utf-8")
        else:
            shutil.copyfile(file, folder / "assets" / name)
    (folder / "assets" / recorded_runs.ASSET).write_text(recorded_runs.script(), "utf-8")
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE), autoescape=True, undefined=jinja2.StrictUndefined
    ).get_template("page.html")
    pages = [("index.html", front_page.COURSE, None)] + [
        (f"{path.stem}.html", address.title(path), path) for path in LESSONS
    ]
    say("Making the pictures ...", flush=True)
    notebooks = [nbformat.read(path, as_version=4) if path else front_page.notebook() for _, _, path in pages]
    state = shown_widgets.put_into(notebooks)
    recorded_runs.put_into(state["state"])
    built_from = commit()
    for place, ((name, title, path), notebook) in enumerate(zip(pages, notebooks, strict=True)):
        say(f"[{place + 1}/{len(pages)}] {title}", flush=True)
        where = elsewhere(path) if path else ""
        if path:  # the page has these links in its own places
            title_cell = notebook.cells[0]
            title_cell.source = title_cell.source.replace(address.lesson_links(path.name), "", 1)
        number = name[:2] if path else ""
        body = lesson_page.body(notebook, where, number)
        asks = body.select("[data-question]")
        views, models = page_widgets.written(page_widgets.of_lesson(notebook, state), folder / "assets")
        text = template.render(
            pages=pages,
            place=place,
            title=title,
            course=front_page.COURSE,
            description=front_page.description(path),
            home=address.on_pages(),
            sections=[(heading["id"], heading.get_text()) for heading in body.find_all("h2")],
            body=str(body),
            views=views,
            models=models,
            questions=page_questions.packed(number) if asks else "",
            cards=style(SHEET) if asks else "",
            elsewhere=where,
            commit=built_from,
        )
        (folder / name).write_text(text, "utf-8")


def build(site: Path = SITE, say=print):
    """Write the site beside its place, and put it there when all of it is written."""
    program("node")
    program("npm")
    for left in site.parent.glob(f"{WORKSPACE}*"):  # by one that was killed
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=site.parent, prefix=WORKSPACE) as workspace:
        new, old = Path(workspace, "new"), Path(workspace, "old")
        new.mkdir(0o755)
        write(new, say)
        if site.exists():
            site.rename(old)
        try:
            new.rename(site)
        except BaseException:  # also when it is interrupted just here
            if old.exists():
                old.rename(site)
            raise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args()
    try:
        build()
    except NpmError as error:
        sys.exit(f"{error}\nsite/ is as it was.")
    except BaseException:
        print("The pages were not built. site/ is as it was.", file=sys.stderr)
        raise
    print(f"Open {SITE.name}/index.html.")


if __name__ == "__main__":
    main()
