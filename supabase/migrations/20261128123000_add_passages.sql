-- What the mentor finds: pieces of the articles a user reads, of the posts they published and of the documents they uploaded.
-- What is new or edited is put into a queue by triggers, in the same transaction, so that nothing can be forgotten; a worker cuts
-- it into passages. Deleted with what they are pieces of.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- so that a passage and its article have one owner
-- squawk-ignore disallowed-unique-constraint, constraint-missing-not-valid
alter table public.source_items add constraint source_items_id_user_id_key unique (id, user_id);

-- Does:    the text search configuration of a language. The language is stored as its code and not as a regconfig: a column of
--          that type keeps a database from being upgraded by pg_upgrade.
-- Takes:   an ISO 639-1 code; "simple", which knows no endings, for one that Postgres has no endings of.
create function private.search_configuration(language text) returns regconfig
language sql
immutable
set search_path = ''
as $$
  select case language
    when 'ar' then 'pg_catalog.arabic'::regconfig when 'ca' then 'pg_catalog.catalan'::regconfig
    when 'da' then 'pg_catalog.danish'::regconfig when 'de' then 'pg_catalog.german'::regconfig
    when 'el' then 'pg_catalog.greek'::regconfig when 'en' then 'pg_catalog.english'::regconfig
    when 'es' then 'pg_catalog.spanish'::regconfig when 'eu' then 'pg_catalog.basque'::regconfig
    when 'fi' then 'pg_catalog.finnish'::regconfig when 'fr' then 'pg_catalog.french'::regconfig
    when 'ga' then 'pg_catalog.irish'::regconfig when 'hi' then 'pg_catalog.hindi'::regconfig
    when 'hu' then 'pg_catalog.hungarian'::regconfig when 'hy' then 'pg_catalog.armenian'::regconfig
    when 'id' then 'pg_catalog.indonesian'::regconfig when 'it' then 'pg_catalog.italian'::regconfig
    when 'lt' then 'pg_catalog.lithuanian'::regconfig when 'ne' then 'pg_catalog.nepali'::regconfig
    when 'nl' then 'pg_catalog.dutch'::regconfig when 'no' then 'pg_catalog.norwegian'::regconfig
    when 'pt' then 'pg_catalog.portuguese'::regconfig when 'ro' then 'pg_catalog.romanian'::regconfig
    when 'ru' then 'pg_catalog.russian'::regconfig when 'sr' then 'pg_catalog.serbian'::regconfig
    when 'sv' then 'pg_catalog.swedish'::regconfig when 'ta' then 'pg_catalog.tamil'::regconfig
    when 'tr' then 'pg_catalog.turkish'::regconfig when 'yi' then 'pg_catalog.yiddish'::regconfig
    else 'pg_catalog.simple'::regconfig
  end
$$;
grant execute on function private.search_configuration(text) to authenticated, service_role;

-- Does:    takes the marks off letters, so that "electricite" finds "électricité".
create function private.without_marks(words text) returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(normalize(words, nfd), '[\u0300-\u036f]', '', 'g')
$$;
grant execute on function private.without_marks(text) to authenticated, service_role;

-- Does:    cuts what is written without spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer) or with endings grown onto
--          them (Korean) into pairs of neighbouring signs, which stand for the words in it: "北京的桥" becomes "北京 京的 的桥".
--          Postgres would take all of it for one word, that no question has.
-- Takes:   any text; what is in other scripts stays as it is. With `ends` the last sign comes alone as well, so that a search for
--          what begins with one sign finds every one.
create function private.sign_pairs(words text, ends boolean) returns text
language sql
immutable
set search_path = ''
as $$
  select case when words !~ s.any_sign then words else (
    select string_agg(case when r.part[1] !~ s.any_sign then r.part[1] else (
      select string_agg(substr(r.part[1], n, 2), ' ' order by n)
      from generate_series(1, greatest(char_length(r.part[1]) - case when ends then 0 else 1 end, 1)) n) end, ' ' order by r.place)
    from regexp_matches(words, s.any_sign || '+|' || replace(s.any_sign, '[', '[^') || '+', 'g') with ordinality as r (part, place)) end
  from (values ('[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff]')) s (any_sign)
