"""Unexpected errors to Sentry: what is logged as an error, with its traceback, and nothing that a user or a platform entrusted.

No request, no variables, no lines of the log before it: only the error, the code around it, and the ids of what was done.
"""

from __future__ import annotations

import logging
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from . import logs

# how long a process that ends waits for its last report
LAST_SECONDS = 2.0
# what an event may hold; whatever a later version of the library adds stays out
_KEPT = frozenset({
    "event_id", "timestamp", "level", "logger", "logentry", "message", "exception", "extra", "tags", "platform",
    "environment", "sdk", "server_name", "contexts",
})  # fmt: skip
_CONTEXTS = frozenset({"runtime", "trace"})


def report_errors(dsn: str, environment: str, process: str) -> None:
    """Send what this process logs as an error to the project of this DSN."""
    sentry_sdk.init(
        dsn,
        environment=environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
            AtexitIntegration(callback=lambda pending, timeout: None),
        ],
        before_send=_without_secrets,
        include_local_variables=False,
        send_default_pii=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        trace_propagation_targets=[],
        shutdown_timeout=LAST_SECONDS,
    )
    # the global scope: any other is of one thread
    sentry_sdk.get_global_scope().set_tag("process", process)


def _without_secrets(event: Event, _hint: Hint) -> Event:
    kept: dict[str, Any] = {key: value for key, value in event.items() if key in _KEPT}
    kept["contexts"] = {key: value for key, value in kept.get("contexts", {}).items() if key in _CONTEXTS}  # fmt: skip
    kept["tags"] = {**kept.get("tags", {}), **{name: str(value)[:200] for name, value in logs.bound().items()}}  # fmt: skip
    clean: Event = logs.scrubbed(kept)
    return clean
