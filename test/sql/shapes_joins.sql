--
-- Joins: every kind of join and every role a table can play in one
--
-- All TVIEWs of this file read the same few tables, so one change is checked
-- against all shapes at once.  kit.check_all() compares each TVIEW with its
-- view, both ways, and returns how many it compared.
--
SET client_min_messages = error;
SET jit = off;   -- the checks read whole views, which are not worth compiling
CREATE SCHEMA t_joins;
SET search_path = t_joins, public;
\pset format unaligned
\pset tuples_only on

CREATE TABLE tb_country (code text PRIMARY KEY, label text);
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, fk_boss int, country text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_author int, fk_editor int,
                      title text, live boolean DEFAULT true);
CREATE TABLE tb_seo (fk_post int UNIQUE, slug text);
CREATE TABLE tb_comment (pk_comment int PRIMARY KEY, fk_post int, pinned boolean DEFAULT false,
                         body text);
CREATE UNIQUE INDEX ON tb_comment (fk_post) WHERE pinned;
CREATE TABLE tb_item (item int PRIMARY KEY, label text);
CREATE TABLE tb_stock (item int PRIMARY KEY, qty int);

INSERT INTO tb_country VALUES ('de', 'Germany'), ('fr', 'France'), ('it', 'Italy');
INSERT INTO tb_user VALUES (1, 'Ann', NULL, 'de'), (2, 'Bob', 1, 'fr'),
                           (3, 'Cem', 1, NULL), (4, 'Dia', 2, 'xx');
INSERT INTO tb_post VALUES (1, 1, 2, 'one'), (2, 1, NULL, 'two'), (3, NULL, 3, 'three'),
                           (4, 9, 9, 'four'), (5, 2, 2, 'five');
UPDATE tb_post SET live = nullif(pk_post <> 4, pk_post = 5) WHERE pk_post > 3;
INSERT INTO tb_seo VALUES (1, 'one'), (2, 'two'), (9, 'nine'), (NULL, 'none');
INSERT INTO tb_comment VALUES (1, 1, true, 'first'), (2, 1, false, 'second'),
                              (3, 2, false, 'third'), (4, 9, true, 'stray');
INSERT INTO tb_item VALUES (1, 'cup'), (2, 'pot'), (3, 'pan');
INSERT INTO tb_stock VALUES (2, 20), (3, 30), (4, 40);

CREATE TABLE tv_inner AS
  SELECT p.pk_post AS pk_inner, p.title, u.name
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_author;
COMMENT ON TABLE tv_inner IS 'inner join';

CREATE TABLE tv_comma AS
  SELECT p.pk_post AS pk_comma, p.title || ' by ' || u.name AS line
  FROM tb_post p, tb_user u WHERE p.fk_author = u.pk_user AND p.live;
COMMENT ON TABLE tv_comma IS 'join written in WHERE, with a filter';

CREATE TABLE tv_left AS
  SELECT p.pk_post AS pk_left, p.title, u.name, c.label
  FROM tb_post p LEFT JOIN tb_user u ON u.pk_user = p.fk_author
                 LEFT JOIN tb_country c ON c.code = u.country;
COMMENT ON TABLE tv_left IS 'left joins, two hops';

CREATE TABLE tv_right AS
  SELECT p.pk_post AS pk_right, u.name, p.title
  FROM tb_user u RIGHT JOIN tb_post p ON u.pk_user = p.fk_editor;
COMMENT ON TABLE tv_right IS 'right join';

CREATE TABLE tv_full AS
  SELECT coalesce(p.pk_post, s.fk_post) AS pk_full, p.title, s.slug
  FROM tb_post p FULL JOIN tb_seo s ON s.fk_post = p.pk_post
  WHERE coalesce(p.pk_post, s.fk_post) IS NOT NULL;
COMMENT ON TABLE tv_full IS 'full join, the key is COALESCE of both sides';

CREATE TABLE tv_using AS
  SELECT item AS pk_using, label, qty FROM tb_item JOIN tb_stock USING (item);
COMMENT ON TABLE tv_using IS 'USING';

CREATE TABLE tv_using_full AS
  SELECT item AS pk_using_full, label, qty FROM tb_item FULL JOIN tb_stock USING (item);
COMMENT ON TABLE tv_using_full IS 'full join with USING, the key is the merged column';

CREATE TABLE tv_natural AS
  SELECT item AS pk_natural, label, qty FROM tb_item NATURAL LEFT JOIN tb_stock;
COMMENT ON TABLE tv_natural IS 'natural left join';

CREATE TABLE tv_roles AS
  SELECT p.pk_post AS pk_roles, a.name AS author, e.name AS editor, a.name = e.name AS same
  FROM tb_post p LEFT JOIN tb_user a ON a.pk_user = p.fk_author
                 LEFT JOIN tb_user e ON e.pk_user = p.fk_editor;
