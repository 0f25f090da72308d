"""One call of a walker is one unit of work: whole or not at all, and no update is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from in_process import App, held
from jac_cloud._jaclang import SqliteMemory
from jac_cloud._native import Unit
from jac_cloud.commit import WriteConflict
from jac_cloud.errors import Forbidden, WalkerFailed
from jac_cloud.runtime import Interpreter

APP = "graph"


def at_once(calls: int, threads: int, call: Callable[[int], object]) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(call, number) for number in range(calls)]:
            done.result()


def rows(app: App) -> list[object]:
    return app.query("SELECT id, data, updated_at FROM anchors ORDER BY id")


def test_what_a_walker_makes_is_there_for_the_next(app: App) -> None:
    app.run("make_counter", name="first")
    assert [found["name"] for found in app.run("look")] == ["first"]


def test_no_increment_is_lost_among_64_threads(app: App) -> None:
    app.run("make_counter")
    at_once(640, 64, lambda _: app.run("increment"))
    assert app.run("look")[0]["value"] == 640


def test_no_increment_is_lost_when_every_one_of_them_meets_a_conflict(app: App) -> None:
    app.run("make_counter")
    at_once(40, 4, lambda _: app.run("increment", pause=0.001))
    assert app.run("look")[0]["value"] == 40


def test_no_edge_is_lost_when_8_threads_add_to_one_node(app: App) -> None:
    at_once(160, 8, lambda number: app.run("make_counter", name=str(number)))
    assert {found["name"] for found in app.run("look")} == {str(number) for number in range(160)}


def test_no_element_is_lost_when_8_threads_append_to_one_list(app: App) -> None:
    app.run("make_counter")
    at_once(80, 8, lambda number: app.run("tag", name=str(number)))
    assert sorted(app.run("look")[0]["tags"], key=int) == [str(number) for number in range(80)]


def test_walkers_that_cross_between_two_nodes_keep_their_sum(app: App) -> None:
    [one], [other] = app.run("make_counter", name="one"), app.run("make_counter", name="other")
    pairs = [(one, other), (other, one)]

    def move(number: int) -> None:
        start, end = pairs[number % 2]
        app.run("move", node=start, to=end)

    at_once(200, 8, move)
    assert [found["value"] for found in app.run("look")] == [0, 0]


def test_changes_to_different_fields_of_one_node_both_stay(app: App) -> None:
    app.run("make_counter")
    at_once(80, 8, lambda number: app.run("increment" if number % 2 else "increment_other"))
    [found] = app.run("look")
    assert (found["value"], found["other"]) == (40, 40)


def test_the_unit_that_loses_is_discarded_and_a_new_one_committed(app: App) -> None:
    units: list[RecordedUnit] = []

    def new_unit() -> Unit:
        units.append(RecordedUnit())
        return cast("Unit", units[-1])

    app.run("make_counter")
    with held(app, "increment", new_unit):
        app.run("increment")
    assert [unit.ended for unit in units] == [["discard"], ["commit"]]


class RecordedUnit:
    """Stands where the native unit does, and tells how it ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def commit(self) -> None:
        self.ended.append("commit")

    def discard(self) -> None:
        self.ended.append("discard")


def test_a_walker_that_raises_leaves_nothing(app: App) -> None:
    app.run("make_counter")
    before = app.run("look")
    with pytest.raises(WalkerFailed):
        app.run("add_then_raise")
    assert app.run("look") == before


def test_a_walker_that_raises_disturbs_no_other_walker(app: App) -> None:
    app.run("make_counter")

    def one(number: int) -> None:
        if number % 2:
            app.run("increment")
        else:
            with pytest.raises(WalkerFailed):
                app.run("add_then_raise")

    at_once(80, 8, one)
    assert [found["value"] for found in app.run("look")] == [40]


def test_a_walker_that_only_reads_writes_nothing(app: App) -> None:
    app.run("make_counter")
    before = rows(app)
    app.run("look")
    app.run("all_roots")
    assert rows(app) == before


