"""Deleting a user with everything that is theirs."""

import logging

from jac_cloud.runtime import Interpreter
from jac_cloud.user_rows import State, User
from jac_cloud.users import Users

_LOGGER = logging.getLogger(f"{__package__}.users")


def delete_user(users: Users, interpreter: Interpreter, user: User) -> None:
    """Takes back the user's tokens, removes what belongs to the user's root, then the user.

    NoSuchUser when somebody else has just begun to. If it is broken off, the user is out
    nevertheless, and the next start of a server ends it.
    """
    if user.state is not State.DELETED:
        users.set_state(user, State.DELETED)
    _remove(users, interpreter, user)


def end_deletions(users: Users, interpreter: Interpreter) -> None:
    """Ends what was broken off. For the start of a server."""
    for user in users.half_deleted():
        _remove(users, interpreter, user)


def _remove(users: Users, interpreter: Interpreter, user: User) -> None:
    removed = interpreter.remove_root(user.root_hex)
    users.forget(user)
    _LOGGER.info("user deleted", extra={"user": user.id, "removed": removed})
