"""Browser code from npm: checked before it is kept, asked for once, and its absence explained."""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from types import SimpleNamespace

import npm
import pytest

NAME = "a-package@1.0.0"


def archive():
    """What npm packs: every file below a folder `package`."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        entry = tarfile.TarInfo("package/index.js")
        entry.size = 4
        packed.addfile(entry, io.BytesIO(b"code"))
    return content.getvalue()


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """What `npm pack` does: `answer` is the archive it leaves; where that is None, it fails and says `error`."""
    content = archive()
    fake = SimpleNamespace(answer=content, error="", asked=0)

    def run(command, cwd, **options):
        fake.asked += 1
        assert command[1:3] == ["pack", NAME]
        if fake.answer is None:
            return SimpleNamespace(returncode=1, stdout=fake.error, stderr="npm error code EAI_AGAIN")
        with open(os.path.join(cwd, "a-package-1.0.0.tgz"), "wb") as file:
            file.write(fake.answer)
        return SimpleNamespace(returncode=0, stdout="[]", stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(npm, "KEPT", tmp_path)
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    monkeypatch.setattr(npm, "PACKAGES", {NAME: digest})
    return fake


def test_a_python_whose_tarfile_has_no_filters_unpacks_it_too(registry, monkeypatch):
    extractall = tarfile.TarFile.extractall

    def older(archive, path):
        extractall(archive, path, **({"filter": "data"} if data_filter else {}))

    data_filter = getattr(tarfile, "data_filter", None)
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extractall", older)
    assert (npm.package(NAME) / "index.js").read_text() == "code"


def test_a_package_is_unpacked_and_asked_for_once(registry, tmp_path):
    for _ in range(2):
        assert (npm.package(NAME) / "index.js").read_text() == "code"
    assert registry.asked == 1
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_another_content_than_the_one_named_here_is_not_kept(registry, tmp_path):
    registry.answer += b"more"
    with pytest.raises(npm.NpmError, match=r"is not the package it was \(its SHA-512 differs\)"):
        npm.package(NAME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [('{"error": {"summary": "No network.\\nMore."}}', "No network."), ("", "npm error code EAI_AGAIN")],
)
def test_npms_reason_is_told_when_it_cannot_download(registry, tmp_path, error, reason):
    registry.answer, registry.error = None, error
    with pytest.raises(npm.NpmError) as failed:
        npm.package(NAME)
    assert str(failed.value) == (f"npm could not download {NAME}: {reason}. Look at the network, and run this again.")
    assert list(tmp_path.iterdir()) == []


def test_every_package_names_its_exact_version_and_a_sha_512():
    for name, digest in npm.PACKAGES.items():
        assert name.rpartition("@")[2].count(".") == 2
        assert len(base64.b64decode(digest)) == 64
