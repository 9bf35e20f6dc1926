-- Sealing what is stored again under a newer key, many rows at a time, beside workers that use and refresh it.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    replaces sealed tokens by the same ones under a newer key, unless somebody changed them meanwhile or is refreshing
--          them. The version stays: the tokens are the same, and who read them before may still say that they are too old.
-- Returns: whether it did.  May call: service_role.
create or replace function public.reseal_tokens(account uuid, read_version bigint, access_token_sealed text, refresh_token_sealed text) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  update public.social_account_tokens t set
    access_token_sealed = reseal_tokens.access_token_sealed,
    refresh_token_sealed = reseal_tokens.refresh_token_sealed,
    updated_at = now()
  where t.account_id = account and t.version = read_version
    and (t.refresh_lease_until is null or t.refresh_lease_until <= clock_timestamp());
  return found;
end
$$;

-- Does:    the same for many accounts in one step. Rows are locked in one order, so that two of these at once wait for each
--          other instead of both for ever.
-- Takes:   [{id, version, access_token_sealed, refresh_token_sealed}, …]: the account, the version that was read, and all
--          its sealed tokens.
-- Returns: the ids of those that were replaced.  May call: service_role. Safe to repeat.
create function public.reseal_many_tokens(batch jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  done jsonb;
begin
  perform 1 from public.social_account_tokens t
  where t.account_id in (select (b.value ->> 'id')::uuid from jsonb_array_elements(batch) b)
  order by t.account_id for update;
  with changed as (
    update public.social_account_tokens t set
      access_token_sealed = b.access_token_sealed,
      refresh_token_sealed = b.refresh_token_sealed,
      updated_at = now()
    from jsonb_to_recordset(batch) as b (id uuid, version bigint, access_token_sealed text, refresh_token_sealed text)
    where t.account_id = b.id and t.version = b.version
      and (t.refresh_lease_until is null or t.refresh_lease_until <= clock_timestamp())
    returning t.account_id
  )
  select coalesce(jsonb_agg(c.account_id), '[]') into done from changed c;
  return done;
end
$$;
grant execute on function public.reseal_many_tokens(jsonb) to service_role;

-- Does:    replaces sealed PKCE verifiers by the same ones under a newer key. They never change otherwise.
-- Takes:   [{id, verifier_sealed}, …]: the state's hash and its verifier.
-- Returns: the hashes of those that were replaced; one that is missing has been purged.  May call: service_role. Safe to repeat.
create function public.reseal_many_verifiers(batch jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  done jsonb;
begin
  with changed as (
    update public.oauth_states s set verifier_sealed = b.verifier_sealed
    from jsonb_to_recordset(batch) as b (id text, verifier_sealed text)
    where s.state_hash = b.id
    returning s.state_hash
  )
  select coalesce(jsonb_agg(c.state_hash), '[]') into done from changed c;
  return done;
end
$$;
grant execute on function public.reseal_many_verifiers(jsonb) to service_role;
