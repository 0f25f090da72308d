"""What Alembic runs for each of its commands, on the connection that `bring_forward` hands over."""

import logging
from typing import Any

from alembic import context

from jac_cloud.tables import Base

_LOGGER = logging.getLogger("jac_cloud.users")


def _tell(*_: Any, **about: Any) -> None:
    version = about["step"].up_revision_id
    _LOGGER.info("the users' database is brought forward", extra={"version": version})


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # A database may be shared with an application that has migrations of its own.
    version_table="jac_cloud_version",
    on_version_apply=_tell,
)
context.run_migrations()
