-- How somebody leaves: what acts for them stops first, then tokens, rows and files go, the person last. Whatever part of it
-- a process had done when it died, another one goes through all of it again.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table public.account_deletions (
  user_id uuid primary key references auth.users (id) on delete cascade,
  requested_at timestamptz not null default now(),
  quiet_at timestamptz not null default now(),
  lease_until timestamptz not null,
  tries integer not null default 1
);
comment on table public.account_deletions is 'People who are leaving, until nothing is left of them: this row goes with the person.';
comment on column public.account_deletions.quiet_at is 'Until then a worker whose target was canceled may still be storing a file.';
create index account_deletions_lease_until_idx on public.account_deletions (lease_until);

alter table public.account_deletions enable row level security;
create policy "Nobody but the service reads deletions in progress" on public.account_deletions
  for select to authenticated using (false);
grant select, insert, update, delete on public.account_deletions to service_role;

-- Does:    refuses what would begin to act for somebody who is leaving.
-- Definer: who is leaving is nobody's to read.
-- Raises:  PT409.
create function private.refuse_leaving() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (select 1 from public.account_deletions d where d.user_id = new.user_id) then
    perform private.refuse(409, 'This account is being deleted.');
  end if;
  return new;
end
$$;
create trigger refuse_leaving before insert on public.oauth_states for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.social_accounts for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.slots for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.sources for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.media for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.generations for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.chat_messages for each row execute function private.refuse_leaving();
create trigger refuse_leaving before insert on public.speeches for each row execute function private.refuse_leaving();

-- Does:    lets nothing of somebody who is leaving come back into the queue. A worker's try that would be repeated ends as
--          failed; what a person asks for is refused.
-- Definer: as above.
-- Raises:  PT409.
create function private.keep_leaver_quiet() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (select 1 from public.account_deletions d where d.user_id = new.user_id) then
    if old.state = 'sending' then
      new.state := 'failed';
    elsif old.state = 'preparing' then
      new.state := 'canceled';
    else
      perform private.refuse(409, 'This account is being deleted.');
    end if;
  end if;
  return new;
end
$$;
create trigger keep_leaver_quiet before update of state on public.post_targets
  for each row when (new.state = 'scheduled' and old.state <> 'scheduled') execute function private.keep_leaver_quiet();

-- Does:    says whether the caller is somebody who stays: a token outlives its person by up to an hour, and files have no
--          foreign key to refuse them by.
-- Definer: who is leaving is nobody's to read.
create function private.stays() returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select exists (select 1 from public.profiles p where p.id = (select auth.uid()))
    and not exists (select 1 from public.account_deletions d where d.user_id = (select auth.uid()))
$$;
grant execute on function private.stays() to authenticated;

create policy "People who leave upload nothing more" on storage.objects as restrictive
  for insert to authenticated with check (bucket_id <> 'media' or (select private.stays()));
create policy "People who leave replace nothing more" on storage.objects as restrictive
  for update to authenticated with check (bucket_id <> 'media' or (select private.stays()));

-- Does:    notes that somebody is leaving, and gives the caller the lease on it.
-- Takes:   who; the lease in seconds.
-- Returns: false when another process holds the lease.
-- Raises:  PT404 when there is no such person, or no longer.
-- May call: service_role.
create function public.begin_account_deletion(leaver uuid, lease_seconds integer) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select 1 from public.profiles p where p.id = leaver) then
    perform private.refuse(404, 'There is no such account.');
  end if;
  insert into public.account_deletions as d (user_id, lease_until)
  values (leaver, clock_timestamp() + make_interval(secs => lease_seconds))
  on conflict (user_id) do update set lease_until = excluded.lease_until, tries = d.tries + 1
  where d.lease_until < clock_timestamp();
  return found;
exception when foreign_key_violation then
  perform private.refuse(404, 'There is no such account.');
  return false;
end
$$;
grant execute on function public.begin_account_deletion(uuid, integer) to service_role;

-- Does:    hands out deletions that wait, or whose process died, the oldest first.
-- Takes:   how many; the lease in seconds.
-- Returns: who is leaving.  May call: service_role.
create function public.claim_account_deletions(take integer, lease_seconds integer) returns setof uuid
language sql
set search_path = ''
as $$
  update public.account_deletions d
  set lease_until = clock_timestamp() + make_interval(secs => lease_seconds), tries = d.tries + 1
  where d.user_id = any (array(
    select w.user_id from public.account_deletions w
    where w.lease_until < clock_timestamp()
    order by w.lease_until
    limit take
    for update skip locked
  ))
  returning d.user_id
$$;
grant execute on function public.claim_account_deletions(integer, integer) to service_role;

