"""Sets of pictures, the generated shapes as a set, and the download of CIFAR-10, from servers on this machine."""

import contextlib
import hashlib
import io
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import cifar10
from helpers.data import ImageSet, load_cifar10, load_shapes

ROOT = Path(__file__).parents[1]
BINARY, PYTHON = "cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"


def some_set(n=6, classes=("cat", "dog", "cow"), size=(32, 32), **kwargs):
    images = torch.randint(256, (n, 3, *size), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return ImageSet(images, torch.arange(n) % len(classes), classes, **kwargs)


# ---- a set of pictures ----


def test_a_picture_comes_normalised_with_its_label_as_an_int():
    a = some_set(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    image, label = a[4]
    assert (image.dtype, image.shape) == (torch.float32, (3, 32, 32))
    assert (type(label), label) == (int, 1)
    column = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]).view(2, 3, 1, 1)
    torch.testing.assert_close(image, (a.images[4] / 255 - column[0]) / column[1])


def test_pictures_are_counted_from_either_end():
    a = some_set()
    assert len(a) == 6
    for i in range(6):
        assert torch.equal(a[i][0], a[i - 6][0])
        assert a[i][1] == a[i - 6][1] == i % 3
    assert torch.equal(a[np.int64(2)][0], a[torch.tensor(2)][0])
    assert [label for _, label in a] == [0, 1, 2, 0, 1, 2]  # so a for loop ends


@pytest.mark.parametrize("i", [6, -7, 10**9])
def test_a_picture_that_is_not_there_is_refused_in_a_sentence(i):
    with pytest.raises(IndexError, match=rf"wants 0 to 5, or -6 to -1 .* got \[{i}\]"):
        some_set()[i]


@pytest.mark.parametrize("i", [1.0, "1", None, [0, 1]])
def test_an_index_that_is_no_whole_number_is_refused_in_a_sentence(i):
    with pytest.raises(TypeError, match=r"wants a whole number or a slice, such as \[0\] or \[:8\]"):
        some_set()[i]


def test_a_slice_is_a_batch():
    a = some_set()
    images, labels = a[1:5:2]
    assert images.dtype == torch.float32
    assert torch.equal(images, torch.stack([a[1][0], a[3][0]]))
    assert labels.tolist() == [1, 0]


def test_handing_pictures_out_leaves_the_stored_bytes_alone():
    a = some_set()
    before = a.images.clone()
    a[0], a[:3], list(a.batches(2)), list(a.batches(2, shuffle=True))
    assert torch.equal(a.images, before)


def test_batches_come_in_order_and_the_last_holds_what_is_left():
    a = some_set(7)
    batches = list(a.batches(3))
    assert [images.shape for images, _ in batches] == [(3, 3, 32, 32), (3, 3, 32, 32), (1, 3, 32, 32)]
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert torch.equal(images, torch.stack([a[i][0] for i in range(7)]))
    assert torch.equal(labels, a.labels)
    assert [len(labels) for _, labels in a.batches(100)] == [7]


def test_shuffled_batches_hold_every_picture_once_beside_its_own_label():
    a = some_set(50)
    a.labels = torch.arange(50)
    images, labels = (torch.cat(p) for p in zip(*a.batches(8, shuffle=True), strict=True))
    assert sorted(labels.tolist()) == list(range(50))
    assert labels.tolist() != list(range(50))
    assert torch.equal(images, a[:][0][labels])


def test_a_generator_fixes_the_order_and_goes_on_from_epoch_to_epoch():
    a = some_set(50)
    a.labels = torch.arange(50)

    def orders(seed):
        generator = torch.Generator().manual_seed(seed)
        epochs = [torch.cat([y for _, y in a.batches(8, shuffle=True, generator=generator)]) for _ in range(2)]
        return [epoch.tolist() for epoch in epochs]

    assert orders(0) == orders(0) != orders(1)
    assert orders(0)[0] != orders(0)[1]
    assert orders(3)[0] == torch.randperm(50, generator=torch.Generator().manual_seed(3)).tolist()


@pytest.mark.parametrize(
    ("size", "error", "sentence"),
    [
        (0, ValueError, "batch_size wants a whole number of at least 1, but got 0."),
        (-4, ValueError, "batch_size wants a whole number of at least 1, but got -4."),
        (32.0, TypeError, r"batch_size wants a whole number of at least 1, but got 32.0. Did you mean 32\?"),
        ("32", TypeError, r"got '32'. Did you mean 32\?"),
        (None, TypeError, "batch_size wants a whole number of at least 1, but got None."),
        (True, TypeError, r"got True. Did you mean 1\?"),
    ],
)
def test_a_batch_size_that_cannot_be_is_refused_at_once(size, error, sentence):
    with pytest.raises(error, match=sentence):
        some_set().batches(size)  # before the first batch is asked for


