"""What the server knows of a walker, parsed once, when the app is loaded."""

import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_origin

from jac_cloud.errors import SpecError
from jac_cloud.inputs import WalkerInput
from jac_cloud.placement import WITHOUT_BODY, path_parameters
from jac_cloud.specs import EntryType

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
METHODS = (*HTTP_METHODS, "websocket")

type Names = frozenset[str] | Literal["*"]


@dataclass(frozen=True, kw_only=True)
class WalkerSpec:
    """A walker and its specs. Frozen, and safe to share."""

    name: str
    cls: type
    input: WalkerInput
    is_async: bool = False
    """Some ability of the walker is a coroutine."""

    methods: tuple[str, ...] = ("post",)
    """How it may be called: HTTP methods and `websocket`, in lower case."""
    auth: bool = True
    """It wants a user; otherwise anyone may call it, as their own user."""
    private: bool = False
    """It is not to be called from outside at all."""
    path: str = ""
    """What follows /walker/NAME or /walker/NAME/{node}: empty, or with a leading slash; may hold
    {fields}."""
    as_query: Names = frozenset()
    """Fields that HTTP takes from the query rather than from the body; `*` for all."""
    excluded: Names = frozenset()
    """Fields that a caller cannot set; `*` for all."""
    entry_type: EntryType = EntryType.BOTH
    """Whether it may be spawned on the caller's root, on a node that the call names, or both."""
    notify: tuple[Any, ...] = ()
    """What it sends by `notify_*`, for the documents: types, or JSON Schemas as dicts."""
    webhook: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] | None = None

    # For the description of the HTTP interface, as FastAPI takes them.
    tags: tuple[str, ...] | None = None
    status_code: int | None = None
    summary: str | None = None
    description: str | None = None
    response_description: str = "Successful Response"
    response_model: Any = None
    response_class: Any = None
    responses: Mapping[int | str, Any] | None = None
    deprecated: bool | None = None
    include_in_schema: bool = True
    operation_name: str | None = None
    openapi_extra: Mapping[str, Any] | None = None

    @property
    def websocket(self) -> bool:
        """Whether it may be called through a WebSocket."""
        return "websocket" in self.methods and not self.private

    @property
    def docstring(self) -> str:
        """What the app's author says of the walker, if anything."""
        text = inspect.cleandoc(self.cls.__doc__ or "")
        # A dataclass without a docstring gets its own signature for one.
        return "" if text.startswith(f"{self.name}(") else text


def parse(cls: type, is_async: bool = False) -> WalkerSpec:
    """The spec of a walker class. SpecError, naming walker and field, when a value is wrong.

    Without `__specs__` a walker is called with POST, by a user.
    """
    name = cls.__name__
    values: dict[str, Any] = {}
    for field, value in _stated(cls).items():
        if field not in _CHECKS:
            near = difflib.get_close_matches(field, _CHECKS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SpecError(name, field, f"is not a field of __specs__{hint}")
        check, expected = _CHECKS[field]
        try:
            values[_RENAMED.get(field, field)] = check(value)
        except (TypeError, ValueError):
            raise SpecError(name, field, f"is {value!r}, but must be {expected}") from None
    excluded: Names = values.get("excluded", frozenset())
    walker_input = WalkerInput(cls, excluded)
    for field in ("as_query", "excluded"):
        unknown = set(values.get(field, ())) - {"*"} - walker_input.all_fields
        if unknown:
            raise SpecError(name, field, f"names {', '.join(sorted(unknown))}, which it has not")
    spec = WalkerSpec(name=name, cls=cls, input=walker_input, is_async=is_async, **values)
    _check_places(spec)
    return spec


def _check_places(spec: WalkerSpec) -> None:
    """SpecError where a request could not carry what the walker takes."""
    for field in path_parameters(spec.path):
        if field not in spec.input.fields - spec.input.files.keys():
            raise SpecError(spec.name, "path", f"names {field}, which a caller cannot set by it")
        if field == "node" and spec.entry_type is not EntryType.ROOT:
            raise SpecError(spec.name, "path", "names node, which is the node's own place")
    for field in spec.input.files:
        for method in spec.methods:
            if method in WITHOUT_BODY and not spec.private:
                raise SpecError(spec.name, "methods", f"has {method}, which cannot carry {field}")


def _stated(cls: type) -> dict[str, Any]:
    """What `__specs__` says: a Jac class, a Jac obj (a dataclass) or a Python class."""
    stated: dict[str, Any] = {}
    specs = getattr(cls, "__specs__", None)
    if specs is None:
        return stated
    if not isinstance(specs, type):
        specs = type(specs)
    for base in reversed(specs.__mro__[:-1]):
        stated |= {
            field: value
            for field, value in vars(base).items()
            if not field.startswith("_") and not hasattr(value, "__get__")
        }
    if dataclasses.is_dataclass(specs):
        for has in dataclasses.fields(specs):
            if has.default_factory is not dataclasses.MISSING:
                stated[has.name] = has.default_factory()
            elif has.default is not dataclasses.MISSING:
                stated[has.name] = has.default
    return stated


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return check


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise TypeError
    if not all(isinstance(item, str) for item in value):
        raise TypeError
    return tuple(value)


def _methods(value: Any) -> tuple[str, ...]:
    methods = tuple(dict.fromkeys(method.lower() for method in _texts(value)))
    if not methods or not set(methods) <= set(METHODS):
        raise ValueError
    return methods


def _names(value: Any) -> Names:
    if value == "*":
        return "*"
    if isinstance(value, str):
        return frozenset({value} - {""})
    names = frozenset(_texts(value))
    return "*" if "*" in names else names


def _entry_type(value: Any) -> EntryType:
    return EntryType(value.upper() if isinstance(value, str) else value)


def _path(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    path_parameters(value)
    path = value.strip("/")
    return f"/{path}" if path else ""


def _payloads(value: Any) -> tuple[Any, ...]:
    payloads = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(each, type | Mapping) or get_origin(each) for each in payloads):
        raise TypeError
    return payloads


def _mapping(value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return dict(value)


def _status_code(value: Any) -> int:
    status = int(value) if isinstance(value, str) else value
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError
    return status


_FLAG = (_exactly(bool), "true or false")
_TEXT = (_optional(_exactly(str)), "a text")
_DICT = (_optional(_mapping), "a dict")
_FIELDS = (_names, 'a list of field names, or "*"')
_CHECKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "methods": (_methods, "a list of some of " + ", ".join(METHODS)),
    "auth": _FLAG,
    "private": _FLAG,
    "path": (_path, "a path whose {braces} name fields"),
    "as_query": _FIELDS,
    "excluded": _FIELDS,
    "entry_type": (_entry_type, "ROOT, NODE or BOTH"),
    "notify": (_payloads, "a type, a JSON Schema as a dict, or a list of them"),
    "webhook": _DICT,
    "schedule": _DICT,
    "tags": (_optional(_texts), "a list of texts"),
    "status_code": (_optional(_status_code), "an HTTP status from 200 to 599"),
    "summary": _TEXT,
    "description": _TEXT,
    "response_description": (_exactly(str), "a text"),
    "response_model": (lambda value: value, "a type"),
    "response_class": (lambda value: value, "a type"),
    "responses": _DICT,
    "deprecated": (_optional(_exactly(bool)), "true or false"),
    "include_in_schema": _FLAG,
    "name": _TEXT,
    "openapi_extra": _DICT,
}
_RENAMED = {"name": "operation_name"}
