"""Runs walkers: a call is one unit of work, committed as a whole, run again if another was first.

Nothing but this module and those it names (`attempt`, `access`, `answer`, `unit`, `memory`, `rows`,
`store`, `commit`, `loading`, `discovery`, `reports`, `inputs`, `input_types`, `older_syntax`,
`shortcuts`) knows the interpreter's inside.
"""

import contextlib
import contextvars
import logging
import random
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from jac_cloud import _native, older_syntax, reports, shortcuts
from jac_cloud._jaclang import (
    JacRuntime,
    Root,
    plugin_manager,
)
from jac_cloud._native import Unit
from jac_cloud.access import PUBLIC_ROOT, enforced
from jac_cloud.answer import Result
from jac_cloud.attempt import Attempt, Caller, Inputs, WhileServing
from jac_cloud.commit import WriteConflict
from jac_cloud.deadline import Deadline
from jac_cloud.discovery import load_and_discover
from jac_cloud.errors import (
    ConfigError,
    Conflict,
    InvalidInput,
    WalkerError,
    WalkerFailed,
    WalkerTimeout,
)
from jac_cloud.graph_removal import remove_root
from jac_cloud.loading import importable, load_module
from jac_cloud.memory import UnitMemory
from jac_cloud.meters import WalkerMeters
from jac_cloud.report_stream import ReportStream
from jac_cloud.specs import EntryType
from jac_cloud.store import GraphStore, Synchronous
from jac_cloud.turns import Turns
from jac_cloud.unit import (
    SYSTEM_ROOT,
    NoUnitContext,
    UnitOfWork,
)
from jac_cloud.walker_slots import WalkerSlots
from jac_cloud.walker_spec import WalkerSpec

__all__ = ["Caller", "Deadline", "Interpreter"]

logger = logging.getLogger("jac_cloud.walker")

# A replay whose turn has not come waits up to this many seconds for each that went before it, 64
# times that at most.
_BACKOFF_SECONDS = 0.0005
_BACKOFF_STEPS = 64
# A user's root id shows as 24 hex digits.
_ROOT_ID_BITS = 96


