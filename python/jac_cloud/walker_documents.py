"""What `/openapi.json` says of a walker's routes: the models of its path, query, body and files.

FastAPI reads them off the signature of a route's endpoint, which nobody calls: the walker's input
is what judges a request.
"""

import copy
import inspect
from collections.abc import Awaitable, Callable, Mapping
from inspect import Parameter
from typing import Annotated, Any

from fastapi import Body, File, Form, Path, Query, UploadFile
from pydantic import BaseModel, Field

from jac_cloud.input_types import json_default
from jac_cloud.inputs import FileField
from jac_cloud.openapi import USER_OPTIONAL, USER_REQUIRED, problems
from jac_cloud.placement import Placement
from jac_cloud.texts import TextForm
from jac_cloud.walker_spec import WalkerSpec

TAG = "walker"


class Answer(BaseModel):
    """What a walker answers by default."""

    status: int = Field(description="The status of the answer.")
    reports: list[Any] = Field(description="What the walker has reported, in its order.")


def describe(
    spec: WalkerSpec, placement: Placement, on_node: bool, forms: Mapping[str, TextForm]
) -> dict[str, Any]:
    """The arguments of FastAPI's route that only describe it."""
    refusals = problems(400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 431, 500, 503, 504)
    described: dict[str, Any] = {
        "endpoint": _endpoint(spec, placement, on_node, forms),
        "name": spec.operation_name or spec.name,
        "tags": list(spec.tags or (TAG,)),
        "summary": spec.summary,
        "description": spec.description or spec.docstring,
        "response_description": spec.response_description,
        "response_model": Answer if spec.response_model is None else spec.response_model,
        "responses": refusals | dict(spec.responses or {}),
        "status_code": spec.status_code,
        "deprecated": spec.deprecated,
        "include_in_schema": spec.include_in_schema,
        "openapi_extra": _extra(spec, placement),
    }
    if spec.response_class is not None:
        described["response_class"] = spec.response_class
    return described


def _endpoint(
    spec: WalkerSpec, placement: Placement, on_node: bool, forms: Mapping[str, TextForm]
) -> Callable[..., Awaitable[None]]:
    parameters = []
    if on_node:
        node = Annotated[str, Path(description="The id of the node that it runs on.")]
        parameters.append(_parameter("node", node))
    for name in spec.input.has:
        if name in placement.path:
            parameters.append(_text_parameter(spec, name, forms[name], Path, in_path=True))
        elif name in placement.query:
            parameters.append(_text_parameter(spec, name, forms[name], Query))
        elif name in placement.files:
            parameters.append(_file_parameter(name, spec.input.files[name]))
        elif placement.files:
            parameters.append(_text_parameter(spec, name, forms[name], Form))
    if placement.body and not placement.files:
        shape = spec.input.part(placement.body).shape
        parameters.append(_parameter("body", Annotated[shape, Body()]))

    async def endpoint(**_given: Any) -> None:
        raise NotImplementedError

    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return endpoint


def _parameter(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:
    # A field may be called as Python does not allow a parameter to be.
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _text_parameter(
    spec: WalkerSpec, name: str, form: TextForm, place: Callable[..., Any], in_path: bool = False
) -> Parameter:
    annotation: Any = spec.input.annotation(name)
    extra: dict[str, Any] = {}
    if not form.is_plain:
        annotation = str
        if not form.takes_text:
            extra = {"contentMediaType": "application/json"}
    if in_path or name in spec.input.required:
        return _parameter(name, Annotated[annotation, place(json_schema_extra=extra)])
    known, default = json_default(spec.input.has[name])
    if known and not extra:
        return _parameter(name, Annotated[annotation, place()], default)
    marked = place(default_factory=lambda: None, json_schema_extra=extra)
    return _parameter(name, Annotated[annotation, marked])


def _file_parameter(name: str, field: FileField) -> Parameter:
    annotation: Any = list[UploadFile] if field.many else UploadFile
    if field.required:
        return _parameter(name, Annotated[annotation, File()])
    return _parameter(name, Annotated[annotation | None, File()], None)


def _extra(spec: WalkerSpec, placement: Placement) -> dict[str, Any]:
    extra = copy.deepcopy(USER_REQUIRED if spec.auth else USER_OPTIONAL)
    carried = placement.body | placement.files
    if placement.has_body and carried and not carried & spec.input.required:
        extra["requestBody"] = {"required": False}
    return extra | dict(spec.openapi_extra or {})
