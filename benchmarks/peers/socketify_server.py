"""socketify (uWebSockets under Python): /echo returns, /pub goes to every /sub."""

import sys

from socketify import App, CompressOptions, OpCode, WebSocket

OPTIONS = {
    "compression": CompressOptions.DISABLED,
    "max_payload_length": 1 << 20,
    "idle_timeout": 0,
}

app = App()


def echo(ws: WebSocket, message: str, _opcode: OpCode) -> None:
    ws.send(message, OpCode.TEXT)


def subscribe(ws: WebSocket) -> None:
    ws.subscribe("bench")


def publish(_ws: WebSocket, message: str, _opcode: OpCode) -> None:
    app.publish("bench", message, OpCode.TEXT)


app.ws("/echo", {**OPTIONS, "message": echo})
app.ws("/sub", {**OPTIONS, "open": subscribe, "message": lambda *_: None})
app.ws("/pub", {**OPTIONS, "message": publish})
app.listen(int(sys.argv[1]), lambda _config: None)
app.run()
