-- A platform that takes its time holds at most three quarters of a worker, so that the others go on.
--
-- Room left for who may come is no use when every place waits for the answers of one platform: each call may take half a
-- minute. So where several platforms are enabled, one has half of the places while others wait and three quarters at the
-- most, and the lines of one that has so many are passed over. With one platform all places are its own.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    the first targets of the lines that are due, oldest first, of accounts that have nothing at work.
-- Takes:   how many lines to look at; until when due counts; platforms to pass over.
-- Returns: the account, its user and platform; the target and when it is due, null for a line that was written too early or
--          whose account is not active: what waited there is parked, or will be.
-- nobody but choose_heads, replaced below, calls it
-- squawk-ignore ban-drop-function
drop function private.due_heads(integer, timestamptz);
create function private.due_heads(depth integer, horizon timestamptz, crowded text[])
returns table (account_id uuid, user_id uuid, platform_id text, target_id uuid, due_at timestamptz)
language sql
stable
set search_path = ''
as $$
  select d.account_id, d.user_id, d.platform_id, h.id, h.next_attempt_at
  from (
    select l.account_id, l.user_id, l.platform_id from private.lines l
    where l.next_at <= horizon
      and l.platform_id <> all (crowded)
      and not exists (
        select 1 from public.post_targets w
        where w.account_id = l.account_id and w.state in ('preparing', 'sending', 'confirming'))
    order by l.next_at
    limit depth
  ) d
  left join lateral (
    select t.id, t.next_attempt_at from public.post_targets t
    where t.account_id = d.account_id and t.state = 'scheduled'
      and not exists (select 1 from public.social_accounts a where a.id = d.account_id and a.status <> 'active')
    order by t.next_attempt_at, t.id
    limit 1
  ) h on h.next_attempt_at <= horizon
$$;
grant execute on function private.due_heads(integer, timestamptz, text[]) to service_role;

-- Does:    chooses among due heads. What exceeds a share, a quarter of the places for a user and half of them for a platform
--          where there are several, comes last, and does not take the room that is left to the last: whoever comes later finds
--          some. A platform never gets more than three quarters.
-- Takes:   depth and horizon of due_heads; how many; the worker's places (null: no shares); what it holds, {id of user or
--          platform: n}.
-- Returns: targets and their accounts; accounts whose line is to be raised; how many lines were looked at, and how many of them
--          are within their user's and platform's share.
create or replace function private.choose_heads(
  depth integer, horizon timestamptz, take integer, places integer, held jsonb,
  out targets uuid[], out accounts uuid[], out stale uuid[], out seen integer, out fair integer)
language sql
stable
set search_path = ''
as $$
  with enabled as (
    select p.id, coalesce((held ->> p.id)::integer, 0) as holds,
      -- null: as many as there are
      case when count(*) over () > 1 then ceil(places / 2.0) end as share,
      case when count(*) over () > 1 then ceil(places * 0.75) end as most
    from public.platforms p where p.enabled
  ), heads as (
    select * from private.due_heads(depth, horizon, array(select e.id from enabled e where e.holds >= e.most))
  ), by_user as (
    select h.*, places is not null and ceil(places / 4.0) < coalesce((held ->> h.user_id::text)::integer, 0)
      + row_number() over (partition by h.user_id order by h.due_at, h.target_id) as user_exceeds
    from heads h where h.target_id is not null
  ), by_platform as (
    select u.*, e.share, e.most, coalesce(e.holds, 0)
      + row_number() over (partition by u.platform_id order by u.user_exceeds, u.due_at, u.target_id) as with_this
    from by_user u left join enabled e on e.id = u.platform_id
  ), lined_up as (
    select b.*, row_number() over (order by b.exceeds, b.due_at, b.target_id) as place
    from (
      select *, user_exceeds or coalesce(with_this > share, false) as exceeds
      from by_platform where coalesce(with_this <= most, true)
    ) b
  ), chosen as (
    select * from lined_up l where l.place <= take - case when l.exceeds then places / 2 else 0 end
  )
  select
    (select array_agg(c.target_id order by c.place) from chosen c),
    (select array_agg(c.account_id) from chosen c),
    (select array_agg(h.account_id) from heads h where h.target_id is null),
    (select count(*) from heads)::integer,
    (select count(*) from lined_up l where not l.exceeds)::integer
$$;
