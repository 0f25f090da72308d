"""Ending code past its time: there and nowhere else, and nothing is watched afterwards."""

import random
import sys
import textwrap
import threading

import pytest

from jac_cloud.deadline import Deadline
from jac_cloud.interruption import WalkerStopped
from support import eventually


def spin(rounds: int) -> int:
    done = 0
    for _ in range(rounds):
        done += 1
    return done


def interrupting(deadline: Deadline) -> threading.Thread:
    """Interrupts until there is nothing left to interrupt."""

    def interrupt() -> None:
        assert deadline.expire()
        while deadline.interrupt():
            pass

    return threading.Thread(target=interrupt)


def test_what_a_thread_does_next_is_never_hit() -> None:
    chance = random.Random(3)
    stopped = 0
    for _ in range(100):
        deadline = Deadline()
        interrupter = interrupting(deadline)
        try:
            with deadline.on_thread():
                interrupter.start()
                spin(chance.randrange(300_000))
        except WalkerStopped:
            stopped += 1
        # The same code, and no longer late.
        assert spin(2000) == 2000
        interrupter.join()
        assert spin(10) == 10
    assert stopped > 0


def test_another_thread_in_the_same_code_is_not_hit() -> None:
    over = threading.Event()
    counted: list[int] = []

    def innocent() -> None:
        while not over.is_set():
            counted.append(spin(1000))

    other = threading.Thread(target=innocent)
    other.start()
    for _ in range(20):
        deadline = Deadline()
        interrupter = interrupting(deadline)
        with pytest.raises(WalkerStopped), deadline.on_thread():  # noqa: PT012
            interrupter.start()
            spin(sys.maxsize)
        interrupter.join()
    before = len(counted)
    eventually(lambda: len(counted) > before, "the other one goes on")
    over.set()
    other.join()
    assert set(counted) == {1000}


def test_what_is_done_about_it_has_time_before_it_is_raised_again() -> None:
    deadline = Deadline()
    interrupter = interrupting(deadline)
    cleaned: list[int] = []
    with pytest.raises(WalkerStopped), deadline.on_thread():  # noqa: PT012
        try:
            interrupter.start()
            spin(sys.maxsize)
        finally:
            cleaned.append(spin(1000))
    interrupter.join()
    assert cleaned == [1000]


def test_no_library_is_left_in_the_middle() -> None:
    deadline = Deadline()
    interrupter = interrupting(deadline)
    begun = ended = 0
    with pytest.raises(WalkerStopped), deadline.on_thread():  # noqa: PT012
        interrupter.start()
        while True:
            begun += 1
            # A good while of Python in files of the library's.
            textwrap.wrap("word " * 50)
            ended += 1
    interrupter.join()
    assert begun == ended


def test_nothing_is_watched_once_nobody_is_late() -> None:
    events = sys.monitoring
    tool = next(tool for tool in (4, 3) if events.get_tool(tool) == "jac-cloud")
    assert events.get_local_events(tool, spin.__code__) == 0