COMMENT ON TABLE tv_roles IS 'one table in two roles';

CREATE TABLE tv_boss AS
  SELECT u.pk_user AS pk_boss, u.name, b.name AS boss, bb.name AS boss_of_boss
  FROM tb_user u LEFT JOIN tb_user b ON b.pk_user = u.fk_boss
                 LEFT JOIN tb_user bb ON bb.pk_user = b.fk_boss;
COMMENT ON TABLE tv_boss IS 'self-join, three generations';

CREATE TABLE tv_staff AS
  SELECT u.pk_user AS pk_staff, u.name,
         ARRAY(SELECT r.name FROM tb_user r WHERE r.fk_boss = u.pk_user ORDER BY r.pk_user) AS reports,
         (SELECT count(*) FROM tb_user s WHERE s.fk_boss = u.fk_boss AND s.pk_user <> u.pk_user) AS peers
  FROM tb_user u WHERE EXISTS (SELECT FROM tb_user x WHERE x.fk_boss = u.pk_user) OR u.fk_boss IS NOT NULL;
COMMENT ON TABLE tv_staff IS 'a tree: parent, children and siblings of one table';

CREATE TABLE tv_child AS
  SELECT p.pk_post AS pk_child, s.slug, c.body
  FROM tb_post p JOIN tb_seo s ON s.fk_post = p.pk_post
                 LEFT JOIN tb_comment c ON c.fk_post = p.pk_post AND c.pinned;
COMMENT ON TABLE tv_child IS 'the joined row points at the key, filter inside ON';

CREATE TABLE tv_anti AS
  SELECT p.pk_post AS pk_anti, p.title
  FROM tb_post p LEFT JOIN tb_user u ON u.pk_user = p.fk_author WHERE u.pk_user IS NULL;
COMMENT ON TABLE tv_anti IS 'left join as anti-join';

CREATE TABLE tv_nested AS
  SELECT p.pk_post AS pk_nested, u.name, c.label
  FROM tb_post p LEFT JOIN (tb_user u JOIN tb_country c ON c.code = u.country)
                 ON u.pk_user = p.fk_author;
COMMENT ON TABLE tv_nested IS 'left join to a joined pair';

CREATE TABLE tv_far AS
  SELECT c.pk_comment AS pk_far, c.body, p.title, u.name, b.name AS boss, k.label
  FROM tb_comment c JOIN tb_post p ON p.pk_post = c.fk_post
       JOIN tb_user u ON u.pk_user = p.fk_author
       LEFT JOIN tb_user b ON b.pk_user = u.fk_boss
       LEFT JOIN tb_country k ON k.code = b.country
  WHERE u.name <> 'Zoe';
COMMENT ON TABLE tv_far IS 'a chain of four joins';

-- what was created is what the view says
SELECT kit.check_all();

-- payload columns at every distance from the key
UPDATE tb_post SET title = 'ONE' WHERE pk_post = 1;
SELECT kit.check_all();
UPDATE tb_user SET name = 'Anna' WHERE pk_user = 1;
SELECT kit.check_all();
UPDATE tb_country SET label = 'Deutschland' WHERE code = 'de';
SELECT kit.check_all();
UPDATE tb_seo SET slug = slug || '!';
SELECT kit.check_all();
UPDATE tb_comment SET body = upper(body) WHERE pk_comment IN (1, 4);
SELECT kit.check_all();
UPDATE tb_stock SET qty = qty + 1;
SELECT kit.check_all();
UPDATE tb_item SET label = upper(label);
SELECT kit.check_all();

-- link columns: the old and the new place both change
UPDATE tb_post SET fk_author = 2 WHERE pk_post = 1;
SELECT kit.check_all();
UPDATE tb_post SET fk_author = NULL, fk_editor = 1 WHERE pk_post = 2;
SELECT kit.check_all();
UPDATE tb_post SET fk_author = 4 WHERE fk_author IS NULL;
SELECT kit.check_all();
UPDATE tb_user SET fk_boss = 3 WHERE pk_user = 2;
SELECT kit.check_all();
UPDATE tb_user SET country = 'it' WHERE country IS NULL OR country = 'xx';
SELECT kit.check_all();
UPDATE tb_comment SET fk_post = 2 WHERE pk_comment = 1;
SELECT kit.check_all();
UPDATE tb_seo SET fk_post = 5 WHERE fk_post = 1;
SELECT kit.check_all();

