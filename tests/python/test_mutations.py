"""The seeded faults fit the code as it is, and one of them is seen; `make mutate` tries all."""

import os

import pytest

import mutate
from support import without_sanitizer

FAULTS = {fault.name: fault for fault in mutate.faults()}
PROTOCOL = [mutate.Check("tests/cpp/jac_protocol_tests", ("--gtest_fail_fast",))]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - without_sanitizer(os.environ).keys():
        monkeypatch.delenv(name)


def test_each_fault_is_one_place_of_the_code() -> None:
    assert len(FAULTS) >= 70
    for fault in FAULTS.values():
        assert fault.source()


def test_a_fault_is_seen_and_the_test_that_saw_it_named() -> None:
    seen = mutate.who_sees(FAULTS["surrogates-are-utf8"], PROTOCOL)
    assert seen is not None
    assert "Utf8" in seen


def test_a_change_that_changes_nothing_survives() -> None:
    """That a fault is not taken for seen because the building or the tests failed."""
    harmless = mutate.Fault(
        "harmless", "cpp/protocol/utf8.cpp", "missing_ = 3;", "missing_ = 1 + 2;"
    )
    assert mutate.who_sees(harmless, PROTOCOL) is None


def test_a_fault_that_does_not_fit_any_more_is_said() -> None:
    gone = mutate.Fault("gone", "cpp/protocol/utf8.cpp", "not there", "")
    with pytest.raises(ValueError, match="0 times, not once"):
        gone.source()
