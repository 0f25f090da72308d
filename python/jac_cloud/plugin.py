"""What an app imports: `import from jac_cloud.plugin {WEBSOCKET_MANAGER as socket}`.

Importing it also makes the guide's older syntax work, see `older_syntax`.
"""

from jac_cloud import older_syntax
from jac_cloud._native import WEBSOCKET_MANAGER
from jac_cloud.specs import EntryType, specs

__all__ = ["WEBSOCKET_MANAGER", "EntryType", "specs"]

older_syntax.install()
