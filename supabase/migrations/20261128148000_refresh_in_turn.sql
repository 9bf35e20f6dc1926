-- Fifty accounts whose refresh keeps failing were asked for at every turn, and nobody else's permission was renewed ahead.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    the accounts whose access token ends within the time their platform asks for, and can be refreshed; first those
--          that were not tried for the longest (a try that failed is noted as well), to five minutes; of these, what ends first.
-- Returns: account, platform, scopes and sealed tokens.  May call: service_role.
create or replace function public.tokens_to_refresh(take integer) returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('account_id', d.account_id, 'platform', d.platform_id, 'granted_scopes', d.granted_scopes,
    'token', jsonb_build_object('access_token_sealed', d.access_token_sealed, 'refresh_token_sealed', d.refresh_token_sealed,
      'access_token_expires_at', d.access_token_expires_at, 'refresh_token_expires_at', d.refresh_token_expires_at, 'version', d.version))
    order by d.turn, d.access_token_expires_at), '[]')
  from (
    select k.*, a.platform_id, a.granted_scopes, date_bin('5 minutes', k.updated_at, '2026-01-01Z') as turn
    from public.social_account_tokens k
    join public.social_accounts a on a.id = k.account_id
    join public.platforms p on p.id = a.platform_id
    where a.status = 'active' and k.refresh_token_sealed is not null and k.access_token_expires_at < now() + p.refresh_before
      and (k.refresh_lease_until is null or k.refresh_lease_until < now())
    order by turn, k.access_token_expires_at
    limit take
  ) d
$$;
