-- Weekly slots: a wall-clock time on a weekday at which an account publishes, and the dates it falls on.
--
-- A slot keeps what its owner asked for (weekday, schedule_time) and what it became (adjusted_weekday, adjusted_time): two slots of
-- an account in one zone are never closer than their gap. Slots of different zones, and the nights clocks change, can only be
-- compared as instants: that is done when occurrences are opened.
--
-- Lock order: an owner's slots (private.lock_slots) before their rows, these before posts, posts before targets, targets before
-- occurrences. What works for many owners in one transaction does not wait for the first lock: it leaves that owner to its next run.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.slot_mode as enum (
  'queue',   -- the owner's oldest queued draft goes out
  'generate' -- the writer Space drafts a post from the newest unused article
);
create type public.slot_approval as enum (
  'review', -- a generated draft waits for its owner
  'auto'    -- its owner wants generated posts published without a look
);

create table public.slots (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid(),
  account_id uuid not null,
  weekday integer not null check (weekday between 1 and 7),
  schedule_time time not null check (schedule_time < '24:00' and extract(second from schedule_time) = 0),
  timezone text check (char_length(timezone) <= 64),
  adjusted_weekday integer not null check (adjusted_weekday between 1 and 7),
  adjusted_time time not null,
  effective_timezone text not null,
  moved_reason text check (char_length(moved_reason) <= 500),
  mode public.slot_mode not null default 'queue',
  lead_time interval not null default '30 minutes' check (lead_time between interval '1 minute' and interval '24 hours'),
  min_gap interval not null default '15 minutes' check (min_gap between interval '1 minute' and interval '24 hours'),
  approval public.slot_approval not null default 'review',
  approval_chosen_at timestamptz not null default now(),
  brief text check (char_length(brief) <= 500),
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, user_id),
  foreign key (account_id, user_id) references public.social_accounts (id, user_id) on delete cascade
);
comment on table public.slots is 'A weekly time of an account. Its dates are slot_occurrences, opened 14 days ahead.';
comment on column public.slots.weekday is 'ISO: 1 is Monday, 7 is Sunday.';
comment on column public.slots.schedule_time is 'The local time that was asked for, to the minute.';
comment on column public.slots.timezone is 'IANA name; null follows the zone of the owner''s profile, also when that changes.';
comment on column public.slots.adjusted_time is 'The local time it became, on adjusted_weekday; moved_reason says why where it differs from what was asked for.';
comment on column public.slots.effective_timezone is 'The zone in force: timezone, or the profile''s.';
comment on column public.slots.lead_time is 'How long before its time an occurrence is filled.';
comment on column public.slots.min_gap is 'Time kept free around it; between two slots the longer gap counts.';
comment on column public.slots.approval_chosen_at is 'When its owner chose this approval: with auto, the moment they approved what will be published.';
comment on column public.slots.brief is 'How the writer shall write; handed to the Space as the tone.';
create index slots_account_id_user_id_idx on public.slots (account_id, user_id);
create index slots_user_id_idx on public.slots (user_id);

alter table public.slots enable row level security;
create policy "People read their own slots" on public.slots
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People make slots of their own" on public.slots
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "People edit their own slots" on public.slots
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People delete their own slots" on public.slots
  for delete to authenticated using (user_id = (select auth.uid()));

grant select, delete on public.slots to authenticated;
grant insert (id, user_id, account_id, weekday, schedule_time, timezone, mode, lead_time, min_gap, approval, brief, enabled)
  on public.slots to authenticated;
grant update (weekday, schedule_time, timezone, mode, lead_time, min_gap, approval, brief, enabled) on public.slots to authenticated;
grant select, insert, update, delete on public.slots to service_role;

create type public.occurrence_state as enum (
  'open',    -- free: may be booked, and is filled when fill_at has come
  'filling', -- the writer drafts a post for it
  'review',  -- the draft waits for its owner's approval
  'booked',  -- its post is scheduled for this time; what becomes of it, the post's targets tell
  'skipped', -- nothing goes out here; error says why
  'failed'   -- the draft could not be made or scheduled; error says why
);

