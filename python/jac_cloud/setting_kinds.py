"""What a setting can be: its group, its numbers, what else it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import Field
from pydantic.fields import FieldInfo

_DAY = 86_400


@dataclass(frozen=True)
class Range:
    """The numbers that a setting takes: `low` to `high`, both included, counted in `unit`.

    `zero` says what 0 means where 0 is allowed although it lies outside.
    """

    low: float
    high: float
    unit: str = ""
    zero: str = ""

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high or (value == 0 and self.zero != "")

    def __str__(self) -> str:
        text = f"from {digits(self.low)} to {digits(self.high)}"
        if self.unit:
            text += f" {self.unit}"
        return f"{text}, or 0 ({self.zero})" if self.zero else text


@dataclass(frozen=True)
class Check:
    """What a setting takes where its type does not say it: in words, and as a test.

    The test gets the value and those of the settings before it, by name.
    """

    words: str
    passes: Callable[[Any, Mapping[str, Any]], bool]


@dataclass(frozen=True)
class About:
    """What is known of a setting beyond its type. `native` ones go to the native server."""

    group: str
    native: bool = False
    range: Range | None = None
    check: Check | None = None


def setting(
    default: Any,
    meaning: str,
    numbers: Range | None = None,
    *,
    group: str,
    native: bool = False,
    check: Check | None = None,
) -> Any:
    """A field of the model. `meaning` is one or more sentences for who sets it."""
    extra: Any = {"about": About(group, native, numbers, check)}
    return Field(default, description=meaning, json_schema_extra=extra)


def about(field: FieldInfo) -> About:
    """What `setting` was told of the field."""
    extra: Any = field.json_schema_extra
    return cast(About, extra["about"])


def seconds(zero: str = "") -> Range:
    """A time up to a day; `zero` says what 0 means, where it is allowed."""
    return Range(0.01, _DAY, "seconds", zero)


def digits(number: float) -> str:
    """A number for people: 8000, 65,536, 0.01."""
    if number != int(number):
        return str(number)
    return f"{int(number):,}" if number >= 10_000 else str(int(number))
