-- Who a user is to Lin. One row per auth user, made by a trigger on sign-up.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  display_name text check (char_length(display_name) <= 100),
  avatar_path text check (char_length(avatar_path) <= 500),
  timezone text not null default 'UTC' check (char_length(timezone) <= 64),
  locale text not null default 'en' check (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
  notification_settings jsonb not null default '{}' check (
    jsonb_typeof(notification_settings) = 'object' and pg_column_size(notification_settings) <= 8192
  ),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table public.profiles is 'A user of Lin: name, zone, language, notification settings.';
comment on column public.profiles.timezone is 'IANA name; times are shown and slots are kept in it.';

alter table public.profiles enable row level security;

create policy "People read their own profile" on public.profiles
  for select to authenticated using (id = (select auth.uid()));
create policy "People edit their own profile" on public.profiles
  for update to authenticated using (id = (select auth.uid())) with check (id = (select auth.uid()));

grant select on public.profiles to authenticated;
grant update (display_name, avatar_path, timezone, locale, notification_settings) on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;

-- Does:   refuses a zone that Postgres does not know, so that no slot can be kept in one.
-- Raises: PT422 naming the field.
create function private.check_timezone() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select 1 from pg_catalog.pg_timezone_names where name = new.timezone) then
    perform private.refuse(422, format('"%s" is not a time zone Lin knows; use an IANA name such as Europe/Paris.', new.timezone),
      jsonb_build_array(jsonb_build_object('field', 'timezone', 'message', 'not an IANA time zone')));
  end if;
  return new;
end
$$;

create trigger check_timezone before insert or update of timezone on public.profiles
  for each row execute function private.check_timezone();
create trigger set_updated_at before update on public.profiles
  for each row execute function private.set_updated_at();

-- Does:   makes the profile of a new user.
-- Definer: the sign-up runs as Auth's own role, which has no grants in public.
create function private.create_profile() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.profiles (id, display_name)
  values (new.id, left(nullif(trim(new.raw_user_meta_data ->> 'display_name'), ''), 100))
  on conflict (id) do nothing;
  return new;
end
$$;

create trigger create_profile after insert on auth.users
  for each row execute function private.create_profile();
