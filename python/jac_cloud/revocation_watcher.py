"""The thread that tells the native server of tokens that were taken back."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from jac_cloud._native import Server as NativeServer
from jac_cloud.patience import DatabaseSilent
from jac_cloud.revocations import Revocation, Revocations

_LOGGER = logging.getLogger(f"{__package__}.tokens")
# Within five seconds of a revocation its connections are closed, wherever it was made.
_POLL_SECONDS = 1.0


class RevocationWatcher:
    """Closes the connections of tokens that are revoked.

    What this process revokes is told at once; what others do who share the database (servers, an
    operator at a terminal), within about a second.
    """

    def __init__(self, native: NativeServer, revocations: Revocations) -> None:
        self._native = native
        self._revocations = revocations
        self._last = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name="jac-cloud-revocations", daemon=True
        )

    def start(self) -> None:
        """Starts the thread. Before any token is checked: what was revoked earlier, those checks
        see by themselves.
        """
        self._last = max((known.number for known in self._revocations.since(0)), default=0)
        self._revocations.watch(self._tell)
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Ends the thread, waiting for it up to `timeout` seconds."""
        # FastAPI remembers routes after their server, and with them whoever observes revocations.
        self._revocations.unwatch(self._tell)
        self._stopped.set()
        self._thread.join(timeout)

    def _work(self) -> None:
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                news = self._revocations.since(self._last)
            except DatabaseSilent:
                # That it is silent has been logged; this finds out when it answers again.
                continue
            except SQLAlchemyError:
                _LOGGER.exception("revocations could not be looked for")
                continue
            for revocation in news:
                # Those of this process once more: it does no harm, and needs no bookkeeping.
                self._tell(revocation)
                self._last = revocation.number

    def _tell(self, revocation: Revocation) -> None:
        self._native.revoke(
            revocation.user_id, revocation.number, revocation.token_id, revocation.spared
        )
