"""The scenarios with supabase-py. supabase_js.mjs does the same with supabase-js; keep the two alike."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from postgrest.exceptions import APIError
from storage3.exceptions import StorageApiError
from supabase_auth.errors import AuthApiError

from supabase import ClientOptions, create_client
from tests.waiting import until

# the library's type for a row is "any JSON", which could not be indexed without a cast at each use
AnyClient: TypeAlias = Any

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@dataclass(frozen=True)
class Mail:
    """What a mail of Auth holds for its reader."""

    subject: str
    code: str
    token_hash: str
    type: str


class Frontend:
    """One method for each scenario. `given` is stack.json with `writer` and `stranger`, see conftest.py."""

    def __init__(self, given: Mapping[str, Any], http: httpx.Client) -> None:
        self._given = given
        self._http = http

    # ------------------------------------------------------------------------------------ auth

    def sign_up_and_confirm_by_the_link(self) -> None:
        client, email, _ = self._signed_up()
        mail = self._mail(email, "Confirm")
        assert mail.type == "email"
        confirmed = client.auth.verify_otp({"token_hash": mail.token_hash, "type": "email"})
        assert confirmed.session
        assert confirmed.session.user.email == email
        (profile,) = client.table("profiles").select("display_name").execute().data
        assert profile["display_name"] == "Ana"
        with pytest.raises(AuthApiError):  # once only
            self._client().auth.verify_otp({"token_hash": mail.token_hash, "type": "email"})

    def sign_up_and_confirm_by_the_code(self) -> None:
        client, email, _ = self._signed_up()
        mail = self._mail(email, "Confirm")
        wrong = f"{(int(mail.code) + 1) % 1_000_000:06}"
        with pytest.raises(AuthApiError):
            client.auth.verify_otp({"email": email, "token": wrong, "type": "email"})
        confirmed = client.auth.verify_otp({"email": email, "token": mail.code, "type": "email"})
        assert confirmed.session
        assert client.table("profiles").select("id").execute().data == [
            {"id": confirmed.session.user.id}
        ]

    def no_sign_in_before_the_address_is_confirmed(self) -> None:
        client, email, password = self._signed_up()
        with pytest.raises(AuthApiError) as refused:
            client.auth.sign_in_with_password({"email": email, "password": password})
        assert refused.value.code == "email_not_confirmed"

    def ask_for_the_confirmation_once_more(self) -> None:
        client, email, _ = self._signed_up()
        first = self._mail(email, "Confirm")
        client.auth.resend({"type": "signup", "email": email})
        second = self._mail(email, "Confirm", number=2)
        assert second.token_hash != first.token_hash
        with pytest.raises(AuthApiError):
            client.auth.verify_otp({"token_hash": first.token_hash, "type": "email"})
        assert client.auth.verify_otp({"token_hash": second.token_hash, "type": "email"}).session

    def reset_the_password_by_mail(self) -> None:
        client, email, old = self._confirmed()
        visitor = self._client()
        visitor.auth.reset_password_for_email(email, {"redirect_to": self._given["frontend_url"]})
        mail = self._mail(email, "password")
        assert mail.type == "recovery"
        visitor.auth.verify_otp({"token_hash": mail.token_hash, "type": "recovery"})
        new = secrets.token_urlsafe(12)
        visitor.auth.update_user({"password": new})
        with pytest.raises(AuthApiError) as refused:
            client.auth.sign_in_with_password({"email": email, "password": old})
        assert refused.value.code == "invalid_credentials"
        assert client.auth.sign_in_with_password({"email": email, "password": new}).session

    def refresh_the_session(self) -> None:
        client, email, password = self._confirmed()
        before = client.auth.sign_in_with_password({"email": email, "password": password}).session
        assert before
        after = client.auth.refresh_session().session
        assert after
        assert after.refresh_token != before.refresh_token
        assert client.table("profiles").select("id").execute().data == [{"id": after.user.id}]
        other = self._client()
        restored = other.auth.set_session(after.access_token, after.refresh_token).session
        assert restored
        assert restored.user.email == email

    def sign_out_and_the_session_is_over(self) -> None:
        client, email, password = self._confirmed()
        session = client.auth.sign_in_with_password({"email": email, "password": password}).session
        assert session
        client.auth.sign_out()
        assert client.auth.get_session() is None
        other = self._client()
        with pytest.raises(AuthApiError) as refused:
            other.auth.get_user(session.access_token)
        assert refused.value.code == "session_not_found"
        with pytest.raises(AuthApiError):
            other.auth.refresh_session(session.refresh_token)

    def sign_up_of_a_known_address_gives_no_hint(self) -> None:
        client, email, password = self._confirmed()
        visitor = self._client()
        answer = visitor.auth.sign_up({"email": email, "password": "another one 9"})
        assert answer.session is None
        assert answer.user
        assert answer.user.email == email
        assert answer.user.id != self._user_id(client)
        with pytest.raises(AuthApiError):
            visitor.auth.sign_in_with_password({"email": email, "password": "another one 9"})
        assert visitor.auth.sign_in_with_password({"email": email, "password": password}).session

    # ------------------------------------------------------------------------------------ tables

    def edit_the_profile(self) -> None:
        client, writer = self._writer()
        table = client.table("profiles")
        changed = table.update({"timezone": "Europe/Paris"}).eq("id", writer["id"]).execute().data
        assert [row["timezone"] for row in changed] == ["Europe/Paris"]
        with pytest.raises(APIError) as refused:
            client.table("profiles").update({"timezone": "Mars"}).eq("id", writer["id"]).execute()
        assert refused.value.code == "PT422"
        assert [entry["field"] for entry in _fields(refused.value)] == ["timezone"]

    def keep_sources(self) -> None:
        client, _ = self._writer()
        url = f"https://example.com/{secrets.token_hex(6)}"
        (made,) = client.table("sources").insert({"url": url, "category": "news"}).execute().data
        assert (made["kind"], made["status"]) == ("feed", "waiting")
        with pytest.raises(APIError) as again:
            client.table("sources").insert({"url": url}).execute()
        assert again.value.code == "23505"
        own = client.table("sources").update({"title": "Mine"}).eq("id", made["id"]).execute().data
        assert [row["title"] for row in own] == ["Mine"]
        client.table("sources").delete().eq("id", made["id"]).execute()
        assert client.table("sources").select("id").eq("id", made["id"]).execute().data == []

    def write_posts(self) -> None:
        client, writer = self._writer()
        (post,) = client.table("posts").insert({"text": "A draft"}).execute().data
        assert (post["user_id"], post["status"]) == (writer["id"], "draft")
        mine = client.table("posts").update({"text": "Better"}).eq("id", post["id"]).execute().data
        assert [row["text"] for row in mine] == ["Better"]
        found = client.table("posts").select("id, text").ilike("text", "bett%").execute().data
        assert {"id": post["id"], "text": "Better"} in found
        client.table("posts").delete().eq("id", post["id"]).execute()
        assert client.table("posts").select("id").eq("id", post["id"]).execute().data == []

    def choose_accounts(self) -> None:
        client, writer = self._writer()
        (post,) = client.table("posts").insert({"text": "For everybody"}).execute().data
        row = {"post_id": post["id"], "account_id": writer["account_id"]}
        (target,) = client.table("post_targets").insert(row).execute().data
        assert target["state"] == "draft"
        client.table("post_targets").update({"options": {"visibility": "CONNECTIONS"}}).eq(
            "id", target["id"]
        ).execute()
        whole = (
            client.table("posts")
            .select("id, post_targets(state, options, social_accounts(account_name))")
            .eq("id", post["id"])
            .single()
            .execute()
            .data
        )
        assert whole["post_targets"] == [
            {
                "state": "draft",
                "options": {"visibility": "CONNECTIONS"},
                "social_accounts": {"account_name": writer["account_name"]},
            }
        ]
        client.table("post_targets").delete().eq("id", target["id"]).execute()
        left = client.table("post_targets").select("id").eq("post_id", post["id"]).execute().data
        assert left == []

    def write_no_column_of_the_service(self) -> None:
        client, writer = self._writer()
        account = {"id": writer["account_id"]}
        calls: list[Callable[[], Any]] = [
            client.table("posts").insert({"text": "x", "status": "published"}).execute,
            client.table("social_accounts").update({"status": "active"}).match(account).execute,
            client.table("social_account_tokens").select("*").execute,
            client.rpc("heartbeat", {"name": "me"}).execute,
        ]
        for call in calls:
            with pytest.raises(APIError) as refused:
                call()
            assert refused.value.code == "42501"

    def see_nothing_of_others(self) -> None:
        client, writer = self._writer()
        stranger = self._given["stranger"]
        assert client.table("posts").select("id").eq("id", stranger["post_id"]).execute().data == []
        changed = (
            client.table("posts").update({"text": "x"}).eq("id", stranger["post_id"]).execute()
        )
        assert changed.data == []
        with pytest.raises(APIError) as forged:
            client.table("posts").insert({"text": "x", "user_id": stranger["id"]}).execute()
        assert forged.value.code == "42501"
        with pytest.raises(APIError) as foreign:
            client.table("post_targets").insert(
                {"post_id": stranger["post_id"], "account_id": writer["account_id"]}
            ).execute()
        assert foreign.value.code == "23503"

    # ------------------------------------------------------------------------------------ files

    def keep_files(self) -> None:
        client, writer = self._writer()
        bucket = client.storage.from_("media")
        folder = f"{writer['id']}/{secrets.token_hex(6)}"
        path = f"{folder}/picture.png"
        bucket.upload(path, PNG, {"content-type": "image/png"})
        assert [file["name"] for file in bucket.list(folder)] == ["picture.png"]
        signed = self._http.get(bucket.create_signed_url(path, 60)["signedURL"])
        assert (signed.status_code, signed.content) == (200, PNG)
        assert signed.headers["content-type"] == "image/png"
        (row,) = client.table("media").insert({"path": path, "alt_text": "Dots"}).execute().data
        assert row["user_id"] == writer["id"]
        with pytest.raises(StorageApiError):
            bucket.upload(
                f"{self._given['stranger']['id']}/x.png", PNG, {"content-type": "image/png"}
            )
        with pytest.raises(StorageApiError):
            bucket.upload(f"{folder}/x.html", b"<p>", {"content-type": "text/html"})
        bucket.remove([path])
        assert bucket.list(folder) == []

    # ------------------------------------------------------------------------------------ functions

    def hear_why_a_post_cannot_be_scheduled(self) -> None:
        client, writer = self._writer()
        (post,) = client.table("posts").insert({"text": "x" * 3001}).execute().data
        with pytest.raises(APIError) as nowhere:
            client.rpc("schedule_post", {"post": post["id"]}).execute()
        assert nowhere.value.code == "PT422"
        assert [entry["field"] for entry in _fields(nowhere.value)] == ["targets"]
        row = {"post_id": post["id"], "account_id": writer["account_id"]}
        (target,) = client.table("post_targets").insert(row).execute().data
        with pytest.raises(APIError) as long:
            client.rpc("schedule_post", {"post": post["id"]}).execute()
        assert long.value.code == "PT422"
        (reason,) = _fields(long.value)
        assert (reason["field"], reason["target_id"]) == ("text", target["id"])
        assert "3001 characters" in reason["message"]
        assert writer["account_name"] in reason["message"]
        assert long.value.message == reason["message"]
        with pytest.raises(APIError) as missing:
            client.rpc("schedule_post", {"post": self._given["stranger"]["post_id"]}).execute()
        assert (missing.value.code, missing.value.message) == ("PT404", "There is no such post.")

    def schedule_and_unschedule(self) -> None:
        client, writer = self._writer()
        (post,) = client.table("posts").insert({"text": "Tomorrow"}).execute().data
        row = {"post_id": post["id"], "account_id": writer["account_id"]}
        client.table("post_targets").insert(row).execute()
        at = datetime.now(UTC) + timedelta(days=1)
        scheduled = client.rpc(
            "schedule_post", {"post": post["id"], "at": at.isoformat()}
        ).execute()
        assert scheduled.data["status"] == "scheduled"
        assert datetime.fromisoformat(scheduled.data["scheduled_at"]) == at
        (target,) = (
            client.table("post_targets").select("state").eq("post_id", post["id"]).execute().data
        )
        assert target == {"state": "scheduled"}
        draft = client.rpc("unschedule_post", {"post": post["id"]}).execute().data
        assert (draft["status"], draft["scheduled_at"]) == ("draft", None)

    def search_articles(self) -> None:
        client, writer = self._writer()
        (found,) = client.rpc("search_sources", {"query": '"alpine marmots" -cats'}).execute().data
        assert found["id"] == writer["item_id"]
        assert "«marmots»" in found["snippet"]
        assert client.rpc("search_sources", {"query": "marmots cats"}).execute().data == []

    # ------------------------------------------------------------------------------------ helpers

    def _client(self) -> AnyClient:
        options = ClientOptions(
            flow_type="implicit", auto_refresh_token=False, httpx_client=self._http
        )
        return create_client(self._given["supabase_url"], self._given["publishable_key"], options)

    def _signed_up(self) -> tuple[AnyClient, str, str]:
        client = self._client()
        email, password = f"py-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12)
        answer = client.auth.sign_up(
            {
                "email": email,
                "password": password,
                "options": {
                    "data": {"display_name": "Ana"},
                    "email_redirect_to": self._given["frontend_url"],
                },
            }
        )
        assert answer.session is None
        return client, email, password

    def _confirmed(self) -> tuple[AnyClient, str, str]:
        client, email, password = self._signed_up()
        mail = self._mail(email, "Confirm")
        client.auth.verify_otp({"token_hash": mail.token_hash, "type": "email"})
        return client, email, password

    def _writer(self) -> tuple[AnyClient, dict[str, Any]]:
        client, writer = self._client(), self._given["writer"]
        client.auth.sign_in_with_password(
            {"email": writer["email"], "password": writer["password"]}
        )
        return client, writer

    def _user_id(self, client: AnyClient) -> str:
        return str(client.auth.get_user().user.id)

    def _mail(self, email: str, subject: str, number: int = 1) -> Mail:
        """The newest mail to this address about `subject`, once `number` of them have arrived."""
        mailbox = self._given["mailbox_url"]

        def look() -> str | None:
            listed = self._http.get(f"{mailbox}/api/v1/messages?limit=500").json()["messages"]
            ids = [
                mail["ID"]
                for mail in listed
                if mail["To"][0]["Address"] == email and subject in mail["Subject"]
            ]
            return ids[0] if len(ids) >= number else None

        message_id = until(look, f"mail {number} about {subject} to {email}")
        mail = self._http.get(f"{mailbox}/api/v1/message/{message_id}").json()
        link = re.search(r"https?://\S+token_hash=[^\s\"<>]+", mail["Text"])
        code = re.search(r"\b\d{6}\b", mail["Text"])
        assert link, mail["Text"]
        assert code, mail["Text"]
        query = parse_qs(urlsplit(link.group()).query)
        return Mail(mail["Subject"], code.group(), query["token_hash"][0], query["type"][0])


def _fields(error: APIError) -> list[dict[str, str]]:
    """The fields that a refusal is about."""
    fields: list[dict[str, str]] = json.loads(error.details or "[]")
    return fields


def scenario(frontend: Frontend, name: str) -> Callable[[], None]:
    """The scenario of this name."""
    run: Callable[[], None] = getattr(frontend, name)
    return run
