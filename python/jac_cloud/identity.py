"""Whose a token is, for everybody who asks: REST, handshakes, `change_user`."""

from collections.abc import Sequence
from dataclasses import dataclass

from jac_cloud.auth import Claims, InvalidToken, Tokens, read_bearer
from jac_cloud.user_rows import User
from jac_cloud.users import Users


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, and the token that says so."""

    user: User
    claims: Claims


class Identities:
    """Tells whose a token is. Safe to use from any thread; waits for the database."""

    def __init__(self, tokens: Tokens, users: Users) -> None:
        self._tokens = tokens
        self._users = users

    def of(self, token: str) -> Identity:
        """Whose the token is.

        InvalidToken for one that is not ours, has expired or was revoked, or whose user is disabled
        or gone. Otherwise the errors of SQLAlchemy.
        """
        claims = self._tokens.read(token)
        user = self._users.holder(claims)
        if user is None:
            raise InvalidToken
        return Identity(user, claims)

    def of_header(self, values: Sequence[str]) -> Identity | None:
        """As `of`, for the values of all `Authorization` headers of a request; None without one."""
        if not values:
            return None
        if len(values) > 1:
            raise InvalidToken
        return self.of(read_bearer(values[0]))
