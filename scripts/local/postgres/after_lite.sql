-- Run by the gateway at every start, as superuser, after Supabase Lite has created its schemas. Idempotent.

-- B auth helpers: the hosted definitions (lite's auth.email() is always null, its auth.jwt() is {} instead of null)
create or replace function auth.uid() returns uuid language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
  )::uuid
$$;
create or replace function auth.role() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.role', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
  )
$$;
create or replace function auth.email() returns text language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim.email', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
  )
$$;
create or replace function auth.jwt() returns jsonb language sql stable as $$
  select coalesce(
    nullif(current_setting('request.jwt.claim', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')
  )::jsonb
$$;
grant execute on function auth.uid(), auth.role(), auth.email(), auth.jwt() to public;

-- B grants on the managed schemas
grant all on all tables in schema auth to postgres;
revoke all on all tables in schema auth from anon, authenticated, service_role;
grant all on all tables in schema storage to postgres, anon, authenticated, service_role;
grant execute on all functions in schema storage to postgres, anon, authenticated, service_role;

-- B policies on storage: hosted lets "postgres" add policies and triggers to these two tables
alter table storage.objects owner to supabase_storage_admin;
alter table storage.buckets owner to supabase_storage_admin;
grant supabase_storage_admin to postgres;
grant usage, create on schema storage to supabase_storage_admin;

-- B schema reload: PostgREST's own watch over DDL
create or replace function extensions.pgrst_ddl_watch() returns event_trigger language plpgsql set search_path = '' as $$
declare
  command record;
begin
  for command in select * from pg_catalog.pg_event_trigger_ddl_commands() loop
    if command.command_tag in (
      'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE',
      'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW',
      'ALTER MATERIALIZED VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE TRIGGER', 'CREATE TYPE',
      'ALTER TYPE', 'CREATE RULE', 'COMMENT'
    ) and command.schema_name is distinct from 'pg_temp' then
      notify pgrst, 'reload schema';
    end if;
  end loop;
end $$;
create or replace function extensions.pgrst_drop_watch() returns event_trigger language plpgsql set search_path = '' as $$
begin
  notify pgrst, 'reload schema';
end $$;
drop event trigger if exists pgrst_ddl_watch;
drop event trigger if exists pgrst_drop_watch;
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();

-- B managed schemas: hosted refuses these commands there (only foreign keys to them, policies and triggers pass)
create or replace function extensions.guard_managed_schemas() returns event_trigger language plpgsql set search_path = '' as $$
declare
  command record;
begin
  if session_user <> 'postgres' then
    return;
  end if;
  for command in select * from pg_catalog.pg_event_trigger_ddl_commands() loop
    if (
      command.schema_name in ('auth', 'storage')
      or command.object_identity like 'auth.%'
      or command.object_identity like 'storage.%'
    ) and command.command_tag in (
      'CREATE TABLE', 'CREATE TABLE AS', 'ALTER TABLE', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE INDEX', 'CREATE VIEW'
    ) then
      raise exception 'hosted Supabase refuses % on %', command.command_tag, command.object_identity
        using errcode = '42501';
    end if;
  end loop;
end $$;
drop event trigger if exists guard_managed_schemas;
create event trigger guard_managed_schemas on ddl_command_end execute function extensions.guard_managed_schemas();
