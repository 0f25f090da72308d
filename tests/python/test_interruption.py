"""Ending code past its time: there and nowhere else, and nothing is watched afterwards."""

import collections
import heapq
import itertools
import random
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable
from types import CodeType

import pytest

from jac_cloud import interruption
from jac_cloud.deadline import Deadline
from jac_cloud.interruption import WalkerStopped
from support import eventually, scaled


@pytest.fixture(autouse=True)
def _raised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long this process is paused between what is raised and what is done about it."""
    monkeypatch.setattr(interruption, "_AGAIN_SECONDS", scaled(60))


def spin(rounds: int) -> int:
    done = 0
    for _ in range(rounds):
        done += 1
    return done


def interrupting(
    deadline: Deadline, inside: Callable[..., object] | None = None
) -> threading.Thread:
    """Interrupts until there is nothing left to interrupt, once the calling thread is `inside`."""
    thread = threading.get_ident()

    def interrupt() -> None:
        while inside is not None and inside.__code__ not in codes(thread):
            pass
        assert deadline.expire()
        while deadline.interrupt():
            pass

    return threading.Thread(target=interrupt)


def codes(thread: int) -> list[CodeType]:
    return [frame.f_code for frame, _ in traceback.walk_stack(sys._current_frames()[thread])]


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
    interrupter = interrupting(deadline, inside=textwrap.wrap)
    begun = ended = 0
    with pytest.raises(WalkerStopped), deadline.on_thread():  # noqa: PT012
        interrupter.start()
        while True:
            # A good while of Python in files of the library's, and counted on the same line: it is
            # rightly left where the next one begins.
            begun += 1; textwrap.wrap("word " * 50); ended += 1  # fmt: skip # noqa: E702
            spin(1)
    interrupter.join()
    assert begun == ended > 0


def one_line() -> None:
    while True: pass  # fmt: skip # noqa: E701 - a loop without a line of its own


def one_long_line() -> None:
    # Too long for a jump back by one byte.
    while True: LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG  # fmt: skip # noqa: B018, E501, E701


def loop_of_a_library() -> None:
    Stuck().randrange(1)


def generator_of_a_library() -> None:
    collections.deque(heapq.merge(itertools.repeat(1), itertools.repeat(2)), maxlen=0)


class Stuck(random.Random):
    """What it draws is never below one, so that it draws again."""

    getrandbits = staticmethod(int)


LONG = 1


@pytest.mark.parametrize(
    "loop", [one_line, one_long_line, loop_of_a_library, generator_of_a_library]
)
def test_a_loop_that_comes_to_no_line_of_the_app_is_left_with_its_handlers(
    loop: Callable[[], None],
) -> None:
    deadline = Deadline()
    interrupter = interrupting(deadline, inside=loop)
    lock = threading.Lock()
    cleaned: list[int] = []
    with pytest.raises(WalkerStopped), deadline.on_thread():  # noqa: PT012
        interrupter.start()
        try:
            with lock:
                loop()
        finally:
            cleaned.append(spin(1000))
    interrupter.join()
    assert cleaned == [1000]
    assert not lock.locked()


def test_handlers_around_a_loop_of_one_line_are_carried_out() -> None:
    deadline = Deadline()
    lock = threading.Lock()

    def hold() -> None:
        with lock:
            while True: pass  # fmt: skip # noqa: E701

    interrupter = interrupting(deadline, inside=hold)
    with pytest.raises(WalkerStopped), deadline.on_thread():  # noqa: PT012
        interrupter.start()
        hold()
    interrupter.join()
    assert not lock.locked()


def test_nothing_is_watched_once_nobody_is_late() -> None:
    events = sys.monitoring
    tool = next(tool for tool in (4, 3) if events.get_tool(tool) == "jac-cloud")
    assert events.get_local_events(tool, spin.__code__) == 0