-- Does:    stops what acts for somebody who is leaving: slots and started connections go, drafts being written are told to
--          end, targets are canceled. What is with a platform already becomes unconfirmed; one that a living worker is
--          sending at this moment is left to it.
-- Takes:   who; how many targets at most; the lease in seconds for what follows.
-- Returns: {stopped: targets, at_work: things to wait for, published: targets that are live, or may be}. While something is
--          at work the lease is 5 seconds, so that a worker looks again soon.
-- May call: service_role. Safe to repeat.
create function public.quiet_account(leaver uuid, take integer, lease_seconds integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  targets uuid[];
  moment timestamptz;
  stopped integer;
  busy integer;
  live integer;
begin
  delete from public.slots s where s.user_id = leaver; -- first: this takes the lock that comes before those of posts
  delete from public.oauth_states o where o.user_id = leaver;
  update public.generations g set
    cancel_requested_at = coalesce(g.cancel_requested_at, now()),
    status = case when g.status = 'queued' then 'canceled'::public.generation_status else g.status end,
    finished_at = case when g.status = 'queued' then now() end
  where g.user_id = leaver and g.status in ('queued', 'waking', 'running');

  targets := array(
    select t.id from public.post_targets t
    where t.user_id = leaver and (t.state in ('scheduled', 'preparing', 'confirming', 'needs_reconnect', 'quarantined')
      or (t.state = 'sending' and t.lease_until < clock_timestamp()))
    order by t.id
    limit take);
  perform private.lock_targets(targets);
  moment := clock_timestamp();
  update public.account_deletions d set quiet_at = greatest(d.quiet_at, (
    select max(t.lease_until) from public.post_targets t where t.id = any (targets) and t.state = 'preparing'))
  where d.user_id = leaver;
  update public.publish_attempts a set
    finished_at = moment,
    outcome = (case when a.phase = 'preparing' then 'changed' else 'unconfirmed' end)::public.attempt_outcome
  from public.post_targets t
  where t.id = a.target_id and t.id = any (targets) and a.finished_at is null
    and (t.state in ('preparing', 'confirming') or (t.state = 'sending' and t.lease_until < moment));
  update public.post_targets t set
    state = (case when t.state in ('sending', 'confirming') then 'unconfirmed' else 'canceled' end)::public.target_state,
    lease_token = case when t.state = 'preparing' then nextval('private.target_lease') else t.lease_token end,
    lease_until = null
  where t.id = any (targets)
    and (t.state in ('scheduled', 'preparing', 'confirming', 'needs_reconnect', 'quarantined')
      or (t.state = 'sending' and t.lease_until < moment));
  get diagnostics stopped = row_count;

  -- a Space that answers now may still have its file stored
  select (select count(*) from public.post_targets t where t.user_id = leaver and t.state = 'sending')
    + (select count(*) from public.generations g
       where g.user_id = leaver and g.status in ('waking', 'running') and g.lease_until > clock_timestamp())
    + (select count(*) from public.speeches s
       where s.user_id = leaver and s.state = 'speaking' and s.lease_until > clock_timestamp())
    + (select count(*) from public.account_deletions d where d.user_id = leaver and d.quiet_at > clock_timestamp())
  into busy;
  select count(*) into live from public.post_targets t where t.user_id = leaver and t.state in ('published', 'unconfirmed');
  update public.account_deletions d
  set lease_until = clock_timestamp() + make_interval(secs => case when busy > 0 then 5 else lease_seconds end)
  where d.user_id = leaver;
  return jsonb_build_object('stopped', stopped, 'at_work', busy, 'published', live);
end
$$;
grant execute on function public.quiet_account(uuid, integer, integer) to service_role;

-- Does:    deletes rows of somebody who is leaving, a bounded number a call, from every table that names a user: one that a
--          later migration adds is among them. Profile and deletion go with the person.
-- Takes:   who; how many rows of one table at most.
-- Returns: how many went, 0 when none are left. Posts come before what they hold, because a file that a post uses and a
--          post that is out refuse to be changed; sources before their articles, which are remembered otherwise.
-- May call: service_role, for somebody whose deletion has begun.  Raises: PT409 for others.
create function public.delete_account_rows(leaver uuid, take integer) returns integer
language plpgsql
set search_path = ''
as $$
declare
  place regclass;
  gone integer;
begin
  if not exists (select 1 from public.account_deletions d where d.user_id = leaver) then
    perform private.refuse(409, 'This account is not being deleted.');
  end if;
  for place in
    select c.oid::regclass from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'account_deletions'
    order by array_position(array['slots', 'sources', 'posts', 'media', 'social_accounts'], c.relname::text), c.relname
  loop
    execute format('delete from %1$s t where t.ctid = any (array(select r.ctid from %1$s r where r.user_id = $1 limit $2))', place)
    using leaver, take;
    get diagnostics gone = row_count;
    if gone > 0 then
      return gone;
    end if;
  end loop;
  return 0;
end
$$;
grant execute on function public.delete_account_rows(uuid, integer) to service_role;
