"""The secret that signs tokens: made once, kept from others, and changed without losing tokens."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from jac_cloud.database import Database
from jac_cloud.errors import ConfigError
from jac_cloud.token_secret import kept_secret, previous_secret

FORMER = b"5e1f0cfa4b7d4c0c9a3f0e2d1b8a7c6d"
PRESENT = FORMER[::-1]
HOUR = 3600


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def set_back(database: Database, seconds: int) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE retired_secrets SET retired_at = retired_at - {seconds}"))


def test_the_secret_is_made_once_with_256_bits_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "token_secret"
    secret = kept_secret(path)
    assert len(bytes.fromhex(secret.decode())) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secret(path) == secret
    assert [*tmp_path.iterdir()] == [path]


def test_servers_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def start(_: int) -> bytes:
        barrier.wait()
        return kept_secret(tmp_path / "token_secret")

    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(start, range(8))}) == 1
    assert len([*tmp_path.iterdir()]) == 1


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token_secret"
    kept_secret(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        kept_secret(path)


@pytest.mark.parametrize("content", [b"", b"secret", b"a" * 64])
def test_a_weak_secret_in_the_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token_secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="too weak"):
        kept_secret(path)
    assert path.read_bytes() == content


def test_without_a_former_secret_there_is_none(database: Database) -> None:
    assert previous_secret(database, PRESENT, None, HOUR) is None


def test_a_former_secret_counts_from_the_first_start_with_it_however_often_one_starts(
    database: Database,
) -> None:
    first = previous_secret(database, PRESENT, FORMER, HOUR)
    assert first is not None
    set_back(database, 600)
    second = previous_secret(database, PRESENT, FORMER, HOUR)
    assert second is not None
    assert (first.secret, second.secret) == (FORMER, FORMER)
    assert second.until == first.until - 600


def test_servers_that_start_at_once_agree_until_when_it_counts(database: Database) -> None:
    barrier = threading.Barrier(8)

    def start(_: int) -> float:
        barrier.wait()
        former = previous_secret(database, PRESENT, FORMER, HOUR)
        assert former is not None
        return former.until

    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(start, range(8))}) == 1


def test_a_secret_that_is_used_again_is_retired_anew(database: Database) -> None:
    first = previous_secret(database, PRESENT, FORMER, HOUR)
    set_back(database, 600)
    previous_secret(database, FORMER, None, HOUR)
    again = previous_secret(database, PRESENT, FORMER, HOUR)
    assert first is not None
    assert again is not None
    assert again.until >= first.until


def test_the_database_does_not_hold_the_secret(database: Database) -> None:
    previous_secret(database, PRESENT, FORMER, HOUR)
    with database.connection() as connection:
        kept = connection.execute(text("SELECT fingerprint FROM retired_secrets")).scalar_one()
    assert FORMER.decode() not in kept
    assert len(bytes.fromhex(kept)) == 32
