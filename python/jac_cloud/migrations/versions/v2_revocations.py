"""Users may be disabled, tokens revoked, and the secret changed without losing tokens."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("state", sa.String(16), nullable=False, server_default="active")
    )
    op.create_table(
        "revocations",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.String(24), nullable=False, index=True),
        sa.Column("token_id", sa.String(128)),
        sa.Column("spared", sa.String(128)),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "retired_secrets",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("retired_at", sa.BigInteger, nullable=False),
    )
