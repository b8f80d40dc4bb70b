/*
 * The objects of pg_tviews 0.1.0, for the library of this tree.  Tables,
 * triggers and what they call are those of the current version, so that one
 * library serves all; what people call differs.
 */
\echo Use "CREATE EXTENSION pg_tviews" to load this file. \quit

/*
 * One row per TVIEW.  All else follows from the view's query.  The rows are
 * dumped: regclass values as names, which a restore resolves again.
 */
CREATE TABLE pg_tview_meta (
	entity text NOT NULL,
	tview regclass PRIMARY KEY,
	view regclass NOT NULL UNIQUE,
	key_columns text[] NOT NULL,
	options jsonb NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT now(),
	version_created text,
	stale_since timestamptz,
	stale_code text,
	stats_computed timestamptz,
	stats_rows bigint,
	stats_row_bytes double precision,
	query_plan text
);

COMMENT ON TABLE pg_tview_meta IS 'TVIEWs: tables kept equal to a view';
COMMENT ON COLUMN pg_tview_meta.entity IS 'name of the TVIEW without tv_';
COMMENT ON COLUMN pg_tview_meta.tview IS 'table that holds the rows';
COMMENT ON COLUMN pg_tview_meta.view IS 'view that defines them';
COMMENT ON COLUMN pg_tview_meta.key_columns IS 'columns that identify a row';
COMMENT ON COLUMN pg_tview_meta.options IS 'options, and the session settings its rows are made with';
COMMENT ON COLUMN pg_tview_meta.version_created IS 'version of pg_tviews that made the TVIEW';
COMMENT ON COLUMN pg_tview_meta.stale_since IS 'when an error first left the TVIEW behind its view; NULL: never';
COMMENT ON COLUMN pg_tview_meta.stale_code IS 'SQLSTATE of that error';
COMMENT ON COLUMN pg_tview_meta.stats_computed IS 'when the columns below were computed, by a forced refresh';
COMMENT ON COLUMN pg_tview_meta.stats_rows IS 'number of rows then';
COMMENT ON COLUMN pg_tview_meta.stats_row_bytes IS 'average size of a row then';
COMMENT ON COLUMN pg_tview_meta.query_plan IS 'plan of the whole query then';

GRANT SELECT ON pg_tview_meta TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('pg_tview_meta', '');

-- The version of these objects, which may differ from the library's.
CREATE FUNCTION pg_tviews_version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT e.extversion
	FROM pg_catalog.pg_extension e
	WHERE e.extname = 'pg_tviews');

COMMENT ON FUNCTION pg_tviews_version() IS 'installed version of pg_tviews';

/*
 * Making and unmaking.  Each checks the rights of its caller, so everybody may
 * call them, also with NULL, which they name in their error.
 */
CREATE FUNCTION pg_tviews_create(tview_name text, select_sql text,
	key_columns text[] DEFAULT NULL, options jsonb DEFAULT NULL)
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_create(text, text, text[], jsonb) IS 'makes a TVIEW of a query';

CREATE FUNCTION pg_tviews_drop(tview_name text, if_exists boolean DEFAULT false)
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_drop(text, boolean) IS 'drops a TVIEW with its view';

CREATE FUNCTION pg_tviews_convert_existing_table(table_name text)
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_convert_existing_table(text) IS 'makes a TVIEW of an existing table';

/*
 * Refreshing.  All is done when they return, pg_tviews_refresh_async() as
 * well, which is there for its name.
 */
CREATE FUNCTION pg_tviews_refresh(name text, force boolean)
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

/*
 * Watching.  What these tell is for everybody, except for the texts of errors,
 * which may quote rows: those are for owners and pg_read_all_stats.
 */
CREATE FUNCTION pg_tviews_get_queue(
	OUT entity_name text,
	OUT source text,
	OUT changes bigint,
	OUT is_whole boolean)
RETURNS SETOF record
LANGUAGE c STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_get_queue() IS 'what this transaction has changed and not yet refreshed';

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

CREATE FUNCTION pg_tviews_health_check(
	OUT check_name text,
	OUT status text,
	OUT details text)
RETURNS SETOF record
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_health_check() IS 'whether all is well, by check';

CREATE FUNCTION pg_tviews_backing_table(tview regclass)
RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_backing_table(regclass) IS 'table that the key of a TVIEW comes from';

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

CREATE VIEW pg_tviews_queue AS
SELECT q.entity_name,
	q.source,
	q.changes,
	pg_catalog.transaction_timestamp() AS created_at,
	NULL::timestamptz AS processed_at,
	NULL::text AS error_message
FROM @extschema@.pg_tviews_get_queue() q
UNION ALL
SELECT m.tview::text, NULL, NULL, m.stale_since, NULL,
	'stale: ' || m.stale_code
FROM @extschema@.pg_tview_meta m
WHERE m.stale_since IS NOT NULL;

COMMENT ON VIEW pg_tviews_queue IS 'refreshes that are yet to be done: of this transaction, and of stale TVIEWs';

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

GRANT SELECT ON pg_tviews_metadata, pg_tviews_queue, pg_tviews_metrics TO PUBLIC;

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

-- Triggers on base tables, and the one that protects a TVIEW's own table.
CREATE FUNCTION pg_tviews_capture() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_capture() IS 'remembers what a statement changed';

CREATE FUNCTION pg_tviews_guard() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_guard() IS 'refuses direct changes of a TVIEW';

-- Rows of pg_tview_meta that a dump brings.
CREATE FUNCTION pg_tviews_meta_insert() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_meta_insert() IS 'lets a dump''s row take the place of one';

CREATE TRIGGER pg_tviews_meta_insert BEFORE INSERT ON pg_tview_meta
FOR EACH ROW EXECUTE FUNCTION pg_tviews_meta_insert();

ALTER TABLE pg_tview_meta ENABLE ALWAYS TRIGGER pg_tviews_meta_insert;

/*
 * DDL.  Always enabled: a session with session_replication_role = replica can
 * create and drop as well.
 */
CREATE FUNCTION pg_tviews_ddl_start() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_ddl_start() IS 'recognizes CREATE TABLE tv_... AS, prepares drops';

CREATE FUNCTION pg_tviews_ddl_end() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_ddl_end() IS 'makes TVIEWs, follows changes of what they stand on';

CREATE FUNCTION pg_tviews_sql_drop() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_sql_drop() IS 'takes away what a dropped TVIEW leaves behind';

CREATE EVENT TRIGGER pg_tviews_ddl_start ON ddl_command_start
WHEN TAG IN ('CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'DROP TABLE',
	'DROP TRIGGER', 'DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION')
EXECUTE FUNCTION pg_tviews_ddl_start();

CREATE EVENT TRIGGER pg_tviews_ddl_end ON ddl_command_end
EXECUTE FUNCTION pg_tviews_ddl_end();

CREATE EVENT TRIGGER pg_tviews_sql_drop ON sql_drop
EXECUTE FUNCTION pg_tviews_sql_drop();

ALTER EVENT TRIGGER pg_tviews_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER pg_tviews_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER pg_tviews_sql_drop ENABLE ALWAYS;
