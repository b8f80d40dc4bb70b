-- What makes refreshes slow?
--
--   psql -X -d DATABASE -f performance.sql
--
-- Changes nothing.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\pset footer off
\echo 'Where the time goes'
SELECT tview, flushes AS refreshes, round(mean_time_ms::numeric, 3) AS mean_ms,
	round(max_time_ms::numeric, 3) AS max_ms,
	round((100 * total_time_ms / nullif(sum(total_time_ms) OVER (), 0))::numeric) AS percent,
	round(keys::numeric / nullif(flushes, 0), 1) AS keys_each,
	round(100 * rows_unchanged::numeric
		/ nullif(rows_unchanged + rows_inserted + rows_updated + rows_deleted, 0)) AS percent_unchanged,
	lock_waits
  FROM pg_tviews_stats() ORDER BY total_time_ms DESC NULLS LAST LIMIT 10;
\echo 'Indexes that steps of routes lack'
SELECT DISTINCT command, m.tview
  FROM (SELECT m.tview FROM pg_tview_meta m
	JOIN pg_class t ON t.oid = m.tview JOIN pg_class v ON v.oid = m.view OFFSET 0) m,
	LATERAL pg_tviews_explain(m.tview::text) x,
	LATERAL regexp_split_to_table(x.indexes, E'\n') AS command
 WHERE command LIKE 'CREATE INDEX%' ORDER BY 1, 2;
\echo 'Sources whose every change computes all rows'
SELECT m.tview, x.source, x.route AS reason, x.hint
  FROM (SELECT m.tview FROM pg_tview_meta m
	JOIN pg_class t ON t.oid = m.tview JOIN pg_class v ON v.oid = m.view OFFSET 0) m,
	LATERAL pg_tviews_explain(m.tview::text) x
 WHERE x.strategy = 'full' ORDER BY 1, 2;
