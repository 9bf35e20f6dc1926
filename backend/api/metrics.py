"""What Prometheus reads: the database's figures and this server's requests. scripts/deploy/README.md says what each one means."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app
from flask_openapi3 import APIBlueprint, Tag
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from .access import open_to_all
from .figures import Figures, asked
from .limits import unlimited
from .remembering import Remembered
from .served import count_requests

api = APIBlueprint("metrics", __name__, abp_tags=[Tag(name="Health")])

# Anybody may ask, so the database is asked once in this time, however often that is.
FRESH_SECONDS = 2.0


def register(app: Flask, services: Any) -> None:
    """Count this application's requests, and get its figures ready for /metrics."""
    app.extensions["lin_served"] = count_requests(app)
    app.extensions["lin_figures"] = Figures(
        Remembered(lambda: asked(services.supabase.service.operations), FRESH_SECONDS),
        services.platforms,
    )


@api.get("/metrics", summary="How the queue stands and what was done (Prometheus)",
    responses={200: {"description": "The figures, in Prometheus' text format",
                     "content": {"text/plain": {"schema": {"type": "string"}}}}})  # fmt: skip
@open_to_all
@unlimited
def metrics() -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(current_app.extensions["lin_figures"])
    current_app.extensions["lin_served"].tell(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
