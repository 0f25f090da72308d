"""Revocations: which tokens they cover, for how long, and who is told."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from jac_cloud.auth import Claims, InvalidToken, Tokens
from jac_cloud.identity import Identities
from jac_cloud.passwords import Passwords
from jac_cloud.revocations import Revocation
from jac_cloud.user_rows import State, User
from jac_cloud.users import NoSuchUser, Users

SECRET = b"5e1f0cfa4b7d4c0c9a3f0e2d1b8a7c6d"
PASSWORD = "correct horse"
LIFETIME = 60


class Accounts:
    """Users on a database of the kind under test, with one of them registered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.users = Users(url, Passwords())
        self.tokens = Tokens(SECRET, LIFETIME)
        self.identities = Identities(self.tokens, self.users)
        self.ada = self.register("ada@example.com")

    def register(self, email: str) -> User:
        return self.users.register(email, PASSWORD, lambda: f"{uuid4().int >> 32:032x}")

    def login(self, password: str = PASSWORD, email: str = "ada@example.com") -> str:
        user = self.users.login(email, password)
        assert user is not None
        return self.tokens.issue(user.id, user.epoch)

    def counts(self, token: str) -> bool:
        try:
            self.identities.of(token)
        except InvalidToken:
            return False
        return True

    def claims(self, token: str) -> Claims:
        return self.tokens.read(token)

    def rows(self, statement: str) -> int:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            number = connection.execute(text(statement))
            count = number.scalar_one() if number.returns_rows else number.rowcount
        engine.dispose()
        return int(count)


@pytest.fixture
def accounts(database_url: str) -> Iterator[Accounts]:
    accounts = Accounts(database_url)
    yield accounts
    accounts.users.close()


def test_logging_out_takes_back_one_token(accounts: Accounts) -> None:
    here, elsewhere = accounts.login(), accounts.login()
    accounts.users.logout(accounts.claims(here))
    assert not accounts.counts(here)
    assert accounts.counts(elsewhere)


def test_changing_the_password_takes_back_the_users_other_tokens(accounts: Accounts) -> None:
    bob = accounts.register("bob@example.com")
    bobs = accounts.tokens.issue(bob.id)
    here, elsewhere = accounts.login(), accounts.login()
    assert accounts.users.change_password(accounts.claims(here), PASSWORD, "another horse")
    assert accounts.counts(here)
    assert not accounts.counts(elsewhere)
    assert accounts.counts(bobs)
    assert accounts.users.login("ada@example.com", PASSWORD) is None
    assert accounts.counts(accounts.login("another horse"))


def test_each_change_of_the_password_spares_the_token_that_made_it_alone(
    accounts: Accounts,
) -> None:
    first = accounts.login()
    assert accounts.users.change_password(accounts.claims(first), PASSWORD, "second horse")
    second = accounts.login("second horse")
    assert accounts.users.change_password(accounts.claims(second), "second horse", "third horse")
    assert not accounts.counts(first)
    assert accounts.counts(second)
    accounts.users.logout(accounts.claims(second))
    assert not accounts.counts(second)


def test_a_wrong_old_password_changes_nothing(accounts: Accounts) -> None:
    here, elsewhere = accounts.login(), accounts.login()
    assert not accounts.users.change_password(accounts.claims(here), "wrong horse", "new horse")
    assert accounts.counts(here)
    assert accounts.counts(elsewhere)
    assert accounts.counts(accounts.login())


def test_of_two_changes_of_the_password_at_once_one_counts(accounts: Accounts) -> None:
    tokens = [accounts.login() for _ in range(4)]
    barrier = threading.Barrier(len(tokens))

    def change(number: int) -> bool:
        barrier.wait()
        claims = accounts.claims(tokens[number])
        return accounts.users.change_password(claims, PASSWORD, f"horse number {number}")

    with ThreadPoolExecutor(len(tokens)) as pool:
        changed = [*pool.map(change, range(len(tokens)))]
    assert changed.count(True) == 1
    assert [accounts.counts(token) for token in tokens] == changed
    assert accounts.counts(accounts.login(f"horse number {changed.index(True)}"))


def test_a_login_that_began_before_the_password_was_changed_gives_no_token_that_counts(
    accounts: Accounts,
) -> None:
    here = accounts.login()
    logging_in = accounts.users.login("ada@example.com", PASSWORD)
    assert logging_in is not None
    assert accounts.users.change_password(accounts.claims(here), PASSWORD, "another horse")
    assert not accounts.counts(accounts.tokens.issue(logging_in.id, logging_in.epoch))


def test_a_disabled_user_has_no_token_and_gets_none_until_enabled(accounts: Accounts) -> None:
    token = accounts.login()
    accounts.users.set_state(accounts.ada, State.DISABLED)
    assert not accounts.counts(token)
    assert accounts.users.login("ada@example.com", PASSWORD) is None
    assert not accounts.users.change_password(accounts.claims(token), PASSWORD, "new horse")
    accounts.users.set_state(accounts.ada, State.ACTIVE)
    assert not accounts.counts(token)
    assert accounts.counts(accounts.login())


