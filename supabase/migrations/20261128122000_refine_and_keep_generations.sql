-- Drafts from drafts, for several platforms, in several variants; followed by number, limited by day, deleted by their owner.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- ------------------------------------------------------------------------------------------------ followed by number

alter table public.generations add column version bigint not null default 1;
comment on column public.generations.version is
  'Rises with every change that a follower is told of: the id of an event, the same on every connection and in every process.';

-- Does:    counts the changes that somebody who follows a run sees (a longer lease is none), and gives a canceled run its words,
--          whoever canceled it.
create function private.number_generation_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.status = 'canceled' then
    new.error_class := 'canceled';
    new.error := 'This draft was canceled.';
  end if;
  if (new.status, new.progress, new.output, new.error_class, new.error)
    is distinct from (old.status, old.progress, old.output, old.error_class, old.error) then
    new.version := old.version + 1;
  end if;
  return new;
end
$$;
create trigger number_generation_change before update on public.generations
  for each row execute function private.number_generation_change();

-- ------------------------------------------------------------------------------------------------ deleted by their owner

-- A run that goes on has to be canceled first; one that a slot is about to make a post of belongs to the slot until it has.
create policy "People delete own generations that have ended" on public.generations
  for delete to authenticated
  using (
    user_id = (select auth.uid()) and status in ('complete', 'failed', 'canceled')
    and not exists (
      select 1 from public.slot_occurrences o
      where o.generation_id = generations.id and o.user_id = generations.user_id and o.state = 'filling'
    )
  );
grant delete on public.generations to authenticated;
comment on table public.generations is
  'One run of a model. Kept with its input, output, Space and times; its owner may read it, and delete it when it has ended.';

-- ------------------------------------------------------------------------------------------------ limited by day

create table private.drafts_asked (
  generation_id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  asked_at timestamptz not null default now()
);
comment on table private.drafts_asked is
  'Drafts that people asked for in the last 24 hours. Apart from generations, so that deleting one gives no quota back.';
alter table private.drafts_asked enable row level security;
create index drafts_asked_user_id_asked_at_idx on private.drafts_asked (user_id, asked_at);
create policy "Nobody but the service sees what was asked" on private.drafts_asked for select to authenticated using (false);
grant select, insert, update, delete on private.drafts_asked to service_role;

insert into private.drafts_asked (generation_id, user_id, asked_at)
select g.id, g.user_id, g.created_at from public.generations g
where g.created_at > now() - interval '24 hours' and not g.input ? 'occurrence_id';

-- Does:    as before, and says in the detail how many seconds that is from now, as {retry_after}, where it can be known.
-- Takes:   the kind, how many of it a person asked for in the last 24 hours, and when the oldest of these was.
-- Raises:  PT429 that says how many were used and when the next one is free.
-- May call: other functions only.
create or replace function private.refuse_over_quota(of_kind text, used bigint, oldest timestamptz) returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  allowed integer;
  free_again timestamptz;
