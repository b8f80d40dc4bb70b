-- Takes pg_tviews in a database from 0.1.x to 0.2.0.
--
--   psql -X -d DATABASE -f docs/upgrade/0.1-to-0.2-migration.sql
--     -v force=0              does not compute statistics, for which a forced
--                             refresh writes all rows of all TVIEWs
--     -v lock_timeout=10s     gives up after waiting so long for others
--
-- The update itself is one transaction; TVIEWs and their rows stay, and are
-- maintained all the while.  The exit status is 0 when the database has 0.2.0,
-- also when it had it before, 3 when it has not, or when statistics could not be
-- computed, and 2 without a connection.  As a superuser.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?force} \else \set force 1 \endif
DO $$
DECLARE
	version text := (SELECT extversion FROM pg_extension WHERE extname = 'pg_tviews');
BEGIN
	IF version !~ '^0\.(1\.\d+|2\.0)$' THEN
		RAISE EXCEPTION 'this is for pg_tviews 0.1.x, % has %', current_database(), version;
	END IF;
END$$;
\set target 0.2.0
\ir ../operations/upgrade/scripts/upgrade-extension.sql
\if :force
SELECT set_config('search_path', :'schema' || ', pg_catalog', false) AS path \gset
DO $$
DECLARE
	tview text;
BEGIN
	FOR tview IN SELECT entity_name FROM pg_tviews_metadata WHERE stats_last_computed IS NULL ORDER BY 1 LOOP
		PERFORM pg_tviews_refresh(tview, force => true);
	END LOOP;
	IF EXISTS (SELECT FROM pg_tviews_metadata WHERE stats_last_computed IS NULL) THEN
		RAISE EXCEPTION 'a TVIEW has no statistics';
	END IF;
END$$;
RESET search_path;
\echo '✅' :DBNAME': statistics of all TVIEWs'
\endif
