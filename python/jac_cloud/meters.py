"""What is counted of walkers and of requests. The counts are native: no lock is taken."""

import time
from collections.abc import Iterator
from typing import Self

from jac_cloud._native import Counter, Histogram
from jac_cloud.errors import Conflict, Forbidden, InvalidInput, TooManyWalkers, WalkerTimeout

# Upper bounds in seconds: a walker of a few lines takes a third of the first.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

FAILED = "walker_failed"
# Whatever else a run ends with is a failure. The words are those of the protocol's codes.
_RESULTS: dict[type[BaseException] | None, str] = {
    None: "ok",
    InvalidInput: "invalid_event",
    Forbidden: "forbidden",
    Conflict: "conflict",
    WalkerTimeout: "timeout",
    TooManyWalkers: "rate_limited",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


class WalkerMeter:
    """Of one walker: how its calls ended, how long they took, replays included. Any thread."""

    def __init__(self) -> None:
        self.seconds = Histogram(SECONDS)
        self.results = {result: Counter() for result in (*_RESULTS.values(), FAILED)}
        self.conflicts = Counter()
        self.replays = Counter()

    def call(self) -> "_Call":
        """Measures one call, as a context manager."""
        return _Call(self)


class _Call:
    __slots__ = ("_began", "_meter")

    def __init__(self, meter: WalkerMeter) -> None:
        self._meter = meter

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._meter.seconds.observe(time.perf_counter() - self._began)
        self._meter.results[_RESULTS.get(kind, FAILED)].add()


class WalkerMeters:
    """The meters of all walkers, by name; each is made when its walker is first called."""

    def __init__(self) -> None:
        self._by_name: dict[str, WalkerMeter] = {}

    def of(self, walker: str) -> WalkerMeter:
        """The meter of the walker. Any thread."""
        return self._by_name.get(walker) or self._by_name.setdefault(walker, WalkerMeter())

    def __iter__(self) -> Iterator[tuple[str, WalkerMeter]]:
        return iter([*self._by_name.items()])


class RequestMeters:
    """Of the requests that the application answered. For its one event loop."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, int], int] = {}
        self.seconds: dict[tuple[str, str], Histogram] = {}

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request that is over: its route's template, and the time until then."""
        # Clients may make up methods.
        method = method if method in _METHODS else "other"
        answer = method, route, status
        self.answers[answer] = self.answers.get(answer, 0) + 1
        histogram = self.seconds.get((method, route))
        if histogram is None:
            histogram = self.seconds[method, route] = Histogram(SECONDS)
        histogram.observe(seconds)
