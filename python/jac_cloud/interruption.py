"""Ends code of the app's own that a thread runs past its time.

`sys.monitoring` (PEP 669) raises `WalkerStopped` where a loop goes round or a function begins, and
nowhere but in the app's files: no library, and nothing of this package, is ever left in the middle.
An asynchronous exception (`PyThreadState_SetAsyncExc`) would hit wherever the thread is, a lock
just taken included, or what the thread does next.
"""

import math
import site
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType

# What the walker does about it, `finally` and `with`, has so long until it is raised again, and
# from then on wherever it can be.
_AGAIN_SECONDS = 1.0

_monitoring = sys.monitoring
_POINTS = (
    _monitoring.events.JUMP,
    _monitoring.events.PY_START,
    _monitoring.events.PY_RESUME,
)
# Tools of others have fixed numbers: debugger 0, coverage 1, profiler 2, optimizer 5.
_TOOLS = (4, 3)


class WalkerStopped(BaseException):
    """The walker's time is up. Not an Exception: `except Exception` in a walker lets it pass."""


class _Aims:
    """The threads that are to be stopped, and the code that is watched for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # When to raise it, None for the first time.
        self._next: dict[int, float | None] = {}
        self._watched: set[CodeType] = set()
        self._tool: int | None = None

    def aim(self, thread: int, waiting: Iterable[CodeType]) -> None:
        running = [frame.f_code for frame in _own_frames(thread)]
        with self._lock:
            self._next.setdefault(thread, None)
            for code in (*running, *waiting):
                if code not in self._watched and _is_own(code):
                    self._watch(code)

    def spare(self, thread: int) -> None:
        with self._lock:
            self._next.pop(thread, None)
            if not self._next and self._tool is not None:
                for code in self._watched:
                    _monitoring.set_local_events(self._tool, code, 0)
                self._watched.clear()

    def _watch(self, code: CodeType) -> None:
        if self._tool is None:
            self._tool = _take_tool()
            if self._tool is None:
                return
            for point in _POINTS:
                _monitoring.register_callback(self._tool, point, self._at_point)
        _monitoring.set_local_events(self._tool, code, sum(_POINTS))
        self._watched.add(code)

    def _at_point(self, *_: object) -> None:
        # Without the lock: a thread's entry is made while it runs, and taken away by itself.
        thread = threading.get_ident()
        when = self._next.get(thread, math.inf)
        if when is None:
            self._next[thread] = time.monotonic() + _AGAIN_SECONDS
        if when is None or time.monotonic() >= when:
            raise WalkerStopped


_aims = _Aims()


def aim(thread: int, waiting: Iterable[CodeType] = ()) -> None:
    """Raises WalkerStopped in the app's code that the thread is in, or comes back to, or that is
    `waiting` for its turn on it.

    To be called again and again until `spare`: what it calls later is not watched yet. The caller
    sees to it that the thread does not go on to something else meanwhile. Any thread.
    """
    _aims.aim(thread, waiting)


def spare(thread: int) -> None:
    """The thread has left what was to be ended. To be called on it."""
    _aims.spare(thread)


def place(thread: int) -> str:
    """Where in the app's code the thread is: `file:line`, empty if nowhere."""
    for frame in _own_frames(thread):
        return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
    return ""


def _own_frames(thread: int) -> Iterator[FrameType]:
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented
    while frame is not None:
        if _is_own(frame.f_code):
            yield frame
        frame = frame.f_back


def _is_own(code: CodeType) -> bool:
    """Whether code is the app's: neither of Python, nor of a package that is installed."""
    file = code.co_filename
    return not file.startswith(_OTHERS) and not any(part in file for part in _ANYWHERE)


def _others() -> Iterator[str]:
    yield "<frozen "
    yield str(Path(__file__).parent)
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    yield from site.getsitepackages()
    yield site.getusersitepackages()


_OTHERS = tuple(_others())
# Where a file came from is not always where it is: the interpreter is compiled before it is packed.
_ANYWHERE = ("/jaclang/", "/site-packages/", "/dist-packages/")


def _take_tool() -> int | None:
    for tool in _TOOLS:
        if _monitoring.get_tool(tool) is None:
            _monitoring.use_tool_id(tool, "jac-cloud")
            return tool
    # Then walkers run on as long as they like, and are reported as stuck.
    return None
