-- Texts that were spoken: what was asked of the voice Space, what came of it, and where the sound is. A sound is made once for one
-- text, voice and Space; asked for again, it comes from here.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.speech_state as enum (
  'speaking', -- a process waits for the Space, until lease_until at most
  'ready',    -- the sound is in media, unless its owner has deleted it since
  'failed'    -- error says why
);

create sequence private.speech_lease as bigint;
grant usage on sequence private.speech_lease to service_role;

create table public.speeches (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  digest text not null check (digest ~ '^[0-9a-f]{64}$'),
  space text not null check (char_length(space) <= 300),
  voice text check (char_length(voice) between 1 and 100),
  characters integer not null check (characters between 1 and 5000),
  state public.speech_state not null default 'speaking',
  media_id uuid references public.media (id) on delete set null,
  duration double precision check (duration >= 0),
  error_class text check (char_length(error_class) <= 50),
  error text check (char_length(error) <= 500),
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  lease_token bigint not null default nextval('private.speech_lease'),
  lease_until timestamptz not null
);
comment on table public.speeches is 'One synthesis by the voice Space: an account of what was asked of it. The text itself is not kept.';
comment on column public.speeches.digest is 'SHA-256 of Space, voice and text, in hex: what one sound answers for.';
comment on column public.speeches.characters is 'Of the text as it was read aloud, without markdown, links and citations.';
comment on column public.speeches.duration is 'Of the sound, in seconds; kept when the sound is deleted.';
create index speeches_user_id_digest_idx on public.speeches (user_id, digest, created_at desc);
create index speeches_user_id_created_at_idx on public.speeches (user_id, created_at desc);
create index speeches_media_id_idx on public.speeches (media_id);
-- two processes cannot make one sound at the same time, whatever their code thinks
create unique index speeches_speaking_idx on public.speeches (user_id, digest) where state = 'speaking';

alter table public.speeches enable row level security;
create policy "People read their own speeches" on public.speeches
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.speeches to authenticated;
grant select, insert, update, delete on public.speeches to service_role;

-- called by begin_speech, which runs with the rights of the service
grant execute on function private.refuse_over_quota(text, bigint, timestamptz) to service_role;

-- Does:    finds the sound of a text, or books the making of it for the caller. One at a time per person, so that parallel calls
--          make one sound, and neither gets past the quota. A booking whose process died ends as "interrupted".
-- Takes:   whose it is; the digest, Space, voice (or null) and length in characters of the text; the lease in seconds.
-- Returns: {state: "ready", media_id, path, mime, duration}: it is there;
--          {state: "speaking", speech_id}: another process is making it;
--          {state: "booked", speech_id, lease_token}: the caller has to make it and call finish_speech.
-- Raises:  PT422 for more than 5,000 characters; PT429 with three in the making, or over the quota. Of the last 24 hours, those
--          that never reached the Space do not count.
-- May call: service_role (the Space's name and the length are the server's word).
create function public.begin_speech(
  speaker uuid, text_digest text, with_space text, with_voice text, length integer, lease_seconds integer
) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  found jsonb;
  busy bigint;
  used bigint;
  oldest timestamptz;
begin
  if length > 5000 then
    perform private.refuse(422, format('The text has %s characters to read aloud; 5000 are the limit.', length));
  end if;
  perform pg_advisory_xact_lock(hashtextextended('begin_speech ' || speaker, 0));
  update public.speeches s set
    state = 'failed', finished_at = now(), error_class = 'interrupted', error = 'The server that made this sound stopped.'
  where s.user_id = speaker and s.state = 'speaking' and s.lease_until < now();

  select jsonb_build_object('state', 'ready', 'media_id', m.id, 'path', m.path, 'mime', m.mime, 'duration', m.duration) into found
  from public.speeches s join public.media m on m.id = s.media_id and m.user_id = speaker and m.status = 'ready'
  where s.user_id = speaker and s.digest = text_digest and s.state = 'ready'
  order by s.created_at desc
  limit 1;
  if found is not null then
    return found;
  end if;
  select jsonb_build_object('state', 'speaking', 'speech_id', s.id) into found
  from public.speeches s where s.user_id = speaker and s.digest = text_digest and s.state = 'speaking';
  if found is not null then
    return found;
  end if;

  select count(*) into busy from public.speeches s where s.user_id = speaker and s.state = 'speaking';
  if busy >= 3 then
    perform private.refuse(429, 'Three texts are being spoken already; wait for one to finish.');
  end if;
  select count(*), min(s.created_at) into used, oldest from public.speeches s
  where s.user_id = speaker and s.created_at > now() - interval '24 hours'
    and (s.error_class is null or s.error_class <> 'space_unavailable');
  perform private.refuse_over_quota('speech', used, oldest);

  insert into public.speeches as s (user_id, digest, space, voice, characters, lease_until)
  values (speaker, text_digest, with_space, with_voice, length, now() + make_interval(secs => lease_seconds))
  returning jsonb_build_object('state', 'booked', 'speech_id', s.id, 'lease_token', s.lease_token) into found;
  return found;
end
$$;
grant execute on function public.begin_speech(uuid, text, text, text, integer, integer) to service_role;

-- Does:    ends the making of a sound, once: with its row in media, made here so that neither is without the other, or with the
--          reason why there is none. A row of its owner's that names the same path is taken over.
-- Takes:   result {media: {path, mime, bytes, checksum, duration}} or {error_class, error}.
-- Returns: the media's id; null when it failed, or when the booking was not the caller's any more.
-- May call: service_role. Safe to repeat.
create function public.finish_speech(speech uuid, token bigint, result jsonb) returns uuid
language plpgsql
set search_path = ''
as $$
declare
  booked public.speeches;
  made uuid;
begin
  select * into booked from public.speeches s where s.id = speech and s.lease_token = token for update;
  if not found or booked.state <> 'speaking' then
    return booked.media_id;
  end if;
  if result ? 'media' then
    insert into public.media as m (user_id, path, kind, mime, bytes, checksum, duration, status)
    values (booked.user_id, result #>> '{media,path}', 'audio', result #>> '{media,mime}', (result #>> '{media,bytes}')::bigint,
      result #>> '{media,checksum}', (result #>> '{media,duration}')::double precision, 'ready')
    on conflict (path) do update set
      kind = excluded.kind, mime = excluded.mime, bytes = excluded.bytes, checksum = excluded.checksum,
      duration = excluded.duration, status = excluded.status, reason = null
    returning m.id into made;
  end if;
  update public.speeches s set
    state = case when made is null then 'failed'::public.speech_state else 'ready' end,
    media_id = made, duration = (result #>> '{media,duration}')::double precision,
    error_class = result ->> 'error_class', error = left(result ->> 'error', 500),
    finished_at = now()
  where s.id = speech;
  return made;
end
$$;
grant execute on function public.finish_speech(uuid, bigint, jsonb) to service_role;

-- FLAC is sound that Spaces answer with.
update storage.buckets
set allowed_mime_types = allowed_mime_types || array['audio/flac']
where id = 'media' and not allowed_mime_types @> array['audio/flac'];
