--
-- What cannot be kept equal is refused when it is made, and leaves nothing behind;
-- what may surprise is warned of.  Only SQLSTATEs are shown: the wording is free.
--
CREATE SCHEMA t_refused;
SET search_path = t_refused, public;
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE TABLE tb_a (pk_a int PRIMARY KEY, fk_b int, label text, at timestamptz, j json, p point);
CREATE TABLE tb_b (pk_b int PRIMARY KEY, label text);
INSERT INTO tb_a VALUES (1, 1, 'one', '2024-01-01', '{}', '(1,1)'), (2, 1, 'two', '2024-01-02', '{}', '(2,2)'),
                        (3, NULL, 'three', NULL, NULL, NULL);
INSERT INTO tb_b VALUES (1, 'b one');

-- volatile functions: in the output, in a condition, deep inside, in a view, of our own
CREATE TABLE tv_a AS SELECT pk_a, random() AS r FROM tb_a;
CREATE TABLE tv_a AS SELECT pk_a FROM tb_a WHERE at < clock_timestamp();
CREATE TABLE tv_a AS SELECT a.pk_a, (SELECT jsonb_agg(gen_random_uuid()) FROM tb_b b WHERE b.pk_b = a.fk_b) AS x FROM tb_a a;
CREATE TABLE tv_a AS SELECT pk_a, lag(pk_a, (random() * 2)::int) OVER (PARTITION BY fk_b) AS x FROM tb_a;
CREATE VIEW dice AS SELECT pk_b, ceil(random() * 6) AS eyes FROM tb_b;
CREATE TABLE tv_a AS SELECT a.pk_a, d.eyes FROM tb_a a JOIN dice d ON d.pk_b = a.fk_b;
CREATE FUNCTION lucky(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1';
CREATE TABLE tv_a AS SELECT pk_a, lucky(pk_a) AS n FROM tb_a;
CREATE SEQUENCE s;
CREATE TABLE tv_a AS SELECT pk_a, nextval('s') AS n FROM tb_a;
CREATE TABLE tv_a AS SELECT g AS pk_a FROM generate_series(1, (random() * 9)::int) g;
CREATE TABLE tv_a AS SELECT pk_a FROM tb_a TABLESAMPLE BERNOULLI (50);

-- sources without triggers, or that others cannot see
CREATE TEMPORARY TABLE tmp (pk_a int);
CREATE TABLE tv_a AS SELECT pk_a FROM tmp;
CREATE TEMPORARY VIEW tmpv AS SELECT pk_a FROM tb_a;
CREATE TABLE tv_a AS SELECT a.pk_a FROM tb_a a WHERE EXISTS (SELECT FROM tmp WHERE tmp.pk_a = a.pk_a);
CREATE TEMPORARY TABLE tv_a AS SELECT pk_a FROM tmp;
SELECT count(*) FROM pg_tview_meta;
DROP TABLE IF EXISTS pg_temp.tv_a;
CREATE MATERIALIZED VIEW mat AS SELECT pk_a FROM tb_a;
CREATE TABLE tv_a AS SELECT pk_a FROM mat;
CREATE TABLE tv_a AS SELECT a.pk_a FROM tb_a a WHERE a.pk_a IN (SELECT m.pk_a FROM mat m);

-- system columns change without the row
CREATE TABLE tv_a AS SELECT pk_a, ctid AS place FROM tb_a;
CREATE TABLE tv_a AS SELECT pk_a FROM tb_a ORDER BY xmin::text::int;
CREATE TABLE tv_a AS SELECT a.pk_a FROM tb_a a JOIN tb_b b ON b.cmin = a.cmin;

-- the key: none, not a column, twice, of a type that cannot be one
SELECT pg_tviews_create('tv_a', 'SELECT label FROM tb_a');
SELECT pg_tviews_create('tv_a', 'SELECT label FROM tb_a', '{pk_a}');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a, label FROM tb_a', '{}');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a, label FROM tb_a', '{pk_a,NULL}');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a, label FROM tb_a', '{pk_a,pk_a}');
SELECT pg_tviews_create('tv_a', 'SELECT j AS pk_a, label FROM tb_a');
SELECT pg_tviews_create('tv_a', 'SELECT p AS pk_a, label FROM tb_a');
-- not unique, or NULL, at the first filling
CREATE TABLE tv_a AS SELECT fk_b AS pk_a, label FROM tb_a WHERE fk_b IS NOT NULL;
CREATE TABLE tv_a AS SELECT pk_a, b FROM tb_a, generate_series(1, 2) b;
CREATE TABLE tv_a AS SELECT pk_a, label FROM tb_a UNION SELECT pk_b, label FROM tb_b;
CREATE TABLE tv_a AS SELECT fk_b AS pk_a, count(*) FROM tb_a GROUP BY fk_b;
CREATE TABLE tv_a AS SELECT b.pk_b AS pk_a FROM tb_a a LEFT JOIN tb_b b ON b.pk_b = a.fk_b WHERE a.pk_a > 1;

