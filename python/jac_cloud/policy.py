"""The app's policy: a walker of the app that decides who may join channels and send events."""

from collections.abc import Mapping

from jac_cloud.errors import ConfigError
from jac_cloud.specs import EntryType
from jac_cloud.walker_spec import WalkerSpec

# What it is told, as the native server writes it (`PolicyQuestion::fields`).
FIELDS = frozenset({"action", "kind", "targets"})


def policy_walker(walkers: Mapping[str, WalkerSpec], name: str) -> dict[str, WalkerSpec]:
    """The walker of that name, which clients need not be able to call, by its name; none without.

    ConfigError when the app has no such walker, or when it cannot be asked.
    """
    if not name:
        return {}
    spec = walkers.get(name)
    if spec is None:
        raise ConfigError(f"client_events_policy: the app has no walker {name}")
    if spec.entry_type is EntryType.NODE:
        raise ConfigError(f"client_events_policy: {name} runs on nodes, but is asked on a root")
    if unknown := spec.input.required - FIELDS:
        names = ", ".join(sorted(unknown))
        raise ConfigError(f"client_events_policy: {name} wants {names}, which it is not told")
    return {name: spec}
