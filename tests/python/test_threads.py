"""The pool of daemon threads: runs calls, gives results and errors, and never keeps a process."""

import subprocess
import sys
import threading

import pytest

from jac_cloud.threads import DaemonPool
from support import scaled


def test_calls_run_on_the_pools_threads_and_give_results_and_errors() -> None:
    pool = DaemonPool(2, "test")
    assert pool.submit(lambda x: x + 1, 1).result() == 2
    assert pool.submit(threading.current_thread).result().name == "test"
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result()
    with pytest.raises(SystemExit):
        pool.submit(sys.exit).result()
    assert pool.submit(lambda: "alive").result() == "alive"
    pool.shutdown()


def test_no_more_calls_run_at_once_than_there_are_threads() -> None:
    pool = DaemonPool(3, "test")
    barrier = threading.Barrier(3)
    running = threading.Semaphore(3)

    def call() -> bool:
        free = running.acquire(blocking=False)
        barrier.wait(10)
        running.release()
        return free

    assert all(future.result() for future in [pool.submit(call) for _ in range(30)])
    pool.shutdown()


def test_a_closed_pool_finishes_what_is_queued_and_takes_nothing_more() -> None:
    pool = DaemonPool(1, "test")
    go = threading.Event()
    waiting = pool.submit(go.wait)
    queued = [pool.submit(int, "1") for _ in range(10)]
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        pool.submit(int)
    assert not pool.join(0)
    go.set()
    assert pool.join(10)
    assert waiting.done()
    assert all(future.done() for future in queued)


def test_the_place_of_a_replaced_call_is_taken_by_another_thread() -> None:
    pool = DaemonPool(1, "test")
    begun, go = threading.Event(), threading.Event()

    def call() -> threading.Thread:
        begun.set()
        go.wait()
        return threading.current_thread()

    late = pool.submit(call)
    begun.wait()
    queued = pool.submit(int, "1")
    next_one = pool.submit(threading.current_thread)
    assert not pool.replace(queued)
    assert pool.replace(late)
    assert not pool.replace(late)
    replacement = next_one.result()
    go.set()
    abandoned = late.result()
    assert abandoned is not replacement
    abandoned.join(10)
    assert not abandoned.is_alive()
    assert pool.submit(threading.current_thread).result() is replacement
    pool.shutdown()


def test_the_thread_of_a_call_that_has_ended_is_not_replaced() -> None:
    pool = DaemonPool(1, "test")
    done = pool.submit(threading.current_thread)
    thread = done.result()
    pool.submit(int).result()
    assert not pool.replace(done)
    assert pool.submit(threading.current_thread).result() is thread
    pool.shutdown()


def test_a_call_that_never_ends_does_not_keep_the_process() -> None:
    program = (
        "import threading\n"
        "from jac_cloud.threads import DaemonPool\n"
        "DaemonPool(1, 'test').submit(threading.Event().wait)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=scaled(60), check=False)
    assert ended.returncode == 0
