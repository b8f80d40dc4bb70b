-- All tables by one row trigger.
DO $$ DECLARE body text = ''; BEGIN
  FOR i IN 1..current_setting('bench.size')::int LOOP
    EXECUTE format('CREATE TABLE stored_%s WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document_%1$s', i);
    EXECUTE format('ALTER TABLE stored_%s ADD PRIMARY KEY (pk_item%1$s)', i);
    body = body || format('UPDATE stored_%s SET updated_at = now(), data = jsonb_build_object(''pk'', NEW.pk_item, ''name'', NEW.name,
      ''price%1$s'', NEW.price, ''kind'', %1$s) WHERE pk_item%1$s = NEW.pk_item;', i);
  END LOOP;
  EXECUTE format('CREATE FUNCTION item_changed() RETURNS trigger LANGUAGE plpgsql AS %L', 'BEGIN ' || body || ' RETURN NULL; END');
END $$;
CREATE TRIGGER changed AFTER UPDATE OF name, price ON tb_item FOR EACH ROW
  WHEN ((OLD.name, OLD.price) IS DISTINCT FROM (NEW.name, NEW.price)) EXECUTE FUNCTION item_changed();
