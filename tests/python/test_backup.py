"""`jac cloud backup` and `jac cloud restore`: a copy of one moment, beside a server that works."""

import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from conftest import Serve
from crash_rounds import CrashRounds, check_whole, pairs
from jac_cloud import data_lock
from jac_cloud.backup import BackupError
from jac_cloud.backup_commands import Backups
from jac_cloud.errors import ConfigError
from jac_cloud.runtime import Interpreter
from support import JAC, ServerProcess, copy_app, eventually, scaled

EMAIL = "ada@example.com"


def jac_cloud(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(JAC), "cloud", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=scaled(60),
        check=False,
    )


def done(folder: Path, *arguments: str | Path) -> str:
    ended = jac_cloud(folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused(folder: Path, *arguments: str | Path) -> str:
    """The only line that a refused command prints."""
    ended = jac_cloud(folder, *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    return line


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return copy_app("storing", tmp_path / "app")


@pytest.mark.timeout(120)
def test_a_backup_beside_a_busy_server_is_of_one_moment_and_can_be_served(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    work = CrashRounds(first, seed=1)
    server = work.start()
    token = server.register(EMAIL)
    file = tmp_path / "backup.tar"
    with work.working(server):
        eventually(lambda: len(work.acknowledged) >= 5, "work is acknowledged", 30)
        users, commits = [*work.acknowledged.users], [*work.acknowledged.pairs]
        assert done(first, "backup", file, "--with-secret").endswith("token_secret\n")
    assert file.stat().st_mode & 0o777 == 0o600
    app = copy_app("storing", tmp_path / "second")
    done(app.parent, "restore", file)
    data = app.parent / ".jac" / "data"
    check_whole(data)
    assert pairs(data).keys() >= set(commits)
    assert {path.name for path in data.iterdir()} == {"graph.db", "users.db", "token_secret"}
    listed = done(app.parent, "user", "list")
    assert all(email in listed for email in users)
    served = ServerProcess(app, {})
    try:
        with served.http() as http:
            headers = {"Authorization": f"Bearer {token}"}
            answer = http.post("/walker/add_pair", json={"pair": "after"}, headers=headers)
            assert answer.status_code == 200
    finally:
        assert served.stop() == 0


def test_nothing_is_restored_while_a_server_runs_nor_over_what_is_there(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("storing")
    folder = server.app.parent
    file = tmp_path / "backup.tar"
    assert "token_secret" not in done(folder, "backup", file)
    assert "--overwrite" in refused(folder, "backup", file)
    done(folder, "backup", file, "--overwrite")
    assert "is being served" in refused(folder, "restore", file, "--overwrite")
    assert server.stop() == 0
    assert "--overwrite" in refused(folder, "restore", file)
    secret = (folder / ".jac/data/token_secret").read_bytes()
    done(folder, "restore", file, "--overwrite")
    assert (folder / ".jac/data/token_secret").read_bytes() == secret


def test_a_damaged_backup_is_refused_and_changes_nothing(app: Path, tmp_path: Path) -> None:
    data = app.parent / ".jac" / "data"
    Interpreter(data).close()
    with closing(sqlite3.connect(data / "users.db")) as users:
        users.execute("CREATE TABLE what (is_there)")
    backups = Backups(str(app.parent), {}, str)
    file = tmp_path / "backup.tar"
    backups.make(file, overwrite=False, with_secret=False)
    whole = file.read_bytes()
    with tarfile.open(file) as tar:
        begin = tar.getmember("users.db").offset_data
    damaged = bytearray(whole)
    damaged[begin + 1000] ^= 1
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    for content, problem in (
        (bytes(damaged), "users.db is not what was backed up"),
        (whole[: len(whole) // 2], "no whole backup"),
        (b"something else", "no whole backup"),
    ):
        file.write_bytes(content)
        with pytest.raises(BackupError, match=problem):
            backups.restore(file, overwrite=True)
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before
    # One that was broken off is not taken for data.
    (data / "restore.unfinished").touch()
    with pytest.raises(ConfigError, match="do it again"), data_lock.shared(data):
        pass
    file.write_bytes(whole)
    backups.restore(file, overwrite=True)
    with data_lock.shared(data), closing(sqlite3.connect(data / "users.db")) as users:
        assert users.execute("SELECT count(*) FROM what").fetchone() == (0,)


def test_users_in_a_database_of_their_own_are_left_to_its_tools(app: Path, tmp_path: Path) -> None:
    elsewhere = ("--database-url", "postgresql+psycopg://db.example.com/chat")
    file = tmp_path / "backup.tar"
    assert "is not there" in refused(app.parent, "backup", file, *elsewhere)
    Interpreter(app.parent / ".jac" / "data").close()
    ended = jac_cloud(app.parent, "backup", file, *elsewhere)
    assert (ended.returncode, ended.stdout) == (0, f"{file} holds graph.db\n")
    assert "pg_dump" in ended.stderr
