--
-- Keys: every type, several columns, columns of several tables
--
SET client_min_messages = error;
CREATE SCHEMA t_keys;
SET search_path = t_keys, public;
\pset format unaligned
\pset tuples_only on

-- the primary key is named after the TVIEW and stands on the key columns
CREATE FUNCTION primary_key(tv text) RETURNS text LANGUAGE sql AS
  $$ SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
     WHERE conrelid = tv::regclass AND contype = 'p' $$;

-- one column of each type; a child table counts its rows by that column
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN code AS text CHECK (value ~ '^[A-Z]');
CREATE TABLE tb_thing (i int, b bigint, s smallint, u uuid, t text, c char(4), d date, z timestamptz,
                       n numeric, f float8, m mood, o code, y bytea, ip inet, r int4range, a int[],
                       j jsonb, l boolean, label text);
CREATE TABLE tb_note (i int, n numeric, t text, u uuid, a int[], body text);
INSERT INTO tb_thing
  SELECT g, g * 10000000000, g, lpad(g::text, 32, '0')::uuid, 't' || g, 'c' || g, date '2024-01-01' + g,
         timestamptz '2024-01-01 00:00+00' + g * interval '1 hour', g + 0.5, g / 4.0,
         (ARRAY['sad', 'ok', 'happy'])[g]::mood, 'A' || g, decode(lpad(g::text, 4, '0'), 'hex'),
         ('10.0.0.' || g)::inet, int4range(g, g + 1), ARRAY[g, g], to_jsonb(g), nullif(g, 3) = 1, 'l' || g
  FROM generate_series(1, 3) g;
INSERT INTO tb_note SELECT g, g + 0.50, 't' || g, lpad(g::text, 32, '0')::uuid, ARRAY[g, g], 'n' || g
  FROM generate_series(1, 4) g;

SELECT pg_tviews_create('tv_i', 'SELECT i AS pk_i, label FROM tb_thing');
SELECT pg_tviews_create('tv_b', 'SELECT b AS pk_b, label FROM tb_thing');
SELECT pg_tviews_create('tv_s', 'SELECT s AS pk_s, label FROM tb_thing');
SELECT pg_tviews_create('tv_u', 'SELECT g.u AS pk_u, g.label, (SELECT max(body) FROM tb_note x WHERE x.u = g.u) AS body FROM tb_thing g');
SELECT pg_tviews_create('tv_t', 'SELECT g.t AS pk_t, g.label, (SELECT max(body) FROM tb_note x WHERE x.t = g.t) AS body FROM tb_thing g');
SELECT pg_tviews_create('tv_c', 'SELECT c AS pk_c, label FROM tb_thing');
SELECT pg_tviews_create('tv_d', 'SELECT d AS pk_d, label FROM tb_thing');
SELECT pg_tviews_create('tv_z', 'SELECT z AS pk_z, label FROM tb_thing');
SELECT pg_tviews_create('tv_n', 'SELECT g.n AS pk_n, g.label, (SELECT max(body) FROM tb_note x WHERE x.n = g.n) AS body FROM tb_thing g');
SELECT pg_tviews_create('tv_f', 'SELECT f AS pk_f, label FROM tb_thing');
SELECT pg_tviews_create('tv_m', 'SELECT m AS pk_m, label FROM tb_thing');
SELECT pg_tviews_create('tv_o', 'SELECT o AS pk_o, label FROM tb_thing');
SELECT pg_tviews_create('tv_y', 'SELECT y AS pk_y, label FROM tb_thing');
SELECT pg_tviews_create('tv_ip', 'SELECT ip AS pk_ip, label FROM tb_thing');
SELECT pg_tviews_create('tv_r', 'SELECT r AS pk_r, label FROM tb_thing');
SELECT pg_tviews_create('tv_a', 'SELECT g.a AS pk_a, g.label, (SELECT max(body) FROM tb_note x WHERE x.a = g.a) AS body FROM tb_thing g');
SELECT pg_tviews_create('tv_j', 'SELECT j AS pk_j, label FROM tb_thing');
SELECT pg_tviews_create('tv_l', 'SELECT l AS pk_l, max(label) AS label FROM tb_thing WHERE l IS NOT NULL GROUP BY l');
SELECT pg_tviews_create('tv_expr', 'SELECT md5(i::text) AS pk_expr, label FROM tb_thing');
SELECT pg_tviews_create('tv_no_prefix', 'SELECT label, i AS number FROM tb_thing', '{number}');
SELECT pg_tviews_create('tv_two', 'SELECT t, i, label FROM tb_thing', '{i,t}');
SELECT pg_tviews_create('tv_three', 'SELECT u AS x, n AS y, d AS z, label FROM tb_thing', ARRAY['z', 'x', 'y']);
SELECT primary_key('tv_u');
SELECT primary_key('tv_no_prefix');
SELECT primary_key('tv_two');
SELECT primary_key('tv_three');
SELECT kit.check_all();

