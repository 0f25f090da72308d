"""Databases that several open for the first time at the same moment."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from jac_cloud.store import GraphStore
from jac_cloud.write_ahead_log import use_write_ahead_log
from support import scaled


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "any.db", isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody in the middle of a write to the same database, which has no log yet."""
    with closing(sqlite3.connect(tmp_path / "any.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_a_database_that_is_being_written_gets_its_log_once_the_writer_is_done(
    database: sqlite3.Connection, other: sqlite3.Connection
) -> None:
    """Who asked while another process made the tables was refused at once, and did not start."""
    asked: list[str] = []

    def end_the_write_at_the_third_time(statement: str) -> None:
        asked.append(statement)
        if len(asked) == 3:
            other.execute("ROLLBACK")

    database.set_trace_callback(end_the_write_at_the_third_time)
    use_write_ahead_log(database, scaled(30))
    assert len(asked) == 3
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.usefixtures("other")
def test_a_database_that_stays_locked_is_given_up(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_write_ahead_log(database, 0.05)


def test_what_is_no_lock_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "any.db"
    path.write_text("no database, but long enough to be taken for the head of one" * 10)
    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.DatabaseError, match="not a database"),
    ):
        use_write_ahead_log(connection, scaled(30))


def test_graphs_that_are_opened_at_once_for_the_first_time_open(tmp_path: Path) -> None:
    """The interpreter makes the tables as if it were alone, and was told of a lock."""
    barrier = threading.Barrier(8)

    def start(path: Path) -> None:
        barrier.wait()
        graph = GraphStore(path)
        graph.check()
        graph.close()

    with ThreadPoolExecutor(8) as pool:
        for count in range(40):
            [*pool.map(start, [tmp_path / f"{count}.db"] * 8)]