def test_a_node_that_was_deleted_is_gone_with_its_edges(app: App) -> None:
    before = len(rows(app))
    app.run("make_counter", name="old")
    app.run("forget", name="old")
    assert app.run("look") == []
    assert len(rows(app)) == before


def test_a_node_that_is_deleted_while_another_walker_changes_it_stays_deleted(app: App) -> None:
    app.run("make_counter", name="old")
    with held(app, "increment"):
        app.run("forget", name="old")
    assert app.run("look") == []


def test_a_node_is_not_deleted_under_an_edge_that_is_just_being_made(app: App) -> None:
    [hub] = app.run("make_counter", name="hub")
    others = [app.run("make_counter", name=str(number))[0] for number in range(20)]

    def connect_or_forget(number: int) -> None:
        if number % 2:
            app.run("forget", name=str(number // 2))
            return
        try:
            app.run("meet", node=hub, to=others[number // 2])
        except Forbidden:
            return

    at_once(40, 8, connect_or_forget)
    assert app.run("known", node=hub) == []
    assert [found["name"] for found in app.run("look")] == ["hub"]
    assert dangling(app) == []


def dangling(app: App) -> list[object]:
    """Ids that some row cites and that no row has."""
    return app.query("""
        SELECT edge.value FROM anchors, json_each(data, '$.edges') AS edge
         WHERE anchors.type = 'NodeAnchor' AND edge.value NOT IN (SELECT id FROM anchors)
        UNION SELECT data ->> '$.source' FROM anchors
         WHERE type = 'EdgeAnchor' AND data ->> '$.source' NOT IN (SELECT id FROM anchors)
        UNION SELECT data ->> '$.target' FROM anchors
         WHERE type = 'EdgeAnchor' AND data ->> '$.target' NOT IN (SELECT id FROM anchors)
    """)


def test_two_walkers_that_find_nothing_do_not_both_make_it(app: App) -> None:
    # The edge list that the losing one had read has changed by the time it commits.
    with held(app, "find_or_make"):
        app.run("find_or_make")
    assert len(app.run("look")) == 1
    other = app.other_user()
    at_once(16, 8, lambda _: other.run("find_or_make"))
    assert len(other.run("look")) == 1


def test_effects_that_wait_for_the_commit_run_after_it_and_only_then(
    app: App, tmp_path: Path
) -> None:
    into = tmp_path / "effect"
    with pytest.raises(WalkerFailed):
        app.run("with_effects", into=str(into), fail=True)
    assert not into.exists()
    assert app.run("with_effects", into=str(into)) == [False]
    assert into.read_text() == "committed"


def test_a_full_graph_of_edges_survives_the_interpreters_own_check(app: App) -> None:
    [one], [other] = app.run("make_counter", name="one"), app.run("make_counter", name="other")
    app.run("meet", node=one, to=other, since=1999)
    assert app.run("known", node=one) == ["other"]
    memory = SqliteMemory(path=str(app.graph))
    found = memory.fsck()
    memory.close()
    assert not any(found[kind] for kind in found if kind.startswith(("dangling", "orphan", "half")))


def test_many_nodes_of_one_root_are_all_read(app: App) -> None:
    app.run("many", number=1200)
    assert len(app.run("look")) == 1200


def test_roots_are_short_ids_that_exist_at_once(app: App) -> None:
    roots = {app.interpreter.create_root() for _ in range(20)}
    assert len(roots) == 20
    for root in roots:
        assert len(root) == 32
        assert root.startswith("0" * 8)
        assert app.run("look", root=root) == []
    assert {each for [found] in [app.run("all_roots")] for each in found} >= roots


def test_a_root_that_does_not_exist_is_forbidden(app: App) -> None:
    with pytest.raises(Forbidden):
        app.run("look", root=f"{2**90:032x}")


def test_the_public_root_is_the_shared_root(app: App) -> None:
    assert app.run("shared_root") == [Interpreter.PUBLIC_ROOT]


def test_a_conflict_says_what_it_is_about() -> None:
    assert "0001" in str(WriteConflict("0001"))
