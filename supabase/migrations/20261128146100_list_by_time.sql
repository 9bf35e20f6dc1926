-- A month of the calendar and the unread notifications cost what they show, not all that somebody ever had.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- one reading of the table each, some seconds for three million rows
-- squawk-ignore require-concurrent-index-creation
create index posts_user_id_scheduled_at_idx on public.posts (user_id, scheduled_at) where scheduled_at is not null;
-- squawk-ignore require-concurrent-index-creation
create index notifications_unread_idx on public.notifications (user_id, created_at desc) where read_at is null;
