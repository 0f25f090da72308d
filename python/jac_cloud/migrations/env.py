"""What Alembic runs for each of its commands, on the connection that `bring_forward` hands over."""

from alembic import context

from jac_cloud.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # A database may be shared with an application that has migrations of its own.
    version_table="jac_cloud_version",
)
context.run_migrations()
