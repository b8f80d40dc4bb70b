--
-- Links other than "foreign key = primary key": expressions, arrays, ranges,
-- several columns, patterns, set-returning functions, NULL-safe comparison
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_links;
SET search_path = t_links, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_user (pk_user int PRIMARY KEY, email text, region char(4), score numeric);
CREATE TABLE tb_doc (pk_doc int PRIMARY KEY, meta jsonb, tags text[], author text, pages int,
                     sold_on date, region varchar(10), weight numeric);
CREATE TABLE tb_tag (code text, kind text, label text);
CREATE TABLE tb_band (lo int, hi int, label text);
CREATE TABLE tb_season (during daterange, label text);
CREATE TABLE tb_rate (region text, kind text, pct numeric);

INSERT INTO tb_user VALUES (1, 'Ann@X.org', 'eu', 1.0), (2, 'bob@x.org', 'us', 2.50),
                           (3, NULL, NULL, NULL);
INSERT INTO tb_doc VALUES
  (1, '{"owner": 1, "kind": "novel", "parts": [{"t": "a", "n": 1}, {"t": "b", "n": 2}]}',
   '{fun,new}', 'ANN@x.org', 120, '2024-01-15', 'eu', 1.00),
  (2, '{"owner": "2", "kind": "essay", "parts": []}', '{new}', 'bob@x.org', 20, '2024-07-01', 'us', 2.5),
  (3, '{"kind": null}', NULL, NULL, NULL, NULL, NULL, NULL),
  (4, '{"owner": 7, "parts": [{"t": "a", "n": null}]}', '{}', 'cem@x.org', 900, '2025-01-01', 'eu', 3);
INSERT INTO tb_tag VALUES ('fun', 'novel', 'Fun!'), ('new', 'essay', 'New!'), ('new', 'novel', 'Newish'),
                          ('a', 'part', 'Part A'), ('x', NULL, 'lost');
INSERT INTO tb_band VALUES (1, 50, 'short'), (51, 200, 'long'), (100, 1000, 'heavy'), (NULL, 10, 'odd');
INSERT INTO tb_season VALUES ('[2024-01-01,2024-04-01)', 'winter'), ('[2024-06-01,)', 'later'), ('empty', 'never');
INSERT INTO tb_rate VALUES ('eu', 'novel', 7), ('us', 'essay', 0), ('eu', NULL, 19), (NULL, NULL, 1);

CREATE TABLE tv_json AS
  SELECT d.pk_doc AS pk_json, u.email, d.meta->>'kind' AS kind
  FROM tb_doc d LEFT JOIN tb_user u ON u.pk_user = (d.meta->>'owner')::int;
COMMENT ON TABLE tv_json IS 'link by an expression over JSON';

CREATE TABLE tv_lower AS
  SELECT u.pk_user AS pk_lower, count(d.pk_doc) AS docs, sum(d.pages) AS pages
  FROM tb_user u LEFT JOIN tb_doc d ON lower(d.author) = lower(u.email) GROUP BY u.pk_user;
COMMENT ON TABLE tv_lower IS 'link by expressions on both sides';

CREATE TABLE tv_types AS
  SELECT d.pk_doc AS pk_types, array_agg(u.pk_user ORDER BY u.pk_user) AS users
  FROM tb_doc d JOIN tb_user u ON u.region = d.region AND u.score = d.weight GROUP BY d.pk_doc;
COMMENT ON TABLE tv_types IS 'link between char(n) and varchar and between numerics of different scale';

CREATE TABLE tv_array AS
  SELECT d.pk_doc AS pk_array, jsonb_agg(t.label ORDER BY t.label) AS labels
  FROM tb_doc d JOIN tb_tag t ON t.code = ANY (d.tags) GROUP BY d.pk_doc;
COMMENT ON TABLE tv_array IS 'link by = ANY (array)';

CREATE TABLE tv_contains AS
  SELECT t.code || '/' || coalesce(t.kind, '') AS pk_contains,
         (SELECT count(*) FROM tb_doc d WHERE d.tags @> ARRAY[t.code]) AS docs,
         (SELECT count(*) FROM tb_doc d WHERE d.meta @> jsonb_build_object('kind', t.kind)) AS of_kind
  FROM tb_tag t;
COMMENT ON TABLE tv_contains IS 'link by containment of arrays and JSON';

CREATE TABLE tv_between AS
  SELECT d.pk_doc AS pk_between, string_agg(b.label, ',' ORDER BY b.label) AS bands
  FROM tb_doc d LEFT JOIN tb_band b ON d.pages BETWEEN b.lo AND b.hi GROUP BY d.pk_doc;
COMMENT ON TABLE tv_between IS 'link by BETWEEN';

CREATE TABLE tv_less AS
  SELECT d.pk_doc AS pk_less, (SELECT count(*) FROM tb_doc o WHERE o.pages > d.pages) AS longer
  FROM tb_doc d;
