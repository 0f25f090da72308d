"""Who goes next, among units of work that want to change the same thing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# A unit does not wait for longer: one that has its turn may itself wait for another unit.
_MOST_SECONDS = 1.0


@dataclass(slots=True)
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    interested: int = 0


class Turns:
    """Lets the units that met a conflict over one thing run one after another.

    Left to themselves, many of them would overtake each other until some have used up their
    attempts. Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    @contextmanager
    def of(self, thing: str) -> Iterator[bool]:
        """Waits for a turn and holds it for the block; whether it came in time."""
        with self._guard:
            turn = self._turns.setdefault(thing, _Turn())
            turn.interested += 1
        has_come = turn.lock.acquire(timeout=_MOST_SECONDS)
        try:
            yield has_come
        finally:
            if has_come:
                turn.lock.release()
            with self._guard:
                turn.interested -= 1
                if not turn.interested:
                    del self._turns[thing]
