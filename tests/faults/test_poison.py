"""Posts that are odd, broken or deadly: each ends truthfully, and its neighbours go out."""

from __future__ import annotations

import json
import signal
import socket

import httpx
import psycopg
import pytest

from tests.engine.actors import Post
from tests.faults.rig import UPLOAD, Rig
from tests.tls import TLS

ODD_TEXTS = {
    "right to left": "שלום עולם \u202eabc\u202c مرحبا بالعالم",
    "nothing to see": "zero\u200bwidth\u200djoined\ufeff\u2060 and \u2028 lines \u2029 too\u0085",
    "far planes": "👩🏽‍🚀🏴󠁧󠁢󠁳󠁣󠁴󠁿 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd \uffff",
    "piled up": "Z" + "\u0335\u0321\u0352" * 300,
    "looks like code": "\\u0000 %00 {{7*7}} ${HOME} '; drop table posts; -- <script>\r\n\tHost: x",
    "as long as it may be": "🌷" * 3000,
}


def _written(rig: Rig, text: str) -> Post:
    """A post with this text, not due yet."""
    post = rig.due(due=3600)
    rig.admin.run("update posts set text = %s where id = %s", text, post.id)
    return post


def _now(rig: Rig, *posts: Post) -> None:
    """Let them all be due at one moment, so that they are claimed together."""
    rows = rig.admin.run(
        "update post_targets t set due_at = m, next_attempt_at = m from (select now() as m) at where t.id = any (%s) returning id, due_at",
        [post.target for post in posts],
    )
    rig.first_due |= {str(row["id"]): row["due_at"] for row in rows}


def _file(rig: Rig, post: Post) -> str:
    """Where the bytes of its only file are."""
    (row,) = rig.admin.run(
        "select m.path from media m join post_media pm on pm.media_id = m.id where pm.post_id = %s",
        post.id,
    )
    return f"{rig.stack.info['supabase_url']}/storage/v1/object/media/{row['path']}"


def _remove(rig: Rig, post: Post) -> None:
    """Remove its file as somebody with the service key can."""
    before, _, path = _file(rig, post).partition("/media/")
    removed = httpx.request(
        "DELETE", f"{before}/media", json={"prefixes": [path]}, headers={"apikey": rig.stack.info["secret_key"]}, verify=TLS,
    )  # fmt: skip
    assert removed.is_success, removed.text


def test_odd_and_broken_posts_end_truthfully_beside_their_neighbours(rig: Rig) -> None:
    odd = [_written(rig, text) for text in ODD_TEXTS.values()]
    too_long = _written(rig, "x" * 63_206)
    gone, replaced, sealed, absurd = (rig.due(due=3600, images=n) for n in (1, 1, 0, 0))
    neighbours = [rig.due(due=3600) for _ in range(6)]
    key = {"apikey": rig.stack.info["secret_key"], "Content-Type": "image/png"}
    _remove(rig, gone)
    other = httpx.post(
        _file(rig, replaced),
        content=b"\x89PNG other",
        headers=key | {"x-upsert": "true"},
        verify=TLS,
    )
    assert other.is_success, other.text
    accounts = [str(rig.target(post.target)["account_id"]) for post in (sealed, absurd)]
    rig.admin.run(
        "update social_account_tokens set access_token_sealed = 'no envelope' where account_id = %s", accounts[0]
    )  # fmt: skip
    rig.admin.run(
        "update social_accounts set external_id = %s where id = %s",
        ("../../x?y#z%00\r\n\u202e" * 20)[:200], accounts[1],
    )  # fmt: skip
    ends = {
        too_long: ("failed", "invalid"), gone: ("failed", "media_changed"), replaced: ("failed", "media_changed"),
        sealed: ("needs_reconnect", "seal_broken"),
    }  # fmt: skip

    _now(rig, *odd, *ends, absurd, *neighbours)
    rig.worker_process()
    rig.wait_for([*odd, *neighbours], "published")
    for post, (state, error_class) in ends.items():
        rig.wait_for([post], state)
        row = rig.target(post.target)
        assert (row["error_class"], row["attempts"]) == (error_class, 1)
        assert row["error"]
        assert rig.creates(post) == []
    rig.wait_for([absurd], "failed", "needs_reconnect")  # as the platform refuses it
    for post, text in zip(odd, ODD_TEXTS.values(), strict=True):
        (received,) = rig.sandbox.posts(rig.member_of(post))
        assert received["visible_text"] == text
    rig.assert_invariants(*ends, absurd, *neighbours)


