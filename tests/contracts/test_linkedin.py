"""What is peculiar to LinkedIn: its media, its headers, its permissions. Over HTTP, against the strict sandbox."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from backend.core.errors import LeaseLost, NoAnswer, Reconnect, Rejected, TryLater
from backend.core.platform_contract import Content, Identity, Tokens
from backend.core.ports import MediaKind
from backend.outbound import PlatformHttp
from backend.platforms.linkedin import LinkedIn
from local.sandbox.driver import Sandbox
from tests.contracts.conftest import Account, App, Kept, attachment, make_app, picture

PDF = picture(kind="PDF")


def test_one_image_carries_its_alt_text(ada: Account) -> None:
    ada.publish(Content("one", (attachment("image", picture(), "A teal square 🟦"),)))
    (post,) = ada.posts
    assert post["kind"] == "image"
    assert post["media"][0]["alt_text"] == "A teal square 🟦"


def test_without_an_alt_text_the_key_is_left_out(ada: Account) -> None:
    ada.publish(Content("one", (attachment("image", picture()),)))
    assert "altText" not in ada.posts[0]["content"]["media"]


def test_twenty_images_are_one_post_in_order(ada: Account) -> None:
    images = tuple(attachment("image", picture(n * 12), f"number {n}") for n in range(20))
    ada.publish(Content("twenty", images))
    (post,) = ada.posts
    assert [media["alt_text"] for media in post["media"]] == [f"number {n}" for n in range(20)]
    assert len({media["sha256"] for media in post["media"]}) == 20


def test_an_image_without_text_is_a_post(ada: Account) -> None:
    ada.publish(Content("", (attachment("image", picture()),)))
    assert ada.posts[0]["visible_text"] == ""


@pytest.mark.parametrize(
    ("title", "shown"),
    [(None, "report.pdf"), ("Annual report", "Annual report"), ("t" * 400, "t" * 400)],
)
def test_a_document_has_a_title(ada: Account, title: str | None, shown: str) -> None:
    options = {"title": title} if title else {}
    published = ada.publish(
        Content("read this", (attachment("document", PDF, name="report.pdf"),), options)
    )
    (post,) = ada.posts
    assert post["kind"] == "document"
    assert post["content"]["media"]["title"] == shown
    assert published.external_url == f"https://www.linkedin.com/feed/update/{post['urn']}/"
    assert post["urn"].startswith("urn:li:ugcPost:")


@pytest.mark.parametrize(
    "size",
    [100_000, 4 * 1024 * 1024, 9 * 1024 * 1024 + 17],
    ids=["one part", "exactly one part", "three parts"],
)
def test_a_video_goes_up_in_parts_and_arrives_whole(
    ada: Account, mp4: Callable[[int], bytes], size: int
) -> None:
    film = mp4(size)
    ada.publish(Content("watch", (attachment("video", film),)))
    (post,) = ada.posts
    assert post["kind"] == "video"
    assert post["media"][0]["bytes"] == size
    assert post["media"][0]["sha256"][:8] == attachment("video", film).media_id
    parts = [
        one
        for one in ada.app.sandbox.requests(ada.member, method="PUT")
        if one["host"] == "www.linkedin.com"
    ]
    assert len(parts) == -(-size // (4 * 1024 * 1024))


def test_a_video_is_waited_for_and_then_published(
    ada: Account, mp4: Callable[[int], bytes]
) -> None:
    ada.app.sandbox.tell("settings", platform="linkedin", member=ada.member, processing_seconds=0.5)
    assert ada.publish(Content("watch", (attachment("video", mp4(100_000)),))).external_id


def test_a_file_linkedin_cannot_process_is_refused_with_its_reason(ada: Account) -> None:
    with pytest.raises(Rejected, match="could not process a file of this post") as refused:
        ada.prepare(Content("watch", (attachment("video", bytes(100_000)),)))
    assert refused.value.error_class == "media_processing_failed"
    assert "not an MP4" in str(refused.value)


def test_an_image_still_being_taken_in_is_tried_again_and_nothing_is_created(ada: Account) -> None:
    ada.app.sandbox.tell("settings", platform="linkedin", member=ada.member, processing_seconds=600)
    prepared = ada.prepare(Content("one", (attachment("image", picture()),)))
    with pytest.raises((TryLater, Rejected)):
        ada.app.platform.publish(ada.tokens, prepared, Kept())
    assert ada.posts == []


def test_a_video_whose_state_may_not_be_read_is_published_after_a_grace(
    sandbox: Sandbox, mp4: Callable[[int], bytes]
) -> None:
    account = make_app(sandbox, "linkedin", video_status_denied=True).connect()
    assert account.publish(Content("watch", (attachment("video", mp4(100_000)),))).external_id


# ------------------------------------------------------------------------------------ what is not uploaded twice


def begun(ada: Account, kind: str = "images") -> int:
    """How many uploads LinkedIn was asked for."""
    asked = ada.app.sandbox.requests(ada.member, path=f"/rest/{kind}", method="POST")
    return len([one for one in asked if one["action"] == "initializeUpload"])


def test_a_second_try_goes_on_where_the_first_one_stopped(ada: Account) -> None:
    notes = Kept()
    images = tuple(attachment("image", picture(n), f"number {n}") for n in range(4))
    ada.prepare(Content("three", images[:3]), notes)
    ada.order({"status": 500}, path="/dms-uploads/*", method="PUT")
    with pytest.raises(TryLater):
        ada.prepare(Content("four", images), notes)
    assert len(notes.get("uploads")) == 3
    ada.publish(Content("four", images), notes)
    assert [m["alt_text"] for m in ada.posts[0]["media"]] == [f"number {n}" for n in range(4)]
    assert begun(ada) == 3 + 1 + 1


def test_a_worker_that_died_leaves_only_the_last_upload_to_be_repeated(ada: Account) -> None:
    notes = Kept()
    images = tuple(attachment("image", picture(n)) for n in range(2))
    ada.prepare(Content("one", images[:1]), notes)
    notes.stop_before = "uploads"
    with pytest.raises(LeaseLost):
        ada.prepare(Content("two", images), notes)
    notes.stop_before = None
    ada.publish(Content("two", images), notes)
    assert len(ada.posts[0]["media"]) == 2
    assert begun(ada) == 3


@pytest.mark.parametrize("kind", ["video", "document"])
def test_a_long_upload_is_not_repeated(
    ada: Account, mp4: Callable[[int], bytes], kind: MediaKind
) -> None:
    notes = Kept()
    file = attachment(kind, mp4(100_000) if kind == "video" else PDF)
    for _ in range(2):
        ada.prepare(Content("big", (file,)), notes)
    assert begun(ada, f"{kind}s") == 1


def test_an_upload_that_lay_for_a_day_is_repeated(ada: Account) -> None:
    content = Content("one", (attachment("image", picture()),))
    notes = Kept()
    ada.prepare(content, notes)
    ((name, (urn, at)),) = notes.get("uploads").items()
    notes.keep(uploads={name: [urn, at - 24 * 3600]})
    ada.publish(content, notes)
    assert begun(ada) == 2


@pytest.mark.parametrize("code", ["MEDIA_ASSET_PROCESSING_FAILED", "INVALID_IMAGE_ID"])
def test_after_a_refusal_the_owners_next_try_uploads_anew(ada: Account, code: str) -> None:
    content = Content("one", (attachment("image", picture()),))
    notes = Kept()
    prepared = ada.prepare(content, notes)
    ada.order({"status": 400, "body": {"status": 400, "message": "No.", "code": code}})
    with pytest.raises(Rejected):
        ada.app.platform.publish(ada.tokens, prepared, notes)
    assert notes.get("uploads") is None
    ada.publish(content, notes)
    assert begun(ada) == 2


def test_a_file_that_cannot_be_processed_is_not_kept(ada: Account) -> None:
    notes = Kept()
    with pytest.raises(Rejected):
        ada.prepare(Content("watch", (attachment("video", bytes(100_000)),)), notes)
    assert notes.values == {}


@pytest.mark.parametrize("visibility", ["PUBLIC", "CONNECTIONS", "LOGGED_IN"])
def test_the_visibility_is_the_chosen_one(ada: Account, visibility: str) -> None:
    ada.publish(Content("hello", options={"visibility": visibility}))
    assert ada.posts[0]["visibility"] == visibility


def test_a_visibility_nobody_would_see_is_a_violation(linkedin: App) -> None:
    assert (
        linkedin.platform.violations(Content("a", options={"visibility": "CONTAINER"}))[0].field
        == "options.visibility"
    )


def test_hashtags_stay_hashtags(ada: Account) -> None:
    ada.publish(Content("We are #hiring (really) in C#"))
    assert ["hashtag", "#hiring"] in ada.posts[0]["pieces"]
    assert [kind for kind, _ in ada.posts[0]["pieces"]].count("hashtag") == 1


def test_the_same_post_again_is_refused_and_names_the_first(ada: Account) -> None:
    first = ada.publish(Content("Good morning"))
    with pytest.raises(Rejected, match=str(first.external_id)) as refused:
        ada.publish(Content("Good morning"))
    assert refused.value.error_class == "duplicate"


def test_scopes_separated_by_commas_are_read_too(sandbox: Sandbox) -> None:
    account = make_app(sandbox, "linkedin", scopes_with_spaces=False).connect()
    assert set(account.tokens.scopes) >= {"openid", "profile", "w_member_social"}


def test_refresh_tokens_are_kept_where_linkedin_gives_them(sandbox: Sandbox) -> None:
    tokens = make_app(sandbox, "linkedin", refresh_tokens=True).connect().tokens
    assert tokens.refresh_token
    assert tokens.refresh_expires_at is not None
    assert tokens.expires_at is not None
    assert tokens.refresh_expires_at > tokens.expires_at
    assert make_app(sandbox, "linkedin").connect().tokens.refresh_token is None


def test_no_more_is_asked_for_than_posting_needs(linkedin: App) -> None:
    assert set(linkedin.platform.scopes) == {"openid", "profile", "w_member_social"}


def test_posting_without_the_permission_asks_its_owner(linkedin: App) -> None:
    made = linkedin.sandbox.caller(client_id=linkedin.client_id, scopes=["openid", "profile"])
    tokens = Tokens(made.token, None)
    account = Account(
        linkedin, made.member, tokens, Identity(made.author.rpartition(":")[2], "Ada")
    )
    with pytest.raises(Reconnect, match="Connect the account again"):
        account.publish(Content("a"))


def test_the_daily_quota_parks_the_whole_account(ada: Account) -> None:
    prepared = ada.prepare(Content("a"))
    ada.app.sandbox.tell("quotas", platform="linkedin", member=ada.member, used=150)
    with pytest.raises(TryLater) as raised:
        ada.app.platform.publish(ada.tokens, prepared, Kept())
    assert (raised.value.whole_account, raised.value.after) == (True, 120)


def test_a_retired_version_waits_for_the_operator(linkedin: App, ada: Account) -> None:
    old = LinkedIn(
        PlatformHttp(linkedin.sandbox.url),
        LinkedIn.Settings(client_id="i", client_secret="s", version="202401"),
    )
    with pytest.raises(TryLater, match="operator has to update it") as waiting:
        old.publish(ada.tokens, ada.prepare(Content("a")), Kept())
    assert waiting.value.operator


def test_what_the_sandbox_counts_as_defects_never_happens(ada: Account) -> None:
    ada.publish(Content("plain"))
    ada.publish(Content("(a) [b] {c} <d> #e @f *g* _h_ ~i~ |j| \\k"))
    assert [post["defects"] for post in ada.posts] == [[], []]


# ------------------------------------------------------------------------------------ an upload address elsewhere


class Elsewhere(BaseHTTPRequestHandler):
    """LinkedIn's API, but for where it wants the bytes."""

    upload_url = ""
    seen: list[str] = []  # noqa: RUF012 - set anew by the fixture

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(f"POST {self.path}")
        value: dict[str, Any] = {
            "uploadUrl": self.upload_url,
            "image": "urn:li:image:1",
            "video": "urn:li:video:1",
        }
        value["uploadInstructions"] = [
            {"uploadUrl": self.upload_url, "firstByte": 0, "lastByte": 9}
        ]
        body = json.dumps({"value": value} if self.upload_url else {"value": {}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.seen.append(f"PUT {self.path}")
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], LinkedIn]]:
    """Makes a LinkedIn whose API names this upload address."""
    Elsewhere.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def make(upload_url: str) -> LinkedIn:
        Elsewhere.upload_url = upload_url
        door = PlatformHttp(f"http://127.0.0.1:{server.server_port}")
        return LinkedIn(door, LinkedIn.Settings(client_id="i", client_secret="s"))

    yield make
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/upload", "http://www.linkedin.com/upload", "https://linkedin.com.evil.example/", "https://evillinkedin.com/",
        "https://www.linkedin.com@evil.example/", "//evil.example/", "/upload", "https://127.0.0.1/", "ftp://www.linkedin.com/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["image", "video"])
def test_no_byte_and_no_token_goes_to_an_upload_address_elsewhere(
    ada: Account, elsewhere: Callable[[str], LinkedIn], url: str, kind: Any
) -> None:
    with pytest.raises(Rejected, match="outside LinkedIn") as refused:
        elsewhere(url).prepare(
            ada.tokens, ada.identity, Content("a", (attachment(kind, picture()),)), Kept()
        )
    assert refused.value.error_class == "unexpected_upload_url"
    assert not [line for line in Elsewhere.seen if line.startswith("PUT")]


def test_an_answer_without_an_upload_address_is_no_answer(
    ada: Account, elsewhere: Callable[[str], LinkedIn]
) -> None:
    with pytest.raises(NoAnswer):
        elsewhere("").prepare(
            ada.tokens, ada.identity, Content("a", (attachment("image", picture()),)), Kept()
        )
