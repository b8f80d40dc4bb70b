--
-- SQL text that is made of a query, of views, routes and parts, means the same
-- under the settings of any writer; what its text could not say is refused
--
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
CREATE SCHEMA t_texts;
CREATE EXTENSION citext SCHEMA t_texts;
SET search_path = t_texts, public;
CREATE TABLE tb_day (pk_day int PRIMARY KEY, d date, at timestamptz, f float8, b bytea, s text, i interval);
CREATE TABLE tb_word (pk_word int PRIMARY KEY, n int, word text);
INSERT INTO tb_day SELECT i, date '2020-05-06' + i, timestamptz '2020-01-01 00:00Z' + i * interval '90 minutes',
  0.1234567890123456, '\x5c00', 'a\b', interval '-1 day 2 hours' FROM generate_series(1, 5) i;
INSERT INTO tb_word SELECT i, i, 'w' || i FROM generate_series(1, 5) i;

-- constants in links, in columns, and in parts of documents
CREATE TABLE tv_day AS
  SELECT pk_day, d > date '2020-06-05' AS is_later, f = float8 '0.1234567890123456' AS is_f,
    jsonb_build_object('at', at > timestamptz '2020-01-01 04:30+05:30', 'b', b = bytea '\x5c00', 's', s = 'a\b',
      'i', i = interval '-1 day 2 hours', 'd', d - date '2020-05-06') AS data,
    (SELECT string_agg(word, ',' ORDER BY pk_word) FROM tb_word
      WHERE n = day.d - date '2020-05-06' AND s = 'a\b' AND f = float8 '0.1234567890123456'
        AND b = bytea '\x5c00' AND i = interval '-1 day 2 hours') AS words
    FROM tb_day day;
-- the same made by somebody with other settings
SET DateStyle = 'SQL, DMY';
SET TimeZone = 'Asia/Kolkata';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -10;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
CREATE TABLE tv_odd AS
  SELECT pk_day AS pk_odd, d > date '05/06/2020' AS is_later, f = float8 '0.1234567890123456' AS is_f,
    jsonb_build_object('at', at > timestamptz '2020-01-01 04:30+05:30', 's', s = 'a\\b',
      'd', d - date '06/05/2020') AS data,
    (SELECT string_agg(word, ',' ORDER BY pk_word) FROM tb_word
      WHERE n = day.d - date '06/05/2020' AND s = 'a\\b' AND f = float8 '0.1234567890123456') AS words
    FROM tb_day day;
RESET ALL;
SET client_min_messages = error;
SET search_path = t_texts, public;
SELECT pk_day, is_later, is_f, data, words FROM tv_day ORDER BY 1 LIMIT 2;
SELECT pk_odd, is_later, is_f, data, words FROM tv_odd ORDER BY 1 LIMIT 2;

-- writers with settings of all kinds, each in a session of its own
CREATE FUNCTION kept() RETURNS text LANGUAGE sql AS
  $$ SELECT concat_ws(' ', (SELECT string_agg(words, ' ' ORDER BY pk_day) FROM t_texts.tv_day),
       (SELECT string_agg(words, ' ' ORDER BY pk_odd) FROM t_texts.tv_odd)) $$;
\c -
\pset format unaligned
\pset tuples_only on
SET DateStyle = 'SQL, DMY';
UPDATE t_texts.tb_word SET word = word || '1';
UPDATE t_texts.tb_day SET at = at + interval '1 minute', d = d + 0 WHERE pk_day < 4;
SELECT kit.check('t_texts.tv_day'), kit.check('t_texts.tv_odd'), t_texts.kept();
\c -
SET DateStyle = 'German';
SET IntervalStyle = 'sql_standard';
UPDATE t_texts.tb_word SET word = word || '2';
UPDATE t_texts.tb_day SET at = at + interval '1 minute', i = i + interval '1 s' WHERE pk_day = 2;
SELECT kit.check('t_texts.tv_day'), kit.check('t_texts.tv_odd'), t_texts.kept();
\c -
SET extra_float_digits = -10;
UPDATE t_texts.tb_word SET word = word || '3';
UPDATE t_texts.tb_day SET at = at + interval '1 minute', f = f + 1 WHERE pk_day = 3;
SELECT kit.check('t_texts.tv_day'), kit.check('t_texts.tv_odd'), t_texts.kept();
\c -
SET standard_conforming_strings = off;
SET bytea_output = escape;
UPDATE t_texts.tb_word SET word = word || '4';
UPDATE t_texts.tb_day SET at = at + interval '1 minute', s = s || 'x', b = b || b WHERE pk_day = 4;
SELECT kit.check('t_texts.tv_day'), kit.check('t_texts.tv_odd'), t_texts.kept();
\c -
SET client_min_messages = error;
SET search_path = t_texts, public;

