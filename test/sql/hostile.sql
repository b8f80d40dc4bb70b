--
-- Names and options that try to be SQL, in every function and everything that
-- they make: none of them is executed.  Whatever succeeds makes a table "owned".
--
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA t_hostile;
SET search_path = t_hostile, public;
CREATE TABLE bait (n int, name text);
INSERT INTO bait VALUES
  (1, E'a\n; CREATE TABLE owned (); --'),
  (2, E'b\r; CREATE TABLE owned (); --'),
  (3, $$c'; CREATE TABLE owned (); --$$),
  (4, $$d"; CREATE TABLE owned (); --$$),
  (5, $$e\'; CREATE TABLE owned (); --$$),
  (6, $$f'); CREATE TABLE owned (); --$$),
  (7, $x$g"'$q$ $$ CREATE TABLE owned ();--$x$),
  (8, $$h*/; CREATE TABLE owned (); /*$$),
  (9, $$i"]</text><script>1</script>&quot;$$),
  (10, $$j%s%n%1$I %%$$);

-- What a statement says: its result's first column, or its code.
CREATE FUNCTION try(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
BEGIN
  IF sql LIKE 'SELECT%' THEN
    EXECUTE sql INTO result;
  ELSE
    EXECUTE sql;
    result := 'done';
  END IF;
  RETURN result;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;

-- Schema, tables, columns, TVIEWs, keys and channels of such names.
DO $$
DECLARE
  b bait;
BEGIN
  FOR b IN SELECT * FROM bait ORDER BY n LOOP
    EXECUTE format('CREATE SCHEMA %I', b.name);
    EXECUTE format('CREATE TABLE %I.%I (%I int PRIMARY KEY, %I int, %I text, %I text)',
      b.name, 'tb_' || b.name, 'pk_' || b.name, 'fk_' || b.name, 'c' || b.name, 'data' || b.name);
    EXECUTE format('INSERT INTO %I.%I SELECT g, g %% 3 + 1, g, $1 FROM generate_series(1, 5) g', b.name, 'tb_' || b.name)
      USING b.name;
    EXECUTE format('CREATE TABLE %1$I.%2$I AS SELECT a.%3$I, a.%4$I, b.%4$I AS %5$I,
        jsonb_build_object(%6$L, a.%7$I, %7$L, b.%7$I) AS data
      FROM %1$I.%8$I a LEFT JOIN %1$I.%8$I b ON b.%3$I = a.%9$I',
      b.name, 'tv_' || b.name, 'pk_' || b.name, 'c' || b.name, 'other' || b.name, b.name, 'data' || b.name,
      'tb_' || b.name, 'fk_' || b.name);
    PERFORM pg_tviews_create(format('%I.%I', b.name, 'tv_two' || b.name),
      format('SELECT %1$I, count(*) FROM %2$I.%3$I GROUP BY 1', 'other' || b.name, b.name, 'tv_' || b.name)
        || format(' HAVING %I IS NOT NULL', 'other' || b.name),
      ARRAY['other' || b.name], jsonb_build_object('notify', b.name, 'on_error', 'stale'));
    EXECUTE format('ALTER TABLE %I.%I ADD COLUMN %I text DEFAULT %L', b.name, 'tv_' || b.name, 'more' || b.name, b.name);
    EXECUTE format('COMMENT ON TABLE %I.%I IS %L', b.name, 'tv_' || b.name, b.name);
    EXECUTE format('CREATE INDEX %I ON %I.%I (%I)', 'i' || b.name, b.name, 'tv_' || b.name, 'other' || b.name);
  END LOOP;
END $$;
SELECT kit.check_all();

-- writers
SELECT string_agg(DISTINCT try(format('UPDATE %I.%I SET %I = %L', name, 'tb_' || name, 'c' || name, name)), ' ') FROM bait;
SELECT string_agg(DISTINCT try(format('DELETE FROM %I.%I WHERE %I = 2', name, 'tb_' || name, 'pk_' || name)), ' ') FROM bait;
SELECT kit.check_all();

-- as the name, bare and quoted, of what there is
SELECT bool_and(try(format('SELECT pg_tviews_refresh(%L, true)', x)) = '4') FROM bait,
  LATERAL unnest(ARRAY[name, 'tv_' || name, format('%I.%I', name, name), format('%I.%I', name, 'tv_' || name)]) x;
SELECT bool_and(try(format('SELECT pg_tviews_refresh(%L, ARRAY[1, 3])', 'tv_' || name)) = '0') FROM bait;
SELECT bool_and(try(format('SELECT pg_tviews_refresh(%L, ARRAY[%L])', 'tv_two' || name, name)) = '0') FROM bait;
SELECT count(*) FROM bait, pg_tviews_explain('tv_' || name);
SELECT count(*) FROM bait, pg_tviews_explain_text('tv_' || name) t WHERE t LIKE 'TVIEW%';
SELECT count(*) FROM bait, pg_tviews_validate('tv_' || name);
SELECT bool_and(pg_tviews_alter('tv_' || name, options => jsonb_build_object('notify', name || '2'))
  = format('TVIEW ''%s'' altered successfully', 'tv_' || name)) FROM bait;
SELECT bool_and(pg_tviews_alter('tv_two' || name, format('SELECT %1$I, count(*) FROM %2$I.%3$I WHERE %1$I IS NOT NULL GROUP BY 1',
  'other' || name, name, 'tv_' || name)) IS NOT NULL) FROM bait;
SELECT bool_and(pg_tviews_convert_existing_table(format('%I.%I', name, 'tv_' || name)) IS NOT NULL) FROM bait;
SELECT bool_and(pg_tviews_backing_table(format('%I.%I', name, 'tv_' || name)::regclass) = format('%I.%I', name, 'tb_' || name)) FROM bait;
SELECT count(pg_tviews_source_hash(m.view)) FROM pg_tview_meta m;
SELECT count(*) FROM pg_tviews_metadata m JOIN bait ON m.entity_name = format('%I.%I', name, 'tv_' || name);
SELECT count(*) FROM pg_tviews_metrics;
SELECT count(*) FROM pg_tviews_stats();
BEGIN;
SELECT string_agg(DISTINCT try(format('UPDATE %I.%I SET %I = 1', name, 'tb_' || name, 'fk_' || name)), ' ') FROM bait;
SELECT count(*) FROM pg_tviews_queue;
ROLLBACK;
SELECT string_agg(status, ' ' ORDER BY status) FROM pg_tviews_health_check() WHERE check_name NOT IN ('statistics', 'indexes');

-- as the name of what there is not, and as anything else
SELECT string_agg(DISTINCT try(format(call, name || '?')), ' ') FROM bait, LATERAL unnest(ARRAY[
  'SELECT pg_tviews_refresh(%L)', 'SELECT pg_tviews_refresh(%L, ARRAY[1])', 'SELECT pg_tviews_drop(%L)',
  'SELECT pg_tviews_alter(%L, ''SELECT 1'')', 'SELECT 1 FROM pg_tviews_explain(%L)',
  'SELECT 1 FROM pg_tviews_explain_text(%L)', 'SELECT 1 FROM pg_tviews_validate(%L)', 'SELECT pg_tviews_stats_reset(%L)']) call;
SELECT string_agg(DISTINCT try(format(call, name)), ' ') FROM bait, LATERAL unnest(ARRAY[
  'SELECT pg_tviews_create(''new'', %L)', 'SELECT pg_tviews_alter(1::text, %L)', 'SELECT pg_tviews_graph(%L)',
  'SELECT pg_tviews_create(''new'', ''SELECT 1 AS x'', ARRAY[%L])',
  'SELECT pg_tviews_create(''new'', ''SELECT 1 AS pk_new'', options => jsonb_build_object(%L, 1))',
  'SELECT pg_tviews_create(''new'', ''SELECT 1 AS pk_new'', options => jsonb_build_object(''on_error'', %L))',
  'SELECT pg_tviews_create(''new'', ''SELECT 1 AS pk_new'', options => jsonb_build_object(''settings'', jsonb_build_object(%L, 1)))',
  'SELECT pg_tviews_create(''new'', ''SELECT 1 AS pk_new'', options => jsonb_build_object(''settings'', jsonb_build_object(''DateStyle'', %L)))'
  ]) call;
SELECT bool_and(pg_tviews_analyze_select(name) ? 'error') FROM bait;

-- pictures keep to their formats
SELECT count(*) FROM regexp_split_to_table(pg_tviews_graph('mermaid'), E'\n') l
  WHERE l !~ '^(graph LR|  n\d+(\["[^"<>]*"\]|\(\["[^"<>]*"\]\))|  n\d+ -+\.?-*>\|\w+\| n\d+|)$';
SELECT count(*) FROM regexp_split_to_table(pg_tviews_graph('dot'), E'\n') l
  WHERE l !~ '^(digraph tviews \{|  rankdir=LR;|  n\d+ \[label="([^"\\]|\\.)*", shape=\w+\];|  n\d+ -> n\d+ \[label="\w+"(, style=dashed)?\];|\}|)$';
SELECT pg_tviews_graph('svg')::xml IS DOCUMENT, pg_tviews_graph('svg') ~ '<script';

-- the script of pg_tviews_export makes the same again, and nothing else
CREATE TABLE before AS SELECT entity, tview::text AS name, key_columns, options FROM pg_tview_meta;
SELECT pg_tviews_export() AS script \gset
SELECT count(pg_tviews_drop(tview::text, true)) FROM pg_tview_meta;
:script
SELECT count(*), count(*) FILTER (WHERE (m.key_columns, m.options) = (b.key_columns, b.options))
  FROM pg_tview_meta m JOIN before b ON b.name = m.tview::text AND b.entity = m.entity;
SELECT count(*) FROM pg_description d JOIN bait ON d.description = name WHERE d.classoid = 'pg_class'::regclass;
SELECT kit.check_all();

SELECT count(*) FROM pg_class WHERE relname = 'owned';
SELECT string_agg(DISTINCT try(format('DROP SCHEMA %I CASCADE', name)), ' ') FROM bait;
SELECT count(*) FROM pg_tview_meta;
DROP SCHEMA t_hostile CASCADE;
