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

from jac_cloud._jaclang import HookCaller, Root, hookimpl, plugin_manager, root_keyword
from jac_cloud._native import parse_node_id

_lock = threading.Lock()


class _Triggers:
    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def make_archetype(cls: type) -> None:
        """Looks through the triggers of a new class, and leaves the making to the interpreter."""
        for ability in vars(cls).values():
            if (trigger := getattr(ability, "__jac_trigger__", None)) is not None:
                ability.__jac_trigger__ = _class_for_keyword(trigger)


class _ClientIds(HookCaller):  # type: ignore[misc]
    """Calls a hook that takes an id, which may be one that clients see.

    Not an implementation of the hook: one that returns None, since there is no such object, would
    hand the id on to the interpreter, to which it is none.
    """

    def __init__(self, hook: Any) -> None:
        # The implementations stay in the one list that plugins are added to.
        self.__dict__ = hook.__dict__

    def __call__(self, *, id: Any) -> Any:  # noqa: A002 - the hooks' own name
        digits = parse_node_id(id) if isinstance(id, str) and ":" in id else None
        return super().__call__(id=id if digits is None else str(UUID(digits)))


def _class_for_keyword(trigger: Callable[[], Any]) -> Callable[[], Any]:
    def read() -> Any:
        # When the ability is first met, for the class may be defined after it.
        found = trigger()
        return Root if found is root_keyword else found

    return read


def install() -> None:
    """Makes the older syntax work from here on, in this process. May be called again."""
    with _lock:
        if hasattr(builtins, "root"):
            return
        builtins.root = Root  # type: ignore[attr-defined]
        plugin_manager.register(_Triggers, name="jac_cloud.older_syntax")
        hooks = plugin_manager.hook
        hooks.get_object = _ClientIds(hooks.get_object)
        hooks.aget_object = _ClientIds(hooks.aget_object)
