"""Users: who they are, kept by SQLAlchemy, each with a root of its own in the graph."""

import re
import secrets
import sqlite3
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import String, Table, create_engine, event, select
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.schema import CreateTable

from jac_cloud.errors import CloudError, ConfigError
from jac_cloud.passwords import Passwords

EMAIL_BYTES_MAX = 254

# RFC 5321 section 4.5.3.1 for the lengths, the dot-atom of RFC 5322 for the local part widened to
# letters of every script, and host labels after the at sign.
_EMAIL = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)"
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@(?!.*_)[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)*"
)
_BUSY_TIMEOUT_MS = 5000


class EmailTaken(CloudError):
    """Somebody has registered with this e-mail address."""


class InvalidEmail(CloudError):
    """The text is not an e-mail address."""


@dataclass(frozen=True)
class User:
    """A registered user. `id` is 24 hex digits; `root_hex` 32, the value of the root's UUID."""

    id: str
    email: str
    root_hex: str


class _Base(DeclarativeBase):
    pass


class _Row(_Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_BYTES_MAX), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    root_hex: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime]

    def user(self) -> User:
        return User(self.id, self.email, self.root_hex)


_TABLE = cast(Table, _Row.__table__)


class Users:
    """The users of one server, in the database at the SQLAlchemy URL `url`.

    Safe to use from any thread. Every method waits for the database, and `register` and `login`
    hash a password: none is to be called on an event loop. ConfigError when the URL is not one, its
    driver is not installed, or the database not to be reached; later the errors of SQLAlchemy.
    """

    def __init__(self, url: str, passwords: Passwords) -> None:
        try:
            # Parameters stay out of errors, and so out of the log: hashes are among them.
            self._engine = create_engine(url, hide_parameters=True)
        except (ArgumentError, ImportError) as error:
            # The URL may hold a password, so it is not repeated.
            raise ConfigError(f"database_url: {type(error).__name__}: not a usable URL") from None
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
        self._passwords = passwords
        self._session = sessionmaker(self._engine)
        try:
            # Not create_all: it looks first, and two servers that start at once would both make it.
            with self._engine.begin() as connection:
                connection.execute(CreateTable(_TABLE, if_not_exists=True))
        except DBAPIError as error:
            self._engine.dispose()
            problem = " ".join(str(error.orig).split())
            raise ConfigError(f"database_url: the users cannot be reached: {problem}") from None

    def register(self, email: str, password: str, create_root: Callable[[], str]) -> User:
        """Adds a user with a root made by `create_root` (32 hex digits, committed).

        EmailTaken, InvalidEmail. The root is made first: a crash in between leaves a root that
        nobody can reach, never a user without one.
        """
        address = normalized_email(email)
        with self._session() as session:
            if session.scalar(select(_Row.id).where(_Row.email == address)) is not None:
                raise EmailTaken
        password_hash = self._passwords.hash(password)
        row = _Row(
            id=secrets.token_hex(12),
            email=address,
            password_hash=password_hash,
            root_hex=create_root(),
            created_at=datetime.now(UTC),
        )
        user = row.user()
        try:
            with self._session.begin() as session:
                session.add(row)
        except IntegrityError:
            raise EmailTaken from None
        return user

    def login(self, email: str, password: str) -> User | None:
        """The user of this address and password, None if there is no such pair.

        Takes as long for an unknown address as for a wrong password.
        """
        try:
            address = normalized_email(email)
        except InvalidEmail:
            address = ""
        with self._session() as session:
            row = session.scalar(select(_Row).where(_Row.email == address))
        matches = self._passwords.matches(row.password_hash if row else None, password)
        return row.user() if row and matches else None

    def find(self, user_id: str) -> User | None:
        """The user of this id."""
        with self._session() as session:
            row = session.get(_Row, user_id)
            return row.user() if row else None

    def close(self) -> None:
        """Closes the connections to the database. No other method may run then or later."""
        self._engine.dispose()


def normalized_email(text: str) -> str:
    """The address in the one spelling that is stored and compared: NFKC, lower case, trimmed.

    InvalidEmail unless it has the form of an address. Two addresses that differ in case alone
    are taken for one, as every provider in use does.
    """
    address = unicodedata.normalize("NFKC", text).strip().lower()
    if len(address.encode(errors="replace")) > EMAIL_BYTES_MAX or not _EMAIL.fullmatch(address):
        raise InvalidEmail
    return address


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # WAL: readers never wait for the writer. FULL: an answered registration survives a power cut.
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
