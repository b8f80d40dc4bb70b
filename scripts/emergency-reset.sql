-- Makes the extension and all TVIEWs of a database anew: exports them, drops
-- the extension with all that belongs to it, creates it, imports, validates.
-- For when nothing else helps: pg_tviews_validate() tells what may.
--
--   psql -X -d DATABASE -f emergency-reset.sql
--        [-v file=NAME]       where to write the export: pg_tviews-export.sql
--        [-v saved=NAME]      an export that was written before, to be used
--                             instead, where none can be made any more
--        [-v cascade=1]       drop what else depends on TVIEWs, such as your
--                             views on them: it does not come back
--        [-v disconnect=1]    end all other sessions of the database first
--        [-v dry_run=1]       do all of it, and roll it back
--
-- As a superuser.  Base tables stay as they are, but cannot be written to
-- meanwhile.  What comes back of a TVIEW is what pg_tviews_export() writes:
-- query, key, options, its columns, indexes, constraints, triggers, comments,
-- grants, policies, owner.
--
-- One transaction: exit status 0 means done, any other that nothing has
-- changed, and the last message says why.  The export is left in its file.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?file}
\else
	\set file pg_tviews-export.sql
\endif
\if :{?cascade}
\else
	\set cascade 0
\endif
\if :{?disconnect}
\else
	\set disconnect 0
\endif
\if :{?dry_run}
\else
	\set dry_run 0
\endif
\pset footer off

SET client_min_messages = warning;
\if :disconnect
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' \g /dev/null
\endif

BEGIN;
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_tviews') THEN
		RAISE EXCEPTION 'extension "pg_tviews" is not installed in database "%"', current_database()
			USING HINT = 'If an export was saved, CREATE EXTENSION pg_tviews and run it with psql -f.';
	END IF;
	IF EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) THEN
		RAISE EXCEPTION 'prepared transactions keep their locks'
			USING HINT = 'Finish those in pg_prepared_xacts with COMMIT PREPARED or ROLLBACK PREPARED.';
	END IF;
END $$;
SELECT n.nspname AS schema, quote_ident(n.nspname) || ', ' || current_setting('search_path') AS path
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_tviews' \gset
SELECT set_config('search_path', :'path', true) \g /dev/null

-- 1. Export, unless one was saved.
\if :{?saved}
	\set file :saved
\else
\set exists `test -e :'file' && echo 1 || echo 0`
\if :exists
\warn :file 'exists already: name another with -v file=, or use it with -v saved='
DO $$ BEGIN RAISE EXCEPTION 'the export is not to replace another'; END $$;
\endif
SELECT pg_tviews_export() \g (format=unaligned tuples_only=on) :file
\echo Exported to :file
\endif

-- 2. What is there, and what else would go; from here on without any help of
-- what may be broken.
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT evtname FROM pg_event_trigger WHERE evtname IN ('pg_tviews_ddl_start', 'pg_tviews_ddl_end', 'pg_tviews_sql_drop')
	LOOP
		EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', name);
	END LOOP;
END $$;
CREATE TEMP TABLE reset_before ON COMMIT DROP AS
SELECT m.entity, c.oid AS tview, v.oid AS view, c.oid::regclass::text AS tview_name
FROM pg_tview_meta m LEFT JOIN pg_class c ON c.oid = m.tview LEFT JOIN pg_class v ON v.oid = m.view;
CREATE TEMP TABLE reset_dependent ON COMMIT DROP AS
SELECT DISTINCT pg_describe_object(CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END,
	coalesce(r.ev_class, d.objid), CASE WHEN r.oid IS NULL THEN d.objsubid ELSE 0 END) AS name
FROM reset_before b
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid IN (b.tview, b.view) AND d.deptype = 'n'
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
WHERE coalesce(r.ev_class, k.conrelid, t.tgrelid, p.polrelid, f.adrelid, d.objid) NOT IN (
	SELECT unnest(ARRAY[tview, view]) FROM reset_before WHERE tview IS NOT NULL AND view IS NOT NULL);
SELECT EXISTS (SELECT FROM reset_dependent) AND NOT :'cascade'::bool AS refused \gset
\if :refused
\warn These depend on TVIEWs, would be dropped, and would not come back:
SELECT name FROM reset_dependent ORDER BY 1;
DO $$ BEGIN
	RAISE EXCEPTION 'other objects depend on TVIEWs'
		USING HINT = 'Save and drop them first, or drop them with -v cascade=1.';
END $$;
\endif

-- 3. Drop.
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN
		SELECT format('DROP %s IF EXISTS %s CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
		FROM reset_before b JOIN pg_class c ON c.oid IN (b.tview, b.view) ORDER BY c.relkind DESC, c.oid
	LOOP
		EXECUTE name;
	END LOOP;
	DROP EXTENSION pg_tviews CASCADE;
END $$;

-- 4. Create and import.
CREATE EXTENSION pg_tviews SCHEMA :"schema";
\o /dev/null
\i :file
\o

-- 5. Validate: as many as before, and nothing wrong with any.
SELECT set_config('search_path', :'path', true) \g /dev/null
SELECT * FROM pg_tviews_validate();
DO $$
DECLARE
	names text;
BEGIN
	SELECT string_agg(entity, ', ' ORDER BY entity) INTO names FROM reset_before b
	WHERE NOT EXISTS (SELECT FROM pg_tview_meta m WHERE m.entity = b.entity);
	IF names IS NOT NULL THEN
		RAISE EXCEPTION 'the export lacks TVIEWs: %', names;
	END IF;
	IF EXISTS (SELECT FROM pg_tviews_validate()) THEN
		RAISE EXCEPTION 'TVIEWs are not valid after the import';
	END IF;
END $$;
SELECT version.v AS version, count(m.*) AS tviews FROM pg_tviews_version() AS version(v) LEFT JOIN pg_tview_meta m ON true GROUP BY 1 \gset
\if :dry_run
ROLLBACK;
\echo Dry run: rolled back.
\else
COMMIT;
\echo pg_tviews :version with :tviews TVIEWs, all valid.
\endif
