-- The shop by row triggers: each rewrites the part of the document that its
-- columns make up.  It is not called when none of them has changed, nor even
-- looked at when none of them is set.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT d.*, now() AS updated_at,
    (SELECT coalesce(sum(rating), 0)::int FROM tb_review r WHERE r.fk_product = d.pk_product) AS ratings
  FROM document d;
ALTER TABLE stored ADD PRIMARY KEY (pk_product), ADD UNIQUE (id);

CREATE FUNCTION product_price() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = jsonb_set(data, '{price}', jsonb_build_object(
      'base', NEW.base_price, 'current', NEW.current_price, 'currency', NEW.currency,
      'discount_pct', round(100 - 100 * NEW.current_price / nullif(NEW.base_price, 0), 2))), updated_at = now()
    WHERE pk_product = NEW.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER price AFTER UPDATE OF base_price, current_price, currency
  ON tb_product FOR EACH ROW
  WHEN ((OLD.base_price, OLD.current_price, OLD.currency) IS DISTINCT FROM (NEW.base_price, NEW.current_price, NEW.currency))
  EXECUTE FUNCTION product_price();

CREATE FUNCTION product_texts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = data || jsonb_build_object('id', NEW.id, 'sku', NEW.sku, 'name', NEW.name,
      'description', NEW.description, 'status', NEW.status, 'created_at', NEW.created_at, 'updated_at', NEW.updated_at),
      id = NEW.id, updated_at = now()
    WHERE pk_product = NEW.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER texts AFTER UPDATE OF id, sku, name, description, status, created_at, updated_at
  ON tb_product FOR EACH ROW
  WHEN ((OLD.id, OLD.sku, OLD.name, OLD.description, OLD.status, OLD.created_at, OLD.updated_at)
    IS DISTINCT FROM (NEW.id, NEW.sku, NEW.name, NEW.description, NEW.status, NEW.created_at, NEW.updated_at))
  EXECUTE FUNCTION product_texts();

CREATE FUNCTION product_parents() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET fk_category = NEW.fk_category, updated_at = now(), data = data || jsonb_build_object(
      'category', (SELECT jsonb_build_object('id', c.id, 'pk', c.pk_category, 'name', c.name, 'slug', c.slug) FROM tb_category c WHERE pk_category = NEW.fk_category),
      'supplier', (SELECT jsonb_build_object('id', s.id, 'pk', s.pk_supplier,
      'name', s.name, 'email', s.contact_email, 'country', s.country) FROM tb_supplier s WHERE pk_supplier = NEW.fk_supplier))
    WHERE pk_product = NEW.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER parents AFTER UPDATE OF fk_category, fk_supplier
  ON tb_product FOR EACH ROW
  WHEN ((OLD.fk_category, OLD.fk_supplier) IS DISTINCT FROM (NEW.fk_category, NEW.fk_supplier))
  EXECUTE FUNCTION product_parents();

-- a new product has neither inventory nor reviews
CREATE FUNCTION product_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO stored SELECT NEW.id, NEW.pk_product, NEW.fk_category, jsonb_build_object('id', NEW.id, 'pk', NEW.pk_product, 'sku', NEW.sku,
      'name', NEW.name, 'description', NEW.description, 'price', jsonb_build_object('base', NEW.base_price, 'current', NEW.current_price, 'currency', NEW.currency,
      'discount_pct', round(100 - 100 * NEW.current_price / nullif(NEW.base_price, 0), 2)), 'status', NEW.status,
      'category', jsonb_build_object('id', c.id, 'pk', c.pk_category, 'name', c.name, 'slug', c.slug), 'supplier', CASE WHEN s.pk_supplier IS NOT NULL THEN jsonb_build_object('id', s.id, 'pk', s.pk_supplier,
      'name', s.name, 'email', s.contact_email, 'country', s.country) END,
      'inventory', NULL, 'reviews', '{"count": 0, "average_rating": null, "recent": []}'::jsonb,
      'created_at', NEW.created_at, 'updated_at', NEW.updated_at), now(), 0
    FROM tb_category c LEFT JOIN tb_supplier s ON s.pk_supplier = NEW.fk_supplier WHERE c.pk_category = NEW.fk_category;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_product FOR EACH ROW EXECUTE FUNCTION product_new();

CREATE FUNCTION product_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM stored WHERE pk_product = OLD.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_product FOR EACH ROW EXECUTE FUNCTION product_gone();

CREATE FUNCTION category_changed() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
  part jsonb = jsonb_build_object('id', NEW.id, 'pk', NEW.pk_category, 'name', NEW.name, 'slug', NEW.slug);
