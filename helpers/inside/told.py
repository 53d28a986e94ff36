"""All that a page is told of one run, as plain dicts, lists and bytes."""

import json
from dataclasses import asdict

import torch

from helpers.inside import maps
from helpers.inside.cells import cell, in_words
from helpers.inside.run import place
from helpers.trace.changes import written

CELLS = 120_000  # characters of answers that are sent unasked
MOST = 64  # maps whose order is told


def told(inside, version):
    """{"chain", "scores", "maps", "kernels", "rows", "zeros", "strongest", "cells", "problem"} of an Inside."""
    scores, drawn = inside.scores, [(str(at), block) for at, block in enumerate(inside.blocks) if at and block.sizes]
    return {
        "chain": [_block(block) for block in inside.blocks],
        "scores": [] if scores is None else in_words(scores.tolist()),
        "maps": {"version": version, "blocks": maps.drawn(inside)},
        "kernels": maps.kernels(inside),
        "rows": maps.rows(inside),
        "zeros": {at: zeros for at, block in drawn if (zeros := maps.zeros(block))},
        "strongest": {at: maps.strongest(block)[:MOST] for at, block in drawn},
        "cells": _cells(inside, version),
        "problem": asdict(inside.problem) if inside.problem else {},
    }


def key(block, image, where):
    """The name of an answer in "cells"."""
    return ",".join(map(str, (block, image, *where)))


def strongest_cell(block, image):
    """The (map, row, column) of the largest number that a block makes of an image."""
    largest = block.values[image].nan_to_num(-torch.inf).argmax()
    return place([int(at) for at in torch.unravel_index(largest, block.shape)])


def _block(block):
    layer = block.seen.step.layer if block.seen else None
    return {
        "name": block.name,
        "kind": block.kind,
        "text": block.name if layer is None else f"{block.name}  {block.kind}",
        "call": block.name if layer is None else written(layer),
        "shape": list(block.shape),
        "inputs": block.inputs,
        "opens": block.opens,
        "numbers": block.numbers,
        "note": block.note,
        "parameters": block.parameters,
        "formula": block.formula,
    }


def _cells(inside, version):
    """The strongest cell of each block, for one image after the other while there is room: also without a kernel."""
    answers, room = {}, CELLS
    for image in range(inside.count):
        for block, drawn in enumerate(inside.blocks):
            if block and drawn.sizes:
                where = strongest_cell(drawn, image)
                answer = cell(inside, block, image, where) | {"ask": "cell", "version": version}
                room -= len(json.dumps(answer))
                if room < 0:
                    return answers
                answers[key(block, image, where)] = answer
    return answers
