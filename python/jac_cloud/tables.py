"""The tables of users and of what their tokens have lost, as `migrations` makes them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

EMAIL_BYTES_MAX = 254
TOKEN_ID_CHARACTERS_MAX = 128


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored as UTC without saying so: not every database keeps a zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables of the users' database."""


class UserRow(Base):
    """A user. `state` is one of `user_rows.State`."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_BYTES_MAX), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    root_hex: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16), server_default="active")


class RevocationRow(Base):
    """A `revocations.Revocation`, kept until `expires_at` (Unix seconds)."""

    __tablename__ = "revocations"
    # Numbers are never used again, also after the last row is deleted.
    __table_args__ = ({"sqlite_autoincrement": True},)

    number: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(String(24), index=True)
    token_id: Mapped[str | None] = mapped_column(String(TOKEN_ID_CHARACTERS_MAX))
    spared: Mapped[str | None] = mapped_column(String(TOKEN_ID_CHARACTERS_MAX))
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)


class RetiredSecretRow(Base):
    """When a secret was first seen as the previous one (Unix seconds), by its fingerprint."""

    __tablename__ = "retired_secrets"

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    retired_at: Mapped[int] = mapped_column(BigInteger)
