"""Ends code of the app's own that a thread runs past its time.

`sys.monitoring` (PEP 669) raises `WalkerStopped` where a line or a function of the app begins. A
loop that comes to none of them a while later, be it one without a line of its own or one of a
library that the app has called, is left where it would go round once more: there nobody stands
between taking a lock and guarding it. Nothing of this package or of the interpreter is ever left in
the middle. An asynchronous exception (`PyThreadState_SetAsyncExc`) would hit wherever the thread
is, a lock just taken included, or what the thread does next.
"""

import dis
import site
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType

# What the walker does about it, `finally` and `with`, has so long until it is raised again, and
# from then on wherever it can be.
_AGAIN_SECONDS = 1.0

# So long a loop may run, on its processor, to come to a line of the app.
_LOOP_SECONDS = 0.1

_monitoring = sys.monitoring
_POINTS = (
    _monitoring.events.LINE,
    _monitoring.events.PY_START,
    _monitoring.events.PY_RESUME,
)
# Not JUMP: what is raised there passes by the handlers of its own function (CPython 3.12, 3.13).
_INSTRUCTION = _monitoring.events.INSTRUCTION
_GO_ROUND = dis.opmap["JUMP_BACKWARD"]
# Tools of others have fixed numbers: debugger 0, coverage 1, profiler 2, optimizer 5.
_TOOLS = (4, 3)


class WalkerStopped(BaseException):
    """The walker's time is up. Not an Exception: `except Exception` in a walker lets it pass."""


@dataclass(slots=True)
class _Aim:
    """A thread that is to be stopped."""

    loops_from: float  # on the thread's clock
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
        self._watched: dict[CodeType, int] = {}
        self._tool: int | None = None

    def aim(self, thread: int, waiting: Iterable[CodeType]) -> None:
        running = [frame.f_code for frame in _frames(thread)]
        with self._lock:
            aim = self._aim_at(thread)
            loops = _INSTRUCTION if _ran(thread) >= aim.loops_from else 0
            for code in (*running, *waiting):
                watched = self._watched.get(code, 0)
                events = watched | loops | (sum(_POINTS) if _is_own(code.co_filename) else 0)
                if events != watched:
                    self._watch(code, events)

    def told(self, thread: int) -> None:
        with self._lock:
            self._aim_at(thread).again = time.monotonic() + _AGAIN_SECONDS

    def spare(self, thread: int) -> None:
        with self._lock:
            self._aims.pop(thread, None)
            if not self._aims and self._tool is not None:
                for code in self._watched:
                    _monitoring.set_local_events(self._tool, code, 0)
                self._watched.clear()

    def _aim_at(self, thread: int) -> _Aim:
        aim = self._aims.get(thread)
        if aim is None:
            aim = self._aims[thread] = _Aim(_ran(thread) + _LOOP_SECONDS)
        return aim

    def _watch(self, code: CodeType, events: int) -> None:
        if self._tool is None:
            self._tool = _take_tool()
            if self._tool is None:
                return
            for point in _POINTS:
                _monitoring.register_callback(self._tool, point, self._at_point)
            _monitoring.register_callback(self._tool, _INSTRUCTION, self._at_instruction)
        _monitoring.set_local_events(self._tool, code, events)
        self._watched[code] = events

    def _at_point(self, *_: object) -> None:
        # Without the lock: a thread's entry is made while it runs, and taken away by itself.
        aim = self._aims.get(threading.get_ident())
        if aim is not None:
            aim.hit()

    def _at_instruction(self, code: CodeType, offset: int) -> None:
        aim = self._aims.get(threading.get_ident())
        if (
            aim is not None
            and code.co_code[offset] == _GO_ROUND
            and _is_of_the_app(sys._getframe(1))  # noqa: SLF001 - documented
        ):
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
    for frame in _frames(thread):
        if _is_own(frame.f_code.co_filename):
            return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
    return ""


def _frames(thread: int) -> Iterator[FrameType]:
    """What the thread is in of the app, and of libraries that it called, from inside outwards."""
    called = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented
    while frame is not None:
        called.append(frame)
        if _is_own(frame.f_code.co_filename):
            yield from called
            called.clear()
        elif _is_never_left(frame.f_code.co_filename):
            called.clear()
        frame = frame.f_back


def _is_of_the_app(frame: FrameType | None) -> bool:
    """Whether the app's code runs in the frame, or has called what does: by libraries alone."""
    while frame is not None and not _is_never_left(frame.f_code.co_filename):
        if _is_own(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _ran(thread: int) -> float:
    """For how many seconds the thread, which is alive, has had a processor."""
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


@lru_cache(maxsize=1024)
def _is_own(file: str) -> bool:
    """Whether code is the app's: neither of Python, nor of a package that is installed."""
    return not file.startswith(_OTHERS) and not any(part in file for part in _ANYWHERE)


@lru_cache(maxsize=1024)
def _is_never_left(file: str) -> bool:
    """Whether code is of this package, of the interpreter, or imports for everybody."""
    return file.startswith(_NEVER) or "/jaclang/" in file


def _others() -> Iterator[str]:
    yield from _NEVER
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    yield from site.getsitepackages()
    yield site.getusersitepackages()


_NEVER = ("<frozen ", str(Path(__file__).parent))
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
