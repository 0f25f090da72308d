"""A pool of threads that never keeps the process from ending."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue


class DaemonPool(Executor):
    """Runs calls on a fixed number of daemon threads, first come first served.

    Unlike the standard library's pool it is not waited for at the exit of the interpreter: one
    walker that never ends must not keep the process alive. Safe to use from any thread.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True)
            for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues a call. RuntimeError once the pool is closed."""
        future: Future[T] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the future
                future.set_exception(error)

        with self._closing:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._calls.put(call)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls; those queued still run. `cancel_futures` is not supported."""
        if cancel_futures:
            raise NotImplementedError("calls of this pool are not cancelled")
        with self._closing:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._calls.put(None)
        if wait:
            self.join(None)

    def join(self, timeout: float | None) -> bool:
        """Waits up to `timeout` seconds for each thread; whether all have ended."""
        for thread in self._threads:
            thread.join(timeout)
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
