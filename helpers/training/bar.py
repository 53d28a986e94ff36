"""The progress bar of a training."""

import sys
import time

from tqdm import tqdm

from helpers.training.parallel import workers


class Bar(tqdm):
    """A progress bar over all epochs. On a CPU it also shows loss and accuracy while an epoch runs."""

    monitor_interval = 0  # no second thread that watches the bar: it is told of every batch
    EVERY = 0.25  # seconds

    def __init__(self, images, device, progress):
        look = {"unit": " images", "unit_scale": True, "miniters": 1, "ncols": 110, "file": sys.stdout}
        super().__init__(total=images, disable=not progress or workers()[0] > 0, **look)
        # A GPU would have to finish all that is queued first, and other processes to do the same at the same time.
        self.live = device.type == "cpu" and workers()[1] == 1

    def follow(self, steps, meter):
        """Add all steps of an epoch to the meter, and show it; returns its (loss, accuracy)."""
        shown = time.perf_counter()
        for step in steps:
            meter.add(step)
            self.update(step.images)
            if self.live and time.perf_counter() - shown > self.EVERY:
                self.tell(*meter.read())
                shown = time.perf_counter()
        loss, accuracy = meter.read()
        self.tell(loss, accuracy)
        return loss, accuracy

    def tell(self, loss, accuracy):
        self.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}")
