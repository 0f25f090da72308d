"""What `jac cloud user` does: one action on the users of an app, and what it prints."""

import getpass
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from jac_cloud import data_lock, deletion
from jac_cloud._native import format_node_id
from jac_cloud.data_folder import data_folder, open_users
from jac_cloud.emails import normalized_email
from jac_cloud.errors import CloudError
from jac_cloud.passwords import PASSWORD_BYTES_MAX, checked_password
from jac_cloud.patience import DatabaseSilent
from jac_cloud.runtime import Interpreter
from jac_cloud.setting_sources import folder_of, load
from jac_cloud.user_rows import State, User


class OperatorError(CloudError):
    """What was asked for cannot be done; the text is one line for an operator."""


class Operator:
    """Acts on the users of the app (a file or its folder). A context manager.

    `settings` win over the environment and jac.toml; `spell` says how the caller writes a name.
    ConfigError and OperatorError.
    """

    def __init__(
        self, app: str, settings: Mapping[str, object], spell: Callable[[str], str]
    ) -> None:
        self._folder = folder_of(app)
        self._settings = load(self._folder, settings, spell).settings
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def run(self, action: str, email: str, *, as_json: bool) -> None:
        """Does it and prints what has become of the user, or all users. Errors of one line."""
        actions: dict[str, Callable[[str], User | None]] = {
            "add": self._add,
            "disable": lambda email: self._set_state(email, State.DISABLED),
            "enable": lambda email: self._set_state(email, State.ACTIVE),
            "passwd": self._set_password,
            "delete": self._delete,
        }
        if bool(email) == (action == "list"):
            raise OperatorError("an e-mail address is wanted" if not email else "no e-mail address")
        if email:
            normalized_email(email)
        self._open(make=action == "add")
        try:
            if action == "list":
                _print_users(self._users.all(), as_json)
            elif user := actions[action](email):
                _print_user(user, as_json)
        except (SQLAlchemyError, DatabaseSilent) as error:
            raise OperatorError(f"the users cannot be reached: {type(error).__name__}") from None

    def _open(self, *, make: bool) -> None:
        settings = self._settings
        is_there = (self._folder / settings.data_dir / "users.db").exists()
        if not (make or is_there or settings.database_url):
            where = self._folder / settings.data_dir
            raise OperatorError(f"{where} has no users; --app or --data-dir names another folder")
        self._data = data_folder(self._folder, settings)
        self._closing.enter_context(data_lock.shared(self._data))
        self._users = open_users(self._data, settings)
        self._closing.callback(self._users.close)

    def _interpreter(self) -> Interpreter:
        interpreter = Interpreter(self._data)
        self._closing.callback(interpreter.close)
        return interpreter

    def _add(self, email: str) -> User:
        password = _read_password()
        return self._users.register(email, password, self._interpreter().create_root)

    def _set_state(self, email: str, state: State) -> User:
        self._users.set_state(self._users.find(email), state)
        return self._users.find(email)

    def _set_password(self, email: str) -> User:
        user = self._users.find(email)
        self._users.set_password(user, _read_password())
        return user

    def _delete(self, email: str) -> None:
        deletion.delete_user(self._users, self._interpreter(), self._users.find(email))


def _read_password() -> str:
    """From the terminal, twice, without showing it; else the first line of the standard input."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != password:
            raise OperatorError("the two passwords differ")
    else:
        line = sys.stdin.buffer.readline(PASSWORD_BYTES_MAX + 3)
        try:
            password = line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError:
            raise OperatorError("the password is not UTF-8") from None
    try:
        return checked_password(password)
    except CloudError as error:
        raise OperatorError(f"the password {error}") from None


def _print_users(users: list[User], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([_shown(user) for user in users], indent=2) + "\n")
        return
    for user in users:
        _print_user(user, as_json=False)


def _print_user(user: User, as_json: bool) -> None:
    shown = _shown(user)
    text = json.dumps(shown, indent=2) if as_json else "  ".join(shown.values())
    sys.stdout.write(f"{text}\n")


def _shown(user: User) -> dict[str, str]:
    return {
        "id": user.id,
        "email": user.email,
        "state": user.state.value,
        "created_at": user.created_at.isoformat(timespec="seconds"),
        "root_id": format_node_id(user.root_hex),
    }
