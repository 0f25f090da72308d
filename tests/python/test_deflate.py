"""Compressed messages, with clients that are not ours."""

import dataclasses
import json
import zlib
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionName

from conftest import Serve
from jac_cloud.plugin import WEBSOCKET_MANAGER
from native import client, running
from support import Client, ServerProcess, memory_bound, peak_memory

MIB = 1 << 20
LONG: dict[str, Any] = {"text": "to be or not to be, " * 500, "digits": 1.10}


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("no_fields", permessage_deflate=True)


def to_itself(data: Any) -> dict[str, Any]:
    return {"type": "channel", "channel_ids": ["mine"], "data": data}


async def agreed(one: Client) -> list[str]:
    header = one.socket.response.headers.get("Sec-WebSocket-Extensions", "")  # type: ignore[union-attr]
    return [part.strip() for part in header.split(";")]


async def test_a_client_that_offers_compression_gets_it_and_the_same_bytes(
    server: ServerProcess,
) -> None:
    async with await server.websocket("mine") as one:
        assert await agreed(one) == [
            "permessage-deflate",
            "server_no_context_takeover",
            "client_no_context_takeover",
        ]
        text = json.dumps(to_itself(LONG))
        for _ in range(3):
            await one.send(text)
            assert await one.socket.recv() == json.dumps(LONG)


@pytest.mark.parametrize("bits", range(9, 16))
async def test_a_client_with_a_small_window_reads_what_it_is_sent(
    server: ServerProcess, bits: int
) -> None:
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=bits)
    async with await server.websocket("mine", compression=None, extensions=[offer]) as one:
        assert f"server_max_window_bits={bits}" in await agreed(one)
        assert await one.ask(to_itself(LONG)) == LONG


async def test_clients_with_and_without_compression_share_a_channel(server: ServerProcess) -> None:
    async with (
        await server.websocket("mine") as deflating,
        await server.websocket("mine", compression=None) as plain,
    ):
        assert await agreed(plain) == [""]
        for sender in (deflating, plain):
            await sender.send(to_itself(LONG))
            assert await deflating.receive() == LONG
            assert await plain.receive() == LONG


async def test_without_the_setting_no_offer_is_accepted() -> None:
    with running() as native:
        one = await client(native)
        assert await agreed(one) == [""]
        await one.close()


async def test_notifications_are_compressed_for_who_can_read_that() -> None:
    with running(permessage_deflate=True, io_threads=2) as native:
        clients = [await client(native, "?channel_id=mine") for _ in range(8)]
        assert WEBSOCKET_MANAGER.notify_channels(["mine"], LONG) == len(clients)
        for one in clients:
            assert await one.receive() == LONG
            await one.close()


class Compressed(Extension):
    """Says of a frame that it is compressed."""

    name = ExtensionName("compressed")

    def encode(self, frame: Frame) -> Frame:
        return dataclasses.replace(frame, rsv1=True)


def bomb(size: int) -> bytes:
    deflater = zlib.compressobj(9, wbits=-15)
    payload = b"".join(deflater.compress(bytes(MIB)) for _ in range(size // MIB))
    return (payload + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


async def test_sixty_four_megabytes_in_sixty_five_kilobytes_cost_the_limit_and_no_more(
    server: ServerProcess,
) -> None:
    payload = bomb(64 * MIB)
    assert len(payload) < 66_000
    one = await server.websocket("mine")
    assert await one.ask(to_itself(LONG)) == LONG  # what the codec keeps is there now
    before = peak_memory(server.process.pid)
    # Past the client's own extension: what is sent is compressed already.
    frame = Frame(Opcode.TEXT, payload).serialize(mask=True, extensions=[Compressed()])
    one.socket.transport.write(frame)
    with pytest.raises(ConnectionClosed) as closed:
        await one.socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert peak_memory(server.process.pid) - before < memory_bound(MIB + 2 * MIB)
