"""What the other tests rely on: nothing that they start outlives them."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from support import REPOSITORY, bound, eventually, scaled

HELD = """
import os, pathlib, threading

def test_held(serve):
    server = serve("no_fields")
    pathlib.Path("unfinished").write_text(str(server.process.pid))
    os.replace("unfinished", "pid")
    threading.Event().wait()
"""


def test_a_killed_pytest_takes_its_servers_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_held.py").write_text(HELD)
    pid, log = tmp_path / "pid", tmp_path / "log"
    path = [str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    command = [sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml")]
    command += ["-p", "conftest", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'temp'}"]
    with log.open("w") as output:
        held = subprocess.Popen(
            bound([*command, "test_held.py"]),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            stdout=output,
            stderr=output,
        )
    try:
        eventually(lambda: pid.exists() or held.poll() is not None, "a server", 90)
        assert held.poll() is None, log.read_text()
        server = os.pidfd_open(int(pid.read_text()))
    finally:
        held.kill()
        held.wait()
    try:
        ended, _, _ = select.select([server], [], [], scaled(10))
        if not ended:
            signal.pidfd_send_signal(server, signal.SIGKILL)
        assert ended
    finally:
        os.close(server)
