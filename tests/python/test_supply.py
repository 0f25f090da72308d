"""What `make check` says of others' software: known vulnerabilities, and licences."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import licences
from support import REPOSITORY, without_sanitizer

UNREACHABLE = {"HTTPS_PROXY": "http://127.0.0.1:9"}


def run(tool: str, *options: str | Path, given: Mapping[str, str] | None = None) -> tuple[int, str]:
    """A tool of tools/: its exit status and what it prints."""
    ended = subprocess.run(
        [sys.executable, REPOSITORY / "tools" / tool, *options],
        env=without_sanitizer(os.environ) | dict(given or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_a_known_vulnerability_fails_the_audit_or_it_says_that_it_could_not_be_done(
    tmp_path: Path,
) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text("ecdsa==0.19.2\n")
    status, said = run("audit.py", "--constraints", pins)
    if "NOT DONE" in said:
        assert status == 0
    else:
        assert status == 1
        assert "ecdsa: PYSEC-2026-1325" in said
        assert "1 of 1 packages: FAILED" in said


def test_an_audit_that_reaches_nobody_says_so_and_fails_only_where_it_must_be_done() -> None:
    plain, strict = (run("audit.py", *options, given=UNREACHABLE) for options in ([], ["--strict"]))
    assert plain[1].startswith("pip-audit: NOT DONE")
    assert (plain[0], strict[0]) == (0, 1)


def test_a_dependency_that_the_page_does_not_list_is_named(tmp_path: Path) -> None:
    page = tmp_path / "licences.md"
    listed = licences.PAGE.read_text().splitlines(keepends=True)
    page.write_text("".join(line for line in listed if "jaclang | MIT" not in line))
    status, said = run("licences.py", "--check", page)
    assert status == 1
    assert "+| jaclang | MIT | this project |" in said


def test_a_licence_that_asks_for_more_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(licences, "ACCEPTED", licences.ACCEPTED - {"LGPL-3.0-only"})
    monkeypatch.setattr(sys, "argv", ["licences.py", "--check"])
    assert licences.main() == 1
    assert "not among the accepted ones: psycopg: LGPL-3.0-only" in capsys.readouterr().out
