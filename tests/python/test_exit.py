"""How a process ends: with and without stop(), with events in flight, again and again."""

import os
import subprocess
import sys

import pytest

from support import scaled

TIMES = int(os.environ.get("EXITS", "100"))

# A server with walkers that run, wait and publish while the interpreter goes down.
PROGRAM = """
import socket, sys, threading
from jac_cloud._native import WEBSOCKET_MANAGER, Server

how = sys.argv[1]
server = Server({"port": 0, "message_rate": 0, "io_threads": 2})
server.set_walkers({"w": False})
server.start()
taken = threading.Semaphore(0)

def work():
    while (event := server.take_event()) is not None:
        taken.release()
        WEBSOCKET_MANAGER.notify_channels(["room"], {"from": "walker"})
        event.finish(b"[]")

def publish():
    while True:
        WEBSOCKET_MANAGER.notify_channels(["room"], {"from": "thread"})

for target in (work, work, server.take_token_check, server.take_logs, publish):
    threading.Thread(target=target, daemon=True).start()

def frame(text):
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text

upgrade = (
    b"GET /websocket?channel_id=room HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\n"
    b"Connection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n"
)
sockets = []
for _ in range(8):
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall(upgrade + frame(b'{"type":"walker","walker":"w","response":true}') * 20)
    sockets.append(client)
for _ in range(8):
    taken.acquire()
if how == "stop":
    server.stop(0.05)
elif how == "raise":
    raise SystemExit(3)
"""


# What goes wrong at a process's end.
ABORTS = """
import atexit, os
atexit.register(os.abort)
"""
HANGS = """
import atexit
atexit.register(threading.Event().wait)
"""


def ended(program: str, how: str, seconds: float) -> tuple[int, str]:
    """The status of a process that runs the program to its end, and what it complained of."""
    result = subprocess.run(
        [sys.executable, "-c", program, how],
        capture_output=True,
        text=True,
        timeout=scaled(seconds),
        check=False,
    )
    return result.returncode, result.stderr


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("how", "status"), [("stop", 0), ("leave", 0), ("raise", 3)])
def test_the_interpreter_exits_with_events_in_flight(how: str, status: int) -> None:
    for _ in range(TIMES // 3 + 1):
        assert ended(PROGRAM, how, 30) == (status, "")


def test_a_process_that_does_not_end_well_is_seen() -> None:
    assert ended(PROGRAM + ABORTS, "leave", 30)[0] != 0
    with pytest.raises(subprocess.TimeoutExpired):
        ended(PROGRAM + HANGS, "leave", 3)
