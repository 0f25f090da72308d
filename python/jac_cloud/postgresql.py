"""PostgreSQL through psycopg, whose connections wait for no answer without end.

The driver has a limit for connecting alone. PostgreSQL's own, `statement_timeout`, is kept to by a
server that runs: not by one that hangs, or by a network that has swallowed the question.
"""

import math
import time
from collections.abc import Generator
from typing import Any

from psycopg import Connection, OperationalError
from sqlalchemy import Engine, event

from jac_cloud.patience import DEADLINE

# Finds what is left of a connection whose other end is gone, before somebody wants to use it, and
# keeps firewalls from forgetting one that is not used.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


class _Late(Exception):
    pass


class LimitedConnection(Connection[Any]):
    """A connection that is closed when it has not answered by `DEADLINE`: then OperationalError.

    Closed, because what is answered after all would be taken for the answer to the next question.
    """

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Every exchange with the server passes here. psycopg resumes `gen` at least ten times a
        second.
        """
        deadline = DEADLINE.get()
        if deadline is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_until(deadline, gen), *args, **kwargs)
        except _Late:
            self.close()
            raise OperationalError("no answer in time") from None


def limit_waiting(engine: Engine, seconds: float) -> None:
    """Has all of the engine's connections keep to `DEADLINE`, and none be waited for longer than
    `seconds` (at least two, as libpq has it). What the URL says of these counts.
    """

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, given: Any, named: dict[str, Any]) -> Any:
        deadline = DEADLINE.get()
        if deadline is not None and time.monotonic() >= deadline:
            raise OperationalError("no time left to connect")
        defaults = {"connect_timeout": max(2, math.ceil(seconds)), **_KEEPALIVE}
        return LimitedConnection.connect(*given, **(defaults | named))

    @event.listens_for(engine, "connect")
    def prepare(connection: LimitedConnection, _record: Any) -> None:
        # What nobody waits for any more is not to pile up there, behind a lock for example.
        most = math.ceil(seconds * 1000) + 1000
        connection.execute(f"SET statement_timeout = {most}")
        connection.commit()


def _until(deadline: float, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                raise _Late
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value
