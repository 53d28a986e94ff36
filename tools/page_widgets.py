"""What a page needs to draw its widgets: their models, and the browser code of the explorers, once for all pages.

template/widgets.js draws them. It knows the kinds of widgets that lessons show; a page with another is not built.
"""

import hashlib
import json
import re
from pathlib import Path

SCRIPT = Path(__file__).parent / "template" / "widgets.js"
VIEW = "application/vnd.jupyter.widget-view+json"
NEVER_DRAWN = "@jupyter-widgets/base"  # layouts and styles: others are drawn by them
EXPORT = re.compile(r"^export default (.+);$", re.MULTILINE)


def of_lesson(notebook, everything: dict) -> dict:
    """{id: model} of the widgets that the lesson shows, and of those they refer to.

    `everything` is the state of these and others, as Jupyter writes it. Raises RuntimeError for one that no page draws.
    """
    models, wanted, known = everything["state"], {}, _kinds()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    ahead = [output["data"][VIEW]["model_id"] for output in outputs if VIEW in output.get("data", {})]
    while ahead:
        name = ahead.pop()
        if name not in models or name in wanted:
            continue
        model = wanted[name] = models[name]
        if model["state"].get("_view_module") != NEVER_DRAWN and model["model_name"] not in known:
            raise RuntimeError(
                f"Pages cannot draw a widget of the kind {model['model_name']}: show it in another way, or have "
                f"{SCRIPT.name} draw it. It knows {', '.join(sorted(known))}."
            )
        ahead += re.findall(r"IPY_MODEL_(\w+)", json.dumps(model["state"]))
    return wanted


def written(models: dict, assets: Path) -> tuple[list[str], str]:
    """Put the views' code and style sheets into the folder `assets`.

    Returns the views' names, and the models, if any, as JSON for a script element: each view by its name alone.
    """
    names, told = [], {}
    for ident, model in models.items():
        state = {trait: value for trait, value in model["state"].items() if value is not None}
        if code := state.pop("_esm", ""):
            sheet = state.pop("_css", "")
            digest = hashlib.sha256((code + sheet).encode()).hexdigest()[:8]
            name = state["_esm"] = f"{state['_anywidget_id'].rpartition('.')[2]}-{digest}"
            names.append(name)
            (assets / f"{name}.js").write_text(_as_script(name, code), "utf-8")
            (assets / f"{name}.css").write_text(sheet, "utf-8")
        told[ident] = {**model, "state": state}
    return list(dict.fromkeys(names)), json.dumps(told).replace("<", "\\u003c") if told else ""


def _as_script(name, module):
    """A module as a script that keeps what it exports in `views`: from the disk, browsers load no modules."""
    inside, exports = EXPORT.subn(r"return \1;", module)
    if exports != 1 or re.search(r"^export ", inside, re.MULTILINE):
        raise RuntimeError(f"{name} has to export its default in one line, and nothing else.")
    return f'views[{json.dumps(name)}] = (() => {{\n"use strict";\n{inside}\n}})();\n'


def _kinds():
    """The names of the models that can be drawn, as the script lists them."""
    table = re.search(r"^const KINDS = \{\n(.*?)^\};", SCRIPT.read_text("utf-8"), re.MULTILINE | re.DOTALL)[1]
    return {f"{name}Model" for name in re.findall(r"^  (\w+): ", table, re.MULTILINE)}
