-- The dates of slots: opened 14 days ahead, moved or freed when their slot changes, booked for posts.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    tells a user something, once per event.
create function private.tell(owner uuid, new_kind text, event text, facts jsonb) returns void
language sql
set search_path = ''
as $$
  insert into public.notifications (user_id, kind, event_key, payload) values (owner, new_kind, event, jsonb_strip_nulls(facts))
  on conflict (event_key) do nothing
$$;

-- Does:    the first instant from `wanted` on at which an account has no occurrence nearer than the gap, minute by minute; null when
--          there is none within a day. What has ended without a post only keeps its own minute.
-- Takes:   `except_ids`: occurrences that are about to move themselves.
create function private.free_instant(account uuid, wanted timestamptz, gap interval, except_ids uuid[]) returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  moment timestamptz := wanted;
  later timestamptz;
begin
  loop
    select max(o.occurs_at + o.apart) into later
    from (
      select n.occurs_at, case when n.state in ('skipped', 'failed') then interval '1 minute' else greatest(gap, s.min_gap) end as apart
      from public.slot_occurrences n join public.slots s on s.id = n.slot_id
      where n.account_id = account and not n.id = any (coalesce(except_ids, '{}'))
        and n.occurs_at > moment - interval '24 hours' and n.occurs_at < moment + interval '24 hours'
    ) o
    where o.occurs_at > moment - o.apart and o.occurs_at < moment + o.apart;
    if later is null then
      return moment;
    end if;
    moment := later;
    if moment > wanted + interval '24 hours' then
      return null;
    end if;
  end loop;
end
$$;

-- Does:    why an occurrence is not at its slot's time, for people; null when it is.
create function private.occurrence_moved_reason(s public.slots, day date, wanted timestamptz, placed timestamptz) returns text
language sql
stable
set search_path = ''
as $$
  select nullif(concat_ws(' ',
    case when wanted at time zone s.effective_timezone <> day + s.adjusted_time then
      format('%s does not exist in %s, clocks go forward: it is %s instead.', to_char(day + s.adjusted_time, 'YYYY-MM-DD HH24:MI'),
        s.effective_timezone, to_char(wanted at time zone s.effective_timezone, 'HH24:MI')) end,
    case when placed <> wanted then
      format('Moved from %s to %s: another slot of this account takes place near that time.',
        to_char(wanted at time zone s.effective_timezone, 'YYYY-MM-DD HH24:MI'), to_char(placed at time zone s.effective_timezone, 'YYYY-MM-DD HH24:MI')) end),
    '')
$$;

-- Does:    opens the missing occurrences of the 14 days from `since` on. The caller has locked the owner's slots.
-- Returns: how many.
create function private.open_slots(slot_ids uuid[], since timestamptz default now()) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  s public.slots;
  d record;
  placed timestamptz;
  opened integer := 0;
begin
  for d in
    select c.slot_id, c.day, c.wanted, c.adjusted_time
    from (
      select w.id as slot_id, w.day, w.adjusted_time, private.instant_of(w.day, w.adjusted_time, w.effective_timezone) as wanted
      from (
        select t.*, (since at time zone t.effective_timezone)::date + n as day
        from public.slots t, generate_series(0, 14) n
        where t.id = any (slot_ids) and t.enabled
      ) w
      where extract(isodow from w.day) = w.adjusted_weekday
        and not exists (select 1 from public.slot_occurrences o where o.slot_id = w.id and o.local_date = w.day)
    ) c
    where c.wanted > since and c.wanted <= since + interval '14 days'
    order by c.wanted, c.adjusted_time, c.slot_id
  loop
    select * into s from public.slots t where t.id = d.slot_id;
    placed := private.free_instant(s.account_id, d.wanted, s.min_gap, null);
    if placed is not null then
      insert into public.slot_occurrences (slot_id, user_id, account_id, local_date, occurs_at, fill_at, moved_reason)
      values (s.id, s.user_id, s.account_id, d.day, placed, placed - s.lead_time,
        private.occurrence_moved_reason(s, d.day, d.wanted, placed))
      on conflict (slot_id, local_date) do nothing;
      opened := opened + 1;
    end if;
  end loop;
  return opened;
end
$$;
grant execute on function private.open_slots(uuid[], timestamptz) to service_role;

