"""What a walker answers beside its reports: a status, headers, a body."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from jac_cloud._jaclang import JacRuntimeInterface

# RFC 9110, sections 5.1 and 5.5.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# How long an answer is and how it travels is the server's to say.
_OF_THE_SERVER = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a committed run of a walker answers."""

    reports: bytes
    """JSON text of a list."""
    status: int = 200
    headers: Mapping[str, str] | None = None
    body: bytes | None = None
    """JSON text of what the walker gave for a body, if it did."""
    content: bytes | None = None
    """That body itself, where it is bytes, which only HTTP can carry."""


def answer(
    status: int | None = None, headers: Mapping[str, str] | None = None, body: Any = MISSING
) -> None:
    """Sets what the running walker answers; what is left out stays as it is.

    By REST `body` takes the place of `{"status", "reports"}`: `bytes` as they are, anything else as
    JSON, like a report. By WebSocket the reply carries `status` and `body` beside the reports, and
    headers mean nothing. Whatever the status, the walker has not failed and is committed: raise
    where nothing is to be kept. ValueError for what HTTP cannot send, RuntimeError outside of a
    walker.
    """
    context = JacRuntimeInterface.get_context()
    if not hasattr(context, "headers"):
        raise RuntimeError("answer() is for a walker that runs")
    if status is not None:
        context.status = checked_status(status)
    for name, value in (headers or {}).items():
        value = _checked_header(name, value)
        context.headers[name.lower()] = value
    if body is not MISSING:
        context.custom = body


def checked_status(status: Any) -> int:
    """ValueError for what cannot be the status of an answer (RFC 9110, section 15)."""
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError(f"a status is a whole number from 200 to 599, not {status!r}")
    return status


def _checked_header(name: Any, value: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in _OF_THE_SERVER:
        raise ValueError(f"{name!r} is not a header that a walker may set")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise ValueError(f"the value of the header {name} is not a text that a header can hold")
    return value
