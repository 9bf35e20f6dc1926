"""Permissions that end: nothing is sent without one, and what waited goes out when it is there again."""

from __future__ import annotations

from tests.faults.rig import Rig


def test_without_a_usable_permission_nothing_is_sent_and_the_account_says_why(rig: Rig) -> None:
    posts = {
        "token_expired": rig.due(rig.account(ends=-1)),
        "seal_broken": rig.due(rig.account(bound_to="another account")),
        "missing_scope": rig.due(rig.account(scopes=["openid", "profile"])),
    }
    revoked = rig.due()
    rig.sandbox.tell("tokens/revoke", member=rig.member_of(revoked))
    rig.worker_process()
    rig.wait_for([*posts.values(), revoked], "needs_reconnect")
    for reason, post in posts.items():
        assert [(a["outcome"], a["error_class"]) for a in rig.attempts(post.target)] == [
            ("needs_reconnect", reason)
        ]
        assert rig.creates(post) == []
    assert rig.attempts(revoked.target)[0]["http_status"] == 401
    for post in (*posts.values(), revoked):
        account = rig.admin.run(
            "select status, last_error from social_accounts where user_id = %s", post.user_id
        )[0]
        assert account["status"] == "needs_reconnect"
        assert account["last_error"]
        assert [n["kind"] for n in rig.notifications(post.target)] == ["target_needs_reconnect"]
    rig.assert_invariants(*posts.values(), revoked)


def test_reconnecting_sends_what_was_parked_once_and_in_order(rig: Rig) -> None:
    account = rig.account()
    first, second = rig.due(account, due=-2), rig.due(account, due=-1)
    rig.sandbox.tell("tokens/revoke", member=rig.member_of(first))
    rig.worker_process()
    rig.wait_for([first, second], "needs_reconnect")
    rig.reconnect(account)
    rig.wait_for([first, second], "published")
    texts = [post["commentary"] for post in rig.sandbox.posts(rig.member_of(first))]
    assert texts == [rig.post(second)["text"], rig.post(first)["text"]]  # newest first
    rig.assert_invariants(first, second)


def test_a_duplicate_is_refused_with_the_reason(rig: Rig) -> None:
    account = rig.account()
    first = rig.due(account, due=-2)
    rig.worker_process()
    rig.wait_for([first], "published")
    again = rig.scheduled(account, text=rig.post(first)["text"])
    rig.wait_for([again], "failed")
    row = rig.target(again.target)
    assert (row["error_class"], row["external_id"]) == ("duplicate", None)
    assert str(rig.target(first.target)["external_id"]) in row["error"]
    assert len(rig.received(first)) == 1
