"""Where a request of one method carries each field of a walker."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jac_cloud.walker_spec import WalkerSpec

# RFC 9110, section 9.3, gives content of these no meaning, or forbids it.
WITHOUT_BODY = ("get", "head", "options", "trace")
_PARAMETER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Placement:
    """The fields of a walker by the part of a request that holds them."""

    path: frozenset[str]
    query: frozenset[str]
    body: frozenset[str]
    """JSON, or parts of a form if there are files."""
    files: frozenset[str]
    has_body: bool
    """Whether the method has a body at all."""

    @property
    def texts(self) -> frozenset[str]:
        """The fields that come as texts rather than as JSON."""
        return self.path | self.query | (self.body if self.files else frozenset())

    def part_of(self, name: str) -> str:
        """The part that the field is in, as the place of a problem names it."""
        if name in self.path:
            return "path"
        return "query" if name in self.query else "body"


def path_parameters(path: str) -> list[str]:
    """The names in the braces of a path. ValueError for braces that name no field."""
    names = _PARAMETER.findall(path)
    named = all(name.isidentifier() and name.isascii() for name in names)
    if not named or len(set(names)) < len(names) or set("{}?#") & set(_PARAMETER.sub("", path)):
        raise ValueError
    return names


def place(spec: "WalkerSpec", method: str) -> Placement:
    """The places for a method of HTTP, in lower case."""
    path = frozenset(path_parameters(spec.path))
    files = frozenset(spec.input.files)
    others = spec.input.fields - path - files
    in_query = others if method in WITHOUT_BODY or spec.as_query == "*" else spec.as_query
    query = others & in_query
    return Placement(path, query, others - query, files, method not in WITHOUT_BODY)
