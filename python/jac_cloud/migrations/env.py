"""What Alembic runs for each of its commands, on the connection that `bring_forward` hands over."""

import logging
from typing import Any

from alembic import context

from jac_cloud.migrations import VERSION_TABLE
from jac_cloud.tables import Base

_LOGGER = logging.getLogger("jac_cloud.users")


def _tell(*_: Any, **about: Any) -> None:
    version = about["step"].up_revision_id
    _LOGGER.info("the users' database is brought forward", extra={"version": version})


_connection = context.config.attributes["connection"]
context.configure(
    connection=_connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    on_version_apply=_tell,
)
context.run_migrations()
