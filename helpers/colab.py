"""What a machine of Colab or Kaggle lacks for the lessons. The setup cell of each lesson calls this, there only."""

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# pip's names of what `helpers` imports; JupyterLab is not among them: they have their own.
NEEDED = (
    "anywidget",
    "ipywidgets",
    "matplotlib",
    "numpy",
    "pillow",
    "platformdirs",
    "requests",
    "torch",
    "tqdm",
    "traitlets",
)


def install_missing() -> list[str]:
    """Install those of NEEDED that are not there, and give their names. What is there keeps its version.

    Raises RuntimeError, with pip's reason, where that is impossible.
    """
    there = {name: found for name in NEEDED if (found := _version(name))}
    missing = [name for name in NEEDED if name not in there]
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            constraints = Path(folder, "installed.txt")
            constraints.write_text("\n".join(f"{name}=={found}" for name, found in there.items()), "utf-8")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", constraints]
            pip = subprocess.run([*command, *missing], capture_output=True, text=True)
        if pip.returncode:
            raise RuntimeError(f"pip could not install {', '.join(missing)}: {pip.stderr.strip()}")
    return missing


def _version(name: str) -> str | None:
    """The version that is installed, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
