--
-- pg_tviews_alter(): another query for a TVIEW, which keeps what people have
-- added to it
--
CREATE SCHEMA t_alter;
SET search_path = t_alter, public;
SET client_min_messages = warning;
\pset null '(null)'
CREATE ROLE regress_alter;
CREATE ROLE regress_other;
GRANT USAGE ON SCHEMA t_alter TO regress_other;
GRANT ALL ON SCHEMA t_alter TO regress_alter;
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, born int);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text);
CREATE INDEX ON tb_post (fk_user);
INSERT INTO tb_user VALUES (1, 'a', 1990), (2, 'b', 1980), (3, 'c', NULL);
INSERT INTO tb_post VALUES (1, 1, 'p'), (2, 1, 'q');
CREATE TABLE tv_user AS SELECT pk_user, name, born FROM tb_user;
CREATE TABLE tv_above AS SELECT pk_user AS pk_above, name FROM tv_user;
ALTER TABLE tv_user ADD COLUMN note text DEFAULT 'mine';
CREATE INDEX name_index ON tv_user (name);
COMMENT ON TABLE tv_user IS 'people';
COMMENT ON COLUMN tv_user.name IS 'how they are called';
COMMENT ON VIEW v_user IS 'the query';
GRANT SELECT ON tv_user TO regress_other;
GRANT SELECT ON v_user TO regress_other WITH GRANT OPTION;
CREATE FUNCTION state() RETURNS TABLE (what text, value text) LANGUAGE sql AS $$
  SELECT 'columns', string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = 'tv_user'::regclass AND attnum > 0 AND NOT attisdropped
  UNION ALL SELECT 'indexes', string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'tv_user'::regclass
  UNION ALL SELECT 'comments', concat_ws(', ', obj_description('tv_user'::regclass), col_description('tv_user'::regclass, 2), obj_description('v_user'::regclass))
  UNION ALL SELECT 'grants', concat_ws(', ', has_table_privilege('regress_other', 'tv_user', 'SELECT'), has_table_privilege('regress_other', 'v_user', 'SELECT WITH GRANT OPTION'))
  UNION ALL SELECT 'rows', string_agg(concat_ws(' ', pk_user, name, note), ', ' ORDER BY pk_user) FROM tv_user
  UNION ALL SELECT 'wrong', string_agg(issue || ' ' || detail, ', ') FROM pg_tviews_validate()
$$;
SELECT * FROM state();

-- the same columns: readers do not even notice
SELECT pg_tviews_alter('user', 'SELECT pk_user, upper(name) AS name, born FROM tb_user WHERE pk_user < 3');
SELECT mode FROM pg_locks WHERE relation = 'tv_user'::regclass AND mode = 'AccessExclusiveLock';
SELECT * FROM state();
SELECT * FROM tv_above ORDER BY 1 LIMIT 0;
BEGIN;
SELECT pg_tviews_alter('user', 'SELECT pk_user, name || ''!'' AS name, born FROM tb_user');
SELECT count(*) FROM pg_locks WHERE relation = 'tv_user'::regclass AND mode = 'AccessExclusiveLock';
ROLLBACK;
SELECT * FROM state() WHERE what = 'rows';

-- more columns, of more tables
SELECT pg_tviews_alter('t_alter.tv_user', 'SELECT pk_user, name, born, born + 1 AS next, (SELECT count(*) FROM tb_post p WHERE p.fk_user = u.pk_user) AS posts FROM tb_user u');
SELECT * FROM state();
INSERT INTO tb_post VALUES (3, 2, 'r');
SELECT pk_user, next, posts FROM tv_user ORDER BY 1;

-- columns dropped, of another type, in another order
SELECT pg_tviews_alter('user', 'SELECT name, pk_user, born::text AS born FROM tb_user');
SELECT * FROM state();
UPDATE tb_user SET born = 2000;
INSERT INTO tb_user VALUES (4, 'd', 4);
DELETE FROM tb_post WHERE fk_user = 2;
SELECT pk_user, born FROM tv_user ORDER BY 1;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'tb_post'::regclass AND tgname LIKE 'pg_tviews_%';
SELECT kit.check_all();

-- what cannot be
SELECT pg_tviews_alter('user', 'SELECT pk_user FROM tb_user');
SELECT pg_tviews_alter('user', 'SELECT name FROM tb_user');
SELECT pg_tviews_alter('user', 'SELECT pk_user, name, random() AS born FROM tb_user');
SELECT pg_tviews_alter('user', 'SELECT pk_above AS pk_user, name, ''''::text AS born FROM tv_above');
SELECT pg_tviews_alter('user', 'SELECT pk_user, name, born::text FROM tb_user UNION ALL SELECT 1, ''x'', ''y''');
SELECT pg_tviews_alter('user', 'nonsense');
SELECT pg_tviews_alter('usr', 'SELECT 1');
SELECT pg_tviews_alter(NULL, 'SELECT 1');
SELECT pg_tviews_alter('user', NULL);
CREATE VIEW reader AS SELECT name FROM v_user;
SELECT pg_tviews_alter('user', 'SELECT pk_user, name FROM tb_user');
DROP VIEW reader;
SET ROLE regress_alter;
SELECT pg_tviews_alter('user', 'SELECT pk_user, name FROM tb_user');
RESET ROLE;
SELECT * FROM state();

-- rolled back, whole or in part; and within a transaction that has changes pending
BEGIN;
UPDATE tb_user SET name = 'pending' WHERE pk_user = 1;
SAVEPOINT s;
SELECT pg_tviews_alter('user', 'SELECT pk_user, name, 1 AS one FROM tb_user');
SELECT * FROM tv_user LIMIT 0;
ROLLBACK TO s;
SELECT pk_user, name, born FROM tv_user ORDER BY 1 LIMIT 1;
COMMIT;
SELECT kit.check_all();
SELECT * FROM pg_tviews_validate();

-- by an owner who is no superuser
GRANT SELECT ON tv_user TO regress_alter;
ALTER TABLE tv_above OWNER TO regress_alter;
GRANT SELECT, TRIGGER ON tb_post TO regress_alter;
SET ROLE regress_alter;
SELECT pg_tviews_alter('above', 'SELECT pk_post AS pk_above, title FROM tb_post');
RESET ROLE;
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('tv_above', 'v_above');
SELECT pk_above, title FROM tv_above ORDER BY 1;
SELECT kit.check_all();

-- CREATE OR REPLACE VIEW does the same, with several columns at once
CREATE OR REPLACE VIEW v_above AS SELECT pk_post AS pk_above, title, fk_user AS a, fk_user + 1 AS b FROM tb_post;
SELECT pk_above, title, a, b FROM tv_above ORDER BY 1;
SELECT kit.check_all();
DROP TABLE tv_above, tv_user;
SELECT relname FROM pg_class WHERE relnamespace = 't_alter'::regnamespace AND relkind = 'v';
DROP SCHEMA t_alter CASCADE;
DROP ROLE regress_alter, regress_other;