-- Does:    opens what is missing of all slots. An owner whose slots are being changed is left to the next run: that change opens
--          its own. Safe to repeat and to run in parallel.
-- Returns: how many were opened; call again while that is not 0.
-- May call: service_role.
create function public.open_occurrences(take integer default 200) returns integer
language plpgsql
set search_path = ''
as $$
declare
  s record;
  opened integer := 0;
begin
  for s in
    select t.id, t.user_id from public.slots t
    where t.enabled and exists (
      select 1 from generate_series(0, 14) n
      where extract(isodow from (now() at time zone t.effective_timezone)::date + n) = t.adjusted_weekday
        and private.instant_of((now() at time zone t.effective_timezone)::date + n, t.adjusted_time, t.effective_timezone)
          between now() and now() + interval '14 days'
        and not exists (select 1 from public.slot_occurrences o
          where o.slot_id = t.id and o.local_date = (now() at time zone t.effective_timezone)::date + n))
    order by t.user_id, t.id
    limit take
  loop
    if private.try_lock_slots(s.user_id) then
      opened := opened + private.open_slots(array[s.id]);
    end if;
  end loop;
  return opened;
end
$$;
grant execute on function private.instant_of(date, time, text) to service_role;
grant execute on function public.open_occurrences(integer) to service_role;

-- Does:    whether a scheduled post still waits, so that its time may be moved: none of its targets is at work.
create function private.post_waits(post uuid) returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (select 1 from public.post_targets t where t.post_id = post and t.state in ('scheduled', 'needs_reconnect'))
    and not exists (select 1 from public.post_targets t where t.post_id = post and t.state in ('preparing', 'sending', 'confirming'))
$$;

