-- Looking for what may be live: where an account's posts can be read, an unconfirmed target is looked for on the platform
-- before its owner is asked.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.platforms add column read_back_scope text check (char_length(read_back_scope) between 1 and 100);
comment on column public.platforms.read_back_scope is
  'With this scope an account''s own posts can be read; null: the platform shows them to nobody.';

alter table public.post_targets
  add column look_at timestamptz,
  add column looks integer not null default 0,
  add column absent_since timestamptz;
comment on column public.post_targets.look_at is
  'When Lin looks next whether an unconfirmed post is on the platform; null: it cannot, and its owner is asked.';
comment on column public.post_targets.looks is 'Looks so far; a look that is not the latest changes nothing.';
comment on column public.post_targets.absent_since is 'The first look that proved it absent; a second one, five minutes later, frees it.';
-- few rows are unconfirmed: building it takes one reading of the table, well below a second for a million rows
-- squawk-ignore require-concurrent-index-creation
create index post_targets_unconfirmed_idx on public.post_targets (look_at) where state = 'unconfirmed';

-- Does:    refuses moves that the state machine does not know, for every role; a new target starts as a draft. What turns
--          unconfirmed is looked for after half a minute, the time platforms take to show a new post, if it can be.
-- Raises:  23514.
create or replace function private.guard_target_state() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'draft' then
      raise exception 'a new target starts as draft, not as %', new.state using errcode = '23514';
    end if;
    return new;
  end if;
  if new.state = old.state then
    return new;
  end if;
  if not private.target_may_move(old.state, new.state) then
    raise exception 'a target cannot go from % to %', old.state, new.state using errcode = '23514';
  end if;
  new.absent_since := null;
  new.look_at := case when new.state = 'unconfirmed' and exists (
    select 1 from public.social_accounts a join public.platforms p on p.id = a.platform_id
    where a.id = new.account_id and a.status = 'active' and p.read_back_scope = any (a.granted_scopes)
  ) then clock_timestamp() + interval '30 seconds' end;
  return new;
end
$$;

-- Does:    tells the owner, once per event, when a target ends or needs them. Nobody is asked about an unconfirmed target
--          while Lin looks for it itself.
create or replace function private.notify_of_targets() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.notifications (user_id, kind, event_key, payload)
  select n.user_id, 'target_' || n.state, 'target ' || n.id || ' ' || n.state || ' ' || pg_current_xact_id(),
    jsonb_strip_nulls(jsonb_build_object(
      'post_id', n.post_id, 'target_id', n.id, 'account_id', n.account_id, 'platform', a.platform_id,
      'account_name', a.account_name, 'external_url', n.external_url, 'reason', n.error,
      'what_to_do', case n.state
        when 'unconfirmed' then 'Look whether the post is on ' || a.account_name || '. Then settle it: it_is_live, or send_again.'
        when 'needs_reconnect' then 'Connect ' || a.account_name || ' again; the post then goes out if it is not too late.'
        when 'failed' then 'Read the reason, change the post, then retry.'
        when 'missed' then 'It was too late to publish. Schedule it again if you still want it.'
        when 'quarantined' then 'Lin stopped trying after three crashes. Retry, or cancel it.'
      end,
      'function', case n.state when 'unconfirmed' then 'settle_target' when 'published' then null
        when 'needs_reconnect' then null else 'retry_target' end))
  from new_rows n
  join old_rows o on o.id = n.id
  join public.social_accounts a on a.id = n.account_id
  where n.state in ('published', 'unconfirmed', 'needs_reconnect', 'failed', 'missed', 'quarantined')
    and n.look_at is null
    and (n.state <> o.state or o.look_at is not null)
  on conflict (event_key) do nothing;
  return null;
end
$$;

