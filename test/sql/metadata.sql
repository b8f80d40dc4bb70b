--
-- What the views for people say: pg_tviews_metadata, pg_tviews_queue,
-- pg_tviews_metrics.  What is counted is tested by t/003_stats.pl, as it needs
-- preloading on some majors.
--
CREATE SCHEMA t_metadata;
SET search_path = t_metadata, public;
SET client_min_messages = warning;
\pset null '(null)'

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text);
CREATE INDEX ON tb_post (fk_user);
INSERT INTO tb_user VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO tb_post VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
CREATE VIEW post_names AS SELECT pk_post AS p, title FROM tb_post;
CREATE TABLE tv_user AS
  SELECT u.pk_user, u.name, (SELECT count(*) FROM tb_post p WHERE p.fk_user = u.pk_user) AS posts FROM tb_user u;
CREATE TABLE tv_post AS SELECT p AS pk_post, title FROM post_names;
CREATE TABLE tv_above AS SELECT pk_user + 0 AS pk_above, name FROM tv_user;

-- names as they would have to be written, and the table that the key comes from
SELECT entity_name, entity, tview, view, backing_table_name, key_columns, primary_key_column
  FROM pg_tviews_metadata WHERE entity_name !~ '\.' ORDER BY 1;
SET search_path = public;
SELECT entity_name FROM pg_tviews_metadata WHERE entity_name ~ '^t_metadata\.' ORDER BY 1;
SET search_path = t_metadata, public;
-- as names of relations, in SQL made of them
DO $$
DECLARE m record; n bigint;
BEGIN
  FOR m IN SELECT * FROM pg_tviews_metadata WHERE entity_name !~ '\.' ORDER BY 1 LOOP
    EXECUTE 'SELECT count(*) FROM ' || m.entity_name INTO n;
    RAISE WARNING '% %', m.entity_name, n;
  END LOOP;
END $$;
SELECT count(*) FROM pg_tviews_metadata WHERE backing_table_name IS NULL;

-- what a forced refresh computes
SELECT count(*), count(stats_last_computed), count(query_plan), count(stats_rows) FROM pg_tviews_metadata;
SELECT pg_tviews_refresh('tv_user'), pg_tviews_refresh('tv_user', force => true);
SELECT entity_name, stats_last_computed IS NOT NULL AS computed, stats_rows, stats_row_bytes > 0 AS has_size,
       query_plan ~ 'SubPlan' AS plan, octet_length(source_hash) AS hash
  FROM pg_tviews_metadata WHERE entity_name !~ '\.' ORDER BY 1;
DO $$
DECLARE rec record;
BEGIN
  FOR rec IN SELECT entity_name FROM pg_tviews_metadata LOOP
    PERFORM pg_tviews_refresh(rec.entity_name, force => true);
  END LOOP;
END $$;
SELECT count(*) - count(stats_last_computed) AS without FROM pg_tviews_metadata;
BEGIN;
UPDATE pg_tview_meta SET stats_row_bytes = NULL;
SET LOCAL pg_tviews.stats_sample_size = 0;
SELECT pg_tviews_refresh('post', true);
SELECT stats_rows, stats_row_bytes FROM pg_tviews_metadata WHERE entity_name = 'tv_post';
ROLLBACK;
BEGIN;
UPDATE pg_tview_meta SET stats_computed = NULL;
SET LOCAL pg_tviews.enable_stats = off;
SELECT pg_tviews_refresh('post', true);
SELECT stats_last_computed FROM pg_tviews_metadata WHERE entity_name = 'tv_post';
ROLLBACK;
-- the hash is that of the query, whatever the search_path, and of nothing else
CREATE TEMP TABLE hashes AS SELECT tview, source_hash FROM pg_tviews_metadata;
SET search_path = public;
SELECT count(*) FROM hashes JOIN pg_tviews_metadata USING (tview, source_hash);
SET search_path = t_metadata, public;
UPDATE tb_user SET name = 'Anna' WHERE pk_user = 1;
CREATE OR REPLACE VIEW v_post AS SELECT p AS pk_post, title || '' AS title FROM post_names;
SELECT entity_name, source_hash = (SELECT h.source_hash FROM hashes h WHERE h.tview = m.tview) AS same
  FROM pg_tviews_metadata m WHERE entity_name !~ '\.' ORDER BY 1;

