"""Walkers that do what they should not: their caller is told, and nobody else notices."""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest

from conftest import Serve
from figures import OPEN, Figures
from support import Json, ServerProcess, eventually, eventually_async

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
# Events of the log.
STUCK = "walker stuck"
STUCK_NO_MORE = "a stuck walker has ended"

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
    late, calls = overdue(server), calls_ended(server, walker)
    answer = await ask(walker, **context)
    assert answer["code"] == "timeout"

    def has_ended() -> bool:
        # Its own call: among those that are late, one of `in_time` may be counted only now.
        own = calls_ended(server, walker) == calls + 1
        return own and overdue(server) > late and stuck(server) == 0

    eventually(has_ended, "it has ended")
    assert (await in_time(ask, "marks"))["reports"] == []


async def in_time(ask: Ask, walker: str) -> Json:
    """The answer of a walker that has little to do, and may do it again: the server's limit is so
    short that on a slow machine it may be late.
    """

    async def answer() -> Json:
        found = await ask(walker)
        return None if found.get("code") == "timeout" else found

    return await eventually_async(answer, f"{walker} in time", 30)


async def stands(server: ServerProcess, ask: Ask, number: int) -> None:
    """Returns when so many stand, one more than before. On a slow machine the time of one may be
    up before it stands, and it is ended like any other.
    """

    async def one_more() -> bool:
        calls = calls_ended(server, "stands")

        def is_ended() -> bool:
            return calls_ended(server, "stands") > calls

        assert (await ask("stands"))["code"] == "timeout"
        eventually(lambda: stuck_are(server, number) or is_ended(), "it is reported")
        return not is_ended()

    await eventually_async(one_more, "it stands", 30)


async def test_one_that_cannot_be_ended_is_reported_and_replaced_up_to_the_bound(
    server: ServerProcess, ask: Ask
) -> None:
    of_stands = partial(logged, server, walker="stands")
    stuck_before, ended_before = len(of_stands(STUCK)), len(of_stands(STUCK_NO_MORE))
    await in_time(ask, "holds_again")
    for number in (1, 2):
        await stands(server, ask, number)
    # Both workers of the transport stand; two others have taken their places. One more is too many.
    await stands(server, ask, 3)
    assert (await in_time(ask, "marks"))["reports"] == []
    eventually(lambda: len(of_stands(STUCK)) >= stuck_before + 3, "it is in the log")
    lines = of_stands(STUCK)[stuck_before:]
    assert all(line["at"].startswith("misbehaving.jac:") for line in lines)
    assert [line["replaced"] for line in lines] == [True, True, False]
    await in_time(ask, "lets_go")
    eventually(partial(stuck_are, server, 0), "all have returned")
    eventually(lambda: len(of_stands(STUCK_NO_MORE)) == ended_before + 3, "it is in the log")
    # All that this server has ever had, each counted once and for good.
    eventually(
        lambda: overdue(server, result="stuck") == len(logged(server, STUCK)), "they are counted"
    )
    # What they did is dropped, and there are as many workers as before.
    assert (await in_time(ask, "marks"))["reports"] == []

    async def workers_are_as_before() -> bool:
        # Whose place was taken is gone a moment after its walker.
        names = (await in_time(ask, "threads"))["reports"][0]
        return all(names.count(name) == 2 for name in ("jac-cloud-worker", "jac-cloud-rest"))

    await eventually_async(workers_are_as_before, "as many workers as before")


async def test_a_forked_child_that_comes_out_of_its_walker_ends_and_commits_nothing(
    patient: ServerProcess, transport: str
) -> None:
    # To fork takes long under a sanitizer, whose tables are copied.
    ask = asking(patient, transport)
    answer = await ask("forks")
    assert answer["reports"] == [0]
    assert (await ask("marks", wiped=True))["reports"] == ["forked"]


def logged(server: ServerProcess, event: str, **fields: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.log().splitlines() if event in line]
    return [line for line in lines if line["event"] == event and fields.items() <= line.items()]


def calls_ended(server: ServerProcess, walker: str) -> float:
    return Figures(server)("walker_calls_total", walker=walker)


def overdue(server: ServerProcess, **labels: str) -> float:
    return Figures(server)("walkers_overdue_total", **labels)


def stuck(server: ServerProcess) -> float:
    return Figures(server)("walkers_stuck")


def stuck_are(server: ServerProcess, number: int) -> bool:
    return stuck(server) == number
