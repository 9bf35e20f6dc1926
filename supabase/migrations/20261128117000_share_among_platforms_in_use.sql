-- Places are kept for platforms that somebody uses, not for all that are enabled.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    chooses among due heads. What exceeds a share, a quarter of the places for a user and half of them for a platform
--          where several have accounts, comes last, and does not take the room that is left to the last: whoever comes later finds
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
    from public.platforms p
    where p.enabled and exists (select 1 from public.social_accounts a where a.platform_id = p.id and a.status = 'active')
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
