--
-- Every way in which a TVIEW, or what it stands on, is dropped: nothing is left
-- behind, nothing is taken along unasked, and writers go on
--
CREATE SCHEMA t_drop;
CREATE SCHEMA t_drop_b;
SET search_path = t_drop, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE TABLE tb_a (pk_a int PRIMARY KEY, fk_b int, label text);
CREATE TABLE tb_b (pk_b int PRIMARY KEY, label text);
INSERT INTO tb_a VALUES (1, 1, 'one'), (2, NULL, 'two');
INSERT INTO tb_b VALUES (1, 'b');

-- three TVIEWs, the third reads the second, a plain view reads the third
CREATE PROCEDURE make() LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE tv_a AS SELECT a.pk_a, a.label, b.label AS b FROM tb_a a LEFT JOIN tb_b b ON b.pk_b = a.fk_b;
  CREATE TABLE tv_b AS SELECT b.pk_b, b.label FROM tb_b b;
  CREATE TABLE tv_c AS SELECT b.pk_b AS pk_c, b.label FROM tv_b b;
  CREATE VIEW reader AS SELECT * FROM tv_c;
END $$;
-- what there is, in the catalog, as relations and as triggers; and does writing work?
CREATE FUNCTION state() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('tb_a') IS NOT NULL THEN UPDATE tb_a SET label = label || '.'; END IF;
  IF to_regclass('tb_b') IS NOT NULL THEN UPDATE tb_b SET label = label || '.'; END IF;
  PERFORM kit.check_all();
  RETURN concat_ws('; ',
    coalesce((SELECT string_agg(entity, ' ' ORDER BY entity) FROM pg_tview_meta), '-'),
    coalesce((SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") FROM pg_class
              WHERE relnamespace IN ('t_drop'::regnamespace, 't_drop_b'::regnamespace) AND relkind IN ('r', 'v')
                AND relname ~ '^(t?v_|reader)'), '-'),
    (SELECT string_agg(relname || ':' || n, ' ' ORDER BY relname)
     FROM (SELECT relname, count(t.oid) AS n FROM pg_class c LEFT JOIN pg_trigger t ON tgrelid = c.oid AND tgname LIKE 'pg_tviews_%'
           WHERE relnamespace = 't_drop'::regnamespace AND relname IN ('tb_a', 'tb_b') GROUP BY relname) x));
END $$;
CALL make();
SELECT state();

-- one; its base tables lose the triggers that nobody needs any more
DROP TABLE tv_a;
SELECT state();
-- RESTRICT is the default: other TVIEWs and views stand in the way
DROP TABLE tv_b;
DROP TABLE tv_b RESTRICT;
DROP TABLE tv_c;
SELECT pg_tviews_drop('tv_b');
SELECT pg_tviews_drop('tv_c', true);
SELECT state();
DROP VIEW reader;
DROP TABLE tv_c;
SELECT state();
DROP TABLE tv_b;
SELECT state();

-- CASCADE takes what stands on it
CALL make();
DROP TABLE tv_b CASCADE;
SELECT state();
DROP TABLE tv_a;
-- several at once, in any order, also with what they stand on
CALL make();
DROP VIEW reader;
DROP TABLE tv_b, tv_a, tv_c;
SELECT state();
CALL make();
DROP VIEW reader;
DROP TABLE tv_c, tv_b;
SELECT state();
DROP TABLE tv_a;
-- several of which one does not exist, or stands under another: none is dropped
CALL make();
DROP TABLE tv_a, tv_missing;
DROP TABLE tv_a, tv_b;
SELECT state();
DROP TABLE IF EXISTS tv_a, tv_missing;
SELECT state();
DROP TABLE IF EXISTS tv_a, tv_missing, "tv_c" CASCADE;
SELECT state();
DROP TABLE IF EXISTS t_drop.tv_b;
SELECT state();

-- the view: as a part of the TVIEW it does not go alone, with CASCADE the TVIEW goes
CALL make();
DROP VIEW v_a;
SELECT state();
DROP VIEW v_a CASCADE;
SELECT state();
DROP VIEW v_b;
DROP VIEW v_b, v_c;
SELECT state();
DROP VIEW v_b CASCADE;
SELECT state();

