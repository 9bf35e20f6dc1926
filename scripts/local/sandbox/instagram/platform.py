"""The Instagram part of the sandbox, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import Flask, abort, redirect, request
from werkzeug.wrappers import Response

from local.sandbox.facebook.platform import Facebook
from local.sandbox.facebook.state import HOST as FACEBOOK_HOST
from local.sandbox.graph import errors, nodes
from local.sandbox.graph.directory import instagram_id, instagram_name
from local.sandbox.graph.gateway import enter
from local.sandbox.graph.parameters import sent_token, sent_value, token_in_header
from local.sandbox.graph.tokens import LONG_SECONDS
from local.sandbox.graph.versions import Versioned
from local.sandbox.records import SeenRequest
from local.sandbox.world import Call, Caller

from . import authorize, containers, identity, media, oauth, publishing, refreshing
from .access import FACEBOOK_LOGIN, INSTAGRAM_LOGIN
from .state import HOST, PERMISSIONS, InstagramApp, InstagramState

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.sandbox.world import World

#: "Page request limit of the business use case" of Instagram.
_LIMIT_CODE = 80002
#: Permissions that publishing through a page needs.
_WITH_FACEBOOK = [
    "pages_show_list",
    "pages_read_engagement",
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_insights",
    "instagram_manage_contents",
]


class Instagram:
    """Implements ``world.Platform``. Facebook has to be in the world before."""

    name = "instagram"
    title = authorize.TITLE
    id_header = ""
    id_fields: tuple[str, ...] = ("id",)

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = InstagramState(world)
        self._facebook = cast("Facebook", world.platforms["facebook"])
        self._join_facebook()
        self.hosts: dict[str, WSGIApplication] = {
            "www.instagram.com": self._www(),
            "api.instagram.com": self._api(),
            HOST: Versioned(self._graph()),
        }

    def _join_facebook(self) -> None:
        """Product A lives on Facebook's host; the bytes of both products go to one more."""
        state, facebook = self._state, self._facebook
        for blueprint in (
            containers.blueprint(state),
            publishing.blueprint(state),
            media.blueprint(state, FACEBOOK_HOST),
            identity.limit_blueprint(state),
        ):
            blueprint.before_request(_call_it_ours)
            facebook.graph.register_blueprint(blueprint)
        facebook.kinds += [
            identity.account_kind(state),
            containers.container_kind(state),
            media.media_kind(state, FACEBOOK_LOGIN),
        ]
        facebook.other_callers.append(self.caller)
        facebook.other_ends.append(state.end_tokens)
        uploads = containers.bytes_blueprint(state)

        def enter_either() -> None:
            text = token_in_header(request.headers.get("Authorization"))
            own = text in state.grants.tokens
            enter(state if own else facebook.state, _LIMIT_CODE)

        uploads.before_request(enter_either)
        facebook.rupload.register_blueprint(uploads)

    def _www(self) -> Flask:
        app = Flask("instagram_www", static_folder=None)
        app.register_blueprint(authorize.blueprint(self._state))

        @app.get("/p/<shortcode>/")
        @app.get("/reel/<shortcode>/")
        def public_page(shortcode: str) -> Response:
            urn = self._state.shortcodes.get(shortcode)
            return redirect(f"/post/{urn}") if urn else abort(404)

        return app

    def _api(self) -> Flask:
        app = Flask("instagram_api", static_folder=None)
        errors.install(app)
        app.register_blueprint(oauth.blueprint(self._state))
        return app

    def _graph(self) -> Flask:
        """Product B. Whether it sends usage headers is unconfirmed: it does not."""
        state = self._state
        app = Flask("instagram_graph", static_folder=None)
        errors.install(app)
        app.before_request(lambda: enter(state, _LIMIT_CODE))
        for blueprint in (
            refreshing.blueprint(state),
            identity.me_blueprint(state),
            identity.limit_blueprint(state),
            containers.blueprint(state),
            publishing.blueprint(state),
            media.blueprint(state, HOST),
        ):
            app.register_blueprint(blueprint)
        kinds = [
            identity.account_kind(state),
            containers.container_kind(state),
            media.media_kind(state, INSTAGRAM_LOGIN),
        ]
        app.register_blueprint(nodes.blueprint(kinds))
        return app

    def register_app(self, *, login: str = "instagram", **fields: Any) -> dict[str, Any]:
        """An Instagram app; with ``login`` "facebook" a Facebook app. Raises ValueError."""
        if login == "facebook":
            return self._facebook.register_app(**fields)
        if login != "instagram":
            raise ValueError("login must be instagram or facebook")
        unknown = set(fields.get("scopes", ())) - set(PERMISSIONS)
        if unknown:
            raise ValueError(f"scopes: unknown {', '.join(sorted(unknown))}")
        app = self._state.grants.add_app(**fields)
        return {"client_id": app.client_id, "name": app.name, "scopes": app.scopes}

    def caller(self, call: Call) -> Caller:
        """By the token or the code being exchanged. Tokens of Facebook are Facebook's to tell."""
        grants = self._state.grants
        if token := grants.tokens.get(sent_token(call) or ""):
            return Caller(token.member, instagram_id(token.member), token.text)
        code = grants.codes.get(sent_value(call, "code") or _in_multipart(call) or "")
        return Caller(code.member, instagram_id(code.member)) if code else Caller()

    def issue_tokens(
        self,
        *,
        count: int = 1,
        client_id: str | None = None,
        scopes: list[str] | None = None,
        member: str | None = None,
        name: str | None = None,
        login: str = "instagram",
    ) -> list[dict[str, Any]]:
        """Long-lived tokens; with ``login`` "facebook" tokens of the page that is linked."""
        if member is not None and self._world.people.get(member) is None:
            raise ValueError(f"member: there is no {member}")
        people = [member or self._world.people.add(name).id for _ in range(count)]
        if login == "facebook":
            return [self._with_facebook(one, client_id, scopes) for one in people]
        app = self._state.grants.an_app(client_id)
        granted = tuple(scopes or app.scopes or PERMISSIONS)
        if set(granted) - set(app.scopes or PERMISSIONS):
            raise ValueError(f"scopes: the app may ask only for {', '.join(app.scopes)}")
        return [self._issued(app, one, granted) for one in people]

    def _issued(self, app: InstagramApp, member: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        state, now = self._state, self._state.now(member)
        state.grants.granted(app, member).permissions = dict.fromkeys(scopes, "granted")
        token = state.grants.new_token(
            app, member, "instagram", now, expires=now + LONG_SECONDS, long_lived=True
        )
        return self._named(member) | {
            "access_token": token.text,
            "refresh_token": None,
            "expires_in": LONG_SECONDS,
            "scopes": list(scopes),
            "client_id": app.client_id,
            "login": "instagram",
            "user_id": state.scoped_id(app, member),
        }

    def _with_facebook(
        self, member: str, client_id: str | None, scopes: list[str] | None
    ) -> dict[str, Any]:
        asked = scopes or _WITH_FACEBOOK
        made = self._facebook.issue_tokens(client_id=client_id, scopes=asked, member=member)[0]
        return made | self._named(member) | {"login": "facebook"}

    def _named(self, member: str) -> dict[str, Any]:
        account = instagram_id(member)
        self._world.people.remember_alias(account, member)
        return {
            "member": member,
            "name": self._state.member(member).name,
            "username": instagram_name(self._state.member(member)),
            "subject": account,
            "author": account,
        }

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """Of Instagram Login; where there are none, those of Facebook Login."""
        ended = self._state.end_tokens(how, member, token)
        return ended or self._facebook.end_tokens(how, member=member, token=token)

    def set_quota_used(self, member: str, used: int) -> None:
        """Posts published in the last 24 hours."""
        key = f"published/{instagram_id(member)}"
        self._state.windows.set_used(key, used, self._state.now(member))

    def settings(self, **fields: Any) -> dict[str, Any]:
        """``graph/state.py`` and ``state.py`` list them; for a ``member`` or for all.

        ``containers_used`` (with a ``member``) pretends that so many were made in 24 hours.
        """
        member = fields.pop("member", None)
        used = fields.pop("containers_used", None)
        if used is not None:
            if member is None:
                raise ValueError("containers_used needs a member")
            key = f"containers/{instagram_id(member)}"
            self._state.windows.set_used(key, int(used), self._state.now(member))
        return self._state.settings.change(member, fields)

    def reset(self) -> None:
        """Forget apps, tokens and containers."""
        self._state.reset()


def _call_it_ours() -> None:
    """Requests on Facebook's host that Instagram answers are written down as Instagram's."""
    cast("SeenRequest", request.environ["sandbox.seen"]).platform = Instagram.name


def _in_multipart(call: Call) -> str | None:
    """The code of an exchange that was sent as multipart."""
    if call.body[:2] != b"--":
        return None
    _, _, rest = call.body.partition(b'name="code"')[2].partition(b"\r\n\r\n")
    return rest.partition(b"\r\n")[0].decode("latin-1") if rest else None
