"""The folder of an app's data: the graph, the users and the secret, for its owner alone."""

from pathlib import Path

from jac_cloud.auth import Tokens
from jac_cloud.errors import ConfigError
from jac_cloud.passwords import Passwords
from jac_cloud.settings import Settings
from jac_cloud.token_secret import kept_secret, previous_secret
from jac_cloud.users import Users


def data_folder(app_folder: Path, settings: Settings) -> Path:
    """The folder, made if it is not there. ConfigError."""
    path = app_folder / settings.data_dir
    try:
        # It holds password hashes and the secret.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"data_dir: {path}: {error.strerror}") from None
    return path


def open_users(folder: Path, settings: Settings) -> Users:
    """The users, in the folder if no other database is set. ConfigError."""
    url = settings.database_url or _sqlite_url(folder)
    return Users(url, Passwords(), settings.users_timeout)


def make_tokens(folder: Path, settings: Settings, users: Users) -> Tokens:
    """What signs and reads tokens, by the secret that is set, else the folder's. ConfigError."""
    secret = _secret(folder, settings)
    previous = settings.token_secret_previous
    return Tokens(
        secret,
        settings.token_timeout,
        previous=previous_secret(
            users.database,
            secret,
            previous.get_secret_value().encode() if previous else None,
            settings.token_timeout,
        ),
    )


def _sqlite_url(folder: Path) -> str:
    path = folder / "users.db"
    try:
        # SQLite would let everybody read it, where the folder was there before and does.
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(f"data_dir: {path}: {error.strerror}") from None
    return f"sqlite:///{path}"


def _secret(folder: Path, settings: Settings) -> bytes:
    if settings.token_secret is not None:
        return settings.token_secret.get_secret_value().encode()
    try:
        return kept_secret(folder / "token_secret")
    except OSError as error:
        raise ConfigError(f"data_dir: {folder}: {error.strerror}") from None
