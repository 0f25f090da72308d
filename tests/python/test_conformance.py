"""The protocol as others test it: Autobahn's suite, its quick classes."""

import os
import sys

import pytest

import autobahn
from support import REPOSITORY

CONFORMANCE = "tests/conformance"
ECHO_SERVER = os.environ.get(
    "ECHO_SERVER", str(REPOSITORY / "build" / "dev" / CONFORMANCE / "jac_echo_server")
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("arguments", [[], ["deflate"]], ids=["plain", "deflate"])
def test_the_sessions_of_the_server_pass_the_quick_cases_of_autobahn(arguments: list[str]) -> None:
    echo_server = [ECHO_SERVER, *arguments]
    cases = autobahn.run(autobahn.CASES["quick"], echo_server)
    assert len(cases) == autobahn.COUNTS["quick"]
    # The suite gives up on many a case after a second, which a busy machine may take.
    if again := bad_numbers(cases):
        cases = {**cases, **autobahn.run(again, echo_server)}
    assert autobahn.bad_cases(cases) == []


def bad_numbers(cases: autobahn.Cases) -> list[str]:
    return [case.partition(":")[0] for case in autobahn.bad_cases(cases)]


@pytest.mark.timeout(600)
def test_a_server_that_breaks_the_protocol_does_not_pass() -> None:
    """That the suite's verdict is read as it is meant: another echo server, with one fault."""
    faulty = [sys.executable, str(REPOSITORY / CONFORMANCE / "faulty_echo_server.py")]
    cases = autobahn.run(["3.*"], faulty)
    assert bad_numbers(cases) == ["3.1", "3.2", "3.3", "3.4", "3.5", "3.6"]
