"""How users are read: each with the revocations that bear on the tokens asked about."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, or_, select

from jac_cloud.database import Database
from jac_cloud.revocations import Revocation, epoch_of
from jac_cloud.tables import RevocationRow, UserRow


class State(StrEnum):
    """What a user may do: anything, nothing until enabled again, nothing until it is gone."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True)
class User:
    """A registered user. `id` is 24 hex digits; `root_hex` 32, the value of the root's UUID.

    `epoch` is what a token for the user is issued with, to outlive the revocations until now.
    """

    id: str
    email: str
    root_hex: str
    created_at: datetime
    state: State
    epoch: int = 0


@dataclass(frozen=True)
class Found:
    """A user, the hash of the password, and the revocations that may cover the token asked for."""

    user: User
    password_hash: str
    revocations: list[Revocation]


def _with_revocations(which: ColumnElement[bool]) -> Select[Any]:
    """A user with all revocations of the second kind, and those of the token `token_id`."""
    relevant = or_(
        RevocationRow.token_id.is_(None), RevocationRow.token_id == bindparam("token_id")
    )
    # Rows and not objects, made once: each request with a token asks, and this takes a twentieth.
    return (
        select(
            *UserRow.__table__.columns,
            RevocationRow.number,
            RevocationRow.token_id,
            RevocationRow.spared,
        )
        .outerjoin(RevocationRow, and_(RevocationRow.user_id == UserRow.id, relevant))
        .where(which)
    )


BY_ID = _with_revocations(UserRow.id == bindparam("key"))
BY_EMAIL = _with_revocations(UserRow.email == bindparam("key"))


def read_user(database: Database, query: Select[Any], key: str, token_id: str = "") -> Found | None:
    """The user of that id or address (`BY_ID`, `BY_EMAIL`)."""
    with database.connection() as connection:
        rows = connection.execute(query, {"key": key, "token_id": token_id}).all()
    if not rows:
        return None
    row = rows[0]
    revocations = [
        Revocation(row.number, row.id, row.token_id, row.spared)
        for row in rows
        # The join has one row without a revocation where there is none.
        if row.number is not None
    ]
    return Found(user_of(row, epoch_of(revocations)), row.password_hash, revocations)


def user_of(row: UserRow | Row[Any], epoch: int = 0) -> User:
    """The user of a row."""
    return User(row.id, row.email, row.root_hex, row.created_at, State(row.state), epoch)
