-- How much of what costs a model's time one person may ask for.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table public.quotas (
  kind text primary key check (kind in ('generation', 'chat', 'speech')),
  per_day integer not null check (per_day >= 0)
);
comment on table public.quotas is 'How many drafts, mentor answers and spoken texts one person may ask for in any 24 hours. The operator updates it.';
insert into public.quotas (kind, per_day) values ('generation', 100), ('chat', 200), ('speech', 50);

alter table public.quotas enable row level security;
create policy "Everybody signed in reads the quotas" on public.quotas for select to authenticated using (true);
grant select on public.quotas to authenticated;
grant select, insert, update, delete on public.quotas to service_role;

-- Does:    refuses what would go beyond a quota. The caller of this function counts, under a lock of its own, so that two
--          parallel requests cannot both be the last one.
-- Takes:   the kind, how many of it a person asked for in the last 24 hours, and when the oldest of these was.
-- Raises:  PT429 that says how many were used and when the next one is free.
-- May call: other functions only.
create function private.refuse_over_quota(of_kind text, used bigint, oldest timestamptz) returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  allowed integer;
  free_again timestamptz;
begin
  select q.per_day into allowed from public.quotas q where q.kind = of_kind;
  if allowed is null or used < allowed then
    return;
  end if;
  free_again := case when allowed > 0 then oldest + interval '24 hours' end;
  perform private.refuse(429, format('You have used %s of %s %s of the last 24 hours%s.', used, allowed,
    case of_kind when 'generation' then 'drafts' when 'chat' then 'mentor answers' else 'spoken texts' end,
    coalesce('; the next one is free at ' || to_char(free_again at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC', '')));
end
$$;
