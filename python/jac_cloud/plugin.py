"""What an app imports: `import from jac_cloud.plugin {WEBSOCKET_MANAGER as socket}`.

Importing it also makes the guide's older syntax work, see `older_syntax`.
"""

from typing import TYPE_CHECKING, Any

from jac_cloud import older_syntax
from jac_cloud._native import WEBSOCKET_MANAGER
from jac_cloud.answer import answer
from jac_cloud.specs import EntryType, specs

if TYPE_CHECKING:
    from fastapi import UploadFile

__all__ = ["WEBSOCKET_MANAGER", "EntryType", "UploadFile", "answer", "specs"]

older_syntax.install()


def __getattr__(name: str) -> Any:
    if name != "UploadFile":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Only when it is asked for: FastAPI takes a while to load.
    from fastapi import UploadFile

    return UploadFile
