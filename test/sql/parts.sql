--
-- Parts: a change computes only what of a document it can have affected
--
SET client_min_messages = error;
CREATE SCHEMA t_parts;
SET search_path = t_parts, public;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse

-- part('x', value) is value, and tells that x was computed
CREATE FUNCTION part(name text, value anyelement) RETURNS anyelement IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE 'computed %', name;
  RETURN value;
END $$;

CREATE DOMAIN needed AS text NOT NULL;
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, email text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text, base numeric, current numeric,
                      status text DEFAULT 'on', code needed DEFAULT 'c', big text,
                      doubled numeric GENERATED ALWAYS AS (base * 2) STORED);
CREATE TABLE tb_comment (pk_comment int PRIMARY KEY, fk_post int, fk_user int, body text, hidden boolean DEFAULT false);
CREATE TABLE tb_tag (fk_post int, tag text, PRIMARY KEY (fk_post, tag));
INSERT INTO tb_user SELECT i, 'user ' || i, 'mail ' || i FROM generate_series(1, 4) i;
INSERT INTO tb_post (pk_post, fk_user, title, base, current, big)
  SELECT i, 1 + i % 4, 'post ' || i, i, i, repeat('big', 5000) FROM generate_series(1, 8) i;
INSERT INTO tb_comment SELECT i, 1 + i % 8, 1 + i % 4, 'comment ' || i FROM generate_series(1, 20) i;
INSERT INTO tb_tag SELECT i, 'tag ' || i FROM generate_series(1, 8) i;
CREATE VIEW v_author AS SELECT pk_user, part('name', name) AS name, part('email', email) AS email FROM tb_user;

CREATE TABLE tv_post AS
  SELECT p.pk_post, part('title', p.title) AS title, p.code, p.big,
         jsonb_build_object(
           'price', jsonb_build_object('base', p.base, 'current', part('price', p.current)),
           'doubled', part('doubled', p.doubled),
           'author', a.name, 'mail', a.email,
           'row', (SELECT part('row', to_jsonb(u)) FROM tb_user u WHERE u.pk_user = p.fk_user),
           'comments', (SELECT part('comments', jsonb_agg(jsonb_build_object('body', c.body, 'by', u.name) ORDER BY c.pk_comment))
                        FROM tb_comment c JOIN tb_user u ON u.pk_user = c.fk_user
                        WHERE c.fk_post = p.pk_post AND NOT c.hidden),
           'tags', t.tags, 'big', length(part('big', p.big))) AS data
  FROM tb_post p LEFT JOIN v_author a ON a.pk_user = p.fk_user
       LEFT JOIN LATERAL (SELECT part('tags', array_agg(tag ORDER BY tag)) AS tags FROM tb_tag g WHERE g.fk_post = p.pk_post) t ON true
  WHERE p.status = 'on';
CREATE TABLE tv_teaser AS
  SELECT t.pk_post AS pk_teaser, jsonb_build_object('post', part('post', t.data), 'title', part('teaser', t.title)) AS data FROM tv_post t;
SET client_min_messages = notice;

-- columns: each change computes its parts, in both TVIEWs
UPDATE tb_post SET title = 'new' WHERE pk_post = 1;
UPDATE tb_post SET current = 0 WHERE pk_post = 1;
UPDATE tb_post SET base = 7 WHERE pk_post = 1;
UPDATE tb_post SET big = big || '.' WHERE pk_post = 1;
UPDATE tb_post SET code = 'd' WHERE pk_post = 1;
UPDATE tb_post SET title = 'newer', current = 1 WHERE pk_post = 1;
UPDATE tb_user SET email = 'new' WHERE pk_user = 2;

-- rows of subqueries
INSERT INTO tb_comment VALUES (100, 1, 1, 'more');
UPDATE tb_comment SET hidden = true WHERE pk_comment = 100;
UPDATE tb_comment SET fk_post = 2, hidden = false WHERE pk_comment = 100;
DELETE FROM tb_comment WHERE pk_comment = 100;
INSERT INTO tb_tag VALUES (1, 'more');
DELETE FROM tb_tag WHERE fk_post = 1;

