-- Conversations with the mentor: sessions, their messages, and answers that are saved while they grow.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.chat_role as enum ('user', 'assistant');
create type public.chat_state as enum (
  'streaming',  -- a process waits for the Space and saves what comes, until lease_until at most
  'complete',   -- the whole text; every message of a user's
  'interrupted' -- what came until it was stopped or went wrong; error says why
);

create sequence private.chat_lease as bigint;
grant usage on sequence private.chat_lease to service_role;

create table public.chat_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  title text not null check (char_length(btrim(title)) between 1 and 120),
  created_at timestamptz not null default now(),
  last_message_at timestamptz not null default now(),
  unique (id, user_id)
);
comment on table public.chat_sessions is 'A conversation with the mentor. Its title is the first words, until its owner gives it another.';
create index chat_sessions_user_id_last_message_at_idx on public.chat_sessions (user_id, last_message_at desc);

alter table public.chat_sessions enable row level security;
create policy "People read their own chat sessions" on public.chat_sessions
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People rename their own chat sessions" on public.chat_sessions
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People delete their own chat sessions" on public.chat_sessions
  for delete to authenticated using (user_id = (select auth.uid()));
grant select, delete on public.chat_sessions to authenticated;
grant update (title) on public.chat_sessions to authenticated;
grant select, insert, update, delete on public.chat_sessions to service_role;

create table public.chat_messages (
  id uuid primary key default gen_random_uuid(),
  session_id uuid not null,
  user_id uuid not null,
  position integer not null check (position > 0),
  role public.chat_role not null,
  text text not null default '' check (char_length(text) <= 100000),
  state public.chat_state not null default 'complete',
  citations jsonb not null default '[]' check (jsonb_typeof(citations) = 'array' and pg_column_size(citations) <= 60000),
  space text check (char_length(space) <= 300),
  error_class text check (char_length(error_class) <= 50),
  error text check (char_length(error) <= 500),
  created_at timestamptz not null default now(),
  first_text_at timestamptz,
  finished_at timestamptz,
  stop_requested_at timestamptz,
  lease_token bigint,
  lease_until timestamptz,
  unique (session_id, position),
  unique (id, user_id),
  foreign key (session_id, user_id) references public.chat_sessions (id, user_id) on delete cascade,
  constraint an_answer_that_grows_is_leased check (
    state <> 'streaming' or (role = 'assistant' and lease_token is not null and lease_until is not null))
);
comment on table public.chat_messages is 'What was said, in order of position. An answer is saved while it comes.';
comment on column public.chat_messages.citations is
  '[{number, kind: source_item | post | document, id, title, url, snippet}] of the passages that the text cites as [number].';
create index chat_messages_session_id_user_id_idx on public.chat_messages (session_id, user_id);
create index chat_messages_user_id_idx on public.chat_messages (user_id);
create index chat_messages_lease_until_idx on public.chat_messages (lease_until) where state = 'streaming';
-- one answer at a time in a session, whatever any code thinks
create unique index chat_messages_streaming_idx on public.chat_messages (session_id) where state = 'streaming';

alter table public.chat_messages enable row level security;
create policy "People read their own chat messages" on public.chat_messages
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People delete their own chat messages" on public.chat_messages
  for delete to authenticated using (user_id = (select auth.uid()));
grant select, delete on public.chat_messages to authenticated;
grant select, insert, update, delete on public.chat_messages to service_role;

-- What counts for the quota: a message that its owner deleted was answered all the same.
create table private.chat_turns (
  id bigint generated always as identity primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  asked_at timestamptz not null default now()
);
create index chat_turns_user_id_asked_at_idx on private.chat_turns (user_id, asked_at);

-- Does:    saves what a user says, before anything else is done with it, and books the answer to it: an empty message that
--          the process which called this has to fill within its lease of 20 s, renewed by record_chat_answers. Makes the session,
--          called by the first words, when none is named. An answer of theirs whose lease is over ends here as interrupted.
-- Takes:   the session, or null for a new one; the message, 1 to 8,000 characters.
-- Returns: {session_id, title, user_message_id, message_id, lease_token, history: [{role, text}]}: the history oldest first, at most 20
--          messages and 24,000 characters, without empty answers.
-- Raises:  PT404 for a session that is not the caller's; PT409 while an answer is coming in it; PT422 for a message of another
--          length; PT429 over the quota, or with five answers coming.
-- Definer: users may not write the tables. May call: signed-in users.
create function public.begin_chat_turn(session uuid, message text) returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  caller constant uuid := (select auth.uid());
  said constant text := btrim(message, E' \t\r\n');
  words constant text := regexp_replace(said, '\s+', ' ', 'g');
  talk public.chat_sessions;
  used bigint;
  oldest timestamptz;
  place integer;
  asked uuid;
  answer public.chat_messages;
  before jsonb;