COMMENT ON TABLE tv_less IS 'link by an inequality to the same table';

CREATE TABLE tv_range AS
  SELECT s.label AS pk_range, count(d.pk_doc) AS docs, min(d.sold_on) AS first
  FROM tb_season s LEFT JOIN tb_doc d ON s.during @> d.sold_on GROUP BY s.label;
COMMENT ON TABLE tv_range IS 'link by range containment';

CREATE TABLE tv_columns AS
  SELECT d.pk_doc AS pk_columns, r.pct
  FROM tb_doc d LEFT JOIN tb_rate r ON (r.region, r.kind) = (d.region, d.meta->>'kind');
COMMENT ON TABLE tv_columns IS 'link by several columns';

CREATE TABLE tv_null_safe AS
  SELECT d.pk_doc AS pk_null_safe, sum(r.pct) AS pct
  FROM tb_doc d LEFT JOIN tb_rate r ON r.region IS NOT DISTINCT FROM d.region
                                   AND r.kind IS NOT DISTINCT FROM d.meta->>'kind'
  GROUP BY d.pk_doc;
COMMENT ON TABLE tv_null_safe IS 'link by IS NOT DISTINCT FROM: NULL meets NULL';

CREATE TABLE tv_either AS
  SELECT u.pk_user AS pk_either, count(d.pk_doc) AS docs
  FROM tb_user u LEFT JOIN tb_doc d ON (d.meta->>'owner')::int = u.pk_user OR d.author = u.email
  GROUP BY u.pk_user;
COMMENT ON TABLE tv_either IS 'two links joined by OR';

CREATE TABLE tv_like AS
  SELECT t.code || '/' || coalesce(t.kind, '') AS pk_like,
         ARRAY(SELECT u.pk_user FROM tb_user u WHERE u.email LIKE '%' || t.code || '%' ORDER BY 1) AS users
  FROM tb_tag t;
COMMENT ON TABLE tv_like IS 'link by a pattern';

CREATE TABLE tv_unnest AS
  SELECT d.pk_doc AS pk_unnest, jsonb_agg(jsonb_build_array(x.n, x.code, t.label)
                                          ORDER BY x.n, t.label) AS tags
  FROM tb_doc d CROSS JOIN unnest(d.tags) WITH ORDINALITY x (code, n)
                LEFT JOIN tb_tag t ON t.code = x.code
  GROUP BY d.pk_doc;
COMMENT ON TABLE tv_unnest IS 'unnest(array) as a source, linked on';

CREATE TABLE tv_parts AS
  SELECT d.pk_doc AS pk_parts, jsonb_agg(jsonb_build_object('t', e->>'t', 'label', t.label)
                                         ORDER BY e->>'t') AS parts
  FROM tb_doc d CROSS JOIN jsonb_array_elements(d.meta->'parts') e
                LEFT JOIN tb_tag t ON t.code = e->>'t' AND t.kind = 'part'
  GROUP BY d.pk_doc;
COMMENT ON TABLE tv_parts IS 'jsonb_array_elements() as a source, linked on';

CREATE TABLE tv_fence AS
  SELECT d.pk_doc AS pk_fence, d.kind, u.email
  FROM (SELECT pk_doc, meta->>'kind' AS kind, (meta->>'owner')::int AS owner FROM tb_doc OFFSET 0) d
       LEFT JOIN tb_user u ON u.pk_user = d.owner;
COMMENT ON TABLE tv_fence IS 'link by a cast, behind OFFSET 0';

-- a key that mixes the row with the element: by key or in full, only the result counts
CREATE TABLE tv_srf_key AS
  SELECT d.pk_doc || '.' || x.n AS pk_srf_key, x.code
  FROM tb_doc d, unnest(d.tags) WITH ORDINALITY x (code, n);
SELECT pg_tviews_create('tv_element', 'SELECT d.pk_doc, x.n, x.code FROM tb_doc d, unnest(d.tags) WITH ORDINALITY x (code, n)',
                        '{pk_doc,n}');
COMMENT ON TABLE tv_element IS 'one row for each array element, its number is part of the key';

CREATE TABLE tv_series AS
  SELECT d.pk_doc AS pk_series,
         (SELECT sum(g) FROM generate_series(d.pk_doc, coalesce(d.pages, 0), 100) g) AS total,
         ARRAY(SELECT jsonb_object_keys(d.meta) ORDER BY 1) AS keys
  FROM tb_doc d;
COMMENT ON TABLE tv_series IS 'set-returning functions inside subqueries';

SELECT kit.check_all();

