-- Filling occurrences when their time comes near: from the owner's queue, or with a draft of the writer Space.
--
-- Every step is one transaction and leaves its result in the rows: a worker that dies leaves nothing half-made, and the next run
-- goes on from there. Nothing is published here; a filled occurrence is a scheduled post or a draft.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    takes the newest unused articles of a user's sources; each is handed out once, also to parallel callers.
-- Returns: at most `take` articles, marked as used.
-- May call: service_role.
create function public.take_source_items(owner uuid, take integer) returns setof public.source_items
language sql
set search_path = ''
as $$
  update public.source_items i set used_at = now()
  where i.id = any (array(
    select u.id from public.source_items u
    where u.user_id = owner and u.used_at is null
    order by u.published_at desc nulls last, u.id
    limit take
    for update skip locked
  ))
  returning i.*
$$;
grant execute on function public.take_source_items(uuid, integer) to service_role;

-- Does:    ends an occurrence without a scheduled post and tells its owner why.
create function private.end_occurrence(o public.slot_occurrences, new_state public.occurrence_state, new_kind text, why text, what_to_do text)
returns void
language sql
set search_path = ''
as $$
  update public.slot_occurrences c set state = new_state, error = left(why, 500) where c.id = o.id;
  select private.tell(o.user_id, new_kind, format('%s %s', new_kind, o.id), jsonb_build_object(
    'occurrence_id', o.id, 'slot_id', o.slot_id, 'account_id', o.account_id, 'post_id', o.post_id, 'occurs_at', o.occurs_at,
    'reason', left(why, 500), 'what_to_do', what_to_do))
$$;

-- Does:    the queued drafts of an account, the oldest first.
create function private.queued_posts(owner uuid, account uuid) returns setof public.posts
language sql
stable
set search_path = ''
as $$
  select p.* from public.posts p
  where p.user_id = owner and p.queued_at is not null and p.status = 'draft'
    and exists (select 1 from public.post_targets t where t.post_id = p.id and t.account_id = account and t.state = 'draft')
    and not exists (select 1 from public.slot_occurrences o where o.post_id = p.id and o.state in ('booked', 'review'))
  order by p.queued_at, p.id
$$;

