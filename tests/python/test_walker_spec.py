"""`__specs__`, in all its spellings, parsed once; what is wrong is said by walker and field."""

from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest

from jac_cloud._jaclang import WalkerArchetype
from jac_cloud.errors import SpecError
from jac_cloud.specs import EntryType, specs
from jac_cloud.walker_spec import WalkerSpec, parse


def walker(**stated: Any) -> type:
    class Greet(WalkerArchetype):  # type: ignore[misc]
        name: str = ""
        token: str = "t"

    if stated:
        Greet.__specs__ = type("__specs__", (), stated)
    return Greet


def spec(**stated: Any) -> WalkerSpec:
    return parse(walker(**stated))


def test_a_walker_without_specs_is_posted_by_users() -> None:
    found = spec()
    assert (found.name, found.methods, found.auth, found.private) == (
        "Greet",
        ("post",),
        True,
        False,
    )
    assert not found.websocket


def test_specs_are_parsed_into_their_types() -> None:
    found = spec(
        methods=["WebSocket", "GET", "post", "get"],
        auth=False,
        path="/greet/{name}",
        as_query=["name"],
        excluded="token",
        entry_type="node",
        tags=["a"],
        status_code=201,
        deprecated=True,
        name="greeting",
        responses={404: {"description": "nobody"}},
    )
    assert found.methods == ("websocket", "get", "post")
    assert found.websocket
    assert not found.auth
    assert found.path == "/greet/{name}"
    assert found.as_query == frozenset({"name"})
    assert found.excluded == frozenset({"token"})
    assert found.entry_type is EntryType.NODE
    assert (found.tags, found.status_code, found.deprecated) == (("a",), 201, True)
    assert (found.name, found.operation_name) == ("Greet", "greeting")
    assert found.responses == {404: {"description": "nobody"}}
    assert found.input.fields == {"name"}


def test_a_private_walker_is_not_called_by_websocket() -> None:
    assert not spec(methods=["websocket"], private=True).websocket


def test_a_star_means_every_field() -> None:
    assert spec(as_query="*", excluded="*").input.fields == frozenset()
    assert spec(as_query=["*"]).as_query == "*"


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        spec().auth = False  # type: ignore[misc]


def test_specs_may_be_a_dataclass_and_inherit() -> None:
    class Common:
        auth = False

    @dataclass
    class Specs(Common):
        methods: list[str] = field(default_factory=lambda: ["websocket"])

    cls = walker()
    cls.__specs__ = Specs  # type: ignore[attr-defined]
    found = parse(cls)
    assert (found.methods, found.auth) == (("websocket",), False)


def test_a_decorator_says_the_same() -> None:
    found = parse(specs(methods=["websocket"], auth=False)(walker()))
    assert (found.methods, found.auth) == (("websocket",), False)
    assert parse(specs(walker())).methods == ("post",)
    assert parse(specs(methods=["get"])(walker(methods=["put"]))).methods == ("put",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("methods", "websocket"),
        ("methods", []),
        ("methods", ["posts"]),
        ("methods", [1]),
        ("auth", "no"),
        ("auth", None),
        ("private", 1),
        ("path", None),
        ("as_query", 1),
        ("as_query", ["nothing"]),
        ("excluded", ["nothing"]),
        ("entry_type", "leaf"),
        ("webhook", []),
        ("schedule", "daily"),
        ("tags", "tag"),
        ("status_code", 99),
        ("summary", 1),
        ("responses", []),
        ("deprecated", "yes"),
        ("include_in_schema", 1),
    ],
)
def test_a_wrong_value_names_walker_and_field(name: str, value: Any) -> None:
    with pytest.raises(SpecError) as raised:
        spec(**{name: value})
    assert str(raised.value).startswith(f"walker Greet: {name} ")
    assert "\n" not in str(raised.value)
    assert (raised.value.walker, raised.value.field) == ("Greet", name)


def test_a_field_that_specs_do_not_have_is_told_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"walker Greet: method is not a field .* mean methods"):
        spec(method=["post"])


def test_a_field_without_default_cannot_be_excluded() -> None:
    class Needs(WalkerArchetype):  # type: ignore[misc]
        name: str

        class __specs__:  # noqa: N801
            excluded = "name"

    with pytest.raises(SpecError, match="walker Needs: excluded holds name, which has no default"):
        parse(Needs)


def test_a_field_of_an_unknown_type_is_told() -> None:
    class Odd(WalkerArchetype):  # type: ignore[misc]
        thing: "Nowhere"  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(SpecError, match="walker Odd: thing has the type Nowhere"):
        parse(Odd)
