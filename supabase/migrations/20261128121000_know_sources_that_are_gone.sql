-- A state of its own for sources that answer no more. Apart, because a new value cannot be used where it is added.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter type public.source_status add value 'gone' after 'failing'; -- its server said so, or it failed for a month; tried once a week
