-- A claim that costs the same however much waits, and that lets nobody's flood delay the others.
--
-- Each account has a line: its waiting targets, of which only the first may be claimed. private.lines keeps when that first
-- one is due, so that a claim looks at one row for an account, not at all its targets. The time there may be too early, never
-- too late: whoever schedules lowers it in the same transaction, and only a claim, which holds the row, raises it.
--
-- Nobody waits for a line. A claim skips lines that are locked; whoever schedules and finds the line locked leaves a hint,
-- which the next claim takes in. So lines have no place in the lock order.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table private.lines (
  account_id uuid primary key references public.social_accounts (id) on delete cascade,
  user_id uuid not null,
  platform_id text not null,
  next_at timestamptz
);
comment on table private.lines is 'For each account, when the first of its waiting targets is due, or earlier; null: nothing waits.';
alter table private.lines enable row level security;
create index lines_next_at_idx on private.lines (next_at) where next_at is not null;
create policy "Nobody but the service sees lines" on private.lines for select to authenticated using (false);
grant select, insert, update, delete on private.lines to service_role;

create table private.line_hints (
  id bigint generated always as identity primary key,
  account_id uuid not null references private.lines (account_id) on delete cascade,
  next_at timestamptz not null
);
comment on table private.line_hints is 'What could not be written to a line at once, because a claim held it.';
alter table private.line_hints enable row level security;
create index line_hints_account_id_idx on private.line_hints (account_id);
create policy "Nobody but the service sees hints" on private.line_hints for select to authenticated using (false);
grant select, insert, update, delete on private.line_hints to service_role;

-- Does:    gives a new account its line.
-- Definer: accounts are stored by whoever may; lines are nobody's to write.
create function private.open_line() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.lines (account_id, user_id, platform_id) values (new.id, new.user_id, new.platform_id);
  return null;
end
$$;
create trigger open_line after insert on public.social_accounts
  for each row execute function private.open_line();

-- Does:    lowers the lines of accounts that have got something to send, or something earlier. Where a line is locked, leaves a
--          hint: whoever holds it does not see this transaction yet.
-- Definer: a user who schedules may not write lines.
create function private.keep_lines() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  accounts uuid[];
  moments timestamptz[];
  free uuid[];
begin
  select array_agg(m.account_id), array_agg(m.next_at) into accounts, moments
  from (
    select n.account_id, min(n.next_attempt_at) as next_at
    from new_rows n join old_rows o on o.id = n.id
    where n.state = 'scheduled' and (o.state <> 'scheduled' or n.next_attempt_at < o.next_attempt_at)
    group by n.account_id
  ) m;
  if accounts is null then
    return null;
  end if;
  -- locked even where nothing has to be lowered: no claim may raise the line until this is committed
  select array_agg(l.account_id) into free from (
    select k.account_id from private.lines k where k.account_id = any (accounts) for no key update skip locked
  ) l;
  update private.lines l set next_at = m.next_at
  from unnest(accounts, moments) as m (account_id, next_at)
  where l.account_id = m.account_id and l.account_id = any (free) and (l.next_at is null or l.next_at > m.next_at);
  insert into private.line_hints (account_id, next_at)
  select m.account_id, m.next_at from unnest(accounts, moments) as m (account_id, next_at)
  where m.account_id <> all (coalesce(free, '{}')) and exists (select 1 from private.lines l where l.account_id = m.account_id);
  return null;
end
$$;
create trigger keep_lines after update on public.post_targets
  referencing old table as old_rows new table as new_rows for each statement execute function private.keep_lines();

insert into private.lines (account_id, user_id, platform_id, next_at)
select a.id, a.user_id, a.platform_id, (
  select min(t.next_attempt_at) from public.post_targets t where t.account_id = a.id and t.state = 'scheduled')
from public.social_accounts a;

-- Does:    takes in the hints of those who found a line locked, as far as it is free now.
create function private.take_hints() returns void
language plpgsql
set search_path = ''
as $$
declare
  free uuid[];
begin
  if not exists (select 1 from private.line_hints) then
    return;
  end if;
  select array_agg(l.account_id) into free from (
    select k.account_id from private.lines k
    where k.account_id = any (array(select h.account_id from private.line_hints h limit 1000))
    for no key update skip locked
  ) l;
  with taken as (
    delete from private.line_hints h where h.account_id = any (free) returning h.account_id, h.next_at
  )
  update private.lines l set next_at = least(l.next_at, t.next_at)
  from (select g.account_id, min(g.next_at) as next_at from taken g group by g.account_id) t
  where l.account_id = t.account_id;
end
$$;
grant execute on function private.take_hints() to service_role;

