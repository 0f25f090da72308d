"""`jac serve` and `Server`: starting, stopping, and what goes wrong in between."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from conftest import Serve
from jac_cloud.setting_texts import flag
from jac_cloud.settings import Settings
from support import JAC, ServerProcess, copy_app, eventually, scaled

BROKEN = {
    "syntax.jac": "walker broken {\n    can enter with Root entry {\n",
    "raises.jac": 'with entry {\n    raise ValueError("at import");\n}\n',
    "spec.jac": (
        "walker wrong {\n    can enter with Root entry { report 1; }\n"
        '    class __specs__ {\n        has methods: list = ["carrier pigeon"];\n    }\n}\n'
    ),
    "raises.py": 'raise ValueError("at import")\n',
}


def run_jac(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(JAC), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """The only line that a refused start prints."""
    assert ended.returncode not in (0, None)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    return line


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return copy_app("rest", tmp_path)


def test_it_prints_one_line_with_the_address_and_the_walkers(serve: Serve) -> None:
    server = serve("rest")
    server.stop()
    lines = [line for line in server.log().splitlines() if not line.startswith("{")]
    assert len(lines) == 1
    assert f"http://127.0.0.1:{server.port}" in lines[0]
    for name in ("greet", "notes", "socket_only"):
        assert name in lines[0]
    assert "hidden" not in lines[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_connections_with_1001_and_ends_it_with_0_when_they_have_gone(
    serve: Serve, number: int
) -> None:
    server = serve("rest", drain_timeout=600)  # longer than anything here is waited for
    clients = [await server.websocket() for _ in range(20)]
    server.process.send_signal(number)
    for client in clients:
        with pytest.raises(ConnectionClosed) as closed:
            await client.socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    assert await asyncio.to_thread(server.process.wait, scaled(10)) == 0


async def test_a_walker_that_never_ends_holds_up_the_end_for_the_drain_timeout_only(
    serve: Serve,
) -> None:
    server = serve("rest", drain_timeout=0.5)
    async with await server.websocket() as client:
        await client.send({"type": "walker", "walker": "hold"})
        posted = asyncio.create_task(asyncio.to_thread(post_and_lose, server, "/walker/hold"))
        await asyncio.to_thread(eventually, lambda: is_running(server))
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, scaled(10)) == 0
        await posted


def post_and_lose(server: ServerProcess, path: str) -> None:
    with server.http() as http, pytest.raises(httpx.HTTPError):
        http.post(path).raise_for_status()


def is_running(server: ServerProcess) -> bool:
    with server.http() as http:
        return http.post("/walker/greet").status_code == 200


async def test_a_second_signal_ends_it_at_once(serve: Serve) -> None:
    server = serve("rest", drain_timeout=600)
    async with await server.websocket() as client:
        await client.send({"type": "walker", "walker": "hold"})
        # Answered behind the walker on another connection: the first one has been taken on.
        async with await server.websocket() as other:
            await other.walker("greet")
        server.process.send_signal(signal.SIGTERM)
        # Draining has begun when nobody is let in any more.
        await asyncio.to_thread(eventually, lambda: not answers(server))
        server.process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(server.process.wait, scaled(10))
        assert status == -signal.SIGTERM


def answers(server: ServerProcess) -> bool:
    try:
        with server.http() as http:
            return http.post("/walker/greet").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_port_that_is_taken_gives_one_line(app: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = one_line(run_jac(app.parent, "serve", app.name, "--port", str(port)))
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line


@pytest.mark.parametrize("name", [*BROKEN])
def test_an_app_with_an_error_gives_one_line_that_names_the_place(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(BROKEN[name], encoding="utf-8")
    line = one_line(run_jac(tmp_path, "serve", name, "--port", "0"))
    assert ("wrong" if name == "spec.jac" else name) in line


def test_an_app_that_is_not_there_gives_one_line(tmp_path: Path) -> None:
    assert "absent.jac" in one_line(run_jac(tmp_path, "serve", "absent.jac"))


def test_a_wrong_setting_gives_one_line_that_says_where_it_came_from(app: Path) -> None:
    wrong_flag = run_jac(app.parent, "serve", app.name, "--pong-timeout", "0")
    assert "--pong-timeout: '0' is not allowed" in one_line(wrong_flag)
    wrong_variable = run_jac(app.parent, "serve", app.name, JAC_CLOUD_WORKERS="many")
    assert "JAC_CLOUD_WORKERS: 'many' is not allowed" in one_line(wrong_variable)
    (app.parent / "jac.toml").write_text("[plugins.cloud]\nportt = 1\n", encoding="utf-8")
    assert "did you mean" in one_line(run_jac(app.parent, "serve", app.name))


def test_an_unknown_flag_gives_one_line_that_names_the_nearest(app: Path) -> None:
    for wrong in (["--prot", "1"], ["--prot=1"], ["--port", "0", "--no-port"]):
        refused = run_jac(app.parent, "serve", app.name, *wrong)
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert line.startswith("jac serve: --")
        assert "is not a setting; did you mean --port?" in line
    shortened = run_jac(app.parent, "serve", "--show", "--no-debug", "--por=81")
    assert shortened.returncode == 0, shortened.stderr
    assert "81" in shortened.stdout


@pytest.mark.parametrize("secret", ["secret", "12345678"])
def test_a_weak_secret_gives_one_line_without_it(app: Path, secret: str) -> None:
    line = one_line(run_jac(app.parent, "serve", app.name, TOKEN_SECRET=secret))
    assert line.startswith("jac serve: TOKEN_SECRET: ")
    assert secret not in line.lower().replace("token_secret", "")


def test_a_data_folder_that_cannot_be_made_gives_one_line(app: Path) -> None:
    (app.parent / ".jac").write_text("a file", encoding="utf-8")
    assert "data_dir" in one_line(run_jac(app.parent, "serve", app.name, "--port", "0"))


def test_help_shows_every_setting(tmp_path: Path) -> None:
    shown = run_jac(tmp_path, "serve", "--help")
    assert shown.returncode == 0
    for name in Settings.model_fields:
        assert flag(name) in shown.stdout
    assert "-H" in shown.stdout


def test_show_config_prints_each_setting_with_its_source_and_serves_nothing(app: Path) -> None:
    secret = "correct horse battery staple 0123456789"
    arguments = ["serve", app.name, "--port", "81", "--show-config"]
    shown = run_jac(app.parent, *arguments, TOKEN_SECRET=secret)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()}
    assert {*Settings.model_fields} <= {*rows}
    assert rows["port"] == ["81", "--port"]
    assert rows["token_secret"] == ["********", "TOKEN_SECRET"]
    assert not (app.parent / ".jac").exists()
    refused = run_jac(app.parent, *arguments, JAC_CLOUD_WORKERS="many")
    assert "JAC_CLOUD_WORKERS: 'many' is not allowed" in one_line(refused)


def test_show_config_wants_no_app(tmp_path: Path) -> None:
    (tmp_path / "jac.toml").write_text("[plugins.cloud]\nworkers = 3\n", encoding="utf-8")
    shown = run_jac(tmp_path, "serve", "--show-config")
    assert shown.returncode == 0, shown.stderr
    assert f"{tmp_path / 'jac.toml'} [plugins.cloud] workers" in shown.stdout


def test_older_names_are_read_with_a_note_in_the_log(serve: Serve) -> None:
    server = serve("rest", env={"UV_WS_PING_INTERVAL": "7", "UV_PORT": "1"}, log_format="text")
    assert "UV_WS_PING_INTERVAL is read as JAC_CLOUD_PING_INTERVAL" in server.log()
    assert "UV_PORT" not in server.log()


def test_jac_lists_the_command(tmp_path: Path) -> None:
    assert "Serve an app over WebSocket and HTTP" in run_jac(tmp_path, "--help").stdout


def test_a_flag_wins_over_the_environment_and_over_the_files(serve: Serve) -> None:
    env = {**os.environ, "JAC_CLOUD_PORT": "1", "JAC_CLOUD_LOG_FORMAT": "text"}
    assert serve("rest", env=env).port > 1


def test_the_secret_and_the_data_are_for_their_owner_alone(serve: Serve) -> None:
    data = serve("rest").app.parent / ".jac" / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("token_secret", "users.db"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600


def test_the_log_is_one_json_object_a_line(serve: Serve) -> None:
    server = serve("rest", log_format="json")
    headers = {"Authorization": f"Bearer {server.register('ada@example.com')}"}
    with server.http() as http:
        http.post("/walker/fail", headers=headers)
    server.stop()
    announcement, *lines = server.log().splitlines()
    assert announcement.startswith("Serving ")
    entries = [json.loads(line) for line in lines]
    assert any(entry["event"] == "walker failed" for entry in entries)
    assert all({"time", "level", "logger", "event"} <= entry.keys() for entry in entries)