$$;
grant execute on function private.sign_pairs(text, boolean) to authenticated, service_role;

-- Does:    the lexeme that says whose a passage is. In the same index as the words, it keeps a search from reading what others
--          have of a word.
create function private.owner_lexeme(owner uuid) returns text
language sql
immutable
set search_path = ''
as $$
  select 'owner:' || owner::text
$$;
grant execute on function private.owner_lexeme(uuid) to authenticated, service_role;

-- Does:    what a passage is found by: its words without their endings, as they are (names, other languages), and its owner.
-- Returns: title A, text B; the words as they are without their places, which would double the size.
create function private.passage_search(owner uuid, language text, title text, body text) returns tsvector
language sql
immutable
set search_path = ''
as $$
  select setweight(to_tsvector(private.search_configuration(language), t.title), 'A')
    || setweight(to_tsvector(private.search_configuration(language), t.body), 'B')
    || setweight(to_tsvector('pg_catalog.simple', private.without_marks(t.title)), 'A')
    || strip(to_tsvector('pg_catalog.simple', private.without_marks(t.body)))
    || array_to_tsvector(array[private.owner_lexeme(owner)])
  from (values (private.sign_pairs(title, true), private.sign_pairs(body, true))) t (title, body)
$$;
grant execute on function private.passage_search(uuid, text, text, text) to service_role;

create table public.passages (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  source_item_id uuid,
  post_id uuid,
  media_id uuid,
  position integer not null check (position >= 0),
  title text not null check (char_length(title) <= 1000),
  url text check (char_length(url) <= 2000),
  text text not null check (char_length(text) between 1 and 2000),
  language text not null check (language ~ '^[a-z]{2}$'),
  written_at timestamptz not null,
  search tsvector generated always as (private.passage_search(user_id, language, title, text)) stored,
  unique (id, user_id),
  foreign key (source_item_id, user_id) references public.source_items (id, user_id) on delete cascade,
  foreign key (post_id, user_id) references public.posts (id, user_id) on delete cascade,
  foreign key (media_id, user_id) references public.media (id, user_id) on delete cascade,
  constraint a_passage_is_a_piece_of_one_thing check (num_nonnulls(source_item_id, post_id, media_id) = 1)
);
comment on table public.passages is 'A piece of an article, a published post or a document, about 1,000 characters cut at the end of a sentence.';
comment on column public.passages.written_at is 'When the article or post came out, the document was uploaded: of two that fit equally, the newer comes first.';
create index passages_source_item_id_user_id_idx on public.passages (source_item_id, user_id);
create index passages_post_id_user_id_idx on public.passages (post_id, user_id);
create index passages_media_id_user_id_idx on public.passages (media_id, user_id);
create index passages_user_id_language_idx on public.passages (user_id, language);
create index passages_search_idx on public.passages using gin (search);

alter table public.passages enable row level security;
create policy "People read their own passages" on public.passages
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.passages to authenticated;
grant select, insert, update, delete on public.passages to service_role;

-- Apart from passages: those rows are wide, and each new version of one would cost an entry in the index for every word.
create table public.passage_embeddings (
  passage_id uuid primary key,
  user_id uuid not null,
  embedded_by text check (char_length(embedded_by) <= 300),
  claimed_at timestamptz not null default '-infinity',
  foreign key (passage_id, user_id) references public.passages (id, user_id) on delete cascade
);
comment on table public.passage_embeddings is 'What a passage means, as a vector; the column embedding is there where the server has pgvector.';
comment on column public.passage_embeddings.embedded_by is 'The model that made the vector: those of two models are never compared. Null: no model has seen it yet.';
create index passage_embeddings_passage_id_user_id_idx on public.passage_embeddings (passage_id, user_id);
create index passage_embeddings_user_id_idx on public.passage_embeddings (user_id);
create index passage_embeddings_embedded_by_claimed_at_idx on public.passage_embeddings (embedded_by, claimed_at);

