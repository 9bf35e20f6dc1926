-- What is due is found by its index. clock_timestamp() changes while a statement runs, so no index can be searched for it: all
-- that waits was looked at, a million rows among 100,000 people. Read once in a subquery it is one value. now() would not do
-- everywhere: it is the moment at which the transaction began.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

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
      where t.state = 'scheduled' and t.next_attempt_at <= (select clock_timestamp())),
    'due', (select count(*) from public.post_targets t where t.state = 'scheduled' and t.next_attempt_at <= (select clock_timestamp())),
    'at_work', (select count(*) from public.post_targets t where t.state in ('preparing', 'sending', 'confirming')),
    'unconfirmed', (select count(*) from public.post_targets t where t.state = 'unconfirmed'),
    'unconfirmed_by_platform', (
      select coalesce(jsonb_object_agg(u.platform_id, u.n), '{}'::jsonb)
      from (
        select a.platform_id, count(*) as n from public.post_targets t join public.social_accounts a on a.id = t.account_id
        where t.state = 'unconfirmed' group by a.platform_id
      ) u))
$$;

-- Does:    hands out published posts of which it is time to ask how they do. Each is asked for hourly on its first day, daily
--          in its first month, then no more; the next time is set here, so a worker that vanishes costs one measurement.
-- Returns: [{what claim_due_targets tells of a target, external_id}].
-- May call: service_role.
create or replace function public.claim_measurements(take integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  select array_agg(d.id) into claimed from (
    select t.id from public.post_targets t where t.measure_at <= (select clock_timestamp())
    order by t.measure_at limit take for update skip locked
  ) d;
  update public.post_targets t set measure_at = case
    when t.deleted_at is not null or clock_timestamp() > t.published_at + interval '30 days' then null
    when clock_timestamp() > t.published_at + interval '1 day' then clock_timestamp() + interval '1 day'
    else clock_timestamp() + interval '1 hour' end
  where t.id = any (claimed);
  return coalesce((
    select jsonb_agg(private.claimed_target(t.id) || jsonb_build_object('external_id', t.external_id) order by t.account_id, t.id)
    from public.post_targets t join public.social_accounts a on a.id = t.account_id
    where t.id = any (claimed) and a.status = 'active' and t.deleted_at is null and t.external_id is not null), '[]'::jsonb);
end
$$;

-- Does:    hands out targets that are to be looked for: unconfirmed ones, and those that the platform accepted and finishes
--          later. The next look of each is put off by the lease, so that one worker looks at a time and one that vanishes
--          costs its lease.
-- Takes:   how many; the lease in seconds.
-- Returns: [{what claim_due_targets tells of a target, look, sending_at}]; look numbers it, for settle_unconfirmed and
--          settle_outcome.
-- May call: service_role.
create or replace function public.claim_unconfirmed(take integer, lease_seconds integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  select array_agg(d.id) into claimed from (
    select t.id from public.post_targets t
    where t.state in ('unconfirmed', 'confirming') and t.look_at <= (select clock_timestamp())
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

-- Does:    takes back targets whose worker vanished. Before the send mark: back into the queue, the third time in a row into
--          quarantine. After it: unconfirmed, because the call may have left; only a person or a read-back decides. The same
--          when a platform has not finished within its hour. Then lets waiting targets follow their accounts.
-- Returns: {requeued, quarantined, unconfirmed} counts.
create or replace function public.recover_leases(take integer default 100) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  gone uuid[];
  counts jsonb;
begin
  select array_agg(g.id) into gone from (
    select t.id from public.post_targets t join public.posts p on p.id = t.post_id
    where t.state in ('preparing', 'sending', 'confirming') and t.lease_until < (select clock_timestamp())
    order by t.lease_until
    limit take
    for update of t, p skip locked
  ) g;

  update public.publish_attempts a set
    finished_at = clock_timestamp(),
    outcome = (case when a.phase = 'preparing' then 'not_sent' else 'unconfirmed' end)::public.attempt_outcome,
    error_class = 'worker_vanished',
    error = case when a.phase = 'preparing' then 'The worker vanished before anything was sent.'
      else 'The worker vanished after it had begun to send.' end
  where a.target_id = any (gone) and a.finished_at is null;

  with recovered as (
    update public.post_targets t set
      state = (case
        when t.state <> 'preparing' then 'unconfirmed'
        when t.stalls >= 2 then 'quarantined'
        else 'scheduled' end)::public.target_state,
      stalls = case when t.state = 'preparing' then t.stalls + 1 else t.stalls end,
      -- a vanished worker that wakes up must not mark; after the mark its answer is still welcome
      lease_token = case when t.state = 'preparing' then nextval('private.target_lease') else t.lease_token end,
      lease_until = null,
      error_class = case t.state when 'sending' then 'worker_vanished' when 'confirming' then 'not_finished'
        else case when t.stalls >= 2 then 'quarantined' else t.error_class end end,
      error = case t.state when 'sending' then 'The worker vanished while sending. The post may be live.'
        when 'confirming' then 'The platform took it and has not said within an hour what became of it. The post may be live.'
        else case when t.stalls >= 2 then 'Three workers in a row vanished while preparing this post.' else t.error end end
    where t.id = any (gone)
    returning t.state
  )
  select jsonb_build_object(
    'requeued', count(*) filter (where state = 'scheduled'),
    'quarantined', count(*) filter (where state = 'quarantined'),
    'unconfirmed', count(*) filter (where state = 'unconfirmed'))
  into counts from recovered;
  perform private.follow_accounts(take);
  return counts;
end
$$;

-- Does:    gives places whose time comes near to the oldest queued draft. A draft that cannot be published then is passed over, and its
--          owner is told once; a place that nobody takes is tried again, until its time.
-- Returns: how many were booked.
create or replace function private.book_queued_posts(take integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  o record;
  p public.posts;
  refused uuid[];
  reason text;
  done boolean;
  booked integer := 0;
begin
  for o in
    -- first those to be filled, which are few: in the order of their time, all that is open would be looked at
    with due as materialized (
      select c.id, c.slot_id, c.user_id, c.account_id, c.occurs_at from public.slot_occurrences c
      where c.state = 'open' and c.fill_at <= now()
    )
    select c.id, c.user_id, c.account_id, c.occurs_at
    from due c join public.slots s on s.id = c.slot_id
    where c.occurs_at > now() and s.mode = 'queue' and exists (select 1 from private.queued_posts(c.user_id, c.account_id))
    order by c.occurs_at, c.id
    limit take
  loop
    continue when not private.try_lock_slots(o.user_id);
    refused := '{}';
    done := false;
    reason := null;
    for p in
      select x.* from public.posts x
      where x.id in (select q.id from private.queued_posts(o.user_id, o.account_id) q limit 20)
      order by x.queued_at, x.id
      for no key update skip locked
    loop
      perform 1 from public.post_targets t where t.post_id = p.id order by t.id for update;
      perform 1 from public.slot_occurrences c where c.id = o.id and c.state = 'open' for update;
      exit when not found;
      begin
        perform private.book_occurrence(o.id, p);
        done := true;
      exception when others then
        if sqlstate not in ('PT422', 'PT409') then
          raise warning 'queued post % could not be booked: %', p.id, sqlerrm;
        end if;
        reason := coalesce(reason, left('A queued post cannot go out: ' || sqlerrm, 500));
        refused := refused || p.id;
      end;
      exit when done;
    end loop;
    if done then
      booked := booked + 1;
      perform private.tell(o.user_id, 'queued_post_passed_over', format('queued_post_passed_over %s %s', r.id, o.id), jsonb_build_object(
        'post_id', r.id, 'account_id', o.account_id, 'occurs_at', o.occurs_at, 'reason', reason,
        'what_to_do', 'Correct the post; it keeps its place in the queue.'))
      from unnest(refused) as r (id);
    elsif reason is not null then
      update public.slot_occurrences c set error = reason where c.id = o.id and c.state = 'open';
    end if;
  end loop;

  -- what found nothing looks again, more often when its time is near
  update public.slot_occurrences c set
    fill_at = now() + case when c.occurs_at > now() + interval '25 seconds' then interval '20 seconds' else interval '1 second' end
  where c.id in (
    with due as materialized (
      select d.id, d.slot_id, d.occurs_at from public.slot_occurrences d where d.state = 'open' and d.fill_at <= now()
    )
    select l.id from due d join public.slots s on s.id = d.slot_id join public.slot_occurrences l on l.id = d.id
    where l.state = 'open' and d.occurs_at > now() and s.mode = 'queue'
    order by d.occurs_at, l.id
    limit take
    for update of l skip locked);
  return booked;
end
$$;

-- Does:    everything there is to do for occurrences now: uses finished drafts, ends what is over, books queued posts, queues drafts.
--          Safe to repeat and to run in parallel; generations are run by whoever runs generations. Where nothing is to be filled, which
--          is most of the time, no slot is looked at.
-- Returns: {finished, closed, booked, started} counts; call again while one of them reaches `take`.
-- May call: service_role.
create or replace function public.fill_occurrences(take integer default 50) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  counts jsonb;
begin
  counts := jsonb_build_object('finished', private.finish_drafts(take));
  counts := counts || jsonb_build_object('closed', private.close_occurrences(take));
  -- the first of an index; asked whether one exists, the planner expects many and reads the table
  if coalesce((select min(c.fill_at) from public.slot_occurrences c where c.state = 'open') > now(), true) then
    return counts || jsonb_build_object('booked', 0, 'started', 0);
  end if;
  counts := counts || jsonb_build_object('booked', private.book_queued_posts(take));
  return counts || jsonb_build_object('started', private.start_drafts(take));
end
$$;