def test_a_seed_in_place_of_a_generator_is_refused_with_the_way_to_make_one():
    with pytest.raises(TypeError, match=r"got 0. For a fixed order: .*torch.Generator\(\).manual_seed\(0\)"):
        some_set().batches(2, shuffle=True, generator=0)


def test_without_mean_and_std_a_set_computes_its_own():
    a = some_set(2_500, size=(4, 6))  # more than are counted at once
    pixels = a.images.double() / 255
    assert a.mean == pytest.approx(pixels.mean(dim=(0, 2, 3)).tolist(), rel=1e-12)
    assert a.std == pytest.approx(pixels.std(dim=(0, 2, 3), correction=0).tolist(), rel=1e-12)
    assert all(type(value) is float for value in a.mean + a.std)
    images = a[:][0]
    assert images.mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (images.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3


def test_a_channel_that_never_varies_gives_zeros_and_no_nan():
    a = ImageSet(torch.full((2, 3, 8, 8), 77, dtype=torch.uint8), [0, 0], ["grey"])
    assert a.std == (1.0, 1.0, 1.0)
    assert a[0][0].abs().max() < 1e-5


def test_a_set_introduces_itself():
    assert repr(some_set()) == "ImageSet: 6 images (3, 32, 32) uint8 in 3 classes on cpu"
    assert repr(some_set(1, size=(48, 40))) == "ImageSet: 1 image (3, 48, 40) uint8 in 3 classes on cpu"
    shapes = load_shapes(train=1_200, test=1)[0]
    assert repr(shapes) == "ImageSet: 1,200 images (3, 32, 32) uint8 in 10 classes on cpu"


def test_a_set_is_made_from_numpy_arrays_and_lists_too():
    images = np.random.RandomState(0).randint(0, 256, (4, 32, 32, 3), np.uint8).transpose(0, 3, 1, 2)[::-1]
    images.flags.writeable = False
    a = ImageSet(images, [0, 1, 1, 0], ["cat", "dog"])
    assert torch.equal(a.images, torch.tensor(images.copy()))
    assert a.images.is_contiguous()
    assert (a.labels.dtype, a.labels.tolist()) == (torch.int64, [0, 1, 1, 0])
    assert a.classes == ("cat", "dog")
    assert ImageSet(images, np.array([0, 1, 1, 0], np.uint8), ["cat", "dog"]).labels.dtype == torch.int64


GOOD = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (GOOD.permute(0, 2, 3, 1), r"got uint8 \(4, 32, 32, 3\). .*images.permute\(0, 3, 1, 2\)"),
        (GOOD.permute(0, 2, 3, 1).numpy(), r"got uint8 \(4, 32, 32, 3\). .*images.permute\(0, 3, 1, 2\)"),
        (GOOD.float() / 255, r"got float32 \(4, 3, 32, 32\). .*\(images \* 255\).round\(\).to\(torch.uint8\)"),
        (GOOD.float() + 255, r"got float32 .*Try images.to\(torch.uint8\)"),
        (GOOD.long(), r"got int64 .*Try images.to\(torch.uint8\)"),
        (GOOD[0], r"got uint8 \(3, 32, 32\). For a set of one picture: images\[None\]"),
        (GOOD[:, :1], r"got uint8 \(4, 1, 32, 32\). .*images.expand\(-1, 3, -1, -1\)"),
        (GOOD[:, 0], r"got uint8 \(4, 32, 32\). The 3 is red, green, blue"),
        (GOOD[:0], r"got uint8 \(0, 3, 32, 32\), which holds nothing. The smallest set has one picture"),
        (list(GOOD), r"wants a uint8 tensor \(N, 3, height, width\), but got a list. .*torch.stack"),
        ("cats", "got a str"),
    ],
)
def test_images_of_another_kind_are_refused_with_the_way_to_make_them_fit(images, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        ImageSet(images, [0] * 4, ["a"])


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0, 1, 2], r"a class number for each picture, 4 in all, but got 3. .*images\[:k\], labels\[:k\]"),
        ([0, 1, 2, 3], r"wants 0 to 2, for the 3 classes, but got 3 at position 3. Try a name in classes"),
        ([0, -1, 2, 1], "got -1 at position 1"),
        ([1, 2, 3, 1], "got 3 at position 2. Try labels - 1"),
        (torch.rand(4), r"got float32 \(4,\). Try labels.long\(\)"),
        (torch.ones(4, dtype=torch.bool), r"got bool \(4,\). Try labels.long\(\)"),
        (torch.eye(4), r"got float32 \(4, 4\). Try labels.argmax\(1\)"),
        (torch.zeros(4, 1).long(), r"got int64 \(4, 1\). Try labels.flatten\(\)"),
        (["cat", "dog", "cow", "cat"], "got a list that is not numbers"),
        (3, "got an int"),
    ],
)
def test_labels_that_do_not_fit_are_refused_with_the_way_to_make_them_fit(labels, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        ImageSet(GOOD, labels, ("cat", "dog", "cow"))


@pytest.mark.parametrize("classes", ["cat", [], 10, [0, 1], None])
def test_classes_that_are_no_names_are_refused(classes):
    with pytest.raises(TypeError, match=r"classes wants names, such as \('cat', 'dog'\), but got "):
        ImageSet(GOOD, [0] * 4, classes)


@pytest.mark.parametrize(
    ("scale", "sentence"),
    [
        ({"mean": 0.5}, r"mean wants three numbers.* got 0.5. Try mean=\(0.5, 0.5, 0.5\)"),
        ({"std": (0.5, 0.5)}, r"std wants three numbers"),
        ({"mean": (125.3, 123.0, 113.9)}, r"of pixel values in 0–1, but got .* Divide by 255"),
        ({"std": (0.2, 0.0, 0.2)}, r"none of them 0, but got .* Leave std out to have it computed"),
        ({"std": (0.2, -0.1, 0.2)}, r"Leave std out"),
        ({"mean": (0.2, float("nan"), 0.2)}, r"Leave mean out"),
    ],
)
def test_a_mean_or_std_that_cannot_be_is_refused(scale, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        some_set(**scale)


def test_a_set_moves_to_a_device_with_everything_it_holds():
    a = some_set(mean=(0.1, 0.2, 0.3))
    b = a.to("cpu")
    assert isinstance(b, ImageSet)
    assert (b.classes, b.mean, b.std) == (a.classes, a.mean, a.std)
    assert torch.equal(b.images, a.images)
    assert a.to(torch.device("cpu"))[0][1] == 0


@pytest.mark.parametrize("device", ["gpu", "CUDA!", torch.float32, None])
def test_a_device_that_torch_does_not_know_is_refused_in_a_sentence(device):
    with pytest.raises(ValueError, match="wants a device, such as 'cpu' or 'cuda', but got "):
        some_set().to(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"needs a CUDA GPU, and torch finds none here. Stay with to\('cpu'\)"):
        some_set().to("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_batches_are_there_and_a_cpu_generator_gives_the_order_it_gives_on_the_cpu():
    a = some_set(50)
    b = a.to("cuda")
    for shuffle in (False, True):
        for generator in (lambda: torch.Generator().manual_seed(3), lambda: None)[: 1 if shuffle else 2]:
            pairs = zip(a.batches(8, shuffle, generator()), b.batches(8, shuffle, generator()), strict=True)
            for (x, y), (u, v) in pairs:
                assert u.device.type == v.device.type == "cuda"
                torch.testing.assert_close(u.cpu(), x)
                assert torch.equal(v.cpu(), y)
    on_gpu = torch.Generator("cuda").manual_seed(0)
    assert sum(len(y) for _, y in b.batches(8, shuffle=True, generator=on_gpu)) == 50
    assert b[0][0].device.type == "cuda"
    assert ImageSet(b.images, a.labels, a.classes).labels.device.type == "cuda"


# ---- the generated shapes ----


def test_shapes_come_as_two_sets_with_the_training_sets_mean_and_std():
    train_set, test_set = load_shapes(train=300, test=50)
    for a, n in ((train_set, 300), (test_set, 50)):
        assert (a.images.dtype, a.images.shape) == (torch.uint8, (n, 3, 32, 32))
        assert torch.bincount(a.labels).tolist() == [n // 10] * 10
        assert len(a.classes) == 10
    assert (test_set.mean, test_set.std) == (train_set.mean, train_set.std)
    own = ImageSet(train_set.images, train_set.labels, train_set.classes)
    assert (own.mean, own.std) == (train_set.mean, train_set.std)


def test_shapes_follow_their_seed_alone():
    first, again, other = (load_shapes(train=20, test=20, seed=seed) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert torch.equal(a.images, b.images)
        assert not torch.equal(a.images, c.images)
    assert not torch.equal(first[0].images, first[1].images)


def test_drawing_shapes_leaves_the_learners_random_numbers_alone():
    torch.manual_seed(0), np.random.seed(0)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(0), np.random.seed(0)
    load_shapes(train=10, test=10)
    assert (torch.rand(1), np.random.rand()) == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"train": 0}, "train wants a whole number from 1 to 500,000, but got 0. The nearest is 1."),
        ({"train": -5}, "got -5. The nearest is 1."),
        ({"test": 10**9}, "got 1000000000. The nearest is 500,000."),
        ({"train": 1e4}, r"train wants a whole number from 1 to 500,000, but got 10000.0. Did you mean 10000\?"),
        ({"test": "2000"}, r"test wants a whole number from 1 to 500,000, but got '2000'. Did you mean 2000\?"),
        ({"train": "many"}, "train wants a whole number from 1 to 500,000, but got 'many'."),
        ({"train": None}, "train wants a whole number from 1 to 500,000, but got None."),
        ({"train": float("inf")}, "train wants a whole number from 1 to 500,000, but got inf."),
        ({"train": True}, r"got True. Did you mean 1\?"),
        ({"seed": -1}, "seed wants a whole number from 0 to 4,294,967,295, but got -1. The nearest is 0."),
        ({"seed": 0.5}, r"got 0.5. Did you mean 0\?"),
        ({"seed": None}, "seed wants a whole number from 0 to 4,294,967,295, but got None."),
    ],
)
def test_counts_and_seeds_that_cannot_be_are_refused_with_the_nearest_that_can(arguments, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        load_shapes(**arguments)


# ---- CIFAR-10: archives of the real layout, and servers that behave in many ways ----


def python_2_pickle(images, labels):
    """A batch as Python 2 and numpy 1.x wrote it, byte by byte like the official archive's."""

    def text(t):
        return b"U" + bytes([len(t)]) + t

    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01J" + struct.pack("<i", len(images)) + b"M\x00\x0c\x86"  # its shape, (N, 3072)
    array += b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
    array += b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    array += b"T" + struct.pack("<i", images.size) + images.tobytes() + b"tb"
    batch = b"\x80\x02}(" + text(b"batch_label") + text(b"training batch 1 of 5")
    batch += text(b"labels") + b"](" + b"".join(b"K" + bytes([v]) for v in labels) + b"e"
    return batch + text(b"data") + array + text(b"filenames") + b"]u."


def python_3_pickle(images, labels):
    return pickle.dumps({b"labels": labels.tolist(), b"data": images, b"filenames": [b""]}, protocol=2)


def archive_of(kind, parts, to_pickle=python_2_pickle):
    """The bytes of an archive like the official ones; `parts` gives each file's name, images and labels."""
    folder, end = ("cifar-10-batches-bin", ".bin") if kind == BINARY else ("cifar-10-batches-py", "")
    files = {f"{folder}/readme.html": b"<p>CIFAR-10</p>"}
    for name, images, labels in reversed(parts):  # the official archives hold them in no order either
        records = np.concatenate([labels[:, None], images], axis=1).tobytes()
        files[f"{folder}/{name}{end}"] = records if kind == BINARY else to_pickle(images, labels)
    return tar(files)


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def small():
    """A small CIFAR-10: 5 × 40 pictures for training and 40 for testing; both archives, and what is in them."""
    random = np.random.RandomState(0)
    names = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    parts = [
        (name, random.randint(0, 256, (40, 3072), np.uint8), random.permutation(np.arange(40, dtype=np.uint8) % 10))
        for name in names
    ]
    return SimpleNamespace(
        parts=parts,
        archives={kind: archive_of(kind, parts) for kind in (BINARY, PYTHON)},
        images=torch.from_numpy(np.concatenate([images for _, images, _ in parts]).reshape(-1, 3, 32, 32)),
        labels=torch.from_numpy(np.concatenate([labels for _, _, labels in parts])).long(),
    )


class Host:
    """A web server on this machine: `answers[path]` is bytes to send, a status, or a function of the request."""

    def __init__(self):
        self.answers, self.asked, self.released = {}, [], threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked.append(self.path)
                answer = host.answers[self.path]
                with contextlib.suppress(ConnectionError):  # the other side may hang up
                    if callable(answer):
                        answer(self)
                    elif isinstance(answer, int):
                        self.send_error(answer)
                    else:
                        start(self, len(answer))
                        self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def start(request, length):
    request.send_response(200)
    request.send_header("Content-Length", str(length))
    request.end_headers()


@pytest.fixture
def hosts(monkeypatch, small):
    """`hosts(answer, …)`: that many hosts, each giving its answer for the archive; CIFAR10_SOURCES lists them."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = []

    def make(*answers, kinds=None, archives=small.archives):
        kinds = kinds or [BINARY] + [PYTHON] * (len(answers) - 1)
        sources = []
        for answer, kind in zip(answers, kinds, strict=True):
            made.append(Host())
            made[-1].answers[f"/{kind}"] = archives[kind] if answer == "good" else answer
            sha256 = hashlib.sha256(archives[kind]).hexdigest()
            sources.append((f"http://{made[-1].name}/{kind}", kind, sha256))
        monkeypatch.setattr(cifar10, "SOURCES", tuple(sources))
        return made[-len(answers) :]

    yield make
    for host in made:
        host.close()


def truncated(request):
    start(request, 50_000)
    request.wfile.write(b"x" * 20_000)


def silent(request):
    request.server.host.released.wait(20)


def assert_small(sets, small):
    train_set, test_set = sets
    assert torch.equal(train_set.images, small.images[:200])
    assert torch.equal(train_set.labels, small.labels[:200])
    assert torch.equal(test_set.images, small.images[200:])
    assert torch.equal(test_set.labels, small.labels[200:])
    assert train_set.classes == test_set.classes == cifar10.CLASSES


@pytest.mark.parametrize("kind", [BINARY, PYTHON])
def test_both_archives_are_downloaded_and_hold_the_same_pictures(hosts, small, tmp_path, kind):
    (host,) = hosts("good", kinds=[kind])
    sets = load_cifar10(tmp_path)
    assert_small(sets, small)
    own = ImageSet(sets[0].images, sets[0].labels, cifar10.CLASSES)
    assert sets[0].mean == sets[1].mean == own.mean
    assert sets[0].std == sets[1].std == own.std
    assert host.asked == [f"/{kind}"]
    assert os.listdir(tmp_path) == [kind]


def test_pickles_as_python_3_writes_them_are_read_too(hosts, small, tmp_path):
    hosts("good", kinds=[PYTHON], archives={PYTHON: archive_of(PYTHON, small.parts, python_3_pickle)})
    assert_small(load_cifar10(tmp_path), small)


def test_a_second_call_asks_nobody(hosts, small, tmp_path):
    (host,) = hosts("good", kinds=[BINARY])
    load_cifar10(tmp_path)
    assert_small(load_cifar10(str(tmp_path)), small)
    assert len(host.asked) == 1


def test_an_archive_put_there_by_hand_is_used_without_a_network(hosts, small, tmp_path):
    (tmp_path / PYTHON).write_bytes(small.archives[PYTHON])
    official, mirror = hosts(404, 404)
    assert_small(load_cifar10(tmp_path), small)
    assert official.asked == mirror.asked == []


def test_without_a_root_the_archive_is_kept_in_the_users_cache_folder(hosts, small, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda project: str(tmp_path / project))
    hosts("good")
    assert_small(load_cifar10(), small)
    assert os.listdir(tmp_path / "cnn-shapes") == [BINARY]


def test_the_archive_is_for_everyone_to_read_and_its_folder_is_made(hosts, tmp_path):
    hosts("good")
    load_cifar10(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / BINARY).stat().st_mode & 0o444 == 0o444


def test_the_download_shows_its_progress_as_text(hosts, tmp_path, capsys):
    (host,) = hosts("good", kinds=[BINARY])
    load_cifar10(tmp_path)
    out, err = capsys.readouterr()
    assert f"{host.name}: 100%|" in out
    assert err == ""
    load_cifar10(tmp_path)
    assert capsys.readouterr() == ("", "")


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fault_name(fault):
    return getattr(fault, "__name__", str(fault))  # a function's address differs between the processes of xdist


@pytest.mark.parametrize(
    "fault",
    [
        404,
        503,
        truncated,
        silent,
        b"<html>We are down for maintenance</html>",
        b"",
        "refused",
        "tampered",
        "no such host",
    ],
    ids=fault_name,
)
def test_a_host_that_does_not_deliver_is_passed_over(hosts, small, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(cifar10, "TIMEOUT", 0.3)
    tampered = bytearray(small.archives[BINARY])
    tampered[len(tampered) // 2] ^= 1
    official, mirror = hosts(bytes(tampered) if fault == "tampered" else fault, "good")
    official.server.host = official
    if fault in ("refused", "no such host"):
        name = f"127.0.0.1:{closed_port()}" if fault == "refused" else "nowhere.invalid"
        first = cifar10.SOURCES[0]
        monkeypatch.setattr(cifar10, "SOURCES", ((f"http://{name}/x", *first[1:]), cifar10.SOURCES[1]))
    assert_small(load_cifar10(tmp_path), small)
    assert len(mirror.asked) == 1
    assert os.listdir(tmp_path) == [PYTHON]  # nothing is left of the other


def slowly(content, rate):
    def answer(request):
        start(request, len(content))
        for i in range(0, len(content), 8192):
            request.wfile.write(content[i : i + 8192])
            time.sleep(8192 / rate)

    return answer


def drips(request):
    with contextlib.suppress(OSError):
        while not request.server.host.released.wait(0.05):
            request.wfile.write(b"H")  # a first line that never ends


def trickles(request):
    start(request, 50_000)
    with contextlib.suppress(OSError):
        while not request.server.host.released.wait(0.05):
            request.wfile.write(b"x")  # and it is never silent


def pours(request):
    request.send_response(200)
    request.end_headers()
    with contextlib.suppress(OSError):
        while True:
            request.wfile.write(bytes(100_000))


@pytest.mark.parametrize(
    ("fault", "words"),
    [(drips, "only 0 kB/s"), (trickles, "only 0 kB/s"), (pours, "sent more than 1 MB: that is not the archive")],
)
def test_a_host_that_never_ends_is_passed_over(hosts, tmp_path, monkeypatch, fault, words):
    monkeypatch.setattr(cifar10, "PATIENCE", 0.4)
    monkeypatch.setattr(cifar10, "LARGEST", 1_000_000)
    (host,) = hosts(fault, kinds=[BINARY])
    host.server.host = host
    with pytest.raises(ConnectionError, match=f"{host.name}: {words}"):
        load_cifar10(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_a_host_says_is_shown_without_its_control_characters(hosts, tmp_path):
    def gone(request):
        request.send_response(410, "Gone \x1b[2J\x07" + "!" * 500)
        request.end_headers()

    (host,) = hosts(gone, kinds=[BINARY])
    with pytest.raises(ConnectionError) as caught:
        load_cifar10(tmp_path)
    assert f"  {host.name}: answered 410 Gone [2J" + "!" * 72 + "\n" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_or_what_never_ends_under_the_archives_name_is_refused(hosts, tmp_path):
    for kind, make in {BINARY: os.mkfifo, PYTHON: lambda path: path.symlink_to("/dev/zero")}.items():
        (host,) = hosts("good", kinds=[kind])
        make(tmp_path / kind)
        with pytest.raises(OSError, match=r"cannot keep its archive in .* \(what is there is not a regular file\)"):
            load_cifar10(tmp_path)
        assert host.asked == []


def test_a_slow_host_is_left_for_a_faster_one(hosts, small, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "PATIENCE", 0.1)
    official, mirror = hosts(slowly(small.archives[BINARY], rate=100_000), "good")
    monkeypatch.setattr(cifar10, "ENOUGH", 200_000)
    assert_small(load_cifar10(tmp_path), small)
    assert (len(official.asked), len(mirror.asked)) == (1, 1)
    assert os.listdir(tmp_path) == [PYTHON]


def test_a_slow_host_is_better_than_none(hosts, small, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "PATIENCE", 0.1)
    monkeypatch.setattr(cifar10, "ENOUGH", 5_000_000)
    official, mirror = hosts(slowly(small.archives[BINARY], rate=1_000_000), 404)
    assert_small(load_cifar10(tmp_path), small)
    assert (len(official.asked), len(mirror.asked)) == (2, 1)


def test_when_no_host_delivers_one_sentence_says_what_each_said_and_what_works(hosts, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "TIMEOUT", 0.3)
    kinds = [BINARY, PYTHON, PYTHON, PYTHON, PYTHON]
    made = hosts(404, truncated, b"something else", silent, 500, kinds=kinds)
    made[3].server.host = made[3]
    port = closed_port()
    sources = (*cifar10.SOURCES, (f"http://127.0.0.1:{port}/x", BINARY, "0" * 64))
    monkeypatch.setattr(cifar10, "SOURCES", sources)
    with pytest.raises(ConnectionError) as caught:
        load_cifar10(tmp_path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert str(caught.value).splitlines() == [
        "CIFAR-10 could not be downloaded. What works offline: load_shapes().",
        f"  {made[0].name}: answered 404 Not Found",
        f"  {made[1].name}: the connection broke",
        f"  {made[2].name}: sent something other than the archive (its checksum is wrong)",
        f"  {made[3].name}: silent for 0.3 seconds",
        f"  {made[4].name}: answered 500 Internal Server Error",
        f"  127.0.0.1:{port}: could not be reached",
        f"If you get {BINARY} or {PYTHON} elsewhere, put it into {tmp_path}, "
        "or into a folder of your own and call load_cifar10(root=that_folder).",
    ]
    assert os.listdir(tmp_path) == []


def test_a_damaged_archive_in_the_cache_is_never_used_and_is_replaced(hosts, small, tmp_path):
    (tmp_path / BINARY).write_bytes(small.archives[BINARY][:-100])
    (host,) = hosts("good", kinds=[BINARY])
    assert_small(load_cifar10(tmp_path), small)
    assert len(host.asked) == 1
    assert (tmp_path / BINARY).read_bytes() == small.archives[BINARY]


@pytest.mark.parametrize("fault", [404, truncated, b"tampered"], ids=fault_name)
def test_a_failed_download_leaves_the_files_of_the_folder_alone(hosts, small, tmp_path, fault):
    mine = {BINARY: b"another release, with another checksum", "notes.txt": b"mine"}
    for name, content in mine.items():
        (tmp_path / name).write_bytes(content)
    hosts(fault, kinds=[BINARY])
    with pytest.raises(ConnectionError):
        load_cifar10(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == mine


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals to a thread")
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_download_leaves_nothing_and_a_fresh_call_succeeds(hosts, small, tmp_path):
    content = small.archives[BINARY]
    main = threading.main_thread().ident

    def stop_midway(request):
        start(request, len(content))
        request.wfile.write(content[: len(content) // 2])
        request.wfile.flush()
        host.answers[f"/{BINARY}"] = content
        time.sleep(0.3)
        signal.pthread_kill(main, signal.SIGINT)  # what the stop button does
        host.released.wait(20)

    (host,) = hosts(stop_midway, kinds=[BINARY])
    with pytest.raises(KeyboardInterrupt):
        load_cifar10(tmp_path)
    assert os.listdir(tmp_path) == []
    assert_small(load_cifar10(tmp_path), small)


def test_a_download_killed_midway_leaves_nothing(hosts, small, tmp_path):
    content = small.archives[BINARY]
    sent = threading.Event()

    def half(request):
        start(request, len(content))
        request.wfile.write(content[: len(content) // 2])
        request.wfile.flush()
        sent.set()
        host.released.wait(30)

    (host,) = hosts(half, kinds=[BINARY])
    script = f"from helpers import cifar10, data; cifar10.SOURCES = {cifar10.SOURCES!r}; "
    script += f"data.load_cifar10({str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        assert sent.wait(60)
        process.kill()
    assert os.listdir(tmp_path) == []
    host.answers[f"/{BINARY}"] = content
    assert_small(load_cifar10(tmp_path), small)


class Payload:
    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("where", ["beside the pictures", "inside the array"])
def test_a_pickle_that_would_run_something_is_refused_even_with_the_right_checksum(hosts, tmp_path, where):
    payload = Payload()
    payload.path = tmp_path / "payload ran"
    pictures = np.zeros((1, 3072), np.uint8)
    if where == "inside the array":
        pictures = np.array([payload], dtype=object)
    batch = pickle.dumps({b"labels": [0], b"data": pictures, b"more": payload}, protocol=2)
    archive = tar({f"cifar-10-batches-py/data_batch_{n}": batch for n in range(1, 6)})
    hosts("good", kinds=[PYTHON], archives={PYTHON: archive})
    with pytest.raises(pickle.UnpicklingError, match=r"asks for (posix|nt)\.mkdir; pictures need only numpy arrays"):
        load_cifar10(tmp_path / "cache")
    assert not payload.path.exists()


@pytest.mark.parametrize("call", [b"cos\nsystem\n", b"cbuiltins\neval\n", b"c__builtin__\neval\n", b"cnumpy\nload\n"])
def test_only_what_arrays_need_can_be_named_in_a_pickle(call):
    for refused in (b"\x80\x02" + call + b".", b"(S'1'\ni" + call[1:] + b"."):
        with pytest.raises(pickle.UnpicklingError, match="pictures need only numpy arrays"):
            cifar10._read_part("data_batch_1", refused)


def test_a_root_under_a_file_is_refused_before_anyone_is_asked(hosts, tmp_path):
    (tmp_path / "file").write_text("")
    (host,) = hosts("good", kinds=[BINARY])
    with pytest.raises(
        OSError, match=r"cannot keep its archive in .*here \(Not a directory\). Name a folder"
    ) as caught:
        load_cifar10(tmp_path / "file" / "here")
    assert caught.value.__suppress_context__
    assert host.asked == []


def test_a_root_that_may_not_be_written_is_refused_before_anyone_is_asked(hosts, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)  # tests may run as root, who may write anywhere

    monkeypatch.setattr(cifar10, "check_writable", refuse)
    (host,) = hosts("good", kinds=[BINARY])
    with pytest.raises(OSError, match=r"\(Permission denied\). Name a folder .* load_cifar10\(root='cifar10'\)"):
        load_cifar10(tmp_path)
    assert host.asked == []


def test_a_folder_that_may_only_be_read_serves_its_archive(hosts, small, tmp_path, monkeypatch):
    (tmp_path / BINARY).write_bytes(small.archives[BINARY])
    monkeypatch.setattr(cifar10, "check_writable", None)
    hosts(404)
    assert_small(load_cifar10(tmp_path), small)


def test_a_full_disk_is_not_blamed_on_the_hosts(hosts, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cifar10, "write_whole", full)
    hosts("good")
    with pytest.raises(OSError, match=r"cannot keep its archive .*No space left on device.* 200 MB free"):
        load_cifar10(tmp_path)


def test_a_user_without_a_home_is_asked_for_a_folder(monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda project: "~nobody-of-that-name/.cache")
    with pytest.raises(OSError, match=r"finds no folder ~nobody.* Name one .*load_cifar10\(root='cifar10'\)"):
        load_cifar10()


@pytest.mark.parametrize("root", [3, b"cache", ["cache"]])
def test_a_root_that_is_no_folders_name_is_refused(root):
    with pytest.raises(TypeError, match="root wants the name of a folder"):
        load_cifar10(root)


def test_a_subset_is_balanced_always_the_same_and_part_of_every_larger_one(hosts, small, tmp_path):
    hosts("good")
    whole = load_cifar10(tmp_path)
    chosen = {}
    for subset, test_count in ((200, 40), (50, 10), (25, 5), (1, 1)):
        train_set, test_set = load_cifar10(tmp_path, subset=subset)
        assert (len(train_set), len(test_set)) == (subset, test_count)
        for a in (train_set, test_set):
            counts = torch.bincount(a.labels, minlength=10)
            assert counts.max() - counts.min() <= 1
            assert (a.mean, a.std) == (whole[0].mean, whole[0].std)
        chosen[subset] = {image.numpy().tobytes() for image in train_set.images}
        again, _ = load_cifar10(tmp_path, subset=subset)
        assert torch.equal(again.images, train_set.images)
    assert chosen[1] < chosen[25] < chosen[50] < chosen[200]
    assert torch.equal(load_cifar10(tmp_path, subset=200)[0].images, whole[0].images)
    for image, label in zip(train_set.images, train_set.labels, strict=True):
        at = (whole[0].images == image).flatten(1).all(dim=1).nonzero().item()
        assert whole[0].labels[at] == label


@pytest.mark.parametrize(
    ("subset", "sentence"),
    [
        (0, "subset wants a whole number from 1 to 50,000, but got 0. The nearest is 1."),
        (-1, "got -1. The nearest is 1."),
        (50_001, "got 50001. The nearest is 50,000."),
        (1e3, r"got 1000.0. Did you mean 1000\?"),
        (1e9, r"got 1000000000.0. Did you mean 50000\?"),
        ("1000", r"got '1000'. Did you mean 1000\?"),
        (0.1, r"got 0.1. Did you mean 1\?"),
        (True, r"got True. Did you mean 1\?"),
    ],
)
def test_a_subset_that_cannot_be_is_refused_before_anything_is_downloaded(hosts, tmp_path, subset, sentence):
    (host,) = hosts("good", kinds=[BINARY])
    with pytest.raises((ValueError, TypeError), match=sentence):
        load_cifar10(tmp_path, subset=subset)
    assert host.asked == []


def test_the_real_sources_name_the_official_host_first_and_one_checksum_an_archive():
    urls, archives, checksums = zip(*cifar10.SOURCES, strict=True)
    assert urls[0] == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert all(url.startswith("https://") for url in urls)
    assert dict(zip(archives, checksums, strict=True)) == {
        BINARY: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        PYTHON: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    }
