"""Worker threads that run the walkers of WebSocket events and answer them."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jac_cloud._native import WalkerEvent, format_node_id
from jac_cloud.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    TooManyWalkers,
    WalkerFailed,
    WalkerTimeout,
)
from jac_cloud.logs import LeanRecord
from jac_cloud.overdue import Overdue
from jac_cloud.runtime import Caller, Deadline, Interpreter
from jac_cloud.walker_spec import WalkerSpec

_EVENTS = logging.getLogger("jac_cloud.event")
logger = logging.getLogger("jac_cloud.walker")

_UNKNOWN = "Invalid request! Please use valid walker event!"
# How soon to look again at a run that was committing when its time was up.
_COMMIT_SECONDS = 0.05


@dataclass(slots=True, eq=False)
class _Run:
    """One event on its worker, and until when (on the monotonic clock) it may run."""

    event: WalkerEvent
    worker: threading.Thread
    until: float
    deadline: Deadline = field(default_factory=Deadline)
    replaced: bool = False
    over: bool = False


class Dispatcher:
    """Runs the walkers of events and answers each event exactly once.

    `take` blocks for the next event and gives None at the end; a worker that takes no more calls
    `leave`. At most `workers` threads run walkers at the same time; when, is for `take` to say. A
    walker that runs longer than `walker_timeout` seconds (0: no limit) is answered `timeout`, what
    it did is dropped, and `overdue` ends it or has its thread replaced. All threads are daemons.
    `debug` tells clients what a walker raised; `log` writes a line for each event.
    """

    def __init__(
        self,
        take: Callable[[], WalkerEvent | None],
        interpreter: Interpreter,
        walkers: Mapping[str, WalkerSpec],
        workers: int,
        overdue: Overdue,
        walker_timeout: float = 0.0,
        debug: bool = False,
        log: bool = False,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._take = take
        self._leave = leave
        self._interpreter = interpreter
        self._walkers = walkers
        self._workers = workers
        self._overdue = overdue
        self._timeout = walker_timeout
        self._debug = debug
        self._log = log
        self._changed = threading.Condition()
        self._threads: set[threading.Thread] = set()
        # In the order of their starts, hence of their ends: the limit is one for all.
        self._runs: dict[_Run, None] = {}
        self._stopped = False
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Starts the threads, once."""
        with self._changed:
            for _ in range(self._workers):
                self._start_worker()
        if self._timeout:
            self._watcher = _start(self._watch, "jac-cloud-timeouts")

    def stop(self, deadline: float) -> bool:
        """Waits until `deadline` (on the monotonic clock) for the workers to end, then stops the
        thread that watches over their time.

        They end when the native server gives no more events. Whether all have ended; those that
        have not are daemons.
        """
        with self._changed:
            ended = self._changed.wait_for(
                lambda: not self._threads, max(0.0, deadline - time.monotonic())
            )
            self._stopped = True
            self._changed.notify_all()
        if self._watcher is not None:
            self._watcher.join(max(0.0, deadline - time.monotonic()))
        return ended

    def _start_worker(self) -> None:
        self._threads.add(_start(self._work, "jac-cloud-worker"))

    def _work(self) -> None:
        try:
            while (event := self._take()) is not None:
                if not self._run(event):
                    break
        finally:
            self._leave()
            with self._changed:
                self._threads.discard(threading.current_thread())
                self._changed.notify_all()

    def _run(self, event: WalkerEvent) -> bool:
        """Whether the worker may go on: one that was late may have been replaced."""
        run = _Run(event, threading.current_thread(), time.monotonic() + self._timeout)
        if self._timeout:
            with self._changed:
                self._runs[run] = None
                if len(self._runs) == 1:
                    self._changed.notify_all()
        try:
            began = time.perf_counter()
            with run.deadline.on_thread():
                result, answer = self._answer(event, run.deadline)
            if self._log:
                _log(event, result, time.perf_counter() - began)
            if run.deadline.finish():
                answer()
        except BaseException:
            # No memory, most likely. The worker lives on.
            logger.exception("an event could not be answered", extra={"walker": event.walker})
            if run.deadline.finish():
                event.fail("walker_failed")
        with self._changed:
            run.over = True
            self._runs.pop(run, None)
            return not run.replaced

    def _answer(self, event: WalkerEvent, deadline: Deadline) -> tuple[str, Callable[[], None]]:
        """Runs the event's walker; the result, and what is to be answered, which may have come too
        late.
        """

        def failed(
            code: str, error: str | bytes, ref: str | None = None
        ) -> tuple[str, Callable[[], None]]:
            return code, lambda: event.fail(code, error, ref)

        # The native server has checked both before it queued the event, but may not know of
        # walkers that were taken away since; what decides is here.
        spec = self._walkers.get(event.walker)
        if spec is None:
            return failed("unknown_walker", _UNKNOWN)
        if spec.auth and not event.authenticated:
            return failed("unauthenticated", f"Event {spec.name} requires to be authenticated!")
        caller = Caller(event.root_hex, event.authenticated)
        try:
            result = self._interpreter.run(
                spec, event.context, caller, event.node, event.unit, deadline
            )
        except InvalidInput as error:
            details = json.dumps([_inside_context(detail) for detail in error.details]).encode()
            return failed("invalid_event", details)
        except Forbidden as error:
            return failed("forbidden", str(error))
        except Conflict as error:
            return failed("conflict", str(error))
        except TooManyWalkers as error:
            return failed("rate_limited", str(error))
        except WalkerTimeout as error:
            return failed("timeout", str(error))
        except WalkerFailed as error:
            return failed("walker_failed", error.message if self._debug else str(error), error.ref)
        return "ok", lambda: event.finish(result.reports, result.status, result.body)

    def _watch(self) -> None:
        """Answers `timeout` for what runs too long."""
        with self._changed:
            while not self._stopped:
                run = next(iter(self._runs), None)
                if run is None:
                    self._changed.wait()
                elif (left := run.until - time.monotonic()) > 0:
                    self._changed.wait(left)
                elif run.deadline.expire():
                    del self._runs[run]
                    self._end(run)
                else:
                    # It is committing, or has just ended.
                    self._changed.wait(_COMMIT_SECONDS)

    def _end(self, run: _Run) -> None:
        self._overdue.timed_out(run.event.walker)
        run.event.fail("timeout", str(WalkerTimeout()))
        self._overdue.end(run.event.walker, run.deadline, lambda: self._replace(run))

    def _replace(self, run: _Run) -> bool:
        with self._changed:
            if run.over:
                return False
            run.replaced = True
            self._threads.discard(run.worker)
            self._start_worker()
            return True


def _log(event: WalkerEvent, result: str, seconds: float) -> None:
    fields = {
        "walker": event.walker,
        "root": format_node_id(event.root_hex),
        "result": result,
        "ms": round(seconds * 1000, 3),
    }
    _EVENTS.handle(LeanRecord(_EVENTS.name, logging.INFO, "event", fields))


def _start(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _inside_context(detail: dict[str, Any]) -> dict[str, Any]:
    """Where in the event the problem is, rather than where in the walker's input."""
    place = detail["loc"]
    return detail if place == ["node"] else {**detail, "loc": ["context", *place]}
