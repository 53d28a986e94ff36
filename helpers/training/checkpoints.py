"""What is kept of a training run: its History, and checkpoints on disk, written whole and read without running code."""

import dataclasses
import io
import zipfile
from pathlib import Path

import torch

from helpers.files import check_regular, write_whole
from helpers.trace.arguments import check_module

KIND = "helpers.training checkpoint, version "  # stands in every file
FORMAT = f"{KIND}1"


@dataclasses.dataclass(repr=False)
class History:
    """What happened in each completed epoch; every list has one entry per epoch.

    loss               mean cross-entropy over the epoch's images, each taken before the step it caused
    train_accuracy     the part of them that was right, 0 to 1, likewise while the weights were changing
    test_accuracy      accuracy on the test set after the epoch; empty if there was none
    seconds            how long the epoch's training took, without the test
    images_per_second  images trained on per second, likewise
    interrupted        True if the kernel was interrupted: the epoch under way then is in no list
    """

    loss: list = dataclasses.field(default_factory=list)
    train_accuracy: list = dataclasses.field(default_factory=list)
    test_accuracy: list = dataclasses.field(default_factory=list)
    seconds: list = dataclasses.field(default_factory=list)
    images_per_second: list = dataclasses.field(default_factory=list)
    interrupted: bool = False

    def __repr__(self):
        # No times: they differ from run to run, and notebooks compare this text.
        epochs = len(self.loss)
        parts = [f"{epochs} epoch{'' if epochs == 1 else 's'}"]
        for name in ("loss", "train_accuracy", "test_accuracy"):
            if values := getattr(self, name):
                parts.append(f"{name.replace('_', ' ')} {values[-1]:.3f}")
        return "History: " + ", ".join(parts) + (", interrupted" if self.interrupted else "")

    def joined(self, later):
        """One History of these epochs and a later call's."""
        lists = [field.name for field in dataclasses.fields(self) if field.name != "interrupted"]
        both = {name: getattr(self, name) + getattr(later, name) for name in lists}
        return History(**both, interrupted=later.interrupted)


def save_checkpoint(path, model, optimizer=None, history=None, **settings):
    """Write weights, the optimizer's state, history and settings to `path`, whole or not at all.

    `settings` are plain values, such as SimpleCNN's arguments. To go on later:

        model = SimpleCNN(**load_checkpoint(path)["settings"])
        optimizer = torch.optim.Adam(model.parameters())
        history = resume(path, model, optimizer)
        train(model, train_set, optimizer=optimizer, seed=len(history.loss))

    The new file takes the old one's place in one move, so a crash leaves the old one as it was. Raises
    OSError if the file cannot be written, or something else than a file is there (a device, a pipe); TypeError for
    settings that are not plain.
    """
    check_module(model)
    _check_plain(settings)
    content = {
        "format": FORMAT,
        "weights": model.state_dict(),
        "optimizer": optimizer.state_dict() if optimizer else None,
        "optimizer_kind": type(optimizer).__name__ if optimizer else None,
        "history": dataclasses.asdict(history) if history else None,
        "settings": settings,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    try:
        write_whole(path, buffer.getbuffer())
    except OSError as error:
        raise OSError(f"Cannot write the checkpoint {path}: {_why(error)}.") from None


def load_checkpoint(path):
    """Read what save_checkpoint wrote, onto the CPU: a dict with weights, optimizer, history, settings.

    "history" is a History or None; "optimizer" a state dict or None. Only tensors and plain values are
    read, never code (weights_only=True). Raises OSError if there is no such file to read, ValueError if it
    is damaged or something else.
    """
    try:
        check_regular(path)  # a pipe or a device may never end
        buffer = io.BytesIO(Path(path).read_bytes())
    except OSError as error:
        raise OSError(f"Cannot read the checkpoint {path}: {_why(error)}.") from None
    try:
        content = _read(buffer)
    except Exception:  # whatever the bytes may be, and torch.load has a dozen ways of not reading them
        raise ValueError(
            f"{path} is damaged or was not written by save_checkpoint. Save it again, or use an older one."
        ) from None
    written = content.get("format") if isinstance(content, dict) else None
    if written != FORMAT and str(written).startswith(KIND):
        raise ValueError(
            f"{path} has version {written.removeprefix(KIND)[:20]}: it needs a newer version of the course."
        )
    if written != FORMAT:
        raise ValueError(
            f"{path} is a torch file, but not one that save_checkpoint wrote. If it holds only weights: "
            "model.load_state_dict(torch.load(path, weights_only=True))."
        )
    del content["format"]
    if content["history"]:
        content["history"] = History(**content["history"])
    return content


def resume(path, model, optimizer=None):
    """Load a checkpoint's weights into `model` and its averages into `optimizer`; return its History.

    Raises what load_checkpoint does, and ValueError if it is of another network or lacks what is wanted; model and
    optimizer are then as they were.
    """
    check_module(model)
    checkpoint = load_checkpoint(path)
    theirs = {name: tuple(weight.shape) for name, weight in checkpoint["weights"].items()}
    ours = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    for name in theirs | ours:
        if theirs.get(name) != ours.get(name):
            raise ValueError(
                f"{path} holds another network than this {type(model).__name__}: its {name} is "
                f"{theirs.get(name, 'not there')}, this one's {ours.get(name, 'not there')}."
            )
    if optimizer is not None:
        if not checkpoint["optimizer"]:
            raise ValueError(f"{path} was saved without its optimizer, so training cannot go on as it would have.")
        kind = checkpoint.get("optimizer_kind", type(optimizer).__name__)  # older files do not say
        if kind != type(optimizer).__name__:
            raise ValueError(f"{path} holds the averages of {kind}, and this optimizer is {type(optimizer).__name__}.")
        optimizer.load_state_dict(checkpoint["optimizer"])
    model.load_state_dict(checkpoint["weights"])
    return checkpoint["history"] or History()


def _read(buffer):
    buffer.seek(0)
    with zipfile.ZipFile(buffer) as archive:
        if archive.testzip():  # torch.load itself does not compare the checksums
            raise ValueError
        # For what is marked as a folder, or says another size than it has, torch.load takes memory as it lies there.
        if any(entry.external_attr or entry.is_dir() for entry in archive.infolist()):
            raise ValueError
    buffer.seek(0)
    return torch.load(buffer, map_location="cpu", weights_only=True)  # tensors and plain values, never code


def _check_plain(settings):
    try:
        torch.save(settings, buffer := io.BytesIO())
        _read(buffer)
    except Exception:  # the same dozen ways
        raise TypeError(
            f"These settings cannot be kept in a checkpoint: {settings}. Numbers, texts, True, False, None, "
            "and lists, tuples or dicts of these can; a NumPy number x becomes one with x.item()."
        ) from None


def _why(error):
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    return (error.strerror or str(error)).lower()
