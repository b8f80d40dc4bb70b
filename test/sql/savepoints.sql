--
-- Subtransactions: what is pending and what is flushed inside one must survive
-- its end in the right way, whichever end it takes
--
SET client_min_messages = error;
CREATE SCHEMA t_save;
SET search_path = t_save, public;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text CHECK (title <> 'bad'));
INSERT INTO tb_user VALUES (1, 'ann'), (2, 'bob');
INSERT INTO tb_post VALUES (1, 1, 'one'), (2, 2, 'two');
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_name AS
  SELECT name AS pk_name, string_agg(title, ',' ORDER BY title COLLATE "C") AS titles FROM tv_post GROUP BY name;
CREATE VIEW look AS
  SELECT coalesce(string_agg(name || ':' || titles, ' ' ORDER BY name COLLATE "C"), '-') AS all FROM (SELECT pk_name AS name, titles FROM tv_name) x;

-- pending, then RELEASE
BEGIN;
SAVEPOINT a;
UPDATE tb_user SET name = 'a1' WHERE pk_user = 1;
RELEASE a;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- pending before, nothing inside
BEGIN;
UPDATE tb_user SET name = 'a2' WHERE pk_user = 1;
SAVEPOINT a;
RELEASE a;
SAVEPOINT a;
ROLLBACK TO a;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- pending, then ROLLBACK TO
BEGIN;
UPDATE tb_user SET name = 'a3' WHERE pk_user = 1;
SAVEPOINT a;
UPDATE tb_user SET name = 'not' WHERE pk_user = 2;
ROLLBACK TO a;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- pending outside, flushed inside, ROLLBACK TO: it is pending again
BEGIN;
UPDATE tb_user SET name = 'b1' WHERE pk_user = 1;
SAVEPOINT a;
SELECT * FROM look;
ROLLBACK TO a;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();
BEGIN;
UPDATE tb_user SET name = 'b2' WHERE pk_user = 1;
SAVEPOINT a;
SELECT * FROM look;
ROLLBACK TO a;
SELECT * FROM look;
SELECT kit.check_all();
COMMIT;
SELECT kit.check_all();

-- flushed inside, RELEASE, flushed and rolled back in the parent
BEGIN;
UPDATE tb_user SET name = 'c1' WHERE pk_user = 1;
SAVEPOINT a;
UPDATE tb_post SET title = 'c' WHERE pk_post = 2;
SAVEPOINT b;
SELECT * FROM look;
RELEASE b;
ROLLBACK TO a;
SELECT * FROM look;
COMMIT;
SELECT kit.check_all();
-- the same without a look before the commit
BEGIN;
UPDATE tb_user SET name = 'c2' WHERE pk_user = 1;
SAVEPOINT a;
SAVEPOINT b;
SAVEPOINT c;
SELECT * FROM look;
RELEASE c;
RELEASE b;
ROLLBACK TO a;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();
-- some flushed at each level, the middle goes
BEGIN;
INSERT INTO tb_post VALUES (10, 1, 'd0');
SAVEPOINT a;
SELECT * FROM look;
INSERT INTO tb_post VALUES (11, 1, 'd1');
SAVEPOINT b;
SELECT * FROM look;
INSERT INTO tb_post VALUES (12, 1, 'd2');
SAVEPOINT c;
SELECT * FROM look;
INSERT INTO tb_post VALUES (13, 1, 'd3');
ROLLBACK TO c;
SELECT * FROM look;
RELEASE c;
ROLLBACK TO b;
SELECT * FROM look;
INSERT INTO tb_post VALUES (14, 2, 'd4');
RELEASE b;
ROLLBACK TO a;
SELECT * FROM look;
RELEASE a;
DELETE FROM tb_post WHERE pk_post > 2;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- a flush writes nothing because all is equal; after ROLLBACK TO it is not
BEGIN;
UPDATE tb_user SET name = 'e1' WHERE pk_user = 1;
SELECT * FROM look;
SAVEPOINT a;
UPDATE tb_user SET name = 'e2' WHERE pk_user = 1;
SELECT * FROM look;
SAVEPOINT b;
UPDATE tb_user SET name = 'e1' WHERE pk_user = 1;
SELECT * FROM look;
ROLLBACK TO b;
SELECT * FROM look;
ROLLBACK TO a;
SELECT * FROM look;
COMMIT;
SELECT kit.check_all();

-- the same name twice, rolling back to the first twice
BEGIN;
SAVEPOINT a;
UPDATE tb_user SET name = 'f1' WHERE pk_user = 1;
SAVEPOINT a;
UPDATE tb_user SET name = 'f2' WHERE pk_user = 1;
SELECT * FROM look;
ROLLBACK TO a;
SELECT * FROM look;
ROLLBACK TO a;
RELEASE a;
SELECT * FROM look;
ROLLBACK TO a;
SELECT * FROM look;
COMMIT;
SELECT kit.check_all();

