-- The platforms Lin knows, with their limits. Idempotent: run again after an upgrade. Holds nothing secret.
--
-- limits.text:    max, and how it is counted: "characters" (Unicode code points), "utf16" (UTF-16 units), "weighted" (X's rule);
--                 thread: a longer one may go out as several posts.
-- limits.media:   one entry for each kind of file the platform takes: max (files in one post), mimes, min_bytes, max_bytes,
--                 max_pixels (width × height, exclusive), min_width, max_width, min_height, max_height, min_ratio, max_ratio
--                 (width ÷ height), min_seconds, max_seconds, min_frame_rate, max_frame_rate (pictures a second, rounded),
--                 codecs (of the pictures), index_first: the index has to stand before the pictures; max_pages, max_alt_text,
--                 max_text (of the text beside it, where it is another than text.max); fit: made to fit, so it is not refused
--                 for its size. What a file does not tell violates nothing.
--                 required: no post without media; mixed: kinds may be mixed; max: files in all;
--                 one_shape: files that differ more in width ÷ height (as padded) are refused unless the option is chosen.
-- limits.options: the options of a target: a list of the values, or "boolean", "text", "number", "list", "object".
-- read_back_scope: the scope with which an account's own posts can be read, so that an unconfirmed one can be looked for;
--                 several are separated by spaces, and each of them is enough.
-- metrics_scope:   the scope with which an account is told how its posts do; several as above.
-- refresh_before:  how long before its end an access token is refreshed.
-- The figures are those of the platforms' documentation, 2026; each stands in the platform's class as well, and a test
-- compares the two.

insert into public.platforms (id, name, enabled, read_back_scope, limits) values
  ('facebook', 'Facebook Pages', true, 'pages_read_engagement', '{
    "text": {"max": 63206, "counted": "characters"},
    "media": {
      "mixed": false,
      "image": {"max": 10, "fit": true},
      "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 4000000},
      "video": {"max": 1, "mimes": ["video/mp4"], "max_bytes": 2000000000, "max_seconds": 2400}
    },
    "options": {"link": "text", "reel": "boolean"}
  }'),
  ('instagram', 'Instagram', true, 'instagram_business_basic instagram_basic', '{
    "text": {"max": 2200, "counted": "characters"},
    "media": {
      "mixed": true,
      "required": true,
      "max": 10,
      "one_shape": {"differ": 0.02, "min_ratio": 0.8, "max_ratio": 1.91, "unless": "crop"},
      "image": {"max": 10, "fit": true, "max_alt_text": 1000},
      "video": {"max": 10, "mimes": ["video/mp4", "video/quicktime"], "max_bytes": 300000000, "min_seconds": 3, "max_seconds": 900,
        "max_width": 1920, "min_ratio": 0.01, "max_ratio": 10,
        "min_frame_rate": 23, "max_frame_rate": 60, "codecs": ["H.264", "H.265"], "index_first": true}
    },
    "options": {"share_to_feed": "boolean", "thumb_offset": "number", "is_ai_generated": "boolean", "crop": "boolean"}
  }'),
  ('linkedin', 'LinkedIn', true, 'r_member_social r_organization_social', '{
    "text": {"max": 3000, "counted": "characters"},
    "media": {
      "mixed": false,
      "image": {"max": 20, "fit": true, "max_alt_text": 4086},
      "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 10000000, "max_pixels": 36152320, "max_alt_text": 4086},
      "video": {"max": 1, "mimes": ["video/mp4"], "min_bytes": 75000, "max_bytes": 500000000, "min_seconds": 3, "max_seconds": 1800},
      "document": {"max": 1, "max_bytes": 100000000, "max_pages": 300, "mimes": [
        "application/pdf", "application/msword", "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation"]}
    },
    "options": {"visibility": ["PUBLIC", "CONNECTIONS", "LOGGED_IN"], "title": "text", "article": "object", "poll": "object"}
  }'),
  ('tiktok', 'TikTok', true, null, '{
    "text": {"max": 2200, "counted": "utf16"},
    "media": {
      "mixed": false,
      "required": true,
      "image": {"max": 35, "fit": true, "max_text": 4000},
      "video": {"max": 1, "mimes": ["video/mp4", "video/quicktime", "video/webm"], "max_bytes": 4000000000, "max_seconds": 600,
        "min_width": 360, "max_width": 4096, "min_height": 360, "max_height": 4096,
        "min_frame_rate": 23, "max_frame_rate": 60, "codecs": ["H.264", "H.265", "VP8", "VP9"]}
    },
    "options": {
      "privacy_level": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"],
      "disable_comment": "boolean", "disable_duet": "boolean", "disable_stitch": "boolean",
      "brand_content_toggle": "boolean", "brand_organic_toggle": "boolean", "is_aigc": "boolean",
      "cover_timestamp_ms": "number", "inbox": "boolean", "auto_add_music": "boolean", "title": "text"}
  }'),
  ('x', 'X', true, 'tweet.read', '{
    "text": {"max": 280, "counted": "weighted", "thread": true},
    "media": {
      "mixed": false,
      "image": {"max": 4, "fit": true, "max_alt_text": 1000},
      "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 15000000, "max_width": 1280, "max_height": 1080, "max_alt_text": 1000},
      "video": {"max": 1, "mimes": ["video/mp4", "video/quicktime"], "max_bytes": 512000000, "min_seconds": 0.5, "max_seconds": 140,
        "min_width": 32, "max_width": 1280, "min_height": 32, "max_height": 1024, "min_ratio": 0.3333, "max_ratio": 3,
        "max_frame_rate": 60, "codecs": ["H.264"], "max_alt_text": 1000}
    },
    "options": {
      "thread": "boolean",
      "reply_settings": ["everyone", "following", "mentionedUsers", "subscribers", "verified"],
      "made_with_ai": "boolean"}
  }')
on conflict (id) do update set name = excluded.name, enabled = excluded.enabled, read_back_scope = excluded.read_back_scope,
  limits = excluded.limits;

update public.platforms p set metrics_scope = v.metrics_scope, refresh_before = v.refresh_before
from (values
  ('facebook', 'pages_read_engagement', interval '1 hour'),
  -- a token of 60 days refreshes itself, from its second day on
  ('instagram', 'instagram_business_basic instagram_basic', interval '20 days'),
  ('linkedin', 'r_member_postAnalytics rw_organization_admin', interval '1 hour'),
  ('tiktok', 'video.list', interval '1 hour'),
  -- its tokens live for two hours only
  ('x', 'tweet.read', interval '10 minutes')
) v (id, metrics_scope, refresh_before)
where p.id = v.id;
