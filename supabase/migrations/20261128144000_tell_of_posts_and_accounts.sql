-- Two more things people are told: a post that is out on some of its accounts only, and an account that was lost, whether
-- posts wait for it or not. supabase/README.md lists every kind.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    tells the owner of a post that all is over and only some of it is live. Told when a target ends by itself, not
--          when its owner cancels the rest.
-- Takes:   posts whose status was just derived.
create function private.tell_of_partly_published(post_ids uuid[]) returns void
language sql
set search_path = ''
as $$
  insert into public.notifications (user_id, kind, event_key, payload)
  select p.user_id, 'post_partly_published', 'post ' || p.id || ' partly_published ' || pg_current_xact_id(),
    jsonb_build_object(
      'post_id', p.id, 'published', t.live, 'not_published', t.others,
      'what_to_do', 'Read the reasons, then retry what is missing, or leave it.', 'function', 'retry_target')
  from public.posts p, lateral (
    select
      jsonb_agg(a.entry order by a.entry ->> 'account_name') filter (where a.state = 'published') as live,
      jsonb_agg(a.entry order by a.entry ->> 'account_name') filter (where a.state <> 'published') as others,
      bool_or(a.state not in ('published', 'failed', 'missed')) as goes_on
    from (
      select x.state, jsonb_strip_nulls(jsonb_build_object(
        'target_id', x.id, 'account_id', x.account_id, 'account_name', s.account_name, 'platform', s.platform_id, 'state', x.state,
        'external_url', x.external_url, 'reason', x.error)) as entry
      from public.post_targets x join public.social_accounts s on s.id = x.account_id
      where x.post_id = p.id and x.state <> 'canceled'
    ) a
  ) t
  where p.id = any (post_ids) and p.status = 'partly_published' and not t.goes_on
  on conflict (event_key) do nothing
$$;

-- Does:    keeps posts.status equal to the derived status after any change of targets, and tells of posts that end with some
--          of their targets published.
-- Definer: a user who adds a target may not write the status column.
create or replace function private.refresh_post_status() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  post_ids uuid[];
  ended uuid[];
begin
  if tg_op = 'INSERT' then
    select array_agg(distinct post_id) into post_ids from new_rows;
  elsif tg_op = 'DELETE' then
    select array_agg(distinct post_id) into post_ids from old_rows;
  else
    -- from one state at work to another it stays "publishing"
    select array_agg(distinct n.post_id), array_agg(distinct n.post_id) filter (where n.state in ('published', 'failed', 'missed'))
    into post_ids, ended
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
  if ended is not null then
    perform private.tell_of_partly_published(ended);
  end if;
  return null;
end
$$;

-- Does:    tells the owner that an account has to be connected again.
-- Definer: whoever parks an account may not write what people are told.
create function private.tell_of_lost_account() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.tell(new.user_id, 'account_needs_reconnect',
    'account ' || new.id || ' needs_reconnect ' || pg_current_xact_id(), jsonb_build_object(
      'account_id', new.id, 'account_name', new.account_name, 'platform', new.platform_id, 'reason', new.last_error,
      'what_to_do', 'Connect ' || new.account_name || ' again; posts that wait for it then go out if it is not too late.'));
  return null;
end
$$;
create trigger tell_of_lost_account after update of status on public.social_accounts
  for each row when (old.status = 'active' and new.status = 'needs_reconnect') execute function private.tell_of_lost_account();
