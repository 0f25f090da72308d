"""The licences of all that a wheel carries and needs: prints docs/licences.md.

With --check it compares instead, so that nothing comes in whose licence nobody has looked at.
"""

import argparse
import difflib
import re
import sys
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
sys.path.insert(0, str(ROOT / "cmake"))

from carried import carried  # noqa: E402

# Whoever installs or passes on a wheel needs no more than to keep the notices. LGPL: used as a
# library of its own, never linked into ours.
ACCEPTED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "ISC", "LGPL-3.0-only",
    "LLVM-exception", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Python-2.0", "Zlib",
}  # fmt: skip
# What packages say that have no SPDX expression.
SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
HEAD = """# Licences

This project is under the [MIT licence](../LICENSE). Here is what comes with it, as
`python tools/licences.py` prints it. `make check` fails when this page lacks something or has too
much, and when a licence asks for more than that its notice is kept.

## What a wheel carries

In the wheel's SBOM (`sboms/jac-cloud-native.cdx.json` among its metadata) with their versions.

| part | licence | what | text |
| --- | --- | --- | --- |
"""
REQUIRED = """
## What is installed with it

All of `[project]` in `pyproject.toml`, and what that requires in turn.

| package | licence | for |
| --- | --- | --- |
"""


def licence_of(found: Distribution) -> str:
    """As an SPDX expression where the package tells, else in its own words."""
    meta = found.metadata
    said = [meta.get("License-Expression"), meta.get("License")]
    said += [
        text.rpartition(" :: ")[2]
        for text in meta.get_all("Classifier", [])
        if text.startswith("License :: ") and not text.endswith("OSI Approved")
    ]
    short = [text for text in said if text and len(text) < 60]
    return SPELLINGS.get(short[0], short[0]) if short else "unknown"


def installed() -> dict[str, tuple[str, str]]:
    """By name: the licence, and who needs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"].values()
    rows: dict[str, tuple[str, str]] = {}
    waiting = [
        (Requirement(text), "this project")
        for texts in (project["dependencies"], *optional)
        for text in texts
    ]
    while waiting:
        requirement, wanted_by = waiting.pop(0)
        name = canonicalize_name(requirement.name)
        if name in rows:
            continue
        found = distribution(name)
        rows[name] = (licence_of(found), wanted_by)
        for text in found.requires or []:
            one = Requirement(text)
            extras = [*requirement.extras, ""]
            if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras):
                waiting.append((one, name))
    return dict(sorted(rows.items()))


def page() -> tuple[str, list[str]]:
    text = HEAD
    asking: list[str] = []

    def judge(name: str, licence: str) -> None:
        if not set(re.split(r" (?:AND|OR|WITH) |[()]", licence)) - {""} <= ACCEPTED:
            asking.append(f"{name}: {licence}")

    # Of what only some builds have, the version does not matter here.
    for one in carried(given={"openssl": "3"}):
        judge(one.name, one.licence)
        text += f"| {one.name} | {one.licence} | {one.what} | `{one.text}` |\n"
    text += REQUIRED
    for name, (licence, wanted_by) in installed().items():
        judge(name, licence)
        text += f"| {name} | {licence} | {wanted_by} |\n"
    return text, asking


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", type=Path, nargs="?", const=PAGE, help="a page to compare with")
    written: Path | None = parser.parse_args().check
    text, asking = page()
    if written is None:
        print(text, end="")
        return 0
    for line in asking:
        print(f"licences: not among the accepted ones: {line}")
    listed = written.read_text().splitlines()
    changes = list(difflib.unified_diff(listed, text.splitlines(), str(written), "found", n=0))
    for line in changes:
        print(line.rstrip())
    return int(bool(changes or asking))


if __name__ == "__main__":
    sys.exit(main())
