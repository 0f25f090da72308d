"""Disks that are full, read-only or broken, databases that are locked or gone: callers are told,
nothing is there by half, and the server goes on by itself once they are back.
"""

import asyncio
import errno
import os
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from conftest import Serve
from crash_rounds import check_whole, pairs
from postgresql import Postgresql
from support import FIXTURES, Client, Json, ServerProcess, scaled


class Disk:
    """What `failing_disk.c` makes of a server's disk."""

    def __init__(self, folder: Path) -> None:
        self._fault = folder / "fault"
        library = folder / "failing_disk.so"
        source = FIXTURES / "failing_disk.c"
        compiler = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
        subprocess.run(compiler, check=True)
        preloaded = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(library)]))
        self.environment = {"LD_PRELOAD": preloaded, "FAULT_FILE": str(self._fault)}

    @contextmanager
    def failing(self, call: str, error: int) -> Iterator[None]:
        draft = self._fault.with_name("draft")
        draft.write_text(f"{call} {error}")
        draft.rename(self._fault)
        try:
            yield
        finally:
            self._fault.unlink()


class Asker:
    """A user by both transports."""

    def __init__(self, server: ServerProcess, client: Client, http: httpx.AsyncClient) -> None:
        self._data = server.app.parent / ".jac" / "data"
        self._client = client
        self._http = http

    async def works(self) -> None:
        """All of it is done, and kept."""
        one, two = new_name(), new_name()
        told, answer, registered = await self._all(one, two)
        assert told["status"] == 200, told
        assert (answer.status_code, registered.status_code) == (200, 201)
        stored = pairs(self._data)
        assert (stored[one], stored[two]) == (2, 2)
        check_whole(self._data)

    async def fails(self) -> None:
        """All of it is refused, and nothing kept."""
        one, two = new_name(), new_name()
        told, answer, registered = await self._all(one, two)
        assert told["code"] == "walker_failed", told
        assert (answer.status_code, answer.json()["code"]) == (500, "walker_failed")
        assert (registered.status_code, registered.json()["code"]) == (503, "unavailable")
        assert not pairs(self._data).keys() & {one, two}
        # Who only reads goes on.
        read = await self._client.ask({"type": "walker", "walker": "pairs", "response": True})
        assert read["status"] == 200, read
        check_whole(self._data)

    async def _all(self, one: str, two: str) -> tuple[Json, httpx.Response, httpx.Response]:
        event = {"type": "walker", "walker": "add_pair", "context": {"pair": one}}
        return await asyncio.gather(
            self._client.ask({**event, "response": True}),
            self._http.post("/walker/add_pair", json={"pair": two}),
            self._http.post("/user/register", json=new_account()),
        )


def new_name() -> str:
    return f"n{time.monotonic_ns()}"


def new_account() -> dict[str, str]:
    return {"email": f"{new_name()}@example.com", "password": "correct horse battery"}


@asynccontextmanager
async def asking(server: ServerProcess) -> AsyncIterator[Asker]:
    token = server.register(new_account()["email"])
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        await server.websocket(token=token) as client,
        httpx.AsyncClient(
            base_url=server.url, headers=headers, timeout=scaled(30), trust_env=False
        ) as http,
    ):
        yield Asker(server, client, http)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def server(serve_module: Serve, disk: Disk) -> ServerProcess:
    return serve_module("storing", env=disk.environment, graph_synchronous="full")


@pytest.mark.parametrize(
    ("call", "error"),
    [("write", errno.ENOSPC), ("write", errno.EROFS), ("write", errno.EIO), ("fsync", errno.EIO)],
    ids=["full", "read-only", "broken", "not flushed"],
)
async def test_a_disk_that_fails_is_told_and_what_it_was_to_keep_is_not_there(
    server: ServerProcess, disk: Disk, call: str, error: int
) -> None:
    async with asking(server) as asker:
        await asker.works()
        with disk.failing(call, error):
            for _ in range(3):
                await asker.fails()
        await asker.works()


@pytest.mark.timeout(60)
async def test_databases_that_another_process_keeps_locked_are_told_and_recovered_from(
    server: ServerProcess,
) -> None:
    data = server.app.parent / ".jac" / "data"
    async with asking(server) as asker:
        with ExitStack() as locks:
            for name in ("graph.db", "users.db"):
                other = locks.enter_context(
                    closing(sqlite3.connect(data / name, isolation_level=None))
                )
                other.execute("BEGIN IMMEDIATE")
            # Within the ten seconds that a client of these tests waits for an answer.
            await asker.fails()
        await asker.works()


async def test_users_that_are_gone_for_a_while_are_told_and_come_back(
    serve: Serve, postgresql: Postgresql
) -> None:
    url = postgresql.new_database()
    server = serve("storing", env={"JAC_CLOUD_DATABASE_URL": url})
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=scaled(30)) as http:
        account = new_account()
        assert (await http.post("/user/register", json=account)).status_code == 201
        with postgresql.closed(url):
            for path in ("/user/login", "/user/register"):
                answer = await http.post(path, json=account)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await http.post("/user/login", json=account)).status_code == 200