-- keys change on either side
UPDATE tb_post SET pk_post = 10 WHERE pk_post = 1;
SELECT kit.check_all();
UPDATE tb_user SET pk_user = 9 WHERE pk_user = 3;
SELECT kit.check_all();
UPDATE tb_country SET code = 'xx' WHERE code = 'it';
SELECT kit.check_all();
UPDATE tb_item SET item = item + 1 WHERE item = 3;
SELECT kit.check_all();
UPDATE tb_stock SET item = 1 WHERE item = 4;
SELECT kit.check_all();

-- filters: rows leave and come back
UPDATE tb_post SET live = NOT live;
SELECT kit.check_all();
UPDATE tb_comment SET pinned = false WHERE pk_comment = 1;
SELECT kit.check_all();
UPDATE tb_comment SET pinned = true, fk_post = 5 WHERE pk_comment = 2;
SELECT kit.check_all();
UPDATE tb_user SET name = 'Zoe' WHERE pk_user = 2;
SELECT kit.check_all();
UPDATE tb_user SET name = 'Bob' WHERE pk_user = 2;
SELECT kit.check_all();

-- rows appear and disappear on each side
INSERT INTO tb_user VALUES (3, 'New', 9, 'fr');
SELECT kit.check_all();
INSERT INTO tb_post VALUES (6, 3, 3, 'six'), (1, 3, NULL, 'one again');
SELECT kit.check_all();
INSERT INTO tb_seo VALUES (1, 'again'), (77, 'post to come');
SELECT kit.check_all();
INSERT INTO tb_post VALUES (77, NULL, 1, 'here it is');
SELECT kit.check_all();
INSERT INTO tb_item VALUES (7, 'jar');
INSERT INTO tb_stock VALUES (7, 70), (8, 80);
SELECT kit.check_all();
DELETE FROM tb_country WHERE code IN ('de', 'fr');
SELECT kit.check_all();
DELETE FROM tb_user WHERE pk_user = 2;
SELECT kit.check_all();
DELETE FROM tb_seo WHERE fk_post = 77;
SELECT kit.check_all();
DELETE FROM tb_post WHERE pk_post IN (77, 5);
SELECT kit.check_all();
DELETE FROM tb_item WHERE item = 2;
DELETE FROM tb_stock WHERE item = 7;
SELECT kit.check_all();

-- the same inside one transaction: each check reads its own writes
BEGIN;
UPDATE tb_post SET fk_author = 1, fk_editor = 1;
SELECT kit.check_all();
UPDATE tb_user SET name = name || '?', country = 'ch';
INSERT INTO tb_country VALUES ('ch', 'Switzerland');
SELECT kit.check_all();
DELETE FROM tb_user WHERE pk_user = 1;
SELECT kit.check_all();
INSERT INTO tb_user VALUES (1, 'Back', 4, 'ch');
UPDATE tb_user SET fk_boss = 1 WHERE pk_user = 4;
SELECT kit.check_all();
COMMIT;
SELECT kit.check_all();

-- both ends of a link change in one transaction, in both orders
BEGIN;
UPDATE tb_post SET fk_author = 4 WHERE pk_post = 6;
UPDATE tb_user SET name = 'Last', pk_user = 40 WHERE pk_user = 4;
UPDATE tb_post SET fk_author = 40 WHERE fk_author = 4;
COMMIT;
SELECT kit.check_all();
BEGIN;
UPDATE tb_user SET country = 'at' WHERE pk_user = 40;
INSERT INTO tb_country VALUES ('at', 'Austria');
UPDATE tb_country SET code = 'au' WHERE code = 'at';
UPDATE tb_user SET country = 'au' WHERE pk_user = 40;
DELETE FROM tb_country WHERE code = 'ch';
COMMIT;
SELECT kit.check_all();

-- a person who is his own boss, and a circle of two
UPDATE tb_user SET fk_boss = pk_user WHERE pk_user = 9;
SELECT kit.check_all();
UPDATE tb_user SET fk_boss = CASE pk_user WHEN 1 THEN 9 ELSE 1 END WHERE pk_user IN (1, 9);
SELECT kit.check_all();
UPDATE tb_user SET name = 'circle' WHERE pk_user = 9;
SELECT kit.check_all();

-- empty tables
DELETE FROM tb_user;
SELECT kit.check_all();
TRUNCATE tb_post;
SELECT kit.check_all();
TRUNCATE tb_item, tb_stock, tb_seo, tb_comment, tb_country;
SELECT kit.check_all();

-- how each shape is refreshed: all of these must be by key
SELECT m.entity, obj_description(m.tview, 'pg_class'),
       CASE WHEN bool_or(e.strategy = 'full') THEN 'full' ELSE 'by key' END
FROM pg_tview_meta m CROSS JOIN LATERAL pg_tviews_explain(m.tview::text) e
GROUP BY 1, 2 ORDER BY m.entity COLLATE "C";

DROP SCHEMA t_joins CASCADE;
