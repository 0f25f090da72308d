"""The graph on disk: SQLite in the interpreter's own format, and the connections to it.

A connection is leased for one unit of work, the one used last first. Reads take no lock that
others feel (write-ahead log); writers take turns through one lock, since waiting on SQLite's own
would be a poll.
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

from jac_cloud._jaclang import make_tables
from jac_cloud.deadline import Deadline
from jac_cloud.joint_commit import commit_jobs, whole
from jac_cloud.write_ahead_log import use_write_ahead_log
from jac_cloud.write_turns import Job, Write, WriteTurns

# Another process (a second server, `jac db`) may hold the write lock for so long.
_BUSY_SECONDS = 5.0
_SHORT_SECONDS = 0.1
_LOG_PAGES = 4000
# SQLite takes 32,766 variables in one statement; far fewer keep one statement short.
_IDS_A_STATEMENT = 500


type Synchronous = Literal["normal", "full"]


class Lease:
    """A connection of its own and, once asked for, an event loop, for one unit at a time.

    Reads may come from any thread of the unit (SQLite serialises them).
    """

    def __init__(self, path: Path, synchronous: Synchronous) -> None:
        self.connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        use_write_ahead_log(self.connection, _BUSY_SECONDS)
        # Who writes the log back keeps all writers waiting, for three flushes of the disk.
        self.connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
        # NORMAL: a commit survives the death of the process; the log is flushed to the disk when it
        # is written back. FULL: a commit survives a power cut.
        self.connection.execute(f"PRAGMA synchronous={synchronous}")
        self._loop: asyncio.AbstractEventLoop | None = None

    def read(self, key: str) -> str | None:
        """The stored text of one anchor, by its id with dashes."""
        row = self.connection.execute("SELECT data FROM anchors WHERE id = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def read_many(self, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Ids and texts of those of `keys` that there are, in no order."""
        for start in range(0, len(keys), _IDS_A_STATEMENT):
            chunk = keys[start : start + _IDS_A_STATEMENT]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT id, data FROM anchors WHERE id IN ({marks})"  # noqa: S608 - marks only
            yield from self.connection.execute(query, chunk).fetchall()

    def nodes_of_types(self, names: Sequence[tuple[str, str]]) -> list[str]:
        """Ids of the stored nodes whose class is one of `names` (module, name)."""
        found: list[str] = []
        for module, name in names:
            rows = self.connection.execute(
                "SELECT id FROM anchors"
                " WHERE type = 'NodeAnchor' AND arch_module = ? AND arch_type = ?",
                (module, name),
            )
            found += [str(row[0]) for row in rows]
        return found

    def is_quarantined(self, key: str) -> bool:
        """Whether the interpreter has put this anchor aside in a way that can be undone."""
        row = self.connection.execute(
            "SELECT 1 FROM anchors_quarantine"
            " WHERE id = ? AND COALESCE(error, '') NOT LIKE 'DANGLING_REF%'",
            (key,),
        ).fetchone()
        return row is not None

    def run_async[T](self, coroutine: Coroutine[Any, Any, T], deadline: Deadline | None) -> T:
        """Runs a coroutine to its end on this lease's loop; tasks that it leaves are cancelled, and
        so is the coroutine itself once `deadline` has expired.
        """
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        loop = self._loop
        task = loop.create_task(coroutine)
        try:
            if deadline is None:
                return loop.run_until_complete(task)
            with deadline.in_task(task):
                return loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt):
            # They break out of the loop in the middle of a step: it is not to be used again.
            self._loop = None
            raise
        finally:
            _cancel_tasks(loop)
            if self._loop is None:
                loop.close()

    def wait_for_lock(self, seconds: float) -> None:
        """How long SQLite waits for its lock, from now on."""
        self.connection.execute(f"PRAGMA busy_timeout={max(0, round(seconds * 1000))}")

    def close(self) -> None:
        self.connection.close()
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._loop = None


class GraphStore:
    """Leases connections to one graph. Safe to use from any thread."""

    def __init__(self, path: Path, synchronous: Synchronous = "normal") -> None:
        self.path = path
        self._synchronous: Synchronous = synchronous
        self._free: list[Lease] = []
        self._lock = threading.Lock()
        self._closed = False
        self._turns = WriteTurns()
        path.parent.mkdir(parents=True, exist_ok=True)
        # The interpreter makes them as if nobody else opened the graph: the log is in use before,
        # and stays so.
        with closing(Lease(path, synchronous)):
            make_tables(path)
        self._file = path.stat()

    def check(self) -> None:
        """OSError or sqlite3.Error when the graph cannot be read, or is no longer at its path:
        then what is open is a file that nobody will find again.
        """
        if not os.path.samestat(self.path.stat(), self._file):
            raise FileNotFoundError(self.path)
        lease = self.lease()
        try:
            lease.connection.execute("SELECT 1 FROM anchors LIMIT 1").fetchone()
        finally:
            self.give_back(lease)

    def lease(self) -> Lease:
        with self._lock:
            if self._free:
                return self._free.pop()
        return Lease(self.path, self._synchronous)

    def give_back(self, lease: Lease) -> None:
        with self._lock:
            if not self._closed:
                self._free.append(lease)
                return
        lease.close()

    def commit(self, lease: Lease, write: Write) -> None:
        """Calls `write` in a transaction, maybe on another thread and with those of others.

        What it raises undoes what it wrote, and nothing else, and is raised here. OperationalError
        as `transaction`. Once this returns, it is committed.
        """
        job = Job(write)
        with self._turn(lease, job) as mine:
            if mine:
                lease.connection.execute("BEGIN IMMEDIATE")
                commit_jobs(lease.connection, job, self._turns.join)
        if job.error is not None:
            raise job.error
        if not job.committed:
            raise sqlite3.OperationalError("the transaction was broken off")

    @contextmanager
    def transaction(self, lease: Lease, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing; the only writer of this process meanwhile.

        What is `durable` survives a power cut, whatever the store's setting. OperationalError of
        sqlite3 when others keep writing for too long, or the disk fails.
        """
        with self._turn(lease, Job()), _flushed(lease) if durable else nullcontext():
            lease.connection.execute("BEGIN IMMEDIATE")
            with whole(lease.connection):
                yield lease.connection

    @contextmanager
    def _turn(self, lease: Lease, job: Job) -> Iterator[bool]:
        """As `WriteTurns.wait`. While another process keeps SQLite's lock, who waits for this one
        waits no longer in all than who waits for that.
        """
        began = time.monotonic()
        try:
            mine = self._turns.wait(job, _BUSY_SECONDS)
        except TimeoutError:
            raise sqlite3.OperationalError("database is locked") from None
        if not mine:
            yield False
            return
        waited = time.monotonic() - began
        try:
            if waited > _SHORT_SECONDS:
                lease.wait_for_lock(_BUSY_SECONDS - waited)
            yield True
        finally:
            try:
                if waited > _SHORT_SECONDS:
                    lease.wait_for_lock(_BUSY_SECONDS)
            finally:
                self._turns.pass_on()

    def close(self) -> None:
        """Closes what is free at once, and each lease that is out when it comes back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for lease in free:
            lease.close()


@contextmanager
def _flushed(lease: Lease) -> Iterator[None]:
    """A commit inside of it flushes the log as a whole, with those before it."""
    [before] = lease.connection.execute("PRAGMA synchronous").fetchone()
    lease.connection.execute("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        lease.connection.execute(f"PRAGMA synchronous={before}")


def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    if left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
