"""The states of a model that a ModelExplorer has seen: the present one, and those that were kept while it trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

NOW = "now"
MOST = 24  # states kept
LARGEST = 512_000_000  # bytes, of all together


@dataclass(eq=False)
class Version:
    """One state: its number, which no other has, what it is called, and the Inside of its run."""

    number: int
    label: str
    inside: Any

    @cached_property
    def told(self) -> dict:
        """What the page is told of it."""
        from helpers.inside.told import told

        return told(self.inside, self.number)

    @cached_property
    def largest(self) -> dict:
        """{(place, name, shape): the largest size of a number}, of each block that is drawn."""
        from helpers.inside.maps import largest

        drawn = [(place, block) for place, block in enumerate(self.inside.blocks) if place and block.sizes]
        return {(place, block.name, block.shape): largest(block) for place, block in drawn}

    def cell(self, block, image, place) -> dict:
        """The answer for one number."""
        from helpers.inside.cells import cell

        return {"ask": "cell", "version": self.number} | cell(self.inside, block, image, place)

    def maps(self, block) -> tuple[dict, bytes]:
        """All maps of a block, of all images: how they are drawn, and their bytes."""
        from helpers.inside.maps import whole

        told = whole(self.inside.blocks[block])
        numbers = told.pop("bytes")
        return {"version": self.number} | told | {"maps": block}, numbers

    def strongest_cell(self, block, image) -> list[int]:
        """The (map, row, column) of the largest number that a block makes of an image."""
        from helpers.inside.told import strongest_cell

        drawn = self.inside.blocks[block]
        return strongest_cell(drawn, image) if drawn.sizes else [0, 0, 0]


class Versions:
    """States in the order in which they came. The one called "now" gives way to the next; the others stay."""

    def __init__(self, model, images):
        self._model, self._images = model, images
        self.all: list[Version] = []
        self._count = self._epochs = 0

    @property
    def labels(self) -> list[str]:
        return [version.label for version in self.all]

    def named(self, label) -> Version:
        return self.all[self.labels.index(label)]

    def limits(self, version) -> dict:
        """{"1": the largest size of a number, …}: for each block of a version, of all states that have this block."""
        states = [each.largest for each in self.all]
        return {str(block[0]): max(each[block] for each in states if block in each) for block in version.largest}

    def keep(self) -> Version:
        """Run the model as it is now, as one more epoch; what was there before the first is kept, too."""
        if not self._epochs:
            self.all = [Version(each.number, "before", each.inside) for each in self.all]
        self._epochs += 1
        return self.add(f"epoch {self._epochs}")

    def add(self, label=NOW) -> Version:
        """Run the model as it is now."""
        from helpers.inside.run import look

        inside = look(self._model, self._images)
        self._count += 1
        self.all = [*(each for each in self.all if each.label != NOW), Version(self._count, label, inside)]
        while len(self.all) > 2 and (len(self.all) > MOST or sum(each.inside.bytes for each in self.all) > LARGEST):
            self.all = [*self.all[:-1:2], self.all[-1]]
        return self.all[-1]
