"""The graph on disk, through changes of the app's classes, other writers and failures."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from in_process import App, loaded_text
from jac_cloud import store
from jac_cloud._jaclang import Serializer
from jac_cloud.errors import WalkerFailed
from jac_cloud.rows import revive, row

OLD = """
import from enum { Enum }

enum Color { RED = "r", BLUE = "b" }
obj Point { has x: int = 1; }

node Thing {
    has name: str = "n",
        number: int = 1,
        ratio: float = 0.5,
        on: bool = True,
        maybe: int | None = None,
        color: Color = Color.RED,
        tags: list[str] = ["a"],
        table: dict[str, int] = {"k": 1},
        free: any = None,
        point: Point | None = None;
}

edge Link { has weight: float = 1.5; }

walker make { can make with Root entry { here +>: Link(weight=2.0) :+> Thing(); } }
walker make_with_point {
    can make with Root entry { here ++> Thing(point=Point(x=5), free=[1, {"a": None}]); }
}
walker rename { has name: str; can set with Root entry { for t in [-->] { t.name = self.name; } } }
walker retag {
    can set with Root entry { for t in [-->] { t.tags.append("b"); t.table["k"] = 2; } }
}
walker truth { can set with Root entry { for t in [-->] { t.free = True; } } }
walker one { can set with Root entry { for t in [-->] { t.free = 1; } } }
walker look {
    can tell with Root entry {
        for t in [-->] {
            report {"name": t.name, "tags": t.tags, "table": t.table, "free": t.free,
                "color": t.color.name, "x": t.point.x if t.point else None};
        }
    }
}
walker grant_it { can set with Root entry { for t in [-->] { grant(t, level=ReadPerm); } } }
"""

NEW = """
node Thing {
    has title: str = "new",
        number: str = "one",
        tags: list[str] = [];
}

edge Link { has weight: float = 1.5; }

walker look { can tell with Root entry { for t in [-->] { report [t.title, t.number, t.tags]; } } }
walker entitle { can set with Root entry { for t in [-->] { t.title = "set"; } } }
"""

WITHOUT = """
walker look { can tell with Root entry { report len([-->]); } }
walker grow { can make with Root entry { report "nothing"; } }
"""


@contextmanager
def app_of(text: str, folder: Path) -> Iterator[App]:
    with loaded_text(text, folder, "stored.jac") as app:
        yield app


def stored(app: App) -> list[Any]:
    return app.query("SELECT id, data FROM anchors ORDER BY id")


def text_of(app: App, name: str) -> str:
    [[text]] = app.query(f"SELECT data FROM anchors WHERE arch_type = '{name}'")
    return str(text)


@pytest.mark.parametrize("walker", ["make", "make_with_point"])
def test_a_row_is_what_the_interpreter_writes_and_reads(tmp_path: Path, walker: str) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run(walker)
        for _, text in stored(app):
            data = json.loads(text)
            anchor = Serializer.deserialize(data)
            assert Serializer.serialize(anchor, include_type=True) == data
            revived = revive(text)
            assert revived is not None
            assert row(revived[0]) == data
            assert Serializer.serialize(revived[0], include_type=True) == data


def test_what_is_read_back_is_equal_and_of_the_same_types(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make_with_point")
        [found] = app.run("look")
        assert found == {
            "name": "n",
            "tags": ["a"],
            "table": {"k": 1},
            "free": [1, {"a": None}],
            "color": "RED",
            "x": 5,
        }


def test_changes_inside_lists_and_dicts_are_found(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        app.run("retag")
        [found] = app.run("look")
        assert (found["tags"], found["table"]) == (["a", "b"], {"k": 2})


def test_true_is_not_one(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        app.run("one")
        app.run("truth")
        assert app.run("look")[0]["free"] is True


def test_access_that_is_granted_is_kept(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        app.run("grant_it")
        assert json.loads(text_of(app, "Thing"))["access"]["all"] == 0


def test_rows_of_an_older_class_are_read_without_being_written(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        root = app.root
    with app_of(NEW, tmp_path) as app:
        before = stored(app)
        assert app.run("look", root=root) == [["new", "1", ["a"]]]
        assert [each for each in stored(app) if each in before] == before


def test_a_change_to_a_row_of_an_older_class_brings_it_up_to_date(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        root = app.root
    with app_of(NEW, tmp_path) as app:
        app.run("entitle", root=root)
        assert app.run("look", root=root) == [["set", "1", ["a"]]]
        archetype = json.loads(text_of(app, "Thing"))["archetype"]
        assert (archetype["title"], archetype["number"]) == ("set", "1")
        # What the class has no more is kept aside, as the interpreter does.
        assert archetype["__jac_attic__"]["name"]["value"] == "n"


def test_nodes_of_a_class_that_is_gone_stay_where_they_are(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        root = app.root
        before = stored(app)
    with app_of(WITHOUT, tmp_path) as app:
        Serializer._registry.pop("stored.Thing", None)
        Serializer._registry.pop("stored.Link", None)
        assert app.run("look", root=root) == [0]
        assert [each for each in stored(app) if each in before] == before
    with app_of(OLD, tmp_path) as app:
        assert len(app.run("look", root=root)) == 1


def test_what_another_process_wrote_is_seen_at_once(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        with closing(sqlite3.connect(app.graph)) as other, other:
            other.execute("UPDATE anchors SET data = replace(data, '\"n\"', '\"other\"')")
        assert app.run("look")[0]["name"] == "other"


def test_a_graph_that_stays_locked_fails_the_walker_and_no_other_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BUSY_SECONDS", 0.05)
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        with closing(sqlite3.connect(app.graph, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert app.run("look")[0]["name"] == "n"
            with pytest.raises(WalkerFailed) as raised:
                app.run("rename", name="while locked")
            assert "locked" in raised.value.message
            other.execute("ROLLBACK")
        app.run("rename", name="afterwards")
        assert app.run("look")[0]["name"] == "afterwards"


def test_a_graph_that_cannot_grow_fails_the_walker_whole(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        lease = app.interpreter._store.lease()
        [pages] = lease.connection.execute("PRAGMA page_count").fetchone()
        lease.connection.execute(f"PRAGMA max_page_count = {pages}")
        app.interpreter._store.give_back(lease)
        before = stored(app)
        with pytest.raises(WalkerFailed) as raised:
            app.run("rename", name="x" * 1_000_000)
        assert "full" in raised.value.message
        lease = app.interpreter._store.lease()
        lease.connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        app.interpreter._store.give_back(lease)
        assert len(stored(app)) == len(before)
        app.run("rename", name="room again")
        assert app.run("look")[0]["name"] == "room again"


def test_closing_leaves_no_file_open(tmp_path: Path) -> None:
    with app_of(OLD, tmp_path) as app:
        app.run("make")
        graph = app.graph
    open_files = {path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    assert graph not in open_files
