-- A post that is published is put into the queue of what becomes passages by a function of its own: the one for all kinds turned
-- the whole target into JSON to read one column, which took a tenth of a millisecond of the transaction that records the outcome.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    puts a post into the queue, or says that it changed while it waited there; several accounts publish it once each.
-- Definer: nobody but the service may write the queue.
create function private.queue_published_post() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.indexing_queue as q (id, kind, user_id) values (new.post_id, 'post', new.user_id)
  on conflict (id) do update set version = q.version + 1, tries = 0, due_at = now();
  return null;
end
$$;

create or replace trigger queue_published_post after update of state on public.post_targets
  for each row when (new.state = 'published' and old.state <> 'published')
  execute function private.queue_published_post();

-- Does:    puts one thing into the queue, or says that it changed while it waited there.
-- Takes:   as the trigger's argument the kind.
-- Definer: as above.
create or replace function private.queue_changed() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.indexing_queue as q (id, kind, user_id) values (new.id, tg_argv[0], new.user_id)
  on conflict (id) do update set version = q.version + 1, tries = 0, due_at = now();
  return null;
end
$$;
