"""What a walker takes: its `has` fields, checked and converted by pydantic."""

import dataclasses
from collections.abc import Iterable
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from starlette.datastructures import UploadFile

from jac_cloud._native import may_hold_infinity
from jac_cloud.errors import InvalidInput, SpecError
from jac_cloud.input_types import FieldTypes, HasField, details_of, has_fields, is_required

_NO_FILE = "A file can be sent by REST only, as multipart/form-data"


@dataclasses.dataclass(frozen=True, slots=True)
class FileField:
    """A field of type UploadFile: whether it takes several, and whether it may be left out."""

    many: bool
    required: bool


class InputPart:
    """Checks some fields of one walker. Frozen once made, and safe to share."""

    def __init__(self, walker: type, fields: list[HasField]) -> None:
        self.shape = FieldTypes(walker).shape(walker, fields)
        """The dictionary type of the fields."""
        self.adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(self.shape)
        # A call of Python for each value of a list is what most texts can do without.
        finite = FieldTypes(walker, finite=True).shape(walker, fields)
        self._finite_adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(finite)

    def read(self, text: bytes) -> dict[str, Any]:
        """The walker's arguments from the JSON text of an object: those only that were given.

        InvalidInput otherwise. Call it inside the unit of work: nodes are read there. Forbidden
        when one of them is not the caller's to see.
        """
        try:
            adapter = self.adapter if may_hold_infinity(text) else self._finite_adapter
            return adapter.validate_json(text or b"{}", strict=True)
        except ValidationError as error:
            raise InvalidInput(details_of(error)) from None

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the fields; of anything, where a type of theirs has none."""
        try:
            return self.adapter.json_schema()
        except PydanticInvalidForJsonSchema:
            return {}


class WalkerInput(InputPart):
    """Checks the input of one walker. Frozen once made, and safe to share.

    SpecError when a field's type is not known, or when a field that callers cannot set has no
    default.
    """

    def __init__(self, walker: type, excluded: frozenset[str] | Literal["*"]) -> None:
        self._walker = walker
        has = {field.name: field for field in has_fields(walker)}
        self.all_fields = frozenset(has)
        settable = {}
        for name, field in has.items():
            if excluded == "*" or name in excluded:
                if is_required(field):
                    problem = f"holds {name}, which has no default"
                    raise SpecError(walker.__name__, "excluded", problem)
            else:
                settable[name] = field
        self.has = settable
        """The fields that a caller may set, in their order."""
        self.fields = frozenset(settable)
        self.required = frozenset(name for name, field in settable.items() if is_required(field))
        types = FieldTypes(walker)
        self._hints = types.hints(walker, list(settable.values()))
        self.files = {
            name: FileField(kind == "files", name in self.required)
            for name in settable
            if (kind := _file_kind(self._hints[name]))
        }
        """Those of type UploadFile."""
        try:
            super().__init__(walker, list(settable.values()))
        except (PydanticUserError, NameError, TypeError) as error:
            problem = str(error).splitlines()[0]
            raise SpecError(
                walker.__name__, "its input", f"cannot be checked: {problem}"
            ) from error

    def read(self, text: bytes) -> dict[str, Any]:
        """As of each part. A walker that needs a file takes no JSON text at all."""
        missing = [name for name, file in self.files.items() if file.required]
        if missing:
            raise InvalidInput([{"type": "file", "loc": [at], "msg": _NO_FILE} for at in missing])
        return super().read(text)

    def annotation(self, name: str) -> Any:
        """A field's type as pydantic checks it."""
        return FieldTypes(self._walker).checked(self._hints[name])

    def part(self, names: Iterable[str]) -> InputPart:
        """The check of some of the fields only."""
        fields = [field for name, field in self.has.items() if name in names]
        return InputPart(self._walker, fields)


def _file_kind(annotation: Any) -> Literal["file", "files"] | None:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _file_kind(args[0])
    if origin in (Union, UnionType):
        kinds = {_file_kind(member) for member in args if member is not type(None)}
        return kinds.pop() if len(kinds) == 1 else None
    if origin is list:
        return "files" if _file_kind(args[0]) == "file" else None
    return "file" if isinstance(annotation, type) and issubclass(annotation, UploadFile) else None
