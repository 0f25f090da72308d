"""Runs an ASGI application behind the native listener.

One asyncio loop on a thread of its own. The native side parses requests and holds bounded queues of
bytes; a file descriptor tells the loop when something has happened to an exchange.

Sources: ASGI 3.0, HTTP & WebSocket message format 2.4 (its http part) and lifespan 2.0.
"""

import asyncio
import contextlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Future
from typing import Any
from urllib.parse import unquote

from jac_cloud import _native
from jac_cloud.errors import LifespanError

__all__ = ["AsgiBridge", "ClientDisconnected"]

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOGGER = logging.getLogger("jac_cloud.http")

_DISCONNECT_GRACE = 1.0
_STOP_SECONDS = 5.0
_LAST_WORDS = 1.0
"""Seconds for what has been cancelled, or only has to close its files, even past a deadline."""


class ClientDisconnected(ConnectionResetError):
    """`send` after the client has gone."""


class AsgiBridge:
    """Serves `app` on the connections of `native`.

    `root_path` is what a proxy in front strips from the path. A handler whose client has gone is
    told so by `http.disconnect`, and by ClientDisconnected when it sends; `disconnect_grace`
    seconds later it is cancelled unless it has sent its whole response (what it does after that,
    its background tasks, is its own affair).
    """

    def __init__(
        self,
        native: _native.Server,
        app: Application,
        *,
        root_path: str = "",
        disconnect_grace: float = _DISCONNECT_GRACE,
    ) -> None:
        self.native = native
        self.app = app
        self.root_path = root_path
        self.disconnect_grace = disconnect_grace
        self.state: dict[str, Any] = {}
        """What the application's lifespan put in its scope; each request gets a shallow copy."""

        self._exchanges: dict[_native.HttpExchange, _Request] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: Future[None] = Future()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._deadline = 0.0

    def start(self) -> None:
        """Starts the loop and waits for the application's startup.

        Raises LifespanError if that fails. Once.
        """
        if self._thread is not None:
            raise RuntimeError("the bridge has been started already")
        # A daemon: whoever exits without stop() must not wait for a handler that never ends.
        self._thread = threading.Thread(target=self._run, name="jac-cloud-asgi", daemon=True)
        self._thread.start()
        self._started.result()

    def stop(self, deadline: float | None = None) -> None:
        """Lets handlers end until `deadline` (time.monotonic() seconds; five from now by default).

        Those that have not are cancelled then. Runs the application's shutdown. Any thread but the
        loop's own; idempotent.
        """
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None:
            return
        if loop is not None and stopping is not None and thread.is_alive():
            self._deadline = time.monotonic() + _STOP_SECONDS if deadline is None else deadline
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(stopping.set)
        thread.join(max(0.0, self._deadline - time.monotonic()) + 3 * _LAST_WORDS)
        if thread.is_alive():
            _LOGGER.error("a request does not heed its cancellation and is left behind")

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        lifespan = _Lifespan(self.app, self.state)
        await lifespan.startup()
        descriptor = self.native.http_fd
        loop.add_reader(descriptor, self._take)
        self._started.set_result(None)
        try:
            await self._stopping.wait()
            await self._finish_tasks()
            await lifespan.shutdown(self._deadline)
        finally:
            loop.remove_reader(descriptor)
            for exchange in self._exchanges:
                exchange.abandon()

    async def _finish_tasks(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, self._deadline - time.monotonic()))
        if self._tasks:
            _LOGGER.warning("requests were cut off", extra={"count": len(self._tasks)})
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=_LAST_WORDS)

    def _take(self) -> None:
        for signal, exchange in self.native.take_http():
            if signal == _native.HTTP_REQUEST:
                self._begin(exchange)
            elif (request := self._exchanges.get(exchange)) is not None:
                request.on_signal(signal)

    def _begin(self, exchange: _native.HttpExchange) -> None:
        request = _Request(self, exchange)
        self._exchanges[exchange] = request
        # Eager: a handler that awaits nothing costs no turn of the loop.
        task = asyncio.Task(request.run(), loop=self._loop, eager_start=True)
        if not task.done():
            request.task = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def end(self, exchange: _native.HttpExchange) -> None:
        """Forgets an exchange. A response that is not whole is cut off."""
        exchange.abandon()
        self._exchanges.pop(exchange, None)


