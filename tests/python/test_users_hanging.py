"""A users' database that takes connections and answers nothing, and one that is locked."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError
from websockets.exceptions import InvalidStatus

from conftest import Serve
from figures import OPEN, Figures, comes_true
from jac_cloud.patience import DEADLINE, DatabaseSilent, Patience
from postgresql import Postgresql
from support import ServerProcess, eventually, scaled

PASSWORD = "correct horse battery"
ACCOUNT = {"email": "ada@example.com", "password": PASSWORD}
# Few threads, which as many askers would hold, and far fewer than who would wait one by one.
SMALL: dict[str, Any] = {
    "users_timeout": scaled(1),
    "workers": 2,
    "hash_threads": 1,
    "login_failures_per_address": 0,
    "login_failures_per_account": 0,
    "log_format": "json",
}
ASKERS = 10


def asynchronous(server: ServerProcess, seconds: float = 30) -> httpx.AsyncClient:
    """Whoever has to wait for the others, one by one, is not answered in its time."""
    return httpx.AsyncClient(base_url=server.url, timeout=scaled(seconds), trust_env=False)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def is_unavailable(http: httpx.AsyncClient, method: str, path: str, **given: Any) -> None:
    answer = await http.request(method, path, **given)
    assert (answer.status_code, answer.json().get("code")) == (503, "unavailable"), path
    assert int(answer.headers["Retry-After"]) > 0


async def all_are_unavailable(http: httpx.AsyncClient, token: str) -> None:
    """Whatever needs users, from many at once."""
    walker = {"json": {}, "headers": bearer(token)}
    await asyncio.gather(
        *(is_unavailable(http, "POST", "/walker/mine", **walker) for _ in range(ASKERS)),
        *(is_unavailable(http, "GET", "/user/me", headers=bearer(token)) for _ in range(ASKERS)),
        *(is_unavailable(http, "POST", "/user/login", json=ACCOUNT) for _ in range(ASKERS)),
        *(is_unavailable(http, "POST", "/user/register", json=ACCOUNT) for _ in range(ASKERS)),
        is_unavailable(http, "POST", "/user/logout", headers=bearer(token)),
    )


def events(server: ServerProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]


def told(server: ServerProcess, event: str) -> int:
    return sum(entry["event"] == event for entry in events(server))


def works(server: ServerProcess, method: str, path: str, **given: Any) -> bool:
    with server.http() as http:
        return http.request(method, path, **given).is_success


def threads(server: ServerProcess) -> int:
    return len([*Path(f"/proc/{server.process.pid}/task").iterdir()])


@pytest.mark.timeout(240)
async def test_users_that_hang_are_told_in_time_hold_up_nobody_else_and_come_back(
    postgresql: Postgresql, serve: Serve
) -> None:
    # Long enough for all that others ask while the threads are held. A handshake is refused before,
    # in the time that its client waits.
    times = {"users_timeout": scaled(10), "handshake_timeout": scaled(5)}
    settings = SMALL | OPEN | times
    server = serve("operating", database_url=postgresql.new_database(), **settings)
    token = server.register(ACCOUNT["email"], PASSWORD)
    async with (
        asynchronous(server, 90) as http,
        asynchronous(server) as others,
        await server.websocket(token=token, channel_id="room") as ada,
        await server.websocket(channel_id="room") as guest,
    ):
        mine = (await http.post("/walker/mine", headers=bearer(token), json={})).json()["reports"]
        before = threads(server)
        with server.http() as reader, postgresql.hanging():
            walker = is_unavailable(http, "POST", "/walker/mine", json={}, headers=bearer(token))
            asking = asyncio.create_task(all_are_unavailable(http, token))
            held = asyncio.create_task(walker)
            # Every thread that asks for users is held.
            await comes_true(lambda: Figures(server, reader)("queue_depth", queue="users") > 0)
            assert (await others.post("/walker/greet", json={})).status_code == 200
            assert (await others.get("/healthz")).status_code == 200
            # Who is connected stays who they are.
            assert (await ada.walker("mine"))["reports"] == mine
            said = {"type": "channel", "channel_ids": ["room"], "data": {"said": 1}}
            assert await ada.ask(said) == await guest.receive() == {"said": 1}
            # Had those waited for a thread of these, they would have come later.
            assert not held.done()
            await asyncio.gather(asking, held)
            await all_are_unavailable(http, token)
            with pytest.raises(InvalidStatus) as refused:
                await server.websocket(token=token)
            assert refused.value.response.status_code == 503
            assert (await http.get("/readyz")).status_code == 503
            assert threads(server) == before
        await comes_true(lambda: works(server, "GET", "/readyz"), "ready")
        assert (await http.post("/user/login", json=ACCOUNT)).status_code == 200
        assert (await http.post("/walker/mine", headers=bearer(token), json={})).is_success
        async with await server.websocket(token=token) as again:
            assert again.root_id == ada.root_id
    # Those who could not ask are in the counts, not each in the log with a traceback.
    assert Figures(server)("limits_reached_total", setting="users_timeout") >= 4 * ASKERS
    assert told(server, "the database of users does not answer") == 1
    assert told(server, "the database of users answers again") == 1
    assert told(server, "the users cannot be reached") == 0
    assert 1 <= sum(entry.get("setting") == "users_timeout" for entry in events(server)) <= ASKERS


async def test_connections_that_are_never_answered_again_are_replaced(
    postgresql: Postgresql, serve: Serve
) -> None:
    url = postgresql.new_database()
    server = serve("operating", database_url=url, **SMALL)
    token = server.register(ACCOUNT["email"], PASSWORD)
    with postgresql.hanging_connections(url), server.http() as http:
        # As when the machine behind them is gone and another has taken its place.
        await comes_true(lambda: http.get("/user/me", headers=bearer(token)).is_success)
        # Others may have met one of the old connections meanwhile, so that nobody asks for a while.
        await comes_true(lambda: http.post("/user/login", json=ACCOUNT).is_success)


async def test_questions_that_nobody_waits_for_any_more_do_not_pile_up_in_the_database(
    postgresql: Postgresql, serve: Serve
) -> None:
    url = postgresql.new_database()
    server = serve("operating", database_url=url, **SMALL | {"users_timeout": scaled(2)})
    token = server.register(ACCOUNT["email"], PASSWORD)
    asked: set[int] = set()

    def is_asked() -> bool:
        asked.update(postgresql.busy(url))
        return bool(asked)

    async with asynchronous(server) as http:
        with postgresql.silent(url):
            asking = asyncio.create_task(all_are_unavailable(http, token))
            await comes_true(is_asked, "it is asked")
            await asking
            # The database itself gives a question up, a second behind the server.
            await asyncio.to_thread(
                eventually, lambda: not asked & {*postgresql.busy(url)}, "given up", 30
            )
        await comes_true(lambda: works(server, "POST", "/user/login", json=ACCOUNT))


async def test_who_only_reads_is_served_while_the_users_are_locked(serve: Serve) -> None:
    server = serve("operating", **SMALL)
    token = server.register(ACCOUNT["email"], PASSWORD)
    database = server.app.parent / ".jac" / "data" / "users.db"
    async with asynchronous(server) as http:
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            new = [{"email": f"{n}@example.com", "password": PASSWORD} for n in range(4 * ASKERS)]
            registering = [is_unavailable(http, "POST", "/user/register", json=one) for one in new]
            await asyncio.gather(*registering)
            assert (await http.post("/user/login", json=ACCOUNT)).status_code == 200
            assert (await http.get("/user/me", headers=bearer(token))).status_code == 200
            other.execute("ROLLBACK")
        await comes_true(lambda: works(server, "POST", "/user/register", json=new[0]))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(5, "read", clock)


GONE = OperationalError("SELECT 1", {}, Exception("gone"))


def ask_in_vain(patience: Patience, clock: Clock, seconds: float = 5) -> None:
    with patience.asking():
        clock.now += seconds
        raise GONE


def give_up(patience: Patience, clock: Clock) -> None:
    with pytest.raises(DatabaseSilent):
        ask_in_vain(patience, clock)


def test_what_fails_before_its_time_is_up_is_what_it_is(patience: Patience, clock: Clock) -> None:
    with pytest.raises(OperationalError):
        ask_in_vain(patience, clock, 4)
    with patience.asking():
        assert DEADLINE.get() == clock.now + 5
    assert DEADLINE.get() is None


def test_a_silent_database_is_asked_by_one_at_a_time(patience: Patience, clock: Clock) -> None:
    give_up(patience, clock)
    with pytest.raises(DatabaseSilent), patience.asking():
        pytest.fail("it is left alone for a while")
    clock.now += 1
    with patience.asking():
        clock.now += 4
        with pytest.raises(DatabaseSilent), patience.asking():
            pytest.fail("somebody is asking")
    with patience.asking():
        pass


def test_who_asks_a_silent_database_in_vain_leaves_it_alone_again(
    patience: Patience, clock: Clock
) -> None:
    give_up(patience, clock)
    clock.now += 1
    give_up(patience, clock)
    with pytest.raises(DatabaseSilent), patience.asking():
        pytest.fail("it is left alone for a while")


def test_an_answer_that_is_no_good_is_one_all_the_same(patience: Patience, clock: Clock) -> None:
    give_up(patience, clock)
    clock.now += 1
    with pytest.raises(ZeroDivisionError), patience.asking():
        raise ZeroDivisionError
    with patience.asking():
        pass
