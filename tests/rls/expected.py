"""Who may do what, written down by hand. The tests hold the database's catalogue against these tables.

A table or function that is missing here fails by name: whoever adds one decides here, too, who may use it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """What `authenticated` may do with a table; anon may do nothing, service_role everything.

    `insert` and `update` name the columns that may be written. `owner` is the column that says whose a row is.
    """

    select: bool = True
    delete: bool = False
    insert: str = ""
    update: str = ""
    owner: str | None = "user_id"

    @property
    def insert_columns(self) -> set[str]:
        """The columns a user may name when inserting."""
        return set(self.insert.split())

    @property
    def update_columns(self) -> set[str]:
        """The columns a user may change."""
        return set(self.update.split())


SERVICE_ONLY = Access(select=False)

TABLES = {
    "account_deletions": SERVICE_ONLY,
    "chat_messages": Access(delete=True),
    "chat_sessions": Access(delete=True, update="title"),
    "generations": Access(delete=True),
    "idempotency_keys": SERVICE_ONLY,
    "imported_rows": Access(),
    "indexing_queue": SERVICE_ONLY,
    "media": Access(delete=True, insert="id user_id path alt_text", update="alt_text"),
    "media_texts": Access(),
    "notifications": Access(update="read_at"),
    "oauth_states": SERVICE_ONLY,
    "passage_embeddings": SERVICE_ONLY,
    "passages": Access(),
    "platforms": Access(owner=None),
    "post_media": Access(
        delete=True, insert="post_id media_id user_id position", update="position"
    ),
    "post_targets": Access(
        delete=True,
        insert="id user_id post_id account_id text_override options",
        update="text_override options",
    ),
    "post_metrics": Access(),
    "posts": Access(
        delete=True,
        insert="id user_id text max_lateness generation_id queued_at",
        update="text max_lateness queued_at",
    ),
    "profiles": Access(
        update="display_name avatar_path timezone locale notification_settings", owner="id"
    ),
    "publication_notes": Access(select=False, owner=None),
    "publish_attempts": Access(),
    "quotas": Access(owner=None),
    "slot_occurrences": Access(),
    "slots": Access(
        delete=True,
        insert="id user_id account_id weekday schedule_time timezone mode lead_time min_gap approval brief enabled",
        update="weekday schedule_time timezone mode lead_time min_gap approval brief enabled",
    ),
    "social_account_tokens": Access(select=False, owner=None),
    "social_accounts": Access(),
    "source_items": Access(delete=True),
    "speeches": Access(),
    "sources": Access(
        delete=True, insert="id user_id url title category kind", update="title category"
    ),
    "webhook_deliveries": Access(),
    "webhook_secrets": Access(select=False, owner=None),
    "webhooks": Access(delete=True, update="kinds description enabled"),
    "worker_heartbeats": Access(select=False, owner=None),
}

# Buckets of Storage: private, and a folder for everybody; tests/rls/test_storage.py tries each of them.
BUCKETS = ("media",)

USERS = "authenticated"
SERVICE = "service_role"

FUNCTIONS = {
    "account_to_ask": SERVICE,
    "add_up_counts": SERVICE,
    "add_webhook_secret": SERVICE,
    "approve_occurrence": USERS,
    "begin_account_deletion": SERVICE,
    "begin_chat_turn": USERS,
    "begin_send": SERVICE,
    "begin_speech": SERVICE,
    "begin_token_refresh": SERVICE,
    "cancel_generation": USERS,
    "cancel_target": USERS,
    "claim_account_deletions": SERVICE,
    "claim_due_sources": SERVICE,
    "claim_due_targets": SERVICE,
    "claim_unconfirmed": SERVICE,
    "claim_generation": SERVICE,
    "claim_mails": SERVICE,
    "claim_measurements": SERVICE,
    "claim_profiles": SERVICE,
    "claim_unembedded": SERVICE,
    "claim_unindexed": SERVICE,
    "claim_unread_documents": SERVICE,
    "claim_uploaded_media": SERVICE,
    "claim_webhook_deliveries": SERVICE,
    "consume_oauth_state": SERVICE,
    "counters": SERVICE,
    "create_webhook": SERVICE,
    "delete_account_rows": SERVICE,
    "disconnect_account": SERVICE,
    "draft_from_message": USERS,
    "end_lost_answers": SERVICE,
    "end_token_refresh": SERVICE,
    "export_posts": USERS,
    "fill_occurrences": SERVICE,
    "finish_chat_answer": SERVICE,
    "finish_generation": SERVICE,
    "finish_speech": SERVICE,
    "heartbeat": SERVICE,
    "import_posts": USERS,
    "import_sources": USERS,
    "keep_notes": SERVICE,
    "lose_account": SERVICE,
    "mark_missed": SERVICE,
    "next_free_slot": USERS,
    "next_work": SERVICE,
    "note_deleted": SERVICE,
    "open_occurrences": SERVICE,
    "post_insights": USERS,
    "purge_expired": SERVICE,
    "quiet_account": SERVICE,
    "record_chat_answers": SERVICE,
    "record_generation_progress": SERVICE,
    "record_mails": SERVICE,
    "record_source_fetch": SERVICE,
    "recover_leases": SERVICE,
    "redeliver_webhook": USERS,
    "refresh_source": USERS,
    "renew_lease": SERVICE,
    "request_generation": USERS,
    "reseal_many_tokens": SERVICE,
    "reseal_many_verifiers": SERVICE,
    "reseal_tokens": SERVICE,
    "retry_target": USERS,
    "schedule_post": USERS,
    "search_passages": USERS,
    "search_sources": USERS,
    "settle_attempt": SERVICE,
    "settle_outcome": SERVICE,
    "settle_target": USERS,
    "settle_unconfirmed": SERVICE,
    "settle_webhook_delivery": SERVICE,
    "source_engagement": USERS,
    "store_account": SERVICE,
    "store_embeddings": SERVICE,
    "store_passages": SERVICE,
    "stop_chat_answer": USERS,
    "stop_mails": SERVICE,
    "system_health": SERVICE,
    "take_idempotency_key": SERVICE,
    "take_source_items": SERVICE,
    "target_to_delete": SERVICE,
    "test_webhook": USERS,
    "tokens_to_refresh": SERVICE,
    "unschedule_post": USERS,
    "watch_permissions": SERVICE,
}

# Functions in the schema private that a role other than the owner may execute; the API does not expose the schema.
PRIVATE_FUNCTIONS = {
    "account_with_token": {SERVICE},
    "are_notification_settings": {SERVICE, USERS},
    "as_id": {USERS},
    "book_queued_posts": {SERVICE},
    "choose_heads": {SERVICE},
    "claimed_target": {SERVICE},
    "claimed_targets": {SERVICE},
    "close_occurrences": {SERVICE},
    "due_heads": {SERVICE},
    "finish_drafts": {SERVICE},
    "follow_accounts": {SERVICE},
    "has_embeddings": {SERVICE, USERS},
    "histograms": {SERVICE},
    "hold_back_account": {SERVICE},
    "instant_of": {SERVICE},
    "is_live_in_part": {SERVICE, USERS},
    "is_readable": {SERVICE, USERS},
    "lexeme_query": {USERS},
    "lock_targets": {SERVICE},
    "open_slots": {SERVICE},
    "note_read_back": {SERVICE},
    "outcome_as_known": {SERVICE},
    "owner_lexeme": {SERVICE, USERS},
    "park_account": {SERVICE},
    "passage_languages": {USERS},
    "passage_search": {SERVICE},
    "purge_webhooks": {SERVICE},
    "question_terms": {USERS},
    "rank_by_meaning": {USERS},
    "rank_by_words": {USERS},
    "refuse": {SERVICE, USERS},
    "refuse_over_quota": {SERVICE},
    "search_configuration": {SERVICE, USERS},
    "sent_at": {SERVICE},
    "session_lives": {SERVICE},
    "settle_target_row": {SERVICE},
    "sign_pairs": {SERVICE, USERS},
    "start_drafts": {SERVICE},
    "stays": {USERS},
    "take_hints": {SERVICE},
    "take_unindexed": {SERVICE},
    "target_may_move": {SERVICE, USERS},
    "try_lock_slots": {SERVICE},
    "vector_type": {SERVICE},
    "without_marks": {SERVICE, USERS},
}