begin
  if caller is null then
    perform private.refuse(401, 'Sign in first.');
  end if;
  if said is null or char_length(said) not between 1 and 8000 then
    perform private.refuse(422, 'A message has 1 to 8000 characters.', '[{"field": "message", "message": "has to have 1 to 8000 characters"}]');
  end if;

  -- one at a time per user, so that two parallel calls cannot both be the last of the quota
  perform pg_advisory_xact_lock(hashtextextended('begin_chat_turn ' || caller, 0));
  if session is not null then
    select * into talk from public.chat_sessions s where s.id = session and s.user_id = caller for update;
    if not found then
      perform private.refuse(404, 'There is no such chat session.');
    end if;
  end if;
  update public.chat_messages m set
    state = 'interrupted', finished_at = now(), error_class = 'interrupted',
    error = 'The server that was answering stopped. What had come is kept.'
  where m.user_id = caller and m.state = 'streaming' and m.lease_until < now();
  if exists (select 1 from public.chat_messages m where m.session_id = talk.id and m.state = 'streaming') then
    perform private.refuse(409, 'An answer is still coming in this session; wait for it or stop it.');
  end if;
  if (select count(*) from public.chat_messages m where m.user_id = caller and m.state = 'streaming') >= 5 then
    perform private.refuse(429, 'Five answers are coming already; wait for one to finish or stop it.');
  end if;
  delete from private.chat_turns t where t.user_id = caller and t.asked_at <= now() - interval '24 hours';
  select count(*), min(t.asked_at) into used, oldest from private.chat_turns t where t.user_id = caller;
  perform private.refuse_over_quota('chat', used, oldest);
  insert into private.chat_turns (user_id) values (caller);

  if talk.id is null then
    insert into public.chat_sessions (user_id, title)
    values (caller, case when char_length(words) <= 60 then words else regexp_replace(left(words, 60), '\s+\S*$', '') || '…' end)
    returning * into talk;
  end if;
  select coalesce(jsonb_agg(jsonb_build_object('role', h.role, 'text', h.text) order by h.position), '[]') into before
  from (
    select r.*, sum(char_length(r.text)) over (order by r.position desc) as so_far
    from (
      select m.position, m.role, left(m.text, 8000) as text from public.chat_messages m
      where m.session_id = talk.id and m.text <> ''
      order by m.position desc
      limit 20
    ) r
  ) h
  where h.so_far <= 24000;
  select coalesce(max(m.position), 0) into place from public.chat_messages m where m.session_id = talk.id;
  insert into public.chat_messages (session_id, user_id, position, role, text, finished_at)
  values (talk.id, caller, place + 1, 'user', said, now())
  returning id into asked;
  insert into public.chat_messages (session_id, user_id, position, role, state, lease_token, lease_until)
  values (talk.id, caller, place + 2, 'assistant', 'streaming', nextval('private.chat_lease'), now() + interval '20 seconds')
  returning * into answer;
  update public.chat_sessions s set last_message_at = now() where s.id = talk.id;
  return jsonb_build_object('session_id', talk.id, 'title', talk.title, 'user_message_id', asked, 'message_id', answer.id,
    'lease_token', answer.lease_token, 'history', before);
end
$$;
grant execute on function public.begin_chat_turn(uuid, text) to authenticated;

-- Does:    saves how far the answers of one process are, all in one call, and renews their leases.
-- Takes:   [{message_id, lease_token, text, space, first_text_ago}]; text is all so far, null when nothing was added; how many seconds
--          ago the first of it came.
-- Returns: for each "go on", "stop" (its owner asked) or "lost" (it ended or was deleted: write nothing more).
-- May call: service_role. Safe to repeat.
create function public.record_chat_answers(answers jsonb) returns table (message_id uuid, verdict text)
language sql
set search_path = ''
as $$
  with told as (
    select * from jsonb_to_recordset(answers) as r (message_id uuid, lease_token bigint, text text, space text, first_text_ago double precision)
  ), written as (
    update public.chat_messages m set
      text = coalesce(t.text, m.text),
      space = coalesce(t.space, m.space),
      first_text_at = coalesce(m.first_text_at, now() - make_interval(secs => t.first_text_ago)),
      lease_until = now() + interval '20 seconds'
    from told t
    where m.id = t.message_id and m.lease_token = t.lease_token and m.state = 'streaming'
      and (t.text is not null or m.lease_until < now() + interval '15 seconds')
  )
  select t.message_id, case when m.id is null then 'lost' when m.stop_requested_at is not null then 'stop' else 'go on' end
  from told t
  left join public.chat_messages m on m.id = t.message_id and m.lease_token = t.lease_token and m.state = 'streaming'
