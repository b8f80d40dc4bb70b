/*
 * From 0.1.1 to 0.2.0: other functions to refresh and to watch.  The table, its
 * rows, triggers, and with them TVIEWs, stay as they are.
 */
\echo Use "ALTER EXTENSION pg_tviews UPDATE TO '0.2.0'" to load this file. \quit

DROP VIEW pg_tviews_metrics;
DROP VIEW pg_tviews_metadata;
DROP FUNCTION pg_tviews_performance_stats();
DROP FUNCTION pg_tviews_queue_stats();
DROP FUNCTION pg_tviews_debug_queue();
DROP FUNCTION pg_tviews_refresh_stats();
DROP FUNCTION pg_tviews_refresh_async(text);
DROP FUNCTION pg_tviews_refresh_all(text);
DROP FUNCTION pg_tviews_refresh_one(text, anyelement);
DROP FUNCTION pg_tviews_refresh_batch(text, anyarray);
DROP FUNCTION pg_tviews_refresh(text, boolean);

CREATE FUNCTION pg_tviews_alter(tview_name text, select_sql text DEFAULT NULL,
	options jsonb DEFAULT NULL)
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_alter(text, text, jsonb) IS 'gives a TVIEW another query, or other options';

/*
 * The second refresh takes varchar so that calls with unknown literals and
 * without keys find the first.
 */
CREATE FUNCTION pg_tviews_refresh(entity_name text, force boolean DEFAULT false)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_refresh(text, boolean) IS 'recomputes a TVIEW, returns the rows changed';

CREATE FUNCTION pg_tviews_refresh(tview_name varchar, primary_keys anyarray)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME', 'pg_tviews_refresh_keys';

COMMENT ON FUNCTION pg_tviews_refresh(varchar, anyarray) IS 'recomputes rows of a TVIEW, returns the rows changed';

-- What PostgreSQL does with a TVIEW's sources.
CREATE FUNCTION pg_tviews_explain(tview_name text)
RETURNS TABLE (source text, strategy text, route text, path text, indexes text,
	hint text)
LANGUAGE c STABLE
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_explain(text) IS 'how changes of each source reach a TVIEW';

CREATE FUNCTION pg_tviews_stats(
	OUT tview regclass,
	OUT entity_name text,
	OUT flushes bigint,
	OUT keys bigint,
	OUT rows_inserted bigint,
	OUT rows_updated bigint,
	OUT rows_deleted bigint,
	OUT rows_unchanged bigint,
	OUT full_refreshes bigint,
	OUT total_time_ms double precision,
	OUT max_time_ms double precision,
	OUT last_time_ms double precision,
	OUT mean_time_ms double precision,
	OUT lock_waits bigint,
	OUT lock_escalations bigint,
	OUT errors bigint,
	OUT last_error text,
	OUT last_error_at timestamptz,
	OUT last_refreshed timestamptz)
RETURNS SETOF record
LANGUAGE c STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_stats() IS 'what keeping each TVIEW has done and cost';

CREATE FUNCTION pg_tviews_validate(
	tview_name text DEFAULT NULL,
	OUT entity_name text,
	OUT issue text,
	OUT detail text,
	OUT hint text)
RETURNS SETOF record
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_validate(text) IS 'what is wrong with TVIEWs: no row when nothing is';

CREATE FUNCTION pg_tviews_stats_reset(tview_name text DEFAULT NULL)
RETURNS void
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_stats_reset(text) IS 'counts from zero again';
REVOKE ALL ON FUNCTION pg_tviews_stats_reset(text) FROM PUBLIC;

CREATE FUNCTION pg_tviews_source_hash(view regclass)
RETURNS bytea
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$SELECT sha256(convert_to(pg_get_viewdef(view), 'UTF8'))$$;

COMMENT ON FUNCTION pg_tviews_source_hash(regclass) IS 'hash of the query of a view';

CREATE VIEW pg_tviews_metadata AS
SELECT m.tview::text AS entity_name,
	m.entity,
	m.tview,
	m.view,
	COALESCE(@extschema@.pg_tviews_backing_table(m.tview), m.tview::text)
		AS backing_table_name,
	m.key_columns,
	m.key_columns[1] AS primary_key_column,
	m.options,
	m.created_at,
	m.version_created,
	s.last_refreshed,
	round(s.last_time_ms::numeric, 3) AS last_refresh_duration_ms,
	CASE
		WHEN s.last_error_at > COALESCE(s.last_refreshed, '-infinity')
			THEN COALESCE(s.last_error, 'error')
		WHEN m.stale_since IS NOT NULL THEN 'stale: ' || m.stale_code
	END AS last_error,
	m.stale_since,
	m.stats_computed AS stats_last_computed,
	m.stats_rows,
	m.stats_row_bytes,
	m.query_plan,
	@extschema@.pg_tviews_source_hash(m.view) AS source_hash
