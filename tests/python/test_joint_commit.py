"""Writers that wait for one another: those who wait are written in one transaction."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest

from in_process import loaded
from jac_cloud import store as store_module
from jac_cloud.commit import WriteConflict
from jac_cloud.store import GraphStore
from support import eventually

type Write = Callable[[sqlite3.Connection], None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    store = GraphStore(tmp_path / "graph.db")
    lease = store.lease()
    lease.connection.execute("CREATE TABLE kept (name TEXT PRIMARY KEY)")
    lease.connection.execute(
        "CREATE TABLE other (name TEXT REFERENCES kept DEFERRABLE INITIALLY DEFERRED)"
    )
    store.give_back(lease)
    yield store
    store.close()


def keep(name: str) -> Write:
    def write(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO kept VALUES (?)", (name,))

    return write


def kept(store: GraphStore) -> set[str]:
    lease = store.lease()
    try:
        return {name for (name,) in lease.connection.execute("SELECT name FROM kept")}
    finally:
        store.give_back(lease)


class Crowd:
    """Threads that want to write, while another has the turn."""

    def __init__(self, store: GraphStore, pool: ThreadPoolExecutor) -> None:
        self.store = store
        self.pool = pool
        self.said: list[str] = []
        self.wants: list[Future[None]] = []

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What is committed inside of the block waits for its end."""
        lease = self.store.lease()
        with self.store.transaction(lease):
            yield
        self.store.give_back(lease)

    def commit(self, write: Write) -> None:
        waiting = len(self.store._turns._waiting)
        self.wants.append(self.pool.submit(self._commit, write))
        eventually(lambda: len(self.store._turns._waiting) == waiting + 1)

    def _commit(self, write: Write) -> None:
        lease = self.store.lease()
        lease.connection.execute("PRAGMA foreign_keys=ON")
        lease.connection.set_trace_callback(self._note)
        try:
            self.store.commit(lease, write)
        finally:
            lease.connection.set_trace_callback(None)
            self.store.give_back(lease)

    def _note(self, statement: str) -> None:
        # A turn that came late, as on a slow machine, changes how long SQLite itself waits.
        if not statement.startswith("PRAGMA busy_timeout"):
            self.said.append(statement.split()[0])


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.fixture
def crowd(store: GraphStore, pool: ThreadPoolExecutor) -> Crowd:
    return Crowd(store, pool)


def test_those_who_wait_share_one_transaction(store: GraphStore, crowd: Crowd) -> None:
    with crowd.waiting():
        for number in range(8):
            crowd.commit(keep(str(number)))
    assert [want.result() for want in crowd.wants] == [None] * 8
    assert crowd.said == ["BEGIN", *["INSERT"] * 8, "COMMIT"]
    assert kept(store) == set("01234567")


def test_one_that_fails_before_it_writes_leaves_the_transaction_to_the_others(
    store: GraphStore, crowd: Crowd
) -> None:
    def conflict(_: sqlite3.Connection) -> None:
        raise WriteConflict("node")

    with crowd.waiting():
        for write in (keep("a"), conflict, keep("b")):
            crowd.commit(write)
    assert type(crowd.wants[1].exception()) is WriteConflict
    assert crowd.wants[0].exception() is crowd.wants[2].exception() is None
    assert crowd.said == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert kept(store) == {"a", "b"}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_fails_after_it_wrote_leaves_nothing_and_the_others_are_committed(
    store: GraphStore, crowd: Crowd, place: int
) -> None:
    def half(connection: sqlite3.Connection) -> None:
        keep("half")(connection)
        raise WriteConflict("node")

    writes = [keep("a"), keep("b")]
    writes.insert(place, half)
    with crowd.waiting():
        for write in writes:
            crowd.commit(write)
    failures = [type(want.exception()) for want in crowd.wants]
    assert failures.pop(place) is WriteConflict
    assert failures == [type(None)] * 2
    assert kept(store) == {"a", "b"}


