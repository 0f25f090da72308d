"""Defects of storage that the crash rounds have to find. For an app to import, in a server."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jac_cloud import commit, memory
from jac_cloud.memory import UnitMemory
from jac_cloud.store import GraphStore, Lease
from jac_cloud.write_turns import Write


def acknowledge_before_commit() -> None:
    """A unit of work is written a while after its answer."""
    flush, close = UnitMemory.flush, UnitMemory.close

    def later(self: UnitMemory, *, durable: bool = False) -> None:
        def write() -> None:
            time.sleep(0.3)
            flush(self, durable=durable)
            close(self)

        threading.Thread(target=write, daemon=True).start()

    def keep(self: UnitMemory) -> None:
        """The lease is still needed."""

    UnitMemory.flush, UnitMemory.close = later, keep  # type: ignore[method-assign]


def commit_by_halves() -> None:
    """Each anchor is committed by itself."""

    @contextmanager
    def transaction(_: GraphStore, lease: Lease, *, durable: bool = False) -> Iterator[Any]:  # noqa: ARG001
        yield lease.connection

    def at_once(_: GraphStore, lease: Lease, write: Write) -> None:
        write(lease.connection)

    def write(connection: Any, changes: list[commit.Change]) -> None:
        for change in changes:
            commit.write(connection, [change])
            time.sleep(0.1)

    GraphStore.transaction = transaction  # type: ignore[assignment, method-assign]
    GraphStore.commit = at_once  # type: ignore[assignment, method-assign]
    memory.write = write  # type: ignore[attr-defined]
