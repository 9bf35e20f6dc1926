
-- Toot, as tests/contracts/sixth documents it.
insert into public.platforms (id, name, enabled, read_back_scope, limits) values
  ('toot', 'Toot', true, 'toots:read', '{
    "text": {"max": 500, "counted": "characters"},
    "media": {
      "mixed": false,
      "image": {"max": 4, "fit": true, "max_alt_text": 200},
      "gif": {"max": 1, "mimes": ["image/gif"], "max_bytes": 2000000, "max_alt_text": 200}
    },
    "options": {"audience": ["everyone", "followers"]}
  }')
on conflict (id) do update set name = excluded.name, enabled = excluded.enabled, read_back_scope = excluded.read_back_scope,
  limits = excluded.limits;

update public.platforms p set metrics_scope = v.metrics_scope, refresh_before = v.refresh_before
from (values
  ('toot', 'toots:read', interval '1 hour')
) v (id, metrics_scope, refresh_before)
where p.id = v.id;
