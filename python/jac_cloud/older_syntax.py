"""The guide's older Jac, made to work with the interpreter of today.

`` `root entry `` reads a name `root`, which a builtin supplies: the class of all roots. In a module
that also uses the keyword `root`, the name is the function behind the keyword, and is taken for the
class where it triggers an ability. `&(id)` asks for an object by an id, and the ids that are shown
to clients are `n::` and hex digits. All of it comes with `jac_cloud.plugin` and with a server; code
that uses neither is left alone.
"""

import builtins
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

from jac_cloud._jaclang import JacRuntimeInterface, Root, hookimpl, plugin_manager, root_keyword
from jac_cloud._native import parse_node_id

_lock = threading.Lock()


class _OlderSyntax:
    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def make_archetype(cls: type) -> None:
        """Looks through the triggers of a new class, and leaves the making to the interpreter."""
        for ability in vars(cls).values():
            if (trigger := getattr(ability, "__jac_trigger__", None)) is not None:
                ability.__jac_trigger__ = _class_for_keyword(trigger)

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def get_object(id: str) -> Any:  # noqa: A002 - the hook's own name
        """None, which leaves the id to the interpreter, unless it is one of ours."""
        if ":" not in id:
            return None
        digits = parse_node_id(id)
        if digits is None:
            return None
        anchor = JacRuntimeInterface.get_context().mem.get(UUID(digits))
        return None if anchor is None else anchor.archetype


def _class_for_keyword(trigger: Callable[[], Any]) -> Callable[[], Any]:
    def read() -> Any:
        # When the ability is first met, for the class may be defined after it.
        found = trigger()
        return Root if found is root_keyword else found

    return read


def install() -> None:
    """Makes the older syntax work from here on, in this process. May be called again."""
    with _lock:
        if not hasattr(builtins, "root"):
            builtins.root = Root  # type: ignore[attr-defined]
            plugin_manager.register(_OlderSyntax, name="jac_cloud.older_syntax")
