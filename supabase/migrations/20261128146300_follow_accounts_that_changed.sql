-- Waiting targets follow accounts that changed. Whoever recovers leases looked at all accounts that are not active and at all
-- targets that wait for one, twice a minute in each worker, and both only ever grow.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table private.changed_accounts (
  account_id uuid primary key references public.social_accounts (id) on delete cascade,
  changed_at timestamptz not null default now()
);
comment on table private.changed_accounts is
  'Accounts whose status changed, or that got a target that waits for them, within the hour; longer while a target still has to follow.';
create index changed_accounts_changed_at_idx on private.changed_accounts (changed_at);
alter table private.changed_accounts enable row level security;
create policy "Nobody but the service sees changed accounts" on private.changed_accounts for select to authenticated using (false);
grant select, insert, update, delete on private.changed_accounts to service_role;

-- Does:    notes that an account's status changed.
-- Definer: accounts are changed by whoever may; this is nobody's to write.
create function private.note_changed_account() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into private.changed_accounts (account_id) values (new.id) on conflict (account_id) do update set changed_at = now();
  return null;
end
$$;
create trigger note_changed_account after update of status on public.social_accounts
  for each row when (old.status is distinct from new.status) execute function private.note_changed_account();

insert into private.changed_accounts (account_id)
select a.id from public.social_accounts a where a.status <> 'active'
union
select t.account_id from public.post_targets t where t.state = 'needs_reconnect';

-- Does:    lowers the lines of accounts that have got something to send, or something earlier. Where a line is locked, leaves a
--          hint: whoever holds it does not see this transaction yet.
--          Notes the accounts of targets that wait for them to be connected again.
-- Definer: a user who schedules may not write lines.
create or replace function private.keep_lines() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  accounts uuid[];
  moments timestamptz[];
  free uuid[];
begin
  insert into private.changed_accounts (account_id)
  select distinct n.account_id from new_rows n where n.state = 'needs_reconnect' order by n.account_id
  on conflict (account_id) do update set changed_at = now();
  select array_agg(m.account_id), array_agg(m.next_at) into accounts, moments
  from (
    select n.account_id, min(n.next_attempt_at) as next_at
    from new_rows n join old_rows o on o.id = n.id
    where n.state = 'scheduled' and (o.state <> 'scheduled' or n.next_attempt_at < o.next_attempt_at)
    group by n.account_id
  ) m;
  if accounts is null then
    return null;
  end if;
  -- locked even where nothing has to be lowered: no claim may raise the line until this is committed
  select array_agg(l.account_id) into free from (
    select k.account_id from private.lines k where k.account_id = any (accounts) for no key update skip locked
  ) l;
  update private.lines l set next_at = m.next_at
  from unnest(accounts, moments) as m (account_id, next_at)
  where l.account_id = m.account_id and l.account_id = any (free) and (l.next_at is null or l.next_at > m.next_at);
  insert into private.line_hints (account_id, next_at)
  select m.account_id, m.next_at from unnest(accounts, moments) as m (account_id, next_at)
  where m.account_id <> all (coalesce(free, '{}')) and exists (select 1 from private.lines l where l.account_id = m.account_id);
  return null;
end
$$;

-- Does:    lets waiting targets follow their account: parks what waits for one that is not active, and puts back into the
--          queue what waited for one that is connected again. Skips what is locked; recover_leases comes again.
-- Takes:   how many (null: all); an account, or null for those that changed within the hour or are not done with, and for
--          those with something due.
create or replace function private.follow_accounts(take integer, account uuid default null) returns void
language plpgsql
set search_path = ''
as $$
declare
  parked uuid[];
  resumed uuid[];
  -- an account that changed long ago has been followed, but for what was made due after all
  candidates constant uuid[] := case when account is not null then array[account] else array(
    select c.account_id from private.changed_accounts c
    union
    (select l.account_id from private.lines l where l.next_at <= now() order by l.next_at limit 1000)) end;
begin
  select array_agg(f.id) into parked from (
    select t.id from public.social_accounts a
    join public.post_targets t on t.account_id = a.id and t.state = 'scheduled'
    join public.posts p on p.id = t.post_id
    where a.id = any (candidates) and a.status <> 'active'
    limit take for update of t, p skip locked
  ) f;
  update public.post_targets t set state = 'needs_reconnect', error_class = 'needs_reconnect',
    error = coalesce(a.last_error, 'The account is not connected any more.')
  from public.social_accounts a where a.id = t.account_id and t.id = any (parked);

  select array_agg(f.id) into resumed from (
    select t.id from public.post_targets t
    join public.social_accounts a on a.id = t.account_id
    join public.posts p on p.id = t.post_id
    where t.account_id = any (candidates) and t.state = 'needs_reconnect' and t.due_at is not null and a.status = 'active'
    limit take for update of t, p skip locked
  ) f;
  update public.post_targets t set state = 'scheduled', error = null, error_class = null,
    next_attempt_at = greatest(t.due_at, now() + o.place * interval '1 millisecond') -- overdue ones in the order they were due
  from (select w.id, row_number() over (order by w.due_at, w.id) as place from public.post_targets w where w.id = any (resumed)) o
  where t.id = o.id;

  if account is null then
    delete from private.changed_accounts d where d.account_id = any (array(
      select c.account_id from private.changed_accounts c join public.social_accounts a on a.id = c.account_id
      where c.changed_at < now() - interval '1 hour' and not case when a.status = 'active'
        then exists (select 1 from public.post_targets t where t.account_id = a.id and t.state = 'needs_reconnect' and t.due_at is not null)
        else exists (select 1 from public.post_targets t where t.account_id = a.id and t.state = 'scheduled') end
      for update of c skip locked));
  end if;
end
$$;
