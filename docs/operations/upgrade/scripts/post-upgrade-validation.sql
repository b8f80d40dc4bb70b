-- Are the TVIEWs of a database right, after an upgrade or a restore?
--
--   psql -X -d DATABASE -f post-upgrade-validation.sql
--     -v expected_version=0.2.0    the version of pg_tviews that there has to be
--     -v expected_tviews=7         the number of TVIEWs that there has to be
--
-- The exit status is 0 when all is right, 3 when something is not, and 2 without
-- a connection.  Compares all rows of all TVIEWs with their views, and maintains
-- a TVIEW of its own in a transaction that it rolls back; so nothing is changed,
-- except that versions before 0.2.0, which cannot compare, refresh instead.
-- As a superuser or the owner of all TVIEWs, who may create a schema.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset format unaligned
\pset tuples_only on
\if :{?expected_version} \else \set expected_version '' \endif
\if :{?expected_tviews} \else \set expected_tviews '' \endif
SET client_min_messages = warning;
SELECT count(*) = 1 AS installed,
	coalesce(min(extnamespace::regnamespace::text), 'public') AS schema
  FROM pg_extension WHERE extname = 'pg_tviews' \gset
\if :installed \else
	\echo '❌ pg_tviews is not installed in' :DBNAME
	DO $$BEGIN RAISE EXCEPTION 'pg_tviews is not installed in %', current_database(); END$$;
\endif
SELECT set_config('search_path', :'schema' || ', pg_catalog', false) AS path \gset
SELECT to_regprocedure('pg_tviews_validate(text)') IS NOT NULL AS can_compare \gset

-- The parameters, for plpgsql, which psql's variables do not reach.
SELECT set_config('pg_tviews_check.version', :'expected_version', false) AS v,
	set_config('pg_tviews_check.tviews', :'expected_tviews', false) AS t \gset
CREATE TEMPORARY TABLE pg_temp.finding (n serial, fine boolean, what text);

-- 1. The library loads, and the catalog is whole.
DO $$
DECLARE
	version text := pg_tviews_version();
	wanted text := current_setting('pg_tviews_check.version');
	tviews bigint := (SELECT count(*) FROM pg_tview_meta);
	wanted_tviews text := current_setting('pg_tviews_check.tviews');
BEGIN
	INSERT INTO pg_temp.finding (fine, what) VALUES
		(wanted IN ('', version), 'version ' || version),
		(wanted_tviews IN ('', tviews::text), tviews || ' TVIEWs');
END$$;
INSERT INTO pg_temp.finding (fine, what)
SELECT count(*) = 0, coalesce('TVIEWs without table, view or base table: '
	|| string_agg(entity_name, ', ' ORDER BY entity_name), 'each has its table and view')
  FROM pg_tviews_metadata m
 WHERE backing_table_name IS NULL
    OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = (SELECT t.view FROM pg_tview_meta t WHERE t.tview::text = m.entity_name));
INSERT INTO pg_temp.finding (fine, what)
SELECT count(*) = 0, coalesce('last refresh failed: '
	|| string_agg(entity_name, ', ' ORDER BY entity_name), 'no last refresh failed')
  FROM pg_tviews_metadata WHERE last_error IS NOT NULL;
INSERT INTO pg_temp.finding (fine, what)
SELECT count(*) = 0, count(*) || ' refreshes in the queue'
  FROM pg_tviews_queue WHERE processed_at IS NULL;
INSERT INTO pg_temp.finding (fine, what)
SELECT status <> 'ERROR', 'health check: ' || check_name || ': ' || details
  FROM pg_tviews_health_check();

-- 2. Every row is as the view has it.
\if :can_compare
INSERT INTO pg_temp.finding (fine, what)
SELECT false, entity_name || ': ' || issue || coalesce(': ' || detail, '') FROM pg_tviews_validate();
\else
INSERT INTO pg_temp.finding (fine, what)
SELECT changed = 0, entity_name || ': a refresh changed ' || changed || ' rows'
  FROM (SELECT entity_name, pg_tviews_refresh(entity_name, false) AS changed
		  FROM pg_tviews_metadata) r;
\endif
INSERT INTO pg_temp.finding (fine, what)
SELECT true, 'all rows compared' WHERE NOT EXISTS (SELECT FROM pg_temp.finding WHERE NOT fine);

-- 3. TVIEWs are maintained: with tables of our own, which are rolled back.
BEGIN;
SET LOCAL search_path = tviews_validation, pg_catalog;
CREATE SCHEMA tviews_validation;
CREATE TABLE tb_probe (pk_probe int PRIMARY KEY, v int);
INSERT INTO tb_probe VALUES (1, 1), (2, 2);
CREATE TABLE tv_probe AS SELECT pk_probe, v FROM tb_probe;
INSERT INTO tb_probe VALUES (3, 3);
UPDATE tb_probe SET v = 20 WHERE pk_probe = 2;
DELETE FROM tb_probe WHERE pk_probe = 1;
SELECT coalesce(string_agg(pk_probe || '=' || v, ' ' ORDER BY pk_probe) = '2=20 3=3', false) AS maintained
  FROM tv_probe \gset
ROLLBACK;
INSERT INTO pg_temp.finding (fine, what)
VALUES (:'maintained', 'a new TVIEW follows its table');

SELECT CASE WHEN fine THEN '✅ ' ELSE '❌ ' END || what FROM pg_temp.finding ORDER BY n;
SELECT count(*) > 0 AS wrong FROM pg_temp.finding WHERE fine IS NOT TRUE \gset
DROP TABLE pg_temp.finding;
RESET search_path;
\if :wrong
	DO $$BEGIN RAISE EXCEPTION 'TVIEWs of % are not right', current_database(); END$$;
\endif
