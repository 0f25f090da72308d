"""What a unit of work changed, and writing it: all of it in one transaction, or none.

The unit's own thread prepares it and another's may write it, so no anchor is in it. Each change is
compared with what its unit had read. A field, an edge list or an access that another unit has
changed meanwhile is a `WriteConflict`; what others changed elsewhere in a row stays.
"""

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from jac_cloud.rows import Loaded, row, same

_FORMAT_VERSION = 1


class WriteConflict(Exception):
    """Another unit of work was first to change `anchor`: this one is to be run again."""

    def __init__(self, anchor: UUID | str) -> None:
        super().__init__(f"{anchor} has been changed by another unit of work")
        self.anchor = str(anchor)


@dataclass(slots=True)
class Created:
    """An anchor that is new in this unit."""

    key: str
    owner: str | None
    """The root that it belongs to."""
    values: tuple[str | int | None, ...]
    """Its row, but for the time."""


@dataclass(slots=True)
class Changed:
    """A stored anchor of which `parts` (top-level keys of its row) or `fields` have new values."""

    key: str
    loaded: Loaded
    fields: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    collect_if_alone: bool = False
    """A node that is no root and has lost its last edge cannot be reached: it goes, too."""
    text: str = ""
    """The row as it was read, with this change made to it."""

    def onto(self, data: dict[str, Any]) -> dict[str, Any]:
        """A row with this change made to it."""
        changed = {**data, **self.parts}
        if self.fields:
            changed["archetype"] = {**changed["archetype"], **self.fields}
        if "edges" in self.parts:
            changed["version"] = data.get("version", 0) + 1
        return changed

    def misses(self, now: dict[str, Any]) -> bool:
        """Whether another unit has changed what this one changes."""
        was = self.loaded.data
        return any(not same(was.get(part), now.get(part)) for part in self.parts) or any(
            not same(was["archetype"].get(name), now["archetype"].get(name)) for name in self.fields
        )


@dataclass(slots=True)
class Deleted:
    """A stored anchor that is to go."""

    key: str
    loaded: Loaded


type Change = Created | Changed | Deleted


def created(anchor: Any) -> Created:
    """The new row of an anchor."""
    cls = type(anchor.archetype)
    values = (
        str(anchor.id),
        type(anchor).__name__,
        cls.__module__,
        cls.__name__,
        getattr(cls, "__jac_fingerprint__", None) or None,
        json.dumps(row(anchor)),
        _FORMAT_VERSION,
    )
    return Created(values[0], str(anchor.root) if anchor.root else None, values)


def write(connection: sqlite3.Connection, changes: list[Change]) -> None:
    """Writes the changes in the caller's transaction. WriteConflict when one does not hold."""
    _check_owners(connection, changes)
    now = datetime.now(UTC).isoformat()
    for change in changes:
        match change:
            case Created():
                _create(connection, change, now)
            case Changed():
                _change(connection, change, now)
            case Deleted():
                _delete(connection, change.key, change.loaded.text)


def _check_owners(connection: sqlite3.Connection, changes: list[Change]) -> None:
    """What is made for a user who has been deleted meanwhile would never be deleted."""
    for owner in {change.owner for change in changes if isinstance(change, Created)} - {None}:
        query = "SELECT 1 FROM anchors WHERE id = ?"
        if connection.execute(query, (owner,)).fetchone() is None:
            raise WriteConflict(str(owner))


def _create(connection: sqlite3.Connection, change: Created, now: str) -> None:
    try:
        connection.execute(
            "INSERT INTO anchors (id, type, arch_module, arch_type, fingerprint, data,"
            " format_version, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*change.values, now),
        )
    except sqlite3.IntegrityError as error:
        raise WriteConflict(change.key) from error


def _change(connection: sqlite3.Connection, change: Changed, now: str) -> None:
    key = change.key
    if change.collect_if_alone and not change.parts.get("edges", True):
        _delete(connection, key, change.loaded.text)
        return
    if _replace(connection, key, change.text, now, change.loaded.text):
        return
    found = connection.execute("SELECT data FROM anchors WHERE id = ?", (key,)).fetchone()
    if found is None:
        raise WriteConflict(key)
    stored = json.loads(found[0])
    if change.misses(stored):
        raise WriteConflict(key)
    _replace(connection, key, json.dumps(change.onto(stored)), now, found[0])


def _replace(connection: sqlite3.Connection, key: str, text: str, now: str, was: str) -> bool:
    """Whether the row still had the text `was`, and has the new one now."""
    cursor = connection.execute(
        "UPDATE anchors SET data = ?, updated_at = ? WHERE id = ? AND data = ?",
        (text, now, key, was),
    )
    return cursor.rowcount == 1


def _delete(connection: sqlite3.Connection, key: str, was: str) -> None:
    cursor = connection.execute("DELETE FROM anchors WHERE id = ? AND data = ?", (key, was))
    if cursor.rowcount != 1:
        raise WriteConflict(key)
