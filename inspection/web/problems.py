"""Turns every error into an RFC 9457 problem: a document for programs, a page for people.

One function decides, by the Accept header; every handler of the application calls it.
"""

from __future__ import annotations

import http
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from inspection.errors import NotAuthenticatedError, WeltError
from inspection.tomlfiles import message_of, own_faults
from inspection.web.middleware import SECURITY_HEADERS

__all__ = [
    "PROBLEM_JSON",
    "UNION_TAG",
    "FieldProblem",
    "Problem",
    "describe_invalid",
    "install",
    "problem_responses",
]

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:welt:problem:"
MAX_FIELDS = 20
"""Faults listed one by one; a document with more of them is of the wrong form altogether."""
UNION_TAG = "form "
"""Begins the tags of a body of several forms; pydantic lists them among the keys that lead to a fault."""


class FieldProblem(BaseModel):
    """One fault in what was sent."""

    field: str = Field(description="Which field, with dots between levels.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """A problem document after RFC 9457."""

    type: str = Field(description="Identifies the kind of problem.", examples=[TYPE_PREFIX + "broken-photo"])
    title: str = Field(description="Says the kind of problem in words, the same for every case.")
    status: int = Field(ge=400, le=599, description="HTTP status of this answer.")
    detail: str = Field(description="What happened this time.")
    hint: str = Field(min_length=1, description="What to do about it.")
    instance: str = Field(description="Path that was asked for.")
    errors: list[FieldProblem] | None = Field(
        None, description="Faults field by field, where they are known."
    )


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI descriptions of the problems that an endpoint may answer."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        entry: dict[str, Any] = {
            "description": http.HTTPStatus(status).phrase,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status == 401:
            entry["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
        if status in (503, 504):
            entry["headers"] = {
                "Retry-After": {
                    "description": "Seconds to wait.",
                    "schema": {"type": "integer", "minimum": 1},
                }
            }
        described[status] = entry
    return described


def describe_invalid(errors: Sequence[Mapping[str, Any]]) -> list[FieldProblem]:
    """Field problems of a pydantic error list; locations lose the part that only FastAPI knows."""
    told = []
    for error in own_faults(errors)[:MAX_FIELDS]:
        source, *inside = error["loc"] or ("",)
        place = inside if source in ("body", "query", "path", "header", "cookie") else [source, *inside]
        location = [str(part) for part in place if part != "" and not str(part).startswith(UNION_TAG)]
        told.append(
            FieldProblem(
                field=".".join(location) or "the request",
                message=message_of(error),
            )
        )
    return told


def _prefers_html(request: Request) -> bool:
    """Whether a person's browser asks; programs that accept anything get JSON."""
    weights: dict[str, float] = {}
    for part in request.headers.get("accept", "").split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                weight = float(value) if value.replace(".", "", 1).isdigit() else 0.0
        weights[media_type.lower()] = weight
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= max(weights.get("application/json", 0.0), weights.get(PROBLEM_JSON, 0.0))


def _respond(request: Request, problem: Problem, *, kind: str, headers: Mapping[str, str]) -> Response:
    request.app.state.telemetry.count_error(kind)
    wants_html = _prefers_html(request)
    if wants_html and kind == NotAuthenticatedError.kind and _is_page(request):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target, safe='')}", status_code=303)
    if wants_html:
        page: Response = request.app.state.templates.TemplateResponse(
            request,
            "problem.html",
            {"problem": problem},
            status_code=problem.status,
            headers=dict(headers),
        )
        return page
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=problem.status,
        media_type=PROBLEM_JSON,
        headers=dict(headers),
    )


def _is_page(request: Request) -> bool:
    return request.method == "GET" and not request.url.path.startswith(("/api/", "/login"))


def _headers_of(error: WeltError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, error.retry_after_s))
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="welt"'
    return headers


def respond_to(request: Request, error: WeltError) -> Response:
    """Answer a known error."""
    problem = Problem(
        type=TYPE_PREFIX + error.kind,
        title=error.title,
        status=error.status,
        detail=error.detail,
        hint=error.hint,
        instance=request.url.path,
        errors=getattr(error, "fields", None),
    )
    return _respond(request, problem, kind=error.kind, headers=_headers_of(error))


async def _on_welt_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WeltError)
    if error.status >= 500:
        log.warning(
            "refused",
            extra={
                "kind": error.kind,
                "detail": error.detail,
                "status": error.status,
                "path": request.url.path,
            },
        )
    return respond_to(request, error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = describe_invalid(error.errors())
    first = fields[0] if fields else FieldProblem(field="the request", message="is malformed")
    problem = Problem(
        type=TYPE_PREFIX + "invalid-request",
        title="The request is malformed",
        status=422,
        detail=f"{first.field}: {first.message}",
        hint="Correct the fields named in errors; /openapi.json describes what each endpoint takes.",
        instance=request.url.path,
        errors=fields,
    )
    return _respond(request, problem, kind="invalid-request", headers={"Cache-Control": "no-store"})


_HINTS = {
    400: "Check the form of the request; /openapi.json describes what each endpoint takes.",
    404: "Check the address; /openapi.json lists every endpoint.",
    405: "Use one of the methods in the Allow header.",
    413: "Send a smaller request.",
    415: "Send the content type that /openapi.json describes.",
}


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = {"Cache-Control": "no-store", **(error.headers or {})}
    detail = str(error.detail)
    kind = f"http-{error.status_code}"
    if error.status_code == 404:
        kind, detail = "not-found", f"There is nothing at {request.url.path}."
    if error.status_code == 405:
        allowed = _allowed_methods(request)
        headers["Allow"] = ", ".join(allowed)
        detail = f"{request.method} is not allowed at {request.url.path}; {headers['Allow']} is."
        kind = "method-not-allowed"
    problem = Problem(
        type=TYPE_PREFIX + kind,
        title=http.HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=detail,
        hint=_HINTS.get(error.status_code, "Check the request against /openapi.json."),
        instance=request.url.path,
    )
    return _respond(request, problem, kind=kind, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Methods of all routes at this path: each route by itself knows only its own."""
    methods: set[str] = set()
    for route in _flat(request.app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(request.url.path):
            methods |= set(getattr(route, "methods", None) or ())
    return sorted(methods)


def _flat(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, with those of included routers in their place."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _flat(included.routes)


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    # The traceback goes to the log (the server logs what this handler lets pass), never to the caller.
    unforeseen = WeltError(
        "The service failed in a way that nobody foresaw.",
        hint="Send the request again; if it fails again, send the service's log to whoever maintains it.",
    )
    answer = respond_to(request, unforeseen)
    # This handler stands outside all middleware.
    for name, value in SECURITY_HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


async def _on_disconnect(request: Request, error: Exception) -> Response:
    # Nobody is left to read this; it only keeps the log free of tracebacks.
    return Response(status_code=400)


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""
    app.add_exception_handler(WeltError, _on_welt_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_unforeseen)
