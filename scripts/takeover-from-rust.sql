-- Takes over a database whose TVIEWs were made by the implementation of
-- pg_tviews in Rust (0.1.0-alpha to 0.1.0-rc): installed as an extension of
-- that name, or what is left of it.
--
--   psql -X -d DATABASE -f takeover-from-rust.sql
--        [-v dry_run=1]      do all of it, and roll it back
--        [-v schema=NAME]    where to create the extension if none is installed
--
-- As a superuser, with the library of this implementation installed.  Tables
-- tv_x and views v_x stay, with rows, indexes, grants and columns of your own;
-- types of columns become those of the view.  Triggers of the old
-- implementation go; its tables, and its functions where they are no part of
-- an extension, are kept in the schema tviews_rust, to be dropped at leisure.
--
-- One transaction: exit status 0 means done, or nothing to do; any other that
-- nothing has changed, and the last message says why.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?dry_run}
\else
	\set dry_run 0
\endif
\if :{?schema}
\else
	\set schema public
\endif
\pset footer off

BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;
SELECT set_config('takeover.schema', :'schema', true) \g /dev/null

-- First of all its event trigger, which would be called for our own commands.
DO $$
DECLARE
	t record;
BEGIN
	FOR t IN
		SELECT e.evtname, EXISTS (SELECT FROM pg_depend d
			WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e') AS is_member
		FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid
		WHERE p.proname = 'pg_tviews_handle_ddl_event'
	LOOP
		IF t.is_member THEN
			EXECUTE format('ALTER EXTENSION pg_tviews DROP EVENT TRIGGER %I', t.evtname);
		END IF;
		EXECUTE format('DROP EVENT TRIGGER %I', t.evtname);
	END LOOP;
END $$;

-- Its catalogs, its trigger functions, and all that goes by one of its names.
CREATE TEMP TABLE old_catalog ON COMMIT DROP AS
SELECT c.oid::regclass AS meta
FROM pg_class c
WHERE c.relname = 'pg_tview_meta' AND c.relkind = 'r'
	AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid
		AND a.attname IN ('entity', 'view_oid', 'table_oid') AND NOT a.attisdropped) = 3;

CREATE TEMP TABLE old_trigger ON COMMIT DROP AS
SELECT t.tgrelid::regclass AS relation, t.tgname, c.relname
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgparentid = 0
	AND p.proname IN ('tview_trigger_handler', 'pg_tview_trigger_handler', 'pg_tview_stmt_trigger_handler');

-- Which tables are TVIEWs: as the catalog has them by OID, which a dump has
-- made meaningless; or else by the names that it, or a trigger, has.
CREATE TEMP TABLE old_tview (entity text, table_oid oid, view_oid oid) ON COMMIT DROP;
DO $$
DECLARE
	m regclass;
BEGIN
	FOR m IN SELECT meta FROM old_catalog LOOP
		EXECUTE format('INSERT INTO old_tview SELECT entity, table_oid, view_oid FROM %s', m);
	END LOOP;
	INSERT INTO old_tview
	SELECT DISTINCT substr(tgname, 11, length(tgname) - 14 - length(relname))
	FROM old_trigger
	WHERE starts_with(tgname, 'trg_tview_') AND right(tgname, length(relname) + 4) = '_on_' || relname;
END $$;

CREATE TEMP TABLE takeover ON COMMIT DROP AS
SELECT DISTINCT o.entity, t.oid::regclass AS tview, v.oid::regclass AS view,
	count(*) OVER (PARTITION BY o.entity, o.table_oid) AS candidates
FROM (SELECT entity, max(table_oid) AS table_oid, max(view_oid) AS view_oid
	FROM old_tview GROUP BY entity, table_oid) o
JOIN pg_class t ON t.relname = 'tv_' || o.entity AND t.relkind = 'r'
JOIN pg_class v ON v.relname = 'v_' || o.entity AND v.relkind = 'v' AND v.relnamespace = t.relnamespace
WHERE t.oid = o.table_oid
	OR NOT EXISTS (SELECT FROM pg_class k JOIN old_tview n ON n.table_oid = k.oid
		WHERE n.entity = o.entity AND k.relname = 'tv_' || o.entity);

DO $$
DECLARE
	names text;
BEGIN
	SELECT string_agg(DISTINCT entity, ', ') INTO names FROM takeover WHERE candidates > 1;
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'several schemas have tables and views of these TVIEWs: %', names
			USING HINT = 'Rename the tables that are no TVIEWs for the time being.';
	END IF;
	SELECT string_agg(DISTINCT o.entity, ', ') INTO names FROM old_tview o
	WHERE NOT EXISTS (SELECT FROM takeover t WHERE t.entity = o.entity);
	IF names IS NOT NULL THEN
		RAISE WARNING 'not taken over, for want of a table tv_... and a view v_...: %', names;
	END IF;
END $$;

-- Away with what it has put on the tables, and then with itself.
DO $$
DECLARE
	t record;
	is_old bool;
