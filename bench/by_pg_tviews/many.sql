DO $$ BEGIN
  FOR i IN 1..current_setting('bench.size')::int LOOP
    EXECUTE format('CREATE TABLE tv_item%s AS SELECT * FROM document_%1$s', i);
  END LOOP; END $$;
