"""The soak's quick form, and servers that wear out, which must not pass it."""

import asyncio
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import soaking
from mixed import Mixed
from support import ServerProcess

# Keeps a little of every session for good.
LEAKS = """
import threading, time
from jac_cloud.server import Server

start = Server.start
kept = []

def leak(server):
    while True:
        opened = server.stats()["sessions_opened"]
        kept.extend(bytes(1000) for _ in range(opened - len(kept)))
        time.sleep(0.05)

def start_and_leak(server):
    start(server)
    threading.Thread(target=leak, args=(server,), daemon=True).start()

Server.start = start_and_leak
"""
# One notification in fifty is counted and never sent.
LOSES = """
import itertools
from jac_cloud import plugin

class Loses:
    def __init__(self, manager):
        self.manager = manager
        self.turn = itertools.count(1)

    def notify_channels(self, channels, data):
        return next(self.turn) % 50 and self.manager.notify_channels(channels, data)

plugin.WEBSOCKET_MANAGER = Loses(plugin.WEBSOCKET_MANAGER)
"""
SERVE = """
from jaclang.jac0core.cli_boot import start_cli
sys.exit(start_cli())
"""


def faulty(defect: str, folder: Path) -> ServerProcess:
    """A server with this defect."""
    jac = folder / "faulty"
    jac.write_text(f"#!{sys.executable}\nimport sys\n{defect}{SERVE}")
    jac.chmod(stat.S_IRWXU)
    return soaking.start(folder / "app", jac)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that is sound, or one with the defect that the test names."""
    server = faulty(getattr(request, "param", ""), tmp_path)
    yield server
    assert server.stop() == 0, server.log()


def test_ten_thousand_who_come_and_go_leave_nothing_behind(server: ServerProcess) -> None:
    growth = soaking.come_and_go(server, 10_000, seed=1)
    assert growth.is_bounded(), growth


@pytest.mark.parametrize("server", [LEAKS], indirect=True, ids=["leaks"])
def test_a_server_that_leaks_is_found(server: ServerProcess) -> None:
    growth = soaking.come_and_go(server, 10_000, seed=1)
    assert not growth.is_bounded(), growth


def test_of_everything_at_once_nothing_is_lost(server: ServerProcess) -> None:
    assert soaking.mix(server, 3, seed=1) < soaking.MIXED_GROWTH


@pytest.mark.parametrize("server", [LOSES], indirect=True, ids=["loses"])
def test_a_server_that_loses_a_message_is_found(server: ServerProcess) -> None:
    with pytest.raises(ExceptionGroup) as found:
        asyncio.run(Mixed(server, 3, seed=1).run())
    assert found.group_contains(AssertionError, match="was due")
