"""/docs and /redoc in a headless Chromium, with no other host in reach."""

import pytest
from playwright.sync_api import Browser, expect

from conftest import Serve
from pages import opened
from support import ServerProcess


@pytest.fixture(scope="module")
def server(serve_module: Serve) -> ServerProcess:
    return serve_module("documents")


def test_swagger_ui_shows_the_walkers(server: ServerProcess, browser: Browser) -> None:
    with opened(browser, server, "/docs") as page:
        expect(page).to_have_title("documents · Swagger UI")
        expect(page.get_by_text("Order something").first).to_be_visible()
        page.get_by_role("button", name="PUT /walker/order Order something", exact=True).click()
        expect(page.get_by_text("Orders something, and tells everybody")).to_be_visible()


def test_swagger_ui_logs_in_and_runs_a_walker_for_users(
    server: ServerProcess, browser: Browser
) -> None:
    server.register("ada@example.com", "correct horse battery")
    with opened(browser, server, "/docs") as page:
        page.get_by_role("button", name="Authorize").click()
        login = page.locator(".auth-container", has_text="login (OAuth2, password)")
        login.get_by_label("username").fill("ada@example.com")
        login.get_by_label("password:", exact=True).fill("correct horse battery")
        login.get_by_role("button", name="Apply given OAuth2 credentials").click()
        expect(login.get_by_role("button", name="Remove authorization")).to_be_visible()
        login.get_by_role("button", name="Close").click()
        page.locator("[id='operations-orders-orders_walker_orders_get']").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        status = page.locator(".live-responses-table td.response-col_status").last
        expect(status).to_contain_text("200")


def test_redoc_shows_the_walkers_and_searches_them(server: ServerProcess, browser: Browser) -> None:
    with opened(browser, server, "/redoc") as page:
        expect(page.get_by_role("heading", name="Order something").first).to_be_visible()
        expect(page.get_by_alt_text("redocly logo")).to_be_visible()
        page.get_by_placeholder("Search...").fill("everybody")
        expect(page.get_by_role("search").get_by_text("Order something").first).to_be_visible()


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_work_behind_a_prefix(path: str, serve: Serve, browser: Browser) -> None:
    server = serve("documents", root_path="/shop")
    with opened(browser, server, "/shop" + path) as page:
        shown = page.get_by_text("A shop: walkers of every kind", exact=False)
        expect(shown.first).to_be_visible()
