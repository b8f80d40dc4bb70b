--
-- Sources that have no route to the key: the TVIEW is refreshed in full when
-- they change, and still by key when its other sources do
--
CREATE SCHEMA t_full;
SET search_path = t_full, public;
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
-- of messages show only that there is one
\set VERBOSITY sqlstate

CREATE TABLE tb_item (pk_item int PRIMARY KEY, fk_parent int, label text, price numeric, qty int);
CREATE TABLE tb_rate (pct numeric);
CREATE TABLE tb_flag (name text, is_on boolean);
INSERT INTO tb_item VALUES (1, NULL, 'a', 1.00, 5), (2, 1, 'b', 2.00, 3), (3, 2, 'c', 3.00, NULL),
                           (4, NULL, 'd', 4.00, 3);
INSERT INTO tb_rate VALUES (10), (20);
INSERT INTO tb_flag VALUES ('show', true);

-- a warning for each of these
CREATE TABLE tv_scalar AS
  SELECT pk_item AS pk_scalar, price * (SELECT max(pct) FROM tb_rate) AS price FROM tb_item;
COMMENT ON TABLE tv_scalar IS 'uncorrelated scalar subquery';
CREATE TABLE tv_cross AS
  SELECT i.pk_item AS pk_cross, i.label, f.is_on FROM tb_item i CROSS JOIN tb_flag f WHERE f.name = 'show';
COMMENT ON TABLE tv_cross IS 'cross join';
CREATE TABLE tv_switch AS
  SELECT pk_item AS pk_switch, label FROM tb_item WHERE EXISTS (SELECT FROM tb_flag WHERE is_on);
COMMENT ON TABLE tv_switch IS 'uncorrelated EXISTS';
CREATE TABLE tv_limit AS
  SELECT pk_item AS pk_limit, label FROM tb_item ORDER BY price DESC, pk_item LIMIT 2;
COMMENT ON TABLE tv_limit IS 'LIMIT at the top';
CREATE TABLE tv_window AS
  SELECT pk_item AS pk_window, rank() OVER (ORDER BY price DESC) AS place FROM tb_item;
COMMENT ON TABLE tv_window IS 'window without PARTITION BY';
CREATE TABLE tv_tree AS
  WITH RECURSIVE up AS (SELECT pk_item, fk_parent, label AS path FROM tb_item WHERE fk_parent IS NULL
                        UNION ALL
                        SELECT i.pk_item, i.fk_parent, up.path || '/' || i.label
                        FROM tb_item i JOIN up ON up.pk_item = i.fk_parent)
  SELECT pk_item AS pk_tree, path FROM up;
COMMENT ON TABLE tv_tree IS 'recursive CTE';
CREATE TABLE tv_row_number AS
  SELECT row_number() OVER (ORDER BY label) AS pk_row_number, label FROM tb_item;
COMMENT ON TABLE tv_row_number IS 'the key itself is a window function';

-- these may be refreshed by key or in full: only the result counts, so no warning is shown
SET pg_tviews.on_full_refresh = 'allow';
CREATE TABLE tv_total AS
  SELECT 1 AS pk_total, count(*) AS items, sum(qty) AS qty FROM tb_item;
CREATE TABLE tv_sets AS
  SELECT coalesce(fk_parent, -1) || ':' || coalesce(label, '(all)') AS pk_sets, count(*) AS items
  FROM tb_item WHERE label IS NOT NULL GROUP BY GROUPING SETS ((coalesce(fk_parent, -1), label), (coalesce(fk_parent, -1)));
CREATE TABLE tv_aggregate_key AS
  SELECT n AS pk_aggregate_key, count(*) AS parents
  FROM (SELECT fk_parent, count(*) AS n FROM tb_item GROUP BY fk_parent) x GROUP BY n;
CREATE TABLE tv_all AS
  SELECT pk_item AS pk_all, price >= ALL (SELECT pct / 10 FROM tb_rate) AS above_all,
         price < ANY (SELECT pct / 10 FROM tb_rate) AS below_any,
         price <> ALL (SELECT pct / 10 FROM tb_rate) AS none,
         NOT (price = ANY (SELECT pct / 10 FROM tb_rate)) AS none_too
  FROM tb_item;
