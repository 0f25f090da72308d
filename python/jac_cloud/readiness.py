"""Whether the server can do what it is for: what `/readyz` asks."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jac_cloud.threads import DaemonPool

if TYPE_CHECKING:
    from concurrent.futures import Future

_LOGGER = logging.getLogger(f"{__package__}.readiness")

_FRESH_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0


class Readiness:
    """Runs `checks`, which raise when what they are named after is not to be reached.

    They run on a thread of their own, one after another, at most once in `fresh` seconds; what they
    found is waited for up to `timeout` seconds. Each change is logged.
    """

    def __init__(
        self,
        checks: Mapping[str, Callable[[], None]],
        *,
        timeout: float = _TIMEOUT_SECONDS,
        fresh: float = _FRESH_SECONDS,
    ) -> None:
        self._checks = checks
        self._timeout = timeout
        self._fresh = fresh
        self._pool = DaemonPool(1, "jac-cloud-readiness")
        self._running: Future[str] | None = None
        self._asked_at = 0.0
        self._failing = ""

    async def failing(self) -> str:
        """What is not to be reached, empty when everything is. For one event loop."""
        now = time.monotonic()
        running = self._running
        if running is None or (running.done() and now - self._asked_at >= self._fresh):
            running = self._running = self._pool.submit(self._check)
            self._asked_at = now
        result = asyncio.wrap_future(running)
        await asyncio.wait([result], timeout=self._timeout)
        failing = result.result() if result.done() else "answers in time"
        if failing != self._failing:
            self._failing = failing
            if failing:
                _LOGGER.warning("not ready", extra={"failing": failing})
            else:
                _LOGGER.info("ready")
        return failing

    def close(self, timeout: float) -> None:
        """Takes no more questions, and waits up to `timeout` seconds for a check that runs."""
        self._pool.shutdown(wait=False)
        self._pool.join(timeout)

    def _check(self) -> str:
        for name, check in self._checks.items():
            try:
                check()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
                _LOGGER.debug("check failed", extra={"check": name, "error": repr(error)})
                return name
        return ""
