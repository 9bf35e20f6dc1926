-- Tables and functions that show each difference between Supabase Lite and hosted Supabase once.
create table public.notes (
  id uuid primary key default gen_random_uuid(),
  owner uuid default auth.uid() references auth.users (id) on delete cascade,
  title text not null,
  secret text,
  amount numeric(20, 4),
  blob bytea,
  settings jsonb not null default '{}',
  embedding extensions.vector(3),
  created_at timestamptz not null default now()
);
alter table public.notes enable row level security;
create policy "People read their own notes" on public.notes
for select to authenticated using (owner = (select auth.uid()));
create policy "People write their own notes" on public.notes
for insert to authenticated with check (owner = (select auth.uid()));
grant select (id, owner, title, amount, blob, settings, embedding, created_at) on public.notes to authenticated;
grant insert (title, amount, blob, settings, embedding) on public.notes to authenticated;
grant select, insert, update, delete on public.notes to service_role;

create extension if not exists btree_gist with schema extensions;
create table public.bookings (
  room int not null,
  during tstzrange not null,
  constraint no_overlap exclude using gist (room with =, during with &&)
);
alter table public.bookings enable row level security;
grant select, insert on public.bookings to service_role;

alter default privileges for role postgres revoke execute on functions from public;

create function public.kind_of(value jsonb) returns text language sql immutable set search_path = ''
as 'select jsonb_typeof(value)';
create function public.refuse(code text) returns void language plpgsql set search_path = '' as $$
begin
  raise exception 'no' using errcode = code, detail = 'because', hint = 'try later';
end $$;
create function public.who() returns jsonb language sql stable set search_path = ''
as $$ select pg_catalog.jsonb_build_object('uid', auth.uid(), 'role', auth.role(), 'email', auth.email(), 'jwt', auth.jwt()) $$;
create function public.acting_as() returns text language sql stable set search_path = ''
as $$ select current_user::text $$;
grant execute on function public.kind_of(jsonb), public.refuse(text), public.who(), public.acting_as()
to anon, authenticated, service_role;

-- as every product does: a row per person, made from what sign-up sent
create table public.people (id uuid primary key references auth.users (id) on delete cascade, display_name text);
alter table public.people enable row level security;
grant select on public.people to service_role;
create function public.make_person() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.people values (new.id, new.raw_user_meta_data ->> 'display_name');
  return new;
end $$;
create trigger make_person after insert on auth.users for each row execute function public.make_person();

insert into storage.buckets (id, name, public, file_size_limit) values ('files', 'files', false, 1000)
on conflict (id) do nothing;
create policy "People use their own folder" on storage.objects for all to authenticated
using (bucket_id = 'files' and (storage.foldername(name))[1] = (select auth.uid())::text)
with check (bucket_id = 'files' and (storage.foldername(name))[1] = (select auth.uid())::text);
