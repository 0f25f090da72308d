"""Turns of units of work that want to change the same thing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import jac_cloud.turns
from jac_cloud.turns import Turns
from support import scaled


def test_those_who_want_the_same_thing_go_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The last of them waits for all the others.
    monkeypatch.setattr(jac_cloud.turns, "_MOST_SECONDS", scaled(30))
    turns, inside = Turns(), []

    def go() -> bool:
        with turns.of("counter") as has_come:
            inside.append(True)
            alone = len(inside) == 1
            inside.pop()
            return alone and has_come

    with ThreadPoolExecutor(8) as pool:
        going = [pool.submit(go) for _ in range(200)]
        assert all(each.result() for each in going)
    assert not turns._turns


def test_those_who_want_different_things_do_not_wait() -> None:
    turns = Turns()
    with turns.of("one") as first, turns.of("other") as second:
        assert first
        assert second


def test_who_has_waited_too_long_goes_on_without_a_turn() -> None:
    turns, entered, leave = Turns(), threading.Event(), threading.Event()

    def stay() -> None:
        with turns.of("counter"):
            entered.set()
            leave.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(stay)
        entered.wait()
        with turns.of("counter") as has_come:
            assert not has_come
        leave.set()
    with turns.of("counter") as has_come:
        assert has_come
