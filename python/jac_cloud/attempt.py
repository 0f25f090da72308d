"""One attempt at a walker: in a unit of work of its own, from its input to its commit."""

import os
import sys
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any

from jac_cloud import reports
from jac_cloud._jaclang import current_walk, hookimpl, plugin_manager
from jac_cloud._native import CURRENT_UNIT, Unit
from jac_cloud.access import is_denial
from jac_cloud.answer import Result, checked_status
from jac_cloud.commit import WriteConflict
from jac_cloud.deadline import Deadline
from jac_cloud.errors import Forbidden
from jac_cloud.report_stream import CURRENT_LISTENER, Listener, ReportStream
from jac_cloud.rows import uuid
from jac_cloud.store import GraphStore
from jac_cloud.unit import UnitContext, UnitOfWork, accessible_node
from jac_cloud.walker_spec import WalkerSpec

type Inputs = bytes | Callable[[], dict[str, Any]]
"""JSON text of an object, or what gives the walker's arguments inside of the unit of work."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose walker it is: the hex digits of the caller's root, and whether that is a user's."""

    root_hex: str
    authenticated: bool = True


@dataclass(slots=True)
class Attempt:
    """What one attempt at a walker needs."""

    store: GraphStore
    report_format: reports.ReportFormat
    spec: WalkerSpec
    inputs: Inputs
    caller: Caller
    node: str | None
    deadline: Deadline | None
    stream: ReportStream | None

    def run(self, unit: Unit) -> Result:
        """Runs in a copied context, so what it sets there is gone with it."""
        CURRENT_UNIT.set(unit)
        with UnitOfWork(self.store, uuid(self.caller.root_hex)) as work:
            try:
                result = self._spawn_here(work)
                if self.deadline is not None:
                    self.deadline.begin_commit()
                work.context.commit()
            except WriteConflict:
                raise
            except Exception as error:
                if work.is_stale():
                    raise WriteConflict("what the walker had read") from error
                if is_denial(error, work.context):
                    raise Forbidden from None
                raise
            return result

    def _spawn_here(self, work: UnitOfWork) -> Result:
        process = os.getpid()
        try:
            return self._spawn(work)
        finally:
            # A child that the walker has forked: what is open is its parent's, to commit as well.
            if os.getpid() != process:
                os._exit(1 if sys.exception() else 0)

    def _spawn(self, work: UnitOfWork) -> Result:
        root = work.context.user_root.archetype
        node = root if self.node is None else accessible_node(self.node)
        inputs = self.inputs
        given = self.spec.input.read(inputs) if isinstance(inputs, bytes) else inputs()
        walker: Any = self.spec.cls(**given)
        if self.stream is not None:
            self._listen(walker, self.stream)
        # As the interpreter's `spawn`, less its two outer layers: a third of a small walker's time.
        anchor, start = walker.__jac__, node.__jac__
        anchor.next = [start]
        if self.spec.is_async:
            walk = plugin_manager.hook.async_spawn_call(walker=anchor, nd=start)
            work.lease.run_async(walk, self.deadline)
        else:
            plugin_manager.hook.spawn_call(walker=anchor, nd=start)
        return self._result(work.context, walker.reports)

    def _listen(self, walker: Any, stream: ReportStream) -> None:
        def tell(report: Any) -> None:
            stream.report(reports.encode(report, self.report_format))

        stream.begin()
        CURRENT_LISTENER.set(Listener(walker, tell))

    def _result(self, context: UnitContext, reported: list[Any]) -> Result:
        status = self.spec.status_code or 200
        if context.status is not None:
            status = checked_status(context.status)
        text = reports.encode(reported, self.report_format)
        body = context.custom
        if body is MISSING:
            return Result(text, status, context.headers)
        shown = reports.encode(body, self.report_format, "body")
        return Result(text, status, context.headers, shown, body if type(body) is bytes else None)


class WhileServing:
    """What the interpreter does otherwise in a server: a plugin of its own."""

    @staticmethod
    @hookimpl  # type: ignore[untyped-decorator]
    def log_report(expr: Any, custom: bool) -> bool | None:
        """A report goes to the caller, not to the console, too."""
        walk = current_walk()
        if custom or walk is None:
            return None
        listener = CURRENT_LISTENER.get(None)
        if listener is not None and listener.walker is walk.wlk:
            listener.tell(expr)
        else:
            walk.reports.append(expr)
        return True
