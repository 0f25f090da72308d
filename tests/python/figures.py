"""Reads a server's `/metrics` as Prometheus does."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families

from support import ServerProcess, eventually_async

TOKEN = "correct-horse-battery-staple-0123456789"
OPEN = {"metrics": "token", "metrics_token": TOKEN}


class Figures:
    """One reading of all figures."""

    def __init__(self, server: ServerProcess, http: httpx.Client | None = None) -> None:
        answer = page(server) if http is None else ask(http)
        assert answer.status_code == 200, answer.text
        families = [*text_string_to_metric_families(answer.text)]
        self.types = {family.name: family.type for family in families}
        self.meanings = {family.name: family.documentation for family in families}
        self.samples = [sample for family in families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The figure `jac_cloud_NAME`, added up over the labels that are not given; 0: none."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == f"jac_cloud_{name}" and labels.items() <= sample.labels.items()
        )


def page(server: ServerProcess, **headers: str) -> httpx.Response:
    with server.http() as http:
        return ask(http, **headers)


def ask(http: httpx.Client, **headers: str) -> httpx.Response:
    return http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", **headers})


async def comes_true(condition: Callable[[], bool], what: str = "") -> None:
    """Waits for a condition that blocks, such as one that asks a server."""

    def ask() -> bool | Awaitable[bool]:
        return asyncio.to_thread(condition)

    await eventually_async(ask, what)
