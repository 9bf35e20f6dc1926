-- What is known of a video is kept: how many pictures a second it has, and what they are coded with. Platforms have limits of both.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

alter table public.media
  add column frame_rate double precision check (frame_rate > 0),
  add column codec text check (char_length(codec) <= 100);
comment on column public.media.frame_rate is 'Pictures a second; null: the file does not tell.';
comment on column public.media.codec is 'What the pictures of a video are coded with: H.264, H.265, VP8, VP9, AV1, ProRes; null: the file does not tell.';

