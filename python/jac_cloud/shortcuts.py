"""Detours of the interpreter that are cut short while a server runs.

They are what a small walker has a third of its time from, and nothing of what it means: each gives
what the long way gives, or takes the long way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, iscoroutinefunction, signature
from types import FunctionType
from typing import Any

from jac_cloud._jaclang import (
    HookCaller,
    JacRuntimeInterface,
    NodeAnchor,
    compiled_code_library,
    plugin_manager,
    query_planner,
    root_keyword,
)
from jac_cloud.memory import UnitMemory


@contextmanager
def taken() -> Iterator[None]:
    """While open, the short ways are taken in this process, and by what is loaded meanwhile."""
    before = list(_calls_through_hooks())
    execute_path = query_planner.execute_path
    direct = {name: _direct(name, call) for _, name, call in before}
    for place, name, _ in before:
        setattr(place, name, direct[name])
    query_planner.execute_path = _plan_by_index(execute_path)
    try:
        yield
    finally:
        for place, name, call in before:
            setattr(place, name, call)
        query_planner.execute_path = execute_path


def _calls_through_hooks() -> Iterator[tuple[Any, str, FunctionType]]:
    """The functions of the runtime that give what the first plugin gives, wherever apps have them
    from.
    """
    for name, call in [*vars(JacRuntimeInterface).items()]:
        hook = getattr(plugin_manager.hook, name, None)
        plain = isinstance(call, FunctionType) and not iscoroutinefunction(call)
        if plain and hook is not None and hook._firstresult:  # noqa: SLF001
            yield JacRuntimeInterface, name, call
            # The older syntax knows the keyword `root` by its function.
            if vars(compiled_code_library).get(name) is call is not root_keyword:
                yield compiled_code_library, name, call


def _direct(name: str, through_hooks: Callable[..., Any]) -> Callable[..., Any]:
    """The interpreter's own implementation, called directly where no plugin adds another; the hook
    with what the arguments mean otherwise.

    The interpreter binds the arguments of each call to a signature, which costs more than most of
    what is called.
    """
    hooks = plugin_manager.hook
    parameters = signature(through_hooks).parameters
    names = tuple(parameters)
    defaults = {
        parameter.name: parameter.default
        for parameter in parameters.values()
        if parameter.default is not Parameter.empty
    }
    by_place = all(
        parameter.kind is Parameter.POSITIONAL_OR_KEYWORD for parameter in parameters.values()
    )

    @wraps(through_hooks)
    def call(*args: Any, **kwargs: Any) -> Any:
        hook = getattr(hooks, name)
        if type(hook) is HookCaller:
            if len(found := hook._hookimpls) == 1:  # noqa: SLF001
                return found[0].function(*args, **kwargs)
            if by_place and not kwargs and len(args) <= len(names):
                return hook(**{**defaults, **dict(zip(names, args, strict=False))})
        return through_hooks(*args, **kwargs)

    return call


def _plan_by_index(execute_path: Callable[..., Any]) -> Callable[..., Any]:
    """Plans a query where there is an index to plan with; disassembles its filters only then."""

    @wraps(execute_path)
    def plan(mem: Any, path: Any, slc: slice | None = None) -> Any:
        if isinstance(mem, UnitMemory) and path.origin:
            origin = path.origin[0].__jac__
            root = mem.held(origin.root) if origin.root else origin
            if isinstance(root, NodeAnchor) and not root.topology_index_data:
                return None
        return execute_path(mem, path, slc)

    return plan
