"""The benchmarks' own tools: the load generator gets what it asks for, and the tables hold it."""

import itertools
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
from pairs import Side, alternate
from results import Figures, Result
from runner import Bench, Repeats, Scale
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


# The first of the tests with these results waits until all is measured.
takes_long = pytest.mark.timeout(400)


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


@takes_long
def test_every_part_measures_without_a_loss(results: Path) -> None:
    figures = Figures([results])
    assert figures.failed == []
    assert summary.problems(figures) == []
    assert {line["part"] for line in figures.lines} == set(compare.PARTS) - {"large", "unit"}
    measured = {str(line["tag"]) for line in figures.lines}
    assert measured >= set(measures.PEER_ROWS) | set(measures.PAIR_ROWS) | {"descriptors"}
    assert all(line["machine"] and line["versions"] and line["commit"] for line in figures.lines)


@takes_long
def test_each_goal_is_shown_beside_what_was_measured(results: Path) -> None:
    shown = summary.goals(Figures([results]))
    alone = [goal for goal in measures.GOALS if goal.theirs not in compare.PEERS.split(",")]
    assert all(
        goal.bound() in shown and measures.MEASURES[goal.tag].what in shown
        for goal in alone
        if goal.tag != "unit-trivial"
    )


@takes_long
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


def written(file: Path, *lines: dict[str, object]) -> Path:
    """A file of results, each with all that a line has."""
    whole = {"part": "echo", "tag": "echo1", "round": 0, "others": 0, "date": "2026-11-23T12:00:00"}
    whole |= {"machine": "m", "python": "3.12.1", "versions": {}, "commit": "c"}
    file.write_text("".join(json.dumps({**whole, **line}) + "\n" for line in lines))
    return file


def pair(ours: float, theirs: float, disturbed: bool = False) -> dict[str, object]:
    return {
        "pair": ["product", "picows"],
        "numbers": {"msgs_s": [ours, theirs], "srv_cpu": [50, 100]},
        "disturbed": disturbed,
    }


def test_a_run_that_others_disturbed_counts_only_where_there_is_no_better_one(
    tmp_path: Path,
) -> None:
    lines = [
        {"label": name, "msgs_s": rate, "disturbed": disturbed}
        for name, rate, disturbed in [("a", 1, True), ("a", 5, False), ("b", 7, True)]
    ]
    figures = Figures([written(tmp_path / "results.jsonl", *lines)])
    assert figures.numbers("echo1", "a", "msgs_s") == [5]
    assert figures.numbers("echo1", "b", "msgs_s") == [7]
    assert "2 runs in 1 round are counted" in summary.about(figures)
    assert "1 other was thrown out" in summary.about(figures)


def test_a_drift_of_the_machine_is_not_in_the_ratio_of_what_is_measured_in_turns(
    tmp_path: Path,
) -> None:
    speed = itertools.count(1000, -50)

    def takes(times: float) -> Result:
        return {"msgs_s": times * next(speed), "srv_cpu": 100}

    out = tmp_path / "results.jsonl"
    bench = Bench(out, Scale(), [], Repeats(most=0), most_files=1000)
    base = Side("product", lambda: takes(2))
    alternate(bench, "echo1", base, [Side("picows", lambda: takes(1))] * 5)
    kept = [line for line in map(json.loads, out.read_text().splitlines()) if "pair" in line]
    ratios = [line["numbers"]["msgs_s"][0] / line["numbers"]["msgs_s"][1] for line in kept]
    assert ratios == pytest.approx([2] * 5)


def test_the_ratio_of_a_goal_is_the_median_of_its_pairs(tmp_path: Path) -> None:
    runs: list[dict[str, object]] = [
        {"label": "product", "msgs_s": 900},
        {"label": "picows", "msgs_s": 1000},
    ]
    pairs = [pair(50, 100), pair(300, 100), pair(120, 100), pair(9, 1, disturbed=True)]
    figures = Figures([written(tmp_path / "results.jsonl", *runs, *pairs)])
    assert sorted(figures.ratios("echo1", "product", "picows", "msgs_s")) == [0.5, 1.2, 3]
    assert figures.ratios("echo1", "picows", "product", "msgs_s")[0] == 2
    assert summary.goals(figures).splitlines()[-1].split(" | ")[5:] == [
        "1.20 (0.50-3.00)",
        "3",
        "2.40",
        ">= 0.9",
        "yes |",
    ]


def test_a_goal_without_a_pair_is_not_shown(tmp_path: Path) -> None:
    runs: list[dict[str, object]] = [{"label": name, "msgs_s": 1} for name in ("product", "picows")]
    assert summary.goals(Figures([written(tmp_path / "results.jsonl", *runs)])) == ""


def test_lines_of_an_older_format_are_left_out_and_told(tmp_path: Path) -> None:
    file = written(tmp_path / "results.jsonl", {"label": "product", "msgs_s": 1})
    older = {"part": "echo", "tag": "echo1", "label": "product", "round": 0, "msgs_s": 2}
    file.write_text(f"{file.read_text()}{json.dumps(older)}\n{json.dumps(older)[:20]}\n")
    run = [sys.executable, str(BENCHMARKS / "summary.py"), str(file)]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert "1 runs in 1 round are counted" in shown
    assert shown.splitlines()[-2:] == [
        "Left out: 1 lines without others, machine, python, versions, commit, date",
        "Left out: 1 lines that are not JSON",
    ]


def test_a_part_takes_the_place_of_what_it_measured_before_and_of_what_cannot_be_read(
    tmp_path: Path,
) -> None:
    lines: list[dict[str, object]] = [
        {"part": part, "label": "product"} for part in ("echo", "fanout")
    ]
    file = written(tmp_path / "results.jsonl", *lines)
    file.write_text(file.read_text() + '{"part": "fanout"}\n')
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
