-- pg_tviews_version() says what is installed, not what was compiled.
SELECT pg_tviews_version() = extversion AS as_installed,
	pg_tviews_version() ~ '^\d+\.\d+\.\d+$' AS is_bare
  FROM pg_extension WHERE extname = 'pg_tviews';
SELECT pg_tviews_version() = default_version AS is_default
  FROM pg_available_extensions WHERE name = 'pg_tviews';

-- The catalog, and what a dump takes along.
SELECT count(*) FROM pg_tview_meta;
SELECT c::regclass FROM pg_extension, unnest(extconfig) AS c
 WHERE extname = 'pg_tviews' ORDER BY 1;

-- The prefix is reserved: a misspelt setting is refused once the library is in.
LOAD 'pg_tviews';
SET pg_tviews.no_such_setting = 1;

-- DROP EXTENSION leaves nothing.
BEGIN;
DROP EXTENSION pg_tviews;
SELECT relname FROM pg_class WHERE relname ~ '^pg_tview';
SELECT proname FROM pg_proc WHERE proname ~ '^pg_tview';
SELECT evtname FROM pg_event_trigger WHERE evtname ~ '^pg_tview';
CREATE EXTENSION pg_tviews;
SELECT count(*) FROM pg_tview_meta;
ROLLBACK;