-- several changes of one transaction: what all of them affect
BEGIN;
UPDATE tb_post SET title = 'both' WHERE pk_post = 1;
INSERT INTO tb_tag VALUES (1, 'both');
COMMIT;
BEGIN;
UPDATE tb_post SET title = 'undone' WHERE pk_post = 1;
SAVEPOINT s;
UPDATE tb_post SET current = 5 WHERE pk_post = 1;
SELECT title, data->'price' FROM tv_post WHERE pk_post = 1;
ROLLBACK TO s;
COMMIT;
SELECT title, data->'price' FROM tv_post WHERE pk_post = 1;

-- links and conditions: all of it
UPDATE tb_post SET fk_user = 3 WHERE pk_post = 1;
UPDATE tb_post SET status = 'off' WHERE pk_post = 1;
UPDATE tb_post SET status = 'on' WHERE pk_post = 1;
SET client_min_messages = error;
SELECT kit.check_all();

-- a name twice, which the last one wins; functions around a document; a name of a column that is another's now
CREATE TABLE tv_odd AS
  SELECT p.pk_post AS pk_odd, jsonb_build_object('a', p.title, 'a', p.base) AS twice,
         jsonb_strip_nulls(jsonb_build_object('b', nullif(p.base, 1))) AS stripped,
         jsonb_build_object('c', to_jsonb(p) - 'big', 'pk', p.pk_post) AS whole, jsonb_build_object() AS nothing,
         jsonb_build_object(VARIADIC ARRAY['d', p.title]) AS variadic, json_build_object('e', p.title) AS other,
         jsonb_build_object('f', NULL, p.title, p.base) AS named
  FROM tb_post p;
UPDATE tb_post SET title = title || '+' WHERE pk_post < 3;
UPDATE tb_post SET base = NULL WHERE pk_post < 3;
UPDATE tb_post SET base = 1, big = 'small' WHERE pk_post < 3;
ALTER VIEW v_odd RENAME COLUMN stripped TO bare;
UPDATE tb_post SET base = 2 WHERE pk_post < 3;
UPDATE tb_post SET pk_post = pk_post + 100 WHERE pk_post = 3;
SELECT kit.check_all();

-- a query that only chooses columns of another has the parts of that
CREATE VIEW document AS
  SELECT p.pk_post AS pk_choice, jsonb_build_object('title', part('title', p.title), 'price', part('price', p.current)) AS data,
         part('big', length(p.big)) AS big, p.code
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_choice AS
  SELECT c.data, c.pk_choice, c.data AS again FROM (SELECT d.pk_choice, d.big, d.data FROM document d) c;
CREATE ROLE regress_parts;
GRANT USAGE, CREATE ON SCHEMA t_parts TO regress_parts;
GRANT SELECT ON ALL TABLES IN SCHEMA t_parts TO regress_parts;
CREATE VIEW others AS SELECT * FROM document;
ALTER VIEW others OWNER TO regress_parts;
CREATE TABLE tv_others AS SELECT pk_choice AS pk_others, data FROM others;
SET client_min_messages = notice;
UPDATE tb_post SET title = 'chosen' WHERE pk_post = 1;
UPDATE tb_post SET big = big || '!', code = 'e' WHERE pk_post = 1;
SET client_min_messages = error;
ALTER VIEW document RENAME COLUMN data TO doc;
UPDATE tb_post SET current = 12 WHERE pk_post = 1;
SELECT kit.check_all();
DROP TABLE tv_others, tv_choice;
DROP OWNED BY regress_parts;
DROP ROLE regress_parts;

-- columns of subqueries that nobody reads
CREATE TABLE tv_recent AS
  SELECT p.pk_post AS pk_recent,
         (SELECT jsonb_agg(n.body) FROM (SELECT c.*, c.fk_user + 1 AS next FROM tb_comment c WHERE c.fk_post = p.pk_post
                                         ORDER BY c.hidden, c.pk_comment DESC LIMIT 2) n) AS recent,
         EXISTS (SELECT * FROM tb_tag g WHERE g.fk_post = p.pk_post) AS tagged,
         (SELECT count(*) FROM (SELECT DISTINCT tag FROM tb_tag) g) AS tags
  FROM tb_post p WHERE p.pk_post IN (SELECT pk_post FROM (SELECT *, base + 1 AS more FROM tb_post WHERE status <> 'off') q);
