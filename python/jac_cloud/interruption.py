"""Ends code of the app's own that a thread runs past its time.

`sys.monitoring` (PEP 669) raises `WalkerStopped` where a line or a function begins, and nowhere but
in the app's files: no library, and nothing of this package, is ever left in the middle.
An asynchronous exception (`PyThreadState_SetAsyncExc`) would hit wherever the thread is, a lock
just taken included, or what the thread does next.
"""

import site
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType

# What the walker does about it, `finally` and `with`, has so long until it is raised again, and
# from then on wherever it can be.
_AGAIN_SECONDS = 1.0

# For a loop that never comes to another line. Not for others: what is raised at a jump passes by
# the handlers of its own function (seen with CPython 3.12 and 3.13).
_JUMP_SECONDS = 0.25

_monitoring = sys.monitoring
_POINTS = (
    _monitoring.events.LINE,
    _monitoring.events.PY_START,
    _monitoring.events.PY_RESUME,
)
_JUMP = _monitoring.events.JUMP
# Tools of others have fixed numbers: debugger 0, coverage 1, profiler 2, optimizer 5.
_TOOLS = (4, 3)


class WalkerStopped(BaseException):
    """The walker's time is up. Not an Exception: `except Exception` in a walker lets it pass."""


@dataclass(slots=True)
class _Aim:
    """A thread that is to be stopped."""

    since: float
    again: float | None = None

    def hit(self) -> None:
        if self.again is None:
            self.again = time.monotonic() + _AGAIN_SECONDS
        elif time.monotonic() < self.again:
            return
        raise WalkerStopped


class _Aims:
    """The threads that are to be stopped, and the code that is watched for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._aims: dict[int, _Aim] = {}
        self._watched: set[CodeType] = set()
        self._tool: int | None = None

    def aim(self, thread: int, waiting: Iterable[CodeType]) -> None:
        running = [frame.f_code for frame in _own_frames(thread)]
        with self._lock:
            self._aims.setdefault(thread, _Aim(time.monotonic()))
            for code in (*running, *waiting):
                if code not in self._watched and _is_own(code):
                    self._watch(code)

    def told(self, thread: int) -> None:
        with self._lock:
            now = time.monotonic()
            self._aims.setdefault(thread, _Aim(now)).again = now + _AGAIN_SECONDS

    def spare(self, thread: int) -> None:
        with self._lock:
            self._aims.pop(thread, None)
            if not self._aims and self._tool is not None:
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
            _monitoring.register_callback(self._tool, _JUMP, self._at_jump)
        _monitoring.set_local_events(self._tool, code, sum(_POINTS) | _JUMP)
        self._watched.add(code)

    def _at_point(self, *_: object) -> None:
        # Without the lock: a thread's entry is made while it runs, and taken away by itself.
        aim = self._aims.get(threading.get_ident())
        if aim is not None:
            aim.hit()

    def _at_jump(self, *_: object) -> None:
        aim = self._aims.get(threading.get_ident())
        if aim is not None and time.monotonic() >= aim.since + _JUMP_SECONDS:
            aim.hit()


_aims = _Aims()


def aim(thread: int, waiting: Iterable[CodeType] = ()) -> None:
    """Raises WalkerStopped in the app's code that the thread is in, or comes back to, or that is
    `waiting` for its turn on it.

    To be called again and again until `spare`: what it calls later is not watched yet. The caller
    sees to it that the thread does not go on to something else meanwhile. Any thread.
    """
    _aims.aim(thread, waiting)


def told(thread: int) -> None:
    """Something else is being raised in the thread, to the same end. To be called on it."""
    _aims.told(thread)


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
