"""The benchmarks' own tools: the load generator gets what it asks for, and the tables hold it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import compare
import measures
import servers
import summary
from conftest import Serve
from results import Figures
from support import REPOSITORY, ServerProcess, bound, scaled, without_sanitizer

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


@pytest.mark.parametrize("test", ["echo", "walker", "ping"])
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


@pytest.fixture(scope="module")
def results(wsload: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every part once, as small and as short as it goes."""
    setup: list[str | Path] = [BENCHMARKS / "setup.sh", "hub"]
    subprocess.run(setup, cwd=REPOSITORY, check=True, env=without_sanitizer(os.environ))
    assert wsload.exists()
    out = tmp_path_factory.mktemp("benchmarks") / "results.jsonl"
    command: list[str | Path] = [sys.executable, BENCHMARKS / "compare.py", "--tiny", "--out", out]
    command += ["--repeats", "0", "--peers", "epoll-batch"]
    subprocess.run(bound([str(word) for word in command]), check=True, timeout=scaled(300))
    return out


def test_every_part_measures_without_a_loss(results: Path) -> None:
    figures = Figures([results])
    assert figures.failed == []
    assert summary.problems(figures) == []
    assert {line["part"] for line in figures.lines} == set(compare.PARTS) - {"large", "unit"}
    measured = {str(line["tag"]) for line in figures.lines}
    assert measured >= set(measures.PEER_ROWS) | set(measures.PAIR_ROWS) | {"descriptors"}
    assert all(line["machine"] and line["versions"] and line["commit"] for line in figures.lines)


def test_each_goal_is_shown_beside_what_was_measured(results: Path) -> None:
    shown = summary.goals(Figures([results]))
    alone = [goal for goal in measures.GOALS if goal.theirs not in compare.PEERS.split(",")]
    assert all(
        goal.bound() in shown and measures.MEASURES[goal.tag].what in shown
        for goal in alone
        if goal.tag != "unit-trivial"
    )


def test_the_page_and_its_plots_are_made_of_the_results(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text((REPOSITORY / "docs/performance.md").read_text())
    run: list[str | Path] = [sys.executable, BENCHMARKS / "write_docs.py", results, "--page", page]
    subprocess.run(run, check=True)
    text = page.read_text()
    plots = re.findall(r"!\[.*\]\((plots/.*\.svg)\)", text)
    assert len(plots) == len(set(plots)) == 7
    for plot in plots:
        texts = [element.text for element in ET.parse(tmp_path / plot).iter() if element.text]
        assert "this server" in texts or "100" in texts
    again = text
    subprocess.run(run, check=True)
    assert page.read_text() == again


def test_a_run_that_others_disturbed_counts_only_where_there_is_no_better_one(
    tmp_path: Path,
) -> None:
    lines = [
        {"tag": "echo1", "label": name, "msgs_s": rate, "disturbed": disturbed}
        for name, rate, disturbed in [("a", 1, True), ("a", 5, False), ("b", 7, True)]
    ]
    file = tmp_path / "results.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    figures = Figures([file])
    assert figures.numbers("echo1", "a", "msgs_s") == [5]
    assert figures.numbers("echo1", "b", "msgs_s") == [7]


def test_a_part_takes_the_place_of_what_it_measured_before(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text("".join(json.dumps({"part": part}) + "\n" for part in ("echo", "fanout")))
    compare.without(file, ["echo"])
    assert [json.loads(line)["part"] for line in file.read_text().splitlines()] == ["fanout"]


def test_a_peer_that_is_not_set_up_is_left_out_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(servers.PEERS, "absent", servers.Peer(("/nowhere/absent",)))
    assert not servers.installed("absent")
    assert capsys.readouterr().out == "Left out: absent is not set up here\n"


def test_a_unit_of_work_is_shown_beside_what_the_interpreter_does_itself() -> None:
    run = [sys.executable, str(BENCHMARKS / "unit_of_work.py"), "1"]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    rows = [line.split("|")[1:-1] for line in shown.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["trivial", "writing"]
    assert all(float(cell) > 0 for row in rows for cell in row[1:])
