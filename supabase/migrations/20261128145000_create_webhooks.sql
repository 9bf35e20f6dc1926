-- Outgoing webhooks: whatever a user is told (a row of notifications) is posted to the addresses they named, too, signed.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.webhook_delivery_state as enum (
  'waiting',   -- to be posted at next_attempt_at
  'sending',   -- a worker posts it, until lease_until at most
  'delivered', -- the receiver answered with 2xx
  'failed',    -- it did not, and is not tried again; error says why
  'canceled'   -- its webhook was switched off before it got through
);

create sequence private.webhook_lease as bigint;
grant usage on sequence private.webhook_lease to service_role;

create table public.webhooks (
  id uuid primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  url text not null check (url ~* '^https?://' and char_length(url) <= 2000),
  kinds text[] check (cardinality(kinds) between 1 and 50 and array_to_string(kinds, ',', '?') ~ '^[a-z][a-z_]{0,49}(,[a-z][a-z_]{0,49})*$'),
  description text check (char_length(description) <= 200),
  enabled boolean not null default true,
  disabled_reason text check (disabled_reason in ('owner', 'gone', 'failing')),
  failing_since timestamptz,
  last_delivered_at timestamptz,
  last_attempted_at timestamptz,
  last_seconds double precision,
  held_until timestamptz,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  check (enabled = (disabled_reason is null))
);
comment on table public.webhooks is 'Addresses that somebody wants their notifications posted to. Made by the server, which makes the secret; at most 5 each.';
comment on column public.webhooks.kinds is 'The kinds of notifications that are posted there; null means all.';
comment on column public.webhooks.disabled_reason is 'owner: they switched it off; gone: it answered 410; failing: nothing got through for 5 days.';
comment on column public.webhooks.failing_since is 'The first failure after the last success.';
comment on column public.webhooks.last_seconds is 'How long its last answer took; a slow one leaves threads to the others.';
comment on column public.webhooks.held_until is 'It asked for a pause (Retry-After): nothing is posted there before.';
comment on column public.webhooks.lease_until is 'Until then a worker posts to it: one event at a time.';
create index webhooks_user_id_idx on public.webhooks (user_id);

alter table public.webhooks enable row level security;
create policy "People read their own webhooks" on public.webhooks
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People change their own webhooks" on public.webhooks
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People delete their own webhooks" on public.webhooks
  for delete to authenticated using (user_id = (select auth.uid()));
grant select, delete on public.webhooks to authenticated;
grant update (kinds, description, enabled) on public.webhooks to authenticated;
grant select, insert, update, delete on public.webhooks to service_role;
create trigger refuse_leaving before insert on public.webhooks for each row execute function private.refuse_leaving();

create table public.webhook_secrets (
  id uuid primary key default gen_random_uuid(),
  webhook_id uuid not null references public.webhooks (id) on delete cascade,
  secret_sealed text not null check (char_length(secret_sealed) <= 2000),
  created_at timestamptz not null default clock_timestamp(),
  ends_at timestamptz
);
comment on table public.webhook_secrets is
  'Sealed signing secrets (JWE, bound to the webhook). While a new one is brought in, the old one signs beside it until ends_at.';
comment on column public.webhook_secrets.ends_at is 'Null for the newest, which signs until there is another.';
create index webhook_secrets_webhook_id_idx on public.webhook_secrets (webhook_id);

alter table public.webhook_secrets enable row level security;
create policy "Nobody but the service reads signing secrets" on public.webhook_secrets
  for select to authenticated using (false);
grant select, insert, update, delete on public.webhook_secrets to service_role;

