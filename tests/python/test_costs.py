"""Instructions of the hot path: a change that makes it dearer is seen, however busy the machine."""

from pathlib import Path

import pytest

import costs

WORKS = ["echo", "framing", "hub", "notify", "outbox", "parser", "reader"]


@pytest.fixture(scope="module")
def compiler() -> str:
    """Of the program, which is built when it is not up to date."""
    costs.build()
    return costs.ask("compiler")


def test_every_work_of_the_program_is_compared(compiler: str) -> None:
    assert costs.ask("list").split() == WORKS
    assert sorted(costs.recorded_for(compiler)[0]) == WORKS


@pytest.mark.parametrize("name", WORKS)
def test_a_turn_takes_the_instructions_that_are_recorded(
    name: str, compiler: str, tmp_path: Path
) -> None:
    recorded, near = costs.recorded_for(compiler)
    found = costs.count(name, tmp_path)
    assert found == pytest.approx(recorded[name], rel=near), (
        f"{name}: {found} instructions a turn, {recorded[name]} are recorded for {compiler}. "
        "If it is meant, see docs/performance.md and run: python tools/costs.py --record"
    )


def test_only_what_is_linked_into_the_program_counts() -> None:
    profile = """ob=(1) /bin/program
fn=(1) work
0 100
cob=(2) /lib/libc.so.6
cfn=(2) memcpy
calls=2 0
0 5000
+3 20
ob=(2)
fn=(2)
0 5000
ob=(1)
0 3
"""
    assert costs.own_instructions(profile.splitlines(), "/bin/program") == 123


def test_another_compiler_is_compared_with_room() -> None:
    assert costs.recorded_for("a compiler that nobody has")[1] == costs.NEAR_OTHERS
