"""A walker's run as one request: one unit of work, on a thread of its own."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from fastapi import Request, Response

from jac_cloud import event_stream
from jac_cloud._native import Unit
from jac_cloud.answer import Result
from jac_cloud.errors import WalkerTimeout
from jac_cloud.event_stream import EventStreamResponse
from jac_cloud.given_input import GivenInput, InputSource
from jac_cloud.overdue import Overdue
from jac_cloud.refusals import refusal_of, unauthenticated
from jac_cloud.report_stream import ReportStream
from jac_cloud.requests import Callers
from jac_cloud.runtime import Caller, Deadline, Interpreter
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.walker_spec import WalkerSpec

_LOGGER = logging.getLogger(f"{__package__}.walker")
_JSON = "application/json"
# RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5.
_WITHOUT_CONTENT = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for: a walker, what it gives, the node to run on if it names one, and
    `who` asks, which may have to wait for the users.
    """

    spec: WalkerSpec
    given: GivenInput
    node: str | None
    who: Callable[[], Caller]
    deadline: Deadline
    stream: ReportStream | None


class WalkerRequests:
    """Runs walkers for requests, on the threads of `pool`.

    `overdue` ends those that run too long, or whose reader has left.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        callers: Callers,
        settings: Settings,
        pool: DaemonPool,
        overdue: Overdue,
    ) -> None:
        self._settings = settings
        self._interpreter = interpreter
        self._callers = callers
        self._pool = pool
        self._overdue = overdue

    async def answer(
        self, spec: WalkerSpec, source: InputSource, node: str | None, request: Request
    ) -> Response:
        """Runs the walker on a node, or on the caller's root.

        The errors of `Interpreter.run` and of `Callers.of`, Refusal.
        """
        deadline = Deadline()
        stream = None
        if event_stream.is_wanted(request):
            stream = ReportStream(asyncio.get_running_loop(), deadline)
        with contextlib.ExitStack() as undo:
            given = await source.take(request)
            undo.callback(given.close)
            who = await self._callers.of(request)
            call = Call(spec, given, node, who, deadline, stream)
            running = self._pool.submit(self._run, call)
            undo.pop_all()
        running.add_done_callback(lambda _: given.close())
        if stream is None:
            return _response(await self._finish(call, running))
        return await self._streamed(call, stream, running)

    def _run(self, call: Call) -> Result:
        spec = call.spec
        with call.deadline.on_thread():
            caller = call.who()
            if spec.auth and not caller.authenticated:
                raise unauthenticated(f"Walker {spec.name} requires to be authenticated!")
            call.given.check_depth(self._settings.max_json_depth)
            return self._interpreter.run(
                spec, call.given.read, caller, call.node, Unit, call.deadline, call.stream
            )

    async def _finish(self, call: Call, running: Future[Result]) -> Result:
        result = asyncio.wrap_future(running)
        if limit := self._settings.walker_timeout:
            await asyncio.wait([result], timeout=limit)
            if not result.done() and call.deadline.expire():
                self._end(call, running)
                self._overdue.timed_out(call.spec.name)
                raise WalkerTimeout
        # Done, or too late to be stopped: its commit is under way.
        return await result

    def _end(self, call: Call, running: Future[Result]) -> None:
        if not running.cancel():
            replace = partial(self._pool.replace, running)
            self._overdue.end(call.spec.name, call.deadline, replace)

    async def _streamed(
        self, call: Call, stream: ReportStream, running: Future[Result]
    ) -> Response:
        def leave() -> None:
            if call.deadline.expire():
                self._end(call, running)
                _LOGGER.info("the reader of a walker left", extra={"walker": call.spec.name})
            stream.leave()

        def over(result: asyncio.Task[Result]) -> None:
            if not result.cancelled() and result.exception() is not None:
                stream.leave()
            stream.end()

        result = asyncio.create_task(self._finish(call, running))
        result.add_done_callback(over)
        try:
            begun = await stream.events.get()
        except asyncio.CancelledError:
            leave()
            raise
        if begun is None:
            # It never came to run: an answer like any other.
            return _response(await result)
        return EventStreamResponse(
            stream, result, partial(refusal_of, debug=self._settings.debug), leave
        )


def _response(result: Result) -> Response:
    headers = dict(result.headers or ())
    if result.status in _WITHOUT_CONTENT:
        return Response(None, result.status, headers)
    if result.content is not None:
        kind = None if "content-type" in headers else "application/octet-stream"
        return Response(result.content, result.status, headers, kind)
    if result.body is not None:
        return Response(result.body, result.status, headers, media_type=_JSON)
    body = b'{"status":%d,"reports":%b}' % (result.status, result.reports)
    return Response(body, result.status, headers, media_type=_JSON)