create table public.webhook_deliveries (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  webhook_id uuid not null references public.webhooks (id) on delete cascade,
  notification_id uuid references public.notifications (id) on delete cascade,
  kind text not null check (char_length(kind) <= 50),
  state public.webhook_delivery_state not null default 'waiting',
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  lease_token bigint,
  lease_until timestamptz,
  response_status integer check (response_status between 100 and 999),
  error text check (char_length(error) <= 500),
  created_at timestamptz not null default now(),
  last_attempt_at timestamptz,
  finished_at timestamptz
);
comment on table public.webhook_deliveries is 'The log: each event for each webhook, what its receiver answered last, and when it is tried again. Kept 30 days.';
comment on column public.webhook_deliveries.notification_id is 'The event, whose id goes out as webhook-id; null for a test, whose own id does.';
comment on column public.webhook_deliveries.attempts is 'Counted anew when it is delivered again by hand.';
create index webhook_deliveries_user_id_created_at_idx on public.webhook_deliveries (user_id, created_at desc);
create index webhook_deliveries_webhook_id_created_at_idx on public.webhook_deliveries (webhook_id, created_at desc);
create index webhook_deliveries_notification_id_idx on public.webhook_deliveries (notification_id);
-- the next one of each webhook, the next one of all, those whose worker died, and those to forget
create index webhook_deliveries_line_idx on public.webhook_deliveries (webhook_id, next_attempt_at) where state = 'waiting';
create index webhook_deliveries_next_attempt_at_idx on public.webhook_deliveries (next_attempt_at) where state = 'waiting';
create index webhook_deliveries_lease_until_idx on public.webhook_deliveries (lease_until) where state = 'sending';
create index webhook_deliveries_finished_at_idx on public.webhook_deliveries (finished_at) where finished_at is not null;

alter table public.webhook_deliveries enable row level security;
create policy "People read their own deliveries" on public.webhook_deliveries
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.webhook_deliveries to authenticated;
grant select, insert, update, delete on public.webhook_deliveries to service_role;

-- Does:    puts what a user is told in line for their webhooks, in the transaction that tells it. Without a webhook that is one
--          look into an index. A webhook that is being deleted at this moment is passed over: whoever publishes never waits for it,
--          nor fails because of it.
-- Definer: who writes notifications need not see webhooks.
create function private.line_up_deliveries() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.webhook_deliveries (user_id, webhook_id, notification_id, kind, next_attempt_at)
  select w.user_id, w.id, w.notification_id, w.kind, greatest(now(), w.held_until)
  from (
    select h.id, h.user_id, h.held_until, t.id as notification_id, t.kind
    from told t join public.webhooks h on h.user_id = t.user_id
    where h.enabled and (h.kinds is null or t.kind = any (h.kinds))
    for key share of h skip locked
  ) w;
  return null;
end
$$;
create trigger line_up_deliveries after insert on public.notifications
  referencing new table as told for each statement execute function private.line_up_deliveries();

-- Does:    says why a webhook is off, and starts anew with one that is switched on again.
create function private.note_switching() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.enabled then
    new.disabled_reason := null;
    new.failing_since := null;
    new.held_until := null;
  else
    new.disabled_reason := coalesce(new.disabled_reason, 'owner');
  end if;
  return new;
end
$$;
create trigger note_switching before update of enabled on public.webhooks
  for each row when (new.enabled <> old.enabled) execute function private.note_switching();

-- Does:    takes what waits for a webhook out of the line when it is switched off.
-- Definer: people may not write deliveries.
create function private.cancel_deliveries() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update public.webhook_deliveries d set state = 'canceled', finished_at = clock_timestamp(), error = 'The webhook was switched off.'
  where d.webhook_id = new.id and d.state = 'waiting';
  return null;
end
$$;
create trigger cancel_deliveries after update of enabled on public.webhooks
  for each row when (old.enabled and not new.enabled) execute function private.cancel_deliveries();

-- ------------------------------------------------------------------------------------------------ what the server does

-- Does:    makes a webhook with its secret.
-- Takes:   the id that the secret is sealed for; whose it is; the kinds, null for all; the sealed secret.
-- Returns: its row.
-- Raises:  PT404 for somebody who is gone; PT409 beyond 5 of one person, however many requests make them at once.
-- May call: service_role (the secret is the server's word).
create function public.create_webhook(hook uuid, owner uuid, address text, of_kinds text[], described text, secret text)
returns public.webhooks
language plpgsql
set search_path = ''
as $$
declare
  made public.webhooks;
begin
  if not exists (select 1 from public.profiles p where p.id = owner) then
    perform private.refuse(404, 'There is no such account.');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('webhooks of ' || owner, 0));
  if (select count(*) from public.webhooks w where w.user_id = owner) >= 5 then
    perform private.refuse(409, 'You have 5 webhooks, as many as Lin serves for one person; delete one first.');
  end if;
  insert into public.webhooks (id, user_id, url, kinds, description) values (hook, owner, address, of_kinds, described)
  returning * into made;
  insert into public.webhook_secrets (webhook_id, secret_sealed) values (hook, secret);
  return made;
