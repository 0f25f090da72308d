"""The routes under `/user`: register, log in and out, and what users do with their account."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from jac_cloud import deletion
from jac_cloud._native import format_node_id
from jac_cloud.auth import Tokens
from jac_cloud.identity import Identities, Identity
from jac_cloud.login_limits import Attempt, FailureLimit, TooManyFailures, address_key
from jac_cloud.openapi import USER_REQUIRED, problems
from jac_cloud.refusals import Refusal, unauthenticated
from jac_cloud.runtime import Interpreter
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.user_bodies import (
    Account,
    Confirmation,
    PasswordChange,
    PasswordGrant,
    account,
    described,
    json_object,
)
from jac_cloud.user_rows import User
from jac_cloud.users import EmailTaken, NoSuchUser, Users


class Message(BaseModel):
    """That it is done."""

    message: str


class Profile(BaseModel):
    """A user."""

    id: str
    email: str
    root_id: str


class LoggedIn(BaseModel):
    """A token and its user. `access_token` is the token by the name that OAuth2 clients look for
    (RFC 6749 section 5.1), `expires_in` its lifetime in seconds.
    """

    token: str
    user: Profile
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a type
    expires_in: int


def user_routes(
    interpreter: Interpreter,
    users: Users,
    tokens: Tokens,
    identities: Identities,
    settings: Settings,
    hashing: DaemonPool,
    asking: DaemonPool,
) -> APIRouter:
    """The routes. What takes a password is done on the threads `hashing`, what asks for users alone
    on those `asking`: a token is not to wait behind passwords.
    """
    router = APIRouter(prefix="/user", tags=["user"])
    failures = _Failures(settings)

    async def work[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(hashing.submit(call, *args, **kwargs))

    async def ask[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.wrap_future(asking.submit(call, *args, **kwargs))

    async def identity(request: Request) -> Identity:
        found = await ask(identities.of_header, request.headers.getlist("authorization"))
        if found is None:
            raise unauthenticated("A token is needed")
        request.state.root = found.user.root_hex
        return found

    def logged_in(user: User, response: Response) -> LoggedIn:
        token = tokens.issue(user.id, user.epoch)
        response.headers["Cache-Control"] = "no-store"
        return LoggedIn(
            token=token, user=_profile(user), access_token=token, expires_in=tokens.lifetime
        )

    type Caller = Annotated[Identity, Depends(identity)]

    @router.post(
        "/register",
        status_code=201,
        responses=problems(400, 409, 413, 415, 422),
        openapi_extra=described(Account, PasswordGrant),
    )
    async def register(request: Request) -> Message:
        """Makes a user with a root of its own."""
        given = await account(request)
        try:
            await work(users.register, given.email, given.password, interpreter.create_root)
        except EmailTaken:
            raise Refusal(409, "email_taken", "This e-mail address is registered") from None
        return Message(message="Successfully Registered!")

    @router.post(
        "/login",
        responses=problems(400, 401, 413, 415, 422, 429),
        openapi_extra=described(Account, PasswordGrant),
    )
    async def login(request: Request, response: Response) -> LoggedIn:
        """A token for who knows the password."""
        given = await account(request)
        async with failures.attempt(request, given.email) as attempt:
            user = await work(users.login, given.email, given.password)
            attempt.failed = user is None
        if user is None:
            raise unauthenticated("Wrong e-mail address or password")
        return logged_in(user, response)

    @router.post("/refresh", responses=problems(401), openapi_extra=USER_REQUIRED)
    async def refresh(caller: Caller, response: Response) -> LoggedIn:
        """A new token for the bearer of one. The older one is good until it expires."""
        return logged_in(caller.user, response)

    @router.post("/logout", status_code=204, responses=problems(401), openapi_extra=USER_REQUIRED)
    async def logout(caller: Caller) -> None:
        """Takes back the token that this request brings."""
        await ask(users.logout, caller.claims)

    @router.get("/me", responses=problems(401), openapi_extra=USER_REQUIRED)
    async def me(caller: Caller) -> Profile:
        """The user of the token."""
        return _profile(caller.user)

    @router.post(
        "/change_password",
        status_code=204,
        responses=problems(400, 401, 403, 413, 415, 422, 429),
        openapi_extra=USER_REQUIRED | described(PasswordChange),
    )
    async def change_password(request: Request, caller: Caller) -> None:
        """Changes the password, and takes back every token of the user but this request's."""
        given = await json_object(request, PasswordChange)
        async with failures.attempt(request, caller.user.email) as attempt:
            changed = await work(
                users.change_password, caller.claims, given.old_password, given.new_password
            )
            attempt.failed = not changed
        if not changed:
            raise _wrong_password()

    @router.post(
        "/delete",
        status_code=204,
        responses=problems(400, 401, 403, 413, 415, 422, 429),
        openapi_extra=USER_REQUIRED | described(Confirmation),
    )
    async def delete(request: Request, caller: Caller) -> None:
        """Deletes the user with every token, and all that the user has in the graph."""
        given = await json_object(request, Confirmation)
        async with failures.attempt(request, caller.user.email) as attempt:
            confirmed = await work(users.check_password, caller.user, given.password)
            attempt.failed = not confirmed
        if not confirmed:
            raise _wrong_password()
        # Unless another request of the user's has been first.
        with suppress(NoSuchUser):
            await work(deletion.delete_user, users, interpreter, caller.user)

    return router


class _Failures:
    """The limits of wrong passwords, by account and by address."""

    def __init__(self, settings: Settings) -> None:
        self._accounts = FailureLimit(
            settings.login_failures_per_account, "login_failures_per_account"
        )
        self._addresses = FailureLimit(
            settings.login_failures_per_address, "login_failures_per_address"
        )

    @asynccontextmanager
    async def attempt(self, request: Request, email: str) -> AsyncIterator[Attempt]:
        """An attempt at an account's password. Refusal 429 when there were too many."""
        host = request.client.host if request.client else ""
        try:
            async with (
                self._addresses.attempt(address_key(host)) as from_address,
                self._accounts.attempt(email) as attempt,
            ):
                yield attempt
                from_address.failed = attempt.failed
        except TooManyFailures as error:
            raise Refusal(
                429,
                "rate_limited",
                "Too many failed logins, try again later",
                {"Retry-After": str(error.retry_after)},
                limit=error.setting,
            ) from None


def _wrong_password() -> Refusal:
    # Not 401: the token is good, and a client is not to throw it away.
    return Refusal(403, "wrong_password", "The password is wrong")


def _profile(user: User) -> Profile:
    return Profile(id=user.id, email=user.email, root_id=format_node_id(user.root_hex))
