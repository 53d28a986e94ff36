"""How many bytes torch keeps for `backward`.

with kept_for_backward() as kept:
    logits = model(images)
    print(kept.bytes)         # as long as `logits` is there, and `backward` was not called
"""

import contextlib
import weakref

from torch.autograd.graph import saved_tensors_hooks


class Kept:
    """The tensors that are kept at this moment. `bytes` counts memory that several of them share once."""

    def __init__(self):
        self._alive = weakref.WeakSet()

    def add(self, tensor):
        own = tensor.detach()  # an object of its own, which lives as long as the graph needs it
        self._alive.add(own)
        return own

    @property
    def bytes(self):
        memory = (own.untyped_storage() for own in self._alive)
        return sum({each.data_ptr(): each.nbytes() for each in memory}.values())


@contextlib.contextmanager
def kept_for_backward():
    """Yields a Kept: what is computed inside the block is noted in it."""
    kept = Kept()
    with saved_tensors_hooks(kept.add, lambda own: own):
        yield kept
