-- Some people, by their numbers, with all that they have, as the functions would have left it. See growth.py.
-- Ids are made of numbers, so that nothing has to be looked up, and look as random as real ones.

create temporary table who on commit drop as
  select u, md5('user ' || u)::uuid as user_id, c.accounts, c.posts, c.sources, c.items, c.slots + c.odd_slots * mod(u, 2) as slots,
    c.notifications, c.drafts
  from generate_series(%(first)s::integer, %(last)s::integer - 1) u
  join (values -- one in a thousand is an agency, one in twenty is busy
    ('heavy', 10, 3000, 50, 1000, 20, 0, 1500, 300),
    ('busy', 4, 200, 5, 40, 3, 0, 100, 20),
    ('usual', 2, 18, 2, 3, 0, 1, 10, 2)
  ) as c (class, accounts, posts, sources, items, slots, odd_slots, notifications, drafts)
  on c.class = case when mod(u, 1000) = 0 then 'heavy' when mod(u, 20) = 1 then 'busy' else 'usual' end;

insert into auth.users (id, email) select user_id, 'p' || u || '@example.com' from who;

insert into public.profiles (id, display_name, timezone) select user_id, 'Person ' || u, 'Europe/Paris' from who;

-- one account in 33 has lost its permission
insert into public.social_accounts
  (id, user_id, platform_id, external_id, account_name, granted_scopes, status, token_expires_at, profile_at)
  select md5('account ' || u || ' ' || a)::uuid, user_id, (array['linkedin', 'x', 'facebook', 'instagram', 'tiktok'])[1 + mod(u + a, 5)],
    'e' || u || '-' || a, 'Person ' || u, array['openid', 'profile', 'w_member_social'],
    (case when mod(u * 7 + a, 33) = 0 then 'needs_reconnect' else 'active' end)::public.account_status,
    now() + interval '60 days' * random(), now() - interval '20 hours' * random()
  from who, generate_series(1, accounts) a;

insert into public.social_account_tokens (account_id, access_token_sealed, access_token_expires_at)
  select md5('account ' || u || ' ' || a)::uuid, repeat('x', 400), now() + interval '60 days' from who, generate_series(1, accounts) a;

-- every third post waits, within a year and most of them soon; the others were due in the year before
create temporary table batch_posts on commit drop as
  select w.u, w.user_id, w.accounts, w.drafts, p, md5('post ' || w.u || ' ' || p)::uuid as post_id, mod(p, 3) = 0 as waits,
    case when mod(p, 3) = 0 then now() + interval '3 hours' + interval '365 days' * random() ^ 2
      else now() - interval '1 hour' - interval '364 days' * random() end as at,
    (case
      when mod(p, 3) = 0 and mod(w.u * 7 + 1 + mod(p, w.accounts), 33) = 0 then 'needs_reconnect'
      when mod(p, 3) = 0 then 'scheduled'
      when p = 1 and mod(w.u, 1000) between 10 and 12 then (array['preparing', 'sending', 'confirming'])[mod(w.u, 1000) - 9]
      when f.fate < 940 then 'published' when f.fate < 960 then 'failed' when f.fate < 970 then 'missed'
      when f.fate < 985 then 'canceled' when f.fate < 987 then 'unconfirmed' when f.fate < 988 then 'quarantined'
      else 'draft' end)::public.target_state as state
  from who w, generate_series(1, w.posts) p, lateral (select mod(w.u * 31 + p * 7, 1000) as fate) f;

insert into public.generations (id, user_id, space, input, output, status, created_at, started_at, finished_at)
  select md5('draft ' || u || ' ' || d)::uuid, user_id, 'lin/writer', jsonb_build_object('platform', 'linkedin', 'tone', 'calm',
    'source_item_id', md5('item ' || u || ' ' || 1 + mod(d, items))::uuid), '{"text": "Good morning, here is what we found out today."}',
    'complete', m.at, m.at, m.at + interval '8 seconds'
  from who, generate_series(0, drafts - 1) d, lateral (select now() - interval '365 days' * random() + d * interval '0' as at) m;