BEGIN
	FOR t IN SELECT * FROM old_trigger LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.relation);
	END LOOP;

	CREATE TEMP TABLE old_object ON COMMIT DROP AS
	SELECT 'pg_class'::regclass AS class, c.oid, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind,
		c.oid::regclass::text AS name
	FROM pg_class c
	WHERE c.oid IN (SELECT meta FROM old_catalog)
		OR c.relkind IN ('r', 'v') AND c.relname IN ('pg_tview_helpers', 'pg_tview_audit_log', 'pg_tview_pending_refreshes',
			'pg_tview_work_queue', 'pg_tviews_queue_realtime', 'pg_tviews_cache_stats', 'pg_tviews_performance_summary',
			'pg_tviews_statement_stats')
		OR c.relkind = 'r' AND c.relname IN ('pg_tviews_metrics', 'pg_tviews_metadata', 'pg_tviews_queue')
	UNION ALL
	SELECT 'pg_proc'::regclass, p.oid, 'FUNCTION', p.oid::regprocedure::text
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
	WHERE p.proname IN ('tview_trigger_handler', 'pg_tviews_record_metrics', 'pg_tviews_cleanup_metrics',
			'pg_tviews_cleanup_expired_queues', 'pg_tviews_install_stmt_triggers', 'pg_tviews_uninstall_stmt_triggers')
		OR l.lanname IN ('c', 'sql', 'plpgsql') AND p.proname IN ('pg_tviews_version', 'pg_tviews_hook_status',
			'pg_tviews_check_jsonb_delta', 'pg_tviews_create', 'pg_tviews_drop', 'pg_tviews_refresh',
			'pg_tviews_convert_existing_table', 'pg_tviews_convert_table', 'pg_tviews_handle_ddl_event', 'pg_tviews_cascade',
			'pg_tviews_insert', 'pg_tviews_delete', 'pg_tview_trigger_handler', 'pg_tview_stmt_trigger_handler',
			'pg_tviews_health_check', 'pg_tviews_queue_stats', 'pg_tviews_debug_queue', 'pg_tviews_analyze_select',
			'pg_tviews_infer_types', 'pg_tviews_show_cascade_path', 'pg_tviews_performance_stats',
			'pg_tviews_commit_prepared', 'pg_tviews_rollback_prepared', 'pg_tviews_recover_prepared_transactions');

	-- The extension is the old one if it has one of those that only that had.
	is_old := EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE e.extname = 'pg_tviews' AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		AND (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT meta FROM old_catalog)
			OR d.classid = 'pg_proc'::regclass AND d.objid IN (SELECT oid FROM pg_proc
				WHERE proname IN ('pg_tviews_handle_ddl_event', 'pg_tviews_cascade'))));
	IF is_old THEN
		PERFORM set_config('takeover.schema', (SELECT extnamespace::regnamespace::text
			FROM pg_extension WHERE extname = 'pg_tviews'), true);
		-- tables may have rows that somebody wants to keep
		FOR t IN
			SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid::regclass AS name
			FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid JOIN pg_class c ON c.oid = d.objid
			WHERE e.extname = 'pg_tviews' AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
				AND d.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'S')
		LOOP
			EXECUTE format('ALTER EXTENSION pg_tviews DROP %s %s', t.kind, t.name);
		END LOOP;
		DROP EXTENSION pg_tviews;
	END IF;

	DELETE FROM old_object o
	WHERE o.class = 'pg_class'::regclass AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = o.oid)
		OR o.class = 'pg_proc'::regclass AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = o.oid)
		OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e');
	IF EXISTS (SELECT FROM old_object) THEN
		CREATE SCHEMA IF NOT EXISTS tviews_rust;
	END IF;
	FOR t IN SELECT * FROM old_object LOOP
		EXECUTE format('ALTER %s %s SET SCHEMA tviews_rust', t.kind, t.name);
	END LOOP;
END $$;

SELECT EXISTS (SELECT FROM takeover) AS has_tviews,
	current_setting('takeover.schema') AS schema \gset

\if :has_tviews
CREATE EXTENSION IF NOT EXISTS pg_tviews SCHEMA :"schema";

-- In any order: what a TVIEW is built on may become a TVIEW later.
DO $$
DECLARE
	t record;
	c record;
	converter text;
BEGIN
	SELECT format('SELECT %I.pg_tviews_convert_existing_table(%%L)', n.nspname) INTO converter
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_tviews';
	FOR t IN
		SELECT tview, view FROM takeover ORDER BY tview
	LOOP
		-- columns as the view has them: the old implementation guessed types
		FOR c IN
			SELECT v.attname, format_type(v.atttypid, v.atttypmod) AS type, o.attname IS NULL AS is_new
			FROM pg_attribute v LEFT JOIN pg_attribute o
				ON o.attrelid = t.tview AND o.attname = v.attname AND NOT o.attisdropped
			WHERE v.attrelid = t.view AND v.attnum > 0 AND NOT v.attisdropped
				AND (o.attname IS NULL OR (o.atttypid, o.atttypmod) IS DISTINCT FROM (v.atttypid, v.atttypmod))
		LOOP
			IF c.is_new THEN
				EXECUTE format('ALTER TABLE %s ADD COLUMN %I %s', t.tview, c.attname, c.type);
			ELSE
				EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %2$I::%3$s', t.tview, c.attname, c.type);
			END IF;
		END LOOP;
		EXECUTE format(converter, t.tview);
	END LOOP;
END $$;

\echo Taken over:
SELECT t.entity, t.tview, t.view FROM takeover t ORDER BY 1;
\else
\echo No TVIEWs to take over.
\endif

SELECT string_agg(name, ', ' ORDER BY name) AS kept FROM old_object \gset
\if :{?kept}
\echo Kept in the schema tviews_rust: :kept
\endif

-- Whether all is well is for the new implementation to say.
\if :has_tviews
DO $$
DECLARE
	issue record;
BEGIN
	EXECUTE format('SELECT * FROM %I.pg_tviews_validate() LIMIT 1', (SELECT n.nspname
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_tviews'))
	INTO issue;
	IF issue.entity_name IS NOT NULL THEN
		RAISE EXCEPTION 'TVIEW % is not well: % %', issue.entity_name, issue.issue, issue.detail
			USING HINT = issue.hint;
	END IF;
END $$;
\endif

\if :dry_run
ROLLBACK;
\echo Dry run: rolled back.
\else
COMMIT;
\endif
