"""Access past row-level security: for the worker, and for the few steps that touch tokens and states."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any, BinaryIO

from ..core.errors import Conflict
from ..core.ports import Identity, Inspected
from ..core.records import (
    ClaimedGeneration,
    ClaimedTarget,
    DueSource,
    Lease,
    SealedTokens,
    Settlement,
    StateVerdict,
    UploadedMedia,
)
from .calls import Calls
from .files import Files
from .rows import claimed_target, time_or_none


class Service:
    """Everything the service key is used for, one method per database function. Errors are those of `Calls`."""

    def __init__(self, calls: Calls, files: Files) -> None:
        self._calls = calls
        self.files = files

    # ---------------------------------------------------------------- publishing

    def claim_due_targets(
        self, worker: str, take: int, lease_seconds: int, ahead_seconds: float
    ) -> tuple[datetime, list[ClaimedTarget]]:
        """Lease due targets; returns the database's clock and the targets."""
        answer = self._calls.rpc(
            "claim_due_targets", worker_name=worker, take=take, lease_seconds=lease_seconds, ahead_seconds=ahead_seconds
        )  # fmt: skip
        return datetime.fromisoformat(answer["now"]), [
            claimed_target(row) for row in answer["targets"]
        ]

    def begin_send(self, targets: Sequence[ClaimedTarget], seconds_left: int) -> dict[int, str]:
        """Commit the send marks, each with that many seconds of lease from now on; returns the verdict by lease token:
        send, changed, parked, early or lost."""
        sends = [
            {"target_id": t.target_id, "lease_token": t.lease_token, "post_version": t.post_version, "target_version": t.target_version}
            for t in targets
        ]  # fmt: skip
        rows = self._calls.rpc("begin_send", sends=sends, seconds_left=seconds_left)
        return {int(row["lease_token"]): str(row["verdict"]) for row in rows}

    def settle_attempts(self, settlements: Sequence[Settlement]) -> dict[int, str]:
        """Record outcomes; returns the verdict by lease token: settled, known or kept. Safe to repeat."""
        rows = self._calls.rpc("settle_attempt", results=[asdict(s) for s in settlements])
        return {int(row["lease_token"]): str(row["verdict"]) for row in rows}

    def renew_leases(self, leases: Sequence[Lease], lease_seconds: int) -> set[int]:
        """Extend leases; returns the tokens still held."""
        held = [
            {"target_id": lease.target_id, "lease_token": lease.lease_token} for lease in leases
        ]
        return {
            int(token)
            for token in self._calls.rpc("renew_lease", leases=held, lease_seconds=lease_seconds)
        }

    def recover_leases(self) -> dict[str, int]:
        """Take back what vanished workers held; returns counts of requeued, quarantined, unconfirmed."""
        counts: dict[str, int] = self._calls.rpc("recover_leases")
        return counts

    def mark_missed(self) -> int:
        """End targets whose deadline has passed; returns how many."""
        return int(self._calls.rpc("mark_missed"))

    # ---------------------------------------------------------------- accounts

    def save_oauth_state(
        self, *, state_hash: str, user_id: str, platform: str, verifier_sealed: str, browser_hash: str, redirect_to: str, expires_at: datetime
    ) -> None:  # fmt: skip
        """Remember a started connection."""
        self._calls.run(
            self._calls.table("oauth_states").insert(
                {
                    "state_hash": state_hash,
                    "user_id": user_id,
                    "platform_id": platform,
                    "verifier_sealed": verifier_sealed,
                    "browser_hash": browser_hash,
                    "redirect_to": redirect_to,
                    "expires_at": expires_at.isoformat(),
                },
                returning="minimal",
            )
        )

    def consume_oauth_state(
        self, state_hash: str, platform: str, browser_hash: str | None
    ) -> StateVerdict:
        """Use up a state; only one caller ever gets the verdict "ok"."""
        row = self._calls.rpc(
            "consume_oauth_state", hash=state_hash, platform=platform, browser=browser_hash
        )
        return StateVerdict(
            verdict=row["verdict"],
            user_id=row.get("user_id"),
            redirect_to=row.get("redirect_to"),
            verifier_sealed=row.get("verifier_sealed"),
        )

    def store_account(
        self, account_id: str, user_id: str, platform: str, identity: Identity, scopes: Sequence[str], tokens: SealedTokens
    ) -> str:  # fmt: skip
        """Store or reconnect an account with its sealed tokens; returns its id."""
        account = {
            "id": account_id,
            "user_id": user_id,
            "platform": platform,
            "granted_scopes": list(scopes),
            **asdict(identity),
        }
        return str(self._calls.rpc("store_account", account=account, token=_token_json(tokens)))

    def account_tokens(self, account_id: str) -> SealedTokens | None:
        """An account's sealed tokens, None when they were forgotten."""
        rows = self._calls.run(
            self._calls.table("social_account_tokens")
            .select(
                "access_token_sealed,refresh_token_sealed,access_token_expires_at,refresh_token_expires_at,version"
            )
            .eq("account_id", account_id)
        )
        if not rows:
            return None
        row = rows[0]
        return SealedTokens(
            access_token_sealed=row["access_token_sealed"],
            refresh_token_sealed=row["refresh_token_sealed"],
            access_token_expires_at=time_or_none(row["access_token_expires_at"]),
            refresh_token_expires_at=time_or_none(row["refresh_token_expires_at"]),
            version=row["version"],
        )

    def disconnect_account(self, account_id: str, user_id: str) -> bool:
        """Forget an account's tokens; False when there is no such account."""
        return bool(self._calls.rpc("disconnect_account", account=account_id, owner=user_id))

    def reseal_tokens(
        self, account_id: str, version: int, access_sealed: str, refresh_sealed: str | None
    ) -> bool:
        """Replace sealed tokens by the same under a newer key, unless they changed meanwhile."""
        return bool(
            self._calls.rpc(
                "reseal_tokens",
                account=account_id,
                read_version=version,
                access_token_sealed=access_sealed,
                refresh_token_sealed=refresh_sealed,
            )
        )

    # ---------------------------------------------------------------- sources and media

    def claim_due_sources(self, take: int, retry_after_seconds: int) -> list[DueSource]:
        """Sources whose time has come."""
        rows = self._calls.rpc(
            "claim_due_sources", take=take, retry_after_seconds=retry_after_seconds
        )
        return [_due_source(row) for row in rows]

    def record_source_fetch(self, source_id: str, result: dict[str, Any]) -> int:
        """Store what one reading of a source found; returns how many items were new."""
        return int(self._calls.rpc("record_source_fetch", source=source_id, result=result))

    def claim_uploaded_media(self, take: int, retry_after_seconds: int) -> list[UploadedMedia]:
        """Uploaded files that nobody has looked at."""
        rows = self._calls.rpc(
            "claim_uploaded_media", take=take, retry_after_seconds=retry_after_seconds
        )
        return [
            UploadedMedia(row["id"], row["user_id"], row["path"], row["inspections"])
            for row in rows
        ]

    def open_media(self, path: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of a media file. Raises NotFound, Unavailable."""
        return self.files.open(path)

    def accept_media(self, media_id: str, facts: Inspected) -> None:
        """Mark media as ready with what it is."""
        self._calls.run(
            self._calls.table("media")
            .update({**asdict(facts), "status": "ready", "reason": None}, returning="minimal")
            .eq("id", media_id)
        )

    def reject_media(self, media_id: str, reason: str) -> None:
        """Mark media as not usable, with the reason its owner reads."""
        self._calls.run(
            self._calls.table("media")
            .update({"status": "rejected", "reason": reason[:500]}, returning="minimal")
            .eq("id", media_id)
        )

    def save_media(
        self,
        media_id: str,
        user_id: str,
        path: str,
        content: bytes,
        facts: Inspected,
        alt_text: str | None,
    ) -> None:
        """Store a file we made and its row; repeated with the same id it changes nothing."""
        self.files.put(path, content, facts.mime)
        row = {
            **asdict(facts),
            "id": media_id,
            "user_id": user_id,
            "path": path,
            "alt_text": alt_text,
            "status": "ready",
        }
        try:
            self._calls.run(self._calls.table("media").insert(row, returning="minimal"))
        except Conflict:
            return  # an earlier try of ours got as far as this

    # ---------------------------------------------------------------- generations

    def claim_generation(
        self, generation_id: str | None, lease_seconds: int
    ) -> ClaimedGeneration | None:
        """Take a waiting generation (None: the oldest); None when there is nothing to take."""
        rows = self._calls.rpc(
            "claim_generation", wanted=generation_id, lease_seconds=lease_seconds
        )
        if not rows:
            return None
        row = rows[0]
        return ClaimedGeneration(row["id"], row["user_id"], row["input"], row["lease_token"])

    def record_generation_progress(
        self,
        generation: ClaimedGeneration,
        status: str,
        space: str,
        progress: dict[str, Any],
        lease_seconds: int,
    ) -> str:
        """Record progress and extend the lease; returns "go on", "cancel" or "lost"."""
        return str(
            self._calls.rpc(
                "record_generation_progress",
                generation=generation.generation_id,
                token=generation.lease_token,
                new_status=status,
                new_space=space,
                new_progress=progress,
                lease_seconds=lease_seconds,
            )
        )

    def finish_generation(self, generation: ClaimedGeneration, result: dict[str, Any]) -> bool:
        """End a generation with its result; False when it was not ours any more."""
        return bool(
            self._calls.rpc(
                "finish_generation",
                generation=generation.generation_id,
                token=generation.lease_token,
                result=result,
            )
        )

    # ---------------------------------------------------------------- operations

    def take_idempotency_key(self, user_id: str, key: str, request_hash: str) -> dict[str, Any]:
        """Take a key, or learn what the first request with it got (see the database function)."""
        answer: dict[str, Any] = self._calls.rpc(
            "take_idempotency_key", owner=user_id, new_key=key, hash=request_hash
        )
        return answer

    def store_idempotent_answer(self, user_id: str, key: str, status: int, body: Any) -> None:
        """Keep the answer of the first request with a key."""
        self._calls.run(
            self._calls.table("idempotency_keys")
            .update({"response_status": status, "response_body": body}, returning="minimal")
            .eq("user_id", user_id)
            .eq("key", key)
        )

    def free_idempotency_key(self, user_id: str, key: str) -> None:
        """Free a key whose request failed, so that it may be tried again."""
        self._calls.run(
            self._calls.table("idempotency_keys")
            .delete(returning="minimal")
            .eq("user_id", user_id)
            .eq("key", key)
        )

    def heartbeat(self, worker: str) -> None:
        """Say that this worker lives."""
        self._calls.rpc("heartbeat", name=worker)

    def purge_expired(self) -> int:
        """Remove what has served its time; returns how many rows went."""
        return int(self._calls.rpc("purge_expired"))

    def next_work(self) -> dict[str, float | None]:
        """Seconds until each queue has work, by its name; None when nothing waits there."""
        due: dict[str, float | None] = self._calls.rpc("next_work")
        return due

    def system_health(self) -> dict[str, Any]:
        """Ages and counts that readiness asks for."""
        health: dict[str, Any] = self._calls.rpc("system_health")
        return health


def _token_json(tokens: SealedTokens) -> dict[str, Any]:
    return {
        "access_token_sealed": tokens.access_token_sealed,
        "refresh_token_sealed": tokens.refresh_token_sealed,
        "access_token_expires_at": tokens.access_token_expires_at.isoformat()
        if tokens.access_token_expires_at
        else None,
        "refresh_token_expires_at": tokens.refresh_token_expires_at.isoformat()
        if tokens.refresh_token_expires_at
        else None,
    }


def _due_source(row: dict[str, Any]) -> DueSource:
    return DueSource(
        row["id"],
        row["user_id"],
        row["url"],
        row["kind"],
        row["etag"],
        row["last_modified"],
        row["failures"],
    )
