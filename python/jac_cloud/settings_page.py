"""Makes `docs/configuration.md` of the settings: `python -m jac_cloud.settings_page`."""

import sys
from itertools import groupby

from jac_cloud.older_settings import OLDER_NAMES, OlderName
from jac_cloud.setting_sources import TOML_TABLE
from jac_cloud.setting_texts import about, allowed, flag, shown_default, variable
from jac_cloud.settings import Settings

_HEAD = f"""# Configuration

This page is made of `python/jac_cloud/settings.py` by `python -m jac_cloud.settings_page`.

A setting `x_y` is the flag `--x-y` of `jac serve`, the keyword `x_y` of `Server` and `serve`, the
variable `JAC_CLOUD_X_Y`, or `x_y` under `[{".".join(TOML_TABLE)}]` in the `jac.toml` of the app's
folder or the nearest one above it. The first of these that is there counts, else the default. An
empty variable counts as not there. A wrong value or an unknown name stops the start with one line
that says where it came from and what is allowed.

`jac serve app.jac --show-config` prints each setting with its value and where that is from, secrets
masked, and exits. Give secrets by the environment: flags are seen by everyone who may list
processes.

```toml
[{".".join(TOML_TABLE)}]
port = 9000
allowed_origins = ["https://chat.example.com"]
```
"""


_OLDER_HEAD = """## Names of the older jac-cloud

These variables are read where they meant the same and neither the variable of now nor a flag is
set. The log has a line for each, at the start.

| variable | read as |
| --- | --- |"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD]
    for group, names in groupby(Settings.model_fields, key=lambda name: about(name).group):
        parts.append(f"## {group}\n")
        parts.extend(_entry(name) for name in names)
    parts.append(_OLDER_HEAD)
    parts.extend(_older(older) for older in OLDER_NAMES)
    return "\n".join(parts) + "\n"


def _entry(name: str) -> str:
    field = Settings.model_fields[name]
    return (
        f"### `{name}`\n{field.description}\n\n"
        f"- allowed: {allowed(name)}\n- default: {shown_default(name)}\n"
        f"- `{flag(name)}`, `{variable(name)}`\n"
    )


def _older(older: OlderName) -> str:
    unit = f", in {older.unit}" if older.unit else ""
    return f"| `{older.variable}`{unit} | `{older.setting}` |"


if __name__ == "__main__":
    sys.stdout.write(page())
