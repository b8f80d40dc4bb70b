--
-- UNION, INTERSECT and EXCEPT, with and without ALL; CTEs used once and often
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_setops;
SET search_path = t_setops, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_owner (pk_owner int PRIMARY KEY, name text);
CREATE TABLE tb_cat (pk_cat int PRIMARY KEY, fk_owner int, name text);
CREATE TABLE tb_dog (pk_dog int PRIMARY KEY, fk_owner int, name text, age int);
CREATE TABLE tb_gone (pk_gone int, name text);

INSERT INTO tb_owner VALUES (1, 'ann'), (2, 'bob'), (3, 'cem');
INSERT INTO tb_cat VALUES (1, 1, 'tom'), (2, 2, 'max'), (3, NULL, 'stray');
INSERT INTO tb_dog VALUES (1, 1, 'rex', 3), (2, 1, 'max', 4), (4, 3, 'bo', NULL);
INSERT INTO tb_gone VALUES (2, 'max'), (2, 'max'), (9, 'old'), (NULL, NULL);

CREATE TABLE tv_union_all AS
  SELECT 'cat' || pk_cat AS pk_union_all, 'cat' AS kind, name, fk_owner FROM tb_cat
  UNION ALL
  SELECT 'dog' || pk_dog, 'dog', name, fk_owner FROM tb_dog WHERE age IS NOT NULL;
COMMENT ON TABLE tv_union_all IS 'UNION ALL of two tables, key by expression';

CREATE TABLE tv_union AS
  SELECT fk_owner AS pk_union FROM tb_cat WHERE fk_owner IS NOT NULL
  UNION
  SELECT fk_owner FROM tb_dog WHERE fk_owner IS NOT NULL;
COMMENT ON TABLE tv_union IS 'UNION: a row has more than one reason to be there';

CREATE TABLE tv_union_of_joins AS
  SELECT c.pk_cat AS pk_union_of_joins, c.name, o.name AS owner
  FROM tb_cat c JOIN tb_owner o ON o.pk_owner = c.fk_owner
  UNION ALL
  SELECT -d.pk_dog, d.name, o.name FROM tb_dog d JOIN tb_owner o ON o.pk_owner = d.fk_owner;
COMMENT ON TABLE tv_union_of_joins IS 'UNION ALL of joins, one table in both branches';

CREATE TABLE tv_intersect AS
  SELECT pk_cat AS pk_intersect, name FROM tb_cat INTERSECT SELECT pk_dog, name FROM tb_dog;
COMMENT ON TABLE tv_intersect IS 'INTERSECT';

CREATE TABLE tv_intersect_all AS
  SELECT pk_dog AS pk_intersect_all FROM tb_dog INTERSECT ALL SELECT pk_gone FROM tb_gone;
COMMENT ON TABLE tv_intersect_all IS 'INTERSECT ALL';

CREATE TABLE tv_except AS
  SELECT pk_dog AS pk_except, name FROM tb_dog EXCEPT SELECT pk_gone, name FROM tb_gone;
COMMENT ON TABLE tv_except IS 'EXCEPT';

CREATE TABLE tv_except_all AS
  SELECT pk_cat AS pk_except_all FROM tb_cat EXCEPT ALL SELECT pk_gone FROM tb_gone;
COMMENT ON TABLE tv_except_all IS 'EXCEPT ALL';

CREATE TABLE tv_mixed AS
  (SELECT pk_cat AS pk_mixed, name FROM tb_cat UNION SELECT pk_dog + 10, name FROM tb_dog)
  EXCEPT
  (SELECT pk_gone, name FROM tb_gone UNION ALL SELECT pk_gone + 10, name FROM tb_gone);
COMMENT ON TABLE tv_mixed IS 'set operations nested in each other';

CREATE TABLE tv_pets AS
  SELECT o.pk_owner AS pk_pets, o.name, count(x.name) AS pets,
         array_agg(x.name ORDER BY x.name) AS names
  FROM tb_owner o LEFT JOIN (SELECT fk_owner, name FROM tb_cat
                             UNION ALL SELECT fk_owner, name FROM tb_dog) x
                  ON x.fk_owner = o.pk_owner
  GROUP BY o.pk_owner;
COMMENT ON TABLE tv_pets IS 'UNION ALL as a source of a join';

CREATE TABLE tv_correlated AS
  SELECT o.pk_owner AS pk_correlated,
         ARRAY(SELECT name FROM tb_cat c WHERE c.fk_owner = o.pk_owner
               UNION SELECT upper(name) FROM tb_dog d WHERE d.fk_owner = o.pk_owner ORDER BY 1) AS names
  FROM tb_owner o;
