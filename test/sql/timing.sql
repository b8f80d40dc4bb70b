--
-- When a TVIEW follows: before anything in the transaction reads it, and at
-- commit at the latest.  (PREPARE TRANSACTION needs max_prepared_transactions:
-- its tests are in t/.)
--
SET client_min_messages = error;
CREATE SCHEMA t_timing;
SET search_path = t_timing, public;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
INSERT INTO tb_user VALUES (1, 'ann'), (2, 'bob');
INSERT INTO tb_post VALUES (1, 1, 'one'), (2, 1, 'two');
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_one AS SELECT pk_user AS pk_one, name FROM tb_user WHERE pk_user = 1;
CREATE TABLE tv_user AS
  SELECT u.pk_user, u.name, count(p.pk_post) AS posts FROM tb_user u LEFT JOIN tv_post p ON p.name = u.name
  GROUP BY u.pk_user;

-- the many ways to read (also STABLE functions, which see no command after the one that calls them)
CREATE VIEW plain AS SELECT name FROM tv_post WHERE pk_post = 1;
CREATE FUNCTION by_sql() RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM t_timing.tv_post WHERE pk_post = 1';
CREATE FUNCTION by_plpgsql() RETURNS text LANGUAGE plpgsql STABLE AS
  'BEGIN RETURN (SELECT name FROM t_timing.tv_post WHERE pk_post = 1); END';
CREATE FUNCTION by_execute() RETURNS text LANGUAGE plpgsql AS
  $$DECLARE r text; BEGIN EXECUTE 'SELECT name FROM t_timing.' || 'tv_post WHERE pk_post = 1' INTO r; RETURN r; END$$;
CREATE FUNCTION as_table() RETURNS SETOF tv_post LANGUAGE sql AS 'SELECT * FROM t_timing.tv_post';
PREPARE by_plan AS SELECT name FROM tv_post WHERE pk_post = 1;
EXECUTE by_plan;
CREATE FUNCTION rename(n text) RETURNS void LANGUAGE sql AS 'UPDATE t_timing.tb_user SET name = n WHERE pk_user = 1';

-- each of these is the first reader after a change
BEGIN;
UPDATE tb_user SET name = 'a1' WHERE pk_user = 1;
SELECT name FROM tv_post WHERE pk_post = 1;
UPDATE tb_user SET name = 'a2' WHERE pk_user = 1;
SELECT name FROM plain;
UPDATE tb_user SET name = 'a3' WHERE pk_user = 1;
SELECT by_sql();
UPDATE tb_user SET name = 'a4' WHERE pk_user = 1;
SELECT by_plpgsql();
UPDATE tb_user SET name = 'a5' WHERE pk_user = 1;
SELECT by_execute();
UPDATE tb_user SET name = 'a6' WHERE pk_user = 1;
SELECT name FROM as_table() ORDER BY pk_post LIMIT 1;
UPDATE tb_user SET name = 'a7' WHERE pk_user = 1;
EXECUTE by_plan;
UPDATE tb_user SET name = 'a8' WHERE pk_user = 1;
COPY tv_one (pk_one, name) TO STDOUT;
UPDATE tb_user SET name = 'a8b' WHERE pk_user = 1;
COPY tv_one (name) TO STDOUT (FORMAT csv, FORCE_QUOTE (name));
ROLLBACK;
BEGIN;
UPDATE tb_user SET name = 'a9' WHERE pk_user = 1;
COPY (SELECT pk_post, name FROM tv_post ORDER BY pk_post) TO STDOUT;
UPDATE tb_user SET name = 'a10' WHERE pk_user = 1;
DECLARE c CURSOR FOR SELECT name FROM tv_post ORDER BY pk_post;
FETCH 1 FROM c;
UPDATE tb_user SET name = 'a11' WHERE pk_user = 1;
FETCH 1 FROM c;
CLOSE c;
UPDATE tb_user SET name = 'a12' WHERE pk_user = 1;
CREATE TEMP TABLE copied AS SELECT * FROM tv_post;
SELECT name FROM copied ORDER BY pk_post;
UPDATE tb_user SET name = 'a13' WHERE pk_user = 1;
INSERT INTO copied SELECT * FROM tv_post;
SELECT name FROM copied ORDER BY name;
UPDATE tb_user SET name = 'a14' WHERE pk_user = 1;
UPDATE tb_post SET title = v.name FROM tv_post v WHERE v.pk_post = tb_post.pk_post;
SELECT title FROM tb_post ORDER BY pk_post;
UPDATE tb_user SET name = 'a15' WHERE pk_user = 1;
DELETE FROM tb_post USING tv_post v WHERE v.pk_post = tb_post.pk_post AND v.name = 'a15' AND v.pk_post = 2;
SELECT kit.check_all();
UPDATE tb_user SET name = 'a16' WHERE pk_user = 1;
WITH x AS (INSERT INTO tb_post SELECT 3, 2, name FROM tv_post RETURNING title) SELECT title FROM x;
UPDATE tb_user SET name = 'a17' WHERE pk_user = 1;
VALUES ((SELECT name FROM tv_post WHERE pk_post = 1), (SELECT count(*) FROM tv_user WHERE name = 'a17'));
UPDATE tb_user SET name = 'a18' WHERE pk_user = 1;
TABLE tv_post ORDER BY pk_post LIMIT 0;
SELECT posts FROM tv_user WHERE name = 'a18';
UPDATE tb_user SET name = 'a19' WHERE pk_user = 1;
SELECT EXISTS (SELECT FROM tv_user WHERE name = 'a19');
UPDATE tb_user SET name = 'a20' WHERE pk_user = 1;
DO $$ BEGIN ASSERT (SELECT name FROM tv_post WHERE pk_post = 1) = 'a20'; END $$;
UPDATE tb_user SET name = 'a21' WHERE pk_user = 1;
SELECT 1 FROM tv_post WHERE name = 'a21' FOR UPDATE;
UPDATE tb_user SET name = 'a22' WHERE pk_user = 1;
SELECT count(*) FROM pg_tviews_explain('tv_post') HAVING count(*) < 0;
SELECT kit.check_all();
COMMIT;
SELECT kit.check_all();

