"""How a walker says what it is to the outside: `__specs__`, or this decorator."""

from enum import StrEnum
from typing import Any


class EntryType(StrEnum):
    """Where a request may spawn a walker: on its own root, on a node it names, or on either."""

    ROOT = "ROOT"
    NODE = "NODE"
    BOTH = "BOTH"


def specs(cls: type | None = None, **values: Any) -> Any:
    """Decorates a walker with its specs: `@specs(methods=["websocket"], auth=False)`.

    Takes the fields of `WalkerSpec` that a walker may set; they are checked when the app is served.
    A walker with a `__specs__` class of its own keeps it.
    """

    def decorate(walker: type) -> type:
        if "__specs__" not in vars(walker):
            walker.__specs__ = type("__specs__", (), values)  # type: ignore[attr-defined]
        return walker

    return decorate if cls is None else decorate(cls)
