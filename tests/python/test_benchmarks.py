"""The benchmarks' own tools: the load generator gets what it asks for, and the tables hold it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import compare
from conftest import Serve
from support import REPOSITORY, ServerProcess, scaled

BENCHMARKS = REPOSITORY / "benchmarks"
SHORT = ["--dur", "0.3", "--warm", "0.1", "--settle", "0"]


@pytest.fixture(scope="module")
def wsload() -> Path:
    """Built once; built again only when a source is newer."""
    subprocess.run([BENCHMARKS / "setup.sh", "epoll"], cwd=REPOSITORY, check=True)
    return REPOSITORY / "build/bench/bin/wsload"


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module(
        BENCHMARKS / "peers/jac_cloud_app.jac", message_rate=1_000_000, message_burst=1_000_000
    )


def load(wsload: Path, server: ServerProcess, *options: str) -> dict[str, Any]:
    command = [str(wsload), "--port", str(server.port), "--pid", str(server.process.pid), *SHORT]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=scaled(60), check=True
    )
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("test", ["echo", "walker"])
def test_every_request_is_answered_well(wsload: Path, server: ServerProcess, test: str) -> None:
    result = load(wsload, server, "--test", test, "--n", "8", "--depth", "2")
    assert result["msgs_s"] > 0
    assert (result["bad"], result["dead"], result["connected"]) == (0, 0, 8)


@pytest.mark.parametrize("pace", [[], ["--rate", "500"]], ids=["as fast as it can", "at a rate"])
@pytest.mark.parametrize(
    "request_options",
    [["--path", "/healthz"], ["--path", "/walker/w", "--body", '{"val":7}']],
    ids=["GET", "POST"],
)
def test_every_http_request_is_answered_well(
    wsload: Path, server: ServerProcess, request_options: list[str], pace: list[str]
) -> None:
    result = load(wsload, server, "--proto", "http", "--n", "8", *request_options, *pace)
    assert result["msgs_s"] > 0
    assert (result["bad"], result["dead"], result["connected"]) == (0, 0, 8)


def test_an_answer_that_is_not_200_is_bad(wsload: Path, server: ServerProcess) -> None:
    result = load(wsload, server, "--proto", "http", "--path", "/nothing")
    assert result["bad"] > 0


def test_every_subscriber_has_every_message(wsload: Path, server: ServerProcess) -> None:
    result = load(wsload, server, "--test", "fanout", "--n", "50", "--timeline", "--dur", "1")
    assert result["deliv_s"] > 0
    assert (result["lost_windows"], result["closed_live"], result["live_subs"]) == (0, 0, 50)
    assert 0 <= result["published"] - result["completed"] <= result["window"]


def test_idle_connections_are_counted(wsload: Path, server: ServerProcess) -> None:
    result = load(wsload, server, "--test", "idle", "--n", "100")
    assert result["connected"] == 100
    assert result["srv_fds"] >= 100


def test_a_wrong_option_is_named(wsload: Path) -> None:
    done = subprocess.run([wsload, "--windw", "1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "wsload: unknown option --windw\n")


def test_the_tables_and_plots_show_what_was_measured(
    wsload: Path, server: ServerProcess, tmp_path: Path
) -> None:
    results = tmp_path / "results.jsonl"
    result = load(wsload, server, "--test", "echo", "--n", "64", "--label", "product")
    taken = result | {"tag": "echo64", "others": 3} | compare.about()
    results.write_text(json.dumps(taken) + "\n")
    run: list[str | Path] = [sys.executable, BENCHMARKS / "summary.py", results]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert f"| echo, 64 connections | messages/s | {result['msgs_s']:,} | 3 % |" in shown
    assert f"Machine: {taken['machine']}. Commit: {taken['commit'][:12]}." in shown
    run = [sys.executable, BENCHMARKS / "plots.py", results, tmp_path / "plots"]
    subprocess.run(run, check=True)
    (plot,) = (tmp_path / "plots").iterdir()
    texts = [element.text for element in ET.parse(plot).iter() if element.text]
    assert plot.name == "echo64.svg"
    assert {"this server", f"{result['msgs_s']:,}"} <= set(texts)


def test_a_peer_that_is_not_set_up_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(compare.PEERS, "absent", compare.Peer(["/nowhere/absent"]))
    assert not compare.installed("absent")
    assert capsys.readouterr().out == "Left out: absent is not set up here\n"


def test_a_unit_of_work_is_shown_beside_what_the_interpreter_does_itself() -> None:
    run = [sys.executable, str(BENCHMARKS / "unit_of_work.py"), "1"]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    rows = [line.split("|")[1:-1] for line in shown.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["trivial", "writing"]
    assert all(float(cell) > 0 for row in rows for cell in row[1:])
