--
-- Who may do what: a writer needs rights on the base table only, a TVIEW is kept
-- with its owner's rights, and nobody writes to it directly
--
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate
CREATE ROLE regress_owner;
CREATE ROLE regress_writer;
CREATE ROLE regress_reader;
CREATE ROLE regress_stranger;
CREATE SCHEMA t_rights;
CREATE SCHEMA t_rights_hidden;
GRANT USAGE ON SCHEMA t_rights, kit TO PUBLIC;
GRANT CREATE ON SCHEMA t_rights, t_rights_hidden TO regress_owner;
GRANT USAGE ON SCHEMA t_rights_hidden TO regress_owner;
SET search_path = t_rights, public;

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
INSERT INTO tb_user VALUES (1, 'ann'), (2, 'bob');
INSERT INTO tb_post VALUES (1, 1, 'one');

-- making one needs SELECT and TRIGGER on the base tables and CREATE on the schema
SET ROLE regress_owner;
CREATE TABLE tv_user AS SELECT pk_user, name FROM tb_user;
RESET ROLE;
GRANT SELECT ON tb_user, tb_post TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE tv_user AS SELECT pk_user, name FROM tb_user;
RESET ROLE;
GRANT TRIGGER ON tb_user TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
RESET ROLE;
SELECT count(*) FROM pg_tview_meta;
GRANT TRIGGER ON tb_post TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE t_rights_hidden.tv_user AS
  SELECT u.pk_user, u.name, count(p.pk_post) AS posts FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
SELECT pg_tviews_create('t_rights.tv_post', 'SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user');
SELECT kit.check('tv_post');
RESET ROLE;
SELECT relname, relowner::regrole FROM pg_class WHERE relname ~ '^t?v_' AND relnamespace IN ('t_rights'::regnamespace, 't_rights_hidden'::regnamespace) ORDER BY 1;

