-- Runs of a Space: what went in, what came out, and where a run stands.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.generation_kind as enum ('write');
create type public.generation_status as enum (
  'queued',   -- nobody has started it
  'waking',   -- the Space is asleep; it was called and is being waited for
  'running',  -- the Space works; progress holds queue position or text so far
  'complete', -- output holds the result
  'failed',   -- error says why
  'canceled'  -- its owner stopped it
);

create sequence private.generation_lease as bigint;
grant usage on sequence private.generation_lease to service_role;

create table public.generations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  kind public.generation_kind not null default 'write',
  space text check (char_length(space) <= 300),
  input jsonb not null check (jsonb_typeof(input) = 'object' and pg_column_size(input) <= 400000),
  output jsonb check (jsonb_typeof(output) = 'object'),
  status public.generation_status not null default 'queued',
  progress jsonb not null default '{}' check (jsonb_typeof(progress) = 'object'),
  error_class text check (char_length(error_class) <= 50),
  error text check (char_length(error) <= 500),
  created_at timestamptz not null default now(),
  started_at timestamptz,
  first_text_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  tries integer not null default 0,
  lease_token bigint,
  lease_until timestamptz,
  unique (id, user_id) -- so that a post can prove that its generation has the same owner
);
comment on table public.generations is 'One run of a Space. Kept with its input, output, Space and times; its owner may read it.';
create index generations_user_id_created_at_idx on public.generations (user_id, created_at desc);
create index generations_unfinished_idx on public.generations (created_at) where status in ('queued', 'waking', 'running');

alter table public.generations enable row level security;
create policy "People read their own generations" on public.generations
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.generations to authenticated;
grant select, insert, update, delete on public.generations to service_role;

-- Does:    queues a run for the caller, with the named article's text and the platform's longest text copied into it.
-- Takes:   input {source_item_id | url | topic, platform, tone, language, image}. The API layer checks it more kindly; here it
--          is checked once more, because a signed-in user may call this function directly.
-- Returns: the new id.
-- Raises:  PT404 for an article that is not the caller's; PT422 for an unknown platform,
--          an unknown field or one that is not what it should be;
--          PT429 with more than 5 unfinished runs.
-- Definer: users may not write the table. May call: signed-in users.
create function public.request_generation(input jsonb) returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  caller constant uuid := (select auth.uid());
  item public.source_items;
  wanted constant jsonb := jsonb_strip_nulls(input);
  odd text;
  made uuid;
