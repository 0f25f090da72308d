"""Puts seeded faults into the C++ code, one at a time, and looks whether a test fails.

usage: mutate.py [NAME...]     the faults of faults.toml, or those that are named

A fault is one piece of one source file, replaced. The file is compiled as build/dev compiles it,
and linked in front of the library that has the sound one: nothing is copied, and nothing else is
built again. Exit status 1 if a fault survives, no longer fits the source, or does not compile.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MUTATED_BUILD", REPOSITORY / "build" / "dev"))
NINJA = Path(sys.executable).with_name("ninja")
SCRATCH = REPOSITORY / "build" / "mutate"
CORPUS = REPOSITORY / "tests" / "fuzz" / "corpus"
SECONDS = 120  # then a test that hangs has seen the fault too


@dataclass(frozen=True)
class Check:
    """A program of tests: its target in build/dev, and its arguments."""

    target: str
    arguments: tuple[str, ...] = ()


def _tests(layer: str) -> Check:
    return Check(f"tests/cpp/jac_{layer}_tests", ("--gtest_fail_fast", "--gtest_color=no"))


def _replay(name: str) -> Check:
    return Check(f"tests/fuzz/jac_fuzz_{name}", (str(CORPUS / name),))


SIMULATE = Check("tests/simulation/jac_simulate", ("1", "100"))
# By the folder under cpp/ that a fault is in; the quickest first.
CHECKS = {
    "base": [_tests("base")],
    "deflate": [_tests("deflate"), _tests("protocol"), _replay("deflate"), _tests("pubsub")],
    "protocol": [_tests("protocol"), _replay("event"), _replay("frames"), _tests("pubsub")],
    "pubsub": [_tests("pubsub"), _replay("outbox"), _replay("session"), SIMULATE],
    "server": [_replay("request"), _tests("server")],
}


@dataclass(frozen=True)
class Fault:
    """`old` of the file, which is there once, replaced by `new`."""

    name: str
    file: str
    old: str
    new: str

    @property
    def layer(self) -> str:
        return Path(self.file).parts[1]

    def source(self) -> str:
        """The file with the fault in it. ValueError when it no longer fits."""
        sound = (REPOSITORY / self.file).read_text()
        if sound.count(self.old) != 1:
            raise ValueError(f"{self.name}: in {self.file} {sound.count(self.old)} times, not once")
        return sound.replace(self.old, self.new)


def faults() -> list[Fault]:
    """All of faults.toml."""
    table = tomllib.loads(Path(__file__).with_name("faults.toml").read_text())
    return [Fault(**fault) for fault in table["fault"]]


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(ended.stdout + ended.stderr)


def compile_fault(fault: Fault, folder: Path) -> Path:
    """The object file. RuntimeError when it does not compile."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / Path(fault.file).name
    source.write_text(fault.source())
    compiled = folder / "faulty.o"
    sound = str(REPOSITORY / fault.file)
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        if entry["file"] == sound:
            command = shlex.split(entry["command"])
            command[command.index("-o") + 1] = str(compiled)
            # Warnings are not what is looked for, and debug information only takes time.
            _run([str(source) if part == sound else part for part in command] + ["-w", "-g0"])
            return compiled
    raise RuntimeError(f"build/dev does not build {fault.file}")


def link_fault(target: str, compiled: Path) -> Path:
    """The program of tests with the fault in it."""
    asked = subprocess.run(
        [NINJA, "-t", "commands", target], cwd=BUILD, capture_output=True, text=True, check=True
    )
    last = asked.stdout.splitlines()[-1]
    (step,) = (part for part in last.split(" && ") if f" -o {target} " in f"{part} ")
    command = shlex.split(step)
    program = compiled.with_name(Path(target).name)
    at = command.index("-o")
    command[at + 1] = str(program)
    # The libraries' own object is not asked for any more.
    command.insert(at + 2, str(compiled))
    _run(command)
    return program


def who_sees(fault: Fault, checks: list[Check] | None = None) -> str | None:
    """The first test that fails; None when the fault survives them all, or those checks."""
    folder = SCRATCH / fault.name
    compiled = compile_fault(fault, folder)
    for check in checks or CHECKS[fault.layer]:
        program = link_fault(check.target, compiled)
        try:
            ended = subprocess.run(
                [program, *check.arguments],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{program.name}, which does not end"
        finally:
            program.unlink()
        if ended.returncode != 0:
            # One that failed; else the one that crashed, which is the last to have begun.
            tests = re.findall(r"^\[  FAILED  \] ([\w./]+)", ended.stdout, re.MULTILINE)
            tests += reversed(re.findall(r"^\[ RUN      \] ([\w./]+)", ended.stdout, re.MULTILINE))
            return " ".join([program.name, *tests[:1]])
    return None


def main(names: list[str]) -> int:
    """Prints a line for each fault."""
    asked = [fault for fault in faults() if not names or fault.name in names]
    if unknown := {*names} - {fault.name for fault in asked}:
        print(f"no fault named {', '.join(sorted(unknown))}")
        return 2

    def line(fault: Fault) -> tuple[bool, str]:
        try:
            seen = who_sees(fault)
        except (RuntimeError, ValueError) as error:
            return False, f"{fault.name}: {error}"
        return bool(seen), f"{fault.name}: {seen or 'SURVIVED'}"

    with ThreadPoolExecutor(2) as pool:
        good = 0
        for caught, text in pool.map(line, asked):
            good += caught
            print(text, flush=True)
    print(f"{good} of {len(asked)} faults were caught")
    return 0 if good == len(asked) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
