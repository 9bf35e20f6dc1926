-- What a worker asks once a second, so that it need not ask each queue.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    says in how many seconds each queue has work: 0 or less means now, null means nothing waits. Each is the first
--          row of an index, however long the queue.
-- Returns: {targets, leases, media, generations, sources, occurrences}.
-- May call: service_role.
create function public.next_work() returns jsonb
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
  ) queues
$$;
grant execute on function public.next_work() to service_role;
