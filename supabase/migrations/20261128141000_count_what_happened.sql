-- Counters for /metrics: what became of attempts, how late posts were, how long Spaces took. The rows that tell it are deleted and
-- change their minds; counters only rise. So each event is counted in the transaction that makes it true, once, whichever
-- worker did it: an insert at the end of a table, which waits for nobody. A job adds these up.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table private.counts_added (
  name text not null,
  labels jsonb not null,
  seconds double precision
);
comment on table private.counts_added is 'Events since they were last added up. Without key and index, so that counting costs one insert.';
comment on column private.counts_added.seconds is 'How long it took, or how late it was; null where the event has no such thing.';
alter table private.counts_added enable row level security;
create policy "Nobody but the service sees what is counted" on private.counts_added for select to authenticated using (false);
grant select, insert, delete on private.counts_added to service_role;

create table private.counts (
  name text not null,
  labels jsonb not null,
  up_to double precision not null,
  times bigint not null,
  seconds double precision not null,
  primary key (name, labels, up_to)
);
comment on table private.counts is 'Events added up since the installation began. No label names a person, an account or a post.';
comment on column private.counts.up_to is 'The upper bound of the bucket that `seconds` fell into; infinity beyond the last one, and without any.';
alter table private.counts enable row level security;
create policy "Nobody but the service sees the sums" on private.counts for select to authenticated using (false);
grant select, insert, update on private.counts to service_role;

-- ------------------------------------------------------------------------------------------------ counted

-- Does:    counts an attempt that has ended, with how late its post is when it is out; once more when what became of it turned
--          out later. A class that a platform made up out of anything but a word counts as "other".
-- Definer: some of it happens in functions of users, who may write no counter.
create function private.count_attempt() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.counts_added (name, labels, seconds)
  select 'attempts', jsonb_build_object('platform', a.platform_id, 'outcome', new.outcome, 'error_class', case
      when new.error_class is null then '' when new.error_class ~ '^[A-Za-z0-9_.-]+$' then new.error_class else 'other' end),
    case when new.outcome = 'published' then greatest(extract(epoch from t.published_at - t.due_at), 0) end
  from public.post_targets t join public.social_accounts a on a.id = t.account_id
  where t.id = new.target_id;
  return null;
end
$$;
create trigger count_attempt after update of outcome on public.publish_attempts
  for each row when (new.outcome is distinct from old.outcome and new.outcome is not null)
  execute function private.count_attempt();

-- Does:    counts a target that ended without an attempt of its own: too late, or given up after three workers vanished with it.
-- Definer: as above.
create function private.count_given_up() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.counts_added (name, labels)
  select 'given_up', jsonb_build_object('platform', a.platform_id, 'state', new.state)
  from public.social_accounts a where a.id = new.account_id;
  return null;
end
$$;
create trigger count_given_up after update of state on public.post_targets
  for each row when (new.state in ('missed', 'quarantined') and new.state <> old.state)
  execute function private.count_given_up();

-- Does:    counts a run of a Space that has ended, and how long it took. The trigger says which kind of Space that was.
-- Definer: as above; people cancel drafts.
create function private.count_space() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  ended constant jsonb := to_jsonb(new);
begin
  insert into private.counts_added (name, labels, seconds)
  values ('spaces', jsonb_build_object('role', tg_argv[0], 'outcome', coalesce(ended ->> 'status', ended ->> 'state')),
    extract(epoch from (ended ->> 'finished_at')::timestamptz
      - coalesce((ended ->> 'started_at')::timestamptz, (ended ->> 'created_at')::timestamptz)));
  return null;
end
$$;
create trigger count_draft after update of status on public.generations
  for each row when (new.finished_at is not null and old.finished_at is null) execute function private.count_space('writer');
create trigger count_answer after update of state on public.chat_messages
  for each row when (new.finished_at is not null and old.finished_at is null) execute function private.count_space('mentor');
create trigger count_speech after update of state on public.speeches
  for each row when (new.finished_at is not null and old.finished_at is null) execute function private.count_space('voice');

-- Does:    counts a refresh of an account's tokens, whether it gave new ones.
-- Definer: as above.
create function private.count_refresh() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.counts_added (name, labels)
  select 'refreshes', jsonb_build_object('platform', a.platform_id, 'outcome', case when new.version > old.version then 'renewed' else 'failed' end)
  from public.social_accounts a where a.id = new.account_id;
  return null;
end
$$;
create trigger count_refresh after update of refresh_lease_until on public.social_account_tokens
  for each row when (old.refresh_lease_until is not null and new.refresh_lease_until is null)
  execute function private.count_refresh();

-- ------------------------------------------------------------------------------------------------ added up, and told

-- Does:    the histograms by name, with the upper bounds of their buckets in seconds; the last bucket has none and is left out.
create function private.histograms() returns table (name text, bounds double precision[])
language sql
immutable
set search_path = ''
as $$
  values ('attempts', '{0.05,0.1,0.25,0.5,1,2,5,10,30,60,300,900,3600,21600}'::double precision[]),
    ('spaces', '{0.5,1,2,5,10,20,30,60,120,300,600}')
$$;
grant execute on function private.histograms() to service_role;

-- Does:    adds up what was counted since the last time. One call at a time does it; others have nothing to do.
-- Returns: how many events.
-- May call: service_role. Safe to repeat.
create function public.add_up_counts() returns integer
language plpgsql
set search_path = ''
as $$
declare
  events integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('add_up_counts', 0)) then
    return 0;
  end if;
  with taken as (
    -- projects refuse a delete without a condition
    delete from private.counts_added a where a.name is not null returning a.name, a.labels, a.seconds
  ), added as (
    insert into private.counts as c (name, labels, up_to, times, seconds)
    select t.name, t.labels, coalesce(h.bounds[width_bucket(t.seconds, h.bounds) + 1], 'infinity'), count(*), coalesce(sum(t.seconds), 0)
    from taken t left join private.histograms() h on h.name = t.name
    group by 1, 2, 3
    on conflict (name, labels, up_to) do update set times = c.times + excluded.times, seconds = c.seconds + excluded.seconds
  )
  select count(*) into events from taken;
  return events;
end
$$;
grant execute on function public.add_up_counts() to service_role;

-- Does:    every counter as it stands, to the last event that was committed.
-- Returns: {counts: [{name, labels, up_to (null: no bound), times, seconds}], bounds: {name: [seconds]}}; counts of the same name,
--          labels and bucket belong together: what was added up, and what was counted since.
-- May call: service_role.
create function public.counters() returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'counts', coalesce((
      select jsonb_agg(jsonb_build_object('name', e.name, 'labels', e.labels, 'up_to', nullif(e.up_to, 'infinity'),
        'times', e.times, 'seconds', e.seconds))
      from (
        select c.name, c.labels, c.up_to, c.times, c.seconds from private.counts c
        union all
        select a.name, a.labels, coalesce(h.bounds[width_bucket(a.seconds, h.bounds) + 1], 'infinity'), count(*), coalesce(sum(a.seconds), 0)
        from private.counts_added a left join private.histograms() h on h.name = a.name
        group by 1, 2, 3
      ) e), '[]'::jsonb),
    'bounds', (select jsonb_object_agg(h.name, h.bounds) from private.histograms() h))
$$;
grant execute on function public.counters() to service_role;
