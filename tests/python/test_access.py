"""Access to another user's nodes: what each level allows, by REST and by WebSocket."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from conftest import Serve
from support import ServerProcess, scaled

LEVELS = {
    "NO_ACCESS": [],
    "READ": ["look"],
    "CONNECT": ["look", "link"],
    "WRITE": ["look", "link", "edit", "remove"],
}
ACTIONS = LEVELS["WRITE"]
DONE = {"look": "first", "link": "linked", "edit": "changed", "remove": "removed"}
DENIED = "You don't have access to this node!"


@dataclass
class User:
    """A user of the server under test, by one of its two ways in."""

    server: ServerProcess
    token: str
    transport: str = "rest"

    async def run(self, walker: str, node: str = "", **context: Any) -> Any:
        """The walker's reports, or what refuses it."""
        if self.transport == "rest":
            headers = {"Authorization": f"Bearer {self.token}"}
            path = f"/walker/{walker}/{node}".rstrip("/")
            async with httpx.AsyncClient(
                base_url=self.server.url, timeout=scaled(30), trust_env=False
            ) as http:
                answer = await http.post(path, json=context, headers=headers)
            body = answer.json()
            if answer.status_code != 200:
                assert body.keys() <= {"error", "code", "ref"}
                return answer.status_code, body["code"], body["error"]
            return body["reports"]
        event = {"type": "walker", "walker": walker, "response": True, "context": context}
        async with await self.server.websocket(token=self.token) as client:
            reply = await client.ask(event | ({"node": node} if node else {}))
        if "error" in reply:
            assert reply["type"] == "walker"
            return {"forbidden": 403}.get(reply["code"]), reply["code"], reply["error"]
        return reply["reports"]

    async def make(self, **context: Any) -> tuple[str, str]:
        """A new node of the user's, and the user's root."""
        [[node, root]] = await self.run("make", **context)
        return node, root


REFUSED = (403, "forbidden", DENIED)


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("access")


@pytest.fixture(scope="module")
def tokens(server: ServerProcess) -> tuple[str, str]:
    return server.register("ada@example.com"), server.register("bob@example.com")


@pytest.fixture
def owner(server: ServerProcess, tokens: tuple[str, str]) -> User:
    return User(server, tokens[0])


@pytest.fixture(params=["rest", "websocket"])
def guest(server: ServerProcess, tokens: tuple[str, str], request: pytest.FixtureRequest) -> User:
    return User(server, tokens[1], request.param)


async def nothing_changed(owner: User, node: str) -> bool:
    seen = await owner.run("look", node), await owner.run("around", node)
    return seen == (["first"], [[]])


@pytest.mark.parametrize("level", LEVELS)
async def test_each_level_that_everybody_has_allows_what_it_says(
    owner: User, guest: User, level: str
) -> None:
    for action in ACTIONS:
        node, _ = await owner.make()
        await owner.run("share", node, level=level)
        if action in LEVELS[level]:
            assert await guest.run(action, node) == [DONE[action]]
        else:
            assert await guest.run(action, node) == REFUSED
            assert await nothing_changed(owner, node)


@pytest.mark.parametrize("level", LEVELS)
async def test_a_level_of_one_user_is_that_users_alone(
    server: ServerProcess, owner: User, guest: User, level: str
) -> None:
    _, root = await guest.make()
    third = User(server, server.register(f"third-{level}-{guest.transport}@example.com"))
    for action in ACTIONS:
        node, _ = await owner.make()
        await owner.run("share", node, level=level, root_id=f"n::{root}")
        assert await third.run(action, node) == REFUSED
        allowed = action in LEVELS[level]
        assert await guest.run(action, node) == ([DONE[action]] if allowed else REFUSED)


async def test_a_level_on_a_root_holds_for_all_nodes_of_it(
    server: ServerProcess, guest: User
) -> None:
    owner = User(server, server.register(f"open-{guest.transport}@example.com"))
    _, guest_root = await guest.make()
    node, root = await owner.make()
    await owner.run("share", root, level="CONNECT", root_id=guest_root)
    assert await guest.run("link", node) == ["linked"]
    assert await guest.run("edit", node) == REFUSED
    await owner.run("share", node, level="READ", root_id=guest_root)
    assert await guest.run("link", node) == REFUSED


