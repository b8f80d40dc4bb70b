-- The shop: products with their category, supplier, inventory and reviews.
-- bench.size is the number of products; the rest follows from it.  Constraints and
-- indexes come after the rows, which is faster.
CREATE TABLE tb_category (
  id uuid NOT NULL, pk_category serial, name text NOT NULL, slug text NOT NULL,
  fk_parent_category int, created_at timestamptz NOT NULL);
CREATE TABLE tb_supplier (
  id uuid NOT NULL, pk_supplier serial, name text NOT NULL, contact_email text,
  contact_phone text, country text, created_at timestamptz NOT NULL);
CREATE TABLE tb_product (
  id uuid NOT NULL, pk_product serial, fk_category int NOT NULL,
  fk_supplier int, sku text NOT NULL, name text NOT NULL, description text,
  base_price numeric(10,2) NOT NULL, current_price numeric(10,2) NOT NULL, currency text NOT NULL DEFAULT 'USD',
  status text NOT NULL DEFAULT 'active', created_at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00',
  updated_at timestamptz NOT NULL DEFAULT '2026-01-01 00:00:00+00');
CREATE TABLE tb_review (
  id uuid NOT NULL, pk_review serial, fk_product int NOT NULL, fk_user int,
  rating int NOT NULL CHECK (rating BETWEEN 1 AND 5), title text, content text,
  verified_purchase bool NOT NULL DEFAULT true, helpful_count int NOT NULL DEFAULT 0, created_at timestamptz NOT NULL);
CREATE TABLE tb_inventory (
  id uuid NOT NULL, pk_inventory serial, fk_product int NOT NULL,
  quantity int NOT NULL, reserved int NOT NULL, warehouse_location text, last_restocked_at timestamptz,
  updated_at timestamptz NOT NULL);

-- 10 categories of 1 000 products, 100 of 100 000, 500 of 1 000 000
INSERT INTO tb_category SELECT md5('c' || i)::uuid, i, 'Category ' || i, 'category-' || i, NULL, timestamptz '2026-01-01 00:00Z'
  FROM generate_series(1, least(500, greatest(10, current_setting('bench.size')::int / 1000))) i;
INSERT INTO tb_supplier SELECT md5('s' || i)::uuid, i, 'Supplier ' || i, 'sales@supplier' || i || '.example', '+1 555 ' || i,
    'Country ' || i % 40, timestamptz '2026-01-01 00:00Z'
  FROM generate_series(1, least(200, greatest(10, current_setting('bench.size')::int / 2000))) i;
-- Where there are many, suppliers 1 to 4 have 1, 100, 1 000 and 10 000 products; the others share the rest.
INSERT INTO tb_product SELECT md5('p' || i)::uuid, i, 1 + i % (SELECT count(*) FROM tb_category),
    CASE WHEN n < 100000 OR i > 11101 THEN nullif(5 + i % (SELECT count(*) - 4 FROM tb_supplier), 5)
      WHEN i = 1 THEN 1 WHEN i <= 101 THEN 2 WHEN i <= 1101 THEN 3 ELSE 4 END,
    'SKU-' || i, 'Product ' || i, 'What there is to say about product ' || i || ', in a sentence or two of ordinary length.',
    10 + i % 1000, 10 + i % 900
  FROM (SELECT current_setting('bench.size')::int) s(n), generate_series(1, n) i;
INSERT INTO tb_review SELECT md5('r' || i)::uuid, i, 1 + i % n, i % 10000, 1 + i % 5, 'Review ' || i,
    'An opinion of some forty characters, ' || i, i % 3 = 0, 0, timestamptz '2026-01-01 00:00Z' + i * interval '1 second'
  FROM (SELECT current_setting('bench.size')::int) s(n), generate_series(1, 5 * n) i;
INSERT INTO tb_inventory SELECT md5('i' || i)::uuid, i, i, i % 500, i % 20, 'Aisle ' || i % 100, timestamptz '2026-01-01 00:00Z',
    timestamptz '2026-01-01 00:00Z'
  FROM generate_series(1, current_setting('bench.size')::int) i;

ALTER TABLE tb_category ADD PRIMARY KEY (pk_category), ADD UNIQUE (id), ADD UNIQUE (slug),
  ADD FOREIGN KEY (fk_parent_category) REFERENCES tb_category;
ALTER TABLE tb_supplier ADD PRIMARY KEY (pk_supplier), ADD UNIQUE (id);
ALTER TABLE tb_product ADD PRIMARY KEY (pk_product), ADD UNIQUE (id), ADD UNIQUE (sku),
  ADD FOREIGN KEY (fk_category) REFERENCES tb_category, ADD FOREIGN KEY (fk_supplier) REFERENCES tb_supplier;
ALTER TABLE tb_review ADD PRIMARY KEY (pk_review), ADD UNIQUE (id), ADD FOREIGN KEY (fk_product) REFERENCES tb_product;
ALTER TABLE tb_inventory ADD PRIMARY KEY (pk_inventory), ADD UNIQUE (id), ADD UNIQUE (fk_product),
  ADD FOREIGN KEY (fk_product) REFERENCES tb_product;
CREATE INDEX ON tb_product (fk_category);
CREATE INDEX ON tb_product (fk_supplier);
CREATE INDEX ON tb_product (status) WHERE status = 'active';
CREATE INDEX ON tb_review (fk_product);
CREATE INDEX ON tb_review (rating);
-- What is inserted while measuring has numbers above these.
SELECT setval('tb_product_pk_product_seq', 10000000), setval('tb_review_pk_review_seq', 100000000);

CREATE VIEW document AS
SELECT p.id, p.pk_product, p.fk_category, jsonb_build_object(
  'id', p.id, 'pk', p.pk_product, 'sku', p.sku, 'name', p.name, 'description', p.description,
  'price', jsonb_build_object('base', p.base_price, 'current', p.current_price, 'currency', p.currency,
    'discount_pct', round(100 - 100 * p.current_price / nullif(p.base_price, 0), 2)),
  'status', p.status,
  'category', jsonb_build_object('id', c.id, 'pk', c.pk_category, 'name', c.name, 'slug', c.slug),
  'supplier', CASE WHEN s.pk_supplier IS NOT NULL THEN jsonb_build_object(
    'id', s.id, 'pk', s.pk_supplier, 'name', s.name, 'email', s.contact_email, 'country', s.country) END,
  'inventory', CASE WHEN i.pk_inventory IS NOT NULL THEN jsonb_build_object('quantity', i.quantity,
    'available', i.quantity - i.reserved, 'in_stock', i.quantity > i.reserved, 'warehouse', i.warehouse_location) END,
  'reviews', jsonb_build_object(
    'count', (SELECT count(*) FROM tb_review r WHERE r.fk_product = p.pk_product),
    'average_rating', (SELECT round(avg(r.rating), 2) FROM tb_review r WHERE r.fk_product = p.pk_product),
    'recent', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'rating', n.rating, 'title', n.title,
        'content', n.content, 'verified', n.verified_purchase, 'created_at', n.created_at)
        ORDER BY n.created_at DESC, n.pk_review DESC), '[]')
      FROM (SELECT * FROM tb_review r WHERE r.fk_product = p.pk_product
        ORDER BY r.created_at DESC, r.pk_review DESC LIMIT 5) n)),
  'created_at', p.created_at, 'updated_at', p.updated_at) AS data
FROM tb_product p
JOIN tb_category c ON c.pk_category = p.fk_category
LEFT JOIN tb_supplier s ON s.pk_supplier = p.fk_supplier
LEFT JOIN tb_inventory i ON i.fk_product = p.pk_product;
