"""Reads the settings from where they are set, and keeps where each came from."""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from jac_cloud.errors import ConfigError
from jac_cloud.older_settings import OLDER_NAMES, WITHOUT_EFFECT
from jac_cloud.setting_texts import allowed, is_secret, variable
from jac_cloud.settings import ENV_PREFIX, Settings

TOML_TABLE = ("plugins", "cloud")


@dataclass(frozen=True)
class Loaded:
    """Settings, where those that are not defaults came from, and what the log should say."""

    settings: Settings
    sources: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Layer:
    """One source of values, and how it spells the name of a setting in an error."""

    values: Mapping[str, object]
    spell: Callable[[str], str]


def folder_of(app: str) -> Path:
    """The folder of an app that is named by its file or by that folder."""
    path = Path(app).resolve()
    return path if path.is_dir() else path.parent


def load(
    app_dir: Path,
    given: Mapping[str, object] | None = None,
    spell: Callable[[str], str] = str,
) -> Loaded:
    """Reads the settings of the app in `app_dir`.

    `given` (flags, or keywords of `Server`) wins over the environment, which wins over the
    `jac.toml` in `app_dir` or the nearest folder above it; `spell` says how the caller writes a
    name. ConfigError, of one line, for a wrong value or an unknown name.
    """
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for layer in (_toml_layer(app_dir), _environment_layer(), _Layer(given or {}, spell)):
        for name, value in layer.values.items():
            if name not in Settings.model_fields:
                _refuse(name, unknown(name, layer.spell))
            values[name] = value
            sources[name] = layer.spell(name)
    try:
        settings = Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        name = str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
        shown = "its value" if is_secret(name) else repr(values[name])
        _refuse(name, f"{sources[name]}: {shown} is not allowed (allowed: {allowed(name)})")
    return Loaded(settings, sources, tuple(_notes(sources)))


def _environment_layer() -> _Layer:
    values: dict[str, object] = dict(EnvSettingsSource(Settings)())
    spelled = {name: variable(name) for name in values}
    for older in OLDER_NAMES:
        name = older.setting
        if name not in values and os.environ.get(older.variable):
            values[name] = older.convert(os.environ[older.variable])
            spelled[name] = older.spelled
    for key in os.environ:
        name = key.removeprefix(ENV_PREFIX).lower()
        if key.startswith(ENV_PREFIX) and name not in Settings.model_fields:
            values[name] = os.environ[key]
    return _Layer(values, lambda name: spelled.get(name, variable(name)))


def _notes(sources: Mapping[str, str]) -> Iterator[str]:
    for older in OLDER_NAMES:
        if sources.get(older.setting) == older.spelled:
            yield f"{older.spelled} is read as {variable(older.setting)}, its name of now"
    for name in WITHOUT_EFFECT:
        if os.environ.get(name):
            yield f"{name} of the older jac-cloud has no effect here"


def _toml_layer(app_dir: Path) -> _Layer:
    folders = [app_dir.resolve(), *app_dir.resolve().parents]
    path = next((found for found in (at / "jac.toml" for at in folders) if found.is_file()), None)
    if path is None:
        return _Layer({}, str)
    try:
        table: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        _refuse("", f"{path}: {error}")
    for key in TOML_TABLE:
        table = table.get(key, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        _refuse("", f"{path}: [{'.'.join(TOML_TABLE)}] is not a table")
    return _Layer(table, lambda name: f"{path} [{'.'.join(TOML_TABLE)}] {name}")


def unknown(name: str, spell: Callable[[str], str]) -> str:
    """What is said of a name that no setting has."""
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"{spell(name)} is not a setting" + (f"; did you mean {spell(near[0])}?" if near else "")


def _refuse(name: str, sentence: str) -> NoReturn:
    error = ConfigError(sentence)
    error.field = name
    raise error from None
