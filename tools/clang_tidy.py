"""Runs clang-tidy on the C++ sources that changed since it last found nothing in them.

A source counts as unchanged while it, every header of ours that it includes, .clang-tidy and
clang-tidy itself are: their hash names a marker in build/clang-tidy. The dev build has recorded
which headers those are, so it must be up to date.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "dev"
MARKERS = ROOT / "build" / "clang-tidy"
TOOLS = Path(sys.executable).parent


def own_headers_by_object() -> dict[str, list[Path]]:
    """Each object file's sources and headers of ours, as ninja recorded them."""
    listing = subprocess.run(
        [TOOLS / "ninja", "-C", BUILD, "-t", "deps"], check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, list[Path]] = {}
    for block in listing.split("\n\n"):
        if match := re.match(r"(\S+): #deps \d+.*\(VALID\)\n", block):
            files = {(BUILD / line.strip()).resolve() for line in block.splitlines()[1:]}
            found[match[1]] = sorted(
                file
                for file in files
                if file.is_relative_to(ROOT / "cpp") or file.is_relative_to(ROOT / "tests")
            )
    return found


def fingerprint(command: str, files: list[Path]) -> str:
    digest = hashlib.sha256(f"{version('clang-tidy')}\n{command}\n".encode())
    for file in [ROOT / ".clang-tidy", *files]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def check(source: Path) -> tuple[int, str]:
    result = subprocess.run(
        [
            TOOLS / "clang-tidy",
            "--quiet",
            "-p",
            BUILD,
            "--extra-arg=-Wno-unknown-warning-option",
            source,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        result.returncode,
        result.stdout if result.returncode == 0 else result.stdout + result.stderr,
    )


def main() -> int:
    headers = own_headers_by_object()
    due: dict[Path, Path] = {}
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    for entry in entries:
        source = Path(entry["file"])
        if "third_party" in source.parts:
            continue
        marker = MARKERS / fingerprint(entry["command"], headers.get(entry["output"], [source]))
        if not marker.exists():
            due[source] = marker
    MARKERS.mkdir(exist_ok=True)
    failures = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (source, marker), (status, output) in zip(
            due.items(), pool.map(check, due), strict=True
        ):
            if status == 0:
                marker.touch()
            else:
                failures += 1
                print(f"{source.relative_to(ROOT)}:\n{output}", flush=True)
    print(f"clang-tidy: {len(due)} of {len(entries)} sources checked, {failures} with findings")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
