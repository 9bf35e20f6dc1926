"""The Toot part of the sandbox: consent in ``toot.example``, everything else in ``api.toot.example``."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from flask import Flask, abort, g, jsonify, redirect, request
from PIL import Image
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from local.sandbox import consent
from local.sandbox.records import Media, ReceivedPost
from local.sandbox.world import Call, Caller

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from local.sandbox.world import World

VERSION = "2026-01"
SCOPES = {"toots:read": "See your toots", "toots:write": "Toot for you"}
DAY = 86_400
LARGEST = {"PNG": 1_000_000, "JPEG": 1_000_000, "GIF": 2_000_000}


@dataclass
class App:
    """A developer app."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    name: str = "An app"
    scopes: tuple[str, ...] = tuple(SCOPES)


@dataclass
class Grant:
    """A code, an access token or a refresh token: what it stands for."""

    app: App
    member: str
    scopes: tuple[str, ...]
    expires: float
    kind: str
    redirect_uri: str = ""
    challenge: str = ""
    ended: bool = False


class Toot:
    """Implements ``world.Platform``."""

    name = "toot"
    title = "Toot"
    id_header = ""
    id_fields: tuple[str, ...] = ("id", "url")

    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()
        self.hosts: dict[str, WSGIApplication] = {
            "toot.example": self._www(),
            "api.toot.example": self._api(),
        }

    def reset(self) -> None:
        """Forget apps, tokens and uploads."""
        self._apps: dict[str, App] = {}
        self._grants: dict[str, Grant] = {}

    # ---------------------------------------------------------------- for the control path

    def register_app(self, **fields: Any) -> dict[str, Any]:
        """See ``App`` for the fields."""
        try:
            app = App(**fields)
        except TypeError as error:
            raise ValueError(str(error)) from None
        self._apps[app.client_id] = app
        return {"client_id": app.client_id}

    def caller(self, call: Call) -> Caller:
        """By the token of the header, or the code or token in a form."""
        texts = [(call.authorization or "").removeprefix("Bearer ")]
        if call.path.startswith("/oauth/"):
            form = parse_qs(call.body.decode("utf-8", "replace"))
            texts += [form.get(name, [""])[0] for name in ("code", "refresh_token", "token")]
        for text in texts:
            if text in self._grants:
                member = self._grants[text].member
                return Caller(member, self._subject(member), text)
        return Caller()

    def issue_tokens(
        self,
        *,
        count: int = 1,
        client_id: str | None = None,
        scopes: list[str] | None = None,
        member: str | None = None,
        name: str | None = None,
    ) -> list[dict[str, Any]]:
        """Members with tokens, without the consent page."""
        app = self._apps.get(client_id or "") or App("sandbox", "", ())
        made = []
        for _ in range(count):
            who = member or self._world.people.add(name).id
            tokens = self._issue(app, who, tuple(scopes or SCOPES))
            made.append({"member": who, "author": self._subject(who), **tokens})
        return made

    def end_tokens(self, how: str, *, member: str | None, token: str | None) -> int:
        """``expired`` ends access tokens, ``revoked`` the refresh tokens as well."""
        ending = [
            grant
            for text, grant in self._grants.items()
            if token == text or (grant.member == member and (how == "revoked" or grant.kind == "access"))
        ]  # fmt: skip
        for grant in ending:
            grant.ended = True
        return len(ending)

    def set_quota_used(self, member: str, used: int) -> None:
        """There is no quota."""

    def settings(self, **fields: Any) -> dict[str, Any]:
        """Nothing can be switched."""
        return {}

    # ---------------------------------------------------------------- consent

    def _www(self) -> Flask:
        app = Flask("toot_www", static_folder=None)

        @app.get("/authorize")
        def ask() -> Response:
            known = self._asking()
            asked = {scope: SCOPES[scope] for scope in request.args["scope"].split()}
            return consent.show(
                self._world.people, self.title, known.name, asked, {"cancel": "Cancel"}
            )

        @app.post("/authorize")
        def decide() -> Response:
            known, decision = self._asking(), consent.read(self._world.people)
            if decision is None:
                return consent.refuse(self.title, "There is no such member.")
            if decision.choice != "allow":
                return self._back(error="access_denied")
            code = self._grant(
                Grant(
                    known, decision.member.id, tuple(request.args["scope"].split()), self._in(600, decision.member.id),
                    "code", request.args["redirect_uri"], request.args["code_challenge"],
                )
            )  # fmt: skip
            return self._back(code=code)

        return app

    def _asking(self) -> App:
        args = request.args
        app = self._apps.get(args.get("client_id", ""))
        scopes = args.get("scope", "").split()
        if (
            app is None
            or args.get("redirect_uri") not in app.redirect_uris
            or args.get("response_type") != "code"
            or not scopes
            or set(scopes) - set(app.scopes)
            or not re.fullmatch(r"[\w-]{43}", args.get("code_challenge", ""))
        ):
            abort(consent.refuse(self.title, "This is no request for consent."))
        return app

    def _back(self, **values: str) -> Response:
        values["state"] = request.args.get("state", "")
        return redirect(f"{request.args['redirect_uri']}?{urlencode(values)}")

    # ---------------------------------------------------------------- tokens

    def _in(self, seconds: float, member: str) -> float:
        return self._world.clock.now(member) + seconds

    def _grant(self, grant: Grant) -> str:
        text = secrets.token_urlsafe(40)
        self._grants[text] = grant
        return text

    def _issue(self, app: App, member: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        access = Grant(app, member, scopes, self._in(DAY, member), "access")
        refresh = Grant(app, member, scopes, self._in(60 * DAY, member), "refresh")
        return {
            "access_token": self._grant(access),
            "expires_in": DAY,
            "refresh_token": self._grant(refresh),
            "scope": " ".join(scopes),
        }

    def _live(self, text: str, kind: str) -> Grant | None:
        grant = self._grants.get(text)
        if grant is None or grant.kind != kind or grant.ended:
            return None
        return grant if grant.expires > self._world.clock.now(grant.member) else None

    def _redeemed(self, form: Any) -> dict[str, Any] | None:
        """Tokens for a code or a refresh token; None when it does not serve."""
        grant = self._live(form.get("refresh_token", ""), "refresh")
        if form.get("grant_type") == "authorization_code":
            grant = self._live(form.get("code", ""), "code")
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if grant is None or (grant.redirect_uri, grant.challenge) != (form.get("redirect_uri"), proof):  # fmt: skip
                return None
            grant.ended = True
        if grant is None or grant.app.client_id != form.get("client_id"):
            return None
        return self._issue(grant.app, grant.member, grant.scopes)

    # ---------------------------------------------------------------- the API

    def _api(self) -> Flask:
        app = Flask("toot_api", static_folder=None)

        @app.errorhandler(HTTPException)
        def refused(error: HTTPException) -> tuple[dict[str, str], int]:
            return {"code": error.name.lower().replace(" ", "_"), "message": str(error.description)}, error.code or 500  # fmt: skip

        @app.before_request
        def enter() -> Any:
            if request.path.startswith("/oauth/"):
                known = self._apps.get(request.form.get("client_id", ""))
                wrong = known is None or known.client_secret != request.form.get("client_secret")
                return ({"error": "invalid_client"}, 401) if wrong else None
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            grant = self._live(token, "access")
            if grant is None:
                abort(401)
            if request.headers.get("Toot-Version") != VERSION:
                abort(410)
            if ("toots:read" if request.method == "GET" else "toots:write") not in grant.scopes:
                abort(403)
            g.member = grant.member
            return None

        @app.post("/oauth/token")
        def token() -> Any:
            return self._redeemed(request.form) or ({"error": "invalid_grant"}, 400)

        @app.post("/oauth/revoke")
        def revoke() -> dict[str, Any]:
            grant = self._grants.get(request.form.get("token", ""))
            if grant:
                self.end_tokens("revoked", member=grant.member, token=None)
            return {}

        self._toots(app)
        self._reading(app)
        return app

    def _toots(self, app: Flask) -> None:
        world = self._world

        @app.post("/v1/files")
        def take() -> Any:
            file = _inspected(request.data, f"file-{world.new_id()}", g.member)
            world.media[file.urn] = file
            return {"id": file.urn}, 201

        @app.post("/v1/toots")
        def create() -> Any:
            post = self._received(request.get_json(silent=True))
            world.add_post(post)
            return {"id": post.urn, "url": f"https://toot.example/{post.urn}"}, 201

        @app.delete("/v1/toots/<urn>")
        def delete(urn: str) -> Any:
            post = world.post_by_urn.get(urn)
            if post is None or not self._is_mine(post):
                abort(404)
            post.deleted = world.clock.now(g.member)
            return "", 204

    def _reading(self, app: Flask) -> None:
        world = self._world

        @app.get("/v1/me")
        def me() -> dict[str, Any]:
            name = self._member_name(g.member)
            return {"id": self._subject(g.member), "name": name, "handle": f"t{g.member[-6:]}"}

        @app.get("/v1/toots")
        def listed() -> Any:
            since = request.args.get("since", 0, type=int)
            mine = world.posts.newest(lambda post: self._is_mine(post) and post.created >= since, 100)  # fmt: skip
            return {
                "toots": [
                    {"id": post.urn, "url": f"https://toot.example/{post.urn}", "text": post.commentary,
                     "files": len(post.media), "created": post.created}
                    for post in mine
                ]
            }  # fmt: skip

        @app.get("/v1/counts")
        def counts() -> Any:
            ids = request.args.get("ids", "").split(",")
            if len(ids) > 50:
                abort(400)
            found = [world.post_by_urn[one] for one in ids if one in world.post_by_urn]
            return jsonify({one.urn: {"views": 7, "likes": 2} for one in found if self._is_mine(one)})  # fmt: skip

    def _is_mine(self, post: ReceivedPost) -> bool:
        return post.platform == self.name and post.member == g.member and post.deleted is None

    def _received(self, body: Any) -> ReceivedPost:
        """The toot, judged. Every field that is not documented is refused."""
        if not isinstance(body, dict) or set(body) - {"text", "audience", "files"}:
            abort(400)
        text, audience, sent = body.get("text"), body.get("audience"), body.get("files", [])
        if not isinstance(text, str) or len(text) > 500 or not (text.strip() or sent):
            abort(422, "text: 1 to 500 characters")
        if audience not in ("everyone", "followers"):
            abort(422, "audience: everyone or followers")
        files = [self._world.media.get(one.get("id")) for one in sent]
        if any(file is None or file.member != g.member for file in files):
            abort(422, "files: not yours")
        kinds = {file.kind for file in files if file}
        if len(kinds) > 1 or len(files) > (1 if "gif" in kinds else 4):
            abort(422, "files: at most four pictures or one GIF")
        if any(len(one.get("alt", "")) > 200 for one in sent):
            abort(422, "files: an alt text is too long")
        member, number = g.member, self._world.new_id()
        return ReceivedPost(
            urn=f"{number}", platform=self.name, member=member, author=self._subject(member),
            author_name=self._member_name(member), app="", commentary=text, visible_text=text, pieces=[("text", text)],
            visibility=audience, created=self._world.clock.now(member),
            media=[file.as_json() | {"alt_text": one.get("alt")} for file, one in zip(files, sent, strict=True) if file],
        )  # fmt: skip

    def _subject(self, member: str) -> str:
        subject = f"toot-{hashlib.sha256(member.encode()).hexdigest()[:12]}"
        self._world.people.remember_alias(subject, member)
        return subject

    def _member_name(self, member: str) -> str:
        found = self._world.people.get(member)
        return found.name if found else ""


def _inspected(data: bytes, urn: str, member: str) -> Media:
    try:
        with Image.open(io.BytesIO(data), formats=tuple(LARGEST)) as image:
            image.load()
            kind, size = image.format or "", image.size
    except OSError:
        abort(422, "this is no PNG, JPEG or GIF")
    if len(data) > LARGEST[kind]:
        abort(413)
    return Media(
        urn, "toot", member, member, "gif" if kind == "GIF" else "image",
        data, Image.MIME[kind], *size,
    )  # fmt: skip