insert into public.posts (id, user_id, text, status, scheduled_at, generation_id, approved_at, approved_by, created_at)
  select post_id, user_id, repeat('Good morning, here is what we found out today. ', 5), (case
      when state in ('preparing', 'sending', 'confirming') then 'publishing'
      when state in ('unconfirmed', 'needs_reconnect', 'quarantined') then 'needs_attention'
      else state::text end)::public.post_status,
    case when state <> 'draft' then at end, case when mod(p, 10) = 1 and p / 10 < drafts then md5('draft ' || u || ' ' || p / 10)::uuid end,
    case when state <> 'draft' then least(at, now()) - interval '2 days' end, case when state <> 'draft' then 'owner' end,
    least(at, now()) - interval '3 days' - interval '1 day' * random()
  from batch_posts;

create temporary table batch_targets on commit drop as
  select b.*, k, md5('target ' || u || ' ' || p || ' ' || k)::uuid as target_id,
    md5('account ' || u || ' ' || 1 + mod(p + k - 1, accounts))::uuid as account_id,
    case when state in ('scheduled', 'needs_reconnect', 'missed', 'canceled', 'draft') then 0
      else 1 + (mod(u + p + k, 11) < 8)::integer end as attempts
  from batch_posts b, generate_series(1, case when waits or p = 1 then 1 else 1 + mod(p, 2) end) k;

insert into public.post_targets (id, user_id, post_id, account_id, state, due_at, next_attempt_at, deadline_at, attempts, failures,
    lease_token, lease_until, worker, external_id, external_url, error_class, error, published_at, measure_at, created_at)
  select target_id, user_id, post_id, account_id, state, x.at, x.at, x.at + interval '6 hours', attempts, greatest(attempts - 1, 0),
    case when x.at_work then nextval('private.target_lease') end, case when x.at_work then now() + interval '1 day' end,
    case when attempts > 0 then 'worker-1' end,
    case when state = 'published' then 'urn:li:share:' || target_id end, case when state = 'published' then 'https://example.com/' || target_id end,
    case when state in ('failed', 'missed') then state::text end, case when state in ('failed', 'missed') then 'The platform refused it.' end,
    case when state = 'published' then x.at + interval '2 seconds' * random() end,
    case when state = 'published' and x.at > now() - interval '30 days' then now() + interval '3 hours' + interval '1 day' * random() end,
    least(b.at, now()) - interval '3 days'
  from batch_targets b, lateral (select case when state <> 'draft' then b.at end as at, state in ('preparing', 'sending', 'confirming') as at_work) x;

insert into private.lines (account_id, user_id, platform_id, next_at)
  select a.id, a.user_id, a.platform_id, n.next_at
  from (
    select w.user_id, i, md5('account ' || w.u || ' ' || i)::uuid as id, w.u,
      (array['linkedin', 'x', 'facebook', 'instagram', 'tiktok'])[1 + mod(w.u + i, 5)] as platform_id
    from who w, generate_series(1, w.accounts) i
  ) a
  left join (
    select account_id, min(at) as next_at from batch_targets where state = 'scheduled' group by account_id
  ) n on n.account_id = a.id;

insert into public.publish_attempts (user_id, target_id, number, lease_token, worker, phase, started_at, sending_at, finished_at, outcome,
    http_status, platform_request_id)
  select user_id, target_id, n, nextval('private.target_lease'), 'worker-1',
    case when n = attempts and state in ('preparing', 'quarantined') then 'preparing' else 'sending' end, x.began,
    case when n < attempts or state not in ('preparing', 'quarantined') then x.began + interval '1 second' end,
    case when not x.open then x.began + interval '2 seconds' end,
    case when x.open then null when n < attempts then 'retry' when state = 'quarantined' then 'not_sent' else state::text end::public.attempt_outcome,
    case when n < attempts then 503 when state = 'published' then 201 when state = 'failed' then 422 end, md5(target_id::text || n)
  from batch_targets, generate_series(1, attempts) n, lateral (
    select at + (n - 1) * interval '30 seconds' as began, n = attempts and state in ('preparing', 'sending', 'confirming') as open) x;

insert into public.post_metrics (user_id, target_id, taken_at, impressions, likes, comments, shares)
  select user_id, target_id, at + n * interval '1 day', 100 * n + mod(p, 90), mod(p, 40) + n, mod(p, 7), mod(p, 5)
  from batch_targets, generate_series(1, 2) n where state = 'published' and mod(p, 4) = 1;

insert into public.media (id, user_id, path, kind, mime, bytes, width, height, checksum, status)
  select md5('media ' || u)::uuid, user_id, user_id || '/picture.png', 'image', 'image/png', 200000, 1200, 630, repeat('0', 64), 'ready' from who;

