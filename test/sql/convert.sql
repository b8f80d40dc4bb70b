--
-- pg_tviews_convert_existing_table: tables that exist become TVIEWs, and lose nothing
--
CREATE SCHEMA t_convert;
SET search_path = t_convert, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE TABLE tb_user (pk_user int PRIMARY KEY, id uuid, name text, born date, tags text[], n numeric);
INSERT INTO tb_user VALUES (1, '00000000-0000-0000-0000-000000000001', 'ann', '2000-01-01', '{a}', 1.50), (2, NULL, 'bob', NULL, NULL, NULL);

-- a table kept by hand beside a view, with rows that are stale, missing and too many
CREATE VIEW v_user AS SELECT pk_user, id, jsonb_build_object('name', name, 'tags', tags) AS data FROM tb_user;
CREATE TABLE tv_user (pk_user int PRIMARY KEY, id uuid, data jsonb, note text DEFAULT 'mine');
INSERT INTO tv_user SELECT *, 'kept' FROM v_user WHERE pk_user = 1;
UPDATE tv_user SET data = '{"name": "stale"}';
INSERT INTO tv_user VALUES (9, NULL, '{}', 'too many');
CREATE INDEX my_index ON tv_user ((data->>'name'));
SELECT pg_tviews_convert_existing_table('tv_user') IS NOT NULL;
SELECT pk_user, data, note FROM tv_user ORDER BY 1;
SELECT entity, tview, view, key_columns FROM pg_tview_meta;
SELECT kit.check_all();
INSERT INTO tb_user VALUES (3, NULL, 'cem');
UPDATE tb_user SET name = 'Ann' WHERE pk_user = 1;
SELECT pk_user, note FROM tv_user ORDER BY 1;
SELECT kit.check_all();
SELECT to_regclass('my_index') IS NOT NULL;
INSERT INTO tv_user (pk_user) VALUES (77);

-- on a healthy TVIEW it does nothing, by whatever name
SELECT pg_tviews_convert_existing_table('t_convert.tv_user') IS NOT NULL, pg_tviews_convert_existing_table('user') IS NOT NULL;
SELECT count(*) FROM pg_tview_meta;

-- one that has lost its row in the catalog is registered again
DELETE FROM pg_tview_meta;
UPDATE tb_user SET name = 'unseen' WHERE pk_user = 2;
SELECT pg_tviews_convert_existing_table('tv_user') IS NOT NULL;
SELECT kit.check_all();
UPDATE tb_user SET name = 'seen' WHERE pk_user = 2;
SELECT kit.check_all();
DROP TABLE tv_user;
SELECT to_regclass('v_user'), count(*) FROM pg_trigger WHERE tgrelid = 'tb_user'::regclass;

-- a base table becomes the source of a TVIEW of its rows, and stays what it is
SELECT pg_tviews_convert_existing_table('tb_user') IS NOT NULL;
SELECT pk_user, data FROM tv_user ORDER BY 1;
SELECT pg_tviews_convert_existing_table('tb_user') IS NOT NULL;
UPDATE tb_user SET born = '1999-09-09', tags = '{x,"y z"}', n = 1.500 WHERE pk_user = 2;
DELETE FROM tb_user WHERE pk_user = 3;
SELECT kit.check_all();
ALTER TABLE tb_user ADD COLUMN later int DEFAULT 1;
SELECT data->'later' FROM tv_user ORDER BY pk_user;
SELECT kit.check_all();
-- with a primary key of two columns, in another order, of odd names
CREATE TABLE "Order" (a int, "b c" text, total numeric, PRIMARY KEY ("b c", a));
INSERT INTO "Order" VALUES (1, 'x', 2), (1, 'y', 3);
SELECT pg_tviews_convert_existing_table('"Order"') IS NOT NULL;
SELECT key_columns FROM pg_tview_meta WHERE entity = 'Order';
UPDATE "Order" SET a = a + 1, total = NULL WHERE "b c" = 'y';
SELECT kit.check_all();

