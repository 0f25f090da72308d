"""The users' database: SQLite beside the graph, or whatever a SQLAlchemy URL names."""

import sqlite3
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    TimeoutError,  # noqa: A004 - its name there
)

from jac_cloud.errors import ConfigError
from jac_cloud.migrations import NewerVersion, bring_forward

# What the database raises while it is down, locked by somebody else or has no connection left.
UNREACHABLE = (OperationalError, InterfaceError, TimeoutError)

_BUSY_TIMEOUT_MS = 5000
_POOL_TIMEOUT_SECONDS = 5


def open_database(url: str) -> Engine:
    """Connects to the database at the SQLAlchemy URL and brings its tables to this version.

    The engine is safe to use from any thread; the caller disposes of it. ConfigError when the URL
    is not one, its driver is not installed, or the database is not to be reached or of a newer
    version.
    """
    try:
        # Parameters stay out of errors, and so out of the log: hashes are among them. A connection
        # that the database has closed meanwhile (it was restarted) is replaced before it is used.
        engine = create_engine(
            url, hide_parameters=True, pool_pre_ping=True, pool_timeout=_POOL_TIMEOUT_SECONDS
        )
    except (ArgumentError, ImportError) as error:
        # The URL may hold a password, so it is not repeated.
        raise ConfigError(f"database_url: {type(error).__name__}: not a usable URL") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    try:
        bring_forward(engine)
    except DBAPIError as error:
        engine.dispose()
        problem = " ".join(str(error.orig).split())
        raise ConfigError(f"database_url: the users cannot be reached: {problem}") from None
    except NewerVersion:
        engine.dispose()
        raise ConfigError("database_url: the users are of a newer version than this") from None
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # WAL: readers never wait for the writer. FULL: an answered registration survives a power cut.
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