-- expression links: the expression changes, or only what it does not read
UPDATE tb_doc SET meta = meta || '{"owner": 2}' WHERE pk_doc = 1;
SELECT kit.check_all();
UPDATE tb_doc SET meta = meta - 'owner' WHERE pk_doc = 2;
SELECT kit.check_all();
UPDATE tb_doc SET meta = jsonb_set(meta, '{kind}', '"essay"') WHERE pk_doc IN (1, 3);
SELECT kit.check_all();
UPDATE tb_user SET email = 'BOB@X.ORG' WHERE pk_user = 2;
SELECT kit.check_all();
UPDATE tb_user SET email = 'cem@x.org' WHERE pk_user = 3;
SELECT kit.check_all();
UPDATE tb_doc SET author = 'Cem@x.org' WHERE author IS NULL;
SELECT kit.check_all();
UPDATE tb_user SET pk_user = 7 WHERE pk_user = 3;
SELECT kit.check_all();

-- equal values that look different
UPDATE tb_user SET score = 2.5, region = 'us  ' WHERE pk_user = 7;
SELECT kit.check_all();
UPDATE tb_doc SET weight = 2.500 WHERE pk_doc = 1;
SELECT kit.check_all();
UPDATE tb_doc SET region = 'us' WHERE pk_doc = 1;
SELECT kit.check_all();

-- arrays
UPDATE tb_doc SET tags = tags || '{x}' WHERE pk_doc IN (2, 3);
SELECT kit.check_all();
UPDATE tb_doc SET tags = array_remove(tags, 'fun');
SELECT kit.check_all();
UPDATE tb_doc SET tags = '{new,NULL,new}' WHERE pk_doc = 4;
SELECT kit.check_all();
UPDATE tb_tag SET label = 'Brand new' WHERE code = 'new' AND kind = 'essay';
SELECT kit.check_all();
UPDATE tb_tag SET code = 'new', kind = kind || '2' WHERE code = 'fun' OR code = 'a';
SELECT kit.check_all();
DELETE FROM tb_tag WHERE code = 'new' AND kind = 'essay';
SELECT kit.check_all();
INSERT INTO tb_tag VALUES ('org', 'novel', 'Org'), ('b', 'part', 'Part B');
SELECT kit.check_all();
UPDATE tb_tag SET code = 'a' WHERE code = 'b';
SELECT kit.check_all();
UPDATE tb_doc SET meta = jsonb_set(meta, '{parts}', '[{"t": "a"}, {"t": "c"}, {}]') WHERE pk_doc = 2;
SELECT kit.check_all();

-- ranges and inequalities
UPDATE tb_doc SET pages = 150 WHERE pk_doc = 2;
SELECT kit.check_all();
UPDATE tb_doc SET pages = NULL WHERE pk_doc = 4;
SELECT kit.check_all();
UPDATE tb_doc SET pages = 5 WHERE pages IS NULL;
SELECT kit.check_all();
UPDATE tb_band SET hi = 130 WHERE label = 'long';
SELECT kit.check_all();
UPDATE tb_band SET lo = 2 WHERE lo IS NULL;
SELECT kit.check_all();
UPDATE tb_season SET during = '[2023-01-01,2024-07-02)' WHERE label = 'never';
SELECT kit.check_all();
UPDATE tb_doc SET sold_on = '2024-03-31' WHERE sold_on IS NULL;
SELECT kit.check_all();
DELETE FROM tb_season WHERE label = 'later';
SELECT kit.check_all();

-- several columns and NULLs
UPDATE tb_rate SET kind = 'essay' WHERE kind = 'novel';
SELECT kit.check_all();
UPDATE tb_rate SET region = NULL WHERE region = 'eu' AND kind IS NULL;
SELECT kit.check_all();
UPDATE tb_doc SET region = NULL, meta = '{}' WHERE pk_doc = 4;
SELECT kit.check_all();
UPDATE tb_rate SET pct = pct + 1;
SELECT kit.check_all();
DELETE FROM tb_rate WHERE region IS NULL;
SELECT kit.check_all();

-- rows come and go, in one transaction
BEGIN;
INSERT INTO tb_doc VALUES (5, '{"owner": 1, "kind": "novel", "parts": [{"t": "a"}]}',
                           '{org,x}', 'ann@x.org', 77, '2024-02-02', 'us', 2.5);
SELECT kit.check_all();
INSERT INTO tb_band VALUES (77, 77, 'exactly');
INSERT INTO tb_season VALUES ('[2024-02-02,2024-02-02]', 'a day');
INSERT INTO tb_rate VALUES ('us', 'novel', 3);
SELECT kit.check_all();
UPDATE tb_doc SET pk_doc = 6, pages = 78 WHERE pk_doc = 5;
DELETE FROM tb_user WHERE pk_user = 7;
SELECT kit.check_all();
DELETE FROM tb_doc WHERE pk_doc < 3;
COMMIT;
SELECT kit.check_all();

TRUNCATE tb_doc;
SELECT kit.check_all();
TRUNCATE tb_tag, tb_user, tb_season, tb_band, tb_rate;
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
WHERE obj_description(m.tview, 'pg_class') IS NOT NULL GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

DROP SCHEMA t_links CASCADE;
