-- A thousand rows, and bench.size different documents of each.
CREATE TABLE tb_item (pk_item int PRIMARY KEY, name text NOT NULL, price int NOT NULL);
INSERT INTO tb_item SELECT i, 'Item ' || i, i % 1000 FROM generate_series(1, 1000) i;
DO $$ BEGIN
  FOR i IN 1..current_setting('bench.size')::int LOOP
    EXECUTE format('CREATE VIEW document_%s AS SELECT pk_item AS pk_item%1$s, jsonb_build_object(''pk'', pk_item, ''name'', name,
      ''price%1$s'', price, ''kind'', %1$s) AS data FROM tb_item', i);
  END LOOP; END $$;
