"""The table of docs/security.md names tests that there are."""

import re

from support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "security.md").read_text()
CPP = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", re.MULTILINE)
PYTHON = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def known() -> set[str]:
    found = set()
    for path in (REPOSITORY / "tests" / "cpp").rglob("*_test.cpp"):
        # A line may be broken behind the comma.
        text = re.sub(r",\s+", ", ", path.read_text())
        found |= {f"{suite}.{name}" for suite, name in CPP.findall(text)}
    for path in (REPOSITORY / "tests" / "python").glob("test_*.py"):
        found |= set(PYTHON.findall(path.read_text()))
    return found


def test_each_case_of_the_table_names_tests_that_exist() -> None:
    section = PAGE.partition("## What clients may try")[2].partition("Beside these tests")[0]
    rows = re.findall(r"^\|(?! id | where | ---).*\| (.*) \|$", section, re.MULTILINE)
    assert len(rows) >= 54
    for row in rows:
        named = re.findall(r"`([^`]+)`", row)
        assert named, row
        assert set(named) <= known(), row
