-- Searching passages by their words, ranked, and by what they mean where the server has pgvector and the operator a model.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    one lexeme as a query; a single sign of a script without spaces finds the pairs that begin with it.
create function private.lexeme_query(lexeme text) returns tsquery
language sql
immutable
set search_path = ''
as $$
  select ('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''''
    || case when char_length(lexeme) = 1 and private.sign_pairs(lexeme || lexeme, true) <> lexeme || lexeme then ':*' else '' end)::tsquery
$$;
grant execute on function private.lexeme_query(text) to authenticated;

-- Does:    the languages of the caller's passages: the first row of the index for each, however many passages there are.
create function private.passage_languages() returns setof text
language sql
stable
security definer
set search_path = ''
as $$
  with recursive found as (
    (select p.language from public.passages p where p.user_id = (select auth.uid()) order by p.language limit 1)
    union all
    select (select p.language from public.passages p
      where p.user_id = (select auth.uid()) and p.language > f.language order by p.language limit 1)
    from found f where f.language is not null
  )
  select f.language from found f where f.language is not null
$$;
-- Definer: under row-level security the index would be read as well, but for each row of a language.
grant execute on function private.passage_languages() to authenticated;

-- Does:    the telling words of a question, at most 24. Those that a language leaves out of its index (the, of, what) say nothing.
--          Which language the question is in, its own such words tell: the one that leaves out most; one that the caller
--          reads nothing in has to leave out two.
-- Returns: a query for each: the word as it is, or without its endings by the rules of each language of the caller's passages.
create function private.question_terms(question text) returns table (term tsquery, variants integer)
language sql
stable
set search_path = ''
as $$
  with words as (
    select w.lexeme as word, (w.positions)[1] as place
    from unnest(to_tsvector('pg_catalog.simple', private.sign_pairs(left(question, 2000), false))) w
    where w.lexeme !~ '^[^-.@/]+(-[^-.@/]+)+$' -- of "cast-iron" its parts are words as well
  ), read as (
    select l as language from private.passage_languages() l
  ), known (language) as (
    values ('ca'), ('da'), ('de'), ('en'), ('es'), ('fi'), ('fr'), ('hu'), ('it'), ('nl'), ('no'), ('pt'), ('ro'), ('ru'), ('sv'), ('tr')
  ), left_out as (
    select w.word, k.language from words w cross join known k
    where to_tsvector(private.search_configuration(k.language), w.word) = ''::tsvector
      or w.word = any (case k.language -- question words that are missing in the lists of Postgres
        when 'de' then '{wer,wann,wo,wieso,weshalb,wozu,gibt,sagt}'::text[]
        when 'en' then '{tell,say,says,said}'::text[]
        when 'es' then '{cómo,cuándo,dónde,cuál,qué,quién}'::text[]
        when 'fr' then '{comment,pourquoi,quand,quel,quelle,quels,quelles,quoi,où,combien,est-ce,dit,disent,faut,il,elle,y,a,les,on,plus}'::text[]
        when 'it' then '{quando,quali,quale,perché,cosa}'::text[] end)
  ), counted as (
    select l.language, count(*) + case when r.language is null then 0 else 0.5 end as votes, r.language is not null as is_read
    from left_out l left join read r using (language) group by l.language, r.language
  ), spoken as (
    select c.language from counted c
    where c.votes = (select max(votes) from counted) and (c.is_read or c.votes >= 2)
  ), telling as (
    select w.word, w.place from words w
    where not exists (select 1 from left_out l join spoken s using (language) where l.word = w.word)
  ), kept as (
    select t.word, t.place from telling t
    union all -- a question of nothing else, as the name of a band, is taken as it is
    select w.word, w.place from words w where not exists (select 1 from telling)
    order by place limit 24
  ), lexemes as (
    select k.word, k.place, x.lexeme from kept k cross join lateral (
      select private.without_marks(k.word) as lexeme
      union
      select s.lexeme from (select language from read union select language from spoken) l,
        unnest(to_tsvector(private.search_configuration(l.language), k.word)) s
    ) x
    where x.lexeme <> ''
  )
  select string_agg(private.lexeme_query(l.lexeme)::text, ' | ' order by l.lexeme)::tsquery, count(*)::integer
  from lexemes l group by l.word, l.place order by l.place
$$;
grant execute on function private.question_terms(text) to authenticated;

-- Does:    ranks the caller's passages by the words of a question. A word counts the more the fewer passages have it, in a
--          title more than in the text; a title that the question names in full counts like the whole question.
-- Returns: at most `take` of the best; covered is 1 for a passage with all words of the question, and falls with what it lacks.
--          What is looked at grows with the rarest words only: words that more than 5,000 passages
--          have are counted in what others found, and looked for only where there are no others.
-- Definer: under row-level security no index on words may be used, as @@ is not leakproof. So this tells ids and ranks of
--          the caller's own passages, and search_passages reads these under row-level security.
create function private.rank_by_words(question text, take integer)
returns table (id uuid, score double precision, covered double precision)
language plpgsql
stable
rows 50 -- and not 1,000, for which the planner would read all passages
security definer
set search_path = ''
as $$
declare
  most constant integer := 5000;
  reader uuid := (select auth.uid());
  own tsquery := private.lexeme_query(private.owner_lexeme(reader));
  asked constant text := lower(left(question, 2000)); -- however long it is, it is looked through for every title
  terms tsquery[];
  variants integer[];
  having_it integer[] := '{}';
  weights double precision[] := '{}';
  everything integer;
  known integer;
  wanted tsquery;
  looked_at integer := 0;
  number integer;
  total double precision;
begin
  select array_agg(t.term), array_agg(t.variants) into terms, variants from private.question_terms(question) t;
  if reader is null or terms is null then
    return;
  end if;
  select count(*) into everything from (select 1 from public.passages p where p.user_id = reader limit most) x;
  for number in 1 .. cardinality(terms) loop
    select count(*) into known from (
      select 1 from public.passages p where p.search @@ (own && terms[number]) and p.user_id = reader limit most) x;
    having_it[number] := known;
    weights[number] := ln(1 + (everything - known + 0.5) / (known + 0.5));
  end loop;

  for number in select o.number from unnest(having_it) with ordinality as o (having_it, number) where o.having_it > 0 order by o.having_it loop
    exit when wanted is not null and looked_at + having_it[number] > most;
    wanted := coalesce(wanted || terms[number], terms[number]);
    looked_at := looked_at + having_it[number];
  end loop;
  if wanted is null then
    return;
  end if;

  select sum(w) into total from unnest(weights) w;
  return query
  select c.id, w.score, least(1, sqrt(4 * w.score / total)) -- a word that stands once in the text gives a quarter of its weight
  from (select p.id, p.title, p.search, p.written_at from public.passages p
    where p.search @@ (own && wanted) and p.user_id = reader limit 2 * most) c
  cross join lateral (
    -- ts_rank divides by the number of variants, of which a passage mostly has one
    select sum(weights[t.number] * least(1, variants[t.number] * ts_rank('{0.4, 0.4, 0.4, 1}', c.search, t.term)))
      + case when char_length(c.title) > 3 and position(lower(c.title) in asked) > 0 then total else 0 end as score
    from unnest(terms) with ordinality as t (term, number)
  ) w
  order by 2 desc, c.written_at desc, c.id
  limit take;
end
$$;
grant execute on function private.rank_by_words(text, integer) to authenticated;

-- Does:    adds the vectors of passages where the server has pgvector. A server that gets it later: call this once.
-- Returns: whether there are vectors now.
-- May call: the database's owner.
create function private.add_embeddings() returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select 1 from pg_catalog.pg_available_extensions e where e.name = 'vector') then
    return false;
  end if;
  if not exists (select 1 from pg_catalog.pg_extension e where e.extname = 'vector') then
    create extension vector with schema extensions;
  end if;
  -- No fixed dimension, as it is the model's. No index for nearest neighbours either: it would find those of all users, and few of
  -- them the caller's; the caller's own are compared one by one (100,000 of 256 numbers: about a tenth of a second).
  execute format('alter table public.passage_embeddings add column if not exists embedding %s', private.vector_type());
  return true;
end
$$;

-- Does:    the type of vectors with its schema, which on older projects is another one; null without pgvector.
create function private.vector_type() returns text
language sql
stable
set search_path = ''
as $$
  select quote_ident(n.nspname) || '.vector' from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
  where e.extname = 'vector'
$$;
grant execute on function private.vector_type() to service_role;

-- Does:    whether passages can have vectors.
create function private.has_embeddings() returns boolean
language sql
stable
set search_path = ''
as $$
  select exists (select 1 from pg_catalog.pg_attribute a
    where a.attrelid = 'public.passage_embeddings'::regclass and a.attname = 'embedding' and not a.attisdropped)
$$;
grant execute on function private.has_embeddings() to authenticated, service_role;

select private.add_embeddings();

-- Does:    ranks the caller's passages by how near they are in meaning.
-- Takes:   the question's vector as '[0.1, …]' and the model that made it: only vectors of that model are looked at.
-- Definer: people may not read vectors; this tells ids of the caller's own passages, nearest first.
create function private.rank_by_meaning(question text, model text, take integer) returns table (id uuid, distance double precision)
language plpgsql
stable
rows 50
security definer
set search_path = ''
as $$
declare
  reader uuid := (select auth.uid());
  kind text := private.vector_type();
  home text := (select split_part(kind, '.', 1));
begin
  if reader is null or question is null or model is null or not private.has_embeddings() then
    return;
  end if;
  -- a model may be replaced by one of another dimension under its name
  return query execute format(
    'select e.passage_id, e.embedding operator(%1$s.<=>) $2::%2$s from public.passage_embeddings e
     where e.user_id = $1 and e.embedded_by = $3 and %1$s.vector_dims(e.embedding) = %1$s.vector_dims($2::%2$s)
     order by case when %1$s.vector_dims(e.embedding) = %1$s.vector_dims($2::%2$s) then e.embedding operator(%1$s.<=>) $2::%2$s end,
       e.passage_id
     limit $4', home, kind)
  using reader, question, model, take;
end
$$;
grant execute on function private.rank_by_meaning(text, text, integer) to authenticated;

-- Does:    finds the caller's passages that a question is about, best first, at most two of one article, post or document.
-- Takes:   the question as people write it; how many at most (1 to 20); where a model has made one, its vector as '[0.1, …]' with the
--          model's name: then the ranks by words and by meaning are fused (reciprocal rank fusion, Cormack 2009), where a rank by
--          words counts by how much of the question it covers: one common word in it is no reason to come before a near meaning.
-- Returns: id of the passage; kind 'source_item' | 'post' | 'document' and the id of that; in the snippet matches stand between « and ».
-- May call: signed-in users; their own rows only, by RLS.
create function public.search_passages(query text, take integer default 8, embedding text default null, embedded_by text default null)
returns table (
  passage_id uuid, kind text, id uuid, title text, url text, text text, snippet text, language text, written_at timestamptz,
  rank double precision)
language sql
stable
set search_path = ''
as $$
  with words as (
    select w.* from private.rank_by_words(query, 50) with ordinality as w (id, score, covered, place)
  ), meanings as (
    select m.* from private.rank_by_meaning(embedding, embedded_by, 50) with ordinality as m (id, distance, place)
  ), fused as (
    select b.id, sum(b.score) as rank
    from (select w.id, w.covered / (10 + w.place) as score from words w
      union all select m.id, 1.0 / (10 + m.place) from meanings m) b
    group by b.id
  ), ranked as (
    select p.*, f.rank,
      row_number() over (partition by coalesce(p.source_item_id, p.post_id, p.media_id) order by f.rank desc, p.position) as nth
    from fused f join public.passages p on p.id = f.id
  ), best as materialized (
    select r.* from ranked r where r.nth <= 2 order by r.rank desc, r.written_at desc, r.id limit least(greatest(take, 1), 20)
  ), asked as (
    select string_agg('(' || t.term::text || ')', ' | ')::tsquery as terms from private.question_terms(query) t
  )
  select b.id, case when b.source_item_id is not null then 'source_item' when b.post_id is not null then 'post' else 'document' end,
    coalesce(b.source_item_id, b.post_id, b.media_id), b.title, b.url, b.text,
    ts_headline(private.search_configuration(b.language), b.text, coalesce(a.terms, ''::tsquery),
      'StartSel=«, StopSel=», MaxFragments=2, MaxWords=30, MinWords=10'),
    b.language, b.written_at, b.rank::double precision
  from best b cross join asked a
  order by b.rank desc, b.written_at desc, b.id
$$;
grant execute on function public.search_passages(text, integer, text, text) to authenticated;

-- Does:    hands out passages that this model has not seen, so that no other worker takes them for a while. Where nothing is to be
--          done it costs three looks at an index.
-- Returns: rows of passage_id, title, text; none where the server has no pgvector.
-- May call: service_role.
create function public.claim_unembedded(model text, take integer, retry_after_seconds integer)
returns table (passage_id uuid, title text, text text)
language plpgsql
set search_path = ''
as $$
declare
  before timestamptz := now() - make_interval(secs => retry_after_seconds);
begin
  if not private.has_embeddings() then
    return;
  end if;
  return query
  with due as (
    select d.passage_id from (
      (select e.passage_id from public.passage_embeddings e
        where e.embedded_by is null and e.claimed_at < before order by e.claimed_at limit take)
      union all
      (select e.passage_id from public.passage_embeddings e where e.embedded_by < model and e.claimed_at < before limit take)
      union all
      (select e.passage_id from public.passage_embeddings e where e.embedded_by > model and e.claimed_at < before limit take)
    ) d limit take
  ), locked as (
    select e.passage_id from public.passage_embeddings e join due d using (passage_id) where e.claimed_at < before
    for update of e skip locked
  ), claimed as (
    update public.passage_embeddings e set claimed_at = now() from locked l where e.passage_id = l.passage_id returning e.passage_id
  )
  select p.id, p.title, p.text from claimed c join public.passages p on p.id = c.passage_id;
end
$$;
grant execute on function public.claim_unembedded(text, integer, integer) to service_role;

-- Does:    stores the vectors that a model made; a passage that it could not make one of is marked as seen, and not asked again.
-- Takes:   vectors [{passage_id, embedding: [0.1, …] or null}].
-- Returns: how many were stored; passages deleted meanwhile are passed over.
-- May call: service_role. Safe to repeat.
create function public.store_embeddings(model text, vectors jsonb) returns integer
language plpgsql
set search_path = ''
as $$
declare
  stored integer := 0;
begin
  if private.has_embeddings() then
    execute format(
      'update public.passage_embeddings e set embedding = v.embedding::%s, embedded_by = $1, claimed_at = ''-infinity''
       from jsonb_to_recordset($2) as v (passage_id uuid, embedding text) where e.passage_id = v.passage_id', private.vector_type())
    using model, vectors;
    get diagnostics stored = row_count;
  end if;
  return stored;
end
$$;
grant execute on function public.store_embeddings(text, jsonb) to service_role;
