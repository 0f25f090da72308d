"""A great many clients that come to random channels and leave in every way there is.

Blocking sockets in batches: a whole batch connects before anyone reads, so that the server has
hundreds of handshakes at once and the client costs a tenth of what a library's would.
"""

import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from support import ServerProcess, scaled

BATCH = 100
SHARED_CHANNELS = 50
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST

UPGRADE = (
    b"GET /websocket?channel_id=%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CLOSE = bytes([0x88, 0x82, 0, 0, 0, 0]) + struct.pack("!H", 1000)


def resident_bytes(pid: int) -> int:
    """What the process has in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def churn(server: ServerProcess, connects: int, seed: int) -> Iterator[tuple[int, int]]:
    """Connects and disconnects so often; after every tenth of it, how often so far and the server's
    memory in bytes then.
    """
    chance = random.Random(seed)
    done = 0
    for tenth in range(1, 11):
        while done < connects * tenth // 10:
            batch = min(BATCH, connects * tenth // 10 - done)
            visit(server.port, batch, chance)
            done += batch
        yield done, resident_bytes(server.process.pid)


def visit(port: int, clients: int, chance: random.Random) -> None:
    """So many clients come together and leave one by one."""
    opened = []
    for _ in range(clients):
        client = socket.create_connection(("127.0.0.1", port), scaled(30))
        number = chance.randrange(SHARED_CHANNELS) if chance.random() < 0.5 else chance.random()
        client.sendall(UPGRADE % f"room-{number}".encode())
        opened.append(client)
    for client in opened:
        with client:
            chance.choice(WAYS_TO_LEAVE)(client)


def read_connection(client: socket.socket) -> None:
    """Reads the answer to the upgrade, and the connection frame behind it."""
    received = b""
    while not received.endswith(b"}}"):
        more = client.recv(4096)
        assert more, f"closed after {received!r}"
        received += more
    assert received.startswith(b"HTTP/1.1 101 "), received


def say_goodbye(client: socket.socket) -> None:
    """The closing handshake."""
    read_connection(client)
    client.sendall(CLOSE)
    received = b""
    while more := client.recv(4096):
        received += more
    assert received[2:4] == CLOSE[-2:], received  # the same code


def close(client: socket.socket) -> None:
    """Ends the connection without a word, once it stands."""
    read_connection(client)


def reset(client: socket.socket) -> None:
    """The same by RST."""
    read_connection(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def leave_unread(client: socket.socket) -> None:
    """Is gone before the answer is read, perhaps before there is one."""


def break_off(client: socket.socket) -> None:
    """Leaves in the middle of an event."""
    read_connection(client)
    client.sendall(bytes([0x81, 0xFE, 0x10, 0x00, 1, 2, 3, 4]) + b"half of it")


WAYS_TO_LEAVE: list[Callable[[socket.socket], None]] = [
    say_goodbye,
    close,
    reset,
    leave_unread,
    break_off,
]
