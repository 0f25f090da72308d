"""Every error of the package, one tree under `CloudError`. Each message is one clear line."""

from collections.abc import Sequence
from typing import Any

from jac_cloud._native import CloudError, ConfigError, ListenError

__all__ = [
    "AppError",
    "CloudError",
    "ConfigError",
    "Conflict",
    "Forbidden",
    "InvalidInput",
    "LifespanError",
    "ListenError",
    "SpecError",
    "TooManyWalkers",
    "WalkerError",
    "WalkerFailed",
    "WalkerTimeout",
]


class AppError(CloudError):
    """The app cannot be loaded: `file:line message`."""


class LifespanError(CloudError):
    """The startup of the application behind the HTTP listener failed."""


class SpecError(CloudError):
    """A walker's specs hold a wrong value; the message names the walker and the field."""

    def __init__(self, walker: str, field: str, problem: str) -> None:
        super().__init__(f"walker {walker}: {field} {problem}")
        self.walker = walker
        self.field = field


class WalkerError(CloudError):
    """A walker's run that came to nothing: its unit of work has been dropped."""


class InvalidInput(WalkerError):
    """The input does not fit the walker's fields.

    `details` holds one {"type", "loc", "msg"} for each problem, without the input itself.
    """

    def __init__(self, details: Sequence[dict[str, Any]]) -> None:
        super().__init__("; ".join(str(detail["msg"]) for detail in details))
        self.details = list(details)


class Forbidden(WalkerError):
    """No access to a node, or no such node: the two look the same on purpose."""

    def __init__(self) -> None:
        super().__init__("You don't have access to this node!")


class WalkerFailed(WalkerError):
    """The walker raised. `ref` finds the traceback in the log; `message` is for debugging only."""

    def __init__(self, ref: str, message: str) -> None:
        super().__init__(f"The walker failed, see {ref} in the log")
        self.ref = ref
        self.message = message


class Conflict(WalkerError):
    """Other units of work kept changing what this one changes until its replays were used up."""

    def __init__(self) -> None:
        super().__init__("Others keep changing the same data, try again!")


class TooManyWalkers(WalkerError):
    """As many walkers of this user run as may at once: this one did not begin."""

    def __init__(self) -> None:
        super().__init__("Too many of your walkers run, wait for one to end!")


class WalkerTimeout(WalkerError):
    """The walker ran past its time limit; what it did is never committed."""

    def __init__(self) -> None:
        super().__init__("The walker took too long!")
