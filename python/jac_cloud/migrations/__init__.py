"""The users' database from each version to the next, by Alembic.

A migration is a file in `versions`; `v1_users` is what there was before there were migrations. A
change of `tables` comes with a new one, and a test holds the two together.
"""

import logging
import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

NEWEST = "2"
"""The revision that the files of `versions` lead to."""
VERSION_TABLE = "jac_cloud_version"
"""A database may be shared with an application that has migrations of its own."""

# Alembic keeps what it is working on in a module.
_ONE_AT_A_TIME = threading.Lock()
# Any number that nobody else takes a lock of this database by.
_POSTGRESQL_LOCK = 0x6A61635F636C6F75


class NewerVersion(Exception):
    """The database has been brought to a version that these migrations do not know."""


def bring_forward(engine: Engine) -> None:
    """Makes the tables, or brings those of an older version forward: all of it or nothing.

    Servers that start at the same time take turns (SQLite, PostgreSQL; elsewhere the first start
    of a new version is to be of one server alone). NewerVersion, else the errors of SQLAlchemy.
    """
    if not _is_current(engine):
        _upgrade(engine)


def _is_current(engine: Engine) -> bool:
    with engine.connect() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return False
        versions = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
        return [version for (version,) in versions] == [NEWEST]


def _upgrade(engine: Engine) -> None:
    # Only where there is something to do: a tenth of a start is its import. It tells of itself as
    # soon as it is imported; `env` says what there is to say.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    with _ONE_AT_A_TIME, engine.connect() as connection:
        _wait_for_turn(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise NewerVersion from error
        connection.commit()


def _wait_for_turn(connection: Connection) -> None:
    match connection.dialect.name:
        case "sqlite":
            # The driver by itself would begin no transaction for a change of tables.
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        case "postgresql":
            # However long the one before takes.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")
