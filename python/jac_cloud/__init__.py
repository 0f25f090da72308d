"""The native real-time server for the Jac language.

Importing this package has no effects; names are loaded when they are asked for, since the
interpreter loads the package's entry point in each of its commands.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jac_cloud.server import Server as Server
    from jac_cloud.serving import serve as serve

__all__ = ["Server", "serve"]

_HOMES = {"Server": "jac_cloud.server", "serve": "jac_cloud.serving"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