def test_a_password_that_the_operator_sets_takes_back_all_tokens(accounts: Accounts) -> None:
    token = accounts.login()
    accounts.users.set_password(accounts.ada, "operators horse")
    assert not accounts.counts(token)
    assert accounts.counts(accounts.login("operators horse"))


def test_a_deleted_user_is_gone_and_the_address_is_free(accounts: Accounts) -> None:
    token = accounts.login()
    accounts.users.set_state(accounts.ada, State.DELETED)
    assert not accounts.counts(token)
    assert accounts.users.login("ada@example.com", PASSWORD) is None
    assert [user.email for user in accounts.users.half_deleted()] == ["ada@example.com"]
    for again in State:
        with pytest.raises(NoSuchUser):
            accounts.users.set_state(accounts.ada, again)
    accounts.users.forget(accounts.ada)
    assert accounts.users.all() == []
    assert accounts.register("ada@example.com").id != accounts.ada.id
    assert not accounts.counts(token)


def test_a_user_who_is_not_being_deleted_is_not_forgotten(accounts: Accounts) -> None:
    accounts.users.forget(accounts.ada)
    assert accounts.users.find("ada@example.com").id == accounts.ada.id


def test_a_revocation_is_kept_until_what_it_covers_has_expired_and_no_longer(
    accounts: Accounts,
) -> None:
    for _ in range(3):
        accounts.users.logout(accounts.claims(accounts.login()))
    assert accounts.rows("SELECT count(*) FROM revocations") == 3
    accounts.rows(f"UPDATE revocations SET expires_at = expires_at - {LIFETIME} WHERE number < 3")
    accounts.users.logout(accounts.claims(accounts.login()))
    assert accounts.rows("SELECT count(*) FROM revocations") == 2


def test_many_changes_of_a_password_leave_one_revocation(accounts: Accounts) -> None:
    for number in range(5):
        accounts.users.set_password(accounts.ada, f"horse number {number}")
    assert accounts.rows("SELECT count(*) FROM revocations") == 1


def test_numbers_of_revocations_are_never_used_again(accounts: Accounts) -> None:
    accounts.users.set_password(accounts.ada, "second horse")
    token = accounts.login("second horse")
    accounts.rows("DELETE FROM revocations")
    accounts.users.set_password(accounts.ada, "third horse")
    assert not accounts.counts(token)


def test_observers_hear_of_each_revocation_once_it_counts(accounts: Accounts) -> None:
    heard: list[tuple[Revocation, bool]] = []
    tokens = [accounts.login() for _ in range(3)]
    accounts.users.revocations.watch(
        lambda revocation: heard.append((revocation, accounts.counts(tokens[0])))
    )
    accounts.users.logout(accounts.claims(tokens[0]))
    accounts.users.change_password(accounts.claims(tokens[1]), PASSWORD, "second horse")
    accounts.users.set_password(accounts.ada, "third horse")
    accounts.users.set_state(accounts.ada, State.DISABLED)
    accounts.users.set_state(accounts.ada, State.ACTIVE)
    accounts.users.set_state(accounts.ada, State.DELETED)
    ids = [accounts.claims(token).token_id for token in tokens]
    assert [(one.token_id, one.spared) for one, _ in heard] == [
        (ids[0], None), (None, ids[1]), (None, None), (None, None), (None, None),
    ]  # fmt: skip
    assert {one.user_id for one, _ in heard} == {accounts.ada.id}
    assert not any(counted for _, counted in heard)
    assert [heard[0][0].covers(accounts.claims(token)) for token in tokens] == [True, False, False]
    assert [heard[1][0].covers(accounts.claims(token)) for token in tokens] == [True, False, True]


def test_an_observer_that_fails_is_logged_and_keeps_no_other_from_hearing(
    accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Revocation] = []

    def fail(_: Revocation) -> None:
        raise OSError("on purpose")

    accounts.users.revocations.watch(fail)
    accounts.users.revocations.watch(heard.append)
    accounts.users.logout(accounts.claims(accounts.login()))
    assert len(heard) == 1
    assert "a revocation was not seen to" in caplog.text


def test_a_change_that_fails_revokes_nothing_and_tells_nobody(accounts: Accounts) -> None:
    heard: list[Revocation] = []
    accounts.users.revocations.watch(heard.append)
    token = accounts.login()
    with (
        suppress(ZeroDivisionError),
        accounts.users.revocations.transaction() as revoking,
    ):
        revoking.one(accounts.claims(token))
        raise ZeroDivisionError
    assert heard == []
    assert accounts.counts(token)


def test_other_processes_find_revocations_in_the_order_of_their_numbers(
    accounts: Accounts,
) -> None:
    tokens = [accounts.login() for _ in range(8)]
    found: list[Revocation] = []

    def look() -> None:
        found.extend(accounts.users.revocations.since(found[-1].number if found else 0))

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(accounts.users.logout, accounts.claims(one)) for one in tokens]
        while not all(one.done() for one in running):
            look()
    look()
    assert {one.token_id for one in found} == {accounts.claims(one).token_id for one in tokens}
    assert len(found) == len(tokens)
    assert [one.number for one in found] == sorted(one.number for one in found)