alter table public.passage_embeddings enable row level security;
create policy "Nobody reads embeddings of passages" on public.passage_embeddings for select to authenticated using (false);
grant select, insert, update, delete on public.passage_embeddings to service_role;

create table public.media_texts (
  media_id uuid primary key,
  user_id uuid not null,
  status text not null check (status in ('read', 'cut', 'no_text', 'unreadable')),
  note text check (char_length(note) <= 500),
  characters integer not null default 0 check (characters >= 0),
  read_at timestamptz not null default now(),
  foreign key (media_id, user_id) references public.media (id, user_id) on delete cascade
);
comment on table public.media_texts is 'What reading an uploaded document gave; a document without a row is still to be read.';
comment on column public.media_texts.status is 'read: all of it; cut: the beginning of a very long one; no_text: pictures only; unreadable. note says it to its owner.';
create index media_texts_media_id_user_id_idx on public.media_texts (media_id, user_id);
create index media_texts_user_id_idx on public.media_texts (user_id);

alter table public.media_texts enable row level security;
create policy "People read what became of their own documents" on public.media_texts
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.media_texts to authenticated;
grant select, insert, update, delete on public.media_texts to service_role;

-- No foreign keys to the things: a feed brings items by the thousand, and what was deleted meanwhile is dropped by the claim.
create table public.indexing_queue (
  id uuid primary key,
  kind text not null check (kind in ('source_item', 'post', 'document')),
  user_id uuid not null references auth.users (id) on delete cascade,
  version bigint not null default 1,
  tries integer not null default 0,
  due_at timestamptz not null default now()
);
comment on table public.indexing_queue is 'Articles, published posts and documents that are to be cut into passages. id is theirs.';
comment on column public.indexing_queue.version is 'Rises with every edit: what a worker made of an older text is not stored.';
create index indexing_queue_user_id_idx on public.indexing_queue (user_id);
create index indexing_queue_texts_due_at_idx on public.indexing_queue (due_at, id) where kind <> 'document';
create index indexing_queue_documents_due_at_idx on public.indexing_queue (due_at, id) where kind = 'document';

alter table public.indexing_queue enable row level security;
create policy "Nobody reads the queue of indexing" on public.indexing_queue for select to authenticated using (false);
grant select, insert, update, delete on public.indexing_queue to service_role;

-- Does:    puts new articles into the queue, all of a feed at once.
-- Definer: nobody but the service may write the queue.
create function private.queue_new_items() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.indexing_queue (id, kind, user_id) select n.id, 'source_item', n.user_id from new_rows n;
  return null;
end
$$;
create trigger queue_new_items after insert on public.source_items
  referencing new table as new_rows for each statement execute function private.queue_new_items();

-- Does:    puts one thing into the queue, or says that it changed while it waited there.
-- Takes:   as the trigger's argument the kind; a post is named by its target.
-- Definer: nobody but the service may write the queue.
create function private.queue_changed() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.indexing_queue as q (id, kind, user_id)
  values (case tg_argv[0] when 'post' then (to_jsonb(new) ->> 'post_id')::uuid else new.id end, tg_argv[0], new.user_id)
  on conflict (id) do update set version = q.version + 1, tries = 0, due_at = now();
  return null;
end
$$;
create trigger queue_edited_item after update of title, text, url on public.source_items
  for each row when ((old.title, old.text, old.url) is distinct from (new.title, new.text, new.url))
  execute function private.queue_changed('source_item');
create trigger queue_published_post after update of state on public.post_targets
  for each row when (new.state = 'published' and old.state <> 'published')
  execute function private.queue_changed('post');
