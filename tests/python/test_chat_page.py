"""The page of examples/chat in a headless Chromium: two tabs that chat."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from conftest import Serve
from support import REPOSITORY, ServerProcess, scaled

CHAT = REPOSITORY / "examples" / "chat" / "app.jac"


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module(CHAT)


@pytest.fixture
def open_tab(browser: Browser) -> Iterator["Tabs"]:
    tabs = Tabs(browser)
    yield tabs
    tabs.close()
    assert tabs.complaints == [], "the page's console shows errors"


class Tabs:
    """Tabs of one browser window, each with the name that the person in it has taken."""

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context()
        self._context.set_default_timeout(scaled(10_000))
        self.complaints: list[str] = []

    def __call__(self, server: ServerProcess, name: str, room: str) -> Page:
        page = self._context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{server.url}/?room={room}")
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("status")).to_have_text(f"In {room}")
        return page

    def close(self) -> None:
        self._context.close()


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def lines(page: Page) -> "list[str]":
    return page.get_by_role("log").locator("li .said").all_inner_texts()


def test_what_one_tab_says_the_other_shows(
    server: ServerProcess, open_tab: Tabs, tmp_path: Path
) -> None:
    ada, bob = open_tab(server, "Ada", "talk"), open_tab(server, "Bob", "talk")
    say(ada, "Hello, Bob")
    expect(bob.get_by_role("log")).to_contain_text("Hello, Bob")
    say(bob, "Hello, Ada")
    for page in (ada, bob):
        expect(page.locator("#messages li")).to_have_count(2)
        assert lines(page) == ["Hello, Bob", "Hello, Ada"]
    expect(ada.locator("#messages li.own .said")).to_have_text(["Hello, Bob"])
    expect(bob.locator("#messages li.own .said")).to_have_text(["Hello, Ada"])
    expect(bob.locator("#messages li .who").first).to_contain_text("Ada")
    bob.screenshot(path=tmp_path / "chat.png")


def test_markup_in_a_message_is_shown_as_text(server: ServerProcess, open_tab: Tabs) -> None:
    ada, bob = open_tab(server, "Ada", "markup"), open_tab(server, "Bob", "markup")
    text = "<img src=x onerror=document.title='broken'> & <b>bold</b>"
    say(ada, text)
    expect(bob.locator("#messages .said")).to_have_text(text)
    expect(bob.locator("#messages img, #messages b")).to_have_count(0)


def test_rooms_do_not_hear_each_other(server: ServerProcess, open_tab: Tabs) -> None:
    here, there = open_tab(server, "Ada", "here"), open_tab(server, "Bob", "there")
    say(here, "only here")
    expect(here.get_by_role("log")).to_contain_text("only here")
    say(there, "only there")
    expect(there.get_by_role("log")).to_contain_text("only there")
    assert lines(here) == ["only here"]
    assert lines(there) == ["only there"]


def test_who_joins_later_reads_what_was_said(server: ServerProcess, open_tab: Tabs) -> None:
    ada = open_tab(server, "Ada", "elsewhere")
    say(ada, "in another room")
    expect(ada.locator("#messages li")).to_have_count(1)
    ada.get_by_label("Room").fill("kept")
    ada.get_by_role("button", name="Join").click()
    expect(ada.get_by_role("status")).to_have_text("In kept")
    expect(ada.locator("#messages li")).to_have_count(0)
    say(ada, "first")
    expect(ada.locator("#messages li")).to_have_count(1)
    bob = open_tab(server, "Bob", "kept")
    expect(bob.locator("#messages .said")).to_have_text(["first"])


def test_the_page_comes_back_after_the_server_did(serve: Serve, open_tab: Tabs) -> None:
    first = serve(CHAT)
    page = open_tab(first, "Ada", "again")
    say(page, "before")
    expect(page.locator("#messages li")).to_have_count(1)
    assert first.stop() == 0
    expect(page.get_by_role("status")).to_contain_text("Trying again")
    serve(first.app, port=first.port)
    expect(page.get_by_role("status")).to_have_text("In again", timeout=scaled(30_000))
    say(page, "after")
    expect(page.get_by_role("log")).to_contain_text("after")
