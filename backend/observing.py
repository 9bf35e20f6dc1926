"""Who is told how this process does, besides its own log: what the settings name, and nobody by default.

The libraries for it are loaded only then; each is several megabytes that most processes never need.
"""

from __future__ import annotations

from .core import following
from .settings import Settings


def observe(settings: Settings, process: str) -> None:
    """Report errors and draw spans from now on, where the settings say so. `process` is web or worker.

    Called in the process that is observed, after any fork: both send from threads of their own.
    """
    if settings.sentry_dsn:
        from .error_reports import report_errors

        report_errors(settings.sentry_dsn.get_secret_value(), settings.app_env, process)
    if settings.otel_exporter_otlp_endpoint:
        from .tracing import Spans

        headers = settings.otel_exporter_otlp_headers
        following.follow_with(
            Spans(
                settings.otel_exporter_otlp_endpoint,
                headers.get_secret_value() if headers else "",
                service=settings.otel_service_name,
                process=process,
            )
        )
