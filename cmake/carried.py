"""What a wheel carries of others: carried.toml, with the versions of this build."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Carried:
    name: str
    version: str | None  # None: a part of another, without one of its own
    licence: str  # an SPDX expression
    what: str
    purl: str
    text: str


def carried(given: Mapping[str, str]) -> list[Carried]:
    """All of it, in order. `given` has the versions of what is optional and in this build."""
    entries = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["carried"]
    return [
        Carried(
            name=entry["name"],
            version=given.get(entry["name"]) or version_of(entry),
            licence=entry["licence"],
            what=entry["what"],
            purl=entry["purl"],
            text=entry["text"],
        )
        for entry in entries
        if entry["name"] in given or not entry.get("optional")
    ]


def version_of(entry: dict[str, Any]) -> str | None:
    if "file" in entry:
        module, path, pattern = entry["file"]
        spec = find_spec(module)
        folders = (spec and spec.submodule_search_locations) or []
        for folder in map(Path, folders):
            if found := re.search(pattern, (folder / path).read_text(errors="replace")):
                return str(found[1])
        raise LookupError(f"{entry['name']}: no version was found in {path} of {module}")
    if "package" in entry:
        return re.sub(r"\.post\d+$", "", version(entry["package"]))
    return None
