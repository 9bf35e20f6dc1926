-- What cannot be published is refused when it is scheduled, by the limits of every platform: texts counted as each counts,
-- sizes and shapes of files, alt texts, and the options of a target.

set lock_timeout = '5s'; -- wait briefly for others, never block them
set statement_timeout = '60s';

