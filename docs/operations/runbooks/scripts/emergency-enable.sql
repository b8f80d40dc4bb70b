-- Switches the maintenance of all TVIEWs of a database on again.
--
--   psql -X -d DATABASE -f emergency-enable.sql
--
-- Enabling refreshes what the disabled triggers have missed, table by table, and
-- has them fire always, as ours do.
-- Then all TVIEWs are compared with their views: the exit status is 0 if they
-- are equal, 3 if not.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
SET client_min_messages = error;
SET lock_timeout = '5s';
SELECT format('ALTER TABLE %s %s;', g.tgrelid::regclass,
	string_agg(format('ENABLE TRIGGER %I', g.tgname), ', ' ORDER BY g.tgname))
  FROM pg_trigger g
 WHERE g.tgfoid = 'pg_tviews_capture'::regproc AND g.tgenabled <> 'A' AND g.tgparentid = 0
 GROUP BY g.tgrelid ORDER BY g.tgrelid::regclass::text \gexec
\pset footer off
SELECT count(*) > 0 AS wrong FROM pg_tviews_validate() \gset
\if :wrong
SELECT * FROM pg_tviews_validate();
DO $$BEGIN RAISE EXCEPTION 'something is wrong with TVIEWs in %', current_database(); END$$;
\endif
\echo 'All TVIEWs are maintained, and equal their views.'
