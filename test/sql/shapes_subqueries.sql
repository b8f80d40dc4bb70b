--
-- Subqueries: scalar, ARRAY, EXISTS, IN, ANY, ALL and their negations, LATERAL
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_subs;
SET search_path = t_subs, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_team (pk_team int PRIMARY KEY, name text, floor int, min_age int);
CREATE TABLE tb_member (pk_member int PRIMARY KEY, fk_team int, name text, age int);
CREATE TABLE tb_skill (fk_member int, skill text, level int);
CREATE TABLE tb_ban (fk_member int, team_name text);

INSERT INTO tb_team VALUES (1, 'red', 1, 18), (2, 'blue', 1, 30), (3, 'green', 2, NULL),
                           (4, NULL, 3, 40);
INSERT INTO tb_member VALUES (1, 1, 'ann', 20), (2, 1, 'bob', 31), (3, 2, 'cem', 40),
                             (4, NULL, 'dia', 25), (5, 9, 'eve', NULL);
INSERT INTO tb_skill VALUES (1, 'go', 1), (1, 'c', 3), (2, 'c', 2), (3, 'sql', 5), (5, 'c', 4);
INSERT INTO tb_ban VALUES (2, 'blue'), (3, 'red');

CREATE TABLE tv_scalar AS
  SELECT t.pk_team AS pk_scalar,
         (SELECT count(*) FROM tb_member m WHERE m.fk_team = t.pk_team) AS members,
         (SELECT m.name FROM tb_member m WHERE m.fk_team = t.pk_team
          ORDER BY m.age DESC NULLS LAST, m.pk_member LIMIT 1) AS oldest
  FROM tb_team t;
COMMENT ON TABLE tv_scalar IS 'correlated scalar subqueries, one with LIMIT';

CREATE TABLE tv_deep AS
  SELECT t.pk_team AS pk_deep,
         (SELECT max((SELECT sum(s.level) FROM tb_skill s WHERE s.fk_member = m.pk_member))
          FROM tb_member m WHERE m.fk_team = t.pk_team) AS best
  FROM tb_team t;
COMMENT ON TABLE tv_deep IS 'scalar subquery inside an aggregate of a scalar subquery';

CREATE TABLE tv_skipping AS
  SELECT t.pk_team AS pk_skipping,
         (SELECT count(*) FROM tb_member m
          WHERE EXISTS (SELECT FROM tb_skill s WHERE s.fk_member = m.pk_member
                        AND s.level >= t.floor AND m.fk_team = t.pk_team)) AS able
  FROM tb_team t;
COMMENT ON TABLE tv_skipping IS 'correlation that skips a level';

CREATE TABLE tv_array AS
  SELECT t.pk_team AS pk_array,
         ARRAY(SELECT m.name FROM tb_member m WHERE m.fk_team = t.pk_team
               ORDER BY m.pk_member) AS names,
         ARRAY(SELECT DISTINCT s.skill FROM tb_skill s
               JOIN tb_member m ON m.pk_member = s.fk_member
               WHERE m.fk_team = t.pk_team ORDER BY 1) AS skills
  FROM tb_team t;
COMMENT ON TABLE tv_array IS 'ARRAY(subquery), ARRAY over a join';

CREATE TABLE tv_exists AS
  SELECT m.pk_member AS pk_exists, m.name FROM tb_member m
  WHERE EXISTS (SELECT FROM tb_skill s WHERE s.fk_member = m.pk_member AND s.level > 1);
COMMENT ON TABLE tv_exists IS 'EXISTS';

CREATE TABLE tv_not_exists AS
  SELECT m.pk_member AS pk_not_exists, m.name FROM tb_member m
  WHERE NOT EXISTS (SELECT FROM tb_ban b JOIN tb_team t ON t.name = b.team_name
                    WHERE b.fk_member = m.pk_member AND t.floor < 3);
COMMENT ON TABLE tv_not_exists IS 'NOT EXISTS over a join';

CREATE TABLE tv_in AS
  SELECT m.pk_member AS pk_in, m.name, m.fk_team IN (SELECT pk_team FROM tb_team WHERE floor = 1) AS low
  FROM tb_member m WHERE m.pk_member IN (SELECT fk_member FROM tb_skill WHERE skill = 'c');
COMMENT ON TABLE tv_in IS 'IN in WHERE and in the output';

CREATE TABLE tv_in_pair AS
  SELECT m.pk_member AS pk_in_pair, m.name FROM tb_member m JOIN tb_team t ON t.pk_team = m.fk_team
  WHERE (m.pk_member, t.name) NOT IN (SELECT b.fk_member, b.team_name FROM tb_ban b
                                      WHERE b.fk_member = m.pk_member);
COMMENT ON TABLE tv_in_pair IS 'NOT IN with a row of two columns, correlated';

CREATE TABLE tv_not_in AS
  SELECT m.pk_member AS pk_not_in, m.name FROM tb_member m
  WHERE m.pk_member NOT IN (SELECT b.fk_member FROM tb_ban b);
COMMENT ON TABLE tv_not_in IS 'NOT IN: one NULL inside empties it';

