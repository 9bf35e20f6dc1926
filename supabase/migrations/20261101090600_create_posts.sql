-- What users write and where it goes: post, its media, its targets, and every attempt at a target.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create type public.post_status as enum (
  'draft', 'scheduled', 'publishing', 'published', 'partly_published', 'needs_attention', 'failed', 'missed', 'canceled'
);

create type public.target_state as enum (
  'draft',           -- not scheduled
  'scheduled',       -- waits for next_attempt_at
  'preparing',       -- leased; nothing irreversible done: media upload, token check
  'sending',         -- the mark is committed; the create call may have left. Never sent again by the machine
  'confirming',      -- the platform accepted and finishes later
  'published',       -- live, with its id or the stated "id unknown"
  'unconfirmed',     -- it may be live; its owner or a read-back settles it
  'needs_reconnect', -- the account's permission is gone; goes on when it is connected again
  'failed',          -- refused for good, or tries used up
  'missed',          -- later than max_lateness before the first send
  'quarantined',     -- claimed three times without reaching an outcome
  'canceled'         -- its owner canceled it
);

create table public.posts (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  text text not null default '' check (char_length(text) <= 63206),
  status public.post_status not null default 'draft',
  scheduled_at timestamptz,
  max_lateness interval not null default '6 hours' check (max_lateness between interval '1 minute' and interval '7 days'),
  generation_id uuid,
  approved_at timestamptz,
  approved_by text check (approved_by in ('owner', 'slot')),
  queued_at timestamptz,
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (id, user_id),
  foreign key (generation_id, user_id) references public.generations (id, user_id) on delete set null (generation_id)
);
comment on table public.posts is 'What a user wrote. status is derived from the targets, see private.derived_post_status.';
comment on column public.posts.text is '63206 characters are the most any platform takes (Facebook).';
comment on column public.posts.max_lateness is 'An overdue post still goes out within this time; later it is missed.';
comment on column public.posts.approved_at is 'When its owner said that it shall be published (scheduled it).';
comment on column public.posts.approved_by is
  'Who approved it: its owner by scheduling it, or a slot whose approval is auto; approved_at is then the moment its owner chose that.';
comment on column public.posts.queued_at is
  'When its owner queued it: a slot in queue mode takes the oldest draft first. Null is not queued. Kept while a slot holds the post.';
comment on column public.posts.version is 'Rises with every change of what would be sent; a send mark for an older version is refused.';
create index posts_user_id_created_at_idx on public.posts (user_id, created_at desc);
create index posts_generation_id_user_id_idx on public.posts (generation_id, user_id);
create index posts_queued_idx on public.posts (user_id, queued_at, id) where queued_at is not null;

alter table public.posts enable row level security;
create policy "People read their own posts" on public.posts
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People write posts of their own" on public.posts
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "People edit their own posts" on public.posts
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People delete own posts that are neither out nor going out" on public.posts
  for delete to authenticated
  using (user_id = (select auth.uid()) and status in ('draft', 'scheduled', 'failed', 'missed', 'canceled'));

grant select, delete on public.posts to authenticated;
grant insert (id, user_id, text, max_lateness, generation_id, queued_at) on public.posts to authenticated;
grant update (text, max_lateness, queued_at) on public.posts to authenticated;
grant select, insert, update, delete on public.posts to service_role;

create table public.post_media (
  post_id uuid not null,
  media_id uuid not null,
  user_id uuid not null default auth.uid(),
  position integer not null default 0 check (position between 0 and 34),
  primary key (post_id, media_id),
  unique (post_id, user_id, position), -- with user_id, so that it tells nobody what another user's post holds
  foreign key (post_id, user_id) references public.posts (id, user_id) on delete cascade,
  -- cascade only for the deletion of a user; otherwise private.guard_media_delete refuses first
  foreign key (media_id, user_id) references public.media (id, user_id) on delete cascade
);
comment on table public.post_media is 'The media of a post, in order. user_id proves that post and media have one owner.';
create index post_media_media_id_user_id_idx on public.post_media (media_id, user_id);
create index post_media_user_id_idx on public.post_media (user_id);

alter table public.post_media enable row level security;
create policy "People read the media of their own posts" on public.post_media
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People add media to their own posts" on public.post_media
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "People reorder the media of their own posts" on public.post_media
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People remove media from their own posts" on public.post_media
  for delete to authenticated using (user_id = (select auth.uid()));

grant select, delete on public.post_media to authenticated;
grant insert (post_id, media_id, user_id, position) on public.post_media to authenticated;
grant update (position) on public.post_media to authenticated;
grant select, insert, update, delete on public.post_media to service_role;

create sequence private.target_lease as bigint;
grant usage on sequence private.target_lease to service_role;

