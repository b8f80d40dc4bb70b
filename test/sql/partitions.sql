--
-- Partitions that follow from each other, at random: DISTINCT ON and windows above, below and beside each other
--
SET client_min_messages = error;
CREATE SCHEMA t_partitions;
SET search_path = t_partitions, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_e (pk_e int PRIMARY KEY, a int, c int, h int, x int);
CREATE TABLE tb_t (pk_t int PRIMARY KEY, g int);
INSERT INTO tb_t SELECT g, g%3 FROM generate_series(0,9) g;
INSERT INTO tb_e SELECT g, g%5, g%7, g%3, (g*7)%11 FROM generate_series(1,15) g;
-- window over a join of what DISTINCT ON chose
CREATE TABLE tv_a AS SELECT d.a AS pk_a, sum(d.c) OVER (PARTITION BY t.g) AS s FROM (SELECT DISTINCT ON (a) a, c FROM tb_e WHERE a IS NOT NULL ORDER BY a, c, pk_e) d JOIN tb_t t ON t.pk_t = d.c;
-- DISTINCT ON above a window
CREATE TABLE tv_b AS SELECT DISTINCT ON (w.c) w.pk_e AS pk_b, w.r FROM (SELECT pk_e, c, rank() OVER (PARTITION BY h ORDER BY x, pk_e) AS r FROM tb_e) w WHERE w.c IS NOT NULL ORDER BY w.c, w.r, w.pk_e;
-- window over window
CREATE TABLE tv_c AS SELECT w.pk_e AS pk_c, sum(w.r) OVER (PARTITION BY w.c) AS s FROM (SELECT pk_e, c, rank() OVER (PARTITION BY h ORDER BY x, pk_e) AS r FROM tb_e) w;
-- window inside a correlated subquery below a window
CREATE TABLE tv_d AS SELECT t.pk_t AS pk_d, (SELECT jsonb_agg(q.r ORDER BY q.r, q.pk_e) FROM (SELECT e.pk_e, e.c, rank() OVER (PARTITION BY e.h ORDER BY e.x, e.pk_e) AS r FROM tb_e e) q WHERE q.c = t.pk_t) AS rs, count(*) OVER (PARTITION BY t.g) AS n FROM tb_t t;
-- partition above by the aggregate-free column of a grouped level
CREATE TABLE tv_f AS SELECT k.a AS pk_f, count(*) OVER (PARTITION BY k.m) AS n FROM (SELECT a, max(c) AS m FROM tb_e WHERE a IS NOT NULL GROUP BY a) k;
-- DISTINCT ON over DISTINCT ON
CREATE TABLE tv_g AS SELECT DISTINCT ON (d.c) d.a AS pk_g, d.c FROM (SELECT DISTINCT ON (a) a, c FROM tb_e WHERE a IS NOT NULL ORDER BY a, c, pk_e) d ORDER BY d.c, d.a;
CREATE FUNCTION hammer() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM setseed(0.37);
 FOR i IN 1..400 LOOP
  CASE (random()*5)::int
   WHEN 0 THEN INSERT INTO tb_e VALUES (100+i, (random()*5)::int, (random()*7)::int, (random()*3)::int, (random()*11)::int);
   WHEN 1 THEN DELETE FROM tb_e WHERE pk_e = (SELECT pk_e FROM tb_e ORDER BY random() LIMIT 1);
   WHEN 2 THEN UPDATE tb_e SET c = (random()*7)::int WHERE pk_e = (SELECT pk_e FROM tb_e ORDER BY random() LIMIT 1);
   WHEN 3 THEN UPDATE tb_e SET a = (random()*5)::int, x = x + 1 WHERE pk_e = (SELECT pk_e FROM tb_e ORDER BY random() LIMIT 1);
   WHEN 4 THEN UPDATE tb_e SET x = (random()*11)::int, h = (random()*3)::int WHERE pk_e = (SELECT pk_e FROM tb_e ORDER BY random() LIMIT 1);
   ELSE UPDATE tb_t SET g = (random()*3)::int WHERE pk_t = (random()*9)::int;
  END CASE;
  BEGIN PERFORM kit.check_all(); EXCEPTION WHEN OTHERS THEN RETURN i || ': ' || SQLERRM; END;
 END LOOP;
 RETURN 'ok';
END $$;
SELECT hammer();
SELECT entity, string_agg(DISTINCT e.strategy, ',' ORDER BY e.strategy) FROM pg_tview_meta m, pg_tviews_explain(m.tview::text) e GROUP BY 1 ORDER BY 1;

DROP SCHEMA t_partitions CASCADE;