class _Request:
    """One request: what its application receives and sends."""

    __slots__ = (
        "_body_read",
        "_complete",
        "_disconnected",
        "_input",
        "_room",
        "_started",
        "bridge",
        "exchange",
        "task",
    )

    def __init__(self, bridge: AsgiBridge, exchange: _native.HttpExchange) -> None:
        self.bridge = bridge
        self.exchange = exchange
        self.task: asyncio.Task[None] | None = None
        self._body_read = False
        self._started = False
        self._complete = False
        self._disconnected = False
        # Made when somebody has to wait: most requests never do.
        self._input: asyncio.Event | None = None
        self._room: asyncio.Event | None = None

    async def run(self) -> None:
        """Runs the application and answers for it where it does not."""
        try:
            await self.bridge.app(self._scope(), self.receive, self.send)
        except asyncio.CancelledError:
            # By a client that has gone, or by stop(); nobody else holds the task.
            if not self._disconnected:
                self._refuse(503, "unavailable", "The server is about to stop!")
        except BaseException as error:  # noqa: BLE001  SystemExit must not end the loop
            if _comes_of_disconnect(error):
                _LOGGER.debug("a client left before its response", extra=self._about())
            else:
                self._fail("an exception in the application", error)
        else:
            if not self._complete and not self._disconnected:
                self._fail("the application returned without a whole response", None)
        finally:
            self.bridge.end(self.exchange)

    async def receive(self) -> Message:
        """ASGI's receive: the body, piece by piece, then `http.disconnect`."""
        while not self._body_read and not self._complete:
            body, more = self.exchange.read()
            if body or not more:
                self._body_read = not more
                return {"type": "http.request", "body": body, "more_body": more}
            if self._disconnected:
                break
            self._input = event = self._input or asyncio.Event()
            event.clear()
            await event.wait()
        while not self._disconnected and not self._complete:
            self._input = event = self._input or asyncio.Event()
            event.clear()
            await event.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's send. Waits while the client is slower than the application."""
        kind = message["type"]
        if kind == "http.response.start" and not self._started:
            self.exchange.start(message["status"], message.get("headers", ()))
            self._started = True
        elif kind == "http.response.body" and self._started and not self._complete:
            more = message.get("more_body", False)
            if not self._write(message.get("body", b""), more):
                await self._wait_for_room()
        else:
            raise RuntimeError(f"{kind!r} is not expected now")

    def on_signal(self, signal: int) -> None:
        """What the native side tells of the exchange."""
        if signal == _native.HTTP_DISCONNECT:
            self._disconnected = True
            if not self._complete:
                loop = asyncio.get_running_loop()
                loop.call_later(self.bridge.disconnect_grace, self._cancel)
        if signal != _native.HTTP_DRAINED and self._input is not None:
            self._input.set()
        if signal != _native.HTTP_BODY and self._room is not None:
            self._room.set()

    def _write(self, body: bytes, more: bool) -> bool:
        try:
            room = self.exchange.write(body, more)
        except ConnectionResetError:
            raise ClientDisconnected("the client has gone") from None
        if not more:
            self._complete = True
            if self._input is not None:
                self._input.set()
        return room

    async def _wait_for_room(self) -> None:
        self._room = event = self._room or asyncio.Event()
        event.clear()
        await event.wait()

    def _cancel(self) -> None:
        if self.task is not None and not self._complete:
            self.task.cancel()

    def _scope(self) -> Scope:
        exchange = self.exchange
        raw_path, _, query = exchange.target.partition(b"?")
        # As ASGI has it, the path holds what a proxy has taken off; some proxies leave it there.
        root = self.bridge.root_path.encode()
        if root and not raw_path.startswith(root + b"/"):
            raw_path = root + raw_path
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": exchange.http_version,
            "method": exchange.method,
            "scheme": "https" if exchange.secure else "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": self.bridge.root_path,
            "headers": exchange.headers,
            "client": exchange.client,
            "server": exchange.server,
            "state": self.bridge.state.copy(),
            "extensions": {},
        }

    def _fail(self, what: str, error: BaseException | None) -> None:
        ref = uuid.uuid4().hex
        _LOGGER.error("%s", what, exc_info=error, extra={"ref": ref, **self._about()})
        self._refuse(500, "internal_error", "Something went wrong!", ref)

    def _refuse(self, status: int, code: str, sentence: str, ref: str | None = None) -> None:
        """Answers in the application's stead, unless it has begun to: then it is cut off."""
        if self._started:
            return
        body = {"error": sentence, "code": code} | ({"ref": ref} if ref else {})
        try:
            headers = [(b"content-type", b"application/json")]
            self.exchange.start(status, headers)
            self._started = True
            self._write(json.dumps(body, separators=(",", ":")).encode(), False)
        except ClientDisconnected:
            pass  # nobody is there to be told; the log has it

    def _about(self) -> Mapping[str, object]:
        path = self.exchange.target.partition(b"?")[0].decode("ascii")
        return {"method": self.exchange.method, "path": path}


