"""The end of a server: who is told what, what may finish, and what a signal does to `serve`."""

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Serve
from sockets import PING, PONG, TEXT, RawSocket
from support import bound, copy_app, eventually, scaled

SOCKETS = 1000


def wait_for(path: Path) -> bytes:
    event = b'{"type":"walker","walker":"wait_for","response":true,"context":{"path":"%b"}}'
    return event % str(path).encode()


@pytest.mark.timeout(120)
def test_a_thousand_clients_are_told_1001_while_walkers_run_to_their_end(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("processes", drain_timeout=60)
    gates = [tmp_path / f"gate-{number}" for number in range(2)]
    quick, slow = (RawSocket(server.port) for _ in gates)
    for client, gate in zip((quick, slow), gates, strict=True):
        client.send(wait_for(gate))
    idle = [RawSocket(server.port) for _ in range(SOCKETS)]
    # Served behind the walkers' events: those run by now.
    idle[0].send(b"", PING)
    while (got := idle[0].frame()) is not None and got[0] != PONG:
        pass
    server.process.send_signal(signal.SIGTERM)
    # The server drains. Before all the others are read, which may take longer than it waits with
    # the goodbye of those whose walkers run.
    assert idle[0].close_code() == 1001
    assert server.process.poll() is None
    gates[0].touch()
    while (got := quick.frame()) is not None and b"wait_for" not in got[1]:
        assert got[0] == TEXT, "a goodbye before the answer"
    assert got is not None
    assert quick.close_code() == 1001
    for client in idle[1:]:
        assert client.close_code() == 1001
    for client in idle:
        client.close()
    # Its walker runs on, but it is told in time all the same.
    assert slow.close_code() == 1001
    assert server.process.poll() is None
    for client in (quick, slow):
        client.close()
    gates[1].touch()
    assert server.process.wait(scaled(20)) == 0
    assert Path(f"{gates[1]}.seen").exists()


def test_a_signal_that_another_thread_is_handed_ends_the_server_all_the_same(serve: Serve) -> None:
    """A SIGTERM to a server that was stopped and went on (as by `docker pause`) was lost now and
    then: the kernel gave it to some thread, and the one that waits for it slept on.
    """
    server = serve("processes")
    process = server.process.pid
    libc = ctypes.CDLL(None, use_errno=True)
    others = {int(task.name) for task in Path(f"/proc/{process}/task").iterdir()} - {process}
    assert libc.tgkill(process, max(others), signal.SIGTERM) == 0
    assert server.process.wait(scaled(20)) == 0


INTERRUPTED = """
import sys
from jac_cloud import serve

try:
    serve(sys.argv[1], port=0)
except KeyboardInterrupt:
    print("interrupted")
else:
    print("returned")
"""


@pytest.mark.parametrize(
    ("number", "outcome"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "returned")]
)
def test_serve_in_python_is_left_by_keyboard_interrupt_after_ctrl_c_alone(
    tmp_path: Path, number: signal.Signals, outcome: str
) -> None:
    app = copy_app("processes", tmp_path)
    with subprocess.Popen(
        bound([sys.executable, "-c", INTERRUPTED, str(app)]),
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving ")
        process.send_signal(number)
        assert process.stdout.read().strip() == outcome
        assert process.wait(scaled(20)) == 0


def test_pings_are_answered_while_every_worker_is_busy_and_others_flood(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("processes", workers=1, message_rate=0)
    gate = tmp_path / "gate"
    with RawSocket(server.port) as busy, RawSocket(server.port) as flood:
        busy.send(wait_for(gate))
        event = b'{"type":"channel","channel_ids":["none"],"data":{}}'
        for _ in range(2000):
            flood.send(event)
        busy.send(b"still there?", PING)
        eventually(lambda: busy.frame() == (PONG, b"still there?"), "a pong")
        gate.touch()
