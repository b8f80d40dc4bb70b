CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_item);
CREATE FUNCTION item_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = jsonb_build_object('name', NEW.name, 'price', NEW.price), updated_at = now() WHERE pk_item = NEW.pk_item;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name, price ON tb_item FOR EACH ROW
  WHEN ((OLD.name, OLD.price) IS DISTINCT FROM (NEW.name, NEW.price)) EXECUTE FUNCTION item_changed();
