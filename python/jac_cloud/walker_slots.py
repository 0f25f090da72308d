"""How many walkers of one user run at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jac_cloud.errors import TooManyWalkers

# Counts and tells that a limit held somebody back: the setting, what `who` is, who.
type Reached = Callable[[str, str, str], None]

SETTING = "walkers_per_user"


class WalkerSlots:
    """At most `limit` walkers of a user at a time, over either transport; 0 is no limit.

    The public user has none: it is everyone without a token. Any thread.
    """

    def __init__(self, limit: int, reached: Reached) -> None:
        self._limit = limit
        self._reached = reached
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}

    @contextmanager
    def taken(self, root_hex: str, authenticated: bool) -> Iterator[None]:
        """A slot of the user's, given back at the end. TooManyWalkers when all are taken."""
        if not self._limit or not authenticated:
            yield
            return
        with self._lock:
            running = self._running.get(root_hex, 0)
            if running < self._limit:
                self._running[root_hex] = running + 1
        if running >= self._limit:
            self._reached(SETTING, "root", root_hex)
            raise TooManyWalkers
        try:
            yield
        finally:
            with self._lock:
                running = self._running[root_hex] - 1
                if running:
                    self._running[root_hex] = running
                else:
                    del self._running[root_hex]
