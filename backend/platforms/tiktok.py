"""TikTok: Login Kit v2, and videos and photos of an account, published or delivered to its inbox as drafts.

Facts: TikTok for Developers, OAuth v2, Content Posting API and Display API (2026-09). What is not confirmed there is said where
it matters. There is no way to delete a post.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.errors import LinError, OutcomeUnknown, Reconnect, Rejected
from ..core.platform_contract import (
    Absent,
    Accepted,
    Content,
    Identity,
    Metrics,
    Notes,
    Pending,
    Published,
    Rendering,
    Tokens,
    Violation,
)
from ..core.ports import PictureLimits, PlatformDoor
from . import tiktok_content as content_of
from .tiktok_content import LIMITS, TikTokOptions
from .tiktok_creator import Creator, check_creator, choices_of, photo_info, video_info
from .tiktok_login import TikTokLogin, TikTokSettings
from .tiktok_media import LastPart, TikTokUploads, begin_anew, photo_source
from .tiktok_outcome import TikTokOutcomes

log = logging.getLogger("lin.platforms.tiktok")


@dataclass(frozen=True)
class Photos:
    """A post of photos, ready: the body of the one call that makes it."""

    body: dict[str, Any]


class TikTok(TikTokLogin):
    """TikTok for apps with Login Kit and the Content Posting API (with Direct Post)."""

    name = "tiktok"
    LIMITS = LIMITS

    Settings = TikTokSettings
    Options = TikTokOptions
    # 1080p is read as at most 1080 wide and 1920 high, the picture being held upright
    pictures = PictureLimits(
        ("image/jpeg", "image/webp"), max_bytes=20_000_000, max_width=1080, max_height=1920
    )
    one_consent = False

    def __init__(
        self,
        door: PlatformDoor,
        settings: TikTokSettings,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(door, settings)
        self._uploads = TikTokUploads(self._call, door)
        self._outcomes = TikTokOutcomes(self._call, settings.poll_seconds)

    @property
    def metrics_scope(self) -> str:
        """What statistics need; asked for where the app has it."""
        return self.METRICS_SCOPE

    # ---------------------------------------------------------------- content

    def choices(self, tokens: Tokens, identity: Identity) -> Mapping[str, Any]:
        """What the account's owner may choose now; see tiktok_creator.choices_of. TikTok answers twenty such questions a
        minute."""
        settings = self._settings
        return choices_of(self._creator(tokens), audited=settings.audited, drafts=settings.inbox)

    def render(self, content: Content) -> Rendering:
        """The caption of a video, the description of photos, as it was written; empty for a draft video."""
        return content_of.rendering(content)

    def violations(self, content: Content) -> Sequence[Violation]:
        """What TikTok would refuse, also because of what this server's app may not do yet."""
        settings = self._settings
        return content_of.violations(
            content,
            audited=settings.audited,
            drafts=settings.inbox,
            pulls=settings.pull_prefix is not None,
        )

    def prepare(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes
    ) -> LastPart | Photos:
        """Ask what the account may publish, and upload a video but for its last part. Repeatable: what is not whole is not
        published. An upload that the notes tell of goes on where it stood, for the hour that its address lives."""
        if not content.attachments:
            raise Rejected("TikTok takes no post without media.", error_class="media_required")
        options, text = content_of.chosen(content), self.render(content).parts[0].text
        self._check_scope(tokens, options)
        if content_of.is_photos(content):
            if notes.get("reference"):  # of an earlier try, of which nothing came
                begin_anew(notes)
            creator = None if options.inbox else self._asked(tokens, options, content, notes)
            return Photos(
                {
                    "media_type": "PHOTO",
                    "post_mode": "MEDIA_UPLOAD" if options.inbox else "DIRECT_POST",
                    "post_info": photo_info(text, options, creator),
                    "source_info": photo_source(
                        content.attachments, self._settings.pull_prefix or ""
                    ),
                }
            )

        def init() -> tuple[str, dict[str, Any]]:
            if options.inbox:
                return "/post/publish/inbox/video/init/", {}
            creator = self._asked(tokens, options, content, notes)
            return "/post/publish/video/init/", {"post_info": video_info(text, options, creator)}

        return self._uploads.upload(tokens, content.attachments[0], notes, init)

    def publish(self, tokens: Tokens, prepared: Any, notes: Notes) -> Accepted:
        """Send the last part of a video, or the one call that makes a post of photos. TikTok finishes later: `outcome`."""
        if isinstance(prepared, LastPart):
            self._uploads.publish(prepared, notes)
            return Accepted(self._settings.poll_seconds)
        data = self._call("/post/publish/content/init/", tokens, prepared.body, creating=True)
        if not data.get("publish_id"):
            raise OutcomeUnknown(
                "TikTok took the photos without telling an id to ask by; the post may be live.",
                error_class="no_publish_id",
            )
        try:
            notes.keep(reference=str(data["publish_id"]))
        except LinError:  # then nobody can ask; the log is the last place that knows
            log.error("a publish_id could not be kept", extra={"publish_id": data["publish_id"]})
            raise
        return Accepted(self._settings.poll_seconds)

    def outcome(
        self, tokens: Tokens, identity: Identity, content: Content, notes: Notes, *, since: datetime
    ) -> Published | Pending | Absent | None:
        """What became of it. "Published" of a draft means that it was delivered to the inbox: whether its owner publishes it
        there is not told. A post that cannot be seen publicly (yet) has its publish_id for an id, and no address."""
        username = notes.get("username") or identity.username
        return self._outcomes.outcome(tokens, username, notes, since)

    def metrics(
        self, tokens: Tokens, identity: Identity, external_ids: Sequence[str]
    ) -> Mapping[str, Metrics]:
        """The statistics of public posts; of what has a publish_id only, nothing is told."""
        ids = [one for one in external_ids if one.isdecimal()]
        if not ids:
            return {}
        data = self._call(
            "/video/query/",
            tokens,
            {"filters": {"video_ids": ids[:20]}},
            params={"fields": "id,like_count,comment_count,share_count,view_count"},
        )
        videos = data.get("videos")
        return {
            str(video["id"]): Metrics(
                impressions=video.get("view_count"),
                likes=video.get("like_count"),
                comments=video.get("comment_count"),
                shares=video.get("share_count"),
            )
            for video in (videos if isinstance(videos, list) else ())
            if isinstance(video, dict) and video.get("id")
        }

    def _check_scope(self, tokens: Tokens, options: TikTokOptions) -> None:
        """A draft needs a permission of its own; without it the account still publishes, so this one post is refused."""
        needed = self.DRAFT_SCOPE if options.inbox else "video.publish"
        if tokens.scopes and needed not in tokens.scopes:
            missing = Rejected if options.inbox else Reconnect
            raise missing(
                f"The account has not granted {needed}; connect it again and leave it ticked.",
                error_class="missing_scope",
            )

    def _asked(
        self, tokens: Tokens, options: TikTokOptions, content: Content, notes: Notes
    ) -> Creator:
        """What the account may publish, asked before each post as TikTok wants it; refuses what it does not offer."""
        creator = self._creator(tokens)
        check_creator(creator, options, content.attachments[0])
        notes.keep(username=creator.username)
        return creator


PLATFORM = TikTok
