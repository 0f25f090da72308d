"""Fixtures of the whole suite."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from in_process import App, loaded
from postgresql import Postgresql
from support import ServerProcess, copy_app, scaled, without_sanitizer

type Serve = Callable[..., ServerProcess]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each test's time limit follows the scale of the build under test."""
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = float(marker.args[0] if marker else config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(scaled(seconds)), append=False)


def _serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    servers: list[ServerProcess] = []

    def start(
        app: str | Path,
        env: dict[str, str] | None = None,
        listener: socket.socket | None = None,
        **settings: Any,
    ) -> ServerProcess:
        folder = tmp_path_factory.mktemp("app")
        environment = {**os.environ, **(env or {})}
        server = ServerProcess(copy_app(app, folder), settings, environment, listener=listener)
        servers.append(server)
        return server

    yield start
    for server in reversed(servers):
        ended_by_test = server.process.poll() is not None
        status = server.stop()
        assert ended_by_test or status == 0, f"jac serve ended with {status}:\n{server.log()}"


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts `jac serve` on a copy of an app; stops it afterwards and sees that nothing is left.

    serve("fixture-name" | Path, env=None, listener=None, **settings) -> ServerProcess. Settings
    become flags; a listener is a socket to serve on, handed over as systemd would.
    """
    yield from _serving(tmp_path_factory)


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """As `serve`, for servers that all tests of a module share."""
    yield from _serving(tmp_path_factory)


@pytest.fixture(scope="module")
def first_user(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """The app that a module names in its APP, loaded in this process for all its tests."""
    with loaded(request.module.APP, tmp_path_factory.mktemp("loaded")) as app:
        yield app


@pytest.fixture
def app(first_user: App) -> App:
    """A user of their own for each test, with an empty graph."""
    return first_user.other_user()


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client of the `server` that a module's tests share."""
    with server.http() as client:
        yield client


# Not for the session: while it is open, Playwright's event loop is the thread's, and no async test
# could run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless, told to look for nothing on the network by itself."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "chromium is not installed: make test installs it, or tells how"
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - without_sanitizer(os.environ).keys():
            patch.delenv(name)
        playwright = sync_playwright().start()
    expect.set_options(timeout=scaled(30_000))
    browser = playwright.chromium.launch(
        executable_path=chromium,
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    )
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL server, started for the first test that asks for it."""
    server = Postgresql()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that nobody has used, one of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/users.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.new_database()
