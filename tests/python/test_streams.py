"""A walker's reports as server-sent events, while it runs."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import ServerProcess, eventually, memory_bound, scaled

EVENTS = {"Accept": "text/event-stream"}
DONE = ("done", {"status": 200})


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("streams", workers=6)


class Events:
    """Reads events one by one."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.read()
        self.answer = answer
        self._lines = answer.iter_lines()

    def next(self) -> tuple[str, Any]:
        name, data = "", []
        for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            elif not line and name:
                return name, json.loads("\n".join(data))
        return "", None

    def rest(self) -> list[tuple[str, Any]]:
        found = []
        while (event := self.next()) != ("", None):
            found.append(event)
        return found


@contextmanager
def reading(http: httpx.Client, path: str, method: str = "GET", **options: Any) -> Iterator[Events]:
    headers = EVENTS | options.pop("headers", {})
    with http.stream(method, f"/walker/{path}", headers=headers, **options) as answer:
        yield Events(answer)


def ends(http: httpx.Client) -> tuple[list[str], int]:
    names, tallies = http.post("/walker/look_at_ends").json()["reports"]
    return names, tallies


def test_each_report_is_an_event_and_done_is_the_last(http: httpx.Client) -> None:
    with reading(http, "steps") as events:
        assert events.answer.headers["content-type"].startswith("text/event-stream")
        assert events.answer.headers["cache-control"] == "no-store"
        second = {"second": "line\nbreak"}
        assert events.rest() == [("report", "first"), ("report", second), DONE]


def test_a_report_arrives_while_its_walker_runs(http: httpx.Client) -> None:
    with reading(http, "steps?gate=while-it-runs") as events:
        assert events.next() == ("report", "first")
        http.post("/walker/open_gate", json={"gate": "while-it-runs"})
        assert [name for name, _ in events.rest()] == ["report", "done"]


def test_other_methods_stream_too(http: httpx.Client) -> None:
    with reading(http, "steps", "POST", json={"status": 201}) as events:
        assert events.rest()[-1] == ("done", {"status": 201})
    assert http.head("/walker/steps", headers=EVENTS).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("accept", "streamed"),
    [
        ("text/event-stream", True),
        ("application/json, text/event-stream;q=0.5", True),
        ("TEXT/Event-Stream", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream; q=0.000", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
    ],
)
def test_events_come_only_to_who_asks_for_them(
    http: httpx.Client, accept: str, streamed: bool
) -> None:
    answer = http.post("/walker/steps", headers={"Accept": accept})
    kind = "text/event-stream" if streamed else "application/json"
    assert answer.headers["content-type"].startswith(kind)


def test_a_walker_that_fails_on_its_way_ends_with_an_error(http: httpx.Client) -> None:
    with reading(http, "steps?fail=true") as events:
        assert events.next() == ("report", "first")
        [(name, error)] = events.rest()
    assert (name, error["code"]) == ("error", "walker_failed")
    assert error.keys() == {"error", "code", "ref"}
    assert "internal detail" not in error["error"]


def test_what_never_came_to_run_is_answered_as_ever(http: httpx.Client) -> None:
    node = f"/walker/steps/{'7' * 32}"
    for path, status in (("/walker/steps?fail=x", 422), ("/walker/no", 404), (node, 403)):
        answer = http.get(path, headers=EVENTS)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert http.get("/walker/count_slowly?gate=g", headers=EVENTS).status_code == 401
    bad = EVENTS | {"Authorization": "Bearer x"}
    assert http.get("/walker/steps", headers=bad).status_code == 401


def test_reports_of_a_walker_within_are_its_own(http: httpx.Client) -> None:
    with reading(http, "outer", "POST") as events:
        assert events.rest() == [("report", "before"), ("report", "after"), DONE]
    with reading(http, "later", "POST") as events:
        assert events.rest() == [("report", 1), ("report", 2), DONE]


def test_a_walker_that_is_run_again_says_that_what_was_read_is_void(
    server: ServerProcess, http: httpx.Client
) -> None:
    headers = {"Authorization": f"Bearer {server.register('ada@example.com')}"}
    http.post("/walker/count_up", headers=headers)
    with reading(http, "count_slowly?gate=conflict", headers=headers) as events:
        assert events.next() == ("report", 1)
        assert http.post("/walker/count_up", headers=headers).json()["reports"] == [2]
        http.post("/walker/open_gate", json={"gate": "conflict"})
        assert events.rest() == [("restart", {}), ("report", 2), DONE]
    assert http.post("/walker/count_up", headers=headers).json()["reports"] == [4]


def test_a_walker_ends_when_its_reader_has_left(http: httpx.Client) -> None:
    _, before = ends(http)
    with reading(http, "endless?name=left") as events:
        assert events.next() == ("report", "x" * 10)
    eventually(lambda: "left" in ends(http)[0])
    # It came to an end, and nothing of it was kept.
    assert ends(http)[1] == before


def test_a_reader_that_leaves_a_silent_walker_is_noticed(
    server: ServerProcess, http: httpx.Client
) -> None:
    _, before = ends(http)
    noticed = server.log().count("the reader of a walker left")
    with reading(http, "quiet?name=silent&gate=silent"):
        pass
    eventually(lambda: server.log().count("the reader of a walker left") > noticed)
    http.post("/walker/open_gate", json={"gate": "silent"})
    eventually(lambda: "silent" in ends(http)[0])
    assert ends(http)[1] == before


def test_a_slow_reader_makes_the_walker_wait_in_bounded_memory(
    server: ServerProcess, http: httpx.Client
) -> None:
    def resident() -> int:
        statm = Path(f"/proc/{server.process.pid}/statm").read_text()
        return int(statm.split()[1]) * resource.getpagesize()

    before = resident()
    with socket.create_connection(("127.0.0.1", server.port)) as reader:
        reader.sendall(
            b"GET /walker/endless?size=100000&name=slow HTTP/1.1\r\nHost: x\r\n"
            b"Accept: text/event-stream\r\n\r\n"
        )
        assert reader.recv(100).startswith(b"HTTP/1.1 200")
        # Others are served meanwhile: time enough for the walker to report hundreds of megabytes.
        for _ in range(300):
            assert http.post("/walker/outer").status_code == 200
        assert resident() - before < memory_bound(32 << 20)
    eventually(lambda: "slow" in ends(http)[0])


def test_a_walker_past_its_time_ends_with_an_error(serve: Serve) -> None:
    server = serve("streams", walker_timeout=scaled(2), workers=1, drain_timeout=0.1)
    with server.http() as http:
        with reading(http, "steps?gate=never") as events:
            assert events.next() == ("report", "first")
            [(name, error)] = events.rest()
            assert (name, error["code"]) == ("error", "timeout")
        # On a slow machine it may be late itself; behind the one that waits it never came to run.
        eventually(lambda: http.post("/walker/outer").status_code == 200, "the next one is served")