-- a writer with rights on the base tables and on nothing else
GRANT INSERT, UPDATE, DELETE, SELECT ON tb_post TO regress_writer;
GRANT INSERT ON tb_user TO regress_writer;
SET ROLE regress_writer;
INSERT INTO tb_user VALUES (3, 'cem');
INSERT INTO tb_post VALUES (2, 3, 'two'), (3, 2, 'three');
UPDATE tb_post SET title = upper(title), fk_user = 1 WHERE pk_post = 2;
DELETE FROM tb_post WHERE pk_post = 1;
SELECT count(*) FROM tv_post;
SELECT count(*) FROM v_post;
SELECT count(*) FROM t_rights_hidden.tv_user;
UPDATE tb_user SET name = 'x';
-- inside a transaction with flushes in its middle
BEGIN;
INSERT INTO tb_post VALUES (4, 3, 'four');
SELECT count(*) FROM tb_post;
SAVEPOINT a;
DELETE FROM tb_post WHERE pk_post = 2;
SELECT title FROM tb_post ORDER BY 1;
ROLLBACK TO a;
COMMIT;
RESET ROLE;
SELECT kit.check_all();
-- a role that changes in mid-transaction, also by SECURITY DEFINER functions
CREATE FUNCTION rename(int, text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = '' AS
  'UPDATE t_rights.tb_user SET name = $2 WHERE pk_user = $1';
SET ROLE regress_stranger;
SELECT rename(1, 'by definer') IS NULL;
BEGIN;
SELECT rename(1, 'again') IS NULL;
SET LOCAL ROLE regress_writer;
INSERT INTO tb_post VALUES (5, 1, 'five');
SET LOCAL ROLE regress_stranger;
SELECT current_user, pg_backend_pid() > 0;
COMMIT;
RESET ROLE;
SELECT kit.check_all();

-- reading is by GRANT, as with any table
GRANT SELECT ON tv_post TO regress_reader;
SET ROLE regress_reader;
SELECT count(*) FROM tv_post;
SELECT count(*) FROM tb_post;
SELECT count(*) FROM pg_tview_meta;
DELETE FROM pg_tview_meta;
UPDATE pg_tview_meta SET entity = 'x';
SELECT count(*) > 0 FROM pg_tviews_explain('tv_post');
RESET ROLE;

-- nobody writes to a TVIEW directly: not the owner, not a superuser, not a refused COPY
GRANT ALL ON tv_post TO regress_writer;
SET ROLE regress_writer;
INSERT INTO tv_post VALUES (9, 'x', 'y');
RESET ROLE;
SET ROLE regress_owner;
UPDATE tv_post SET title = 'mine';
RESET ROLE;
INSERT INTO tv_post (pk_post) VALUES (9);
INSERT INTO tv_post (pk_post) VALUES (5) ON CONFLICT DO NOTHING;
UPDATE tv_post SET title = 'forged' WHERE pk_post = 2;
UPDATE tv_post SET title = 'forged' WHERE false;
DELETE FROM tv_post;
TRUNCATE tv_post;
COPY tv_post (pk_post) FROM stdin;
9
\.
MERGE INTO tv_post t USING (VALUES (2)) v (k) ON t.pk_post = v.k WHEN MATCHED THEN UPDATE SET title = 'forged';
WITH x AS (DELETE FROM tv_post RETURNING *) SELECT count(*) FROM x;
-- not even while it is being maintained: from a trigger on a base table, or one on the TVIEW
CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE t_rights.tv_post SET title = 'forged' WHERE pk_post <> NEW.pk_post; RETURN NEW; END $$;
CREATE TRIGGER forge AFTER INSERT ON tb_post FOR EACH ROW EXECUTE FUNCTION forge();
INSERT INTO tb_post VALUES (6, 1, 'six');
DROP TRIGGER forge ON tb_post;
CREATE TRIGGER forge AFTER INSERT ON tv_post FOR EACH ROW EXECUTE FUNCTION forge();
INSERT INTO tb_post VALUES (6, 1, 'six');
DROP TRIGGER forge ON tv_post;
INSERT INTO tb_post VALUES (6, 1, 'six');
-- the view is no way around it
UPDATE v_post SET title = 'forged';
SELECT count(*) FROM tv_post WHERE title = 'forged';
SELECT kit.check_all();

-- making, refreshing, dropping is the owner's
SET ROLE regress_writer;
SELECT pg_tviews_drop('tv_post');
DROP TABLE tv_post;
SELECT pg_tviews_refresh('tv_post', true);
SELECT pg_tviews_create('t_rights.tv_x', 'SELECT pk_post AS pk_x FROM tb_post');
SELECT pg_tviews_capture();
RESET ROLE;
SET ROLE regress_owner;
SELECT pg_tviews_refresh('tv_post', true) >= 0;
RESET ROLE;

-- the owner loses a right that the query needs: writers see an error, not a stale row
REVOKE SELECT ON tb_user FROM regress_owner;
INSERT INTO tb_post VALUES (7, 1, 'seven');
GRANT SELECT ON tb_user TO regress_owner;
INSERT INTO tb_post VALUES (7, 1, 'seven');
SELECT kit.check_all();

-- what the query calls runs as the owner, and restricted: it can neither gain the writer's
-- rights nor leave something behind in his session
CREATE TABLE secret (n int);
CREATE TABLE tb_note (pk_note int PRIMARY KEY, body text);
GRANT SELECT, TRIGGER ON tb_note TO regress_owner;
SET ROLE regress_owner;
CREATE FUNCTION leave_behind() RETURNS void LANGUAGE sql AS 'CREATE TEMP TABLE left_behind (n int)';
CREATE FUNCTION who(what text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  CASE what
    WHEN 'role' THEN PERFORM set_config('role', 'none', false);
    WHEN 'setting' THEN PERFORM set_config('work_mem', '1MB', false);
    WHEN 'secret' THEN PERFORM n FROM t_rights.secret;
    WHEN 'temporary' THEN PERFORM t_rights.leave_behind();
    ELSE NULL;
  END CASE;
  RETURN current_user;
END $$;
CREATE TABLE tv_note AS SELECT pk_note, who(body) AS who FROM tb_note;
RESET ROLE;
SET work_mem = '7MB';
INSERT INTO tb_note VALUES (1, 'nothing');
INSERT INTO tb_note VALUES (2, 'role');
INSERT INTO tb_note VALUES (3, 'secret');
INSERT INTO tb_note VALUES (4, 'temporary');
INSERT INTO tb_note VALUES (5, 'setting');
SHOW work_mem;
RESET work_mem;
SELECT pk_note, who FROM tv_note ORDER BY 1;
SELECT count(*) FROM tb_note;
SELECT current_user = session_user;
DROP TABLE tb_note CASCADE;

-- row-level security on a base table: the TVIEW holds what its owner sees, whoever writes
CREATE TABLE tb_rls (pk_rls int PRIMARY KEY, who name, body text);
ALTER TABLE tb_rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tb_rls USING (who = current_user) WITH CHECK (true);
GRANT ALL ON tb_rls TO regress_owner, regress_writer;
INSERT INTO tb_rls VALUES (1, 'regress_owner', 'a'), (2, 'regress_writer', 'b');
SET ROLE regress_owner;
CREATE TABLE tv_rls AS SELECT pk_rls, body FROM tb_rls;
RESET ROLE;
SELECT pk_rls, body FROM tv_rls ORDER BY 1;
SET ROLE regress_writer;
INSERT INTO tb_rls VALUES (3, 'regress_writer', 'c');
INSERT INTO tb_rls VALUES (4, 'regress_owner', 'd');
UPDATE tb_rls SET body = 'B';
RESET ROLE;
UPDATE tb_rls SET body = body || '!', who = CASE pk_rls WHEN 1 THEN 'regress_writer' WHEN 2 THEN 'regress_owner' ELSE who END;
SELECT pk_rls, body FROM tv_rls ORDER BY 1;
SET ROLE regress_owner;
SELECT kit.check('tv_rls');
RESET ROLE;
-- ... also from a session that has it off, as one that restores a dump
SET row_security = off;
UPDATE tb_rls SET body = body || '?' WHERE pk_rls = 4;
SELECT pk_rls, body FROM tv_rls WHERE pk_rls = 4;
RESET row_security;
-- on the TVIEW itself it restricts readers, not the maintenance
CREATE TABLE tv_open AS SELECT pk_post AS pk_open, title FROM tb_post;
ALTER TABLE tv_open OWNER TO regress_owner;
ALTER TABLE tv_open ENABLE ROW LEVEL SECURITY;
ALTER TABLE tv_open FORCE ROW LEVEL SECURITY;
CREATE POLICY part ON tv_open USING (pk_open > 4) WITH CHECK (pk_open > 4);
GRANT SELECT ON tv_open TO regress_reader;
UPDATE tb_post SET title = title || '!';
INSERT INTO tb_post VALUES (0, 1, 'zero');
SELECT issue, detail FROM pg_tviews_validate('tv_open');
SET ROLE regress_reader;
SELECT count(*) FROM tv_open WHERE pk_open > 4;
SELECT count(*) FROM tv_open WHERE pk_open <= 4;
RESET ROLE;
ALTER TABLE tv_open DISABLE ROW LEVEL SECURITY;
SELECT kit.check('tv_open');

-- ... also where stored rows are looked for by a part of the key, or all of them
SET ROLE regress_owner;
SELECT pg_tviews_create('t_rights.tv_pair', 'SELECT p.pk_post, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user', '{pk_post,name}');
ALTER TABLE tv_pair ENABLE ROW LEVEL SECURITY;
ALTER TABLE tv_pair FORCE ROW LEVEL SECURITY;
RESET ROLE;
UPDATE tb_user SET name = name || '!';
SELECT kit.check('tv_pair');
SET ROLE regress_owner;
ALTER TABLE tv_pair DISABLE TRIGGER USER;
DELETE FROM tv_pair;
ALTER TABLE tv_pair NO FORCE ROW LEVEL SECURITY;
INSERT INTO tv_pair VALUES (99, 'nobody');
ALTER TABLE tv_pair FORCE ROW LEVEL SECURITY;
ALTER TABLE tv_pair ENABLE TRIGGER USER;
SELECT pg_tviews_refresh('tv_pair') >= 0;
RESET ROLE;
SELECT kit.check('tv_pair');
DROP TABLE tv_pair;

-- a new owner takes table and view over
ALTER TABLE tv_post OWNER TO CURRENT_USER;
SELECT count(DISTINCT relowner) FROM pg_class WHERE oid IN ('tv_post'::regclass, 'v_post'::regclass);
UPDATE tb_user SET name = 'new owner';
SELECT kit.check('tv_post');

DROP SCHEMA t_rights, t_rights_hidden CASCADE;
SELECT count(*) FROM pg_tview_meta;
DROP ROLE regress_owner, regress_writer, regress_reader, regress_stranger;
