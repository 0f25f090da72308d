"""The memory of one unit of work: what it has read, made, changed and deleted, and nobody else's.

Anchors are read from the store when they are touched and made anew in each unit, so that nothing
which a unit does to them can be seen elsewhere, not even by a walker that failed or ran too long.
The interpreter's own memory is shared, and its `commit` looks at all of it; here a unit's commit
looks at what the unit itself has touched.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

from jac_cloud._jaclang import (
    EdgeAnchor,
    JacRuntimeInterface,
    NodeAnchor,
    Root,
    TieredMemory,
    stored_form,
)
from jac_cloud.access import is_commons_floor, may_connect
from jac_cloud.commit import Change, Changed, Created, Deleted, WriteConflict, created, write
from jac_cloud.rows import (
    SCALARS,
    Loaded,
    access_form,
    archetype_form,
    index_form,
    permission,
    revive,
    same,
)
from jac_cloud.store import GraphStore, Lease


class UnitMemory(TieredMemory):  # type: ignore[misc]
    """Holds the anchors of one unit of work over a lease of the store.

    The interpreter calls `commit` at the end of each spawn; that means nothing here, the unit is
    committed once, by `flush`. May be used from the threads that the unit's walker starts.
    """

    def __init__(self, store: GraphStore, lease: Lease) -> None:
        self.__mem__: dict[UUID, Any] = {}
        self.base_path = None
        self.target_path = None
        self.use_cache = False
        self.l2 = None
        self.l3 = None
        self._store = store
        self._lease: Lease | None = lease
        self._loaded: dict[UUID, Loaded] = {}
        self._deleted: dict[UUID, Any] = {}
        self._missed: set[UUID] = set()
        self._pruned: set[UUID] = set()
        self._lock = threading.RLock()

    # What the interpreter asks of a memory

    def is_available(self) -> bool:
        return self._lease is not None

    def get(self, key: UUID) -> Any:
        anchor = self.__mem__.get(key)
        return anchor if anchor is not None else self._load(key)

    def held(self, key: UUID) -> Any:
        """The anchor, if it has been read or made already."""
        return self.__mem__.get(key)

    def batch_get(self, ids: list[UUID]) -> dict[UUID, Any]:
        wanted = {
            str(key): key for key in ids if key not in self.__mem__ and key not in self._deleted
        }
        with self._lock:
            if len(wanted) > 1 and self._lease is not None:
                for key, text in self._lease.read_many(list(wanted)):
                    self._keep(wanted[key], text)
        return {key: anchor for key in ids if (anchor := self.get(key)) is not None}

    def put(self, anchor: Any) -> None:
        self.__mem__[anchor.id] = anchor

    def delete(self, key: UUID) -> None:
        anchor = self.get(key)
        if anchor is not None:
            self.__mem__.pop(key, None)
            self._deleted[key] = anchor

    def has(self, key: UUID) -> bool:
        return self.get(key) is not None

    def find(
        self,
        ids: UUID | Iterable[UUID],
        filter: Callable[[Any], Any] | None = None,  # noqa: A002 - the interpreter's name
    ) -> Iterator[Any]:
        for key in [ids] if isinstance(ids, UUID) else ids:
            anchor = self.get(key)
            if anchor is not None and (filter is None or filter(anchor)):
                yield anchor

    def find_one(
        self,
        ids: UUID | Iterable[UUID],
        filter: Callable[[Any], Any] | None = None,  # noqa: A002 - the interpreter's name
    ) -> Any:
        return next(iter(self.find(ids, filter)), None)

    def get_roots(self) -> Iterator[Any]:
        names = [(cls.__module__, cls.__name__) for cls in _with_subclasses(Root)]
        with self._lock:
            keys = self._lease.nodes_of_types(names) if self._lease is not None else []
        self.batch_get([UUID(key) for key in keys])
        for anchor in list(self.__mem__.values()):
            if anchor.is_populated() and isinstance(anchor.archetype, Root):
                yield anchor.archetype

    def commit(self, anchor: Any = None) -> None:
        """Nothing: a unit of work is committed as a whole, when its walker has ended well."""

    def abort(self) -> None:
        self.__mem__.clear()
        self._loaded.clear()
        self._deleted.clear()

    def close(self) -> None:
        """Gives the lease back; what still holds on to this memory reads nothing more."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            self._store.give_back(lease)

    def is_recoverable_quarantine(self, key: UUID) -> bool:
        """Whether the citations of what cannot be read are to be left as they are.

        Also if its row is there, only not for the classes of today, and if it is missing only
        because another unit of work has been at it: then this one runs again.
        """
        with self._lock:
            if self._lease is None or self._lease.read(str(key)) is not None:
                return True
            return self._lease.is_quarantined(str(key)) or self.is_stale()

    def quarantine_ref(self, referrer: Any, stub: Any) -> None:
        """Forgets an edge that leads nowhere."""
        if isinstance(referrer, NodeAnchor):
            self._pruned.add(stub.id)
            # In place: other anchor objects of the same node share the list.
            referrer.edges[:] = [edge for edge in referrer.edges if edge.id != stub.id]

    def capabilities(self) -> set[str]:
        return set()

    # What the unit of work asks of it

    def is_stale(self) -> bool:
        """Whether something was missing, and what the unit has read is not what is there now.

        Reads are not of one moment. A walker that comes upon a gap which another unit has just made
        must not fail, nor draw conclusions, but run again.
        """
        with self._lock:
            if not self._missed or self._lease is None:
                return False
            now = dict(self._lease.read_many([str(key) for key in self._loaded]))
            return any(now.get(str(key)) != loaded.text for key, loaded in self._loaded.items())

    def flush(self, *, durable: bool = False) -> None:
        """Commits the unit of work, if there is anything to commit; `durable` as `transaction`.

        WriteConflict (and nothing written) when another unit was first.
        """
        if self.is_stale():
            raise WriteConflict("what this unit has read")
        changes = self._changes()
        if not changes:
            return
        with self._lock:
            if self._lease is None:
                raise RuntimeError("This unit of work has ended")
            if durable:
                with self._store.transaction(self._lease, durable=True) as connection:
                    write(connection, changes)
            else:
                self._store.commit(self._lease, partial(write, changes=changes))

    def _load(self, key: UUID) -> Any:
        with self._lock:
            if self._lease is None or key in self._deleted:
                return None
            anchor = self.__mem__.get(key)
            if anchor is not None:
                return anchor
            text = self._lease.read(str(key))
            if text is None:
                self._missed.add(key)
                return None
            return self._keep(key, text)

    def _keep(self, key: UUID, text: str) -> Any:
        revived = revive(text)
        if revived is None:
            return None
        anchor, loaded = revived
        self._loaded[key] = loaded
        self.__mem__[key] = anchor
        return anchor

    def _changes(self) -> list[Change]:
        changes: list[Change] = []
        for key, anchor in list(self.__mem__.items()):
            if not isinstance(anchor, NodeAnchor | EdgeAnchor):
                continue
            if not anchor.persistent or not anchor.is_populated():
                continue
            loaded = self._loaded.get(key)
            change = _created(anchor) if loaded is None else self._changed(anchor, loaded)
            if change is not None:
                changes.append(change)
        changes += [
            Deleted(str(key), self._loaded[key]) for key in self._deleted if key in self._loaded
        ]
        return changes

    def _changed(self, anchor: Any, loaded: Loaded) -> Changed | None:
        """What the unit has changed of a stored anchor. PermissionError where it may not."""
        change = Changed(str(anchor.id), loaded)
        _compare_fields(anchor, loaded, change)
        now = access_form(anchor)
        if now != loaded.access and not is_commons_floor(anchor, loaded.access, now):
            change.parts["access"] = now
        if change.fields or change.parts:
            # By the access that is stored: nobody may let himself in.
            given, anchor.access = anchor.access, permission(loaded.access)
            JacRuntimeInterface.check_write_access(anchor, op_hint="field_write")
            anchor.access = given
        if isinstance(anchor, NodeAnchor):
            self._compare_edges(anchor, loaded, change)
            index = index_form(anchor)
            if index != loaded.data.get("topology_index_data") and may_connect(anchor):
                change.parts["topology_index_data"] = index
        if not change.fields and not change.parts:
            return None
        change.text = json.dumps(change.onto(loaded.data))
        return change

    def _compare_edges(self, anchor: Any, loaded: Loaded, change: Changed) -> None:
        edge_ids = [edge.id for edge in anchor.edges]
        if edge_ids == loaded.edge_ids:
            return
        gone = set(loaded.edge_ids).difference(edge_ids)
        if gone <= self._pruned and not set(edge_ids).difference(loaded.edge_ids):
            # Edges that lead nowhere: no change of the walker's, kept by those who may.
            if not may_connect(anchor):
                return
        # Who may delete an edge may take it from the node at its other end, too.
        elif not gone or not gone <= self._deleted.keys() | self._pruned:
            JacRuntimeInterface.check_connect_access(anchor)
        change.parts["edges"] = [str(edge) for edge in edge_ids]
        change.collect_if_alone = not isinstance(anchor.archetype, Root)


def _created(anchor: Any) -> Created | None:
    # A node without edges cannot be reached: the interpreter does not keep it, either.
    if isinstance(anchor, NodeAnchor) and not (anchor.edges or isinstance(anchor.archetype, Root)):
        return None
    return created(anchor)


def _compare_fields(anchor: Any, loaded: Loaded, change: Changed) -> None:
    archetype = anchor.archetype
    for name, was in loaded.fields.items():
        value = getattr(archetype, name, None)
        if value is was and type(value) in SCALARS:
            continue
        form = stored_form(value)
        if not same(form, was):
            change.fields[name] = form
    if change.fields and (loaded.drifted or hasattr(type(archetype), "__jac_schema__")):
        change.fields = {}
        change.parts["archetype"] = archetype_form(archetype)


def _with_subclasses(cls: type) -> Iterator[type]:
    yield cls
    below: list[type] = cls.__subclasses__()
    for subclass in below:
        yield from _with_subclasses(subclass)
