"""Browser code from npm, for the site and its tests: downloaded once, checked, and kept in .venv/npm."""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

KEPT = Path(__file__).parent.parent / ".venv" / "npm"
# The exact versions, and the SHA-512 that npm publishes for each.
PACKAGES = {
    "@jupyter-widgets/html-manager@1.0.15": "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4x"
    "JDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
    "@jupyter-widgets/html-manager@0.20.9": "GzwmQB5VFGPu+QsJJxYyLOvHdAtnXrOHG0zfFzSD"
    "32wu0ZYBG72p2EERP3av9EqE6NlSe570muudhKwHtsJH9w==",
    "axe-core@4.14.1": "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
    "katex@0.19.1": "jG8uKntjSEcm2EpQOh0XturpPuuC9r3Sq5HLHdsFdWZT27E672SF19QEi+of0/YeOy15lDgRhKvr5614uRrEfA==",
    "requirejs@2.3.8": "7/cTSLOdYkNBNJcDMWf+luFvMriVm7eYxp4BcFCsAX0wF421Vyce5SXP17c+Jd5otXKGNehIonFlyQXSowL6Mw==",
}


class NpmError(RuntimeError):
    """A package could not be had: what happened, and what to do."""


def program(name: str) -> str:
    """The path of `node` or `npm`. Raises NpmError where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise NpmError(
            f"{name} is missing: the pages' browser code comes from npm. Install Node.js 18 or newer, which brings "
            "npm (https://nodejs.org; on Debian or Ubuntu: sudo apt install npm), and run this again."
        )
    return found


def package(name: str) -> Path:
    """The folder of one of PACKAGES, unpacked. Raises NpmError where it cannot be downloaded, or is not what it was."""
    folder = KEPT / name
    if folder.exists():
        return folder
    program("node")
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as workspace:
        command = [program("npm"), "pack", name, "--json", "--pack-destination", workspace]
        packed = subprocess.run(command, cwd=workspace, capture_output=True, text=True)
        archives = list(Path(workspace).glob("*.tgz"))
        if packed.returncode or not archives:
            reason = _summary(packed.stdout) or packed.stderr.strip() or "it gave no reason"
            raise NpmError(f"npm could not download {name}: {reason}. Look at the network, and run this again.")
        digest = hashlib.sha512(archives[0].read_bytes()).digest()
        if base64.b64encode(digest).decode() != PACKAGES[name]:
            raise NpmError(f"What npm downloaded as {name} is not the package it was (its SHA-512 differs).")
        with tarfile.open(archives[0]) as archive:
            # Before 3.11.4 there are no filters; what is unpacked is by its digest what it was.
            archive.extractall(workspace, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            (Path(workspace) / "package").rename(folder)
        except OSError:
            if not folder.exists():  # another process may have been faster
                raise
    return folder


def _summary(text):
    """npm's one sentence about an error, from its --json answer."""
    try:
        return json.loads(text)["error"]["summary"].strip().splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        return ""
