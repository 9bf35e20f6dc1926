-- What follows from many changed targets at once takes time in proportion. A session plans these questions once, for the first
-- target it changes, by comparing every new row with every old one: 4,000 targets scheduled by a session that had scheduled one
-- before took four times as long as by a new session, 10,000 ran into the limit of a statement. A full join is never done that way
-- (and an update changes no row's id, so it finds the same); `offset 0` keeps the conditions from turning it into another.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

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
    select array_agg(distinct c.post_id), array_agg(distinct c.post_id) filter (where c.state in ('published', 'failed', 'missed'))
    into post_ids, ended
    from (
      select n.post_id, n.state, o.state as old_state from new_rows n full join old_rows o on o.id = n.id offset 0
    ) c
    where c.state <> c.old_state
      and not (c.state in ('preparing', 'sending', 'confirming') and c.old_state in ('preparing', 'sending', 'confirming'));
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

-- Does:    tells the owner, once per event, when a target ends or needs them. Nobody is asked about an unconfirmed target
--          while Lin looks for it itself.
create or replace function private.notify_of_targets() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.notifications (user_id, kind, event_key, payload)
  select n.user_id, 'target_' || n.state, 'target ' || n.id || ' ' || n.state || ' ' || pg_current_xact_id(),
    jsonb_strip_nulls(jsonb_build_object(
      'post_id', n.post_id, 'target_id', n.id, 'account_id', n.account_id, 'platform', a.platform_id,
      'account_name', a.account_name, 'external_url', n.external_url, 'reason', n.error,
      'what_to_do', case n.state
        when 'unconfirmed' then 'Look whether the post is on ' || a.account_name || '. Then settle it: it_is_live, or send_again.'
        when 'needs_reconnect' then 'Connect ' || a.account_name || ' again; the post then goes out if it is not too late.'
        when 'failed' then 'Read the reason, change the post, then retry.'
        when 'missed' then 'It was too late to publish. Schedule it again if you still want it.'
        when 'quarantined' then 'Lin stopped trying after three crashes. Retry, or cancel it.'
      end,
      'function', case n.state when 'unconfirmed' then 'settle_target' when 'published' then null
        when 'needs_reconnect' then null else 'retry_target' end))
  from (
    select r.*, o.state as old_state, o.look_at as old_look_at from new_rows r full join old_rows o on o.id = r.id offset 0
  ) n
  join public.social_accounts a on a.id = n.account_id
  where n.state in ('published', 'unconfirmed', 'needs_reconnect', 'failed', 'missed', 'quarantined')
    and n.look_at is null
    and (n.state <> n.old_state or n.old_look_at is not null)
  on conflict (event_key) do nothing;
  return null;
end
$$;
