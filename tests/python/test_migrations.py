"""The users' database from version to version: nothing lost, and all servers agree."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

import jac_cloud.migrations
from jac_cloud.database import open_database
from jac_cloud.errors import ConfigError
from jac_cloud.migrations import NEWEST, VERSION_TABLE
from jac_cloud.passwords import Passwords
from jac_cloud.patience import UNREACHABLE
from jac_cloud.tables import Base
from jac_cloud.user_rows import State
from jac_cloud.users import EmailTaken, Users
from postgresql import Postgresql
from support import ServerProcess, copy_app, scaled

PASSWORD = "correct horse battery"
# As servers made it before there were migrations: `CREATE TABLE` with what SQLAlchemy wrote then.
TABLE_BEFORE_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS users (
    id VARCHAR(24) NOT NULL,
    email VARCHAR(254) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    root_hex VARCHAR(32) NOT NULL,
    created_at {datetime} NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (email),
    UNIQUE (root_hex)
)
"""
OLD_USER = {
    "id": "672b35cec309e5ef8469c372",
    "email": "ada@example.com",
    "root_hex": "000000006e1d0b7a2c4f4e5d8a9b0c1d",
    "created_at": "2026-01-31 12:34:56.789012",
}


def make_old_database(url: str) -> None:
    engine = create_engine(url)
    datetime = "DATETIME" if engine.dialect.name == "sqlite" else "TIMESTAMP WITHOUT TIME ZONE"
    user = {**OLD_USER, "password_hash": Passwords().hash(PASSWORD)}
    with engine.begin() as connection:
        connection.execute(text(TABLE_BEFORE_MIGRATIONS.format(datetime=datetime)))
        connection.execute(
            text("INSERT INTO users VALUES (:id, :email, :password_hash, :root_hex, :created_at)"),
            user,
        )
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    """Between the tables as the migrations made them and as the code has them."""
    with engine.connect() as connection:
        options = {
            "version_table": VERSION_TABLE,
            "compare_type": True,
            "compare_server_default": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))


def test_a_database_of_the_older_version_is_brought_forward_with_its_users(
    database_url: str,
) -> None:
    make_old_database(database_url)
    users = Users(database_url, Passwords())
    user = users.login("ada@example.com", PASSWORD)
    assert user is not None
    assert user == users.find("ada@example.com")
    assert (user.id, user.email) == (OLD_USER["id"], OLD_USER["email"])
    assert (user.root_hex, user.state) == (OLD_USER["root_hex"], State.ACTIVE)
    assert user.created_at.isoformat() == "2026-01-31T12:34:56.789012+00:00"
    with pytest.raises(EmailTaken):
        users.register("ada@example.com", PASSWORD, lambda: "0" * 32)
    assert differences(users.database.engine) == []
    users.close()


def test_a_new_database_has_the_tables_that_the_code_knows(database_url: str) -> None:
    engine = open_database(database_url)
    assert differences(engine) == []
    engine.dispose()


def test_the_version_that_is_looked_for_is_the_newest_of_the_migrations() -> None:
    folder = Path(jac_cloud.migrations.__file__).parent
    assert ScriptDirectory(folder).get_current_head() == NEWEST


def tables(url: str) -> dict[str, Any]:
    """All that the database says of them."""
    engine = create_engine(url)
    found = inspect(engine)
    said: dict[str, Any] = {
        name: {
            "columns": [
                column | {"type": str(column["type"])} for column in found.get_columns(name)
            ],
            "key": found.get_pk_constraint(name),
            "unique": sorted(found.get_unique_constraints(name), key=str),
            "indexes": sorted(found.get_indexes(name), key=str),
            "references": found.get_foreign_keys(name),
            "checks": found.get_check_constraints(name),
        }
        for name in found.get_table_names()
    }
    with engine.connect() as connection:
        said["version"] = connection.execute(text("SELECT * FROM jac_cloud_version")).all()
        if engine.dialect.name == "sqlite":
            # Reflection knows nothing of these.
            kept = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
            said["autoincrement"] = {name for name, sql in kept if "AUTOINCREMENT" in (sql or "")}
    engine.dispose()
    return said


def test_a_new_database_is_as_all_migrations_would_have_made_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(database_url)
    at_once = tables(database_url)
    made = MetaData()
    made.reflect(engine)
    made.drop_all(engine)
    engine.dispose()
    monkeypatch.setattr(jac_cloud.migrations, "_is_new", lambda _: False)
    open_database(database_url).dispose()
    assert tables(database_url) == at_once


def test_only_a_start_with_a_migration_waits_for_their_library(tmp_path: Path) -> None:
    program = (
        "import sys; from jac_cloud.database import open_database;"
        "open_database(sys.argv[1]).dispose(); print('alembic' in sys.modules)"
    )
    old = f"sqlite:///{tmp_path / 'old.sqlite'}"
    make_old_database(old)
    starts = [
        subprocess.run(
            [sys.executable, "-c", program, url], capture_output=True, text=True, check=True
        ).stdout.strip()
        for url in (f"sqlite:///{tmp_path / 'new.sqlite'}", old, old)
    ]
    assert starts == ["False", "True", "False"]