CREATE TABLE tv_not_in_null AS
  SELECT m.pk_member AS pk_not_in_null, m.name FROM tb_member m
  WHERE m.fk_team NOT IN (SELECT t.pk_team FROM tb_team t WHERE t.floor > 2);
COMMENT ON TABLE tv_not_in_null IS 'NOT IN: a NULL outside counts once nothing is inside';

CREATE TABLE tv_in_flag AS
  SELECT m.pk_member AS pk_in_flag, m.pk_member IN (SELECT b.fk_member FROM tb_ban b) AS banned
  FROM tb_member m;
COMMENT ON TABLE tv_in_flag IS 'IN in the output: one NULL inside turns false into NULL';

CREATE TABLE tv_any AS
  SELECT t.pk_team AS pk_any, t.name FROM tb_team t
  WHERE t.pk_team = ANY (SELECT m.fk_team FROM tb_member m WHERE m.age > 18);
COMMENT ON TABLE tv_any IS '= ANY (subquery)';

CREATE TABLE tv_all AS
  SELECT t.pk_team AS pk_all, t.name,
         t.min_age <= ALL (SELECT m.age FROM tb_member m WHERE m.fk_team = t.pk_team) AS adults
  FROM tb_team t
  WHERE 10 >= ALL (SELECT m.pk_member FROM tb_member m WHERE m.fk_team = t.pk_team);
COMMENT ON TABLE tv_all IS 'ALL, also with NULL on either side';

CREATE TABLE tv_top AS
  SELECT t.pk_team AS pk_top, coalesce(jsonb_agg(x.name ORDER BY x.age DESC, x.pk_member)
                                       FILTER (WHERE x.name IS NOT NULL), '[]') AS two_oldest
  FROM tb_team t LEFT JOIN LATERAL (
    SELECT m.pk_member, m.name, m.age FROM tb_member m WHERE m.fk_team = t.pk_team AND m.age IS NOT NULL
    ORDER BY m.age DESC, m.pk_member LIMIT 2) x ON true
  GROUP BY t.pk_team;
COMMENT ON TABLE tv_top IS 'LATERAL top two per parent';

CREATE TABLE tv_next AS
  SELECT m.pk_member AS pk_next, x.skill, x.level
  FROM tb_member m CROSS JOIN LATERAL (
    SELECT s.skill, s.level FROM tb_skill s WHERE s.fk_member = m.pk_member
    ORDER BY s.level, s.skill OFFSET 1 LIMIT 1) x;
COMMENT ON TABLE tv_next IS 'LATERAL with OFFSET, inner: rows without a second child are left out';

CREATE TABLE tv_case AS
  SELECT m.pk_member AS pk_case,
         CASE WHEN EXISTS (SELECT FROM tb_ban b WHERE b.fk_member = m.pk_member) THEN 'banned'
              WHEN (SELECT t.floor FROM tb_team t WHERE t.pk_team = m.fk_team) > 1 THEN 'upstairs'
              ELSE coalesce((SELECT t.name FROM tb_team t WHERE t.pk_team = m.fk_team), 'none')
         END AS place
  FROM tb_member m;
COMMENT ON TABLE tv_case IS 'subqueries inside CASE and COALESCE';

CREATE TABLE tv_having_sub AS
  SELECT m.fk_team AS pk_having_sub, count(*) AS members FROM tb_member m
  WHERE m.fk_team IS NOT NULL GROUP BY m.fk_team
  HAVING count(*) >= (SELECT t.floor FROM tb_team t WHERE t.pk_team = m.fk_team);
COMMENT ON TABLE tv_having_sub IS 'subquery in HAVING, correlated on the group column';

SELECT kit.check_all();

-- the outer row changes: payload, what the subquery compares with, its key
UPDATE tb_team SET name = 'rot' WHERE pk_team = 1;
SELECT kit.check_all();
UPDATE tb_team SET floor = floor + 1 WHERE pk_team < 3;
SELECT kit.check_all();
UPDATE tb_team SET min_age = 45 WHERE pk_team = 2;
SELECT kit.check_all();
UPDATE tb_team SET pk_team = 9 WHERE pk_team = 3;
SELECT kit.check_all();

-- the inner rows change
UPDATE tb_member SET age = 50 WHERE pk_member = 1;
SELECT kit.check_all();
UPDATE tb_member SET age = NULL WHERE pk_member = 3;
SELECT kit.check_all();
UPDATE tb_skill SET level = level + 2 WHERE skill = 'c';
SELECT kit.check_all();
UPDATE tb_skill SET skill = 'c' WHERE skill = 'sql';
SELECT kit.check_all();
UPDATE tb_skill SET level = 0 WHERE fk_member = 1 AND skill = 'c';
SELECT kit.check_all();

-- inner rows move to another outer row, to none, and come from none
UPDATE tb_member SET fk_team = 2 WHERE pk_member = 2;
SELECT kit.check_all();
UPDATE tb_member SET fk_team = NULL WHERE pk_member = 1;
SELECT kit.check_all();
UPDATE tb_member SET fk_team = 1 WHERE fk_team IS NULL;
SELECT kit.check_all();
UPDATE tb_skill SET fk_member = 4 WHERE fk_member = 1;
SELECT kit.check_all();
UPDATE tb_ban SET fk_member = 1 WHERE fk_member = 3;
SELECT kit.check_all();
UPDATE tb_ban SET team_name = 'rot';
SELECT kit.check_all();

