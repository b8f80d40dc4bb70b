-- Generated columns, in partitions and children that have their columns in
-- another order, and make them of something else
CREATE SCHEMA generated;
SET search_path = generated, public;
SET client_min_messages = error;
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on

-- count(table, column): a TVIEW of what each value of a column has
CREATE FUNCTION count(tab text, col text) RETURNS text LANGUAGE sql AS $$
  SELECT pg_tviews_create(format('tv_%s_%s', tab, col),
    format('SELECT b.id AS pk_%1$s_%2$s, (SELECT array_agg(s.id ORDER BY s.id) FROM generated.%1$s s WHERE s.%2$s = b.id) AS ids FROM generated.b', tab, col))
$$;
CREATE TABLE b (id int PRIMARY KEY);
INSERT INTO b SELECT generate_series(1, 12);

-- the place of a plain column is that of a generated one in the partition
CREATE TABLE part (id int, k int, x int, g int GENERATED ALWAYS AS (x * 2) STORED) PARTITION BY LIST (id);
CREATE TABLE part_1 (g int GENERATED ALWAYS AS (x * 2) STORED, x int, id int, k int);
ALTER TABLE part_1 DROP COLUMN g;
ALTER TABLE part_1 ADD COLUMN g int GENERATED ALWAYS AS (x * 2) STORED;
CREATE TABLE part_2 (id int, g int GENERATED ALWAYS AS (x * 2) STORED, x int, k int);
ALTER TABLE part ATTACH PARTITION part_1 FOR VALUES IN (1);
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2);
SELECT count('part', 'k'), count('part', 'g');
INSERT INTO part_1 (id, k, x) VALUES (1, 1, 4), (1, 2, 3);
INSERT INTO part_2 (id, k, x) VALUES (2, 1, 5), (2, 2, 6);
SELECT kit.check_all();
UPDATE part_2 SET k = k + 6;
SELECT kit.check_all();
UPDATE part SET k = k - 1, id = 3 - id;
SELECT kit.check_all();
UPDATE part_2 SET x = x - 2;
SELECT kit.check_all();
DELETE FROM part_2 WHERE k = 7;
DELETE FROM part_1 WHERE k = 7;
SELECT kit.check_all();

-- each partition, and each child, may make it of something else (16 and later)
DO $do$
BEGIN
  IF current_setting('server_version_num')::int < 160000 THEN RETURN; END IF;
  CREATE TABLE own (id int, x int, y int, g int GENERATED ALWAYS AS (x) STORED) PARTITION BY LIST (id);
  CREATE TABLE own_1 PARTITION OF own FOR VALUES IN (1);
  CREATE TABLE own_2 (y int, id int, g int GENERATED ALWAYS AS (y + 1) STORED, x int);
  ALTER TABLE own ATTACH PARTITION own_2 FOR VALUES IN (2);
  PERFORM count('own', 'g');
  CREATE TABLE tv_own AS SELECT g AS pk_own, jsonb_agg(to_jsonb(own) ORDER BY id) AS rows FROM own WHERE g IS NOT NULL GROUP BY g;
  INSERT INTO own (id, x, y) VALUES (1, 1, 2), (2, 3, 4);
  PERFORM kit.check_all();
  UPDATE own SET y = 6;
  PERFORM kit.check_all();
  UPDATE own SET y = 7 WHERE id = 2;
  PERFORM kit.check_all();
  UPDATE own SET x = 5;
  PERFORM kit.check_all();
  UPDATE own_2 SET y = 9;
  PERFORM kit.check_all();
  UPDATE own SET id = 3 - id;
  PERFORM kit.check_all();
  DELETE FROM own;
  PERFORM kit.check_all();

  CREATE TABLE mother (id int, x int, y int, g int GENERATED ALWAYS AS (x) STORED);
  CREATE TABLE child (y int, g int GENERATED ALWAYS AS (y + 1) STORED, x int, id int) INHERITS (mother);
  PERFORM count('mother', 'g'), count('child', 'g');
  INSERT INTO mother (id, x, y) VALUES (1, 1, 2);
  INSERT INTO child (id, x, y) VALUES (2, 3, 4);
  PERFORM kit.check_all();
  UPDATE mother SET y = 7;
  PERFORM kit.check_all();
  UPDATE mother SET x = 2;
  PERFORM kit.check_all();
  UPDATE child SET y = 1;
  PERFORM kit.check_all();
  DELETE FROM mother WHERE g = 2;
  PERFORM kit.check_all();
END $do$;

-- virtual columns (18 and later) are made as the table says that is read
DO $do$
BEGIN
  IF current_setting('server_version_num')::int < 180000 THEN RETURN; END IF;
  EXECUTE 'CREATE TABLE virt (id int, x int, y int, g int GENERATED ALWAYS AS (x) VIRTUAL) PARTITION BY LIST (id)';
  EXECUTE 'CREATE TABLE virt_1 PARTITION OF virt FOR VALUES IN (1)';
  EXECUTE 'CREATE TABLE virt_2 (y int, id int, g int GENERATED ALWAYS AS (y + 1) VIRTUAL, x int)';
  EXECUTE 'ALTER TABLE virt ATTACH PARTITION virt_2 FOR VALUES IN (2)';
  PERFORM count('virt', 'g'), count('virt_2', 'g');
  INSERT INTO virt (id, x, y) VALUES (1, 1, 2), (2, 3, 4);
  PERFORM kit.check_all();
  UPDATE virt SET y = 7;
  PERFORM kit.check_all();
  UPDATE virt SET x = 5;
  PERFORM kit.check_all();
  UPDATE virt_2 SET y = 8;
  PERFORM kit.check_all();
  UPDATE virt_2 SET x = 8;
  PERFORM kit.check_all();
  UPDATE virt SET id = 3 - id;
  PERFORM kit.check_all();
  DELETE FROM virt_2;
  PERFORM kit.check_all();
