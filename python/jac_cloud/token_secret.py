"""The secret that signs tokens: set, or made once and kept; and the one before, after a change."""

import hmac
import os
import secrets
import time
from pathlib import Path

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.exc import IntegrityError

from jac_cloud.auth import PreviousSecret
from jac_cloud.database import Database
from jac_cloud.errors import ConfigError
from jac_cloud.setting_checks import SECRET_BYTES_MIN, is_weak
from jac_cloud.tables import RetiredSecretRow


def kept_secret(path: Path) -> bytes:
    """The secret kept in the file `path`, made there once: 256 bits as hex digits, mode 0600.

    Servers that start at the same time agree on one secret, and a crash leaves either none or a
    whole one. ConfigError when the file holds a weak one or others may read it.
    """
    try:
        secret = _read_secret(path)
    except FileNotFoundError:
        _make_secret(path)
        secret = _read_secret(path)
    if is_weak(secret):
        raise ConfigError(f"{path}: the secret is too weak; delete the file to get a new one")
    return secret


def _read_secret(path: Path) -> bytes:
    mode = path.stat().st_mode
    if mode & 0o077:
        raise ConfigError(f"{path}: others may read the secret; chmod 600, and consider a new one")
    return path.read_bytes().strip()


def _make_secret(path: Path) -> None:
    # Written whole under a name of its own, then linked: a link fails where another process was
    # first, and is never seen half written.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(SECRET_BYTES_MIN).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def previous_secret(
    database: Database, secret: bytes, previous: bytes | None, lifetime: int
) -> PreviousSecret | None:
    """What is to be known of the secret before `secret`, if there is one.

    It counts for `lifetime` seconds from the first start with it as the previous one: by then each
    token that it has signed has expired. All servers of the database agree on the moment, and a
    restart does not put it off, so that who has got hold of it can use it no longer than that.
    """
    # Asked first: where there is nothing to write, nobody's lock is waited for.
    if _retired_at(database, secret) is not None:
        with database.transaction() as session:
            # Two that are taken in turns: the present one may have been retired before.
            session.execute(delete(RetiredSecretRow).where(_is(secret)))
    if previous is None:
        return None
    retired_at = _retired_at(database, previous)
    if retired_at is None:
        retired_at = _retire(database, previous)
    return PreviousSecret(previous, retired_at + lifetime)


def _retired_at(database: Database, secret: bytes) -> int | None:
    with database.connection() as connection:
        return connection.scalar(select(RetiredSecretRow.retired_at).where(_is(secret)))


def _retire(database: Database, secret: bytes) -> int:
    now = int(time.time())
    try:
        with database.transaction() as session:
            values = {"fingerprint": _fingerprint(secret), "retired_at": now}
            session.execute(insert(RetiredSecretRow).values(values))
    except IntegrityError:
        # Another server has just been first.
        return _retired_at(database, secret) or now
    return now


def _is(secret: bytes) -> ColumnElement[bool]:
    return RetiredSecretRow.fingerprint == _fingerprint(secret)


def _fingerprint(secret: bytes) -> str:
    return hmac.digest(secret, b"jac-cloud retired secret", "sha256").hex()
