"""Pages in a browser that may reach its own server alone, and that complain about nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, expect

from support import ServerProcess, scaled

_LIMIT_MS = 30_000


@contextmanager
def opened(browser: Browser, server: ServerProcess, path: str, **options: Any) -> Iterator[Page]:
    """A page of the server. Fails at the end when it asked another host, or complained."""
    context = browser.new_context(**options)
    # Long, for ReDoc takes seconds of a busy machine to lay out its page.
    context.set_default_timeout(scaled(_LIMIT_MS))
    expect.set_options(timeout=scaled(_LIMIT_MS))
    elsewhere: list[str] = []
    complaints: list[str] = []

    def only_here(route: Route) -> None:
        if urlsplit(route.request.url).netloc == f"127.0.0.1:{server.port}":
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", only_here)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.goto(server.url + path)
    yield page
    context.close()
    assert elsewhere == []
    assert complaints == []
