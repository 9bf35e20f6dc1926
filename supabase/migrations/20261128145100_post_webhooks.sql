-- The worker's part of webhooks: when there is something to post, and when a delivery has served its time.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    forgets deliveries that ended 30 days ago, and secrets that sign no more.
-- Returns: how many rows went, a bounded number a call.
create function private.purge_webhooks() returns integer
language plpgsql
set search_path = ''
as $$
declare
  deliveries integer;
  secrets integer;
begin
  delete from public.webhook_deliveries d where d.id = any (array(
    select x.id from public.webhook_deliveries x where x.finished_at < now() - interval '30 days'
    order by x.finished_at limit 5000 for update skip locked));
  get diagnostics deliveries = row_count;
  delete from public.webhook_secrets s where s.ends_at < now();
  get diagnostics secrets = row_count;
  return deliveries + secrets;
end
$$;
grant execute on function private.purge_webhooks() to service_role;

-- Does:    forgets what has served its time: used-up states, old keys, workers gone for a day, deliveries of webhooks.
-- Returns: how many rows went.  May call: service_role.
create or replace function public.purge_expired() returns integer
language plpgsql
set search_path = ''
as $$
declare
  gone integer := 0;
  n integer;
begin
  delete from public.oauth_states where expires_at < now() - interval '1 day';
  get diagnostics n = row_count;
  gone := gone + n;
  delete from public.idempotency_keys where created_at < now() - interval '24 hours';
  get diagnostics n = row_count;
  gone := gone + n;
  delete from public.worker_heartbeats where seen_at < now() - interval '1 day';
  get diagnostics n = row_count;
  return gone + n + private.purge_webhooks();
end
$$;

-- Does:    says in how many seconds each queue has work: 0 or less means now, null means nothing waits. Each is the first
--          row of an index, however long the queue.
-- Returns: {targets, leases, unconfirmed, media, generations, sources, occurrences, passages, documents, webhooks}.
-- May call: service_role.
create or replace function public.next_work() returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_object_agg(queue, extract(epoch from due - clock_timestamp()))
  from (
    select 'targets' as queue, min(t.next_attempt_at) as due from public.post_targets t where t.state = 'scheduled'
    union all
    select 'leases', min(t.lease_until) from public.post_targets t where t.state in ('preparing', 'sending', 'confirming')
    union all
    select 'unconfirmed', min(t.look_at) from public.post_targets t where t.state in ('unconfirmed', 'confirming')
    union all
    select 'media', min(m.next_inspection_at) from public.media m where m.status = 'uploaded'
    union all
    -- web processes start new ones at once; what is left after two seconds, or whose process died, is for workers
    select 'generations', min(case when g.status = 'queued' then g.created_at + interval '2 seconds' else g.lease_until end)
    from public.generations g where g.status in ('queued', 'waking', 'running')
    union all
    select 'sources', min(s.next_fetch_at) from public.sources s
    union all
    -- to be filled, over, or with a draft that has ended
    select 'occurrences', least(
      (select min(o.fill_at) from public.slot_occurrences o where o.state = 'open'),
      (select min(o.occurs_at) from public.slot_occurrences o where o.state in ('open', 'filling', 'review')),
      (select min(g.finished_at) from public.slot_occurrences o join public.generations g on g.id = o.generation_id
        where o.state = 'filling' and g.status in ('complete', 'failed', 'canceled')))
    union all
    select 'passages', min(q.due_at) from public.indexing_queue q where q.kind <> 'document'
    union all
    select 'documents', min(q.due_at) from public.indexing_queue q where q.kind = 'document'
    union all
    select 'webhooks', least(
      (select min(d.next_attempt_at) from public.webhook_deliveries d where d.state = 'waiting'),
      (select min(d.lease_until) from public.webhook_deliveries d where d.state = 'sending'))
  ) queues
$$;
