--
-- What those see who make the most likely mistakes
--
CREATE SCHEMA t_mistakes;
SET search_path = t_mistakes, public;
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text NOT NULL);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text);
CREATE INDEX ON tb_post (fk_user);
INSERT INTO tb_user VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO tb_post VALUES (1, 1, 'One'), (2, 1, 'Two'), (3, 2, 'Three');
ANALYZE;

-- no mistake
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;

-- 1. the key has another name than pk_<entity>
CREATE TABLE tv_author AS SELECT pk_user, name FROM tb_user;
CREATE TABLE "tv_it's" AS SELECT name FROM tb_user;
DROP TABLE tv_author, "tv_it's";
SELECT pg_tviews_create('tv_author', 'SELECT pk_user, name FROM tb_user');
-- 2. the key is not one: a join repeats it, or rows have none
CREATE TABLE tv_user AS SELECT u.pk_user, p.title FROM tb_user u JOIN tb_post p ON p.fk_user = u.pk_user;
CREATE TABLE tv_user AS SELECT u.pk_user, p.title FROM tb_post p LEFT JOIN tb_user u ON u.pk_user = p.fk_user AND p.title <> 'Two';
-- 3. writing to the TVIEW
UPDATE tv_post SET title = 'Uno' WHERE pk_post = 1;
-- 4. volatile and time-dependent functions
CREATE TABLE tv_user AS SELECT pk_user, random() AS r FROM tb_user;
CREATE TABLE tv_user AS SELECT pk_user, now() AS seen FROM tb_user;
DROP TABLE tv_user;
CREATE TABLE tv_user AS SELECT pk_user, pk_user::oid::regclass::text AS relation FROM tb_user;
DROP TABLE tv_user;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE tv_user AS SELECT pk_user, enum_range(NULL::mood)::text AS moods FROM tb_user;
DROP TABLE tv_user;
DROP TYPE mood;
-- 5. a source that nothing links to the key
CREATE TABLE tv_user AS SELECT pk_user, (SELECT count(*) FROM tb_post) AS posts FROM tb_user;
DROP TABLE tv_user;
-- 6. a name that is misspelt, or of something else, or of several
SELECT pg_tviews_refresh('pots');
SELECT pg_tviews_refresh('tb_post');
SELECT pg_tviews_refresh('v_post');
CREATE SCHEMA t_mistakes_b;
CREATE SCHEMA t_mistakes_c;
SET client_min_messages = warning;
CREATE TABLE t_mistakes_b.tv_item AS SELECT pk_user AS pk_item FROM tb_user;
CREATE TABLE t_mistakes_c.tv_item AS SELECT pk_user AS pk_item FROM tb_user;
RESET client_min_messages;
SELECT pg_tviews_refresh('item');
SELECT pg_tviews_refresh('t_mistakes_b.item');
SET client_min_messages = warning;
DROP SCHEMA t_mistakes_b, t_mistakes_c CASCADE;
RESET client_min_messages;
-- 7. keys of another type, or that cannot be told from another call
SELECT pg_tviews_refresh('post', ARRAY['1', '2']);
SELECT pg_tviews_refresh('post', '{1,2}');
SELECT pg_tviews_refresh(tview_name => 'post', primary_keys => ARRAY[1.5]);
-- 8. making it twice
CREATE TABLE tv_post AS SELECT pk_post, title FROM tb_post;
SELECT pg_tviews_create('post', 'SELECT pk_post, title FROM tb_post');
-- 9. dropping or changing what it stands on
DROP TABLE tb_user;
ALTER TABLE tb_user DROP COLUMN name;
DROP VIEW v_post;
DROP TRIGGER pg_tviews_update ON tb_user;
ALTER TABLE tb_user DISABLE TRIGGER ALL;
ALTER TABLE tb_user ENABLE TRIGGER ALL;
-- 10. the text of a query: wrong, several, none, not a SELECT; and options
SELECT pg_tviews_create('user', 'SELECT pk_user FRM tb_user');
SELECT pg_tviews_create('user', 'SELECT 1; SELECT 2');
SELECT pg_tviews_create('user', '');
SELECT pg_tviews_create('user', 'CREATE TABLE tv_user AS SELECT pk_user FROM tb_user');
SELECT pg_tviews_create('user', 'SELECT pk_user FROM tb_user', options => '{"on_eror": "stale"}');
SELECT pg_tviews_create('user', 'SELECT pk_user FROM tb_user', key_columns => '{pk_usr}');
SET pg_tviews.refresh_at = 'never';

-- NULL for what must be given
SELECT pg_tviews_create(NULL, 'SELECT 1');
SELECT pg_tviews_create('user', NULL);
SELECT pg_tviews_alter(NULL, 'SELECT 1');
SELECT pg_tviews_alter('post');
SELECT pg_tviews_drop(NULL);
SELECT pg_tviews_convert_existing_table(NULL);
SELECT pg_tviews_refresh(NULL);
SELECT pg_tviews_refresh(tview_name => NULL, primary_keys => ARRAY[1]);
SELECT pg_tviews_refresh('post', NULL::int[]);
SELECT * FROM pg_tviews_explain(NULL);
SELECT * FROM pg_tviews_explain_text(NULL);
SELECT pg_tviews_analyze_select(NULL);
SELECT pg_tviews_graph(NULL);
SELECT * FROM pg_tviews_validate(NULL);
-- ... where it means the default
SELECT pg_tviews_refresh('post', NULL::boolean);
SELECT kit.check_all();
SET client_min_messages = warning;
DROP SCHEMA t_mistakes CASCADE;
