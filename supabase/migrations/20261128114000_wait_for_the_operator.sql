-- What only the operator can mend is no fault of a post: it uses up none of its tries, and the post waits until it is too late.
-- And an account's posts may be readable, or told figures of, by one of several scopes: LinkedIn has one for members and
-- another for pages.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

comment on column public.platforms.read_back_scope is
  'With this scope an account''s own posts can be read, of several (separated by spaces) with any; null: the platform shows them to nobody.';
comment on column public.platforms.metrics_scope is
  'With this scope an account is told how its posts do, of several (separated by spaces) with any; null: nobody is, with the permissions an ordinary app gets.';

-- Does:    refuses moves that the state machine does not know, for every role; a new target starts as a draft. What turns
--          unconfirmed is looked for after half a minute, the time platforms take to show a new post, if it can be: its
--          account's posts can be read, or the platform can be asked for this one. What is confirming says when it is asked.
--          What is published is asked for an hour later how it does, where the account is told.
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
  new.look_at := case
    when new.state = 'confirming' then coalesce(new.look_at, clock_timestamp())
    when new.state = 'unconfirmed' and (
      exists (select 1 from public.publication_notes n where n.target_id = new.id and n.notes ? 'reference')
      or exists (
        select 1 from public.social_accounts a join public.platforms p on p.id = a.platform_id
        where a.id = new.account_id and a.status = 'active' and string_to_array(p.read_back_scope, ' ') && a.granted_scopes))
    then clock_timestamp() + interval '30 seconds' end;
  if new.state = 'published' and new.external_id is not null and exists (
    select 1 from public.social_accounts a join public.platforms p on p.id = a.platform_id
    where a.id = new.account_id and string_to_array(p.metrics_scope, ' ') && a.granted_scopes) then
    new.measure_at := clock_timestamp() + interval '1 hour';
  end if;
  return new;
end
$$;

-- Does:    applies one result to a target whose lease token it names, if its state allows it. What the platform finishes
--          later is asked for after `after_seconds`, for an hour at most; then nobody knows. A retry of error_class "operator"
--          uses up no try, and comes a last time a minute before the target is too late.
-- Returns: whether it did.
create or replace function private.settle_target_row(t public.post_targets, r jsonb) returns boolean
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
  for_the_operator constant boolean := ended_as = 'retry' and coalesce(r ->> 'error_class' = 'operator', false);
  retry_at timestamptz;
  tries constant integer := t.failures + case when ended_as in ('retry', 'failed') and not for_the_operator then 1 else 0 end;
  given_up boolean := false;
begin
  if not t.state = any (from_states) then
    return false;
  end if;
  if ended_as in ('retry', 'not_sent') then
    retry_at := greatest(clock_timestamp() + make_interval(secs => coalesce((r ->> 'after_seconds')::double precision, 0)), t.next_attempt_at);
    if for_the_operator and clock_timestamp() < t.deadline_at - interval '2 minutes' then
      retry_at := least(retry_at, t.deadline_at - interval '1 minute');
    end if;
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
    lease_until = case when ended_as = 'confirming' then clock_timestamp() + interval '1 hour' end,
    look_at = case when ended_as = 'confirming'
      then clock_timestamp() + make_interval(secs => coalesce((r ->> 'after_seconds')::double precision, 0)) else x.look_at end,
    external_id = case when ended_as in ('published', 'confirming') then coalesce(r ->> 'external_id', x.external_id) else x.external_id end,
    external_id_unknown = ended_as = 'published' and coalesce(r ->> 'external_id', x.external_id) is null,
    external_url = case when ended_as in ('published', 'confirming') then coalesce(r ->> 'external_url', x.external_url) else x.external_url end,
    published_at = case when ended_as = 'published' then clock_timestamp() else x.published_at end,
    error_class = case when ended_as in ('published', 'confirming', 'not_sent') then null else r ->> 'error_class' end,
    error = case when ended_as in ('published', 'confirming', 'not_sent') then null else left(r ->> 'error', 500) end
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
