"""Whose turn it is to write to the graph, and who has it written for them meanwhile."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

type Write = Callable[[sqlite3.Connection], None]


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Job:
    """What one thread waits for its turn with: what another can write for it, or nothing such."""

    write: Write | None = None
    error: Exception | None = None
    committed: bool = False
    joined: bool = False
    """Another thread does it in its own turn."""
    called: threading.Lock = field(default_factory=_locked)
    """Free once the job has its turn, or the turn that it has joined is over."""


class WriteTurns:
    """One thread at a time has the turn; the others wait in the order in which they came.

    Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[Job] = deque()
        self._joined: list[Job] = []

    def wait(self, job: Job, seconds: float) -> bool:
        """Whether the turn is the job's, to be passed on; else another has done it in its own.

        TimeoutError when neither has begun after so many seconds.
        """
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            self._waiting.append(job)
        try:
            came = job.called.acquire(timeout=seconds)
        except BaseException:
            if not self._leave(job) and self._is_called(job):
                self.pass_on()
            raise
        if came:
            return not job.joined
        if self._leave(job):
            raise TimeoutError
        return self._is_called(job)

    def join(self) -> list[Job]:
        """Those who wait with what another can do, for who has the turn to do it as well."""
        with self._lock:
            joining = [job for job in self._waiting if job.write is not None]
            for job in joining:
                job.joined = True
                self._waiting.remove(job)
            self._joined += joining
            return joining

    def pass_on(self) -> None:
        """Ends a turn."""
        with self._lock:
            over, self._joined = self._joined, []
            self._taken = bool(self._waiting)
            # First of all, so that the disk need not wait.
            if self._waiting:
                self._waiting.popleft().called.release()
        for job in over:
            job.called.release()

    def _leave(self, job: Job) -> bool:
        """Whether the job still waited, and waits no more."""
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)
                return True
            return False

    def _is_called(self, job: Job) -> bool:
        """As `wait`, for a job that has been taken from those who wait."""
        job.called.acquire()
        return not job.joined