end
$$;
grant execute on function public.create_webhook(uuid, uuid, text, text[], text, text) to service_role;

-- Does:    brings in a new secret; the ones before it sign beside it for a while, then no more.
-- Takes:   the webhook, whose it is, the sealed secret, and how long the old ones go on, in seconds.
-- Returns: when the old ones end.
-- Raises:  PT404; PT409 while four secrets sign already.
-- May call: service_role.
create function public.add_webhook_secret(hook uuid, owner uuid, secret text, overlap_seconds integer) returns timestamptz
language plpgsql
set search_path = ''
as $$
declare
  old_end constant timestamptz := clock_timestamp() + make_interval(secs => overlap_seconds);
begin
  perform 1 from public.webhooks w where w.id = hook and w.user_id = owner for no key update;
  if not found then
    perform private.refuse(404, 'There is no such webhook.');
  end if;
  delete from public.webhook_secrets s where s.webhook_id = hook and s.ends_at <= clock_timestamp();
  update public.webhook_secrets s set ends_at = least(s.ends_at, old_end) where s.webhook_id = hook;
  if (select count(*) from public.webhook_secrets s where s.webhook_id = hook and (s.ends_at is null or s.ends_at > clock_timestamp())) >= 4 then
    perform private.refuse(409, 'Four secrets sign for this webhook already; let one of them end first, or ask for no overlap.');
  end if;
  insert into public.webhook_secrets (webhook_id, secret_sealed) values (hook, secret);
  return old_end;
end
$$;
grant execute on function public.add_webhook_secret(uuid, uuid, text, integer) to service_role;

-- Does:    hands out what is due: the oldest event of each webhook, one at a time, those served longest ago first, and of one
--          person to two webhooks at once. A receiver that fails or is slow gets only the places that are for such, so that it
--          holds up nobody else. What a dead worker was posting comes up again: nobody knows whether it arrived.
-- Takes:   at most `take` events, at most `take_troubled` of them for receivers that fail or took more than 3 seconds last time;
--          the lease in seconds.
-- Returns: {delivery_id, lease_token, webhook_id, url, secrets: sealed, newest first, event_id, kind, occurred_at, data, attempts,
--          troubled}.
-- May call: service_role.
create function public.claim_webhook_deliveries(take integer, take_troubled integer, lease_seconds integer) returns setof jsonb
language plpgsql
set search_path = ''
as $$
declare
  moment constant timestamptz := clock_timestamp();
  hook record;
  mine public.webhook_deliveries;
  room integer := take;
  room_troubled integer := take_troubled;
