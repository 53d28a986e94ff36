"""Ctrl + C, or a notebook's stop button, in the middle of what must be done whole."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def uninterrupted():
    """An interrupt waits until this is done."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # only the main thread is interrupted; what is no function of Python's is not ours to call
        return
    came = []
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        before(*came[0])
