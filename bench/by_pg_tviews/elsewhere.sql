DO $$ BEGIN
  FOR i IN 1..current_setting('bench.size')::int LOOP
    EXECUTE format('CREATE TABLE tb_other%s (pk_other%1$s int PRIMARY KEY, name text)', i);
    EXECUTE format('CREATE TABLE tv_other%s AS SELECT pk_other%1$s, name FROM tb_other%1$s', i);
  END LOOP; END $$;
DO $$ BEGIN EXECUTE 'CREATE TABLE tv_item AS ' || rtrim(pg_get_viewdef('document'::regclass), ';'); END $$;
