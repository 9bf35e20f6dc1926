-- One request at a time to a server, and a pause before the next one, whatever the number of workers and of people who read
-- it. Articles that were edited, or deleted by their reader. A reading now, and no more than 500 sources each.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- ------------------------------------------------------------------------------------------------ servers

-- a small table: the rewrite takes well below a second
-- squawk-ignore adding-field-with-default
alter table public.sources add column host text not null generated always as (
  coalesce(lower(substring(url from '^[hH][tT][tT][pP][sS]?://(?:[^/?#]*@)?([^/?#]+)')), '')
) stored;
comment on column public.sources.host is 'The server of the address, with its port where it names one.';

create table private.source_hosts (
  host text primary key,
  next_at timestamptz not null default '-infinity',
  busy_until timestamptz not null default '-infinity'
);
comment on table private.source_hosts is
  'Servers that sources are read from. busy_until: a request is on its way; next_at: none before this moment, a pause or what the server asked for.';
create index source_hosts_next_at_idx on private.source_hosts (next_at);
alter table private.source_hosts enable row level security;
create policy "Nobody but the service sees servers" on private.source_hosts for select to authenticated using (false);
grant select, insert, update, delete on private.source_hosts to service_role;

-- Does:    hands out sources whose time has come, and puts their next time off so that no other worker takes them. Of each server
--          one at a time, two seconds after the request before it; the others of that server are spread behind it.
-- Takes:   at most `take` sources; if the worker dies, they and their servers come up again after `retry_after_seconds`.
-- Returns: id, user_id, url, kind, etag, last_modified, failures.
-- May call: service_role.
create or replace function public.claim_due_sources(take integer, retry_after_seconds integer)
returns table (id uuid, user_id uuid, url text, kind public.source_kind, etag text, last_modified text, failures integer)
language plpgsql
set search_path = ''
as $$
declare
  gap constant interval := interval '2 seconds';
  lease constant interval := make_interval(secs => retry_after_seconds);
  due uuid[];
  free text[];
  chosen uuid[];
  taken uuid[] := '{}';
begin
  -- one claim after another: two would wait for each other's new servers
  perform pg_advisory_xact_lock(hashtextextended('claim_due_sources', 0));
  -- a thousand sources of one server must not hide the next server's
  for look in 1..5 loop
    exit when cardinality(taken) >= take;
    select array_agg(d.id) into due from (
      select s.id from public.sources s where s.next_fetch_at <= now()
      order by s.next_fetch_at, s.id limit 200 for update skip locked
    ) d;
    exit when due is null;

    insert into private.source_hosts (host) select distinct s.host from public.sources s where s.id = any (due) on conflict do nothing;
    select coalesce(array_agg(f.host), '{}') into free from (
      select h.host from private.source_hosts h
      where h.host in (select s.host from public.sources s where s.id = any (due)) and h.next_at <= now() and h.busy_until <= now()
      for update skip locked
    ) f;
    chosen := array(
      select c.id from (
        select distinct on (s.host) s.id, s.next_fetch_at as at from public.sources s
        where s.id = any (due) and s.host = any (free)
        order by s.host, s.next_fetch_at, s.id
      ) c order by c.at, c.id limit take - cardinality(taken));
    update private.source_hosts h set busy_until = now() + lease
    where h.host in (select s.host from public.sources s where s.id = any (chosen));
    update public.sources s set next_fetch_at = now() + lease where s.id = any (chosen);

    update public.sources s set next_fetch_at = w.at from (
      select o.id, greatest(h.next_at, case when h.busy_until > now() then now() + gap else now() end)
        + gap * (row_number() over (partition by o.host order by o.next_fetch_at, o.id) - 1) as at
      from public.sources o join private.source_hosts h on h.host = o.host
      where o.id = any (due) and not o.id = any (chosen)
        and (h.busy_until > now() or h.next_at > now() or not h.host = any (free))
    ) w where s.id = w.id;
    taken := taken || chosen;
  end loop;

  delete from private.source_hosts h where h.host = any (array(
    select x.host from private.source_hosts x
    where x.next_at < now() - interval '30 days' and x.busy_until < now() - interval '30 days'
    order by x.next_at limit 20 for update skip locked));
  return query
  select s.id, s.user_id, s.url, s.kind, s.etag, s.last_modified, s.failures from public.sources s where s.id = any (taken);
end
$$;

-- ------------------------------------------------------------------------------------------------ articles

create table private.dropped_items (
  source_id uuid not null references public.sources (id) on delete cascade,
  guid text not null,
  primary key (source_id, guid)
);
comment on table private.dropped_items is 'Articles that their reader deleted: the next reading of the source does not bring them back.';
alter table private.dropped_items enable row level security;
create policy "Nobody but the service sees dropped articles" on private.dropped_items for select to authenticated using (false);
grant select, insert, update, delete on private.dropped_items to service_role;

-- Does:    remembers a deleted article, unless its source goes as well.
-- Definer: people delete their articles; what is remembered of them is nobody's to write.
create function private.remember_dropped_items() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.dropped_items (source_id, guid)
  select d.source_id, d.guid from dropped d where exists (select 1 from public.sources s where s.id = d.source_id)
  on conflict do nothing;
  return null;
end
$$;
create trigger remember_dropped_items after delete on public.source_items
  referencing old table as dropped
  for each statement execute function private.remember_dropped_items();