insert into public.post_media (post_id, media_id, user_id)
  select post_id, md5('media ' || u)::uuid, user_id from batch_posts where mod(p, 10) = 2;

insert into public.sources (id, user_id, url, title, status, last_fetched_at, next_fetch_at)
  select md5('source ' || u || ' ' || s)::uuid, user_id, 'https://feed' || mod(u * 7 + s, 5000) || '.example.com/' || u || '/' || s,
    'Feed ' || s, 'ok', now() - interval '1 hour', now() + interval '3 hours' + interval '1 day' * random()
  from who, generate_series(1, sources) s;

-- 5,000 texts of 30 words: three of ten that everybody writes, the others of 20,000
create temporary table texts on commit drop as
  select n, 'Item ' || n || ' about word' || mod(n * 7919, 20000) as title, (
    select string_agg(case when w <= 3 then 'common' || mod(n + w, 10) else 'word' || mod(n * 7919 + w * w * 4729, 20000) end, ' ')
    from generate_series(1, 30) w) as text
  from generate_series(0, 4999) n;

create unique index on texts (n);

create temporary table batch_items on commit drop as
  select u, user_id, i, md5('item ' || u || ' ' || i)::uuid as item_id, md5('source ' || u || ' ' || 1 + mod(i, sources))::uuid as source_id,
    now() - interval '365 days' * random() as at, t.title, t.text
  from who cross join generate_series(1, items) i join texts t on t.n = mod(u * 13 + i, 5000);

insert into public.source_items (id, user_id, source_id, guid, url, title, text, published_at, fetched_at, used_at)
  select item_id, user_id, source_id, 'guid-' || i, 'https://example.com/' || i, title, text, at, at, case when mod(i, 5) = 0 then at end
  from batch_items;

-- an agency's articles all have their passage, of the others' one in five: each costs a millisecond
insert into public.passages (user_id, source_item_id, position, title, url, text, language, written_at)
  select user_id, item_id, 0, title, 'https://example.com/' || i, left(text, 100), 'en', at
  from batch_items where mod(u, 1000) = 0 or mod(u + i, 5) = 0;

create temporary table batch_slots on commit drop as
  select u, user_id, s, md5('slot ' || u || ' ' || s)::uuid as slot_id, md5('account ' || u || ' ' || 1 + mod(s, accounts))::uuid as account_id,
    1 + mod(u + s * 3, 7) as weekday, make_time(mod(u + s, 24), mod(s * 7, 60), 0) as wall
  from who, generate_series(1, slots) s;

insert into public.slots (id, user_id, account_id, weekday, schedule_time, adjusted_weekday, adjusted_time, effective_timezone)
  select slot_id, user_id, account_id, weekday, wall, weekday, wall, 'Europe/Paris' from batch_slots;

insert into private.slot_openings (slot_id, opens_at)
  select x.id, private.next_opening(x, now()) from batch_slots b join public.slots x on x.id = b.slot_id;

insert into public.slot_occurrences (slot_id, user_id, account_id, local_date, occurs_at, fill_at, state, error)
  select slot_id, user_id, account_id, x.day, x.at, x.at - interval '30 minutes',
    (case when x.at > now() + interval '3 hours' then 'open' else 'skipped' end)::public.occurrence_state,
    case when x.at <= now() + interval '3 hours' then 'Nothing was queued.' end
  from batch_slots, generate_series(-8, 2) week, lateral (
    select d.day, (d.day + wall) at time zone 'Europe/Paris' as at
    from (select current_date + mod(weekday - extract(isodow from current_date)::integer + 7, 7) + 7 * week as day) d) x
  where x.at <= now() + interval '14 days';

insert into public.notifications (user_id, kind, event_key, payload, created_at, read_at)
  select user_id, 'target_published', 'target ' || u || ' ' || n,
    jsonb_build_object('post_id', md5('post ' || u || ' ' || n), 'platform', 'linkedin', 'account_name', 'Person ' || u,
      'external_url', 'https://example.com/' || n), x.at, case when x.at < now() - interval '14 days' then x.at + interval '1 day' end
  from who, generate_series(1, notifications) n, lateral (select now() - interval '365 days' * random() + n * interval '0' as at) x;

insert into public.idempotency_keys (user_id, key, request_hash, response_status, response_body, created_at)
  select user_id, 'key', repeat('0', 64), 201, '{}', now() - interval '23 hours' * random() from who where mod(u, 5) = 0
