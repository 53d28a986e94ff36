"""Files that are written whole or not at all."""

import contextlib
import errno
import glob
import os
import secrets
import stat
import time
from pathlib import Path

from helpers.interrupts import uninterrupted

STALE = 3600  # seconds: what was begun longer ago, nobody ends any more


def check_regular(path):
    """Raises OSError if what is at `path` cannot be replaced as a file can: a device, a pipe, a folder."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "what is there is not a regular file", str(path))


def check_writable(path):
    """Raises OSError if write_whole could not write `path`: it is not a file, or its folder takes no other."""
    check_regular(path)
    part = _part(Path(os.path.realpath(path)))
    open(part, "xb").close()
    part.unlink()


def _part(path):
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")  # same folder: a move between disks is a copy


def write_whole(path, data):
    """Write the bytes to `path`: they take the old file's place in one move, and its permissions.

    However it ends, there is the old file or the new one: killed at any moment, on a full disk, or with others who
    write the same file. A link stays a link. Raises OSError.
    """
    write_all({path: data})


def write_all(contents):
    """The same for several files, {path: bytes}. If one of them cannot be written, all are as they were."""
    parts = {}
    try:
        for path, data in contents.items():
            check_regular(path)
            path = Path(os.path.realpath(path))
            _sweep(path)
            parts[part := _part(path)] = path
            with open(part, "xb") as file:  # nothing that is there already is opened, nor a link followed
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                part.chmod(stat.S_IMODE(path.stat().st_mode))
        with uninterrupted():
            for part, path in parts.items():
                os.replace(part, path)
    finally:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _sweep(path):
    """Take away what those have left who were killed while they wrote this file."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
