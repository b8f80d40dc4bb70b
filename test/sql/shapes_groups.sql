--
-- Grouping: aggregates of every kind, HAVING, and documents nested to any depth
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_groups;
SET search_path = t_groups, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_shop (pk_shop int PRIMARY KEY, name text);
CREATE TABLE tb_order (pk_order int PRIMARY KEY, fk_shop int, customer text, status text);
CREATE TABLE tb_line (pk_line int PRIMARY KEY, fk_order int, fk_product int, qty int,
                      price numeric(8,2));
CREATE TABLE tb_product (pk_product int PRIMARY KEY, label text, tags text[]);

INSERT INTO tb_shop VALUES (1, 'North'), (2, 'South'), (3, 'Empty');
INSERT INTO tb_order VALUES (1, 1, 'ann', 'open'), (2, 1, 'bob', 'paid'),
                            (3, 2, 'ann', 'open'), (4, NULL, 'cem', NULL);
INSERT INTO tb_product VALUES (1, 'tea', '{hot,leaf}'), (2, 'ice', '{cold}'), (3, 'bun', NULL);
INSERT INTO tb_line VALUES (1, 1, 1, 2, 3.50), (2, 1, 2, 1, 1.00), (3, 2, 3, 5, 0.90),
                           (4, 3, 1, NULL, 3.50), (5, NULL, 2, 1, 1.10);

CREATE TABLE tv_totals AS
  SELECT o.pk_order AS pk_totals, o.customer, count(l.pk_line) AS lines,
         sum(l.qty * l.price) AS total, min(l.price) AS cheapest, max(l.qty) AS most,
         avg(l.price) AS mean, bool_or(l.qty IS NULL) AS gaps
  FROM tb_order o LEFT JOIN tb_line l ON l.fk_order = o.pk_order
  GROUP BY o.pk_order;
COMMENT ON TABLE tv_totals IS 'GROUP BY the key, plain aggregates over a left join';

CREATE TABLE tv_filtered AS
  SELECT o.pk_order AS pk_filtered,
         count(*) FILTER (WHERE l.qty > 1) AS big,
         count(DISTINCT l.fk_product) AS kinds,
         string_agg(p.label, ',' ORDER BY p.label DESC, l.pk_line) AS labels,
         array_agg(DISTINCT p.label ORDER BY p.label) FILTER (WHERE p.label <> 'bun') AS drinks
  FROM tb_order o JOIN tb_line l ON l.fk_order = o.pk_order
                  LEFT JOIN tb_product p ON p.pk_product = l.fk_product
  GROUP BY o.pk_order;
COMMENT ON TABLE tv_filtered IS 'aggregates with FILTER, DISTINCT and ORDER BY';

CREATE TABLE tv_having AS
  SELECT fk_shop AS pk_having, count(*) AS orders, array_agg(customer ORDER BY pk_order) AS who
  FROM tb_order WHERE fk_shop IS NOT NULL
  GROUP BY fk_shop HAVING count(*) > 1 OR bool_and(status = 'paid');
COMMENT ON TABLE tv_having IS 'HAVING: groups come and go';

CREATE TABLE tv_by_customer AS
  SELECT o.customer AS pk_by_customer, sum(l.qty) AS qty,
         string_agg(DISTINCT s.name, '/' ORDER BY s.name) AS shops
  FROM tb_order o LEFT JOIN tb_line l ON l.fk_order = o.pk_order
                  LEFT JOIN tb_shop s ON s.pk_shop = o.fk_shop
  GROUP BY o.customer;
COMMENT ON TABLE tv_by_customer IS 'the group column of one table is the key, no table has it as its own';

CREATE TABLE tv_expression AS
  SELECT upper(left(p.label, 1)) AS pk_expression, count(*) AS products,
         coalesce(sum(l.qty), 0) AS sold
  FROM tb_product p LEFT JOIN tb_line l ON l.fk_product = p.pk_product
  GROUP BY upper(left(p.label, 1));
COMMENT ON TABLE tv_expression IS 'GROUP BY an expression, which is the key';