UPDATE tb_thing SET label = upper(label) WHERE i = 2;
SELECT kit.check_all();
UPDATE tb_note SET body = body || '!';
SELECT kit.check_all();
DELETE FROM tb_thing WHERE i = 1;
SELECT kit.check_all();
INSERT INTO tb_thing VALUES (4, -4, -4, '4e44d12c-3e4f-4d62-8d9c-8e1a5a9d1c00', '', '', '-infinity',
  'infinity', 'NaN', '-Infinity', 'sad', 'Z', '', '::1', 'empty', '{}', 'null', true, 'strange');
SELECT kit.check_all();
UPDATE tb_note SET t = '', n = 'NaN', a = '{}', u = '4e44d12c-3e4f-4d62-8d9c-8e1a5a9d1c00' WHERE i = 4;
SELECT kit.check_all();
-- every key changes at once, two rows exchange theirs
UPDATE tb_thing SET i = i * 10, b = b + 1, s = s * 10, t = t || 'x', c = 'z' || i, d = date '2030-01-01' + i,
  z = timestamptz '2000-01-01 00:00+00' + i * interval '1 day', n = n + 1, f = f * 3,
  y = y || '\xff', ip = '10.1.1.1'::inet + i, r = int4range(i, 100), a = a || i, j = jsonb_build_array(i);
SELECT kit.check_all();
UPDATE tb_thing SET i = 50 - i, t = CASE i WHEN 20 THEN 't3x' WHEN 30 THEN 't2x' ELSE t END WHERE i IN (20, 30);
SELECT kit.check_all();
-- equal, but not the same bytes: the stored key follows
UPDATE tb_thing SET f = 0 WHERE i = 20;
SELECT kit.check_all();
UPDATE tb_thing SET f = '-0', n = n + 0.000 WHERE i = 20;
SELECT pk_n, pk_f FROM tv_n JOIN tv_f USING (label) ORDER BY label COLLATE "C";
SELECT kit.check_all();
DELETE FROM tb_thing WHERE i = 30 OR i = 40;
SELECT kit.check_all();
TRUNCATE tb_thing;
SELECT kit.check_all();
DROP TABLE tb_thing, tb_note CASCADE;

-- keys of several columns whose columns come from several tables
CREATE TABLE tb_user (pk_user int PRIMARY KEY DEFERRABLE, name text, city text);
CREATE TABLE tb_role (pk_role text PRIMARY KEY, label text);
CREATE TABLE tb_grant (fk_user int, fk_role text, since int, PRIMARY KEY (fk_user, fk_role));
CREATE TABLE tb_place (pk_place int PRIMARY KEY, city text);
INSERT INTO tb_user VALUES (1, 'ann', 'rome'), (2, 'bob', 'oslo'), (3, 'cem', 'rome');
INSERT INTO tb_role VALUES ('r', 'reader'), ('w', 'writer');
INSERT INTO tb_grant VALUES (1, 'r', 10), (1, 'w', 20), (2, 'r', 30), (9, 'w', 40);
INSERT INTO tb_place VALUES (1, 'rome'), (2, 'rome'), (3, 'oslo'), (4, 'bonn');

SELECT pg_tviews_create('tv_grant', 'SELECT u.pk_user, r.pk_role, u.name, r.label, g.since
  FROM tb_grant g JOIN tb_user u ON u.pk_user = g.fk_user JOIN tb_role r ON r.pk_role = g.fk_role',
  '{pk_user,pk_role}');
