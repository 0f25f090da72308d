"""Walkers that do what they should not: their caller is told, and nobody else notices."""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from conftest import Serve
from figures import OPEN, Figures
from support import Json, ServerProcess, eventually

ERRS = (
    "raise",
    "exit",
    "interrupt",
    "leave_generator",
    "recurse",
    "half_character",
    "not_a_number",
    "itself",
    "notify_much",
    "notify_object",
    "allocate",
)
LOOPS = (
    "forever",
    "call",
    "function",
    "generator",
    "recursion",
    "graph",
    "caught",
    "swallowed",
    "cleanup",
    "once",
    "library",
    "merge",
)
WAITS = ("sleep", "spin", "busy", "stubborn")

type Ask = Callable[..., Awaitable[Json]]


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module(
        "misbehaving",
        workers=2,
        walker_timeout=0.2,
        max_stuck_walkers=2,
        log_format="json",
        drain_timeout=0.1,
        **OPEN,
    )


@pytest.fixture(scope="module")
def patient(serve_module: Serve) -> ServerProcess:
    """A server that lets walkers take their time."""
    return serve_module("misbehaving", workers=2)


@pytest.fixture(params=["websocket", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def by_websocket(ways: Sequence[str]) -> list[tuple[str, str]]:
    """What is the same for both transports is tried with one."""
    return [("websocket", how) for how in ways]


@pytest.fixture
def ask(server: ServerProcess, transport: str) -> Ask:
    return asking(server, transport)


def asking(server: ServerProcess, transport: str) -> Ask:
    """What calls a walker and gives its answer."""

    async def by_websocket(walker: str, **context: Any) -> Json:
        async with await server.websocket() as client:
            event = {"type": "walker", "walker": walker, "context": context, "response": True}
            answer = await client.ask(event)
            # The connection goes on, and nothing else was sent.
            await client.connection()
            return answer

    async def by_rest(walker: str, **context: Any) -> Json:
        with server.http() as http:
            return http.post(f"/walker/{walker}", json=context).json()

    return by_websocket if transport == "websocket" else by_rest


@pytest.mark.parametrize("how", ERRS)
async def test_a_walker_that_fails_is_told_so_and_the_worker_lives_on(
    patient: ServerProcess, transport: str, how: str
) -> None:
    ask = asking(patient, transport)
    answer = await ask("errs", how=how)
    assert answer["code"] == "walker_failed"
    for internal in ("Traceback", "internal detail", ".jac", ".py"):
        assert internal not in str(answer)
    eventually(lambda: answer["ref"] in patient.log(), "it is in the log")
    for _ in range(3):
        assert (await ask("marks"))["reports"] == []


@pytest.mark.parametrize(("transport", "how"), [*by_websocket(LOOPS), ("rest", LOOPS[0])])
async def test_a_loop_past_its_time_is_ended(server: ServerProcess, ask: Ask, how: str) -> None:
    await is_ended(server, ask, "loops", how=how)


@pytest.mark.parametrize("transport", ["websocket"])
async def test_a_walker_that_goes_round_in_the_graph_is_ended(
    server: ServerProcess, ask: Ask
) -> None:
    await is_ended(server, ask, "goes_round")


@pytest.mark.parametrize(("transport", "how"), [*by_websocket(WAITS), ("rest", WAITS[0])])
async def test_an_async_walker_past_its_time_is_ended(
    server: ServerProcess, ask: Ask, how: str
) -> None:
    await is_ended(server, ask, "waits", how=how)


async def is_ended(server: ServerProcess, ask: Ask, walker: str, **context: str) -> None:
    before = overdue(server)
    answer = await ask(walker, **context)
    assert answer["code"] == "timeout"
    eventually(lambda: overdue(server) == before + 1 and stuck(server) == 0, "it has ended")
    assert (await ask("marks"))["reports"] == []


async def test_one_that_cannot_be_ended_is_reported_and_replaced_up_to_the_bound(
    server: ServerProcess, ask: Ask
) -> None:
    before = overdue(server, result="stuck")
    await ask("holds_again")
    for number in range(1, 3):
        answer = await ask("stands")
        assert answer["code"] == "timeout"
        eventually(partial(stuck_are, server, number), "it is reported")
    # Both workers of the transport stand; two others have taken their places. One more is too many.
    assert (await ask("stands"))["code"] == "timeout"
    eventually(partial(stuck_are, server, 3), "it is reported")
    assert (await ask("marks"))["reports"] == []
    eventually(lambda: server.log().count("walker stuck") >= 3, "it is in the log")
    lines = [json.loads(line) for line in server.log().splitlines() if "walker stuck" in line]
    assert all(line["at"].startswith("misbehaving.jac:") for line in lines)
    assert [line["replaced"] for line in lines[-3:]] == [True, True, False]
    await ask("lets_go")
    eventually(partial(stuck_are, server, 0), "all have returned")
    assert overdue(server, result="stuck") == before + 3
    eventually(lambda: "a stuck walker has ended" in server.log(), "it is in the log")
    # What they did is dropped, and there are as many workers as before.
    assert (await ask("marks"))["reports"] == []
    for name in ("jac-cloud-worker", "jac-cloud-rest"):
        assert (await ask("threads"))["reports"][0].count(name) == 2


async def test_a_forked_child_that_comes_out_of_its_walker_ends_and_commits_nothing(
    patient: ServerProcess, transport: str
) -> None:
    # To fork takes long under a sanitizer, whose tables are copied.
    ask = asking(patient, transport)
    answer = await ask("forks")
    assert answer["reports"] == [0]
    assert (await ask("marks", wiped=True))["reports"] == ["forked"]


def overdue(server: ServerProcess, **labels: str) -> float:
    return Figures(server)("walkers_overdue_total", **labels)


def stuck(server: ServerProcess) -> float:
    return Figures(server)("walkers_stuck")


def stuck_are(server: ServerProcess, number: int) -> bool:
    return stuck(server) == number
