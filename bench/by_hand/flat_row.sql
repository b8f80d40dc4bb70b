-- The join by row triggers.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_product);
CREATE FUNCTION product_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET name = NEW.name, price = NEW.price, updated_at = now() WHERE pk_product = NEW.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name, price ON tb_product FOR EACH ROW
  WHEN ((OLD.name, OLD.price) IS DISTINCT FROM (NEW.name, NEW.price)) EXECUTE FUNCTION product_changed();

CREATE FUNCTION product_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO stored SELECT NEW.pk_product, NEW.name, NEW.price, c.name, s.name, now()
    FROM tb_category c, tb_supplier s WHERE c.pk_category = NEW.fk_category AND s.pk_supplier = NEW.fk_supplier;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_product FOR EACH ROW EXECUTE FUNCTION product_new();

CREATE FUNCTION product_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM stored WHERE pk_product = OLD.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_product FOR EACH ROW EXECUTE FUNCTION product_gone();

CREATE FUNCTION supplier_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored s SET supplier = NEW.name, updated_at = now()
    FROM tb_product p WHERE p.fk_supplier = NEW.pk_supplier AND p.pk_product = s.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name ON tb_supplier FOR EACH ROW
  WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION supplier_changed();
