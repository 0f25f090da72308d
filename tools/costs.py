"""Instructions of the hot path, counted by valgrind, beside those of tests/cost/figures.json.

They do not depend on how busy the machine is. Counted is what is linked into tests/cost: our own
code and the C++ library's, compiled for any processor of its kind. What the C library does is left
out, since it picks its functions by the processor; allocations have a test of their own.

With --record the figures become those to compare with.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "release"
PROGRAM = BUILD / "tests" / "cost" / "jac_cost"
RECORDED = ROOT / "tests" / "cost" / "figures.json"
TURNS = 400  # of jac_cost
NEAR = 0.03
# Another compiler than those recorded makes other instructions of the same code.
NEAR_OTHERS = 0.5

# A library that is loaded before all others, a sanitizer's, and valgrind do not go together.
ALONE = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

type Figures = dict[str, int]


def build() -> None:
    """Of the folder that tools/build.sh has configured, this program alone."""
    cmake = Path(sys.executable).parent / "cmake"
    command: list[str | Path] = [cmake, "--build", BUILD, "--target", "jac_cost", "--", "--quiet"]
    subprocess.run(command, check=True, env=ALONE)


def ask(*arguments: str) -> str:
    command: list[str | Path] = [PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ALONE)
    return done.stdout.strip()


def own_instructions(profile: Iterable[str], program: str) -> int:
    """Of a file of callgrind: what was spent in one object, without what it called elsewhere."""
    names: dict[str, str] = {}
    total = 0
    inside = called = False
    for line in profile:
        if found := re.match(r"ob=(\(\d+\))(?: (.*))?", line):
            inside = names.setdefault(found[1], (found[2] or "").strip()) == program
        elif found := re.match(r"cob=(\(\d+\)) (.*)", line):
            names.setdefault(found[1], found[2].strip())
        elif line.startswith("calls="):
            called = True  # the next line has the cost of what was called
        elif found := re.match(r"[+*\-\d]\S* (\d+)$", line):
            total += int(found[1]) if inside and not called else 0
            called = False
    return total


def count(name: str, folder: Path) -> int:
    """Instructions of one turn of this work."""
    out = folder / f"{name}.callgrind"
    command = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={out}"]
    command += ["--toggle-collect=jac::cloud::measured*", str(PROGRAM), name]
    subprocess.run(command, check=True, capture_output=True, env=ALONE)
    with out.open() as profile:
        return round(own_instructions(profile, str(PROGRAM)) / TURNS)


def count_all(folder: Path) -> Figures:
    return {name: count(name, folder) for name in ask("list").splitlines()}


def recorded_for(compiler: str) -> tuple[Figures, float]:
    """The figures to compare with, and how near they have to be."""
    recorded: dict[str, Figures] = json.loads(RECORDED.read_text())
    if compiler in recorded:
        return recorded[compiler], NEAR
    return next(iter(recorded.values())), NEAR_OTHERS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--record", action="store_true")
    record: bool = parser.parse_args().record
    build()
    compiler = ask("compiler")
    found = count_all(BUILD)
    if record:
        recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
        recorded[compiler] = found
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
    before, near = recorded_for(compiler)
    wrong = 0
    for name, now in found.items():
        change = now / before[name] - 1
        wrong += abs(change) > near
        print(f"{name:8} {now:8} instructions, {change:+.1%} of what is recorded")
    print(f"{compiler}: {wrong} of {len(found)} are further than {near:.0%} away")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
