"""How often a login may fail, for one account and from one address."""

import asyncio
import ipaddress
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

WINDOW_SECONDS = 60
# Below so many keys, sweeping is not worth it.
_SWEEP_MIN = 1024


class TooManyFailures(Exception):
    """The next attempt is allowed in `retry_after` whole seconds; `setting` is the limit's name."""

    def __init__(self, retry_after: int, setting: str) -> None:
        super().__init__(f"retry in {retry_after} s")
        self.retry_after = retry_after
        self.setting = setting


@dataclass
class Attempt:
    """One attempt under way; `failed` is set by who knows how it ended."""

    failed: bool = False


@dataclass
class _Window:
    failures: deque[float] = field(default_factory=deque)
    running: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class FailureLimit:
    """At most `limit` failures of a key in any 60 s; 0 is no limit. For one event loop.

    Attempts count only when they fail. Those under way are counted as if they would, and one
    more waits for them: otherwise a thousand at once would all be let in.
    """

    def __init__(
        self, limit: int, setting: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._setting = setting
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._sweep_at = _SWEEP_MIN

    @asynccontextmanager
    async def attempt(self, key: str) -> AsyncIterator[Attempt]:
        """Makes an attempt for the key. TooManyFailures when its limit is used up."""
        if self._limit == 0:
            yield Attempt()
            return
        window = await self._enter(key)
        attempt = Attempt()
        try:
            yield attempt
        finally:
            window.running -= 1
            if attempt.failed:
                window.failures.append(self._clock())
            window.settled.set()
            window.settled = asyncio.Event()
            self._sweep()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._windows)

    async def _enter(self, key: str) -> _Window:
        while True:
            window = self._windows.setdefault(key, _Window())
            self._expire(window)
            if len(window.failures) >= self._limit:
                wait = window.failures[0] + WINDOW_SECONDS - self._clock()
                raise TooManyFailures(max(1, math.ceil(wait)), self._setting)
            if len(window.failures) + window.running < self._limit:
                window.running += 1
                return window
            await window.settled.wait()

    def _expire(self, window: _Window) -> None:
        oldest = self._clock() - WINDOW_SECONDS
        while window.failures and window.failures[0] <= oldest:
            window.failures.popleft()

    def _sweep(self) -> None:
        if len(self._windows) < self._sweep_at:
            return
        for key, window in [*self._windows.items()]:
            self._expire(window)
            if not window.failures and not window.running:
                del self._windows[key]
        self._sweep_at = max(_SWEEP_MIN, 2 * len(self._windows))


def address_key(host: str) -> str:
    """What counts as one address: all of IPv4, the /64 that one customer gets of IPv6."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
