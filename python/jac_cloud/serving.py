"""Serving until a signal ends it: what `jac serve` does, and `jac_cloud.serve` from Python."""

import gc
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from jac_cloud.logs import logging_to
from jac_cloud.server import Server

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(app: str | Path, **settings: Any) -> None:
    """Serves an app until SIGTERM or SIGINT, then drains and returns.

    Prints one line with the address and the walkers on standard output, and logs on standard
    error. Keywords are settings (docs/configuration.md). A second signal ends the process at
    once. Main thread only, for signals reach no other. Raises what `Server` and its `start` do.
    """
    run(Server(app, **settings))


def run(server: Server) -> None:
    """As `serve`, for a server that is not started yet."""
    with logging_to(None, server.settings.log_format, server.settings.debug):
        server.start()
        # The app and its libraries stay: no collection need look at them again.
        gc.collect()
        gc.freeze()
        asked = _Signals()
        try:
            _announce(server)
            asked.wait()
        finally:
            server.stop()
            asked.restore()


class _Signals:
    """Waits for the first signal; from then on a second one has its default effect."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self._before = {number: signal.signal(number, self._first) for number in _SIGNALS}

    def wait(self) -> None:
        self._came.wait()

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _first(self, _number: int, _frame: FrameType | None) -> None:
        # Python runs handlers between bytecodes only, which stopping may be far from: the default
        # effect is the kernel's and needs none.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self._came.set()


def _announce(server: Server) -> None:
    walkers = ", ".join(sorted(server.walkers)) or "none"
    sys.stdout.write(f"Serving {server.address} with walkers: {walkers}\n")
    sys.stdout.flush()
