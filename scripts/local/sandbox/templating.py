"""Render a page from ``templates/``; everything in it is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_environment = Environment(
    loader=PackageLoader("local.sandbox"), autoescape=True, undefined=StrictUndefined
)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


_environment.filters["moment"] = _moment


def page(template: str, status: int = 200, **values: Any) -> Response:
    """An HTML answer."""
    html: str | Markup = _environment.get_template(template).render(**values)
    return Response(html, status, content_type="text/html; charset=utf-8")
