-- Customers with what their five orders amount to, grouped in a subquery that is
-- joined.  bench.size is the number of customers.
CREATE TABLE tb_customer (pk_customer int PRIMARY KEY, name text NOT NULL);
CREATE TABLE tb_order (pk_order int PRIMARY KEY, fk_customer int NOT NULL REFERENCES tb_customer, amount int NOT NULL);
INSERT INTO tb_customer SELECT i, 'Customer ' || i FROM generate_series(1, current_setting('bench.size')::int) i;
INSERT INTO tb_order SELECT i, 1 + i % current_setting('bench.size')::int, i % 1000
  FROM generate_series(1, 5 * current_setting('bench.size')::int) i;
CREATE INDEX ON tb_order (fk_customer);
CREATE VIEW document AS SELECT c.pk_customer, jsonb_build_object('name', c.name, 'orders', coalesce(o.orders, 0),
    'amount', coalesce(o.amount, 0)) AS data
  FROM tb_customer c LEFT JOIN (SELECT fk_customer, count(*) AS orders, sum(amount) AS amount FROM tb_order GROUP BY fk_customer) o
    ON o.fk_customer = c.pk_customer;
