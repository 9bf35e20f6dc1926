-- Mail: which notifications are mailed, when, and what became of it. The rows of `notifications` are the outbox: they are
-- written with what they tell of, so a crash loses neither.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.notifications
  add column mail_state text,
  add column mail_due_at timestamptz,
  add column mail_id uuid,
  add column mail_tries integer not null default 0,
  add column mail_error text,
  add constraint notifications_mail_state_check check (mail_state in ('waiting', 'sending', 'sent', 'skipped', 'failed')) not valid,
  add constraint notifications_mail_error_check check (char_length(mail_error) <= 300) not valid;
comment on column public.notifications.mail_state is
  'Null: no mail. skipped: none was needed any more; failed: given up. Both say why in mail_error.';
comment on column public.notifications.mail_due_at is 'When the mail is tried; while it is being sent, when its lease ends. Null: no (more) mail.';
comment on column public.notifications.mail_id is 'The mail it is in: a digest holds several. The Message-ID is made of it.';
-- only what waits for its mail is in it; no row is while it is built
-- squawk-ignore require-concurrent-index-creation
create index notifications_mail_due_at_idx on public.notifications (mail_due_at) where mail_due_at is not null;

-- Does:    what a kind of notification is called in the settings of mail; null for kinds that are shown in the app only.
create function private.mail_topic(kind text) returns text
language sql
immutable
set search_path = ''
as $$
  select case kind
    when 'target_published' then 'published'
    when 'post_partly_published' then 'partly_published'
    when 'target_failed' then 'failed'
    when 'target_quarantined' then 'failed'
    when 'target_unconfirmed' then 'unconfirmed'
    when 'target_missed' then 'missed'
    when 'account_needs_reconnect' then 'needs_reconnect'
    when 'token_ends_soon' then 'token_ends'
    when 'draft_awaits_review' then 'review'
  end
$$;

-- Does:    whether somebody with these settings wants mail of a topic. What asks for something is mailed unless it was
--          switched off, what went well only if it was switched on; "mail": false switches all of it off.
create function private.wants_mail(settings jsonb, topic text) returns boolean
language sql
immutable
set search_path = ''
as $$
  select coalesce((settings ->> 'mail')::boolean, true) and coalesce((settings ->> topic)::boolean, topic <> 'published')
$$;

-- Does:    whether settings can be used: topics and "mail" are true or false, "digest_hour" is an hour from 0 to 23, or null for
--          a mail at once. What we do not know is the frontend's own.
create function private.are_notification_settings(settings jsonb) returns boolean
language sql
immutable
set search_path = ''
as $$
  select not exists (
    select 1 from jsonb_each(case when jsonb_typeof(settings) = 'object' then settings else '{}' end) as s (name, value)
    where (s.name in ('mail', 'published', 'partly_published', 'failed', 'unconfirmed', 'missed', 'needs_reconnect', 'token_ends', 'review')
        and jsonb_typeof(s.value) <> 'boolean')
      or (s.name = 'digest_hour' and s.value::text !~ '^(null|\d|1\d|2[0-3])$'))
$$;
grant execute on function private.are_notification_settings(jsonb) to authenticated, service_role;

-- nothing read them until now: what cannot be used was without effect
update public.profiles set notification_settings = '{}' where not private.are_notification_settings(notification_settings);
alter table public.profiles add constraint profiles_notification_settings_known
  check (private.are_notification_settings(notification_settings)) not valid;
comment on column public.profiles.notification_settings is
  'Mail by topic (true or false), "mail": false for none at all, "digest_hour": one mail a day at this hour of the user''s zone.';

-- Does:    the next time it is `hour` o'clock in a zone, after a moment. An hour that clocks leave out is the first minute after
--          the gap, one that comes twice is its first.
create function private.next_hour(hour integer, zone text, moment timestamptz) returns timestamptz
language sql
stable
set search_path = ''
as $$
  select min(c.instant) from (
    select private.instant_of((moment at time zone zone)::date + n, make_time(hour, 0, 0), zone) as instant from generate_series(0, 2) n
  ) c where c.instant > moment
$$;

-- Does:    decides when a new notification is mailed, if at all. A failure waits two minutes while the same post is
--          still on its way to other accounts: one mail then tells of both.
-- Definer: who causes an event may not read its owner's settings.
create function private.put_into_outbox() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  topic constant text := private.mail_topic(new.kind);
  owner record;
