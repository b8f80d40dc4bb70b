DO $$ BEGIN
  FOR i IN 1..current_setting('bench.size')::int LOOP
    EXECUTE format('CREATE TABLE tv_item%s AS ', i) || rtrim(pg_get_viewdef(('document_' || i)::regclass), ';');
  END LOOP; END $$;
