"""The machine that the benchmarks run on: what it is, and what else it does meanwhile."""

import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/bench"

# The server has the first core, what loads it the last.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = str(CORES[0]), str(CORES[-1])
EVERY_CORE = ",".join(map(str, CORES))

# Above this, in percent of one core, other work on the machine disturbed a run.
DISTURBED = 15

TICK = os.sysconf("SC_CLK_TCK")


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}"


def about() -> dict[str, object]:
    """What the results are of: it stands in each of them."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    version = importlib.metadata.version
    peers = [
        ", ".join(re.findall(r"\S+==[\d.]+", file.read_text()))
        for file in sorted(BUILD.glob("*/requirements"))
    ]
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("jac-cloud-native", "jaclang")},
        "peers": peers,
        "commit": git("rev-parse", "HEAD") + ("+" if changed else ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def allow_many_files() -> int:
    """Raises the limit of open files as far as it goes, for what is started too; returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 250_000
    if most != resource.RLIM_INFINITY and most < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, OSError):  # only a privileged process may
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return most
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(most, wanted)))
    return wanted


def busy_seconds() -> float:
    """How long the cores have worked since boot, together, interrupts and stolen time included."""
    values = [int(value) for value in Path("/proc/stat").read_text().split()[1:9]]
    return (sum(values) - values[3] - values[4]) / TICK


def processor_seconds(pid: int) -> float:
    """What a process has had of the processors; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_kb(pid: int) -> int:
    """What a process holds in memory, in KiB."""
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE") // 1024


def open_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


class Watch:
    """What others take of the machine from now on, beside these servers and what we start."""

    def __init__(self, servers: Iterable[int]) -> None:
        self._servers = list(servers)
        self._start = time.monotonic()
        self._busy, self._ours = busy_seconds(), self._own()

    def _own(self) -> float:
        return sum(os.times()[:4]) + sum(map(processor_seconds, self._servers))

    def others(self) -> float:
        """In percent of a core, so far. Our own child processes count once they have ended."""
        seconds = max(0.05, time.monotonic() - self._start)
        theirs = (busy_seconds() - self._busy) - (self._own() - self._ours)
        return 100 * theirs / seconds


def busy_percent(seconds: float = 0.4) -> float:
    """How busy the machine is, in percent of one core."""
    before = busy_seconds()
    time.sleep(seconds)
    return 100 * (busy_seconds() - before) / seconds


def wait_until_quiet(longest: float) -> None:
    deadline = time.monotonic() + longest
    while time.monotonic() < deadline and busy_percent() > DISTURBED:
        time.sleep(1)
