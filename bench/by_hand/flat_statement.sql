-- The join by statement triggers; the text is parsed each time as in shop_statement.sql.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_product);
CREATE FUNCTION product_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored s SET name = n.name, price = n.price, updated_at = now()
    FROM old_rows o JOIN new_rows n ON n.pk_product = o.pk_product
    WHERE s.pk_product = n.pk_product AND (o.name, o.price) IS DISTINCT FROM (n.name, n.price) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION product_changed();

CREATE FUNCTION product_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO stored SELECT n.pk_product, n.name, n.price, c.name, s.name, now()
    FROM new_rows n JOIN tb_category c ON c.pk_category = n.fk_category JOIN tb_supplier s ON s.pk_supplier = n.fk_supplier;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION product_new();

CREATE FUNCTION product_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ DELETE FROM stored s USING old_rows o WHERE s.pk_product = o.pk_product $q$;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION product_gone();

CREATE FUNCTION supplier_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored s SET supplier = n.name, updated_at = now()
    FROM old_rows o JOIN new_rows n ON n.pk_supplier = o.pk_supplier JOIN tb_product p ON p.fk_supplier = n.pk_supplier
    WHERE p.pk_product = s.pk_product AND o.name IS DISTINCT FROM n.name $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_supplier REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION supplier_changed();
