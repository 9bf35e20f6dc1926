-- What keeps a status from lying, whoever writes: allowed moves, derived post status, edits against sending.
--
-- Lock order: posts by id, then targets by id (private.lock_targets), then accounts. What starts at the other end (the
-- claim and the sweeps start from targets, parking and resuming from an account) skips locked rows instead of waiting,
-- and comes again; a user who deletes a target is refused while its post is locked. So nobody ever waits in a circle.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    locks these targets and their posts, in the one order that everybody keeps.
create function private.lock_targets(targets uuid[]) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform 1 from public.posts p
  where p.id in (select t.post_id from public.post_targets t where t.id = any (targets))
  order by p.id for no key update;
  perform 1 from public.post_targets t where t.id = any (targets) order by t.id for update;
end
$$;
grant execute on function private.lock_targets(uuid[]) to service_role;

-- Does:    the state machine of a target; the one place that lists its moves.
create function private.target_may_move(old_state public.target_state, new_state public.target_state) returns boolean
language sql
immutable
set search_path = ''
as $$
  select new_state::text = any (case old_state::text
    when 'draft'           then array['scheduled', 'canceled']
    when 'scheduled'       then array['draft', 'preparing', 'needs_reconnect', 'missed', 'failed', 'canceled']
    when 'preparing'       then array['scheduled', 'sending', 'needs_reconnect', 'failed', 'quarantined', 'canceled']
    when 'sending'         then array['published', 'confirming', 'unconfirmed', 'failed', 'needs_reconnect', 'scheduled']
    when 'confirming'      then array['published', 'failed', 'unconfirmed']
    when 'unconfirmed'     then array['published', 'scheduled']
    when 'needs_reconnect' then array['scheduled', 'draft', 'missed', 'canceled']
    when 'failed'          then array['scheduled']
    when 'missed'          then array['scheduled']
    when 'quarantined'     then array['scheduled', 'canceled']
    when 'canceled'        then array['scheduled']
    else array[]::text[]
  end)
$$;
grant execute on function private.target_may_move(public.target_state, public.target_state) to authenticated, service_role;

-- Does:    refuses moves that the state machine does not know, for every role; a new target starts as a draft.
-- Raises:  23514.
create function private.guard_target_state() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    if new.state <> 'draft' then
      raise exception 'a new target starts as draft, not as %', new.state using errcode = '23514';
    end if;
  elsif new.state <> old.state and not private.target_may_move(old.state, new.state) then
    raise exception 'a target cannot go from % to %', old.state, new.state using errcode = '23514';
  end if;
  return new;
end
$$;
create trigger guard_target_state before insert or update of state on public.post_targets
  for each row execute function private.guard_target_state();

-- Does:    what a post is, from what its targets are. Canceled targets count only when there are no others.
create function private.derived_post_status(post uuid) returns public.post_status
language sql
stable
set search_path = ''
as $$
  with states as (
    select t.state::text as state from public.post_targets t where t.post_id = post
  ), live as (
    select state from states where state <> 'canceled'
  )
  select (case
    when not exists (select 1 from states) then 'draft'
    when not exists (select 1 from live) then 'canceled'
    when exists (select 1 from live where state in ('preparing', 'sending', 'confirming')) then 'publishing'
    when exists (select 1 from live where state in ('unconfirmed', 'needs_reconnect', 'quarantined')) then 'needs_attention'
    when not exists (select 1 from live where state <> 'published') then 'published'
    when exists (select 1 from live where state = 'published') then 'partly_published'
    when exists (select 1 from live where state = 'scheduled') then 'scheduled'
    when exists (select 1 from live where state = 'failed') then 'failed'
    when exists (select 1 from live where state = 'missed') then 'missed'
    else 'draft'
  end)::public.post_status
$$;

-- Does:    keeps posts.status equal to the derived status after any change of targets.
-- Definer: a user who adds a target may not write the status column.
create function private.refresh_post_status() returns trigger
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
    select array_agg(distinct n.post_id) into post_ids
    from new_rows n join old_rows o on o.id = n.id where n.state <> o.state;
  end if;
  -- lock first, derive after: two targets settling at once must both be seen by the later one
  perform 1 from public.posts p where p.id = any (post_ids) order by p.id for no key update;
  update public.posts p set status = private.derived_post_status(p.id)
  where p.id = any (post_ids) and p.status <> private.derived_post_status(p.id);
  return null;
end
$$;
create trigger refresh_post_status_insert after insert on public.post_targets
  referencing new table as new_rows for each statement execute function private.refresh_post_status();
