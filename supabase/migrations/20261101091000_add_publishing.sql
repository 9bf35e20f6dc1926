-- What the worker does with targets. Each function is one atomic step; all may be called by service_role only, run
-- with its rights, and are safe to repeat. "Due" and "lease over" are decided by the database's clock alone.
--
-- Every write about a claimed target names the lease token it was claimed with. Where the token on the row is another
-- one, the caller has lost the lease: nothing changes, except that a known answer of the platform is kept.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    ends waiting targets whose deadline has passed: missed, or failed where something was sent before.
-- Returns: how many.
create function public.mark_missed(take integer default 100) returns integer
language plpgsql
set search_path = ''
as $$
declare
  late uuid[];
  n integer;
begin
  select array_agg(l.id) into late from (
    select t.id from public.post_targets t join public.posts p on p.id = t.post_id
    where t.state = 'scheduled' and t.deadline_at < now()
    order by t.deadline_at
    limit take
    for update of t, p skip locked
  ) l;
  update public.post_targets t set
    state = (case when sent.once then 'failed' else 'missed' end)::public.target_state,
    error_class = case when sent.once then coalesce(t.error_class, 'deadline_passed') else 'missed' end,
    error = case when sent.once then coalesce(t.error, 'The time allowed for this post is over.')
      else format('It was due at %s and could not go out in time.', to_char(t.due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')) end
  from public.post_targets o, lateral (
    select exists (select 1 from public.publish_attempts a where a.target_id = o.id and a.sending_at is not null and a.sending_at >= o.due_at) as once
  ) sent
  where o.id = t.id and t.id = any (late);
  get diagnostics n = row_count;
  return n;
end
$$;
grant execute on function public.mark_missed(integer) to service_role;

-- Does:    leases due targets to a worker, oldest first, at most one per account and none of an account that has one at
--          work, and opens an attempt for each. Returns with it all that publishing needs.
-- Takes:   worker's name; how many; lease in seconds; `ahead_seconds` to claim a little before the time (the worker holds
--          them; begin_send refuses before the time).
-- Returns: {now, targets: [{target_id, post_id, user_id, account_id, platform, lease_token, lease_until, attempt, failures,
--          due_at, deadline_at, post_version, target_version, text, options, account, token, media}]}.
create function public.claim_due_targets(worker_name text, take integer, lease_seconds integer, ahead_seconds double precision default 0)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  perform public.mark_missed();
  begin
    select array_agg(d.id) into claimed from (
      select t.id
      from public.post_targets t
      join public.posts p on p.id = t.post_id
      join public.social_accounts a on a.id = t.account_id
      where t.state = 'scheduled'
        and t.next_attempt_at <= now() + make_interval(secs => ahead_seconds)
        and a.status = 'active'
        and not exists (
          select 1 from public.post_targets w
          where w.account_id = t.account_id and w.state in ('preparing', 'sending', 'confirming'))
        and not exists (
          select 1 from public.post_targets e
          where e.account_id = t.account_id and e.state = 'scheduled' and (e.next_attempt_at, e.id) < (t.next_attempt_at, t.id))
      order by t.next_attempt_at, t.id
      limit take
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
  exception when unique_violation or deadlock_detected then
    -- another worker took a target of one of these accounts since our snapshot: the next poll sees it
    return jsonb_build_object('now', clock_timestamp(), 'targets', '[]'::jsonb);
  end;
  insert into public.publish_attempts (user_id, target_id, number, lease_token, worker)
  select t.user_id, t.id, t.attempts, t.lease_token, worker_name from public.post_targets t where t.id = any (claimed);

  return jsonb_build_object('now', clock_timestamp(), 'targets', coalesce((
    select jsonb_agg(private.claimed_target(t.id) order by t.next_attempt_at, t.id)
    from public.post_targets t where t.id = any (claimed)), '[]'::jsonb));
end
$$;

-- Does:    all that publishing one claimed target needs.
create function private.claimed_target(target uuid) returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
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
  where t.id = target
$$;
grant execute on function private.claimed_target(uuid) to service_role;
grant execute on function public.claim_due_targets(text, integer, integer, double precision) to service_role;

-- Does:    commits the send mark for many targets at once. Only what is marked may be sent, and it is never sent again.
-- Takes:   sends [{target_id, lease_token, post_version, target_version}]; how many seconds of lease the marked ones have
--          from now on, so that no answer outlives its lease.
-- Returns: a row for each: verdict "send" | "changed" (edited meanwhile: back in the queue) | "parked" (its account was
--          disconnected meanwhile: waits for that) | "early" (its time has not come) | "lost" (lease over, canceled, or
--          never ours).
create function public.begin_send(sends jsonb, seconds_left integer)
returns table (target_id uuid, lease_token bigint, verdict text)
language plpgsql
set search_path = ''
as $$
begin
  -- an edit holds its post's lock: whoever comes first decides
  perform private.lock_targets(array(select (s ->> 'target_id')::uuid from jsonb_array_elements(sends) s));

  return query
  with asked as (
    select s.target_id, s.lease_token, s.post_version, s.target_version
    from jsonb_to_recordset(sends) as s (target_id uuid, lease_token bigint, post_version bigint, target_version bigint)
  ), judged as (
    select s.target_id, s.lease_token,
      case
        when t.id is null or t.state not in ('preparing', 'sending') then 'lost'
        when t.lease_until <= clock_timestamp() then 'lost'
        when t.state = 'sending' then 'send' -- our mark was committed, its answer lost
        when a.status <> 'active' then 'parked'
        when p.version <> s.post_version or t.version <> s.target_version then 'changed'
        when t.next_attempt_at > clock_timestamp() then 'early'
        else 'send'
      end as verdict
    from asked s
    left join public.post_targets t on t.id = s.target_id and t.lease_token = s.lease_token
    left join public.posts p on p.id = t.post_id
    left join public.social_accounts a on a.id = t.account_id
  ), marked as (
    update public.post_targets t set
      state = (case j.verdict when 'send' then 'sending' when 'parked' then 'needs_reconnect' else 'scheduled' end)::public.target_state,
      lease_until = case j.verdict when 'send' then greatest(t.lease_until, clock_timestamp() + make_interval(secs => seconds_left)) end,
      error_class = case j.verdict when 'parked' then 'needs_reconnect' else t.error_class end,
      error = case j.verdict when 'parked' then 'The account was disconnected before this was sent.' else t.error end
    from judged j
    where t.id = j.target_id and t.state in ('preparing', 'sending') and j.verdict in ('send', 'changed', 'parked')
    returning t.id, t.lease_token, j.verdict
  ), noted as (
    update public.publish_attempts a set
      phase = case k.verdict when 'send' then 'sending' else a.phase end,
      sending_at = case k.verdict when 'send' then coalesce(a.sending_at, clock_timestamp()) end,
      outcome = (case k.verdict when 'changed' then 'changed' when 'parked' then 'needs_reconnect' end)::public.attempt_outcome,
      finished_at = case k.verdict when 'send' then null else clock_timestamp() end
    from marked k where a.lease_token = k.lease_token
  )
  select j.target_id, j.lease_token, j.verdict from judged j;
end
$$;
grant execute on function public.begin_send(jsonb, integer) to service_role;

-- Does:    records what became of many attempts at once.
-- Takes:   results [{target_id, lease_token, outcome, external_id, external_url, http_status, request_id, error_class, error,
--          after_seconds, whole_account}]; outcome is an attempt_outcome; after_seconds says when a "retry" comes up again,
--          whole_account that the account's other targets wait as long; a not_sent attempt goes back into the queue
--          without using up a try; a "duplicate" refusal with the external_id of what is there already means published
--          where an earlier attempt may have been the one.
-- Returns: a row for each: verdict "settled" | "known" (it was settled so before) | "kept" (the lease is lost; the answer
--          is kept with the attempt, and a success is still taken while nobody has decided otherwise).
create function public.settle_attempt(results jsonb)
returns table (target_id uuid, lease_token bigint, verdict text)
language plpgsql
set search_path = ''
as $$
declare
  r record;
  t public.post_targets;
begin
  perform private.lock_targets(array(select (s ->> 'target_id')::uuid from jsonb_array_elements(results) s));
  for r in
    select * from jsonb_to_recordset(results) as s (
      target_id uuid, lease_token bigint, outcome public.attempt_outcome, external_id text, external_url text, http_status integer,
      request_id text, error_class text, error text, after_seconds double precision, whole_account boolean)
    order by s.target_id
  loop
    target_id := r.target_id;
    lease_token := r.lease_token;
    select * into t from public.post_targets x where x.id = r.target_id;
    if not found then
      verdict := 'kept'; -- the user and all that was theirs is gone
    elsif t.lease_token = r.lease_token and private.settle_target_row(t, to_jsonb(r)) then
      verdict := 'settled';
    elsif exists (select 1 from public.publish_attempts a
      where a.lease_token = r.lease_token and a.outcome in (r.outcome, private.outcome_as_known(t, to_jsonb(r)))) then
      verdict := 'known';
    else
      update public.publish_attempts a set late_result = to_jsonb(r) where a.lease_token = r.lease_token and a.target_id = r.target_id;
      verdict := 'kept';
    end if;
    return next;
  end loop;
end
$$;

-- Does:    applies one result to a target whose lease token it names, if its state allows it.
-- Returns: whether it did.
create function private.settle_target_row(t public.post_targets, r jsonb) returns boolean
language plpgsql
set search_path = ''
as $$
declare
  ended_as constant public.attempt_outcome := private.outcome_as_known(t, r);
  from_states constant public.target_state[] := case ended_as
    -- a success that comes after the lease ran out is still a success, as long as nobody has settled it otherwise
    when 'published' then array['sending', 'confirming', 'unconfirmed']
    when 'confirming' then array['sending']
    when 'unconfirmed' then array['sending', 'confirming']
    when 'failed' then array['preparing', 'sending', 'confirming']
    when 'needs_reconnect' then array['preparing', 'sending']
    -- proof that nothing was sent frees what recovery had to take for unconfirmed
    when 'retry' then array['preparing', 'sending', 'unconfirmed']
    when 'not_sent' then array['preparing']
    else array[]::text[]
  end;
  retry_at timestamptz;
  tries constant integer := t.failures + case when ended_as in ('retry', 'failed') then 1 else 0 end;
  given_up boolean := false;
begin
  if not t.state = any (from_states) then
    return false;
  end if;
  if ended_as in ('retry', 'not_sent') then
    retry_at := greatest(clock_timestamp() + make_interval(secs => coalesce((r ->> 'after_seconds')::double precision, 0)), t.next_attempt_at);
    given_up := ended_as = 'retry' and (tries >= 6 or retry_at > t.deadline_at);
    if given_up and t.state = 'unconfirmed' then
      return false; -- its owner has been asked already
    end if;
  end if;

  update public.post_targets x set
    state = (case
      when given_up then 'failed'
      when ended_as in ('retry', 'not_sent') then 'scheduled'
      else ended_as::text end)::public.target_state,
    next_attempt_at = coalesce(retry_at, x.next_attempt_at),
    failures = tries,
    stalls = case when ended_as = 'not_sent' then x.stalls else 0 end,
    lease_until = case when ended_as = 'confirming' then x.lease_until end,
    external_id = case when ended_as in ('published', 'confirming') then coalesce(r ->> 'external_id', x.external_id) else x.external_id end,
    external_id_unknown = ended_as = 'published' and coalesce(r ->> 'external_id', x.external_id) is null,
    external_url = case when ended_as in ('published', 'confirming') then coalesce(r ->> 'external_url', x.external_url) else x.external_url end,
    published_at = case when ended_as = 'published' then clock_timestamp() else x.published_at end,
    error_class = case when ended_as in ('published', 'not_sent') then null else r ->> 'error_class' end,
    error = case when ended_as in ('published', 'not_sent') then null else left(r ->> 'error', 500) end
  where x.id = t.id;

  update public.publish_attempts a set
    finished_at = coalesce(a.finished_at, clock_timestamp()),
    outcome = ended_as,
    http_status = (r ->> 'http_status')::integer, platform_request_id = left(r ->> 'request_id', 200),
    error_class = r ->> 'error_class', error = left(r ->> 'error', 500)
  where a.lease_token = t.lease_token and a.target_id = t.id;

  if ended_as = 'needs_reconnect' then
    perform private.park_account(t.account_id, left(r ->> 'error', 500));
  elsif ended_as in ('retry', 'not_sent') and (r ->> 'whole_account')::boolean then
    perform private.hold_back_account(t.account_id, retry_at);
  end if;
  return true;
end
$$;

-- Does:    what an outcome means in the light of what is known here.
-- Returns: "retry" for a permission refused that was renewed while this attempt still used the old one; "published" for a
--          duplicate of a post that an earlier, unconfirmed attempt must have made; else the outcome itself.
create function private.outcome_as_known(t public.post_targets, r jsonb) returns public.attempt_outcome
language sql
stable
set search_path = ''
as $$
  select (case
    when r ->> 'outcome' = 'needs_reconnect' and exists (
      select 1 from public.social_accounts c join public.publish_attempts a on a.lease_token = t.lease_token
      where c.id = t.account_id and c.status = 'active' and c.connected_at > a.started_at) then 'retry'
    when r ->> 'outcome' = 'failed' and r ->> 'error_class' = 'duplicate' and exists (
      select 1 from public.publish_attempts a
      where a.target_id = t.id and a.outcome = 'unconfirmed' and a.lease_token <> t.lease_token)
      and not exists (
        select 1 from public.post_targets o
        where o.account_id = t.account_id and o.external_id = r ->> 'external_id' and o.id <> t.id) then 'published'
    else r ->> 'outcome' end)::public.attempt_outcome
$$;
grant execute on function private.outcome_as_known(public.post_targets, jsonb) to service_role;

-- Does:    the platform told an account to wait: what else waits for it comes up no earlier, in its order.
create function private.hold_back_account(account uuid, until_then timestamptz) returns void
language sql
set search_path = ''
as $$
  update public.post_targets t set next_attempt_at = until_then + o.place * interval '1 millisecond'
  from (
    select w.id, row_number() over (order by w.next_attempt_at, w.id) as place from (
      select s.id, s.next_attempt_at from public.post_targets s
      where s.account_id = account and s.state = 'scheduled' and s.next_attempt_at < until_then
      for update skip locked
    ) w
  ) o
  where t.id = o.id
$$;
grant execute on function private.hold_back_account(uuid, timestamptz) to service_role;

-- Does:    an account's permission is gone: says so on the account, and parks what waits for it where its owner sees it.
create function private.park_account(account uuid, reason text) returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.social_accounts a set status = 'needs_reconnect', last_error = reason where a.id = account and a.status = 'active';
  perform private.follow_accounts(null, account);
end
$$;
grant execute on function private.park_account(uuid, text) to service_role;

-- Does:    lets waiting targets follow their account: parks what waits for one that is not active, and puts back into the
--          queue what waited for one that is connected again. Skips what is locked; recover_leases comes again.
-- Takes:   how many (null: all); an account, null for all.
create function private.follow_accounts(take integer, account uuid default null) returns void
language plpgsql
set search_path = ''
as $$
declare
  parked uuid[];
  resumed uuid[];
begin
  select array_agg(f.id) into parked from (
    select t.id from public.social_accounts a
    join public.post_targets t on t.account_id = a.id and t.state = 'scheduled'
    join public.posts p on p.id = t.post_id
    where a.status <> 'active' and (account is null or a.id = account)
    limit take for update of t, p skip locked
  ) f;
  update public.post_targets t set state = 'needs_reconnect', error_class = 'needs_reconnect',
    error = coalesce(a.last_error, 'The account is not connected any more.')
  from public.social_accounts a where a.id = t.account_id and t.id = any (parked);

  select array_agg(f.id) into resumed from (
    select t.id from public.post_targets t
    join public.social_accounts a on a.id = t.account_id
    join public.posts p on p.id = t.post_id
    where t.state = 'needs_reconnect' and t.due_at is not null and a.status = 'active' and (account is null or a.id = account)
    limit take for update of t, p skip locked
  ) f;
  update public.post_targets t set state = 'scheduled', error = null, error_class = null,
    next_attempt_at = greatest(t.due_at, now() + o.place * interval '1 millisecond') -- overdue ones in the order they were due
  from (select w.id, row_number() over (order by w.due_at, w.id) as place from public.post_targets w where w.id = any (resumed)) o
  where t.id = o.id;
end
$$;
grant execute on function private.follow_accounts(integer, uuid) to service_role;
grant execute on function private.settle_target_row(public.post_targets, jsonb) to service_role;
grant execute on function public.settle_attempt(jsonb) to service_role;

-- Does:    extends the leases a worker holds, all in one call.
-- Takes:   leases [{target_id, lease_token}]; seconds from now.
-- Returns: the tokens that are still its own; what is missing was lost.
create function public.renew_lease(leases jsonb, lease_seconds integer) returns setof bigint
language plpgsql
set search_path = ''
as $$
begin
  perform 1 from public.post_targets t
  where t.id in (select (l ->> 'target_id')::uuid from jsonb_array_elements(leases) l)
  order by t.id for update;
  return query
  update public.post_targets t set lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
  from jsonb_to_recordset(leases) as l (target_id uuid, lease_token bigint)
  where t.id = l.target_id and t.lease_token = l.lease_token and t.state in ('preparing', 'sending', 'confirming')
    and t.lease_until > clock_timestamp()
  returning t.lease_token;
end
$$;
grant execute on function public.renew_lease(jsonb, integer) to service_role;

-- Does:    takes back targets whose worker vanished. Before the send mark: back into the queue, the third time in a row into
--          quarantine. After it: unconfirmed, because the call may have left; only a person or a read-back decides.
--          Then lets waiting targets follow their accounts.
-- Returns: {requeued, quarantined, unconfirmed} counts.
create function public.recover_leases(take integer default 100) returns jsonb
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
      error_class = case when t.state <> 'preparing' then 'worker_vanished' when t.stalls >= 2 then 'quarantined' else t.error_class end,
      error = case
        when t.state <> 'preparing' then 'The worker vanished while sending. The post may be live.'
        when t.stalls >= 2 then 'Three workers in a row vanished while preparing this post.'
        else t.error end
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
grant execute on function public.recover_leases(integer) to service_role;

-- Does:    what readiness asks: how old the freshest heartbeat is, how late the oldest due target is, how much waits.
-- Returns: {heartbeat_age_seconds, oldest_due_seconds, due, at_work, unconfirmed, workers}; null ages mean "none".
create function public.system_health() returns jsonb
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
    'unconfirmed', (select count(*) from public.post_targets t where t.state = 'unconfirmed'))
$$;
grant execute on function public.system_health() to service_role;