begin
  update public.webhook_deliveries d set
    state = case when d.attempts < 10 then 'waiting'::public.webhook_delivery_state else 'failed' end,
    finished_at = case when d.attempts < 10 then null else moment end,
    next_attempt_at = moment, lease_token = null, lease_until = null, error = 'The server that was posting this stopped.'
  where d.id = any (array(
    select x.id from public.webhook_deliveries x where x.state = 'sending' and x.lease_until <= moment
    order by x.lease_until limit 100 for update skip locked));

  for hook in
    -- from one webhook in line to the next by the index, however much waits for each
    with recursive line as (
      (select d.webhook_id from public.webhook_deliveries d where d.state = 'waiting' order by d.webhook_id limit 1)
      union all
      select (select d.webhook_id from public.webhook_deliveries d
        where d.state = 'waiting' and d.webhook_id > l.webhook_id order by d.webhook_id limit 1)
      from line l where l.webhook_id is not null
    )
    select f.* from (
      select w.id, w.url, w.last_attempted_at, w.failing_since is not null or coalesce(w.last_seconds, 0) > 3 as troubled,
        row_number() over (partition by w.user_id order by w.last_attempted_at nulls first, w.id)
          + (select count(*) from public.webhooks o where o.user_id = w.user_id and o.lease_until > moment) as nth
      from line l join public.webhooks w on w.id = l.webhook_id
      where (w.lease_until is null or w.lease_until <= moment)
        and exists (select 1 from public.webhook_deliveries d
          where d.webhook_id = w.id and d.state = 'waiting' and d.next_attempt_at <= moment)
        and not exists (select 1 from public.account_deletions a where a.user_id = w.user_id)
    ) f
    where f.nth <= 2
    order by f.last_attempted_at nulls first, f.id
  loop
    exit when room <= 0;
    continue when hook.troubled and room_troubled <= 0;
    perform 1 from public.webhooks w where w.id = hook.id and (w.lease_until is null or w.lease_until <= moment) for no key update skip locked;
    continue when not found;
    update public.webhook_deliveries d set
      state = 'sending', attempts = d.attempts + 1, last_attempt_at = moment,
      lease_token = nextval('private.webhook_lease'), lease_until = moment + make_interval(secs => lease_seconds)
    where d.id = (
      select x.id from public.webhook_deliveries x
      where x.webhook_id = hook.id and x.state = 'waiting' and x.next_attempt_at <= moment
      order by x.next_attempt_at, x.id limit 1 for update skip locked)
    returning * into mine;
    continue when not found;
    update public.webhooks w set lease_until = mine.lease_until, last_attempted_at = moment where w.id = hook.id;
    room := room - 1;
    room_troubled := room_troubled - hook.troubled::integer;
    return next jsonb_build_object(
      'delivery_id', mine.id, 'lease_token', mine.lease_token, 'webhook_id', hook.id, 'url', hook.url,
      'secrets', (select coalesce(jsonb_agg(s.secret_sealed order by s.created_at desc), '[]') from public.webhook_secrets s
        where s.webhook_id = hook.id and (s.ends_at is null or s.ends_at > moment)),
      'event_id', coalesce(mine.notification_id, mine.id), 'kind', mine.kind,
      'occurred_at', coalesce((select n.created_at from public.notifications n where n.id = mine.notification_id), mine.created_at),
      'data', coalesce((select n.payload from public.notifications n where n.id = mine.notification_id),
        jsonb_build_object('webhook_id', hook.id)),
      'attempts', mine.attempts, 'troubled', hook.troubled);
  end loop;
end
$$;
grant execute on function public.claim_webhook_deliveries(integer, integer, integer) to service_role;

