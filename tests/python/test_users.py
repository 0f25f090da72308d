"""Users: one an address, each with a root of its own, and nothing half made."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from jac_cloud.emails import InvalidEmail, normalized_email
from jac_cloud.errors import ConfigError
from jac_cloud.passwords import Passwords
from jac_cloud.users import EmailTaken, NoSuchUser, Users

PASSWORD = "correct horse"


def make_root() -> str:
    return f"{uuid4().int >> 32:032x}"


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def users(url: str) -> Iterator[Users]:
    users = Users(url, Passwords())
    yield users
    users.close()


def count(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT count(*) FROM users")).scalar_one()
    engine.dispose()
    return int(rows)


def test_a_registered_user_logs_in_and_is_found_by_address(users: Users) -> None:
    user = users.register("ada@example.com", PASSWORD, lambda: "0" * 8 + "a" * 24)
    assert user.email == "ada@example.com"
    assert user.root_hex == "0" * 8 + "a" * 24
    assert len(bytes.fromhex(user.id)) == 12
    assert users.login("ada@example.com", PASSWORD) == user
    assert users.find("ADA@example.com") == user


def test_users_outlive_the_server(url: str) -> None:
    first = Users(url, Passwords())
    user = first.register("ada@example.com", PASSWORD, make_root)
    first.close()
    second = Users(url, Passwords())
    assert second.login("ada@example.com", PASSWORD) == user
    second.close()


def test_nobody_logs_in_with_a_wrong_password_or_an_unknown_address(users: Users) -> None:
    users.register("ada@example.com", PASSWORD, make_root)
    assert users.login("ada@example.com", PASSWORD + "!") is None
    assert users.login("bob@example.com", PASSWORD) is None
    assert users.login("no address", PASSWORD) is None
    assert users.login("", "") is None
    with pytest.raises(NoSuchUser):
        users.find("bob@example.com")


def test_an_address_is_one_in_every_spelling(users: Users) -> None:
    user = users.register(" Ada@Example.COM ", PASSWORD, make_root)
    assert user.email == "ada@example.com"
    assert users.login("ADA@example.com", PASSWORD) == user
    with pytest.raises(EmailTaken):
        users.register("aDa@eXample.com", "another one", make_root)
    assert users.login("ada@example.com", "another one") is None


def test_registering_at_the_same_time_makes_one_user(users: Users, url: str) -> None:
    barrier = threading.Barrier(8)

    def register(_: int) -> bool:
        barrier.wait()
        try:
            users.register("ada@example.com", PASSWORD, make_root)
        except EmailTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(register, range(8))) == [False] * 7 + [True]
    assert count(url) == 1


def test_a_root_that_cannot_be_made_leaves_no_user(users: Users, url: str) -> None:
    def fail() -> str:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        users.register("ada@example.com", PASSWORD, fail)
    assert count(url) == 0
    users.register("ada@example.com", PASSWORD, make_root)


def test_the_password_is_stored_as_a_salted_argon2id_hash_only(users: Users, url: str) -> None:
    users.register("ada@example.com", PASSWORD, make_root)
    users.register("bob@example.com", PASSWORD, make_root)
    engine = create_engine(url)
    with engine.connect() as connection:
        hashes = connection.execute(text("SELECT password_hash FROM users")).scalars().all()
        columns = {column["name"] for column in inspect(engine).get_columns("users")}
    engine.dispose()
    assert all(stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for stored in hashes)
    assert len({*hashes}) == 2
    assert columns == {"id", "email", "password_hash", "root_hex", "created_at", "state"}


def test_an_unknown_user_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch, users: Users) -> None:
    compared: list[str | None] = []
    matches = Passwords.matches

    def watch(self: Passwords, stored: str | None, password: str) -> bool:
        compared.append(stored)
        return matches(self, stored, password)

    monkeypatch.setattr(Passwords, "matches", watch)
    users.login("nobody@example.com", PASSWORD)
    assert compared == [None]


def test_the_hash_for_nobody_has_the_parameters_of_every_other() -> None:
    passwords = Passwords()
    hashed = passwords.hash(PASSWORD)
    assert passwords._nobodys.rsplit("$", 2)[0] == hashed.rsplit("$", 2)[0]
    assert [*map(len, passwords._nobodys.split("$"))] == [*map(len, hashed.split("$"))]
    # Compared to its end, and not put aside as one that cannot be read.
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(passwords._nobodys, PASSWORD)
    assert Passwords()._nobodys != passwords._nobodys


def test_a_damaged_hash_matches_nothing() -> None:
    assert not Passwords().matches("$argon2id$", PASSWORD)
    assert not Passwords().matches("", PASSWORD)


@pytest.mark.parametrize(
    "address",
    ["a@b", "a.b+c@example.com", "o'neill@x.example", "jürgen@müller.example", "用户@例子.广告"],
)
def test_an_address_is_accepted(address: str) -> None:
    assert normalized_email(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "a@", "@b", "ab", "a@b@c", "a b@c", "a@b c", "a..b@c", ".a@b", "a@b..c", "a@-b",
        "a@b-", "a@b_c.d", "a\n@b", "a@b\r\nSubject: x", "a\x00@b", "a\u200b@b", "<a@b>", "a@[::1]",
        "x" * 65 + "@b", "a@" + "b" * 64, "a@" + "b." * 130 + "c", "\ud800@b", "a@b\x1b[2J",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidEmail):
        normalized_email(address)


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_stored(
    users: Users, url: str
) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE users"))
        connection.execute(text("CREATE VIEW users AS SELECT NULL AS id, NULL AS email"))
    engine.dispose()
    with pytest.raises(SQLAlchemyError) as caught:
        users.register("ada@example.com", PASSWORD, make_root)
    assert "argon2" not in str(caught.value)
    assert "ada@example.com" not in str(caught.value)


def test_a_database_url_that_cannot_be_used_is_refused_without_its_password() -> None:
    for url in ("nonsense", "nosuch://user:hunter22@host/db"):
        with pytest.raises(ConfigError, match="database_url") as caught:
            Users(url, Passwords())
        assert "hunter22" not in str(caught.value)
