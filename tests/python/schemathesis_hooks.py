"""Loaded by schemathesis in its own process: who it calls as.

Routes of `/user` take users and tokens away, so there each case is a user of its own.
"""

import os
from itertools import count
from typing import Any

import httpx
import schemathesis

_CLIENT = httpx.Client(base_url=os.environ["TRIED_SERVER"], trust_env=False)
_NUMBERS = count()


class _Caller:
    """A new user's token and root."""

    def get(self, _case: Any, _context: Any) -> tuple[str, str]:
        email = f"tried-{os.getpid()}-{next(_NUMBERS)}@example.com"
        account = {"email": email, "password": "12345678"}
        _CLIENT.post("/user/register", json=account).raise_for_status()
        answer = _CLIENT.post("/user/login", json=account).raise_for_status().json()
        return answer["token"], answer["user"]["root_id"]

    def set(self, case: Any, caller: tuple[str, str], _context: Any) -> None:
        token, root = caller
        case.headers["Authorization"] = f"Bearer {token}"
        # Every other node is one that the caller may use: none of those made up is.
        if "node" in (case.path_parameters or {}) and next(_NUMBERS) % 2:
            case.path_parameters["node"] = root


schemathesis.auth(refresh_interval=None).apply_to(path_regex="^/user/")(_Caller)
schemathesis.auth(refresh_interval=3600).apply_to(path_regex="^/walker/")(_Caller)
