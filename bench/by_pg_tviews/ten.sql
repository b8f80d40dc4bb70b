DO $$ BEGIN
  FOR i IN 1..10 LOOP
    EXECUTE format('CREATE TABLE tv_item%s AS SELECT * FROM document_%1$s', i);
  END LOOP; END $$;
