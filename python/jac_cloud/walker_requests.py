"""A walker's run as one request: one unit of work, on a thread of its own."""

import asyncio
import logging
from collections.abc import Callable

from fastapi import Request, Response

from jac_cloud._native import Unit
from jac_cloud.errors import WalkerTimeout
from jac_cloud.given_input import GivenInput, InputSource
from jac_cloud.refusals import unauthenticated
from jac_cloud.runtime import Caller, Deadline, Interpreter
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.walker_spec import WalkerSpec

_LOGGER = logging.getLogger(f"{__package__}.walker")


class WalkerRequests:
    """Runs walkers for requests, on the threads of `pool`. `who` tells who asks; it may wait."""

    def __init__(
        self,
        interpreter: Interpreter,
        who: Callable[[Request], Caller],
        settings: Settings,
        pool: DaemonPool,
    ) -> None:
        self.settings = settings
        self._interpreter = interpreter
        self._who = who
        self._pool = pool

    async def answer(
        self, spec: WalkerSpec, source: InputSource, node: str | None, request: Request
    ) -> Response:
        """Runs the walker on a node, or on the caller's root.

        The errors of `Interpreter.run`, Refusal, InvalidToken.
        """
        given = await source.take(request)
        deadline = Deadline()
        running = self._pool.submit(self._run, spec, given, node, request, deadline)
        reports = asyncio.wrap_future(running)
        await asyncio.wait([reports], timeout=self.settings.walker_timeout or None)
        if not reports.done() and deadline.expire():
            self._pool.abandon(running)
            _LOGGER.warning("walker timed out", extra={"walker": spec.name})
            raise WalkerTimeout
        # Done, or too late to be stopped: its commit is under way.
        answer = b'{"status":200,"reports":' + await reports + b"}"
        return Response(answer, media_type="application/json")

    def _run(
        self,
        spec: WalkerSpec,
        given: GivenInput,
        node: str | None,
        request: Request,
        deadline: Deadline,
    ) -> bytes:
        caller = self._who(request)
        if spec.auth and not caller.authenticated:
            raise unauthenticated(f"Walker {spec.name} requires to be authenticated!")
        given.check_depth(self.settings.max_json_depth)
        return self._interpreter.run(spec, given.read, caller, node, Unit, deadline)
