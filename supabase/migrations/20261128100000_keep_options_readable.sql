-- Options that no reader of JSON can take in are refused where they are written.
--
-- A claim answers with many people's targets in one JSON document. Nesting deeper than a reader's stack (Python gives up
-- at 1000, and 8 KB have room for that) or a number of more digits than it takes (4300) would make all of it unreadable:
-- one row could stop everybody's posts, again and again, until they are quarantined together.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    says whether every reader can take this in: at most eight levels, no number beyond 1e15 (exact in a double).
create function private.is_readable(options jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
  select not jsonb_path_exists(options, '$.**{9}')
    and not jsonb_path_exists(options, '$.** ? (@.type() == "number" && (@ > 1000000000000000 || @ < -1000000000000000))')
$$;
grant execute on function private.is_readable(jsonb) to authenticated, service_role;

-- who wrote such a thing keeps what Lin reads of it
update public.post_targets set
  options = case when jsonb_typeof(options -> 'visibility') = 'string' then jsonb_build_object('visibility', options -> 'visibility') else '{}' end
where not private.is_readable(options) and state not in ('preparing', 'sending', 'confirming');

alter table public.post_targets add constraint post_targets_options_readable check (private.is_readable(options)) not valid;
