"""The Facebook part of the sandbox, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, redirect
from werkzeug.wrappers import Response

from local.sandbox.graph import errors, nodes
from local.sandbox.graph.gateway import enter, install_usage
from local.sandbox.graph.parameters import sent_token, sent_value
from local.sandbox.graph.tokens import LONG_SECONDS, Token
from local.sandbox.graph.versions import Versioned
from local.sandbox.world import Call, Caller

from . import authorize, feed, identity, oauth, photos, posts, reels, uploads, videos
from .state import HOST, PERMISSIONS, FacebookApp, FacebookState

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.sandbox.world import World

#: "Page request limit of the business use case" of pages.
_LIMIT_CODE = 80001


class Facebook:
    """Implements ``world.Platform``."""

    name = "facebook"
    title = authorize.TITLE
    id_header = ""
    id_fields: tuple[str, ...] = ("id", "post_id")

    def __init__(self, world: World) -> None:
        self._world = world
        self.state = FacebookState(world)
        #: Instagram adds its paths, nodes and callers to these.
        self.kinds = [
            *identity.kinds(self.state),
            posts.post_kind(self.state),
            feed.photo_kind(self.state),
            videos.video_kind(self.state),
            uploads.upload_kind(self.state),
        ]
        self.other_callers: list[Callable[[Call], Caller]] = []
        self.other_ends: list[Callable[[str, str | None, str | None], int]] = []
        self.graph = self._graph()
        self.rupload = Flask("facebook_rupload", static_folder=None)
        errors.install(self.rupload)
        reel_bytes = reels.bytes_blueprint(self.state)
        reel_bytes.before_request(lambda: enter(self.state, _LIMIT_CODE))
        self.rupload.register_blueprint(reel_bytes)
        self.hosts: dict[str, WSGIApplication] = {
            "www.facebook.com": Versioned(self._www()),
            HOST: Versioned(self.graph),
            "graph-video.facebook.com": Versioned(self._graph_video()),
            reels.RUPLOAD: self.rupload,
        }

    def _www(self) -> Flask:
        app = Flask("facebook_www", static_folder=None)
        app.register_blueprint(authorize.blueprint(self.state))

        @app.get("/<identity>")
        def public_page(identity: str) -> Response:
            post = posts.by_id(self.state, identity)
            return redirect(f"/post/{post.urn}") if post else abort(404)

        return app

    def _graph(self) -> Flask:
        app = Flask("facebook_graph", static_folder=None)
        errors.install(app)
        install_usage(app, "pages")
        app.before_request(lambda: enter(self.state, _LIMIT_CODE))
        for module in (oauth, identity, feed, photos, videos, reels, uploads, posts):
            app.register_blueprint(module.blueprint(self.state))
        app.register_blueprint(nodes.blueprint(self.kinds))
        return app

    def _graph_video(self) -> Flask:
        app = Flask("facebook_graph_video", static_folder=None)
        errors.install(app)
        install_usage(app, "pages")
        app.before_request(lambda: enter(self.state, _LIMIT_CODE))
        app.register_blueprint(videos.blueprint(self.state))
        return app

    def register_app(self, **fields: Any) -> dict[str, Any]:
        """See ``state.FacebookApp`` for the fields. Raises ValueError."""
        unknown = set(fields.get("scopes", ())) - set(PERMISSIONS)
        if unknown:
            raise ValueError(f"scopes: unknown {', '.join(sorted(unknown))}")
        app = self.state.grants.add_app(**fields)
        return {"client_id": app.client_id, "name": app.name, "scopes": app.scopes}

    def caller(self, call: Call) -> Caller:
        """By the token, the code being exchanged, or the token being inspected."""
        grants, text = self.state.grants, sent_token(call)
        for sent in (
            text,
            *(sent_value(call, name) for name in ("fb_exchange_token", "input_token")),
        ):
            if token := grants.tokens.get(sent or ""):
                return Caller(token.member, self._subject(token), token.text)
        if code := grants.codes.get(sent_value(call, "code") or ""):
            return Caller(code.member, self.state.user_id(code.app, code.member))
        for find in self.other_callers:
            if (caller := find(call)).member is not None:
                return caller
        return Caller()

    def _subject(self, token: Token[FacebookApp]) -> str:
        return token.page or self.state.user_id(token.app, token.member)

    def issue_tokens(
        self,
        *,
        count: int = 1,
        client_id: str | None = None,
        scopes: list[str] | None = None,
        member: str | None = None,
        name: str | None = None,
    ) -> list[dict[str, Any]]:
        """The page's token of each member (of the first page), with the user token beside it."""
        app = self.state.grants.an_app(client_id)
        granted = tuple(scopes or app.scopes or PERMISSIONS)
        if set(granted) - set(app.scopes or PERMISSIONS):
            raise ValueError(f"scopes: the app may ask only for {', '.join(app.scopes)}")
        if member is not None and self._world.people.get(member) is None:
            raise ValueError(f"member: there is no {member}")
        return [
            self._issued(app, member or self._world.people.add(name).id, granted)
            for _ in range(count)
        ]

    def _issued(self, app: FacebookApp, member: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        state, grants = self.state, self.state.grants
        now = state.now(member)
        grants.granted(app, member).permissions = dict.fromkeys(scopes, "granted")
        expires = now + LONG_SECONDS
        user = grants.new_token(app, member, "user", now, expires=expires, long_lived=True)
        pages = [
            {
                "id": page.id,
                "name": page.name,
                "tasks": list(page.tasks),
                "access_token": grants.page_token(user, page.id, now).text,
                "instagram_business_account": page.instagram,
            }
            for page in state.pages_of(member)
        ]
        first = pages[0] if pages else {"id": None, "name": None, "access_token": user.text}
        return {
            "member": member,
            "name": first["name"] or state.member(member).name,
            "subject": first["id"],
            "author": first["id"],
            "access_token": first["access_token"],
            "refresh_token": None,
            "expires_in": None,
            "scopes": list(scopes),
            "client_id": app.client_id,
            "user_id": state.user_id(app, member),
            "user_token": user.text,
            "pages": pages,
        }

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """Make one token, or all of a member, ``revoked`` (the app removed) or ``expired``."""
        ended = self.state.end_tokens(how, member, token)
        # A token of Instagram Login that came to one of our hosts, by the order ``revoke``.
        others = self.other_ends if token is not None and not ended else []
        return ended + sum(end(how, None, token) for end in others)

    def set_quota_used(self, member: str, used: int) -> None:
        """Calls in the last 24 hours with tokens of the member's pages."""
        now = self.state.now(member)
        for page in self.state.pages_of(member):
            self.state.windows.set_used(f"page/{page.id}", used, now)

    def settings(self, **fields: Any) -> dict[str, Any]:
        """``graph/state.py`` and ``state.py`` list them; for a ``member`` or for all."""
        return self.state.settings.change(fields.pop("member", None), fields)

    def reset(self) -> None:
        """Forget apps, tokens and uploads."""
        self.state.reset()
