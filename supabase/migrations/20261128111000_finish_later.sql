-- Platforms that finish later, and publications of several steps: what is known of one under way is kept beside its target,
-- and what the platform has accepted is asked for until it is there.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.social_accounts add column username text check (char_length(username) between 1 and 200);
comment on column public.social_accounts.username is 'The name in the address of the account, where the platform has one. May change.';

alter table public.platforms add column refresh_before interval not null default interval '1 hour'
  check (refresh_before between interval '1 minute' and interval '50 days');
comment on column public.platforms.refresh_before is 'How long before its end an access token is refreshed, used or not.';

create table public.publication_notes (
  target_id uuid primary key references public.post_targets (id) on delete cascade,
  post_version bigint not null,
  target_version bigint not null,
  notes jsonb not null default '{}' check (jsonb_typeof(notes) = 'object' and pg_column_size(notes) <= 65536),
  updated_at timestamptz not null default now()
);
comment on table public.publication_notes is
  'What is known of one publication under way, for the platform''s own use: uploads, a container, the posts of a thread. Holds for one version of the post.';
comment on column public.publication_notes.notes is
  'live: something of it can be seen already, so the post cannot be edited; reference: the platform can be asked what became of it.';

alter table public.publication_notes enable row level security;
create policy "Nobody but the service reads notes" on public.publication_notes
  for select to authenticated using (false);
grant select, insert, update, delete on public.publication_notes to service_role;

-- Does:    adds to what is known of a target's publication, for the worker that holds it, or for the one that looks for it.
-- Takes:   target and lease token; the names to set, null removes one; the look, for who looks. Older versions' notes are
--          forgotten first.
-- Returns: whether it did; false when the lease or the look is another's by now. A worker whose target was taken for
--          unconfirmed meanwhile is refused, so it goes no further.
-- May call: service_role.
create function public.keep_notes(target uuid, token bigint, patch jsonb, look integer default null) returns boolean
language plpgsql
set search_path = ''
as $$
declare
  versions record;
begin
  select p.version as post_version, t.version as target_version into versions
  from public.post_targets t join public.posts p on p.id = t.post_id
  where t.id = target and t.lease_token = token
    and case when look is null then t.state in ('preparing', 'sending')
      else t.state in ('confirming', 'unconfirmed') and t.looks = look end
  for share of t;
  if not found then
    return false;
  end if;
  insert into public.publication_notes as n (target_id, post_version, target_version, notes)
  values (target, versions.post_version, versions.target_version, jsonb_strip_nulls(patch))
  on conflict (target_id) do update set
    notes = jsonb_strip_nulls(case
      when (n.post_version, n.target_version) = (excluded.post_version, excluded.target_version) then n.notes || patch
      else patch end),
    post_version = excluded.post_version, target_version = excluded.target_version, updated_at = now();
  return true;
end
$$;
grant execute on function public.keep_notes(uuid, bigint, jsonb, integer) to service_role;

-- Does:    the state machine of a target; the one place that lists its moves. Back into the queue goes what the platform
--          proves not to exist; failed, what it refused after it had taken it.
create or replace function private.target_may_move(old_state public.target_state, new_state public.target_state) returns boolean
language sql
immutable
set search_path = ''
as $$
  select new_state::text = any (case old_state::text
    when 'draft'           then array['scheduled', 'canceled']
    when 'scheduled'       then array['draft', 'preparing', 'needs_reconnect', 'missed', 'failed', 'canceled']
    when 'preparing'       then array['scheduled', 'sending', 'needs_reconnect', 'failed', 'quarantined', 'canceled']
    when 'sending'         then array['published', 'confirming', 'unconfirmed', 'failed', 'needs_reconnect', 'scheduled']
    when 'confirming'      then array['published', 'failed', 'unconfirmed', 'scheduled']
    when 'unconfirmed'     then array['published', 'failed', 'scheduled']
    when 'needs_reconnect' then array['scheduled', 'draft', 'missed', 'canceled']
    when 'failed'          then array['scheduled']
    when 'missed'          then array['scheduled']
    when 'quarantined'     then array['scheduled', 'canceled']
    when 'canceled'        then array['scheduled']
    else array[]::text[]
  end)
$$;

-- Does:    whether something of a target can be seen although it is not published as a whole.
-- Definer: users may not read notes.
create function private.is_live_in_part(target uuid) returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select exists (select 1 from public.publication_notes n where n.target_id = target and n.notes ? 'live')
$$;
grant execute on function private.is_live_in_part(uuid) to authenticated, service_role;

-- Does:    whether a target is being sent, or something of it may be seen.
create function private.is_out(t public.post_targets) returns boolean
language sql
stable
set search_path = ''
as $$
  select t.state in ('sending', 'confirming', 'unconfirmed', 'published') or private.is_live_in_part(t.id)
$$;

