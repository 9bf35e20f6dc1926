"""Spans to OpenTelemetry, by OTLP over HTTP: requests, jobs, attempts, and every call that leaves the process.

They hold names of few kinds, ids, statuses and times; no addresses, bodies, headers or messages of errors. No trace
id is sent along to platforms or Supabase.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.re import parse_env_headers

from . import logs
from .core.following import Kind, Tell

_KINDS = {"inside": SpanKind.INTERNAL, "answering": SpanKind.SERVER, "asking": SpanKind.CLIENT}
# the names that OpenTelemetry's own conventions have for it; everything else is ours
_CONVENTIONAL = {
    "method": "http.request.method", "http_status": "http.response.status_code", "host": "server.address", "route": "http.route",
}  # fmt: skip
_SPOKEN = ("error", "reason")
ENDED_BADLY = 500


class Spans:
    """Implements `Follower`. The standard variables of the SDK (sampler, batches, limits) are read by the SDK itself."""

    def __init__(self, endpoint: str, headers: str, *, service: str, process: str) -> None:
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint}/v1/traces", headers=parse_env_headers(headers, liberal=True)
        )
        # ends with the process, what waits is sent first
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "lin.process": process})
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("lin")

    @contextmanager
    def step(self, name: str, kind: Kind, names: Mapping[str, Any]) -> Iterator[Tell]:
        """A span around everything inside."""
        with self._tracer.start_as_current_span(
            name, kind=_KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as span:

            def tell(**more: Any) -> None:
                span.set_attributes(_attributes(more))
                if more.get("http_status", 0) >= ENDED_BADLY:
                    span.set_status(StatusCode.ERROR)

            tell(**{**logs.bound(), **names})
            try:
                yield tell
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(StatusCode.ERROR)
                raise

    def close(self) -> None:
        """Send what has ended so far, and nothing more."""
        self._provider.shutdown()


def _attributes(names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _CONVENTIONAL.get(name, f"lin.{name}"): value if isinstance(value, bool | int | float) else str(value)
        for name, value in names.items()
        if value is not None and name not in _SPOKEN
    }  # fmt: skip