-- Does:    the first targets of the lines that are due, oldest first, of accounts that are active and have nothing at work.
-- Takes:   how many lines to look at; until when due counts.
-- Returns: the account, its user and platform; the target and when it is due, null for a line that was written too early.
create function private.due_heads(depth integer, horizon timestamptz)
returns table (account_id uuid, user_id uuid, platform_id text, target_id uuid, due_at timestamptz)
language sql
stable
set search_path = ''
as $$
  select d.account_id, d.user_id, d.platform_id, h.id, h.next_attempt_at
  from (
    select l.account_id, l.user_id, l.platform_id from private.lines l
    where l.next_at <= horizon
      and not exists (select 1 from public.social_accounts a where a.id = l.account_id and a.status <> 'active')
      and not exists (
        select 1 from public.post_targets w
        where w.account_id = l.account_id and w.state in ('preparing', 'sending', 'confirming'))
    order by l.next_at
    limit depth
  ) d
  left join lateral (
    select t.id, t.next_attempt_at from public.post_targets t
    where t.account_id = d.account_id and t.state = 'scheduled'
    order by t.next_attempt_at, t.id
    limit 1
  ) h on h.next_attempt_at <= horizon
$$;
grant execute on function private.due_heads(integer, timestamptz) to service_role;

-- Does:    chooses among due heads. What exceeds a platform's share, half of the places, comes after everything within both, and
--          what exceeds a user's share, a quarter of them, comes last. Neither takes the room that is left to the last: whoever
--          comes later finds some.
-- Takes:   depth and horizon of due_heads; how many; the worker's places (null: no shares); what it holds, {id of user or
--          platform: n}.
-- Returns: targets and their accounts; accounts whose line is to be raised; how many lines were looked at, and how many of them
--          are within their user's share.
create function private.choose_heads(
  depth integer, horizon timestamptz, take integer, places integer, held jsonb,
  out targets uuid[], out accounts uuid[], out stale uuid[], out seen integer, out fair integer)
language sql
stable
set search_path = ''
as $$
  with heads as (
    select * from private.due_heads(depth, horizon)
  ), by_user as (
    select h.*, (places is not null and ceil(places / 4.0) < coalesce((held ->> h.user_id::text)::integer, 0)
      + row_number() over (partition by h.user_id order by h.due_at, h.target_id))::integer as user_exceeds
    from heads h where h.target_id is not null
  ), by_platform as (
    select u.*, (places is not null and ceil(places / 2.0) < coalesce((held ->> u.platform_id)::integer, 0)
      + row_number() over (partition by u.platform_id order by u.user_exceeds, u.due_at, u.target_id))::integer as platform_exceeds
    from by_user u
  ), lined_up as (
    select b.*, row_number() over (order by b.user_exceeds, b.platform_exceeds, b.due_at, b.target_id) as place from by_platform b
  ), chosen as (
    select * from lined_up l
    where l.place <= take - coalesce(case when l.user_exceeds > 0 then places / 2 when l.platform_exceeds > 0 then places / 4 end, 0)
  )
  select
    (select array_agg(c.target_id order by c.place) from chosen c),
    (select array_agg(c.account_id) from chosen c),
    (select array_agg(h.account_id) from heads h where h.target_id is null),
    (select count(*) from heads)::integer,
    (select count(*) from by_user u where u.user_exceeds = 0)::integer
$$;
grant execute on function private.choose_heads(integer, timestamptz, integer, integer, jsonb) to service_role;

-- an older worker calls the new one with the arguments it knows
-- squawk-ignore ban-drop-function
drop function public.claim_due_targets(text, integer, integer, double precision);

-- Does:    leases due targets to a worker, at most one per account and none of an account that has one at work, oldest first
--          among those whose user and platform have not more than their share of the worker, and opens an attempt for each.
--          Returns with it all that publishing needs.
-- Takes:   worker's name; how many; lease in seconds; `ahead_seconds` to claim a little before the time (the worker holds
--          them; begin_send refuses before the time); how many the worker sends at once, and what it has at work, {id of user
--          or platform: n}, to be fair (null: oldest first).
-- Returns: {now, targets: [{target_id, post_id, user_id, account_id, platform, lease_token, lease_until, attempt, failures,
--          due_at, deadline_at, post_version, target_version, text, options, account, token, media}]}.
-- May call: service_role.
create function public.claim_due_targets(
  worker_name text, take integer, lease_seconds integer, ahead_seconds double precision default 0,
  places integer default null, held jsonb default '{}')
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  horizon constant timestamptz := now() + make_interval(secs => ahead_seconds);
  choice record;
  locked uuid[];
  claimed uuid[];
