"""An owner with many hands and several workers at once: nothing waits in a circle, nothing is lost or booked twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from .owners import Database, Owner

HANDS, STEPS = 6, 25
STATEMENTS = (
    "select public.next_free_slot(%(account)s, %(post)s)",
    "select public.next_free_slot(%(account)s, %(post)s)",
    "select public.next_free_slot(%(account)s, %(post)s)",
    "select public.unschedule_post(%(post)s)",
    "select public.schedule_post(%(post)s, now() + interval '2 days')",
    "select public.cancel_target((select id from public.post_targets where post_id = %(post)s))",
    "update public.posts set queued_at = now() where id = %(post)s",
    "update public.slots set schedule_time = schedule_time + make_interval(mins => %(minutes)s) where id = %(slot)s",
    "update public.slots set weekday = %(weekday)s where id = %(slot)s",
    "update public.slots set enabled = not enabled where id = %(slot)s",
    "update public.slots set min_gap = make_interval(mins => %(minutes)s + 1)",
    "update public.profiles set timezone = %(zone)s",
    "delete from public.slots where id = %(slot)s",
    "insert into public.slots (account_id, weekday, schedule_time) values (%(account)s, %(weekday)s, '12:00')",
)
SERVICE = ("select public.open_occurrences()", "select public.fill_occurrences()")


def test_everything_at_once_keeps_every_promise(
    owner: Owner, connect: Callable[[], Database]
) -> None:
    accounts = [owner.account, owner.new_account()]
    slots = []
    for account in accounts:
        owner.account = account
        slots += owner.slots_in_fourteen_days(12)
    posts = [owner.post(f"Post {n}", account=accounts[n % 2]) for n in range(10)]

    def hand(seed: int) -> list[str]:
        chance = random.Random(seed)
        odd: list[str] = []
        with connect() as own:
            for _ in range(STEPS):
                number = chance.randrange(len(posts))
                values = {
                    "post": posts[number],
                    "account": accounts[number % 2],
                    "slot": chance.choice(slots)["id"],
                    "minutes": chance.choice((5, 20, 45)),
                    "weekday": chance.randint(1, 7),
                    "zone": chance.choice(("UTC", "Europe/Paris", "Asia/Tokyo")),
                }
                try:
                    if chance.random() < 0.2:
                        with own.transaction():
                            own.execute("set local role service_role")
                            own.execute(chance.choice(SERVICE).encode())
                    else:
                        with owner.acting(own) as cursor:
                            cursor.execute(chance.choice(STATEMENTS).encode(), values)
                except psycopg.Error as error:
                    if error.diag.sqlstate not in ("PT404", "PT409", "PT422"):
                        odd.append(f"{error.diag.sqlstate} {error}")
        return odd

    with ThreadPoolExecutor(HANDS) as pool:
        odd = [error for errors in pool.map(hand, range(HANDS)) for error in errors]
    assert odd == []

    booked = [o for o in owner.occurrences() if o["state"] == "booked"]
    for occurrence in booked:
        target = owner.target(str(occurrence["post_id"]))
        assert target["state"] == "scheduled"
        assert target["due_at"] == occurrence["occurs_at"]
        assert target["account_id"] == occurrence["account_id"]
    assert len(owner.seen("select 1 from public.posts where user_id = %s", owner.id)) == len(posts)
    assert (
        owner.seen(
            """select o.occurs_at, n.occurs_at from public.slot_occurrences o
               join public.slots s on s.id = o.slot_id
               join public.slot_occurrences n on n.account_id = o.account_id and n.id <> o.id and n.occurs_at >= o.occurs_at
               join public.slots t on t.id = n.slot_id
               where o.user_id = %s and o.state in ('open', 'booked') and n.state in ('open', 'booked')
                 and n.occurs_at < o.occurs_at + least(s.min_gap, t.min_gap)""",
            owner.id,
        )
        == []
    )
