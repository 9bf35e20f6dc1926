"""Who the member is, and what nobody may read (platform facts 1.2 and 1.9)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from .errors import denied
from .gateway import session
from .state import State


def blueprint(state: State) -> Blueprint:
    """userinfo, ``/v2/me``, reactions."""
    views = Blueprint("identity", __name__)

    @views.get("/v2/userinfo")
    def userinfo() -> dict[str, Any]:
        return _claims(state)

    @views.get("/v2/me")
    def old_profile() -> dict[str, Any]:
        # Needs scopes that are not granted to new apps.
        raise denied("me.GET.NO_VERSION")

    @views.get("/rest/socialMetadata/<urn>")
    @views.get("/rest/socialActions/<urn>")
    def reactions(urn: str) -> dict[str, Any]:
        session().require("socialMetadata.GET", "r_member_social", "r_organization_social")
        return {"entity": urn, "reactionSummaries": {}, "commentSummary": {"count": 0}}

    return views


def _claims(state: State) -> dict[str, Any]:
    """Row 10."""
    me = session()
    me.require("userinfo.GET", "openid")
    member = state.member(me.member)
    claims: dict[str, Any] = {"sub": me.subject}
    if me.token.allows("profile"):
        language, country = member.locale
        claims |= {
            "name": member.name,
            "given_name": member.given_name,
            "family_name": member.family_name,
            "locale": {"country": country, "language": language},
        }
        if member.picture:
            claims["picture"] = f"https://media.licdn.com/dms/image/{me.subject}/photo.png"
    if me.token.allows("email") and member.email:
        claims |= {"email": member.email, "email_verified": True}
    return claims
