"""An echo server that overlooks the reserved bits of a frame (RFC 6455 section 5.2).

A test of the conformance test. Prints its port, serves until its standard input ends.
"""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame


async def echo(connection: ServerConnection) -> None:
    """Sends back each message as it is."""
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    """Serves until standard input ends."""
    setattr(Frame, "check", lambda _frame: None)  # noqa: B010 - a check is what is taken away
    async with serve(echo, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
