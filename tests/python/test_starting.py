"""A start that meets databases which hang or are locked: bounded, and told by name."""

import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from conftest import Serve
from jac_cloud.database import open_database
from jac_cloud.errors import ConfigError
from jac_cloud.migrations import _POSTGRESQL_LOCK
from postgresql import Postgresql
from support import JAC, bound, copy_app, eventually, flags, scaled

SILENT = "jac serve: users_timeout: "
WAITS: dict[str, object] = {"users_timeout": 1, "port": 0}


def refused(app: Path, **settings: object) -> str:
    """The last line of a server that cannot start."""
    ended = subprocess.run(
        bound([str(JAC), "serve", app.name, *flags(WAITS | settings)]),
        cwd=app.parent,
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, ""), ended
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


def test_users_that_hang_end_a_start_by_the_name_of_their_limit(
    postgresql: Postgresql, serve: Serve, tmp_path: Path
) -> None:
    app = copy_app("operating", tmp_path)
    used, new = postgresql.new_database(), postgresql.new_database()
    assert serve("operating", database_url=used).stop() == 0
    with postgresql.hanging():
        for url in (used, new):
            assert refused(app, database_url=url).startswith(SILENT)
    assert serve("operating", database_url=new).stop() == 0


def test_users_that_are_locked_end_a_start_by_the_name_of_their_limit(
    postgresql: Postgresql, serve: Serve, tmp_path: Path
) -> None:
    app = copy_app("operating", tmp_path)
    url = postgresql.new_database()
    assert serve("operating", database_url=url).stop() == 0
    with postgresql.silent(url):
        assert refused(app, database_url=url).startswith(SILENT)


@contextmanager
def bringing_forward(engine: Engine) -> Iterator[None]:
    """Another server has the turn inside of the block."""
    with engine.begin() as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})"))
        yield
    engine.dispose()


def opening(pool: ThreadPoolExecutor, postgresql: Postgresql, url: str) -> Future[Engine]:
    """A database that is being opened and has been waiting for its turn, for longer than it waits
    for an answer.
    """
    opened = pool.submit(open_database, url, scaled(2))
    polls = (
        "query LIKE '%pg_try_advisory_xact_lock%'"
        f" AND now() - xact_start > interval '{scaled(3)} s'"
    )
    eventually(lambda: opened.done() or postgresql.busy(url, polls), "it waits", 30)
    return opened


def test_a_server_waits_for_another_that_migrates_however_long_it_takes(
    postgresql: Postgresql,
) -> None:
    url = postgresql.new_database()
    with ThreadPoolExecutor(1) as pool:
        with bringing_forward(create_engine(url)):
            opened = opening(pool, postgresql, url)
            assert not opened.done()
        opened.result(scaled(10)).dispose()


def test_a_server_that_waits_for_another_is_told_when_the_database_hangs(
    postgresql: Postgresql,
) -> None:
    url = postgresql.new_database()
    with ThreadPoolExecutor(1) as pool, bringing_forward(create_engine(url)):
        opened = opening(pool, postgresql, url)
        with postgresql.hanging(), pytest.raises(ConfigError, match="users_timeout: "):
            opened.result(scaled(10))


def test_sqlite_that_another_process_keeps_locked_is_named_where_it_has_to_be_waited_for(
    serve: Serve,
) -> None:
    server = serve("operating", **WAITS)
    server.register("ada@example.com")
    assert server.stop() == 0
    data = server.app.parent / ".jac" / "data"
    with locked(data / "users.db"):
        # What is there is read, and nobody has to write.
        assert serve(server.app, **WAITS).stop() == 0
    with locked(data / "users.db", for_readers=True):
        assert refused(server.app).startswith(SILENT)
    with locked(data / "graph.db"):
        line = refused(server.app)
        assert line == f"jac serve: data_dir: {data}/graph.db: database is locked"


@contextmanager
def locked(path: Path, *, for_readers: bool = False) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        if for_readers:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        yield
