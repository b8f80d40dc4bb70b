-- The regular care for tables of TVIEWs and what they are made of.
--
--   psql -X -d DATABASE -f maintenance.sql             (-v vacuum=1)
--
-- Shows tables with dead rows, old statistics, and indexes on TVIEWs that nobody
-- uses; vacuum=1 vacuums and analyzes those tables.  Autovacuum does the same in
-- its time; this is for after bulk loads.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\pset footer off
\if :{?vacuum} \else \set vacuum 0 \endif
SELECT string_agg(DISTINCT c.oid::text, ',') AS tables
  FROM pg_class c
 WHERE c.oid IN (SELECT tview FROM pg_tview_meta)
	OR EXISTS (SELECT FROM pg_trigger g
		WHERE g.tgrelid = c.oid AND g.tgfoid = 'pg_tviews_capture'::regproc) \gset
\if :{?tables} \else \set tables 0 \endif
\echo 'Tables'
SELECT c.oid::regclass AS table, c.oid IN (SELECT tview FROM pg_tview_meta) AS is_tview,
	pg_size_pretty(pg_total_relation_size(c.oid)) AS size,
	s.n_live_tup AS rows, s.n_dead_tup AS dead,
	date_trunc('second', greatest(s.last_vacuum, s.last_autovacuum)) AS vacuumed,
	date_trunc('second', greatest(s.last_analyze, s.last_autoanalyze)) AS analyzed
  FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
 WHERE c.oid IN (:tables) ORDER BY 2, c.oid::regclass::text;
\echo 'Indexes on TVIEWs that were never used, since statistics were reset'
SELECT i.indexrelid::regclass AS index, i.indrelid::regclass AS tview,
	pg_size_pretty(pg_relation_size(i.indexrelid)) AS size
  FROM pg_index i JOIN pg_stat_all_indexes s ON s.indexrelid = i.indexrelid
 WHERE i.indrelid IN (SELECT tview FROM pg_tview_meta) AND NOT i.indisunique AND s.idx_scan = 0
 ORDER BY pg_relation_size(i.indexrelid) DESC, 1;
SELECT :'vacuum' <> '0' AS vacuum \gset
\if :vacuum
SELECT format('VACUUM (ANALYZE) %s;', c.oid::regclass)
  FROM pg_class c WHERE c.oid IN (:tables) AND c.relkind IN ('r', 'm', 'p') ORDER BY c.oid::regclass::text \gexec
\echo 'Vacuumed and analyzed.'
\endif
