"""`POST /user/register` and `POST /user/login`."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from jac_cloud._native import format_node_id
from jac_cloud.auth import Tokens
from jac_cloud.login_limits import FailureLimit, TooManyFailures, address_key
from jac_cloud.passwords import PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN
from jac_cloud.refusals import Refusal, invalid_json, unauthenticated
from jac_cloud.requests import json_body
from jac_cloud.runtime import Interpreter
from jac_cloud.settings import Settings
from jac_cloud.threads import DaemonPool
from jac_cloud.users import EmailTaken, InvalidEmail, User, Users, normalized_email


def _email(text: str) -> str:
    try:
        return normalized_email(text)
    except InvalidEmail:
        raise ValueError("not an e-mail address") from None


def _password(text: str) -> str:
    if not PASSWORD_BYTES_MIN <= len(text.encode()) <= PASSWORD_BYTES_MAX:
        raise ValueError(f"must have {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes")
    return text


class Credentials(BaseModel):
    """The body of both routes. Fields beyond these are ignored."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    email: Annotated[str, AfterValidator(_email)]
    password: Annotated[str, AfterValidator(_password)]


def user_routes(
    interpreter: Interpreter,
    users: Users,
    tokens: Tokens,
    settings: Settings,
    hash_pool: DaemonPool,
) -> APIRouter:
    """The routes under `/user`. Passwords are hashed and users read on `hash_pool`."""
    router = APIRouter(prefix="/user")
    accounts = FailureLimit(settings.login_failures_per_account)
    addresses = FailureLimit(settings.login_failures_per_address)

    @router.post("/register", status_code=201)
    async def register(request: Request) -> dict[str, str]:
        given = _credentials(await json_body(request))
        try:
            await asyncio.wrap_future(
                hash_pool.submit(
                    users.register, given.email, given.password, interpreter.create_root
                )
            )
        except EmailTaken:
            raise Refusal(409, "email_taken", "This e-mail address is registered") from None
        return {"message": "Successfully Registered!"}

    @router.post("/login")
    async def login(request: Request) -> dict[str, object]:
        given = _credentials(await json_body(request))
        host = request.client.host if request.client else ""
        try:
            async with (
                addresses.attempt(address_key(host)) as from_address,
                accounts.attempt(given.email) as to_account,
            ):
                user = await asyncio.wrap_future(
                    hash_pool.submit(users.login, given.email, given.password)
                )
                from_address.failed = to_account.failed = user is None
        except TooManyFailures as error:
            raise Refusal(
                429,
                "rate_limited",
                "Too many failed logins, try again later",
                {"Retry-After": str(error.retry_after)},
            ) from None
        if user is None:
            raise unauthenticated("Wrong e-mail address or password")
        return {"token": tokens.issue(user.id), "user": _shown(user)}

    return router


def _credentials(body: bytes) -> Credentials:
    try:
        given = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise invalid_json() from None
    try:
        return Credentials.model_validate(given)
    except ValidationError as error:
        details = [
            {"type": found["type"], "loc": ["body", *found["loc"]], "msg": found["msg"]}
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    raise Refusal(422, "invalid_input", details)


def _shown(user: User) -> dict[str, str]:
    return {"id": user.id, "email": user.email, "root_id": format_node_id(user.root_hex)}
