"""Logging: one line an event, as text for people or JSON for machines.

Everything logs to loggers below `jac_cloud` with its fields in `extra`, or in one dictionary
`extra={"fields": ...}`. Whatever came from a client is escaped, and no token or password is
written, wherever in an event it stands.
"""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, TextIO

LOGGER = "jac_cloud"

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "fields"}
_SECRET_NAMES = re.compile(r"token|password|passwd|secret|authorization|cookie", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?i:bearer) +[\w.~+/=-]+|\beyJ[\w-]*\.[\w-]+\.[\w-]*")
_HIDDEN = "[hidden]"
_JSON = json.JSONEncoder(default=str)
_PLAIN = re.compile(r"[^\s\"'=]+")


# Of a request that the native server has answered itself.
_REFUSED = "request_refused"
_EMPTY = vars(logging.makeLogRecord({}))


class LeanRecord(logging.LogRecord):
    """A record that does not look for the code, thread and process it was made in: a third of the
    price of a line. Those have the values of an empty record, for formatters that ask for them.
    """

    def __init__(self, name: str, level: int, event: str, fields: Mapping[str, object]) -> None:
        self.__dict__.update(_EMPTY)
        self.name = name
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.msg = event
        self.created = time.time()
        self.fields = fields


class Drainable(Protocol):
    """What the native server offers: its log, a batch at a time, None at the end."""

    def take_logs(self) -> Sequence[tuple[str, str, Mapping[str, object]]] | None: ...


class NativeLogs:
    """The thread that hands the native server's log to `logging`, as `jac_cloud.server`.

    With `requests` also the lines of those that it has refused itself.
    """

    def __init__(self, native: Drainable, *, requests: bool = True) -> None:
        self._native = native
        self._requests = requests
        self._logger = logging.getLogger(f"{LOGGER}.server")
        self._thread = threading.Thread(target=self._drain, name="jac-cloud-logs", daemon=True)

    def start(self) -> None:
        """Starts the thread; it ends by itself when the native log is closed and drained."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for the end of the log, if it was started."""
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _drain(self) -> None:
        while (batch := self._native.take_logs()) is not None:
            for level, event, fields in batch:
                if event == _REFUSED:
                    if not self._requests:
                        continue
                    # A number, as in the lines of other requests.
                    fields = {**fields, "status": int(str(fields["status"]))}
                number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
                self._logger.log(number, event, extra={"fields": fields})


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING server: event name=value`, a traceback indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """One event; its first line is the only one that does not begin with a space."""
        name = record.name.removeprefix(f"{LOGGER}.")
        line = f"{_time(record)} {record.levelname} {name}: {_printable(record.getMessage())}"
        for key, value in _fields(record).items():
            line += f" {key}={_value(value)}"
        for trace in _traceback(record):
            line += f"\n    {_printable(trace)}"
        return _without_tokens(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, its fields, and traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """One event, ASCII only."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        entry |= {key: value for key, value in _fields(record).items() if key not in entry}
        if trace := _traceback(record):
            entry["traceback"] = "\n".join(trace)
        return _without_tokens(_JSON.encode(entry))


@contextmanager
def logging_to(stream: TextIO | None, log_format: str, debug: bool) -> Iterator[None]:
    """Writes the process's log to the stream (None: standard error) only, while inside.

    Ours from INFO on (`debug`: DEBUG), everybody else's from WARNING on unless set otherwise.
    `log_format` is auto (text on a terminal, else JSON), text or json.
    """
    target = sys.stderr if stream is None else stream
    as_text = log_format == "text" or (log_format == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    root, ours = logging.getLogger(), logging.getLogger(LOGGER)
    levels = root.level, ours.level
    # The interpreter's own handler would write each line again, in its form.
    replaced = root.handlers
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        yield
    finally:
        root.handlers = replaced
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


# A line for each request is what costs most here, hence what is kept and looked for first below.


def _time(record: logging.LogRecord) -> str:
    milliseconds = int(record.created * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = {}
    if not isinstance(record, LeanRecord):
        found = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    found |= getattr(record, "fields", {})
    return {key: _HIDDEN if _is_secret(key) else value for key, value in found.items()}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _without_tokens(line: str) -> str:
    if "eyJ" in line or "bearer" in line.lower():
        return _SECRET_TEXT.sub(_HIDDEN, line)
    return line


def _traceback(record: logging.LogRecord) -> list[str]:
    if not record.exc_info:
        return []
    return logging.Formatter().formatException(record.exc_info).splitlines()


def _value(value: object) -> str:
    text = _printable(str(value))
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