-- an error inside, then ROLLBACK TO
BEGIN;
UPDATE tb_user SET name = 'g1' WHERE pk_user = 1;
SAVEPOINT a;
SELECT * FROM look;
INSERT INTO tb_post VALUES (20, 1, 'g');
INSERT INTO tb_post VALUES (20, 1, 'g');
ROLLBACK TO a;
INSERT INTO tb_post VALUES (20, 2, 'g2');
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();
DELETE FROM tb_post WHERE pk_post = 20;

-- TRUNCATE and its rollback
BEGIN;
SAVEPOINT a;
TRUNCATE tb_post;
SELECT * FROM look;
ROLLBACK TO a;
SELECT * FROM look;
UPDATE tb_post SET title = 'h' WHERE pk_post = 1;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- plpgsql: every EXCEPTION block is a subtransaction
DO $$
BEGIN
  UPDATE tb_user SET name = 'i0' WHERE pk_user = 1;
  FOR i IN 1..4 LOOP
    BEGIN
      UPDATE tb_user SET name = 'i' || i WHERE pk_user = 2;
      IF i % 2 = 0 THEN PERFORM * FROM look; END IF;
      INSERT INTO tb_post VALUES (30 + i, 1, CASE WHEN i IN (2, 3) THEN 'bad' ELSE 'ok' || i END);
    EXCEPTION WHEN check_violation THEN
      INSERT INTO tb_post VALUES (40 + i, 1, 'caught' || i);
      ASSERT (SELECT count(*) FROM tv_post WHERE title = 'caught' || i) = 1;
    END;
  END LOOP;
  BEGIN
    DELETE FROM tb_post;
    ASSERT (SELECT count(*) FROM tv_post) = 0;
    RAISE EXCEPTION USING errcode = 'ZZZZZ';
  EXCEPTION WHEN OTHERS THEN
    ASSERT (SELECT count(*) FROM tv_post) = 6, 'tv_post is not as before';
  END;
END $$;
SELECT * FROM look;
SELECT kit.check_all();
DELETE FROM tb_post WHERE pk_post > 2;

