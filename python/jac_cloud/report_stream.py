"""Reports on their way to a reader while their walker runs."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from jac_cloud.deadline import Deadline

# A walker waits while more than this is on its way to a reader who is slower.
_PENDING_BYTES = 256 << 10


class ReportStream:
    """Takes events on a walker's thread and gives them out on an event loop.

    `events` holds a name and JSON text each, and None at the end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: Deadline) -> None:
        self.events: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._loop = loop
        self._deadline = deadline
        self._changed = threading.Condition()
        self._pending = 0
        self._left = False
        self._begun = False
        self._reported = False

    # On the walker's thread

    def begin(self) -> None:
        """An attempt begins: the input fits and the node may be read."""
        if not self._begun:
            self._begun = True
            self._put("begin", b"")
        elif self._reported:
            self._reported = False
            self._put("restart", b"{}")

    def report(self, text: bytes) -> None:
        """Sends a report; waits for a slow reader. WalkerTimeout once nobody waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or self._pending <= _PENDING_BYTES)
        self._deadline.tell()
        self._reported = True
        self._put("report", text)

    # On the loop

    def end(self) -> None:
        """The run is over."""
        self.events.put_nowait(None)

    def taken(self, event: tuple[str, bytes]) -> None:
        """The reader has got it."""
        with self._changed:
            self._pending -= len(event[1])
            self._changed.notify_all()

    def leave(self) -> None:
        """The reader waits no more. Call it after the deadline has been made to expire."""
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def _put(self, name: str, text: bytes) -> None:
        with self._changed:
            self._pending += len(text)
        # Once the server has stopped and the loop is closed, nobody is left to read.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.events.put_nowait, (name, text))


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of one walker's reports at once."""

    walker: Any
    tell: Callable[[Any], None]


CURRENT_LISTENER: ContextVar[Listener] = ContextVar("report_listener")
"""Copied contexts carry it into helper threads."""
