"""The Grafana dashboard names figures that there are, and every figure has its place there."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import Serve
from figures import OPEN, Figures
from support import REPOSITORY

DASHBOARD = REPOSITORY / "examples" / "grafana" / "dashboard.json"
METRIC = re.compile(r"\b(?:jac_cloud|process)_\w+")
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
# What tells of the process itself, in words or once.
NOT_SHOWN = {"jac_cloud_build", "process_start_time_seconds", "process_virtual_memory_bytes"}


def expressions(part: Any) -> Iterator[str]:
    """Whatever is asked of Prometheus, in panels and variables."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(part, list):
        for value in part:
            yield from expressions(value)


@pytest.fixture(scope="module")
def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def figures(serve_module: Serve) -> Figures:
    return Figures(serve_module("operating", **OPEN))


def test_each_figure_that_the_dashboard_names_exists(dashboard: Any, figures: Figures) -> None:
    named = {name for text in expressions(dashboard) for name in METRIC.findall(text)}
    there = {
        family + suffix
        for family, kind in figures.types.items()
        for suffix in SUFFIXES.get(kind, ["", "_info"])
    }
    assert len(named) > 15
    assert named - there == set()


def test_each_figure_of_ours_is_shown(dashboard: Any, figures: Figures) -> None:
    shown = " ".join(expressions(dashboard))
    ours = {name for name in figures.types if name.startswith("jac_cloud_")} - NOT_SHOWN
    assert {name for name in ours if name not in shown} == set()


def test_its_panels_lie_beside_each_other_and_have_numbers_of_their_own(dashboard: Any) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
