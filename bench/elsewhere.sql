-- A thousand rows with one document each; bench.size is the number of TVIEWs on
-- other tables of the database.
CREATE TABLE tb_item (pk_item int PRIMARY KEY, name text NOT NULL, price int NOT NULL);
INSERT INTO tb_item SELECT i, 'Item ' || i, i % 1000 FROM generate_series(1, 1000) i;
CREATE VIEW document AS SELECT pk_item, jsonb_build_object('name', name, 'price', price) AS data FROM tb_item;
