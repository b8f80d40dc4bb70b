-- How are the TVIEWs of a database refreshed?
--
--   psql -X -d DATABASE -f refresh-status.sql
--
-- One row for each TVIEW, those that need attention first.  Changes nothing.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\pset footer off
SELECT m.entity_name AS tview,
	CASE WHEN m.stale_since IS NOT NULL THEN 'stale since ' || date_trunc('second', m.stale_since)
		WHEN m.last_error IS NOT NULL THEN 'last refresh failed'
		WHEN s.flushes IS NULL THEN 'no statistics'
		WHEN m.last_refreshed IS NULL THEN 'not refreshed since created or reset'
		ELSE 'fine' END AS state,
	date_trunc('second', m.last_refreshed) AS last_refreshed,
	m.last_refresh_duration_ms AS last_ms,
	round(s.mean_time_ms::numeric, 3) AS mean_ms,
	s.flushes AS refreshes,
	s.full_refreshes AS of_all_rows,
	s.errors AS failed,
	left(m.last_error, 60) AS last_failure
  FROM pg_tviews_metadata m
  LEFT JOIN pg_tviews_stats() s ON s.tview = m.tview
 ORDER BY m.stale_since IS NULL, m.last_error IS NULL, s.mean_time_ms DESC NULLS LAST, 1;
