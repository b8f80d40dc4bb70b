--
-- What people add to a TVIEW's table goes on working: indexes, triggers, columns,
-- generated columns, constraints
--
CREATE SCHEMA t_objects;
SET search_path = t_objects, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text, price numeric);
INSERT INTO tb_user VALUES (1, 'ann'), (2, 'bob');
INSERT INTO tb_post VALUES (1, 1, 'quick fox', 1), (2, 2, 'lazy dog', 2);
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.fk_user, p.price, jsonb_build_object('title', p.title, 'author', u.name) AS data
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;

-- indexes, also unique, partial, on expressions, over the document
CREATE INDEX ON tv_post USING gin (data);
CREATE UNIQUE INDEX ON tv_post ((data->>'title'));
CREATE INDEX ON tv_post (lower(data->>'author')) WHERE price > 1;
CREATE STATISTICS tv_post_stat ON fk_user, price FROM tv_post;
ALTER TABLE tv_post REPLICA IDENTITY FULL;
UPDATE tb_user SET name = 'Ann' WHERE pk_user = 1;
SET enable_seqscan = off;
SELECT pk_post FROM tv_post WHERE data @> '{"author": "Ann"}';
SELECT pk_post FROM tv_post WHERE lower(data->>'author') = 'bob' AND price > 1;
RESET enable_seqscan;
SELECT kit.check_all();
-- a unique index that the new rows violate stops the change of the base table
INSERT INTO tb_post VALUES (3, 1, 'lazy dog', 3);
SELECT count(*) FROM tb_post;
-- ... but not where a row leaves its key to another: what goes goes first
UPDATE tb_post SET pk_post = 20 WHERE pk_post = 2;
SELECT kit.check_all();
BEGIN;
DELETE FROM tb_post WHERE pk_post = 20;
INSERT INTO tb_post VALUES (2, 2, 'lazy dog', 2);
COMMIT;
SELECT kit.check_all();

-- further columns: with a default, generated, identity
ALTER TABLE tv_post ADD COLUMN seen int NOT NULL DEFAULT 7,
  ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce(data->>'title', ''))) STORED,
  ADD COLUMN gross numeric GENERATED ALWAYS AS (price * 2) STORED,
  ADD COLUMN serial int GENERATED ALWAYS AS IDENTITY,
  ADD COLUMN made_at timestamptz DEFAULT now();
CREATE INDEX ON tv_post USING gin (words);
INSERT INTO tb_post VALUES (3, 1, 'white cat', 3);
UPDATE tb_post SET title = 'black cat', price = 5 WHERE pk_post = 1;
SELECT pk_post, seen, words, gross, serial > 0, made_at IS NOT NULL FROM tv_post ORDER BY 1;
SELECT pk_post FROM tv_post WHERE words @@ 'cat'::tsquery ORDER BY 1;
SELECT kit.check_all();
-- what stands in such a column stays when the row is refreshed, and goes with the row
ALTER TABLE tv_post DISABLE TRIGGER USER;
UPDATE tv_post SET seen = pk_post * 100;
ALTER TABLE tv_post ENABLE TRIGGER USER;
UPDATE tb_user SET name = 'Anna' WHERE pk_user = 1;
SELECT pk_post, seen FROM tv_post ORDER BY 1;
UPDATE tb_post SET fk_user = 9 WHERE pk_post = 3;
UPDATE tb_post SET fk_user = 1 WHERE pk_post = 3;
SELECT pk_post, seen FROM tv_post ORDER BY 1;
SELECT pg_tviews_refresh('post', true) >= 0;
SELECT count(*), min(serial) > 0 FROM tv_post;
SELECT kit.check_all();