create table public.slot_occurrences (
  id uuid primary key default gen_random_uuid(),
  slot_id uuid not null,
  user_id uuid not null,
  account_id uuid not null,
  local_date date not null,
  occurs_at timestamptz not null,
  fill_at timestamptz not null,
  moved_reason text check (char_length(moved_reason) <= 500),
  state public.occurrence_state not null default 'open',
  post_id uuid,
  generation_id uuid,
  error text check (char_length(error) <= 500),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (slot_id, local_date),
  -- deferrable: a change of zone moves occurrences past each other
  unique (account_id, occurs_at) deferrable initially immediate,
  -- a post has one time, so it has one place
  unique (post_id, user_id),
  foreign key (slot_id, user_id) references public.slots (id, user_id) on delete cascade,
  foreign key (account_id, user_id) references public.social_accounts (id, user_id) on delete cascade,
  foreign key (post_id, user_id) references public.posts (id, user_id) on delete set null (post_id),
  foreign key (generation_id, user_id) references public.generations (id, user_id) on delete set null (generation_id),
  constraint what_is_taken_names_its_post check (state not in ('booked', 'review') or post_id is not null),
  constraint what_is_open_has_no_post check (state not in ('open', 'filling') or post_id is null)
);
comment on table public.slot_occurrences is 'A slot on one date: a place in time that one post may take.';
comment on column public.slot_occurrences.local_date is 'The date in the slot''s zone; one occurrence for each.';
comment on column public.slot_occurrences.fill_at is 'When it is filled unless somebody booked it; after a try that did not work, when the next one comes.';
comment on column public.slot_occurrences.moved_reason is 'Why it is not at the slot''s time on this date.';
create index slot_occurrences_slot_id_user_id_idx on public.slot_occurrences (slot_id, user_id);
create index slot_occurrences_account_id_user_id_idx on public.slot_occurrences (account_id, user_id);
create index slot_occurrences_generation_id_user_id_idx on public.slot_occurrences (generation_id, user_id);
create index slot_occurrences_user_id_occurs_at_idx on public.slot_occurrences (user_id, occurs_at);
create index slot_occurrences_fill_at_idx on public.slot_occurrences (fill_at) where state = 'open';
create index slot_occurrences_filling_idx on public.slot_occurrences (generation_id) where state = 'filling';
create index slot_occurrences_unfinished_idx on public.slot_occurrences (occurs_at) where state in ('open', 'filling', 'review');

alter table public.slot_occurrences enable row level security;
create policy "People read their own occurrences" on public.slot_occurrences
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.slot_occurrences to authenticated;
grant select, insert, update, delete on public.slot_occurrences to service_role;

create trigger set_updated_at before update on public.slot_occurrences
  for each row execute function private.set_updated_at();

-- Does:    whoever schedules a post is its owner, unless the same statement says otherwise.
create function private.name_approver() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.approved_by := case
    when new.approved_at is null then null
    when new.approved_by is distinct from old.approved_by then new.approved_by
    else 'owner' end;
  return new;
end
$$;
create trigger name_approver before update of approved_at on public.posts
  for each row execute function private.name_approver();

-- Does:    the instant of a wall-clock time in a zone. A time that comes twice is the first; one that does not exist is the
--          first minute after the gap.
-- Takes:   any IANA zone that Postgres knows.
create function private.instant_of(day date, wall time, zone text) returns timestamptz
language sql
stable
set search_path = ''
as $$
  with asked as (
    select day + wall as wished
  ), offsets as (
    -- what the clocks show a day before and a day after; on ordinary days the same
    select a.wished, (near at time zone zone) - (near at time zone 'UTC') as ahead
    from asked a, lateral (values ((a.wished at time zone zone) - interval '24 hours'), ((a.wished at time zone zone) + interval '24 hours')) v (near)
  ), instants as (
    select o.wished, (o.wished - o.ahead) at time zone 'UTC' as instant from offsets o
  )
  select coalesce(
    (select min(i.instant) from instants i where i.instant at time zone zone = i.wished),
    (select min(m.instant)
     from (select i.wished, min(i.instant) as first, max(i.instant) as last from instants i group by i.wished) gap,
       generate_series(gap.first, gap.last, interval '1 minute') as m (instant)
     where m.instant at time zone zone > gap.wished))
