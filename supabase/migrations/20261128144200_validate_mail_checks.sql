-- The checks of mail hold for old rows, too. In a transaction of its own: reading the tables then blocks nobody.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.notifications validate constraint notifications_mail_state_check;
alter table public.notifications validate constraint notifications_mail_error_check;
alter table public.profiles validate constraint profiles_notification_settings_known;
