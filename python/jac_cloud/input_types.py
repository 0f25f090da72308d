"""What pydantic is to check, made of the annotations of a class's `has` fields.

JSON is taken strictly and exactly: a text is no number, and no number is rounded that another type
would have held.
"""

import dataclasses
import enum
import math
import sys
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, PydanticSerializationError, to_jsonable_python
from starlette.datastructures import UploadFile

from jac_cloud._jaclang import Archetype, EdgeArchetype, NodeArchetype, WalkerArchetype
from jac_cloud.errors import SpecError
from jac_cloud.unit import accessible_node

type HasField = dataclasses.Field[Any]

_CONFIG = ConfigDict(extra="ignore", arbitrary_types_allowed=True, allow_inf_nan=False)


def has_fields(cls: type) -> Iterator[HasField]:
    """The `has` fields that a constructor takes, less what the interpreter keeps for itself."""
    for field in dataclasses.fields(cls):
        if field.init and not field.name.startswith("__"):
            yield field


def is_required(field: HasField) -> bool:
    """Whether the field has no default."""
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def json_default(field: HasField) -> tuple[bool, Any]:
    """The field's default as JSON shows it, if it has one that JSON can show."""
    if field.default is dataclasses.MISSING:
        return False, None
    try:
        return True, to_jsonable_python(field.default)
    except PydanticSerializationError:
        return False, None


def details_of(error: ValidationError) -> list[dict[str, Any]]:
    """One {"type", "loc", "msg"} for each problem, without the input itself."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [{"type": each["type"], "loc": list(each["loc"]), "msg": each["msg"]} for each in found]


class FieldTypes:
    """The checks of one walker's fields, and of the classes that they are of.

    `finite`: what is checked holds no infinity, so that values of any type need no check.
    """

    def __init__(self, walker: type, finite: bool = False) -> None:
        self._any = Any if finite else Annotated[Any, AfterValidator(_finite)]
        self._walker_class = walker
        self._walker = walker.__name__
        self._being_made: set[type] = set()

    def shape(self, cls: type, fields: list[HasField]) -> Any:
        """A dictionary type of those fields; the ones without default must be there."""
        hints = self.hints(cls, fields)
        keys: dict[str, Any] = {}
        for field in fields:
            checked = self.checked(hints[field.name])
            if is_required(field):
                keys[field.name] = typing.Required[checked]
            else:
                keys[field.name] = typing.NotRequired[_with_default(checked, field)]
        # Called by another name: a checker takes the call for the definition of a type.
        typed_dict: Any = typing.TypedDict
        made = typed_dict(cls.__name__, keys, total=False)
        made.__pydantic_config__ = _CONFIG
        return made

    def hints(self, cls: type, fields: list[HasField]) -> dict[str, Any]:
        """Fields' types may be texts; all of them are resolved, or each for itself."""
        try:
            return typing.get_type_hints(cls, include_extras=True)
        except Exception:  # noqa: BLE001 - whatever an annotation's evaluation may raise
            return {field.name: self._resolved(cls, field) for field in fields}

    def checked(self, annotation: Any) -> Any:
        """The annotation as pydantic is to take it."""
        if annotation in (Any, object, any):
            return self._any
        if annotation is float:
            return Annotated[float, BeforeValidator(_exact)]
        if annotation is list:
            annotation = list[Any]
        elif annotation is dict:
            annotation = dict[str, Any]
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return Annotated[self.checked(args[0]), *args[1:]]
        if origin in (Union, types.UnionType):
            return Union[tuple(self.checked(member) for member in args)]  # noqa: UP007
        if origin is not None and origin is not Literal and isinstance(origin, type):
            return self._generic(annotation, origin, args)
        return self._class(annotation) if isinstance(annotation, type) else annotation

    def _resolved(self, cls: type, field: HasField) -> Any:
        if not isinstance(field.type, str):
            return field.type
        try:
            return eval(field.type, vars(sys.modules[cls.__module__]))  # noqa: S307 - app's own code
        except Exception as error:  # noqa: BLE001 - as above
            problem = f"has the type {field.type}, which is not known: {error}"
            raise SpecError(self._walker, field.name, problem) from None

    def _generic(self, annotation: Any, origin: type, args: tuple[Any, ...]) -> Any:
        if not all(isinstance(arg, type) or get_origin(arg) or arg is Any for arg in args):
            return annotation
        return types.GenericAlias(origin, tuple(self.checked(arg) for arg in args))

    def _class(self, cls: type) -> Any:
        if issubclass(cls, enum.Enum):
            return _enum(cls)
        if issubclass(cls, UploadFile):
            return _FILE
        if issubclass(cls, NodeArchetype):
            return Annotated[Any, PlainValidator(_node(cls)), WithJsonSchema({"type": "string"})]
        if not issubclass(cls, Archetype) or issubclass(cls, EdgeArchetype | WalkerArchetype):
            return cls
        if cls in self._being_made:
            check = PlainValidator(_later(cls, self._walker_class))
            return Annotated[Any, check, WithJsonSchema({"type": "object"})]
        self._being_made.add(cls)
        shape = self.shape(cls, list(has_fields(cls)))
        self._being_made.remove(cls)
        return Annotated[shape, AfterValidator(lambda values: cls(**values))]


def _with_default(checked: Any, field: HasField) -> Any:
    """So that a schema shows the default."""
    known, default = json_default(field)
    return Annotated[checked, Field(json_schema_extra={"default": default})] if known else checked


def _exact(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            exact = int(float(value)) == value
        except OverflowError:
            exact = False
        if not exact:
            raise PydanticCustomError("float_exact", "Input should be a number that a float holds")
    return value


def _finite(value: Any) -> Any:
    """JSON has no infinity, but 1e400 becomes one on its way."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise PydanticCustomError("finite_number", "Input should be a finite number")
        if isinstance(item, dict):
            left += item.values()
        elif isinstance(item, list):
            left += item
    return value


def _no_file(_value: Any) -> Any:
    raise PydanticCustomError("file", "Input should be a file, which only multipart/form-data has")


_FILE = Annotated[
    Any, PlainValidator(_no_file), WithJsonSchema({"type": "string", "format": "binary"})
]


def _enum(cls: type[enum.Enum]) -> Any:
    """An enum by its value, as the interpreter writes it, or by its name, as older clients do."""
    values = [member.value for member in cls]

    def read(value: Any) -> enum.Enum:
        for member in cls:
            if type(member.value) is type(value) and member.value == value:
                return member
        if isinstance(value, str) and value in cls.__members__:
            return cls[value]
        allowed = " or ".join(repr(member.value) for member in cls)
        raise PydanticCustomError("enum", "Input should be {allowed}", {"allowed": allowed})

    return Annotated[cls, PlainValidator(read), WithJsonSchema({"enum": values})]


def _node(cls: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "Input should be the id of a node")
        node = accessible_node(value)
        if not isinstance(node, cls):
            raise PydanticCustomError(
                "node_type",
                "Input should be the id of a node of type {name}",
                {"name": cls.__name__},
            )
        return node

    return read


def _later(cls: type, walker: type) -> Callable[[Any], Any]:
    """A class that holds others of itself: its check is made when it is first needed."""
    made: list[TypeAdapter[Any]] = []

    def read(value: Any) -> Any:
        if not made:
            made.append(TypeAdapter(FieldTypes(walker).shape(cls, list(has_fields(cls)))))
        try:
            return cls(**made[0].validate_python(value, strict=True))
        except ValidationError as error:
            first = details_of(error)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise PydanticCustomError(first["type"], f"{place}: {first['msg']}") from None

    return read
