--
-- Rows that depend on their neighbours: window functions, DISTINCT, DISTINCT ON
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_windows;
SET search_path = t_windows, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_region (pk_region int PRIMARY KEY, name text);
CREATE TABLE tb_club (pk_club int PRIMARY KEY, fk_region int, name text);
CREATE TABLE tb_player (pk_player int PRIMARY KEY, fk_club int, name text, points int);

INSERT INTO tb_region VALUES (1, 'east'), (2, 'west');
INSERT INTO tb_club VALUES (1, 1, 'ajax'), (2, 1, 'bull'), (3, 2, 'crow'), (4, NULL, 'dock');
INSERT INTO tb_player VALUES (1, 1, 'ann', 10), (2, 1, 'bob', 20), (3, 1, 'cem', 20),
  (4, 2, 'dia', 5), (5, 2, 'eve', NULL), (6, 3, 'flo', 7), (7, NULL, 'gil', 8), (8, NULL, 'hal', 9);

CREATE TABLE tv_rank AS
  SELECT pk_player AS pk_rank, name, fk_club,
         rank() OVER w AS place, dense_rank() OVER w AS dense,
         lag(name) OVER (PARTITION BY fk_club ORDER BY points DESC NULLS LAST, pk_player) AS above,
         sum(points) OVER (PARTITION BY fk_club) AS club_points,
         count(*) FILTER (WHERE points > 9) OVER (PARTITION BY fk_club) AS good
  FROM tb_player WINDOW w AS (PARTITION BY fk_club ORDER BY points DESC NULLS LAST);
COMMENT ON TABLE tv_rank IS 'window functions over one partition';

CREATE TABLE tv_two_windows AS
  SELECT pk_player AS pk_two_windows,
         count(*) OVER (PARTITION BY fk_club) AS in_club,
         count(*) OVER (PARTITION BY points) AS same_points
  FROM tb_player;
COMMENT ON TABLE tv_two_windows IS 'two windows with different partitions';

CREATE TABLE tv_window_join AS
  SELECT p.pk_player AS pk_window_join, p.name, r.name AS region,
         row_number() OVER (PARTITION BY c.fk_region ORDER BY p.points DESC NULLS LAST, p.pk_player) AS place
  FROM tb_player p JOIN tb_club c ON c.pk_club = p.fk_club
                   LEFT JOIN tb_region r ON r.pk_region = c.fk_region;
COMMENT ON TABLE tv_window_join IS 'the partition is a column of a joined table';

CREATE TABLE tv_best AS
  SELECT x.pk_player AS pk_best, x.fk_club, x.name, x.n
  FROM (SELECT p.*, row_number() OVER (PARTITION BY fk_club ORDER BY points DESC NULLS LAST,
                                       pk_player) AS n FROM tb_player p) x
  WHERE x.n <= 2;
COMMENT ON TABLE tv_best IS 'filter on row_number(): top two per partition';

CREATE TABLE tv_window_group AS
  SELECT c.pk_club AS pk_window_group, count(p.pk_player) AS players,
         sum(count(p.pk_player)) OVER (PARTITION BY c.fk_region) AS in_region
  FROM tb_club c LEFT JOIN tb_player p ON p.fk_club = c.pk_club GROUP BY c.pk_club;
COMMENT ON TABLE tv_window_group IS 'window over groups';

CREATE TABLE tv_window_window AS
  SELECT pk_player AS pk_window_window, max(place) OVER (PARTITION BY fk_region) AS last_place
  FROM (SELECT p.pk_player, c.fk_region, rank() OVER (PARTITION BY p.fk_club ORDER BY p.points) AS place
        FROM tb_player p JOIN tb_club c ON c.pk_club = p.fk_club) x;
COMMENT ON TABLE tv_window_window IS 'window over a window, the outer partition is the larger one';

CREATE TABLE tv_window_sub AS
  SELECT c.pk_club AS pk_window_sub,
         (SELECT jsonb_agg(x.name || x.n ORDER BY x.n)
          FROM (SELECT p.name, row_number() OVER (ORDER BY p.points, p.pk_player) AS n
                FROM tb_player p WHERE p.fk_club = c.pk_club) x) AS ladder
  FROM tb_club c;
COMMENT ON TABLE tv_window_sub IS 'window without partition inside a correlated subquery';

