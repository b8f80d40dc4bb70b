/*
 * The objects of pg_tviews as the current version has them.  They are made in
 * the schema that CREATE EXTENSION chooses; update scripts stand beside this
 * file.
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

CREATE FUNCTION pg_tviews_alter(tview_name text, select_sql text DEFAULT NULL,
	options jsonb DEFAULT NULL)
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_alter(text, text, jsonb) IS 'gives a TVIEW another query, or other options';

CREATE FUNCTION pg_tviews_convert_existing_table(table_name text)
RETURNS text
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_convert_existing_table(text) IS 'makes a TVIEW of an existing table';

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

CREATE FUNCTION pg_tviews_health_check(
	OUT check_name text,
	OUT status text,
	OUT details text)
RETURNS SETOF record
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_health_check() IS 'whether all is well, by check';

CREATE FUNCTION pg_tviews_stats_reset(tview_name text DEFAULT NULL)
RETURNS void
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_stats_reset(text) IS 'counts from zero again';
REVOKE ALL ON FUNCTION pg_tviews_stats_reset(text) FROM PUBLIC;

CREATE FUNCTION pg_tviews_backing_table(tview regclass)
RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_backing_table(regclass) IS 'table that the key of a TVIEW comes from';

CREATE FUNCTION pg_tviews_source_hash(view regclass)
RETURNS bytea
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$SELECT sha256(convert_to(pg_get_viewdef(view), 'UTF8'))$$;

COMMENT ON FUNCTION pg_tviews_source_hash(regclass) IS 'hash of the query of a view';

CREATE FUNCTION pg_tviews_lock_words(tview oid, what smallint)
RETURNS text
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_lock_words(oid, smallint) IS 'what a lock of a refresh is on';

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
JOIN @extschema@.pg_tviews_stats() s ON s.tview = m.tview;

COMMENT ON VIEW pg_tviews_metrics IS 'numbers about each TVIEW for monitoring';

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

GRANT SELECT ON pg_tviews_metadata, pg_tviews_queue, pg_tviews_metrics, pg_tviews_locks TO PUBLIC;

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
