"""/console in a headless Chromium: events by hand, and what comes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from conftest import Serve
from pages import opened
from support import ServerProcess


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("documents", debug=True)


@pytest.fixture
def page(server: ServerProcess, browser: Browser) -> Iterator[Page]:
    """The console, connected to the channel `shop` as the public user."""
    with opened(browser, server, "/console") as page:
        page.get_by_label("Subscribe to channel").fill("shop")
        connect(page)
        yield page


def connect(page: Page) -> None:
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#state")).to_have_text("Connected")
    expect(page.locator("#channel-id")).not_to_be_empty()


def frames(page: Page, direction: str, text: str = "") -> Locator:
    return page.locator(f"#log li[data-direction={direction}]:visible").filter(has_text=text)


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


def choose(page: Page, walker: str) -> None:
    page.locator("#walker").select_option(walker)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def log_in(page: Page, email: str) -> None:
    page.get_by_text("Get a token by e-mail and password").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("The token is in its field.")).to_be_visible()


def test_it_connects_and_shows_who_it_is(page: Page) -> None:
    expect(page).to_have_title("documents · Console")
    expect(page.locator("#channel-id")).to_have_text("shop")
    expect(page.locator("#root-id")).to_have_text("n::000000000000000000000001")
    expect(frames(page, "received", "connection")).to_have_count(1)


def test_a_walkers_form_is_made_of_its_fields(page: Page) -> None:
    choose(page, "order")
    expect(page.get_by_text("Orders something, and tells everybody")).to_be_visible()
    fields = page.locator("[data-field]")
    names = [fields.nth(at).get_attribute("data-field") for at in range(fields.count())]
    assert names == ["item", "count", "size", "gift", "by", "lines", "pair"]
    expect(page.locator("[data-field=count]")).to_have_attribute("placeholder", "default: 1")
    expect(page.locator("[data-field=size] option")).to_have_text(["left out", "s", "l"])


def test_a_walker_runs_and_its_reply_is_shown_with_the_time_it_took(page: Page) -> None:
    choose(page, "greet")
    page.locator("[data-field=name]").fill("Ada")
    page.locator("[data-field=times]").fill("2")
    send(page)
    expect(frames(page, "sent", 'greet {"name":"Ada","times":2}')).to_have_count(1)
    reply = frames(page, "received", "Hello, Ada!Hello, Ada!")
    expect(reply.locator(".took")).to_contain_text("ms")


def test_what_does_not_fit_is_said_at_its_field_and_not_sent(page: Page) -> None:
    choose(page, "order")
    page.locator("[data-field=count]").fill("two")
    page.locator("[data-field=lines]").fill("[{")
    send(page)
    problems = "count is not a number, lines is not JSON"
    expect(page.locator("#send-note")).to_have_text(problems)
    expect(page.locator("[data-field=count]")).to_be_focused()
    expect(page.locator("[data-field=lines]")).to_have_attribute("aria-invalid", "true")
    assert frames(page, "sent").count() == 0


def test_a_user_of_the_page_logs_in_and_changes_its_connection(page: Page) -> None:
    log_in(page, "ada@example.com")
    expect(page.locator("#root-id")).not_to_have_text("n::000000000000000000000001")
    choose(page, "order")
    page.locator("[data-field=item]").fill("tea")
    send(page)
    expect(frames(page, "received", '{"type":"ordered","item":"tea"}')).to_have_count(1)
    expect(frames(page, "received", "order [")).to_have_count(1)
    token = page.get_by_label("Token", exact=True).input_value()
    assert token
    assert token not in page.locator("#log").inner_text()


def test_a_token_is_used_from_the_first_event_on(server: ServerProcess, browser: Browser) -> None:
    with opened(browser, server, "/console") as page:
        page.get_by_label("Token", exact=True).fill(server.register("bob@example.com"))
        connect(page)
        expect(page.locator("#root-id")).not_to_have_text("n::000000000000000000000001")


@pytest.mark.parametrize("kind", ["Channel", "User", "Client"])
def test_events_for_others_start_with_this_connection_as_their_target(
    page: Page, kind: str
) -> None:
    tab(page, kind)
    page.locator("[data-field=data]").fill('{"big": 12345678901234567890}')
    send(page)
    delivered = frames(page, "received", '{"big": 12345678901234567890}')
    expect(delivered).to_have_count(1)
    expect(frames(page, "received", "ack").locator(".took")).to_contain_text("ms")


def test_an_error_is_shown_with_its_code(page: Page) -> None:
    choose(page, "fail")
    send(page)
    error = page.locator("#log li[data-error=true]")
    expect(error).to_contain_text("walker_failed: ValueError: internal detail")


def test_anything_can_be_sent_as_it_stands(page: Page) -> None:
    choose(page, "greet")
    page.get_by_role("button", name="Edit as JSON").click()
    editor = page.get_by_label("Event", exact=True).last
    assert '"walker": "greet"' in editor.input_value()
    editor.fill("{not json")
    expect(page.get_by_text("Not JSON:")).to_be_visible()
    send(page)
    expect(frames(page, "received", "invalid_json")).to_have_count(1)


def test_frames_are_filtered_and_cleared(page: Page) -> None:
    tab(page, "Connection")
    send(page)
    expect(frames(page, "received", "connection")).to_have_count(2)
    page.keyboard.press("Tab")
    page.get_by_label("Which frames").select_option("sent")
    expect(frames(page, "received")).to_have_count(0)
    expect(page.locator("#count")).to_have_text("1 of 4")
    page.get_by_label("Which frames").select_option("all")
    page.get_by_label("Filter frames").fill("CONNECTED")
    expect(page.locator("#count")).to_have_text("1 of 4")
    page.keyboard.press("Escape")
    expect(page.locator("#count")).to_have_text("4")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#log li")).to_have_count(0)


def test_a_frame_opens_to_its_whole_text_and_is_sent_again(page: Page) -> None:
    choose(page, "greet")
    send(page)
    sent = frames(page, "sent", "greet")
    sent.locator("summary").click()
    expect(sent.locator("pre")).to_contain_text('"response": true')
    page.get_by_role("button", name="Send again").click()
    expect(frames(page, "received", "Hello, you!")).to_have_count(2)


def test_it_can_be_used_by_keyboard_alone(server: ServerProcess, browser: Browser) -> None:
    with opened(browser, server, "/console") as page:
        page.get_by_label("Subscribe to channel").focus()
        page.keyboard.type("keys")
        page.keyboard.press("Enter")
        expect(page.locator("#channel-id")).to_have_text("keys")
        page.get_by_role("tab", name="Walker", exact=True).focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Channel", exact=True)).to_be_focused()
        page.keyboard.press("Control+Enter")
        expect(frames(page, "received", '{"text": "Hello"}')).to_have_count(1)
        page.get_by_role("button", name="Send", exact=True).focus()
        page.keyboard.press("/")
        expect(page.get_by_label("Filter frames")).to_be_focused()


def test_a_closed_connection_is_said_with_its_code(serve: Serve, browser: Browser) -> None:
    server = serve("documents", console="on")
    with opened(browser, server, "/console") as page:
        connect(page)
        server.stop()
        expect(page.locator("#state")).to_contain_text("Closed with 1001")
        expect(frames(page, "note", "Closed with 1001")).to_have_count(1)
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()


def test_it_disconnects_and_connects_again(page: Page) -> None:
    page.get_by_role("button", name="Disconnect").click()
    expect(page.locator("#state")).to_contain_text("Closed with 1000")
    connect(page)
    expect(frames(page, "received", "connection")).to_have_count(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colours_of_the_system(
    server: ServerProcess, browser: Browser, scheme: str
) -> None:
    with opened(browser, server, "/console", color_scheme=scheme) as page:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(part) for part in colour[4:-1].split(","))
        assert (brightness > 600) == (scheme == "light")