def test_one_that_makes_the_joint_commit_fail_fails_alone(store: GraphStore, crowd: Crowd) -> None:
    def refers_to_nothing(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO other VALUES ('nobody')")

    with crowd.waiting():
        for write in (keep("a"), refers_to_nothing, keep("b")):
            crowd.commit(write)
    assert type(crowd.wants[1].exception()) is sqlite3.IntegrityError
    assert crowd.wants[0].exception() is crowd.wants[2].exception() is None
    assert kept(store) == {"a", "b"}


def test_one_that_the_disk_has_no_room_for_fails_alone(store: GraphStore, crowd: Crowd) -> None:
    def huge(connection: sqlite3.Connection) -> None:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        try:
            keep("x" * 1_000_000)(connection)
        finally:
            connection.execute(f"PRAGMA max_page_count = {pages + 1000}")

    with crowd.waiting():
        for write in (keep("a"), huge, keep("b")):
            crowd.commit(write)
    assert "full" in str(crowd.wants[1].exception())
    assert crowd.wants[0].exception() is crowd.wants[2].exception() is None
    assert kept(store) == {"a", "b"}


def test_nobody_is_told_before_the_joint_commit(store: GraphStore, crowd: Crowd) -> None:
    writing, go_on = Event(), Event()

    def slow(connection: sqlite3.Connection) -> None:
        keep("slow")(connection)
        writing.set()
        go_on.wait()

    with crowd.waiting():
        for write in (keep("a"), keep("b"), slow):
            crowd.commit(write)
    writing.wait()
    try:
        assert not any(want.done() for want in crowd.wants)
        assert kept(store) == set()
    finally:
        go_on.set()
    assert [want.result() for want in crowd.wants] == [None] * 3
    assert kept(store) == {"a", "b", "slow"}


def test_who_comes_while_others_are_written_still_joins_them(crowd: Crowd) -> None:
    writing, go_on = Event(), Event()

    def slow(connection: sqlite3.Connection) -> None:
        writing.set()
        go_on.wait()
        keep("slow")(connection)

    with crowd.waiting():
        crowd.commit(slow)
    writing.wait()
    crowd.commit(keep("late"))
    go_on.set()
    assert [want.result() for want in crowd.wants] == [None] * 2
    assert crowd.said == ["BEGIN", "INSERT", "INSERT", "COMMIT"]


def test_what_must_be_written_by_its_own_thread_is_not_joined(
    store: GraphStore, crowd: Crowd, pool: ThreadPoolExecutor
) -> None:
    def alone() -> None:
        lease = store.lease()
        with store.transaction(lease, durable=True) as connection:
            keep("alone")(connection)
        store.give_back(lease)

    with crowd.waiting():
        crowd.commit(keep("a"))
        durable = pool.submit(alone)
        eventually(lambda: len(store._turns._waiting) == 2)
        crowd.commit(keep("b"))
    assert [want.result() for want in (durable, *crowd.wants)] == [None] * 3
    assert crowd.said == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert kept(store) == {"a", "alone", "b"}


def test_who_waits_too_long_for_its_turn_is_told_so_and_keeps_nobody_waiting(
    store: GraphStore, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_BUSY_SECONDS", 0.05)
    with crowd.waiting():
        # Among those who wait for so short a time that it may not be seen there.
        want = crowd.pool.submit(crowd._commit, keep("impatient"))
        assert "locked" in str(want.exception())
        monkeypatch.setattr(store_module, "_BUSY_SECONDS", 30)
        crowd.commit(keep("patient"))
    assert crowd.wants[0].result() is None
    assert kept(store) == {"patient"}


def test_a_lock_of_another_process_fails_who_has_the_turn_and_those_after_it_try_for_themselves(
    store: GraphStore, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_BUSY_SECONDS", 0.2)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        wants = [crowd.pool.submit(crowd._commit, keep(name)) for name in "ab"]
        assert all("locked" in str(want.exception()) for want in wants)
        other.execute("ROLLBACK")
    crowd._commit(keep("afterwards"))
    assert kept(store) == {"afterwards"}


def test_units_of_work_of_eight_users_are_committed_together(tmp_path: Path) -> None:
    with loaded("graph", tmp_path) as app, ThreadPoolExecutor(8) as pool:
        users = [app.other_user() for _ in range(8)]
        turns = app.interpreter._store._turns
        lease = app.interpreter._store.lease()
        with app.interpreter._store.transaction(lease):
            made = [pool.submit(user.run, "make_counter") for user in users]
            eventually(lambda: len(turns._waiting) == 8)
            assert app.query("SELECT 1 FROM anchors WHERE arch_type = 'Counter'") == []
        for each in made:
            each.result()
        app.interpreter._store.give_back(lease)
        assert [len(user.run("look")) for user in users] == [1] * 8


def test_a_unit_that_meets_a_conflict_among_others_is_run_again_alone(tmp_path: Path) -> None:
    with loaded("graph", tmp_path) as app, ThreadPoolExecutor(8) as pool:
        app.run("make_counter")
        store = app.interpreter._store
        lease = store.lease()
        with store.transaction(lease):
            added = [pool.submit(app.run, "increment") for _ in range(8)]
            eventually(lambda: len(store._turns._waiting) == 8)
        assert sorted(each.result() for each in added) == [[value] for value in range(1, 9)]
        store.give_back(lease)
        assert app.run("look")[0]["value"] == 8
