--
-- What people are told of a TVIEW or a query: pg_tviews_explain(),
-- pg_tviews_explain_text(), pg_tviews_analyze_select(), pg_tviews_graph(),
-- pg_tviews_export()
--
CREATE SCHEMA t_explain;
SET search_path = t_explain, public;
SET client_min_messages = error;
\pset null '(null)'
CREATE TABLE tb_user (pk_user int PRIMARY KEY, id uuid UNIQUE, name text, fk_boss int);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text);
CREATE TABLE tb_news (pk_news int PRIMARY KEY, "the ""text""" text);
INSERT INTO tb_user SELECT g, NULL, 'u' || g, 1 FROM generate_series(1, 20) g;
INSERT INTO tb_post SELECT g, g, 'p' || g FROM generate_series(1, 10) g;
ANALYZE;
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.title, u.name, boss.name AS boss
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user LEFT JOIN tb_user boss ON boss.pk_user = u.fk_boss;
CREATE TABLE tv_user AS
  SELECT u.pk_user, u.name, (SELECT max(n."the ""text""") FROM tb_news n) AS news,
    (SELECT count(*) FROM tv_post p WHERE p.pk_post = u.pk_user) AS posts
  FROM tb_user u;

-- as a table
SELECT source, strategy, CASE strategy WHEN 'route' THEN left(route, 7) ELSE route END AS route, path, indexes, hint
  FROM pg_tviews_explain('post') ORDER BY source;
SELECT source, strategy, CASE strategy WHEN 'route' THEN left(route, 7) ELSE route END AS route, path, indexes, hint
  FROM pg_tviews_explain('user') ORDER BY source;
-- to read
\pset format unaligned
SELECT * FROM pg_tviews_explain_text('post') t;
CREATE INDEX ON tb_post (fk_user);
CREATE INDEX boss_index ON tb_user (fk_boss);
ANALYZE tv_post, tv_user;
SELECT * FROM pg_tviews_explain_text('post') t;
SELECT * FROM pg_tviews_explain_text('user') t;
SELECT * FROM pg_tviews_explain_text('nobody');

-- before there is anything; and never an error
SELECT jsonb_pretty(pg_tviews_analyze_select('SELECT p.pk_post, u.id, p.fk_user, u.id AS user_id, 1 AS identifier, to_jsonb(p) AS data, p.title, length(u.name) AS n
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user') - 'sources');
SELECT s->>'source' AS source, s->>'strategy' AS strategy, s->>'path' AS path, s->'reason' IS NOT NULL AS reason, s->'hint' IS NOT NULL AS hint
  FROM jsonb_array_elements(pg_tviews_analyze_select('SELECT pk_post, (SELECT count(*) FROM tb_news) AS news, name FROM tb_post JOIN tb_user ON pk_user = fk_user')->'sources') s ORDER BY 1;
SELECT pg_tviews_analyze_select('SELECT name FROM tb_user')->>'error';
SELECT pg_tviews_analyze_select('SELECT pk_user, random() AS r FROM tb_user')->>'error';
SELECT pg_tviews_analyze_select('SELECT pk_user, nothing FROM tb_user')->>'error';
SELECT pg_tviews_analyze_select('SELECT FROM WHERE')->>'error';
SELECT pg_tviews_analyze_select('')->>'error';
SELECT pg_tviews_analyze_select('DELETE FROM tb_user')->>'error';
SELECT pg_tviews_analyze_select('SELECT 1; DROP TABLE tb_user')->>'error';
SELECT pg_tviews_analyze_select(NULL);
SELECT pg_tviews_analyze_select('SELECT pk_user, name FROM tb_user, pg_sleep(0)') ? 'error';
-- it leaves nothing behind, and can be asked about what exists
SELECT pg_tviews_analyze_select('SELECT * FROM tv_post') ? 'error' AS error;
SELECT count(*) FROM pg_class WHERE relname IN ('tv_post', 'v_post');
SELECT count(*) FROM pg_tview_meta WHERE entity IN ('post', 'user');
CREATE ROLE regress_explain;
GRANT USAGE ON SCHEMA t_explain TO regress_explain;
SET ROLE regress_explain;
SELECT pg_tviews_analyze_select('SELECT * FROM tb_post')->>'error';
RESET ROLE;

-- pictures, also of hostile names
CREATE TABLE tv_news AS SELECT pk_news, "the ""text""" FROM tb_news;
SELECT pg_tviews_create('"tv_a""<b>]"', 'SELECT pk_news AS k FROM tb_news', '{k}');
SELECT pg_tviews_graph();
SELECT pg_tviews_graph('dot');
SELECT pg_tviews_graph('SVG');
SELECT pg_tviews_graph('png');

-- a script that makes them again
ALTER TABLE tv_user ADD COLUMN note text DEFAULT 'it''s', ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', name)) STORED;
CREATE INDEX words_index ON tv_user USING gin (words);
COMMENT ON TABLE tv_user IS 'users; all of them';
COMMENT ON COLUMN tv_user.name IS 'their''s';
GRANT SELECT ON tv_user TO regress_explain;
GRANT SELECT ON tv_post TO PUBLIC;
CREATE TEMP TABLE script AS SELECT pg_tviews_export() AS s;
CREATE TEMP TABLE before AS
  SELECT m.tview::text, m.key_columns, m.options, pg_tviews_source_hash(m.view) AS h, c.relacl, obj_description(c.oid) AS d,
    (SELECT array_agg(a.attname || format_type(atttypid, atttypmod) ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
    (SELECT array_agg(regexp_replace(pg_get_indexdef(indexrelid), '^CREATE', '') ORDER BY 1) FROM pg_index WHERE indrelid = c.oid) AS indexes
  FROM pg_tview_meta m JOIN pg_class c ON c.oid = m.tview;
SELECT count(*) FROM (SELECT pg_tviews_drop(entity, true) FROM pg_tview_meta) d;
SELECT count(*) FROM pg_tview_meta;
DO $$ BEGIN EXECUTE (SELECT s FROM script); END $$;
SELECT count(*) FROM before;
SELECT count(*) FROM before b JOIN (
  SELECT m.tview::text, m.key_columns, m.options, pg_tviews_source_hash(m.view) AS h, c.relacl, obj_description(c.oid) AS d,
    (SELECT array_agg(a.attname || format_type(atttypid, atttypmod) ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
    (SELECT array_agg(regexp_replace(pg_get_indexdef(indexrelid), '^CREATE', '') ORDER BY 1) FROM pg_index WHERE indrelid = c.oid) AS indexes
  FROM pg_tview_meta m JOIN pg_class c ON c.oid = m.tview) a
  ON a.* IS NOT DISTINCT FROM b.*;
SELECT pg_tviews_export() = s AS again FROM script;
SELECT kit.check_all();
DROP OWNED BY regress_explain;
DROP SCHEMA t_explain CASCADE;
DROP ROLE regress_explain;
