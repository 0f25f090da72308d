"""Reports and notifications as JSON.

`jac` shows nodes and objects as the interpreter's own API does: `_jac_type`, `_jac_id`, then the
fields. `cloud` is the older form, {"id": "n:NAME:HEX", "context": {...}}, with enums by name.
"""

import enum
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Literal
from uuid import UUID

from jac_cloud._jaclang import (
    Anchor,
    Archetype,
    EdgeAnchor,
    NodeAnchor,
    Root,
    Serializer,
    WalkerAnchor,
)
from jac_cloud._native import encode_json, format_node_id

ReportFormat = Literal["jac", "cloud"]


def encode(value: Any, report_format: ReportFormat, name: str = "reports") -> bytes:
    """JSON text of what a walker reported.

    TypeError or ValueError, naming the key from `name` on, for what JSON cannot hold (NaN).
    """
    return encode_json(_FORMS[report_format](value), name)


def default_form(report_format: ReportFormat) -> Callable[[object], object]:
    """What the native encoder calls for a value which is of no JSON type.

    TypeError for one that the interpreter shows by its address in memory only: nobody can use it.
    """
    form_of = _FORMS[report_format]

    def form(value: object) -> object:
        shown = form_of(value)
        if isinstance(shown, str) and f"{id(value):#x}" in shown:
            raise TypeError(f"a {type(value).__name__} has no form in JSON")
        return shown

    return form


def root_id(root: object) -> str:
    """`n::<hex>` of a root that is given as node, anchor or UUID. TypeError for anything else."""
    if isinstance(root, Archetype):
        root = root.__jac__
    if isinstance(root, NodeAnchor) and isinstance(root.archetype, Root):
        root = root.id
    if not isinstance(root, UUID):
        raise TypeError(f"a root is a node, its anchor or its id, not {type(root).__name__}")
    return format_node_id(root.hex)


def _jac_form(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return _jac_form(value.value)
    return Serializer.serialize(value, api_mode=True)


def _cloud_form(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _cloud_form(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cloud_form(item) for item in value]
    if isinstance(value, Anchor):
        value = value.archetype
    if isinstance(value, Archetype):
        context = {name: _cloud_form(getattr(value, name)) for name in _field_names(value)}
        anchor = value.__jac__
        if not isinstance(anchor, NodeAnchor | EdgeAnchor | WalkerAnchor):
            return context
        return {"id": _cloud_id(value, anchor), "context": context}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _cloud_form(getattr(value, name)) for name in _field_names(value)}
    return Serializer.serialize(value, api_mode=True)


def _field_names(value: Any) -> list[str]:
    return [field.name for field in fields(value) if not field.name.startswith("_")]


def _cloud_id(archetype: Any, anchor: Any) -> str:
    kind = {NodeAnchor: "n", EdgeAnchor: "e", WalkerAnchor: "w"}[type(anchor)]
    name = "" if isinstance(archetype, Root) else type(archetype).__name__
    return f"{kind}:{name}:{format_node_id(anchor.id.hex).removeprefix('n::')}"


_FORMS: dict[ReportFormat, Callable[[Any], Any]] = {"jac": _jac_form, "cloud": _cloud_form}
