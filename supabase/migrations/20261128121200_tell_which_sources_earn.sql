-- Which sources are worth reading: what came of their articles.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    the id in a text, or null: what a draft was asked for is not checked everywhere.
create function private.as_id(written text) returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  -- two statements: in one expression the planner would try the cast of a constant before it asks whether it may
  if pg_input_is_valid(written, 'uuid') then
    return written::uuid;
  end if;
  return null;
end
$$;
grant execute on function private.as_id(text) to authenticated;

-- Does:    tells for each source of the caller what came of it between two moments: the articles read, the posts made from a
--          draft of one of them (or from that draft reworked), how often these were published, and how the posts published
--          then do by their newest figures.
-- Takes:   since (in) and until (not in), null for no bound.
-- Returns: a row for each source, the one with the most likes, comments and shares first; a figure that no platform told is null.
-- May call: signed-in users; their own rows only, by RLS.
create function public.source_engagement(since timestamptz default null, until timestamptz default null)
returns table (
  source_id uuid, title text, url text, category text,
  items bigint, posts bigint, published bigint, impressions bigint, likes bigint, comments bigint, shares bigint
)
language sql
stable
set search_path = ''
as $$
  with recursive bounds as (
    select coalesce(since, '-infinity') as start, coalesce(until, 'infinity') as stop
  ),
  -- from a post back to the draft that was made from an article; a draft may be one of a draft
  lineage as (
    select p.id as post_id, g.input, 1 as depth
    from public.posts p join public.generations g on g.id = p.generation_id and g.user_id = p.user_id
    where p.user_id = (select auth.uid())
    union all
    select l.post_id, g.input, l.depth + 1
    from lineage l
    left join public.posts p on p.id = private.as_id(l.input ->> 'post_id') and p.user_id = (select auth.uid())
    join public.generations g on g.user_id = (select auth.uid())
      and g.id = coalesce(private.as_id(l.input ->> 'generation_id'), p.generation_id)
    where l.depth < 10
  ),
  drafted as (
    select distinct l.post_id, i.source_id
    from lineage l
    join public.source_items i on i.user_id = (select auth.uid()) and i.id = private.as_id(l.input ->> 'source_item_id')
  ),
  read as (
    select i.source_id, count(*) as items
    from public.source_items i, bounds b
    where i.user_id = (select auth.uid()) and i.fetched_at >= b.start and i.fetched_at < b.stop
    group by i.source_id
  ),
  made as (
    select d.source_id, count(*) as posts
    from drafted d join public.posts p on p.id = d.post_id, bounds b
    where p.created_at >= b.start and p.created_at < b.stop
    group by d.source_id
  ),
  earned as (
    select d.source_id, count(*) as published, sum(m.impressions) as impressions, sum(m.likes) as likes,
      sum(m.comments) as comments, sum(m.shares) as shares
    from drafted d
    join public.post_targets t on t.post_id = d.post_id and t.user_id = (select auth.uid()) and t.state = 'published'
    cross join bounds b
    left join lateral (
      select x.impressions, x.likes, x.comments, x.shares from public.post_metrics x
      where x.target_id = t.id and x.user_id = t.user_id order by x.taken_at desc limit 1
    ) m on true
    where t.published_at >= b.start and t.published_at < b.stop
    group by d.source_id
  )
  select s.id, s.title, s.url, s.category, coalesce(r.items, 0), coalesce(m.posts, 0), coalesce(e.published, 0),
    e.impressions::bigint, e.likes::bigint, e.comments::bigint, e.shares::bigint
  from public.sources s
  left join read r on r.source_id = s.id
  left join made m on m.source_id = s.id
  left join earned e on e.source_id = s.id
  where s.user_id = (select auth.uid())
  order by coalesce(e.likes, 0) + coalesce(e.comments, 0) + coalesce(e.shares, 0) desc, coalesce(e.published, 0) desc,
    coalesce(m.posts, 0) desc, coalesce(r.items, 0) desc, s.created_at, s.id
$$;
grant execute on function public.source_engagement(timestamptz, timestamptz) to authenticated;

-- For counting what was read between two moments; built on a table of articles, well below the time limit.
-- squawk-ignore require-concurrent-index-creation
create index source_items_user_id_fetched_at_idx on public.source_items (user_id, fetched_at);
