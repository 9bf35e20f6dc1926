-- Platforms, the accounts users connected on them, and what connecting needs.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

create table public.platforms (
  id text primary key check (id ~ '^[a-z]{1,30}$'),
  name text not null,
  limits jsonb not null check (jsonb_typeof(limits) = 'object'),
  enabled boolean not null default false
);
comment on table public.platforms is 'The social networks Lin knows, and their limits (see seed.sql for the shape).';

alter table public.platforms enable row level security;
create policy "Everybody signed in reads the platforms" on public.platforms
  for select to authenticated using (true);
grant select on public.platforms to authenticated;
grant select, insert, update, delete on public.platforms to service_role;

create type public.account_kind as enum ('person', 'page', 'organization', 'professional');
create type public.account_status as enum (
  'active',          -- may publish
  'needs_reconnect', -- the permission is gone; its owner has to connect again
  'disconnected'     -- its owner disconnected it; tokens are forgotten
);

create table public.social_accounts (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  platform_id text not null references public.platforms (id),
  kind public.account_kind not null default 'person',
  external_id text not null check (char_length(external_id) between 1 and 200),
  account_name text not null check (char_length(account_name) between 1 and 300),
  given_name text check (char_length(given_name) <= 200),
  family_name text check (char_length(family_name) <= 200),
  picture_url text check (char_length(picture_url) <= 2000),
  granted_scopes text[] not null default '{}',
  status public.account_status not null default 'active',
  token_expires_at timestamptz,
  last_error text check (char_length(last_error) <= 500),
  connected_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, platform_id, external_id),
  unique (id, user_id) -- so that what refers to an account can prove it has the same owner
);
comment on table public.social_accounts is 'A connected identity on a platform. Reconnecting keeps the row.';
create index social_accounts_not_active_idx on public.social_accounts (id) where status <> 'active';
create index social_accounts_platform_id_idx on public.social_accounts (platform_id);
create index social_accounts_token_expires_at_idx on public.social_accounts (token_expires_at) where status = 'active';

alter table public.social_accounts enable row level security;
create policy "People read their own accounts" on public.social_accounts
  for select to authenticated using (user_id = (select auth.uid()));
grant select on public.social_accounts to authenticated;
grant select, insert, update, delete on public.social_accounts to service_role;

create trigger set_updated_at before update on public.social_accounts
  for each row execute function private.set_updated_at();

create table public.social_account_tokens (
  account_id uuid primary key references public.social_accounts (id) on delete cascade,
  access_token_sealed text not null check (char_length(access_token_sealed) <= 20000),
  refresh_token_sealed text check (char_length(refresh_token_sealed) <= 20000),
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  version bigint not null default 1,
  refresh_lease_until timestamptz,
  updated_at timestamptz not null default now()
);
comment on table public.social_account_tokens is
  'Sealed platform tokens (JWE, bound to the account). version rises with every change: write only over the one you read.';

comment on column public.social_account_tokens.refresh_lease_until is 'Until then one worker refreshes; the others wait for its result.';
create index social_account_tokens_refresh_idx on public.social_account_tokens (access_token_expires_at)
  where refresh_token_sealed is not null;

alter table public.social_account_tokens enable row level security;
create policy "Nobody but the service reads tokens" on public.social_account_tokens
  for select to authenticated using (false);
grant select, insert, update, delete on public.social_account_tokens to service_role;

create table public.oauth_states (
  state_hash text primary key check (char_length(state_hash) = 64),
  user_id uuid not null references auth.users (id) on delete cascade,
  platform_id text not null references public.platforms (id),
  verifier_sealed text not null check (char_length(verifier_sealed) <= 2000),
  browser_hash text not null check (char_length(browser_hash) = 64),
  redirect_to text not null check (char_length(redirect_to) <= 2000),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
comment on table public.oauth_states is
  'One started connection. Only the SHA-256 of the state is kept; used once, within its time.';
create index oauth_states_user_id_idx on public.oauth_states (user_id);
create index oauth_states_platform_id_idx on public.oauth_states (platform_id);
create index oauth_states_expires_at_idx on public.oauth_states (expires_at);

alter table public.oauth_states enable row level security;
create policy "Nobody but the service reads OAuth states" on public.oauth_states
  for select to authenticated using (false);
grant select, insert, update, delete on public.oauth_states to service_role;
