"""The LinkedIn part of the sandbox, put together."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from flask import Flask, redirect
from werkzeug.wrappers import Response

from local.sandbox.world import Call, Caller

from . import (
    authorize,
    errors,
    identity,
    media,
    oauth,
    organizations,
    photos,
    posts,
    statistics,
    uploads,
)
from .gateway import bearer, enter, quota_key
from .state import State
from .tokens import SELF_SERVE, App, Token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.sandbox.world import World


class LinkedIn:
    """Implements ``world.Platform``."""

    name = "linkedin"
    title = authorize.TITLE
    id_header = "x-restli-id"
    id_fields: tuple[str, ...] = ()

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = State(world)
        self.hosts: dict[str, WSGIApplication] = {
            "www.linkedin.com": self._www(),
            "api.linkedin.com": self._api(),
            "media.licdn.com": self._cdn(),
        }

    def _www(self) -> Flask:
        app = Flask("linkedin_www", static_folder=None)
        errors.install(app)
        app.register_blueprint(authorize.blueprint(self._state))
        app.register_blueprint(oauth.blueprint(self._state))
        app.register_blueprint(uploads.blueprint(self._state))

        @app.get("/feed/update/<urn>/")
        def public_page(urn: str) -> Response:
            return redirect(f"/post/{urn}")

        return app

    def _api(self) -> Flask:
        app = Flask("linkedin_api", static_folder=None)
        errors.install(app)
        app.before_request(lambda: enter(self._state))
        for module in (identity, organizations, media, posts, statistics):
            app.register_blueprint(module.blueprint(self._state))
        return app

    @staticmethod
    def _cdn() -> Flask:
        app = Flask("linkedin_cdn", static_folder=None)
        app.register_blueprint(photos.blueprint())
        return app

    def register_app(self, **fields: Any) -> dict[str, Any]:
        """See ``tokens.App`` for the fields. Raises ValueError."""
        app = self._state.grants.add_app(**fields)
        return {"client_id": app.client_id, "name": app.name, "scopes": app.scopes}

    def caller(self, call: Call) -> Caller:
        """By the token, the code being exchanged, or the upload address."""
        grants = self._state.grants
        owner: Any = grants.tokens.get(bearer(call.authorization) or "")
        if owner is None and call.path.startswith("/dms-uploads/"):
            asset = self._state.assets_by_key.get(call.path.split("/")[4:5][0])
            owner = self._state.assets.get(asset.urn) if asset else None
            return Caller(owner.media.member, owner.media.owner) if owner else Caller()
        if owner is None and call.path.startswith("/oauth/v2/") and call.method == "POST":
            form = parse_qs(call.body.decode("utf-8", "replace"))
            for name in ("refresh_token", "token"):
                owner = owner or grants.tokens.get(form.get(name, [""])[0])
            owner = owner or grants.codes.get(form.get("code", [""])[0])
        if owner is None:
            return Caller()
        return Caller(owner.member, self._state.subject(owner.app, owner.member))

    def issue_tokens(
        self,
        *,
        count: int = 1,
        client_id: str | None = None,
        scopes: list[str] | None = None,
        member: str | None = None,
        name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Tokens for new members, or several for one ``member``, without the consent page."""
        app = self._app(client_id)
        granted = tuple(scopes or SELF_SERVE)
        if set(granted) - set(app.scopes):
            raise ValueError(f"scopes: the app owns only {', '.join(app.scopes)}")
        if member is not None and self._world.people.get(member) is None:
            raise ValueError(f"member: there is no {member}")
        made = []
        for _ in range(count):
            identity = member or self._world.people.add(name).id
            made.append(self._issued(app, identity, granted))
        return made

    def _app(self, client_id: str | None) -> App:
        apps = self._state.grants.apps
        if client_id is None and not apps:
            # No program signs in through it, so its secret need not be known to anybody.
            secret = secrets.token_urlsafe(16)
            return self._state.grants.add_app(client_id="sandbox", client_secret=secret)
        app = next(iter(apps.values())) if client_id is None else apps.get(client_id)
        if app is None:
            raise ValueError(f"client_id: there is no app {client_id}")
        return app

    def _issued(self, app: App, member: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        subject = self._state.subject(app, member)
        now = self._state.now(member)
        token = self._state.grants.new_token(app, member, scopes, now)
        return {
            "member": member,
            "name": self._state.member(member).name,
            "subject": subject,
            "author": f"urn:li:person:{subject}",
            "access_token": token.text,
            "expires_in": int(token.expires - now),
            "scopes": list(scopes),
            "client_id": app.client_id,
            "organizations": self._state.member(member).organizations,
        }

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """Make one token, or all of a member, ``revoked`` or ``expired``."""
        grants = self._state.grants
        chosen: list[Token] = grants.of_member(member) if member else []
        if token is not None:
            one = grants.tokens.get(token)
            chosen = [one] if one else []
        for each in chosen:
            if how == "revoked":
                each.revoked = True
            else:
                each.expires = self._state.now(each.member)
        return len(chosen)

    def set_quota_used(self, member: str, used: int) -> None:
        """For every app."""
        for app in self._state.grants.apps.values():
            self._world.quotas.set_used(quota_key(app, member), used, member)

    def settings(self, **fields: Any) -> dict[str, Any]:
        """``processing_seconds``: from the last byte to AVAILABLE; ``statistics``: numbers by query
        type, and CLICK. Both for a ``member`` or for all."""
        state, member = self._state, fields.pop("member", None)
        seconds, numbers = fields.pop("processing_seconds", None), fields.pop("statistics", {})
        if fields:
            raise ValueError(f"unknown settings: {', '.join(sorted(fields))}")
        if unknown := set(numbers) - set(statistics.COUNTED):
            raise ValueError(f"statistics: unknown {', '.join(sorted(unknown))}")
        if seconds is not None:
            state.processing[member] = float(seconds)
        state.statistics[member] = state.statistics.get(member, {}) | numbers
        return {
            "processing_seconds": state.processing.get(member, state.processing[None]),
            "statistics": state.statistics_of(member),
        }

    def reset(self) -> None:
        """Forget apps, tokens and uploads."""
        self._state.reset()
