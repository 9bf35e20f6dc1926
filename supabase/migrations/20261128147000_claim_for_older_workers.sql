-- Workers of the release before read each file of a post by its fields and know none that were added since: one post with a picture
-- made their whole claim unreadable, again and again, until its posts were quarantined. What is known of videos stands beside the
-- files now, where they do not look.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    all that publishing these claimed targets needs; notes of another version are not shown. Add what is new beside `media`,
--          never in it.
create or replace function private.claimed_targets(targets uuid[]) returns table (target_id uuid, due_at timestamptz, told jsonb)
language sql
stable
set search_path = ''
as $$
  select t.id, t.next_attempt_at, jsonb_build_object(
    'target_id', t.id, 'post_id', t.post_id, 'user_id', t.user_id, 'account_id', t.account_id, 'platform', a.platform_id,
    'lease_token', t.lease_token, 'lease_until', t.lease_until, 'attempt', t.attempts, 'failures', t.failures,
    'due_at', t.next_attempt_at, 'deadline_at', t.deadline_at, 'post_version', p.version, 'target_version', t.version,
    'text', coalesce(t.text_override, p.text), 'options', t.options,
    'account', jsonb_build_object('external_id', a.external_id, 'account_name', a.account_name, 'kind', a.kind,
      'username', a.username, 'granted_scopes', a.granted_scopes),
    'token', case when k.account_id is not null then jsonb_build_object(
      'access_token_sealed', k.access_token_sealed, 'refresh_token_sealed', k.refresh_token_sealed,
      'access_token_expires_at', k.access_token_expires_at, 'refresh_token_expires_at', k.refresh_token_expires_at, 'version', k.version) end,
    'notes', coalesce((select n.notes from public.publication_notes n
      where n.target_id = t.id and (n.post_version, n.target_version) = (p.version, t.version)), '{}'::jsonb),
    'media', coalesce((
      select jsonb_agg(jsonb_build_object('media_id', m.id, 'path', m.path, 'kind', m.kind, 'mime', m.mime, 'bytes', m.bytes,
        'checksum', m.checksum, 'alt_text', m.alt_text, 'width', m.width, 'height', m.height, 'duration', m.duration) order by pm.position)
      from public.post_media pm join public.media m on m.id = pm.media_id where pm.post_id = p.id), '[]'::jsonb),
    'videos', coalesce((
      select jsonb_object_agg(m.id, jsonb_build_object('frame_rate', m.frame_rate, 'codec', m.codec, 'index_first', m.index_first))
      from public.post_media pm join public.media m on m.id = pm.media_id
      where pm.post_id = p.id and m.kind = 'video'), '{}'::jsonb))
  from public.post_targets t
  join public.posts p on p.id = t.post_id
  join public.social_accounts a on a.id = t.account_id
  left join public.social_account_tokens k on k.account_id = a.id
  where t.id = any (targets)
$$;
