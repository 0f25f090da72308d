"""What Alembic runs for each of its commands, on the connection that `bring_forward` hands over."""

import logging
from typing import Any

from alembic import context
from sqlalchemy import inspect

from jac_cloud.migrations import VERSION_TABLE
from jac_cloud.tables import Base, UserRow

_LOGGER = logging.getLogger("jac_cloud.users")


def _tell(*_: Any, **about: Any) -> None:
    version = about["step"].up_revision_id
    # What is made at the first start is no news.
    level = logging.INFO if _there_before else logging.DEBUG
    _LOGGER.log(level, "the users' database is brought forward", extra={"version": version})


_connection = context.config.attributes["connection"]
_there_before = inspect(_connection).has_table(UserRow.__tablename__)
context.configure(
    connection=_connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    on_version_apply=_tell,
)
context.run_migrations()