-- EXPLAIN ANALYZE runs the query, so it reads, too
CREATE FUNCTION rows_of(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, TIMING off, SUMMARY off, COSTS off, FORMAT json) ' || query INTO plan;
  RETURN round((plan->0->'Plan'->>'Actual Rows')::numeric);
END $$;
BEGIN;
UPDATE tb_user SET name = 'b1' WHERE pk_user = 1;
SELECT rows_of($$SELECT FROM tv_post WHERE name = 'b1'$$);
-- a change and what it does to the TVIEW in one query tree: the TVIEW is read as of its start
SELECT rows_of($$UPDATE tb_user SET name = 'b2' WHERE pk_user = 1$$);
SELECT name FROM tv_user WHERE pk_user = 1;
COMMIT;
SELECT kit.check_all();

-- a cursor sees what was there when it was opened, also WITH HOLD and after later flushes
BEGIN;
UPDATE tb_user SET name = 'c1' WHERE pk_user = 1;
DECLARE held CURSOR WITH HOLD FOR SELECT name FROM tv_post ORDER BY pk_post;
DECLARE early SCROLL CURSOR FOR SELECT name FROM tv_post ORDER BY pk_post;
UPDATE tb_user SET name = 'c2' WHERE pk_user = 1;
SELECT name FROM tv_post WHERE pk_post = 1;
FETCH ALL FROM early;
DECLARE late CURSOR FOR SELECT name FROM tv_post ORDER BY pk_post;
FETCH ABSOLUTE 1 FROM early;
FETCH 1 FROM late;
UPDATE tb_user SET name = 'c3' WHERE pk_user = 1;
COMMIT;
FETCH 1 FROM held;
CLOSE held;
SELECT kit.check_all();

-- plpgsql: changes and looks in turn, by loops and by one function in another
CREATE FUNCTION loop_and_look() RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; seen text := '';
BEGIN
  FOR i IN 1..3 LOOP
    PERFORM rename('d' || i);
    SELECT seen || name || ' ' INTO seen FROM tv_post WHERE pk_post = 1;
  END LOOP;
  FOR r IN SELECT pk_post, name FROM tv_post ORDER BY pk_post LOOP
    UPDATE tb_post SET title = r.name || '!' WHERE pk_post = r.pk_post;
    SELECT seen || title || ' ' INTO seen FROM tv_post WHERE pk_post = r.pk_post;
  END LOOP;
  RETURN seen || by_sql();
