"""Loading an app as the interpreter does, with one clear line where that fails."""

import importlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from jac_cloud._jaclang import JacRuntime, JacRuntimeInterface
from jac_cloud.errors import AppError


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """The modules in a folder come first. For as long as an app runs: its abilities may import."""
    place = str(folder.resolve())
    sys.path.insert(0, place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)


def load_module(app: Path) -> ModuleType:
    """Loads a `.jac` or `.py` file as a module of its own name, as `jac start` does.

    AppError: `file:line message`.
    """
    app = app.resolve()
    if not app.is_file():
        raise AppError(f"{app}: there is no such file")
    if app.suffix not in (".jac", ".py"):
        raise AppError(f"{app}: an app is a .jac or a .py file")
    if not app.stem.isidentifier():
        raise AppError(f"{app}: the name of the file must be the name of a module")
    _make_room(app)
    program = JacRuntime.get_program()
    errors_before = len(program.errors_had)
    try:
        JacRuntimeInterface.jac_import(
            target=app.stem, base_path=str(app), lng=app.suffix.removeprefix(".")
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        alerts = program.errors_had[errors_before:]
        sys.modules.pop(app.stem, None)
        raise AppError(_one_line(app, error, alerts)) from error
    module = sys.modules[app.stem]
    if alerts := program.errors_had[errors_before:]:
        raise AppError(_alert_line(alerts[0]))
    return module


def _make_room(app: Path) -> None:
    """This app or one of its name may have been loaded; Python's own must not be hidden."""
    if app.stem in sys.stdlib_module_names or app.stem == "jaclang":
        raise AppError(f"{app}: a module {app.stem} is part of Python; name the file otherwise")
    sys.modules.pop(app.stem, None)
    # The interpreter would take what it has compiled for what the file says now.
    JacRuntime.get_program().invalidate_module(str(app))


def _one_line(app: Path, error: BaseException, alerts: list[object]) -> str:
    if alerts:
        return _alert_line(alerts[0])
    message = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{error.filename or app}:{error.lineno or 1} {error.msg}"
    if not isinstance(error, ImportError | ValueError):
        message = f"{type(error).__name__}: {message}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(app.parent)
    ]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(app)
    return f"{place} {message}"


def _alert_line(alert: object) -> str:
    place = getattr(alert, "loc", None)
    message = " ".join(str(getattr(alert, "msg", alert)).split())
    return f"{place.mod_path}:{place.first_line} {message}" if place is not None else message
