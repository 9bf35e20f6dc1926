"""Apps of both of Instagram's logins, and the files for its tests."""

from __future__ import annotations

import dataclasses
import io
import secrets
import time
from typing import Any

from PIL import Image

from backend.core.platform_contract import Attachment
from backend.outbound import PlatformHttp
from backend.platforms.instagram import Instagram, InstagramSettings
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, App, attachment, picture
from tests.sandbox.tiktok_files import video

REDIRECT_URI = "https://api.example.org/api/platforms/instagram/callback"


def instagram_app(
    sandbox: Sandbox, login: str = "instagram", *, app: dict[str, Any] | None = None, **settings: Any
) -> App:  # fmt: skip
    """An app of one login with a client that knows its `settings`; `app` as for the sandbox."""
    client_id, secret = str(10**14 + secrets.randbelow(10**14)), secrets.token_hex(12)
    sandbox.tell(
        "apps", platform="instagram", login=login, client_id=client_id, client_secret=secret,
        redirect_uris=[REDIRECT_URI], **(app or {}),
    )  # fmt: skip
    made = client_of(sandbox.url, client_id, secret, login=login, **settings)
    return App(sandbox, "instagram", client_id, secret, REDIRECT_URI, made)


def client_of(url: str, client_id: str, secret: str, **settings: Any) -> Instagram:
    """A client whose pauses are short."""
    made = InstagramSettings(client_id=client_id, client_secret=secret, **settings)  # type: ignore[arg-type]
    return Instagram(PlatformHttp(url), made, pause=lambda s: time.sleep(min(s, 0.001)))


def set_up(account: Account, **settings: Any) -> None:
    """How the platform treats this member."""
    account.app.sandbox.tell("settings", platform="instagram", member=account.member, **settings)


def asked(account: Account, ending: str, method: str = "POST") -> int:
    """How often an address that ends so was called."""
    seen = account.app.sandbox.requests(account.member, method=method)
    return sum(one["path"].endswith(ending) for one in seen)


def photo(shade: int = 0, alt_text: str | None = None, *, size: tuple[int, int] | None = None) -> Attachment:  # fmt: skip
    """A picture as the library describes it."""
    data = picture(shade)
    if size is not None:
        file = io.BytesIO()
        Image.new("RGB", size, (shade, 120, 120)).save(file, "PNG")
        data = file.getvalue()
    width, height = size or (400, 300)
    return dataclasses.replace(
        attachment("image", data, alt_text), width=width, height=height
    )  # fmt: skip


def film(size: int = 20_000, **described: Any) -> Attachment:
    """An upright video of five seconds, as the library describes it."""
    made = attachment("video", video(size, **described))
    return dataclasses.replace(made, width=720, height=1280, duration=5.0)
