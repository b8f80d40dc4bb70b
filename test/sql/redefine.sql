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

-- lengths and precisions, which a dump of the table must have
CREATE FUNCTION types(tview regclass) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END), ', ' ORDER BY attname)
    FROM pg_attribute WHERE attrelid = tview AND attnum > 0 AND NOT attisdropped AND attname <> 'updated_at'
$$;
CREATE TABLE tb_size (pk_size int PRIMARY KEY, name text, n numeric);
INSERT INTO tb_size VALUES (1, 'one', 1234.56789), (2, 'two', NULL);
CREATE TABLE tv_size AS SELECT pk_size, name::varchar(5) AS name, n::numeric(10,2) AS n FROM tb_size;
SELECT pg_tviews_alter('size', 'SELECT pk_size, name::varchar(20) AS name, n::numeric(10,4) AS n FROM tb_size');
SELECT types('tv_size');
UPDATE tb_size SET name = 'one and a half' WHERE pk_size = 1;
SELECT pk_size, name, n FROM tv_size ORDER BY 1;
CREATE TABLE copied (LIKE tv_size);
INSERT INTO copied SELECT * FROM tv_size;
SELECT pg_tviews_alter('size', 'SELECT pk_size, name::varchar(3) AS name, (n / 1000)::numeric(4,3) AS n FROM tb_size');
SELECT types('tv_size');
SELECT pk_size, name, n FROM tv_size ORDER BY 1;
SELECT kit.check_all();
-- a longer column is not written for it
SELECT relfilenode AS before FROM pg_class WHERE oid = 'tv_size'::regclass \gset
SELECT pg_tviews_alter('size', 'SELECT pk_size, left(name, 3)::varchar(30) AS name, (n / 1000)::numeric(4,3) AS n FROM tb_size');
SELECT relfilenode = :before FROM pg_class WHERE oid = 'tv_size'::regclass;
SELECT pg_tviews_alter('size', 'SELECT pk_size, left(name, 3) AS name, (n / 1000)::numeric(4,3) AS n FROM tb_size');
SELECT relfilenode = :before FROM pg_class WHERE oid = 'tv_size'::regclass;
SELECT types('tv_size');

-- the key's type: what the user has added to rows stays
ALTER TABLE tv_size ADD COLUMN note text DEFAULT 'mine';
INSERT INTO tb_size VALUES (3, 'three');
UPDATE tb_size SET name = NULL WHERE pk_size = 3;
ALTER TABLE tv_size ALTER note DROP DEFAULT;
SELECT pg_tviews_alter('size', 'SELECT pk_size::bigint AS pk_size, name, n FROM tb_size');
SELECT types('tv_size');
SELECT pk_size, name, n, note FROM tv_size ORDER BY 1;
INSERT INTO tb_size VALUES (4, 'four');
SELECT pg_tviews_alter('size', 'SELECT (pk_size + 1)::text AS pk_size, name, n FROM tb_size');
SELECT pk_size, name, n, note FROM tv_size ORDER BY 1;
SELECT pg_tviews_alter('size', 'SELECT make_date(2000, 1, pk_size) AS pk_size, name, n FROM tb_size');
SELECT pg_tviews_alter('size', 'SELECT pk_size, name, n FROM tb_size');
SELECT pg_tviews_alter('size', 'SELECT make_date(2000, 1, pk_size) AS pk_size, name, n FROM tb_size');
SELECT types('tv_size');
SELECT kit.check_all();

-- columns that the user has made NOT NULL
DELETE FROM tb_size WHERE name IS NULL;
ALTER TABLE tv_size ALTER name SET NOT NULL;
SELECT pg_tviews_alter('size', 'SELECT pk_size, length(name) AS name, n FROM tb_size');
SELECT types('tv_size');
SELECT pg_tviews_alter('size', 'SELECT pk_size, to_jsonb(NULL::text) AS name, n FROM tb_size');
SELECT types('tv_size');
SELECT kit.check_all();

DROP SCHEMA t_redefine CASCADE;
SELECT count(*) FROM pg_tview_meta;
