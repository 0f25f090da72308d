"""Who may do what in the graph: the interpreter's own permissions, refused aloud.

The interpreter drops a write without access and goes on. Here it ends the unit of work, unless the
walker catches the PermissionError, so that nobody takes what was dropped for done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from jac_cloud._jaclang import (
    AccessLevel,
    Archetype,
    HookCaller,
    JacRuntime,
    JacRuntimeInterface,
    NodeAnchor,
    hookimpl,
    on_edge_destroyed,
    plugin_manager,
)
from jac_cloud._native import parse_node_id

PUBLIC_ROOT = UUID(int=1)


@contextmanager
def enforced() -> Iterator[None]:
    """While open, writes without access raise PermissionError in this process."""
    hooks = plugin_manager.hook
    before = JacRuntime.strict_permissions, hooks.allow_root, hooks.disallow_root
    JacRuntime.strict_permissions = True
    hooks.allow_root = _RootIds(hooks.allow_root)
    hooks.disallow_root = _RootIds(hooks.disallow_root)
    for plugin in (_Sharing, _OwnersClearUp):
        plugin_manager.register(plugin, name=f"jac_cloud.{plugin.__name__}")
    try:
        yield
    finally:
        for plugin in (_Sharing, _OwnersClearUp):
            plugin_manager.unregister(plugin)
        JacRuntime.strict_permissions, hooks.allow_root, hooks.disallow_root = before


def is_denial(error: Exception, context: Any) -> bool:
    """Whether the error is the interpreter's, for want of access, in that execution context."""
    return isinstance(error, PermissionError) and any(
        str(error) == denied.message() for denied in context.diagnostics
    )


def may_connect(anchor: Any) -> bool:
    """Whether the unit's user may change the edges of a node. Asked without a consequence."""
    level = JacRuntimeInterface.check_access_level(anchor)
    return bool(level.value >= AccessLevel.CONNECT.value)


def may_write(anchor: Any) -> bool:
    """Whether the unit's user may change or delete it. Asked without a consequence."""
    level = JacRuntimeInterface.check_access_level(anchor)
    return bool(level.value >= AccessLevel.WRITE.value)


def is_commons_floor(anchor: Any, was: Any, now: Any) -> bool:
    """Whether it is the interpreter that has opened the public root for this unit.

    Whoever asks for `root.shared` makes it do so, until the public user's own unit keeps it.
    """
    opened = {"all": AccessLevel.CONNECT.value, "roots": was["roots"]}
    return bool(_is_closed_commons(anchor, was["all"]) and now == opened and not may_write(anchor))


def _is_closed_commons(anchor: Any, level: int) -> bool:
    return bool(anchor.id == PUBLIC_ROOT and level == AccessLevel.NO_ACCESS.value)


class _Sharing:
    """Who may write an anchor may share it: each leaves the rest to the interpreter."""

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def allow_root(archetype: Any) -> None:
        _check_sharing(archetype)

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def disallow_root(archetype: Any) -> None:
        _check_sharing(archetype)

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def perm_grant(archetype: Any) -> None:
        if not _is_closed_commons(archetype.__jac__, archetype.__jac__.access.all.value):
            _check_sharing(archetype)

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def perm_revoke(archetype: Any) -> None:
        _check_sharing(archetype)


def _check_sharing(archetype: Any) -> None:
    JacRuntimeInterface.check_write_access(archetype.__jac__, op_hint="share")


class _OwnersClearUp:
    """Who deletes a node of theirs deletes its edges, too, also those that others have made."""

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def destroy(objs: Any) -> None:
        """Leaves the rest to the interpreter."""
        for found in objs if isinstance(objs, list) else [objs]:
            anchor = found.__jac__ if isinstance(found, Archetype) else found
            if isinstance(anchor, NodeAnchor) and may_write(anchor):
                for edge in [edge for edge in anchor.edges if not may_write(edge)]:
                    on_edge_destroyed(edge.source, edge.target, edge)
                    JacRuntimeInterface.detach(edge)
                    JacRuntimeInterface.get_context().mem.delete(edge.id)


class _RootIds(HookCaller):  # type: ignore[misc]
    """Calls a hook that takes a root's id, which may be given as clients and walkers know it."""

    def __init__(self, hook: Any) -> None:
        # The implementations stay in the one list that plugins are added to.
        self.__dict__ = hook.__dict__

    def __call__(self, *, root_id: Any, **others: Any) -> Any:
        return super().__call__(root_id=_root_uuid(root_id), **others)


def _root_uuid(root: Any) -> UUID:
    if isinstance(root, Archetype):
        root = root.__jac__
    if isinstance(root, NodeAnchor):
        root = root.id
    if isinstance(root, UUID):
        return root
    digits = parse_node_id(root) if isinstance(root, str) else None
    if digits is None:
        raise TypeError(f"a root is a node, its anchor or its id, not {type(root).__name__}")
    return UUID(digits)
