-- How an account is connected and disconnected. Tokens arrive here sealed; Postgres never sees one in the clear.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    uses up a state: exactly one caller gets "ok", within its time.
-- Returns: {verdict: ok | unknown | used | expired | other_browser, user_id, redirect_to, verifier_sealed}; where to go back to
--          is told for every known state, so that the browser can be sent back with the error.
-- May call: service_role.
create function public.consume_oauth_state(hash text, platform text, browser text) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  s public.oauth_states;
  verdict text;
begin
  select * into s from public.oauth_states o where o.state_hash = hash and o.platform_id = platform for update;
  if not found then
    return jsonb_build_object('verdict', 'unknown');
  end if;
  verdict := case
    when s.used_at is not null then 'used'
    when s.expires_at <= now() then 'expired'
    when browser is not null and s.browser_hash <> browser then 'other_browser'
    else 'ok' end;
  if verdict in ('ok', 'other_browser') then
    update public.oauth_states o set used_at = now() where o.state_hash = hash;
  end if;
  return jsonb_build_object('verdict', verdict, 'user_id', s.user_id, 'redirect_to', s.redirect_to, 'verifier_sealed', s.verifier_sealed);
end
$$;
grant execute on function public.consume_oauth_state(text, text, text) to service_role;

-- Does:    stores a connected account with its sealed tokens in one step. Reconnecting keeps the row, makes it active and
--          puts back into the queue what waited for it.
-- Takes:   account {id, user_id, platform, kind, external_id, account_name, given_name, family_name, picture_url, granted_scopes};
--          token {access_token_sealed, refresh_token_sealed, access_token_expires_at, refresh_token_expires_at}.
--          A null refresh token never overwrites one we have.
-- Returns: the account's id.
-- May call: service_role.
create function public.store_account(account jsonb, token jsonb) returns uuid
language plpgsql
set search_path = ''
as $$
declare
  stored uuid;
begin
  insert into public.social_accounts as a (id, user_id, platform_id, kind, external_id, account_name, given_name, family_name,
    picture_url, granted_scopes, token_expires_at)
  values ((account ->> 'id')::uuid, (account ->> 'user_id')::uuid, account ->> 'platform', (account ->> 'kind')::public.account_kind,
    account ->> 'external_id', left(account ->> 'account_name', 300), left(account ->> 'given_name', 200), left(account ->> 'family_name', 200),
    left(account ->> 'picture_url', 2000), array(select jsonb_array_elements_text(account -> 'granted_scopes')),
    coalesce((token ->> 'refresh_token_expires_at')::timestamptz, (token ->> 'access_token_expires_at')::timestamptz))
  on conflict (user_id, platform_id, external_id) do update set
    kind = excluded.kind, account_name = excluded.account_name, given_name = excluded.given_name, family_name = excluded.family_name,
    picture_url = excluded.picture_url, granted_scopes = excluded.granted_scopes, token_expires_at = excluded.token_expires_at,
    status = 'active', last_error = null, connected_at = now()
  returning a.id into stored;

  insert into public.social_account_tokens as t (account_id, access_token_sealed, refresh_token_sealed, access_token_expires_at, refresh_token_expires_at)
  values (stored, token ->> 'access_token_sealed', token ->> 'refresh_token_sealed',
    (token ->> 'access_token_expires_at')::timestamptz, (token ->> 'refresh_token_expires_at')::timestamptz)
  on conflict (account_id) do update set
    access_token_sealed = excluded.access_token_sealed,
    refresh_token_sealed = coalesce(excluded.refresh_token_sealed, t.refresh_token_sealed),
    access_token_expires_at = excluded.access_token_expires_at,
    refresh_token_expires_at = coalesce(excluded.refresh_token_expires_at, t.refresh_token_expires_at),
    refresh_lease_until = null, version = t.version + 1, updated_at = now();

  perform private.follow_accounts(null, stored);
  return stored;
end
$$;
grant execute on function public.store_account(jsonb, jsonb) to service_role;

-- Does:    forgets an account's tokens and parks what waits for it. The row stays, for the history of its posts.
-- Takes:   the account and its owner.
-- Returns: whether there was such an account.  May call: service_role. Safe to repeat.
create function public.disconnect_account(account uuid, owner uuid) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform 1 from public.social_accounts a where a.id = account and a.user_id = owner for update;
  if not found then
    return false;
  end if;
  delete from public.social_account_tokens t where t.account_id = account;
  perform private.park_account(account, 'You disconnected this account.');
  update public.social_accounts a set status = 'disconnected', token_expires_at = null, last_error = null where a.id = account;
  return true;
end
$$;
grant execute on function public.disconnect_account(uuid, uuid) to service_role;

-- Does:    replaces sealed tokens by the same ones under a newer key, unless somebody changed them meanwhile or is refreshing
--          them: a new version now would throw the refreshed ones away.
-- Returns: whether it did.  May call: service_role.
create function public.reseal_tokens(account uuid, read_version bigint, access_token_sealed text, refresh_token_sealed text) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.social_account_tokens t set
    access_token_sealed = reseal_tokens.access_token_sealed,
    refresh_token_sealed = reseal_tokens.refresh_token_sealed,
    version = t.version + 1, updated_at = now()
  where t.account_id = account and t.version = read_version
    and (t.refresh_lease_until is null or t.refresh_lease_until <= clock_timestamp());
  return found;
end
$$;
grant execute on function public.reseal_tokens(uuid, bigint, text, text) to service_role;
