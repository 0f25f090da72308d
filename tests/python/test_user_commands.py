"""`jac cloud user`: an operator's way to users, beside a server and without one."""

import json
import os
import pty
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import JAC, ServerProcess, bound, copy_app, eventually, scaled

PASSWORD = "correct horse battery"
EMAIL = "ada@example.com"


def jac_cloud_user(
    folder: Path, *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(JAC), "cloud", "user", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        input=given,
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )


def result(folder: Path, *arguments: str, given: str = "") -> Any:
    """What an action that goes well prints as JSON, and nothing else."""
    ended = jac_cloud_user(folder, *arguments, "--json", given=given)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def refusal(folder: Path, *arguments: str, given: str = "", **environment: str) -> str:
    """The only line that a refused action prints."""
    ended = jac_cloud_user(folder, *arguments, given=given, **environment)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    return line


def login(http: httpx.Client, password: str = PASSWORD, email: str = EMAIL) -> httpx.Response:
    return http.post("/user/login", json={"email": email, "password": password})


def me(http: httpx.Client, token: str) -> int:
    return http.get("/user/me", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest")


def test_an_added_user_logs_in_with_a_root_that_walkers_run_on(
    server: ServerProcess, http: httpx.Client
) -> None:
    folder = server.app.parent
    added = result(folder, "add", " Added@Example.com", given=f"{PASSWORD}\n")
    assert added.keys() == {"id", "email", "state", "created_at", "root_id"}
    assert (added["email"], added["state"]) == ("added@example.com", "active")
    answer = login(http, email="added@example.com").json()
    assert answer["user"]["root_id"] == added["root_id"]
    headers = {"Authorization": f"Bearer {answer['token']}"}
    asked = http.post("/walker/write", headers=headers, json={"text": "by the operator's user"})
    assert asked.status_code == 200
    assert "registered" in refusal(folder, "add", "added@example.com", given=PASSWORD)


def test_users_are_listed_as_lines_or_as_json(server: ServerProcess) -> None:
    folder = server.app.parent
    server.register("listed@example.com")
    listed = {user["email"]: user for user in result(folder, "list")}
    user = listed["listed@example.com"]
    assert re.fullmatch(r"n::[0-9a-f]{24}", user["root_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", user["created_at"])
    lines = jac_cloud_user(folder, "list").stdout.splitlines()
    assert "  ".join(user.values()) in lines
    assert len(lines) == len(listed)
    assert "$argon2" not in "".join(lines)


def test_a_disabled_user_is_out_of_the_running_server_until_enabled(
    server: ServerProcess, http: httpx.Client
) -> None:
    folder = server.app.parent
    token = server.register("disabled@example.com")
    assert result(folder, "disable", "disabled@example.com")["state"] == "disabled"
    assert me(http, token) == 401
    assert login(http, email="disabled@example.com").status_code == 401
    assert result(folder, "enable", "disabled@example.com")["state"] == "active"
    assert me(http, token) == 401
    assert login(http, email="disabled@example.com").status_code == 200


def test_a_set_password_counts_at_once_and_costs_the_tokens(
    server: ServerProcess, http: httpx.Client
) -> None:
    token = server.register("forgot@example.com")
    result(server.app.parent, "passwd", "forgot@example.com", given="another horse\r\n")
    assert me(http, token) == 401
    assert login(http, email="forgot@example.com").status_code == 401
    assert login(http, "another horse", "forgot@example.com").status_code == 200


def test_a_deleted_user_is_gone_with_what_was_theirs(
    server: ServerProcess, http: httpx.Client
) -> None:
    folder = server.app.parent
    token = server.register("gone@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    written = http.post("/walker/write", headers=headers, json={"text": "mine"}).json()
    node = written["reports"][0]["_jac_id"]
    ended = jac_cloud_user(folder, "delete", "gone@example.com")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert me(http, token) == 401
    assert "gone@example.com" not in {user["email"] for user in result(folder, "list")}
    other = {"Authorization": f"Bearer {server.register('stays@example.com')}"}
    assert http.post(f"/walker/read/{node}", headers=other, json={}).status_code == 403
    assert "no such user" in refusal(folder, "delete", "gone@example.com")


def test_what_cannot_be_done_is_said_in_one_line(server: ServerProcess) -> None:
    folder = server.app.parent
    for action in ("disable", "passwd"):
        line = refusal(folder, action, "nobody@example.com", given=PASSWORD)
        assert line == f"jac cloud user {action}: there is no such user"
    assert "e-mail address is wanted" in refusal(folder, "disable")
    assert "not an e-mail address" in refusal(folder, "add", "nobody", given=PASSWORD)
    for wrong in ("short", "x" * 1025):
        assert "8 to 1024 bytes" in refusal(folder, "add", "new@example.com", given=wrong)
    unreachable = {"JAC_CLOUD_DATABASE_URL": "sqlite:////nowhere/at/all.db"}
    assert "database_url" in refusal(folder, "list", **unreachable)


def test_a_password_is_no_argument(tmp_path: Path) -> None:
    assert jac_cloud_user(tmp_path, "add", EMAIL, PASSWORD).returncode == 2
    assert jac_cloud_user(tmp_path, "add", EMAIL, "--password", PASSWORD).returncode == 2


def test_a_folder_without_users_is_not_made_one_by_looking(tmp_path: Path) -> None:
    assert "has no users" in refusal(tmp_path, "list")
    assert [*tmp_path.iterdir()] == []


def test_users_are_added_before_the_first_start(tmp_path: Path) -> None:
    app = copy_app("rest", tmp_path / "app")
    result(tmp_path, "add", EMAIL, "--app", str(app), given=PASSWORD)
    data = app.parent / ".jac" / "data"
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "users.db").stat().st_mode & 0o077 == 0
    server = ServerProcess(app, {})
    try:
        with server.http() as http:
            assert login(http).status_code == 200
    finally:
        assert server.stop() == 0


def test_the_users_of_another_database_are_found_by_flag_and_environment(
    database_url: str, tmp_path: Path
) -> None:
    result(tmp_path, "add", EMAIL, "--database-url", database_url, given=PASSWORD)
    ended = jac_cloud_user(tmp_path, "list", JAC_CLOUD_DATABASE_URL=database_url)
    assert EMAIL in ended.stdout
    assert not (tmp_path / ".jac" / "data" / "users.db").exists()


class Terminal:
    """A command at a terminal; `screen` is all that it shows."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._terminal, terminal = pty.openpty()
        os.set_blocking(self._terminal, False)
        # As the terminal of a session of its own: where a password is asked for.
        command = ["setsid", "--ctty", "--wait", str(JAC), "cloud", "user", *arguments]
        self.process = subprocess.Popen(
            bound(command), cwd=folder, stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        self.screen = ""

    def wait_for(self, text: str) -> None:
        eventually(lambda: text in self._read(), f"{text} on the terminal", 60)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        def ended() -> bool:
            self._read()
            return self.process.poll() is not None

        eventually(ended, "the end of the command", 60)
        self._read()
        os.close(self._terminal)
        return self.process.returncode

    def _read(self) -> str:
        # Nothing new, or nobody has the terminal open any more.
        with suppress(OSError):
            self.screen += os.read(self._terminal, 4096).decode()
        return self.screen


@pytest.mark.parametrize("second", [PASSWORD, "something else"])
def test_a_terminal_asks_twice_and_shows_nothing_of_the_password(
    tmp_path: Path, second: str
) -> None:
    terminal = Terminal(tmp_path, "add", EMAIL)
    terminal.wait_for("Password: ")
    terminal.type(f"{PASSWORD}\n")
    terminal.wait_for("Once more: ")
    terminal.type(f"{second}\n")
    assert terminal.end() == (0 if second == PASSWORD else 1)
    assert PASSWORD not in terminal.screen
    assert second not in terminal.screen
    assert (EMAIL in terminal.screen) == (second == PASSWORD)
    assert ("the two passwords differ" in terminal.screen) == (second != PASSWORD)
