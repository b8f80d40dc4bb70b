-- What is left to do, and does what can be done.
--
--   psql -X -d DATABASE -f queue-cleanup.sql           (-v refresh=1)
--
-- A transaction does what it has pending when it commits, so only two things
-- can be left: TVIEWs that an error has made stale, which refresh=1 refreshes,
-- and prepared transactions, for which commands are shown: only their owner
-- knows whether they are to be committed or rolled back.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\pset footer off
\if :{?refresh} \else \set refresh 0 \endif
SELECT count(*) > 0 AS stale FROM pg_tview_meta WHERE stale_since IS NOT NULL \gset
\if :stale
SELECT entity_name AS stale_tview, created_at AS since, error_message FROM pg_tviews_queue
 WHERE processed_at IS NULL ORDER BY 2;
\else
\echo 'No TVIEW is stale.'
\endif
SELECT count(*) > 0 AS prepared FROM pg_prepared_xacts WHERE database = current_database() \gset
\if :prepared
SELECT gid, owner, date_trunc('second', prepared) AS prepared,
	format('COMMIT PREPARED %L;', gid) || format(' -- or ROLLBACK PREPARED %L;', gid) AS command
  FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared;
\else
\echo 'No transaction is prepared.'
\endif
SELECT :'stale' = 't' AND :'refresh' <> '0' AS refresh \gset
\if :refresh
\pset format unaligned
\pset tuples_only on
SELECT format('SELECT %L || '': '' || pg_tviews_refresh(%L) || '' rows written'';', tview::text, tview::text)
  FROM pg_tview_meta WHERE stale_since IS NOT NULL ORDER BY tview::text \gexec
\endif
