"""The state that recurrent layers and cells are given: its layers, batch and features, and whether it is a pair."""

from torch import nn

from helpers.trace.changes import replaced, setting
from helpers.trace.finding import count, found
from helpers.trace.notes import Change, TensorNote, notes_in
from helpers.trace.rules import made


def state(run, step):
    layer = step.layer
    if not isinstance(layer, (nn.RNNBase, nn.RNNCellBase)) or not step.args or not isinstance(step.args[0], TensorNote):
        return
    given = step.args[1] if len(step.args) > 1 else step.kwargs.get("hx")
    notes, shape = notes_in(given), step.shape
    if not notes or len(shape) not in (2, 3):
        return
    is_pair = isinstance(layer, (nn.LSTM, nn.LSTMCell))
    if is_pair == isinstance(given, TensorNote):
        yield _pair(step, notes[0], is_pair)
        return
    wanted = _wanted(layer, shape, getattr(layer, "batch_first", False))
    other = next((note for note, fitting in zip(notes, wanted, strict=False) if note.shape != fitting), None)
    if other is None:
        return
    fitting = wanted[[note is other for note in notes].index(True)]
    what = f"{step.label}: its state is {other.shape}, and with {shape} it wants {fitting}."
    changes = _changes(run, step, notes, wanted, is_pair)
    yield found(step, "state", what, other.shape, fitting, _why(layer, shape), *changes)


def _wanted(layer, shape, batch_first):
    """The shapes of the state, for an input of this shape: one, or those of a pair."""
    batch = shape[:-1]
    if isinstance(layer, nn.RNNCellBase):
        return [(*batch, layer.hidden_size)] * 2
    if len(shape) == 3:
        batch = shape[:1] if batch_first else shape[1:2]
    layers = layer.num_layers * (2 if layer.bidirectional else 1)
    return [(layers, *batch, layer.proj_size or layer.hidden_size), (layers, *batch, layer.hidden_size)]


def _why(layer, shape):
    if isinstance(layer, nn.RNNCellBase):
        return "A cell's state has a row for each row that arrives."
    why = f"A state is (layers, N, features), with {count(layer.num_layers, 'layer')}"
    why += " in two directions." if layer.bidirectional else "."
    if len(shape) < 3:
        return why.replace(", N", "")
    first, second = ("sequences", "places") if layer.batch_first else ("places", "sequences")
    batch_first = "With" if layer.batch_first else "Without"
    return f"{why} {batch_first} batch_first=True, {shape} is read as {shape[0]} {first} and {shape[1]} {second}."


def _changes(run, step, notes, wanted, is_pair):
    layer, shape = step.layer, step.shape
    shapes = [note.shape for note in notes]
    if isinstance(layer, nn.RNNBase) and len(shape) == 3:
        swapped = not layer.batch_first
        if shapes == _wanted(layer, shape, swapped)[: len(shapes)]:
            yield setting(step, batch_first=swapped)
    yield _all([made.refitted(run, note, fitting) for note, fitting in zip(notes, wanted, strict=False)])
    batch = "len(x)" if getattr(layer, "batch_first", True) else "x.shape[1]"
    for text, do in _ways(notes[0].shape, wanted[0], batch):
        yield _given(step, notes, is_pair, text, do)
    if shapes[0][:-1] == wanted[0][:-1] and notes[0].is_data:
        yield replaced(step, hidden_size=shapes[0][-1])
    if not any(note.is_data for note in notes):
        text = f"{step.label}(x) instead of {step.label}(x, {_written(_names(notes), is_pair)})"
        yield Change(text, calls={step.call: lambda function, args, kwargs, last: function(args[0])})


def _all(changes):
    """The changes together, each once; None where one cannot be made."""
    together = {} if None in changes else {change.text: change for change in changes}
    return list(together.values()) or None


def _ways(shape, wanted, batch):
    """[(how, the same as a function)] that make a state of one shape into one of another; `batch` as it is written."""
    if len(shape) == 3 and (shape[1], shape[0], shape[2]) == wanted:
        yield ".transpose(0, 1)", lambda h: h.transpose(0, 1).contiguous()
    if (1, *shape) == wanted:
        yield ".unsqueeze(0)", lambda h: h.unsqueeze(0)
    if shape == (1, *wanted):
        yield ".squeeze(0)", lambda h: h.squeeze(0)
    if len(shape) == len(wanted) and shape[0] > wanted[0] and shape[1:] == wanted[1:]:
        yield f"[-{wanted[0]}:]", lambda h: h[-wanted[0] :]
    if len(shape) == len(wanted) and all(a in (1, b) for a, b in zip(shape, wanted, strict=True)):
        sizes = ["-1" if a == b else str(b) for a, b in zip(shape, wanted, strict=True)]
        if shape[-2] != wanted[-2]:
            sizes[-2] = batch
        sizes = ", ".join(sizes)
        yield f".expand({sizes}).contiguous()", lambda h: h.expand(wanted).contiguous()


def _given(step, notes, is_pair, text, do):
    """The layer called with something done to its state: `lstm(x, (h[-1:], c[-1:])) instead of lstm(x, (h, c))`."""
    names = _names(notes)
    before, after = (_written(parts, is_pair) for parts in (names, [name + text for name in names]))
    call = _with_state(lambda state: tuple(map(do, state)) if is_pair else do(state))
    return Change(f"{step.label}(x, {after}) instead of {step.label}(x, {before})", calls={step.call: call})


def _names(notes):
    return [note.parameter or name for note, name in zip(notes, "hc", strict=False)]


def _written(parts, is_pair):
    return f"({', '.join(parts)})" if is_pair else parts[0]


def _with_state(do):
    """The call with something done to the state."""
    return lambda function, args, kwargs, last: function(args[0], do(kwargs["hx"] if "hx" in kwargs else args[1]))


def _pair(step, note, is_pair):
    """One tensor where a pair is wanted, or a pair where one is."""
    kind = type(step.layer).__name__
    name = note.parameter or "h"
    if is_pair:
        what = f"{step.label}: one tensor, {note.shape}, is given for its state, and {kind} wants two: (h, c)."
        why = f"An {kind} carries h, what it returns, and c, what it remembers."
        after, do = f"({name}, torch.zeros_like({name}))", lambda h: (h, h.new_zeros(h.shape))
        before, got, wanted = name, note.shape, "(h, c)"
    else:
        what = f"{step.label}: a pair is given for its state, and {kind} wants one tensor."
        why = "Only an LSTM has two, h and c."
        after, do = "h[0]", lambda h: h[0]
        before, got, wanted = "h", "two tensors", "one tensor"

    change = Change(
        f"{step.label}(x, {after}) instead of {step.label}(x, {before})", calls={step.call: _with_state(do)}
    )
    return found(step, "state", what, got, wanted, why, change)
