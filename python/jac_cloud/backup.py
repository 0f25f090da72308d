"""A copy of an app's data in one file, made beside a server, and put back where none runs.

The file is a tar archive of whole SQLite databases and a manifest with their digests. The graph and
the users are of one moment.
"""

import hashlib
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from jac_cloud import data_lock
from jac_cloud.errors import CloudError

GRAPH = "graph.db"
USERS = "users.db"
SECRET = "token_secret"  # noqa: S105 - the name of a file

_MANIFEST = "manifest.json"
_FORMAT = 1
# A writer of the server's has the lock for milliseconds.
_LOCK_SECONDS = 30.0
_PIECE = 1 << 20


class BackupError(CloudError):
    """A backup cannot be made or restored; the text is one line for an operator."""


def back_up(databases: Mapping[str, Path], secret: Path | None, file: Path) -> None:
    """Writes a backup of the SQLite databases, by their names in it, for its owner alone.

    They may be in use: writers wait for milliseconds, readers not at all. `file` is there whole or
    not at all. BackupError, OSError and sqlite3.Error.
    """
    with tempfile.TemporaryDirectory(prefix=".jac-cloud-backup-", dir=file.parent) as folder:
        draft = Path(folder)
        parts = {name: draft / name for name in databases}
        _copy(databases, parts)
        if secret is not None:
            parts[SECRET] = secret
        archive = draft / "archive"
        archive.touch(mode=0o600)
        with tarfile.open(archive, "w") as tar:
            manifest = draft / _MANIFEST
            manifest.write_text(json.dumps(_manifest(parts), indent=2))
            for name, path in {_MANIFEST: manifest, **parts}.items():
                tar.add(path, name)
        data_lock.flush(archive)
        archive.replace(file)
    data_lock.flush(file.parent)


def restore(file: Path, folder: Path, places: Mapping[str, Path], *, overwrite: bool) -> list[str]:
    """Puts what the backup holds where `places` says, by its names; the names that it held.

    DataInUse while anybody is at `folder`, BackupError when the backup is damaged or something is
    there and not to be overwritten: then nothing has changed. OSError.
    """
    with (
        data_lock.alone(folder),
        tempfile.TemporaryDirectory(prefix=".jac-cloud-restore-", dir=folder) as draft,
    ):
        found = _unpack(file, Path(draft))
        for name in found:
            if name not in places:
                raise BackupError(f"{file} holds {name}, which has no place in this app's settings")
            if places[name].exists() and name != SECRET and not overwrite:
                raise BackupError(f"{places[name]} is there: --overwrite replaces it")
        with data_lock.replacing(folder):
            for name, path in found.items():
                _put(path, places[name])
        return [*found]


@contextmanager
def _one_moment(databases: Mapping[str, Path]) -> Iterator[dict[str, sqlite3.Connection]]:
    """Connections that read all databases as they were at one moment."""
    with ExitStack() as opened:

        def connect(path: Path) -> sqlite3.Connection:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=_LOCK_SECONDS,
                isolation_level=None,
            )
            return opened.enter_context(closing(connection))

        with ExitStack() as held:
            for path in databases.values():
                lock = connect(path)
                lock.execute("BEGIN IMMEDIATE")
                held.callback(lock.execute, "ROLLBACK")
            readers = {name: connect(path) for name, path in databases.items()}
            for reader in readers.values():
                reader.execute("BEGIN")
                reader.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        yield readers


def _copy(databases: Mapping[str, Path], copies: Mapping[str, Path]) -> None:
    with _one_moment(databases) as readers:
        for name, reader in readers.items():
            with closing(sqlite3.connect(copies[name])) as copy:
                reader.backup(copy)
                # A log of its own would be a second file.
                copy.execute("PRAGMA journal_mode=DELETE")
            _check(copies[name])


def _check(database: Path) -> None:
    try:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = (str(error),)
    if found != ("ok",):
        raise BackupError(f"{database.name} is damaged: {found[0]}")


def _manifest(parts: Mapping[str, Path]) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "made_by": f"jac-cloud-native {version('jac-cloud-native')}",
        "sha256": {name: _digest(path) for name, path in parts.items()},
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(file: Path, folder: Path) -> dict[str, Path]:
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = json.load(_member(tar, _MANIFEST))
            if manifest["format"] != _FORMAT:
                raise BackupError(f"{file} is of a newer version than this")
            digests: dict[str, str] = manifest["sha256"]
            # No other name is taken from the archive than those that are known.
            names = [name for name in (GRAPH, USERS, SECRET) if name in digests]
            found = {name: folder / name for name in names}
            for name, path in found.items():
                _write(_member(tar, name), path)
    except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"{file} is no whole backup: {error}") from None
    for name, path in found.items():
        if _digest(path) != digests[name]:
            raise BackupError(f"{file} is damaged: {name} is not what was backed up")
        if name != SECRET:
            _check(path)
    return found


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def _write(source: IO[bytes], path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := source.read(_PIECE):
            file.write(piece)
        file.flush()
        os.fsync(descriptor)


def _put(path: Path, place: Path) -> None:
    # The log of what was there would be played back onto what comes.
    for beside in ("-wal", "-shm"):
        place.with_name(place.name + beside).unlink(missing_ok=True)
    path.replace(place)
    data_lock.flush(place.parent)
