-- The hourly run looks at the slots whose next date has come near, not at all slots: among 60,000 that took longer than a
-- statement may.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table private.slot_openings (
  slot_id uuid primary key references public.slots (id) on delete cascade,
  opens_at timestamptz not null
);
comment on table private.slot_openings is
  'For each slot that was ever enabled, when the first date that has no occurrence yet comes within 14 days; infinity while it is not enabled.';
create index slot_openings_opens_at_idx on private.slot_openings (opens_at, slot_id);
alter table private.slot_openings enable row level security;
create policy "Nobody but the service sees openings" on private.slot_openings for select to authenticated using (false);
grant select, insert, update, delete on private.slot_openings to service_role;

-- Does:    when the first date of a slot that is more than 14 days after `since` comes within 14 days.
create function private.next_opening(s public.slots, since timestamptz) returns timestamptz
language sql
stable
set search_path = ''
as $$
  select min(i.at) - interval '14 days'
  from (
    select private.instant_of(d.day, s.adjusted_time, s.effective_timezone) as at
    from generate_series(13, 22) n, lateral (select (since at time zone s.effective_timezone)::date + n as day) d
    where extract(isodow from d.day) = s.adjusted_weekday
  ) i
  where i.at > since + interval '14 days'
$$;

-- Does:    opens the missing occurrences of the 14 days from `since` on, and notes when there is more to open. A date that found no
--          free time is tried again after an hour. The caller has locked the owner's slots.
-- Returns: how many.
create or replace function private.open_slots(slot_ids uuid[], since timestamptz default now()) returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  s public.slots;
  d record;
  placed timestamptz;
  opened integer := 0;
  crowded uuid[] := '{}';
begin
  for d in
    select c.slot_id, c.day, c.wanted, c.adjusted_time
    from (
      select w.id as slot_id, w.day, w.adjusted_time, private.instant_of(w.day, w.adjusted_time, w.effective_timezone) as wanted
      from (
        select t.*, (since at time zone t.effective_timezone)::date + n as day
        from public.slots t, generate_series(0, 14) n
        where t.id = any (slot_ids) and t.enabled
      ) w
      where extract(isodow from w.day) = w.adjusted_weekday
        and not exists (select 1 from public.slot_occurrences o where o.slot_id = w.id and o.local_date = w.day)
    ) c
    where c.wanted > since and c.wanted <= since + interval '14 days'
    order by c.wanted, c.adjusted_time, c.slot_id
  loop
    select * into s from public.slots t where t.id = d.slot_id;
    placed := private.free_instant(s.account_id, d.wanted, s.min_gap, null);
    if placed is null then
      crowded := crowded || s.id;
      continue;
    end if;
    insert into public.slot_occurrences (slot_id, user_id, account_id, local_date, occurs_at, fill_at, moved_reason)
    values (s.id, s.user_id, s.account_id, d.day, placed, placed - s.lead_time,
      private.occurrence_moved_reason(s, d.day, d.wanted, placed))
    on conflict (slot_id, local_date) do nothing;
    opened := opened + 1;
  end loop;

  insert into private.slot_openings as w (slot_id, opens_at)
  select t.id, case
    when not t.enabled then 'infinity'
    when t.id = any (crowded) then least(since + interval '1 hour', private.next_opening(t, since))
    else private.next_opening(t, since) end
  from public.slots t where t.id = any (slot_ids)
  on conflict (slot_id) do update set opens_at = excluded.opens_at;
  return opened;
end
$$;

-- Does:    has a slot looked at again whose occurrence was deleted: its date may be open once more.
-- Definer: openings are nobody's to write.
create function private.reopen_deleted_dates() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  update private.slot_openings w set opens_at = '-infinity'
  where w.opens_at <> 'infinity' and w.slot_id in (select g.slot_id from gone g);
  return null;
end
$$;
create trigger reopen_deleted_dates after delete on public.slot_occurrences
  referencing old table as gone for each statement execute function private.reopen_deleted_dates();

-- Does:    opens what is missing of all slots. An owner whose slots are being changed is left to the next run: that change opens
--          its own. Safe to repeat and to run in parallel.
-- Returns: how many were opened; call again while that is not 0.
-- May call: service_role.
create or replace function public.open_occurrences(take integer default 200) returns integer
language plpgsql
set search_path = ''
as $$
declare
  s record;
  opened integer := 0;
begin
  for s in
    select t.id, t.user_id
    from private.slot_openings w join public.slots t on t.id = w.slot_id
    where w.opens_at <= now()
    order by w.opens_at, w.slot_id
    limit take
  loop
    if private.try_lock_slots(s.user_id) then
      opened := opened + private.open_slots(array[s.id]);
    end if;
  end loop;
  return opened;
end
$$;

-- as if they had been looked at two hours ago: what has come near since is opened by the next run
insert into private.slot_openings (slot_id, opens_at)
select s.id, private.next_opening(s, now() - interval '2 hours') from public.slots s where s.enabled;