-- what cannot be converted stays untouched
CREATE TABLE tv_alone (pk_alone int, data jsonb);
INSERT INTO tv_alone VALUES (1, '{}');
SELECT pg_tviews_convert_existing_table('tv_alone');
SELECT pg_tviews_convert_existing_table('missing');
SELECT pg_tviews_convert_existing_table(NULL);
CREATE TABLE tb_no_key (n int);
SELECT pg_tviews_convert_existing_table('tb_no_key');
CREATE VIEW v_alone AS SELECT 1 AS other, 'x' AS data;
SELECT pg_tviews_convert_existing_table('tv_alone');
DROP VIEW v_alone;
CREATE VIEW v_alone AS SELECT pk_user AS pk_alone, name AS data FROM tb_user;
SELECT pg_tviews_convert_existing_table('tv_alone');
DROP VIEW v_alone;
CREATE VIEW v_alone AS SELECT 1 AS pk_alone, to_jsonb(name) AS data FROM tb_user;
SELECT pg_tviews_convert_existing_table('tv_alone');
SELECT pk_alone, data FROM tv_alone;
DROP VIEW v_alone;
-- a key that the table and the view compare differently, either way
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE tb_word (pk_word text PRIMARY KEY);
INSERT INTO tb_word VALUES ('a'), ('A');
CREATE TABLE tv_word (pk_word text COLLATE nocase PRIMARY KEY);
CREATE VIEW v_word AS SELECT pk_word FROM tb_word;
SELECT pg_tviews_convert_existing_table('tv_word');
DROP VIEW v_word;
DROP TABLE tv_word;
CREATE TABLE tv_word (pk_word text PRIMARY KEY);
CREATE VIEW v_word AS SELECT pk_word COLLATE nocase AS pk_word FROM tb_word WHERE pk_word = 'a';
SELECT pg_tviews_convert_existing_table('tv_word');
DROP VIEW v_word;
DROP TABLE tv_word;
-- rows without a key, which no refresh would find, be it that their owner cannot see them
CREATE TABLE tb_code (id int PRIMARY KEY, code int, n int);
INSERT INTO tb_code VALUES (1, 1, 1);
CREATE VIEW v_code AS SELECT code AS pk_code, n FROM tb_code;
CREATE TABLE tv_code (pk_code int UNIQUE, n int);
INSERT INTO tv_code VALUES (NULL, 0), (5, 5);
SELECT pg_tviews_convert_existing_table('tv_code');
CREATE ROLE regress_code;
GRANT USAGE, CREATE ON SCHEMA t_convert TO regress_code;
GRANT SELECT, TRIGGER ON tb_code TO regress_code;
ALTER TABLE tv_code OWNER TO regress_code;
ALTER VIEW v_code OWNER TO regress_code;
ALTER TABLE tv_code ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_code;
SELECT count(*) FROM tv_code;
SELECT pg_tviews_convert_existing_table('tv_code');
RESET ROLE;
DELETE FROM tv_code WHERE pk_code IS NULL;
SELECT pg_tviews_convert_existing_table('tv_code') IS NOT NULL;
SELECT pk_code, n FROM tv_code;
DROP TABLE tv_code;
-- lengths become those of the view, for a dump to be restorable
CREATE TABLE tb_code2 (pk_code2 int PRIMARY KEY, name text);
INSERT INTO tb_code2 VALUES (1, 'a long name');
CREATE VIEW v_code2 AS SELECT pk_code2, name::varchar(20) AS name FROM tb_code2;
CREATE TABLE tv_code2 (pk_code2 int PRIMARY KEY, name varchar(5));
SELECT pg_tviews_convert_existing_table('tv_code2') IS NOT NULL;
SELECT name, format_type(atttypid, atttypmod) FROM tv_code2, pg_attribute WHERE attrelid = 'tv_code2'::regclass AND attname = 'name';
-- also when the view is replaced; where something reads the column, a warning has to do
ALTER TABLE tv_code2 ALTER name TYPE varchar(50);
CREATE OR REPLACE VIEW v_code2 AS SELECT pk_code2, upper(name)::varchar(20) AS name FROM tb_code2;
SELECT name, format_type(atttypid, atttypmod) FROM tv_code2, pg_attribute WHERE attrelid = 'tv_code2'::regclass AND attname = 'name';
ALTER TABLE tv_code2 ALTER name TYPE varchar(50);
CREATE VIEW reader AS SELECT name FROM tv_code2;
SET client_min_messages = warning;
CREATE OR REPLACE VIEW v_code2 AS SELECT pk_code2, lower(name)::varchar(20) AS name FROM tb_code2;
SET client_min_messages = error;
SELECT name, format_type(atttypid, atttypmod) FROM tv_code2, pg_attribute WHERE attrelid = 'tv_code2'::regclass AND attname = 'name';
SELECT kit.check_all();
DROP VIEW reader;
DROP TABLE tv_code2;
-- nor may those who do not own the table, or have no TRIGGER right on the base table
CREATE TABLE tb_other (pk_other int PRIMARY KEY);
CREATE ROLE regress_convert;
GRANT USAGE, CREATE ON SCHEMA t_convert TO regress_convert;
GRANT SELECT ON tb_other TO regress_convert;
SET ROLE regress_convert;
SELECT pg_tviews_convert_existing_table('tv_alone');
SELECT pg_tviews_convert_existing_table('tb_other');
RESET ROLE;
UPDATE tb_user SET name = name || '!';
SELECT kit.check_all();

DROP SCHEMA t_convert CASCADE;
DROP ROLE regress_convert, regress_code;
SELECT count(*) FROM pg_tview_meta;
