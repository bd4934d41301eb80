"""Tells whether the service lives, whether it can work, and what it has done."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from inspection.web.deps import StationDep
from inspection.web.telemetry import CONTENT_TYPE, Telemetry

__all__ = ["router"]

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    alive: bool


class ReadinessAnswer(BaseModel):
    """Whether photos can be inspected now."""

    ready: bool
    reasons: list[str] = Field(description="Why not, one sentence each; empty when ready.")


@router.get("/healthz", name="healthz", summary="Whether the process lives")
async def healthz() -> Health:
    """Answers as long as the process does; restart it when this stays silent."""
    return Health(alive=True)


@router.get(
    "/readyz",
    name="readyz",
    summary="Whether photos can be inspected",
    responses={503: {"model": ReadinessAnswer, "description": "Not now; `reasons` says why."}},
)
async def readyz(station: StationDep, response: Response) -> ReadinessAnswer:
    """True once the model has reproduced its golden answers, and while storage and queue work."""
    readiness = station.readiness()
    response.headers["Cache-Control"] = "no-store"
    if not readiness.ready:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return ReadinessAnswer(ready=readiness.ready, reasons=list(readiness.reasons))


@router.get(
    "/metrics",
    name="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "Prometheus' text format.",
        }
    },
)
def metrics(request: Request) -> Response:
    """Times of stages, queue, verdicts, errors."""
    telemetry: Telemetry = request.app.state.telemetry
    return Response(
        telemetry.exposition(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
    )