-- Does:    stores what came of posting an event. An answer of 410 switches the webhook off, and so does the third failure of an
--          event when nothing got through for 5 days; its owner is told. A test is tried once and counts as no failure.
-- Takes:   result {status, error, seconds, retry_seconds, hold_seconds}: error null means that it was delivered, retry_seconds null
--          that it was the last try; hold_seconds is the pause that the receiver asked for.
-- Returns: the delivery's state; "lost" when the lease was not the caller's any more.
-- May call: service_role. Safe to repeat.
create function public.settle_webhook_delivery(delivery uuid, token bigint, result jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
  moment constant timestamptz := clock_timestamp();
  problem constant text := left(result ->> 'error', 500);
  hook public.webhooks;
  mine public.webhook_deliveries;
  becomes public.webhook_delivery_state := 'waiting';
  off text;
begin
  -- the webhook first, as the claim does
  select w.* into hook from public.webhooks w
  where w.id = (select d.webhook_id from public.webhook_deliveries d where d.id = delivery) for no key update;
  select d.* into mine from public.webhook_deliveries d
  where d.id = delivery and d.state = 'sending' and d.lease_token = token for update;
  if mine.id is null or hook.id is null then
    return 'lost';
  end if;
  if problem is null then
    becomes := 'delivered';
  elsif hook.enabled and (result ->> 'status')::integer = 410 then
    off := 'gone';
  elsif hook.enabled and mine.notification_id is not null and mine.attempts >= 3 and hook.failing_since <= moment - interval '5 days' then
    off := 'failing';
  end if;
  if problem is not null and (off is not null or mine.notification_id is null or result ->> 'retry_seconds' is null) then
    becomes := 'failed';
  elsif problem is not null and not hook.enabled then
    becomes := 'canceled';
  end if;

  update public.webhook_deliveries d set
    state = becomes, lease_token = null, lease_until = null, response_status = (result ->> 'status')::integer, error = problem,
    next_attempt_at = case when becomes = 'waiting'
      then moment + make_interval(secs => (result ->> 'retry_seconds')::double precision) else d.next_attempt_at end,
    finished_at = case when becomes <> 'waiting' then moment end
  where d.id = delivery;
  update public.webhooks w set
    enabled = w.enabled and off is null,
    disabled_reason = coalesce(off, w.disabled_reason),
    failing_since = case when problem is null then null when mine.notification_id is null then w.failing_since
      else coalesce(w.failing_since, moment) end,
    last_delivered_at = case when problem is null then moment else w.last_delivered_at end,
    last_seconds = (result ->> 'seconds')::double precision,
    held_until = case when result ->> 'hold_seconds' is null then w.held_until
      else moment + make_interval(secs => (result ->> 'hold_seconds')::double precision) end,
    lease_until = null
  where w.id = hook.id;
  if result ->> 'hold_seconds' is not null then
    update public.webhook_deliveries d set next_attempt_at = moment + make_interval(secs => (result ->> 'hold_seconds')::double precision)
    where d.webhook_id = hook.id and d.state = 'waiting'
      and d.next_attempt_at < moment + make_interval(secs => (result ->> 'hold_seconds')::double precision);
  end if;
  if off is not null then
    insert into public.notifications (user_id, kind, event_key, payload)
    values (hook.user_id, 'webhook_disabled', 'webhook_disabled ' || hook.id || ' ' || moment, jsonb_build_object(
      'webhook_id', hook.id, 'url', hook.url, 'reason', case off when 'gone' then 'It answered that it is gone (410).'
        else 'Nothing got through for 5 days: ' || problem end,
      'what_to_do', 'Mend the receiver, then switch the webhook on again; what it missed can be delivered again for 30 days.'))
    on conflict (event_key) do nothing;
  end if;
  return becomes;
end
$$;
grant execute on function public.settle_webhook_delivery(uuid, bigint, jsonb) to service_role;

-- ------------------------------------------------------------------------------------------------ what people may ask for

-- Does:    has a test event (kind webhook_test) posted to a webhook of the caller's, also to one that is switched off. It is tried once.
-- Returns: the delivery's id; its row tells what came of it.
-- Raises:  PT401 when the session has ended; PT404; PT429 beyond 20 tests of one webhook in an hour.
-- Definer: people may not write deliveries. May call: signed-in users.
create function public.test_webhook(hook uuid) returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  used bigint;
  oldest timestamptz;
  made uuid;
begin
  perform 1 from public.webhooks w where w.id = hook and w.user_id = (select auth.uid()) for no key update;
  if not found then
    perform private.refuse(404, 'There is no such webhook.');
  elsif not private.session_lives((auth.jwt() ->> 'session_id')::uuid, (select auth.uid())) then
    perform private.refuse(401, 'This session has ended; sign in again.');
  end if;
  select count(*), min(d.created_at) into used, oldest from public.webhook_deliveries d
  where d.webhook_id = hook and d.notification_id is null and d.created_at > now() - interval '1 hour';
  if used >= 20 then
    perform private.refuse(429, 'A webhook may be tested 20 times an hour.', jsonb_build_object(
      'retry_after', ceil(extract(epoch from oldest + interval '1 hour' - now()))));
  end if;
  insert into public.webhook_deliveries (user_id, webhook_id, kind) values ((select auth.uid()), hook, 'webhook_test')
  returning id into made;
  return made;
end
$$;
grant execute on function public.test_webhook(uuid) to authenticated;

-- Does:    has an event posted again, with the same webhook-id, whatever came of it before.
-- Returns: nothing.
-- Raises:  PT401 when the session has ended; PT404; PT409 while it is on its way, or its webhook is switched off.
-- Definer: people may not write deliveries. May call: signed-in users.
create function public.redeliver_webhook(delivery uuid) returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  hook public.webhooks;
begin
  select w.* into hook from public.webhooks w
  where w.user_id = (select auth.uid()) and w.id = (select d.webhook_id from public.webhook_deliveries d where d.id = delivery)
  for no key update;
  if not found then
    perform private.refuse(404, 'There is no such delivery.');
  elsif not private.session_lives((auth.jwt() ->> 'session_id')::uuid, (select auth.uid())) then
    perform private.refuse(401, 'This session has ended; sign in again.');
  elsif not hook.enabled then
    perform private.refuse(409, 'This webhook is switched off; switch it on first.');
  end if;
  update public.webhook_deliveries d set
    state = 'waiting', attempts = 0, next_attempt_at = greatest(now(), hook.held_until), finished_at = null
  where d.id = delivery and d.finished_at is not null;
  if not found then
    perform private.refuse(409, 'This event is on its way already.');
  end if;
end
$$;
grant execute on function public.redeliver_webhook(uuid) to authenticated;
