"""The explorers' JavaScript: ES modules that import each other, joined into the one text that anywidget takes."""

import json
import re
from pathlib import Path

from helpers import colours, language
from helpers.sentences import SENTENCES

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]+\} from "(.+?)";\n', re.MULTILINE)
FROM_PYTHON = "from_python.js"  # no file: what Python and the browser share


def browser_code(name: str) -> str:
    """The module helpers/explorers/`name` as one text: in front of it, each once, all that it imports."""
    joined = {}

    def join(path: Path):
        if path in joined:
            return
        text = _from_python() if path.name == FROM_PYTHON else language.script(path)
        for imported in IMPORT.findall(text):
            join((path.parent / imported).resolve())
        joined[path] = IMPORT.sub("", text)

    join(FOLDER / name)
    *shared, own = joined.values()
    return re.sub(r"^export ", "", "".join(shared), flags=re.MULTILINE) + own


def _from_python() -> str:
    tables = {"SENTENCES": SENTENCES, "COLOUR_OF": colours.in_a_browser(), "LANGUAGE": language.LANGUAGE}
    return "".join(
        f"export const {name} = {json.dumps(table, ensure_ascii=False)};\n" for name, table in tables.items()
    )