CREATE TABLE tv_distinct AS
  SELECT DISTINCT fk_club AS pk_distinct FROM tb_player WHERE fk_club IS NOT NULL;
COMMENT ON TABLE tv_distinct IS 'DISTINCT key';

CREATE TABLE tv_distinct_join AS
  SELECT DISTINCT c.pk_club AS pk_distinct_join, c.name, p.points > 9 OR NULL AS has_good
  FROM tb_club c LEFT JOIN tb_player p ON p.fk_club = c.pk_club AND p.points > 9;
COMMENT ON TABLE tv_distinct_join IS 'DISTINCT over a join that multiplies rows';

CREATE TABLE tv_leader AS
  SELECT DISTINCT ON (fk_club) fk_club AS pk_leader, name, points
  FROM tb_player WHERE fk_club IS NOT NULL ORDER BY fk_club, points DESC NULLS LAST, pk_player;
COMMENT ON TABLE tv_leader IS 'DISTINCT ON, the key is what is distinct';

CREATE TABLE tv_chosen AS
  SELECT DISTINCT ON (fk_club) pk_player AS pk_chosen, fk_club, name
  FROM tb_player ORDER BY fk_club, points DESC NULLS LAST, pk_player;
COMMENT ON TABLE tv_chosen IS 'DISTINCT ON, the key is of the row that is chosen';

CREATE TABLE tv_chosen_join AS
  SELECT r.pk_region AS pk_chosen_join, r.name, x.player, x.club
  FROM tb_region r LEFT JOIN (
    SELECT DISTINCT ON (c.fk_region) c.fk_region, p.name AS player, c.name AS club
    FROM tb_club c JOIN tb_player p ON p.fk_club = c.pk_club
    ORDER BY c.fk_region, p.points DESC NULLS LAST, p.pk_player) x ON x.fk_region = r.pk_region;
COMMENT ON TABLE tv_chosen_join IS 'DISTINCT ON inside, joined on its expression';

SELECT kit.check_all();
SELECT pk_rank, place, dense, above, club_points, good FROM tv_rank ORDER BY 1;

-- one row changes, its neighbours follow
UPDATE tb_player SET points = 30 WHERE pk_player = 1;
SELECT kit.check_all();
UPDATE tb_player SET points = NULL WHERE pk_player = 2;
SELECT kit.check_all();
UPDATE tb_player SET name = 'Cem' WHERE pk_player = 3;
SELECT kit.check_all();

-- it leaves one partition for another, for the one of NULL, and comes from there
UPDATE tb_player SET fk_club = 2 WHERE pk_player = 1;
SELECT kit.check_all();
UPDATE tb_player SET fk_club = NULL WHERE pk_player = 3;
SELECT kit.check_all();
UPDATE tb_player SET fk_club = 3 WHERE fk_club IS NULL AND pk_player > 7;
SELECT kit.check_all();

-- the partition of many rows changes through the joined row
UPDATE tb_club SET fk_region = 2 WHERE pk_club = 2;
SELECT kit.check_all();
UPDATE tb_club SET fk_region = NULL WHERE pk_club = 3;
SELECT kit.check_all();
UPDATE tb_region SET pk_region = 3, name = 'south' WHERE pk_region = 2;
SELECT kit.check_all();
UPDATE tb_club SET fk_region = 3;
SELECT kit.check_all();
UPDATE tb_club SET pk_club = 5 WHERE pk_club = 2;
SELECT kit.check_all();
UPDATE tb_player SET fk_club = 5 WHERE fk_club = 2;
SELECT kit.check_all();

-- rows come into a partition and leave it, the first and the last one too
INSERT INTO tb_player VALUES (9, 5, 'ida', 99), (10, 4, 'jan', 1);
SELECT kit.check_all();
DELETE FROM tb_player WHERE pk_player = 9;
SELECT kit.check_all();
DELETE FROM tb_player WHERE fk_club = 4;
SELECT kit.check_all();
INSERT INTO tb_club VALUES (6, 1, 'elms');
INSERT INTO tb_player SELECT 20 + i, 6, 'x' || i, i % 3 FROM generate_series(1, 5) i;
SELECT kit.check_all();
DELETE FROM tb_club WHERE pk_club = 5;
SELECT kit.check_all();

-- a tie and its breaking
UPDATE tb_player SET points = 2 WHERE fk_club = 6;
SELECT kit.check_all();
UPDATE tb_player SET pk_player = 1000 - pk_player WHERE fk_club = 6;
SELECT kit.check_all();

