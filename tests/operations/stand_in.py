"""One HTTP server that stands in for a project of Supabase, for Sentry and for an OpenTelemetry collector, and keeps what they get."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import brotli
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

UNPACK = {"gzip": gzip.decompress, "br": brotli.decompress}


class StandIn(ThreadingHTTPServer):
    """Answers every call of Supabase with `answers[path]`, {} by default: readable, and useless."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}
        self.envelopes: list[str] = []
        self.traces: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def events(self) -> list[dict[str, Any]]:
        """The errors reported so far. An envelope is a line for itself, then a line and a payload for each item."""
        return [
            json.loads(payload)
            for envelope in list(self.envelopes)
            for kind, payload in zip(*[iter(envelope.split("\n")[1:])] * 2, strict=False)
            if json.loads(kind).get("type") == "event"
        ]

    def spans(self) -> list[dict[str, Any]]:
        """The spans sent so far: name, id, parent and attributes, with their resource's."""
        return [
            {
                "name": span.name, "id": span.span_id, "parent": span.parent_span_id, "kind": span.kind, "status": span.status.code,
                **_read(part.resource.attributes), **_read(span.attributes),
            }
            for request in list(self.traces)
            for part in request.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]  # fmt: skip


def _read(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = UNPACK.get(self.headers.get("Content-Encoding", ""), bytes)(body)
        path = self.path.partition("?")[0]
        if path.endswith("/envelope/"):
            self.server.envelopes.append(body.decode())
        elif path == "/v1/traces":
            self.server.headers.append(dict(self.headers))
            self.server.traces.append(ExportTraceServiceRequest.FromString(body))
        self._answer(self.server.answers.get(path, {}))

    do_GET = do_PATCH = do_DELETE = do_POST  # noqa: N815 - the names that the library looks for

    def _answer(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-li-request-id", "number-7")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests read what came."""
