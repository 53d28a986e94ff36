"""Several processes that train one network together, as torchrun starts them. Without torchrun: a group of one.

Each process works on its part of every batch, and the gradients of all are averaged before each step, so all take
the same step: the one that a single process would take with the whole batch. (BatchNorm's means are those of a part.)
"""

import contextlib
import os

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from helpers.training.devices import check_device


def workers():
    """(this process's number, counted from 0; how many there are)."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextlib.contextmanager
def group(device=None):
    """Join the processes that torchrun started, for a while; gives the device to compute on.

    CPUs talk through gloo and GPUs through nccl, one GPU to a process. Raises ValueError where the device is not there,
    or the machine has fewer GPUs than processes, and ConnectionError where they cannot meet. Without torchrun it only
    gives the device.
    """
    wanted, device = device, check_device(device)
    if "LOCAL_RANK" not in os.environ:
        yield device
        return
    if device.type == "mps":
        if wanted is not None:
            raise ValueError("Several processes cannot share an Apple GPU: use --device cpu, or one process.")
        device = torch.device("cpu")
    if device.type == "cuda":
        here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > gpus:
            raise ValueError(
                f"{here} processes need a GPU each, and this machine has {gpus}: use --nproc-per-node {gpus}, "
                "or --device cpu."
            )
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    try:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except RuntimeError as error:
        place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise ConnectionError(
            f"The processes could not meet at {place} ({str(error).splitlines()[0]}). If another program uses the "
            "port, use another: torchrun --master-port 29501 …"
        ) from None
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def data_parallel(model, device):
    """The model as all processes train it: they start from the first one's weights, and average their gradients."""
    if workers()[1] == 1:
        return model
    return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


def sync_buffers(model):
    """Give all processes the first one's buffers, such as BatchNorm's running means, which each has from its part."""
    if workers()[1] > 1:
        for buffer in model.buffers():
            distributed.broadcast(buffer, 0)


def share_of(batch):
    """This process's images, or labels, of a batch (B, ...): B / n of them, or one more where n does not divide B.

    All of them where the batch has fewer than n: no process is left with none, which many models cannot work on.
    """
    rank, count = workers()
    return batch.tensor_split(count)[rank] if len(batch) >= count else batch


def sum_over_processes(number):
    """The sum of a tensor over all processes."""
    if workers()[1] > 1:
        distributed.all_reduce(number)
    return number


@contextlib.contextmanager
def one_after_the_other():
    """The first process goes through this alone, then all others."""
    rank, count = workers()
    if rank > 0:
        distributed.barrier()
    yield
    if rank == 0 and count > 1:
        distributed.barrier()
