--
-- Names: whatever can be quoted, 63 bytes long, alike in several schemas, with
-- any search_path at the time of writing
--
CREATE SCHEMA t_names;
CREATE SCHEMA "T names ""b""";
CREATE SCHEMA "select";
SET search_path = t_names, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

--
-- quoted: mixed case, reserved words, blanks, quotes, dots, percent signs, other scripts
--
CREATE TABLE "tb_User" ("pk_User" int PRIMARY KEY, "userId" uuid, "Full Name" text, "order" int);
CREATE TABLE "Table" ("select" int PRIMARY KEY, "from" int, "it's ""x""" text, "a.b" text, "100%" numeric, "größe" int);
INSERT INTO "tb_User" VALUES (1, '00000000-0000-0000-0000-000000000001', 'Ann', 1), (2, NULL, 'Bob', 2);
INSERT INTO "Table" VALUES (1, 1, 'q', 'dot', 1, 1), (2, 1, 'r', 'dot', 2, 2), (3, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE "tv_User" AS
  SELECT u."pk_User", u."userId", u."Full Name",
         (SELECT array_agg(t."it's ""x""" ORDER BY t."select") FROM "Table" t WHERE t."from" = u."pk_User") AS "Its"
  FROM "tb_User" u;
CREATE TABLE "tv_it's ""x""" AS
  SELECT t."select" AS "pk_it's ""x""", t."a.b", t."100%", u."order" AS "order"
  FROM "Table" t LEFT JOIN "tb_User" u ON u."pk_User" = t."from";
CREATE TABLE "tv_größe.x y%d" AS SELECT "größe" AS "pk_größe.x y%d", count(*) AS "count" FROM "Table"
  WHERE "größe" IS NOT NULL GROUP BY 1;
CREATE TABLE tv_order AS SELECT pk AS pk_order, "pk_it's ""x""" AS "table" FROM "tv_it's ""x""", unnest(ARRAY["pk_it's ""x"""]) pk;
SELECT pg_tviews_create('"tv_group by"', 'SELECT "order" AS "group by", "Full Name" AS "having" FROM "tb_User"', '{group by}');
SELECT pg_tviews_create('"T names ""b""".tv_user', 'SELECT "pk_User" AS pk_user FROM "tb_User"');
SELECT pg_tviews_create('"select"."tv_table"', 'SELECT "select" AS "pk_table", "from" FROM "Table"');
SELECT pg_tviews_create('TV_Folded', 'SELECT "pk_User" AS pk_folded FROM "tb_User"');
SELECT entity FROM pg_tview_meta ORDER BY entity COLLATE "C";
SELECT kit.check_all();

UPDATE "tb_User" SET "Full Name" = 'Anna', "order" = 7 WHERE "pk_User" = 1;
SELECT kit.check_all();
UPDATE "Table" SET "from" = 2, "it's ""x""" = '''', "a.b" = '"', "100%" = 'NaN', "größe" = 9;
SELECT kit.check_all();
UPDATE "Table" SET "select" = "select" + 10;
SELECT kit.check_all();
DELETE FROM "tb_User" WHERE "pk_User" = 2;
SELECT kit.check_all();

-- one resolver for every function: entity or table, with or without schema, quoted or not
SELECT pg_tviews_refresh('order') >= 0, pg_tviews_refresh('tv_order') >= 0, pg_tviews_refresh('t_names.order') >= 0,
       pg_tviews_refresh('t_names.tv_order') >= 0, pg_tviews_refresh('"t_names"."tv_order"') >= 0, pg_tviews_refresh('"order"') >= 0;
SELECT pg_tviews_refresh('"tv_User"') >= 0, pg_tviews_refresh('"User"') >= 0, pg_tviews_refresh('"T names ""b""".user') >= 0;
-- entity "User" is not entity user, of which there is one in another schema; nobody is called nobody
SELECT pg_tviews_refresh('user') >= 0;
SELECT pg_tviews_refresh('nobody');
SELECT pg_tviews_refresh('TV_FOLDED') >= 0;
SELECT pg_tviews_refresh(tview_name => 't_names.order', primary_keys => ARRAY[11, 12]) >= 0,
       pg_tviews_refresh('"tv_it''s ""x"""', ARRAY[11]) >= 0;
-- names are not SQL
SELECT pg_tviews_refresh('order; DROP TABLE "Table"');
SELECT pg_tviews_refresh('order'' OR true --');
SELECT pg_tviews_create('tv_x AS SELECT 1; DROP TABLE "Table"; --', 'SELECT 1 AS pk_x');
SELECT count(*) FROM "Table";
DROP TABLE tv_order;
DROP TABLE "tv_User", "tv_it's ""x""", "tv_größe.x y%d", "tv_group by";
SELECT pg_tviews_drop('"T names ""b""".tv_user') IS NOT NULL, pg_tviews_drop('select.table') IS NOT NULL, pg_tviews_drop('folded') IS NOT NULL;
SELECT relname FROM pg_class WHERE relnamespace IN ('t_names'::regnamespace, '"select"'::regnamespace) AND relname ~ '^t?v_';

--
-- 63 bytes
--
SELECT 'xy' || repeat('ab', 29) AS long60 \gset
SELECT 'tb_' || :'long60' AS base, 'tv_' || :'long60' AS tview, 'v_' || :'long60' AS view,
       'pk_' || :'long60' AS key, repeat('c', 63) AS col \gset
CREATE TABLE :"base" (:"key" int PRIMARY KEY, :"col" text, id uuid, owner_id uuid);
INSERT INTO :"base" VALUES (1, 'one'), (2, 'two');
CREATE TABLE :"tview" AS SELECT :"key", :"col", id, owner_id FROM :"base";
UPDATE :"base" SET :"col" = upper(:"col");
INSERT INTO :"base" VALUES (3, 'three');
SELECT length(entity), kit.check(tview::text) FROM pg_tview_meta;
SELECT count(*), max(length(relname)) FROM pg_class JOIN pg_index ON oid = indexrelid WHERE indrelid = :'tview'::regclass;
DROP TABLE :"tview";
-- two whose index names would be cut to the same, and long names in other bytes
SELECT repeat('ü', 29) || 'a' AS a, repeat('ü', 29) || 'b' AS b \gset
SELECT 'tv_' || :'a' AS tva, 'tv_' || :'b' AS tvb, 'pk_' || :'a' AS pka, 'pk_' || :'b' AS pkb \gset
CREATE TABLE :"tva" AS SELECT :"key" AS :"pka", :"col" FROM :"base";
CREATE TABLE :"tvb" AS SELECT :"key" AS :"pkb", :"col" FROM :"base";
DELETE FROM :"base" WHERE :"key" = 1;
SELECT kit.check_all();
DROP TABLE :"tva", :"tvb";
DROP TABLE :"base";
SELECT count(*) FROM pg_class WHERE relnamespace = 't_names'::regnamespace AND length(relname) > 30;

--
-- alike in several schemas: base tables, TVIEWs, views; writers with any search_path
--
SET search_path = public;
CREATE TABLE t_names.tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
CREATE TABLE "select".tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
CREATE TABLE t_names.tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE "select".tb_user (pk_user int PRIMARY KEY, name text);
INSERT INTO t_names.tb_post VALUES (1, 1, 'here');
INSERT INTO "select".tb_post VALUES (1, 1, 'there');
INSERT INTO t_names.tb_user VALUES (1, 'ann');
INSERT INTO "select".tb_user VALUES (1, 'bob');
CREATE TABLE t_names.tv_post AS
  SELECT p.pk_post, p.title, u.name FROM t_names.tb_post p JOIN t_names.tb_user u ON u.pk_user = p.fk_user;
SET search_path = "select", public;
CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
-- a third takes from both
CREATE TABLE "T names ""b""".tv_post AS
  SELECT a.pk_post, a.name, b.name AS other FROM t_names.tv_post a LEFT JOIN "select".tv_post b USING (pk_post);
SELECT tview, view FROM pg_tview_meta ORDER BY tview::text COLLATE "C";
SELECT kit.check_all();
-- the bare name means the one that is visible
SELECT pg_tviews_refresh('post') >= 0;
-- ... or else the only one: here there are three
SET search_path = public;
SELECT pg_tviews_refresh('post') >= 0;
-- the writer's search_path finds the wrong tables, or none, or ones that imitate ours
SET search_path = t_names;
UPDATE "select".tb_user SET name = 'bobby';
INSERT INTO "select".tb_post VALUES (2, 1, 'second');
SET search_path = '';
UPDATE t_names.tb_user SET name = 'anna';
INSERT INTO t_names.tb_post VALUES (2, 1, 'two');
SELECT kit.check_all();
SET search_path = pg_catalog;
DELETE FROM t_names.tb_post WHERE pk_post = 1;
SELECT kit.check_all();
CREATE SCHEMA regress_imitation;
CREATE FUNCTION regress_imitation.imitation(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR regress_imitation.= (LEFTARG = int, RIGHTARG = int, FUNCTION = regress_imitation.imitation);
CREATE TABLE regress_imitation.tb_post (pk_post int, fk_user int, title text);
CREATE TABLE regress_imitation.pg_tview_meta (entity text);
CREATE TABLE regress_imitation.pg_class (oid oid, relname text);
SET search_path = regress_imitation, "select", pg_catalog;
UPDATE "select".tb_post SET fk_user = NULL WHERE pk_post OPERATOR(pg_catalog.=) 2;
INSERT INTO t_names.tb_post VALUES (3, 1, 'three');
UPDATE t_names.tb_user SET name = 'ann again';
SET search_path = public;
SELECT kit.check_all();
DROP SCHEMA regress_imitation CASCADE;
-- a TVIEW of which the extension's functions and types are not on the path
SET search_path = '';
CREATE TABLE t_names.tv_user AS SELECT pk_user, name FROM t_names.tb_user;
UPDATE t_names.tb_user SET pk_user = 5;
SELECT kit.check_all();
DROP TABLE t_names.tv_user;
SET search_path = public;
SET client_min_messages = error;

DROP SCHEMA t_names, "T names ""b""", "select" CASCADE;
SELECT count(*) FROM pg_tview_meta;