END $$;
SELECT loop_and_look();
SELECT kit.check_all();
-- a writing function and a reading one in the same query: each row reads what the row before wrote
CREATE FUNCTION write_and_look(n text) RETURNS text LANGUAGE plpgsql AS
  $$BEGIN PERFORM rename(n); RETURN by_plpgsql(); END$$;
SELECT write_and_look('e' || g) FROM generate_series(1, 3) g;
SELECT kit.check_all();

-- isolation levels: own writes are read at each of them
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT name FROM tv_post WHERE pk_post = 1;
UPDATE tb_user SET name = 'f1' WHERE pk_user = 1;
SELECT name FROM tv_post WHERE pk_post = 1;
INSERT INTO tb_post VALUES (10, 1, 'rr');
SELECT kit.check_all();
COMMIT;
SELECT kit.check_all();
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE tb_user SET name = 'f2' WHERE pk_user = 1;
SELECT name FROM plain;
UPDATE tb_user SET name = 'f3' WHERE pk_user = 1;
COMMIT;
SELECT kit.check_all();
-- a transaction that turns read-only with changes pending
BEGIN;
UPDATE tb_user SET name = 'f4' WHERE pk_user = 1;
SET TRANSACTION READ ONLY;
SELECT name FROM plain;
COMMIT;
SELECT kit.check_all();

-- in a read-only transaction no function of ours writes
START TRANSACTION READ ONLY;
SAVEPOINT s;
SELECT pg_tviews_create('read_only', 'SELECT pk_user AS pk_read_only FROM tb_user');
ROLLBACK TO s;
SELECT pg_tviews_alter('post', options => '{"notify": true}');
ROLLBACK TO s;
SELECT pg_tviews_convert_existing_table('tb_user');
ROLLBACK TO s;
SELECT pg_tviews_refresh('post');
ROLLBACK TO s;
SELECT pg_tviews_refresh('post', force => true);
ROLLBACK TO s;
SELECT pg_tviews_refresh('post', ARRAY[1]);
ROLLBACK TO s;
SELECT pg_tviews_drop('post');
ROLLBACK TO s;
SELECT pg_tviews_drop('nowhere', if_exists => true);
ROLLBACK TO s;
SELECT count(*) FROM pg_tviews_validate();
COMMIT;

-- nothing is left of a transaction that was rolled back, also after DISCARD
BEGIN;
UPDATE tb_user SET name = 'g1' WHERE pk_user = 1;
ROLLBACK;
SELECT count(*) FROM tv_post WHERE name = 'g1';
UPDATE tb_user SET name = 'g2' WHERE pk_user = 1;
DEALLOCATE by_plan;
DISCARD PLANS;
SELECT by_sql();
\c -
SET search_path = t_timing, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
-- the first thing a new session does is a change
UPDATE tb_user SET name = 'h1' WHERE pk_user = 1;
SELECT kit.check_all();
DISCARD ALL;
UPDATE t_timing.tb_user SET name = 'h2' WHERE pk_user = 1;
SELECT kit.check_all();
SET search_path = t_timing, public;
SET client_min_messages = error;

--
-- pg_tviews.refresh_at = 'statement'
--
SET pg_tviews.refresh_at = 'statement';
BEGIN;
UPDATE tb_user SET name = 'i1' WHERE pk_user = 1;
SELECT name FROM tv_post WHERE pk_post = 1;
UPDATE tb_post SET title = 'i2';
SELECT kit.check_all();
SAVEPOINT a;
DELETE FROM tb_post;
SELECT kit.check_all();
ROLLBACK TO a;
SELECT kit.check_all();
COMMIT;
SELECT kit.check_all();
DO $$ BEGIN
  UPDATE tb_user SET name = 'i3' WHERE pk_user = 1;
  UPDATE tb_post SET fk_user = 2 WHERE pk_post = 10;
  DELETE FROM tb_user WHERE pk_user = 2;
