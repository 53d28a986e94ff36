"""The still pictures of explorers: of the right setting, kept where nothing changed, and made by Chromium alone."""

import base64
import io

import pytest
import run_notebooks
import stills
from ipywidgets import HTML
from ipywidgets.embed import dependency_state
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image
from stamp import WIDGET_VIEW

from helpers.exercises.field import Field
from helpers.exercises.lesson_01 import q1
from helpers.explorers import ConvolutionExplorer, FlattenExplorer


def shown(widget):
    """A cell that has just shown the widget, and the states of all its models."""
    view = {"text/plain": repr(widget), WIDGET_VIEW: {"model_id": widget.model_id}}
    models = dependency_state([widget], drop_defaults=False)
    return new_code_cell(outputs=[new_output("execute_result", view)]), {m: one["state"] for m, one in models.items()}


def taken(widget, earlier, browser):
    cell, models = shown(widget)
    stills.put(stills.explorers_of(cell, models), earlier, browser)
    return cell.outputs[0]


@pytest.mark.parametrize("explorer", [ConvolutionExplorer(6), FlattenExplorer()], ids=["convolution", "flatten"])
def test_a_picture_is_kept_as_long_as_nothing_changes_that_can_be_seen(chromium, explorer, monkeypatch):
    first = taken(explorer, [], chromium)
    ((_, view),) = stills.explorers_of(*shown(explorer))
    anew = stills._explorer(chromium, view)  # taken once more, to be compared with each of the earlier ones
    monkeypatch.setattr(stills, "_explorer", lambda browser, view: anew)
    data = first.data["image/png"]
    assert stills.shows(data) == repr(explorer)
    assert first.metadata["image/png"]["alt"] == repr(explorer)
    assert taken(explorer, [(repr(explorer), data)], chromium) == first

    repacked = io.BytesIO()  # the same pixels in other bytes, as another version of Pillow may write them
    Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").save(repacked, "PNG")
    other = base64.b64encode(repacked.getvalue()).decode()
    assert taken(explorer, [(repr(explorer), other)], chromium).data["image/png"] == other

    darker = Image.open(io.BytesIO(base64.b64decode(data))).convert("L")
    darker.save(changed := io.BytesIO(), "PNG")
    old = base64.b64encode(changed.getvalue()).decode()
    assert taken(explorer, [(repr(explorer), old)], chromium).data["image/png"] == data


def test_bytes_that_came_beside_a_state_are_put_in_their_places():
    models = {"one": {"maps": {"blocks": {"1": {"scale": 2}}}, "all": [None, 3]}, "other": {}}
    buffers = {"one": {("maps", "blocks", "1", "bytes"): {"data": "AQI="}, ("all", 0): {"data": "AwQ="}}}
    buffers["one"]["maps", "blocks", "9", "bytes"] = {"data": "BQY="}  # of an earlier state: block 9 is no more
    whole = stills.whole(models, buffers)
    assert whole["one"]["maps"] == {"blocks": {"1": {"scale": 2, "bytes": {"base64": "AQI="}}}}
    assert whole["one"]["all"] == [{"base64": "AwQ="}, 3]
    assert models["one"]["all"] == [None, 3]


def test_a_picture_is_of_the_setting_that_its_cell_left(chromium):
    explorer = ConvolutionExplorer(6)
    at_first = taken(explorer, [], chromium)
    cell, models = shown(explorer)
    found = stills.explorers_of(cell, models)
    moved = next(model for model in models.values() if model.get("description") == "kernel")
    moved["value"] = 5  # by a later cell
    stills.put(found, [], chromium)
    assert cell.outputs[0] == at_first
    explorer.kernel_size = 5
    assert taken(explorer, [], chromium).data["image/png"] != at_first.data["image/png"]


@pytest.mark.parametrize("widget", [HTML("words"), Field(q1, q1.predict(...))], ids=["words", "field"])
def test_other_widgets_and_pictures_are_left_as_they_are(widget):
    cell, models = shown(widget)
    assert stills.explorers_of(cell, models) == []
    blank = io.BytesIO()
    Image.new("RGB", (2, 2)).save(blank, "PNG")
    plot = {"text/plain": "Figure", "image/png": base64.b64encode(blank.getvalue()).decode()}
    notebook = new_notebook(cells=[new_code_cell(outputs=[new_output("execute_result", plot)])])
    assert stills.stills_of(notebook) == []


def test_without_chromium_a_picture_is_kept_for_the_same_setting_alone(tmp_path, monkeypatch, capsys):
    explorer = ConvolutionExplorer(6)
    earlier = [(repr(explorer), "the old one")]
    assert taken(explorer, earlier, None).data["image/png"] == "the old one"
    explorer.stride = 2
    assert "image/png" not in taken(explorer, earlier, None).data

    monkeypatch.setattr(run_notebooks, "CHROMIUM", None)
    monkeypatch.setattr(run_notebooks, "run", lambda path: None)
    monkeypatch.setattr(run_notebooks.strip, "MAP", tmp_path / "map.svg")
    monkeypatch.setattr("sys.argv", ["run_notebooks.py", str(tmp_path / "a.ipynb")])
    run_notebooks.main()
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "Chromium" in line] == [
        "Chromium is missing (on Debian: apt-get install chromium): the lessons keep the pictures they had."
    ]


def test_pages_show_an_explorer_alone_and_not_its_picture_too():
    import lesson_page

    explorer = ConvolutionExplorer(6)
    output = taken(explorer, [(repr(explorer), "AAAA")], None)
    page = lesson_page._output(output)
    assert f'data-model="{output.data[WIDGET_VIEW]["model_id"]}"' in page
    assert "<img" not in page
