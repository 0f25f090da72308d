"""A PostgreSQL server of the tests' own: one folder, reached through a socket in it alone."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from support import bound, eventually, scaled, without_sanitizer


class Postgresql:
    """Runs from its making to `stop`."""

    def __init__(self) -> None:
        # Not below pytest's own folder, which nobody else may enter.
        self._folder = Path(tempfile.mkdtemp(prefix="jac-cloud-postgresql-"))
        self._numbers = count()
        # It refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        shutil.chown(self._folder, self._user)
        data = self._folder / "data"
        self._run(
            "initdb",
            "--auth=trust",
            "--username=test",
            "--no-sync",
            "--locale=C",
            "--encoding=UTF8",
            data,
        )
        self._log = (self._folder / "log").open("w")
        # In a zone of its own: what is stored must not depend on it.
        settings = ("listen_addresses=", "fsync=off", "timezone=Asia/Kathmandu")
        self._server = subprocess.Popen(
            bound([
                str(_program("postgres")), "-D", str(data), "-k", str(self._folder),
                *(part for setting in settings for part in ("-c", setting)),
            ]),
            **self._options(), stdout=self._log, stderr=self._log,
        )  # fmt: skip
        try:
            eventually(self._is_ready, "PostgreSQL", 60)
        except AssertionError:
            log = (self._folder / "log").read_text()
            self.stop()
            raise AssertionError(log) from None

    def new_database(self) -> str:
        """The URL of a database that nobody has used."""
        name = f"test{next(self._numbers)}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    def drop_connections(self) -> None:
        """Ends all connections, as a restart would."""
        engine = create_engine(self._url("postgres"))
        with engine.connect() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
            )  # fmt: skip
        engine.dispose()

    @contextmanager
    def closed(self, url: str) -> Iterator[None]:
        """Nobody gets into the database inside of the block, and who was in it is thrown out."""
        self._allow(url, allowed=False)
        try:
            self.drop_connections()
            yield
        finally:
            self._allow(url, allowed=True)

    @contextmanager
    def silent(self, url: str) -> Iterator[None]:
        """Whoever asks for a user waits for the end of the block."""
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"))
            yield
        engine.dispose()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """All of it stands still inside of the block: it takes connections, and answers nothing."""
        server = self._server.pid
        with _standing_still([server]):
            # Nobody makes more of them now.
            children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
            with _standing_still(map(int, children)):
                yield

    @contextmanager
    def hanging_connections(self, url: str) -> Iterator[None]:
        """Those connections stand still inside of the block, while new ones do not."""
        with _standing_still(self.busy(url, "TRUE")):
            yield

    def busy(self, url: str, condition: str = "state = 'active'") -> list[int]:
        """The processes of the database's connections that are waited for, or are as is asked."""
        engine = create_engine(self._url("postgres"))
        with engine.connect() as connection:
            found = connection.execute(
                text(f"SELECT pid FROM pg_stat_activity WHERE datname = :name AND {condition}"),
                {"name": make_url(url).database},
            )
            processes = [int(row.pid) for row in found]
        engine.dispose()
        return processes

    def _allow(self, url: str, *, allowed: bool) -> None:
        name = make_url(url).database
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}"))
        engine.dispose()

    def stop(self) -> None:
        # Waits for no client.
        self._server.send_signal(signal.SIGINT)
        self._server.wait(scaled(30))
        self._log.close()
        shutil.rmtree(self._folder)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://test@/{database}?host={self._folder}"

    def _is_ready(self) -> bool:
        assert self._server.poll() is None
        ended = subprocess.run(
            [_program("pg_isready"), "-q", "-h", self._folder], env=_environment(), check=False
        )
        return ended.returncode == 0

    def _run(self, program: str, *arguments: str | Path) -> None:
        ended = subprocess.run(
            [_program(program), *arguments], **self._options(), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def _options(self) -> dict[str, Any]:
        user = {"user": self._user, "group": self._user} if os.geteuid() == 0 else {}
        return {"cwd": self._folder, "env": _environment(), **user}


@contextmanager
def _standing_still(processes: Iterable[int]) -> Iterator[None]:
    stopped = [*processes]
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def _program(name: str) -> Path:
    """Of the newest version; Debian keeps each in a folder of its own, outside of PATH."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    found = newest or shutil.which(name)
    assert found is not None, "PostgreSQL is not installed: make test installs it, or tells how"
    return Path(found)


def _environment() -> dict[str, str]:
    return {name: value for name, value in without_sanitizer(os.environ).items() if name != "HOME"}