begin
  perform public.mark_missed();
  perform private.take_hints();
  select * into choice from private.choose_heads(2 * take, horizon, take, places, held);
  if choice.seen = 2 * take and choice.fair < take then
    -- the nearest are of few people: look further for others
    select * into choice from private.choose_heads(greatest(1000, 4 * take), horizon, take, places, held);
  end if;
  if choice.seen = 0 then
    return jsonb_build_object('now', clock_timestamp(), 'targets', '[]'::jsonb);
  end if;
  begin
    -- the lines first: another claim leaves these accounts alone until this one is committed
    select array_agg(l.account_id) into locked from (
      select k.account_id from private.lines k where k.account_id = any (choice.accounts || choice.stale) for no key update skip locked
    ) l;
    select array_agg(d.id) into claimed from (
      select t.id from public.post_targets t join public.posts p on p.id = t.post_id
      where t.id = any (choice.targets) and t.account_id = any (locked) and t.state = 'scheduled' and t.next_attempt_at <= horizon
      for update of t, p skip locked
    ) d;
    -- the rows of attempts decide the number, not the counter: one odd row must not stop the claim for everybody
    update public.publish_attempts a set finished_at = clock_timestamp(), outcome = 'not_sent'
    where a.target_id = any (claimed) and a.finished_at is null;
    update public.post_targets t set
      state = 'preparing', worker = worker_name,
      attempts = 1 + greatest(t.attempts, (select max(a.number) from public.publish_attempts a where a.target_id = t.id)),
      lease_token = nextval('private.target_lease'), lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
    where t.id = any (claimed);
    -- whoever schedules for these accounts from now on leaves a hint, and who did so before is seen
    update private.lines l set next_at = (
      select min(t.next_attempt_at) from public.post_targets t where t.account_id = l.account_id and t.state = 'scheduled')
    where l.account_id = any (locked);
  exception when unique_violation or deadlock_detected then
    -- another worker took a target of one of these accounts since our snapshot: the next poll sees it
    return jsonb_build_object('now', clock_timestamp(), 'targets', '[]'::jsonb);
  end;
  insert into public.publish_attempts (user_id, target_id, number, lease_token, worker)
  select t.user_id, t.id, t.attempts, t.lease_token, worker_name from public.post_targets t where t.id = any (claimed);

  return jsonb_build_object('now', clock_timestamp(), 'targets', coalesce((
    select jsonb_agg(c.told order by c.due_at, c.target_id) from private.claimed_targets(claimed) c), '[]'::jsonb));
end
$$;

-- Does:    all that publishing these claimed targets needs.
create function private.claimed_targets(targets uuid[]) returns table (target_id uuid, due_at timestamptz, told jsonb)
language sql
stable
set search_path = ''
as $$
  select t.id, t.next_attempt_at, jsonb_build_object(
    'target_id', t.id, 'post_id', t.post_id, 'user_id', t.user_id, 'account_id', t.account_id, 'platform', a.platform_id,
    'lease_token', t.lease_token, 'lease_until', t.lease_until, 'attempt', t.attempts, 'failures', t.failures,
    'due_at', t.next_attempt_at, 'deadline_at', t.deadline_at, 'post_version', p.version, 'target_version', t.version,
    'text', coalesce(t.text_override, p.text), 'options', t.options,
    'account', jsonb_build_object('external_id', a.external_id, 'account_name', a.account_name, 'kind', a.kind, 'granted_scopes', a.granted_scopes),
    'token', case when k.account_id is not null then jsonb_build_object(
      'access_token_sealed', k.access_token_sealed, 'refresh_token_sealed', k.refresh_token_sealed,
      'access_token_expires_at', k.access_token_expires_at, 'refresh_token_expires_at', k.refresh_token_expires_at, 'version', k.version) end,
    'media', coalesce((
      select jsonb_agg(jsonb_build_object('media_id', m.id, 'path', m.path, 'kind', m.kind, 'mime', m.mime, 'bytes', m.bytes,
        'checksum', m.checksum, 'alt_text', m.alt_text) order by pm.position)
      from public.post_media pm join public.media m on m.id = pm.media_id where pm.post_id = p.id), '[]'::jsonb))
  from public.post_targets t
  join public.posts p on p.id = t.post_id
  join public.social_accounts a on a.id = t.account_id
  left join public.social_account_tokens k on k.account_id = a.id
  where t.id = any (targets)
$$;
grant execute on function private.claimed_targets(uuid[]) to service_role;

-- Does:    all that publishing one claimed target needs.
create or replace function private.claimed_target(target uuid) returns jsonb
language sql
stable
set search_path = ''
as $$
  select c.told from private.claimed_targets(array[target]) c
$$;
grant execute on function public.claim_due_targets(text, integer, integer, double precision, integer, jsonb) to service_role;
