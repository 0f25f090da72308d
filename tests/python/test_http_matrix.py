"""Raw requests against the running server: order, framing, refusals, limits of size and time."""

import json
import re
import threading

import pytest

from conftest import Serve
from http_requests import REFUSED, REQUESTS, SLOW, Refused, Row, Slow, get, greet
from raw_http import RawClient, RawResponse, raw_client
from support import ServerProcess


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("rest")


@pytest.fixture(scope="module")
def impatient(serve_module: Serve) -> ServerProcess:
    return serve_module("rest", handshake_timeout=0.5, body_timeout=0.5, idle_timeout=0.5)


def answers(client: RawClient, row: Row) -> list[RawResponse]:
    responses = [client.response(row.method) for _ in row.statuses]
    return [response for response in responses if response is not None]


def ends(client: RawClient) -> None:
    """Nothing more comes, not even to a request that looks good."""
    client.send(get())
    assert client.rest() == b""


@pytest.mark.parametrize("pieces", [0, 1, 7], ids=["whole", "byte by byte", "in sevens"])
@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: row.name)
def test_a_request_is_answered_as_the_table_says(
    server: ServerProcess, row: Row, pieces: int
) -> None:
    with raw_client(server.port) as client:
        client.send(row.sent, pieces)
        responses = answers(client, row)
        assert tuple(response.status for response in responses) == row.statuses
        assert row.contains in responses[-1].body
        assert ("connection" in responses[-1].fields) is not row.stays
        assert all("server" not in response.fields for response in responses)
        if row.stays:
            client.send(get())
            last = client.response()
            assert last is not None
            assert last.body == b'{"status":"ok"}'
        else:
            ends(client)


@pytest.mark.parametrize("pieces", [0, 1000], ids=["whole", "in pieces"])
@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_what_is_refused_is_told_once_and_nothing_behind_it_is_read(
    server: ServerProcess, row: Refused, pieces: int
) -> None:
    with raw_client(server.port) as client:
        client.send(row.sent + get() * 3, pieces)
        response = client.response()
        assert response is not None
        assert response.status == row.status
        assert response.fields["connection"].endswith("close")
        assert json.loads(response.body).keys() == {"error", "code"}
        ends(client)


def test_a_body_that_waits_to_be_asked_for_is_asked_for(server: ServerProcess) -> None:
    head, _, body = greet(b"asked", b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    with raw_client(server.port) as client:
        for _ in range(2):
            client.send(head + b"\r\n\r\n")
            asked = client.any_response()
            assert asked is not None
            assert asked.status == 100
            client.send(body)
            response = client.any_response()
            assert response is not None
            assert b"hello asked" in response.body


def test_a_body_that_is_not_wanted_is_not_asked_for(server: ServerProcess) -> None:
    head = get(b"/nothing", b"Content-Length: 5\r\nExpect: 100-continue\r\n")
    with raw_client(server.port) as client:
        client.send(head)
        response = client.any_response()
        assert response is not None
        assert (response.status, response.fields["connection"]) == (404, "close")
        ends(client)


@pytest.mark.parametrize("row", SLOW, ids=lambda row: row.name)
def test_who_takes_too_long_is_told_so_and_left(impatient: ServerProcess, row: Slow) -> None:
    statuses = told(impatient, row)
    for _ in range(5):
        # Who is paused between connecting and sending has sent nothing: such a one is told nothing.
        if statuses or not row.sent:
            break
        statuses = told(impatient, row)
    assert statuses == row.statuses


def told(server: ServerProcess, row: Slow) -> tuple[int, ...]:
    """What is answered until the server closes."""
    with raw_client(server.port) as client:
        client.send(row.sent)
        drip = threading.Thread(target=client.drip, args=(row.then,))
        drip.start()
        responses = list(iter(client.response, None))
        drip.join()
    return tuple(response.status for response in responses)


def test_nothing_of_all_this_is_an_error_of_the_servers(server: ServerProcess) -> None:
    assert not re.search(r"Traceback|\bERROR\b|\berror\b", server.log())
