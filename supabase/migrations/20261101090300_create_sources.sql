-- What a user reads: feeds and pages, and the articles found there.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.source_kind as enum ('feed', 'page');
create type public.source_status as enum (
  'waiting', -- not read yet
  'ok',      -- the last reading worked
  'failing'  -- the last reading did not work; error says why, and it is tried again later
);

create table public.sources (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  url text not null check (url ~* '^https?://[^\s]+$' and char_length(url) <= 2000),
  title text check (char_length(title) <= 300),
  category text check (char_length(category) <= 100),
  kind public.source_kind not null default 'feed',
  status public.source_status not null default 'waiting',
  error text check (char_length(error) <= 500),
  etag text check (char_length(etag) <= 500),
  last_modified text check (char_length(last_modified) <= 100),
  last_fetched_at timestamptz,
  next_fetch_at timestamptz not null default now(),
  failures integer not null default 0,
  created_at timestamptz not null default now(),
  unique (user_id, url),
  unique (id, user_id)
);
comment on table public.sources is 'A feed or page a user reads; the worker fetches it when next_fetch_at has come.';
create index sources_next_fetch_at_idx on public.sources (next_fetch_at);

alter table public.sources enable row level security;
create policy "People read their own sources" on public.sources
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People add sources of their own" on public.sources
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "People rename their own sources" on public.sources
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People delete their own sources" on public.sources
  for delete to authenticated using (user_id = (select auth.uid()));

grant select, delete on public.sources to authenticated;
grant insert (id, user_id, url, title, category, kind) on public.sources to authenticated;
grant update (title, category) on public.sources to authenticated;
grant select, insert, update, delete on public.sources to service_role;

create table public.source_items (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  source_id uuid not null,
  guid text not null check (char_length(guid) <= 2000),
  url text check (char_length(url) <= 2000),
  title text not null check (char_length(title) <= 1000),
  text text not null check (char_length(text) <= 100000),
  published_at timestamptz,
  fetched_at timestamptz not null default now(),
  used_at timestamptz,
  search tsvector generated always as (
    setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', left(text, 50000)), 'B')
  ) stored,
  unique (source_id, guid),
  foreign key (source_id, user_id) references public.sources (id, user_id) on delete cascade
);
comment on table public.source_items is 'An article of a source, stored once per guid. used_at: a post was drafted from it.';
create index source_items_source_id_user_id_idx on public.source_items (source_id, user_id);
create index source_items_user_id_published_at_idx on public.source_items (user_id, published_at desc);
create index source_items_unused_idx on public.source_items (user_id, published_at desc nulls last, id) where used_at is null;
create index source_items_search_idx on public.source_items using gin (search);

alter table public.source_items enable row level security;
create policy "People read their own source items" on public.source_items
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People delete their own source items" on public.source_items
  for delete to authenticated using (user_id = (select auth.uid()));
grant select, delete on public.source_items to authenticated;
grant select, insert, update, delete on public.source_items to service_role;

-- Does:    finds the caller's articles by their words, best match first.
-- Takes:   query as people type it: words, "a phrase", -not, or.
-- Returns: at most 50 rows with a snippet in which matches stand between « and ».
-- May call: signed-in users; their own rows only, by RLS.
create function public.search_sources(query text)
returns table (id uuid, source_id uuid, url text, title text, snippet text, published_at timestamptz, rank real)
language sql
stable
set search_path = ''
as $$
  select i.id, i.source_id, i.url, i.title,
    ts_headline('simple', left(i.text, 20000), q, 'StartSel=«, StopSel=», MaxFragments=2, MaxWords=30, MinWords=10'),
    i.published_at, ts_rank(i.search, q)
  from public.source_items i, websearch_to_tsquery('simple', left(query, 500)) q
  where i.search @@ q and i.user_id = (select auth.uid())
  order by ts_rank(i.search, q) desc, i.published_at desc nulls last, i.id
  limit 50
$$;
grant execute on function public.search_sources(text) to authenticated;

-- Does:    hands out sources whose time has come, and puts their next time off so that no other worker takes them.
-- Takes:   at most `take` sources; if the worker dies, they come up again after `retry_after_seconds`.
-- Returns: id, user_id, url, kind, etag, last_modified, failures.
-- May call: service_role.
create function public.claim_due_sources(take integer, retry_after_seconds integer)
returns table (id uuid, user_id uuid, url text, kind public.source_kind, etag text, last_modified text, failures integer)
language sql
set search_path = ''
as $$
  update public.sources s
  set next_fetch_at = now() + make_interval(secs => retry_after_seconds)
  where s.id = any (array(
    select d.id from public.sources d
    where d.next_fetch_at <= now()
    order by d.next_fetch_at
    limit take
    for update skip locked
  ))
  returning s.id, s.user_id, s.url, s.kind, s.etag, s.last_modified, s.failures
$$;
grant execute on function public.claim_due_sources(integer, integer) to service_role;

-- Does:    stores what one reading of a source found: its new items, each once, and when to read it next.
-- Takes:   result {status, error, title, etag, last_modified, moved_to, next_fetch_seconds, items: [{guid, url, title, text, published_at}]}.
--          error null means it worked; the title is only taken where the user gave none.
-- Returns: how many items were new.
-- May call: service_role. Safe to repeat.
create function public.record_source_fetch(source uuid, result jsonb) returns integer
language plpgsql
set search_path = ''
as $$
declare
  added integer;
begin
  update public.sources s set
    status = (result ->> 'status')::public.source_status,
    error = result ->> 'error',
    title = coalesce(s.title, nullif(left(result ->> 'title', 300), '')),
    etag = result ->> 'etag',
    last_modified = result ->> 'last_modified',
    last_fetched_at = now(),
    next_fetch_at = now() + make_interval(secs => (result ->> 'next_fetch_seconds')::integer),
    failures = case when result ->> 'error' is null then 0 else s.failures + 1 end
  where s.id = source;
  if not found then
    return 0; -- deleted meanwhile
  end if;

  update public.sources s set url = result ->> 'moved_to'
  where s.id = source and result ->> 'moved_to' is not null and not exists (
    select 1 from public.sources o where o.user_id = s.user_id and o.url = result ->> 'moved_to');

  insert into public.source_items (user_id, source_id, guid, url, title, text, published_at)
  select s.user_id, s.id, i.guid, i.url, i.title, i.text, i.published_at
  from public.sources s,
    jsonb_to_recordset(coalesce(result -> 'items', '[]')) as i (guid text, url text, title text, text text, published_at timestamptz)
  where s.id = source
  on conflict (source_id, guid) do nothing;
  get diagnostics added = row_count;
  return added;
end
$$;
grant execute on function public.record_source_fetch(uuid, jsonb) to service_role;
