"""Call a learner's function: what it prints is caught, an exception is explained, an endless loop is stopped."""

import contextlib
import ctypes
import inspect
import io
import linecache
import re
import threading
import traceback
from typing import NamedTuple

SECONDS = 5  # for one call
SHOWN = 300  # characters of what is printed; four times as many of an error


class Called(NamedTuple):
    """What came of a call: the value it returned, or the error as text; and what was printed meanwhile."""

    value: object = None
    error: str = ""
    printed: str = ""
    is_unwritten: bool = False  # the three dots of the lesson still stand in it


def called(function, arguments, observe=None, seconds=SECONDS):
    """What came of function(*arguments): a Called. With `observe`, of observe(function, *arguments)."""

    def watched(*given):
        value = function(*given)
        if value is ... or (isinstance(value, tuple) and any(part is ... for part in value)):
            raise _Unwritten
        return value

    call = watched if observe is None else lambda *given: observe(watched, *given)
    printed, value, error, is_unwritten = _Printed(), None, "", False
    try:
        with contextlib.redirect_stdout(printed), _time_limit(seconds):
            value = call(*arguments)
    except _Unwritten:
        is_unwritten = True
    except _TookTooLong:
        error = f"It was stopped after {seconds:g} seconds. Does a loop in it never end?"
    except KeyboardInterrupt:  # the stop button
        raise
    except BaseException as raised:  # whatever the learner's function does, the lesson goes on
        words = _words(raised, seconds)
        is_unwritten = bool(re.search(r"'ellipsis'|\b(a|of) ellipsis\b", words))
        error = words + _place(raised, function)
    return Called(value, error, printed.text, is_unwritten)


def takes_others(function, names):
    """A sentence if the function cannot be called with arguments of these names, in this order; else ""."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # written in C, or with a signature that is none: the call will say so
        return ""
    try:
        signature.bind(*names)
    except TypeError:
        count = f"{len(names)} argument{'s' * (len(names) != 1)}"
        called_as = getattr(function, "__name__", type(function).__name__)
        return f"It is called with {count}, ({', '.join(names)}), but yours is `{called_as}{signature}`."
    return ""


class _Printed(io.TextIOBase):
    """The first characters of what is printed; an endless loop must not fill the memory."""

    text = ""

    def write(self, text):
        self.text = (self.text + text)[: SHOWN + 1]
        return len(text)

    def close(self):
        """Stays open, also if the learner's function closes it."""


class _Unwritten(BaseException):
    """The function returned the three dots of the lesson."""


class _TookTooLong(BaseException):
    """No Exception: `except Exception` in the learner's loop must not catch it."""


@contextlib.contextmanager
def _time_limit(seconds):
    """Raises _TookTooLong in this thread, at its next step in Python, after `seconds`.

    Python has no other way that works on every system, in every thread, and in a loop of one line. It is raised again
    and again, for the loop may catch it. What waits outside Python (time.sleep, one huge number) ends only by itself.
    """
    thread, waking = ctypes.c_ulong(threading.get_ident()), threading.Event()
    is_over = has_fired = False

    def stop():
        nonlocal has_fired
        pause = seconds
        while not waking.wait(pause) and not is_over:
            pause, has_fired = 0.01, True
            _raise_in(thread)

    def settle():
        waking.set()
        if stopper.ident is not None:  # it was started
            stopper.join()
        if has_fired:
            # One that is taken back before it comes leaves a flag set in Python 3.11 and 3.12: a debugger then hangs,
            # and every call is slower. One that comes takes the flag away.
            _raise_in(thread)
            while True:
                pass

    stopper = threading.Thread(target=stop, daemon=True)
    try:
        with contextlib.suppress(RuntimeError):  # a machine may have no room for a thread: then there is no limit
            stopper.start()
        yield
    finally:
        is_over = True  # first of all, in one step: from here on one may be on its way, and one more, and no other
        try:
            settle()
        except _TookTooLong:
            try:
                settle()
            except _TookTooLong:
                with contextlib.suppress(_TookTooLong):
                    settle()


def _raise_in(thread):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_TookTooLong))


def _words(error, seconds):
    """The exception's own words, not too many; its name alone if it takes too long over them."""
    try:
        with _time_limit(seconds):
            words = "".join(traceback.format_exception_only(error)).strip()
    except _TookTooLong:
        words = type(error).__name__
    return words if len(words) <= 4 * SHOWN else words[: 4 * SHOWN] + " …"


def _place(error, function):
    """The line of the learner's function where the exception came up; "" where it is not known."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    places = [place for place in traceback.extract_tb(error.__traceback__) if place.filename == file]
    if not places:
        return ""
    return f"\nin line {places[-1].lineno}: {linecache.getline(file, places[-1].lineno).strip()}"
