"""Whether this installation works: live means the process answers, ready means posts go out."""

from __future__ import annotations

from typing import Any, Literal

from flask import current_app, jsonify
from flask.wrappers import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import Field

from ..core.errors import Unavailable
from ..core.publishing import utc_now
from ..core.versions import version_ends
from ..described import Model
from .access import open_to_all
from .limits import unlimited

api = APIBlueprint("health", __name__, url_prefix="/health", abp_tags=[Tag(name="Health")])

# a worker says that it lives every few seconds
HEARTBEAT_SECONDS = 45
# older than the worker's poll plus a long queue; beyond it something is wrong
OLDEST_DUE_SECONDS = 300


class Live(Model):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(Model):
    """Each part and what is wrong with it (empty: nothing). `versions` warns of platforms' API versions that end within sixty
    days, `mail` says when none is sent; these alone make nothing unready."""

    status: Literal["ready", "not ready"]
    database: str = Field(examples=[""])
    worker: str = Field(examples=["no worker has been heard of for 63 s"])
    queue: str = Field(examples=[""])
    versions: str = Field(examples=[""])
    mail: str = Field(examples=["off: SMTP_URL and MAIL_FROM are not set"])


@api.get("/live", responses={200: Live}, summary="The process answers")
@open_to_all
@unlimited
def live() -> dict[str, str]:
    return {"status": "live"}


@api.get("/ready", responses={200: Ready, 503: Ready}, summary="Posts go out")
@open_to_all
@unlimited
def ready() -> Response:
    parts = _parts()
    is_ready = not any(parts.values())
    told = {
        "status": "ready" if is_ready else "not ready",
        **parts,
        "versions": _versions(),
        "mail": _mail(),
    }
    answer: Response = jsonify(told)
    answer.status_code = 200 if is_ready else 503
    return answer


def _parts() -> dict[str, str]:
    try:
        health: dict[str, Any] = current_app.extensions[
            "lin"
        ].supabase.service.operations.system_health()
    except Unavailable:
        return {"database": "Supabase does not answer", "worker": "unknown", "queue": "unknown"}
    age, late = health["heartbeat_age_seconds"], health["oldest_due_seconds"]
    worker = (
        ""
        if age is not None and age <= HEARTBEAT_SECONDS
        else "no worker has been heard of" + (f" for {age:.0f} s" if age is not None else "")
    )
    queue = (
        ""
        if late is None or late <= OLDEST_DUE_SECONDS
        else f"the oldest due post waits for {late:.0f} s"
    )
    return {"database": "", "worker": worker, "queue": queue}


def _versions() -> str:
    platforms = current_app.extensions["lin"].platforms
    near = (v for v in version_ends(platforms, utc_now().date()) if v.is_near)
    return " ".join(version.sentence for version in near)


def _mail() -> str:
    settings = current_app.extensions["lin"].settings
    return "" if settings.smtp_url else "off: SMTP_URL and MAIL_FROM are not set"