CREATE TABLE tv_full_zero AS
  SELECT coalesce(i.pk_item, 0) || '-' || coalesce(r.pct, 0) AS pk_full_zero, i.label
  FROM tb_item i FULL JOIN tb_rate r ON r.pct = i.price * 10;
CREATE TABLE tv_percent AS
  SELECT fk_parent AS pk_percent, round(sum(price) / (SELECT sum(price) FROM tb_item), 4) AS share
  FROM tb_item WHERE fk_parent IS NOT NULL GROUP BY fk_parent;
CREATE TABLE tv_ties AS
  SELECT pk_item AS pk_ties, qty FROM tb_item WHERE qty IS NOT NULL ORDER BY qty FETCH FIRST 1 ROW WITH TIES;
CREATE TABLE tv_min AS
  SELECT i.pk_item AS pk_min, i.label FROM tb_item i
  WHERE i.price > (SELECT avg(j.price) FROM tb_item j) AND i.qty = (SELECT min(qty) FROM tb_item);
SELECT kit.check_all();

-- the source without a route
UPDATE tb_rate SET pct = 30 WHERE pct = 20;
SELECT kit.check_all();
INSERT INTO tb_rate VALUES (40);
SELECT kit.check_all();
INSERT INTO tb_rate VALUES (NULL);
SELECT kit.check_all();
DELETE FROM tb_rate;
SELECT kit.check_all();
INSERT INTO tb_rate VALUES (25);
UPDATE tb_flag SET is_on = NOT is_on;
SELECT kit.check_all();
INSERT INTO tb_flag VALUES ('other', true);
SELECT kit.check_all();
DELETE FROM tb_flag WHERE name = 'show';
SELECT kit.check_all();
UPDATE tb_flag SET name = 'show';
SELECT kit.check_all();

-- the other one
UPDATE tb_item SET price = 2.50 WHERE pk_item = 1;
SELECT kit.check_all();
UPDATE tb_item SET fk_parent = 4 WHERE pk_item = 2;
SELECT kit.check_all();
UPDATE tb_item SET label = upper(label) WHERE pk_item = 4;
SELECT kit.check_all();
UPDATE tb_item SET qty = 2 WHERE qty IS NULL;
SELECT kit.check_all();
INSERT INTO tb_item VALUES (5, 3, 'e', 9.99, 2), (6, 6, 'own parent', 0, 1);
SELECT kit.check_all();
UPDATE tb_item SET pk_item = 40 WHERE pk_item = 4;
SELECT kit.check_all();
UPDATE tb_item SET fk_parent = 40 WHERE fk_parent = 4;
SELECT kit.check_all();
DELETE FROM tb_item WHERE pk_item = 2;
SELECT kit.check_all();

-- both in one transaction, also taken back
BEGIN;
UPDATE tb_rate SET pct = 99.9;
SELECT kit.check_all();
UPDATE tb_item SET price = price + 1, label = label || '?';
SELECT kit.check_all();
SAVEPOINT a;
DELETE FROM tb_flag;
DELETE FROM tb_rate;
SELECT kit.check_all();
ROLLBACK TO a;
SELECT kit.check_all();
INSERT INTO tb_item VALUES (7, 40, 'g', 7, 7);
COMMIT;
SELECT kit.check_all();
TRUNCATE tb_rate;
SELECT kit.check_all();
TRUNCATE tb_item;
SELECT kit.check_all();

-- partitions whose rows are not found by the value of a changed row
CREATE TABLE tb_here (pk_here int PRIMARY KEY, g int, fk_far int);
CREATE TABLE tb_there (pk_there int PRIMARY KEY, g int);
CREATE TABLE tb_sum (k int, n numeric NOT NULL);
INSERT INTO tb_here VALUES (1, 1, 1), (2, 1, 1);
INSERT INTO tb_there VALUES (11, 1), (12, 2);
INSERT INTO tb_sum VALUES (1, 1.0), (2, 1.0);
CREATE TABLE tv_both AS
  SELECT id AS pk_both, g, count(*) OVER (PARTITION BY g) AS n
  FROM (SELECT pk_here AS id, g FROM tb_here UNION ALL SELECT pk_there, g FROM tb_there) x;
COMMENT ON TABLE tv_both IS 'window over a UNION of tables';
CREATE TABLE tv_first AS
  SELECT DISTINCT ON (g) id AS pk_first, g
  FROM (SELECT pk_here AS id, g FROM tb_here UNION ALL SELECT pk_there, g FROM tb_there) x ORDER BY g, id DESC;