begin
  if topic is null then
    return new;
  end if;
  select p.notification_settings as settings, p.timezone into owner from public.profiles p where p.id = new.user_id;
  if not found or not private.wants_mail(owner.settings, topic) then
    return new;
  end if;
  new.mail_state := 'waiting';
  new.mail_due_at := case
    when owner.settings ->> 'digest_hour' is not null then
      private.next_hour((owner.settings ->> 'digest_hour')::integer, owner.timezone, clock_timestamp())
    when topic in ('failed', 'missed') and exists (
      select 1 from public.post_targets t
      where t.post_id = (new.payload ->> 'post_id')::uuid and t.id <> (new.payload ->> 'target_id')::uuid
        and t.state in ('scheduled', 'preparing', 'sending', 'confirming'))
      then clock_timestamp() + interval '2 minutes'
    else clock_timestamp() end;
  return new;
end
$$;
create trigger put_into_outbox before insert on public.notifications
  for each row execute function private.put_into_outbox();

-- Does:    why a notification that is due needs no mail any more; null when it still does.
create function private.mail_not_needed(n public.notifications) returns text
language sql
stable
set search_path = ''
as $$
  select case
    when exists (select 1 from public.account_deletions d where d.user_id = n.user_id) then 'The account is being deleted.'
    when n.read_at is not null then 'It was read before.'
    when not private.wants_mail(p.notification_settings, private.mail_topic(n.kind)) then 'This mail was switched off.'
    when n.created_at < now() - interval '3 days' then 'It is too old.'
    when n.kind in ('target_failed', 'target_missed') and exists (
      select 1 from public.notifications o
      where o.user_id = n.user_id and o.kind = 'post_partly_published' and o.payload ->> 'post_id' = n.payload ->> 'post_id'
        and o.created_at >= n.created_at and o.mail_state in ('waiting', 'sending', 'sent')) then 'The mail about the whole post tells it.'
    when n.kind like 'target\_%' and not exists (
      select 1 from public.post_targets t
      where t.id = (n.payload ->> 'target_id')::uuid and 'target_' || t.state = n.kind) then 'It is settled.'
    when n.kind = 'post_partly_published' and not exists (
      select 1 from public.posts o where o.id = (n.payload ->> 'post_id')::uuid and o.status = 'partly_published') then 'It is settled.'
    when n.kind = 'draft_awaits_review' and not exists (
      select 1 from public.slot_occurrences o
      where o.id = (n.payload ->> 'occurrence_id')::uuid and o.state = 'review' and o.occurs_at > now()) then 'It is settled.'
    when n.kind = 'account_needs_reconnect' and not exists (
      select 1 from public.social_accounts a
      where a.id = (n.payload ->> 'account_id')::uuid and a.status = 'needs_reconnect') then 'It is settled.'
    when n.kind = 'token_ends_soon' and not exists (
      select 1 from public.social_accounts a
      where a.id = (n.payload ->> 'account_id')::uuid and a.status = 'active'
        and a.token_expires_at = (n.payload ->> 'ends_at')::timestamptz) then 'It is settled.'
  end
  from public.profiles p where p.id = n.user_id
$$;

-- Does:    hands out mails that are due, each to one worker until its lease ends. What a person has in a digest, or more than
--          three that are due at once, makes one mail. What nobody needs any more is skipped.
--          After six tries a mail is given up. Of one whose worker died while sending it nobody knows whether it went:
--          it is sent again, under the same mail_id, unless it only says that all went well.
-- Takes:   mails of how many people; the lease in seconds.
-- Returns: [{mail_id, try, user_id, address, name, locale, timezone, items: [{id, kind, topic, created_at, payload, text}]}].
-- Definer: addresses are Auth's.
-- May call: service_role.
create function public.claim_mails(take integer, lease_seconds integer) returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  owners uuid[];
  due uuid[];