-- Does:    hands out unconfirmed targets that are to be looked for; the next look of each is put off by the lease, so that
--          one worker looks at a time and one that vanishes costs its lease.
-- Takes:   how many; the lease in seconds.
-- Returns: [{what claim_due_targets tells of a target, look, sending_at}]; look numbers it, for settle_unconfirmed.
-- May call: service_role.
create function public.claim_unconfirmed(take integer, lease_seconds integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  select array_agg(d.id) into claimed from (
    select t.id from public.post_targets t
    where t.state = 'unconfirmed' and t.look_at <= clock_timestamp()
    order by t.look_at
    limit take
    for update skip locked
  ) d;
  update public.post_targets t set looks = t.looks + 1, look_at = clock_timestamp() + make_interval(secs => lease_seconds)
  where t.id = any (claimed);
  return coalesce((
    select jsonb_agg(private.claimed_target(t.id) || jsonb_build_object('look', t.looks, 'sending_at', private.sent_at(t.id)) order by t.id)
    from public.post_targets t where t.id = any (claimed)), '[]'::jsonb);
end
$$;
grant execute on function public.claim_unconfirmed(integer, integer) to service_role;

-- Does:    when the create call of an unconfirmed target may have left.
create function private.sent_at(target uuid) returns timestamptz
language sql
stable
set search_path = ''
as $$
  select max(a.sending_at) from public.publish_attempts a where a.target_id = target
$$;
grant execute on function private.sent_at(uuid) to service_role;

-- Does:    says what a look found. Exactly one post that no other target of the account has: it is published. None, where
--          that proves something, twice with five minutes between, ten minutes after sending or later: back into the queue.
--          Else it is looked for again, ever more seldom; a quarter of an hour after sending its owner is asked.
-- Takes:   the target; the look; what was seen that may be it [{external_id, external_url}]; whether seeing none proves that there is none.
-- Returns: "published" | "scheduled" | "looking" (again later) | "asked" (its owner) | "lost" (settled meanwhile, or
--          another look has begun).
-- May call: service_role.
create function public.settle_unconfirmed(target uuid, look integer, seen jsonb, absence_is_proof boolean) returns text
language plpgsql
set search_path = ''
as $$
declare
  t public.post_targets;
  ours jsonb;
  sent timestamptz;
  moment constant timestamptz := clock_timestamp();
begin
  perform private.lock_targets(array[target]);
  select * into t from public.post_targets x where x.id = target;
  if t.id is null or t.state <> 'unconfirmed' or t.looks <> look then
    return 'lost';
  end if;
  select jsonb_agg(s) into ours from jsonb_array_elements(seen) s
  where not exists (
    select 1 from public.post_targets o
    where o.account_id = t.account_id and o.external_id = s ->> 'external_id' and o.id <> t.id);
  sent := private.sent_at(t.id);

  if jsonb_array_length(ours) = 1 then
    update public.post_targets set state = 'published', published_at = sent, external_id = ours -> 0 ->> 'external_id',
      external_url = ours -> 0 ->> 'external_url', external_id_unknown = false, error = null, error_class = null
    where id = t.id;
    perform private.note_read_back(t, 'published', ours -> 0);
    return 'published';
  end if;

  if ours is null and absence_is_proof and moment >= sent + interval '10 minutes' then
    if t.absent_since is null then
      update public.post_targets set absent_since = moment, look_at = moment + interval '5 minutes' where id = t.id;
      return 'looking';
    elsif moment >= t.absent_since + interval '5 minutes' and moment < t.deadline_at then
      update public.post_targets set state = 'scheduled', next_attempt_at = moment, error = null, error_class = null where id = t.id;
      perform private.note_read_back(t, 'retry', jsonb_build_object('absent_since', t.absent_since));
      return 'scheduled';
    end if;
  end if;

  if moment >= sent + interval '15 minutes' then
    update public.post_targets set look_at = null where id = t.id;
    return 'asked';
  end if;
  update public.post_targets set look_at = moment + least(interval '30 seconds' * power(2, least(t.looks, 5)), interval '5 minutes')
  where id = t.id;
  return 'looking';
end
$$;
grant execute on function public.settle_unconfirmed(uuid, integer, jsonb, boolean) to service_role;

-- Does:    keeps with the attempt what reading back showed, as its true outcome.
create function private.note_read_back(t public.post_targets, truth public.attempt_outcome, proof jsonb) returns void
language sql
set search_path = ''
as $$
  update public.publish_attempts a set outcome = truth, late_result = jsonb_build_object('read_back', proof, 'look', t.looks)
  where a.target_id = t.id and a.number = (select max(b.number) from public.publish_attempts b where b.target_id = t.id)
$$;
grant execute on function private.note_read_back(public.post_targets, public.attempt_outcome, jsonb) to service_role;

-- Does:    says in how many seconds each queue has work: 0 or less means now, null means nothing waits. Each is the first
--          row of an index, however long the queue.
-- Returns: {targets, leases, unconfirmed, media, generations, sources, occurrences}.
-- May call: service_role.
create or replace function public.next_work() returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_object_agg(queue, extract(epoch from due - clock_timestamp()))
  from (
    select 'targets' as queue, min(t.next_attempt_at) as due from public.post_targets t where t.state = 'scheduled'
    union all
    select 'leases', min(t.lease_until) from public.post_targets t where t.state in ('preparing', 'sending', 'confirming')
    union all
    select 'unconfirmed', min(t.look_at) from public.post_targets t where t.state = 'unconfirmed'
    union all
    select 'media', min(m.next_inspection_at) from public.media m where m.status = 'uploaded'
    union all
    -- web processes start new ones at once; what is left after two seconds, or whose process died, is for workers
    select 'generations', min(case when g.status = 'queued' then g.created_at + interval '2 seconds' else g.lease_until end)
    from public.generations g where g.status in ('queued', 'waking', 'running')
    union all
    select 'sources', min(s.next_fetch_at) from public.sources s
    union all
    -- to be filled, over, or with a draft that has ended
    select 'occurrences', least(
      (select min(o.fill_at) from public.slot_occurrences o where o.state = 'open'),
      (select min(o.occurs_at) from public.slot_occurrences o where o.state in ('open', 'filling', 'review')),
      (select min(g.finished_at) from public.slot_occurrences o join public.generations g on g.id = o.generation_id
        where o.state = 'filling' and g.status in ('complete', 'failed', 'canceled')))
  ) queues
$$;

-- Does:    what readiness and metrics ask: how old the freshest heartbeat is, how late the oldest due target is, how much
--          waits.
-- Returns: {heartbeat_age_seconds, workers, oldest_due_seconds, due, at_work, unconfirmed, unconfirmed_by_platform: {id: n}};
--          null ages mean "none".
-- May call: service_role.
create or replace function public.system_health() returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'heartbeat_age_seconds', (select extract(epoch from clock_timestamp() - max(h.seen_at)) from public.worker_heartbeats h),
    'workers', (select count(*) from public.worker_heartbeats h where h.seen_at > clock_timestamp() - interval '30 seconds'),
    'oldest_due_seconds', (select extract(epoch from clock_timestamp() - min(t.next_attempt_at)) from public.post_targets t
      where t.state = 'scheduled' and t.next_attempt_at <= clock_timestamp()),
    'due', (select count(*) from public.post_targets t where t.state = 'scheduled' and t.next_attempt_at <= clock_timestamp()),
    'at_work', (select count(*) from public.post_targets t where t.state in ('preparing', 'sending', 'confirming')),
    'unconfirmed', (select count(*) from public.post_targets t where t.state = 'unconfirmed'),
    'unconfirmed_by_platform', (
      select coalesce(jsonb_object_agg(u.platform_id, u.n), '{}'::jsonb)
      from (
        select a.platform_id, count(*) as n from public.post_targets t join public.social_accounts a on a.id = t.account_id
        where t.state = 'unconfirmed' group by a.platform_id
      ) u))
$$;
