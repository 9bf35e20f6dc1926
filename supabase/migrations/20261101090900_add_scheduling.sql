-- What users do with a post: schedule, unschedule, cancel, retry, settle. State moves through these only.
-- All are definers, because users may not write state columns; each asks first whether the post is the caller's.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    locks a post of the caller.  Raises: PT404.
create function private.own_post(post uuid) returns public.posts
language plpgsql
set search_path = ''
as $$
declare
  found_post public.posts;
begin
  select * into found_post from public.posts p
  where p.id = post and p.user_id = (select auth.uid())
  for no key update;
  if not found then
    perform private.refuse(404, 'There is no such post.');
  end if;
  return found_post;
end
$$;

-- Does:    locks a target of the caller, its post first.  Raises: PT404.
create function private.own_target(target uuid) returns public.post_targets
language plpgsql
set search_path = ''
as $$
declare
  found_target public.post_targets;
begin
  perform 1 from public.posts p
  where p.id = (select t.post_id from public.post_targets t where t.id = target and t.user_id = (select auth.uid()))
  for no key update;
  select * into found_target from public.post_targets t
  where t.id = target and t.user_id = (select auth.uid())
  for update;
  if not found then
    perform private.refuse(404, 'There is no such target.');
  end if;
  return found_target;
end
$$;