-- Does:    stores what one reading of a source found: its new items, each once, and when to read it next. An article that its
--          publisher edited is updated as long as no post was drafted from it; then it stays as it was read. One that its
--          reader deleted stays away. The server may be asked again after its pause.
-- Takes:   result {status, error, title, etag, last_modified, moved_to, next_fetch_seconds, host_wait_seconds,
--          items: [{guid, url, title, text, published_at}]}. error null means it worked; the title is only taken where the user
--          gave none; host_wait_seconds is what the server asked for, null without.
-- Returns: how many items were new.
-- May call: service_role. Safe to repeat.
create or replace function public.record_source_fetch(source uuid, result jsonb) returns integer
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

  update private.source_hosts h set
    busy_until = clock_timestamp(),
    next_at = greatest(h.next_at, clock_timestamp()
      + make_interval(secs => greatest(2, coalesce((result ->> 'host_wait_seconds')::integer, 0))))
  where h.host = (select s.host from public.sources s where s.id = source);

  update public.sources s set url = result ->> 'moved_to'
  where s.id = source and result ->> 'moved_to' is not null and not exists (
    select 1 from public.sources o where o.user_id = s.user_id and o.url = result ->> 'moved_to');

  with stored as (
    insert into public.source_items as mine (user_id, source_id, guid, url, title, text, published_at)
    select distinct on (i.guid) s.user_id, s.id, i.guid, i.url, i.title, i.text, i.published_at
    from public.sources s,
      jsonb_to_recordset(coalesce(result -> 'items', '[]')) as i (guid text, url text, title text, text text, published_at timestamptz)
    where s.id = source
      and not exists (select 1 from private.dropped_items d where d.source_id = s.id and d.guid = i.guid)
    on conflict (source_id, guid) do update set
      title = excluded.title, text = excluded.text, url = excluded.url,
      published_at = coalesce(excluded.published_at, mine.published_at)
    where mine.used_at is null and excluded.text <> ''
      and (mine.title, mine.text, mine.url) is distinct from (excluded.title, excluded.text, excluded.url)
    returning mine.xmax = 0 as is_new
  )
  select count(*) filter (where stored.is_new) into added from stored;
  return added;
end
$$;

-- ------------------------------------------------------------------------------------------------ what people may ask for

-- Does:    refuses sources beyond 500 of one person, however many requests add them at once.
-- Raises:  PT409. Definer: it counts, whoever inserts.
create function private.limit_sources() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  owner uuid;
begin
  for owner in select distinct a.user_id from added a order by 1 loop
    perform pg_advisory_xact_lock(hashtextextended('sources of ' || owner, 0));
    if (select count(*) from public.sources s where s.user_id = owner) > 500 then
      perform private.refuse(409, 'Lin reads at most 500 sources for one person; delete some first.');
    end if;
  end loop;
  return null;
end
$$;
create trigger limit_sources after insert on public.sources
  referencing new table as added
  for each statement execute function private.limit_sources();

-- Does:    adds many sources of the caller at once; those that are there already are left alone.
-- Takes:   entries [{url, title, category, kind}], at most 5,000.
-- Returns: {added, skipped, refused: [positions, from 0, of those that would have gone beyond 500 sources]}.
-- Raises:  PT422 for what is no list of sources. May call: signed-in users; it adds rows as they might themselves.
create function public.import_sources(entries jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  caller uuid := (select auth.uid());
  room integer;
  added integer;
  fresh integer[];
begin
  if caller is null then
    perform private.refuse(401, 'Sign in first.');
  end if;
  if jsonb_typeof(entries) is distinct from 'array' or jsonb_array_length(entries) > 5000 then
    perform private.refuse(422, 'The sources have to be a list of at most 5000.');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('sources of ' || caller, 0));
  select 500 - count(*) into room from public.sources s where s.user_id = caller;
  fresh := array(
    select min(e.position)::integer - 1 from jsonb_array_elements(entries) with ordinality as e (value, position)
    where not exists (select 1 from public.sources s where s.user_id = caller and s.url = e.value ->> 'url')
    group by e.value ->> 'url' order by 1);
  insert into public.sources (url, title, category, kind)
  select e.value ->> 'url', e.value ->> 'title', e.value ->> 'category', coalesce(e.value ->> 'kind', 'feed')::public.source_kind
  from jsonb_array_elements(entries) with ordinality as e (value, position)
  where e.position - 1 = any (fresh[1:greatest(room, 0)])
  order by e.position
  on conflict (user_id, url) do nothing;
  get diagnostics added = row_count;
  return jsonb_build_object('added', added, 'skipped', jsonb_array_length(entries) - cardinality(fresh),
    'refused', to_jsonb(coalesce(fresh[greatest(room, 0) + 1:], '{}')));
end
$$;
grant execute on function public.import_sources(jsonb) to authenticated;

-- Does:    has a source of the caller read at once rather than at its next time; its server's pause still holds.
-- Returns: nothing.
-- Raises:  PT404; PT429 when it was read within the last minute.
-- Definer: people may not write the times. May call: signed-in users.
create function public.refresh_source(source uuid) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  s public.sources;
begin
  select * into s from public.sources x where x.id = source and x.user_id = (select auth.uid()) for update;
  if not found then
    perform private.refuse(404, 'There is no such source.');
  elsif s.last_fetched_at > now() - interval '1 minute' then
    perform private.refuse(429, 'This source was read within the last minute.', jsonb_build_object(
      'retry_after', ceil(extract(epoch from s.last_fetched_at + interval '1 minute' - now()))));
  end if;
  update public.sources x set next_fetch_at = least(x.next_fetch_at, now()) where x.id = source;
end
$$;
grant execute on function public.refresh_source(uuid) to authenticated;