-- several partitions in one transaction, looked at in between
BEGIN;
UPDATE tb_player SET points = coalesce(points, 0) + pk_player % 4;
SELECT kit.check_all();
UPDATE tb_player SET fk_club = 1 WHERE pk_player % 2 = 0;
SELECT kit.check_all();
DELETE FROM tb_player WHERE points = (SELECT max(points) FROM tb_player);
SELECT kit.check_all();
UPDATE tb_club SET fk_region = pk_club % 2 * 2 + 1;
COMMIT;
SELECT kit.check_all();

-- partitions that follow from each other: who is chosen by DISTINCT ON moves others in a window above it, and a window decides
-- who is chosen by DISTINCT ON beside it
CREATE TABLE tb_move (pk_move int PRIMARY KEY, a int, c int, h int, x int);
INSERT INTO tb_move VALUES (1, 1, 1, 1, 5), (2, 2, 1, 1, 6), (3, 3, 5, 2, 1), (4, 4, 5, 2, 2);
CREATE VIEW v_front AS SELECT DISTINCT ON (a) a, c FROM tb_move ORDER BY a, c;
CREATE TABLE tv_above AS SELECT a AS pk_above, c, lag(c) OVER (PARTITION BY c ORDER BY a) AS before FROM v_front;
CREATE TABLE tv_beside AS SELECT DISTINCT ON (a) pk_move AS pk_beside, rank() OVER (PARTITION BY h ORDER BY x) AS r
  FROM tb_move ORDER BY a, rank() OVER (PARTITION BY h ORDER BY x), pk_move;
COMMENT ON TABLE tv_above IS 'window over what DISTINCT ON has chosen';
COMMENT ON TABLE tv_beside IS 'DISTINCT ON by the result of a window';
INSERT INTO tb_move VALUES (10, 1, 0, 3, 3);
SELECT kit.check_all();
INSERT INTO tb_move VALUES (20, 9, 7, 4, 10), (21, 9, 7, 5, 10), (22, 8, 7, 5, 5), (23, 7, 7, 4, 11);
SELECT kit.check_all();
INSERT INTO tb_move VALUES (24, 6, 7, 4, 1), (25, 6, 7, 4, 2);
SELECT kit.check_all();
UPDATE tb_move SET x = 20 WHERE pk_move IN (24, 25);
UPDATE tb_move SET c = 1 WHERE pk_move = 3;
SELECT kit.check_all();
DELETE FROM tb_move WHERE pk_move IN (10, 1);
SELECT kit.check_all();

-- a row goes to another partition and back before anybody looks
BEGIN;
UPDATE tb_player SET fk_club = 6 WHERE pk_player = 4;
UPDATE tb_player SET fk_club = 3 WHERE pk_player = 4;
COMMIT;
SELECT kit.check_all();

TRUNCATE tb_player;
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

-- partitions by domains for whose values PostgreSQL finds no = by name
CREATE TYPE shade AS ENUM ('dark', 'light');
CREATE DOMAIN tone AS shade;
CREATE DOMAIN span AS int4range;
CREATE TABLE tb_paint (pk_paint int PRIMARY KEY, tone tone, span span, price int);
INSERT INTO tb_paint SELECT i, 'dark', '[1,2)', i FROM generate_series(1, 4) i;
CREATE TABLE tv_paint AS
  SELECT pk_paint, sum(price) OVER (PARTITION BY tone) AS by_tone, sum(price) OVER (PARTITION BY tone, span) AS by_both FROM tb_paint;
CREATE TABLE tv_tone AS SELECT DISTINCT ON (tone) tone::shade AS pk_tone, pk_paint FROM tb_paint WHERE tone IS NOT NULL ORDER BY tone, price;
UPDATE tb_paint SET price = 10 WHERE pk_paint = 1;
SELECT kit.check('tv_paint'), kit.check('tv_tone');
UPDATE tb_paint SET tone = 'light', span = '[1,3)' WHERE pk_paint = 2;
UPDATE tb_paint SET span = '[1,3)', price = 0 WHERE pk_paint = 3;
UPDATE tb_paint SET tone = NULL WHERE pk_paint = 4;
SELECT kit.check('tv_paint'), kit.check('tv_tone');

DROP SCHEMA t_windows CASCADE;
