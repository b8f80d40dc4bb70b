/*
 * From 0.2.0 back to 0.1.1.
 */
\echo Use "ALTER EXTENSION pg_tviews UPDATE TO '0.1.1'" to load this file. \quit

DROP VIEW pg_tviews_progress;
DROP FUNCTION pg_tviews_get_progress();
DROP VIEW pg_tviews_locks;
DROP FUNCTION pg_tviews_lock_words(oid, smallint);
DROP VIEW pg_tviews_metrics;
DROP VIEW pg_tviews_metadata;
DROP FUNCTION pg_tviews_export();
DROP FUNCTION pg_tviews_graph(text);
DROP FUNCTION pg_tviews_analyze_select(text);
DROP FUNCTION pg_tviews_explain_text(text);
DROP FUNCTION pg_tviews_explain(text);
DROP FUNCTION pg_tviews_source_hash(regclass);
DROP FUNCTION pg_tviews_stats_reset(text);
DROP FUNCTION pg_tviews_validate(text);
DROP FUNCTION pg_tviews_stats();
DROP FUNCTION pg_tviews_refresh(varchar, anyarray);
DROP FUNCTION pg_tviews_refresh(text, boolean);
DROP FUNCTION pg_tviews_alter(text, text, jsonb);

/*
 * Refreshing.  All is done when they return, pg_tviews_refresh_async() as
 * well, which is there for its name.
 */
CREATE FUNCTION pg_tviews_refresh(name text, force boolean DEFAULT false)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_refresh(text, boolean) IS 'recomputes a TVIEW, returns the rows changed';

CREATE FUNCTION pg_tviews_refresh_batch(tview_name text, primary_keys anyarray)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME', 'pg_tviews_refresh_keys';

COMMENT ON FUNCTION pg_tviews_refresh_batch(text, anyarray) IS 'recomputes rows of a TVIEW, returns the rows changed';

CREATE FUNCTION pg_tviews_refresh_one(tview_name text, primary_key anyelement)
RETURNS bigint
LANGUAGE sql
AS 'SELECT @extschema@.pg_tviews_refresh_batch($1, ARRAY[$2])';

COMMENT ON FUNCTION pg_tviews_refresh_one(text, anyelement) IS 'recomputes a row of a TVIEW, returns the rows changed';

CREATE FUNCTION pg_tviews_refresh_all(filter_pattern text DEFAULT '%')
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$SELECT coalesce(sum(@extschema@.pg_tviews_refresh(name, false)), 0)::bigint
FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name
	FROM @extschema@.pg_tview_meta m
	JOIN pg_class c ON c.oid = m.tview
	JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE concat(n.nspname, '.', c.relname) LIKE $1
	ORDER BY 1) AS t$$;

COMMENT ON FUNCTION pg_tviews_refresh_all(text) IS 'recomputes TVIEWs whose schema.tv_name is like a pattern, returns the rows changed';

CREATE FUNCTION pg_tviews_refresh_async(name text)
RETURNS bigint
LANGUAGE sql
AS 'SELECT @extschema@.pg_tviews_refresh($1, false)';

COMMENT ON FUNCTION pg_tviews_refresh_async(text) IS 'the same as pg_tviews_refresh(name, false)';

CREATE FUNCTION pg_tviews_refresh_stats(
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
AS 'MODULE_PATHNAME', 'pg_tviews_stats';

COMMENT ON FUNCTION pg_tviews_refresh_stats() IS 'what keeping each TVIEW has done and cost';

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
	1 AS internal_version
FROM @extschema@.pg_tview_meta m
LEFT JOIN @extschema@.pg_tviews_refresh_stats() s ON s.tview = m.tview;

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
JOIN @extschema@.pg_tviews_refresh_stats() s ON s.tview = m.tview;

COMMENT ON VIEW pg_tviews_metrics IS 'numbers about each TVIEW for monitoring';

GRANT SELECT ON pg_tviews_metadata, pg_tviews_metrics TO PUBLIC;

/*
 * Watching as it was before pg_tviews_stats().  The number of rows is that of
 * PostgreSQL's statistics.
 */
CREATE FUNCTION pg_tviews_debug_queue()
RETURNS jsonb
LANGUAGE sql
AS $$SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
	'entity', entity_name, 'source', source, 'changes', changes,
	'is_whole', is_whole)), '[]')
FROM @extschema@.pg_tviews_get_queue()$$;

COMMENT ON FUNCTION pg_tviews_debug_queue() IS 'what this transaction has changed and not yet refreshed, as an array';

CREATE FUNCTION pg_tviews_queue_stats()
RETURNS jsonb
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$SELECT jsonb_build_object(
	'queue_size', (SELECT count(*) FROM @extschema@.pg_tviews_get_queue()),
	'total_refreshes', coalesce(sum(flushes), 0),
	'total_timing_ms', coalesce(sum(total_time_ms), 0))
FROM @extschema@.pg_tviews_refresh_stats()$$;

COMMENT ON FUNCTION pg_tviews_queue_stats() IS 'size of the queue, number of refreshes and their time';

CREATE FUNCTION pg_tviews_performance_stats(
	OUT entity text,
	OUT table_size text,
	OUT total_size text,
	OUT row_count bigint,
	OUT index_count integer)
RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$SELECT m.entity, pg_size_pretty(pg_table_size(m.tview)),
	pg_size_pretty(pg_total_relation_size(m.tview)),
	pg_stat_get_live_tuples(m.tview),
	(SELECT count(*)::integer FROM pg_index i WHERE i.indrelid = m.tview)
FROM @extschema@.pg_tview_meta m
ORDER BY m.entity$$;

COMMENT ON FUNCTION pg_tviews_performance_stats() IS 'size of each TVIEW';
