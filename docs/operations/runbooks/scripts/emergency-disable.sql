-- Switches the maintenance of TVIEWs off: all of a database, or those that read
-- one table.
--
--   psql -X -d DATABASE -v sure=1 -f emergency-disable.sql      (-v table=public.tb_x)
--
-- Writes go on and TVIEWs keep the rows that they have, so they get old, which
-- pg_tviews_validate() and pg_tviews_health_check() tell.  emergency-enable.sql
-- undoes it and refreshes.  Each table is locked against writers for a moment;
-- where that takes longer than 5 s the script ends, and can be run again.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\if :{?sure} \else \set sure 0 \endif
\if :{?table} \else \set table '' \endif
\if :sure \else
DO $$BEGIN RAISE EXCEPTION 'this makes TVIEWs old: add -v sure=1'; END$$;
\endif
SET client_min_messages = error;
SET lock_timeout = '5s';
SELECT format('ALTER TABLE %s %s;', g.tgrelid::regclass,
	string_agg(format('DISABLE TRIGGER %I', g.tgname), ', ' ORDER BY g.tgname))
  FROM pg_trigger g
 WHERE g.tgfoid = 'pg_tviews_capture'::regproc AND g.tgenabled <> 'D' AND g.tgparentid = 0
	AND (:'table' = '' OR g.tgrelid = nullif(:'table', '')::regclass)
 GROUP BY g.tgrelid ORDER BY g.tgrelid::regclass::text \gexec
\echo 'Disabled on:'
\pset tuples_only on
\pset format unaligned
SELECT DISTINCT g.tgrelid::regclass FROM pg_trigger g
 WHERE g.tgfoid = 'pg_tviews_capture'::regproc AND g.tgenabled = 'D';