BEGIN;
UPDATE tb_comment SET fk_user = 1;
UPDATE tb_tag SET fk_post = fk_post WHERE fk_post < 9;
UPDATE tb_post SET current = 4, title = 'unread';
SELECT source, changes FROM pg_tviews_get_queue() WHERE entity_name = 'tv_recent';
UPDATE tb_comment SET hidden = true WHERE pk_comment = 8;
UPDATE tb_tag SET tag = 'read' WHERE fk_post = 2;
UPDATE tb_post SET status = 'off' WHERE pk_post = 5;
SELECT source, changes FROM pg_tviews_get_queue() WHERE entity_name = 'tv_recent' ORDER BY 1, 2;
COMMIT;
SELECT kit.check_all();

-- one row is computed by index, also of a table that is one page
INSERT INTO tb_user SELECT i, 'user ' || i FROM generate_series(5, 60) i;
ANALYZE tb_user, tb_post;
CREATE TABLE tv_lookup AS SELECT p.pk_post AS pk_lookup, p.title, u.name FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
SELECT pg_stat_force_next_flush();
BEGIN;
UPDATE tb_post SET title = 'looked up' WHERE pk_post = 1;
SELECT count(*) FROM tv_lookup WHERE title = 'looked up';
SELECT seq_scan, idx_scan > 0 FROM pg_stat_xact_user_tables WHERE relid = 'tb_user'::regclass;
SHOW seq_page_cost;
COMMIT;
DROP TABLE tv_lookup;

-- more parts than there are bits
DO $$
DECLARE n text := (SELECT string_agg('c' || i, ', ') FROM generate_series(1, 45) i);
BEGIN
  EXECUTE format('CREATE TABLE tb_wide (pk_wide int PRIMARY KEY, %s)', replace(n, ',', ' int,') || ' int');
  EXECUTE format('CREATE TABLE tv_wide AS SELECT pk_wide, %s, jsonb_build_object(%s) AS data FROM tb_wide', n,
                 (SELECT string_agg(format('%L, c%s', 'k' || i, i), ', ') FROM generate_series(1, 45) i));
  INSERT INTO tb_wide VALUES (1), (2);
  FOR i IN 1 .. 45 LOOP
    EXECUTE format('UPDATE tb_wide SET c%s = %s WHERE pk_wide = 1', i, i);
    PERFORM FROM tv_wide;
  END LOOP;
END $$;
SELECT kit.check_all();

-- more parts than a row may have columns
DO $$
DECLARE
  document text := (SELECT format('jsonb_build_object(%s)', string_agg(format('%L, c%s', 'k' || i, i % 45 + 1), ', ')) FROM generate_series(1, 50) i);
BEGIN
  EXECUTE format('CREATE TABLE tv_widest AS SELECT pk_wide AS pk_widest, %s, %s FROM tb_wide',
                 (SELECT string_agg(document || ' AS d' || i, ', ') FROM generate_series(1, 16) i),
                 (SELECT string_agg('CASE WHEN false THEN c1 END AS n' || i, ', ') FROM generate_series(1, 1200) i));
END $$;
UPDATE tb_wide SET c7 = 77 WHERE pk_wide = 1;
SELECT d1->'k6', d16->'k6' FROM tv_widest ORDER BY pk_widest;
DROP TABLE tv_widest;

-- a stored row that is not as it should be is made anew
ALTER TABLE tv_teaser DISABLE TRIGGER USER;
UPDATE tv_teaser SET data = '"lost"' WHERE pk_teaser = 1;
DELETE FROM tv_teaser WHERE pk_teaser = 2;
UPDATE tb_post SET current = 77 WHERE pk_post IN (1, 2);
SELECT count(*) FROM (TABLE v_teaser EXCEPT SELECT pk_teaser, data FROM tv_teaser) d;
ALTER TABLE tv_teaser ENABLE TRIGGER USER;
SELECT kit.check_all();

DROP SCHEMA t_parts CASCADE;
