"""Describes the API as it is, where FastAPI cannot see it: problems and uploads."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from inspection.web.problems import PROBLEM_JSON, FieldProblem, Problem
from inspection.web.uploads import HEADER_PREFIX, RAW_MEDIA_TYPES, PhotoMeta

__all__ = ["API_VERSION", "install", "upload_description"]

API_VERSION = "1.0.0"
_REF = "#/components/schemas/{model}"


def _one_value(schema: dict[str, Any]) -> dict[str, Any]:
    """Schema of a field as text: in a query or a header, leaving it out is the only way to say nothing."""
    told = {
        name: value
        for name, value in schema.items()
        if name not in ("anyOf", "default", "title", "description")
    }
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            told |= option
    return told


def upload_description() -> dict[str, Any]:
    """Parameters and body of the upload, made from the one model that checks them."""
    properties = PhotoMeta.model_json_schema(ref_template=_REF)["properties"]
    parameters = []
    for name, schema in properties.items():
        is_key = name == "idempotency_key"
        header = "Idempotency-Key" if is_key else HEADER_PREFIX.title() + name.replace("_", "-").title()
        for where, called in (("query", name), ("header", header)):
            parameters.append(
                {
                    "name": called,
                    "in": where,
                    "required": False,
                    "description": schema["description"],
                    "schema": _one_value(schema),
                }
            )
    photo = {"type": "string", "format": "binary"}
    raw: dict[str, Any] = {media_type: {"schema": photo} for media_type in RAW_MEDIA_TYPES}
    form = {
        "schema": {
            "type": "object",
            "required": ["image"],
            "additionalProperties": False,
            "properties": {"image": photo, "meta": {"$ref": _REF.format(model="PhotoMeta")}},
        },
        "encoding": {
            "meta": {"contentType": "application/json"},
            "image": {"contentType": ", ".join(RAW_MEDIA_TYPES)},
        },
    }
    return {
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"multipart/form-data": form, **raw}},
    }


def install(app: FastAPI) -> None:
    """Have the application describe itself through this module."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=(
            "Errors are RFC 9457 problem documents with a `hint`. New results also come as server-sent "
            "events from `/api/v1/events`, which this document cannot describe."
        ),
        license_info=app.license_info,
        routes=app.routes,
    )
    schemas = described["components"]["schemas"]
    for model in (Problem, FieldProblem, PhotoMeta):
        schema = model.model_json_schema(ref_template=_REF)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    for operations in described["paths"].values():
        for operation in operations.values():
            _drop_foreign_errors(operation)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return described


def _drop_foreign_errors(operation: dict[str, Any]) -> None:
    """FastAPI adds its own form of 422, which this service never answers."""
    for response in operation["responses"].values():
        content = response.get("content", {})
        if PROBLEM_JSON in content:
            content.pop("application/json", None)
