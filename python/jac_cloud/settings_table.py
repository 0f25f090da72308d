"""What `jac serve --show-config` prints: each setting, its value and where that is from."""

from collections.abc import Iterable

from jac_cloud.setting_sources import Loaded
from jac_cloud.setting_texts import shown
from jac_cloud.settings import Settings


def table(configuration: Loaded) -> str:
    """A line for each setting, in columns, secrets masked; then what the log would say of them."""
    rows = [
        (
            name,
            _one_line(shown(name, getattr(configuration.settings, name))),
            _source(name, configuration),
        )
        for name in Settings.model_fields
    ]
    lines = [*_in_columns([("setting", "value", "from"), *rows]), *configuration.notes]
    return "".join(f"{line}\n" for line in lines)


def _source(name: str, configuration: Loaded) -> str:
    return configuration.sources.get(name, "default")


def _one_line(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _in_columns(rows: list[tuple[str, str, str]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        yield f"{name:{widths[0]}}  {value:{widths[1]}}  {source}"
