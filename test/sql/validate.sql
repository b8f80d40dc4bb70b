--
-- pg_tviews_validate() and pg_tviews_health_check(): nothing is wrong, or they
-- say what.  The damage is done as a superuser may, behind the extension's back.
--
CREATE SCHEMA t_validate;
SET search_path = t_validate, public;
SET client_min_messages = warning;
\pset null '(null)'
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, n int DEFAULT 1);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
CREATE INDEX ON tb_post (fk_user);
INSERT INTO tb_user SELECT g, 'u' || g FROM generate_series(1, 9) g;
INSERT INTO tb_post SELECT g, g, 'p' || g FROM generate_series(1, 9) g;
CREATE TABLE tv_user AS SELECT pk_user, name, 1 / n AS one FROM tb_user;
CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;

-- all is well
SELECT * FROM pg_tviews_validate();
SELECT * FROM pg_tviews_validate('user');
SELECT check_name, status, CASE WHEN check_name NOT IN ('version', 'tviews', 'statistics') THEN details END AS details
  FROM pg_tviews_health_check() WHERE check_name <> 'statistics';
SELECT count(*) FROM pg_tviews_health_check() WHERE check_name = 'statistics' AND status IN ('OK', 'WARNING');
CREATE TEMP TABLE well AS SELECT h::text AS row FROM pg_tviews_health_check() h;
SELECT count(*) FILTER (WHERE row ~* 'error') AS errors, count(*) = (SELECT count(*) FROM pg_tviews_health_check()) AS same FROM well;
SELECT count(*) FROM (SELECT pg_tviews_health_check()::text EXCEPT SELECT row FROM well) d;
SELECT * FROM pg_tviews_validate('usr');

-- rows: changed, deleted, inserted behind our back
SET session_replication_role = replica;
ALTER TABLE tv_user DISABLE TRIGGER pg_tviews_guard;
UPDATE tv_user SET name = 'x' WHERE pk_user <= 7;
DELETE FROM tv_user WHERE pk_user = 8;
INSERT INTO tv_user VALUES (10, 'y', 1);
RESET session_replication_role;
SELECT * FROM pg_tviews_validate();
CREATE ROLE regress_validate;
GRANT USAGE ON SCHEMA t_validate TO regress_validate;
SET ROLE regress_validate;
SELECT * FROM pg_tviews_validate('tv_user') WHERE issue ~ 'rows';
RESET ROLE;
-- repaired by what the hints say
SET client_min_messages = notice;
SELECT pg_tviews_convert_existing_table('tv_user');
SELECT pg_tviews_convert_existing_table('tv_user');
SET client_min_messages = warning;
SELECT * FROM pg_tviews_validate();

-- triggers: disabled and enabled as the upgrade guide does, and dropped
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT DISTINCT event_object_table, trigger_name FROM information_schema.triggers
    WHERE trigger_name LIKE 'pg_tviews_%' AND event_object_table = 'tb_post' LOOP
    EXECUTE format('ALTER TABLE %I DISABLE TRIGGER %I', t.event_object_table, t.trigger_name);
  END LOOP;
END $$;
UPDATE tb_post SET title = 'unseen' WHERE pk_post = 1;
SELECT count(*) FROM pg_tviews_get_queue();
SELECT * FROM pg_tviews_validate() ORDER BY 1, 2, 3;
SELECT status, details FROM pg_tviews_health_check() WHERE check_name = 'triggers';
DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT DISTINCT event_object_table, trigger_name FROM information_schema.triggers
    WHERE trigger_name LIKE 'pg_tviews_%' AND event_object_table = 'tb_post' LOOP
    EXECUTE format('ALTER TABLE %I ENABLE TRIGGER %I', t.event_object_table, t.trigger_name);
  END LOOP;
END $$;
SELECT * FROM pg_tviews_validate();
SELECT pg_tviews_refresh('post', force => true);
SELECT * FROM pg_tviews_validate();
ALTER EVENT TRIGGER pg_tviews_ddl_start DISABLE;
DROP TRIGGER pg_tviews_insert ON tb_post;
ALTER EVENT TRIGGER pg_tviews_ddl_start ENABLE ALWAYS;
INSERT INTO tb_post VALUES (10, 9, 'unseen, too');
SELECT * FROM pg_tviews_validate();
SELECT pg_tviews_convert_existing_table('post');
SELECT * FROM pg_tviews_validate();

-- a view that cannot be read
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE tb_user DISABLE TRIGGER ALL;
UPDATE tb_user SET n = 0 WHERE pk_user = 1;
SELECT * FROM pg_tviews_validate('tv_user') WHERE issue <> 'trigger';
SELECT count(*) FROM pg_tviews_validate();
ROLLBACK;
-- two rows for a key
BEGIN;
ALTER TABLE tb_post DROP CONSTRAINT tb_post_pkey;
ALTER TABLE tb_post DISABLE TRIGGER USER;
INSERT INTO tb_post VALUES (9, 1, 'again');
SELECT * FROM pg_tviews_validate('tv_post') WHERE issue <> 'trigger';
ROLLBACK;
-- no key, no event trigger
BEGIN;
ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
ALTER TABLE tv_user DROP CONSTRAINT idx_tv_user_pk;
SELECT entity_name, issue FROM pg_tviews_validate();
SELECT check_name, status, regexp_replace(details, ' \d+ ', ' n ') FROM pg_tviews_health_check() WHERE status = 'ERROR';
ROLLBACK;
-- a row of the catalog without anything behind it
BEGIN;
INSERT INTO pg_tview_meta (entity, tview, view, key_columns) VALUES ('ghost', 1, 2, '{pk_ghost}');
SELECT entity_name, issue, detail FROM pg_tviews_validate();
SELECT check_name, status, details FROM pg_tviews_health_check() WHERE status = 'ERROR';
ROLLBACK;
-- slow, and said so
BEGIN;
SET LOCAL pg_tviews.on_full_refresh = allow;
CREATE TABLE tv_slow AS SELECT pk_user AS pk_slow, (SELECT count(*) FROM tb_post WHERE title > 'p') AS c FROM tb_user;
DROP INDEX tb_post_fk_user_idx;
SELECT check_name, status, details FROM pg_tviews_health_check() WHERE check_name IN ('full_refreshes', 'indexes');
ROLLBACK;

SELECT kit.check_all();
DROP SCHEMA t_validate CASCADE;
DROP ROLE regress_validate;