class Interpreter:
    """The app and its graph. `run` may be called from any number of threads at once.

    `data_dir` holds the graph (made if it is not there). `report_format` is "jac" or "cloud".
    `max_attempts` bounds how often one call is run because of conflicts (1 or more). `synchronous`
    says what a commit survives, as SQLite has it. One serves at a time in a process. ConfigError
    when the graph cannot be used, because another process keeps it locked for example.
    """

    PUBLIC_ROOT = PUBLIC_ROOT.hex

    def __init__(
        self,
        data_dir: Path,
        report_format: reports.ReportFormat = "jac",
        max_attempts: int = 100,
        debug: bool = False,
        synchronous: Synchronous = "normal",
        slots: WalkerSlots | None = None,
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.walkers: dict[str, WalkerSpec] = {}
        self._report_format = report_format
        self._max_attempts = max_attempts
        self.meters = WalkerMeters()
        self._turns = Turns()
        self._debug = debug
        self._slots = slots or WalkerSlots(0, lambda *_: None)
        self._closing = contextlib.ExitStack()
        path = data_dir / "graph.db"
        try:
            self._store = GraphStore(path, synchronous)
            self._closing.callback(self._store.close)
            for root in (SYSTEM_ROOT, PUBLIC_ROOT):
                self._ensure_root(root)
        except sqlite3.Error as error:
            self._closing.close()
            raise ConfigError(f"data_dir: {path}: {error}") from None
        older_syntax.install()
        self._closing.enter_context(enforced())
        self._closing.enter_context(shortcuts.taken())
        plugin_manager.register(WhileServing, name="jac_cloud.serving")
        self._closing.callback(plugin_manager.unregister, name="jac_cloud.serving")
        self._closing.callback(JacRuntime.set_context, JacRuntime.exec_ctx)
        JacRuntime.set_context(NoUnitContext())
        JacRuntime.set_shared_root_resolver(lambda: str(PUBLIC_ROOT))
        self._closing.callback(JacRuntime.set_shared_root_resolver, None)
        _native.set_json_default(reports.default_form(report_format))
        _native.set_root_resolver(reports.root_id)

    def load(self, app: Path) -> dict[str, WalkerSpec]:
        """Loads a `.jac` or `.py` file; its walkers by name, also kept as `walkers`.

        What the app does at its top level is a unit of work of the system's root. AppError and
        SpecError, each of one line.
        """
        self._closing.enter_context(importable(app.parent))
        self.walkers = contextvars.copy_context().run(self._load, app)
        return self.walkers

    def create_root(self) -> str:
        """Makes and commits a user's root; its id as 32 hex digits, the first 8 of them 0."""
        while True:
            root = UUID(int=secrets.randbits(_ROOT_ID_BITS))
            # Short values are kept for roots that everybody knows.
            if root.int >> (_ROOT_ID_BITS - 8) and self._ensure_root(root):
                return root.hex

    def remove_root(self, root_hex: str) -> int:
        """Removes a user's root and all that belongs to it; how many nodes and edges that were."""
        return remove_root(self._store, UUID(root_hex))

    def run(
        self,
        spec: WalkerSpec,
        inputs: Inputs,
        caller: Caller,
        node: str | None,
        new_unit: Callable[[], Unit],
        deadline: Deadline | None = None,
        stream: ReportStream | None = None,
    ) -> Result:
        """Runs a walker as one unit of work.

        `inputs` is the JSON text of an object, or gives the walker's arguments when it is called
        inside the unit of work; `node` is an id in any spelling, or None for the caller's root.
        `new_unit` is called for each attempt. When `deadline` expires first, the run ends with
        WalkerTimeout once the walker lets it. With a `stream` the reports go there at once, and the
        result has none.
        InvalidInput, Forbidden, WalkerFailed, WalkerTimeout, Conflict, TooManyWalkers: nothing was
        committed.
        """
        meter = self.meters.of(spec.name)
        with (
            meter.call(),
            self._slots.taken(caller.root_hex, caller.authenticated),
            contextlib.ExitStack() as turn,
        ):
            _check_start(spec, node)
            for attempt in range(self._max_attempts):
                if attempt:
                    meter.replays.add()
                if deadline is not None:
                    deadline.check()
                unit = new_unit()
                run = Attempt(
                    self._store, self._report_format, spec, inputs, caller, node, deadline, stream
                )
                try:
                    result = contextvars.copy_context().run(run.run, unit)
                except WriteConflict as conflict:
                    unit.discard()
                    meter.conflicts.add()
                    if deadline is not None:
                        deadline.run_again()
                    turn.close()
                    if not turn.enter_context(self._turns.of(conflict.anchor)):
                        _back_off(attempt)
                    continue
                except WalkerError:
                    unit.discard()
                    raise
                except BaseException as error:  # noqa: BLE001 - SystemExit ends the walker only
                    unit.discard()
                    failure = self._failure(spec, error, deadline)
                else:
                    unit.commit()
                    return result
                # Not in the handler: the walker's frames must not live on in the failure's context.
                raise failure
            logger.warning("conflict: replays used up", extra={"walker": spec.name})
            raise Conflict

    def check(self) -> None:
        """OSError or sqlite3.Error when the graph is not to be reached."""
        self._store.check()

    def close(self) -> None:
        """Gives up the graph and what was registered with the interpreter. May be called again."""
        self._closing.close()

    def _load(self, app: Path) -> dict[str, WalkerSpec]:
        with UnitOfWork(self._store, SYSTEM_ROOT) as unit:
            walkers = load_and_discover(lambda: load_module(app))
            unit.context.commit()
        return walkers

    def _ensure_root(self, root: UUID) -> bool:
        """Whether the root had to be made."""
        lease = self._store.lease()
        memory = UnitMemory(self._store, lease)
        try:
            if memory.get(root) is not None:
                return False
            anchor = Root().__jac__
            anchor.id = root
            memory.put(anchor)
            # The user that it is for will be, too.
            memory.flush(durable=True)
            return True
        except WriteConflict:
            return False
        finally:
            memory.close()

    def _failure(
        self, spec: WalkerSpec, error: BaseException, deadline: Deadline | None
    ) -> WalkerError:
        if deadline is not None and deadline.ended_by(error):
            return WalkerTimeout()
        ref = secrets.token_hex(8)
        # A walker that recursed to the limit leaves a trace of a thousand frames: fine in a log.
        logger.error("walker failed", exc_info=error, extra={"walker": spec.name, "ref": ref})
        return WalkerFailed(ref, _message(error))


def _check_start(spec: WalkerSpec, node: str | None) -> None:
    if node is None and spec.entry_type is EntryType.NODE:
        raise InvalidInput([{"type": "missing", "loc": ["node"], "msg": "Field required"}])
    if node is not None and spec.entry_type is EntryType.ROOT:
        problem = "This walker runs on the caller's root"
        raise InvalidInput([{"type": "entry_type", "loc": ["node"], "msg": problem}])


def _back_off(attempt: int) -> None:
    most = _BACKOFF_SECONDS * min(attempt + 1, _BACKOFF_STEPS)
    time.sleep(random.random() * most)  # noqa: S311 - no secret


def _message(error: BaseException) -> str:
    with contextlib.suppress(Exception):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__
