"""The users' database: SQLite beside the graph, or whatever a SQLAlchemy URL names."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from jac_cloud.errors import ConfigError
from jac_cloud.migrations import NewerVersion, bring_forward
from jac_cloud.patience import DatabaseSilent, Patience
from jac_cloud.write_ahead_log import use_write_ahead_log

TIMEOUT_SECONDS = 5.0


class Database:
    """The users' database at the SQLAlchemy URL, whose tables are brought to this version.

    Who asks it is answered within about `timeout` seconds, or told DatabaseSilent; while it is
    silent, at once (`Patience`). Those who read and those who write are told by themselves, since
    a database that is locked can be read. Held to by SQLite and psycopg; other drivers have
    settings of their own, which the URL may hold. Safe to use from any thread. ConfigError as
    `open_database`, later UNREACHABLE and the other errors of SQLAlchemy.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self.engine = open_database(url, timeout)
        self._reading = Patience(timeout, "read")
        self._writing = Patience(timeout, "write")

    @property
    def is_remote(self) -> bool:
        """Whether there is another process to wait for."""
        return self.engine.dialect.name != "sqlite"

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection to read by."""
        with self._reading.asking(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session to read by."""
        with self._reading.asking(), Session(self.engine) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session to write by; leaving commits."""
        with self._writing.asking(), Session(self.engine) as session, session.begin():
            yield session

    def close(self) -> None:
        """Closes all connections. No other method may run then or later."""
        self.engine.dispose()


def open_database(url: str, timeout: float = TIMEOUT_SECONDS) -> Engine:
    """Connects to the database at the SQLAlchemy URL and brings its tables to this version.

    The engine is safe to use from any thread; the caller disposes of it. `timeout` is in seconds,
    for a connection, an answer, and for locks of SQLite. ConfigError when the URL is not one, its
    driver is not installed, or the database is not to be reached, silent or of a newer version.
    """
    try:
        # Parameters stay out of errors, and so out of the log: hashes are among them. A connection
        # that the database has closed meanwhile (it was restarted) is replaced before it is used.
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, pool_timeout=timeout)
    except (ArgumentError, ImportError) as error:
        # The URL may hold a password, so it is not repeated.
        raise ConfigError(f"database_url: {type(error).__name__}: not a usable URL") from None
    _limit_waiting(engine, timeout)
    with ExitStack() as undo:
        undo.callback(engine.dispose)
        with answering_at_start(timeout):
            bring_forward(engine, timeout)
        undo.pop_all()
    return engine


@contextmanager
def answering_at_start(timeout: float) -> Iterator[None]:
    """Makes a ConfigError, of one line, of whatever a database does that is of no use."""
    try:
        yield
    except DatabaseSilent:
        waited = f"{timeout:g} seconds"
        raise ConfigError(
            f"users_timeout: the users' database did not answer in {waited}"
        ) from None
    except DBAPIError as error:
        problem = " ".join(str(error.orig).split())
        raise ConfigError(f"database_url: the users cannot be reached: {problem}") from None
    except NewerVersion:
        raise ConfigError("database_url: the users are of a newer version than this") from None


def _limit_waiting(engine: Engine, seconds: float) -> None:
    if engine.driver == "psycopg":
        # Only here, since few have the driver.
        from jac_cloud import postgresql

        postgresql.limit_waiting(engine, seconds)
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
        use_write_ahead_log(connection, seconds)
        # FULL: an answered registration survives a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
