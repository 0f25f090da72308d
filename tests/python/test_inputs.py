"""A walker's input: what fits its `has` fields, exactly, and what is said about what does not."""

import json
from typing import Any

import pytest

from in_process import App
from jac_cloud.errors import Forbidden, InvalidInput

APP = "inputs"


def refused(app: App, walker: str, given: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    with pytest.raises(InvalidInput) as raised:
        app.raw(walker, given if isinstance(given, bytes) else json.dumps(given).encode())
    return raised.value.details


WHOLE_NUMBERS = [0, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**70]


@pytest.mark.parametrize("number", WHOLE_NUMBERS)
def test_a_whole_number_of_any_size_arrives_exactly(app: App, number: int) -> None:
    values, types = app.run("numbers", whole=number, any_number=number)
    assert (values[0], values[2]) == (number, number)
    assert (types[0], types[2]) == ("int", "int")


@pytest.mark.parametrize(
    "text", ["1.0", "1e2", "9007199254740993.0", "1E400", '"1"', "true", "null"]
)
def test_what_is_no_whole_number_is_refused_as_one(app: App, text: str) -> None:
    [detail] = refused(app, "numbers", f'{{"whole": {text}}}'.encode())
    assert detail["loc"] == ["whole"]


@pytest.mark.parametrize("number", [0.1, -0.0, 1.5e300, 5e-324])
def test_a_real_number_arrives_as_it_is(app: App, number: float) -> None:
    values, _ = app.run("numbers", real=number, any_number=number)
    assert (repr(values[1]), repr(values[2])) == (repr(number), repr(number))


def test_a_whole_number_fits_a_real_one_if_it_loses_nothing(app: App) -> None:
    values, types = app.run("numbers", real=2**53)
    assert (values[1], types[1]) == (2**53, "float")
    for number in (2**53 + 1, 10**400):
        [detail] = refused(app, "numbers", {"real": number})
        assert detail["loc"] == ["real"]


@pytest.mark.parametrize("text", ["1E400", "-1e999", "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["real", "any_number"])
def test_there_is_no_infinity(app: App, field: str, text: str) -> None:
    assert refused(app, "numbers", f'{{"{field}": {text}}}'.encode())
    assert refused(app, "numbers", f'{{"any_number": [{{"deep": {text}}}]}}'.encode())
    assert refused(app, "kinds", f'{{"free": {{"deep": {text}}}}}'.encode())


def test_every_kind_of_field_takes_what_fits_it(app: App) -> None:
    given: dict[str, Any] = {
        "text": "ü",
        "flag": False,
        "texts": ["x", "y"],
        "free": {"a": [1, {"b": None}]},
        "table": {"n": 1},
        "either": "word",
        "maybe": 3,
        "pair": [7, "b"],
        "choice": "b",
        "moment": "2026-01-02T03:04:05",
        "key": "00000000-0000-0000-0000-00000000000a",
        "letters": ["q", "p", "q"],
    }
    [got] = app.run("kinds", **given)
    assert got == {**given, "key": f"{10:032x}", "letters": ["p", "q"]}


def test_fields_that_are_not_given_have_their_defaults(app: App) -> None:
    [got] = app.run("kinds")
    assert (got["text"], got["texts"], got["pair"], got["letters"]) == ("t", ["a"], [1, "a"], ["x"])


def test_a_default_list_is_each_walkers_own(app: App) -> None:
    assert app.run("defaults") == [[1]]
    assert app.run("defaults") == [[1]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 1),
        ("flag", "yes"),
        ("flag", 1),
        ("texts", "ab"),
        ("texts", [1]),
        ("free", []),
        ("table", {"n": "1"}),
        ("either", 1.5),
        ("maybe", "3"),
        ("pair", [1]),
        ("choice", "c"),
        ("moment", "soon"),
        ("key", "1"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_fields_name(app: App, field: str, value: Any) -> None:
    details = refused(app, "kinds", {field: value})
    assert {detail["loc"][0] for detail in details} == {field}
    for detail in details:
        assert set(detail) == {"type", "loc", "msg"}


def test_every_problem_is_named_at_once(app: App) -> None:
    details = refused(app, "needs", {"two": 2})
    assert [detail["loc"] for detail in details] == [["one"], ["two"]]
    assert details[0] == {"type": "missing", "loc": ["one"], "msg": "Field required"}


def test_a_refusal_does_not_repeat_the_input(app: App) -> None:
    assert "hunter2" not in json.dumps(
        refused(app, "needs", {"one": "hunter2", "two": ["hunter2"]})
    )


def test_an_input_that_is_no_object_is_refused(app: App) -> None:
    for given in (b"[]", b"1", b'"x"', b"null", b"{", b"{} {}"):
        assert refused(app, "numbers", given)
        assert refused(app, "make", given)


def test_no_input_is_an_empty_one(app: App) -> None:
    assert json.loads(app.raw("defaults", b"")) == [[1]]


def test_enums_come_by_value_or_by_name(app: App) -> None:
    assert app.run("enums", color="b", levels=[1, "HIGH"]) == [["BLUE", "LOW", "HIGH"]]
    assert app.run("enums", color="BLUE") == [["BLUE"]]
    [detail] = refused(app, "enums", {"color": "green"})
    assert detail == {"type": "enum", "loc": ["color"], "msg": "Input should be 'r' or 'b'"}
    assert refused(app, "enums", {"levels": [True]})


def test_objects_come_with_their_fields(app: App) -> None:
    line = {"points": [{"x": 1}, {"x": 3, "y": 4, "z": 5}], "color": "b"}
    assert app.run("objects", line=line) == [["BLUE", [1, 2], [3, 4]]]
    [detail] = refused(app, "objects", {"line": {"points": [{"y": 1}]}})
    assert detail["loc"] == ["line", "points", 0, "x"]


def test_objects_may_hold_objects_of_their_own_kind(app: App) -> None:
    tree = {"name": "a", "below": [{"name": "b", "below": [{"name": "c"}]}]}
    assert app.run("objects", tree=tree) == [["a", "c"]]
    tree["below"] = [{"name": "b", "below": [{"name": 1}]}]
    [detail] = refused(app, "objects", {"tree": tree})
    assert detail["loc"][:3] == ["tree", "below", 0]


def test_nodes_come_by_their_ids_in_every_spelling(app: App) -> None:
    [one], [two] = app.run("make", name="one"), app.run("make", name="two")
    [other] = app.run("make", name="other", other=True)
    got = app.run("nodes", item=f"n::{one}", items=[two, f"n:Item:{one}"], named={"k": other})
    assert got == [["one", ["two", "one"], {"k": "other"}]]


def test_a_node_of_another_type_does_not_fit(app: App) -> None:
    [other] = app.run("make", other=True)
    [detail] = refused(app, "nodes", {"item": other})
    assert detail == {
        "type": "node_type",
        "loc": ["item"],
        "msg": "Input should be the id of a node of type Item",
    }
    assert refused(app, "nodes", {"item": 1})


def test_a_node_that_is_not_the_callers_is_forbidden(app: App) -> None:
    [theirs] = app.other_user().run("make", name="theirs")
    for node in (theirs, "0" * 24 + "f" * 8, "nonsense"):
        with pytest.raises(Forbidden):
            app.run("nodes", items=[node])


def test_fields_that_a_walker_does_not_have_are_ignored(app: App) -> None:
    given = {
        "__class__": "dict",
        "__init__": 1,
        "__jac__": {"id": 1},
        "__proto__": {},
        "self": 1,
        "reports": ["mine"],
        "tell": 1,
        "unknown": 1,
    }
    assert (
        app.run("untouched") == app.run("untouched") == [["untouched", "WalkerAnchor", True, True]]
    )
    assert json.loads(app.raw("untouched", json.dumps(given).encode())) == [
        ["untouched", "WalkerAnchor", True, True]
    ]


def test_fields_may_have_names_that_mean_something_elsewhere(app: App) -> None:
    assert app.run("odd_names", copy=1, schema=2, json=3, _hidden=4) == [[1, 2, 3, 4]]


def test_excluded_fields_keep_their_defaults(app: App) -> None:
    assert app.run("partly_excluded", mine=5, theirs=6) == [[1, 6]]


def test_the_input_has_a_schema_for_documents(app: App) -> None:
    schema = app.interpreter.walkers["needs"].input.adapter.json_schema()
    assert schema["required"] == ["one", "two"]
    for spec in app.interpreter.walkers.values():
        assert spec.input.adapter.json_schema()["type"] == "object"
