-- What users are told, and what only the service keeps: idempotency keys and the workers' heartbeats.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table public.notifications (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null check (char_length(kind) <= 50),
  payload jsonb not null default '{}' check (jsonb_typeof(payload) = 'object'),
  event_key text not null unique check (char_length(event_key) <= 200),
  created_at timestamptz not null default now(),
  read_at timestamptz,
  emailed_at timestamptz
);
comment on table public.notifications is 'Something a user should know; event_key makes each event tell itself once.';
create index notifications_user_id_created_at_idx on public.notifications (user_id, created_at desc);

alter table public.notifications enable row level security;
create policy "People read their own notifications" on public.notifications
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People mark their own notifications as read" on public.notifications
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
grant select on public.notifications to authenticated;
grant update (read_at) on public.notifications to authenticated;
grant select, insert, update, delete on public.notifications to service_role;

create table public.idempotency_keys (
  user_id uuid not null references auth.users (id) on delete cascade,
  key text not null check (char_length(key) between 1 and 200),
  request_hash text not null check (char_length(request_hash) = 64),
  response_status integer,
  response_body jsonb,
  created_at timestamptz not null default now(),
  primary key (user_id, key)
);
comment on table public.idempotency_keys is 'The first answer to a request that named a key; kept 24 hours.';
create index idempotency_keys_created_at_idx on public.idempotency_keys (created_at);

alter table public.idempotency_keys enable row level security;
create policy "Nobody but the service reads idempotency keys" on public.idempotency_keys
  for select to authenticated using (false);
grant select, insert, update, delete on public.idempotency_keys to service_role;

create table public.worker_heartbeats (
  worker text primary key check (char_length(worker) <= 200),
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
comment on table public.worker_heartbeats is 'Which workers live: a row each, renewed every few seconds.';
create index worker_heartbeats_seen_at_idx on public.worker_heartbeats (seen_at);

alter table public.worker_heartbeats enable row level security;
create policy "Nobody but the service reads heartbeats" on public.worker_heartbeats
  for select to authenticated using (false);
grant select, insert, update, delete on public.worker_heartbeats to service_role;

-- Does:    takes an idempotency key for a request, or returns what the first request with it got.
-- Returns: {"state": "new"} go on and store the answer | {"state": "done", "status", "body"} answer this |
--          {"state": "running"} the first one has not ended | {"state": "other"} the key belongs to another request.
--          A first request that never ended frees its key after two minutes.
-- May call: service_role.
create function public.take_idempotency_key(owner uuid, new_key text, hash text) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  first public.idempotency_keys;
begin
  delete from public.idempotency_keys k
  where k.user_id = owner and k.key = new_key and (k.created_at < now() - interval '24 hours'
    or (k.response_status is null and k.created_at < now() - interval '2 minutes'));
  insert into public.idempotency_keys (user_id, key, request_hash) values (owner, new_key, hash)
  on conflict do nothing;
  if found then
    return jsonb_build_object('state', 'new');
  end if;
  select * into first from public.idempotency_keys k where k.user_id = owner and k.key = new_key;
  return case
    when first.request_hash <> hash then jsonb_build_object('state', 'other')
    when first.response_status is null then jsonb_build_object('state', 'running')
    else jsonb_build_object('state', 'done', 'status', first.response_status, 'body', first.response_body)
  end;
end
$$;
grant execute on function public.take_idempotency_key(uuid, text, text) to service_role;

-- Does:    says that this worker lives.  May call: service_role.
create function public.heartbeat(name text) returns void
language sql
set search_path = ''
as $$
  insert into public.worker_heartbeats (worker) values (name)
  on conflict (worker) do update set seen_at = now()
$$;
grant execute on function public.heartbeat(text) to service_role;

-- Does:    forgets what has served its time: used-up states, old keys, workers gone for a day.
-- Returns: how many rows went.  May call: service_role.
create function public.purge_expired() returns integer
language plpgsql
set search_path = ''
as $$
declare
  gone integer := 0;
  n integer;
begin
  delete from public.oauth_states where expires_at < now() - interval '1 day';
  get diagnostics n = row_count;
  gone := gone + n;
  delete from public.idempotency_keys where created_at < now() - interval '24 hours';
  get diagnostics n = row_count;
  gone := gone + n;
  delete from public.worker_heartbeats where seen_at < now() - interval '1 day';
  get diagnostics n = row_count;
  return gone + n;
end
$$;
grant execute on function public.purge_expired() to service_role;
