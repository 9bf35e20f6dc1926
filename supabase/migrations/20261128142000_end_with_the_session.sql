-- What acts outside ends with the session that asks: a token outlives its session by up to an hour, and functions are called
-- without Lin's web process, which asks Auth.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    whether a session of somebody's has not ended; yes where none is named, which Auth's own tokens always do. As owner,
--          because nobody else reads what is Auth's; one look-up by primary key.
create function private.session_lives(session uuid, owner uuid) returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select session is null or exists (select 1 from auth.sessions s where s.id = session and s.user_id = owner)
$$;
grant execute on function private.session_lives(uuid, uuid) to service_role;

-- Does:    refuses to schedule a target, or to queue a generation, by the token of a session that has ended. The service has none.
-- Raises:  PT401.
create function private.require_live_session() returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if not private.session_lives((auth.jwt() ->> 'session_id')::uuid, auth.uid()) then
    perform private.refuse(401, 'This session has ended; sign in again.');
  end if;
  return new;
end
$$;
create trigger require_live_session before update of state on public.post_targets
  for each row when (new.state = 'scheduled' and old.state <> 'scheduled') execute function private.require_live_session();
create trigger require_live_session before insert on public.generations
  for each row execute function private.require_live_session();

-- Null where the web process of an earlier release began.
alter table public.oauth_states add column session_id uuid;
comment on column public.oauth_states.session_id is 'The session that began to connect; no key, because Auth deletes sessions at will.';

-- Does:    uses up a state: exactly one caller gets "ok", within its time and while the session that began lives. Else somebody
--          with a stolen token could begin, and connect an account of their own after its owner has signed out everywhere.
-- Returns: {verdict: ok | unknown | used | expired | other_browser, user_id, redirect_to, verifier_sealed}; where to go back to
--          is told for every known state, so that the browser can be sent back with the error.
-- May call: service_role.
create or replace function public.consume_oauth_state(hash text, platform text, browser text) returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  s public.oauth_states;
  verdict text;
begin
  select * into s from public.oauth_states o where o.state_hash = hash and o.platform_id = platform for update;
  if not found then
    return jsonb_build_object('verdict', 'unknown');
  end if;
  verdict := case
    when s.used_at is not null then 'used'
    when s.expires_at <= now() or not private.session_lives(s.session_id, s.user_id) then 'expired'
    when browser is not null and s.browser_hash <> browser then 'other_browser'
    else 'ok' end;
  if verdict in ('ok', 'other_browser') then
    update public.oauth_states o set used_at = now() where o.state_hash = hash;
  end if;
  return jsonb_build_object('verdict', verdict, 'user_id', s.user_id, 'redirect_to', s.redirect_to, 'verifier_sealed', s.verifier_sealed);
end
$$;
