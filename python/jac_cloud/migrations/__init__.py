"""The users' database from each version to the next, by Alembic.

A migration is a file in `versions`; `v1_users` is what there was before there were migrations. A
change of `tables` comes with a new one, and a test holds the two together.
"""

import logging
import threading
from pathlib import Path

from sqlalchemy import Connection, Engine

# It tells of itself as soon as it is imported; `env` says what there is to say.
logging.getLogger("alembic").setLevel(logging.WARNING)

from alembic import command  # noqa: E402
from alembic.config import Config  # noqa: E402
from alembic.util import CommandError  # noqa: E402

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
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")
