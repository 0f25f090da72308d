"""Messages that no honest client sends: told so by name, and their sender is served on."""

import json
import re
from typing import Any

import pytest

from conftest import Serve
from sockets import TEXT, RawSocket
from support import ServerProcess, memory_bound, peak_memory
from test_hostile_frames import frame

MIB = 1 << 20


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    # Without pings, which nobody here answers.
    return serve_module("hostile", message_rate=0, ping_interval=0)


class Talker(RawSocket):
    """Sends messages of any kind and reads the answers."""

    def __init__(self, port: int, query: str = "") -> None:
        super().__init__(port, query)
        self.info = self.message()["data"]

    def message(self) -> Any:
        got = self.frame()
        assert got is not None
        assert got[0] == TEXT, got
        return json.loads(got[1])

    def ask(self, text: bytes, first: int = 0x81) -> Any:
        self.socket.sendall(frame(text, first))
        return self.message()

    def is_served(self) -> None:
        """Also shows that nothing else was waiting to be read."""
        answer = self.ask(b'{"type":"connection","id":"last"}')
        assert (answer["type"], answer["id"], answer["data"]) == ("connection", "last", self.info)


@pytest.fixture
def talker(server: ServerProcess) -> Any:
    with Talker(server.port) as one:
        yield one
        one.is_served()


def nested(levels: int) -> bytes:
    return b'{"type":"walker","walker":"show","context":{"anything":%b%b}}' % (
        b"[" * levels,
        b"]" * levels,
    )


NOT_JSON = {
    "NaN": b'{"type":"connection","id":NaN}',
    "infinity": b'{"type":"connection","id":-Infinity}',
    "something behind it": b'{"type":"connection"}x',
    "two": b'{"type":"connection"}{"type":"connection"}',
    "a comment": b'{"type":"connection"/**/}',
    "a byte order mark": b'\xef\xbb\xbf{"type":"connection"}',
    "single quotes": b"{'type':'connection'}",
    "a comma too many": b'{"type":"connection",}',
    "a lone surrogate": b'{"type":"connection","id":"\\ud800"}',
    "a control character": b'{"type":"connection","id":"\x01"}',
    "nothing": b"",
    "spaces": b"   ",
    "500 levels": nested(500),
    "100,000 levels": nested(100_000),
    "a mebibyte of brackets": b"[" * MIB,
}


@pytest.mark.parametrize("name", [*NOT_JSON])
@pytest.mark.parametrize("first", [0x81, 0x82], ids=["text", "binary"])
def test_what_is_not_json_is_said_to_be_and_nothing_else_is_told(
    talker: Talker, name: str, first: int
) -> None:
    answer = talker.ask(NOT_JSON[name], first)
    assert (answer["type"], answer["code"]) == ("error", "invalid_json")
    assert not re.search(r"Traceback|File|\.py|\.cpp|jac_cloud", str(answer))


def test_binary_messages_of_json_count_and_those_of_no_utf_8_do_not(talker: Talker) -> None:
    assert talker.ask(b'{"type":"connection","id":1}', 0x82)["id"] == 1
    assert talker.ask(b'{"type":"\xff"}', 0x82)["code"] == "invalid_json"


@pytest.mark.parametrize("levels", [30, 32, 33])
def test_as_many_levels_as_anybody_needs_are_read(talker: Talker, levels: int) -> None:
    event = nested(levels)[:-1] + b',"response":true}'
    assert talker.ask(event)["reports"][0][2] == "[" * levels + "]" * levels


MANY = [f"c{number}" for number in range(1001)]
WRONG = [
    ({}, "type"),
    ({"type": 1}, "type"),
    ({"type": None}, "type"),
    ({"type": []}, "type"),
    ({"type": {"x": 1}}, "type"),
    ({"type": "Walker"}, "type"),
    ({"type": "__proto__"}, "type"),
    ({"type": "walker"}, "walker"),
    ({"type": "walker", "walker": 1}, "walker"),
    ({"type": "walker", "walker": "show", "context": []}, "context"),
    ({"type": "walker", "walker": "show", "response": "yes"}, "response"),
    ({"type": "walker", "walker": "show", "node": 1}, "node"),
    ({"type": "channel", "channel_ids": MANY, "data": {}}, "channel_ids"),
    ({"type": "user", "root_ids": MANY, "data": {}}, "root_ids"),
    ({"type": "client", "client_ids": MANY, "data": {}}, "client_ids"),
    ({"type": "channel", "channel_ids": [], "data": {}}, "channel_ids"),
    ({"type": "channel", "channel_ids": [1], "data": {}}, "channel_ids"),
    ({"type": "channel", "channel_ids": "a", "data": {}}, "channel_ids"),
    ({"type": "channel", "channel_ids": ["a"], "data": []}, "data"),
    ({"type": "channel", "channel_ids": ["a"]}, "data"),
    ({"type": "change_user", "token": 1}, "token"),
    ({"type": "connection", "id": []}, "id"),
    ({"type": "connection", "id": "x" * 129}, "id"),
]