CREATE TABLE tv_ordered_set AS
  SELECT o.fk_shop AS pk_ordered_set,
         percentile_disc(0.5) WITHIN GROUP (ORDER BY l.price) AS median,
         mode() WITHIN GROUP (ORDER BY l.fk_product) AS favourite
  FROM tb_order o JOIN tb_line l ON l.fk_order = o.pk_order
  WHERE o.fk_shop IS NOT NULL GROUP BY 1;
COMMENT ON TABLE tv_ordered_set IS 'ordered-set aggregates';

CREATE TABLE tv_pair AS
  SELECT s.pk_shop AS pk_pair, t.qty, t.lines
  FROM tb_shop s JOIN (SELECT o.fk_shop, sum(l.qty) AS qty, count(*) AS lines
                       FROM tb_order o JOIN tb_line l ON l.fk_order = o.pk_order
                       GROUP BY o.fk_shop) t ON t.fk_shop = s.pk_shop;
COMMENT ON TABLE tv_pair IS 'grouped subquery joined on its group column';

CREATE TABLE tv_map AS
  SELECT s.pk_shop AS pk_map, coalesce(m.by_customer, '{}') AS by_customer
  FROM tb_shop s LEFT JOIN (
    SELECT fk_shop, jsonb_object_agg(customer, n) AS by_customer
    FROM (SELECT fk_shop, customer, count(*) AS n FROM tb_order GROUP BY fk_shop, customer) c
    GROUP BY fk_shop) m ON m.fk_shop = s.pk_shop;
COMMENT ON TABLE tv_map IS 'aggregate of an aggregate, jsonb_object_agg';

-- shop > orders > lines > product: each level is an array inside the one above
CREATE TABLE tv_shop AS
  SELECT s.pk_shop, jsonb_build_object(
    'name', s.name,
    'orders', coalesce((
      SELECT jsonb_agg(jsonb_build_object(
               'customer', o.customer,
               'status', o.status,
               'lines', (SELECT jsonb_agg(jsonb_build_object(
                                  'qty', l.qty, 'price', l.price,
                                  'product', jsonb_build_object('label', p.label, 'tags', p.tags))
                                ORDER BY l.pk_line)
                         FROM tb_line l LEFT JOIN tb_product p ON p.pk_product = l.fk_product
                         WHERE l.fk_order = o.pk_order))
             ORDER BY o.pk_order)
      FROM tb_order o WHERE o.fk_shop = s.pk_shop), '[]')) AS data
  FROM tb_shop s;
COMMENT ON TABLE tv_shop IS 'document nested three deep by correlated subqueries';

CREATE TABLE tv_tree AS
  SELECT s.pk_shop AS pk_tree, s.name, coalesce(jsonb_agg(x.doc ORDER BY x.pk_order)
                                                FILTER (WHERE x.doc IS NOT NULL), '[]') AS data
  FROM tb_shop s LEFT JOIN (
    SELECT o.pk_order, o.fk_shop,
           jsonb_build_object('who', o.customer,
                              'items', array_agg(p.label ORDER BY l.pk_line)) AS doc
    FROM tb_order o JOIN tb_line l ON l.fk_order = o.pk_order
                    LEFT JOIN tb_product p ON p.pk_product = l.fk_product
    GROUP BY o.pk_order) x ON x.fk_shop = s.pk_shop
  GROUP BY s.pk_shop;
COMMENT ON TABLE tv_tree IS 'document nested by grouped subqueries';

SELECT kit.check_all();

-- the whole document of one shop
SELECT jsonb_pretty(data) FROM tv_shop WHERE pk_shop = 2;

-- the order inside an array, and back
UPDATE tb_line SET pk_line = 100 - pk_line;
SELECT kit.check_all();
UPDATE tb_line SET pk_line = 100 - pk_line;
SELECT kit.check_all();

-- aggregated payload
UPDATE tb_line SET qty = qty + 10 WHERE pk_line = 1;
SELECT kit.check_all();
UPDATE tb_line SET price = 0.10 WHERE pk_line IN (2, 4);
SELECT kit.check_all();
UPDATE tb_product SET label = 'cake' WHERE pk_product = 3;
SELECT kit.check_all();
UPDATE tb_product SET tags = '{sweet,"two words"}' WHERE pk_product = 3;
SELECT kit.check_all();
UPDATE tb_order SET status = 'paid' WHERE pk_order = 3;
SELECT kit.check_all();

