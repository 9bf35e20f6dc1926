"""The requests that this process has answered, as metrics: method, route and kind of status, never an address or an id."""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

# a publish that waits takes 60 s at most; what streams is timed until it begins
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# when a series began is twice as many series again, which nobody here asks for
disable_created_metrics()  # type: ignore[no-untyped-call] # the library's own types stop here
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Served:
    """Counts and times answers. Safe to share between threads, and between the processes of one gunicorn."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self._requests = Counter(
            "lin_http_requests", "Requests answered.", ("method", "route", "status"), registry=self._own
        )  # fmt: skip
        self._seconds = Histogram(
            "lin_http_request_duration_seconds", "From a request's arrival until its answer begins.", ("method", "route"),
            buckets=BUCKETS, registry=self._own,
        )  # fmt: skip

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. `route` is the rule, such as /api/posts/<post_id>/publish."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, f"{status // 100}xx").inc()
        self._seconds.labels(method, route).observe(seconds)

    def tell(self, registry: CollectorRegistry) -> None:
        """Put what was counted into a registry: by all processes of this gunicorn where it has several (it then names a
        directory that they share, see gunicorn.conf.py), else by this one."""
        try:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # and here
        except ValueError:
            registry.register(self._own)


def count_requests(app: Flask) -> Served:
    """Count every request of this application from now on."""
    served = Served()

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        rule: Any = request.url_rule
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        served.count(request.method, rule.rule if rule else "none", response.status_code, seconds)
        return response

    return served
