"""What answers tell browsers: to run, frame, keep and pass on nothing that is not meant to be."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from flask_openapi3_swagger.templates import swagger_html_string
from secure import ContentSecurityPolicy, ReferrerPolicy, Secure, XContentTypeOptions, XFrameOptions
from secure.headers import CrossOriginResourcePolicy, StrictTransportSecurity

_YEAR = 31_536_000
_PAGES = ("openapi", "swagger")
"""The blueprints whose pages are for browsers; all other answers are data."""
# what stands at /docs itself; the library's own page works by an attribute, which no policy can allow by itself
_DOORPLATE = '<!DOCTYPE html><html lang="en"><title>Lin</title><a href="swagger">What Lin\'s API can do</a></html>'


def register(app: Flask, *, https: bool) -> None:
    """Add the headers to every answer. `https`: the API is reached by TLS, so browsers are told to use nothing else."""
    always = Secure(
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        referrer=ReferrerPolicy().no_referrer(),
        corp=CrossOriginResourcePolicy().same_origin(),
        hsts=StrictTransportSecurity().max_age(_YEAR) if https else None,
    ).header_items()
    data = _closed().header_value

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(always)
        page = request.blueprint in _PAGES and response.mimetype == "text/html"
        policy = _page_policy() if page else data
        response.headers.setdefault(
            "Content-Security-Policy", policy
        )  # a page with a form has its own
        # answers of the API are somebody's own; those of the views that say so themselves stay
        if request.path.startswith("/api/") and not response.cache_control.no_store:
            response.headers["Cache-Control"] = "no-store"
        return response

    _sign_pages(app)


def _closed() -> ContentSecurityPolicy:
    nothing = "'none'"
    policy = ContentSecurityPolicy().default_src(nothing).frame_ancestors(nothing)
    return policy.base_uri(nothing).form_action(nothing)


def _page_policy() -> str:
    own = ("'self'", ContentSecurityPolicy.nonce(_nonce()))
    policy = _closed().script_src(*own).style_src(*own)
    return policy.img_src("'self'", "data:").connect_src("'self'").header_value


def _nonce() -> str:
    """The word by which this answer's own scripts and styles are known."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _sign_pages(app: Flask) -> None:
    """Have the page of the documentation carry the word: what the library wrote inline runs, and nothing else does."""
    app.jinja_env.globals["csp_nonce"] = _nonce
    page = swagger_html_string
    for tag in ("script", "style"):
        page = page.replace(f"<{tag}>", f'<{tag} nonce="{{{{ csp_nonce() }}}}">')
    app.config["SWAGGER_HTML_STRING"] = page
    app.config["OPENAPI_HTML_STRING"] = _DOORPLATE
    # its default sends the document's address to a service on the internet
    app.config["SWAGGER_CONFIG"] = {"validatorUrl": None}
