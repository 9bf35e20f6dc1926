-- Notes of accounts that changed are rows of their own. One row per account made whoever changed a target of it wait for whoever
-- changed the account itself, in the other order than they lock the account: now and then one of the two was a deadlock.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- the table holds what changed within the hour: all of this takes milliseconds
-- squawk-ignore ban-drop-constraint
alter table private.changed_accounts drop constraint changed_accounts_pkey;
-- squawk-ignore adding-field-with-default, adding-serial-primary-key-field
alter table private.changed_accounts add column id bigint generated always as identity primary key;
-- squawk-ignore require-concurrent-index-creation
create index changed_accounts_account_id_changed_at_idx on private.changed_accounts (account_id, changed_at);
comment on table private.changed_accounts is
  'Accounts whose status changed, or that got a target that waits for them, within the hour; longer while a target still has to follow. May name one twice.';

-- Does:    notes accounts as changed, but for those noted less than half an hour ago, which are followed for as long again.
--          Waits for nobody: two who note the same one leave two notes.
-- Definer: accounts and targets are changed by whoever may; this is nobody's to write.
create function private.note_changed_accounts(accounts uuid[]) returns void
language sql
security definer
set search_path = ''
as $$
  insert into private.changed_accounts (account_id)
  select distinct n.account_id from unnest(accounts) as n (account_id)
  where not exists (
    select 1 from private.changed_accounts c
    where c.account_id = n.account_id and c.changed_at > now() - interval '30 minutes');
$$;
revoke execute on function private.note_changed_accounts(uuid[]) from public, anon, authenticated, service_role;

-- Does:    notes that an account's status changed.
-- Definer: accounts are changed by whoever may; this is nobody's to write.
create or replace function private.note_changed_account() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform private.note_changed_accounts(array[new.id]);
  return null;
end
$$;

-- Does:    lowers the lines of accounts that have got something to send, or something earlier. Where a line is locked, leaves a
--          hint: whoever holds it does not see this transaction yet.
--          Notes the accounts of targets that wait for them to be connected again.
--          The full join takes time in proportion, whatever was planned before (the next migration says more).
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
  perform private.note_changed_accounts(array(select n.account_id from new_rows n where n.state = 'needs_reconnect'));
  select array_agg(m.account_id), array_agg(m.next_at) into accounts, moments
  from (
    select c.account_id, min(c.next_attempt_at) as next_at
    from (
      select n.account_id, n.state, n.next_attempt_at, o.state as old_state, o.next_attempt_at as old_attempt_at
      from new_rows n full join old_rows o on o.id = n.id offset 0
    ) c
    where c.state = 'scheduled' and (c.old_state <> 'scheduled' or c.next_attempt_at < c.old_attempt_at)
    group by c.account_id
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
    delete from private.changed_accounts d where d.id = any (array(
      select c.id from private.changed_accounts c join public.social_accounts a on a.id = c.account_id
      where c.changed_at < now() - interval '1 hour' and not case when a.status = 'active'
        then exists (select 1 from public.post_targets t where t.account_id = a.id and t.state = 'needs_reconnect' and t.due_at is not null)
        else exists (select 1 from public.post_targets t where t.account_id = a.id and t.state = 'scheduled') end
      for update of c skip locked));
  end if;
end
$$;

-- Does:    forgets an account's tokens and parks what waits for it. The row stays, for the history of its posts.
--          Locks the account so that notes of it, which only say that it is there, need not wait.
-- Takes:   the account and its owner.
-- Returns: whether there was such an account.  May call: service_role. Safe to repeat.
create or replace function public.disconnect_account(account uuid, owner uuid) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  perform 1 from public.social_accounts a where a.id = account and a.user_id = owner for no key update;
  if not found then
    return false;
  end if;
  delete from public.social_account_tokens t where t.account_id = account;
  perform private.park_account(account, 'You disconnected this account.');
  update public.social_accounts a set status = 'disconnected', token_expires_at = null, last_error = null where a.id = account;
  return true;
end
$$;
