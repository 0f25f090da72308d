"""What an app says of itself, for the head of its documents."""

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AppInfo:
    """Title, version and description (Markdown) of an app."""

    title: str
    version: str
    description: str


def read(app: Path) -> AppInfo:
    """Of a loaded app: the file's name, and the module's `__version__` and docstring, if any."""
    module = sys.modules[app.stem]
    version = getattr(module, "__version__", "")
    return AppInfo(
        title=app.stem,
        version=version if isinstance(version, str) and version else "1",
        description=(module.__doc__ or "").strip(),
    )
