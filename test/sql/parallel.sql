--
-- Parallel plans: workers read a TVIEW with what its leader has pending, and a
-- flush may itself be planned in parallel
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_parallel;
SET search_path = t_parallel, public;
\pset format unaligned
\pset tuples_only on

SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
-- force_parallel_mode until 15, debug_parallel_query since 16
DO $$
BEGIN
  PERFORM set_config(name, 'regress', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
END $$;

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
INSERT INTO tb_user SELECT g, 'user ' || g FROM generate_series(1, 50) g;
INSERT INTO tb_post SELECT g, 1 + g % 50, 'post ' || g FROM generate_series(1, 2000) g;
ANALYZE tb_user, tb_post;
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_user AS
  SELECT u.pk_user, u.name, (SELECT count(*) FROM tb_post p WHERE p.fk_user = u.pk_user) AS posts FROM tb_user u;
CREATE FUNCTION safe(text) RETURNS text LANGUAGE plpgsql PARALLEL SAFE IMMUTABLE AS 'BEGIN RETURN upper($1); END';
CREATE FUNCTION reads(int) RETURNS text LANGUAGE sql PARALLEL SAFE STABLE
  AS 'SELECT name FROM t_parallel.tv_post WHERE pk_post = $1';
ANALYZE tv_post;
SELECT kit.check_all();

-- the plan is parallel indeed
CREATE FUNCTION is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN plan::text LIKE '%Gather%';
END $$;
SELECT is_parallel($$SELECT count(*) FROM tv_post WHERE name = 'x'$$);

-- and has workers, though a flush gives the query another snapshot
CREATE FUNCTION has_workers(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
  RETURN plan::text ~ '"Workers Launched": [1-9]';
END $$;

BEGIN;
UPDATE tb_user SET name = 'x' WHERE pk_user = 2;
SELECT has_workers($$SELECT count(*) FROM tv_post WHERE name = 'x'$$);
SELECT count(*) FROM tv_post WHERE name = 'x';
UPDATE tb_user SET name = 'w' WHERE pk_user = 2;
SELECT count(*) FROM tv_post WHERE name = 'w';
UPDATE tb_user SET name = 'x' WHERE pk_user = 2;
DELETE FROM tb_post WHERE pk_post % 2 = 0;
SELECT count(*), max(safe(name)) FROM tv_post WHERE name = 'x';
UPDATE tb_user SET name = 'y' WHERE pk_user = 2;
SELECT count(*) FROM tb_post WHERE reads(pk_post) = 'y';
UPDATE tb_user SET name = 'z' WHERE pk_user = 2;
SELECT kit.check_all();
SAVEPOINT a;
UPDATE tb_post SET fk_user = 2;
SELECT count(*) FROM tv_post WHERE name = 'z';
ROLLBACK TO a;
SELECT count(*) FROM tv_post WHERE name = 'z';
UPDATE tb_post SET fk_user = 3 WHERE fk_user = 4;
COMMIT;
SELECT count(*) FROM tv_post WHERE name = 'user 3';
SELECT kit.check_all();

-- filling in parallel
CREATE TABLE tv_copy AS SELECT pk_post AS pk_copy, name FROM tv_post;
UPDATE tb_user SET name = 'all';
SELECT count(*) FROM tv_copy WHERE name = 'all';
SELECT kit.check_all();
SELECT pg_tviews_refresh('tv_copy', true) >= 0;
SELECT kit.check_all();

-- a cursor over a parallel plan, opened after a change
BEGIN;
UPDATE tb_user SET name = 'cursor' WHERE pk_user = 10;
DECLARE c CURSOR FOR SELECT count(*) FROM tv_copy WHERE name = 'cursor';
UPDATE tb_user SET name = 'later' WHERE pk_user = 10;
FETCH c;
SELECT count(*) FROM tv_copy WHERE name = 'later';
COMMIT;
SELECT kit.check_all();

DROP SCHEMA t_parallel CASCADE;