-- Does:    refuses to change what is being sent, was sent, or can be seen in part; else a new version, so that a send mark
--          for the old is refused.
-- Raises:  PT409. The post row is locked by its own update, and the send mark locks it too: one of the two is first.
create or replace function private.guard_post_edit() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  held text;
begin
  if new.text is distinct from old.text or new.version <> old.version then
    select case when t.state in ('sending', 'confirming') then 'is being sent to %s right now; it is too late to change it.'
                when t.state = 'unconfirmed' then 'may be live on %s already; say first whether it is.'
                when t.state = 'published' then 'is already published on %s; write a new post instead.'
                else 'is live in part on %s; let it go on with retry_target, or delete what is there.' end
    into held
    from public.post_targets t where t.post_id = new.id and private.is_out(t)
    limit 1;
    if held is not null then
      perform private.refuse(409, 'This post ' || format(held, (
        select string_agg(a.account_name, ', ') from public.post_targets t join public.social_accounts a on a.id = t.account_id
        where t.post_id = new.id and private.is_out(t))));
    end if;
    new.version := old.version + 1;
  end if;
  if new.max_lateness <> old.max_lateness then
    perform 1 from public.post_targets t where t.post_id = new.id order by t.id for update;
    update public.post_targets t set deadline_at = t.due_at + new.max_lateness
    where t.post_id = new.id and t.state = 'scheduled';
  end if;
  new.updated_at := now();
  return new;
end
$$;

-- Does:    refuses to adapt a target that is being sent, was sent, or can be seen in part; else a new version of it.
-- Raises:  PT409.
create or replace function private.guard_target_edit() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.text_override is distinct from old.text_override or new.options is distinct from old.options then
    if old.state in ('sending', 'confirming', 'unconfirmed', 'published') then
      perform private.refuse(409, format('This target is %s; its text and options can no longer be changed.', old.state));
    elsif private.is_live_in_part(old.id) then
      perform private.refuse(409, 'This target is live in part; its text and options can no longer be changed.');
    end if;
    new.version := old.version + 1;
  end if;
  new.updated_at := now();
  return new;
end
$$;

-- few rows are unconfirmed or confirming: building it takes one reading of the table, well below a second for a million rows
-- squawk-ignore require-concurrent-index-creation
create index post_targets_look_at_idx on public.post_targets (look_at) where state in ('unconfirmed', 'confirming');
-- squawk-ignore require-concurrent-index-deletion
drop index public.post_targets_unconfirmed_idx;

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
    where t.state in ('unconfirmed', 'confirming') and t.look_at <= clock_timestamp()
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