END $$;
SELECT kit.check_all();
-- statement by statement means that errors come at the statement, not at the end
CREATE TABLE tb_ratio (pk_ratio int PRIMARY KEY, a int, b int);
CREATE TABLE tv_ratio AS SELECT pk_ratio, a / b AS ratio FROM tb_ratio;
BEGIN;
INSERT INTO tb_ratio VALUES (1, 6, 0);
SELECT 'not reached';
ROLLBACK;
-- changing the setting in mid-transaction loses nothing
SET pg_tviews.refresh_at = 'commit';
BEGIN;
INSERT INTO tb_ratio VALUES (1, 6, 3);
SET LOCAL pg_tviews.refresh_at = 'statement';
INSERT INTO tb_ratio VALUES (2, 6, 2);
SET LOCAL pg_tviews.refresh_at = 'commit';
INSERT INTO tb_ratio VALUES (3, 6, 1);
COMMIT;
SELECT pk_ratio, ratio FROM tv_ratio ORDER BY 1;
SELECT kit.check_all();
-- at commit the error comes at commit, or when somebody looks
BEGIN;
INSERT INTO tb_ratio VALUES (4, 6, 0);
SELECT 'reached';
COMMIT;
BEGIN;
INSERT INTO tb_ratio VALUES (4, 6, 0);
SELECT count(*) FROM tv_ratio;
ROLLBACK;
SELECT kit.check_all();
SET pg_tviews.refresh_at = 'never';
RESET pg_tviews.refresh_at;

-- cursors that are opened in the flush at COMMIT are closed by it, or held
CREATE TABLE tb_open (pk_open int PRIMARY KEY, name text);
INSERT INTO tb_open SELECT i, 'x' FROM generate_series(1, 5) i;
CREATE TABLE tv_open AS SELECT pk_open, name FROM tb_open;
CREATE FUNCTION open_some() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c refcursor; BEGIN
  OPEN c FOR SELECT * FROM t_timing.tb_open; RETURN NULL; END $$;
CREATE FUNCTION hold_some() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE format('DECLARE held_%s CURSOR WITH HOLD FOR SELECT name FROM t_timing.tb_open ORDER BY pk_open', NEW.pk_open);
  RETURN NULL; END $$;
CREATE TRIGGER open_some AFTER UPDATE ON tv_open FOR EACH ROW EXECUTE FUNCTION open_some();
UPDATE tb_open SET name = 'y' WHERE pk_open = 1;
SELECT 1;
BEGIN;
SELECT count(*) FROM pg_cursors WHERE name ~ 'unnamed';
COMMIT;
CREATE TRIGGER hold_some AFTER UPDATE ON tv_open FOR EACH ROW EXECUTE FUNCTION hold_some();
UPDATE tb_open SET name = 'z' WHERE pk_open = 2;
SELECT count(*) FROM pg_cursors WHERE name ~ 'unnamed';
FETCH ALL FROM held_2;
CLOSE held_2;
BEGIN;
UPDATE tb_open SET name = 'w' WHERE pk_open = 3;
PREPARE TRANSACTION 't_timing';
SELECT count(*) FROM pg_cursors;
SELECT kit.check('tv_open');

-- a restore of data alone writes nothing to TVIEWs whose rows another worker is
-- about to load, though what it loads leads there over others
CREATE TABLE tb_low (pk_low int PRIMARY KEY, n int);
CREATE TABLE tv_low AS SELECT pk_low, n FROM tb_low;
CREATE TABLE tv_mid AS SELECT pk_low AS pk_mid, n FROM tv_low;
CREATE TABLE tv_top AS SELECT pk_mid AS pk_top, n FROM tv_mid;
INSERT INTO tb_low VALUES (1, 10), (2, 20);
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT set_config('search_path', '', true);
ALTER TABLE t_timing.tv_top DISABLE TRIGGER ALL;
COMMIT;
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT set_config('search_path', '', true);
ALTER TABLE t_timing.tb_low DISABLE TRIGGER ALL;
UPDATE t_timing.tb_low SET n = n + 1;
ALTER TABLE t_timing.tb_low ENABLE TRIGGER ALL;
COMMIT;
SELECT (SELECT count(*) FROM tv_mid WHERE n % 10 = 1), (SELECT count(*) FROM tv_top);
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT set_config('search_path', '', true);
INSERT INTO t_timing.tv_top VALUES (1, 10), (3, 30);
ALTER TABLE t_timing.tv_top ENABLE TRIGGER ALL;
COMMIT;
SELECT pk_top, n FROM tv_top ORDER BY 1;
SELECT kit.check('tv_low'), kit.check('tv_mid'), kit.check('tv_top');

DROP SCHEMA t_timing CASCADE;