@pytest.mark.parametrize(("event", "field"), WRONG)
def test_an_event_that_is_none_is_told_by_its_field(
    talker: Talker, event: dict[str, Any], field: str
) -> None:
    answer = talker.ask(json.dumps(event).encode())
    assert answer["code"] == "invalid_event"
    assert field in answer["error"][0]["loc"]


@pytest.mark.parametrize("text", [b"1", b"null", b'"walker"', b"[]", b'[{"type":"connection"}]'])
def test_what_is_json_and_no_object_is_no_event(talker: Talker, text: bytes) -> None:
    assert talker.ask(text)["code"] == "invalid_event"


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"walker","walker":"show","type":"connection"}',
        b'{"type":"connection","type":"connection"}',
        b'{"type":"connection","ty\\u0070e":"walker"}',
    ],
)
def test_no_field_counts_twice_however_it_is_spelled(talker: Talker, text: bytes) -> None:
    assert talker.ask(text)["code"] == "invalid_event"


def show(talker: Talker, context: bytes) -> Any:
    event = b'{"type":"walker","walker":"show","response":true,"context":%b}'
    return talker.ask(event % context)


@pytest.mark.parametrize(
    "number",
    [2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**70],
)
def test_whole_numbers_beyond_a_double_arrive_exactly(talker: Talker, number: int) -> None:
    [[whole, _, anything], [_, kind]] = show(
        talker, b'{"whole":%d,"anything":%d}' % (number, number)
    )["reports"]
    assert (whole, anything, kind) == (str(number), str(number), "int")


def test_no_number_changes_its_kind_in_silence(talker: Talker) -> None:
    [[whole, real, anything], _] = show(talker, b'{"whole":-0,"real":0.1,"anything":-0.0}')[
        "reports"
    ]
    assert (whole, real, anything) == ("0", "0.1", "-0.0")
    for field, wrong in [
        ("whole", b"0.5"),
        ("whole", b'"1"'),
        ("whole", b"true"),
        ("real", b'"0.1"'),
        ("real", b"1E400"),
        ("anything", b"-1E400"),
    ]:
        answer = show(talker, b'{"%b":%b}' % (field.encode(), wrong))
        assert answer["code"] == "invalid_event"


def test_names_of_pythons_own_change_nothing(talker: Talker) -> None:
    usual = show(talker, b"{}")["reports"]
    for name in ("__class__", "__init__", "__jac__", "__proto__", "__dict__", "self", "unknown"):
        assert show(talker, b'{"%b":{"x":1}}' % name.encode())["reports"] == usual
        assert show(talker, b"{}")["reports"] == usual


@pytest.mark.parametrize(
    "name", ["", "../show", "os", "Root", "show.enter", "x" * 10_000, "\u0000"]
)
def test_what_is_no_walker_is_unknown_in_the_same_words(talker: Talker, name: str) -> None:
    answer = talker.ask(json.dumps({"type": "walker", "walker": name}).encode())
    assert answer["code"] == "unknown_walker"
    assert answer["error"] == "Invalid request! Please use valid walker event!"


def test_a_target_listed_a_thousand_times_gets_one_copy(server: ServerProcess) -> None:
    with Talker(server.port, "?channel_id=room") as one:
        event = {"type": "channel", "channel_ids": ["room"] * 1000, "data": {"n": 1}}
        assert one.ask(json.dumps(event).encode()) == {"n": 1}
        one.is_served()


def test_a_thousand_walkers_in_one_breath_are_all_answered_in_their_order(talker: Talker) -> None:
    event = b'{"type":"walker","walker":"show","response":true,"id":%d}'
    talker.socket.sendall(b"".join(frame(event % number) for number in range(1000)))
    assert [talker.message()["id"] for _ in range(1000)] == [*range(1000)]


def test_who_never_reads_is_let_go_at_its_limit_while_others_get_everything(
    server: ServerProcess,
) -> None:
    payload = b'{"fill":"%b"}' % (b"x" * 60_000)
    event = b'{"type":"channel","channel_ids":["flood"],"data":%b,"id":1}' % payload
    with (
        Talker(server.port, "?channel_id=flood") as slow,
        Talker(server.port, "?channel_id=flood") as quick,
        Talker(server.port) as publisher,
    ):
        before = peak_memory(server.process.pid)
        # Far more than the kernel's buffers and the limit together.
        for _ in range(64 * MIB // len(payload)):
            assert publisher.ask(event)["type"] == "ack"
            assert quick.frame() == (TEXT, payload)
        assert slow.close_code() == 4503
        assert peak_memory(server.process.pid) - before < memory_bound(8 * MIB)
        quick.is_served()
