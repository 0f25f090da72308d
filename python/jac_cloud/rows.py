"""Anchors to rows and back, in the interpreter's own storage format.

The interpreter's `Serializer` brings any row back, however old. Most rows have exactly the shape of
their class, though, and those are revived here without its inspections, at a fifth of the cost.
"""

import enum
import json
import logging
import types
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Union, get_args, get_origin
from uuid import UUID, SafeUUID

from jac_cloud._jaclang import (
    Access,
    EdgeAnchor,
    NodeAnchor,
    Permission,
    Root,
    Serializer,
    access_level_cast,
    field_types,
    registered_class,
    stored_attributes,
    stored_form,
)

logger = logging.getLogger("jac_cloud.graph")

SCALARS: frozenset[type] = frozenset({str, int, float, bool, type(None)})
_JSON_TYPES = SCALARS | {list, dict}
_META = ("__type__", "__module__")
_ATTIC = "__jac_attic__"
# Some 10 MB when all are taken.
_KNOWN_IDS = 1 << 15
# The interpreter asks for access to stored anchors only, and knows them by a hash other than 0.
_STORED = 1


@dataclass(slots=True)
class Loaded:
    """An anchor's row as its unit of work found it: what a change is compared with."""

    text: str
    data: dict[str, Any]
    fields: dict[str, Any]
    """The stored form of each field that the class has now."""
    drifted: bool
    """The row has another shape than the class: any change rewrites the archetype as a whole."""
    edge_ids: list[UUID]
    access: dict[str, Any]


@dataclass(slots=True, frozen=True)
class _Shape:
    """How the plain rows of a class look: the JSON types of each field, and what enums it has."""

    cls: type
    types: dict[str, frozenset[type]]
    enums: dict[str, Callable[[Any], Any]]


_shapes: dict[type, _Shape | None] = {}


def revive(text: str) -> tuple[Any, Loaded] | None:
    """The anchor that a row holds, or None (logged) if its class is gone or does not take it."""
    data: dict[str, Any] = json.loads(text)
    stored = data.get("archetype") or {}
    cls = registered_class(stored.get("__module__", ""), stored.get("__type__", ""))
    shape = None if cls is None else _shape(cls)
    if shape is not None and (plain := _revive_plain(text, data, shape)) is not None:
        return plain
    anchor = Serializer.deserialize(data)
    if anchor is None or not anchor.is_populated():
        logger.warning("a stored anchor cannot be read", extra={"anchor": data.get("id")})
        return None
    anchor.hash = _STORED
    archetype = anchor.archetype
    fields = {
        name: stored_form(getattr(archetype, name, None)) for name in field_types(type(archetype))
    }
    stored = {key: value for key, value in stored.items() if key not in _META}
    edge_ids = [edge.id for edge in anchor.edges] if isinstance(anchor, NodeAnchor) else []
    return anchor, Loaded(text, data, fields, stored != fields, edge_ids, access_form(anchor))


def _revive_plain(text: str, data: dict[str, Any], shape: _Shape) -> tuple[Any, Loaded] | None:
    """As `revive`, or None where the row is not plain and needs the interpreter's care."""
    # One `__type__` for the anchor and one for its archetype: no other object lies within.
    if text.count('"__type__"') != 2 or '"$ref"' in text:
        return None
    stored = data["archetype"]
    if len(stored) != len(shape.types) + len(_META):
        return None
    archetype: Any = object.__new__(shape.cls)
    fields: dict[str, Any] = {}
    for name, allowed in shape.types.items():
        value = stored.get(name, ...)
        if type(value) not in allowed:
            return None
        fields[name] = value
        if type(value) not in SCALARS:
            value = _copy(value)
        if value is not None and name in shape.enums:
            try:
                value = shape.enums[name](value)
            except ValueError:
                return None
        setattr(archetype, name, value)
    try:
        anchor = _anchor(data)
    except KeyError:
        return None
    anchor.archetype = archetype
    archetype.__jac__ = anchor
    edge_ids = [edge.id for edge in anchor.edges] if isinstance(anchor, NodeAnchor) else []
    return anchor, Loaded(text, data, fields, False, edge_ids, data["access"])


def _anchor(data: dict[str, Any]) -> Any:
    is_node = data["__type__"] == "NodeAnchor"
    anchor = NodeAnchor.__new__(NodeAnchor) if is_node else EdgeAnchor.__new__(EdgeAnchor)
    anchor.id = uuid(data["id"])
    anchor.root = uuid(data["root"]) if data["root"] else None
    anchor.access = permission(data["access"])
    anchor.persistent = data["persistent"]
    anchor.hash = _STORED
    if is_node:
        anchor.edges = [stub(EdgeAnchor, uuid(key)) for key in data["edges"]]
        anchor.version = data.get("version", 0)
        index = data.get("topology_index_data")
        anchor.topology_index_data = b64decode(index) if index else None
    else:
        anchor.is_undirected = data["is_undirected"]
        anchor.source = stub(NodeAnchor, uuid(data["source"]))
        anchor.target = stub(NodeAnchor, uuid(data["target"]))
    return anchor


