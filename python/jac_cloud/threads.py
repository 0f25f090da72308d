"""A pool of threads that never keeps the process from ending."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any


class DaemonPool(Executor):
    """Runs calls on a fixed number of daemon threads, first come first served.

    Unlike the standard library's pool it is not waited for at the exit of the interpreter: one
    walker that never ends must not keep the process alive. Safe to use from any thread.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], bool] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._threads: set[threading.Thread] = set()
        self._running: dict[Future[Any], threading.Thread] = {}
        for _ in range(threads):
            self._start_thread()

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues a call. RuntimeError once the pool is closed."""
        future: Future[T] = Future()

        def call() -> bool:
            if not future.set_running_or_notify_cancel():
                return True
            with self._lock:
                self._running[future] = threading.current_thread()
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the future
                future.set_exception(error)
            else:
                future.set_result(result)
            with self._lock:
                return self._running.pop(future, None) is not None

        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._calls.put(call)
        return future

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread, as of a moment ago."""
        return self._calls.qsize()

    def replace(self, future: Future[Any]) -> bool:
        """Has another thread take the place of the call's own, which ends with it.

        False if the call does not run.
        """
        with self._lock:
            thread = self._running.pop(future, None)
            if thread is None or self._closed:
                return False
            self._threads.discard(thread)
            self._start_thread()
            return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls; those queued still run. `cancel_futures` is not supported."""
        if cancel_futures:
            raise NotImplementedError("calls of this pool are not cancelled")
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._calls.put(None)
        if wait:
            self.join(None)

    def join(self, timeout: float | None) -> bool:
        """Waits up to `timeout` seconds for the threads to end; whether all have."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            threads = [*self._threads]
        for thread in threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if not call():
                break
