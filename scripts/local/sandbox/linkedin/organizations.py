"""Pages and who may act for them (platform facts 1.2 and 1.9).

Reading a page's name is not in the facts at hand, so there is no such call.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from .errors import LinkedInError, denied
from .gateway import Session, session
from .state import ORGANIZATION_ROLES_THAT_POST, State

_ORGANIZATION = "urn:li:organization"


def blueprint(state: State) -> Blueprint:
    """Which pages the member has a role on."""
    views = Blueprint("organizations", __name__)

    @views.get("/rest/organizationAcls")
    def roles() -> dict[str, Any]:
        me = session()
        me.require(
            "organizationAcls.FINDER-roleAssignee", "rw_organization_admin", "r_organization_admin"
        )
        if request.args.get("q") != "roleAssignee":
            raise LinkedInError(400, "q must be roleAssignee")
        elements = [
            {
                "organization": f"{_ORGANIZATION}:{page['id']}",
                "role": page["role"],
                "roleAssignee": me.author,
                "state": page.get("state", "APPROVED"),
            }
            for page in state.member(me.member).organizations
        ]
        for name in ("role", "state"):
            if wanted := request.args.get(name):
                elements = [each for each in elements if each[name] == wanted]
        first, most = _whole("start", 0), _whole("count", 10)
        shown = elements[first : first + most]
        return {"elements": shown, "paging": {"start": first, "count": most, "links": []}}

    return views


def _whole(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdecimal():
        raise LinkedInError(400, f"{name} must be a whole number")
    return int(text)


def is_page(urn: str) -> bool:
    """Whether this is the URN of an organisation."""
    return urn.rpartition(":")[0] == _ORGANIZATION


def require_role(
    state: State,
    me: Session,
    urn: str,
    method: str,
    roles: tuple[str, ...] = ORGANIZATION_ROLES_THAT_POST,
) -> None:
    """Whether the member has one of these roles on the page, approved. Raises LinkedInError."""
    if not is_page(urn):
        raise LinkedInError(400, f"{urn!r} is not an organization", "INVALID_URN_TYPE")
    for page in state.member(me.member).organizations:
        approved = page.get("state", "APPROVED") == "APPROVED"
        if f"{_ORGANIZATION}:{page['id']}" == urn and page["role"] in roles and approved:
            return
    raise denied(f"{method}.{me.version}")
