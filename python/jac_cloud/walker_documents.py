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
from fastapi.openapi.constants import METHODS_WITH_BODY
from fastapi.utils import deep_dict_update
from pydantic import BaseModel, Field

from jac_cloud import event_stream
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
    spec: WalkerSpec,
    method: str,
    placement: Placement,
    on_node: bool,
    forms: Mapping[str, TextForm],
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
        "responses": refusals | _as_events(spec, method) | dict(spec.responses or {}),
        "status_code": spec.status_code,
        "deprecated": spec.deprecated,
        "include_in_schema": spec.include_in_schema,
        "openapi_extra": _extra(spec, placement, method, forms),
    }
    if spec.response_class is not None:
        described["response_class"] = spec.response_class
    return described


def _as_events(spec: WalkerSpec, method: str) -> dict[int | str, Any]:
    """That the reports can be had while it runs."""
    if method == "head" or spec.response_class is not None:
        return {}
    report = 'event: report\ndata: "a report"\n\n'
    example = report + 'event: done\ndata: {"status":200}\n\n'
    media_type = {"schema": {"type": "string"}, "example": example}
    return {200: {"content": {event_stream.MEDIA_TYPE: media_type}}}


def _endpoint(
    spec: WalkerSpec, placement: Placement, on_node: bool, forms: Mapping[str, TextForm]
) -> Callable[..., Awaitable[None]]:
    parameters = []
    if on_node:
        node = Annotated[str, Path(description="The id of the node that it runs on.")]
        parameters.append(_parameter("node", node))
    for name in spec.input.has:
        if name in placement.path | placement.query and _is_json(forms[name]):
            continue  # FastAPI has no such parameters: `_json_parameter`
        if name in placement.path:
            parameters.append(_text_parameter(spec, name, forms[name], Path, in_path=True))
        elif name in placement.query:
            parameters.append(_text_parameter(spec, name, forms[name], Query))
        elif name in placement.files:
            parameters.append(_file_parameter(name, spec.input.files[name]))
        elif placement.files and _is_json(forms[name]):
            parameters.append(_json_part(spec, name))
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
    annotation: Any = spec.input.annotation(name) if form.is_plain else str
    if in_path or name in spec.input.required:
        return _parameter(name, Annotated[annotation, place()])
    known, default = json_default(spec.input.has[name])
    if known and form.is_plain:
        return _parameter(name, Annotated[annotation, place()], default)
    return _parameter(name, Annotated[annotation, place(default_factory=lambda: None)])


def _is_json(form: TextForm) -> bool:
    return not form.is_plain and not form.takes_text


def _json_parameter(spec: WalkerSpec, name: str, placement: Placement) -> dict[str, Any]:
    return {
        "name": name,
        "in": placement.part_of(name),
        "required": name in placement.path or name in spec.input.required,
        "content": {"application/json": {"schema": _schema_of(spec, name)}},
    }


def _json_part(spec: WalkerSpec, name: str) -> Parameter:
    """Of a form, where `_extra` says that it is JSON."""
    part = Form(json_schema_extra=_schema_of(spec, name))
    default = Parameter.empty if name in spec.input.required else None
    return _parameter(name, Annotated[Any, part], default)


def _schema_of(spec: WalkerSpec, name: str) -> dict[str, Any]:
    schema = spec.input.schema
    made: dict[str, Any] = _inlined(schema["properties"][name], schema.get("$defs", {}))
    return made


def _inlined(schema: Any, definitions: Mapping[str, Any], inside: tuple[str, ...] = ()) -> Any:
    """With what it refers to in place; what holds itself takes anything there."""
    if isinstance(schema, list):
        return [_inlined(each, definitions, inside) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name in inside:
            return {}
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _inlined(definitions[name], definitions, (*inside, name)) | beside
    return {key: _inlined(value, definitions, inside) for key, value in schema.items()}


def _file_parameter(name: str, field: FileField) -> Parameter:
    annotation: Any = list[UploadFile] if field.many else UploadFile
    # Left out of a form is all that it can be: a form has no null.
    return _parameter(
        name, Annotated[annotation, File()], Parameter.empty if field.required else None
    )


def _extra(
    spec: WalkerSpec, placement: Placement, method: str, forms: Mapping[str, TextForm]
) -> dict[str, Any]:
    extra = copy.deepcopy(USER_REQUIRED if spec.auth else USER_OPTIONAL)
    texts = sorted(placement.path | placement.query)
    extra["parameters"] = [
        _json_parameter(spec, name, placement) for name in texts if _is_json(forms[name])
    ]
    carried = placement.body | placement.files
    describes_body = placement.has_body and method.upper() in METHODS_WITH_BODY
    if describes_body and carried and not carried & spec.input.required:
        extra["requestBody"] = {"required": False}
    written = [name for name in sorted(placement.body) if placement.files and _is_json(forms[name])]
    if written:
        encoding = {name: {"contentType": "application/json"} for name in written}
        body = extra.setdefault("requestBody", {})
        body["content"] = {"multipart/form-data": {"encoding": encoding}}
    own = copy.deepcopy(dict(spec.openapi_extra or {}))
    if not describes_body:
        own.pop("requestBody", None)
    deep_dict_update(extra, own)
    return extra
