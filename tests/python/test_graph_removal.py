"""Deleting a user: what is theirs leaves the graph, wherever it hangs, and nothing else does."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from gates import gate
from in_process import App, loaded, loaded_text
from jac_cloud import deletion
from jac_cloud.errors import Forbidden
from jac_cloud.passwords import Passwords
from jac_cloud.user_rows import State
from jac_cloud.users import Users

SHARING = """
import from gates { gate }

node Room {
    has name: str;
}

node Post {
    has text: str;
}

walker open_room {
    can make with Root entry {
        made = here ++> Room(name="room");
        grant(made[0], level=ConnectPerm);
        report jid(made[0]);
    }
}

walker post {
    has text: str;

    can add with Room entry {
        made = here ++> Post(text=self.text);
        grant(made[0], level=ReadPerm);
    }
}

walker keep {
    has text: str,
        at_gate: bool = False;

    can add with Root entry {
        if self.at_gate {
            gate.wait();
        }
        here ++> Post(text=self.text);
    }
}

walker post_later {
    has text: str;

    can add with Room entry {
        gate.wait();
        here ++> Post(text=self.text);
    }
}

walker posts {
    can read with Room entry {
        report [post.text for post in [-->[?:Post]]];
    }
}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with loaded_text(SHARING, tmp_path) as app:
        yield app


def anchors(app: App) -> list[dict[str, object]]:
    return [json.loads(data) for (data,) in app.query("SELECT data FROM anchors")]


def dangling(app: App) -> set[object]:
    """Ids that stored anchors name and that are not there."""
    stored = anchors(app)
    named: set[object] = set()
    for anchor in stored:
        edges = anchor.get("edges", [])
        assert isinstance(edges, list)
        named |= {*edges, anchor.get("source"), anchor.get("target"), anchor["root"]} - {None}
    return named - {anchor["id"] for anchor in stored}


def test_what_a_user_has_made_is_gone_and_what_others_have_is_not(app: App) -> None:
    other = app.other_user()
    before = len(anchors(app))
    for text in ("one", "two"):
        app.run("keep", text=text)
    other.run("keep", text="stays")
    # The root, two nodes and an edge to each.
    assert app.interpreter.remove_root(app.root) == 5
    left = anchors(app)
    assert len(left) == before - 1 + 2
    assert "stays" in json.dumps(left)
    assert app.root[8:] not in json.dumps(left).replace("-", "")
    assert dangling(app) == set()
    with pytest.raises(Forbidden):
        app.run("keep", text="no more")


def test_what_a_user_has_linked_to_others_nodes_is_gone_from_there(app: App) -> None:
    other = app.other_user()
    (room,) = other.run("open_room")
    app.run("post", node=room, text="mine")
    other.run("post", node=room, text="theirs")
    assert sorted(other.run("posts", node=room)[0]) == ["mine", "theirs"]
    app.interpreter.remove_root(app.root)
    assert other.run("posts", node=room) == [["theirs"]]
    assert dangling(app) == set()


def test_what_others_have_linked_to_a_users_nodes_alone_goes_with_them(app: App) -> None:
    other = app.other_user()
    (room,) = app.run("open_room")
    other.run("post", node=room, text="in your room")
    app.interpreter.remove_root(app.root)
    assert "in your room" not in json.dumps(anchors(app))
    assert dangling(app) == set()
    other.run("keep", text="the other goes on")


def test_a_large_graph_is_removed_whole(tmp_path: Path) -> None:
    with loaded("graph", tmp_path) as app:
        other = app.other_user()
        before = len(anchors(app))
        app.run("many", number=450)
        other.run("many", number=3)
        assert app.interpreter.remove_root(app.root) == 901
        assert len(anchors(app)) == before - 1 + 6
        assert dangling(app) == set()


def test_removing_again_finds_nothing(app: App) -> None:
    app.run("keep", text="once")
    assert app.interpreter.remove_root(app.root) == 3
    assert app.interpreter.remove_root(app.root) == 0


def test_what_the_interpreter_has_put_aside_is_removed_too(app: App) -> None:
    app.run("keep", text="aside")
    (data,) = (anchor for anchor in anchors(app) if "aside" in json.dumps(anchor))
    for key, text in ((data["id"], json.dumps(data)), ("broken", "{"), ("empty", None)):
        app.write("INSERT INTO anchors_quarantine (id, data) VALUES (?, ?)", (key, text))
    app.interpreter.remove_root(app.root)
    kept = app.query("SELECT id FROM anchors_quarantine ORDER BY id")
    assert kept == [("broken",), ("empty",)]


@pytest.mark.parametrize("walker", ["keep", "post_later"])
def test_a_walker_that_still_runs_for_a_deleted_user_leaves_nothing(app: App, walker: str) -> None:
    (room,) = app.other_user().run("open_room")
    node = room if walker == "post_later" else None
    inputs = b'{"text": "too late", "at_gate": true}'
    gate.reset()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: app.raw(walker, inputs, node=node))
        try:
            gate.wait_until_arrived()
            app.interpreter.remove_root(app.root)
        finally:
            gate.open()
        with pytest.raises(Forbidden):
            running.result()
    assert "too late" not in json.dumps(anchors(app))
    assert dangling(app) == set()


def test_a_walker_of_somebody_else_that_runs_meanwhile_keeps_its_work(app: App) -> None:
    other = app.other_user()
    (room,) = other.run("open_room")
    app.run("post", node=room, text="mine")
    gate.reset()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: other.run("post_later", node=room, text="theirs"))
        try:
            gate.wait_until_arrived()
            app.interpreter.remove_root(app.root)
        finally:
            gate.open()
        running.result()
    assert other.run("posts", node=room) == [["theirs"]]
    assert dangling(app) == set()


def test_a_deletion_that_was_broken_off_is_ended_at_the_next_start(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users = Users(f"sqlite:///{tmp_path}/users.db", Passwords())
    ada = users.register("ada@example.com", "correct horse", lambda: app.root)
    bob = users.register("bob@example.com", "correct horse", lambda: f"{uuid4().int >> 32:032x}")
    app.run("keep", text="hers")
    users.set_state(ada, State.DELETED)
    with caplog.at_level(logging.INFO, "jac_cloud.users"):
        deletion.end_deletions(users, app.interpreter)
    assert [user.email for user in users.all()] == [bob.email]
    assert "hers" not in json.dumps(anchors(app))
    (told,) = [record for record in caplog.records if record.message == "user deleted"]
    assert told.__dict__["removed"] == 3
    users.close()
