"""The part of Colab's `google.colab.output` that anywidget calls, and what it does to each widget that is shown."""

from types import SimpleNamespace

from IPython import get_ipython

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_widgets = SimpleNamespace(_installed_url=None)


def enable_custom_widget_manager():
    if _widgets._installed_url is None:
        get_ipython().display_pub.register_hook(_named)
    _widgets._installed_url = "https://ssl.gstatic.com/a-widget-manager.js"


def _named(message):
    """The message with the widget manager that the page is to show its widget with."""
    content = message["content"]
    if WIDGET_VIEW in content.get("data", {}):
        manager = {"custom_widget_manager": {"url": _widgets._installed_url}}
        content.setdefault("metadata", {}).setdefault(WIDGET_VIEW, {})["colab"] = manager
    return message
