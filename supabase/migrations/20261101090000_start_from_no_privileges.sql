-- Nobody may do anything until a later migration says so by name.
--
-- Hosted Supabase no longer grants new tables to the API roles, older projects still do; revoking first makes both
-- behave alike. The global form for functions is needed: the "in schema" form leaves PUBLIC's execute in place.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter default privileges for role postgres revoke execute on functions from public;
alter default privileges for role postgres in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges for role postgres in schema public revoke execute on functions from anon, authenticated, service_role;

-- Helpers that no client may reach live here; PostgREST does not expose this schema.
create schema private;
revoke all on schema private from public, anon, authenticated;
grant usage on schema private to authenticated, service_role;

comment on schema private is 'Helpers of policies, triggers and functions. Not exposed by the API.';

-- Does:   keeps updated_at true whatever the client sends.
-- Called: before update, on tables with that column.
create function private.set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end
$$;

-- Does:   refuses a request with an HTTP status, a sentence and the fields it is about.
-- Takes:  status 400-499; problems as [{"field", "message"}], null without.
-- Raises: always, SQLSTATE PT<status>, which PostgREST answers as that HTTP status with the JSON in "details".
create function private.refuse(status integer, message text, problems jsonb default null) returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using
    errcode = 'PT' || status,
    message = message,
    detail = coalesce(problems, '[]'::jsonb)::text;
end
$$;
grant execute on function private.refuse(integer, text, jsonb) to authenticated, service_role;
