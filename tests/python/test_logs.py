"""Logs: one event a line whatever a client sent, in two forms, and never a secret."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jac_cloud.logs import JsonFormatter, LeanRecord, NativeLogs, TextFormatter, logging_to

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
HOSTILE = [
    "\r\n2026-01-01 INFO forged",
    "\x1b[2J\x1b]0;x\x07",
    "\u202egnp.exe",
    "\u2028x",
    "\x9b31m",
    "\x00",
]


def record(message: str = "event", **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "jac_cloud.server", "levelname": "INFO", "msg": message})
    vars(made).update(extra)
    return made


def failed(message: str) -> logging.LogRecord:
    try:
        raise ValueError(message)
    except ValueError:
        return record(exc_info=sys.exc_info())


def text(made: logging.LogRecord) -> str:
    return TextFormatter().format(made)


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert line.isascii()
    assert line.isprintable()
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_an_event_as_text_has_its_time_level_subject_and_fields() -> None:
    made = record("client refused", created=1_800_000_000.25, address="::1", reason="too slow")
    assert text(made) == (
        '2027-01-15T08:00:00.250Z INFO server: client refused address=::1 reason="too slow"'
    )


def test_an_event_as_json_has_the_same_parts() -> None:
    made = record("client refused", created=1_800_000_000.25, fields={"connections": 3})
    assert parsed(made) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "info",
        "logger": "jac_cloud.server",
        "event": "client refused",
        "connections": 3,
    }


def test_a_lean_record_is_written_as_any_other_and_other_formatters_can_read_it() -> None:
    lean = LeanRecord("jac_cloud.server", logging.INFO, "event", {"reason": "too slow"})
    made = record("event", created=lean.created, reason="too slow", levelno=logging.INFO)
    assert text(lean) == text(made)
    assert parsed(lean) == parsed(made)
    other = logging.Formatter("%(asctime)s %(name)s %(process)d %(lineno)d %(message)s")
    assert other.format(lean).endswith(" 0 event")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_client_sent_stays_in_its_line_and_cannot_steer_a_terminal(hostile: str) -> None:
    for made in (record(hostile), record(path=hostile), record(fields={"path": hostile})):
        assert text(made).isprintable()
        parsed(made)
    assert parsed(record(path=hostile))["path"] == hostile


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_traceback_is_indented_so_that_it_cannot_forge_an_event(hostile: str) -> None:
    first, *rest = text(failed(hostile)).split("\n")
    assert "event" in first
    assert all(line.startswith("    ") and line.isprintable() for line in rest)
    assert "ValueError" in parsed(failed(hostile))["traceback"]


@pytest.mark.parametrize(
    "name", ["token", "password", "token_secret", "Authorization", "set-cookie"]
)
def test_a_field_that_is_named_like_a_secret_is_hidden(name: str) -> None:
    assert "hunter22" not in text(record(fields={name: "hunter22"}))
    assert parsed(record(fields={name: "hunter22"}))[name] == "[hidden]"


@pytest.mark.parametrize(
    "made",
    [
        record(f"refused {TOKEN}"),
        record(header=f"Bearer {TOKEN}"),
        record(header="bEaReR c2lnbmF0dXJl"),
        record(fields={"path": f"/x?t={TOKEN}&y"}),
        record(value=["nested", {"deep": TOKEN}]),
        failed(TOKEN),
    ],
)
def test_a_token_is_hidden_wherever_it_stands(made: logging.LogRecord) -> None:
    for line in (text(made), JsonFormatter().format(made)):
        assert "c2lnbmF0dXJl" not in line
        assert "[hidden]" in line


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    handlers = [*logging.getLogger().handlers]
    logger = logging.getLogger("jac_cloud")
    levels = logging.getLogger().level, logger.level
    yield logger
    assert logging.getLogger().handlers == handlers
    assert (logging.getLogger().level, logger.level) == levels


def test_the_form_is_text_on_a_terminal_and_json_elsewhere(logger: logging.Logger) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, log_format, is_json in [
        (io.StringIO(), "auto", True),
        (Terminal(), "auto", False),
        (Terminal(), "json", True),
        (io.StringIO(), "text", False),
    ]:
        with logging_to(stream, log_format, debug=False):
            logger.info("event")
            logger.debug("detail")
        assert stream.getvalue().startswith("{") == is_json
        assert stream.getvalue().count("\n") == 1


def test_what_the_app_and_its_libraries_log_has_the_same_form() -> None:
    stream = io.StringIO()
    with logging_to(stream, "json", debug=False):
        logging.getLogger("app").warning("disk is %d %% full", 90)
    entry = json.loads(stream.getvalue())
    assert (entry["logger"], entry["event"]) == ("app", "disk is 90 % full")


def test_debug_logs_more(logger: logging.Logger) -> None:
    stream = io.StringIO()
    with logging_to(stream, "text", debug=True):
        logger.debug("detail")
    assert "detail" in stream.getvalue()
    assert not logger.isEnabledFor(logging.DEBUG)


def test_what_the_native_server_logs_arrives_in_order_until_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Native:
        """The batches of a native log."""

        def __init__(self) -> None:
            self.batches: list[list[tuple[str, str, dict[str, object]]]] = [
                [("info", "listening", {"port": 1}), ("warning", "slow consumer", {})],
                [("error", "accept failed", {"error": "EMFILE"})],
            ]

        def take_logs(self) -> list[tuple[str, str, dict[str, object]]] | None:
            return self.batches.pop(0) if self.batches else None

    with caplog.at_level(logging.INFO, "jac_cloud"):
        logs = NativeLogs(Native())
        logs.start()
        logs.join(10)
    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("INFO", "listening"),
        ("WARNING", "slow consumer"),
        ("ERROR", "accept failed"),
    ]
    assert "port=1" in text(caplog.records[0])
