"""The thread that tells the native server whose a token is."""

import logging
import threading

from jac_cloud._native import Server as NativeServer
from jac_cloud._native import TokenCheck
from jac_cloud.auth import InvalidToken
from jac_cloud.identity import Identities, Identity
from jac_cloud.patience import DatabaseSilent

_LOGGER = logging.getLogger(f"{__package__}.tokens")


class TokenChecker:
    """Answers the tokens of handshakes and of `change_user` events, in the order they came.

    One that cannot be checked, because the database fails, is given up: its bearer may try again.
    """

    def __init__(self, native: NativeServer, identities: Identities) -> None:
        self._native = native
        self._identities = identities
        self._thread = threading.Thread(target=self._work, name="jac-cloud-tokens", daemon=True)

    def start(self) -> None:
        """Starts the thread; it ends by itself when the native server stops."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for the thread to end, if it was started."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while (check := self._native.take_token_check()) is not None:
            try:
                identity = self._identities.of(check.token)
            except InvalidToken:
                check.reject()
            except DatabaseSilent:
                # That it is silent has been logged.
                self._native.limit_reached("users_timeout", "path", "/websocket")
                check.give_up()
            except Exception:
                # Whatever it was: those who come after it are waiting for this thread.
                _LOGGER.exception("a token could not be checked")
                check.give_up()
            else:
                _accept(check, identity)


def _accept(check: TokenCheck, identity: Identity) -> None:
    claims = identity.claims
    check.accept(
        identity.user.root_hex,
        claims.user_id,
        claims.token_id,
        claims.epoch,
        claims.expires_at,
    )
