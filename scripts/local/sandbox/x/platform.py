"""The X part of the sandbox, put together."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from flask import Flask, redirect
from werkzeug.wrappers import Response

from local.sandbox.world import Call, Caller

from . import authorize, errors, gateway, identity, media, oauth, photos, posts, reading
from .gateway import bearer, window_key
from .limits import PER_USER, QUARTER, Spent
from .showing import check_metrics
from .state import State
from .tokens import POSTING, App, Code, Token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.sandbox.world import World


class X:
    """Implements ``world.Platform``."""

    name = "x"
    title = authorize.TITLE
    id_header = ""
    id_fields: tuple[str, ...] = ("id", "edit_history_tweet_ids", "edit_history_post_ids")

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = State(world)
        self.hosts: dict[str, WSGIApplication] = {
            "x.com": self._www(),
            "api.x.com": self._api(),
            "pbs.twimg.com": self._cdn(),
        }

    def _www(self) -> Flask:
        app = Flask("x_www", static_folder=None)
        app.register_blueprint(authorize.blueprint(self._state))

        @app.get("/<username>/status/<urn>")
        @app.get("/i/status/<urn>", defaults={"username": "i"})
        def public_page(username: str, urn: str) -> Response:
            return redirect(f"/post/{urn}")

        return app

    def _api(self) -> Flask:
        app = Flask("x_api", static_folder=None)
        errors.install(app)
        gateway.install(app, self._state)
        for module in (oauth, identity, media, posts, reading):
            app.register_blueprint(module.blueprint(self._state))
        return app

    @staticmethod
    def _cdn() -> Flask:
        app = Flask("x_cdn", static_folder=None)
        app.register_blueprint(photos.blueprint())
        return app

    def register_app(self, **fields: Any) -> dict[str, Any]:
        """See ``tokens.App`` for the fields. Raises ValueError."""
        app = self._state.grants.add_app(**fields)
        return {"client_id": app.client_id, "name": app.name, "scopes": app.scopes}

    def caller(self, call: Call) -> Caller:
        """By the token, or by the code, refresh token or token in the body."""
        grants = self._state.grants
        owner: Token | Code | None = grants.tokens.get(bearer(call.authorization) or "")
        sent = None
        if owner is None and call.path.startswith("/2/oauth2/") and call.method == "POST":
            form = parse_qs(call.body.decode("utf-8", "replace"))
            for name in ("refresh_token", "token"):
                text = form.get(name, [""])[0]
                if text in grants.tokens:
                    owner, sent = grants.tokens[text], text
            owner = owner or grants.codes.get(form.get("code", [""])[0])
        if owner is None or owner.member is None:
            return Caller()
        return Caller(owner.member, self._state.subject(owner.member), sent)

    def issue_tokens(
        self,
        *,
        count: int = 1,
        client_id: str | None = None,
        scopes: list[str] | None = None,
        member: str | None = None,
        name: str | None = None,
        app_only: bool = False,
    ) -> list[dict[str, Any]]:
        """Tokens for new members, or several for one ``member``, without the consent page.

        ``app_only`` gives a bearer token that acts for nobody.
        """
        app = self._app(client_id)
        granted = tuple(POSTING if scopes is None else scopes)
        if set(granted) - set(app.scopes):
            raise ValueError(f"scopes: the app has only {', '.join(app.scopes)}")
        if member is not None and self._world.people.get(member) is None:
            raise ValueError(f"member: there is no {member}")
        if app_only:
            token = self._state.grants.new_token(app, None, granted, self._state.now(None))
            return [{"access_token": token.text, "client_id": app.client_id}]
        people = self._world.people
        return [self._issued(app, member or people.add(name).id, granted) for _ in range(count)]

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
        subject, now = self._state.subject(member), self._state.now(member)
        code = Code(app, member, scopes, "", "", "", now)
        access, refresh = self._state.issue(code)
        return {
            "member": member,
            "name": self._state.member(member).name,
            "username": self._state.username(member),
            "subject": subject,
            "author": subject,
            "access_token": access.text,
            "refresh_token": refresh.text if refresh else None,
            "expires_in": int(access.expires - now),
            "scopes": list(scopes),
            "client_id": app.client_id,
        }

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """Make one token, or all of a member, ``revoked`` or ``expired``.

        All of a member: revoking takes the refresh tokens too, as when people withdraw an app;
        expiring takes the access tokens only, as two hours do.
        """
        grants = self._state.grants
        chosen: list[Token] = grants.of_member(member) if member else []
        if token is not None:
            chosen = [grants.tokens[token]] if token in grants.tokens else []
        elif how == "expired":
            chosen = [each for each in chosen if not each.refresh]
        for each in chosen:
            if how == "revoked":
                each.revoked = True
            else:
                each.expires = self._state.now(each.member)
        return len(chosen)

    def fault(self, status: int, member: str | None) -> tuple[dict[str, str], Any]:
        """See ``world.HasOwnFaults``: a problem document; with 429 the window that is used up."""
        named = {401: "Unauthorized", 402: "CreditsDepleted", 429: "Too Many Requests"}
        title = named.get(status) or HTTPStatus(status).phrase
        headers = {"Content-Type": "application/problem+json"}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            until = int(self._state.now(member)) + QUARTER
            headers |= Spent(PER_USER["posts.create"], 0, until).headers("x-rate-limit")
        return headers, errors.XError(status, title, title).body()

    def set_quota_used(self, member: str, used: int) -> None:
        """Creates in the running fifteen minutes."""
        key = window_key("posts.create", member)
        self._state.windows.set_used(key, used, QUARTER, member)

    def settings(self, **fields: Any) -> dict[str, Any]:
        """What ``settings.py`` lists, for a ``member`` or for all; ``username`` of a member; and
        ``metrics``, public numbers by post id such as ``{"1790": {"like_count": 3}}``.
        """
        member = fields.pop("member", None)
        for urn, numbers in fields.pop("metrics", {}).items():
            self._state.metrics[urn] = check_metrics(numbers)
        if "username" in fields:
            if member is None:
                raise ValueError("username: name the member it is for")
            self._state.usernames[member] = str(fields.pop("username"))
        return self._state.settings.change(fields, member)

    def reset(self) -> None:
        """Forget apps, tokens and uploads."""
        self._state.reset()