-- Does:    gives places whose time comes near to the oldest queued draft. A draft that cannot be published then is passed over, and its
--          owner is told once; a place that nobody takes is tried again, until its time.
-- Returns: how many were booked.
create function private.book_queued_posts(take integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  o record;
  p public.posts;
  refused uuid[];
  reason text;
  done boolean;
  booked integer := 0;
begin
  for o in
    select c.id, c.user_id, c.account_id, c.occurs_at
    from public.slot_occurrences c join public.slots s on s.id = c.slot_id
    where c.state = 'open' and c.fill_at <= now() and c.occurs_at > now() and s.mode = 'queue'
      and exists (select 1 from private.queued_posts(c.user_id, c.account_id))
    order by c.occurs_at, c.id
    limit take
  loop
    continue when not private.try_lock_slots(o.user_id);
    refused := '{}';
    done := false;
    reason := null;
    for p in
      select x.* from public.posts x
      where x.id in (select q.id from private.queued_posts(o.user_id, o.account_id) q limit 20)
      order by x.queued_at, x.id
      for no key update skip locked
    loop
      perform 1 from public.post_targets t where t.post_id = p.id order by t.id for update;
      perform 1 from public.slot_occurrences c where c.id = o.id and c.state = 'open' for update;
      exit when not found;
      begin
        perform private.book_occurrence(o.id, p);
        done := true;
      exception when others then
        if sqlstate not in ('PT422', 'PT409') then
          raise warning 'queued post % could not be booked: %', p.id, sqlerrm;
        end if;
        reason := coalesce(reason, left('A queued post cannot go out: ' || sqlerrm, 500));
        refused := refused || p.id;
      end;
      exit when done;
    end loop;
    if done then
      booked := booked + 1;
      perform private.tell(o.user_id, 'queued_post_passed_over', format('queued_post_passed_over %s %s', r.id, o.id), jsonb_build_object(
        'post_id', r.id, 'account_id', o.account_id, 'occurs_at', o.occurs_at, 'reason', reason,
        'what_to_do', 'Correct the post; it keeps its place in the queue.'))
      from unnest(refused) as r (id);
    elsif reason is not null then
      update public.slot_occurrences c set error = reason where c.id = o.id and c.state = 'open';
    end if;
  end loop;

  -- what found nothing looks again, more often when its time is near
  update public.slot_occurrences c set
    fill_at = now() + case when c.occurs_at > now() + interval '25 seconds' then interval '20 seconds' else interval '1 second' end
  where c.id in (
    select l.id from public.slot_occurrences l join public.slots s on s.id = l.slot_id
    where l.state = 'open' and l.fill_at <= now() and l.occurs_at > now() and s.mode = 'queue'
    order by l.occurs_at, l.id
    limit take
    for update of l skip locked);
  return booked;
end
$$;
grant execute on function private.book_queued_posts(integer) to service_role;

-- Does:    queues a generation for places whose time comes near, each about an article nobody has used. Without an article, or with an
--          account that cannot publish, it is tried again every minute, until its time.
-- Returns: how many were queued.
create function private.start_drafts(take integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
  about record;
  item public.source_items;
  made uuid;
  started integer := 0;
begin
  for o in
    select c.* from public.slot_occurrences c join public.slots s on s.id = c.slot_id
    where c.state = 'open' and c.fill_at <= now() and c.occurs_at > now() and s.mode = 'generate'
    order by c.fill_at, c.id
    limit take
    for update of c skip locked
  loop
    continue when not private.try_lock_slots(o.user_id);
    select s.brief, a.account_name, a.status, l.name as platform_name, a.platform_id, l.enabled, l.limits -> 'text' -> 'max' as max_length,
      left(f.locale, 2) as language
    into about
    from public.slots s
    join public.social_accounts a on a.id = s.account_id
    join public.platforms l on l.id = a.platform_id
    left join public.profiles f on f.id = s.user_id
    where s.id = o.slot_id;
    if not about.enabled or about.status <> 'active' then
      update public.slot_occurrences c set fill_at = now() + interval '1 minute', error = case
        when not about.enabled then format('Publishing to %s is not available on this server.', about.platform_name)
        else format('%s account %s needs to be connected again.', about.platform_name, about.account_name) end
      where c.id = o.id;
      continue;
    end if;
    select * into item from public.take_source_items(o.user_id, 1);
    if item.id is null then
      update public.slot_occurrences c set fill_at = now() + interval '1 minute', error = 'There is no unused article in your sources.'
      where c.id = o.id;
      continue;
    end if;
    insert into public.generations (user_id, input)
    values (o.user_id, jsonb_strip_nulls(jsonb_build_object(
      'source_item_id', item.id, 'platform', about.platform_id, 'tone', about.brief, 'language', about.language, 'image', true,
      'max_length', about.max_length, 'occurrence_id', o.id))
      || jsonb_build_object('article', jsonb_build_object('title', item.title, 'text', left(item.text, 50000), 'url', item.url)))
    returning id into made;
    update public.slot_occurrences c set state = 'filling', generation_id = made, error = null where c.id = o.id;
    started := started + 1;
  end loop;
  return started;
end
$$;
grant execute on function private.start_drafts(integer) to service_role;

-- Does:    makes the post of a finished draft: for review, or scheduled where its owner chose auto. What cannot be scheduled stays a
--          draft, and the occurrence says why.
create function private.use_draft(o public.slot_occurrences, g public.generations) returns void
language plpgsql
set search_path = ''
as $$
declare
  s public.slots;
  p public.posts;
  now_o public.slot_occurrences;
begin
  select * into s from public.slots t where t.id = o.slot_id;
  insert into public.posts (user_id, text, generation_id) values (o.user_id, g.output ->> 'text', g.id) returning * into p;
  insert into public.post_media (post_id, media_id, user_id)
  select p.id, m.id, o.user_id from public.media m where m.id = (g.output ->> 'media_id')::uuid and m.user_id = o.user_id;
  insert into public.post_targets (user_id, post_id, account_id) values (o.user_id, p.id, o.account_id);
  update public.slot_occurrences c set state = 'review', post_id = p.id, error = null where c.id = o.id returning * into now_o;

  if o.occurs_at <= now() then
    perform private.end_occurrence(now_o, 'failed', 'slot_failed', 'The Space finished the draft after its time.',
      'The draft is kept. Schedule it if you want it.');
  elsif s.approval = 'review' then
    perform private.tell(o.user_id, 'draft_awaits_review', 'draft_awaits_review ' || o.id, jsonb_build_object(
      'occurrence_id', o.id, 'slot_id', o.slot_id, 'account_id', o.account_id, 'post_id', p.id, 'occurs_at', o.occurs_at,
      'what_to_do', 'Read the draft, then approve it; otherwise it is not published.', 'function', 'approve_occurrence'));
  else
    begin
      perform private.book_occurrence(o.id, p);
      update public.posts x set approved_at = s.approval_chosen_at, approved_by = 'slot' where x.id = p.id;
    exception when sqlstate 'PT422' or sqlstate 'PT409' then
      perform private.end_occurrence(now_o, 'failed', 'slot_failed', 'The draft cannot be published: ' || sqlerrm,
        'The draft is kept. Correct it and schedule it if you want it.');
    end;
  end if;
end
$$;

-- Does:    goes on from generations that have ended. A Space that was asleep or out of reach is asked again while there is time; its
--          article is free again. A Space that failed, or answered with nothing usable, ends the occurrence.
-- Returns: how many were seen to.
create function private.finish_drafts(take integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
  g public.generations;
  passing boolean;
  seen integer := 0;
begin
  for o in
    select c.* from public.slot_occurrences c join public.generations d on d.id = c.generation_id
    where c.state = 'filling' and d.status in ('complete', 'failed', 'canceled')
    order by c.occurs_at, c.id
    limit take
    for update of c skip locked
  loop
    seen := seen + 1;
    select * into g from public.generations d where d.id = o.generation_id;
    passing := coalesce(g.error_class, '') in ('space_unavailable', 'space_timed_out', 'unavailable', 'interrupted', 'internal');
    if g.status = 'complete' then
      begin
        perform private.use_draft(o, g);
      exception when others then
        raise warning 'the draft of occurrence % could not be used: %', o.id, sqlerrm;
        perform private.end_occurrence(o, 'failed', 'slot_failed', 'Something went wrong on Lin''s side while saving the draft.',
          'The text is kept with the generation.');
      end;
      continue;
    end if;
    if passing or g.status = 'canceled' then
      perform private.drop_draft(g.id);
    end if;
    if passing and o.occurs_at > now() + interval '1 minute' then
      update public.slot_occurrences c set state = 'open', generation_id = null, fill_at = least(now() + interval '2 minutes', o.occurs_at), error = g.error
      where c.id = o.id;
    elsif g.status = 'canceled' then
      update public.slot_occurrences c set state = 'skipped', error = 'You canceled its draft.' where c.id = o.id;
    else
      perform private.end_occurrence(o, 'failed', 'slot_failed', coalesce(g.error, 'The draft could not be written.'),
        'Nothing is published here. Write a post yourself, or wait for the next time of this slot.');
    end if;
  end loop;
  return seen;
end
$$;
grant execute on function private.finish_drafts(integer) to service_role;

-- Does:    ends places whose time has come without a scheduled post, and tells their owners why.
-- Returns: how many.
create function private.close_occurrences(take integer) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  o public.slot_occurrences;
  slot_mode public.slot_mode;
  closed integer := 0;
begin
  for o in
    select c.* from public.slot_occurrences c
    where c.state in ('open', 'filling', 'review') and c.occurs_at <= now()
    order by c.occurs_at, c.id
    limit take
    for update skip locked
  loop
    closed := closed + 1;
    select s.mode into slot_mode from public.slots s where s.id = o.slot_id;
    if o.state = 'review' then
      perform private.end_occurrence(o, 'skipped', 'draft_not_approved', 'The draft was not approved before its time.',
        'The draft is kept. Schedule it if you still want it.');
    elsif o.state = 'filling' then
      perform private.end_occurrence(o, 'failed', 'slot_failed', (
        select case g.status when 'waking' then 'The Space was still asleep when its time came.'
          when 'queued' then 'Nobody had started the draft when its time came.'
          else 'The Space had not finished the draft when its time came.' end
        from public.generations g where g.id = o.generation_id),
        'Nothing is published here. A longer lead time gives the Space more time.');
      perform private.drop_draft(o.generation_id);
    elsif slot_mode = 'queue' then
      perform private.end_occurrence(o, 'skipped', 'slot_empty', coalesce(o.error, case
        when exists (select 1 from private.queued_posts(o.user_id, o.account_id)) then 'Lin did not come to it in time; the queue keeps its posts.'
        else 'Nothing was queued.' end), 'Queue a post for this account.');
    else
      perform private.end_occurrence(o, 'failed', 'slot_failed', coalesce(o.error, 'Lin did not come to it in time.'),
        'Nothing is published here. Add a source, or write a post yourself.');
    end if;
  end loop;
  return closed;
end
$$;
grant execute on function private.close_occurrences(integer) to service_role;

-- Does:    everything there is to do for occurrences now: uses finished drafts, ends what is over, books queued posts, queues drafts.
--          Safe to repeat and to run in parallel; generations are run by whoever runs generations.
-- Returns: {finished, closed, booked, started} counts; call again while one of them reaches `take`.
-- May call: service_role.
create function public.fill_occurrences(take integer default 50) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  counts jsonb;
begin
  counts := jsonb_build_object('finished', private.finish_drafts(take));
  counts := counts || jsonb_build_object('closed', private.close_occurrences(take));
  counts := counts || jsonb_build_object('booked', private.book_queued_posts(take));
  return counts || jsonb_build_object('started', private.start_drafts(take));
end
$$;
grant execute on function public.fill_occurrences(integer) to service_role;