-- Does:    says what the platform told of one publication. Published or failed: it has ended so; an id that is another
--          target's already is left unknown. Absent: provably not there,
--          so it goes back into the queue, as a try that was used up. Pending: asked again when the platform said; the owner
--          of an unconfirmed one is asked a quarter of an hour after sending.
-- Takes:   the target; the look; {outcome: "published" | "failed" | "absent" | "pending", external_id, external_url, http_status,
--          error_class, error, after_seconds}.
-- Returns: "published" | "failed" | "scheduled" | "looking" (again later) | "asked" (its owner) | "lost" (settled meanwhile, or another look
--          has begun).
-- May call: service_role.
create function public.settle_outcome(target uuid, look integer, told jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  t public.post_targets;
  ended_as text := told ->> 'outcome';
begin
  perform private.lock_targets(array[target]);
  select * into t from public.post_targets x where x.id = target;
  if t.id is null or t.state not in ('unconfirmed', 'confirming') or t.looks <> look then
    return 'lost';
  end if;
  if ended_as = 'pending' and t.state = 'unconfirmed' and clock_timestamp() >= private.sent_at(t.id) + interval '15 minutes' then
    update public.post_targets set look_at = null where id = t.id;
    return 'asked';
  elsif ended_as = 'pending' then
    update public.post_targets set look_at = clock_timestamp() + make_interval(secs => greatest(1, coalesce((told ->> 'after_seconds')::double precision, 30)))
    where id = t.id;
    return 'looking';
  end if;
  if ended_as = 'published' and exists (
    select 1 from public.post_targets o
    where o.account_id = t.account_id and o.external_id = told ->> 'external_id' and o.id <> t.id) then
    -- it is live, but that id is another post's: two posts alike, taken for one another
    told := told - 'external_id' - 'external_url';
  end if;
  if ended_as = 'absent' and (t.failures >= 5 or clock_timestamp() >= t.deadline_at) then
    ended_as := 'failed';
  end if;
  update public.post_targets x set
    state = (case ended_as when 'absent' then 'scheduled' else ended_as end)::public.target_state,
    lease_until = null,
    next_attempt_at = case ended_as when 'absent' then clock_timestamp() else x.next_attempt_at end,
    failures = x.failures + case when ended_as = 'published' then 0 else 1 end,
    published_at = case ended_as when 'published' then clock_timestamp() else x.published_at end,
    external_id = case ended_as when 'published' then coalesce(told ->> 'external_id', x.external_id) else x.external_id end,
    external_id_unknown = ended_as = 'published' and coalesce(told ->> 'external_id', x.external_id) is null,
    external_url = case ended_as when 'published' then coalesce(told ->> 'external_url', x.external_url) else x.external_url end,
    error_class = case ended_as when 'published' then null else left(told ->> 'error_class', 50) end,
    error = case ended_as when 'published' then null else left(told ->> 'error', 500) end
  where x.id = t.id;
  perform private.note_read_back(t, (case ended_as when 'absent' then 'retry' else ended_as end)::public.attempt_outcome, told);
  return case ended_as when 'absent' then 'scheduled' else ended_as end;
end
$$;
grant execute on function public.settle_outcome(uuid, integer, jsonb) to service_role;

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
    where t.state in ('preparing', 'sending', 'confirming') and t.lease_until < clock_timestamp()
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
    select 'unconfirmed', min(t.look_at) from public.post_targets t where t.state in ('unconfirmed', 'confirming')
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

-- Does:    the accounts whose access token ends within their platform's time and can be refreshed.
-- Returns: account, platform, scopes and sealed tokens.  May call: service_role.
create or replace function public.tokens_to_refresh(take integer) returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('account_id', d.account_id, 'platform', d.platform_id, 'granted_scopes', d.granted_scopes,
    'token', jsonb_build_object('access_token_sealed', d.access_token_sealed, 'refresh_token_sealed', d.refresh_token_sealed,
      'access_token_expires_at', d.access_token_expires_at, 'refresh_token_expires_at', d.refresh_token_expires_at, 'version', d.version))), '[]')
  from (
    select k.*, a.platform_id, a.granted_scopes
    from public.social_account_tokens k
    join public.social_accounts a on a.id = k.account_id
    join public.platforms p on p.id = a.platform_id
    where a.status = 'active' and k.refresh_token_sealed is not null and k.access_token_expires_at < now() + p.refresh_before
      and (k.refresh_lease_until is null or k.refresh_lease_until < now())
    order by k.access_token_expires_at
    limit take
  ) d
$$;

-- Does:    stores or reconnects an account with its sealed tokens, and puts what waited for it back into the queue.
-- Takes:   account {id, user_id, platform, kind, external_id, account_name, given_name, family_name, picture_url, username,
--          granted_scopes}; token {sealed tokens and their ends}.
-- Returns: the account's id.  May call: service_role.
create or replace function public.store_account(account jsonb, token jsonb) returns uuid
language plpgsql
set search_path = ''
as $$
declare
  stored uuid;
begin
  insert into public.social_accounts as a (id, user_id, platform_id, kind, external_id, account_name, given_name, family_name,
    picture_url, username, granted_scopes, token_expires_at)
  values ((account ->> 'id')::uuid, (account ->> 'user_id')::uuid, account ->> 'platform', (account ->> 'kind')::public.account_kind,
    account ->> 'external_id', left(account ->> 'account_name', 300), left(account ->> 'given_name', 200), left(account ->> 'family_name', 200),
    left(account ->> 'picture_url', 2000), left(nullif(account ->> 'username', ''), 200),
    array(select jsonb_array_elements_text(account -> 'granted_scopes')),
    coalesce((token ->> 'refresh_token_expires_at')::timestamptz, (token ->> 'access_token_expires_at')::timestamptz))
  on conflict (user_id, platform_id, external_id) do update set
    kind = excluded.kind, account_name = excluded.account_name, given_name = excluded.given_name, family_name = excluded.family_name,
    picture_url = excluded.picture_url, username = excluded.username, granted_scopes = excluded.granted_scopes,
    token_expires_at = excluded.token_expires_at, status = 'active', last_error = null, connected_at = now()
  returning a.id into stored;

  insert into public.social_account_tokens as t (account_id, access_token_sealed, refresh_token_sealed, access_token_expires_at, refresh_token_expires_at)
  values (stored, token ->> 'access_token_sealed', token ->> 'refresh_token_sealed',
    (token ->> 'access_token_expires_at')::timestamptz, (token ->> 'refresh_token_expires_at')::timestamptz)
  on conflict (account_id) do update set
    access_token_sealed = excluded.access_token_sealed,
    refresh_token_sealed = coalesce(excluded.refresh_token_sealed, t.refresh_token_sealed),
    access_token_expires_at = excluded.access_token_expires_at,
    refresh_token_expires_at = coalesce(excluded.refresh_token_expires_at, t.refresh_token_expires_at),
    refresh_lease_until = null, version = t.version + 1, updated_at = now();

  perform private.follow_accounts(null, stored);
  return stored;
end
$$;
