"""A walker's input as a request gives it: JSON, texts of the path and the query, files."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import Request

from jac_cloud.errors import InvalidInput
from jac_cloud.placement import place
from jac_cloud.requests import check_depth, json_body
from jac_cloud.settings import Settings
from jac_cloud.texts import json_object, text_forms
from jac_cloud.walker_spec import WalkerSpec

if TYPE_CHECKING:
    from jac_cloud.inputs import InputPart


class GivenInput:
    """What one request gives. `read` it in each attempt at its unit of work, then `close` it."""

    def __init__(
        self, source: "InputSource", body: bytes, texts: Mapping[str, Sequence[str]]
    ) -> None:
        self._source = source
        self._body = body
        self._texts = json_object(texts, source.forms) if texts else b""

    def check_depth(self, levels: int) -> None:
        """Refusal 400 when it is nested deeper than that."""
        check_depth(self._body, levels)
        check_depth(self._texts, levels)

    def read(self) -> dict[str, Any]:
        """The walker's arguments. InvalidInput with the place of each problem, or Forbidden."""
        values: dict[str, Any] = {}
        problems: list[dict[str, Any]] = []
        for part, text in ((self._source.body, self._body), (self._source.texts, self._texts)):
            if part is None:
                continue
            try:
                values |= part.read(text)
            except InvalidInput as error:
                problems += error.details
        if problems:
            raise InvalidInput([self._source.placed(problem) for problem in problems])
        return values


class InputSource:
    """Takes a walker's input off the requests of one method. Safe to share."""

    def __init__(self, spec: WalkerSpec, method: str, settings: Settings) -> None:
        self.placement = placement = place(spec, method)
        every = text_forms(spec.input.schema)
        self.forms = {name: every[name] for name in placement.texts}
        self.body: InputPart | None = None
        self.texts: InputPart | None = None
        if placement.has_body:
            whole = placement.body == spec.input.fields
            self.body = spec.input if whole else spec.input.part(placement.body)
        if self.forms:
            self.texts = spec.input.part(self.forms)
        self._settings = settings

    async def take(self, request: Request) -> GivenInput:
        """Reads the request. Refusal for a body that cannot be the walker's."""
        body = await json_body(request) if self.body is not None else b""
        texts: dict[str, Sequence[str]] = {}
        if self.placement.query:
            query = request.query_params
            texts = {name: query.getlist(name) for name in query if name in self.placement.query}
        for name in self.placement.path:
            texts[name] = [request.path_params[name]]
        return GivenInput(self, body, texts)

    def placed(self, problem: Mapping[str, Any]) -> dict[str, Any]:
        """With the place in the request, rather than in the walker's input."""
        place_in_input = problem["loc"]
        part = self.placement.part_of(place_in_input[0]) if place_in_input else "body"
        return {**problem, "loc": [part, *place_in_input]}
