-- The ordinary case of publishing, many targets at a time: what is the same for all is done for all in one statement.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    what a post is, from the states of its targets. Canceled targets count only when there are no others.
create function private.status_of(states public.target_state[]) returns public.post_status
language sql
immutable
set search_path = ''
as $$
  select (case
    when coalesce(cardinality(states), 0) = 0 then 'draft'
    when cardinality(array_remove(states, 'canceled')) = 0 then 'canceled'
    when states && '{preparing,sending,confirming}' then 'publishing'
    when states && '{unconfirmed,needs_reconnect,quarantined}' then 'needs_attention'
    when array_remove(states, 'canceled') <@ '{published}' then 'published'
    when states && '{published}' then 'partly_published'
    when states && '{scheduled}' then 'scheduled'
    when states && '{failed}' then 'failed'
    when states && '{missed}' then 'missed'
    else 'draft'
  end)::public.post_status
$$;

-- Does:    what a post is, from what its targets are.
create or replace function private.derived_post_status(post uuid) returns public.post_status
language sql
stable
set search_path = ''
as $$
  select private.status_of(array_agg(distinct t.state)) from public.post_targets t where t.post_id = post
$$;

-- Does:    keeps posts.status equal to the derived status after any change of targets.
-- Definer: a user who adds a target may not write the status column.
create or replace function private.refresh_post_status() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  post_ids uuid[];
begin
  if tg_op = 'INSERT' then
    select array_agg(distinct post_id) into post_ids from new_rows;
  elsif tg_op = 'DELETE' then
    select array_agg(distinct post_id) into post_ids from old_rows;
  else
    -- from one state at work to another it stays "publishing"
    select array_agg(distinct n.post_id) into post_ids
    from new_rows n join old_rows o on o.id = n.id
    where n.state <> o.state
      and not (n.state in ('preparing', 'sending', 'confirming') and o.state in ('preparing', 'sending', 'confirming'));
  end if;
  if post_ids is null then
    return null;
  end if;
  -- lock first, derive after: two targets settling at once must both be seen by the later one
  perform 1 from public.posts p where p.id = any (post_ids) order by p.id for no key update;
  update public.posts p set status = d.status
  from (
    select i.id, private.status_of(array_agg(distinct t.state) filter (where t.id is not null)) as status
    from unnest(post_ids) as i (id) left join public.post_targets t on t.post_id = i.id
    group by i.id
  ) d
  where p.id = d.id and p.status <> d.status;
  return null;
end
$$;

-- Does:    records what became of many attempts at once.
-- Takes:   results [{target_id, lease_token, outcome, external_id, external_url, http_status, request_id, error_class, error,
--          after_seconds, whole_account}]; outcome is an attempt_outcome; after_seconds says when a "retry" comes up again,
--          whole_account that the account's other targets wait as long; a not_sent attempt goes back into the queue
--          without using up a try; a "duplicate" refusal with the external_id of what is there already means published
--          where an earlier attempt may have been the one.
-- Returns: a row for each: verdict "settled" | "known" (it was settled so before) | "kept" (the lease is lost; the answer
--          is kept with the attempt, and a success is still taken while nobody has decided otherwise).
create or replace function public.settle_attempt(results jsonb)
returns table (target_id uuid, lease_token bigint, verdict text)
language plpgsql
set search_path = ''
as $$
declare
  r record;
  t public.post_targets;
  done bigint[];
begin
  perform private.lock_targets(array(select (s ->> 'target_id')::uuid from jsonb_array_elements(results) s));

  -- what went as it should, all of it together
  with said as (
    select s.* from jsonb_to_recordset(results) as s (
      target_id uuid, lease_token bigint, outcome public.attempt_outcome, external_id text, external_url text,
      http_status integer, request_id text)
    where s.outcome = 'published' and s.external_id is not null
  ), published as (
    update public.post_targets x set
      state = 'published', published_at = clock_timestamp(), lease_until = null, stalls = 0, error_class = null, error = null,
      external_id = s.external_id, external_url = coalesce(s.external_url, x.external_url), external_id_unknown = false
    from said s
    where x.id = s.target_id and x.lease_token = s.lease_token and x.state = 'sending'
    returning x.id, x.lease_token
  ), noted as (
    update public.publish_attempts a set
      finished_at = coalesce(a.finished_at, clock_timestamp()), outcome = 'published', error_class = null, error = null,
      http_status = s.http_status, platform_request_id = left(s.request_id, 200)
    from published p join said s on s.lease_token = p.lease_token
    where a.lease_token = p.lease_token and a.target_id = p.id
  )
  select array_agg(p.lease_token) into done from published p;
  return query select (s ->> 'target_id')::uuid, (s ->> 'lease_token')::bigint, 'settled'
  from jsonb_array_elements(results) s where (s ->> 'lease_token')::bigint = any (done);

  for r in
    select * from jsonb_to_recordset(results) as s (
      target_id uuid, lease_token bigint, outcome public.attempt_outcome, external_id text, external_url text, http_status integer,
      request_id text, error_class text, error text, after_seconds double precision, whole_account boolean)
    where s.lease_token <> all (coalesce(done, '{}'))
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
