-- Which sessions refresh, wait, or keep others waiting?
--
--   psql -X -d DATABASE -f connections.sql
--
-- Changes nothing.  The last column is a command to end the session with, for
-- you to choose.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\pset footer off
\echo 'Waiting for a refresh of another session'
SELECT l.pid, l.object, l.blocked_by, date_trunc('second', clock_timestamp() - l.waitstart) AS since,
	left(a.query, 60) AS query
  FROM pg_tviews_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE NOT l.granted ORDER BY l.waitstart;
\echo 'Holding locks of refreshes'
SELECT coalesce(l.pid::text, 'prepared') AS pid, a.state, count(*) AS locks,
	string_agg(DISTINCT l.tview::text, ', ') AS tviews,
	date_trunc('second', clock_timestamp() - min(a.xact_start)) AS in_transaction_for,
	left(min(a.query), 60) AS query,
	format('SELECT pg_terminate_backend(%s);', l.pid) AS command
  FROM pg_tviews_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.granted GROUP BY l.pid, l.virtualtransaction, a.state ORDER BY min(a.xact_start);
