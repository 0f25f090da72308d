"""The users' database from each version to the next, by Alembic.

A migration is a file in `versions`; `v1_users` is what there was before there were migrations. A
change of `tables` comes with a new one, and a test holds the two together.
"""

import importlib
import logging
import threading
import time
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
)

from jac_cloud.patience import within
from jac_cloud.tables import Base

NEWEST = "2"
"""The revision that the files of `versions` lead to."""
VERSION_TABLE = "jac_cloud_version"
"""A database may be shared with an application that has migrations of its own."""

# As Alembic makes it.
_VERSIONS = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
# Alembic keeps what it is working on in a module.
_ONE_AT_A_TIME = threading.Lock()
# Any number that nobody else takes a lock of this database by.
_POSTGRESQL_LOCK = 0x6A61635F636C6F75
# How often a server asks whether the one before it is done.
_TURN_SECONDS = 0.1


class NewerVersion(Exception):
    """The database has been brought to a version that these migrations do not know."""


def bring_forward(engine: Engine, timeout: float) -> None:
    """Makes the tables, or brings those of an older version forward: all of it or nothing.

    Servers that start at the same time take turns (SQLite, PostgreSQL; elsewhere the first start
    of a new version is to be of one server alone). A migration may take its time, and whoever waits
    for its end; every other question has `timeout` seconds. DatabaseSilent, NewerVersion, else the
    errors of SQLAlchemy.
    """
    with within(timeout), engine.connect() as connection:
        if _is_current(connection):
            return
        is_old = not _is_new(connection)
    if is_old:
        _import_library()
    with within(timeout):
        connection = engine.connect()
    with _ONE_AT_A_TIME, connection:
        _wait_for_turn(connection, timeout)
        with within(timeout):
            # By whoever had the turn before.
            is_done = _is_current(connection)
            if not is_done and _is_new(connection):
                _make(connection)
                is_done = True
        if not is_done:
            _migrate(connection)
        with within(timeout):
            connection.commit()


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    return [*connection.scalars(select(_VERSIONS.c.version_num))] == [NEWEST]


def _is_new(connection: Connection) -> bool:
    ours = {*Base.metadata.tables, VERSION_TABLE}
    return ours.isdisjoint(inspect(connection).get_table_names())


def _make(connection: Connection) -> None:
    """What the migrations would make, one after another: importing their library takes longer than
    the rest of a first start.
    """
    Base.metadata.create_all(connection, checkfirst=False)
    _VERSIONS.create(connection)
    connection.execute(insert(_VERSIONS).values(version_num=NEWEST))


def _import_library() -> None:
    """To be called before the turn where that can be: it may take seconds, for which all others
    would wait.
    """
    # It tells of itself as soon as it is imported; `env` says what there is to say.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    importlib.import_module("alembic.config")


def _migrate(connection: Connection) -> None:
    _import_library()
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerVersion from error


def _wait_for_turn(connection: Connection, timeout: float) -> None:
    match connection.dialect.name:
        case "sqlite":
            # The driver by itself would begin no transaction for a change of tables.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            with within(timeout):
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        case "postgresql":
            # However long the one before takes; it is asked for again and again, since a database
            # that hangs would look the same as one that has to be waited for.
            lock = select(func.pg_try_advisory_xact_lock(_POSTGRESQL_LOCK))
            while not _answer(connection, lock, timeout):
                time.sleep(_TURN_SECONDS)


def _answer(connection: Connection, question: Select[tuple[bool]], timeout: float) -> bool:
    with within(timeout):
        return bool(connection.scalar(question))
