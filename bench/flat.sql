-- A join without documents, which pg_ivm accepts.  bench.size is the number of rows.
CREATE TABLE tb_category (pk_category int PRIMARY KEY, name text NOT NULL);
CREATE TABLE tb_supplier (pk_supplier int PRIMARY KEY, name text NOT NULL);
CREATE TABLE tb_product (pk_product int PRIMARY KEY, fk_category int NOT NULL REFERENCES tb_category,
  fk_supplier int NOT NULL REFERENCES tb_supplier, name text NOT NULL, price int NOT NULL);
INSERT INTO tb_category SELECT i, 'Category ' || i FROM generate_series(1, 100) i;
INSERT INTO tb_supplier SELECT i, 'Supplier ' || i FROM generate_series(1, 50) i;
INSERT INTO tb_product SELECT i, 1 + i % 100, 1 + i % 50, 'Product ' || i, i % 1000
  FROM generate_series(1, current_setting('bench.size')::int) i;
CREATE INDEX ON tb_product (fk_category);
CREATE INDEX ON tb_product (fk_supplier);
CREATE VIEW document AS SELECT p.pk_product, p.name, p.price, c.name AS category, s.name AS supplier
  FROM tb_product p JOIN tb_category c ON c.pk_category = p.fk_category JOIN tb_supplier s ON s.pk_supplier = p.fk_supplier;