COMMENT ON TABLE tv_correlated IS 'UNION inside a correlated subquery';

CREATE TABLE tv_cte AS
  WITH old AS (SELECT fk_owner, max(age) AS age FROM tb_dog GROUP BY fk_owner)
  SELECT o.pk_owner AS pk_cte, o.name, old.age FROM tb_owner o LEFT JOIN old ON old.fk_owner = o.pk_owner;
COMMENT ON TABLE tv_cte IS 'CTE used once';

CREATE TABLE tv_cte_twice AS
  WITH n AS MATERIALIZED (SELECT fk_owner, count(*) AS dogs FROM tb_dog GROUP BY fk_owner)
  SELECT c.pk_cat AS pk_cte_twice, c.name, a.dogs AS of_owner, b.dogs AS of_next_owner
  FROM tb_cat c LEFT JOIN n a ON a.fk_owner = c.fk_owner LEFT JOIN n b ON b.fk_owner = c.fk_owner + 1;
COMMENT ON TABLE tv_cte_twice IS 'CTE used twice, materialized';

CREATE TABLE tv_cte_chain AS
  WITH pet AS (SELECT fk_owner, name FROM tb_cat UNION ALL SELECT fk_owner, name FROM tb_dog),
       per AS NOT MATERIALIZED (SELECT fk_owner, string_agg(name, '+' ORDER BY name) AS names
                                FROM pet GROUP BY fk_owner)
  SELECT o.pk_owner AS pk_cte_chain, per.names,
         (SELECT count(*) FROM pet WHERE pet.name = o.name) AS namesakes
  FROM tb_owner o LEFT JOIN per ON per.fk_owner = o.pk_owner
  WHERE EXISTS (SELECT FROM pet WHERE pet.fk_owner = o.pk_owner) OR o.name < 'd';
COMMENT ON TABLE tv_cte_chain IS 'CTE built on a CTE, used in a join, a scalar subquery and EXISTS';

CREATE TABLE tv_values AS
  SELECT d.pk_dog AS pk_values, d.name, v.label
  FROM tb_dog d LEFT JOIN (VALUES (3, 'young'), (4, 'grown')) v (age, label) ON v.age = d.age;
COMMENT ON TABLE tv_values IS 'VALUES as a source';

-- a key that in one branch comes from no table: by key or in full, only the result counts
CREATE TABLE tv_constant AS
  SELECT pk_owner AS pk_constant, name FROM tb_owner UNION ALL SELECT 0, 'nobody';

SELECT kit.check_all();

-- rows come and go in either branch, and in both
INSERT INTO tb_cat VALUES (4, 3, 'bo');
SELECT kit.check_all();
INSERT INTO tb_dog VALUES (9, 2, 'old', 14), (3, NULL, 'stray', 1);
SELECT kit.check_all();
INSERT INTO tb_gone VALUES (3, 'stray'), (4, 'bo');
SELECT kit.check_all();
DELETE FROM tb_gone WHERE ctid = (SELECT min(ctid) FROM tb_gone WHERE pk_gone = 2);
SELECT kit.check_all();
DELETE FROM tb_gone WHERE pk_gone = 2;
SELECT kit.check_all();
DELETE FROM tb_cat WHERE pk_cat = 1;
SELECT kit.check_all();
DELETE FROM tb_dog WHERE fk_owner = 1 AND name = 'rex';
SELECT kit.check_all();
DELETE FROM tb_dog WHERE fk_owner = 1;
SELECT kit.check_all();

-- rows change so that the branches agree, or no longer do
UPDATE tb_cat SET name = 'Bo' WHERE pk_cat = 4;
SELECT kit.check_all();
UPDATE tb_dog SET name = 'Bo' WHERE pk_dog = 4;
SELECT kit.check_all();
UPDATE tb_gone SET pk_gone = 4, name = 'Bo' WHERE pk_gone = 9;
SELECT kit.check_all();
UPDATE tb_gone SET name = NULL, pk_gone = NULL WHERE name = 'stray';
SELECT kit.check_all();
UPDATE tb_cat SET pk_cat = 40 WHERE pk_cat = 4;
SELECT kit.check_all();
UPDATE tb_dog SET age = 3 WHERE age IS NULL;
SELECT kit.check_all();
UPDATE tb_dog SET age = age + 1;
SELECT kit.check_all();

