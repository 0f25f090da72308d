"""Texts of a query, a path or a form as JSON, so that the walker's input has one judge."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic_core import from_json

_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
# In this order: True is an int to Python.
_NAMES = ((str, "string"), (bool, "boolean"), (int, "integer"), (float, "number"))


@dataclass(frozen=True)
class TextForm:
    """What a field's type makes of texts: the types of JSON that it takes, and of its items."""

    types: frozenset[str]
    items: "tuple[TextForm, ...]" = field(default=())

    @classmethod
    def of(cls, schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> Self:
        """From the JSON Schema of the field."""
        if reference := schema.get("$ref"):
            # One that leads back to itself is an object's.
            if depth > len(definitions):
                return cls(frozenset({"object"}))
            return cls.of(definitions[reference.rpartition("/")[2]], definitions, depth + 1)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            forms = [cls.of(choice, definitions, depth) for choice in choices]
            types = frozenset[str]().union(*(form.types for form in forms))
            return cls(types, next((form.items for form in forms if form.items), ()))
        if "enum" in schema or "const" in schema:
            return cls(frozenset(map(_name, schema.get("enum", [schema.get("const")]))))
        if "type" not in schema:
            return cls(_SCALARS)
        if schema["type"] != "array":
            return cls(frozenset({schema["type"]}))
        items = schema.get("prefixItems") or [schema.get("items", {})]
        return cls(frozenset({"array"}), tuple(cls.of(item, definitions, depth) for item in items))

    @property
    def takes_text(self) -> bool:
        """Whether a text is taken as it is; otherwise it is JSON."""
        return "string" in self.types

    @property
    def is_list(self) -> bool:
        """Whether a text is one item of several."""
        return "array" in self.types and not self.takes_text

    @property
    def is_plain(self) -> bool:
        """Whether nobody has to write JSON: words and numbers, or a list of them."""
        if self.is_list:
            return "object" not in self.types and all(form.is_plain for form in self.items)
        return self.types <= _SCALARS

    def json(self, texts: Sequence[str]) -> str:
        """The JSON of a field that was given these texts; too many become a list that is refused
        by the walker's input.
        """
        if not self.is_list and len(texts) == 1:
            return self.literal(texts[0])
        last = len(self.items) - 1
        forms = [self.items[min(at, last)] if self.items else self for at in range(len(texts))]
        items = (form.literal(text) for form, text in zip(forms, texts, strict=True))
        return f"[{','.join(items)}]"

    def literal(self, text: str) -> str:
        """The JSON of one text: the text itself where the type has none, and it is JSON."""
        if not self.takes_text:
            try:
                from_json(text, allow_inf_nan=False)
            except ValueError:
                pass
            else:
                return text
        return json.dumps(text)


def text_forms(schema: Mapping[str, Any]) -> dict[str, TextForm]:
    """The form of each field of an object's JSON Schema."""
    definitions = schema.get("$defs", {})
    properties = schema.get("properties", {})
    return {name: TextForm.of(each, definitions) for name, each in properties.items()}


def json_object(given: Mapping[str, Sequence[str]], forms: Mapping[str, TextForm]) -> bytes:
    """The JSON text of an object of those fields that were given."""
    members = [f"{json.dumps(name)}:{forms[name].json(texts)}" for name, texts in given.items()]
    return f"{{{','.join(members)}}}".encode()


def _name(value: object) -> str:
    if value is None:
        return "null"
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "object")
