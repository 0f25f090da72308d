"""SQLite's write-ahead log, by which readers never wait for the writer."""

import sqlite3
import time

_AGAIN_SECONDS = 0.01
# The low byte of a result code is the primary one (https://sqlite.org/rescode.html).
_PRIMARY = 0xFF


def use_write_ahead_log(connection: sqlite3.Connection, seconds: float) -> None:
    """Has the database keep a write-ahead log from now on, as all who open it want at once.

    Changing to it makes a writer of a reader, which SQLite refuses at once while there is another
    writer, whatever `busy_timeout` says (https://sqlite.org/c3ref/busy_handler.html). So who opens
    a new database beside others asks again, for `seconds`. sqlite3.OperationalError when it is
    still locked then.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() >= deadline:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return