-- links and names
UPDATE tb_dog SET fk_owner = 2 WHERE fk_owner IS NULL;
SELECT kit.check_all();
UPDATE tb_cat SET fk_owner = NULL WHERE fk_owner = 2;
SELECT kit.check_all();
UPDATE tb_owner SET name = 'Bo' WHERE pk_owner = 1;
SELECT kit.check_all();
UPDATE tb_owner SET pk_owner = 5 WHERE pk_owner = 3;
SELECT kit.check_all();
UPDATE tb_dog SET fk_owner = 5 WHERE fk_owner = 3;
SELECT kit.check_all();

-- in one transaction
BEGIN;
INSERT INTO tb_owner VALUES (6, 'dora');
SELECT kit.check_all();
INSERT INTO tb_cat VALUES (60, 6, 'dora');
INSERT INTO tb_dog VALUES (60, 6, 'dora', 4);
SELECT kit.check_all();
INSERT INTO tb_gone VALUES (60, 'dora'), (60, 'dora'), (70, 'dora');
SELECT kit.check_all();
UPDATE tb_gone SET name = 'x' WHERE pk_gone = 60;
DELETE FROM tb_dog WHERE pk_dog = 60;
COMMIT;
SELECT kit.check_all();

DELETE FROM tb_gone;
SELECT kit.check_all();
TRUNCATE tb_cat;
SELECT kit.check_all();
TRUNCATE tb_dog, tb_owner;
SELECT kit.check_all();
SELECT * FROM v_constant;

-- a function in each branch, through a view, beside more links: what the function hangs on depends on the branch (servers with
-- assertions notice)
CREATE TABLE tb_span (pk_span int PRIMARY KEY, lo int, hi int);
CREATE TABLE tb_mark (pk_mark int PRIMARY KEY, v int);
INSERT INTO tb_span SELECT g, g % 3, g % 5 FROM generate_series(1, 10) g;
INSERT INTO tb_mark SELECT g, g % 4 FROM generate_series(1, 6) g;
CREATE VIEW v_each AS SELECT e.v, count(*) AS n FROM tb_span s, generate_series(s.lo, s.hi) e(v) GROUP BY e.v;
CREATE TABLE tv_branches AS
  SELECT m.pk_mark AS pk_branches, b.v FROM tb_mark m LEFT JOIN
    (SELECT x.v FROM v_each x INTERSECT SELECT y.v FROM v_each y JOIN tb_mark k ON k.v = y.n) b ON b.v = m.v;
SELECT kit.check_all();
INSERT INTO tb_span VALUES (20, 0, 3), (21, 3, 4);
SELECT kit.check_all();
UPDATE tb_span SET lo = lo + 1 WHERE pk_span < 6;
SELECT kit.check_all();
UPDATE tb_mark SET v = v + 1;
DELETE FROM tb_span WHERE pk_span % 2 = 0;
SELECT kit.check_all();

-- a set operation may compare the columns of a branch by another collation than they do themselves
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE tb_plain (pk_plain text PRIMARY KEY, n int);
CREATE TABLE tb_nocase (pk_nocase text COLLATE nocase PRIMARY KEY, n int);
CREATE TABLE tb_nocase_too (pk_nocase_too text COLLATE nocase PRIMARY KEY, n int);
INSERT INTO tb_plain VALUES ('zed', 1), ('Ann', 1);
INSERT INTO tb_nocase VALUES ('ann', 1), ('bob', 2);
INSERT INTO tb_nocase_too VALUES ('ANN', 1), ('Bob', 2);
CREATE TABLE tv_collated AS
  SELECT pk_plain COLLATE "C" AS pk_collated, n, 0 AS m FROM tb_plain
  UNION ALL
  SELECT b.pk_nocase, b.n, c.n FROM tb_nocase b LEFT JOIN tb_nocase_too c ON c.pk_nocase_too = b.pk_nocase;
COMMENT ON TABLE tv_collated IS 'UNION ALL by another collation than that of a branch';
CREATE TABLE tv_of_case AS
  SELECT k AS pk_of_case, sum(n) AS n
  FROM (SELECT pk_plain AS k, n FROM tb_plain UNION ALL SELECT pk_nocase, n FROM tb_nocase) x GROUP BY k;
COMMENT ON TABLE tv_of_case IS 'groups of a UNION ALL, one branch without regard to case';
SELECT kit.check_all();
UPDATE tb_nocase_too SET n = 5;
SELECT kit.check_all();
UPDATE tb_plain SET n = 7 WHERE pk_plain = 'Ann';
SELECT kit.check_all();
INSERT INTO tb_plain VALUES ('BOB', 9);
SELECT kit.check_all();
DELETE FROM tb_nocase WHERE pk_nocase = 'BOB';
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
WHERE obj_description(m.tview, 'pg_class') IS NOT NULL GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

DROP SCHEMA t_setops CASCADE;
