--
-- Memory and locks are bounded: past the limits changes are remembered less
-- precisely and locks are taken more coarsely, but no row is ever missed
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_limits;
SET search_path = t_limits, public;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, team int);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
CREATE TABLE tb_rate (pct int);
CREATE INDEX ON tb_post (fk_user);
INSERT INTO tb_user SELECT g, 'user ' || g, g % 7 FROM generate_series(1, 300) g;
INSERT INTO tb_post SELECT g, 1 + g % 300, 'post ' || g FROM generate_series(1, 1500) g;
INSERT INTO tb_rate VALUES (1);
ANALYZE tb_user, tb_post;
-- one of each way of finding keys: by join, group, partition, of two tables, in full, on a TVIEW
CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_user AS
  SELECT u.pk_user, u.name, count(p.pk_post) AS posts, max(p.title) AS last FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user
  GROUP BY u.pk_user;
CREATE TABLE tv_rank AS
  SELECT pk_user AS pk_rank, row_number() OVER (PARTITION BY team ORDER BY name, pk_user) AS place FROM tb_user;
SELECT pg_tviews_create('tv_pair', 'SELECT u.team, p.title, count(*) AS n FROM tb_user u JOIN tb_post p ON p.fk_user = u.pk_user
  GROUP BY u.team, p.title', '{team,title}');
CREATE TABLE tv_full AS SELECT pk_user AS pk_full, team * (SELECT sum(pct) FROM tb_rate) AS x FROM tb_user;
CREATE TABLE tv_name AS SELECT name AS pk_name, count(*) AS posts FROM tv_post GROUP BY name;

CREATE PROCEDURE work() LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tb_user SET name = name || '.' WHERE pk_user <= 200;
  PERFORM kit.check_all();
  UPDATE tb_post SET fk_user = 301 - fk_user, title = title || '.' WHERE pk_post % 3 = 0;
  DELETE FROM tb_post WHERE pk_post % 10 = 1;
  UPDATE tb_user SET team = team + 1 WHERE pk_user % 2 = 0;
  PERFORM kit.check_all();
  BEGIN
    DELETE FROM tb_user;
    PERFORM kit.check_all();
    UPDATE tb_post SET title = 'gone';
    RAISE EXCEPTION USING errcode = 'ZZZZZ';
  EXCEPTION WHEN OTHERS THEN
    IF sqlstate <> 'ZZZZZ' THEN RAISE; END IF;
  END;
  PERFORM kit.check_all();
  INSERT INTO tb_post SELECT 2000 + g, 1 + g % 300, 'new ' || g FROM generate_series(1, 400) g;
  UPDATE tb_user SET pk_user = pk_user + 1000 WHERE pk_user <= 50;
  UPDATE tb_rate SET pct = pct + 1;
  COMMIT;
  PERFORM kit.check_all();
  UPDATE tb_user SET pk_user = pk_user - 1000 WHERE pk_user > 1000;
  DELETE FROM tb_post WHERE pk_post > 2000;
  INSERT INTO tb_post SELECT g, 1 + g % 300, 'back ' || g FROM generate_series(1, 1500, 10) g;
  COMMIT;
END $$;

-- as set up by default
CALL work();
SELECT kit.check_all();
-- the least memory
SET pg_tviews.pending_mem = '64kB';
CALL work();
SELECT kit.check_all();
-- a single row still works, alone and after a large change
UPDATE tb_post SET title = 'one' WHERE pk_post = 2;
SELECT kit.check_all();
BEGIN;
UPDATE tb_post SET title = title || '!';
UPDATE tb_post SET title = 'two' WHERE pk_post = 2;
SELECT count(*) FROM tv_post WHERE title = 'two';
DELETE FROM tb_post WHERE pk_post = 2;
COMMIT;
SELECT kit.check_all();
-- ... in each statement
SET pg_tviews.refresh_at = 'statement';
CALL work();
SELECT kit.check_all();
RESET pg_tviews.refresh_at;
RESET pg_tviews.pending_mem;
-- one lock for all
SET pg_tviews.lock_escalation = 1;
CALL work();
SELECT kit.check_all();
-- both, under each isolation level
SET pg_tviews.pending_mem = '64kB';
SET default_transaction_isolation = 'repeatable read';
CALL work();
SELECT kit.check_all();
SET default_transaction_isolation = 'serializable';
CALL work();
SELECT kit.check_all();
RESET default_transaction_isolation;
RESET pg_tviews.pending_mem;
RESET pg_tviews.lock_escalation;
-- locks that a savepoint's rollback has given back do not count towards the
-- limit; those of a released savepoint do
SET pg_tviews.lock_escalation = 10;
CREATE TABLE tb_few (pk_few int PRIMARY KEY, n int);
INSERT INTO tb_few SELECT i, 0 FROM generate_series(1, 20) i;
CREATE TABLE tv_few AS SELECT pk_few, n FROM tb_few;
CREATE VIEW own_locks AS SELECT object, count(*) FROM pg_tviews_locks
  WHERE pid = pg_backend_pid() AND tview = 'tv_few'::regclass GROUP BY object;
BEGIN;
DO $$
BEGIN
	FOR i IN 1..9 LOOP
		BEGIN
			UPDATE tb_few SET n = i WHERE pk_few <= 4;
			PERFORM FROM tv_few;
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
	END LOOP;
END $$;
UPDATE tb_few SET n = 1 WHERE pk_few <= 4;
SELECT count(*) FROM tv_few WHERE n = 1;
SELECT * FROM own_locks ORDER BY 1;
SAVEPOINT a;
UPDATE tb_few SET n = 2 WHERE pk_few BETWEEN 5 AND 8;
SAVEPOINT b;
SELECT count(*) FROM tv_few WHERE n = 2;
RELEASE b;
SELECT * FROM own_locks ORDER BY 1;
SAVEPOINT b;
UPDATE tb_few SET n = 3 WHERE pk_few BETWEEN 9 AND 12;
SELECT count(*) FROM tv_few WHERE n = 3;
SELECT * FROM own_locks ORDER BY 1;
COMMIT;
SELECT kit.check_all();
RESET pg_tviews.lock_escalation;

-- no lock is left when a transaction has ended
SELECT count(*) FROM pg_locks WHERE locktype IN ('userlock', 'advisory') AND pid = pg_backend_pid();

DROP SCHEMA t_limits CASCADE;
