"""What the routes read of a request: its JSON body and its caller."""

import re
from itertools import accumulate

from fastapi import Request

from jac_cloud.identity import Identities
from jac_cloud.refusals import Refusal, invalid_json
from jac_cloud.runtime import Caller, Interpreter

PUBLIC = Caller(Interpreter.PUBLIC_ROOT, authenticated=False)


# A text of JSON, with what its quotes and backslashes may hold.
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes({*range(256)} - {*b"[]{}"})
# An opening bracket becomes 2, a closing one 0; less 1 each is the step in depth.
_STEPS = bytes.maketrans(b"[{]}", b"\2\2\0\0")


async def json_body(request: Request) -> bytes:
    """The body, not parsed yet. Refusal 415 when it says that it is something else than JSON."""
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
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
        raise invalid_json(f"The body is nested deeper than {levels} levels")


def caller(request: Request, identities: Identities) -> Caller:
    """Who asks: the user of the token, the public user where there is no token.

    InvalidToken for a bad one, never a silent downgrade. Reads the database: not for the loop.
    """
    identity = identities.of_header(request.headers.getlist("authorization"))
    who = PUBLIC if identity is None else Caller(identity.user.root_hex)
    request.state.root = who.root_hex
    return who
