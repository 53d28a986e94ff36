"""What is written is the old file or the new one, whoever else writes it and whenever the writer is killed."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from helpers import files
from helpers.files import check_regular, check_writable, write_all, write_whole

needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs devices, pipes and permissions")


def whole(data):
    """Is it one of those that are written here: one byte, many times?"""
    return len(data) == 200_000 and len(set(data)) == 1


def test_the_new_bytes_take_the_old_ones_place(tmp_path):
    path = tmp_path / "a file"
    for data in (b"old", b"new"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == ["a file"]


def test_threads_that_write_one_file_leave_it_whole(tmp_path):
    path, ended = tmp_path / "shared", threading.Event()
    write_whole(path, b"0" * 200_000)

    def write(byte):
        while not ended.is_set():
            write_whole(path, byte * 200_000)

    writers = [threading.Thread(target=write, args=(byte,)) for byte in (b"1", b"2", b"3")]
    for writer in writers:
        writer.start()
    try:
        assert all(whole(path.read_bytes()) for _ in range(100))
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    assert os.listdir(tmp_path) == ["shared"]


def test_of_several_files_all_are_written_or_none(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write_all({one: b"1", other: b"1"})
    with pytest.raises(FileNotFoundError):
        write_all({one: b"2", other: b"2", tmp_path / "no folder" / "third": b"2"})
    assert (one.read_bytes(), other.read_bytes()) == (b"1", b"1")
    assert sorted(os.listdir(tmp_path)) == ["one", "other"]


WRITER = """
import sys
from helpers.files import write_whole
for n in range(10**6):
    write_whole(sys.argv[1], bytes([n % 256]) * 200_000)
    if n == 0:
        print("begun", flush=True)
"""


@needs_posix
def test_a_writer_that_is_killed_leaves_the_file_whole_and_what_it_left_is_swept(tmp_path, monkeypatch):
    path = tmp_path / "killed"
    for pause in (0.001, 0.003, 0.007, 0.011):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(pause)
            writer.send_signal(signal.SIGKILL)
        assert whole(path.read_bytes())
    (tmp_path / ".killed.0123.part").write_bytes(b"half")
    (tmp_path / ".another.0123.part").write_bytes(b"half")
    monkeypatch.setattr(files, "STALE", -1)
    write_whole(path, b"done")
    assert sorted(os.listdir(tmp_path)) == [".another.0123.part", "killed"]


def test_what_others_are_writing_just_now_is_left_to_them(tmp_path):
    (tmp_path / ".shared.0123.part").write_bytes(b"half")
    write_whole(tmp_path / "shared", b"mine")
    assert (tmp_path / ".shared.0123.part").exists()


@needs_posix
def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "private", tmp_path / "link"
    path.touch(0o600)
    link.symlink_to(path)
    write_whole(link, b"secret")
    assert path.stat().st_mode & 0o777 == 0o600
    assert link.is_symlink()
    assert path.read_bytes() == b"secret"


@needs_posix
def test_what_is_no_regular_file_is_refused_and_left(tmp_path, device):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to a device").symlink_to(device)
    for name in ("pipe", "folder", "to a device"):
        for attempt in (check_regular, check_writable, lambda path: write_whole(path, b"data")):
            with pytest.raises(OSError, match="what is there is not a regular file") as refused:
                attempt(tmp_path / name)
            assert refused.value.errno == errno.EINVAL
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe", "to a device"]


def test_whether_it_can_be_written_is_known_before(tmp_path):
    check_writable(tmp_path / "new")
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        check_writable(tmp_path / "no folder" / "new")