-- what is pending: nothing at rest, and what this transaction has changed
SELECT count(*) FROM pg_tviews_get_queue();
SELECT count(*) FROM pg_tviews_queue WHERE processed_at IS NULL;
BEGIN;
UPDATE tb_user SET name = name || '!' WHERE pk_user IN (1, 2);
INSERT INTO tb_post VALUES (4, 1, 'd');
SELECT * FROM pg_tviews_get_queue();
SELECT entity_name, source, changes, created_at = now() AS now, processed_at, error_message FROM pg_tviews_queue ORDER BY 1, 2;
TRUNCATE tb_post;
SELECT * FROM pg_tviews_get_queue();
SELECT pk_user, name, posts FROM tv_user ORDER BY 1;
SELECT * FROM pg_tviews_get_queue();
ROLLBACK;
SELECT count(*) FROM pg_tviews_get_queue();

-- one row for each TVIEW, whether or not anything is counted
SELECT count(*) = (SELECT count(*) FROM pg_tview_meta) AS all FROM pg_tviews_stats();
SELECT count(*) = (SELECT count(*) FROM pg_tview_meta) AS all, bool_and(total_bytes > 0) AS sizes, bool_or(is_stale) AS stale
  FROM pg_tviews_metrics;
-- the columns that the documented procedures use
SELECT round(avg(last_refresh_duration_ms), 2) IS NULL OR true AS ok,
       count(*) FILTER (WHERE last_refreshed > now() - interval '1 hour') >= 0 AS recently,
       count(last_error) AS errors
  FROM pg_tviews_metadata;
CREATE TABLE pre_update_backup AS
  SELECT entity_name, last_refreshed, last_refresh_duration_ms, last_error, pg_tviews_version() AS extension_version, now() AS backup_timestamp
  FROM pg_tviews_metadata;
CREATE TABLE tv_backup AS SELECT * FROM pg_tviews_metadata;
SELECT count(*) FROM pg_tview_meta WHERE entity = 'backup';

-- who may: everybody read, nobody else write
CREATE ROLE regress_metadata;
GRANT USAGE ON SCHEMA t_metadata TO regress_metadata;
SET ROLE regress_metadata;
SELECT count(*) > 0 AS ok FROM pg_tviews_metadata;
SELECT count(*) >= 0 AS ok FROM pg_tviews_queue;
SELECT count(*) > 0 AS ok FROM pg_tviews_metrics;
SELECT count(*) > 0 AS ok FROM pg_tviews_stats();
UPDATE pg_tview_meta SET options = '{}';
DELETE FROM pg_tview_meta;
SELECT pg_tviews_stats_reset();
RESET ROLE;
SELECT pg_tviews_stats_reset('user');
SELECT pg_tviews_stats_reset('nobody');
SELECT pg_tviews_stats_reset();

-- an administrator may add columns
ALTER TABLE pg_tview_meta ADD COLUMN IF NOT EXISTS version_created text;
BEGIN;
ALTER TABLE pg_tview_meta ADD COLUMN team text DEFAULT 'core';
SELECT pg_tviews_refresh('user', true);
CREATE TABLE tv_second AS SELECT pk_user AS pk_second FROM tb_user;
SELECT entity, team, stats_rows FROM pg_tview_meta WHERE entity IN ('user', 'second') ORDER BY 1;
ROLLBACK;

SELECT kit.check_all();
DROP TABLE pre_update_backup, tv_backup;
DROP SCHEMA t_metadata CASCADE;
DROP ROLE regress_metadata;
