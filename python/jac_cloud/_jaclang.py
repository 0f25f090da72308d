"""What the package takes from the interpreter's inside, and nothing else does.

Written for and tested with jaclang 0.16.7. The interpreter is written in Jac and has no types that
a checker could read, so its names are declared here once.
"""

# mypy: disable-error-code="import-untyped, import-not-found"
from pathlib import Path
from typing import Any

import jaclang.jac0core.jaclib as compiled_code_library
import jaclang.runtimelib.planner as query_planner
from jaclang.jac0core.archetype import (
    Access,
    AccessLevel,
    Anchor,
    Archetype,
    EdgeAnchor,
    EdgeArchetype,
    NodeAnchor,
    NodeArchetype,
    Permission,
    Root,
    WalkerAnchor,
    WalkerArchetype,
    access_level_cast,
)
from jaclang.jac0core.constant import Constants
from jaclang.jac0core.jaclib import root as root_keyword
from jaclang.jac0core.osp_kernel import _current_scope as current_walk
from jaclang.jac0core.osp_kernel_sv import isolate_request_walk_stack
from jaclang.jac0core.plugin import HookCaller
from jaclang.jac0core.runtime import (
    JacRuntime,
    JacRuntimeInterface,
    hookimpl,
    plugin_manager,
)
from jaclang.runtimelib.context import ExecutionContext
from jaclang.runtimelib.memory import SqliteMemory, TieredMemory
from jaclang.runtimelib.serializer import Serializer
from jaclang.runtimelib.topo_utils import on_edge_destroyed
from jaclang.runtimelib.typecache import get_field_types

__all__ = [
    "Access",
    "AccessLevel",
    "Anchor",
    "Archetype",
    "Constants",
    "EdgeAnchor",
    "EdgeArchetype",
    "ExecutionContext",
    "HookCaller",
    "JacRuntime",
    "JacRuntimeInterface",
    "NodeAnchor",
    "NodeArchetype",
    "Permission",
    "Root",
    "Serializer",
    "SqliteMemory",
    "TieredMemory",
    "WalkerAnchor",
    "WalkerArchetype",
    "access_level_cast",
    "compiled_code_library",
    "current_walk",
    "field_types",
    "hookimpl",
    "isolate_request_walk_stack",
    "make_tables",
    "on_edge_destroyed",
    "plugin_manager",
    "query_planner",
    "registered_class",
    "root_keyword",
    "stored_attributes",
    "stored_form",
]


def field_types(cls: type) -> dict[str, Any]:
    """The types of a class's fields.

    Where that is `any`, the interpreter's check of a stored value fails, since `Any` takes no
    `isinstance`, and the whole node would be lost. It keeps the types in the dictionary that it
    hands out, so they are mended there, once.
    """
    types: dict[str, Any] = get_field_types(cls)
    for name, annotation in types.items():
        if annotation is Any:
            types[name] = object | None
    return types


def stored_form(value: Any) -> Any:
    """A value as the interpreter stores it: JSON types, `__type__` where a class must come back."""
    return Serializer._serialize_value(value, include_type=True)  # noqa: SLF001


def stored_attributes(archetype: Any) -> dict[str, Any]:
    """All that the interpreter stores of an archetype whose class says how it has changed."""
    form: dict[str, Any] = Serializer._serialize_attrs(  # noqa: SLF001
        archetype, include_type=True, api_mode=False
    )
    return form


def registered_class(module: str, name: str) -> Any:
    """The class that stored archetypes of that name are made of, if it is loaded."""
    return Serializer._registry.get(f"{module}.{name}")  # noqa: SLF001


def make_tables(path: Path) -> None:
    """Makes the tables of a graph, brings an older graph up to date, and reads its aliases."""
    memory = SqliteMemory(path=str(path))
    memory._ensure_connection()  # noqa: SLF001
    memory.close()
