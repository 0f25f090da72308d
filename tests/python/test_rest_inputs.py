"""Where REST takes a walker's fields from: path, query and body, by every method."""

import json
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import ServerProcess


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("answers")


def reported(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["reports"][0]


def places(answer: httpx.Response) -> list[Any]:
    """Where the problems are that a request is refused for."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["code"] == "invalid_event"
    assert all(problem.keys() == {"type", "loc", "msg"} for problem in body["error"])
    return sorted(problem["loc"][:2] for problem in body["error"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_method_with_a_body_takes_the_fields_from_it(http: httpx.Client, method: str) -> None:
    assert reported(http.request(method, "/walker/every_method", json={"value": 7})) == 7
    assert reported(http.request(method, "/walker/every_method?value=7")) == 0


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "TRACE"])
def test_a_method_without_a_body_takes_the_fields_from_the_query(
    http: httpx.Client, method: str
) -> None:
    assert reported(http.request(method, "/walker/every_method?value=7")) == 7


def test_head_is_answered_as_get_without_the_body(http: httpx.Client) -> None:
    get, head = http.get("/walker/every_method"), http.head("/walker/every_method")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


def test_the_query_holds_every_kind_of_field(http: httpx.Client) -> None:
    query = {
        "word": "5",
        "count": "-12",
        "real": "1.5",
        "flag": "true",
        "numbers": ["1", "2"],
        "words": ["a", "1"],
        "color": "b",
        "level": "2",
        "maybe": "3",
        "either": "word",
        "anything": "[1]",
        "address": '{"street": "s"}',
        "table": '{"a": 1}',
    }
    assert reported(http.get("/walker/from_query", params=query)) == {
        "word": "5",
        "count": -12,
        "real": 1.5,
        "flag": True,
        "numbers": [1, 2],
        "words": ["a", "1"],
        "color": "BLUE",
        "level": "HIGH",
        "maybe": 3,
        "either": "word",
        "anything": "[1]",
        "street": "s",
        "table": {"a": 1},
    }


def test_the_query_names_enums_too_and_a_list_of_one(http: httpx.Client) -> None:
    query = {"color": "BLUE", "level": "HIGH", "numbers": "4", "words": "z"}
    got = reported(http.get("/walker/from_query", params=query))
    assert (got["color"], got["level"], got["numbers"], got["words"]) == (
        "BLUE",
        "HIGH",
        [4],
        ["z"],
    )


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("count", "x"),
        ("count", ""),
        ("count", "1.5"),
        ("count", "01"),
        ("count", "1,2"),
        ("real", "nan"),
        ("real", "1e999"),
        ("flag", "yes"),
        ("flag", "1"),
        ("numbers", "1.5"),
        ("color", "green"),
        ("maybe", "none"),
        ("address", '{"number": 1}'),
        ("address", "street"),
        ("table", '{"a": "1"}'),
        ("table", '{"a": 1}, "count": 5'),
    ],
)
def test_what_does_not_fit_is_named_by_its_place_in_the_query(
    http: httpx.Client, field: str, text: str
) -> None:
    assert places(http.get("/walker/from_query", params={field: text})) == [["query", field]]


def test_a_field_that_takes_one_value_is_not_given_two(http: httpx.Client) -> None:
    for field, text in (("word", "a"), ("count", "1"), ("flag", "true")):
        answer = http.get("/walker/from_query", params={field: [text, text]})
        assert places(answer) == [["query", field]]


def test_a_query_is_not_nested_deeper_than_a_body(http: httpx.Client) -> None:
    deep = '{"a":' * 70 + "1" + "}" * 70
    answer = http.get("/walker/from_query", params={"table": deep})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_body_that_a_get_brings_means_nothing(http: httpx.Client) -> None:
    answer = http.request("GET", "/walker/every_method?value=1", content=b"{nonsense")
    assert reported(answer) == 1


def test_a_path_holds_fields_beside_query_and_body(http: httpx.Client) -> None:
    path = "/walker/in_path/rooms/a%20b/12?page=3"
    body = {"text": "t", "page": 9, "room": "other", "secret": "told"}
    assert reported(http.post(path, json=body)) == ["a b", 12, 3, "t", "kept"]
    assert reported(http.get(f"{path}&text=q&secret=told")) == ["a b", 12, 3, "q", "kept"]


def test_a_path_on_a_node_names_the_node_before_it(http: httpx.Client) -> None:
    node = reported(http.post("/walker/note"))["_jac_id"]
    assert reported(http.post(f"/walker/in_path/{node}/rooms/r/1"))[:2] == ["r", 1]
    answer = http.post(f"/walker/in_path/{'7' * 32}/rooms/r/1")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_what_is_wrong_in_each_part_is_said_at_once(http: httpx.Client) -> None:
    answer = http.post("/walker/in_path/rooms/r/x?page=y", json={"text": 1})
    assert places(answer) == [["body", "text"], ["path", "number"], ["query", "page"]]


@pytest.mark.parametrize("path", ["", "/rooms", "/rooms/r", "/rooms/r/1/", "/rooms/r/1/x/y"])
def test_another_path_of_a_walker_is_not_there(http: httpx.Client, path: str) -> None:
    answer = http.post(f"/walker/in_path{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_every_field_may_be_left_to_the_query(http: httpx.Client) -> None:
    answer = http.post("/walker/all_in_query?first=f", json={"second": 9})
    assert reported(answer) == ["f", 2]
    assert places(http.post("/walker/all_in_query")) == [["query", "first"]]


def test_a_field_that_is_excluded_cannot_be_set(http: httpx.Client) -> None:
    for answer in (
        http.post("/walker/nothing_to_set", json={"first": "theirs"}),
        http.post("/walker/nothing_to_set?first=theirs"),
    ):
        assert reported(answer) == "mine"


def test_a_decorator_says_what_a_class_of_specs_does(http: httpx.Client) -> None:
    assert reported(http.put("/walker/decorated/ada")) == "ada"
    assert http.post("/walker/decorated/ada").headers["allow"] == "PUT"


def test_a_python_class_has_the_same_specs(serve: Serve, tmp_path: Any) -> None:
    app = tmp_path / "app" / "app.py"
    app.parent.mkdir()
    app.write_text(
        "from jaclang.lib import Root, Walker, on_entry\n"
        "from jac_cloud.plugin import specs\n"
        "@specs(methods=['get', 'post'], path='/{name}', auth=False, as_query='*')\n"
        "class greet(Walker):\n"
        "    name: str\n"
        "    times: int = 1\n"
        "    @on_entry\n"
        "    def enter(self, here: Root) -> None:\n"
        "        self.reports.append(self.name * self.times)\n"
    )
    with serve(app).http() as http:
        assert http.get("/walker/greet/ab?times=2").status_code == 200
        assert places(http.post("/walker/greet/ab?times=x")) == [["query", "times"]]


def test_entry_types_say_which_paths_there_are(http: httpx.Client) -> None:
    node = reported(http.post("/walker/note"))["_jac_id"]
    assert reported(http.post("/walker/on_root")) == "ran"
    assert http.post(f"/walker/on_root/{node}").status_code == 404
    assert reported(http.post(f"/walker/on_node/{node}")) == "ran"
    assert http.post("/walker/on_node").status_code == 404


async def test_entry_types_hold_for_events_too(server: ServerProcess) -> None:
    async with await server.websocket() as client:
        note = (await client.walker("note"))["reports"][0]["_jac_id"]
        event = {"type": "walker", "response": True}
        on_node = await client.ask(event | {"walker": "on_node"})
        on_root = await client.ask(event | {"walker": "on_root", "node": note})
        assert [on_node["code"], on_root["code"]] == ["invalid_event"] * 2
        assert on_node["error"][0]["loc"] == on_root["error"][0]["loc"] == ["node"]


def test_the_allowed_methods_are_those_of_the_path(http: httpx.Client) -> None:
    answer = http.post("/walker/from_query")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, TRACE"


def test_older_clients_get_the_form_of_reports_that_they_know(serve: Serve) -> None:
    with serve("answers", report_format="cloud").http() as http:
        note = reported(http.post("/walker/note"))
        assert note["context"] == {"text": "n"}
        assert json.dumps(note["id"]).startswith('"n:Note:')
        assert reported(http.post(f"/walker/on_node/{note['id']}")) == "ran"
