"""Walker events from real sockets to worker threads and back, with the native server alone."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from gates import gate
from in_process import App, loaded
from jac_cloud._native import Server
from jac_cloud.dispatcher import Dispatcher
from jac_cloud.overdue import Overdue
from support import Client, Json, eventually, eventually_async, scaled


class Dispatching:
    """A native server whose walker events are run; a token is the digits of a root."""

    def __init__(self, app: App, **options: Any) -> None:
        self.app = app
        self.server = Server({"host": "127.0.0.1", "port": 0})
        walkers = app.interpreter.walkers
        of_websocket = {name: spec for name, spec in walkers.items() if spec.websocket}
        self.server.set_walkers({name: spec.auth for name, spec in of_websocket.items()})
        self.overdue = Overdue(max_stuck=1)
        settings = {"workers": 2, "overdue": self.overdue, **options}
        self.dispatcher = Dispatcher(
            self.server.take_event, app.interpreter, of_websocket, **settings
        )
        self.server.start()
        self.dispatcher.start()
        self._tokens = threading.Thread(target=self._accept_tokens, daemon=True)
        self._tokens.start()

    def _accept_tokens(self) -> None:
        while (check := self.server.take_token_check()) is not None:
            check.accept(check.token, "user", "1", 0, 1 << 40)

    def stop(self) -> bool:
        gate.open()
        self.server.drain()
        ended = self.dispatcher.stop(time.monotonic() + scaled(20))
        self.server.stop(1.0)
        self.overdue.close(scaled(10))
        self._tokens.join(scaled(10))
        return ended

    @asynccontextmanager
    async def client(self, token: str | None = None) -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"ws://127.0.0.1:{self.server.port}/websocket"
        async with Client(await connect(url, additional_headers=headers, proxy=None)) as client:
            client.info = (await client.receive())["data"]
            yield client


@contextmanager
def dispatching(folder: Path, **options: Any) -> Iterator[Dispatching]:
    gate.reset()
    with loaded("dispatch", folder) as app:
        serving = Dispatching(app, **options)
        try:
            yield serving
        finally:
            assert serving.stop()
    # A worker says that it is through shortly before its thread is.
    eventually(lambda: not left_threads(), "no thread is left")


def left_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("jac-cloud")]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Dispatching]:
    with dispatching(tmp_path) as serving:
        yield serving


def event(walker: str, **fields: Any) -> dict[str, Any]:
    return {"type": "walker", "walker": walker, "response": True, **fields}


async def test_a_walker_is_run_and_answered(serving: Dispatching) -> None:
    async with serving.client() as client:
        answer = await client.ask(event("open_to_all", context={"val": 2**70}, id=7))
    assert answer == {
        "type": "walker",
        "walker": "open_to_all",
        "status": 200,
        "reports": [2**70],
        "id": 7,
    }


async def test_a_walker_runs_as_the_user_of_its_connection(serving: Dispatching) -> None:
    root = serving.app.root
    async with serving.client(root) as client:
        assert (await client.walker("for_users"))["reports"] == [root]
    async with serving.client() as client:
        answer = await client.ask(event("for_users"))
    assert (answer["code"], answer["error"]) == (
        "unauthenticated",
        "Event for_users requires to be authenticated!",
    )


@pytest.mark.parametrize("name", ["hidden", "posted", "nothing", "", "../x", "Counter", "x" * 999])
async def test_walkers_that_may_not_be_called_all_look_unknown(
    serving: Dispatching, name: str
) -> None:
    async with serving.client() as client:
        answer = await client.ask(event(name))
    assert answer["code"] == "unknown_walker"
    assert answer["error"] == "Invalid request! Please use valid walker event!"


async def test_an_input_that_does_not_fit_is_told_by_its_place(serving: Dispatching) -> None:
    async with serving.client() as client:
        answer = await client.ask(event("open_to_all", context={"val": "x"}))
    assert answer["code"] == "invalid_event"
    [detail] = answer["error"]
    assert detail["loc"] == ["context", "val"]


async def test_a_node_without_access_is_forbidden(serving: Dispatching) -> None:
    theirs = serving.app.other_user().root
    async with serving.client(serving.app.root) as client:
        answers = [await client.ask(event("for_users", node=node)) for node in (theirs, "f" * 32)]
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "forbidden"


@pytest.mark.parametrize("how", ["raise", "exit"])
async def test_a_walker_that_raises_is_answered_with_a_reference_into_the_log(
    serving: Dispatching, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    async with serving.client() as client:
        sent = await client.ask(event("raises", context={"how": how}, id="a"))
        answer = await client.receive()
        assert (await client.walker("open_to_all"))["reports"] == [0]
    # Sent at once; what was to wait for the commit is not sent at all.
    assert sent == {"type": "sent"}
    assert (answer["code"], answer["id"]) == ("walker_failed", "a")
    assert "secret" not in str(answer)
    assert answer["ref"] in {vars(record).get("ref") for record in caplog.records}


async def test_debugging_tells_the_message(tmp_path: Path) -> None:
    with dispatching(tmp_path, debug=True) as serving:
        async with serving.client() as client:
            await client.ask(event("raises"))
            answer = await client.receive()
    assert answer["error"] == "ValueError: secret detail"
    assert "Traceback" not in str(answer)


@pytest.mark.parametrize("walker", ["progress", "progress_later"])
async def test_progress_comes_in_order_and_before_the_reply(
    serving: Dispatching, walker: str
) -> None:
    async with serving.client() as client:
        steps = [await client.ask(event(walker)), await client.receive()]
        if walker == "progress":
            assert await client.receive() == {"type": "held"}
        answer = await client.receive()
    assert [step["step"] for step in steps] == [1, 2]
    assert answer["reports"] == ["done"]


async def test_64_connections_that_add_to_one_counter_end_at_the_sum(
    serving: Dispatching,
) -> None:
    async def add(client: Client) -> None:
        for _ in range(5):
            answer = await client.ask(event("add"))
            assert answer["status"] == 200, answer

    root = serving.app.root
    async with serving.client(root) as first:
        await first.ask(event("add"))
        clients = [serving.client(root) for _ in range(64)]
        opened = [await client.__aenter__() for client in clients]
        await asyncio.gather(*(add(client) for client in opened))
        for client in clients:
            await client.__aexit__(None, None, None)
        assert (await first.walker("total"))["reports"] == [321]


async def test_a_walker_that_runs_too_long_is_answered_and_its_work_dropped(
    tmp_path: Path,
) -> None:
    with dispatching(tmp_path, workers=1, walker_timeout=0.2) as serving:
        async with serving.client(serving.app.root) as client:
            answer = await client.ask(event("stands", id=1))
            assert (answer["code"], answer["id"]) == ("timeout", 1)
            # The one worker still stands at the gate: another has taken its place.
            assert await total(client) == [0]
            gate.open()
            await eventually_async(lambda: worker_count() == 1, "the late worker has ended")
            assert await total(client) == [0]


async def total(client: Client) -> Json:
    """What `total` reports, asked again while it is itself too late, as on a slow machine."""

    async def reports() -> Json:
        answer = await client.ask(event("total"))
        assert answer.get("code") in (None, "timeout"), answer
        return answer.get("reports")

    return await eventually_async(reports)


async def test_a_late_walker_that_raises_is_not_answered_twice(tmp_path: Path) -> None:
    with dispatching(tmp_path, workers=1, walker_timeout=0.2) as serving:
        async with serving.client() as client:
            assert (await client.ask(event("stands", context={"fail": True})))["code"] == "timeout"
            gate.open()
            await eventually_async(lambda: worker_count() == 1, "the late worker has ended")
            assert (await client.connection())["root_id"]


def worker_count() -> int:
    return sum(each.name == "jac-cloud-worker" for each in threading.enumerate())


async def test_stopping_waits_for_the_walker_that_runs(tmp_path: Path) -> None:
    with dispatching(tmp_path) as serving:
        async with serving.client(serving.app.root) as client:
            await client.send(event("stands"))
            await asyncio.to_thread(gate.wait_until_arrived)
            serving.server.drain()
            assert not serving.dispatcher.stop(time.monotonic())
            gate.open()
            assert (await client.receive())["status"] == 200
            eventually(lambda: worker_count() == 0, "the workers have ended")