create trigger refresh_post_status_update after update on public.post_targets
  referencing old table as old_rows new table as new_rows for each statement execute function private.refresh_post_status();
create trigger refresh_post_status_delete after delete on public.post_targets
  referencing old table as old_rows for each statement execute function private.refresh_post_status();

-- Does:    refuses to change what is being sent or was sent; else a new version, so that a send mark for the old is refused.
-- Raises:  PT409. The post row is locked by its own update, and the send mark locks it too: one of the two is first.
create function private.guard_post_edit() returns trigger
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
                else 'is already published on %s; write a new post instead.' end
    into held
    from public.post_targets t where t.post_id = new.id and t.state in ('sending', 'confirming', 'unconfirmed', 'published')
    limit 1;
    if held is not null then
      perform private.refuse(409, 'This post ' || format(held, (
        select string_agg(a.account_name, ', ') from public.post_targets t join public.social_accounts a on a.id = t.account_id
        where t.post_id = new.id and t.state in ('sending', 'confirming', 'unconfirmed', 'published'))));
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
create trigger guard_post_edit before update of text, max_lateness, version on public.posts
  for each row execute function private.guard_post_edit();

-- Does:    a change of a post's media is a change of the post: the same guard, the same new version.
--          Runs after the row is written, when policies and foreign keys have shown that the post is the caller's: its
--          refusal names the accounts of the post.
create function private.guard_post_media() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.posts p set version = p.version + 1 where p.id = coalesce(new.post_id, old.post_id);
  return null;
end
$$;
create trigger guard_post_media after insert or update or delete on public.post_media
  for each row execute function private.guard_post_media();

-- Does:    refuses to delete a file that a post uses; with its owner's account everything goes.
-- Raises:  PT409. The row is locked before this runs, so no post can start to use it meanwhile.
create function private.guard_media_delete() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (select 1 from public.post_media pm where pm.media_id = old.id)
    and exists (select 1 from auth.users u where u.id = old.user_id) then
    perform private.refuse(409, 'A post uses this file; take it out of the post first.');
  end if;
  return old;
end
$$;
create trigger guard_media_delete before delete on public.media
  for each row execute function private.guard_media_delete();

-- Does:    refuses to adapt a target that is being sent or was sent; else a new version of it.
-- Raises:  PT409.
create function private.guard_target_edit() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.text_override is distinct from old.text_override or new.options is distinct from old.options then
    if old.state in ('sending', 'confirming', 'unconfirmed', 'published') then
      perform private.refuse(409, format('This target is %s; its text and options can no longer be changed.', old.state));
    end if;
    new.version := old.version + 1;
  end if;
  new.updated_at := now();
  return new;
end
$$;
create trigger guard_target_edit before update on public.post_targets
  for each row execute function private.guard_target_edit();

-- Does:    refuses a new target on a post that is going out at this moment. After, not before, the row is written: only then
--          it is sure that the post is the caller's.
create function private.guard_target_insert() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (select 1 from public.posts p where p.id = new.post_id and p.status = 'publishing') then
    perform private.refuse(409, 'This post is being published right now; add the account afterwards.');
  end if;
  return null;
end
$$;
create trigger guard_target_insert after insert on public.post_targets
  for each row execute function private.guard_target_insert();

-- Does:    keeps the lock order when a user deletes a target: its row is locked already, so its post is not waited for.
-- Raises:  PT409 while somebody else changes the post. A post that is being deleted takes its targets along.
create function private.guard_target_delete() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform 1 from public.posts p where p.id = old.post_id for no key update skip locked;
  if not found and exists (select 1 from public.posts p where p.id = old.post_id) then
    perform private.refuse(409, 'This post is being changed at this moment; try again.');
  end if;
  return old;
end
$$;
create trigger guard_target_delete before delete on public.post_targets
  for each row execute function private.guard_target_delete();

-- Does:    tells the owner, once per event, when a target ends or needs them.
create function private.notify_of_targets() returns trigger
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
  from new_rows n
  join old_rows o on o.id = n.id
  join public.social_accounts a on a.id = n.account_id
  where n.state <> o.state and n.state in ('published', 'unconfirmed', 'needs_reconnect', 'failed', 'missed', 'quarantined')
  on conflict (event_key) do nothing;
  return null;
end
$$;
create trigger notify_of_targets after update on public.post_targets
  referencing old table as old_rows new table as new_rows for each statement execute function private.notify_of_targets();