-- an export by one of them, in words that all read alike
SET DateStyle = 'SQL, DMY';
SELECT pg_tviews_export() ~ '''2020-06-05''''::date';
RESET DateStyle;

-- operators of other schemas, where text cannot name them
CREATE TABLE tb_mail (pk_mail int PRIMARY KEY, mail citext, label text);
CREATE TABLE tb_hit (pk_hit int PRIMARY KEY, mail citext, n int);
INSERT INTO tb_mail VALUES (1, 'Ann', 'a'), (2, 'bob', 'b'), (3, NULL, 'c');
INSERT INTO tb_hit VALUES (1, 'ann', 1), (2, 'BOB', 2), (3, NULL, 3);
\set VERBOSITY default
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, n FROM tb_mail LEFT JOIN tb_hit USING (mail);
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, n FROM tb_mail NATURAL JOIN tb_hit;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, mail IS DISTINCT FROM 'ANN' AS other FROM tb_mail;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, nullif(mail, 'ANN') AS mail FROM tb_mail;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, CASE mail WHEN 'ANN' THEN 1 END AS n FROM tb_mail;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x,
  (SELECT sum(n) FROM tb_hit h WHERE h.mail IS NOT DISTINCT FROM m.mail) AS n FROM tb_mail m;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, (pk_mail, mail) >= (1, 'ANN') AS n FROM tb_mail;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, (pk_mail, mail) IN (SELECT n, mail FROM tb_hit) AS n FROM tb_mail;
CREATE TABLE tv_x AS SELECT pk_mail AS pk_x, mail IN (SELECT mail FROM tb_hit) AS n, (pk_mail, label) > (1, 'b') AS l FROM tb_mail;
UPDATE tb_hit SET mail = 'aNn' WHERE pk_hit = 1;
UPDATE tb_mail SET label = 'c' WHERE pk_mail = 1;
SELECT kit.check('tv_x');
DROP TABLE tv_x;
CREATE VIEW v_x AS SELECT pk_mail AS pk_x, n FROM tb_mail LEFT JOIN tb_hit USING (mail);
CREATE TABLE tv_x (pk_x int PRIMARY KEY, n int);
SELECT pg_tviews_convert_existing_table('tv_x');
DROP VIEW v_x;
DROP TABLE tv_x;

-- the same in words, and a partition by such a type
CREATE TABLE tv_mail AS
  SELECT m.pk_mail, m.mail = 'ANN' AS is_ann, CASE WHEN m.mail = 'BOB' THEN 1 END AS bob, h.n,
    rank() OVER (PARTITION BY m.mail ORDER BY m.pk_mail) AS place
    FROM tb_mail m LEFT JOIN tb_hit h ON h.mail = m.mail OR h.mail IS NULL AND m.mail IS NULL;
UPDATE tb_hit SET n = n * 10;
UPDATE tb_mail SET mail = upper(mail);
UPDATE tb_mail SET mail = 'aNN' WHERE pk_mail = 3;
SELECT kit.check('tv_mail');
CREATE TABLE tv_rank AS SELECT pk_mail AS pk_rank, label, rank() OVER (PARTITION BY mail ORDER BY label) AS place FROM tb_mail;
UPDATE tb_mail SET label = 'z' WHERE pk_mail = 1;
UPDATE tb_mail SET mail = NULL WHERE pk_mail IN (1, 2);
UPDATE tb_mail SET label = 'y' WHERE pk_mail = 2;
UPDATE tb_mail SET mail = 'Bob' WHERE pk_mail = 2;
UPDATE tb_mail SET mail = 'BOB' WHERE pk_mail = 1;
UPDATE tb_mail SET label = '0' WHERE pk_mail = 2;
SELECT kit.check('tv_rank'), kit.check('tv_mail');
DROP SCHEMA t_texts CASCADE;
