-- A blog, and the document that its front page needs.  Run by scripts/demo.
\set QUIET on
SET client_min_messages = warning;
\pset footer off
\pset border 1
\pset null '(null)'

\echo '-- An ordinary blog: tables, rows, indexes.'
\set ECHO queries
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text NOT NULL);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, title text NOT NULL,
                      fk_user int NOT NULL REFERENCES tb_user);
CREATE TABLE tb_comment (pk_comment int PRIMARY KEY, body text NOT NULL,
                         fk_post int NOT NULL REFERENCES tb_post ON DELETE CASCADE);
CREATE INDEX ON tb_post (fk_user);
CREATE INDEX ON tb_comment (fk_post);
INSERT INTO tb_user VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO tb_post VALUES (1, 'Notes on the engine', 1), (2, 'A bug, taped in', 2);
INSERT INTO tb_comment VALUES (1, 'First!', 1);
\echo
\echo '-- Its front page wants one document for each post.  The table\'s name makes it a TVIEW.'
CREATE EXTENSION pg_tviews;
CREATE TABLE tv_post AS
SELECT p.pk_post,
       jsonb_build_object(
           'title', p.title,
           'author', u.name,
           'comments', (SELECT coalesce(jsonb_agg(c.body ORDER BY c.pk_comment), '[]')
                          FROM tb_comment c WHERE c.fk_post = p.pk_post)) AS data
  FROM tb_post p
  JOIN tb_user u ON u.pk_user = p.fk_user;
SELECT pk_post, data FROM tv_post ORDER BY pk_post;

\echo '-- A row of another table changes; the documents that show it follow.'
UPDATE tb_user SET name = 'Ada Lovelace' WHERE pk_user = 1;
SELECT pk_post, data->>'author' AS author FROM tv_post ORDER BY pk_post;

\echo '-- Rows come, move and go.'
INSERT INTO tb_comment VALUES (2, 'Very modern.', 1), (3, 'Was it a moth?', 2);
UPDATE tb_comment SET fk_post = 2 WHERE pk_comment = 1;
SELECT pk_post, data->'comments' AS comments FROM tv_post ORDER BY pk_post;
DELETE FROM tb_post WHERE pk_post = 1;
SELECT pk_post, data FROM tv_post ORDER BY pk_post;

\echo '-- A transaction reads what it wrote, and a rollback takes it all back.'
BEGIN;
INSERT INTO tb_post VALUES (3, 'Draft', 2);
SELECT pk_post, data->>'title' AS title FROM tv_post ORDER BY pk_post;
ROLLBACK;
SELECT pk_post, data->>'title' AS title FROM tv_post ORDER BY pk_post;

\echo '-- Nobody said how: a changed row has the key in it, or a query leads from it to the key.'
SELECT source, strategy, route FROM pg_tviews_explain('post');

\echo '-- The query itself is an ordinary view, v_post.  Table and view are equal:'
SELECT count(*) AS differing_rows
  FROM (SELECT pk_post, data FROM tv_post
        EXCEPT ALL SELECT pk_post, data FROM v_post) AS d;
