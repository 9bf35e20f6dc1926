"""What a frontend does with Supabase itself. Both client libraries go through this list."""

from __future__ import annotations

SCENARIOS = [
    "sign_up_and_confirm_by_the_link",
    "sign_up_and_confirm_by_the_code",
    "no_sign_in_before_the_address_is_confirmed",
    "ask_for_the_confirmation_once_more",
    "reset_the_password_by_mail",
    "refresh_the_session",
    "sign_out_and_the_session_is_over",
    "sign_up_of_a_known_address_gives_no_hint",
    "edit_the_profile",
    "keep_sources",
    "write_posts",
    "choose_accounts",
    "write_no_column_of_the_service",
    "see_nothing_of_others",
    "keep_files",
    "hear_why_a_post_cannot_be_scheduled",
    "schedule_and_unschedule",
    "search_articles",
]