END $do$;

-- functions of generated columns run queries, which read no TVIEW and flush nothing
CREATE TABLE tb_own (pk_own int PRIMARY KEY, name text);
INSERT INTO tb_own SELECT i, 'o' FROM generate_series(1, 300) i;
CREATE FUNCTION inner_of(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1 % 100; END $$;
CREATE FUNCTION outer_of(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
  $$ BEGIN RETURN (SELECT generated.inner_of($1)); END $$;
CREATE TABLE tb_row (pk_row int, k int, v text, q int GENERATED ALWAYS AS (generated.outer_of(k)) STORED,
  PRIMARY KEY (pk_row)) PARTITION BY RANGE (pk_row);
CREATE TABLE tb_row_1 PARTITION OF tb_row FOR VALUES FROM (0) TO (1000);
CREATE TABLE tb_row_2 PARTITION OF tb_row FOR VALUES FROM (1000) TO (100000);
INSERT INTO tb_row (pk_row, k, v) SELECT i, i, 'v' FROM generate_series(1, 2000) i;
CREATE INDEX ON tb_row (q);
CREATE TABLE tv_row AS SELECT r.pk_row, r.v, o.name FROM tb_row r JOIN tb_own o ON o.pk_own = r.q;
UPDATE tb_row SET k = k + 1, v = 'w' WHERE pk_row BETWEEN 900 AND 1300;
SELECT kit.check('tv_row');
BEGIN;
SAVEPOINT a;
UPDATE tb_row SET k = k + 1, v = 'x' WHERE pk_row BETWEEN 900 AND 1300;
INSERT INTO tb_row (pk_row, k, v) SELECT i, i, 'y' FROM generate_series(3000, 3100) i;
COMMIT;
SELECT kit.check('tv_row');

-- columns made of the row's table
CREATE TABLE tb_where (pk_where int, x int, g oid GENERATED ALWAYS AS (tableoid) STORED) PARTITION BY LIST (pk_where);
CREATE TABLE tb_where_1 PARTITION OF tb_where FOR VALUES IN (1);
CREATE TABLE tb_where_2 PARTITION OF tb_where FOR VALUES IN (2);
CREATE TABLE tv_where AS SELECT x AS pk_where, g FROM tb_where;
CREATE TABLE tv_where_by AS SELECT g AS pk_where_by, count(*) FROM tb_where GROUP BY g;
INSERT INTO tb_where VALUES (1, 1), (2, 2);
SELECT kit.check('tv_where'), kit.check('tv_where_by');
UPDATE tb_where SET pk_where = 3 - pk_where;
SELECT kit.check('tv_where'), kit.check('tv_where_by');
UPDATE tb_where SET pk_where = 3 - pk_where WHERE x = 1;
SELECT kit.check('tv_where'), kit.check('tv_where_by');
CREATE TABLE tb_here (pk_here int PRIMARY KEY, g oid GENERATED ALWAYS AS (tableoid) STORED);
CREATE TABLE tv_here AS SELECT g AS pk_here, count(*) FROM tb_here GROUP BY g;
INSERT INTO tb_here VALUES (1), (2);
DELETE FROM tb_here WHERE pk_here = 1;
SELECT kit.check('tv_here');

-- a partition of a partition that comes later generates a column differently (16)
DO $$ BEGIN
  IF current_setting('server_version_num')::int < 160000 THEN RETURN; END IF;
  CREATE TABLE tb_deep (id int, s int, x int, y int, g int GENERATED ALWAYS AS (x) STORED) PARTITION BY LIST (id);
  CREATE TABLE tb_deep_1 PARTITION OF tb_deep FOR VALUES IN (1) PARTITION BY LIST (s);
  CREATE TABLE tb_deep_11 PARTITION OF tb_deep_1 FOR VALUES IN (1);
  CREATE TABLE tv_deep AS SELECT pk_own AS pk_deep, (SELECT count(*) FROM tb_deep n WHERE n.g = pk_own) AS c FROM tb_own;
  INSERT INTO tb_deep (id, s, x, y) VALUES (1, 1, 3, 4);
  UPDATE tb_deep SET x = x + 1;
  PERFORM kit.check('tv_deep');
  CREATE TABLE tb_deep_12 (id int, s int, x int, y int, g int GENERATED ALWAYS AS (y) STORED);
  ALTER TABLE tb_deep_1 ATTACH PARTITION tb_deep_12 FOR VALUES IN (2);
  INSERT INTO tb_deep (id, s, x, y) VALUES (1, 2, 13, 14);
  PERFORM kit.check('tv_deep');
  UPDATE tb_deep SET y = y + 3;
  PERFORM kit.check('tv_deep');
END $$;

DROP SCHEMA generated CASCADE;