$$;
grant execute on function public.record_chat_answers(jsonb) to service_role;

-- Does:    ends an answer, once.
-- Takes:   result {state: complete | interrupted, text, citations, space, first_text_ago, error_class, error}.
-- Returns: whether it is stored, now or by the same call before; false when it had ended otherwise or was deleted.
-- May call: service_role. Safe to repeat.
create function public.finish_chat_answer(message uuid, token bigint, result jsonb) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  -- the session first, as whoever deletes it or says more in it does: so they never wait for each other in a circle
  update public.chat_sessions s set last_message_at = now()
  from public.chat_messages m
  where m.id = message and m.lease_token = token and m.state = 'streaming' and s.id = m.session_id;
  update public.chat_messages m set
    state = (result ->> 'state')::public.chat_state,
    text = result ->> 'text',
    citations = coalesce(result -> 'citations', '[]'),
    space = result ->> 'space',
    error_class = result ->> 'error_class',
    error = left(result ->> 'error', 500),
    first_text_at = coalesce(m.first_text_at, now() - make_interval(secs => (result ->> 'first_text_ago')::double precision)),
    finished_at = now()
  where m.id = message and m.lease_token = token and m.state = 'streaming';
  -- told again, because what this said the first time was lost on its way
  return found or exists (select 1 from public.chat_messages m where m.id = message and m.lease_token = token
    and m.state::text = result ->> 'state' and m.text = result ->> 'text' and m.error_class is not distinct from result ->> 'error_class');
end
$$;
grant execute on function public.finish_chat_answer(uuid, bigint, jsonb) to service_role;

-- Does:    ends the answers whose process is gone, with what had come of them.
-- Returns: how many.
-- May call: service_role. Safe to repeat.
create function public.end_lost_answers() returns integer
language plpgsql
set search_path = ''
as $$
declare
  ended integer;
begin
  update public.chat_messages m set
    state = 'interrupted', finished_at = now(), error_class = 'interrupted',
    error = 'The server that was answering stopped. What had come is kept.'
  where m.state = 'streaming' and m.lease_until < now();
  get diagnostics ended = row_count;
  return ended;
end
$$;
grant execute on function public.end_lost_answers() to service_role;

-- Does:    asks for an answer of the caller's to be stopped; its process does so within a second, and keeps what had come.
-- Returns: whether there was something to stop (false: it had ended).
-- Raises:  PT404. Definer: users may not write the table. May call: signed-in users.
create function public.stop_chat_answer(message uuid) returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  answer public.chat_messages;
begin
  select * into answer from public.chat_messages m
  where m.id = message and m.user_id = (select auth.uid()) and m.role = 'assistant'
  for update;
  if not found then
    perform private.refuse(404, 'There is no such answer.');
  end if;
  if answer.state <> 'streaming' then
    return false;
  end if;
  update public.chat_messages m set stop_requested_at = coalesce(m.stop_requested_at, now()) where m.id = message;
  return true;
end
$$;
grant execute on function public.stop_chat_answer(uuid) to authenticated;

-- Does:    makes a draft post of an answer: without [1] and the like, and without a list of sources at its end.
-- Returns: the id of the post.
-- Raises:  PT404 for what is not an answer of the caller's; PT409 while it is coming; PT422 when no text is left.
-- May call: signed-in users; their own rows only, by RLS.
create function public.draft_from_message(message uuid) returns uuid
language plpgsql
set search_path = ''
as $$
declare
  answer public.chat_messages;
  words text;
  made uuid;
begin
  select * into answer from public.chat_messages m
  where m.id = message and m.user_id = (select auth.uid()) and m.role = 'assistant';
  if not found then
    perform private.refuse(404, 'There is no such answer.');
  end if;
  if answer.state = 'streaming' then
    perform private.refuse(409, 'This answer is still coming; wait for its end.');
  end if;
  -- the heading, alone or with what follows its colon, and list items below it, to the very end
  words := regexp_replace(answer.text,
    '(?:^|\n)[ \t#*_]*(?:sources?|references?|citations?|quellen|références|fuentes|fonti|bronnen)[ \t*_]*(?::[^\n]*)?(?:\n[ \t]*(?:[-*•\[(]|\d|https?:)[^\n]*|\n[ \t]*)*$',
    '', 'i');
  words := btrim(regexp_replace(words, '[ \t]*\[(?:\d{1,3}|\?)(?:[ ]*[,;][ ]*(?:\d{1,3}|\?))*\]', '', 'g'), E' \t\r\n');
  if words = '' then
    perform private.refuse(422, 'There is no text in this answer to make a post of.');
  end if;
  insert into public.posts (user_id, text) values (answer.user_id, left(words, 63206)) returning id into made;
  return made;
end
$$;
grant execute on function public.draft_from_message(uuid) to authenticated;
