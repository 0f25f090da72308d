"""A unit of work: one attempt at running a walker in an execution context of its own."""

from contextvars import ContextVar
from dataclasses import MISSING
from typing import Any, NoReturn, Self
from uuid import UUID

from jac_cloud._jaclang import (
    Constants,
    ExecutionContext,
    JacRuntime,
    JacRuntimeInterface,
    NodeAnchor,
    Root,
    isolate_request_walk_stack,
)
from jac_cloud._native import parse_node_id
from jac_cloud.errors import Forbidden
from jac_cloud.memory import UnitMemory
from jac_cloud.rows import stub
from jac_cloud.store import GraphStore, Lease

SYSTEM_ROOT = UUID(Constants.SUPER_ROOT_UUID)

# Reports are read off the walker; one variable for all contexts, since none of them sets it.
_call_state: ContextVar[Any] = ContextVar("call_state")


class UnitContext(ExecutionContext):  # type: ignore[misc]
    """The interpreter's context of one unit: whose it is, and its memory.

    Forbidden when there is no such root.
    """

    def __init__(self, memory: UnitMemory, root: UUID) -> None:
        self.mem = memory
        self.reports: list[Any] = []
        self.diagnostics: list[Any] = []
        self.pending_effects: list[Any] = []
        self.read_versions: dict[UUID, int] = {}
        # What the walker answers, see `answer`; `status` and `custom` by the interpreter's names.
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.custom: Any = MISSING
        self.call_state = _call_state
        self.base_path_dir = None
        self.full_target_path = None
        self._parent = None
        self._committed = False
        anchor = memory.get(root)
        if not isinstance(anchor, NodeAnchor) or not isinstance(anchor.archetype, Root):
            raise Forbidden
        self.user_root = anchor
        self.entry_node = anchor

    @property
    def system_root(self) -> Any:
        """Only its id, which is what is mostly asked for; the rest is read when it is touched."""
        return self.mem.held(SYSTEM_ROOT) or stub(NodeAnchor, SYSTEM_ROOT)

    def run_pending_effects(self) -> None:
        """What `on_commit` has put off; a `commit()` in a walker is not yet the moment."""
        if self._committed:
            super().run_pending_effects()

    def commit(self) -> None:
        """Commits the unit, then runs what waited for that. WriteConflict if another was first."""
        self.mem.flush()
        self._committed = True
        self.run_pending_effects()

    def close(self) -> None:
        self.mem.close()


class NoUnitContext:
    """The interpreter's context where no unit of work is: threads of the app's own, timers.

    It has no graph. The interpreter would open one of its own there, shared by whoever comes and
    without the care for others' changes that units take.
    """

    call_state = _call_state

    @property
    def mem(self) -> NoReturn:
        raise RuntimeError("The graph is there for walkers only: this code runs outside of one")

    user_root = system_root = entry_node = mem

    def get_root(self) -> Any:
        return self.mem


class UnitOfWork:
    """Enters a fresh context; leaving gives back its connection. Not committed is dropped.

    Sets context variables and does not reset them: enter it in a copied `contextvars` context.
    """

    def __init__(self, store: GraphStore, root: UUID) -> None:
        self._store = store
        self._root = root

    def __enter__(self) -> Self:
        self.lease: Lease = self._store.lease()
        memory = UnitMemory(self._store, self.lease)
        try:
            self.context = UnitContext(memory, self._root)
        except BaseException:
            memory.close()
            raise
        JacRuntime.push_request_context(self.context)
        isolate_request_walk_stack()
        return self

    def __exit__(self, *exception: object) -> None:
        self.context.close()

    def is_stale(self) -> bool:
        return bool(self.context.mem.is_stale())


def accessible_node(node_id: str) -> Any:
    """The node of that id, for the unit of work that is running.

    Forbidden when the unit's user may not read it, or when there is no such node.
    """
    digits = parse_node_id(node_id)
    if digits is None:
        raise Forbidden
    anchor = JacRuntimeInterface.get_context().mem.get(UUID(digits))
    if not isinstance(anchor, NodeAnchor) or not JacRuntimeInterface.check_read_access(anchor):
        raise Forbidden
    return anchor.archetype
