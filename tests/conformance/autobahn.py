"""Runs Autobahn's test suite of the WebSocket protocol against the server's own sessions.

usage: autobahn.py quick|full ECHO_SERVER [--deflate]

quick: the cases about frames, pings, fragments, UTF-8, closing (1 to 7, and 10). full: with limits,
performance and compression, too. Prints a table of the outcomes in Markdown, and every case that is
not as it should be. The exit status is 0 if all of them are.

The suite wants Python 2.7, which is looked for as PYTHON27, on the PATH and in pyenv's folder. It
is installed from PyPI once, into build/autobahn.
"""

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SUITE = "autobahntestsuite==25.10.1"
VIRTUALENV = "virtualenv<20.22"  # the last that can make an environment of Python 2.7
HOME = Path(__file__).parents[2] / "build" / "autobahn"
CASES = {"quick": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"], "full": ["*"]}
COUNTS = {"quick": 247, "full": 517}
TITLES = {
    1: "framing",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragmentation",
    6: "UTF-8",
    7: "closing",
    9: "limits and performance",
    10: "automatic fragmentation",
    12: "compression, different sizes",
    13: "compression, different parameters",
}
# A close that comes from the suite's side late says nothing of the server.
GOOD = {"OK", "INFORMATIONAL", "NON-STRICT"}
GOOD_CLOSE = {"OK", "INFORMATIONAL"}

type Cases = Mapping[str, Mapping[str, Any]]


class NoPython27(Exception):
    """There is no Python 2.7 to run the suite with."""


def python27() -> Path:
    """A Python 2.7. NoPython27 when there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [os.environ.get("PYTHON27"), shutil.which("python2.7"), *pyenv.glob("2.7.*/bin/python")]
    for python in found:
        # pyenv puts a python2.7 on the PATH that may only say that there is none.
        if python and works(python):
            return Path(python)
    raise NoPython27("Autobahn's suite needs Python 2.7: install one, and name it in PYTHON27")


def works(python: str | Path) -> bool:
    """Whether this Python starts."""
    return subprocess.run([str(python), "-V"], capture_output=True, check=False).returncode == 0


def suite() -> Path:
    """The suite's command, installed if it was not."""
    command = HOME / "bin" / "wstest"
    if not command.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        with tempfile.TemporaryDirectory() as tools:
            subprocess.run([*pip, "--target", tools, VIRTUALENV], check=True)
            make = [sys.executable, "-m", "virtualenv", "--quiet", "--python", str(python27())]
            environment = {**os.environ, "PYTHONPATH": tools}
            subprocess.run([*make, str(HOME)], env=environment, check=True)
        subprocess.run([str(HOME / "bin" / "pip"), "install", "--quiet", SUITE], check=True)
    return command


@contextmanager
def serving(command: Sequence[str]) -> Iterator[int]:
    """The port of the echo server that the command starts; it ends with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.stdin.close()
        server.wait()
    if server.returncode != 0:
        raise subprocess.CalledProcessError(server.returncode, command)


def run(patterns: Sequence[str], echo_server: Sequence[str]) -> Cases:
    """The outcome of each case that a pattern names, by its number."""
    command = suite()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(echo_server) as port,
    ):
        reports = Path(folder) / "reports"
        job = {
            "outdir": str(reports),
            "servers": [{"agent": "jac", "url": f"ws://127.0.0.1:{port}/websocket"}],
            "cases": list(patterns),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        spec = Path(folder) / "job.json"
        spec.write_text(json.dumps(job))
        fuzz = [str(command), "--mode", "fuzzingclient", "--spec", str(spec)]
        # Without what `make sanitize` preloads: the suite is not under test.
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        subprocess.run(fuzz, check=True, env=environment, capture_output=True, text=True)
        cases: Cases = json.loads((reports / "index.json").read_text())["jac"]
    return cases


def bad_cases(cases: Cases) -> list[str]:
    """The numbers of those that are not as they should be, with their outcomes."""
    return [
        f"{number}: {case['behavior']}, close {case['behaviorClose']}"
        for number, case in sorted(cases.items(), key=lambda item: _key(item[0]))
        if case["behavior"] not in GOOD or case["behaviorClose"] not in GOOD_CLOSE
    ]


def table(cases: Cases) -> str:
    """The outcomes by class, in Markdown."""
    classes: dict[int, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for number, case in cases.items():
        classes[_key(number)[0]][case["behavior"]] += 1
    columns = ("OK", "NON-STRICT", "INFORMATIONAL")
    lines = ["| class | about | cases | OK | non-strict | informational | other |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, counts in sorted(classes.items()):
        shown = [counts[column] for column in columns]
        row = [kind, TITLES[kind], counts.total(), *shown, counts.total() - sum(shown)]
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def _key(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=CASES)
    parser.add_argument("echo_server", type=Path)
    parser.add_argument("--deflate", action="store_true")
    options = parser.parse_args()
    try:
        echo_server = [str(options.echo_server), *(["deflate"] if options.deflate else [])]
        cases = run(CASES[options.mode], echo_server)
    except NoPython27 as error:
        print(error, file=sys.stderr)
        return 2
    print(table(cases))
    bad = bad_cases(cases)
    print("\n".join(bad))
    expected = COUNTS[options.mode]
    if len(cases) != expected:
        print(f"{len(cases)} of {expected} cases were run")
    return 1 if bad or len(cases) != expected else 0


if __name__ == "__main__":
    sys.exit(main())