-- Does:    why this target cannot be published at that time, as sentences naming account and limit; no row if it can.
-- Takes:   a target id and the wanted time. Limits are platforms.limits, see seed.sql.
create function private.target_violations(target uuid, at timestamptz)
returns table (field text, message text)
language sql
stable
set search_path = ''
as $$
  with t as (
    select t.id, a.id as account_id, a.account_name, a.status as account_status, a.token_expires_at, a.last_error,
      pl.name as platform, pl.enabled, pl.limits, coalesce(t.text_override, p.text) as text,
      case when t.text_override is null then 'text' else 'text_override' end as text_field, p.id as post_id
    from public.post_targets t
    join public.posts p on p.id = t.post_id
    join public.social_accounts a on a.id = t.account_id
    join public.platforms pl on pl.id = a.platform_id
    where t.id = target
  ), m as (
    select md.*, pm.position, t.limits -> 'media' -> (md.kind::text) as kind_limits
    from t join public.post_media pm on pm.post_id = t.post_id join public.media md on md.id = pm.media_id
  ), kinds as (
    select m.kind, count(*) as n from m where m.kind is not null group by m.kind
  )
  select 'account_id', format('Publishing to %s is not available on this server.', t.platform) from t where not t.enabled
  union all
  select 'account_id', format('%s account %s needs to be connected again before anything can be scheduled to it.', t.platform, t.account_name)
  from t where t.account_status <> 'active'
  union all
  select 'account_id', format('The permission of %s account %s ends on %s, before the scheduled time; connect it again first.',
    t.platform, t.account_name, to_char(t.token_expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
  from t where t.account_status = 'active' and t.token_expires_at <= at
  union all
  select t.text_field, format('The text is %s characters long; %s (%s) takes at most %s.',
    char_length(t.text), t.platform, t.account_name, t.limits -> 'text' ->> 'max')
  from t where char_length(t.text) > (t.limits -> 'text' ->> 'max')::integer
  union all
  select t.text_field, format('The post for %s has neither text nor media.', t.account_name)
  from t where btrim(t.text, E' \t\r\n') = '' and not exists (select 1 from m)
  union all
  select 'media', case m.status
    when 'rejected' then format('File %s cannot be used: %s', m.position + 1, m.reason)
    else format('File %s is still being checked; try again in a moment.', m.position + 1) end
  from m where m.status <> 'ready'
  union all
  select 'media', format('%s (%s) does not take a file of kind %s.', t.platform, t.account_name, kinds.kind)
  from t, kinds where t.limits -> 'media' -> (kinds.kind::text) is null
  union all
  select 'media', format('%s (%s) takes at most %s of kind %s in one post; this post has %s.',
    t.platform, t.account_name, t.limits -> 'media' -> (kinds.kind::text) ->> 'max', kinds.kind, kinds.n)
  from t, kinds where kinds.n > (t.limits -> 'media' -> (kinds.kind::text) ->> 'max')::integer
  union all
  select 'media', format('%s (%s) does not take files of different kinds in one post.', t.platform, t.account_name)
  from t where not coalesce((t.limits -> 'media' ->> 'mixed')::boolean, false) and (select count(*) from kinds) > 1
  union all
  select 'media', format('File %s is %s; %s (%s) takes %s.', m.position + 1, m.mime, t.platform, t.account_name,
    (select string_agg(v, ', ') from jsonb_array_elements_text(m.kind_limits -> 'mimes') v))
  from t, m where m.kind_limits ? 'mimes' and not m.kind_limits -> 'mimes' ? m.mime
  union all
  select 'media', format('File %s has %s bytes; %s (%s) takes %s to %s.', m.position + 1, m.bytes, t.platform, t.account_name,
    coalesce(m.kind_limits ->> 'min_bytes', '1'), m.kind_limits ->> 'max_bytes')
  from t, m where m.bytes > (m.kind_limits ->> 'max_bytes')::bigint or m.bytes < (m.kind_limits ->> 'min_bytes')::bigint
  union all
  select 'media', format('File %s has %s × %s pixels; %s (%s) takes fewer than %s in all.', m.position + 1, m.width, m.height,
    t.platform, t.account_name, m.kind_limits ->> 'max_pixels')
  from t, m where m.width::bigint * m.height >= (m.kind_limits ->> 'max_pixels')::bigint
  union all
  select 'media', format('File %s lasts %s s; %s (%s) takes %s to %s s.', m.position + 1, round(m.duration::numeric, 1), t.platform,
    t.account_name, m.kind_limits ->> 'min_seconds', m.kind_limits ->> 'max_seconds')
  from t, m where m.duration > (m.kind_limits ->> 'max_seconds')::numeric or m.duration < (m.kind_limits ->> 'min_seconds')::numeric
  union all
  select 'media', format('File %s has %s pages; %s (%s) takes at most %s.', m.position + 1, m.pages, t.platform, t.account_name,
    m.kind_limits ->> 'max_pages')
  from t, m where m.pages > (m.kind_limits ->> 'max_pages')::integer
$$;

-- Does:    schedules the targets of a post that have not gone out, whoever asks for it. The caller has locked the post.
-- Raises:  PT422, PT409 as schedule_post does.
create function private.schedule_locked_post(p public.posts, moment timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
  problems jsonb;
begin
  if moment < now() - interval '30 seconds' then
    perform private.refuse(422, format('The time %s is in the past.', to_char(moment at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')),
      '[{"field": "at", "message": "in the past"}]');
  end if;
  if moment > now() + interval '1 year' then
    perform private.refuse(422, 'A post can be scheduled at most one year ahead.', '[{"field": "at", "message": "more than a year ahead"}]');
  end if;
  if not exists (select 1 from public.post_targets t where t.post_id = p.id) then
    perform private.refuse(422, 'Choose at least one account to publish to.', '[{"field": "targets", "message": "no account chosen"}]');
  end if;
  perform 1 from public.post_targets t where t.post_id = p.id order by t.id for update;
  if exists (select 1 from public.post_targets t where t.post_id = p.id and t.state in ('preparing', 'sending', 'confirming')) then
    perform private.refuse(409, 'This post is being published right now.');
  end if;
  if not exists (select 1 from public.post_targets t where t.post_id = p.id and t.state in ('draft', 'scheduled', 'missed', 'failed', 'needs_reconnect')) then
    perform private.refuse(409, 'Nothing of this post is left to schedule.');
  end if;
  select jsonb_agg(jsonb_build_object('field', v.field, 'target_id', t.id, 'message', v.message) order by t.id)
  into problems
  from public.post_targets t, private.target_violations(t.id, moment) v
  where t.post_id = p.id and t.state in ('draft', 'scheduled', 'missed', 'failed', 'needs_reconnect');
  if problems is not null then
    perform private.refuse(422, case when jsonb_array_length(problems) = 1 then problems -> 0 ->> 'message'
      else format('This post cannot be scheduled, for %s reasons; the first: %s', jsonb_array_length(problems), problems -> 0 ->> 'message') end, problems);
  end if;

  update public.posts set scheduled_at = moment, approved_at = now() where id = p.id;
  update public.post_targets t set
    state = 'scheduled', due_at = moment, next_attempt_at = moment, deadline_at = moment + p.max_lateness,
    failures = 0, stalls = 0, error = null, error_class = null
  where t.post_id = p.id and t.state in ('draft', 'scheduled', 'missed', 'failed', 'needs_reconnect');
end
$$;

-- Does:    schedules every target of the caller's post that has not gone out, and records that its owner approved it.
--          Canceled targets stay canceled; retry_target brings one back.
-- Takes:   at, null for now; at most a year ahead.
-- Returns: the post.
-- Raises:  PT404 no such post; PT422 with every reason why a chosen account could not take it, or a time in the
--          past or too far ahead;
--          PT409 when nothing is left to schedule or a target is at work.
-- May call: signed-in users, for their own posts.
create function public.schedule_post(post uuid, at timestamptz default null) returns public.posts
language plpgsql
security definer
set search_path = ''
as $$
declare
  p public.posts;
begin
  p := private.own_post(post);
  perform private.schedule_locked_post(p, coalesce(at, now()));
  select * into p from public.posts where id = p.id;
  return p;
end
$$;
grant execute on function public.schedule_post(uuid, timestamptz) to authenticated;

-- Does:    takes a scheduled post back to draft.
-- Returns: the post.  Raises: PT404; PT409 when a target is at work or nothing is scheduled.
-- May call: signed-in users, for their own posts.
create function public.unschedule_post(post uuid) returns public.posts
language plpgsql
security definer
set search_path = ''
as $$
declare
  p public.posts;
begin
  p := private.own_post(post);
  perform 1 from public.post_targets t where t.post_id = p.id order by t.id for update;
  if exists (select 1 from public.post_targets t where t.post_id = p.id and t.state in ('preparing', 'sending', 'confirming')) then
    perform private.refuse(409, 'This post is being published right now; it is too late to unschedule it.');
  end if;
  update public.post_targets t set state = 'draft', due_at = null, next_attempt_at = null, deadline_at = null
  where t.post_id = p.id and t.state in ('scheduled', 'needs_reconnect');
  if not found then
    perform private.refuse(409, 'This post is not scheduled.');
  end if;
  update public.posts set scheduled_at = null, approved_at = null where id = p.id;
  select * into p from public.posts where id = p.id;
  return p;
end
$$;
grant execute on function public.unschedule_post(uuid) to authenticated;

-- Does:    ends an attempt that has not been marked as sending, because its owner changed their mind.
create function private.close_unsent_attempt(target uuid, why public.attempt_outcome) returns void
language sql
set search_path = ''
as $$
  update public.publish_attempts a set finished_at = now(), outcome = why
  where a.target_id = target and a.finished_at is null and a.phase = 'preparing'
$$;

-- Does:    cancels one target. While it is being prepared this still works: the worker's send mark is then refused.
-- Returns: the target.  Raises: PT404; PT409 when it is being sent, may be live, or has ended.
-- May call: signed-in users, for their own targets.
create function public.cancel_target(target uuid) returns public.post_targets
language plpgsql
security definer
set search_path = ''
as $$
declare
  t public.post_targets;
begin
  t := private.own_target(target);
  if t.state not in ('draft', 'scheduled', 'preparing', 'needs_reconnect', 'quarantined') then
    perform private.refuse(409, case when t.state in ('sending', 'confirming') then 'It is being sent right now; it is too late to cancel it.'
      when t.state = 'unconfirmed' then 'It may be live already; say first whether it is.'
      else format('It is %s; there is nothing to cancel.', t.state) end);
  end if;
  perform private.close_unsent_attempt(t.id, 'changed');
  update public.post_targets set state = 'canceled', lease_token = nextval('private.target_lease'), lease_until = null
  where id = t.id returning * into t;
  return t;
end
$$;
grant execute on function public.cancel_target(uuid) to authenticated;

-- Does:    schedules one target anew, for now, with all its tries.
-- Returns: the target.  Raises: PT404; PT409 unless failed, missed, quarantined, canceled or needs_reconnect;
--          PT422 with the reasons why the account could not take it.
-- May call: signed-in users, for their own targets.
create function public.retry_target(target uuid) returns public.post_targets
language plpgsql
security definer
set search_path = ''
as $$
declare
  t public.post_targets;
  problems jsonb;
begin
  t := private.own_target(target);
  if t.state not in ('failed', 'missed', 'quarantined', 'canceled', 'needs_reconnect') then
    perform private.refuse(409, case when t.state = 'unconfirmed' then 'It may be live already; settle it with settle_target.'
      else format('It is %s; there is nothing to retry.', t.state) end);
  end if;
  select jsonb_agg(jsonb_build_object('field', v.field, 'target_id', t.id, 'message', v.message)) into problems
  from private.target_violations(t.id, now()) v;
  if problems is not null then
    perform private.refuse(422, problems -> 0 ->> 'message', problems);
  end if;
  perform private.reschedule_target(t.id);
  select * into t from public.post_targets where id = t.id;
  return t;
end
$$;

-- Does:    puts a target back into the queue, due now, as its owner asked.
create function private.reschedule_target(target uuid) returns void
language sql
set search_path = ''
as $$
  update public.post_targets t set
    state = 'scheduled', due_at = now(), next_attempt_at = now(), deadline_at = now() + p.max_lateness,
    failures = 0, stalls = 0, error = null, error_class = null, lease_until = null
  from public.posts p where p.id = t.post_id and t.id = target
$$;
grant execute on function public.retry_target(uuid) to authenticated;

create type public.settlement as enum ('it_is_live', 'send_again');

-- Does:    the owner says what became of an unconfirmed target: it is live (then it is published, id unknown),
--          or it is not and shall be sent again. Only a person may say the second.
-- Returns: the target.  Raises: PT404; PT409 unless unconfirmed; PT422 without an answer.
-- May call: signed-in users, for their own targets.
create function public.settle_target(target uuid, answer public.settlement) returns public.post_targets
language plpgsql
security definer
set search_path = ''
as $$
declare
  t public.post_targets;
begin
  t := private.own_target(target);
  if answer is null then -- silence must never send a post again
    perform private.refuse(422, 'Say it_is_live or send_again.', '[{"field": "answer", "message": "missing"}]');
  end if;
  if t.state <> 'unconfirmed' then
    perform private.refuse(409, format('It is %s; only an unconfirmed target can be settled.', t.state));
  end if;
  if answer = 'it_is_live' then
    update public.post_targets set state = 'published', published_at = coalesce(published_at, now()),
      external_id_unknown = external_id is null, error = null, error_class = null
    where id = t.id;
  else
    update public.post_targets set external_id = null, external_url = null where id = t.id;
    perform private.reschedule_target(t.id);
  end if;
  select * into t from public.post_targets where id = t.id;
  return t;
end
$$;
grant execute on function public.settle_target(uuid, public.settlement) to authenticated;
