"""Reports as JSON: as the interpreter's own API shows them, or as older clients expect them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from in_process import App, loaded
from jac_cloud._jaclang import Serializer
from jac_cloud._native import encode_json
from jac_cloud.errors import WalkerFailed
from jac_cloud.reports import root_id


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with loaded("reports", tmp_path) as app:
        yield app


def test_nodes_and_objects_are_shown_as_the_interpreters_api_shows_them(app: App) -> None:
    book, point, nested, root = app.run("shapes")
    key = book.pop("_jac_id")
    assert book == {
        "_jac_type": "Book",
        "_jac_archetype": "node",
        "title": "One",
        "pages": 2,
        "color": "b",
        "tags": ["a"],
    }
    assert app.query(f"SELECT count(*) FROM anchors WHERE replace(id, '-', '') = '{key}'") == [(1,)]
    assert (point["_jac_type"], point["x"], point["y"]) == ("Point", 1, 2)
    assert nested == [{"book": {"_jac_id": key, **book}}]
    assert (root["_jac_type"], root["_jac_id"]) == ("Root", app.root)


def test_the_order_of_keys_is_the_interpreters(app: App) -> None:
    text = app.raw("shapes").decode()
    keys = ("_jac_type", "_jac_id", "_jac_archetype", "color", "pages", "tags", "title")
    places = [text.index(f'"{key}"') for key in keys]
    assert places == sorted(places)


def test_values_of_other_types_are_encoded_as_the_interpreter_does(app: App) -> None:
    plain, color, rank, keys, moment, uuid, inner, text = app.run("values")
    assert plain == [1, 10**40, 0.5, "ü\n", None, True, {"k": [[]]}]
    assert (color, rank) == ("r", 2)
    assert list(keys.values()) == ["one", 2]
    assert (moment, uuid) == ("2026-01-02 03:04:05", "00000000-0000-0000-0000-00000000000a")
    assert inner == {"inner": {"deep": Serializer.serialize({1}, api_mode=True)}}
    assert text == "b'ab'"


def test_what_is_not_a_number_fails_the_walker_and_names_the_key(app: App) -> None:
    with pytest.raises(WalkerFailed) as raised:
        app.run("not_a_number")
    assert "wrong" in raised.value.message
    assert app.run("books") == [0]


def test_a_report_that_holds_itself_fails_the_walker(app: App) -> None:
    with pytest.raises(WalkerFailed):
        app.run("endless")
    assert app.run("books") == [0]


def test_the_older_form_has_ids_contexts_and_names_of_enums(tmp_path: Path) -> None:
    with loaded("reports", tmp_path, report_format="cloud") as app:
        book, point, nested, root = app.run("shapes")
        kind, name, digits = book["id"].split(":")
        assert (kind, name, len(digits) >= 24) == ("n", "Book", True)
        assert book["context"] == {"title": "One", "pages": 2, "color": "BLUE", "tags": ["a"]}
        assert point == {"x": 1, "y": 2}
        assert nested == [{"book": book}]
        assert root == {"id": f"n::{app.root[8:]}", "context": {}}
        plain, color, rank, keys, *_ = app.run("values")
        assert plain[:3] == [1, 10**40, 0.5]
        assert (color, rank) == ("RED", "HIGH")
        assert list(keys.values()) == ["one", 2]


def test_a_node_goes_by_the_id_that_its_report_had(tmp_path: Path) -> None:
    with loaded("reports", tmp_path, report_format="cloud") as app:
        book = app.run("shapes")[0]
        assert app.run("books", node=book["id"]) == []


def test_notifications_take_what_reports_take(app: App) -> None:
    assert app.run("notify") == [0, 0, 0]
    encoded: Any = json.loads(encode_json({"found": {"at": __import__("uuid").UUID(int=1)}}))
    assert encoded == {"found": {"at": "00000000-0000-0000-0000-000000000001"}}


def test_only_roots_are_users(app: App) -> None:
    with pytest.raises(TypeError):
        root_id(3)
    with pytest.raises(WalkerFailed):
        app.run("notify_wrongly")
