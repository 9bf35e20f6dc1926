-- Files of users: the bytes in Storage (private bucket "media", path {user_id}/…), what is known of them here.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.media_kind as enum ('image', 'gif', 'video', 'audio', 'document');
create type public.media_status as enum (
  'uploaded', -- the row names a path; nobody has looked at the bytes yet
  'ready',    -- looked at and usable
  'rejected'  -- looked at and not usable; reason says why
);

create table public.media (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  -- no %, no dot at the start of a part: the service opens this path with its own rights, so it must mean one object only
  path text not null unique check (char_length(path) <= 500 and path ~ '^[0-9a-f-]{36}(/[A-Za-z0-9_ ()-][A-Za-z0-9_. ()-]*)+$'),
  kind public.media_kind,
  mime text check (char_length(mime) <= 100),
  bytes bigint check (bytes >= 0),
  width integer check (width > 0),
  height integer check (height > 0),
  duration double precision check (duration >= 0),
  pages integer check (pages > 0),
  alt_text text check (char_length(alt_text) <= 4086),
  checksum text check (char_length(checksum) = 64),
  status public.media_status not null default 'uploaded',
  reason text check (char_length(reason) <= 500),
  next_inspection_at timestamptz not null default now(),
  inspections integer not null default 0,
  created_at timestamptz not null default now(),
  unique (id, user_id),
  constraint path_is_in_the_owners_folder check (split_part(path, '/', 1) = user_id::text and split_part(path, '/', 2) <> ''),
  constraint ready_media_is_described check (status <> 'ready' or (kind is not null and mime is not null and bytes is not null and checksum is not null))
);
comment on table public.media is 'A file in the bucket "media". The worker reads the bytes and sets everything but path and alt_text.';
comment on column public.media.alt_text is 'Read out to people who do not see the picture. 4086 is LinkedIn''s limit, the longest of all.';
create index media_user_id_idx on public.media (user_id);
create index media_next_inspection_at_idx on public.media (next_inspection_at) where status = 'uploaded';

alter table public.media enable row level security;
create policy "People read their own media" on public.media
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People add media of their own" on public.media
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "People describe their own media" on public.media
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People delete their own media" on public.media
  for delete to authenticated using (user_id = (select auth.uid()));

grant select, delete on public.media to authenticated;
grant insert (id, user_id, path, alt_text) on public.media to authenticated;
grant update (alt_text) on public.media to authenticated;
grant select, insert, update, delete on public.media to service_role;

-- Does:    hands out uploaded media to look at; a worker that dies leaves them to the next after `retry_after_seconds`.
-- May call: service_role.
create function public.claim_uploaded_media(take integer, retry_after_seconds integer)
returns table (id uuid, user_id uuid, path text, inspections integer)
language sql
set search_path = ''
as $$
  update public.media m
  set next_inspection_at = now() + make_interval(secs => retry_after_seconds), inspections = m.inspections + 1
  where m.id = any (array(
    select d.id from public.media d
    where d.status = 'uploaded' and d.next_inspection_at <= now()
    order by d.next_inspection_at
    limit take
    for update skip locked
  ))
  returning m.id, m.user_id, m.path, m.inspections
$$;
grant execute on function public.claim_uploaded_media(integer, integer) to service_role;

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('media', 'media', false, 524288000, array[
  'image/jpeg', 'image/png', 'image/gif', 'image/webp', 'video/mp4', 'video/quicktime', 'video/webm',
  'audio/mpeg', 'audio/mp4', 'audio/wav', 'audio/x-wav', 'audio/ogg', 'application/pdf',
  'application/msword', 'application/vnd.ms-powerpoint',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation'
])
on conflict (id) do nothing;

create policy "People read files in their own folder" on storage.objects
  for select to authenticated
  using (bucket_id = 'media' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "People upload files into their own folder" on storage.objects
  for insert to authenticated
  with check (bucket_id = 'media' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "People replace files in their own folder" on storage.objects
  for update to authenticated
  using (bucket_id = 'media' and (storage.foldername(name))[1] = (select auth.uid())::text)
  with check (bucket_id = 'media' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "People delete files in their own folder" on storage.objects
  for delete to authenticated
  using (bucket_id = 'media' and (storage.foldername(name))[1] = (select auth.uid())::text);