-- base tables
CALL make();
DROP TABLE tb_b;
DROP TABLE tb_a;
SELECT state();
DROP TABLE tb_a CASCADE;
SELECT state();
DROP TABLE tb_b CASCADE;
SELECT state();
CREATE TABLE tb_a (pk_a int PRIMARY KEY, fk_b int, label text);
CREATE TABLE tb_b (pk_b int PRIMARY KEY, label text);
CALL make();
INSERT INTO tb_a VALUES (1, 1, 'one'), (2, NULL, 'two');
INSERT INTO tb_b VALUES (1, 'b');
SELECT state();
-- a helper view, a function, a type that the query needs
CREATE VIEW helper AS SELECT pk_b, label FROM tb_b;
CREATE FUNCTION helped(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE TYPE mood AS ENUM ('sad');
CREATE TABLE tv_h AS SELECT pk_b AS pk_h, helped(label) AS label, 'sad'::mood AS m FROM helper;
DROP VIEW helper;
DROP FUNCTION helped;
DROP TYPE mood;
SELECT state();
DROP FUNCTION helped CASCADE;
SELECT state();
-- with pending changes, and inside of other things
BEGIN;
UPDATE tb_a SET label = 'pending';
DROP TABLE tv_a;
UPDATE tb_a SET label = 'after';
COMMIT;
SELECT state();
BEGIN;
UPDATE tb_b SET label = 'pending';
SAVEPOINT a;
DROP TABLE tv_b CASCADE;
UPDATE tb_b SET label = 'after';
ROLLBACK TO a;
SELECT label FROM tv_c;
COMMIT;
SELECT state();
DO $$ BEGIN DROP TABLE tv_b CASCADE; END $$;
SELECT state();
CALL make();
CREATE FUNCTION drop_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tb_b SET label = 'in a function';
  DROP VIEW reader;
  EXECUTE 'DROP TABLE tv_c';
  DROP TABLE tv_b;
  PERFORM pg_tviews_drop('a');
  UPDATE tb_b SET label = 'after';
END $$;
SELECT drop_all();
SELECT state();
CALL make();
CREATE TABLE scratch (n int);
DROP TABLE scratch \; SELECT count(*) FROM tv_a \; DROP TABLE tv_a;
SELECT state();

-- pg_tviews_drop over the catalog that it empties
DROP VIEW reader;
DROP TABLE tv_c;
CREATE TABLE tv_d AS SELECT pk_a AS pk_d FROM tb_a;
SELECT pg_tviews_drop(entity, true) IS NOT NULL FROM pg_tview_meta;
SELECT state();
SELECT pg_tviews_drop('tv_b', true) IS NOT NULL;
SELECT pg_tviews_drop('tv_b');

-- schemas, with the base tables outside, inside, and both
CREATE TABLE t_drop_b.tv_x AS SELECT pk_a AS pk_x, label FROM tb_a;
CREATE TABLE t_drop_b.tb_y (pk_y int PRIMARY KEY, label text);
CREATE TABLE tv_y AS SELECT y.pk_y, x.label FROM t_drop_b.tb_y y LEFT JOIN t_drop_b.tv_x x ON x.pk_x = y.pk_y;
SELECT state();
DROP SCHEMA t_drop_b;
DROP SCHEMA t_drop_b CASCADE;
CREATE SCHEMA t_drop_b;
SELECT state();
-- owners
CREATE ROLE regress_drop;
GRANT CREATE, USAGE ON SCHEMA t_drop, t_drop_b TO regress_drop;
GRANT SELECT, TRIGGER ON tb_a TO regress_drop;
SET ROLE regress_drop;
CREATE TABLE t_drop_b.tv_o AS SELECT pk_a AS pk_o, label FROM t_drop.tb_a;
RESET ROLE;
SELECT state();
DROP OWNED BY regress_drop;
SELECT state();
DROP ROLE regress_drop;

-- the extension: not while there are TVIEWs, but with CASCADE it takes them along, and writers go on
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
DROP EXTENSION pg_tviews;
SELECT state();
BEGIN;
INSERT INTO tb_a VALUES (50, NULL, 'pending');
DROP EXTENSION pg_tviews CASCADE;
SELECT count(*) FROM pg_class WHERE relnamespace = 't_drop'::regnamespace AND relname ~ '^t?v_';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tb_a'::regclass;
UPDATE tb_a SET label = 'without';
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
CREATE EXTENSION pg_tviews SCHEMA public;
CREATE TABLE tv_d AS SELECT pk_a AS pk_d, label FROM tb_a;
UPDATE tb_a SET label = 'with it again';
SELECT kit.check('tv_d');
ROLLBACK;
SELECT state();
DROP TABLE tv_a;

-- names that only look like it
CREATE TABLE tv_plain (n int);
CREATE TABLE tv_tv_a AS SELECT pk_a AS pk_tv_a FROM tb_a;
CREATE TABLE tv_a AS SELECT pk_a FROM tb_a;
DROP TABLE tv_plain;
DROP TABLE tv_tv_a;
SELECT state();
DROP TABLE tv_a;
SELECT state();
-- plain views that are called v_
CREATE VIEW v_plain AS SELECT 1 AS x;
DROP VIEW v_plain;

-- what has been broken while event triggers were disabled is not the business of
-- who drops something else, and can still be dropped
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a;
CREATE TABLE tv_b AS SELECT pk_a AS pk_b, label FROM tb_a;
CREATE TABLE tv_c AS SELECT pk_a AS pk_c, label FROM tb_a;
CREATE ROLE regress_drop;
CREATE FUNCTION switch(how text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE 'ALTER EVENT TRIGGER pg_tviews_sql_drop ' || how; EXECUTE 'ALTER EVENT TRIGGER pg_tviews_ddl_start ' || how;
  EXECUTE 'ALTER EVENT TRIGGER pg_tviews_ddl_end ' || how; END $$;
BEGIN;
SELECT switch('DISABLE');
DROP VIEW v_a, v_b;
DROP TABLE tv_c;
SELECT switch('ENABLE ALWAYS');
SET ROLE regress_drop;
CREATE TEMP TABLE unrelated (i int);
DROP TABLE unrelated;
CREATE TEMP TABLE unrelated (i int);
DROP TABLE unrelated CASCADE;
RESET ROLE;
CREATE TABLE tb_captured (pk_captured int PRIMARY KEY);
CREATE TABLE tv_captured AS SELECT pk_captured FROM tb_captured;
DROP TABLE tb_captured CASCADE;
SELECT to_regclass('tv_a') IS NOT NULL, to_regclass('tv_b') IS NOT NULL;
DROP TABLE tv_a;
SELECT pg_tviews_drop('tv_b');
SELECT to_regclass('tv_a'), to_regclass('tv_b'), count(*) FROM pg_tview_meta WHERE entity IN ('a', 'b', 'c');
ROLLBACK;
DROP ROLE regress_drop;
DROP TABLE tv_a, tv_b, tv_c;

DROP SCHEMA t_drop, t_drop_b CASCADE;
SELECT count(*) FROM pg_tview_meta;
