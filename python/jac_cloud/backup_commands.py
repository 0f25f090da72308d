"""What `jac cloud backup` and `jac cloud restore` do."""

import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import make_url

from jac_cloud import backup, data_lock
from jac_cloud.backup import GRAPH, SECRET, USERS, BackupError
from jac_cloud.data_folder import data_folder
from jac_cloud.setting_sources import folder_of, load

_ELSEWHERE = (
    "the users are in a database of their own: back it up with its own tool (pg_dump for "
    "PostgreSQL) before this, so that each of them has a root in the graph\n"
)


class Backups:
    """Makes and restores backups of the app (a file or its folder), as `Operator` acts on users."""

    def __init__(
        self, app: str, settings: Mapping[str, object], spell: Callable[[str], str]
    ) -> None:
        self._folder = folder_of(app)
        self._settings = load(self._folder, settings, spell).settings
        self._data = self._folder / self._settings.data_dir

    def make(self, file: Path, *, overwrite: bool, with_secret: bool) -> None:
        """Prints what is in the backup. Errors of one line."""
        if file.exists() and not overwrite:
            raise BackupError(f"{file} is there: --overwrite replaces it")
        databases = {name: path for name, path in self._places().items() if name != SECRET}
        for path in databases.values():
            if not path.exists():
                raise BackupError(f"{path} is not there; --app or --data-dir names another folder")
        secret = self._data / SECRET if with_secret else None
        try:
            with data_lock.shared(self._data):
                backup.back_up(databases, secret, file)
        except (OSError, sqlite3.Error) as error:
            raise BackupError(f"{file}: {error}") from None
        self._say(f"{file} holds", [*databases, *([SECRET] if secret else [])])

    def restore(self, file: Path, *, overwrite: bool) -> None:
        """Prints what was restored. Errors of one line."""
        try:
            folder = data_folder(self._folder, self._settings)
            found = backup.restore(file, folder, self._places(), overwrite=overwrite)
        except OSError as error:
            raise BackupError(f"{file}: {error.strerror or error}") from None
        self._say(f"{self._data} has got back", found)

    def _places(self) -> dict[str, Path]:
        places = {GRAPH: self._data / GRAPH, SECRET: self._data / SECRET}
        users = self._users()
        return places if users is None else {**places, USERS: users}

    def _users(self) -> Path | None:
        if not self._settings.database_url:
            return self._data / USERS
        url = make_url(self._settings.database_url)
        if url.get_backend_name() != "sqlite" or not url.database:
            return None
        return Path(url.database)

    def _say(self, what: str, names: list[str]) -> None:
        sys.stdout.write(f"{what} {', '.join(names)}\n")
        if self._users() is None:
            sys.stderr.write(_ELSEWHERE)
