CREATE TABLE stored AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_product);
CREATE FUNCTION product_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET name = NEW.name, price = NEW.price, updated_at = now() WHERE pk_product = NEW.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name, price ON tb_product FOR EACH ROW
  WHEN ((OLD.name, OLD.price) IS DISTINCT FROM (NEW.name, NEW.price)) EXECUTE FUNCTION product_changed();
