-- Keeping connections alive: one refresh per account at a time across all workers, and a warning before a permission ends.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    lets one worker refresh an account's tokens, and shows all the others the current ones.
-- Takes:   the version of the tokens the caller found too old; the lease in seconds.
-- Returns: {verdict: "refresh" (you do it) | "wait" (somebody does) | "changed" (it is done) | "gone", token}.
-- May call: service_role.
create function public.begin_token_refresh(account uuid, read_version bigint, lease_seconds integer) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  t public.social_account_tokens;
  verdict text;
begin
  select * into t from public.social_account_tokens k where k.account_id = account for update;
  if not found then
    return jsonb_build_object('verdict', 'gone');
  end if;
  verdict := case
    when t.version <> read_version then 'changed'
    when t.refresh_lease_until > clock_timestamp() then 'wait'
    else 'refresh' end;
  if verdict = 'refresh' then
    update public.social_account_tokens k set refresh_lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
    where k.account_id = account;
  end if;
  return jsonb_build_object('verdict', verdict, 'token', jsonb_build_object(
    'access_token_sealed', t.access_token_sealed, 'refresh_token_sealed', t.refresh_token_sealed,
    'access_token_expires_at', t.access_token_expires_at, 'refresh_token_expires_at', t.refresh_token_expires_at, 'version', t.version));
end
$$;
grant execute on function public.begin_token_refresh(uuid, bigint, integer) to service_role;

-- Does:    stores refreshed tokens before anybody uses them. What the platform left out keeps its value: an empty refresh
--          token never overwrites a good one.
-- Takes:   token null ends a refresh that did not work, so that the next may try.
-- Returns: whether they were stored; false when the tokens were changed meanwhile (reconnected, disconnected).
-- May call: service_role.
create function public.end_token_refresh(account uuid, read_version bigint, token jsonb) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.social_account_tokens k set
    access_token_sealed = coalesce(token ->> 'access_token_sealed', k.access_token_sealed),
    refresh_token_sealed = coalesce(token ->> 'refresh_token_sealed', k.refresh_token_sealed),
    access_token_expires_at = case when token is null then k.access_token_expires_at else (token ->> 'access_token_expires_at')::timestamptz end,
    refresh_token_expires_at = coalesce((token ->> 'refresh_token_expires_at')::timestamptz, k.refresh_token_expires_at),
    refresh_lease_until = null,
    version = k.version + case when token is null then 0 else 1 end,
    updated_at = now()
  where k.account_id = account and k.version = read_version;
  if not found then
    return false;
  end if;
  update public.social_accounts a set token_expires_at = coalesce(k.refresh_token_expires_at, k.access_token_expires_at)
  from public.social_account_tokens k
  where token is not null and a.id = account and k.account_id = account;
  return true;
end
$$;
grant execute on function public.end_token_refresh(uuid, bigint, jsonb) to service_role;

-- Does:    the accounts whose access token ends within an hour and can be refreshed.
-- Returns: account, platform, scopes and sealed tokens.  May call: service_role.
create function public.tokens_to_refresh(take integer) returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('account_id', d.account_id, 'platform', d.platform_id, 'granted_scopes', d.granted_scopes,
    'token', jsonb_build_object('access_token_sealed', d.access_token_sealed, 'refresh_token_sealed', d.refresh_token_sealed,
      'access_token_expires_at', d.access_token_expires_at, 'refresh_token_expires_at', d.refresh_token_expires_at, 'version', d.version))), '[]')
  from (
    select k.*, a.platform_id, a.granted_scopes
    from public.social_account_tokens k join public.social_accounts a on a.id = k.account_id
    where a.status = 'active' and k.refresh_token_sealed is not null and k.access_token_expires_at < now() + interval '1 hour'
      and (k.refresh_lease_until is null or k.refresh_lease_until < now())
    order by k.access_token_expires_at
    limit take
  ) d
$$;
grant execute on function public.tokens_to_refresh(integer) to service_role;

-- Does:    an account's permission was refused for good: parks it where its owner sees it.  May call: service_role.
create function public.lose_account(account uuid, reason text) returns void
language sql
set search_path = ''
as $$
  select private.park_account(account, left(reason, 500))
$$;
grant execute on function public.lose_account(uuid, text) to service_role;

-- Does:    tells owners once that a permission which cannot be renewed ends within ten days (LinkedIn: from day 50), and
--          parks accounts whose permission has ended.
-- Returns: how many were told or parked.  May call: service_role.
create function public.watch_permissions() returns integer
language plpgsql
set search_path = ''
as $$
declare
  told integer;
  ended uuid;
  parked integer := 0;
begin
  insert into public.notifications (user_id, kind, event_key, payload)
  select a.user_id, 'token_ends_soon', 'token_ends_soon ' || a.id || ' ' || a.token_expires_at,
    jsonb_build_object('account_id', a.id, 'account_name', a.account_name, 'platform', a.platform_id, 'ends_at', a.token_expires_at,
      'what_to_do', 'Connect ' || a.account_name || ' again before then; what is scheduled later is refused until you do.')
  from public.social_accounts a
  where a.status = 'active' and a.token_expires_at between now() and now() + interval '10 days'
  on conflict (event_key) do nothing;
  get diagnostics told = row_count;

  for ended in
    select a.id from public.social_accounts a where a.status = 'active' and a.token_expires_at <= now() order by a.id limit 500
  loop
    perform private.park_account(ended, 'The permission to publish has expired.');
    parked := parked + 1;
  end loop;
  return told + parked;
end
$$;
grant execute on function public.watch_permissions() to service_role;
