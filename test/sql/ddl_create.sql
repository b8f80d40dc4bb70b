--
-- Every form in which a TVIEW can be made, what comes out, and what stays a plain table
--
CREATE SCHEMA t_create;
CREATE SCHEMA t_create_b;
SET search_path = t_create, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE TABLE tb_a (pk_a int PRIMARY KEY, fk_b int, label text);
CREATE TABLE tb_b (pk_b int PRIMARY KEY, label text);
INSERT INTO tb_a VALUES (1, 1, 'one'), (2, 1, 'two'), (3, NULL, 'three');
INSERT INTO tb_b VALUES (1, 'b');

-- is it a TVIEW, with all that belongs to it; and does it follow its table?
CREATE FUNCTION about(tv regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m pg_tview_meta; n bigint; c text;
BEGIN
  SELECT * INTO m FROM pg_tview_meta WHERE tview = tv;
  EXECUTE 'SELECT count(*) FROM ' || tv::text INTO n;
  SELECT string_agg(attname, ',' ORDER BY attnum) INTO c FROM pg_attribute
  WHERE attrelid = tv AND attnum > 0 AND NOT attisdropped;
  IF m IS NULL THEN RETURN format('plain table: %s, %s rows', c, n); END IF;
  UPDATE t_create.tb_a SET label = label || '.';
  PERFORM kit.check(tv::text);
  RETURN format('TVIEW %s of %s, key %s: %s, %s rows, %s', m.entity, m.view, m.key_columns, c, n,
    (SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = tv));
END $$;
-- nothing of that name, and nothing left where something was
CREATE FUNCTION traces() RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws('; ', (SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class
                          WHERE relnamespace IN ('t_create'::regnamespace, 't_create_b'::regnamespace) AND relname ~ '^(t?v_|idx_)'),
                         (SELECT string_agg(entity, ' ') FROM pg_tview_meta),
                         (SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'tb_a'::regclass)) $$;

-- CREATE TABLE AS as people write it
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
create   table
  tv_a
as
  (select pk_a /* from select */ , label -- as
   from tb_a)
;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE "tv_a" AS TABLE tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE t_create_b . tv_a AS WITH x AS (SELECT * FROM tb_a) SELECT pk_a, label FROM x WHERE label <> 'as select from';
SELECT about('t_create_b.tv_a');
DROP TABLE t_create_b.tv_a;
CREATE TABLE tv_a (pk_a, renamed) AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE tv_a (pk_a) AS SELECT pk_a AS other, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a WITH NO DATA;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a WITH DATA;
SELECT about('tv_a');
CREATE TABLE IF NOT EXISTS tv_a AS SELECT pk_a, 'other' AS label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE IF NOT EXISTS tv_a AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
SELECT pk_a, label INTO tv_a FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
WITH x AS (SELECT * FROM tb_a) SELECT pk_a, label INTO TABLE t_create.tv_a FROM x;
SELECT about('tv_a');
DROP TABLE tv_a;
-- what is said about storage is kept; after a crash all must be empty, or nothing
CREATE UNLOGGED TABLE tv_a AS SELECT pk_a, label FROM tb_a;
CREATE UNLOGGED TABLE tv_c (pk_c, label) AS VALUES (1, 'x'), (2, 'y');
ALTER TABLE tb_a SET UNLOGGED;
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
CREATE UNLOGGED TABLE tv_a AS SELECT pk_a FROM tb_a;
SELECT reloptions FROM pg_class WHERE oid = 'tv_a'::regclass;
DROP TABLE tv_a;
CREATE UNLOGGED TABLE tv_a USING heap WITH (fillfactor = 70, autovacuum_enabled = off) TABLESPACE pg_default
  AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a'), relpersistence, reloptions FROM pg_class WHERE oid = 'tv_a'::regclass;
ALTER TABLE tv_a SET LOGGED;
ALTER TABLE tb_a SET LOGGED;
DROP TABLE tv_a;
ALTER TABLE tb_a SET LOGGED;
-- a constant query has no source
CREATE TABLE tv_c (pk_c, label) AS VALUES (1, 'x'), (2, 'y');
SELECT about('tv_c');
DROP TABLE tv_c;
-- text that misleads whoever reads it as text
CREATE TABLE tv_a AS SELECT pk_a, E'\'tv_a as select' || $q$ from "tb_b'; $q$ || U&'\0130\00DFd' AS "as", label = ';' AS "from ""x""" FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;

-- pg_tviews_create and the forms of the name
SELECT pg_tviews_create('tv_a', 'SELECT pk_a, label FROM tb_a');
SELECT about('tv_a');
SELECT pg_tviews_drop('tv_a') IS NOT NULL;
SELECT pg_tviews_create('t_create_b.tv_a', ' SELECT pk_a, label FROM tb_a ; ');
SELECT about('t_create_b.tv_a');
SELECT pg_tviews_drop('t_create_b.tv_a') IS NOT NULL;
SELECT pg_tviews_create('"tv_a"', 'TABLE tb_a', ARRAY['pk_a']);
SELECT about('tv_a');
SELECT pg_tviews_drop('a') IS NOT NULL;
SELECT pg_tviews_create(tview_name => 'tv_label', select_sql => 'SELECT DISTINCT label FROM tb_a', key_columns => '{label}', options => '{}');
SELECT about('tv_label');
SELECT pg_tviews_drop('label', if_exists => true) IS NOT NULL;
SELECT traces();

-- inside DO, functions, procedures, dynamic SQL
DO $$ BEGIN CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a; END $$;
SELECT about('tv_a');
DO $$ BEGIN DROP TABLE tv_a; EXECUTE format('CREATE TABLE %I AS SELECT pk_a, label FROM tb_a', 'tv_a'); END $$;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE FUNCTION make() RETURNS int LANGUAGE sql AS 'CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a; SELECT 1';
SELECT make();
SELECT about('tv_a');
CREATE PROCEDURE remake() LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE tv_a;
  CREATE TABLE tv_a AS SELECT pk_a FROM tb_a;
  ROLLBACK;
  DROP TABLE tv_a;
  COMMIT;
  CREATE TABLE tv_a AS SELECT pk_a, fk_b FROM tb_a;
END $$;
CALL remake();
SELECT about('tv_a');
DROP TABLE tv_a;
-- neither variables of a function nor prepared statements are part of a kept query
PREPARE prepared AS SELECT pk_a, label FROM tb_a;
CREATE TABLE tv_a AS EXECUTE prepared;
DO $$ DECLARE x text := 'one'; BEGIN CREATE TABLE tv_a AS SELECT pk_a, x AS label FROM tb_a; END $$;
SELECT traces();

-- several statements in one message: each is done once
CREATE TABLE log (n int);
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a \; INSERT INTO log VALUES (1) \; CREATE TABLE tv_b AS SELECT pk_b, label FROM tb_b \; INSERT INTO log SELECT count(*) FROM tv_a;
SELECT n FROM log ORDER BY n DESC;
SELECT about('tv_a');
SELECT about('tv_b');
DROP TABLE log \; SELECT count(*) FROM tv_a;
SELECT about('tv_a');
DROP TABLE tv_a \; DROP TABLE tv_b;
SELECT traces();

-- rolled back as a whole or to a savepoint: nothing is left, also not in memory
BEGIN;
INSERT INTO tb_a VALUES (4, 1, 'pending before');
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a');
INSERT INTO tb_a VALUES (5, 1, 'pending after');
ROLLBACK;
SELECT traces();
INSERT INTO tb_a VALUES (4, 1, 'four');
BEGIN;
SAVEPOINT a;
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
UPDATE tb_a SET label = upper(label);
ROLLBACK TO a;
UPDATE tb_a SET label = initcap(label);
SELECT traces();
CREATE TABLE tv_a AS SELECT pk_a, label, fk_b FROM tb_a;
SAVEPOINT b;
DROP TABLE tv_a;
ROLLBACK TO b;
UPDATE tb_a SET label = lower(label);
COMMIT;
SELECT about('tv_a');
BEGIN;
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT pk_a, 'second' AS label FROM tb_a;
SELECT about('tv_a');
ROLLBACK;
SELECT about('tv_a');
-- made and changed in the same transaction, with changes from before the making
BEGIN;
DELETE FROM tb_a WHERE pk_a = 4;
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
INSERT INTO tb_a VALUES (6, NULL, 'six');
CREATE TABLE tv_b AS SELECT b.pk_b, (SELECT count(*) FROM tv_a a) AS n FROM tb_b b;
SELECT n FROM tv_b;
COMMIT;
SELECT about('tv_a');
DROP TABLE tv_b;
DROP TABLE tv_a;
SELECT traces();

-- a statement that fails leaves nothing that a later one could pick up
CREATE TABLE log (n int);
CREATE TABLE log (n int);
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT pk_a FROM missing;
CREATE TABLE tv_a AS SELECT pk_a, pk_a / 0 AS x FROM tb_a;
CREATE TABLE tv_a AS SELECT fk_b AS pk_a FROM tb_a;
CREATE TABLE tv_a (pk_a int, label jsonb);
INSERT INTO tv_a VALUES (1, '{}');
SELECT about('tv_a');
DROP TABLE tv_a;

--
-- what stays a plain table, with its rows
--
CREATE TABLE tv_a (pk_a int PRIMARY KEY, label text);
INSERT INTO tv_a VALUES (1, 'mine');
CREATE TABLE IF NOT EXISTS tv_a AS SELECT pk_a, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT pk_a AS id, label FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE TABLE tv_a AS SELECT id, label FROM (SELECT pk_a AS id, label FROM tb_a) x WITH NO DATA;
SELECT about('tv_a');
DROP TABLE tv_a;
SELECT label INTO tv_a FROM tb_a;
SELECT about('tv_a');
DROP TABLE tv_a;
-- the key column of another TVIEW is not this one's
CREATE TABLE tv_b AS SELECT pk_b, label FROM tb_b;
CREATE TABLE tv_b_report AS SELECT pk_b, label FROM tb_b;
SELECT about('tv_b_report');
SELECT kit.check('tv_b');
DROP TABLE tv_b_report;
DROP TABLE tv_b;
CREATE TABLE tv_backup AS SELECT entity, tview::text AS name FROM pg_tview_meta;
SELECT about('tv_backup');
DROP TABLE tv_backup;
CREATE TABLE TV_ AS SELECT pk_a FROM tb_a;
SELECT about('tv_');
DROP TABLE tv_;
CREATE TABLE my_tv_a AS SELECT pk_a, label FROM tb_a;
SELECT about('my_tv_a');
DROP TABLE my_tv_a;
CREATE TABLE tv_a (LIKE tb_a INCLUDING ALL);
SELECT about('tv_a');
DROP TABLE tv_a;
CREATE MATERIALIZED VIEW tv_a AS SELECT pk_a, label FROM tb_a;
SELECT count(*), (SELECT count(*) FROM pg_tview_meta) FROM tv_a;
DROP MATERIALIZED VIEW tv_a;
CREATE VIEW tv_a AS SELECT pk_a, label FROM tb_a;
SELECT count(*), (SELECT count(*) FROM pg_tview_meta) FROM tv_a;
DROP VIEW tv_a;
EXPLAIN (COSTS off, SUMMARY off, FORMAT json) CREATE TABLE tv_a AS SELECT pk_a FROM tb_a \g /dev/null
SELECT traces();

--
-- what the table is like
--
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE tb_types (id uuid PRIMARY KEY, pk_types int, owner_id uuid, external_id int, parent_id text, n numeric(8,2),
  v varchar(10), c char(3) COLLATE "C", ts timestamptz(0), a text[], m mood[], p positive, b bit(3), i interval day to second,
  j json, t text COLLATE "POSIX", d date, f float4, o oid, "Ünï" text, base_price int, last_name text);
INSERT INTO tb_types VALUES ('00000000-0000-0000-0000-000000000001', 1, '00000000-0000-0000-0000-000000000002', 7, 'x', 1.5, 'v', 'c',
  '2024-01-01 00:00:00+00', '{a}', '{sad,ok}', 1, '101', '1 day', '{"a" :1}', 't', '2024-01-01', 0.1, 1, 'ü', 9, 'n');
CREATE TABLE tv_types AS
  SELECT *, jsonb_build_object('lastName', last_name, 'it''s', E'a\\b"c') AS data, NULL AS nothing, 'x' AS literal, ARRAY(SELECT v) AS vs
  FROM tb_types;
-- columns: name, type, typmod, collation, order as in the view; updated_at comes last
SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), nullif(attcollation, 100)), E'\n' ORDER BY attnum)
       FILTER (WHERE attrelid = 'tv_types'::regclass) =
       string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), nullif(attcollation, 100)), E'\n' ORDER BY attnum)
       FILTER (WHERE attrelid = 'v_types'::regclass) || E'\nupdated_at timestamp with time zone 0'
FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped;
-- indexes: the key, id, and each uuid that is called something_id
SELECT indexdef FROM pg_indexes WHERE tablename = 'tv_types' AND schemaname = 't_create' ORDER BY indexname COLLATE "C";
UPDATE tb_types SET ts = ts + '1 s', a = '{}', c = 'cc', "Ünï" = NULL, j = '{"a":1}';
SELECT kit.check('tv_types');
DROP TABLE tv_types;
-- a column updated_at of the query is the query's, whatever its type
CREATE TABLE tv_types AS SELECT pk_types, d AS updated_at FROM tb_types;
UPDATE tb_types SET d = NULL;
SELECT updated_at IS NULL, pg_typeof(updated_at) FROM tv_types;
SELECT kit.check('tv_types');
DROP TABLE tv_types;
-- a document that is NULL, a row of NULLs
CREATE TABLE tv_types AS SELECT pk_types, (SELECT jsonb_agg(x) FROM tb_b x WHERE false) AS data, NULL::uuid AS id FROM tb_types;
SELECT kit.check('tv_types');
DROP TABLE tv_types;

-- triggers: one set on each base table however many TVIEWs read it, plain and enabled
CREATE TABLE tv_a AS SELECT a.pk_a, a.label, b.label AS b FROM tb_a a LEFT JOIN tb_b b ON b.pk_b = a.fk_b;
CREATE TABLE tv_b AS SELECT b.pk_b, count(a.pk_a) AS n FROM tb_b b LEFT JOIN tb_a a ON a.fk_b = b.pk_b GROUP BY b.pk_b;
CREATE TABLE tv_label AS SELECT label AS pk_label FROM tb_a;
SELECT tgrelid::regclass::text COLLATE "C", string_agg(tgname || ' ' || tgenabled::text, ', ' ORDER BY tgname COLLATE "C"), bool_or(tgisinternal)
FROM pg_trigger WHERE tgrelid IN ('tb_a'::regclass, 'tb_b'::regclass) GROUP BY 1 ORDER BY 1;
SELECT DISTINCT trigger_name::text COLLATE "C" FROM information_schema.triggers
WHERE event_object_schema = 't_create' AND event_object_table = 'tb_a' AND trigger_name LIKE 'pg_tviews_%' ORDER BY 1;
SELECT entity, tview, view, key_columns, version_created = pg_tviews_version() FROM pg_tview_meta ORDER BY entity;
DELETE FROM tb_b;
SELECT kit.check_all();
DROP TABLE tv_a, tv_b, tv_label;

-- what is said: a NOTICE of what was found, a WARNING for each index that a route lacks,
-- a NOTICE where a table of that name stays plain
SET client_min_messages = notice;
CREATE TABLE tv_a AS SELECT a.pk_a, a.label, b.label AS b FROM tb_a a LEFT JOIN tb_b b ON b.pk_b = a.fk_b;
DROP TABLE tv_a;
CREATE INDEX ON tb_a (fk_b);
CREATE TABLE tv_a AS SELECT a.pk_a, a.label, b.label AS b FROM tb_a a LEFT JOIN tb_b b ON b.pk_b = a.fk_b;
CREATE TABLE IF NOT EXISTS tv_a AS SELECT pk_a FROM tb_a;
CREATE TABLE tv_plain AS SELECT pk_a, label FROM tb_a;
CREATE TABLE plain AS SELECT pk_a, label FROM tb_a;
CREATE TABLE tv_empty (pk_empty int);
\set VERBOSITY default
CREATE TABLE tv_computed AS SELECT pk_a + 1 AS pk_computed, label FROM tb_a;
\set VERBOSITY sqlstate
DROP TABLE tv_a, tv_computed;
SET client_min_messages = error;

DROP SCHEMA t_create, t_create_b CASCADE;
SELECT count(*) FROM pg_tview_meta;
