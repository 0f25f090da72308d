"""Disks that are full, read-only or broken, databases that are locked or gone: callers are told,
nothing is there by half, and the server goes on by itself once they are back.
"""

import asyncio
import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from conftest import Serve
from crash_rounds import check_whole, pairs
from postgresql import Postgresql
from support import FIXTURES, Client, Json, ServerProcess, bound, scaled


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


class SmallDisk:
    """A disk of its own for a server's data, which can be full: a mounted one where that is allowed
    (`mounted`), else a folder, and the process's own limit on the size of its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
        self.mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        print(f"a full disk is {'a tmpfs' if self.mounted else 'RLIMIT_FSIZE'}")

    @contextmanager
    def full(self, process: int) -> Iterator[None]:
        if not self.mounted:
            unlimited = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, unlimited[1]))
            yield
            resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)
            return
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        assert shutil.disk_usage(self.folder).free == 0
        yield
        filler.unlink()

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


class Asker:
    """A user by both transports."""

    def __init__(self, data: Path, client: Client, http: httpx.AsyncClient) -> None:
        self._data = data
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
async def asking(server: ServerProcess, data: Path) -> AsyncIterator[Asker]:
    token = server.register(new_account()["email"])
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        await server.websocket(token=token) as client,
        httpx.AsyncClient(
            base_url=server.url, headers=headers, timeout=scaled(30), trust_env=False
        ) as http,
    ):
        yield Asker(data, client, http)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    small = SmallDisk(tmp_path_factory.mktemp("small"))
    yield small
    small.close()


@pytest.fixture(scope="module")
def server(small_disk: SmallDisk, disk: Disk, serve_module: Serve) -> ServerProcess:
    return serve_module(
        "storing",
        env=disk.environment,
        graph_synchronous="full",
        data_dir=small_disk.folder,
    )


@pytest.mark.parametrize(
    ("call", "error"),
    [("write", errno.ENOSPC), ("write", errno.EROFS), ("write", errno.EIO), ("fsync", errno.EIO)],
    ids=["full", "read-only", "broken", "not flushed"],
)
async def test_a_disk_that_fails_is_told_and_what_it_was_to_keep_is_not_there(
    server: ServerProcess, small_disk: SmallDisk, disk: Disk, call: str, error: int
) -> None:
    async with asking(server, small_disk.folder) as asker:
        await asker.works()
        with disk.failing(call, error):
            for _ in range(3):
                await asker.fails()
        await asker.works()


async def test_a_disk_that_is_really_full_is_told_and_has_room_again(
    server: ServerProcess, small_disk: SmallDisk
) -> None:
    async with asking(server, small_disk.folder) as asker:
        await asker.works()
        with small_disk.full(server.process.pid):
            for _ in range(3):
                await asker.fails()
        await asker.works()


LOCKER = """
import sqlite3, sys
databases = [sqlite3.connect(name, isolation_level=None) for name in sys.argv[1:]]
for database in databases:
    database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""
LOCKED_SECONDS = 10


@contextmanager
def locked_by_another_process(data: Path) -> Iterator[None]:
    names = [str(data / name) for name in ("graph.db", "users.db")]
    with subprocess.Popen(
        bound([sys.executable, "-c", LOCKER, *names]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        yield
        assert other.poll() is None, "it was locked all the time"
        other.communicate("")
    assert other.returncode == 0


@pytest.mark.timeout(90)
async def test_databases_that_another_process_keeps_locked_for_ten_seconds_are_told_and_come_back(
    server: ServerProcess, small_disk: SmallDisk
) -> None:
    async with asking(server, small_disk.folder) as asker:
        with locked_by_another_process(small_disk.folder):
            begun = time.monotonic()
            while time.monotonic() < begun + LOCKED_SECONDS:
                # Each within the ten seconds that a client of these tests waits for an answer.
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
