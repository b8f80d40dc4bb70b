-- Computes all TVIEWs of a database anew and writes what differs.
--
--   psql -X -d DATABASE -f refresh-all.sql             (-v force=1)
--
-- One transaction for each TVIEW, those that others are built on first; readers
-- do not wait.  What was right stays unwritten, unless force=1 has all rows
-- written, and statistics about them computed.
\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SELECT set_config('search_path', quote_ident(n.nspname) || ', pg_catalog', false) AS path
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_tviews' \gset
\pset format unaligned
\pset tuples_only on
\if :{?force} \else \set force 0 \endif
WITH RECURSIVE depth (tview, level) AS (
	SELECT tview, 1 FROM pg_tview_meta
	UNION
	SELECT m.tview, d.level + 1
	  FROM depth d
	  JOIN pg_tview_meta m ON m.tview <> d.tview
	  JOIN pg_rewrite r ON r.ev_class = m.view
	 WHERE EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_rewrite'::regclass
		AND p.objid = r.oid AND p.refclassid = 'pg_class'::regclass AND p.refobjid = d.tview)
)
SELECT format('SELECT %L || '': '' || pg_tviews_refresh(%L, force => %L) || '' rows written'';',
	tview::text, tview::text, :'force' <> '0')
  FROM depth GROUP BY tview ORDER BY max(level), tview::text \gexec
