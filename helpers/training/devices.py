"""Where to compute, and what makes it faster there: pick a device, and the switches that measurably help on each."""

import contextlib
import ctypes
import sys

import torch

# What train() switches on. On the CPU each was measured against the same training without it, at batches of 128 and
# of 512 (`make bench`, two cores, n = 11; helpers/measured/training-cpu.json): with channels_last it was 1.4 and 1.5
# times as fast, with memory_kept 1.8 and 1.7 times; with a fused Adam 1.01 times, within the spread; with torch.compile
# 0.6 and 0.7 times. On an H100 the same step, captured as a CUDA graph with a fused Adam, was 8 and 4 times as fast
# (helpers/measured/training-cuda.json); "graph", which does that here, has not run on a GPU yet, and stays off until it
# has, "fused" with it. Nobody has measured an Apple GPU.
HELPS = {
    "cpu": {"channels_last": True, "memory_kept": True, "fused": False, "graph": False},
    "cuda": {"channels_last": False, "memory_kept": False, "fused": False, "graph": False},
    "mps": {"channels_last": False, "memory_kept": False, "fused": False, "graph": False},
}


def pick_device():
    """(device, reason): a CUDA GPU if there is one, else an Apple GPU, else the CPU, and why."""
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return torch.device("cuda"), f"found a CUDA GPU: {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        return torch.device("mps"), "found no CUDA GPU, but an Apple GPU (MPS)"
    threads = f"{(n := torch.get_num_threads())} thread{'' if n == 1 else 's'}"
    return torch.device("cpu"), f"no CUDA GPU and no Apple GPU found: the CPU, {threads}"


def check_device(device):
    """The torch.device meant by None, a text or a device. Raises ValueError if it is unknown or not there."""
    if device is None:
        return pick_device()[0]
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f'device wants "cpu", "cuda", "mps" or None, but got {device!r}.') from None
    there = device.type != "meta"
    if device.type == "cuda":
        there = torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    elif device.type == "mps":
        there = torch.backends.mps.is_available()
    if not there:
        found, reason = pick_device()
        raise ValueError(f'device="{device}" is not there; pick_device() gives "{found}" ({reason}).')
    return device


def helps(device, switch):
    """Whether a switch of HELPS is worth it on this device."""
    return HELPS.get(device.type, {}).get(switch, False)


def memory_format(device):
    """How a batch of images lies in memory where that is fastest: channel beside channel, or row after row."""
    return torch.channels_last if helps(device, "channels_last") else torch.contiguous_format


# mallopt's parameters, of <malloc.h>
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4


_keeping = 0  # how many keep memory at this time: the first switches it on, the last one off


@contextlib.contextmanager
def memory_kept(device):
    """For a while, keep the memory of freed tensors for the next ones, where that is worth it.

    On Linux, malloc often gives large blocks back to the system, and takes new ones at the next step, which the
    system first fills with zeros: at batches of 512 that took nearly half of the time. Elsewhere nothing is changed.

    It holds for the whole process: for what runs between two steps of an explorer's run as well, which computes the
    same. What was kept goes back when the last of those that keep it has ended.
    """
    global _keeping
    malloc = ctypes.CDLL(None) if sys.platform == "linux" and helps(device, "memory_kept") else None
    if not hasattr(malloc, "malloc_trim"):  # another C library than GNU's
        yield
        return
    _keeping += 1
    try:
        if _keeping == 1:
            malloc.mallopt(_MMAP_MAX, 0)
            malloc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        yield
    finally:
        _keeping -= 1
        if _keeping == 0:  # what malloc comes to by itself where large blocks come and go; all that is free goes back
            malloc.mallopt(_MMAP_MAX, 65_536)
            malloc.mallopt(_MMAP_THRESHOLD, 32 * 2**20)
            malloc.mallopt(_TRIM_THRESHOLD, 64 * 2**20)
            malloc.malloc_trim(0)


def is_out_of_memory(error):
    # Only CUDA has a class for it; the CPU and Apple GPUs raise a RuntimeError.
    told = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in told)


def explain_memory(device, batch_size):
    where = {"cuda": "the GPU's memory", "mps": "the Apple GPU's memory"}.get(device.type, "memory")
    if batch_size == 1:
        return f"Even a batch of one image did not fit into {where}: use a smaller model."
    return f"A batch of {batch_size} images did not fit into {where}: try batch_size={batch_size // 2}."