FROM @extschema@.pg_tview_meta m
LEFT JOIN @extschema@.pg_tviews_stats() s ON s.tview = m.tview;

COMMENT ON VIEW pg_tviews_metadata IS 'TVIEWs, with their state';

CREATE VIEW pg_tviews_metrics AS
SELECT m.entity_name,
	s.flushes AS refresh_count,
	s.keys AS keys_refreshed,
	s.rows_inserted + s.rows_updated + s.rows_deleted AS rows_changed,
	s.rows_unchanged,
	s.full_refreshes AS full_refresh_count,
	s.total_time_ms AS timing_ms,
	s.mean_time_ms AS avg_refresh_ms,
	s.max_time_ms AS max_refresh_ms,
	s.lock_waits,
	s.lock_escalations,
	s.errors AS error_count,
	m.last_refreshed,
	pg_catalog.pg_total_relation_size(m.tview) AS total_bytes,
	m.stale_since IS NOT NULL AS is_stale
FROM @extschema@.pg_tviews_metadata m
JOIN @extschema@.pg_tviews_stats() s ON s.tview = m.tview;

COMMENT ON VIEW pg_tviews_metrics IS 'numbers about each TVIEW for monitoring';

CREATE FUNCTION pg_tviews_lock_words(tview oid, what smallint)
RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_lock_words(oid, smallint) IS 'what a lock of a refresh is on';

/*
 * Locks of refreshes.  Their tags hold the TVIEW, a hash of the value, and
 * what it is a value of: 0 is the TVIEW, 1 its keys, others are links.
 */
CREATE VIEW pg_tviews_locks AS
SELECT l.pid,
	l.virtualtransaction,
	l.classid::regclass AS tview,
	CASE l.objsubid WHEN 0 THEN 'TVIEW' WHEN 1 THEN 'key' ELSE 'link' END
		AS kind,
	@extschema@.pg_tviews_lock_words(l.classid, l.objsubid)
		|| CASE
			WHEN l.objsubid = 0 AND l.mode = 'ExclusiveLock' THEN ', all rows'
			WHEN l.objsubid = 0 THEN ', some rows'
			WHEN l.objsubid = 1 THEN ''
			WHEN l.mode = 'ShareLock' THEN ', as reader'
			WHEN l.mode = 'RowExclusiveLock' THEN ', as writer'
			ELSE ', as reader and writer'
		END AS object,
	CASE WHEN l.objsubid > 0 THEN l.objid::bigint END AS value_hash,
	l.mode,
	l.granted,
	l.waitstart,
	CASE WHEN l.granted THEN '{}' ELSE pg_catalog.pg_blocking_pids(l.pid) END
		AS blocked_by
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_database d ON d.oid = l.database
JOIN @extschema@.pg_tview_meta m ON m.tview = l.classid
WHERE l.locktype = 'userlock' AND d.datname = pg_catalog.current_database();

COMMENT ON VIEW pg_tviews_locks IS 'locks that refreshes hold or wait for';

GRANT SELECT ON pg_tviews_metadata, pg_tviews_metrics, pg_tviews_locks TO PUBLIC;

-- How far the filling or refreshing of large TVIEWs is.
CREATE FUNCTION pg_tviews_get_progress(
	OUT pid integer,
	OUT tview oid,
	OUT phase text,
	OUT rows_done bigint,
	OUT rows_total bigint)
RETURNS SETOF record
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_get_progress() IS 'how far the filling or refreshing of TVIEWs is, for the view of that';

CREATE VIEW pg_tviews_progress AS
SELECT p.pid,
	p.tview::regclass AS tview,
	p.phase,
	p.rows_done,
	p.rows_total
FROM @extschema@.pg_tviews_get_progress() p;

COMMENT ON VIEW pg_tviews_progress IS 'how far the filling or refreshing of TVIEWs is';

GRANT SELECT ON pg_tviews_progress TO PUBLIC;

CREATE FUNCTION pg_tviews_explain_text(tview_name text)
RETURNS SETOF text
LANGUAGE c STABLE
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_explain_text(text) IS 'the same, to read';

CREATE FUNCTION pg_tviews_analyze_select(select_sql text)
RETURNS jsonb
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_analyze_select(text) IS 'what a query would be as a TVIEW';

CREATE FUNCTION pg_tviews_graph(format text DEFAULT 'mermaid')
RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_graph(text) IS 'base tables and TVIEWs as a picture: mermaid, dot or svg';

CREATE FUNCTION pg_tviews_export()
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_export() IS 'a script that makes all TVIEWs again';
