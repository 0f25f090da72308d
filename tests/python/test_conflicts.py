"""Two units of work at one node, with a server that runs a walker once and no more."""

from pathlib import Path

import pytest

from in_process import held, loaded
from jac_cloud.errors import Conflict


def test_a_change_to_another_field_is_merged_without_running_the_walker_again(
    tmp_path: Path,
) -> None:
    with loaded("graph", tmp_path, max_attempts=1) as app:
        app.run("make_counter")
        with held(app, "increment"):
            app.run("increment_other")
        [found] = app.run("look")
        assert (found["value"], found["other"]) == (1, 1)


def test_a_conflict_that_the_bound_does_not_solve_is_refused(tmp_path: Path) -> None:
    with loaded("graph", tmp_path, max_attempts=1) as app:
        app.run("make_counter")
        with pytest.raises(Conflict), held(app, "increment"):
            app.run("increment")
        assert app.run("look")[0]["value"] == 1


def test_the_graph_is_there_after_a_restart(tmp_path: Path) -> None:
    with loaded("graph", tmp_path) as app:
        app.run("make_counter", name="kept")
        root = app.root
    with loaded("graph", tmp_path) as app:
        assert [found["name"] for found in app.run("look", root=root)] == ["kept"]
