"""What a machine of Google Colab lacks for the lessons. The setup cell of each lesson calls this, there only."""

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

# pip's names of what `helpers` imports; JupyterLab is not among them: Colab is the front end.
NEEDED = (
    "anywidget",
    "ipywidgets",
    "matplotlib",
    "numpy",
    "pillow",
    "pooch",
    "requests",
    "torch",
    "tqdm",
    "traitlets",
)


def install_missing() -> list[str]:
    """Install those of NEEDED that are not there, and give their names. What is there keeps its version.

    Raises RuntimeError, with pip's reason, where that is impossible.
    """
    missing = [name for name in NEEDED if not _is_installed(name)]
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            constraints = Path(folder, "installed.txt")
            # Not found.version: a package may lie there twice, and the first one is imported.
            installed = [f"{found.name}=={version(found.name)}" for found in distributions()]
            constraints.write_text("\n".join(installed), "utf-8")
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--constraint",
                constraints,
                *missing,
            ]
            pip = subprocess.run(command, capture_output=True, text=True)
        if pip.returncode:
            raise RuntimeError(
                f"pip could not install {', '.join(missing)}: {pip.stderr.strip()}\n"
                "Look at the network, and run this cell again."
            )
    return missing


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