def stub(anchor_type: Any, key: UUID) -> Any:
    """An anchor of which only the id is known; the interpreter reads it when it is touched."""
    anchor = anchor_type.__new__(anchor_type)
    anchor.id = key
    return anchor


@lru_cache(_KNOWN_IDS)
def uuid(key: str) -> UUID:
    """As UUID(key) for a well-formed key, in a third of the time, and again in a twentieth: a node
    may have many edges, and is read in each unit.
    """
    value = object.__new__(UUID)
    object.__setattr__(value, "int", int(key.replace("-", ""), 16))
    object.__setattr__(value, "is_safe", SafeUUID.unknown)
    return value


def _copy(value: Any) -> Any:
    if type(value) is list:
        return [_copy(item) for item in value]
    if type(value) is dict:
        return {key: _copy(item) for key, item in value.items()}
    return value


def _shape(cls: type) -> _Shape | None:
    if cls not in _shapes:
        _shapes[cls] = _find_shape(cls)
    return _shapes[cls]


def _find_shape(cls: type) -> _Shape | None:
    if hasattr(cls, "__jac_schema__"):
        return None
    allowed: dict[str, frozenset[type]] = {}
    enums: dict[str, Callable[[Any], Any]] = {}
    for name, annotation in field_types(cls).items():
        plain_types = _plain_types(annotation)
        if not plain_types:
            return None
        allowed[name] = plain_types
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            enums[name] = annotation
    return _Shape(cls, allowed, enums)


def _plain_types(annotation: Any) -> frozenset[type]:
    """The JSON types that stand for themselves under this annotation; none if unsure."""
    if annotation is object:
        return _JSON_TYPES
    if annotation is None or annotation is type(None):
        return frozenset({type(None)})
    origin = get_origin(annotation)
    if origin is Union or origin is types.UnionType:
        members = [_plain_types(member) for member in get_args(annotation)]
        together: frozenset[type] = frozenset()
        return together.union(*members) if all(members) else together
    base = origin or annotation
    if base in _JSON_TYPES:
        return frozenset({base})
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return frozenset({str, int, float, bool})
    return frozenset()


def row(anchor: Any) -> dict[str, Any]:
    """The whole row of an anchor."""
    data: dict[str, Any] = {
        "__type__": type(anchor).__name__,
        "__module__": type(anchor).__module__,
        "id": str(anchor.id),
        "root": str(anchor.root) if anchor.root else None,
        "persistent": anchor.persistent,
        "access": access_form(anchor),
        "archetype": archetype_form(anchor.archetype),
    }
    if isinstance(anchor, NodeAnchor):
        data["edges"] = [str(edge.id) for edge in anchor.edges]
        data["version"] = anchor.version
        if (index := index_form(anchor)) is not None:
            data["topology_index_data"] = index
    else:
        data["source"] = str(anchor.source.id) if anchor.source else None
        data["target"] = str(anchor.target.id) if anchor.target else None
        data["is_undirected"] = anchor.is_undirected
    return data


def archetype_form(archetype: Any) -> dict[str, Any]:
    """An archetype's part of its row: its class, its fields, and what drift left in its attic."""
    cls = type(archetype)
    form = {"__type__": cls.__name__, "__module__": cls.__module__}
    if hasattr(cls, "__jac_schema__"):
        return form | stored_attributes(archetype)
    for name in field_types(cls):
        form[name] = stored_form(getattr(archetype, name, None))
    if attic := getattr(archetype, _ATTIC, None):
        form[_ATTIC] = stored_form(attic)
    return form


def access_form(anchor: Any) -> dict[str, Any]:
    access = anchor.access
    anchors = {key: level.value for key, level in access.roots.anchors.items()}
    return {"all": access.all.value, "roots": {"anchors": anchors}}


def permission(form: dict[str, Any]) -> Any:
    """The access that `access_form` was made of."""
    anchors = form["roots"]["anchors"]
    return Permission(
        all=access_level_cast(form["all"]),
        roots=Access(anchors={key: access_level_cast(level) for key, level in anchors.items()}),
    )


def index_form(anchor: Any) -> str | None:
    """The topology index, which only roots have, and only where the app switches it on."""
    index = anchor.topology_index_data
    if index is None or not isinstance(anchor.archetype, Root):
        return None
    return b64encode(index).decode("ascii")


def same(one: Any, other: Any) -> bool:
    """Whether two stored forms are the same text: 1, 1.0 and true are not, NaN is itself."""
    if type(one) is not type(other):
        return False
    if type(one) in (list, dict, float):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return bool(one == other)
