--
-- Errors while a TVIEW is refreshed: they name the TVIEW and the key, undo the
-- change that caused them, leave nothing half done, and the next transaction works
--
CREATE SCHEMA t_errors;
SET search_path = t_errors, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE TABLE tb_a (pk_a int PRIMARY KEY, x int, y int, label text);
CREATE TABLE tb_b (pk_b int PRIMARY KEY, fk_a int, n int);
INSERT INTO tb_a VALUES (1, 6, 3, 'one'), (2, 8, 2, 'two');
INSERT INTO tb_b VALUES (1, 1, 10), (2, 2, 20);
CREATE TABLE tv_a AS
  SELECT a.pk_a, a.x / a.y AS ratio, a.label, (SELECT b.n FROM tb_b b WHERE b.fk_a = a.pk_a) AS n FROM tb_a a;
CREATE TABLE tv_up AS SELECT pk_a AS pk_up, ratio, label::int4range IS NULL AS r FROM tv_a WHERE label LIKE '[%' OR label LIKE '(%';
CREATE TABLE tv_fk AS SELECT fk_a AS pk_fk, n FROM tb_b WHERE n > 0;

-- what an error says: the state, and does its context name TVIEW and key?
CREATE FUNCTION catch(command text, tview text, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; context text; detail text; message text;
BEGIN
  BEGIN
    EXECUTE command;
    PERFORM kit.check_all();
    RETURN 'no error';
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT, detail = PG_EXCEPTION_DETAIL;
  END;
  IF state = 'P0001' THEN RETURN message; END IF;
  PERFORM kit.check_all();
  RETURN concat_ws(' ', state,
    CASE WHEN concat_ws(' ', message, detail, context) LIKE '%' || tview || '%' THEN 'names the TVIEW' END,
    CASE WHEN concat_ws(' ', message, detail, context) ~ ('\m' || key || '\M') THEN 'names the key' END);
END $$;

-- an expression that fails for one row
SELECT catch('UPDATE tb_a SET y = 0 WHERE pk_a = 2', 'tv_a', '2');
SELECT catch('INSERT INTO tb_a VALUES (4711, 1, 0)', 'tv_a', '4711');
SELECT catch('INSERT INTO tb_a VALUES (4711, 1, 1); UPDATE tb_a SET y = 4711 - pk_a', 'tv_a', '4711');
-- a subquery that returns more than one row
SELECT catch('INSERT INTO tb_a VALUES (4712, 1, 1); INSERT INTO tb_b VALUES (3, 4712, -1), (4, 4712, -2)', 'tv_a', '4712');
-- in a TVIEW built on a TVIEW
SELECT catch($$INSERT INTO tb_a VALUES (4713, 1, 1, '[5,1]')$$, 'tv_up', '4713');
-- two rows with one key; a row whose key is NULL
SELECT catch('INSERT INTO tb_b VALUES (3, 4714, 30), (4, 4714, 40)', 'tv_fk', '4714');
SELECT catch('INSERT INTO tb_b VALUES (4, NULL, 40)', 'tv_fk', 'NULL|null|pk_fk');
SELECT kit.check_all();

-- the same at commit, in each way a transaction can end
UPDATE tb_a SET y = 0 WHERE pk_a = 2;
SELECT kit.check_all();
BEGIN;
INSERT INTO tb_b VALUES (5, NULL, 50);
COMMIT;
SELECT kit.check_all();
BEGIN;
INSERT INTO tb_b VALUES (5, 77, 50), (6, 77, 60);
INSERT INTO tb_a VALUES (5, 5, 5, 'good');
UPDATE tb_a SET label = 'lost, too';
COMMIT;
SELECT count(*) FROM tb_a WHERE pk_a = 5 OR label = 'lost, too';
SELECT kit.check_all();
-- at the first look
BEGIN;
UPDATE tb_a SET y = 0;
SELECT count(*) FROM tv_a;
SELECT count(*) FROM tv_a;
ROLLBACK;
SELECT kit.check_all();
-- to a savepoint, which then can go on
BEGIN;
UPDATE tb_a SET label = 'kept' WHERE pk_a = 1;
SAVEPOINT a;
UPDATE tb_a SET y = 0;
SELECT count(*) FROM tv_a;
ROLLBACK TO a;
SELECT label FROM tv_a WHERE pk_a = 1;
UPDATE tb_a SET y = 4 WHERE pk_a = 2;
COMMIT;
SELECT ratio FROM tv_a ORDER BY pk_a;
SELECT kit.check_all();
-- an error that is mended before anybody looks is none
BEGIN;
UPDATE tb_a SET y = 0;
INSERT INTO tb_b VALUES (6, 1, 60);
UPDATE tb_a SET y = 1;
DELETE FROM tb_b WHERE pk_b = 1;
COMMIT;
SELECT ratio, n FROM tv_a ORDER BY pk_a;
SELECT kit.check_all();
-- one row of many fails: none of the others is written
INSERT INTO tb_a SELECT g, g, 1, 'bulk' FROM generate_series(100, 199) g;
BEGIN;
UPDATE tb_a SET y = CASE pk_a WHEN 150 THEN 0 ELSE 2 END WHERE pk_a >= 100;
COMMIT;
SELECT count(*) FROM tv_a WHERE pk_a >= 100 AND ratio <> pk_a;
SELECT kit.check_all();
-- inside a function that catches it and goes on
DO $$
BEGIN
  FOR i IN 150..152 LOOP
    BEGIN
      UPDATE t_errors.tb_a SET y = i % 2 WHERE pk_a = i;
      PERFORM FROM t_errors.tv_a WHERE pk_a = i;
    EXCEPTION WHEN division_by_zero THEN
      UPDATE t_errors.tb_a SET label = 'caught' WHERE pk_a = i;
    END;
  END LOOP;
END $$;
SELECT pk_a, label FROM tv_a WHERE pk_a BETWEEN 150 AND 152 ORDER BY 1;
SELECT kit.check_all();
-- what a link computes fails for rows that a condition keeps from it: all rows are refreshed
CREATE TABLE tb_note (pk_note int PRIMARY KEY, kind text, at text, items jsonb);
INSERT INTO tb_note VALUES (1, 'a', '1', '[1, 2]'), (2, 'text', 'none', '{}');
CREATE TABLE tv_note AS SELECT n.pk_note, a.label FROM
  (SELECT pk_note, at::int AS at FROM tb_note WHERE kind = 'a' OFFSET 0) n JOIN tb_a a ON a.pk_a = n.at;
CREATE TABLE tv_noted AS SELECT a.pk_a AS pk_noted, (SELECT count(*) FROM tb_note n
  WHERE CASE WHEN n.kind = 'a' THEN n.at::int = a.pk_a END) AS n FROM tb_a a;
CREATE TABLE tv_item AS SELECT a.pk_a AS pk_item, (SELECT count(*) FROM
  (SELECT * FROM tb_note WHERE kind = 'a' OFFSET 0) n, jsonb_array_elements(n.items) e (i)
  WHERE i::int = a.pk_a) AS n FROM tb_a a;
UPDATE tb_a SET label = 'noted' WHERE pk_a = 1;
SELECT kit.check_all();
INSERT INTO tb_note VALUES (3, 'text', 'nothing', '"none"');
SELECT kit.check_all();
BEGIN;
SAVEPOINT a;
UPDATE tb_note SET at = '2', items = '[3]' WHERE kind = 'a';
SELECT kit.check_all();
ROLLBACK TO a;
SELECT kit.check_all();
UPDATE tb_note SET kind = 'a', at = '3', items = '[1]' WHERE pk_note = 3;
COMMIT;
SELECT kit.check_all();
DELETE FROM tb_note WHERE pk_note = 2;
SELECT kit.check_all();
-- ... and if it does so in the query, that is an error as any other
SELECT catch('UPDATE tb_note SET at = ''x'' WHERE pk_note = 1', 'tv_note', '1');
SELECT kit.check_all();
DROP TABLE tv_note, tv_noted, tv_item;
-- errors of PostgreSQL's own in the middle of a flush: a timeout, a cancelled statement
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  'BEGIN IF $1 = 13 THEN PERFORM pg_sleep(60); END IF; RETURN $1; END';
CREATE TABLE tv_slow AS SELECT pk_a AS pk_slow, slow(x) AS x FROM tb_a;
BEGIN;
UPDATE tb_a SET x = 13 WHERE pk_a = 1;
SET LOCAL statement_timeout = '500ms';
SELECT count(*) FROM tv_slow;
ROLLBACK;
SELECT x FROM tb_a WHERE pk_a = 1;
UPDATE tb_a SET x = 12 WHERE pk_a = 1;
SELECT kit.check_all();
DROP TABLE tv_slow;
-- a setting of the writer's session changes no row: texts are made with the creator's settings
CREATE TABLE tb_time (pk_time int PRIMARY KEY, at timestamptz, f float8, b bytea);
INSERT INTO tb_time VALUES (1, '2024-01-01 12:00+00', 0.1, '\x01');
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE tv_time AS SELECT pk_time, jsonb_build_object('at', at, 'text', at::text, 'f', f) AS data, b::text AS b, at::date AS d,
  ('{' || pk_time || ',NULL}')::text[] AS nulls, quote_ident('a' || pk_time) AS name FROM tb_time;
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
SET array_nulls = off;
SET quote_all_identifiers = on;
UPDATE tb_time SET f = 0.1::float8 + 0.2::float8, at = at + interval '8 hours', b = '\x02';
INSERT INTO tb_time SELECT 2, at, f, b FROM tb_time;
SET timezone = 'UTC';
SET datestyle = 'ISO';
RESET extra_float_digits;
RESET bytea_output;
RESET array_nulls;
RESET quote_all_identifiers;
SELECT kit.check('tv_time');
SELECT data->>'text', d FROM tv_time WHERE pk_time = 2;

DROP SCHEMA t_errors CASCADE;
SELECT count(*) FROM pg_tview_meta;
