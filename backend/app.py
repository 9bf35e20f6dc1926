"""The Flask application: blueprints, error handlers, CORS, limits, request ids. Nothing else."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from flask import Request, Response, g, make_response, redirect, request
from flask.json.provider import DefaultJSONProvider
from flask_cors import CORS
from flask_openapi3 import Info, OpenAPI
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from . import logs, problems
from .api import (
    access,
    account,
    bulk,
    chat,
    chat_sessions,
    documenting,
    followed,
    generations,
    headers,
    health,
    insights,
    limits,
    media,
    metrics,
    notifications,
    platforms,
    posts,
    slots,
    sources,
    speech,
    webhooks,
)
from .problems import ProblemBody
from .services import Services
from .settings import Settings, SettingsError

MAX_BODY_BYTES = 1_000_000
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class _Json(DefaultJSONProvider):
    """Keeps the order of fields; JSON nested too deeply to be read counts as no JSON, not as a mistake of ours."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


class _Lin(OpenAPI):
    """Its document says what documenting.py adds."""

    def generate_spec_json(self) -> None:
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        documenting.complete(self)


class _Request(Request):
    """A body without a length that goes on after the limit is refused; Werkzeug's own stream ends there as if it were all."""

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        data = super().get_data(*args, **kwargs)
        limit = self.max_content_length
        if limit is not None and len(data) >= limit and self.input_stream.read(1):
            raise RequestEntityTooLarge
        return data


def create_app(services: Services) -> OpenAPI:
    """The application, wired to these services. Raises SettingsError when the storage of the limits does not answer."""
    app = _Lin(
        "lin",
        info=Info(
            title="Lin", version="0.1.0", description="Connect, draft, schedule, publish once."
        ),
        security_schemes={"supabase": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        validation_error_status=422,
        validation_error_model=ProblemBody,
        validation_error_callback=problems.validation_problem,
        doc_prefix="/docs",
        static_folder=None,
    )
    app.extensions["lin"] = services
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json = _Json(app)
    app.request_class = _Request
    _number_requests(app)
    followed.follow_requests(app)
    metrics.register(app, services)
    problems.register(app)
    headers.register(app, https=services.settings.public_url.startswith("https://"))
    _limit_requests(app, services.settings)
    access.register(app, services.authenticator)
    for blueprint in (
        platforms.api,
        posts.api,
        generations.api,
        chat.api,
        chat_sessions.api,
        slots.api,
        sources.api,
        speech.api,
        health.api,
        metrics.api,
        media.api,
        bulk.api,
        insights.api,
        notifications.api,
        account.api,
        webhooks.api,
    ):
        app.register_api(blueprint)
    CORS(
        app,
        resources=r"/api/*",
        # patterns of our own: of a string, Flask-CORS guesses whether it is one
        origins=[re.compile(rf"{re.escape(one)}\Z") for one in services.settings.frontend_origins],
        supports_credentials=True,
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "Prefer",
            "X-Request-ID",
            "Last-Event-ID",
        ],
        expose_headers=[
            "X-Request-ID",
            "Preference-Applied",
            "Idempotent-Replayed",
            "Retry-After",
            "RateLimit",
            "RateLimit-Policy",
        ],
        max_age=600,
    )

    @app.get("/openapi.json", doc_ui=False)
    @access.open_to_all
    def openapi_json() -> Response:
        return make_response(app.json.response(app.api_doc))

    @app.get("/", doc_ui=False)
    @access.open_to_all
    def home() -> Response:
        return redirect("/docs/swagger")  # type: ignore[return-value] # werkzeug's Response, which Flask takes as it is

    return app


def _limit_requests(app: OpenAPI, settings: Settings) -> None:
    """Count callers by the address that the nearest `trusted_proxies` proxies vouch for. Nothing else that a proxy says is
    believed: our own addresses come from PUBLIC_URL."""
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign] # as Flask's documentation has it
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0
        )
    rules = limits.Rules(
        user=settings.rate_limit_user,
        address=settings.rate_limit_address,
        kinds={
            "connect": settings.rate_limit_connect,
            "generate": settings.rate_limit_generate,
            "chat": settings.rate_limit_chat,
            "speak": settings.rate_limit_speak,
        },
        storage_url=settings.rate_limit_storage_url.get_secret_value(),
    )
    try:
        limits.register(app, rules)
    except limits.StorageUnusableError as error:
        raise SettingsError(
            f"Lin cannot start:\n  RATE_LIMIT_STORAGE_URL: {error}\nSee .env.example."
        ) from None


def _number_requests(app: OpenAPI) -> None:
    """Give every request an id, in its logs and in its answer; one sent by a proxy is kept."""

    @app.before_request
    def number() -> None:
        logs.clear()
        sent = request.headers.get("X-Request-ID", "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
        g.started = time.monotonic()
        logs.bind(request_id=g.request_id)

    @app.after_request
    def answer(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("request_id", "")
        app.logger.info(
            "request",
            extra={
                "method": request.method, "path": _loggable_path(), "status": response.status_code,
                "ms": round((time.monotonic() - g.get("started", time.monotonic())) * 1000, 1),
            },
        )  # fmt: skip
        return response


def _loggable_path() -> str:
    """The path, but of one that is a secret (a file's address) only its form."""
    rule = request.url_rule.rule if request.url_rule else ""
    return rule if rule.startswith("/media/") else request.path