BEGIN
  UPDATE stored SET data = jsonb_set(data, '{category}', part), updated_at = now()
    FROM tb_product p WHERE p.fk_category = NEW.pk_category AND p.pk_product = stored.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF id, name, slug
  ON tb_category FOR EACH ROW
  WHEN ((OLD.id, OLD.name, OLD.slug) IS DISTINCT FROM (NEW.id, NEW.name, NEW.slug))
  EXECUTE FUNCTION category_changed();

CREATE FUNCTION supplier_changed() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
  part jsonb = jsonb_build_object('id', NEW.id, 'pk', NEW.pk_supplier, 'name', NEW.name, 'email', NEW.contact_email,
    'country', NEW.country);
BEGIN
  UPDATE stored SET data = jsonb_set(data, '{supplier}', part), updated_at = now()
    FROM tb_product p WHERE p.fk_supplier = NEW.pk_supplier AND p.pk_product = stored.pk_product;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF id, name, contact_email, country
  ON tb_supplier FOR EACH ROW
  WHEN ((OLD.id, OLD.name, OLD.contact_email, OLD.country) IS DISTINCT FROM (NEW.id, NEW.name, NEW.contact_email, NEW.country))
  EXECUTE FUNCTION supplier_changed();

CREATE FUNCTION inventory_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = jsonb_set(data, '{inventory}', jsonb_build_object('quantity', NEW.quantity, 'available', NEW.quantity - NEW.reserved,
      'in_stock', NEW.quantity > NEW.reserved, 'warehouse', NEW.warehouse_location)), updated_at = now()
    WHERE pk_product = NEW.fk_product;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_inventory FOR EACH ROW EXECUTE FUNCTION inventory_changed();
CREATE TRIGGER changed AFTER UPDATE OF quantity, reserved, warehouse_location
  ON tb_inventory FOR EACH ROW
  WHEN ((OLD.quantity, OLD.reserved, OLD.warehouse_location) IS DISTINCT FROM (NEW.quantity, NEW.reserved, NEW.warehouse_location))
  EXECUTE FUNCTION inventory_changed();

-- A review that is newer than all goes before them.  The average is made of a sum
-- of its own, for it cannot be told from the old one, rounded.
CREATE FUNCTION review_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET updated_at = now(), ratings = ratings + NEW.rating, data = jsonb_set(data, '{reviews}', jsonb_build_object(
      'count', (data #>> '{reviews,count}')::int + 1,
      'average_rating', round((ratings + NEW.rating)::numeric / ((data #>> '{reviews,count}')::int + 1), 2),
      'recent', (jsonb_build_array(jsonb_build_object('id', NEW.id, 'rating', NEW.rating, 'title', NEW.title,
        'content', NEW.content, 'verified', NEW.verified_purchase, 'created_at', NEW.created_at))
        || (data #> '{reviews,recent}')) - 5))
    WHERE pk_product = NEW.fk_product
      AND coalesce((data #>> '{reviews,recent,0,created_at}')::timestamptz < NEW.created_at, true);
  IF NOT FOUND THEN
    PERFORM reviews_anew(NEW.fk_product, NEW.rating);
  END IF;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_review FOR EACH ROW EXECUTE FUNCTION review_new();

CREATE FUNCTION reviews_anew(product int, more int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET updated_at = now(), ratings = ratings + more, data = jsonb_set(data, '{reviews}', (
      SELECT jsonb_build_object('count', count(*), 'average_rating', round(avg(r.rating), 2),
        'recent', coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rating', r.rating, 'title', r.title,
          'content', r.content, 'verified', r.verified_purchase, 'created_at', r.created_at) ORDER BY r.n)
          FILTER (WHERE r.n <= 5), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY created_at DESC, pk_review DESC) AS n
        FROM tb_review WHERE fk_product = product) r))
    WHERE pk_product = product;
  END $$;
CREATE FUNCTION review_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM reviews_anew(OLD.fk_product, -OLD.rating);
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_review FOR EACH ROW EXECUTE FUNCTION review_gone();

CREATE FUNCTION review_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF OLD.fk_product = NEW.fk_product THEN
    PERFORM reviews_anew(NEW.fk_product, NEW.rating - OLD.rating);
  ELSE
    PERFORM reviews_anew(NEW.fk_product, NEW.rating);
    PERFORM reviews_anew(OLD.fk_product, -OLD.rating);
  END IF;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF fk_product, id, rating, title, content, verified_purchase, created_at
  ON tb_review FOR EACH ROW
  WHEN ((OLD.fk_product, OLD.id, OLD.rating, OLD.title, OLD.content, OLD.verified_purchase, OLD.created_at) IS DISTINCT FROM
    (NEW.fk_product, NEW.id, NEW.rating, NEW.title, NEW.content, NEW.verified_purchase, NEW.created_at))
  EXECUTE FUNCTION review_changed();
