--
-- pg_tviews_alter(): columns of the table stay like those of the view, and the
-- view stays what it was but for its query
--
CREATE SCHEMA t_redefine;
SET search_path = t_redefine, public;
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE tb_word (pk_word text PRIMARY KEY, n int);
INSERT INTO tb_word VALUES ('a', 1);

-- a key that the table and the view compare differently
CREATE TABLE tv_word AS SELECT pk_word, n FROM tb_word;
ALTER TABLE tv_word ALTER pk_word TYPE text COLLATE nocase;
ALTER TABLE tv_word ALTER pk_word TYPE text COLLATE "C";
INSERT INTO tb_word VALUES ('A', 2);
SELECT pk_word, n FROM tv_word ORDER BY 2;
DELETE FROM tb_word WHERE pk_word = 'A';

-- it follows the query's
SELECT pg_tviews_alter('word', 'SELECT pk_word COLLATE nocase AS pk_word, n FROM tb_word');
SELECT attname, attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'pk_word';
SELECT pg_tviews_alter('word', 'SELECT pk_word, n FROM tb_word');
SELECT attname, attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'pk_word';
INSERT INTO tb_word VALUES ('A', 2);
SELECT pk_word, n FROM tv_word ORDER BY 2;
SELECT kit.check_all();

-- other columns: the user's collation stays until the query has another
SELECT pg_tviews_alter('word', 'SELECT pk_word, pk_word AS label, n FROM tb_word');
ALTER TABLE tv_word ALTER label TYPE text COLLATE "C";
SELECT pg_tviews_alter('word', 'SELECT pk_word, pk_word AS label, n + 1 AS m FROM tb_word');
SELECT attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'label';
SELECT pg_tviews_alter('word', 'SELECT pk_word, pk_word COLLATE nocase AS label, n + 1 AS m FROM tb_word');
SELECT attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'label';
UPDATE tb_word SET n = n + 1;
SELECT kit.check_all();

DROP SCHEMA t_redefine CASCADE;
SELECT count(*) FROM pg_tview_meta;
