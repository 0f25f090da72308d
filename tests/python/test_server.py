"""`Server`, the same from Python: start, stop, exit without stop, fork."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from jac_cloud.errors import AppError, CloudError, ConfigError, ListenError
from jac_cloud.server import Server
from support import copy_app, eventually, is_listening, scaled


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return copy_app("rest", tmp_path)


def run_python(program: str, app: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, str(app)],
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )


def test_a_server_in_python_runs_from_start_to_stop_on_a_free_port(app: Path) -> None:
    server = Server(app, port=0)
    server.start()
    port = server.port
    assert httpx.get(f"{server.address}/healthz", trust_env=False).status_code == 200
    assert "greet" in server.walkers
    assert server.stats()["connections"] >= 0
    server.stop()
    server.stop()
    assert not is_listening(port)
    with pytest.raises(CloudError, match="not running"):
        server.port  # noqa: B018


def test_a_server_is_a_context_manager_and_can_be_started_again(app: Path) -> None:
    server = Server(app, port=0)
    for _ in range(3):
        with server:
            answer = httpx.post(f"{server.address}/walker/greet", trust_env=False)
            assert answer.json()["reports"] == ["hello you"]


def test_a_server_that_runs_cannot_be_started_twice(app: Path) -> None:
    with Server(app, port=0) as server, pytest.raises(CloudError, match="running already"):
        server.start()


def test_a_server_that_cannot_start_leaves_nothing_running(app: Path) -> None:
    before = {*threading.enumerate()}
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(ListenError, match="in use"),
    ):
        Server(app, port=other.getsockname()[1]).start()
    eventually(lambda: {*threading.enumerate()} <= before, "threads have ended")
    with Server(app, port=0) as server:
        assert httpx.get(f"{server.address}/healthz", trust_env=False).status_code == 200


def test_wrong_settings_and_apps_are_errors_of_their_own(app: Path) -> None:
    with pytest.raises(ConfigError, match="workerz is not a setting; did you mean workers"):
        Server(app, workerz=1)
    with pytest.raises(AppError):
        Server(app.parent / "absent.jac").start()


IN_FLIGHT = """
import json, sys
from websockets.sync.client import connect
from jac_cloud import Server

server = Server(sys.argv[1], port=0)
server.start()
url = server.address.replace("http", "ws") + "/websocket"
sockets = [connect(url, proxy=None, open_timeout=None) for _ in range(8)]
for socket in sockets:
    for number in range(20):
        socket.send(json.dumps({"type": "walker", "walker": "greet", "response": True}))
{end}
"""


@pytest.mark.parametrize("end", ["", "server.stop()", "sys.exit(0)"])
def test_an_interpreter_exits_with_events_in_flight_with_and_without_stop(
    app: Path, end: str
) -> None:
    program = IN_FLIGHT.replace("{end}", end)
    for _ in range(5):
        ended = run_python(program, app)
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr


FORKED = """
import os, sys
from jac_cloud import Server
from jac_cloud.errors import CloudError

server = Server(sys.argv[1], port=0)
other = Server(sys.argv[1], port=0)
server.start()
if (child := os.fork()) == 0:
    try:
        server.stats()
    except CloudError as error:
        print(error, flush=True)
        server.stop()
    try:
        other.start()
    except CloudError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(8)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert server.stats()["connections"] >= 0
"""


def test_a_forked_child_is_refused_and_does_its_parent_no_harm(app: Path) -> None:
    ended = run_python(FORKED, app)
    assert ended.returncode == 0, ended.stderr
    assert len([line for line in ended.stdout.splitlines() if "fork" in line]) == 2


def test_a_server_may_be_made_before_a_fork_and_started_after_it(app: Path) -> None:
    program = (
        "import os, sys\n"
        "from jac_cloud import Server\n"
        "server = Server(sys.argv[1], port=0)\n"
        "if (child := os.fork()) == 0:\n"
        "    with server:\n"
        "        os._exit(7 if server.port else 8)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
    )
    ended = run_python(program, app)
    assert ended.returncode == 0, ended.stderr
