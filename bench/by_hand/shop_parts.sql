-- What both hand-written contenders of the shop share: the table, and the parts
-- of a document.
CREATE TABLE stored AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_product);

CREATE FUNCTION price_part(p tb_product) RETURNS jsonb STABLE LANGUAGE sql RETURN
  jsonb_build_object('base', p.base_price, 'current', p.current_price, 'currency', p.currency,
    'discount_pct', round(100 - 100 * p.current_price / nullif(p.base_price, 0), 2));
CREATE FUNCTION category_part(c tb_category) RETURNS jsonb STABLE LANGUAGE sql RETURN
  jsonb_build_object('id', c.id, 'pk', c.pk_category, 'name', c.name, 'slug', c.slug);
CREATE FUNCTION supplier_part(s tb_supplier) RETURNS jsonb STABLE LANGUAGE sql RETURN
  jsonb_build_object('id', s.id, 'pk', s.pk_supplier, 'name', s.name, 'email', s.contact_email, 'country', s.country);
CREATE FUNCTION inventory_part(i tb_inventory) RETURNS jsonb STABLE LANGUAGE sql RETURN
  jsonb_build_object('quantity', i.quantity, 'available', i.quantity - i.reserved,
    'in_stock', i.quantity > i.reserved, 'warehouse', i.warehouse_location);
-- a new product has neither inventory nor reviews
CREATE FUNCTION new_document(p tb_product, c tb_category, s tb_supplier) RETURNS jsonb STABLE LANGUAGE sql RETURN
  jsonb_build_object('id', p.id, 'pk', p.pk_product, 'sku', p.sku, 'name', p.name, 'description', p.description,
    'price', price_part(p), 'status', p.status, 'category', category_part(c),
    'supplier', CASE WHEN s.pk_supplier IS NOT NULL THEN supplier_part(s) END, 'inventory', NULL,
    'reviews', '{"count": 0, "average_rating": null, "recent": []}'::jsonb,
    'created_at', p.created_at, 'updated_at', p.updated_at);
