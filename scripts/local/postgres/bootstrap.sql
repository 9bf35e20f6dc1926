-- Run once per data directory, by psql as the cluster's superuser: what a new hosted project already has, so that
-- migrations run as "postgres" here exactly as they do there. The password comes in through the environment.
\set ON_ERROR_STOP on
\getenv postgres_password DATABASE_PASSWORD
begin;

-- API roles
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit password :'postgres_password';
grant anon, authenticated, service_role to authenticator;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';

-- "postgres" is not a superuser on hosted Supabase: statements that need one must fail here as well
create role postgres login createdb createrole replication bypassrls password :'postgres_password';
grant anon, authenticated, service_role to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

-- owners of the managed schemas
create role supabase_auth_admin noinherit createrole nologin;
create role supabase_storage_admin noinherit createrole nologin;

alter database postgres owner to postgres;
alter database postgres set search_path = "$user", public, extensions;
set local search_path = public, extensions;

create schema extensions;
grant usage on schema extensions to public;
grant all on schema extensions to postgres;
create schema auth;
create schema storage;
grant usage on schema auth, storage to postgres, anon, authenticated, service_role;

create extension pgcrypto with schema extensions;
create extension "uuid-ossp" with schema extensions;
-- pgvector is not a trusted extension: on hosted "postgres" may create it, here it already exists
create extension vector with schema extensions;
-- every hosted project comes with it
create extension pg_stat_statements with schema extensions;

-- Since 2026 hosted projects grant nothing in "public" to the API roles by default: every migration has to.
grant usage on schema public to postgres, anon, authenticated, service_role;

create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;

commit;