# as large as a row may be, in shapes that readers of JSON give up on, and what merely looks strange
UNREADABLE = {
    "deep": '{"x": ' + "[" * 990 + "]" * 990 + "}",
    "a number as long as a book": '{"x": ' + "9" * 9000 + "}",
}
STRANGE = {
    "wide": json.dumps({f"key{n}": [None, True, {"a": n}] for n in range(100)}),
    "surprising": '{"__proto__": {"a": 1}, "": [1e12, -0.0, 1e-300], "visibility": "PUBLIC"}',
}
WRITE = "update post_targets set options = %s::jsonb where id = %s"


@pytest.mark.parametrize("options", UNREADABLE.values(), ids=UNREADABLE)
def test_options_that_would_make_a_whole_claim_unreadable_are_refused(
    rig: Rig, options: str
) -> None:
    post = rig.draft(rig.account())
    owner = rig.person(post.user_id)
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.run(WRITE, options, post.target)
    for strange in STRANGE.values():
        owner.run(WRITE, strange, post.target)


def test_options_that_no_platform_knows_end_with_the_reason_and_harm_nobody(rig: Rig) -> None:
    strange = [rig.due(due=3600) for _ in STRANGE]
    neighbours = [rig.due(due=3600) for _ in STRANGE]
    for post, options in zip(strange, STRANGE.values(), strict=True):
        rig.admin.run(WRITE, options, post.target)  # past scheduling, which refuses them
    _now(rig, *strange, *neighbours)
    rig.worker_process()
    rig.wait_for(strange, "failed")
    rig.wait_for(neighbours, "published")
    for post in strange:
        row = rig.target(post.target)
        assert row["error_class"] == "invalid"
        assert row["error"].startswith("There is no option ")
        assert rig.creates(post) == []
    rig.assert_invariants(*strange, *neighbours)


def test_text_that_no_database_can_hold_is_refused_at_once(rig: Rig) -> None:
    post = rig.draft(rig.account())
    answer = httpx.patch(
        f"{rig.stack.info['supabase_url']}/rest/v1/posts?id=eq.{post.id}", content=rb'{"text": "a\u0000b"}',
        headers={"apikey": rig.stack.info["secret_key"], "Content-Type": "application/json"}, verify=TLS,
    )  # fmt: skip
    assert 400 <= answer.status_code < 500, answer.text
    assert rig.post(post)["text"] == "Good morning"


@pytest.mark.slow
def test_a_post_that_kills_each_of_its_workers_is_quarantined_after_the_third(rig: Rig) -> None:
    deadly = rig.due(due=-2, images=1)
    rig.sandbox.order({"hold": True}, member=rig.member_of(deadly), times=9, **UPLOAD)
    for number in (1, 2, 3):
        rig.worker_process()
        neighbours = [rig.due(due=-1) for _ in range(4)]
        assert rig.sandbox.wait(held=number, member=rig.member_of(deadly), seconds=40)
        rig.wait_for(neighbours, "published")
        row = rig.target(deadly.target)
        assert (row["state"], row["attempts"]) == ("preparing", number)
        (victim,) = (w for w in rig.workers if row["worker"] == f"{socket.gethostname()}:{w.pid}")
        victim.send_signal(signal.SIGKILL)
        rig.release(deadly)
        rig.assert_invariants(*neighbours)
    after = [rig.due() for _ in range(4)]
    rig.worker_process()
    rig.wait_for([deadly], "quarantined")
    rig.wait_for(after, "published")
    assert [n["kind"] for n in rig.notifications(deadly.target)] == ["target_quarantined"]
    assert rig.received(deadly) == rig.creates(deadly) == []
    rig.assert_invariants(deadly, *after)
