"""A walker's input as a request gives it: JSON, texts of the path and the query, a form."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request

from jac_cloud import uploads
from jac_cloud.errors import InvalidInput
from jac_cloud.placement import place
from jac_cloud.requests import check_depth, json_body
from jac_cloud.settings import Settings
from jac_cloud.texts import json_object, text_forms
from jac_cloud.walker_spec import WalkerSpec

if TYPE_CHECKING:
    from starlette.datastructures import FormData

    from jac_cloud.inputs import InputPart

# Older clients send the fields that are no files as one part of JSON, by this name.
_JSON_PART = "body"


class GivenInput:
    """What one request gives. `read` it in each attempt at its unit of work, then `close` it."""

    def __init__(self, source: "InputSource") -> None:
        self._source = source
        self._parts: list[tuple[InputPart, bytes]] = []
        self._files: uploads.Files | None = None

    def add(self, part: "InputPart", text: bytes) -> None:
        """JSON text of some of the fields."""
        self._parts.append((part, text))

    def add_files(self, files: uploads.Files) -> None:
        """The files of the form that the request is."""
        self._files = files

    def check_depth(self, levels: int) -> None:
        """Refusal 400 when it is nested deeper than that."""
        for _, text in self._parts:
            check_depth(text, levels)

    def read(self) -> dict[str, Any]:
        """The walker's arguments. InvalidInput with the place of each problem, or Forbidden."""
        values: dict[str, Any] = {}
        problems: list[dict[str, Any]] = []
        reads: list[Callable[[], dict[str, Any]]] = [
            partial(part.read, text) for part, text in self._parts
        ]
        if self._files is not None:
            reads.append(self._files.read)
        for read in reads:
            try:
                values |= read()
            except InvalidInput as error:
                problems += error.details
        if problems:
            raise self._source.placed(problems)
        return values

    def close(self) -> None:
        """Gives up its files."""
        if self._files is not None:
            self._files.close()


class InputSource:
    """Takes a walker's input off the requests of one method. Safe to share."""

    def __init__(self, spec: WalkerSpec, method: str, settings: Settings) -> None:
        self.placement = placement = place(spec, method)
        every = text_forms(spec.input.schema)
        self.forms = {name: every[name] for name in placement.texts}
        whole = placement.body == spec.input.fields
        self._body = spec.input if whole else spec.input.part(placement.body)
        self._texts = spec.input.part(self.forms)
        self._outside = spec.input.part(placement.path | placement.query)
        self._file_fields = spec.input.files
        laxer = settings.max_upload_bytes > settings.max_body_bytes
        self._most_json = settings.max_body_bytes if laxer else 0
        self._most_form = 0 if laxer else settings.max_upload_bytes

    async def take(self, request: Request) -> GivenInput:
        """Reads the request. Refusal, or InvalidInput, for what cannot be the walker's input."""
        texts = self._texts_outside(request)
        given = GivenInput(self)
        if self.placement.files:
            await self._take_form(request, texts, given)
            return given
        if self.placement.has_body:
            given.add(self._body, await json_body(request, self._most_json))
        if self.forms:
            given.add(self._texts, json_object(texts, self.forms))
        return given

    async def _take_form(
        self, request: Request, texts: dict[str, Sequence[str]], given: GivenInput
    ) -> None:
        form = await uploads.read_form(request, self._most_form)
        given.add_files(uploads.Files(form, self._file_fields))
        try:
            await self._take_fields(form, texts, given)
        except BaseException:
            given.close()
            raise

    async def _take_fields(
        self, form: "FormData", texts: dict[str, Sequence[str]], given: GivenInput
    ) -> None:
        body = None
        if _JSON_PART not in self.placement.body | self.placement.files:
            body = await uploads.json_part(form, _JSON_PART)
        if body is not None:
            given.add(self._body, body)
            given.add(self._outside, json_object(texts, self.forms))
            return
        try:
            texts |= uploads.texts_of(form, self.placement.body)
        except InvalidInput as error:
            raise self.placed(error.details) from None
        given.add(self._texts, json_object(texts, self.forms))

    def _texts_outside(self, request: Request) -> dict[str, Sequence[str]]:
        texts: dict[str, Sequence[str]] = {}
        if self.placement.query:
            query = request.query_params
            texts = {name: query.getlist(name) for name in query if name in self.placement.query}
        for name in self.placement.path:
            texts[name] = [request.path_params[name]]
        return texts

    def placed(self, problems: Sequence[Mapping[str, Any]]) -> InvalidInput:
        """The problems by their places in the request, rather than in the walker's input."""
        return InvalidInput([self._placed(problem) for problem in problems])

    def _placed(self, problem: Mapping[str, Any]) -> dict[str, Any]:
        inside = problem["loc"]
        part = self.placement.part_of(inside[0]) if inside else "body"
        return {**problem, "loc": [part, *inside]}
