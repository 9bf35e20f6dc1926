-- Many posts at once: import what a file holds, once, and read everything back for a file.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table public.imported_rows (
  user_id uuid not null,
  digest uuid not null,
  post_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (user_id, digest),
  foreign key (post_id, user_id) references public.posts (id, user_id) on delete cascade
);
comment on table public.imported_rows is
  'Which row of a file became which post, so that the same row makes no second one. Gone with the post: then it may be imported again.';
comment on column public.imported_rows.digest is 'Of all that the row says, as whoever imports computes it.';
create index imported_rows_post_id_user_id_idx on public.imported_rows (post_id, user_id);

alter table public.imported_rows enable row level security;
create policy "People read what they imported" on public.imported_rows
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.imported_rows to authenticated;
grant select, insert, update, delete on public.imported_rows to service_role;

-- Does:    why an entry of import_posts can become no post of this person, as [{field, message}]; null if it can.
--          What its accounts say of it is not asked here.
-- May call: other functions only.
create function private.entry_problems(
  owner uuid, text text, at timestamptz, accounts uuid[], media uuid[], options jsonb
) returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_agg(jsonb_build_object('field', f.field, 'message', f.message))
  from (
    select 'text' as field, format('The text is %s characters long; a post has at most 63206.', char_length(text)) as message
    where char_length(text) > 63206
    union all
    select 'text', 'The row has neither text nor media.'
    where btrim(coalesce(text, ''), E' \t\r\n') = '' and cardinality(media) = 0
    union all
    select 'at', format('The time %s is in the past.', to_char(at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
    where at < now() - interval '30 seconds'
    union all
    select 'at', 'A post can be scheduled at most one year ahead.' where at > now() + interval '1 year'
    union all
    select 'accounts', 'Choose at least one account to publish to.' where at is not null and cardinality(accounts) = 0
    union all
    select 'accounts', 'There is no such account.' from unnest(accounts) wanted
    where not exists (select 1 from public.social_accounts a where a.id = wanted and a.user_id = owner)
    union all
    select 'media', 'There is no such file.' from unnest(media) wanted
    where not exists (select 1 from public.media m where m.id = wanted and m.user_id = owner)
    union all
    select 'media', format('The row names %s files; a post has at most 35.', cardinality(media)) where cardinality(media) > 35
    union all
    select 'options', 'Options are an object of at most 8192 bytes.'
    where jsonb_typeof(options) <> 'object' or pg_column_size(options) > 8192
  ) f
$$;

-- Does:    makes a post of every entry, and schedules those with a time, by the very rules of schedule_post. An entry that was
--          imported before (by its digest), or that names a post of the caller's, makes none and changes none.
--          All or nothing, unless `partly`. A dry run does everything and takes it back, so it tells what would be.
-- Takes:   entries, at most 1000, which is what a statement has time for: {row, digest, post_id or null, text, at or null (a draft), accounts: ids, media: ids, options,
--          problems: why it is to be refused, if that is known already}.
-- Returns: {imported: whether anything stays, rows: [{row, outcome: draft | scheduled | exists | refused, post_id,
--          problems: [{field, message}]}]} in the order of row.
-- Raises:  PT422 for too many entries, or two with one digest.
-- Definer: states are written here; owner of all that is named is asked of every entry.
-- May call: signed-in users, for themselves.
create function public.import_posts(entries jsonb, dry_run boolean default false, partly boolean default false) returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  owner uuid := (select auth.uid());
  work jsonb;
  violations jsonb;
  report jsonb;
  stays boolean := true;
begin
  if jsonb_typeof(entries) is distinct from 'array' or jsonb_array_length(entries) > 1000 then
    perform private.refuse(422, 'At most 1000 rows can be imported in one call.', '[{"field": "entries", "message": "no list of at most 1000"}]');
  end if;
  if exists (select 1 from jsonb_to_recordset(entries) as e(digest uuid) group by e.digest having count(*) > 1 or e.digest is null) then
    perform private.refuse(422, 'Each row needs a digest of its own.', '[{"field": "digest", "message": "missing, or twice"}]');
  end if;
  -- one import of a person at a time: the second sees what the first has made
  perform pg_advisory_xact_lock(hashtextextended('import_posts ' || owner, 0));

  select coalesce(jsonb_agg(to_jsonb(e) || jsonb_build_object('id', gen_random_uuid(), 'known', coalesce(p.id, i.post_id),
    'problems', case when p.id is null and i.post_id is null
      then coalesce(nullif(e.problems, '[]'), private.entry_problems(owner, e.text, e.at, e.accounts, e.media, e.options)) end)
    order by e.row), '[]')
  into work
  from (
    select g.row, g.digest, g.post_id, coalesce(g.text, '') as text, g.at, coalesce(g.accounts, '{}') as accounts,
      coalesce(g.media, '{}') as media, coalesce(g.options, '{}') as options, coalesce(g.problems, '[]') as problems
    from jsonb_to_recordset(entries)
      as g("row" integer, digest uuid, post_id uuid, text text, at timestamptz, accounts uuid[], media uuid[], options jsonb, problems jsonb)
  ) e
  left join public.posts p on p.id = e.post_id and p.user_id = owner
  left join public.imported_rows i on i.user_id = owner and i.digest = e.digest;

  begin
    insert into public.posts (id, user_id, text)
    select w.id, owner, w.text from jsonb_to_recordset(work) as w(id uuid, text text, known uuid, problems jsonb)
    where w.known is null and w.problems is null;
    insert into public.post_media (post_id, media_id, user_id, position)
    select w.id, m.id, owner, min(m.position) - 1
    from jsonb_to_recordset(work) as w(id uuid, media uuid[], known uuid, problems jsonb), unnest(w.media) with ordinality m(id, position)
    where w.known is null and w.problems is null
    group by w.id, m.id;
    insert into public.post_targets (user_id, post_id, account_id, options)
    select distinct owner, w.id, a.id, w.options
    from jsonb_to_recordset(work) as w(id uuid, accounts uuid[], options jsonb, known uuid, problems jsonb), unnest(w.accounts) a(id)
    where w.known is null and w.problems is null;

    -- asked of all targets in one statement: the question is planned once, not once a row
    select coalesce(jsonb_object_agg(f.post_id, f.problems), '{}') into violations
    from (
      select t.post_id, jsonb_agg(distinct jsonb_build_object('field', v.field, 'message', v.message)) as problems
      from jsonb_to_recordset(work) as w(id uuid, at timestamptz, known uuid, problems jsonb)
      join public.post_targets t on t.post_id = w.id, private.target_violations(t.id, w.at) v
      where w.at is not null and w.known is null and w.problems is null
      group by t.post_id
    ) f;
    delete from public.posts p where p.id in (select k.id::uuid from jsonb_object_keys(violations) k(id)) and p.user_id = owner;

    -- what private.schedule_locked_post does, for all at once
    update public.posts p set scheduled_at = w.at, approved_at = now()
    from jsonb_to_recordset(work) as w(id uuid, at timestamptz) where p.id = w.id and w.at is not null;
    update public.post_targets t set state = 'scheduled', due_at = p.scheduled_at, next_attempt_at = p.scheduled_at,
      deadline_at = p.scheduled_at + p.max_lateness
    from jsonb_to_recordset(work) as w(id uuid, at timestamptz) join public.posts p on p.id = w.id
    where t.post_id = w.id and w.at is not null;
    insert into public.imported_rows (user_id, digest, post_id)
    select owner, w.digest, p.id from jsonb_to_recordset(work) as w(id uuid, digest uuid) join public.posts p on p.id = w.id;

    select coalesce(jsonb_agg(jsonb_build_object('row', r.row, 'outcome', r.outcome, 'problems', coalesce(r.problems, '[]'),
      'post_id', case r.outcome when 'refused' then null when 'exists' then r.known else r.id end) order by r.row), '[]')
    into report
    from (
      select w.row, w.known, w.id, coalesce(w.problems, violations -> w.id::text) as problems, case
        when w.known is not null then 'exists'
        when w.problems is not null or violations ? w.id::text then 'refused'
        when w.at is null then 'draft' else 'scheduled' end as outcome
      from jsonb_to_recordset(work) as w("row" integer, id uuid, at timestamptz, known uuid, problems jsonb)
    ) r;
    if dry_run or (not partly and report @> '[{"outcome": "refused"}]') then
      raise exception using errcode = 'LN001', message = 'taken back';
    end if;
  exception when sqlstate 'LN001' then
    -- the rows are gone, the report is kept; the posts it names never were
    stays := false;
    select coalesce(jsonb_agg(case when r.value ->> 'outcome' in ('draft', 'scheduled') then r.value || '{"post_id": null}' else r.value end
      order by r.position), '[]')
    into report
    from jsonb_array_elements(report) with ordinality r(value, position);
  end;
  return jsonb_build_object('imported', stays, 'rows', report);
end
$$;
grant execute on function public.import_posts(jsonb, boolean, boolean) to authenticated;

-- Does:    the caller's posts for a file, the oldest first, each with its targets, what became of them and their newest figures.
-- Takes:   how many posts (500 at most), and the last post's created_at and id of the page before, null for the first.
-- Returns: a list of posts: {id, text, status, scheduled_at, created_at, media: ids, targets: [...]}.
-- May call: signed-in users; their own rows only, by RLS.
create function public.export_posts(take integer, after_at timestamptz default null, after_id uuid default null) returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(page) order by page.created_at, page.id), '[]')
  from (
    select p.id, p.text, p.status, p.scheduled_at, p.created_at,
      (select coalesce(jsonb_agg(pm.media_id order by pm.position), '[]') from public.post_media pm where pm.post_id = p.id) as media,
      (select coalesce(jsonb_agg(to_jsonb(x) order by x.platform, x.account_name, x.id), '[]') from (
        select t.id, a.platform_id as platform, a.account_name, t.text_override, t.options, t.state, t.published_at, t.external_id,
          t.external_url, t.error, m.taken_at, m.impressions, m.likes, m.comments, m.shares
        from public.post_targets t
        join public.social_accounts a on a.id = t.account_id
        left join lateral (
          select s.* from public.post_metrics s
          where s.target_id = t.id and s.user_id = t.user_id order by s.taken_at desc limit 1
        ) m on true
        where t.post_id = p.id and t.user_id = p.user_id
      ) x) as targets
    from public.posts p
    where p.user_id = (select auth.uid())
      and (after_at is null or (p.created_at, p.id) > (after_at, after_id))
    order by p.created_at, p.id
    limit least(take, 500)
  ) page
$$;
grant execute on function public.export_posts(integer, timestamptz, uuid) to authenticated;
