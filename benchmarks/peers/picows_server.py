"""picows over uvloop: /echo returns, /pub goes to every /sub."""

import sys

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

subscribers: set[WSTransport] = set()


class Listener(WSListener):
    def __init__(self, path: bytes) -> None:
        self.path = path

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self.path == b"/sub":
            subscribers.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(payload)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            for receiver in subscribers if self.path == b"/pub" else [transport]:
                receiver.send(WSMsgType.TEXT, payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        subscribers.discard(transport)


def listener_for(request: WSUpgradeRequest) -> Listener:
    return Listener(request.path)


async def main() -> None:
    port = int(sys.argv[1])
    server = await ws_create_server(listener_for, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


uvloop.run(main())
