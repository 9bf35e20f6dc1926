-- After publishing: how posts do, deleting one again, and accounts whose names and pictures change.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.platforms add column metrics_scope text check (char_length(metrics_scope) between 1 and 100);
comment on column public.platforms.metrics_scope is
  'With this scope an account is told how its posts do; null: nobody is, with the permissions an ordinary app gets.';

alter table public.social_accounts add column profile_at timestamptz not null default now();
comment on column public.social_accounts.profile_at is 'When name and picture were read last.';
-- built on a small table: well below a second
-- squawk-ignore require-concurrent-index-creation
create index social_accounts_profile_at_idx on public.social_accounts (profile_at) where status = 'active';

alter table public.post_targets
  add column measure_at timestamptz,
  add column deleted_at timestamptz;
comment on column public.post_targets.measure_at is 'When Lin asks next how the post does; null: not any more, or not at all.';
comment on column public.post_targets.deleted_at is 'When its owner had Lin delete the post from the platform. It stays published: it was.';
-- no row has the value yet: building it takes one reading of the table
-- squawk-ignore require-concurrent-index-creation
create index post_targets_measure_at_idx on public.post_targets (measure_at) where measure_at is not null;

create table public.post_metrics (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  target_id uuid not null,
  taken_at timestamptz not null default now(),
  impressions bigint check (impressions >= 0),
  likes bigint check (likes >= 0),
  comments bigint check (comments >= 0),
  shares bigint check (shares >= 0),
  foreign key (target_id, user_id) references public.post_targets (id, user_id) on delete cascade
);
comment on table public.post_metrics is 'How a published post did at one moment, as its platform counts. Null is "not told".';
create index post_metrics_target_id_user_id_idx on public.post_metrics (target_id, user_id, taken_at desc);
create index post_metrics_user_id_taken_at_idx on public.post_metrics (user_id, taken_at desc);

alter table public.post_metrics enable row level security;
create policy "People read how their own posts do" on public.post_metrics
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.post_metrics to authenticated;
grant select, insert, update, delete on public.post_metrics to service_role;

-- Does:    hands out published posts of which it is time to ask how they do. Each is asked for hourly on its first day, daily
--          in its first month, then no more; the next time is set here, so a worker that vanishes costs one measurement.
-- Returns: [{what claim_due_targets tells of a target, external_id}].
-- May call: service_role.
create function public.claim_measurements(take integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  select array_agg(d.id) into claimed from (
    select t.id from public.post_targets t where t.measure_at <= clock_timestamp()
    order by t.measure_at limit take for update skip locked
  ) d;
  update public.post_targets t set measure_at = case
    when t.deleted_at is not null or clock_timestamp() > t.published_at + interval '30 days' then null
    when clock_timestamp() > t.published_at + interval '1 day' then clock_timestamp() + interval '1 day'
    else clock_timestamp() + interval '1 hour' end
  where t.id = any (claimed);
  return coalesce((
    select jsonb_agg(private.claimed_target(t.id) || jsonb_build_object('external_id', t.external_id) order by t.account_id, t.id)
    from public.post_targets t join public.social_accounts a on a.id = t.account_id
    where t.id = any (claimed) and a.status = 'active' and t.deleted_at is null and t.external_id is not null), '[]'::jsonb);
end
$$;
grant execute on function public.claim_measurements(integer) to service_role;

-- Does:    shows one published target of a user with all that deleting it from the platform needs. What is live in part and
--          would go on is canceled first, so that no worker adds to what is being deleted.
-- Returns: {what claim_due_targets tells of a target, external_id}; external_id null when Lin does not know it.
-- Raises:  PT404 no such target of theirs; PT409 when nothing of it is out, or it was deleted.
-- May call: service_role.
create function public.target_to_delete(target uuid, owner uuid) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  t public.post_targets;
begin
  perform private.lock_targets(array(select x.id from public.post_targets x where x.id = target and x.user_id = owner));
  select * into t from public.post_targets x where x.id = target and x.user_id = owner;
  if not found then
    perform private.refuse(404, 'There is no such target.');
  elsif t.deleted_at is not null then
    perform private.refuse(409, 'This post was deleted already.');
  elsif t.state <> 'published' and not (t.state in ('failed', 'scheduled', 'missed', 'canceled', 'needs_reconnect', 'quarantined')
    and private.is_live_in_part(t.id)) then
    perform private.refuse(409, format('This target is %s; there is nothing to delete from the platform.', t.state));
  end if;
  update public.post_targets x set state = 'canceled', lease_until = null
  where x.id = t.id and x.state in ('scheduled', 'needs_reconnect', 'quarantined');
  return private.claimed_target(t.id) || jsonb_build_object('external_id', t.external_id);
end
$$;
grant execute on function public.target_to_delete(uuid, uuid) to service_role;

-- Does:    notes that a target's post was deleted from its platform. What was live in part only is forgotten.
-- May call: service_role.
create function public.note_deleted(target uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
  perform private.lock_targets(array[target]);
  delete from public.publication_notes n where n.target_id = target;
  update public.post_targets t set deleted_at = now(), measure_at = null where t.id = target and t.state = 'published';
end
$$;
grant execute on function public.note_deleted(uuid) to service_role;

-- Does:    hands out active accounts whose name and picture were not read for a day; the reading is noted here.
-- Returns: [{account_id, platform, account: {…}, token}], as claim_due_targets has them.
-- May call: service_role.
create function public.claim_profiles(take integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  claimed uuid[];
begin
  select array_agg(d.id) into claimed from (
    select a.id from public.social_accounts a
    where a.status = 'active' and a.profile_at < now() - interval '1 day'
    order by a.profile_at limit take for update skip locked
  ) d;
  update public.social_accounts a set profile_at = now() where a.id = any (claimed);
  return coalesce((select jsonb_agg(private.account_with_token(a.id)) from public.social_accounts a where a.id = any (claimed)), '[]'::jsonb);
end
$$;
grant execute on function public.claim_profiles(integer) to service_role;

-- Does:    an account with its sealed tokens.
create function private.account_with_token(account uuid) returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('account_id', a.id, 'platform', a.platform_id,
    'account', jsonb_build_object('external_id', a.external_id, 'account_name', a.account_name, 'kind', a.kind,
      'username', a.username, 'granted_scopes', a.granted_scopes),
    'token', case when k.account_id is not null then jsonb_build_object(
      'access_token_sealed', k.access_token_sealed, 'refresh_token_sealed', k.refresh_token_sealed,
      'access_token_expires_at', k.access_token_expires_at, 'refresh_token_expires_at', k.refresh_token_expires_at, 'version', k.version) end)
  from public.social_accounts a left join public.social_account_tokens k on k.account_id = a.id
  where a.id = account
$$;
grant execute on function private.account_with_token(uuid) to service_role;

-- Does:    one active account of a user with its sealed tokens, to ask the platform about it.
-- Raises:  PT404; PT409 when it is not connected.  May call: service_role.
create function public.account_to_ask(account uuid, owner uuid) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  a public.social_accounts;
begin
  select * into a from public.social_accounts x where x.id = account and x.user_id = owner;
  if not found then
    perform private.refuse(404, 'There is no such account.');
  elsif a.status <> 'active' then
    perform private.refuse(409, format('%s has to be connected again first.', a.account_name));
  end if;
  return private.account_with_token(a.id);
end
$$;
grant execute on function public.account_to_ask(uuid, uuid) to service_role;
