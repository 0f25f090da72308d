"""Settings in words: how each is spelled where, what it takes, how its value is shown."""

import re
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr

from jac_cloud import setting_kinds
from jac_cloud.setting_kinds import About, digits
from jac_cloud.settings import ENV_PREFIX, Settings

_HIDDEN = "********"


def about(name: str) -> About:
    """What is known of the setting `name`. KeyError when there is none of that name."""
    return setting_kinds.about(Settings.model_fields[name])


def allowed(name: str) -> str:
    """What values the setting `name` takes, as a phrase."""
    kind: Any = Settings.model_fields[name].annotation
    if check := about(name).check:
        return check.words
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return f"{'a whole number' if kind is int else 'a number'} {about(name).range}"
    return "text"


def is_secret(name: str) -> bool:
    """Whether nobody is to see the setting's value."""
    return SecretStr in get_args(Settings.model_fields[name].annotation)


def shown(name: str, value: object) -> str:
    """A value of the setting, for people. Secrets are masked, in a URL its password."""
    match value:
        case SecretStr():
            return _HIDDEN
        case bool():
            return str(value).lower()
        case int() | float():
            return digits(value)
        case tuple():
            return ", ".join(value) or "empty"
        case None:
            return "not set"
    text = str(value)
    return (_without_password(text) if name.endswith("_url") else text) or "empty"


def shown_default(name: str) -> str:
    """The setting's default, for people."""
    return shown(name, Settings.model_fields[name].default)


def flag(name: str) -> str:
    """The setting's name on the command line."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """The setting's name in the environment."""
    return ENV_PREFIX + name.upper()


def _without_password(url: str) -> str:
    url = re.sub(r"(://[^:/?#@]*):.*@", rf"\1:{_HIDDEN}@", url)
    return re.sub(r"(password=)[^&]*", rf"\1{_HIDDEN}", url, flags=re.IGNORECASE)
