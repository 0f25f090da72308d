"""Which walkers an app has: the interpreter tells of every class that is made."""

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from jac_cloud._jaclang import WalkerArchetype, hookimpl, plugin_manager
from jac_cloud.errors import SpecError
from jac_cloud.walker_spec import WalkerSpec, parse

# The newest class of each name: a module that is loaded again makes its classes again.
_made: dict[tuple[str, str], type] = {}
_OURS = ("jaclang.", "jac_cloud.")


class _Discovery:
    """Sees each archetype when it is made, and leaves the making to the interpreter."""

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def make_archetype(cls: type) -> None:
        # What is made inside a function is that function's own affair.
        if cls.__qualname__ == cls.__name__ and not cls.__module__.startswith(_OURS):
            # To the end, also when an older one of the name is replaced.
            _made.pop((cls.__module__, cls.__name__), None)
            _made[cls.__module__, cls.__name__] = cls


plugin_manager.register(_Discovery, name="jac_cloud.discovery")


def load_and_discover(load: Callable[[], ModuleType]) -> dict[str, WalkerSpec]:
    """Loads an app; the walkers of it and of the modules that it imports, by their names.

    SpecError for a wrong value in their specs, and for two walkers of one name.
    """
    before = set(_made.values())
    app = load()
    modules = {module for (module, _), cls in _made.items() if cls not in before}
    # What an earlier app of this process has imported is not made again.
    modules |= _imported(app)
    classes = [
        cls
        for (module, name), cls in _made.items()
        # Another module of the name may have been here before.
        if module in modules and vars(sys.modules[module]).get(name) is cls
    ]
    # A node's ability is run by the walker that comes by: it must be able to wait for it.
    any_async = any(_is_async(cls) for cls in classes if not issubclass(cls, WalkerArchetype))
    found: dict[str, WalkerSpec] = {}
    for cls in classes:
        if not issubclass(cls, WalkerArchetype):
            continue
        if other := found.get(cls.__name__):
            problem = f"is the name of two walkers, in {other.cls.__module__} and {cls.__module__}"
            raise SpecError(cls.__name__, "its name", problem)
        found[cls.__name__] = parse(cls, any_async or _is_async(cls))
    return found


def _imported(app: ModuleType) -> set[str]:
    """Modules with archetypes that the app can name, or that those can name in their turn."""
    makers = {module for module, _ in _made}
    seen = {app.__name__}
    left = [app.__name__]
    while left:
        for value in list(vars(sys.modules[left.pop()]).values()):
            name = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
            if name in makers and name in sys.modules and name not in seen:
                seen.add(name)
                left.append(name)
    return seen


def _module_of(value: Any) -> str:
    module = getattr(value, "__module__", None)
    return module if isinstance(module, str) else ""


def _is_async(cls: type) -> bool:
    abilities: list[Any] = [
        *getattr(cls, "_jac_entry_funcs_", ()),
        *getattr(cls, "_jac_exit_funcs_", ()),
    ]
    return bool(getattr(cls, "__jac_async__", False)) or any(
        inspect.iscoroutinefunction(ability.func) for ability in abilities
    )