async def test_access_ends_when_it_is_taken_back(owner: User, guest: User) -> None:
    _, root = await guest.make()
    node, _ = await owner.make()
    for one_user in ({}, {"root_id": root}):
        await owner.run("share", node, level="WRITE", **one_user)
        assert await guest.run("look", node) == ["first"]
        await owner.run("unshare", node, **one_user)
        assert await guest.run("look", node) == REFUSED


async def test_a_node_may_say_for_itself_who_sees_it(owner: User, guest: User) -> None:
    shown, _ = await owner.make(text="for all", whispered=True)
    hidden, _ = await owner.make(text="for me", whispered=True)
    assert await guest.run("look", shown) == ["for all"]
    assert await guest.run("edit", shown) == REFUSED
    assert await guest.run("look", hidden) == REFUSED


async def test_a_user_may_not_let_himself_in(owner: User, guest: User) -> None:
    _, root = await guest.make()
    node, owner_root = await owner.make()
    await owner.run("share", node, level="CONNECT")
    assert await guest.run("share", node, level="WRITE") == REFUSED
    assert await guest.run("share", node, level="WRITE", root_id=root) == REFUSED
    assert await guest.run("share", owner_root, level="READ") == REFUSED
    assert await guest.run("open_by_hand", node) == REFUSED
    assert await guest.run("edit", node) == REFUSED


async def test_what_is_absent_and_what_is_forbidden_look_the_same(owner: User, guest: User) -> None:
    node, root = await owner.make()
    deleted, _ = await owner.make()
    await owner.run("remove", deleted)
    for place in (node, root, deleted, f"n::{node}", f"n:Note:{node}", "f" * 32, "n::" + "7" * 24):
        for action in ACTIONS:
            assert await guest.run(action, place) == REFUSED
        assert await guest.run("edit_named", note=place) == REFUSED


async def test_a_write_that_is_refused_takes_the_whole_unit_with_it(
    owner: User, guest: User
) -> None:
    node, _ = await owner.make()
    await owner.run("share", node, level="READ")
    before = await guest.run("count")
    assert await guest.run("edit_named", note=node) == REFUSED
    assert await guest.run("count") == before
    assert await nothing_changed(owner, node)


async def test_a_walker_may_go_on_without_a_link_that_it_may_not_make(
    owner: User, guest: User
) -> None:
    node, _ = await owner.make()
    await owner.run("share", node, level="READ")
    assert await guest.run("link_if_allowed", node) == ["not allowed"]
    assert await nothing_changed(owner, node)


async def test_any_other_permission_that_is_missing_is_the_walkers_failure(guest: User) -> None:
    _, code, sentence = await guest.run("open_a_file")
    assert code == "walker_failed"
    assert "shadow" not in sentence


async def test_what_a_guest_has_linked_is_the_guests_own(owner: User, guest: User) -> None:
    node, _ = await owner.make()
    await owner.run("share", node, level="CONNECT")
    assert await guest.run("link", node) == ["linked"]
    assert await guest.run("around", node) == [["linked"]]
    assert await owner.run("around", node) == [[]]


async def test_an_owner_deletes_a_node_with_the_edges_that_guests_have_made(
    owner: User, guest: User
) -> None:
    node, _ = await owner.make()
    await owner.run("share", node, level="CONNECT")
    assert await guest.run("link", node) == ["linked"]
    assert await owner.run("remove", node) == ["removed"]
    assert await owner.run("look", node) == REFUSED
    assert await guest.run("look", node) == REFUSED


async def test_a_guest_takes_back_an_edge_after_access_has_ended(owner: User, guest: User) -> None:
    node, _ = await owner.make()
    await owner.run("share", node, level="WRITE")
    assert await guest.run("link", node) == ["linked"]
    await owner.run("unshare", node)
    await owner.run("share", node, level="READ")
    assert await guest.run("unlink", node) == []
    assert await guest.run("around", node) == [[]]
    assert await nothing_changed(owner, node)


async def test_a_refusal_says_nothing_of_the_node(owner: User, guest: User) -> None:
    node, root = await owner.make(text="never told")
    await owner.run("share", node, level="READ")
    refusal = json.dumps(await guest.run("edit", node))
    for secret in (node, root, "never told", "Note", "WRITE"):
        assert secret not in refusal
