"""Give the course its address, once or anew: `make publish REPO=owner/name [HUB=https://hub.example.edu]`.

It is written into pyproject.toml, and from there into every badge, link, setup cell and citation.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import address
import stamp

REPOSITORY = re.compile(r"(?!-)[A-Za-z0-9-]{1,39}(?<!-)/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}(?<!\.git)")
HUB = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", required=True)
    parser.add_argument("--hub", default="")
    given = parser.parse_args()
    if not REPOSITORY.fullmatch(given.repository):
        sys.exit(
            "REPO is the repository's owner and name on GitHub, such as REPO=ada/cnn-shapes; "
            f"got {given.repository!r}. Nothing was changed."
        )
    hub = given.hub.rstrip("/")
    if hub and not HUB.fullmatch(hub):
        sys.exit(
            f"HUB is a hub's address, such as HUB=https://hub.example.edu; got {given.hub!r}. Nothing was changed."
        )
    settings = address.PYPROJECT
    text = settings.read_text("utf-8")
    for name, value in {"repository": given.repository, **({"hub": hub} if hub else {})}.items():
        text, found = re.subn(rf'^{name} = "[^"]*"', f'{name} = "{value}"', text, flags=re.MULTILINE)
        if found != 1:
            sys.exit(f"pyproject.toml must have one line `{name} = …`. Nothing was changed.")
    try:
        with tempfile.TemporaryDirectory() as folder:
            address.PYPROJECT = Path(folder, "pyproject.toml")  # as it is going to be
            address.PYPROJECT.write_text(text, "utf-8")
            changes = stamp.differing()
        stamp.write([(settings, text), *changes])
    except ValueError as error:
        sys.exit(f"{error} Nothing was changed.")
    print(f"The course is published as {given.repository}. Look at the changes (git diff), then commit and push them.")


if __name__ == "__main__":
    main()
