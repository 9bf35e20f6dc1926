-- Instagram takes a video only when its index (the moov box of an MP4) stands in front; phones write it at the end. That is told
-- when it is scheduled.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.media add column index_first boolean;
comment on column public.media.index_first is 'Whether a video''s index stands before its pictures, so that it can be played while it comes; null: not known.';