begin
  owners := array(
    select p.id from public.profiles p
    where p.id in (
      select w.user_id from (
        select n.user_id from public.notifications n where n.mail_due_at <= clock_timestamp() order by n.mail_due_at limit 500
      ) w)
    order by p.id
    limit take
    for no key update skip locked);
  due := array(
    select n.id from public.notifications n
    where n.mail_due_at <= clock_timestamp() and n.user_id = any (owners)
    order by n.id
    limit 1000
    for update);

  update public.notifications n set
    mail_due_at = null,
    mail_state = case when e.given_up is null then 'skipped' else 'failed' end,
    mail_error = coalesce(e.given_up, e.not_needed)
  from (
    select d.id, private.mail_not_needed(d) as not_needed, case
      when u.email is null or u.email_confirmed_at is null then 'There is no confirmed address.'
      when d.mail_state = 'sending' and d.kind = 'target_published' then 'Its worker died while sending it; it may have gone.'
      when d.mail_tries >= 6 then 'It was tried six times: ' || coalesce(d.mail_error, 'its worker died each time.')
    end as given_up
    from public.notifications d left join auth.users u on u.id = d.user_id
    where d.id = any (due)
  ) e
  where n.id = e.id and (e.not_needed is not null or e.given_up is not null);

  update public.notifications n set
    mail_state = 'sending', mail_tries = n.mail_tries + 1, mail_due_at = clock_timestamp() + make_interval(secs => lease_seconds),
    mail_id = coalesce(n.mail_id, case when m.together then m.first_id else n.id end)
  from (
    select w.id,
      w.mail_id is null and (p.notification_settings ->> 'digest_hour' is not null
        or count(*) filter (where w.mail_id is null) over (partition by w.user_id) > 3) as together,
      -- the oldest of those that are in no mail yet
      first_value(w.id) over (partition by w.user_id, w.mail_id is null order by w.created_at, w.id) as first_id
    from public.notifications w join public.profiles p on p.id = w.user_id
    where w.id = any (due) and w.mail_due_at is not null
  ) m
  where n.id = m.id;

  return coalesce((
    select jsonb_agg(one.mail order by one.mail_id)
    from (
      select n.mail_id, jsonb_build_object(
        'mail_id', n.mail_id, 'try', max(n.mail_tries), 'user_id', n.user_id, 'address', u.email, 'name', p.display_name,
        'locale', p.locale, 'timezone', p.timezone,
        'items', jsonb_agg(jsonb_build_object(
          'id', n.id, 'kind', n.kind, 'topic', private.mail_topic(n.kind), 'created_at', n.created_at, 'payload', n.payload,
          'text', (select left(o.text, 400) from public.posts o where o.id = (n.payload ->> 'post_id')::uuid))
          order by n.created_at, n.id)) as mail
      from public.notifications n
      join public.profiles p on p.id = n.user_id
      join auth.users u on u.id = n.user_id
      where n.id = any (due) and n.mail_state = 'sending' and n.mail_due_at is not null
      group by n.mail_id, n.user_id, u.email, p.display_name, p.locale, p.timezone
    ) one), '[]'::jsonb);
end
$$;
grant execute on function public.claim_mails(integer, integer) to service_role;

-- Does:    says what became of mails.
-- Takes:   results [{ids: the notifications in it, try, outcome, error, after_seconds}]. Outcome is "sent" | "retry" (the server
--          wants it later, or may have it) | "later" (surely not sent, and not this mail's fault: uses up no try) | "failed"
--          (it is no use to try again).
-- Returns: how many notifications were written. One that another worker has taken since is left to that one.
-- May call: service_role.
create function public.record_mails(results jsonb) returns integer
language plpgsql
set search_path = ''
as $$
declare
  written integer;
begin
  update public.notifications n set
    emailed_at = case when r.outcome = 'sent' then clock_timestamp() else n.emailed_at end,
    mail_state = case
      when r.outcome = 'sent' then 'sent'
      when r.outcome = 'failed' or (r.outcome = 'retry' and n.mail_tries >= 6) then 'failed'
      else 'waiting' end,
    mail_due_at = case when r.outcome in ('retry', 'later') and not (r.outcome = 'retry' and n.mail_tries >= 6)
      then clock_timestamp() + make_interval(secs => coalesce(r.after_seconds, 0)) end,
    mail_tries = n.mail_tries - case when r.outcome = 'later' then 1 else 0 end,
    mail_error = case when r.outcome <> 'sent' then left(r.error, 300) end
  from jsonb_to_recordset(results) as r (ids uuid[], "try" integer, outcome text, error text, after_seconds double precision),
    unnest(r.ids) as i (id)
  where n.id = i.id and n.mail_state = 'sending' and n.mail_tries = r."try";
  get diagnostics written = row_count;
  return written;
end
$$;
grant execute on function public.record_mails(jsonb) to service_role;

-- Does:    switches off a topic of somebody's mail ("mail": all of it), as their unsubscribe link asks.
-- Returns: false when there is no such person any more.
-- Raises:  PT422 for a topic that we do not know.
-- May call: service_role.
create function public.stop_mails(owner uuid, topic text) returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if private.are_notification_settings(jsonb_build_object(topic, 0)) then
    perform private.refuse(422, 'There is no such mail.');
  end if;
  update public.profiles p set notification_settings = p.notification_settings || jsonb_build_object(topic, false) where p.id = owner;
  return found;
end
$$;
grant execute on function public.stop_mails(uuid, text) to service_role;