-- row triggers before and after, with WHEN, statement triggers, and a trigger that logs old and new
CREATE TABLE log (n int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION log_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO t_objects.log (line) VALUES (TG_NAME || ' ' || TG_OP || coalesce(' old ' || (OLD.data->>'title'), '') || coalesce(' new ' || (NEW.data->>'title'), ''));
  RETURN coalesce(NEW, OLD);
END $$;
CREATE FUNCTION set_seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.seen := NEW.seen + 1; RETURN NEW; END';
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE ON tv_post FOR EACH ROW EXECUTE FUNCTION set_seen();
CREATE TRIGGER after_row AFTER INSERT OR UPDATE OR DELETE ON tv_post FOR EACH ROW EXECUTE FUNCTION log_row();
CREATE TRIGGER after_price AFTER UPDATE OF price ON tv_post FOR EACH ROW WHEN (OLD.price IS DISTINCT FROM NEW.price) EXECUTE FUNCTION log_row();
INSERT INTO tb_post VALUES (4, 2, 'green frog', 4);
UPDATE tb_post SET price = 6 WHERE pk_post = 4;
UPDATE tb_post SET price = price;
DELETE FROM tb_post WHERE pk_post = 4;
SELECT line FROM log ORDER BY n;
SELECT pk_post, seen FROM tv_post ORDER BY 1;
SELECT kit.check_all();
TRUNCATE log;
-- rolled back with the change
BEGIN;
UPDATE tb_post SET price = 8 WHERE pk_post = 1;
SELECT price FROM tv_post WHERE pk_post = 1;
SELECT count(*) FROM log;
ROLLBACK;
SELECT count(*) FROM log;
-- a trigger that changes a base table again: the flush goes on until nothing is pending
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE t_objects.tb_post SET price = price + 1 WHERE pk_post = NEW.pk_post AND price < 20;
  RETURN NULL;
END $$;
CREATE TRIGGER on_change AFTER UPDATE ON tv_post FOR EACH ROW EXECUTE FUNCTION on_change();
UPDATE tb_post SET price = 15 WHERE pk_post = 2;
SELECT price FROM tv_post WHERE pk_post = 2;
SELECT kit.check_all();
DROP TRIGGER on_change ON tv_post;
-- names in a trigger's function are looked up as in the TVIEW's query, unless it sets a search_path
CREATE TABLE seen_titles (title text);
CREATE FUNCTION note_title() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO seen_titles VALUES (NEW.data->>'title'); RETURN NULL; END $$;
CREATE TRIGGER note_title AFTER UPDATE ON tv_post FOR EACH ROW EXECUTE FUNCTION note_title();
UPDATE tb_post SET title = 'unseen' WHERE pk_post = 1;
ALTER FUNCTION note_title() SET search_path = t_objects;
UPDATE tb_post SET title = 'seen' WHERE pk_post = 1;
SELECT title FROM seen_titles;
SELECT kit.check_all();
DROP TRIGGER note_title ON tv_post;
-- a BEFORE trigger that refuses
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.price > 100 THEN RAISE EXCEPTION 'too dear'; END IF; RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON tv_post FOR EACH ROW EXECUTE FUNCTION refuse();
UPDATE tb_post SET price = 101;
SELECT max(price) FROM tb_post;
SELECT kit.check_all();
DROP TRIGGER refuse ON tv_post;

-- CHECK, NOT NULL and foreign keys of the TVIEW
ALTER TABLE tv_post ADD CONSTRAINT positive CHECK (price > 0), ALTER COLUMN data SET NOT NULL;
UPDATE tb_post SET price = -1 WHERE pk_post = 1;
-- a foreign key that is checked at once still sees the TVIEW's row; one that is deferred does not
ALTER TABLE tv_post ADD CONSTRAINT has_user FOREIGN KEY (fk_user) REFERENCES tb_user DEFERRABLE;
DELETE FROM tb_user WHERE pk_user = 2;
BEGIN;
SET CONSTRAINTS has_user DEFERRED;
DELETE FROM tb_user WHERE pk_user = 2;
COMMIT;
SELECT kit.check_all();
INSERT INTO tb_user VALUES (2, 'bob');
UPDATE tb_post SET fk_user = 2;
SELECT kit.check_all();
CREATE TABLE bookmark (fk_post int REFERENCES tv_post ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, note text);
INSERT INTO bookmark VALUES (1, 'a'), (2, 'b');
UPDATE tb_post SET title = title || '.';
SELECT count(*) FROM bookmark;
DELETE FROM tb_post WHERE pk_post = 1;
SELECT note FROM bookmark ORDER BY 1;
INSERT INTO bookmark VALUES (77, 'nothing there');
BEGIN;
INSERT INTO bookmark VALUES (78, 'comes before its post');
INSERT INTO tb_post VALUES (78, 1, 'late', 1);
COMMIT;
SELECT note FROM bookmark ORDER BY 1;
SELECT kit.check_all();

-- deferred: a constraint trigger on the TVIEW fires at commit, after the flush, and can still refuse
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO t_objects.log (line) VALUES ('at commit: ' || (NEW.data->>'title'));
  IF NEW.price = 66 THEN RAISE EXCEPTION 'refused at commit'; END IF;
  RETURN NULL;
END $$;
TRUNCATE log;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON tv_post DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION at_commit();
UPDATE tb_post SET title = 'deferred' WHERE pk_post = 2;
SELECT line FROM log WHERE line LIKE 'at commit%';
UPDATE tb_post SET price = 66 WHERE pk_post = 2;
SELECT price FROM tb_post WHERE pk_post = 2;
BEGIN;
UPDATE tb_post SET title = 'immediate' WHERE pk_post = 2;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT line FROM log WHERE line LIKE 'at commit%' ORDER BY n;
COMMIT;
-- one that changes base tables at commit
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE t_objects.tb_user SET name = 'at commit' WHERE pk_user = NEW.fk_user AND name <> 'at commit'; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER again AFTER UPDATE ON tv_post DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION again();
UPDATE tb_post SET title = 'final' WHERE pk_post = 2;
SELECT data FROM tv_post WHERE pk_post = 2;
SELECT kit.check_all();
DROP TRIGGER again ON tv_post;
-- deferrable unique and exclusion constraints
ALTER TABLE tv_post ADD CONSTRAINT one_price UNIQUE (price) DEFERRABLE INITIALLY DEFERRED;
UPDATE tb_post SET price = 90;
UPDATE tb_post SET price = 100 - pk_post;
UPDATE tb_post SET price = 22 + pk_post - (SELECT min(pk_post) FROM tb_post);
SELECT count(*) > 1 FROM tv_post;
UPDATE tb_post SET price = CASE price WHEN 22 THEN max WHEN max THEN 22 ELSE price END FROM (SELECT max(price) FROM tb_post) m;
SELECT kit.check_all();

-- logged, unlogged, clustered, commented, inherited by nothing: what is done to any table
ALTER TABLE tv_post SET (fillfactor = 50);
COMMENT ON TABLE tv_post IS 'posts';
VACUUM FULL tv_post;
CLUSTER tv_post USING idx_tv_post_pk;
REINDEX TABLE tv_post;
ANALYZE tv_post;
UPDATE tb_post SET title = 'after all that ' || pk_post;
DROP INDEX tv_post_data_idx, tv_post_expr_idx;
UPDATE tb_post SET title = 'the same for all' ;
SELECT kit.check_all();
ALTER TABLE tv_post REPLICA IDENTITY DEFAULT;
CREATE PUBLICATION regress_tv FOR TABLE tv_post;
UPDATE tb_post SET title = 'published';
DROP PUBLICATION regress_tv;
SELECT kit.check_all();

-- a materialized view and a view over a TVIEW
CREATE MATERIALIZED VIEW prices AS SELECT sum(price) AS total FROM tv_post;
UPDATE tb_post SET price = price * 2 WHERE pk_post = 2;
BEGIN;
UPDATE tb_post SET price = price + 0.5 WHERE pk_post = 2;
REFRESH MATERIALIZED VIEW prices;
COMMIT;
SELECT total = (SELECT sum(price) FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user) FROM prices;

-- statement triggers would never fire, and are refused
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER silent AFTER INSERT ON tv_post FOR EACH STATEMENT EXECUTE FUNCTION never();

DROP SCHEMA t_objects CASCADE;
SELECT count(*) FROM pg_tview_meta;