def test_a_start_with_a_migration_has_their_library_before_its_turn(tmp_path: Path) -> None:
    """Importing it may take longer than the others wait for theirs."""
    program = (
        "import sys; from jac_cloud import database, migrations;"
        "wait, is_there = migrations._wait_for_turn, lambda: 'alembic.command' in sys.modules;"
        "migrations._wait_for_turn = lambda *given: print(is_there()) or wait(*given);"
        "database.open_database(sys.argv[1]).dispose()"
    )
    old = f"sqlite:///{tmp_path / 'old.sqlite'}"
    make_old_database(old)
    ended = subprocess.run(
        [sys.executable, "-c", program, old], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "True"


def test_who_finds_in_its_turn_that_another_was_first_leaves_all_as_it_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(database_url).dispose()
    is_current = jac_cloud.migrations._is_current
    # At the first look the other one was not done.
    looks = iter([False])
    monkeypatch.setattr(
        jac_cloud.migrations, "_is_current", lambda one: next(looks, True) and is_current(one)
    )
    monkeypatch.setattr(
        jac_cloud.migrations, "_migrate", lambda _: pytest.fail("there is nothing to migrate")
    )
    open_database(database_url).dispose()


def test_starting_again_changes_nothing(database_url: str) -> None:
    make_old_database(database_url)
    for _ in range(2):
        users = Users(database_url, Passwords())
        assert [user.email for user in users.all()] == ["ada@example.com"]
        users.close()


@pytest.mark.parametrize("is_old", [True, False])
def test_servers_that_start_at_once_agree(database_url: str, is_old: bool) -> None:
    if is_old:
        make_old_database(database_url)
    program = (
        "import sys; from jac_cloud.database import open_database;"
        "sys.stdin.read(1); open_database(sys.argv[1], float(sys.argv[2])).dispose()"
    )
    processes = [
        subprocess.Popen(
            # SQLite counts the time for the turns of all the others.
            [sys.executable, "-c", program, database_url, str(scaled(30))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(4)
    ]
    with ThreadPoolExecutor(len(processes)) as pool:
        ended = [*pool.map(lambda one: one.communicate(b"!", scaled(60))[0], processes)]
    assert [one.returncode for one in processes] == [0] * len(processes), ended
    engine = open_database(database_url)
    assert differences(engine) == []
    engine.dispose()


def test_threads_that_start_at_once_agree(database_url: str) -> None:
    """About one start in a hundred was told that SQLite's new file is locked, where two changed it
    to the write-ahead log at the same time: that is refused whatever the time to wait is.
    """
    barrier = threading.Barrier(8)

    def start(_: int) -> None:
        barrier.wait()
        open_database(database_url).dispose()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))


def test_a_migration_that_fails_leaves_the_database_as_it_was(database_url: str) -> None:
    make_old_database(database_url)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE retired_secrets (somebody_elses INTEGER)"))
    with pytest.raises(ConfigError, match="database_url"):
        open_database(database_url)
    assert {*inspect(engine).get_table_names()} == {"users", "retired_secrets"}
    assert "state" not in {column["name"] for column in inspect(engine).get_columns("users")}
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE jac_cloud_version SET version_num = '999'"))
    with pytest.raises(ConfigError, match="newer version"):
        open_database(database_url)
    with engine.connect() as connection:
        version = connection.execute(text("SELECT version_num FROM jac_cloud_version")).scalar_one()
    assert version == "999"
    engine.dispose()


def test_a_database_may_hold_tables_and_migrations_of_somebody_else(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    open_database(database_url).dispose()
    with engine.connect() as connection:
        theirs = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    assert theirs == ["theirs"]
    engine.dispose()


def test_connections_that_the_database_has_closed_are_replaced(
    postgresql: Postgresql,
) -> None:
    users = Users(postgresql.new_database(), Passwords())
    assert users.all() == []
    postgresql.drop_connections()
    users.check()
    users.close()


def test_a_database_that_is_gone_is_not_to_be_reached(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    users = Users(f"sqlite:///{folder}/users.db", Passwords())
    users.check()
    users.database.engine.dispose()
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UNREACHABLE):
        users.check()
    users.close()


def test_a_server_takes_users_over_from_the_older_version(tmp_path: Path) -> None:
    app = copy_app("rest", tmp_path / "app")
    data = app.parent / ".jac" / "data"
    data.mkdir(mode=0o700, parents=True)
    make_old_database(f"sqlite:///{data}/users.db")
    server = ServerProcess(app, {})
    try:
        with server.http() as http:
            account = {"email": "ada@example.com", "password": PASSWORD}
            answer = http.post("/user/login", json=account)
            assert answer.status_code == 200
            assert answer.json()["user"]["id"] == OLD_USER["id"]
    finally:
        assert server.stop() == 0
    assert server.log().count("the users' database is brought forward") == 2
    assert "alembic" not in server.log()
