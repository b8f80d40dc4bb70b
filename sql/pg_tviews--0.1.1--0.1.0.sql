/*
 * From 0.1.1 back to 0.1.0.  A default cannot be taken away from a function, so
 * it is made anew.
 */
\echo Use "ALTER EXTENSION pg_tviews UPDATE TO '0.1.0'" to load this file. \quit

DROP FUNCTION pg_tviews_refresh(text, boolean);

CREATE FUNCTION pg_tviews_refresh(name text, force boolean)
RETURNS bigint
LANGUAGE c
AS 'MODULE_PATHNAME';

COMMENT ON FUNCTION pg_tviews_refresh(text, boolean) IS 'recomputes a TVIEW, returns the rows changed';