-- Does:    locks the posts that coming occurrences of these slots hold, with their targets, in the order everybody keeps.
create function private.lock_posts_of_slots(slot_ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
declare
  post_ids constant uuid[] := array(select o.post_id from public.slot_occurrences o
    where o.slot_id = any (slot_ids) and o.occurs_at > now() and o.post_id is not null);
begin
  perform 1 from public.posts p where p.id = any (post_ids) order by p.id for no key update;
  perform 1 from public.post_targets t where t.post_id = any (post_ids) order by t.id for update;
  perform 1 from public.slot_occurrences o where o.slot_id = any (slot_ids) and o.occurs_at > now() order by o.id for update;
end
$$;

-- Does:    stops a draft that nobody needs any more, and gives its article back unless the draft was written.
create function private.drop_draft(generation uuid) returns void
language sql
set search_path = ''
as $$
  update public.generations g set
    cancel_requested_at = coalesce(g.cancel_requested_at, now()),
    status = case when g.status = 'queued' then 'canceled'::public.generation_status else g.status end,
    finished_at = case when g.status = 'queued' then now() end
  where g.id = generation and g.status in ('queued', 'waking', 'running');
  update public.source_items i set used_at = null
  from public.generations g
  where g.id = generation and g.status <> 'complete' and i.id = (g.input ->> 'source_item_id')::uuid;
$$;

-- Does:    ends a coming occurrence whose slot has no use for it. Its scheduled post is a draft again, and in the queue again if it
--          came from there; a draft in review stays a draft. The caller has locked posts and occurrences.
create function private.free_occurrence(o public.slot_occurrences, why text) returns void
language plpgsql
set search_path = ''
as $$
begin
  if o.state = 'review' then
    -- kept, so that the slot does not draft another one for this date
    update public.slot_occurrences set state = 'skipped', error = why where id = o.id;
    return;
  end if;
  if o.state = 'filling' then
    perform private.drop_draft(o.generation_id);
  end if;
  delete from public.slot_occurrences where id = o.id; -- first: then taking the post back finds no place to free
  if o.state = 'booked' then
    update public.post_targets t set state = 'draft', due_at = null, next_attempt_at = null, deadline_at = null
    where t.post_id = o.post_id and t.state in ('scheduled', 'needs_reconnect');
    update public.posts p set scheduled_at = null, approved_at = null where p.id = o.post_id;
    perform private.tell(o.user_id, 'slot_freed', format('slot_freed %s %s', o.id, o.post_id), jsonb_build_object(
      'post_id', o.post_id, 'slot_id', o.slot_id, 'account_id', o.account_id, 'occurs_at', o.occurs_at, 'reason', why,
      'what_to_do', 'The post is a draft again. Schedule it, or give it the next free slot.', 'function', 'next_free_slot'));
  end if;
end
$$;

-- Does:    brings the coming occurrences of changed slots to the slots' new times, posts along with them. What has no time any more
--          (paused, the new time is over, no room, the account cannot take the post then) is freed. Left alone: what has
--          ended, and what holds a post at work.
--          An occurrence goes to the nearest date with the new weekday.
-- Takes:   slots of an owner whom the caller has locked.
create function private.replan_slots(slot_ids uuid[]) returns void
language plpgsql
set search_path = ''
as $$
declare
  moving uuid[];
  placed timestamptz;
  d record;
  o public.slot_occurrences;
  s public.slots;
  p public.posts;
begin
  perform private.lock_posts_of_slots(slot_ids);
  moving := array(select m.id from public.slot_occurrences m
    where m.slot_id = any (slot_ids) and m.occurs_at > now()
      and (m.state in ('open', 'filling', 'review') or (m.state = 'booked' and private.post_waits(m.post_id))));
  set constraints public.slot_occurrences_account_id_occurs_at_key deferred; -- they may pass each other
  for d in
    select w.id, w.day, private.instant_of(w.day, w.adjusted_time, w.effective_timezone) as wanted
    from (
      select m.id, t.enabled, t.adjusted_time, t.effective_timezone,
        m.local_date + mod(t.adjusted_weekday - extract(isodow from m.local_date)::integer + 10, 7) - 3 as day
      from public.slot_occurrences m join public.slots t on t.id = m.slot_id
      where m.id = any (moving)
    ) w
    order by w.enabled and private.instant_of(w.day, w.adjusted_time, w.effective_timezone) > now(), wanted, w.adjusted_time, w.id -- what goes makes room
  loop
    select * into o from public.slot_occurrences m where m.id = d.id;
    select * into s from public.slots t where t.id = o.slot_id;
    placed := case when s.enabled and d.wanted > now() then private.free_instant(s.account_id, d.wanted, s.min_gap, moving) end;
    moving := array_remove(moving, o.id);
    if placed is null or exists (select 1 from public.slot_occurrences m where m.slot_id = s.id and m.local_date = d.day and m.id <> o.id) then
      perform private.free_occurrence(o, case when s.enabled then 'The weekly slot was changed.' else 'The weekly slot was paused.' end);
      continue;
    end if;
    update public.slot_occurrences m set local_date = d.day, occurs_at = placed,
      -- a later try after a Space did not answer stays where it is
      fill_at = case when placed = o.occurs_at and o.fill_at > now() and o.error is not null then o.fill_at else placed - s.lead_time end,
      moved_reason = private.occurrence_moved_reason(s, d.day, d.wanted, placed)
    where m.id = o.id;
    if o.state = 'booked' and placed <> o.occurs_at then
      select * into p from public.posts x where x.id = o.post_id;
      begin
        perform private.schedule_locked_post(p, placed);
        -- moving is not approving
        update public.posts x set approved_at = p.approved_at, approved_by = p.approved_by where x.id = p.id;
      exception when sqlstate 'PT422' or sqlstate 'PT409' then
        perform private.free_occurrence(o, left('The weekly slot was changed, and its post cannot go out at the new time: ' || sqlerrm, 500));
      end;
    end if;
  end loop;
  set constraints public.slot_occurrences_account_id_occurs_at_key immediate;
end
$$;

-- Does:    opens the dates of new slots.
create function private.open_new_slots() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.open_slots(array(select n.id from new_rows n where n.enabled));
  return null;
end
$$;
create trigger open_new_slots after insert on public.slots
  referencing new table as new_rows for each statement execute function private.open_new_slots();

-- Does:    brings the dates of changed slots along: all slots of a statement together, so that they may pass each other.
create function private.follow_changed_slots() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  changed constant uuid[] := array(
    select n.id from new_rows n join old_rows o on o.id = n.id
    where (n.adjusted_weekday, n.adjusted_time, n.effective_timezone, n.enabled, n.lead_time, n.min_gap)
      is distinct from (o.adjusted_weekday, o.adjusted_time, o.effective_timezone, o.enabled, o.lead_time, o.min_gap));
begin
  if cardinality(changed) > 0 then
    perform private.replan_slots(changed);
    perform private.open_slots(changed);
  end if;
  return null;
end
$$;
create trigger follow_changed_slots after update on public.slots
  referencing old table as old_rows new table as new_rows for each statement execute function private.follow_changed_slots();

-- Does:    frees what a slot holds before it goes.
create function private.free_deleted_slot() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
begin
  perform private.lock_slots(old.user_id);
  perform private.lock_posts_of_slots(array[old.id]);
  for o in
    select * from public.slot_occurrences c
    where c.slot_id = old.id and c.occurs_at > now()
      and (c.state in ('open', 'filling', 'review') or (c.state = 'booked' and private.post_waits(c.post_id)))
    order by c.id
  loop
    perform private.free_occurrence(o, 'The weekly slot was deleted.');
  end loop;
  return old;
end
$$;
create trigger free_deleted_slot before delete on public.slots
  for each row execute function private.free_deleted_slot();

-- Does:    slots that follow the profile's zone follow it at once, with what is opened.
-- Definer: the slots' effective zone may not be written by users.
create function private.follow_profile_timezone() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.lock_slots(new.id);
  update public.slots s set effective_timezone = new.timezone where s.user_id = new.id and s.timezone is null;
  return null;
end
$$;
create trigger follow_profile_timezone after update of timezone on public.profiles
  for each row when (old.timezone is distinct from new.timezone) execute function private.follow_profile_timezone();

-- Does:    takes a post from its place, because its owner decided otherwise. The place is free again if it is still to come and no
--          draft was written for it; a slot does not write a second one for the same date.
create function private.release_occurrence(o public.slot_occurrences, why text) returns void
language sql
set search_path = ''
as $$
  update public.slot_occurrences c set
    post_id = null,
    state = (case when o.state = 'booked' and o.generation_id is null and o.occurs_at > now() then 'open' else 'skipped' end)::public.occurrence_state,
    error = case when o.state = 'booked' and o.generation_id is null and o.occurs_at > now() then null else why end
  where c.id = o.id
$$;

-- Does:    frees the place of a post that its owner scheduled for another time, took back or canceled, and takes it out of the queue.
create function private.leave_place() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
begin
  select * into o from public.slot_occurrences c
  where c.post_id = old.post_id and c.account_id = old.account_id and c.state in ('booked', 'review') and c.occurs_at > now()
  for update;
  if not found then
    return null;
  end if;
  if tg_op = 'UPDATE' then
    if new.state not in ('draft', 'canceled') and new.due_at = o.occurs_at then
      return null; -- it is where it belongs
    end if;
  end if;
  perform private.release_occurrence(o, case
    when tg_op = 'DELETE' then 'Its post no longer goes to this account.'
    when new.state = 'draft' then 'Its post was taken back.'
    when new.state = 'canceled' then 'Its post was canceled.'
    else 'Its post was scheduled for another time.' end);
  update public.posts p set queued_at = null where p.id = old.post_id and p.queued_at is not null;
  return null;
end
$$;
create trigger leave_place_when_taken_back after update of state, due_at on public.post_targets
  for each row when ((new.state <> old.state and new.state in ('draft', 'canceled')) or new.due_at is distinct from old.due_at)
  execute function private.leave_place();
create trigger leave_place_when_removed after delete on public.post_targets
  for each row execute function private.leave_place();

-- Does:    frees the place of a post that is deleted.
create function private.leave_place_of_deleted_post() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
begin
  for o in select * from public.slot_occurrences c where c.post_id = old.id for update loop
    perform private.release_occurrence(o, 'Its post was deleted.');
  end loop;
  return old;
end
$$;
create trigger leave_place_of_deleted_post before delete on public.posts
  for each row execute function private.leave_place_of_deleted_post();

-- Does:    puts a post into an occurrence and schedules it there. The caller has locked the post, then the occurrence.
-- Returns: the occurrence.
-- Raises:  what schedule_post raises.
create function private.book_occurrence(occurrence uuid, p public.posts) returns public.slot_occurrences
language plpgsql
set search_path = ''
as $$
declare
  o public.slot_occurrences;
begin
  -- one post, one place: it leaves the one it had
  for o in select * from public.slot_occurrences c where c.post_id = p.id and c.id <> occurrence for update loop
    perform private.release_occurrence(o, 'Its post was scheduled for another time.');
  end loop;
  update public.slot_occurrences c set state = 'booked', post_id = p.id, error = null where c.id = occurrence returning * into o;
  perform private.schedule_locked_post(p, o.occurs_at);
  return o;
end
$$;

-- Does:    without a post: the next free place of an account's slots. With a post: books that place and schedules the post there, in
--          one step; parallel calls get different places. A post that has a place keeps it, so that the call may be repeated; a
--          draft in review gets the place it was written for.
-- Returns: the occurrence.
-- Raises:  PT404 no such account or post; PT409 when no place is free in the next 14 days, or the post is past scheduling; PT422 when the
--          post does not go to this account, or with every reason why it could not be published then.
-- Definer: users may not write occurrences or states. May call: signed-in users, for their own accounts and posts.
create function public.next_free_slot(account uuid, post uuid default null) returns public.slot_occurrences
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
  p public.posts;
begin
  if not exists (select 1 from public.social_accounts a where a.id = account and a.user_id = (select auth.uid())) then
    perform private.refuse(404, 'There is no such account.');
  end if;
  if post is not null then
    perform private.lock_slots((select auth.uid()));
    p := private.own_post(post);
    if not exists (select 1 from public.post_targets t where t.post_id = p.id and t.account_id = account) then
      perform private.refuse(422, 'This post does not go to that account; choose the account for the post first.',
        '[{"field": "account", "message": "the post does not go to it"}]');
    end if;
    perform 1 from public.post_targets t where t.post_id = p.id order by t.id for update;
    select * into o from public.slot_occurrences c
    where c.post_id = p.id and c.account_id = account and c.state in ('booked', 'review') and c.occurs_at > now()
    for update;
    if o.state = 'booked' then
      return o;
    end if;
  end if;
  if o.id is null then
    -- who fills or books a place has locked the owner's slots as well
    select * into o from public.slot_occurrences c
    where c.account_id = account and c.state = 'open' and c.occurs_at > now()
    order by c.occurs_at
    limit 1;
  end if;
  if o.id is null then
    perform private.refuse(409, case
      when exists (select 1 from public.slots s where s.account_id = account and s.enabled)
        then 'Every slot of this account in the next 14 days is taken; add a slot, or choose a time.'
      else 'This account has no weekly slot; make one first, or choose a time.' end);
  end if;
  if post is null then
    return o;
  end if;
  return private.book_occurrence(o.id, p);
end
$$;
grant execute on function public.next_free_slot(uuid, uuid) to authenticated;

-- Does:    approves the draft that a slot had written: it is scheduled for the time of its occurrence.
-- Returns: the occurrence; one that is approved already is returned as it is.
-- Raises:  PT404 no such occurrence; PT409 when it holds no draft to approve, or its time is over; PT422 with every reason why the draft
--          could not be published then.
-- Definer: users may not write occurrences or states. May call: signed-in users, for their own.
create function public.approve_occurrence(occurrence uuid) returns public.slot_occurrences
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
  p public.posts;
begin
  select * into o from public.slot_occurrences c where c.id = occurrence and c.user_id = (select auth.uid());
  if not found then
    perform private.refuse(404, 'There is no such occurrence.');
  end if;
  if o.post_id is not null then
    perform private.lock_slots(o.user_id);
    p := private.own_post(o.post_id);
    perform 1 from public.post_targets t where t.post_id = p.id order by t.id for update;
    select * into o from public.slot_occurrences c where c.id = occurrence and c.post_id = p.id for update;
  end if;
  if o.state = 'booked' then
    return o;
  end if;
  if o.post_id is null or o.state is distinct from 'review' then
    perform private.refuse(409, 'This occurrence holds no draft that waits for approval.');
  end if;
  if o.occurs_at <= now() then
    perform private.refuse(409, format('Its time, %s, is over; schedule the draft for another time.',
      to_char(o.occurs_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')));
  end if;
  return private.book_occurrence(o.id, p);
end
$$;
grant execute on function public.approve_occurrence(uuid) to authenticated;
