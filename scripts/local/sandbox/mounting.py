"""From an address to the application that stands for its host."""

from __future__ import annotations

import io
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from werkzeug.wrappers import Response

from .world import Call, Platform, World

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True)
class Answer:
    """A finished answer, not yet on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def head(self, content_length: int) -> bytes:
        """Status line and headers, with this Content-Length whatever the body is."""
        phrase = HTTPStatus(self.status).phrase if self.status in _KNOWN else "Status"
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{key}: {value}" for key, value in self.headers if key not in _OURS]
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {content_length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_KNOWN = {status.value for status in HTTPStatus}
_OURS = {"Content-Length", "Date"}


@dataclass(frozen=True)
class Mounted:
    """Where a request goes: an application and the path it sees (still percent-encoded)."""

    application: WSGIApplication
    prefix: str
    path: str
    platform: Platform | None = None

    @property
    def host(self) -> str:
        """The real host this stands for; empty for the sandbox's own pages."""
        return self.prefix.strip("/")


class Mounts:
    """The table of hosts, with the control path and the pages beside them."""

    def __init__(self, world: World, control: WSGIApplication, pages: WSGIApplication) -> None:
        self._control = control
        self._pages = pages
        self._hosts = {
            host: (platform, application)
            for platform in world.platforms.values()
            for host, application in platform.hosts.items()
        }

    @property
    def hosts(self) -> list[str]:
        """The real host names that are mounted."""
        return sorted(self._hosts)

    def find(self, path: str) -> Mounted:
        """The first segment of a raw path decides."""
        first, slash, rest = path.lstrip("/").partition("/")
        if first == "_control":
            return Mounted(self._control, "/_control", slash + rest)
        if first in self._hosts:
            platform, application = self._hosts[first]
            return Mounted(application, f"/{first}", (slash + rest) or "/", platform)
        return Mounted(self._pages, "", path)


def run(mounted: Mounted, environ: dict[str, Any]) -> Answer:
    """Call the application and collect its whole answer."""
    response = Response.from_app(mounted.application, environ, buffered=True)
    return Answer(response.status_code, list(response.headers), response.get_data())


def environ_for(
    mounted: Mounted, call: Call, headers: Any, server: tuple[str, int]
) -> dict[str, Any]:
    """A WSGI environment (PEP 3333) for this request."""
    environ = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": mounted.prefix,
        # WSGI wants the decoded path as latin-1; the raw one is what strict rules look at.
        "PATH_INFO": unquote(mounted.path, "latin-1"),
        "RAW_PATH": mounted.path,
        "QUERY_STRING": call.query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(call.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(call.body)),
    }
    for key, value in headers.items():
        name = key.upper().replace("-", "_")
        if name == "CONTENT_TYPE":
            environ[name] = value
        elif name != "CONTENT_LENGTH":
            environ[f"HTTP_{name}"] = value
    return environ


def action_of(query: str) -> str | None:
    """``action`` or ``q`` of a query string: Rest.li names methods and finders there."""
    parsed = parse_qs(query)
    for name in ("action", "q"):
        if name in parsed:
            return parsed[name][0]
    return None
