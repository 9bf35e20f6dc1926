-- The platforms Lin knows, with their limits. Idempotent: run again after an upgrade. Holds nothing secret.
--
-- limits.text:  max, and how it is counted ("characters" = Unicode code points).
-- limits.media: one entry for each kind of file the platform takes: max (files in one post), mimes, min_bytes, max_bytes,
--               max_pixels (width × height, exclusive), min_seconds, max_seconds, max_pages; mixed: kinds may be mixed.
-- LinkedIn's figures: Posts, Images, Videos and Documents API documentation, 2026-09.
-- read_back_scope: the scope with which an account's own posts can be read, so that an unconfirmed one can be looked for.

insert into public.platforms (id, name, enabled, read_back_scope, limits) values
  ('linkedin', 'LinkedIn', true, 'r_member_social', '{
    "text": {"max": 3000, "counted": "characters"},
    "media": {
      "mixed": false,
      "image": {"max": 20, "mimes": ["image/jpeg", "image/png"], "max_bytes": 10000000, "max_pixels": 36152320},
      "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 10000000, "max_pixels": 36152320},
      "video": {"max": 1, "mimes": ["video/mp4"], "min_bytes": 75000, "max_bytes": 500000000, "min_seconds": 3, "max_seconds": 1800},
      "document": {"max": 1, "max_bytes": 100000000, "max_pages": 300, "mimes": [
        "application/pdf", "application/msword", "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation"]}
    }
  }')
on conflict (id) do update set name = excluded.name, enabled = excluded.enabled, read_back_scope = excluded.read_back_scope,
  limits = excluded.limits;