$$;

-- Does:    a weekday and time as the minute of the week, 0 to 10079, and back.
create function private.week_minute(weekday integer, wall time) returns integer
language sql
immutable
set search_path = ''
as $$ select (weekday - 1) * 1440 + extract(hour from wall)::integer * 60 + extract(minute from wall)::integer $$;

create function private.week_minute_text(minute integer) returns text
language sql
immutable
set search_path = ''
as $$ select to_char(timestamp '2024-01-01 00:00' + make_interval(mins => minute), 'FMDay HH24:MI') $$; -- that day was a Monday

create function private.whole_minutes(gap interval) returns integer
language sql
immutable
set search_path = ''
as $$ select ceil(extract(epoch from gap) / 60)::integer $$;

-- Does:    one at a time for what changes an owner's slots, or opens, books, moves or fills their occurrences, until the transaction
--          ends. An owner and not an account, because one statement may touch slots of several accounts.
create function private.lock_slots(owner uuid) returns void
language sql
set search_path = ''
as $$ select pg_advisory_xact_lock(hashtextextended('slots ' || owner, 0)) $$;

-- Does:    the same without waiting.
-- Returns: whether the lock was taken.
create function private.try_lock_slots(owner uuid) returns boolean
language sql
set search_path = ''
as $$ select pg_try_advisory_xact_lock(hashtextextended('slots ' || owner, 0)) $$;
grant execute on function private.try_lock_slots(uuid) to service_role;

-- Does:    takes the caller's lock before any row of the statement is locked.
create function private.lock_own_slots() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if (select auth.uid()) is not null then
    perform private.lock_slots((select auth.uid()));
  end if;
  return null;
end
$$;
create trigger lock_own_slots before insert or update or delete on public.slots
  for each statement execute function private.lock_own_slots();

-- Does:    the enabled slots of an account and zone that are nearer to a minute of the week than the gap, and the minute at which
--          each would let go. Weeks have no end: Sunday 23:55 is near Monday 00:05.
create function private.slots_in_the_way(account uuid, except_slot uuid, zone text, minute integer, gap integer)
returns table (at_minute integer, gap_minutes integer, later_by integer)
language sql
stable
set search_path = ''
as $$
  select o.at_minute, o.gap_minutes, mod(o.at_minute + o.gap_minutes - minute + 10080, 10080)
  from (
    select private.week_minute(s.adjusted_weekday, s.adjusted_time) as at_minute,
      greatest(gap, private.whole_minutes(s.min_gap)) as gap_minutes
    from public.slots s
    where s.account_id = account and s.id <> except_slot and s.enabled and s.effective_timezone = zone
  ) o
  where least(mod(o.at_minute - minute + 10080, 10080), mod(minute - o.at_minute + 10080, 10080)) < o.gap_minutes
$$;

-- Does:    the first free minute of the week from `wanted` on; null when the week is full.
create function private.free_week_minute(account uuid, except_slot uuid, zone text, wanted integer, gap integer) returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
  moved integer := 0;
  step integer;
begin
  loop
    -- every minute up to there is in the way of the same slot
    select max(w.later_by) into step
    from private.slots_in_the_way(account, except_slot, zone, mod(wanted + moved, 10080), gap) w;
    if step is null then
      return mod(wanted + moved, 10080);
    end if;
    moved := moved + greatest(step, 1);
    if moved >= 10080 then
      return null;
    end if;
  end loop;
end
$$;

-- Does:    checks a slot, finds the zone in force, and moves it to the next free minute if another slot of the account is near.
-- Raises:  PT404 for an account that is not its owner's; PT422 for an unknown zone or a time that is not a whole minute; PT409 when the
--          week is full or the account has 100 slots.
-- Definer: reads the profile and the other slots for every role that may write a slot.
create function private.resolve_slot() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked integer;
  wanted integer;
  free integer;
  near record;
  moved_along boolean := false; -- only the zone in force changed
