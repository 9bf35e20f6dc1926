-- To ask Postgres which time zones there are makes it read some six hundred files: 13 ms, at each sign-up, for people who all begin
-- in UTC. A zone is looked for when it is another than it was.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:   refuses a zone that Postgres does not know, so that no slot can be kept in one.
-- Raises: PT422 naming the field.
create or replace function private.check_timezone() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.timezone = 'UTC' or (tg_op = 'UPDATE' and new.timezone = old.timezone) then
    return new;
  end if;
  if not exists (select 1 from pg_catalog.pg_timezone_names where name = new.timezone) then
    perform private.refuse(422, format('"%s" is not a time zone Lin knows; use an IANA name such as Europe/Paris.', new.timezone),
      jsonb_build_array(jsonb_build_object('field', 'timezone', 'message', 'not an IANA time zone')));
  end if;
  return new;
end
$$;
