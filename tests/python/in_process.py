"""An app in the process of the tests: its walkers run through the interpreter, without a server."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gates import gate
from jac_cloud._native import Unit
from jac_cloud.runtime import Caller, Interpreter
from support import copy_app


class App:
    """A loaded app and one user of it."""

    def __init__(self, interpreter: Interpreter, graph: Path) -> None:
        self.interpreter = interpreter
        self.graph = graph
        self.root = interpreter.create_root()

    def other_user(self) -> "App":
        return App(self.interpreter, self.graph)

    def query(self, statement: str) -> list[Any]:
        """What SQLite says of the stored graph."""
        with closing(sqlite3.connect(self.graph)) as graph:
            return graph.execute(statement).fetchall()

    def write(self, statement: str, values: Sequence[object]) -> None:
        """Changes the stored graph behind the interpreter's back."""
        with closing(sqlite3.connect(self.graph)) as graph, graph:
            graph.execute(statement, values)

    def raw(
        self,
        walker: str,
        inputs: bytes = b"{}",
        *,
        root: str | None = None,
        node: str | None = None,
        new_unit: Callable[[], Unit] = Unit,
    ) -> bytes:
        caller = Caller(root or self.root)
        spec = self.interpreter.walkers[walker]
        return self.interpreter.run(spec, inputs, caller, node, new_unit).reports

    def run(
        self, walker: str, *, root: str | None = None, node: str | None = None, **inputs: Any
    ) -> list[Any]:
        """Runs a walker with JSON inputs as the user, or as who has the given root."""
        reports = self.raw(walker, json.dumps(inputs).encode(), root=root, node=node)
        found = json.loads(reports)
        assert isinstance(found, list)
        return found


@contextmanager
def loaded(app: str | Path, folder: Path, **options: Any) -> Iterator[App]:
    """A fixture by its name, or any app by its path, loaded with its data in `folder`."""
    source = app if isinstance(app, Path) else copy_app(app, folder)
    interpreter = Interpreter(folder / "data", **options)
    try:
        interpreter.load(source)
        yield App(interpreter, folder / "data" / "graph.db")
    finally:
        interpreter.close()


@contextmanager
def loaded_text(text: str, folder: Path, name: str = "app.jac", **options: Any) -> Iterator[App]:
    """As `loaded`, for an app that is written in the test."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / name
    source.write_text(text)
    with loaded(source, folder, **options) as app:
        yield app


@contextmanager
def held(app: App, walker: str, new_unit: Callable[[], Unit] = Unit) -> Iterator[None]:
    """Something to do while a walker stands at its gate; what that walker raises is raised here."""
    gate.reset()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(app.raw, walker, b'{"at_gate": true}', new_unit=new_unit)
        try:
            gate.wait_until_arrived()
            yield
        finally:
            gate.open()
        running.result()
