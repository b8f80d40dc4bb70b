--
-- The families of errors, as the table in docs/reference.md has them: each
-- with its SQLSTATE, by which a program can tell them apart
--
CREATE SCHEMA t_families;
SET search_path = t_families, public;
SET client_min_messages = error;
CREATE TABLE tb_a (pk_a int PRIMARY KEY, x int, label text);
INSERT INTO tb_a VALUES (1, 1, 'one');
CREATE TABLE tv_a AS SELECT pk_a, 6 / x AS ratio FROM tb_a;
CREATE TABLE tv_label AS SELECT label AS pk_label, x FROM tb_a;
CREATE TABLE plain AS SELECT 1 AS pk_plain;
CREATE PROCEDURE try(command text) LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
  EXECUTE command;
  PERFORM count(*) FROM tv_a, tv_label;
  RAISE INFO 'no error';
EXCEPTION
  WHEN SQLSTATE 'TV001' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE INFO 'not found: %. %', SQLERRM, detail;
  WHEN SQLSTATE 'TV002' THEN RAISE INFO 'refresh: %', SQLERRM;
  WHEN SQLSTATE 'TV003' THEN RAISE INFO 'internal: %', regexp_replace(SQLERRM, '\d+', 'N');
  WHEN OTHERS THEN RAISE INFO '%: %', SQLSTATE, SQLERRM;
END $$;

-- not found, by whatever function
CALL try($$SELECT pg_tviews_refresh('b')$$);
CALL try($$SELECT pg_tviews_refresh('b', ARRAY[1])$$);
CALL try($$SELECT pg_tviews_drop('b')$$);
CALL try($$SELECT pg_tviews_alter('b', 'SELECT 1')$$);
CALL try($$SELECT pg_tviews_explain('b')$$);
CALL try($$SELECT pg_tviews_explain_text('b')$$);
CALL try($$SELECT * FROM pg_tviews_validate('b')$$);
CALL try($$SELECT pg_tviews_stats_reset('b')$$);
-- nor is a plain table one, or a backing view
CALL try($$SELECT pg_tviews_refresh('plain')$$);
CALL try($$SELECT pg_tviews_refresh('tb_a')$$);
CALL try($$SELECT pg_tviews_refresh('v_a')$$);
CALL try($$SELECT pg_tviews_refresh('')$$);

-- refresh: the query returns what no TVIEW can have
CALL try($$INSERT INTO tb_a VALUES (2, 1, 'one')$$);
CALL try($$INSERT INTO tb_a VALUES (2, 1, NULL)$$);
CALL try($$SET LOCAL session_replication_role = replica; UPDATE tb_a SET label = NULL; SELECT pg_tviews_refresh('label')$$);
-- or somebody's trigger does not let the row be
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.ratio := 0; RETURN NEW; END';
CREATE TRIGGER meddle BEFORE INSERT ON tv_a FOR EACH ROW EXECUTE FUNCTION meddle();
CALL try($$INSERT INTO tb_a VALUES (2, 1, 'two')$$);
DROP TRIGGER meddle ON tv_a;
-- what the query itself raises keeps its code
CALL try($$INSERT INTO tb_a VALUES (2, 0, 'two')$$);
-- and so does what the user has added to the table
ALTER TABLE tv_a ADD CONSTRAINT positive CHECK (ratio > 0);
CALL try($$INSERT INTO tb_a VALUES (2, -1, 'two')$$);

-- internal: what cannot happen, unless a superuser makes it
CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
  $$BEGIN DELETE FROM pg_tview_meta WHERE tview = 't_families.tv_a'::regclass; RETURN NULL; END$$;
CREATE TRIGGER sabotage AFTER UPDATE ON tv_a FOR EACH ROW EXECUTE FUNCTION sabotage();
CALL try($$SELECT pg_tviews_refresh('a', force => true)$$);
DROP TRIGGER sabotage ON tv_a;

-- PostgreSQL's own codes
CALL try($$UPDATE tv_a SET ratio = 1$$);
CALL try($$SELECT pg_tviews_refresh(NULL)$$);
CALL try($$SELECT pg_tviews_refresh('a', ARRAY['one'])$$);
CALL try($$SELECT pg_tviews_refresh('a', ARRAY['2026-11-21'::date])$$);
CALL try($$SELECT pg_tviews_refresh('a', NULL::int[])$$);
CALL try($$SELECT pg_tviews_create('a b', 'SELECT 1 AS pk_x')$$);
CALL try($$SELECT pg_tviews_create('tv_c', 'SELECT 1 AS x')$$);
CALL try($$SELECT pg_tviews_create('tv_c', 'SELECT pk_a AS pk_c, random() FROM tb_a')$$);
CALL try($$SELECT pg_tviews_create('tv_c', 'SELECT 1 AS pk_c FROM generate_series(1, 2)')$$);
CALL try($$SELECT pg_tviews_create('tv_c', 'SELECT NULL::int AS pk_c')$$);
CALL try($$SELECT pg_tviews_create('tv_c', 'DELETE FROM tb_a')$$);
CALL try($$SELECT pg_tviews_create('tv_a', 'SELECT pk_a FROM tb_a')$$);
CALL try($$CREATE OR REPLACE VIEW v_a AS SELECT pk_a, ratio FROM tv_a$$);
CALL try($$SELECT pg_tviews_graph('png')$$);
CREATE SCHEMA t_families_b;
CREATE TABLE t_families_b.tv_x AS SELECT pk_a AS pk_x FROM tb_a;
CREATE SCHEMA t_families_c;
CREATE TABLE t_families_c.tv_x AS SELECT pk_a AS pk_x FROM tb_a;
CALL try($$SELECT pg_tviews_refresh('x')$$);
SELECT kit.check_all();
DROP SCHEMA t_families, t_families_b, t_families_c CASCADE;
