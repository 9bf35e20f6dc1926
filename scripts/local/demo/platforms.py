"""One post on five platforms in nine steps: each in its own form, each target telling its own truth."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from PIL import ExifTags, Image, ImageDraw

from .job import ENDED, MainJob
from .visitor import DemoError, until

PLATFORMS = ("linkedin", "x", "facebook", "instagram", "tiktok")
SECONDS_AHEAD = 4
STEPS = 9
TEXT = (
    "Two pictures from this morning's walk (before the rain) 🌧️\n\n"
    "The harbour was empty, the bakery was not. More at https://lin.example.com/walks #harbour #morning"
)
VARIANT = "Two pictures from this morning's walk 🌧️ https://lin.example.com/walks #harbour"
# What the person chooses on platforms that ask for it.
OPTIONS = {"tiktok": {"privacy_level": "PUBLIC_TO_EVERYONE"}}
# The refusal that is ordered from one platform for the second post, as that platform puts it.
REFUSING = "facebook"
REFUSAL = {
    "status": 400,
    "body": {
        "error": {"message": "The post was blocked.", "type": "OAuthException", "code": 368, "fbtrace_id": "A1"}
    },
}  # fmt: skip


class FivePlatforms(MainJob):
    """Runs the steps in order; `say(number, title, evidence)` is called after each. Raises DemoError."""

    def run(self) -> dict[str, Any]:
        """Do everything; returns the second post's row at the end."""
        self._members: dict[str, str] = {}
        self._sign_up()
        self._confirm()
        accounts = {platform: self._join(platform) for platform in PLATFORMS}
        self._say(3, "connected five accounts through their consent pages", [
            f"{platform:<10} {account['account_name']} ({account['kind']}), {len(account['granted_scopes'])} scopes"
            for platform, account in accounts.items()
        ])  # fmt: skip
        media = self._upload()
        post = self._compose(TEXT, media, accounts)
        self._preview(post)
        self._go(post)
        self._published(post, accounts)
        return self._one_refuses(media, accounts)

    # -------------------------------------------------------------------------------- accounts and files

    def _join(self, platform: str) -> dict[str, Any]:
        wanted = {"platform": platform, "redirect_to": f"{self._info['frontend_url']}/connected"}
        started = self.visitor.call("POST", "/api/platforms/connect", wanted).json()
        ended = self.visitor.consent(
            started["authorization_url"], member="new", name="Ada Lovelace", decision="allow"
        )
        account_id = parse_qs(urlsplit(ended).query).get("account", [""])[0]
        if not account_id:
            raise DemoError(f"connecting {platform} ended at {ended}")
        columns = "id,account_name,kind,status,granted_scopes,external_id,platform_id"
        return self.visitor.row("social_accounts", columns, id=account_id)

    def _upload(self) -> list[dict[str, Any]]:
        user = self.visitor.user_id
        rows = []
        for name, data, mime in (
            ("harbour.png", _picture("the harbour", (2400, 1800), "PNG"), "image/png"),
            ("bakery.jpg", _picture("the bakery", (1600, 1200), "JPEG"), "image/jpeg"),
        ):
            path = f"{user}/{name}"
            self.visitor.supabase.storage.from_("media").upload(path, data, {"content-type": mime})
            rows.append(self.visitor.insert("media", path=path, alt_text=f"A drawing: {name}"))

        def checked() -> list[dict[str, Any]] | None:
            found = [self.visitor.row("media", "id,status,reason,width,height,mime", id=row["id"]) for row in rows]  # fmt: skip
            return found if all(row["status"] != "uploaded" for row in found) else None

        media = until(checked, "the worker to look at the files")
        if any(row["status"] != "ready" for row in media):
            raise DemoError(f"a file was not accepted: {media}")
        self._say(4, "uploaded two pictures to Storage; the worker looked at the bytes", [
            f"{row['mime']} {row['width']} × {row['height']}: {row['status']}" for row in media
        ])  # fmt: skip
        return media

    # -------------------------------------------------------------------------------- the post

    def _compose(
        self, text: str, media: list[dict[str, Any]], accounts: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        post = self.visitor.insert("posts", text=text)
        for position, file in enumerate(media):
            self.visitor.insert(
                "post_media", post_id=post["id"], media_id=file["id"], position=position
            )
        for platform, account in accounts.items():
            own = {"text_override": VARIANT} if platform == "x" and text == TEXT else {}
            self.visitor.insert(
                "post_targets", post_id=post["id"], account_id=account["id"], options=OPTIONS.get(platform, {}), **own
            )  # fmt: skip
        return post

    def _preview(self, post: dict[str, Any]) -> None:
        targets = self.visitor.call("GET", f"/api/posts/{post['id']}/preview").json()["targets"]
        evidence = []
        for target in targets:
            if target["violations"]:
                raise DemoError(
                    f"the preview for {target['platform']} finds {target['violations']}"
                )
            changes = [
                change for file in target["media"] for change in file["sent"]["changes"]
            ] or ["files as they are"]
            evidence.append(
                f"{target['platform']:<10} {target['length']} of {target['max_length']}, {target['privacy'] or 'public'}; {'; '.join(dict.fromkeys(changes))}"
            )
        self._say(5, "wrote one post with a variant for X; the preview shows each as it will be sent", evidence)  # fmt: skip

    def _go(self, post: dict[str, Any]) -> None:
        at = datetime.now(UTC) + timedelta(seconds=SECONDS_AHEAD)
        wanted = {"post": post["id"], "at": at.isoformat()}
        row: Any = self.visitor.supabase.rpc("schedule_post", wanted).execute().data
        self._say(6, "scheduled it", [f"status {row['status']}, for {row['scheduled_at']}"])

    def _ended(self, post: dict[str, Any]) -> list[dict[str, Any]]:
        """The post's targets as soon as all of them have come to an end."""
        columns = "id,account_id,state,external_id,external_url,error,published_at"

        def look() -> list[dict[str, Any]] | None:
            query = self.visitor.supabase.table("post_targets").select(columns)
            rows: Any = query.eq("post_id", post["id"]).execute().data
            return list(rows) if all(row["state"] in ENDED for row in rows) else None

        return until(look, "every target to end", 90)

    def _published(self, post: dict[str, Any], accounts: dict[str, dict[str, Any]]) -> None:
        targets = self._ended(post)
        names = {account["id"]: platform for platform, account in accounts.items()}
        evidence = []
        for target in sorted(targets, key=lambda t: PLATFORMS.index(names[t["account_id"]])):
            platform = names[target["account_id"]]
            if target["state"] != "published":
                raise DemoError(f"{platform} ended as {target['state']}: {target['error']}")
            seen = self._received(platform, target)
            self._members[platform] = seen["member"]
            evidence.append(
                f"{platform:<10} {len(seen['visible_text'])} characters, {len(seen['media'])} pictures: {target['external_url'] or target['external_id']}"
            )
        status = self.visitor.row("posts", "status", id=post["id"])["status"]
        self._say(7, f"five platforms have it, and the post is {status}", [*evidence, f"look at   {self._info['sandbox_url']}/feed"])  # fmt: skip
        if status != "published":
            raise DemoError(f"five targets are published, but the post is {status}")

    def _received(self, platform: str, target: dict[str, Any]) -> dict[str, Any]:
        """The post as the platform received it, compared with what the row says."""
        url = f"{self._info['sandbox_url']}/_control/posts"
        posts = requests.get(url, params={"platform": platform}, timeout=10).json()["posts"]
        for one in posts:
            if target["external_id"] in (one["urn"], one["content"].get("post_id")):
                if one["defects"]:
                    raise DemoError(f"{platform} received it damaged: {one['defects']}")
                found: dict[str, Any] = one
                return found
        raise DemoError(f"{platform} did not receive {target['external_id']}")

    # -------------------------------------------------------------------------------- one refuses

    def _one_refuses(
        self, media: list[dict[str, Any]], accounts: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """A second post that one platform refuses: the others have it all the same, and trying again mends it."""
        post = self._compose("Another walk, another #morning", media, accounts)
        refusing = accounts[REFUSING]
        order = {"order": REFUSAL, "member": self._members[REFUSING], "method": "POST", "path": "*/feed"}  # fmt: skip
        requests.post(f"{self._info['sandbox_url']}/_control/orders", json=order, timeout=10).raise_for_status()  # fmt: skip
        self.visitor.supabase.rpc("schedule_post", {"post": post["id"]}).execute()
        targets = self._ended(post)
        failed = [target for target in targets if target["state"] == "failed"]
        row = self.visitor.row("posts", "id,status", id=post["id"])
        told = {"partly_published", refusing["id"]} - {row["status"], *(t["account_id"] for t in failed)}  # fmt: skip
        if told or len(failed) != 1:
            raise DemoError(f"with one refusal the post is {row['status']}, the targets {targets}")
        self._say(8, f"{REFUSING} was told to refuse a second post: that one target failed, the others went out", [
            f"the post is {row['status']}; {sum(t['state'] == 'published' for t in targets)} of {len(targets)} targets are published",
            f"{REFUSING}: {failed[0]['error']}",
        ])  # fmt: skip
        self.visitor.supabase.rpc("retry_target", {"target": failed[0]["id"]}).execute()
        self._ended(post)
        row = self.visitor.row("posts", "id,status", id=post["id"])
        self._say(9, "tried the failed target again", [f"the post is {row['status']}"])
        if row["status"] != "published":
            raise DemoError(f"after trying again the post is {row['status']}")
        return row


def _picture(words: str, size: tuple[int, int], form: str) -> bytes:
    """A drawing. The JPEG says where it was made, as a telephone's does."""
    image = Image.new("RGB", size, (208, 228, 236))
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.rectangle((0, height * 2 // 3, width, height), fill=(96, 132, 150))
    draw.ellipse((width // 3, height // 4, width * 2 // 3, height * 3 // 4), fill=(240, 200, 120))
    draw.text((width // 20, height // 20), words, fill=(40, 40, 40), font_size=height // 16)
    data = io.BytesIO()
    if form == "JPEG":
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        image.save(data, form, quality=88, exif=exif)
    else:
        image.save(data, form)
    return data.getvalue()
