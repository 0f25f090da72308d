"""The thread that tells the native server whose a token is."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from jac_cloud._native import Server as NativeServer
from jac_cloud.auth import InvalidToken, Tokens
from jac_cloud.users import Users

_LOGGER = logging.getLogger(f"{__package__}.tokens")


class TokenChecker:
    """Answers the tokens of handshakes and of `change_user` events, in the order they came.

    A token counts only while its user exists. One that cannot be checked, because the database
    fails, is rejected.
    """

    def __init__(self, native: NativeServer, users: Users, tokens: Tokens) -> None:
        self._native = native
        self._users = users
        self._tokens = tokens
        self._thread = threading.Thread(target=self._work, name="jac-cloud-tokens", daemon=True)

    def start(self) -> None:
        """Starts the thread; it ends by itself when the native server stops."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for the thread to end."""
        self._thread.join(timeout)

    def _work(self) -> None:
        while (check := self._native.take_token_check()) is not None:
            root_hex = self._root_of(check.token)
            if root_hex is None:
                check.reject()
            else:
                check.accept(root_hex)

    def _root_of(self, token: str) -> str | None:
        try:
            user = self._users.find(self._tokens.read(token))
        except InvalidToken:
            return None
        except SQLAlchemyError:
            _LOGGER.exception("a token could not be checked")
            return None
        return user.root_hex if user else None
