"""A run's time limit: whether its end or the limit came first, and how a late run is ended."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from types import CodeType
from typing import Any

from jac_cloud import interruption
from jac_cloud.errors import WalkerTimeout


class _Phase(Enum):
    RUNNING = 1
    COMMITTING = 2
    EXPIRED = 3
    FINISHED = 4


class Deadline:
    """Decides who comes first, a run's end or its time limit. Safe to use from any thread."""

    def __init__(self) -> None:
        self._phase = _Phase.RUNNING
        self._due = False
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._task: asyncio.Task[Any] | None = None

    def expire(self) -> bool:
        """The time is up. Whether that came first; then nothing of the run will be committed.

        Otherwise the run has ended, or its commit has begun and decides: if that meets a conflict,
        the run ends with WalkerTimeout.
        """
        with self._lock:
            self._due = True
            if self._phase is _Phase.RUNNING:
                self._phase = _Phase.EXPIRED
            return self._phase is _Phase.EXPIRED

    def check(self) -> None:
        """WalkerTimeout if the time limit came first."""
        if self._phase is _Phase.EXPIRED:
            raise WalkerTimeout

    def tell(self) -> None:
        """As `check`, from within the app's code: what that then does to end is left in peace, as
        after an interruption.
        """
        with self._lock:
            if self._phase is not _Phase.EXPIRED:
                return
            if threading.get_ident() == self._thread:
                interruption.told(self._thread)
        raise WalkerTimeout

    def begin_commit(self) -> None:
        """WalkerTimeout if the time limit came first."""
        with self._lock:
            self.check()
            self._phase = _Phase.COMMITTING

    def run_again(self) -> None:
        """The commit met a conflict: the run is on its way again if there is time left."""
        with self._lock:
            if self._phase is _Phase.COMMITTING:
                self._phase = _Phase.EXPIRED if self._due else _Phase.RUNNING

    def finish(self) -> bool:
        """The run has ended. Whether its answer counts: not if the time limit came first."""
        with self._lock:
            if self._phase is not _Phase.EXPIRED:
                self._phase = _Phase.FINISHED
            return self._phase is _Phase.FINISHED

    @property
    def finished(self) -> bool:
        return self._phase is _Phase.FINISHED

    @contextmanager
    def on_thread(self) -> Iterator[None]:
        """The run is on this thread, inside of the block."""
        thread = threading.get_ident()
        with self._lock:
            self._thread = thread
        try:
            yield
        finally:
            with self._lock:
                self._thread = None
                interruption.spare(thread)

    @contextmanager
    def in_task(self, task: asyncio.Task[Any]) -> Iterator[None]:
        """The run is in this task, on a loop of its own, inside of the block."""
        with self._lock:
            self._task = task
        try:
            yield
        finally:
            with self._lock:
                self._task = None

    def ended_by(self, error: BaseException) -> bool:
        """Whether a run ended with this because it was late."""
        ends = (interruption.WalkerStopped, asyncio.CancelledError)
        return self._phase is _Phase.EXPIRED and isinstance(error, ends)

    def interrupt(self) -> bool:
        """Ends what a run that is late does, if that can be: to be called again until False, which
        says that the run has left its thread.
        """
        with self._lock:
            if self._thread is None:
                return False
            interruption.aim(self._thread, _code_of(self._task))
            if self._task is not None:
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
            return True

    def place(self) -> str:
        """Where in the app's code the run is, `file:line`; empty if nowhere."""
        thread = self._thread
        return "" if thread is None else interruption.place(thread)


def _code_of(task: asyncio.Task[Any] | None) -> Iterator[CodeType]:
    """What the task runs or waits in, from its coroutine inwards."""
    coroutine: Any = task and task.get_coro()
    while (code := getattr(coroutine, "cr_code", None)) is not None:
        yield code
        coroutine = coroutine.cr_await
