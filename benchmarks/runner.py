"""Runs what is measured, again where others disturbed it, and keeps a line of JSON for each run."""

import contextlib
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import (
    BUILD,
    DISTURBED,
    LOAD_CORE,
    Watch,
    about,
    processor_seconds,
    wait_until_quiet,
)
from results import Result, better
from servers import NotStarted, Running, installed, serving, without_ours

SHOWN = (
    "label tag msgs_s deliv_s conn_s p50_us p99_us srv_cpu lg_cpu us_each kb_per_conn cpu_percent"
    " grown_mb ratio lost bad dead disturbed others error"
)

# Servers that take the place of others where it is only to show that all works.
SIMILAR = {"product-1": "product", "product-guarded": "product"}


@dataclass(frozen=True)
class Scale:
    """How long and how large: 1 is what the documents show; how many pairs a round where it is
    close.
    """

    seconds: float = 1
    sizes: float = 1
    pairs: int = 2


@dataclass
class Repeats:
    """How often a run that others disturbed is repeated, how long a quiet machine is waited for
    before that, and how long all of it may take: these are used up.
    """

    most: int = 3
    quiet_seconds: float = 30
    seconds_in_all: float = 300


class Load:
    """A run of wsload in a process of its own."""

    def __init__(self, server: Running, options: str, extra: tuple[str, ...], core: str) -> None:
        command = ["taskset", "-c", core, str(BUILD / "bin/wsload"), "--proto", server.protocol]
        command += ["--port", str(server.port), "--pid", str(server.pid), "--label", server.name]
        self.process = subprocess.Popen(
            [*command, *options.split(), *extra],
            env=without_ours(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, seconds: float = 300) -> Result:
        """What it measured; {"error": ...} when it failed."""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            return {"error": f"did not end within {seconds} s"}
        if errors:
            print("   !", errors.strip(), flush=True)
        try:
            result: Result = json.loads(output)
        except ValueError:
            return {"error": (output + errors)[-400:]}
        if self.process.returncode:
            result["error"] = f"{result.get('connected')} of {result.get('n')} connected"
        return result

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


class Bench:
    """What the parts of the comparison measure with."""

    def __init__(
        self, out: Path, scale: Scale, peers: list[str], repeats: Repeats, most_files: int
    ) -> None:
        self.turn = 0
        self.part = ""
        self.scale = scale
        self._out = out
        self._repeats = repeats
        self._about = about()
        self._most_files = most_files
        self._chosen = peers
        self._installed: dict[str, bool] = {}
        self._pool = contextlib.ExitStack()
        self._running: dict[str, Running] = {}
        self._pids: set[int] = set()
        self._results: dict[tuple[str, str], list[Result]] = {}

    def close(self) -> None:
        self._pool.close()

    def seconds(self, full: float) -> float:
        return round(full * self.scale.seconds, 2)

    def count(self, full: int) -> int:
        """A size, no larger than the limit of open files allows."""
        return min(max(1, round(full * self.scale.sizes)), self._most_files - 300)

    @property
    def most_files(self) -> int:
        return self._most_files

    def peers(self, *names: str) -> list[str]:
        """Those of the names that were asked for and are set up. The product's forms always are."""
        chosen = [n for n in names if n.startswith("product") or n in self._chosen]
        for name in chosen:
            if name not in self._installed:
                self._installed[name] = installed(name) and self._starts(name)
        return [name for name in chosen if self._installed[name]]

    def _starts(self, name: str) -> bool:
        try:
            self.server(name)
        except NotStarted as problem:
            if name.startswith("product"):
                raise
            print(f"Left out: {problem}", flush=True)
            return False
        return True

    def server(self, name: str) -> Running:
        """A server that stays for all of the comparison: idle, it disturbs nobody."""
        if self.scale.sizes < 1:
            name = SIMILAR.get(name, name)
        if name not in self._running:
            self._running[name] = self._pool.enter_context(self.fresh(name))
        return self._running[name]

    @contextmanager
    def fresh(
        self, name: str, prefix: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
    ) -> Iterator[Running]:
        """A server that has done nothing yet, until the end of the block. Where sizes are only to
        show that all works, it may have.
        """
        if self.scale.sizes < 1 and SIMILAR.get(name, name) in self._running and not prefix:
            yield self.server(name)
            return
        with serving(name, prefix, environment) as running:
            self._pids.add(running.pid)
            try:
                yield running
            finally:
                self._pids.discard(running.pid)

    def start(self, server: Running, options: str, *extra: str, core: str = LOAD_CORE) -> Load:
        return Load(server, options, extra, core)

    def load(self, server: Running, options: str, *extra: str) -> Result:
        """One run of wsload, whose connections are gone afterwards."""
        before, files = processor_seconds(server.pid), server.files()
        result = self.start(server, options, *extra).result()
        result["srv_cpu_s"] = round(processor_seconds(server.pid) - before, 2)
        server.settle(files)
        return result

    def record(self, tag: str, label: str, take: Callable[[], Result]) -> Result:
        """Takes a measurement; again, while others disturb it, as often as was said."""
        result, repeat = self.measure(tag, label, take), 0
        while result["disturbed"] and self.may_repeat(repeat):
            repeat += 1
            result = self.measure(tag, label, take, repeat)
        return result

    def measure(self, tag: str, label: str, take: Callable[[], Result], repeat: int = 0) -> Result:
        """Takes a measurement, once."""
        start = time.monotonic()
        watch = Watch(self._pids)
        result = take()
        others = round(watch.others())
        result |= {"tag": tag, "label": label, "others": others, "disturbed": others > DISTURBED}
        if repeat:
            self._repeats.seconds_in_all -= time.monotonic() - start
        self._results.setdefault((tag, label), []).append(result)
        self.keep(result)
        print({key: result[key] for key in SHOWN.split() if key in result}, flush=True)
        return result

    def may_repeat(self, repeat: int) -> bool:
        """Whether what was disturbed may be measured once more: after a wait for quiet."""
        repeats = self._repeats
        if repeat >= repeats.most or repeats.seconds_in_all <= 0:
            return False
        print("   disturbed by others: again", flush=True)
        start = time.monotonic()
        wait_until_quiet(min(repeats.quiet_seconds, repeats.seconds_in_all))
        repeats.seconds_in_all -= time.monotonic() - start
        return True

    def keep(self, result: Result) -> None:
        """Writes a line of the results."""
        line = {**result, "part": self.part, "round": self.turn, **self._about}
        with self._out.open("a") as out:
            out.write(json.dumps(line) + "\n")

    def measured(self, tag: str, label: str, key: str) -> float | None:
        """The median of what this run has measured so far."""
        results = better(self._results.get((tag, label), []))
        numbers = [float(str(result[key])) for result in results if key in result]
        return statistics.median(numbers) if numbers else None
