"""A walker's reports as server-sent events (WHATWG HTML, section 9.2): one each, while it runs.

`report` for each report, `restart` where the walker is run again because of a conflict and what was
read is void, then `done` once all is committed, or `error`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import Request
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Receive, Scope, Send

from jac_cloud.answer import Result
from jac_cloud.refusals import Refusal
from jac_cloud.report_stream import ReportStream

MEDIA_TYPE = "text/event-stream"
# Within the time after which proxies take a silent connection for dead.
_KEEPALIVE_SECONDS = 15.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


_REFUSED = {"q=0", "q=0.0", "q=0.00", "q=0.000"}


def is_wanted(request: Request) -> bool:
    """Whether the client asks for events, rather than for all at once (RFC 9110, 12.5.1)."""
    if request.method == "HEAD":
        return False
    for value in request.headers.getlist("accept"):
        for each in value.lower().split(","):
            media_range, *parameters = (part.replace(" ", "") for part in each.split(";"))
            if media_range == MEDIA_TYPE:
                return not _REFUSED.intersection(parameters)
    return False


class EventStreamResponse(StreamingResponse):
    """The events of a stream that has begun, then how the run has ended.

    `refusal_of` turns what it fails with into what is said of it; `leave` is called when the reader
    has gone before the end.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        stream: ReportStream,
        result: Awaitable[Result],
        refusal_of: Callable[[Exception], Refusal],
        leave: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._result = result
        self._refusal_of = refusal_of
        self._leave = leave
        super().__init__(self._events(), headers=_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = False
        try:
            await super().__call__(scope, receive, send)
            whole = True
        finally:
            if not whole:
                self._leave()

    async def _events(self) -> AsyncIterator[bytes]:
        # So that the client sees at once that the walker runs.
        yield KEEPALIVE_COMMENT
        while (event := await self._next()) is not None:
            yield event
        try:
            yield format_sse_event(event="done", data_str=_done(await self._result))
        except Exception as error:  # noqa: BLE001 - whatever the run fails with
            body = json.dumps(self._refusal_of(error).body)
            yield format_sse_event(event="error", data_str=body)

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(_KEEPALIVE_SECONDS):
                event = await self._stream.events.get()
        except TimeoutError:
            return KEEPALIVE_COMMENT
        if event is None:
            return None
        self._stream.taken(event)
        name, text = event
        return format_sse_event(event=name, data_str=text.decode())


def _done(result: Result) -> str:
    body = b"" if result.body is None else b',"body":' + result.body
    return f'{{"status":{result.status}{body.decode()}}}'
