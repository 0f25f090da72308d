"""Walkers past their time: they are ended, or where that cannot be, their threads are replaced."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jac_cloud._native import Counter
from jac_cloud.deadline import Deadline
from jac_cloud.walker_slots import Reached

_LOGGER = logging.getLogger(f"{__package__}.walker")

_LOOK_SECONDS = 0.02
# One that cannot be ended is looked at less often: each look costs its thread the GIL.
_LOOK_AT_STUCK_SECONDS = 0.25
# A walker that has not ended by then is taken for stuck.
_STUCK_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class _Late:
    walker: str
    deadline: Deadline
    replace: Callable[[], bool]
    since: float = field(default_factory=time.monotonic)
    stuck: bool = False
    replaced: bool = False


class Overdue:
    """Ends walkers whose callers have been answered. Safe to use from any thread.

    A loop in the app's own code is ended, and what an async walker waits for is cancelled. What is
    inside of a call that Python cannot break off (a lock, a socket, a library) is stuck, and logged
    as such. Until a late run has left, its thread is replaced, up to `max_stuck` threads at once.
    One thread looks after them all, from the first on.
    """

    def __init__(self, max_stuck: int, reached: Reached = lambda *_: None) -> None:
        self._reached = reached
        self._max_stuck = max_stuck
        self._changed = threading.Condition()
        self._late: list[_Late] = []
        self._closed = False
        self._watcher: threading.Thread | None = None
        self.ended = Counter()
        """How many have been ended before they were stuck."""
        self.stuck_ever = Counter()

    @property
    def stuck(self) -> int:
        """How many are stuck, now."""
        return sum(late.stuck for late in [*self._late])

    def timed_out(self, walker: str) -> None:
        """Counts and logs that a walker was answered `timeout`."""
        self._reached("walker_timeout", "walker", walker)
        _LOGGER.warning("walker timed out", extra={"walker": walker})

    def end(self, walker: str, deadline: Deadline, replace: Callable[[], bool]) -> None:
        """Ends a run whose deadline has expired, as soon as that can be.

        `replace` starts a thread in the place of the run's own, which then ends with the run; False
        if the run has just left. It is called from another thread.
        """
        with self._changed:
            if self._closed:
                return
            self._late.append(_Late(walker, deadline, replace))
            self._changed.notify_all()
            if self._watcher is None:
                self._watcher = threading.Thread(
                    target=self._watch, name="jac-cloud-overdue", daemon=True
                )
                self._watcher.start()

    def close(self, timeout: float) -> None:
        """Looks after nothing any more; what is stuck stays so. Waits for its thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            watcher = self._watcher
        if watcher is not None:
            watcher.join(timeout)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._late)
                if self._closed:
                    return
                late = [*self._late]
            gone = [each for each in late if not self._look_at(each)]
            with self._changed:
                self._late = [each for each in self._late if each not in gone]
                quiet = all(each.stuck for each in self._late)
                if self._late:
                    self._changed.wait(_LOOK_AT_STUCK_SECONDS if quiet else _LOOK_SECONDS)

    def _look_at(self, late: _Late) -> bool:
        """Whether it still runs."""
        seconds = time.monotonic() - late.since
        if not late.deadline.interrupt():
            if late.stuck:
                self._log("a stuck walker has ended", late, seconds=round(seconds, 3))
            else:
                self.ended.add()
            return False
        # At once: who waits for a thread need not wait for that.
        if not late.replaced and sum(each.replaced for each in self._late) < self._max_stuck:
            late.replaced = late.replace()
        if not late.stuck and seconds >= _STUCK_SECONDS:
            late.stuck = True
            self.stuck_ever.add()
            self._log("walker stuck", late, at=late.deadline.place(), replaced=late.replaced)
        return True

    def _log(self, event: str, late: _Late, **fields: object) -> None:
        _LOGGER.warning(event, extra={"walker": late.walker, **fields})
