"""``GET /{id}``, ``DELETE /{id}`` and ``GET /{id}/insights``: what an id stands for decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from .errors import bad_parameter, no_node
from .gateway import Session, session
from .parameters import parameters
from .projecting import project


@dataclass(frozen=True)
class Kind:
    """One kind of node. ``find`` answers None for what the session may not know of."""

    name: str
    find: Callable[[Session, str], Any | None]
    #: Every field there is, None where it is empty.
    read: Callable[[Session, Any], dict[str, Any]]
    #: Without ``fields``.
    defaults: tuple[str, ...] = ("id",)
    delete: Callable[[Session, Any], None] | None = None
    #: All metrics with their values; raises GraphError where the session may not read them.
    insights: Callable[[Session, Any], dict[str, Any]] | None = None


def shown(me: Session, kind: Kind, node: Any, fields: str) -> dict[str, Any]:
    """A node as an answer."""
    return project(kind.name, kind.read(me, node), fields, kind.defaults)


def blueprint(kinds: list[Kind]) -> Blueprint:
    """Views over all kinds a host knows."""
    views = Blueprint("nodes", __name__)

    def found(identity: str, method: str) -> tuple[Kind, Any]:
        for kind in kinds:
            node = kind.find(session(), identity)
            if node is not None:
                return kind, node
        raise no_node(identity, method)

    @views.get("/<identity>")
    def read(identity: str) -> dict[str, Any]:
        kind, node = found(identity, "get")
        return shown(session(), kind, node, parameters().text("fields"))

    @views.delete("/<identity>")
    def delete(identity: str) -> dict[str, Any]:
        kind, node = found(identity, "delete")
        if kind.delete is None:
            raise no_node(identity, "delete")
        kind.delete(session(), node)
        return {"success": True}

    @views.get("/<identity>/insights")
    def insights(identity: str) -> dict[str, Any]:
        kind, node = found(identity, "get")
        if kind.insights is None:
            raise no_node(identity)
        known = kind.insights(session(), node)
        wanted = [str(metric) for metric in parameters().items("metric")]
        unknown = sorted(set(wanted) - set(known))
        if not wanted or unknown:
            raise bad_parameter(
                f"metric[{wanted.index(unknown[0]) if unknown else 0}] must be one of the following "
                f"values: {', '.join(known)}"
            )
        return {"data": [_metric(identity, name, known[name]) for name in wanted]}

    return views


def _metric(identity: str, name: str, value: Any) -> dict[str, Any]:
    return {
        "name": name,
        "period": "lifetime",
        "values": [{"value": value}],
        "title": name.replace("_", " ").capitalize(),
        "id": f"{identity}/insights/{name}/lifetime",
    }
