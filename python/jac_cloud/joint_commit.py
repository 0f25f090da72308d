"""What several threads want to write, in one transaction: one flush of the disk for all of them."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jac_cloud.write_turns import Job


def commit_jobs(connection: sqlite3.Connection, job: Job, join: Callable[[], list[Job]]) -> None:
    """Ends a transaction that has begun with what the job writes, and those that `join` gives.

    Each ends as if it were alone: with its error, or committed.
    """
    jobs: list[Job] = []
    joining = [job]
    try:
        with whole(connection):
            while joining:
                jobs += joining
                for each in joining:
                    _write(connection, each)
                joining = join()
    except Exception as error:  # noqa: BLE001 - it belongs to who waits for the job
        if len(jobs) == 1:
            job.error = error
            return
        for each in jobs:
            _commit_alone(connection, each)
    else:
        for each in jobs:
            each.committed = each.error is None


@contextmanager
def whole(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits the transaction that has begun, or takes it back."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A failed COMMIT (a full disk) may have rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _write(connection: sqlite3.Connection, job: Job) -> None:
    """Writes one job's share. What it raises is its own, if nothing of it is left behind."""
    before = connection.total_changes
    try:
        if job.write is not None:
            job.write(connection)
    except Exception as error:
        if connection.total_changes != before or not connection.in_transaction:
            raise
        job.error = error


def _commit_alone(connection: sqlite3.Connection, job: Job) -> None:
    job.error = None
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        job.error = error
    else:
        commit_jobs(connection, job, list)