COMMENT ON TABLE tv_grant IS 'key of two columns, each of its own table, over a link table';
SELECT pg_tviews_create('tv_near', 'SELECT u.pk_user, p.pk_place, u.name, p.city
  FROM tb_user u JOIN tb_place p ON p.city = u.city', '{pk_user,pk_place}');
COMMENT ON TABLE tv_near IS 'key of two columns, no source has both';
SELECT pg_tviews_create('tv_city_role', 'SELECT u.city, g.fk_role, count(*) AS n, min(u.name) AS first
  FROM tb_user u JOIN tb_grant g ON g.fk_user = u.pk_user GROUP BY u.city, g.fk_role', '{city,fk_role}');
COMMENT ON TABLE tv_city_role IS 'GROUP BY columns of two tables, which are the key';
-- by key or in full: the key of these cannot be divided into columns of single sources
SELECT pg_tviews_create('tv_joined', 'SELECT u.pk_user || ''@'' || p.pk_place AS pk_joined, u.name, p.city
  FROM tb_user u JOIN tb_place p ON p.city = u.city');
SELECT pg_tviews_create('tv_full', 'SELECT coalesce(u.city, p.city) AS city, coalesce(u.pk_user, 0) AS usr,
  coalesce(p.pk_place, 0) AS place FROM tb_user u FULL JOIN tb_place p ON p.city = u.city', '{city,usr,place}');
SELECT kit.check_all();

UPDATE tb_user SET name = 'Ann' WHERE pk_user = 1;
SELECT kit.check_all();
UPDATE tb_user SET city = 'bonn' WHERE pk_user = 3;
SELECT kit.check_all();
UPDATE tb_place SET city = 'oslo' WHERE pk_place = 1;
SELECT kit.check_all();
UPDATE tb_grant SET fk_role = 'w' WHERE fk_user = 2;
SELECT kit.check_all();
UPDATE tb_grant SET fk_user = 3, since = 11 WHERE fk_user = 9;
SELECT kit.check_all();
UPDATE tb_role SET pk_role = 'x' WHERE pk_role = 'w';
SELECT kit.check_all();
UPDATE tb_grant SET fk_role = 'x' WHERE fk_role = 'w';
SELECT kit.check_all();
UPDATE tb_user SET pk_user = 4 - pk_user WHERE pk_user <> 2;
SELECT kit.check_all();
BEGIN;
INSERT INTO tb_user VALUES (7, 'new', 'paris');
INSERT INTO tb_place VALUES (7, 'paris'), (8, 'rome');
SELECT kit.check_all();
INSERT INTO tb_grant VALUES (7, 'x', 1), (7, 'r', 2);
UPDATE tb_user SET city = 'rome' WHERE pk_user = 7;
SELECT kit.check_all();
DELETE FROM tb_user WHERE pk_user = 1;
COMMIT;
SELECT kit.check_all();
-- both rows that made an old key move away in one transaction: neither leads to
-- it any more by what the other has become
SELECT city, pk_user, pk_place FROM tv_near WHERE city = 'rome' ORDER BY 2, 3;
BEGIN;
UPDATE tb_user SET city = 'lund' WHERE pk_user = 7;
UPDATE tb_place SET city = 'bern' WHERE pk_place = 8;
UPDATE tb_grant SET fk_role = 'y' WHERE fk_user = 7 AND fk_role = 'x';
COMMIT;
SELECT kit.check_all();
BEGIN;
UPDATE tb_place SET city = 'lund', pk_place = 80 WHERE pk_place = 8;
UPDATE tb_user SET pk_user = 70 WHERE pk_user = 7;
UPDATE tb_grant SET fk_user = 70 WHERE fk_user = 7;
SELECT kit.check_all();
DELETE FROM tb_place WHERE pk_place = 80;
DELETE FROM tb_user WHERE pk_user = 70;
DELETE FROM tb_grant WHERE fk_user = 70;
COMMIT;
SELECT kit.check_all();
INSERT INTO tb_user VALUES (7, 'new', 'rome');
INSERT INTO tb_grant VALUES (7, 'r', 1);
SELECT kit.check_all();
DELETE FROM tb_grant WHERE fk_user = 7;
SELECT kit.check_all();
DELETE FROM tb_place WHERE city = 'rome';
SELECT kit.check_all();
TRUNCATE tb_role, tb_user;
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
WHERE obj_description(m.tview, 'pg_class') IS NOT NULL GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

-- a domain over an enum: PostgreSQL has no = for it
CREATE DOMAIN feeling AS mood;
CREATE TABLE tb_felt (f feeling PRIMARY KEY, label text);
INSERT INTO tb_felt VALUES ('sad', 'a'), ('ok', 'b');
CREATE TABLE tv_felt AS SELECT f AS pk_felt, label FROM tb_felt;
CREATE TABLE tv_felt AS SELECT f::mood AS pk_felt, label FROM tb_felt;
UPDATE tb_felt SET label = upper(label);
SELECT kit.check('tv_felt');

-- an index that tells values apart which are equal is none on the key
CREATE TYPE pair AS (a numeric, b text);
CREATE TABLE tb_pair (p pair PRIMARY KEY, label text);
INSERT INTO tb_pair VALUES ('(1.0,x)', 'l');
CREATE TABLE tv_pair AS SELECT p AS pk_pair, label FROM tb_pair;
UPDATE tb_pair SET p = '(1.00,x)';
SELECT kit.check('tv_pair');
CREATE UNIQUE INDEX tv_pair_image ON tv_pair (pk_pair record_image_ops);
SELECT format('ALTER TABLE tv_pair DROP CONSTRAINT %I', conname) FROM pg_constraint
WHERE conrelid = 'tv_pair'::regclass AND contype = 'p' \gexec
UPDATE tb_pair SET p = '(1.000,x)';
SELECT kit.check('tv_pair');

DROP SCHEMA t_keys CASCADE;