COMMENT ON TABLE tv_first IS 'DISTINCT ON over a UNION of tables, the key is of the row that is chosen';
CREATE TABLE tv_across AS
  SELECT x.id AS pk_across, h.g, count(*) OVER (PARTITION BY h.g) AS n
  FROM (SELECT pk_here AS id, fk_far FROM tb_here UNION ALL SELECT pk_there, g FROM tb_there) x
    JOIN tb_here h ON h.pk_here = x.fk_far;
COMMENT ON TABLE tv_across IS 'window over what a UNION is joined with';
CREATE TABLE tv_hidden AS
  SELECT DISTINCT ON (t.g) t.pk_there AS pk_hidden, count(*) OVER (PARTITION BY t.g) AS n
  FROM tb_here h LEFT JOIN tb_there t ON t.pk_there = h.fk_far + 10 ORDER BY t.g, t.pk_there;
COMMENT ON TABLE tv_hidden IS 'window that counts rows without a key, which DISTINCT ON hides';
CREATE TABLE tv_digits AS
  SELECT k AS pk_digits, n, sum(count(*)) OVER (PARTITION BY n::text) AS s FROM tb_sum GROUP BY k, n;
COMMENT ON TABLE tv_digits IS 'window by the text of a number that rows are grouped by';
CREATE TABLE tv_digits_below AS
  SELECT k AS pk_digits_below, c, sum(c) OVER (PARTITION BY n + 0, n::text) AS s
  FROM (SELECT k, n, count(*) AS c FROM tb_sum GROUP BY k, n) x;
COMMENT ON TABLE tv_digits_below IS 'the same of a subquery';
SELECT kit.check_all();
UPDATE tb_there SET g = NULL WHERE pk_there = 11;
SELECT kit.check_all();
INSERT INTO tb_here VALUES (3, 2, 5);
SELECT kit.check_all();
UPDATE tb_there SET g = 1 WHERE pk_there = 12;
SELECT kit.check_all();
UPDATE tb_here SET g = 2 WHERE pk_here = 1;
SELECT kit.check_all();
INSERT INTO tb_sum VALUES (1, 1.00);
SELECT kit.check_all();
DELETE FROM tb_there WHERE pk_there = 12;
DELETE FROM tb_here WHERE pk_here = 3;
SELECT kit.check_all();

-- which sources are meant: those without a route, no other
SELECT m.entity, obj_description(m.tview, 'pg_class'), count(*) FILTER (WHERE e.strategy = 'full') > 0
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
WHERE obj_description(m.tview, 'pg_class') IS NOT NULL GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";
SELECT e.source LIKE '%tb_item%', e.strategy = 'full' FROM pg_tviews_explain('tv_scalar') e ORDER BY 1;
SELECT e.source LIKE '%tb_item%', e.strategy = 'full' FROM pg_tviews_explain('tv_cross') e ORDER BY 1;

-- pg_tviews.on_full_refresh: an error creates nothing
SET pg_tviews.on_full_refresh = 'error';
CREATE TABLE tv_refused AS
  SELECT pk_item AS pk_refused, price * (SELECT max(pct) FROM tb_rate) AS price FROM tb_item;
SELECT pg_tviews_create('tv_refused', 'SELECT i.pk_item AS pk_refused FROM tb_item i, tb_rate r');
SELECT to_regclass('tv_refused'), to_regclass('v_refused');
-- ... and is no obstacle where every source has a route
CREATE TABLE tv_by_key AS SELECT pk_item AS pk_by_key, label FROM tb_item;
SET pg_tviews.on_full_refresh = 'allow';
SELECT pg_tviews_create('tv_allowed', 'SELECT DISTINCT i.pk_item AS pk_allowed FROM tb_item i, tb_rate r');
RESET pg_tviews.on_full_refresh;
INSERT INTO tb_item VALUES (1, NULL, 'again', 1, 1);
INSERT INTO tb_rate VALUES (1), (2);
SELECT kit.check_all();
-- the setting speaks at creation only
SET pg_tviews.on_full_refresh = 'error';
INSERT INTO tb_rate VALUES (3);
SELECT kit.check_all();
SET pg_tviews.on_full_refresh = 'sometimes';
RESET pg_tviews.on_full_refresh;

DROP SCHEMA t_full CASCADE;
