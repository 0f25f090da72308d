"""What the bodies of `/user` hold: accounts, as JSON or as an OAuth2 password form; passwords."""

from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from jac_cloud.emails import InvalidEmail, normalized_email
from jac_cloud.passwords import (
    PASSWORD_BYTES_MAX,
    PASSWORD_BYTES_MIN,
    InvalidPassword,
    checked_password,
)
from jac_cloud.refusals import Refusal, invalid_json
from jac_cloud.requests import json_body

FORM = "application/x-www-form-urlencoded"
# More than any client sends; the parser gives up at once where there are thousands.
_FORM_FIELDS_MAX = 16


def _email(text: str) -> str:
    try:
        return normalized_email(text)
    except InvalidEmail as error:
        raise ValueError(str(error)) from None


def _password(text: str) -> str:
    try:
        return checked_password(text)
    except InvalidPassword as error:
        raise ValueError(str(error)) from None


# Not `type` statements: those would be definitions of their own in a schema.
Email = Annotated[
    str,
    AfterValidator(_email),
    Field(description="In any case.", json_schema_extra={"format": "email"}),
]
Password = Annotated[
    str,
    AfterValidator(_password),
    Field(
        description=f"{PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes of UTF-8.",
        json_schema_extra={
            "format": "password",
            "minLength": PASSWORD_BYTES_MIN,
            "maxLength": PASSWORD_BYTES_MAX,
        },
    ),
]


class _Body(BaseModel):
    """Fields beyond those of a body are ignored."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class Account(_Body):
    """An address and its password."""

    email: Email
    password: Password


class PasswordGrant(_Body):
    """An account as OAuth2 has it (RFC 6749 section 4.3.2): the user's name is the address."""

    username: Email
    password: Password
    grant_type: Literal["password"] = "password"


class PasswordChange(_Body):
    """The password that there is, and the one that is to be."""

    old_password: Password
    new_password: Password


class Confirmation(_Body):
    """The user's password, for what cannot be taken back."""

    password: Password


async def account(request: Request) -> Account:
    """The account in the body. Refusal 400, 415 or 422."""
    if _media_type(request) != FORM:
        return await json_object(request, Account)
    form = await request.form(max_fields=_FORM_FIELDS_MAX)
    given = _validated(PasswordGrant, dict(form))
    return Account.model_construct(email=given.username, password=given.password)


async def json_object[B: BaseModel](request: Request, model: type[B]) -> B:
    """The JSON body. Refusal 400, 415 or 422."""
    try:
        given = from_json(await json_body(request), allow_inf_nan=False)
    except ValueError:
        raise invalid_json() from None
    return _validated(model, given)


def described(*models: type[BaseModel]) -> dict[str, Any]:
    """For `openapi_extra` of a route: that its body is one of these."""
    content = {
        FORM if model is PasswordGrant else "application/json": {
            "schema": model.model_json_schema()
        }
        for model in models
    }
    return {"requestBody": {"required": True, "content": content}}


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _validated[B: BaseModel](model: type[B], given: object) -> B:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        details = [
            {"type": found["type"], "loc": ["body", *found["loc"]], "msg": found["msg"]}
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    raise Refusal(422, "invalid_input", details)
