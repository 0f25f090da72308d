"""What /openapi.json promises, tried with generated requests: all of schemathesis' checks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Serve
from support import ServerProcess, scaled, without_sanitizer

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 8  # for each operation, beside those at the edges of its schema


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("documents", login_failures_per_account=0, login_failures_per_address=0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", ["/user/", "/walker/"])
def test_generated_requests_find_nothing(part: str, server: ServerProcess, tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            SCHEMATHESIS, "run", f"{server.url}/openapi.json", "--include-path-regex", f"^{part}",
            "--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1",
            "--continue-on-failure", "--no-color",
        ],
        cwd=tmp_path,
        env=without_sanitizer(os.environ)
        | {"SCHEMATHESIS_HOOKS": str(HOOKS), "TRIED_SERVER": server.url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=scaled(580),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    assert "Authentication failed" not in ended.stdout, ended.stdout
    assert '"event": "request failed"' not in server.log()