create table public.post_targets (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null default auth.uid(),
  post_id uuid not null,
  account_id uuid not null,
  text_override text check (char_length(text_override) <= 63206),
  options jsonb not null default '{}' check (jsonb_typeof(options) = 'object' and pg_column_size(options) <= 8192),
  state public.target_state not null default 'draft',
  due_at timestamptz,
  next_attempt_at timestamptz,
  deadline_at timestamptz,
  attempts integer not null default 0,
  failures integer not null default 0,
  stalls integer not null default 0,
  version bigint not null default 1,
  lease_token bigint,
  lease_until timestamptz,
  worker text,
  external_id text check (char_length(external_id) <= 300),
  external_id_unknown boolean not null default false,
  external_url text check (char_length(external_url) <= 1000),
  error_class text check (char_length(error_class) <= 50),
  error text check (char_length(error) <= 500),
  published_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (post_id, account_id),
  unique (id, user_id),
  foreign key (post_id, user_id) references public.posts (id, user_id) on delete cascade,
  foreign key (account_id, user_id) references public.social_accounts (id, user_id) on delete cascade,
  constraint a_target_that_waits_knows_its_time check (
    state <> 'scheduled' or (due_at is not null and next_attempt_at is not null and deadline_at is not null)),
  constraint a_target_at_work_is_leased check (
    state not in ('preparing', 'sending', 'confirming') or (lease_token is not null and lease_until is not null)),
  constraint published_names_its_id_or_says_it_is_unknown check (
    state <> 'published' or (published_at is not null and (external_id is not null or external_id_unknown)))
);
comment on table public.post_targets is 'This post on that account: the queue of the publisher. Each row tells its own truth.';
comment on column public.post_targets.attempts is 'Attempts so far; each is a row of publish_attempts.';
comment on column public.post_targets.failures is 'Attempts that used up a try (at most 6).';
comment on column public.post_targets.stalls is 'Claims in a row whose worker vanished before the send mark; three put it in quarantine.';
comment on column public.post_targets.lease_token is 'Fencing token: rises with every claim; a write under an older one changes nothing.';
comment on column public.post_targets.deadline_at is 'due_at + the post''s max_lateness.';

create index post_targets_post_id_user_id_idx on public.post_targets (post_id, user_id);
create index post_targets_account_id_user_id_idx on public.post_targets (account_id, user_id);
create index post_targets_user_id_idx on public.post_targets (user_id);
-- the claim: due ones, oldest first
create index post_targets_due_idx on public.post_targets (next_attempt_at, id) where state = 'scheduled';
-- the claim's question whether an account has an earlier one waiting
create index post_targets_account_due_idx on public.post_targets (account_id, next_attempt_at, id) where state = 'scheduled';
create index post_targets_deadline_idx on public.post_targets (deadline_at) where state = 'scheduled';
create index post_targets_needs_reconnect_idx on public.post_targets (account_id) where state = 'needs_reconnect';
create index post_targets_lease_until_idx on public.post_targets (lease_until) where state in ('preparing', 'sending', 'confirming');
-- at most one target of an account is at work, whatever any worker believes
create unique index post_targets_one_at_work_per_account_idx on public.post_targets (account_id)
  where state in ('preparing', 'sending', 'confirming');
-- one platform post belongs to one target of an account
create unique index post_targets_external_id_idx on public.post_targets (account_id, external_id) where external_id is not null;

alter table public.post_targets enable row level security;
create policy "People read their own targets" on public.post_targets
  for select to authenticated using (user_id = (select auth.uid()));
create policy "People choose accounts for their own posts" on public.post_targets
  for insert to authenticated with check (user_id = (select auth.uid()));
create policy "People adapt their own targets" on public.post_targets
  for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy "People remove own targets that are neither out nor going out" on public.post_targets
  for delete to authenticated
  using (user_id = (select auth.uid())
    and state in ('draft', 'scheduled', 'failed', 'missed', 'canceled', 'needs_reconnect', 'quarantined'));

grant select, delete on public.post_targets to authenticated;
grant insert (id, user_id, post_id, account_id, text_override, options) on public.post_targets to authenticated;
grant update (text_override, options) on public.post_targets to authenticated;
grant select, insert, update, delete on public.post_targets to service_role;

create type public.attempt_outcome as enum (
  'published', 'confirming', 'unconfirmed', 'failed', 'needs_reconnect', 'retry',
  'not_sent', -- ended before the send mark: the worker vanished, stopped, or its lease ran out
  'changed'   -- ended before the send mark because its owner edited or canceled
);

create table public.publish_attempts (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  target_id uuid not null,
  number integer not null check (number > 0),
  lease_token bigint not null unique,
  worker text not null,
  phase text not null default 'preparing' check (phase in ('preparing', 'sending')),
  started_at timestamptz not null default now(),
  sending_at timestamptz,
  finished_at timestamptz,
  outcome public.attempt_outcome,
  http_status integer,
  platform_request_id text check (char_length(platform_request_id) <= 200),
  error_class text check (char_length(error_class) <= 50),
  error text check (char_length(error) <= 500),
  late_result jsonb,
  unique (target_id, number),
  foreign key (target_id, user_id) references public.post_targets (id, user_id) on delete cascade,
  constraint ended_attempts_have_an_outcome check ((finished_at is null) = (outcome is null))
);
comment on table public.publish_attempts is 'Every try at a target, written before anything leaves the worker.';
comment on column public.publish_attempts.late_result is 'What a worker learned after it had lost its lease.';
create index publish_attempts_target_id_user_id_idx on public.publish_attempts (target_id, user_id);
create index publish_attempts_user_id_idx on public.publish_attempts (user_id);
create unique index publish_attempts_one_open_per_target_idx on public.publish_attempts (target_id) where finished_at is null;

alter table public.publish_attempts enable row level security;
create policy "People read the attempts at their own targets" on public.publish_attempts
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.publish_attempts to authenticated;
grant select, insert, update, delete on public.publish_attempts to service_role;
