"""Removing everything that a user has made from the graph."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from jac_cloud.store import GraphStore, Lease

# Others that write wait for so many at most.
_ANCHORS_A_TRANSACTION = 200


def remove_root(store: GraphStore, root: UUID) -> int:
    """Removes a root, the nodes and edges that belong to it wherever they hang, and every edge
    that leads to one of those nodes. How many nodes and edges went.

    A node of somebody else's that had no other edge goes too, as the interpreter has it: it could
    not be reached any more. May be called again for a root that is gone, to end what was begun.
    """
    lease = store.lease()
    try:
        # First of all: from then on no walker that still runs commits a node of this root.
        removed = _remove(store, lease, [str(root)])
        keys = _belonging_to(lease, str(root))
        for start in range(0, len(keys), _ANCHORS_A_TRANSACTION):
            removed += _remove(store, lease, keys[start : start + _ANCHORS_A_TRANSACTION])
        with store.transaction(lease) as connection:
            # What was put aside may be anything.
            connection.execute(
                "DELETE FROM anchors_quarantine WHERE id = :root OR CASE WHEN json_valid(data)"
                " THEN json_extract(data, '$.root') END = :root",
                {"root": str(root)},
            )
        return removed
    finally:
        store.give_back(lease)


def _belonging_to(lease: Lease, root: str) -> list[str]:
    # The text is looked through first: reading the whole graph's JSON would take ten times as long.
    rows = lease.connection.execute(
        "SELECT id FROM anchors WHERE instr(data, :root) AND json_extract(data, '$.root') = :root",
        {"root": root},
    )
    return [str(row[0]) for row in rows]


def _remove(store: GraphStore, lease: Lease, keys: Iterable[str]) -> int:
    with store.transaction(lease) as connection:
        removal = _Removal(connection)
        for key in keys:
            removal.remove(key)
        removal.mend_neighbours()
        return removal.count


class _Removal:
    """Removes anchors within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lost: defaultdict[str, set[str]] = defaultdict(set)
        self.count = 0

    def remove(self, key: str) -> None:
        """A node with its edges, or an edge; nothing if it is gone already."""
        data = self._read(key)
        if data is None:
            return
        self._delete(key)
        for edge in data.get("edges", ()):
            self.remove(edge)
        for end in ("source", "target"):
            if node := data.get(end):
                self._lost[node].add(key)

    def mend_neighbours(self) -> None:
        """Takes the edges that are gone from the nodes that are left."""
        now = datetime.now(UTC).isoformat()
        for node, lost in self._lost.items():
            data = self._read(node)
            if data is None:
                continue
            data["edges"] = [edge for edge in data["edges"] if edge not in lost]
            if not data["edges"] and data["archetype"]["__type__"] != "Root":
                self._delete(node)
                continue
            data["version"] = data.get("version", 0) + 1
            self._connection.execute(
                "UPDATE anchors SET data = ?, updated_at = ? WHERE id = ?",
                (json.dumps(data), now, node),
            )

    def _read(self, key: str) -> dict[str, Any] | None:
        row = self._connection.execute("SELECT data FROM anchors WHERE id = ?", (key,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def _delete(self, key: str) -> None:
        self.count += self._connection.execute("DELETE FROM anchors WHERE id = ?", (key,)).rowcount