-- existence: the first comes, the last goes
INSERT INTO tb_skill VALUES (3, 'c', 9), (2, 'sql', 9);
SELECT kit.check_all();
DELETE FROM tb_skill WHERE fk_member = 5;
SELECT kit.check_all();
INSERT INTO tb_ban VALUES (5, 'green'), (77, 'rot');
SELECT kit.check_all();
DELETE FROM tb_ban WHERE fk_member = 2;
SELECT kit.check_all();
INSERT INTO tb_team VALUES (5, 'green', 1, 0);
SELECT kit.check_all();
INSERT INTO tb_member VALUES (6, 5, 'flo', 18), (77, 5, 'gil', 99), (8, 4, 'hal', 41);
SELECT kit.check_all();
DELETE FROM tb_team WHERE pk_team = 5;
SELECT kit.check_all();
DELETE FROM tb_member WHERE age = 99 OR pk_member = 2;
SELECT kit.check_all();

-- NOT IN: a NULL inside empties the TVIEW, its removal fills it again,
-- a NULL that becomes a value and back likewise
INSERT INTO tb_ban VALUES (NULL, 'blue');
SELECT count(*) FROM tv_not_in;
SELECT count(*) FILTER (WHERE banned), count(*) FILTER (WHERE NOT banned),
       count(*) FILTER (WHERE banned IS NULL) FROM tv_in_flag;
SELECT kit.check_all();
UPDATE tb_ban SET fk_member = 6 WHERE fk_member IS NULL;
SELECT pk_not_in FROM tv_not_in ORDER BY 1;
SELECT count(*) FILTER (WHERE banned), count(*) FILTER (WHERE NOT banned),
       count(*) FILTER (WHERE banned IS NULL) FROM tv_in_flag;
SELECT kit.check_all();
UPDATE tb_ban SET fk_member = NULL WHERE fk_member = 6;
SELECT count(*) FROM tv_not_in;
SELECT kit.check_all();
DELETE FROM tb_ban WHERE fk_member IS NULL;
SELECT kit.check_all();
-- with nothing inside NOT IN is true even for a NULL outside: member 30 has no team
INSERT INTO tb_member VALUES (30, NULL, 'ned', 30);
SELECT count(*) FROM tv_not_in_null WHERE pk_not_in_null = 30;
UPDATE tb_team SET floor = floor - 10;
SELECT count(*) FROM tv_not_in_null WHERE pk_not_in_null = 30;
SELECT kit.check_all();
UPDATE tb_team SET floor = floor + 10;
SELECT count(*) FROM tv_not_in_null WHERE pk_not_in_null = 30;
SELECT kit.check_all();
DELETE FROM tb_ban;
SELECT pk_not_in FROM tv_not_in ORDER BY 1;
SELECT kit.check_all();

-- ALL over nothing is true, over a NULL unknown
INSERT INTO tb_member VALUES (9, 9, 'ida', NULL);
UPDATE tb_team SET min_age = 1 WHERE pk_team = 9;
SELECT pk_all, adults FROM tv_all WHERE pk_all = 9;
SELECT kit.check_all();
DELETE FROM tb_member WHERE fk_team = 9;
SELECT pk_all, adults FROM tv_all WHERE pk_all = 9;
SELECT kit.check_all();

-- top N: a new first, the second leaves, ties, a value that overtakes
INSERT INTO tb_member VALUES (10, 1, 'jan', 70), (11, 1, 'kim', 60), (12, 1, 'lea', 60);
SELECT two_oldest FROM tv_top WHERE pk_top = 1;
SELECT kit.check_all();
UPDATE tb_member SET age = 80 WHERE pk_member = 12;
SELECT two_oldest FROM tv_top WHERE pk_top = 1;
SELECT kit.check_all();
DELETE FROM tb_member WHERE pk_member = 10;
SELECT two_oldest FROM tv_top WHERE pk_top = 1;
SELECT kit.check_all();

-- inside a transaction, inner before outer and outer before inner
BEGIN;
INSERT INTO tb_member VALUES (20, 20, 'zoe', 33);
INSERT INTO tb_skill VALUES (20, 'c', 7), (20, 'go', 8);
SELECT kit.check_all();
INSERT INTO tb_team VALUES (20, 'late', 0, 30);
SELECT kit.check_all();
UPDATE tb_team SET pk_team = 21 WHERE pk_team = 20;
UPDATE tb_member SET fk_team = 21 WHERE fk_team = 20;
INSERT INTO tb_ban VALUES (20, 'late');
SELECT kit.check_all();
DELETE FROM tb_skill WHERE fk_member = 20;
COMMIT;
SELECT kit.check_all();

TRUNCATE tb_skill, tb_ban;
SELECT kit.check_all();
TRUNCATE tb_member;
SELECT kit.check_all();
DELETE FROM tb_team;
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

DROP SCHEMA t_subs CASCADE;