begin
  if num_nulls(new.account_id, new.weekday, new.schedule_time, new.min_gap, new.approval, new.enabled) > 0 then
    return new; -- the columns themselves refuse it
  end if;
  if (select auth.uid()) <> new.user_id then -- the policy would refuse it too, but only after this trigger has looked at the account
    perform private.refuse(404, 'There is no such account.', '[{"field": "account_id", "message": "no such account"}]');
  end if;
  if new.schedule_time = '24:00' or extract(second from new.schedule_time) <> 0 then
    perform private.refuse(422, format('The time %s cannot be used: give hours and minutes, from 00:00 to 23:59.', new.schedule_time),
      '[{"field": "schedule_time", "message": "hours and minutes, from 00:00 to 23:59"}]');
  end if;
  if new.weekday not between 1 and 7 then
    perform private.refuse(422, format('%s is not a weekday: Monday is 1, Sunday is 7.', new.weekday),
      '[{"field": "weekday", "message": "1 (Monday) to 7 (Sunday)"}]');
  end if;
  if new.timezone is not null and (tg_op = 'INSERT' or new.timezone is distinct from old.timezone)
    and not exists (select 1 from pg_catalog.pg_timezone_names z where z.name = new.timezone) then
    perform private.refuse(422, format('"%s" is not a time zone Lin knows; use an IANA name such as Europe/Paris.', new.timezone),
      '[{"field": "timezone", "message": "not an IANA time zone"}]');
  end if;
  perform private.lock_slots(new.user_id);
  if tg_op = 'INSERT' then
    if not exists (select 1 from public.social_accounts a where a.id = new.account_id and a.user_id = new.user_id) then
      perform private.refuse(404, 'There is no such account.', '[{"field": "account_id", "message": "no such account"}]');
    end if;
    if (select count(*) from public.slots s where s.account_id = new.account_id) >= 100 then
      perform private.refuse(409, 'An account has at most 100 weekly slots; delete one first.');
    end if;
  end if;

  new.updated_at := now();
  new.effective_timezone := coalesce(new.timezone, (select p.timezone from public.profiles p where p.id = new.user_id), 'UTC');
  if tg_op = 'INSERT' or new.approval <> old.approval then
    new.approval_chosen_at := now();
  end if;

  asked := private.week_minute(new.weekday, new.schedule_time);
  if tg_op = 'UPDATE' and new.enabled and old.enabled
    and (new.weekday, new.schedule_time, new.min_gap, new.account_id) = (old.weekday, old.schedule_time, old.min_gap, old.account_id) then
    new.adjusted_weekday := old.adjusted_weekday;
    new.adjusted_time := old.adjusted_time;
    new.moved_reason := old.moved_reason;
    if new.effective_timezone = old.effective_timezone then
      return new;
    end if;
    moved_along := true;
  end if;
  if not new.enabled then
    free := asked;
  else
    wanted := case when moved_along then private.week_minute(old.adjusted_weekday, old.adjusted_time) else asked end;
    free := private.free_week_minute(new.account_id, new.id, new.effective_timezone, wanted, private.whole_minutes(new.min_gap));
    if free is null then
      perform private.refuse(409, format('The week of this account is full: with at least %s minutes between two slots there is no place for %s.',
        private.whole_minutes(new.min_gap), private.week_minute_text(asked)), '[{"field": "schedule_time", "message": "no free time in the week"}]');
    end if;
    if moved_along and free = wanted then
      return new;
    end if;
  end if;

  new.adjusted_weekday := free / 1440 + 1;
  new.adjusted_time := time '00:00' + make_interval(mins => mod(free, 1440));
  new.moved_reason := null;
  if free <> asked then
    select w.at_minute, w.gap_minutes into near
    from private.slots_in_the_way(new.account_id, new.id, new.effective_timezone, wanted, private.whole_minutes(new.min_gap)) w
    order by w.later_by desc
    limit 1;
    new.moved_reason := format('Moved from %s to %s: another slot of this account is at %s, and %s minutes are kept between two.',
      private.week_minute_text(asked), private.week_minute_text(free), private.week_minute_text(near.at_minute), near.gap_minutes);
  end if;
  return new;
end
$$;
create trigger resolve_slot before insert or update on public.slots
  for each row execute function private.resolve_slot();
