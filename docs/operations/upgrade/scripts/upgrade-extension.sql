-- Updates pg_tviews in a database to another version, or back, in one
-- transaction: if anything is not as it has to be afterwards, nothing has changed.
--
--   psql -X -d DATABASE -f upgrade-extension.sql
--     -v target=0.1.1         the version; without, the newest that is installed
--     -v lock_timeout=10s     gives up after waiting so long for others
--
-- The exit status is 0 when the database has the version, also when it had it
-- before, 3 when it has not, and 2 without a connection.  As a superuser.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?target} \else \set target '' \endif
\if :{?lock_timeout} \else \set lock_timeout 10s \endif
SET lock_timeout = :'lock_timeout';
SET client_min_messages = warning;
SELECT coalesce(nullif(:'target', ''), default_version) AS target,
	coalesce(installed_version, '') AS former
  FROM (SELECT 1) one LEFT JOIN pg_available_extensions ON name = 'pg_tviews' \gset
SELECT coalesce(min(extnamespace::regnamespace::text), 'public') AS schema
  FROM pg_extension WHERE extname = 'pg_tviews' \gset
-- for plpgsql, which psql's variables do not reach
SELECT set_config('search_path', :'schema' || ', pg_catalog', false) AS p,
	set_config('pg_tviews_check.former', :'former', false) AS f,
	set_config('pg_tviews_check.target', :'target', false) AS t \gset

DO $$
DECLARE
	former text := current_setting('pg_tviews_check.former');
	wanted text := current_setting('pg_tviews_check.target');
BEGIN
	IF former = '' THEN
		RAISE EXCEPTION 'pg_tviews is not installed in %', current_database();
	END IF;
	IF former <> wanted AND NOT EXISTS (SELECT FROM pg_extension_update_paths('pg_tviews') p
			WHERE p.source = former AND p.target = wanted AND p.path IS NOT NULL) THEN
		RAISE EXCEPTION 'no way from pg_tviews % to %', former, wanted
			USING DETAIL = 'Installed are the scripts of ' || (SELECT string_agg(v.version, ', ' ORDER BY v.version)
				FROM pg_available_extension_versions v WHERE v.name = 'pg_tviews') || '.',
				HINT = 'Install the sources of that version: make install.';
	END IF;
END$$;

BEGIN;
CREATE TEMPORARY TABLE former_triggers ON COMMIT DROP AS
SELECT tgrelid, tgname, tgenabled FROM pg_trigger WHERE tgname LIKE 'pg\_tviews\_%';
CREATE TEMPORARY TABLE former_tviews ON COMMIT DROP AS
SELECT tview, view, key_columns FROM pg_tview_meta;
ALTER EXTENSION pg_tviews UPDATE TO :"target";
DO $$
DECLARE
	wrong text;
BEGIN
	SELECT 'version is ' || pg_tviews_version() INTO wrong
	 WHERE pg_tviews_version() <> current_setting('pg_tviews_check.target');
	IF wrong IS NULL AND (EXISTS (TABLE former_tviews EXCEPT SELECT tview, view, key_columns FROM pg_tview_meta)
			OR EXISTS (SELECT tview, view, key_columns FROM pg_tview_meta EXCEPT TABLE former_tviews)) THEN
		wrong := 'other TVIEWs than before';
	END IF;
	IF wrong IS NULL AND EXISTS (TABLE former_triggers
			EXCEPT SELECT tgrelid, tgname, tgenabled FROM pg_trigger) THEN
		wrong := 'a trigger is missing or otherwise enabled';
	END IF;
	IF wrong IS NULL THEN
		SELECT string_agg(check_name || ': ' || details, '; ') INTO wrong
		  FROM pg_tviews_health_check() WHERE status = 'ERROR';
	END IF;
	IF wrong IS NULL AND to_regprocedure('pg_tviews_validate(text)') IS NOT NULL THEN
		EXECUTE $q$SELECT string_agg(entity_name || ': ' || issue, '; ') FROM pg_tviews_validate()$q$
		   INTO wrong;
	END IF;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'pg_tviews was not updated: %', wrong;
	END IF;
END$$;
COMMIT;
\echo '✅' :DBNAME': pg_tviews' :former '->' :target
RESET search_path;
RESET lock_timeout;
