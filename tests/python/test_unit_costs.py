"""What a unit of work asks of the storage and of the interpreter, counted rather than timed."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from in_process import App, loaded_text
from jac_cloud._jaclang import (
    JacRuntimeInterface,
    compiled_code_library,
    hookimpl,
    plugin_manager,
    query_planner,
)

APP = """
node Shelf { has name: str = ""; }
node Book { has title: str = "", read: int = 0; }

walker fill {
    has shelves: int;
    can make with Root entry {
        first = here ++> Shelf(name="first");
        first ++> Book(title="one");
        place = first;
        for number in range(self.shelves) {
            place = place ++> Shelf(name=str(number));
        }
    }
}
walker nothing { can tell with Root entry { report 1; } }
walker look {
    can find with Root entry { visit [-->[?:Shelf]]; }
    can tell with Shelf entry { report [book.title for book in [-->][?:Book]]; }
}
walker read_one {
    can find with Root entry { visit [-->[?:Shelf]]; }
    can change with Shelf entry { for book in [-->][?:Book] { book.read += 1; } }
}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with loaded_text(APP, tmp_path, "shelves.jac") as app:
        yield app


@contextmanager
def statements(app: App) -> Iterator[list[str]]:
    """The verbs of what SQLite is told meanwhile, by a server whose units come one by one."""
    found: list[str] = []

    def note(statement: str) -> None:
        # A turn that came late, as on a slow machine, changes how long SQLite itself waits.
        if not statement.startswith("PRAGMA busy_timeout"):
            found.append(statement.split()[0])

    store = app.interpreter._store
    lease = store.lease()
    lease.connection.set_trace_callback(note)
    store.give_back(lease)
    try:
        yield found
    finally:
        lease.connection.set_trace_callback(None)


def test_a_walker_that_stays_on_its_root_reads_one_row(app: App) -> None:
    with statements(app) as found:
        app.run("nothing")
    assert found == ["SELECT"]


def test_a_hop_takes_a_statement_for_the_edges_and_one_for_the_nodes(app: App) -> None:
    app.run("fill", shelves=2)
    with statements(app) as found:
        assert app.run("look") == [["one"]]
    # The root, its edge, the shelf, the shelf's edges, what they lead to: no root of others.
    assert found == ["SELECT"] * 5


def test_a_walker_that_writes_has_one_transaction_with_a_statement_for_each_row(app: App) -> None:
    app.run("fill", shelves=2)
    with statements(app) as found:
        app.run("read_one")
    assert found == [*["SELECT"] * 5, "BEGIN", "UPDATE", "COMMIT"]


def test_what_a_walker_does_not_touch_costs_it_nothing(app: App) -> None:
    small, large = app, app.other_user()
    small.run("fill", shelves=2)
    large.run("fill", shelves=2000)
    with statements(app) as few:
        small.run("read_one")
    with statements(app) as many:
        large.run("read_one")
    assert few == many


def test_what_a_walker_calls_of_the_interpreter_is_not_bound_to_a_signature(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.run("fill", shelves=2)
    bound: list[inspect.Signature] = []
    bind = inspect.Signature.bind_partial

    def noted(signature: inspect.Signature, /, *args: Any, **kwargs: Any) -> Any:
        bound.append(signature)
        return bind(signature, *args, **kwargs)

    monkeypatch.setattr(inspect.Signature, "bind_partial", noted)
    assert app.run("look") == [["one"]]
    assert app.run("nothing") == [1]
    app.run("read_one")
    assert bound == []


def test_a_plugin_that_takes_over_a_function_of_the_runtime_is_asked(app: App) -> None:
    app.run("fill", shelves=1)
    asked: list[Any] = []

    class Plugin:
        @staticmethod
        @hookimpl  # type: ignore[untyped-decorator]
        def edges_to_nodes(origin: Any) -> None:
            asked.append(origin)

    plugin_manager.register(Plugin, name="test.plugin")
    try:
        assert app.run("look") == [["one"]]
    finally:
        plugin_manager.unregister(name="test.plugin")
    assert len(asked) == 2
    app.run("look")
    assert len(asked) == 2


def test_an_index_of_the_interpreters_is_planned_with(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAC_TOPOLOGY_INDEX", "1")
    app.run("fill", shelves=2)
    assert app.query("SELECT 1 FROM anchors WHERE instr(data, 'topology_index_data')")
    with statements(app) as found:
        assert app.run("look") == [["one"]]
    # It knows the nodes without their edges.
    assert len(found) < 5


def test_the_interpreter_is_as_it_was_once_no_app_is_served(tmp_path: Path) -> None:
    def shown() -> list[Any]:
        places = (JacRuntimeInterface, compiled_code_library, query_planner)
        return [dict(vars(place)) for place in places]

    before = shown()
    with loaded_text(APP, tmp_path, "shelves.jac"):
        assert shown() != before
    assert shown() == before
