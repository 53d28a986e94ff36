"""Which device is taken, and what is switched on there."""

import subprocess
import sys
import types

import pytest
import torch

from helpers import training
from helpers.training import devices
from helpers.training.devices import check_device, helps, memory_format, memory_kept, pick_device


def test_lessons_find_pick_device_beside_training():
    assert training.pick_device is pick_device


def without_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_without_a_gpu_the_device_is_the_cpu_and_the_reason_says_so(monkeypatch):
    without_gpus(monkeypatch)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    reason = "no CUDA GPU and no Apple GPU found: the CPU, 2 threads"
    assert pick_device() == (torch.device("cpu"), reason)


def test_a_cuda_gpu_comes_first_and_is_named(monkeypatch):
    gpu = types.SimpleNamespace(name="NVIDIA H200", total_memory=139 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpu)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == (torch.device("cuda"), "found a CUDA GPU: NVIDIA H200, 139 GiB")


def test_an_apple_gpu_comes_second(monkeypatch):
    without_gpus(monkeypatch)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    device, reason = pick_device()
    assert device == torch.device("mps")
    assert "Apple GPU" in reason


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "meta"])
def test_a_device_that_is_not_there_is_refused_with_the_one_that_is(monkeypatch, device):
    without_gpus(monkeypatch)
    with pytest.raises(ValueError, match=f'"{device}" is not there; pick_device\\(\\) gives "cpu"'):
        check_device(device)


@pytest.mark.parametrize("device", ["gpu", "", 3.5])
def test_an_unknown_device_is_refused_with_the_known_ones(device):
    with pytest.raises(ValueError, match='device wants "cpu", "cuda", "mps" or None'):
        check_device(device)


def test_each_device_says_yes_or_no_to_the_same_switches():
    assert {frozenset(switches) for switches in devices.HELPS.values()} == {
        frozenset({"channels_last", "memory_kept", "fused", "graph"})
    }
    assert not helps(torch.device("meta"), "fused")


def test_the_memory_format_follows_the_table(monkeypatch):
    cpu = torch.device("cpu")
    assert memory_format(cpu) == torch.channels_last
    monkeypatch.setitem(devices.HELPS["cpu"], "channels_last", False)
    assert memory_format(cpu) == torch.contiguous_format


# In a process of its own, so that no test before has left free memory behind.
KEEPING = """
import resource, torch
from helpers.training import devices

def faults():  # pages that the system has to hand over for eight tensors of 64 MB, one after the other
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.zeros(16 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():  # MB
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

cpu = torch.device("cpu")
plain, start = faults(), resident()
try:
    with devices.memory_kept(cpu):
        first, kept, held = faults(), faults(), resident() - start  # it takes some blocks until they fit
        raise KeyError
except KeyError:
    left = resident() - start
torch.zeros(64 * 2**20)  # larger than any block that was kept and may lie between others
print(kept / plain, held, left, resident() - start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there")
def test_kept_memory_is_used_again_and_goes_back_at_the_end_also_after_an_error():
    run = subprocess.run([sys.executable, "-c", KEEPING], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    kept, held, left, later = map(float, run.stdout.split())
    assert kept < 1 / 4
    assert held > 50
    assert left < 20
    # Large blocks go back at once again: but for one, at most, that malloc finds between small ones still in use.
    assert later < 64 + 20


# Two that keep it, of which the first one ends first: runs of two explorers do, or a train() in another cell.
TWO = """
import resource, torch
from helpers.training.devices import memory_kept

def resident():  # MB
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

first, second = memory_kept(torch.device("cpu")), memory_kept(torch.device("cpu"))
torch.zeros(16 * 2**20)
start, found = resident(), []
first.__enter__()
second.__enter__()
for last in (first, second):
    torch.zeros(16 * 2**20)
    last.__exit__(None, None, None)
    found.append(resident() - start)
print(*found)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there")
def test_memory_is_kept_until_the_last_of_several_has_ended():
    run = subprocess.run([sys.executable, "-c", TWO], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    held, left = map(float, run.stdout.split())
    assert held > 50
    assert left < 20


def test_where_it_does_not_help_memory_is_left_alone(monkeypatch):
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: pytest.fail("looked for malloc"))
    with memory_kept(torch.device("cuda")):
        pass


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: types.SimpleNamespace())
    with memory_kept(torch.device("cpu")):
        pass
