/*
 * From 0.1.0 to 0.1.1: pg_tviews_refresh() can be called with a name alone.
 */
\echo Use "ALTER EXTENSION pg_tviews UPDATE TO '0.1.1'" to load this file. \quit

-- 0.1.0 may also be the version of the implementation in Rust, whose catalog
-- is another.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_attribute
		WHERE attrelid = '@extschema@.pg_tview_meta'::pg_catalog.regclass
		AND attname = 'table_oid') THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'the installed pg_tviews is the implementation in Rust',
			HINT = 'Take the database over with scripts/takeover-from-rust.sql.';
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION pg_tviews_refresh(name text,
	force boolean DEFAULT false)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME';
