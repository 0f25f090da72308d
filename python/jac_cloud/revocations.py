"""Revocations: tokens that are refused before they expire.

A revocation takes back one token, or all tokens that a user has been given so far, save perhaps
one. Tokens carry the number of the last revocation of the second kind (their `epoch`), and one of
a higher number covers them. So it matters neither whose clock is right nor what else happens in the
same second. Each is kept in the database until every token that it covers has expired.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from jac_cloud.auth import Claims
from jac_cloud.database import Database
from jac_cloud.settings import TOKEN_TIMEOUT_MAX
from jac_cloud.tables import RevocationRow

_LOGGER = logging.getLogger(f"{__package__}.tokens")
# Any number that nobody else takes a lock of this database by.
_POSTGRESQL_LOCK = 0x6A61635F7265766F


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is taken back of a user's: the token `token_id`, or where that is None all tokens that
    were issued before this `number`, save the one named `spared`."""

    number: int
    user_id: str
    token_id: str | None = None
    spared: str | None = None

    def covers(self, claims: Claims) -> bool:
        """Whether a token with these claims is refused because of it."""
        if claims.user_id != self.user_id:
            return False
        if self.token_id is not None:
            return claims.token_id == self.token_id
        return claims.epoch < self.number and claims.token_id != self.spared


type Observer = Callable[[Revocation], None]


class Revoking:
    """A transaction that takes tokens back. Made by `Revocations.transaction`."""

    def __init__(self, session: Session, now: int) -> None:
        self.session = session
        self.revocations: list[Revocation] = []
        self._now = now

    def one(self, claims: Claims) -> None:
        """Takes back the token with these claims."""
        self._add(
            RevocationRow(
                user_id=claims.user_id, token_id=claims.token_id, expires_at=claims.expires_at
            )
        )

    def all_of(self, user_id: str, spared: str | None = None) -> None:
        """Takes back every token of the user, save the one with the id `spared`."""
        # It covers what the ones before it do. Kept for as long as any token may be valid, which is
        # more than this server's setting says: that may have been another one.
        self.session.execute(
            delete(RevocationRow).where(
                RevocationRow.user_id == user_id, RevocationRow.token_id.is_(None)
            )
        )
        self._add(
            RevocationRow(user_id=user_id, spared=spared, expires_at=self._now + TOKEN_TIMEOUT_MAX)
        )

    def _add(self, row: RevocationRow) -> None:
        self.session.add(row)
        self.session.flush()
        self.revocations.append(revocation_of(row))


class Revocations:
    """The one place that every revocation passes. Safe to use from any thread."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._observers: list[Observer] = []

    def watch(self, observer: Observer) -> None:
        """Calls `observer` with each revocation of this process from now on.

        On the thread that made it, once it has been committed and before whoever asked for it is
        answered. What the observer raises is logged, since the revocation stands.
        """
        self._observers.append(observer)

    def unwatch(self, observer: Observer) -> None:
        """Ends what `watch` began; ValueError when it did not."""
        self._observers.remove(observer)

    @contextmanager
    def transaction(self) -> Iterator[Revoking]:
        """A transaction for changes that take tokens back; leaving commits it."""
        now = int(self._clock())
        with self._database.transaction() as session:
            _take_turn(session)
            # Here, so that the table never holds more than is still of use.
            session.execute(delete(RevocationRow).where(RevocationRow.expires_at <= now))
            revoking = Revoking(session, now)
            yield revoking
        for revocation in revoking.revocations:
            self._tell(revocation)

    def since(self, number: int) -> list[Revocation]:
        """Those of higher numbers, in their order, also of other processes.

        One of a lower number than the last of these does not come later: they are committed in the
        order of their numbers (SQLite, PostgreSQL).
        """
        query = select(RevocationRow).where(RevocationRow.number > number)
        with self._database.session() as session:
            rows = session.scalars(query.order_by(RevocationRow.number))
            return [revocation_of(row) for row in rows]

    def _tell(self, revocation: Revocation) -> None:
        for observer in self._observers:
            try:
                observer(revocation)
            except Exception:
                _LOGGER.exception(
                    "a revocation was not seen to", extra={"user": revocation.user_id}
                )


def _take_turn(session: Session) -> None:
    # SQLite has one writer at a time anyway.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))


def revocation_of(row: RevocationRow) -> Revocation:
    """The revocation that the row holds."""
    return Revocation(row.number, row.user_id, row.token_id, row.spared)


def epoch_of(revocations: Sequence[Revocation]) -> int:
    """What a token that is issued now carries, to outlive these revocations of its user."""
    return max((one.number for one in revocations if one.token_id is None), default=0)
