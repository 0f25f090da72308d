"""Kills a server in the middle of registrations and commits, again and again, and looks at what is
left: everything that was acknowledged, nothing by half, and a start without help.

`python tests/python/crash_rounds.py [ROUNDS [SEED]]` prints what it saw; status 1: one failed.
"""

import json
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from support import FIXTURES, ServerProcess, eventually

PASSWORD = "correct horse battery"
_GONE = (httpx.HTTPError, OSError, WebSocketException, TimeoutError)


@dataclass
class Acknowledged:
    """What the server said it had kept."""

    users: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.users) + len(self.pairs)


class CrashRounds:
    """Rounds over one folder of data. `preamble` is put before the app: a defect, for example."""

    def __init__(self, folder: Path, seed: int, preamble: str = "") -> None:
        self._random = random.Random(seed)
        self._app = folder / "storing.jac"
        source = (FIXTURES / "storing.jac").read_text()
        self._app.write_text(preamble + source if preamble else source)
        self._data = folder / ".jac" / "data"
        self._names = iter(range(1_000_000))
        self.acknowledged = Acknowledged()
        self.start_seconds: list[float] = []
        self.start_work: list[float] = []
        self._refused: list[AssertionError] = []

    def run(self, rounds: int) -> None:
        """AssertionError once something is missing, or there by half."""
        for _ in range(rounds):
            self._round()
        server = self.start()
        assert server.stop() == 0, server.log()
        self._check()

    def _round(self) -> None:
        server = self.start()
        # What the round before left is as the start has found it.
        self._check()
        before, pairs_before = len(self.acknowledged), len(self.acknowledged.pairs)

        def busy() -> bool:
            # On a slow machine clients may take long to register, before any commits a walker.
            done = len(self.acknowledged) - before
            enough = done >= 3 and len(self.acknowledged.pairs) > pairs_before
            return enough or bool(self._refused)

        with self.working(server):
            eventually(busy, "work is acknowledged", 30)
            # Anywhere in what goes on at the time.
            time.sleep(self._random.uniform(0.0, 0.2))

    @contextmanager
    def working(self, server: ServerProcess) -> Iterator[None]:
        """Clients keep the server busy inside of the block; at its end the server is killed."""
        clients = [
            threading.Thread(target=self._client, args=(work, server))
            for work in (self._register, self._by_rest, self._by_rest, self._by_websocket)
        ]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            server.kill()
            for client in clients:
                client.join()
        # Who was registered may do this, unless something of them is not there.
        assert not self._refused, f"{len(self._refused)} clients were refused: {self._refused[0]}"

    def _client(self, work: Callable[[ServerProcess], None], server: ServerProcess) -> None:
        try:
            work(server)
        except AssertionError as error:
            self._refused.append(error)

    def start(self) -> ServerProcess:
        began = time.monotonic()
        server = ServerProcess(self._app, {"drain_timeout": 1, "message_rate": 0})
        self.start_seconds.append(time.monotonic() - began)
        self.start_work.append(processor_seconds(server.process.pid))
        return server

    def _new_name(self) -> str:
        return f"n{next(self._names)}"

    def _account(self) -> dict[str, str]:
        return {"email": f"{self._new_name()}@example.com", "password": PASSWORD}

    def _register(self, server: ServerProcess) -> None:
        with suppress(*_GONE), server.http() as http:
            while True:
                self._register_one(http)

    def _register_one(self, http: httpx.Client) -> str:
        account = self._account()
        assert http.post("/user/register", json=account).status_code == 201
        self.acknowledged.users.append(account["email"])
        return str(http.post("/user/login", json=account).json()["token"])

    def _by_rest(self, server: ServerProcess) -> None:
        with suppress(*_GONE), server.http() as http:
            headers = {"Authorization": f"Bearer {self._register_one(http)}"}
            while True:
                pair = self._new_name()
                answer = http.post("/walker/add_pair", json={"pair": pair}, headers=headers)
                assert answer.status_code == 200, answer.text
                self.acknowledged.pairs.append(pair)

    def _by_websocket(self, server: ServerProcess) -> None:
        with suppress(*_GONE):
            with server.http() as http:
                headers = {"Authorization": f"Bearer {self._register_one(http)}"}
            with connect(server.ws_url, additional_headers=headers, proxy=None) as socket:
                socket.recv()
                while True:
                    pair = self._new_name()
                    event = {"type": "walker", "walker": "add_pair", "context": {"pair": pair}}
                    socket.send(json.dumps({**event, "response": True}))
                    answer = json.loads(socket.recv())
                    assert answer.get("status") == 200, answer
                    self.acknowledged.pairs.append(pair)

    def _check(self) -> None:
        if not self._data.exists():
            return
        check_whole(self._data)
        with closing(sqlite3.connect(self._data / "users.db")) as users:
            emails = {row[0] for row in users.execute("SELECT email FROM users")}
        lost = set(self.acknowledged.users) - emails
        assert not lost, f"{len(lost)} users were acknowledged and are lost"
        missing = set(self.acknowledged.pairs) - pairs(self._data).keys()
        assert not missing, f"{len(missing)} commits were acknowledged and are lost"


def processor_seconds(process: int) -> float:
    """What a process has had of the processors so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pairs(data: Path) -> Counter[str]:
    """How many halves there are of each pair."""
    return Counter(
        anchor["archetype"]["pair"]
        for anchor in _anchors(data).values()
        if anchor["archetype"]["__type__"] == "Half"
    )


def check_whole(data: Path) -> None:
    """AssertionError when a database is damaged, or something is there by half."""
    for name in ("graph.db", "users.db"):
        with closing(sqlite3.connect(data / name)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)], name
    anchors = _anchors(data)
    halves = {pair: count for pair, count in pairs(data).items() if count != 2}
    assert not halves, f"pairs by half: {halves}"
    for anchor in anchors.values():
        ends = anchor["edges"] if "edges" in anchor else [anchor["source"], anchor["target"]]
        assert anchors.keys() >= set(ends), f"an edge leads nowhere: {anchor}"
    with closing(sqlite3.connect(data / "users.db")) as users:
        roots = [row[0] for row in users.execute("SELECT root_hex FROM users")]
    stored = {key.replace("-", "") for key in anchors}
    assert stored >= set(roots), "a user without a root"


def _anchors(data: Path) -> dict[str, dict[str, Any]]:
    with closing(sqlite3.connect(data / "graph.db")) as graph:
        rows = graph.execute("SELECT id, data FROM anchors").fetchall()
    return {key: json.loads(text) for key, text in rows}


def main(rounds: int, seed: int) -> int:
    print(f"{rounds} rounds from seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="jac-cloud-crash-"))
    crash = CrashRounds(folder, seed)
    try:
        crash.run(rounds)
    except AssertionError as error:
        print(f"round {len(crash.start_seconds)}: {error}\nthe data are left in {folder}")
        return 1
    shutil.rmtree(folder)
    users, commits = len(crash.acknowledged.users), len(crash.acknowledged.pairs)
    print(f"{users} registrations and {commits} commits were acknowledged, and all are there")
    _tell_starts("seconds", crash.start_seconds)
    _tell_starts("seconds of processor time", crash.start_work)
    return 0


def _tell_starts(what: str, starts: list[float]) -> None:
    # The first makes the databases and compiles the app.
    first, *again = starts
    median = statistics.median(again)
    print(
        f"a start took {median:.2f} {what} (median), {max(again):.2f} (most), {first:.2f} (first)"
    )


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(given[0] if given else 200, given[1] if len(given) > 1 else time.time_ns()))