create trigger queue_document after update of status on public.media
  for each row when (new.status = 'ready' and old.status <> 'ready' and new.mime in ('application/pdf',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document'))
  execute function private.queue_changed('document');
create trigger queue_new_document after insert on public.media
  for each row when (new.status = 'ready' and new.mime in ('application/pdf',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document'))
  execute function private.queue_changed('document');

insert into public.indexing_queue (id, kind, user_id)
select i.id, 'source_item', i.user_id from public.source_items i
union all
select p.id, 'post', p.user_id from public.posts p
where exists (select 1 from public.post_targets t where t.post_id = p.id and t.state = 'published')
union all
select m.id, 'document', m.user_id from public.media m
where m.status = 'ready' and m.mime in ('application/pdf',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document');

-- Does:    puts off the next try of things, twice as long each time, so that what kills workers keeps none busy; drops what is
--          there no more.
create function private.take_unindexed(claimed uuid[], retry_after_seconds integer) returns void
language sql
set search_path = ''
as $$
  delete from public.indexing_queue q where q.id = any (claimed)
    and not exists (select 1 from public.source_items i where i.id = q.id)
    and not exists (select 1 from public.posts p where p.id = q.id)
    and not exists (select 1 from public.media m where m.id = q.id);
  update public.indexing_queue q
  set tries = q.tries + 1, due_at = now() + make_interval(secs => retry_after_seconds * 2 ^ least(q.tries, 10))
  where q.id = any (claimed)
$$;
grant execute on function private.take_unindexed(uuid[], integer) to service_role;

-- Does:    hands out articles and posts to be cut into passages, oldest first; a worker that dies leaves them to the next.
-- Returns: [{id, version, title, url, text, written_at}]; fewer than were taken where some are deleted.
-- May call: service_role.
create function public.claim_unindexed(take integer, retry_after_seconds integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
  answer jsonb;
begin
  claimed := array(select q.id from public.indexing_queue q
    where q.kind <> 'document' and q.due_at <= now() order by q.due_at, q.id limit take for update skip locked);
  if claimed = '{}' then
    return '[]';
  end if;
  perform private.take_unindexed(claimed, retry_after_seconds);
  select coalesce(jsonb_agg(w.waiting), '[]') into answer from (
    select jsonb_build_object('id', i.id, 'version', q.version, 'title', i.title, 'url', i.url, 'text', i.text,
      'written_at', coalesce(i.published_at, i.fetched_at)) as waiting
    from public.indexing_queue q join public.source_items i on i.id = q.id where q.id = any (claimed)
    union all
    select jsonb_build_object('id', p.id, 'version', q.version, 'title', '', 'url', t.external_url,
      'text', coalesce(nullif(p.text, ''), t.text_override, ''), 'written_at', coalesce(t.published_at, p.created_at))
    from public.indexing_queue q join public.posts p on p.id = q.id
    left join lateral (
      select t.external_url, t.text_override, t.published_at from public.post_targets t
      where t.post_id = p.id and t.state = 'published' order by t.published_at limit 1) t on true
    where q.id = any (claimed)
  ) w;
  return answer;
end
$$;
grant execute on function public.claim_unindexed(integer, integer) to service_role;

-- Does:    the same for documents, whose text a worker has to read from their bytes.
-- Returns: [{id, version, title, path, mime, written_at}].
-- May call: service_role.
create function public.claim_unread_documents(take integer, retry_after_seconds integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  claimed := array(select q.id from public.indexing_queue q
    where q.kind = 'document' and q.due_at <= now() order by q.due_at, q.id limit take for update skip locked);
  if claimed = '{}' then
    return '[]';
  end if;
  perform private.take_unindexed(claimed, retry_after_seconds);
  return (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'version', q.version, 'title', coalesce(left(m.alt_text, 1000), ''),
      'path', m.path, 'mime', m.mime, 'written_at', m.created_at)), '[]')
    from public.indexing_queue q join public.media m on m.id = q.id where q.id = any (claimed));
end
$$;
grant execute on function public.claim_unread_documents(integer, integer) to service_role;

-- Does:    stores the passages of things in place of their older ones, and takes the things out of the queue. What was edited
--          since it was claimed stays in the queue with the passages it has; what was deleted is passed over.
-- Takes:   things [{id, version, title, url, language, written_at, texts: [text], reading: {status, note, characters}}]; reading is
--          of documents only.
-- Returns: how many passages were stored.
-- May call: service_role. Safe to repeat.
create function public.store_passages(things jsonb) returns integer
language plpgsql
set search_path = ''
as $$
declare
  thing record;
  waiting public.indexing_queue;
  stored integer := 0;
  added integer;
begin
  for thing in
    select * from jsonb_to_recordset(things) as t (
      id uuid, version bigint, title text, url text, language text, written_at timestamptz, texts jsonb, reading jsonb)
    order by t.id
  loop
    select * into waiting from public.indexing_queue q where q.id = thing.id and q.version = thing.version for update;
    continue when not found;
    -- held until the passages are in, so that no foreign key fails in the middle
    case waiting.kind
      when 'source_item' then perform 1 from public.source_items i where i.id = thing.id for key share;
      when 'post' then perform 1 from public.posts p where p.id = thing.id for key share;
      else perform 1 from public.media m where m.id = thing.id for key share;
    end case;
    if found then
      delete from public.passages p where waiting.kind = 'source_item' and p.source_item_id = thing.id;
      delete from public.passages p where waiting.kind = 'post' and p.post_id = thing.id;
      delete from public.passages p where waiting.kind = 'document' and p.media_id = thing.id;
      with made as (
        insert into public.passages (user_id, source_item_id, post_id, media_id, position, title, url, text, language, written_at)
        select waiting.user_id, case waiting.kind when 'source_item' then thing.id end, case waiting.kind when 'post' then thing.id end,
          case waiting.kind when 'document' then thing.id end, x.position - 1, thing.title, thing.url, x.text, thing.language,
          thing.written_at
        from jsonb_array_elements_text(thing.texts) with ordinality as x (text, position)
        returning id, user_id
      )
      insert into public.passage_embeddings (passage_id, user_id) select m.id, m.user_id from made m;
      get diagnostics added = row_count;
      stored := stored + added;
      insert into public.media_texts (media_id, user_id, status, note, characters)
      select thing.id, waiting.user_id, thing.reading ->> 'status', left(thing.reading ->> 'note', 500),
        coalesce((thing.reading ->> 'characters')::integer, 0)
      where waiting.kind = 'document'
      on conflict (media_id) do update
      set status = excluded.status, note = excluded.note, characters = excluded.characters, read_at = now();
    end if;
    delete from public.indexing_queue q where q.id = thing.id;
  end loop;
  return stored;
end
$$;
grant execute on function public.store_passages(jsonb) to service_role;

-- Does:    says in how many seconds each queue has work: 0 or less means now, null means nothing waits. Each is the first
--          row of an index, however long the queue.
-- Returns: {targets, leases, unconfirmed, media, generations, sources, occurrences, passages, documents}.
-- May call: service_role.
create or replace function public.next_work() returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_object_agg(queue, extract(epoch from due - clock_timestamp()))
  from (
    select 'targets' as queue, min(t.next_attempt_at) as due from public.post_targets t where t.state = 'scheduled'
    union all
    select 'leases', min(t.lease_until) from public.post_targets t where t.state in ('preparing', 'sending', 'confirming')
    union all
    select 'unconfirmed', min(t.look_at) from public.post_targets t where t.state in ('unconfirmed', 'confirming')
    union all
    select 'media', min(m.next_inspection_at) from public.media m where m.status = 'uploaded'
    union all
    -- web processes start new ones at once; what is left after two seconds, or whose process died, is for workers
    select 'generations', min(case when g.status = 'queued' then g.created_at + interval '2 seconds' else g.lease_until end)
    from public.generations g where g.status in ('queued', 'waking', 'running')
    union all
    select 'sources', min(s.next_fetch_at) from public.sources s
    union all
    -- to be filled, over, or with a draft that has ended
    select 'occurrences', least(
      (select min(o.fill_at) from public.slot_occurrences o where o.state = 'open'),
      (select min(o.occurs_at) from public.slot_occurrences o where o.state in ('open', 'filling', 'review')),
      (select min(g.finished_at) from public.slot_occurrences o join public.generations g on g.id = o.generation_id
        where o.state = 'filling' and g.status in ('complete', 'failed', 'canceled')))
    union all
    select 'passages', min(q.due_at) from public.indexing_queue q where q.kind <> 'document'
    union all
    select 'documents', min(q.due_at) from public.indexing_queue q where q.kind = 'document'
  ) queues
$$;