-- names: empty, taken by a table, a view, a TVIEW; schema that is not there
SELECT pg_tviews_create('', 'SELECT pk_a FROM tb_a');
SELECT pg_tviews_create('tv_', 'SELECT pk_a FROM tb_a', '{pk_a}');
SELECT pg_tviews_create('nowhere.tv_a', 'SELECT pk_a FROM tb_a');
SELECT pg_tviews_create('a.b.c.tv_a', 'SELECT pk_a FROM tb_a');
CREATE VIEW v_taken AS SELECT 1 AS x;
CREATE TABLE tv_taken AS SELECT pk_a AS pk_taken FROM tb_a;
DROP VIEW v_taken;
CREATE TABLE tv_taken (x int);
SELECT pg_tviews_create('tv_taken', 'SELECT pk_a AS pk_taken FROM tb_a');
CREATE TABLE tv_taken AS SELECT pk_a AS pk_taken FROM tb_a;
DROP TABLE tv_taken;
CREATE TABLE tv_taken AS SELECT pk_a AS pk_taken FROM tb_a;
SELECT pg_tviews_create('taken', 'SELECT pk_a AS pk_taken FROM tb_a');
CREATE TABLE tv_taken AS SELECT pk_a AS pk_taken FROM tb_a;
SELECT kit.check('tv_taken');
DROP TABLE tv_taken;

-- texts that are no single SELECT
SELECT pg_tviews_create('tv_a', '');
SELECT pg_tviews_create('tv_a', 'SELEC pk_a FROM tb_a');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a FROM tb_a; DROP TABLE tb_b');
SELECT pg_tviews_create('tv_a', 'DELETE FROM tb_b RETURNING pk_b AS pk_a');
SELECT pg_tviews_create('tv_a', 'WITH gone AS (DELETE FROM tb_b RETURNING pk_b) SELECT pk_b AS pk_a FROM gone');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a INTO tv_z FROM tb_a');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a FROM tb_a WHERE pk_a = $1');
SELECT pg_tviews_create('tv_a', 'SELECT pk_a FROM missing');
SELECT pg_tviews_create('tv_a', 'TABLE tb_a) AS x; DROP TABLE tb_b; --');
SELECT count(*) FROM tb_b;

-- TVIEWs that would read each other in a circle
CREATE TABLE tv_one AS SELECT pk_a AS pk_one, label FROM tb_a;
CREATE TABLE tv_two AS SELECT pk_one AS pk_two, label FROM tv_one;
CREATE TABLE tv_three AS SELECT pk_two AS pk_three, label FROM tv_two;
CREATE OR REPLACE VIEW v_one AS SELECT pk_three AS pk_one, label FROM tv_three;
CREATE OR REPLACE VIEW v_one AS SELECT pk_one, label FROM tv_one;
UPDATE tb_a SET label = 'still ' || label;
SELECT kit.check_all();
DROP TABLE tv_three;
DROP TABLE tv_two;
DROP TABLE tv_one;

-- names that are no TVIEW
SELECT pg_tviews_create('pg_temp.tv_temp', 'SELECT pk_a AS pk_temp FROM tb_a');
SELECT pg_tviews_drop('tb_a');
SELECT pg_tviews_drop('nothing');
SELECT pg_tviews_drop('nothing', true) IS NOT NULL;
SELECT pg_tviews_refresh('nothing');
SELECT pg_tviews_refresh('tb_a');
SELECT count(*) FROM pg_tviews_explain('nothing');

-- after all these failures there is nothing, and the tables work
SELECT relname FROM pg_class WHERE relnamespace = 't_refused'::regnamespace AND relname ~ '^t?v_' ORDER BY 1;
SELECT tgname FROM pg_trigger WHERE tgrelid IN ('tb_a'::regclass, 'tb_b'::regclass) ORDER BY 1;
SELECT count(*) FROM pg_tview_meta;
INSERT INTO tb_b VALUES (2, 'works');

--
-- only warned of
--
CREATE TABLE tv_now AS SELECT pk_a AS pk_now, at < now() AS is_past FROM tb_a;
CREATE TABLE tv_user AS SELECT pk_a AS pk_user FROM tb_a WHERE label <> current_user;
CREATE FUNCTION b_label(int) RETURNS text LANGUAGE sql STABLE
  AS 'SELECT label FROM t_refused.tb_b WHERE pk_b = $1';
CREATE TABLE tv_function AS SELECT pk_a AS pk_function, b_label(fk_b) AS label FROM tb_a;
CREATE TABLE tv_language AS SELECT oid AS pk_language, lanname FROM pg_language;
CREATE TABLE tb_rls (pk_rls int PRIMARY KEY, label text);
ALTER TABLE tb_rls ENABLE ROW LEVEL SECURITY;
CREATE TABLE tv_rls AS SELECT pk_rls, label FROM tb_rls;
-- no warning: these are STABLE in name only, or settings cannot change them
CREATE TABLE tv_json AS
  SELECT pk_a AS pk_json, jsonb_build_object('a', label, 'b', fk_b) AS data, jsonb_build_array(pk_a) AS arr,
         to_jsonb(label) AS j, json_build_object('x', 1) AS js, concat(label, '-', pk_a) AS c,
         format('%s/%s', label, fk_b) AS f, concat_ws(',', label, 'x') AS ws, pk_a || label AS cat
  FROM tb_a;
CREATE TABLE tv_json_agg AS
  SELECT a.fk_b AS pk_json_agg, jsonb_agg(a.label ORDER BY a.pk_a) AS l, jsonb_object_agg(a.pk_a, a.label) AS o,
         json_agg(a.pk_a ORDER BY a.pk_a) AS js, array_agg(row_to_json(b) ORDER BY a.pk_a) AS r
  FROM tb_a a JOIN tb_b b ON b.pk_b = a.fk_b GROUP BY a.fk_b;
UPDATE tb_a SET label = 'end';
SELECT kit.check('tv_json'), kit.check('tv_json_agg'), kit.check('tv_rls');

DROP SCHEMA t_refused CASCADE;
DROP TABLE tmp CASCADE;