begin
  select q.per_day into allowed from public.quotas q where q.kind = of_kind;
  if allowed is null or used < allowed then
    return;
  end if;
  free_again := case when allowed > 0 then oldest + interval '24 hours' end;
  perform private.refuse(429, format('You have used %s of %s %s of the last 24 hours%s.', used, allowed,
    case of_kind when 'generation' then 'drafts' when 'chat' then 'mentor answers' else 'spoken texts' end,
    coalesce('; the next one is free at ' || to_char(free_again at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC', '')),
    jsonb_strip_nulls(jsonb_build_object('retry_after', ceil(extract(epoch from free_again - now())))));
end
$$;

-- ------------------------------------------------------------------------------------------------ asked for

-- Does:    refuses an input that is not what a draft may be asked for with.
-- Raises:  PT422 that names the field.
-- May call: request_generation.
create function private.check_draft_input(wanted jsonb) returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  odd text;
  about integer;
  reworked boolean;
begin
  if jsonb_typeof(wanted) is distinct from 'object' then
    perform private.refuse(422, 'The input has to be an object.');
  end if;
  select f.key into odd from jsonb_each(wanted) f
  where not case
    when f.key = 'image' then jsonb_typeof(f.value) = 'boolean'
    when f.key in ('variants', 'variant') then f.value in ('1', '2', '3', '4', '5')
    when f.key = 'platforms' then case when jsonb_typeof(f.value) = 'array' then
      jsonb_array_length(f.value) between 1 and 20
      and not exists (select 1 from jsonb_array_elements(f.value) e where jsonb_typeof(e) <> 'string')
      and (select count(distinct e) from jsonb_array_elements(f.value) e) = jsonb_array_length(f.value)
      else false end
    when jsonb_typeof(f.value) <> 'string' then false
    else char_length(f.value #>> '{}') between 1 and
      case f.key when 'source_item_id' then 36 when 'post_id' then 36 when 'generation_id' then 36 when 'url' then 2000
        when 'topic' then 2000 when 'draft' then 63206 when 'instruction' then 500 when 'platform' then 30
        when 'tone' then 100 when 'language' then 20 else 0 end
  end
  limit 1;
  if odd is not null then
    perform private.refuse(422, format('"%s" is not a field of a draft, or its value is not of the kind or length it may have.', left(odd, 50)),
      jsonb_build_array(jsonb_build_object('field', left(odd, 50), 'message', 'unknown field or unusable value')));
  end if;
  about := num_nonnulls(wanted ->> 'source_item_id', wanted ->> 'url', wanted ->> 'topic', wanted ->> 'post_id', wanted ->> 'generation_id',
    wanted ->> 'draft');
  if about <> 1 then
    perform private.refuse(422, 'Name exactly one of source_item_id, url, topic, post_id, generation_id and draft.');
  end if;
  reworked := wanted ?| array['post_id', 'generation_id', 'draft'];
  if reworked and btrim(coalesce(wanted ->> 'instruction', '')) = '' then
    perform private.refuse(422, 'Say in instruction what to change in the draft, "shorter" or "in French".',
      '[{"field": "instruction", "message": "needed with an existing draft"}]');
  end if;
  if wanted ? 'instruction' and not reworked then
    perform private.refuse(422, 'An instruction changes an existing draft; name one, or say tone and language.',
      '[{"field": "instruction", "message": "goes with post_id, generation_id or draft"}]');
  end if;
  if wanted ? 'variant' and not wanted ? 'generation_id' then
    perform private.refuse(422, 'A variant is one of an earlier result; name its generation_id.',
      '[{"field": "variant", "message": "goes with generation_id"}]');
  end if;
  if wanted ? 'platform' and wanted ? 'platforms' then
    perform private.refuse(422, 'Name platform or platforms, not both.', '[{"field": "platforms", "message": "platform is named already"}]');
  end if;
end
$$;

-- Does:    finds the text that is to be changed, and the platforms it was meant for.
-- Takes:   whose; an input that private.check_draft_input let pass.
-- Returns: {draft, article {title, url}, platforms}, without what is not known; {} for an input that names no draft.
-- Raises:  PT404 for a post, a generation or a variant that is not the caller's; PT409 for a post that is no draft and a generation
--          without a result; PT422 for a post without text.
-- May call: request_generation.
create function private.draft_to_change(caller uuid, wanted jsonb) returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  p public.posts;
  g public.generations;
  content text;
begin
  if wanted ? 'draft' then
    if btrim(wanted ->> 'draft', E' \t\r\n') = '' then
      perform private.refuse(422, 'The draft is empty.', '[{"field": "draft", "message": "is empty"}]');
    end if;
    return '{}';
  end if;
  if wanted ? 'post_id' then
    if pg_input_is_valid(wanted ->> 'post_id', 'uuid') then
      select * into p from public.posts x where x.id = (wanted ->> 'post_id')::uuid and x.user_id = caller;
    end if;
    if p.id is null then
      perform private.refuse(404, 'There is no such post.');
    end if;
    if p.status <> 'draft' then
      perform private.refuse(409, 'This post is not a draft any more.');
    end if;
    if btrim(p.text, E' \t\r\n') = '' then
      perform private.refuse(422, 'This post has no text yet.', '[{"field": "post_id", "message": "has no text"}]');
    end if;
    return jsonb_strip_nulls(jsonb_build_object('draft', p.text, 'platforms', (
      select jsonb_agg(distinct a.platform_id) from public.post_targets t join public.social_accounts a on a.id = t.account_id
      where t.post_id = p.id)));
  end if;
  if wanted ? 'generation_id' then
    if pg_input_is_valid(wanted ->> 'generation_id', 'uuid') then
      select * into g from public.generations x where x.id = (wanted ->> 'generation_id')::uuid and x.user_id = caller;
    end if;
    if g.id is null then
      perform private.refuse(404, 'There is no such generation.');
    end if;
    if g.status <> 'complete' then
      perform private.refuse(409, 'This generation has no result to change.');
    end if;
    content := case when wanted ? 'variant' and g.output ? 'variants'
      then g.output -> 'variants' -> ((wanted ->> 'variant')::integer - 1) ->> 'text'
      when coalesce(wanted ->> 'variant', '1') = '1' then g.output ->> 'text' end;
    if content is null then
      perform private.refuse(404, 'There is no such variant of this generation.');
    end if;
    return jsonb_strip_nulls(jsonb_build_object('draft', left(content, 63206),
      'article', jsonb_build_object('title', g.input -> 'article' ->> 'title', 'url', coalesce(g.input -> 'article' ->> 'url', g.input ->> 'url')),
      'platforms', coalesce(g.input -> 'platforms', jsonb_build_array(g.input ->> 'platform'))));
  end if;
  return '{}';
end
$$;

-- Does:    the platforms of a draft with the longest text each takes.
-- Takes:   their ids.
-- Returns: {platform, platforms, limits {platform: {name, max}}, max_length}; platform and max_length are those of the smallest limit.
-- Raises:  PT422 without one, and for one that Lin does not publish to.
-- May call: request_generation.
create function private.limits_of_draft(ids jsonb) returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  odd text;
begin
  if jsonb_array_length(coalesce(ids, '[]')) = 0 then
    perform private.refuse(422, 'Name the platform, or the platforms, that the post is for.', '[{"field": "platform", "message": "is missing"}]');
  end if;
  select e into odd from jsonb_array_elements_text(ids) e
  where not exists (select 1 from public.platforms p where p.id = e and p.enabled) limit 1;
  if odd is not null then
    perform private.refuse(422, format('"%s" is not a platform Lin publishes to.', left(odd, 50)),
      '[{"field": "platform", "message": "unknown platform"}]');
  end if;
  return (
    select jsonb_build_object('platforms', ids,
      'limits', jsonb_object_agg(p.id, jsonb_build_object('name', p.name, 'max', p.limits -> 'text' -> 'max')),
      'platform', (array_agg(p.id order by (p.limits -> 'text' ->> 'max')::integer, p.id))[1],
      'max_length', min((p.limits -> 'text' ->> 'max')::integer))
    from public.platforms p where ids ? p.id
  );
end
$$;

-- Does:    queues a run for the caller, with what it is about copied into it: the named article's text, or the draft that is to be
--          changed; and with the longest text of each platform.
-- Takes:   input {source_item_id | url | topic | post_id | generation_id [variant] | draft, instruction with the last three,
--          platform | platforms, variants, tone, language, image}. Without platforms, a post has those of its accounts, an earlier
--          result its own. The API layer checks it more kindly; here it is checked once more, because a signed-in user may call
--          this function directly.
-- Returns: the new id.
-- Raises:  PT404 for an article, a post or a generation that is not the caller's; PT409 for a post that is no draft, a generation
--          without result; PT422 for an unknown platform, an unknown field or one that is not what it should be;
--          PT429 with more than 5 unfinished runs, and beyond the quota.
-- Definer: users may not write the table. May call: signed-in users.
create or replace function public.request_generation(input jsonb) returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  caller constant uuid := (select auth.uid());
  wanted constant jsonb := jsonb_strip_nulls(input);
  item public.source_items;
  found jsonb;
  limits jsonb;
  made uuid;
begin
  if caller is null then
    perform private.refuse(401, 'Sign in first.');
  end if;
  perform private.check_draft_input(wanted);
  if wanted ? 'source_item_id' then
    if pg_input_is_valid(wanted ->> 'source_item_id', 'uuid') then
      select * into item from public.source_items i
      where i.id = (wanted ->> 'source_item_id')::uuid and i.user_id = caller;
    end if;
    if item.id is null then
      perform private.refuse(404, 'There is no such article among your sources.');
    end if;
    found := jsonb_build_object('article', jsonb_build_object('title', item.title, 'text', left(item.text, 50000), 'url', item.url));
  else
    found := private.draft_to_change(caller, wanted);
  end if;
  limits := private.limits_of_draft(coalesce(
    wanted -> 'platforms', case when wanted ? 'platform' then jsonb_build_array(wanted -> 'platform') end, found -> 'platforms'));

  -- one at a time per user, so that two parallel calls cannot both be the fifth, or the last of the day
  perform pg_advisory_xact_lock(hashtextextended('request_generation ' || caller, 0));
  if (select count(*) from public.generations g
      where g.user_id = caller and g.status in ('queued', 'waking', 'running')) >= 5 then
    perform private.refuse(429, 'Five drafts are being written already; wait for one to finish or cancel it.');
  end if;
  delete from private.drafts_asked a where a.user_id = caller and a.asked_at <= now() - interval '24 hours';
  perform private.refuse_over_quota('generation', count(*), min(a.asked_at))
  from private.drafts_asked a where a.user_id = caller;

  insert into public.generations (user_id, input) values (caller, wanted || found || limits) returning id into made;
  insert into private.drafts_asked (generation_id, user_id) values (made, caller);
  return made;
end
$$;

-- ------------------------------------------------------------------------------------------------ ended

-- Does:    ends a run, once. A result that arrives after the owner canceled is dropped. A result that came in one piece had its
--          first text at its end.
-- Takes:   result {status: complete | failed | canceled, output, error_class, error}.
-- Returns: whether it was stored.
-- May call: service_role. Safe to repeat.
create or replace function public.finish_generation(generation uuid, token bigint, result jsonb) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.generations g set
    status = case when g.cancel_requested_at is null then (result ->> 'status')::public.generation_status else 'canceled' end,
    output = case when g.cancel_requested_at is null then nullif(result -> 'output', 'null') end,
    error_class = result ->> 'error_class',
    error = left(result ->> 'error', 500),
    first_text_at = coalesce(g.first_text_at, case when g.cancel_requested_at is null and result ->> 'status' = 'complete' then now() end),
    finished_at = now(),
    lease_until = null
  where g.id = generation and g.lease_token = token and g.status in ('waking', 'running');
  if not found then
    return false;
  end if;
  update public.source_items i set used_at = now()
  from public.generations g
  where g.id = generation and g.status = 'complete' and i.id = (g.input ->> 'source_item_id')::uuid;
  return true;
end
$$;

-- Does:    hands a run to the process that will do it. A run whose process died (lease over) comes up again, twice at most; then
--          it ends as failed, saying so. What its owner canceled ends as canceled, however often its process died.
-- Takes:   `wanted` one id, or null for the oldest waiting one; lease in seconds.
-- Returns: id, user_id, input, lease_token; no row when there is nothing to do.
-- May call: service_role.
create or replace function public.claim_generation(wanted uuid, lease_seconds integer)
returns table (id uuid, user_id uuid, input jsonb, lease_token bigint)
language plpgsql
set search_path = ''
as $$
begin
  update public.generations g set status = 'canceled', finished_at = now()
  where g.status in ('waking', 'running') and g.lease_until < now() and g.cancel_requested_at is not null;
  update public.generations g set
    status = 'failed', finished_at = now(), error_class = 'interrupted',
    error = 'The server running this draft stopped twice. Nothing was saved; ask again.'
  where g.status in ('waking', 'running') and g.lease_until < now() and g.tries >= 2;

  return query
  update public.generations g set
    status = 'running', started_at = coalesce(g.started_at, now()), tries = g.tries + 1,
    lease_token = nextval('private.generation_lease'), lease_until = now() + make_interval(secs => lease_seconds)
  where g.id = any (array(
    select d.id from public.generations d
    where (d.status = 'queued' or (d.status in ('waking', 'running') and d.lease_until < now()))
      and (wanted is null or d.id = wanted)
    order by d.created_at
    limit 1
    for update skip locked
  ))
  returning g.id, g.user_id, g.input, g.lease_token;
end
$$;
