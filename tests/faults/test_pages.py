"""Real workers publish for a LinkedIn page, and look for what a page may have live."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import replace
from typing import Any

from tests.engine.actors import Post
from tests.faults.rig import SCOPES, Rig
from tests.faults.test_reading_back import wait_until_found

PAGE_SCOPES = [*SCOPES, "w_organization_social", "r_organization_social"]


def page(rig: Rig, *scopes: str) -> str:
    """A page of a new member of an app that LinkedIn gave the Community Management API; the account has these scopes."""
    number = str(secrets.randbelow(10**12))
    entry = {"id": number, "name": "Bakery", "role": "ADMINISTRATOR"}
    member = rig.sandbox.tell("members", organizations=[entry])["member"]
    rig.sandbox.tell("apps", client_id="pages", client_secret="s", scopes=PAGE_SCOPES)
    caller = rig.sandbox.caller(client_id="pages", member=member, scopes=PAGE_SCOPES)
    account = str(uuid.uuid4())
    rig.members[account] = replace(caller, author=f"urn:li:organization:{number}")
    rig._store(account, rig.user(), rig.members[account], scopes=list(scopes))
    rig.admin.run("update social_accounts set kind = 'organization' where id = %s", account)
    return account


def due(rig: Rig, account: str, **options: Any) -> Post:
    """A post that is due, with these options."""
    post = rig.due(account, due=-1)
    rig.admin.run(
        "update post_targets set options = %s where id = %s", json.dumps(options), post.target
    )
    return post


def test_a_page_posts_under_its_name_and_only_what_a_page_may(rig: Rig) -> None:
    account = page(rig, *PAGE_SCOPES)
    poll = {"question": "Rye or wheat?", "options": ["Rye", "Wheat"]}
    asked = due(rig, account, poll=poll)
    closed = due(rig, page(rig, *PAGE_SCOPES), visibility="CONNECTIONS")
    unpermitted = due(rig, page(rig, *SCOPES))
    rig.worker_process()
    rig.wait_for([asked], "published")
    rig.wait_for([closed], "failed")
    rig.wait_for([unpermitted], "needs_reconnect")
    (received,) = rig.received(asked)
    assert received["author"] == rig.members[account].author
    assert received["content"]["poll"]["settings"] == {"duration": "THREE_DAYS"}
    assert "PUBLIC" in rig.target(closed.target)["error"]
    assert "w_organization_social" in rig.target(unpermitted.target)["error"]
    assert rig.creates(closed) == rig.creates(unpermitted) == []


def test_what_a_page_may_have_live_is_looked_for(rig: Rig) -> None:
    post = due(rig, page(rig, *PAGE_SCOPES))
    rig.order(post, {"drop": True, "accept": True})
    rig.worker_process()
    rig.wait_for([post], "unconfirmed")
    wait_until_found(rig, post)
    (received,) = rig.received(post)
    assert rig.target(post.target)["external_id"] == received["urn"]