-- children move from group to group, out of every group, and back
UPDATE tb_line SET fk_order = 2 WHERE pk_line = 1;
SELECT kit.check_all();
UPDATE tb_line SET fk_order = NULL WHERE pk_line = 3;
SELECT kit.check_all();
UPDATE tb_line SET fk_order = 4 WHERE fk_order IS NULL;
SELECT kit.check_all();
UPDATE tb_line SET fk_product = 2 WHERE fk_product = 1;
SELECT kit.check_all();
UPDATE tb_order SET fk_shop = 2 WHERE pk_order = 1;
SELECT kit.check_all();
UPDATE tb_order SET fk_shop = 3 WHERE fk_shop IS NULL;
SELECT kit.check_all();
UPDATE tb_order SET customer = 'ann' WHERE customer = 'bob';
SELECT kit.check_all();

-- groups appear with their first member and go with their last
INSERT INTO tb_order VALUES (5, 1, 'dia', 'paid'), (6, 1, 'dia', 'open');
SELECT kit.check_all();
INSERT INTO tb_line VALUES (6, 5, 1, 1, 9.99), (7, 5, 3, 1, 0.01), (8, 6, 2, 2, 2.00);
SELECT kit.check_all();
DELETE FROM tb_line WHERE pk_line = 8;
SELECT kit.check_all();
DELETE FROM tb_line WHERE fk_order = 5;
SELECT kit.check_all();
DELETE FROM tb_order WHERE customer = 'dia';
SELECT kit.check_all();
DELETE FROM tb_order WHERE fk_shop = 3;
SELECT kit.check_all();
DELETE FROM tb_product WHERE pk_product = 2;
SELECT kit.check_all();

-- groups defined by an expression: rows change group without a join
INSERT INTO tb_product VALUES (4, 'toast', '{}');
SELECT kit.check_all();
UPDATE tb_product SET label = 'brioche' WHERE pk_product = 4;
SELECT kit.check_all();
UPDATE tb_product SET label = 'xylitol' WHERE pk_product = 4;
SELECT kit.check_all();

-- keys change: the parent's, the child's, the middle's
UPDATE tb_shop SET pk_shop = 20 WHERE pk_shop = 2;
SELECT kit.check_all();
UPDATE tb_order SET fk_shop = 20 WHERE fk_shop = 2;
SELECT kit.check_all();
UPDATE tb_order SET pk_order = 30 WHERE pk_order = 3;
UPDATE tb_line SET fk_order = 30 WHERE fk_order = 3;
SELECT kit.check_all();

-- several levels in one transaction, read in between
BEGIN;
INSERT INTO tb_shop VALUES (7, 'Seven');
INSERT INTO tb_order VALUES (7, 7, 'eve', 'open');
SELECT kit.check_all();
INSERT INTO tb_line VALUES (70, 7, 1, 7, 7.00), (71, 7, 3, 8, 8.00);
UPDATE tb_product SET label = 'mate' WHERE pk_product = 1;
SELECT kit.check_all();
UPDATE tb_line SET fk_order = 30 WHERE pk_line = 70;
DELETE FROM tb_order WHERE pk_order = 7;
SELECT kit.check_all();
UPDATE tb_order SET fk_shop = 7, customer = 'eve' WHERE pk_order = 30;
COMMIT;
SELECT kit.check_all();

-- rolled back, with and without a look before
BEGIN;
UPDATE tb_line SET fk_order = 2;
SELECT kit.check_all();
ROLLBACK;
SELECT kit.check_all();
BEGIN;
UPDATE tb_line SET fk_order = 2, qty = 0;
ROLLBACK;
SELECT kit.check_all();

-- every child goes, then every parent
DELETE FROM tb_line;
SELECT kit.check_all();
DELETE FROM tb_order;
SELECT kit.check_all();
DELETE FROM tb_shop;
DELETE FROM tb_product;
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

DROP SCHEMA t_groups CASCADE;
