"""Users: who they are, kept by SQLAlchemy, each with a root of its own in the graph."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    delete,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jac_cloud.auth import Claims
from jac_cloud.database import TIMEOUT_SECONDS, Database
from jac_cloud.emails import InvalidEmail, normalized_email
from jac_cloud.errors import CloudError
from jac_cloud.passwords import Passwords
from jac_cloud.revocations import Revocations
from jac_cloud.tables import UserRow
from jac_cloud.user_rows import BY_EMAIL, BY_ID, State, User, read_user, user_of


class EmailTaken(CloudError):
    """Somebody has registered with this e-mail address."""

    def __init__(self) -> None:
        super().__init__("this e-mail address is registered")


class NoSuchUser(CloudError):
    """There is no such user, or no more."""

    def __init__(self) -> None:
        super().__init__("there is no such user")


class Users:
    """The users of one server, in the database at the SQLAlchemy URL `url`.

    Safe to use from any thread. Every method waits for the database, for `timeout` seconds at most
    each time that it is asked, and those that take a password hash it: none is to be called on an
    event loop. The errors of `Database`. What takes tokens back does so through `revocations`.
    """

    def __init__(self, url: str, passwords: Passwords, timeout: float = TIMEOUT_SECONDS) -> None:
        self.database = Database(url, timeout)
        self._passwords = passwords
        self.revocations = Revocations(self.database)

    def register(self, email: str, password: str, create_root: Callable[[], str]) -> User:
        """Adds a user with a root made by `create_root` (32 hex digits, committed).

        EmailTaken, InvalidEmail. The root is made first: a crash in between leaves a root that
        nobody can reach, never a user without one.
        """
        address = normalized_email(email)
        with self.database.session() as session:
            if session.scalar(select(UserRow.id).where(UserRow.email == address)) is not None:
                raise EmailTaken
        password_hash = self._passwords.hash(password)
        row = UserRow(
            id=secrets.token_hex(12),
            email=address,
            password_hash=password_hash,
            root_hex=create_root(),
            created_at=datetime.now(UTC),
            state=State.ACTIVE.value,
        )
        user = user_of(row)
        try:
            with self.database.transaction() as session:
                session.add(row)
        except IntegrityError:
            raise EmailTaken from None
        return user

    def login(self, email: str, password: str) -> User | None:
        """The user of this address and password, None if there is no such pair.

        Takes as long for an unknown address, or a disabled user, as for a wrong password.
        """
        try:
            address = normalized_email(email)
        except InvalidEmail:
            address = ""
        found = read_user(self.database, BY_EMAIL, address)
        matches = self._passwords.matches(found.password_hash if found else None, password)
        if found is None or not matches or found.user.state is not State.ACTIVE:
            return None
        return found.user

    def holder(self, claims: Claims) -> User | None:
        """Whose the token with these claims is. None if it has been revoked, or the user has been
        disabled or is gone.
        """
        found = read_user(self.database, BY_ID, claims.user_id, claims.token_id)
        if found is None or found.user.state is not State.ACTIVE:
            return None
        return None if any(one.covers(claims) for one in found.revocations) else found.user

    def find(self, email: str) -> User:
        """The user of this address, whatever its state. NoSuchUser, InvalidEmail."""
        found = read_user(self.database, BY_EMAIL, normalized_email(email))
        if found is None:
            raise NoSuchUser
        return found.user

    def all(self) -> list[User]:
        """All users, the oldest first."""
        with self.database.session() as session:
            order = (UserRow.created_at, UserRow.id)
            return [user_of(row) for row in session.scalars(select(UserRow).order_by(*order))]

    def logout(self, claims: Claims) -> None:
        """Takes back the token with these claims."""
        with self.revocations.transaction() as revoking:
            revoking.one(claims)

    def change_password(self, claims: Claims, old: str, new: str) -> bool:
        """Changes the password of the token's user and takes back all tokens but this one.

        False, and nothing changed, if `old` is not the password.
        """
        found = read_user(self.database, BY_ID, claims.user_id)
        if found is None or not self._passwords.matches(found.password_hash, old):
            return False
        # Of two changes at once one is too late: the password is not what it was compared with.
        unchanged = UserRow.password_hash == found.password_hash
        active = UserRow.state == State.ACTIVE.value
        return self._set_password(claims.user_id, new, unchanged, active, spared=claims.token_id)

    def set_password(self, user: User, password: str) -> None:
        """Gives the user another password and takes back all tokens. NoSuchUser."""
        if not self._set_password(user.id, password):
            raise NoSuchUser

    def set_state(self, user: User, state: State) -> None:
        """Disables or enables the user; to be disabled costs all tokens. NoSuchUser.

        DELETED is the first step of deleting: once what the user had in the graph is gone, `forget`
        is the second. Should the process end in between, `half_deleted` knows.
        """
        with self.revocations.transaction() as revoking:
            if not _update(revoking.session, user.id, state=state.value):
                raise NoSuchUser
            if state is not State.ACTIVE:
                revoking.all_of(user.id)

    def check_password(self, user: User, password: str) -> bool:
        """Whether this is the user's password."""
        found = read_user(self.database, BY_ID, user.id)
        return found is not None and self._passwords.matches(found.password_hash, password)

    def half_deleted(self) -> list[User]:
        """The users whose deletion was begun and not ended."""
        with self.database.session() as session:
            rows = session.scalars(select(UserRow).where(UserRow.state == State.DELETED.value))
            return [user_of(row) for row in rows]

    def forget(self, user: User) -> None:
        """Removes a deleted user's row; the address may be registered again."""
        with self.database.transaction() as session:
            session.execute(
                delete(UserRow).where(UserRow.id == user.id, UserRow.state == State.DELETED.value)
            )

    def check(self) -> None:
        """UNREACHABLE when the users are not to be reached."""
        with self.database.session() as session:
            session.execute(select(UserRow.id).limit(1)).first()

    def close(self) -> None:
        """Closes the connections to the database. No other method may run then or later."""
        self.database.close()

    def _set_password(
        self,
        user_id: str,
        password: str,
        *conditions: ColumnElement[bool],
        spared: str | None = None,
    ) -> bool:
        password_hash = self._passwords.hash(password)
        with self.revocations.transaction() as revoking:
            if not _update(revoking.session, user_id, *conditions, password_hash=password_hash):
                return False
            revoking.all_of(user_id, spared)
        return True


def _update(
    session: Session, user_id: str, *conditions: ColumnElement[bool], **values: str
) -> bool:
    changed = session.execute(
        update(UserRow)
        .where(UserRow.id == user_id, UserRow.state != State.DELETED.value, *conditions)
        .values(**values)
    )
    return cast(CursorResult[Any], changed).rowcount == 1
