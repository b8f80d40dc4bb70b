-- The shop by statement triggers with transition tables: one UPDATE for all
-- rows of a statement, which leaves alone those that have not changed.  Its text is
-- parsed each time, because how many rows a transition table has is looked up then:
-- a query first run for one row would join a thousand with nested loops for ever.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_product), ADD UNIQUE (id);

CREATE FUNCTION product_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET data = jsonb_set(data, '{price}', jsonb_build_object('base', n.base_price, 'current', n.current_price, 'currency', n.currency,
      'discount_pct', round(100 - 100 * n.current_price / nullif(n.base_price, 0), 2))), updated_at = now()
    FROM old_rows o JOIN new_rows n ON n.pk_product = o.pk_product
    WHERE n.pk_product = stored.pk_product
      AND (o.base_price, o.current_price, o.currency) IS DISTINCT FROM (n.base_price, n.current_price, n.currency) $q$;
  EXECUTE $q$ UPDATE stored SET id = n.id, fk_category = n.fk_category, updated_at = now(), data = data || jsonb_build_object('id', n.id,
      'sku', n.sku, 'name', n.name, 'description', n.description, 'status', n.status, 'created_at', n.created_at,
      'updated_at', n.updated_at, 'category', jsonb_build_object('id', c.id, 'pk', c.pk_category, 'name', c.name, 'slug', c.slug), 'supplier', CASE WHEN s.pk_supplier IS NOT NULL THEN jsonb_build_object('id', s.id, 'pk', s.pk_supplier,
      'name', s.name, 'email', s.contact_email, 'country', s.country) END)
    FROM old_rows o JOIN new_rows n ON n.pk_product = o.pk_product JOIN tb_category c ON c.pk_category = n.fk_category
      LEFT JOIN tb_supplier s ON s.pk_supplier = n.fk_supplier
    WHERE n.pk_product = stored.pk_product
      AND (o.id, o.sku, o.name, o.description, o.status, o.created_at, o.updated_at, o.fk_category, o.fk_supplier)
        IS DISTINCT FROM (n.id, n.sku, n.name, n.description, n.status, n.created_at, n.updated_at, n.fk_category, n.fk_supplier) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION product_changed();

-- A new product has neither inventory nor reviews.  Nested loops are right for any
-- number of these.
CREATE FUNCTION product_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO stored SELECT n.id, n.pk_product, n.fk_category, jsonb_build_object('id', n.id, 'pk', n.pk_product, 'sku', n.sku,
      'name', n.name, 'description', n.description, 'price', jsonb_build_object('base', n.base_price, 'current', n.current_price, 'currency', n.currency,
      'discount_pct', round(100 - 100 * n.current_price / nullif(n.base_price, 0), 2)), 'status', n.status,
      'category', jsonb_build_object('id', c.id, 'pk', c.pk_category, 'name', c.name, 'slug', c.slug), 'supplier', CASE WHEN s.pk_supplier IS NOT NULL THEN jsonb_build_object('id', s.id, 'pk', s.pk_supplier,
      'name', s.name, 'email', s.contact_email, 'country', s.country) END,
      'inventory', NULL, 'reviews', '{"count": 0, "average_rating": null, "recent": []}'::jsonb,
      'created_at', n.created_at, 'updated_at', n.updated_at), now()
    FROM new_rows n JOIN tb_category c ON c.pk_category = n.fk_category LEFT JOIN tb_supplier s ON s.pk_supplier = n.fk_supplier;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION product_new();

CREATE FUNCTION product_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ DELETE FROM stored USING old_rows o WHERE stored.pk_product = o.pk_product $q$;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION product_gone();

CREATE FUNCTION category_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET data = jsonb_set(data, '{category}', jsonb_build_object('id', n.id, 'pk', n.pk_category, 'name', n.name, 'slug', n.slug)), updated_at = now()
    FROM old_rows o JOIN new_rows n ON n.pk_category = o.pk_category JOIN tb_product p ON p.fk_category = n.pk_category
    WHERE p.pk_product = stored.pk_product AND (o.id, o.name, o.slug) IS DISTINCT FROM (n.id, n.name, n.slug) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_category REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION category_changed();

CREATE FUNCTION supplier_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET data = jsonb_set(data, '{supplier}', jsonb_build_object('id', n.id, 'pk', n.pk_supplier,
      'name', n.name, 'email', n.contact_email, 'country', n.country)), updated_at = now()
    FROM old_rows o JOIN new_rows n ON n.pk_supplier = o.pk_supplier JOIN tb_product p ON p.fk_supplier = n.pk_supplier
    WHERE p.pk_product = stored.pk_product
      AND (o.id, o.name, o.contact_email, o.country) IS DISTINCT FROM (n.id, n.name, n.contact_email, n.country) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_supplier REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION supplier_changed();

CREATE FUNCTION inventory_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET data = jsonb_set(data, '{inventory}', jsonb_build_object('quantity', n.quantity, 'available', n.quantity - n.reserved,
      'in_stock', n.quantity > n.reserved, 'warehouse', n.warehouse_location)), updated_at = now()
    FROM new_rows n WHERE n.fk_product = stored.pk_product $q$;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_inventory REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION inventory_changed();
CREATE TRIGGER changed AFTER UPDATE ON tb_inventory REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION inventory_changed();

-- one pass over a product's reviews instead of the view's three
CREATE FUNCTION reviews_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET updated_at = now(), data = jsonb_set(data, '{reviews}', (
      SELECT jsonb_build_object('count', count(*), 'average_rating', round(avg(r.rating), 2),
        'recent', coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rating', r.rating, 'title', r.title,
          'content', r.content, 'verified', r.verified_purchase, 'created_at', r.created_at) ORDER BY r.n)
          FILTER (WHERE r.n <= 5), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY created_at DESC, pk_review DESC) AS n
        FROM tb_review WHERE fk_product = pk_product) r))
    WHERE pk_product IN (SELECT fk_product FROM new_rows) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_review REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION reviews_new();
CREATE FUNCTION reviews_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET updated_at = now(), data = jsonb_set(data, '{reviews}', (
      SELECT jsonb_build_object('count', count(*), 'average_rating', round(avg(r.rating), 2),
        'recent', coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rating', r.rating, 'title', r.title,
          'content', r.content, 'verified', r.verified_purchase, 'created_at', r.created_at) ORDER BY r.n)
          FILTER (WHERE r.n <= 5), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY created_at DESC, pk_review DESC) AS n
        FROM tb_review WHERE fk_product = pk_product) r))
    WHERE pk_product IN (SELECT fk_product FROM old_rows) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_review REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION reviews_gone();
CREATE FUNCTION reviews_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored SET updated_at = now(), data = jsonb_set(data, '{reviews}', (
      SELECT jsonb_build_object('count', count(*), 'average_rating', round(avg(r.rating), 2),
        'recent', coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rating', r.rating, 'title', r.title,
          'content', r.content, 'verified', r.verified_purchase, 'created_at', r.created_at) ORDER BY r.n)
          FILTER (WHERE r.n <= 5), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY created_at DESC, pk_review DESC) AS n
        FROM tb_review WHERE fk_product = pk_product) r))
    WHERE pk_product IN (
      SELECT v.fk FROM old_rows o JOIN new_rows n ON n.pk_review = o.pk_review, LATERAL (VALUES (o.fk_product), (n.fk_product)) v(fk)
      WHERE (o.fk_product, o.id, o.rating, o.title, o.content, o.verified_purchase, o.created_at) IS DISTINCT FROM
        (n.fk_product, n.id, n.rating, n.title, n.content, n.verified_purchase, n.created_at)) $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_review REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION reviews_changed();
