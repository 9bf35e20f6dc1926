-- A mark takes a few milliseconds to be written, so it is written that much before the time; the database still says when
-- the time has come. Editing and canceling end with the mark, so they end that much earlier.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- an older worker calls the new one with the arguments it knows, and is told "early" as before
-- squawk-ignore ban-drop-function
drop function public.begin_send(jsonb, integer);

-- Does:    commits the send mark for many targets at once. Only what is marked may be sent, and it is never sent again.
-- Takes:   sends [{target_id, lease_token, post_version, target_version}]; how many seconds of lease the marked ones have
--          from now on, so that no answer outlives its lease; how many seconds before its time one may be marked.
-- Returns: a row for each: the seconds left until its time, 0 when that has come; and the verdict, "send" (then) | "changed"
--          (edited meanwhile: back in the queue) | "parked" (its account was disconnected meanwhile: waits for that) | "early"
--          (its time is further off) | "lost" (lease over, canceled, or never ours).
create function public.begin_send(sends jsonb, seconds_left integer, ahead_seconds double precision default 0)
returns table (target_id uuid, lease_token bigint, verdict text, early_by double precision)
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
        when t.next_attempt_at > clock_timestamp() + make_interval(secs => ahead_seconds) then 'early'
        else 'send'
      end as verdict,
      greatest(0, extract(epoch from t.next_attempt_at - clock_timestamp()))::double precision as early_by
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
    returning t.id, t.lease_token, t.next_attempt_at, j.verdict
  ), noted as (
    update public.publish_attempts a set
      phase = case k.verdict when 'send' then 'sending' else a.phase end,
      -- when the call may leave, which is not before its time
      sending_at = case k.verdict when 'send' then coalesce(a.sending_at, greatest(clock_timestamp(), k.next_attempt_at)) end,
      outcome = (case k.verdict when 'changed' then 'changed' when 'parked' then 'needs_reconnect' end)::public.attempt_outcome,
      finished_at = case k.verdict when 'send' then null else clock_timestamp() end
    from marked k where a.lease_token = k.lease_token
  )
  select j.target_id, j.lease_token, j.verdict, coalesce(j.early_by, 0) from judged j;
end
$$;
grant execute on function public.begin_send(jsonb, integer, double precision) to service_role;
