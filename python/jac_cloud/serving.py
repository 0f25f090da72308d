"""Serving until a signal ends it: what `jac serve` does, and `jac_cloud.serve` from Python."""

import gc
import logging
import signal
import socket
import sys
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any

from jac_cloud import systemd
from jac_cloud.errors import CloudError
from jac_cloud.logs import logging_to
from jac_cloud.server import Server

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LOGGER = logging.getLogger(f"{__package__}.serve")


def serve(app: str | Path, **settings: Any) -> None:
    """Serves an app until SIGTERM or SIGINT, then drains and returns.

    Prints one line with the address and the walkers on standard output, and logs on standard
    error. Keywords are settings (docs/configuration.md). A second signal ends the process at
    once; SIGHUP reads the certificate again, where there is one. Main thread only, for signals
    reach no other. Raises what `Server` and its `start` do, and KeyboardInterrupt after it has
    drained because of SIGINT.
    """
    run(Server(app, **settings))


def run(server: Server) -> None:
    """As `serve`, for a server that is not started yet."""
    if run_until_signal(server) == signal.SIGINT:
        raise KeyboardInterrupt


def run_until_signal(server: Server) -> int:
    """As `run`, but returns the number of the signal that ended it."""
    with logging_to(None, server.settings.log_format, server.settings.debug):
        server.start()
        # The app and its libraries stay: no collection need look at them again.
        gc.collect()
        gc.freeze()
        asked = _Signals(server)
        try:
            _announce(server)
            systemd.notify("READY=1")
            number = asked.wait()
        finally:
            systemd.notify("STOPPING=1")
            server.stop()
            asked.restore()
    return number


class _Signals:
    """Waits for the first signal; from then on a second one has its default effect."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._came: deque[int] = deque()
        # The kernel may hand a signal to any thread, and does where a paused process goes on.
        # Python runs handlers on this one, but wakes it only by a byte that is there to be read.
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._woken_before = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._first) for number in _SIGNALS}
        if server.settings.tls_cert:
            # Elsewhere it ends the process, as it does when a terminal is closed.
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)

    def wait(self) -> int:
        while (number := self._next()) == signal.SIGHUP:
            try:
                self._server.reload_tls()
            except CloudError as error:
                _LOGGER.error("certificate_not_reloaded", extra={"reason": str(error)})
        return number

    def _next(self) -> int:
        while not self._came:
            self._woken.recv(64)
        return self._came.popleft()

    def restore(self) -> None:
        signal.set_wakeup_fd(self._woken_before)
        self._woken.close()
        self._wake.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _first(self, number: int, _frame: FrameType | None) -> None:
        # Python runs handlers between bytecodes only, which stopping may be far from: the default
        # effect is the kernel's and needs none.
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self._came.append(number)

    def _hang_up(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(number)


def _announce(server: Server) -> None:
    walkers = ", ".join(sorted(server.walkers)) or "none"
    policy = server.settings.client_events_policy
    asked = f"; policy: {policy}" if policy else ""
    sys.stdout.write(f"Serving {server.address} with walkers: {walkers}{asked}\n")
    sys.stdout.flush()
