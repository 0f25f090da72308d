"""How long the users' database is waited for, and who asks it while it does not answer."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy.exc import (
    InterfaceError,
    OperationalError,
    TimeoutError,  # noqa: A004 - its name there
)

_LOGGER = logging.getLogger(f"{__package__}.users")

# When whoever asks now gives up, by `time.monotonic`; None where nobody waits for the answer.
DEADLINE: ContextVar[float | None] = ContextVar("jac_cloud_database_deadline", default=None)
# How long a database that did not answer is left alone before somebody asks it again.
_LEFT_ALONE_SECONDS = 1.0


class DatabaseSilent(Exception):
    """The users' database has not answered in `users_timeout`."""


# What is raised while the database is down, locked by somebody else, or does not answer.
UNREACHABLE = (OperationalError, InterfaceError, TimeoutError, DatabaseSilent)


@contextmanager
def within(seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """A piece of work that the database has to be done with in `seconds`. DatabaseSilent when it
    was not, else whatever the work raises.
    """
    deadline = clock() + seconds
    token = DEADLINE.set(deadline)
    try:
        yield
    except UNREACHABLE as error:
        if clock() < deadline:
            raise
        raise DatabaseSilent from error
    finally:
        DEADLINE.reset(token)


class Patience:
    """Lets nobody wait longer than `seconds` for the database, and not everybody one by one.

    Once it was silent for that long, who asks is refused at once, save one at a time that finds out
    whether it answers again: so threads that ask are not all held, and nobody queues behind
    them. `what` names what is waited for in the log. Safe to use from any thread.
    """

    def __init__(
        self, seconds: float, what: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._what = what
        self._clock = clock
        self._lock = threading.Lock()
        self._ask_again_at: float | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """As `within` its seconds; DatabaseSilent also where the database is not even asked."""
        self._enter()
        answered = True
        try:
            with within(self._seconds, self._clock):
                yield
        except DatabaseSilent:
            answered = False
            raise
        finally:
            self._leave(answered)

    def _enter(self) -> None:
        with self._lock:
            if self._ask_again_at is None:
                return
            now = self._clock()
            if now < self._ask_again_at:
                raise DatabaseSilent
            # Until this one has been answered, or has given up.
            self._ask_again_at = now + self._seconds + _LEFT_ALONE_SECONDS

    def _leave(self, answered: bool) -> None:
        with self._lock:
            was_silent = self._ask_again_at is not None
            self._ask_again_at = None if answered else self._clock() + _LEFT_ALONE_SECONDS
        if answered and was_silent:
            _LOGGER.info("the database of users answers again", extra={"to": self._what})
        elif not answered and not was_silent:
            _LOGGER.error(
                "the database of users does not answer",
                extra={"to": self._what, "users_timeout": self._seconds},
            )
