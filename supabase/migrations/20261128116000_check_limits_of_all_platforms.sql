-- What cannot be published is refused when it is scheduled, by the limits of every platform: texts counted as each counts,
-- sizes, shapes and coding of files, alt texts, and the options of a target.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    why this target cannot be published at that time, as sentences naming account and limit; no row if it can.
-- Takes:   a target id and the wanted time. Limits are platforms.limits, see seed.sql.
create or replace function private.target_violations(target uuid, at timestamptz)
returns table (field text, message text)
language sql
stable
set search_path = ''
as $$
  with t as (
    select t.id, a.id as account_id, a.account_name, a.status as account_status, a.token_expires_at, a.last_error,
      pl.name as platform, pl.enabled, pl.limits, coalesce(t.text_override, p.text) as text, t.options,
      case when t.text_override is null then 'text' else 'text_override' end as text_field, p.id as post_id,
      format('%s (%s)', pl.name, a.account_name) as taker
    from public.post_targets t
    join public.posts p on p.id = t.post_id
    join public.social_accounts a on a.id = t.account_id
    join public.platforms pl on pl.id = a.platform_id
    where t.id = target
  ), m as (
    select md.*, pm.position, t.limits -> 'media' -> (md.kind::text) as kind_limits
    from t join public.post_media pm on pm.post_id = t.post_id join public.media md on md.id = pm.media_id
  ), measured as ( -- pictures are made to fit before they are sent, so only what is not counts
    select m.*, m.width::numeric / nullif(m.height, 0) as ratio from m
    where not coalesce((m.kind_limits ->> 'fit')::boolean, false)
  ), kinds as (
    select m.kind, count(*) as n from m where m.kind is not null group by m.kind
  )
  select 'account_id', format('Publishing to %s is not available on this server.', t.platform) from t where not t.enabled
  union all
  select 'account_id', format('%s account %s needs to be connected again before anything can be scheduled to it.', t.platform, t.account_name)
  from t where t.account_status <> 'active'
  union all
  select 'account_id', format('The permission of %s account %s ends on %s, before the scheduled time; connect it again first.',
    t.platform, t.account_name, to_char(t.token_expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
  from t where t.account_status = 'active' and t.token_expires_at <= at
  union all
  select t.text_field, format('The text is %s characters long; %s takes at most %s.',
    private.counted_length(t.text, t.limits -> 'text' ->> 'counted'), t.taker, l.longest)
  from t, lateral (select coalesce( -- beside files of some kinds it may be longer
    (select min((m.kind_limits ->> 'max_text')::integer) from m), (t.limits -> 'text' ->> 'max')::integer) as longest) l
  where private.counted_length(t.text, t.limits -> 'text' ->> 'counted') > l.longest
    -- a long text may go out as several posts where its owner chose that
    and not (coalesce((t.limits -> 'text' ->> 'thread')::boolean, false) and t.options @> '{"thread": true}')
  union all
  select t.text_field, format('The post for %s has neither text nor media.', t.account_name)
  from t where btrim(t.text, E' \t\r\n') = '' and not exists (select 1 from m)
  union all
  select 'media', format('%s takes no post without a picture or a video.', t.taker)
  from t where (t.limits -> 'media' ->> 'required')::boolean and not exists (select 1 from m)
  union all
  select 'media', case m.status
    when 'rejected' then format('File %s cannot be used: %s', m.position + 1, m.reason)
    else format('File %s is still being checked; try again in a moment.', m.position + 1) end
  from m where m.status <> 'ready'
  union all
  select 'media', format('%s does not take a file of kind %s.', t.taker, kinds.kind)
  from t, kinds where t.limits -> 'media' -> (kinds.kind::text) is null
  union all
  select 'media', format('%s takes at most %s of kind %s in one post; this post has %s.',
    t.taker, t.limits -> 'media' -> (kinds.kind::text) ->> 'max', kinds.kind, kinds.n)
  from t, kinds where kinds.n > (t.limits -> 'media' -> (kinds.kind::text) ->> 'max')::integer
  union all
  select 'media', format('%s takes at most %s files in one post; this post has %s.', t.taker, t.limits -> 'media' ->> 'max', n.n)
  from t, (select count(*) as n from m) n where n.n > (t.limits -> 'media' ->> 'max')::integer
  union all
  select 'media', format('%s does not take files of different kinds in one post.', t.taker)
  from t where not coalesce((t.limits -> 'media' ->> 'mixed')::boolean, false) and (select count(*) from kinds) > 1
  union all
  select 'media.alt_text', format('The alt text of file %s is %s characters long; %s takes at most %s.',
    m.position + 1, char_length(m.alt_text), t.taker, m.kind_limits ->> 'max_alt_text')
  from t, m where char_length(m.alt_text) > (m.kind_limits ->> 'max_alt_text')::integer
  union all
  select 'media', format('File %s is %s; %s takes %s.', m.position + 1, m.mime, t.taker,
    (select string_agg(v, ', ') from jsonb_array_elements_text(m.kind_limits -> 'mimes') v))
  from t, measured m where m.kind_limits ? 'mimes' and not m.kind_limits -> 'mimes' ? m.mime
  union all
  select 'media', format('File %s has %s bytes; %s takes %s to %s.', m.position + 1, m.bytes, t.taker,
    coalesce(m.kind_limits ->> 'min_bytes', '1'), m.kind_limits ->> 'max_bytes')
  from t, measured m where m.bytes > (m.kind_limits ->> 'max_bytes')::bigint or m.bytes < (m.kind_limits ->> 'min_bytes')::bigint
  union all
  select 'media', format('File %s has %s × %s pixels; %s takes fewer than %s in all.', m.position + 1, m.width, m.height,
    t.taker, m.kind_limits ->> 'max_pixels')
  from t, measured m where m.width::bigint * m.height >= (m.kind_limits ->> 'max_pixels')::bigint
  union all
  select 'media', format('File %s has %s × %s pixels; %s takes a width of %s to %s.', m.position + 1, m.width, m.height, t.taker,
    coalesce(m.kind_limits ->> 'min_width', '1'), coalesce(m.kind_limits ->> 'max_width', 'any'))
  from t, measured m where m.width > (m.kind_limits ->> 'max_width')::integer or m.width < (m.kind_limits ->> 'min_width')::integer
  union all
  select 'media', format('File %s has %s × %s pixels; %s takes a height of %s to %s.', m.position + 1, m.width, m.height, t.taker,
    coalesce(m.kind_limits ->> 'min_height', '1'), coalesce(m.kind_limits ->> 'max_height', 'any'))
  from t, measured m where m.height > (m.kind_limits ->> 'max_height')::integer or m.height < (m.kind_limits ->> 'min_height')::integer
  union all
  select 'media', format('File %s is %s times as wide as high; %s takes %s to %s.', m.position + 1, round(m.ratio, 2), t.taker,
    coalesce(m.kind_limits ->> 'min_ratio', '0'), coalesce(m.kind_limits ->> 'max_ratio', 'any'))
  from t, measured m where m.ratio > (m.kind_limits ->> 'max_ratio')::numeric or m.ratio < (m.kind_limits ->> 'min_ratio')::numeric
  union all
  select 'media', format('File %s lasts %s s; %s takes %s to %s s.', m.position + 1, round(m.duration::numeric, 1), t.taker,
    coalesce(m.kind_limits ->> 'min_seconds', '0'), m.kind_limits ->> 'max_seconds')
  from t, measured m where m.duration > (m.kind_limits ->> 'max_seconds')::numeric or m.duration < (m.kind_limits ->> 'min_seconds')::numeric
  union all -- a rate is rounded: 23.976 is what films have that are called 24, and 60.01 what a phone's 60 come to
  select 'media', format('File %s has %s pictures a second; %s takes %s to %s.', m.position + 1, round(m.frame_rate::numeric, 2), t.taker,
    coalesce(m.kind_limits ->> 'min_frame_rate', '0'), coalesce(m.kind_limits ->> 'max_frame_rate', 'inf'))
  from t, measured m where round(m.frame_rate) > (m.kind_limits ->> 'max_frame_rate')::double precision
    or round(m.frame_rate) < (m.kind_limits ->> 'min_frame_rate')::double precision
  union all
  select 'media', format('File %s is coded as %s; %s takes %s.', m.position + 1, m.codec, t.taker,
    (select string_agg(v, ', ') from jsonb_array_elements_text(m.kind_limits -> 'codecs') v))
  from t, measured m where m.kind_limits ? 'codecs' and not m.kind_limits -> 'codecs' ? m.codec
  union all
  select 'media', format('File %s has its index behind its pictures; %s takes it in front. Export it with "fast start" or "for the web".',
    m.position + 1, t.taker)
  from t, measured m where (m.kind_limits ->> 'index_first')::boolean and not m.index_first
  union all
  select 'media', format('File %s has %s pages; %s takes at most %s.', m.position + 1, m.pages, t.taker, m.kind_limits ->> 'max_pages')
  from t, measured m where m.pages > (m.kind_limits ->> 'max_pages')::integer
  union all
  -- the files of one post are cropped to the shape of the first, pictures as they will be padded
  select 'media', format('File %s has another shape than the first; %s would crop it. Give all files one shape, or choose the option %s.',
    o.position + 1, t.taker, t.limits -> 'media' -> 'one_shape' ->> 'unless')
  from t, lateral (
    select m.position, first_value(s.shape) over (order by m.position) as first_shape, s.shape
    from m, lateral (select least(greatest(m.width::numeric / nullif(m.height, 0),
      (t.limits #>> '{media,one_shape,min_ratio}')::numeric), (t.limits #>> '{media,one_shape,max_ratio}')::numeric) as shape) s
  ) o
  where abs(o.shape / o.first_shape - 1) > (t.limits #>> '{media,one_shape,differ}')::numeric
    and t.options -> (t.limits #>> '{media,one_shape,unless}') is distinct from 'true'::jsonb
  union all
  select 'options.' || o.key, case
    when known.kind is null then format('%s knows no option %s.', t.platform, o.key)
    when jsonb_typeof(known.kind) = 'array' then format('%s must be one of %s.', o.key,
      (select string_agg(v, ', ') from jsonb_array_elements_text(known.kind) v))
    else format('%s must be %s.', o.key, case known.kind #>> '{}' when 'boolean' then 'true or false' else 'a ' || (known.kind #>> '{}') end) end
  from t, jsonb_each(t.options) o, lateral (select t.limits -> 'options' -> o.key as kind) known
  where case jsonb_typeof(known.kind)
    when 'array' then not known.kind @> jsonb_build_array(o.value)
    when 'string' then jsonb_typeof(o.value) <> case known.kind #>> '{}' when 'text' then 'string' when 'list' then 'array' else known.kind #>> '{}' end
    else true end
$$;
