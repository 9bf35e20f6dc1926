"""The TikTok part of the sandbox, put together."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from flask import Flask, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from local.sandbox.portraits import portrait
from local.sandbox.world import Call, Caller

from . import authorize, errors, identity, oauth, publishing, uploads, videos
from .gateway import bearer, enter
from .publications import settle
from .state import State
from .tokens import App, Grant, Token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.sandbox.world import World


class TikTok:
    """Implements ``world.Platform``."""

    name = "tiktok"
    title = authorize.TITLE
    id_header = ""
    id_fields: tuple[str, ...] = ("publish_id",)

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = State(world)
        world.clock.on_advance(self._settle)
        self.hosts: dict[str, WSGIApplication] = {
            "www.tiktok.com": self._www(),
            "open.tiktokapis.com": self._api(),
            "open-upload.tiktokapis.com": self._upload(),
            "p16-sign.tiktokcdn.com": self._cdn(),
        }

    def _www(self) -> Flask:
        app = Flask("tiktok_www", static_folder=None)
        errors.install(app)
        app.register_blueprint(authorize.blueprint(self._state))

        @app.get("/@<username>/video/<post_id>")
        def public_page(username: str, post_id: str) -> AnyResponse:
            publication = self._state.by_post_id.get(post_id)
            if publication is None or username != self._state.username(publication.member):
                abort(404)
            return redirect(f"/post/{publication.id}")

        return app

    def _api(self) -> Flask:
        app = Flask("tiktok_api", static_folder=None)
        errors.install(app)

        @app.before_request
        def entering() -> None:
            if not request.path.startswith("/v2/oauth/"):
                enter(self._state)

        for module in (oauth, identity, publishing, videos):
            app.register_blueprint(module.blueprint(self._state))
        return app

    def _upload(self) -> Flask:
        app = Flask("tiktok_upload", static_folder=None)
        errors.install(app)
        app.register_blueprint(uploads.blueprint(self._state))
        return app

    @staticmethod
    def _cdn() -> Flask:
        app = Flask("tiktok_cdn", static_folder=None)

        @app.get("/avatar/<subject>.jpeg")
        def avatar(subject: str) -> Response:
            return Response(portrait(subject, "JPEG"), content_type="image/jpeg")

        return app

    def register_app(self, **fields: Any) -> dict[str, Any]:
        """See ``tokens.App`` for the fields. Raises ValueError."""
        app = self._state.grants.add_app(**fields)
        return {"client_id": app.client_id, "name": app.name, "scopes": app.scopes}

    def caller(self, call: Call) -> Caller:
        """By the token, the upload address, or what is exchanged or refreshed."""
        state, token = self._state, bearer(call.authorization) or ""
        if call.host == "open-upload.tiktokapis.com":
            key = parse_qs(call.query).get("upload_token", [""])[0]
            upload = state.by_upload.get(key)
            token = upload.token.text if upload else ""
        form: dict[str, list[str]] = {}
        if call.path.startswith("/v2/oauth/"):
            form = parse_qs(call.body.decode("utf-8", "replace"))
            token = form.get("refresh_token", form.get("token", [""]))[0]
        code = state.grants.codes.get(form.get("code", [""])[0])
        known = state.grants.tokens.get(token)
        grant = known.grant if known else code.grant if code else None
        if grant is None:
            return Caller()
        return Caller(grant.member, state.subject(grant.app, grant.member), token or None)

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
        granted = tuple(scopes or app.scopes)
        if set(granted) - set(app.scopes):
            raise ValueError(f"scopes: the app owns only {', '.join(app.scopes)}")
        if member is not None and self._world.people.get(member) is None:
            raise ValueError(f"member: there is no {member}")
        made = []
        for _ in range(count):
            identity = member or self._world.people.add(name).id
            made.append(self._issued(Grant(app, identity, granted)))
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

    def _issued(self, grant: Grant) -> dict[str, Any]:
        state, member = self._state, grant.member
        subject, now = state.subject(grant.app, member), state.now(member)
        access = state.grants.new_token(grant, now)
        refresh = state.grants.new_refresh_token(grant, now)
        return {
            "member": member,
            "name": state.member(member).name,
            "username": state.username(member),
            "subject": subject,
            "author": subject,
            "access_token": access.text,
            "expires_in": int(access.expires - now),
            "refresh_token": refresh.text,
            "refresh_expires_in": int(refresh.expires - now),
            "scopes": list(grant.scopes),
            "client_id": grant.app.client_id,
        }

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """Make one token, or all of a member, ``revoked`` or ``expired``.

        Revoking ends all that came from the same consent, as when a person removes the app.
        Expiring a member leaves the refresh tokens; one of those expires when it is named.
        """
        state = self._state
        chosen: list[Token] = state.grants.of_member(member) if member else []
        if token is not None:
            one = state.grants.tokens.get(token)
            chosen = [one] if one else []
        elif how == "expired":
            chosen = [each for each in chosen if not each.refresh]
        for each in chosen:
            if how == "revoked":
                each.grant.revoked = True
            else:
                each.expires = state.now(each.member)
        return len(chosen)

    def set_quota_used(self, member: str, used: int) -> None:
        """So many posts in the last 24 hours, in any app."""
        self._state.pretended[member] = [self._state.now(member)] * used

    def settings(self, **fields: Any) -> dict[str, Any]:
        """``creators.Creator`` for a ``member`` or for all; and, for all, ``refresh_rotates``,
        ``oauth_error_status`` (400 or 200), ``disabled_interactions`` (refuse or override)."""
        state, member = self._state, fields.pop("member", None)
        for name, attribute, allowed in _FOR_ALL:
            if name in fields:
                value = fields.pop(name)
                if value not in allowed:
                    raise ValueError(f"{name}: must be one of {allowed}")
                setattr(state, attribute, value)
        state.change_creator(member, fields)
        self._settle()
        for_all = {name: getattr(state, attribute) for name, attribute, _ in _FOR_ALL}
        return state.creator(member).as_json() | for_all

    def _settle(self) -> None:
        for publication in list(self._state.publications.values()):
            settle(self._state, publication)

    def fault(self, status: int, member: str | None) -> tuple[dict[str, str], dict[str, Any]]:
        """No headers: none are documented, not even with 429."""
        return {}, errors.of_status(status)

    def reset(self) -> None:
        """Forget apps, tokens and publications."""
        self._state.reset()


_FOR_ALL: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("refresh_rotates", "rotates_refresh", (True, False)),
    ("oauth_error_status", "oauth_error_status", (200, 400)),
    ("disabled_interactions", "disabled_interactions", ("refuse", "override")),
)
