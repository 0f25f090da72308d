"""How walkers run: where, as whom, sync or async, and what happens when they fail."""

import asyncio
import json
import logging
import threading

import pytest

from gates import gate, left_behind
from in_process import App
from jac_cloud._jaclang import JacRuntimeInterface
from jac_cloud._native import Unit, format_node_id
from jac_cloud.errors import Forbidden, InvalidInput, WalkerFailed, WalkerTimeout
from jac_cloud.runtime import Caller, Deadline, Interpreter
from support import scaled

APP = "graph"


def test_a_walker_starts_on_its_callers_root(app: App) -> None:
    assert app.run("where_am_i") == [app.root, app.root]


def test_a_walker_starts_on_the_node_that_is_named(app: App) -> None:
    [counter] = app.run("make_counter")
    assert app.run("where_am_i", node=counter) == [counter, app.root]


def test_the_public_user_has_a_root_of_its_own(app: App) -> None:
    public = Interpreter.PUBLIC_ROOT
    assert app.run("where_am_i", root=public) == [public, public]


def test_a_node_may_be_named_in_every_spelling(app: App) -> None:
    [counter] = app.run("make_counter")
    for spelling in (counter, f"n::{counter}", f"n:Counter:{counter}", counter.upper()):
        assert app.run("where_am_i", node=spelling)[0] == counter
    for spelling in (app.root, format_node_id(app.root), app.root[8:]):
        assert app.run("where_am_i", node=spelling)[0] == app.root


def test_a_node_that_is_not_the_callers_looks_like_one_that_is_not_there(app: App) -> None:
    [secret] = app.other_user().run("keep_secret", text="mine")
    [edge] = app.query("SELECT id FROM anchors WHERE type = 'EdgeAnchor' LIMIT 1")
    refused = []
    for node in (
        secret,
        "f" * 32,
        "nonsense",
        "",
        "n::",
        "../x",
        edge[0].replace("-", ""),
        "0" * 32,
    ):
        with pytest.raises(Forbidden) as raised:
            app.run("reveal", node=node)
        refused.append(str(raised.value))
    assert len(set(refused)) == 1


def test_a_node_that_is_shared_may_be_walked_by_others(app: App) -> None:
    owner = app.other_user()
    [secret] = owner.run("keep_secret", text="for all")
    owner.run("share", node=secret)
    assert app.run("reveal", node=secret) == ["for all"]


def test_an_async_walker_runs_to_its_end_and_is_committed(app: App) -> None:
    assert app.run("read_later", name="slow") == ["slow"]
    assert [found["name"] for found in app.run("look")] == ["slow"]


def test_tasks_that_an_async_walker_leaves_behind_are_cancelled(app: App) -> None:
    # The second run uses the loop of the first: a task left on it would still be there.
    for _ in range(2):
        app.run("read_later")
    assert [found["name"] for found in app.run("look")] == ["later", "later"]


def test_async_abilities_of_a_walker_that_is_not_declared_async_are_awaited(app: App) -> None:
    assert app.run("waits_without_saying") == ["waited"]


def test_walkers_run_on_threads_of_an_event_loop_too(app: App) -> None:
    async def several() -> list[list[object]]:
        runs = [asyncio.to_thread(app.run, "read_later", name=str(number)) for number in range(4)]
        return list(await asyncio.gather(*runs))

    assert asyncio.run(several()) == [[str(number)] for number in range(4)]


@pytest.mark.parametrize("how", ["exit", "interrupt", "recurse"])
def test_a_walker_cannot_end_more_than_itself(app: App, how: str) -> None:
    with pytest.raises(WalkerFailed):
        app.run("end_process", how=how)
    assert app.run("look") == []


def test_a_walker_that_raises_leaves_its_traceback_in_the_log_alone(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WalkerFailed) as raised:
        app.run("add_then_raise")
    [record] = [each for each in caplog.records if each.name == "jac_cloud.walker"]
    assert record.levelno == logging.ERROR
    assert vars(record)["ref"] == raised.value.ref
    assert vars(record)["walker"] == "add_then_raise"
    assert record.exc_info is not None
    assert "on purpose" not in str(raised.value)
    assert raised.value.message == "ValueError: on purpose"


def test_a_deadline_that_expires_first_keeps_the_run_from_committing(app: App) -> None:
    app.run("make_counter")
    deadline = Deadline()
    assert deadline.expire()
    with pytest.raises(WalkerTimeout):
        run_with(app, "increment", deadline)
    assert app.run("look")[0]["value"] == 0


def test_a_deadline_that_comes_too_late_changes_nothing(app: App) -> None:
    app.run("make_counter")
    deadline = Deadline()
    run_with(app, "increment", deadline)
    assert deadline.finish()
    assert not deadline.expire()
    assert app.run("look")[0]["value"] == 1


def test_a_conflict_after_the_time_is_up_is_not_solved_by_running_again() -> None:
    deadline = Deadline()
    deadline.begin_commit()
    assert not deadline.expire()
    deadline.run_again()
    with pytest.raises(WalkerTimeout):
        deadline.check()
    assert not deadline.finish()


def run_with(app: App, walker: str, deadline: Deadline) -> bytes:
    spec = app.interpreter.walkers[walker]
    return app.interpreter.run(spec, b"{}", Caller(app.root), None, Unit, deadline).reports


def test_reports_come_in_their_order(app: App) -> None:
    gate.reset()
    for name in ("first", "second"):
        app.run("make_counter", name=name)
    assert [found["name"] for found in app.run("look")] == ["first", "second"]


def test_a_walker_for_nodes_only_wants_one_to_be_named(app: App) -> None:
    with pytest.raises(InvalidInput) as raised:
        app.run("on_nodes_only")
    assert raised.value.details == [{"type": "missing", "loc": ["node"], "msg": "Field required"}]
    [counter] = app.run("make_counter")
    assert app.run("on_nodes_only", node=counter) == [counter]


def test_a_walker_for_roots_only_takes_no_node(app: App) -> None:
    assert app.run("on_roots_only") == [app.root]
    with pytest.raises(InvalidInput):
        app.run("on_roots_only", node=app.root)


def test_the_graph_is_not_there_outside_of_a_walker(app: App) -> None:
    [outside] = app.run("looks_from_a_thread_of_its_own")
    assert outside.startswith("RuntimeError: The graph is there for walkers only")
    with pytest.raises(RuntimeError, match="for walkers only"):
        JacRuntimeInterface.root()


def test_a_thread_with_a_copied_context_works_in_the_walkers_unit(app: App) -> None:
    app.run("works_in_a_copied_context")
    assert [found["name"] for found in app.run("look")] == ["from a thread"]


def test_a_thread_that_outlives_its_walker_reaches_nothing(app: App) -> None:
    gate.reset()
    app.run("make_counter", name="still there")
    app.run("leaves_a_thread_behind")
    [left] = [each for each in threading.enumerate() if each.name == "left behind"]
    gate.open()
    left.join(scaled(10))
    assert left_behind == ["nothing"]
    assert [found["name"] for found in app.run("look")] == ["still there"]


def test_reports_are_not_printed(app: App, capfd: pytest.CaptureFixture[str]) -> None:
    app.run("where_am_i")
    assert capfd.readouterr().out == ""


def test_a_walker_that_spawns_another_reports_what_that_one_reports(app: App) -> None:
    assert json.loads(app.raw("spawns")) == ["inner", "outer"]
