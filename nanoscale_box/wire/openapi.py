"""The API as an OpenAPI 3.1 document, made from the wire's own types and the table of operations."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from nanoscale_box.wire.operation import Operation, Parameter
from nanoscale_box.wire.operations import OPERATIONS
from nanoscale_box.wire.shapes import Problem, Shape

_REF: Final = "#/components/schemas/{name}"
_PARTS: Final = re.compile(r"{(\w+)}")
_PROBLEM: Final = "application/problem+json"
_ALWAYS: Final = (400, 401, 403, 500, 503)
"""Malformed; no or a wrong token; a token without that right; a defect, told by an id; not possible for the moment."""
_MEANINGS: Final = {
    200: "done",
    201: "made",
    202: "begun; the work goes on after the answer",
    204: "done, and there is nothing to say",
    400: "the request cannot be right as it stands",
    401: "who asks is not proven",
    403: "the caller may not do this",
    404: "there is no such thing",
    409: "not in the present state",
    413: "the body is too large",
    415: "the body is not JSON",
    422: "the project cannot be deployed like this",
    429: "too many requests, to the box or to GitHub",
    500: "a defect of the box, which its log tells under the id that is named",
    502: "GitHub refused or did not answer",
    503: "not possible for the moment",
}


def document(version: str) -> dict[str, Any]:
    """The whole document; `version` is the box's own."""
    kinds = [Problem, *(kind for one in OPERATIONS for kind in (one.takes, _shape(one), *one.tells) if kind)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    named = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.route, {})[one.method.lower()] = _operation(one, named)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "nanoscale-box",
            "version": version,
            "summary": "Push to GitHub, and it is live on your own machine.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "http://box", "description": "the local door, a unix socket; bearer tokens over TCP"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {name: _always_whole(name, schema) for name, schema in components.items()},
        },
    }


def _shape(one: Operation) -> Any:  # noqa: ANN401 - a shape, or a page of one, which is no class
    return None if one.gives in (str, bytes, dict[str, Any]) else one.gives


def _operation(one: Operation, named: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.does,
        "tags": [_tag(one.route)],
        "x-scope": one.scope,
        "parameters": [*map(_part, _PARTS.findall(one.route)), *map(_parameter, one.query)],
        "responses": {str(one.status): _answer(one, named)},
    }
    if one.takes is not None:
        made["requestBody"] = {"content": {"application/json": {"schema": named[one.takes]}}}
    for status in _refusals(one):
        problem = {_PROBLEM: {"schema": named[Problem]}}
        made["responses"][str(status)] = {"description": _MEANINGS[status], "content": problem}
    return made


def _refusals(one: Operation) -> list[int]:
    more = {404} if _PARTS.search(one.route) else set()
    body = {413, 415} if one.takes else set()
    return sorted({*_ALWAYS, *one.refusals, *more, *body})


def _answer(one: Operation, named: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _MEANINGS[one.status]}
    stream = {"text/event-stream": {"schema": _event([named[kind] for kind in one.tells])}} if one.tells else {}
    if one.gives is str:
        return {**described, "content": stream}
    if one.gives is bytes:
        return {**described, "content": {one.media: {"schema": {"type": "string"}}}}
    if one.gives is None:
        return described
    schema = {"type": "object"} if one.gives == dict[str, Any] else named[one.gives]
    return {**described, "content": {"application/json": {"schema": schema}, **stream}}


def _event(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    """One event of a stream; OpenAPI 3.1 has no word for a sequence of them, and readers take it as this."""
    text = {"type": "string"}
    data = {**text, "contentMediaType": "application/json", "contentSchema": {"anyOf": shapes}}
    return {
        "type": "object",
        "properties": {"id": text, "event": text, "data": data},
        "required": ["id", "event", "data"],
    }


def _part(name: str) -> dict[str, Any]:
    number = name == "repo_id"
    schema = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1} if number else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(one: Parameter) -> dict[str, Any]:
    schema: dict[str, Any]
    match one.kind:
        case "number":
            schema = {"type": "integer", "minimum": one.lowest, "maximum": one.highest}
            if one.header:  # an empty header is one that was not sent
                schema = {"anyOf": [schema, {"const": ""}]}
        case "flag":
            schema = {"type": "boolean"}
        case "text":
            schema = {"type": "string", "enum": list(one.choices)} if one.choices else {"type": "string"}
    return {
        "name": one.name,
        "in": "header" if one.header else "query",
        "required": False,
        "description": one.does,
        "schema": schema,
    }


def _tag(route: str) -> str:
    parts = route.split("/")
    return "github" if "integrations" in parts else parts[-1 if len(parts) == 2 else 2].removesuffix(".json")


_ANSWERS: Final = {kind.__name__ for kind in Shape.__subclasses__()}


def _always_whole(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """What the box answers has every field always, also one with a default, which a reader may rely on."""
    if name.partition("_")[0] in _ANSWERS and "properties" in schema:
        return {**schema, "required": list(schema["properties"])}
    return schema