begin
  if caller is null then
    perform private.refuse(401, 'Sign in first.');
  end if;
  if jsonb_typeof(wanted) is distinct from 'object' then
    perform private.refuse(422, 'The input has to be an object.');
  end if;
  select f.key into odd from jsonb_each(wanted) f
  where not case
    when f.key = 'image' then jsonb_typeof(f.value) = 'boolean'
    when jsonb_typeof(f.value) <> 'string' then false
    else char_length(f.value #>> '{}') between 1 and
      case f.key when 'source_item_id' then 36 when 'url' then 2000 when 'topic' then 2000 when 'platform' then 30
        when 'tone' then 100 when 'language' then 20 else 0 end
  end
  limit 1;
  if odd is not null then
    perform private.refuse(422, format('"%s" is not a field of a draft, or its value is not of the kind or length it may have.', left(odd, 50)),
      jsonb_build_array(jsonb_build_object('field', left(odd, 50), 'message', 'unknown field or unusable value')));
  end if;
  if num_nonnulls(wanted ->> 'source_item_id', wanted ->> 'url', wanted ->> 'topic') <> 1 then
    perform private.refuse(422, 'Name exactly one of source_item_id, url and topic.');
  end if;
  if not exists (select 1 from public.platforms p where p.id = wanted ->> 'platform' and p.enabled) then
    perform private.refuse(422, format('"%s" is not a platform Lin publishes to.', wanted ->> 'platform'),
      '[{"field": "platform", "message": "unknown platform"}]');
  end if;
  if wanted ? 'source_item_id' then
    if pg_input_is_valid(wanted ->> 'source_item_id', 'uuid') then
      select * into item from public.source_items i
      where i.id = (wanted ->> 'source_item_id')::uuid and i.user_id = caller;
    end if;
    if item.id is null then
      perform private.refuse(404, 'There is no such article among your sources.');
    end if;
  end if;

  -- one at a time per user, so that two parallel calls cannot both be the fifth
  perform pg_advisory_xact_lock(hashtextextended('request_generation ' || caller, 0));
  if (select count(*) from public.generations g
      where g.user_id = caller and g.status in ('queued', 'waking', 'running')) >= 5 then
    perform private.refuse(429, 'Five drafts are being written already; wait for one to finish or cancel it.');
  end if;

  insert into public.generations (user_id, input)
  values (caller, wanted
    || (select jsonb_build_object('max_length', p.limits -> 'text' -> 'max') from public.platforms p where p.id = wanted ->> 'platform')
    || case when item.id is null then '{}' else
    jsonb_build_object('article', jsonb_build_object('title', item.title, 'text', left(item.text, 50000), 'url', item.url)) end)
  returning id into made;
  return made;
end
$$;
grant execute on function public.request_generation(jsonb) to authenticated;

-- Does:    stops a run of the caller's: a queued one at once, a running one at its next step.
-- Returns: whether there was something to stop (false: it had ended).
-- Raises:  PT404. Definer: users may not write the table. May call: signed-in users.
create function public.cancel_generation(generation uuid) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  run public.generations;
begin
  select * into run from public.generations g
  where g.id = generation and g.user_id = (select auth.uid())
  for update;
  if not found then
    perform private.refuse(404, 'There is no such generation.');
  end if;
  if run.status not in ('queued', 'waking', 'running') then
    return false;
  end if;
  update public.generations g set
    cancel_requested_at = now(),
    status = case when run.status = 'queued' then 'canceled'::public.generation_status else run.status end,
    finished_at = case when run.status = 'queued' then now() end
  where g.id = generation;
  return true;
end
$$;
grant execute on function public.cancel_generation(uuid) to authenticated;

-- Does:    hands a run to the process that will do it. A run whose process died (lease over) comes up again,
--          twice at most; then it ends as failed, saying so.
-- Takes:   `wanted` one id, or null for the oldest waiting one; lease in seconds.
-- Returns: id, user_id, input, lease_token; no row when there is nothing to do.
-- May call: service_role.
create function public.claim_generation(wanted uuid, lease_seconds integer)
returns table (id uuid, user_id uuid, input jsonb, lease_token bigint)
language plpgsql
set search_path = ''
as $$
begin
  update public.generations g set
    status = 'failed', finished_at = now(), error_class = 'interrupted',
    error = 'The server running this draft stopped twice. Nothing was saved; ask again.'
  where g.status in ('waking', 'running') and g.lease_until < now() and g.tries >= 2;
  update public.generations g set status = 'canceled', finished_at = now()
  where g.status in ('waking', 'running') and g.lease_until < now() and g.cancel_requested_at is not null;

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
grant execute on function public.claim_generation(uuid, integer) to service_role;

-- Does:    records how far a run is and extends its lease.
-- Takes:   progress {queue_position} or {text}; status waking or running.
-- Returns: "go on", "cancel" (its owner asked) or "lost" (another process has it now: stop, write nothing).
-- May call: service_role.
create function public.record_generation_progress(
  generation uuid, token bigint, new_status public.generation_status, new_space text, new_progress jsonb, lease_seconds integer
) returns text
language plpgsql
set search_path = ''
as $$
declare
  asked timestamptz;
begin
  update public.generations g set
    status = new_status, space = new_space, progress = new_progress,
    first_text_at = coalesce(g.first_text_at, case when new_progress ->> 'text' <> '' then now() end),
    lease_until = now() + make_interval(secs => lease_seconds)
  where g.id = generation and g.lease_token = token and g.status in ('waking', 'running')
  returning g.cancel_requested_at into asked;
  if not found then
    return 'lost';
  end if;
  return case when asked is null then 'go on' else 'cancel' end;
end
$$;
grant execute on function public.record_generation_progress(uuid, bigint, public.generation_status, text, jsonb, integer) to service_role;

-- Does:    ends a run, once. A result that arrives after the owner canceled is dropped.
-- Takes:   result {status: complete | failed | canceled, output, error_class, error}.
-- Returns: whether it was stored.
-- May call: service_role. Safe to repeat.
create function public.finish_generation(generation uuid, token bigint, result jsonb) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.generations g set
    status = case when g.cancel_requested_at is null then (result ->> 'status')::public.generation_status else 'canceled' end,
    output = case when g.cancel_requested_at is null then nullif(result -> 'output', 'null') end,
    error_class = result ->> 'error_class',
    error = left(result ->> 'error', 500),
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
grant execute on function public.finish_generation(uuid, bigint, jsonb) to service_role;
