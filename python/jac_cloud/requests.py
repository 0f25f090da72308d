"""What the routes read of a request: its JSON body and its caller."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable
from functools import partial
from itertools import accumulate

from fastapi import Request

from jac_cloud.identity import Identities
from jac_cloud.refusals import Refusal, invalid_json, too_large
from jac_cloud.runtime import Caller, Interpreter
from jac_cloud.threads import DaemonPool

PUBLIC = Caller(Interpreter.PUBLIC_ROOT, authenticated=False)


# A text of JSON, with what its quotes and backslashes may hold.
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes({*range(256)} - {*b"[]{}"})
# More than anything of a fixed form needs.
_SMALL_BODY = 1 << 20
# An opening bracket becomes 2, a closing one 0; less 1 each is the step in depth.
_STEPS = bytes.maketrans(b"[{]}", b"\2\2\0\0")


def media_type(request: Request) -> str:
    """What the body says that it is, in lower case and without parameters; empty if nothing."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def limited(request: Request, most: int) -> AsyncGenerator[bytes]:
    """The pieces of the body. Refusal 413 when it is longer than that; 0: no limit of its own."""
    left = most
    if most and int(request.headers.get("content-length", 0)) > most:
        raise too_large()
    async with contextlib.aclosing(request.stream()) as pieces:
        async for piece in pieces:
            left -= len(piece)
            if most and left < 0:
                raise too_large()
            yield piece


async def json_body(request: Request, most: int = _SMALL_BODY) -> bytes:
    """The body, not parsed yet, of `most` bytes; 0: as many as the server takes.

    Refusal 413 for more, 415 when it says that it is something else than JSON.
    """
    if most:
        body = b"".join([piece async for piece in limited(request, most)])
    else:
        body = await request.body()
    kind = media_type(request)
    is_json = kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
    if body and not is_json:
        raise Refusal(415, "unsupported_media_type", "The body must be application/json")
    return body


def check_depth(body: bytes, levels: int) -> None:
    """Refusal 400 when the JSON is nested deeper than that, before anything reads it."""
    if body.count(b"[") + body.count(b"{") <= levels:
        return
    steps = _TEXT.sub(b"", body).translate(_STEPS, _NOT_BRACKETS)
    if max(accumulate(step - 1 for step in steps), default=0) > levels:
        sentence = f"The body is nested deeper than {levels} levels"
        raise invalid_json(sentence, limit="max_json_depth")


class Callers:
    """Who asks: the user of the token, the public user where there is no token.

    With a `pool` tokens are looked up on its threads, and not on those that run walkers: users who
    are somewhere else may keep whoever asks for them waiting.
    """

    def __init__(self, identities: Identities, pool: DaemonPool | None) -> None:
        self._identities = identities
        self._pool = pool

    async def of(self, request: Request) -> Callable[[], Caller]:
        """What tells who asks, on any thread but the loop's. InvalidToken and the errors of
        `Database`, here or there, never a silent downgrade.
        """
        tell = partial(self._tell, request)
        if self._pool is None or "authorization" not in request.headers:
            return tell
        found = await asyncio.wrap_future(self._pool.submit(tell))
        return lambda: found

    def _tell(self, request: Request) -> Caller:
        identity = self._identities.of_header(request.headers.getlist("authorization"))
        who = PUBLIC if identity is None else Caller(identity.user.root_hex)
        request.state.root = who.root_hex
        return who
