--
-- What is NULL, or not, where a subquery or a table is null-extended, and windows
-- that decide what DISTINCT ON of the same level chooses: found by a hunt
--
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA t_nulls;
SET search_path = t_nulls, public;

-- a window and DISTINCT ON
CREATE TABLE w (id int PRIMARY KEY, k int, z int);
INSERT INTO w VALUES (1,2,20),(2,1,20);
CREATE TABLE tv_won AS SELECT s.k AS pk_won, count(*) AS n FROM (
  SELECT DISTINCT ON (z) k, z, id FROM w
   ORDER BY z, count(*) OVER (PARTITION BY k) DESC, id) s GROUP BY s.k;
INSERT INTO w VALUES (3,1,10);
SELECT kit.check('tv_won');

-- a function of what is null-extended, as the key
CREATE TABLE a2 (id int PRIMARY KEY, f int);
CREATE TABLE b2 (id int PRIMARY KEY, arr int[]);
INSERT INTO a2 VALUES (1,1),(2,2); INSERT INTO b2 VALUES (1,'{5}');
CREATE TABLE tv_fn AS SELECT u.e AS pk_fn, count(*) AS n FROM a2 LEFT JOIN b2 ON b2.id = a2.f, LATERAL unnest(coalesce(b2.arr,'{9}')) u(e) GROUP BY u.e;
INSERT INTO b2 VALUES (2,'{6}');
SELECT kit.check('tv_fn');
CREATE TABLE b (id int PRIMARY KEY, f int, x int, y int, s text);
CREATE TABLE c (id int PRIMARY KEY, f int UNIQUE);
CREATE TABLE d (id int PRIMARY KEY, s text);
INSERT INTO b VALUES (1,1,10,20,'b1'),(2,2,10,20,'b2'); INSERT INTO c VALUES (1,1); INSERT INTO d VALUES (10,'ten'),(20,'twenty'),(0,'zero');

-- constant of a null-extended subquery in a link
CREATE TABLE tv_l1 AS SELECT b.id AS pk_l1, d.s FROM b LEFT JOIN (SELECT c.f, 1 AS one FROM c) q ON q.f=b.id LEFT JOIN d ON d.id = CASE WHEN q.one=1 THEN b.x ELSE b.y END;
UPDATE d SET s = 'TWENTY' WHERE id=20;
SELECT kit.check('tv_l1');

-- constant of a null-extended subquery in the key
CREATE TABLE tv_l2 AS SELECT coalesce(q.one, 0) * 100 + b.id AS pk_l2, b.s FROM b LEFT JOIN (SELECT c.f, 1 AS one FROM c) q ON q.f=b.id;
UPDATE b SET s = 'changed';
SELECT kit.check('tv_l2');

-- outer column given out by a null-extended LATERAL
CREATE TABLE tv_l3 AS SELECT b.id AS pk_l3, d.s FROM b LEFT JOIN LATERAL (SELECT b.x AS bx FROM c WHERE c.f=b.id) q ON true LEFT JOIN d ON d.id = coalesce(q.bx, 0);
UPDATE d SET s = 'ZERO' WHERE id=0;
SELECT kit.check('tv_l3');

-- plain and strict: LATERAL output as key
CREATE TABLE tv_l4 AS SELECT b.id AS pk_l4, rank() OVER (PARTITION BY coalesce(q.one,0) + b.y ORDER BY b.s, b.id) r FROM b LEFT JOIN (SELECT c.f, 1 AS one FROM c) q ON q.f=b.id;
INSERT INTO b VALUES (3,3,10,21,'a');
SELECT kit.check('tv_l4');
DELETE FROM c; INSERT INTO c VALUES (7,3);
SELECT kit.check('tv_l4');
UPDATE b SET s = 'zz' WHERE id = 3;
SELECT kit.check('tv_l4');
INSERT INTO b VALUES (4,4,10,22,'aa'); SELECT kit.check('tv_l4');
INSERT INTO b VALUES (5,5,10,22,'0'); SELECT kit.check('tv_l4');

-- nested, is_never_null of a constant
CREATE TABLE tv_l5 AS SELECT b.id AS pk_l5 FROM b WHERE b.id NOT IN (SELECT q.z FROM d LEFT JOIN LATERAL (SELECT d.id AS z FROM c WHERE c.id = d.id) q ON true);
SELECT kit.check('tv_l5');
DELETE FROM c; DELETE FROM d; SELECT kit.check('tv_l5'); INSERT INTO d VALUES (50,'x'); SELECT kit.check('tv_l5');

DROP SCHEMA t_nulls CASCADE;