-- a function that fails inside a query whose other rows have written
CREATE FUNCTION try(i int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tb_post SET title = CASE i WHEN 2 THEN 'bad' ELSE 't' || i END WHERE pk_post = i;
  RETURN (SELECT title FROM tv_post WHERE pk_post = i);
EXCEPTION WHEN check_violation THEN RETURN 'caught, still ' || (SELECT title FROM tv_post WHERE pk_post = i);
END $$;
SELECT try(g) FROM generate_series(1, 2) g;
SELECT kit.check_all();

-- procedures that commit and roll back on the way
CREATE PROCEDURE walk() LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..4 LOOP
    UPDATE tb_user SET name = 'j' || i WHERE pk_user = 1;
    INSERT INTO tb_post VALUES (50 + i, 1, 'j' || i);
    IF i = 3 THEN ASSERT (SELECT name FROM tv_post WHERE pk_post = 53) = 'j3'; END IF;
    IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
    ASSERT (SELECT count(*) FROM tv_post WHERE pk_post > 50) = i / 2, 'wrong after step ' || i;
  END LOOP;
  UPDATE tb_user SET name = 'j5' WHERE pk_user = 1;
  COMMIT AND CHAIN;
  UPDATE tb_user SET name = 'j6' WHERE pk_user = 1;
  ROLLBACK AND CHAIN;
  BEGIN
    UPDATE tb_user SET name = 'j7' WHERE pk_user = 1;
    PERFORM 1 / 0;
  EXCEPTION WHEN division_by_zero THEN NULL;
  END;
END $$;
CALL walk();
SELECT * FROM look;
SELECT kit.check_all();
DO $$
BEGIN
  UPDATE tb_user SET name = 'k1' WHERE pk_user = 2;
  COMMIT;
  ASSERT (SELECT count(*) FROM tv_post WHERE name = 'k1') = 1;
  DELETE FROM tb_post WHERE pk_post > 50;
  ROLLBACK;
  ASSERT (SELECT count(*) FROM tv_post WHERE pk_post > 50) = 2;
END $$;
SELECT kit.check_all();

-- whole transactions: rolled back, aborted, ended by an error at commit
BEGIN;
DELETE FROM tb_post WHERE pk_post > 50;
SELECT * FROM look;
ROLLBACK;
SELECT kit.check_all();
BEGIN;
DELETE FROM tb_post WHERE pk_post > 50;
SELECT 1 / 0;
COMMIT;
SELECT kit.check_all();
ALTER TABLE tb_post ADD FOREIGN KEY (fk_user) REFERENCES tb_user DEFERRABLE INITIALLY DEFERRED;
BEGIN;
UPDATE tb_post SET fk_user = 9 WHERE pk_post = 2;
SELECT * FROM look;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();
BEGIN;
UPDATE tb_post SET title = 'next works' WHERE pk_post = 2;
COMMIT AND CHAIN;
UPDATE tb_post SET title = 'chained' WHERE pk_post = 1;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- psql's automatic savepoints
\set ON_ERROR_ROLLBACK on
BEGIN;
UPDATE tb_post SET title = 'l1' WHERE pk_post = 1;
SELECT * FROM look;
UPDATE tb_post SET title = 'bad' WHERE pk_post = 1;
SELECT * FROM look;
UPDATE tb_post SET title = 'l2' WHERE pk_post = 2;
SELECT 1 / 0;
COMMIT;
\set ON_ERROR_ROLLBACK off
SELECT * FROM look;
SELECT kit.check_all();

-- in all of this with a flush at each statement
SET pg_tviews.refresh_at = 'statement';
BEGIN;
UPDATE tb_user SET name = 'm1' WHERE pk_user = 1;
SAVEPOINT a;
UPDATE tb_user SET name = 'm2' WHERE pk_user = 1;
SAVEPOINT b;
UPDATE tb_user SET name = 'm3' WHERE pk_user = 1;
RELEASE b;
ROLLBACK TO a;
SELECT * FROM look;
SAVEPOINT b;
UPDATE tb_post SET title = 'bad' WHERE pk_post = 1;
ROLLBACK TO b;
COMMIT;
SELECT * FROM look;
SELECT kit.check_all();

-- a key that has become ambiguous is no serialization failure, though the id of
-- a subtransaction makes the transaction's own snapshot look old
CREATE TABLE tb_tag (pk_tag int, fk_post int);
INSERT INTO tb_tag VALUES (1, 1);
CREATE TABLE tv_tag AS SELECT t.pk_tag FROM tb_tag t JOIN tb_post p ON p.pk_post = t.fk_post;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT a;
INSERT INTO tb_tag VALUES (2, 2);
ROLLBACK TO a;
INSERT INTO tb_tag VALUES (1, 2);
ROLLBACK;
SELECT kit.check_all();

-- subtransactions that end while a flush follows routes, here in a policy, leave
-- alone what the flush has taken, though an older flush of the savepoint has more
CREATE ROLE regress_save;
GRANT ALL ON SCHEMA t_save TO regress_save;
CREATE TABLE tb_owner (pk_owner int PRIMARY KEY, name text);
CREATE TABLE tb_color (pk_color int PRIMARY KEY, name text);
CREATE TABLE tb_car (pk_car int PRIMARY KEY, fk_owner int, fk_color int);
CREATE INDEX ON tb_car (fk_owner);
CREATE INDEX ON tb_car (fk_color);
INSERT INTO tb_owner SELECT i, 'u' FROM generate_series(1, 3000) i;
INSERT INTO tb_color SELECT i, 'c' FROM generate_series(1, 3000) i;
INSERT INTO tb_car SELECT i, i % 3000 + 1, i % 2999 + 1 FROM generate_series(1, 2000) i;
CREATE FUNCTION is_shown(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
  BEGIN EXECUTE format('SELECT repeat(%L, 2000)', $1) INTO r; EXCEPTION WHEN others THEN RETURN false; END;
  RETURN true; END $$;
ALTER TABLE tb_car ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON tb_car USING (t_save.is_shown(pk_car));
GRANT ALL ON tb_owner, tb_color, tb_car TO regress_save;
SET ROLE regress_save;
CREATE TABLE tv_car AS SELECT c.pk_car, o.name AS owner, k.name AS color
  FROM tb_car c JOIN tb_owner o ON o.pk_owner = c.fk_owner JOIN tb_color k ON k.pk_color = c.fk_color;
RESET ROLE;
BEGIN;
SAVEPOINT a;
UPDATE tb_owner SET name = 'x' WHERE pk_owner <= 5;
UPDATE tb_color SET name = 'x' WHERE pk_color <= 5;
SELECT count(*) FROM tv_car WHERE 'x' IN (owner, color);
UPDATE tb_owner SET name = 'y' WHERE pk_owner BETWEEN 6 AND 3000;
UPDATE tb_color SET name = 'y' WHERE pk_color BETWEEN 6 AND 3000;
SELECT count(*) FROM tv_car WHERE 'y' IN (owner, color);
COMMIT;
SELECT kit.check('tv_car');
DROP OWNED BY regress_save;
DROP ROLE regress_save;

DROP SCHEMA t_save CASCADE;
