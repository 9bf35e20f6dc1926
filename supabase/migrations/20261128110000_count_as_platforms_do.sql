-- A text is as long as its platform finds it: code points, UTF-16 units, or X's weights. limits.text.counted says which.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

-- Does:    what letters weigh on X, without regard to links: an emoji sequence 2 as a whole, letters of X's light ranges 1,
--          all others 2.
-- Takes:   a text in NFC.
create function private.letters_weight(content text) returns integer
language sql
immutable
set search_path = ''
as $$
  -- Flags, keycaps, and whatever is joined, coloured or marked as emoji, told by their shape. X knows each sequence by name
  -- and counts the parts of one it does not know, so this is never more than X counts.
  with seen as (
    select regexp_replace(content,
      '(?:[\U0001F1E6-\U0001F1FF]{1,2}|[#*0-9]\uFE0F?\u20E3|[\u00A9\u00AE]\uFE0F|[\u203C-\u3299\U0001F000-\U0001FAFF])'
      || '[\uFE0F\u20E3\U0001F3FB-\U0001F3FF\U000E0020-\U000E007F]*'
      || '(?:\u200D(?:[\U0001F1E6-\U0001F1FF]{1,2}|[\u203C-\u3299\U0001F000-\U0001FAFF])'
      || '[\uFE0F\u20E3\U0001F3FB-\U0001F3FF\U000E0020-\U000E007F]*)*',
      U&'\4E2D', 'g') as content
  )
  select 2 * char_length(seen.content)
    - char_length(regexp_replace(seen.content, '[^\u0001-\u10FF\u2000-\u200D\u2010-\u201F\u2032-\u2037]', '', 'g'))
  from seen
$$;

-- Does:    what a stretch of text without spaces weighs on X that begins like a link.
-- Takes:   the letter before it, '' for one that may hide a link from X; the stretch, in NFC.
-- Differs: the list of top-level domains is not known here, so a link to a country's or a well-known domain that stands free
--          weighs 23, as on X, and all else that looks like a link weighs what its letters weigh, at most 23.
create function private.link_weight(before text, stretch text) returns integer
language sql
immutable
set search_path = ''
as $$
  with cut as (
    -- a link of Latin letters ends where Chinese, Japanese or Korean ones begin; a later dot could still be another link's
    select coalesce(
      regexp_match(stretch, '^([^\u3001\u3002\u3041-\u3096\u30A1-\u30FA\u3400-\u9FFF\uAC00-\uD7A3]*[-_/a-zA-Z0-9])([\u3001\u3002\u3041-\u3096\u30A1-\u30FA\u3400-\u9FFF\uAC00-\uD7A3][^.]*)$'),
      array[stretch, '']) as halves
  ), named as (
    select halves, regexp_match(halves[1], '^(https?://)?(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\.)+'
      || '(?:com|org|net|edu|gov|info|biz|io|app|dev|ai|at|au|be|br|ca|ch|cl|cn|co|cz|de|dk|es|eu|fi|fr|gr|hu|ie|il|in|it|jp|kr'
      || '|ly|me|mx|nl|no|nz|pl|pt|ro|ru|se|sg|tr|tv|tw|ua|uk|us|za)'
      || '(?:[/?][-/?=&%_a-z0-9]*)?([.,:;!)"]*)$', 'i') as link
    from cut
  )
  select private.letters_weight(halves[2]) + case
    when link is not null and (before in (' ', E'\n', '(') or before <> '' and link[1] <> '') then 23 + char_length(link[2])
    else least(23, private.letters_weight(halves[1])) end
  from named
$$;

-- Does:    X's weighted length, never more than X itself counts: nothing is refused that X takes. Text with links to domains
--          that private.link_weight does not know, or with dots between letters, may count less than on X; so may emoji
--          sequences that X does not know. The preview counts exactly.
create function private.weighted_length(content text) returns integer
language sql
immutable
set search_path = ''
as $$
  with given as (
    select ' ' || normalize(content, NFC) as content
  ), link as (
    -- with a scheme, or Latin letters and a dot; then to the next space, X's spaces being these
    select '([ \n(\u3001\u3002\u3041-\u3096\u30A1-\u30FA\u3400-\u9FFF\uAC00-\uD7A3]?)'
      || '((?:https?://|[-_a-z0-9\u00C0-\u024F\u0253-\u02BB\u0300-\u036F\u1E00-\u1EFF]+\.)'
      || '[^\t-\r \u0085\u00A0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000.]'
      || '[^\t-\r \u0085\u00A0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]*)' as pattern
  ), found as (
    select m[1] as before, m[2] as stretch from given, link, regexp_matches(given.content, link.pattern, 'gi') m
  )
  select private.letters_weight(regexp_replace(given.content, link.pattern, '\1 ', 'gi')) - 1
    + (select coalesce(sum(private.link_weight(f.before, f.stretch) - 1), 0)::integer from found f)
  from given, link
$$;

-- Does:    how long a text is as its platform counts.
-- Takes:   the text; "characters" (Unicode code points) | "utf16" (UTF-16 units) | "weighted" (X's rule, see
--          private.weighted_length). Any other word is counted as characters.
create function private.counted_length(content text, counted text) returns integer
language sql
immutable
set search_path = ''
as $$
  select case counted
    when 'weighted' then private.weighted_length(content)
    when 'utf16' then char_length(content) + char_length(regexp_replace(content, '[^\U00010000-\U0010FFFF]', '', 'g'))
    else char_length(content) end
$$;