def _comes_of_disconnect(error: BaseException | None) -> bool:
    """Frameworks raise errors of their own when `send` has told them that the client has gone."""
    while error is not None and not isinstance(error, ClientDisconnected):
        error = error.__cause__ or error.__context__
    return error is not None


class _Lifespan:
    """The application's startup and shutdown. One that does not know the protocol has neither."""

    def __init__(self, app: Application, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._startup: asyncio.Future[str | None] | None = None
        self._shutdown: asyncio.Future[str | None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Raises LifespanError with the application's own words."""
        loop = asyncio.get_running_loop()
        self._startup, self._shutdown = loop.create_future(), loop.create_future()
        self._to_app.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run())
        if (problem := await self._startup) is not None:
            await asyncio.wait([self._task], timeout=_LAST_WORDS)
            _LOGGER.debug("the application's startup failed: %s", problem)
            # Starlette's words are a traceback, whose last line says what it is about.
            raise LifespanError(f"the application's startup failed: {problem.splitlines()[-1]}")

    async def shutdown(self, deadline: float) -> None:
        """Waits until `deadline` at most. What goes wrong is logged."""
        if self._task is None or self._task.done() or self._shutdown is None:
            return
        self._to_app.put_nowait({"type": "lifespan.shutdown"})
        try:
            # A moment even past the deadline: most shutdowns only close files.
            async with asyncio.timeout(max(_LAST_WORDS, deadline - time.monotonic())):
                problem = await self._shutdown
                await self._task
        except TimeoutError:
            problem = "it took too long"
            self._task.cancel()
        if problem is not None:
            _LOGGER.error("the application's shutdown failed: %s", problem)

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        problem: str | None = None
        try:
            await self._app(scope, self._to_app.get, self._send)
        except Exception as error:
            # Before any answer it means that the application has no lifespan.
            if self._startup is not None and self._startup.done():
                problem = str(error) or type(error).__name__
            _LOGGER.debug("the lifespan ended with an exception", exc_info=error)
        for answer in (self._startup, self._shutdown):
            if answer is not None and not answer.done():
                answer.set_result(problem)

    async def _send(self, message: Message) -> None:
        kind: str = message["type"]
        phase, _, outcome = kind.removeprefix("lifespan.").partition(".")
        answer = {"startup": self._startup, "shutdown": self._shutdown}.get(phase)
        if answer is None or answer.done() or outcome not in ("complete", "failed"):
            raise RuntimeError(f"{kind!r} is not expected now")
        words = str(message.get("message", "")).strip()
        answer.set_result((words or "it gave no reason") if outcome == "failed" else None)
