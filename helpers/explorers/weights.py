"""What explorers with an editable kernel share in Python: taking one in, or saying why not."""

from __future__ import annotations

from collections.abc import Callable, Container


def checked_rows(weight, sizes: Container[int], wanted: str, number: Callable) -> list[list]:
    """A square kernel of one of these sizes as rows, each weight passed through `number`; `wanted` describes it.

    Takes rows in lists or tuples, arrays and tensors. Raises ValueError for another shape.
    """
    rows = weight.tolist() if hasattr(weight, "tolist") else weight
    lines = rows if isinstance(rows, list | tuple) else []
    widths = [len(line) if isinstance(line, list | tuple) else None for line in lines]
    if len(lines) not in sizes or widths != [len(lines)] * len(lines):
        raise ValueError(f"weight wants {wanted}, but got {rows!r}.")
    return [[number(weight) for weight in line] for line in lines]
