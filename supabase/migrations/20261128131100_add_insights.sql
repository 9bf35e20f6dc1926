-- How publishing went: outcomes, lateness, and what the posts earned by platform, weekday and hour.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- For reading what was due between two moments; built on a queue, well below the time limit.
-- squawk-ignore require-concurrent-index-creation
create index post_targets_user_id_due_at_idx on public.post_targets (user_id, due_at) where due_at is not null;

-- Does:    counts what became of the caller's targets that were due between two moments.
-- Takes:   since (in), until (not in), and the IANA zone in which weekdays and hours are told.
-- Returns: {outcomes: {state: count}, lateness: {published, median, p95, worst} in seconds, null without any;
--          platforms: [{platform, published, measured, impressions, likes, comments, shares}];
--          hours: [{weekday: ISO 1-7, hour, published, measured, engagement}]}. Engagement is likes, comments and shares of
--          the newest figures; measured is how many targets have any. A figure that no platform told is null.
-- May call: signed-in users; their own rows only, by RLS.
create function public.post_insights(since timestamptz, until timestamptz, zone text) returns jsonb
language sql
stable
set search_path = ''
as $$
  with due as materialized (
    select t.id, t.user_id, t.account_id, t.state, t.due_at, t.published_at
    from public.post_targets t
    where t.user_id = (select auth.uid()) and t.due_at >= since and t.due_at < until
  ),
  live as materialized (
    select d.id, a.platform_id as platform, extract(isodow from d.published_at at time zone zone)::integer as weekday,
      extract(hour from d.published_at at time zone zone)::integer as hour,
      greatest(extract(epoch from d.published_at - d.due_at), 0) as late,
      m.impressions, m.likes, m.comments, m.shares,
      coalesce(m.likes, m.comments, m.shares) is not null as measured,
      coalesce(m.likes, 0) + coalesce(m.comments, 0) + coalesce(m.shares, 0) as engagement
    from due d
    join public.social_accounts a on a.id = d.account_id
    left join lateral (
      select x.impressions, x.likes, x.comments, x.shares from public.post_metrics x
      where x.target_id = d.id and x.user_id = d.user_id order by x.taken_at desc limit 1
    ) m on true
    where d.state = 'published'
  )
  select jsonb_build_object(
    'outcomes', (select coalesce(jsonb_object_agg(o.state, o.n), '{}') from (select d.state, count(*) as n from due d group by d.state) o),
    'lateness', (select jsonb_build_object('published', count(*),
      'median', percentile_cont(0.5) within group (order by l.late), 'p95', percentile_cont(0.95) within group (order by l.late),
      'worst', max(l.late)) from live l),
    'platforms', (select coalesce(jsonb_agg(to_jsonb(p) order by p.platform), '[]') from (
      select l.platform, count(*) as published, count(*) filter (where l.measured) as measured, sum(l.impressions) as impressions,
        sum(l.likes) as likes, sum(l.comments) as comments, sum(l.shares) as shares
      from live l group by l.platform) p),
    'hours', (select coalesce(jsonb_agg(to_jsonb(h) order by h.weekday, h.hour), '[]') from (
      select l.weekday, l.hour, count(*) as published, count(*) filter (where l.measured) as measured, sum(l.engagement) as engagement
      from live l group by l.weekday, l.hour) h)
  )
$$;
grant execute on function public.post_insights(timestamptz, timestamptz, text) to authenticated;
