"""An interrupt waits until what must be whole is done; then it is as if it had come just there."""

import signal
import threading

import pytest

from helpers.interrupts import uninterrupted

pytestmark = pytest.mark.usefixtures("interruptible")


def test_an_interrupt_comes_when_all_is_done():
    done = []

    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("all of it")
        done.append("what comes after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]
    with pytest.raises(KeyboardInterrupt):  # and the next one comes at once
        signal.raise_signal(signal.SIGINT)


def test_an_error_is_heard_before_an_interrupt():
    before = signal.getsignal(signal.SIGINT)

    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_and_ignored_interrupts_are_left_alone():
    done = []

    def work():
        with uninterrupted():
            done.append(threading.current_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [thread, threading.main_thread()]
