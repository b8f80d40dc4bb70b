--
-- pg_tviews_refresh: repairs what went stale while triggers were off, and says how
-- many rows it changed
--
CREATE SCHEMA t_refresh;
SET search_path = t_refresh, public;
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE TABLE tb_item (pk_item int PRIMARY KEY, fk_kind int, label text);
CREATE TABLE tb_kind (pk_kind int PRIMARY KEY, label text);
INSERT INTO tb_kind VALUES (1, 'k1'), (2, 'k2');
INSERT INTO tb_item SELECT g, 1 + g % 2, 'i' || g FROM generate_series(1, 10) g;
CREATE TABLE tv_item AS SELECT i.pk_item, i.label, k.label AS kind FROM tb_item i JOIN tb_kind k ON k.pk_kind = i.fk_kind;
CREATE TABLE tv_kind AS SELECT kind AS pk_kind, count(*) AS items, string_agg(label, ',' ORDER BY pk_item) AS labels FROM tv_item GROUP BY kind;
SELECT pg_tviews_create('tv_pair', 'SELECT fk_kind, pk_item, label FROM tb_item', '{fk_kind,pk_item}');
ALTER TABLE tv_item ADD COLUMN note text DEFAULT 'new';
CREATE TABLE uses (pk_item int REFERENCES tv_item ON DELETE CASCADE);
INSERT INTO uses VALUES (1), (2), (3);

-- out of step: two rows changed, one gone, one new
-- enabling triggers refreshes, so keep that from being seen
CREATE PROCEDURE disturb() LANGUAGE plpgsql AS $$
BEGIN
  ALTER TABLE tb_item DISABLE TRIGGER USER;
  UPDATE tb_item SET label = label || '!' WHERE pk_item IN (1, 2);
  DELETE FROM tb_item WHERE pk_item = 3;
  INSERT INTO tb_item VALUES (11, 1, 'i11');
  ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
  ALTER TABLE tb_item ENABLE TRIGGER USER;
  ALTER EVENT TRIGGER pg_tviews_ddl_end ENABLE ALWAYS;
END $$;
CREATE PROCEDURE undo() LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tb_item SET label = 'i' || pk_item;
  DELETE FROM tb_item WHERE pk_item = 11;
  INSERT INTO tb_item VALUES (3, 2, 'i3');
END $$;

-- nothing to do
SELECT pg_tviews_refresh('tv_item'), pg_tviews_refresh('item'), pg_tviews_refresh('tv_kind'), pg_tviews_refresh('pair');
-- four rows, and what is built on them; what was added to the others stays
CALL disturb();
SELECT count(*) FROM (SELECT pk_item, label, kind FROM tv_item EXCEPT SELECT * FROM v_item) x;
SELECT pg_tviews_refresh('item');
SELECT kit.check('tv_item'), kit.check('tv_kind');
SELECT pk_item, label, note FROM tv_item WHERE pk_item IN (1, 3, 4, 11) ORDER BY 1;
SELECT pk_item FROM uses ORDER BY 1;
SELECT pg_tviews_refresh('pair');
SELECT kit.check_all();
CALL undo();
SELECT kit.check_all();
INSERT INTO uses VALUES (3);
-- all TVIEWs in one transaction, forced or not, as the procedures of the documents do it
CALL disturb();
DO $$
DECLARE m record;
BEGIN
  FOR m IN SELECT entity, tview::text AS name FROM pg_tview_meta ORDER BY entity LOOP
    PERFORM pg_tviews_refresh(m.name);
    PERFORM pg_tviews_refresh(m.entity, force => true);
    PERFORM pg_tviews_refresh(entity_name => m.name, force => false);
  END LOOP;
END $$;
SELECT kit.check_all();
SELECT pk_item FROM uses ORDER BY 1;
CALL undo();
SELECT kit.check_all();
-- forced: rewritten, the same rows, with the columns that are not the view's
SELECT pg_tviews_refresh('item', true) >= 0;
SELECT count(*), count(note) FROM tv_item;
SELECT kit.check_all();

-- some keys only
CALL disturb();
SELECT pg_tviews_refresh('tv_item', ARRAY[1]);
SELECT pg_tviews_refresh(tview_name => 't_refresh.item', primary_keys => ARRAY[2, 3, 3, 11, 999]);
SELECT kit.check('tv_item'), kit.check('tv_kind');
SELECT pg_tviews_refresh('tv_item', ARRAY[1, 2, 3]), pg_tviews_refresh('tv_item', ARRAY[]::int[]);
SELECT pg_tviews_refresh('tv_kind', ARRAY['k1', 'no such kind']);
SELECT pg_tviews_refresh('tv_item', ARRAY['x']);
SELECT pg_tviews_refresh('pair');
CALL undo();
SELECT kit.check_all();

-- inside a transaction: with pending changes, rolled back, in a savepoint
BEGIN;
UPDATE tb_item SET label = 'pending' WHERE pk_item = 5;
SELECT pg_tviews_refresh('item') IN (0, 1);
SELECT label FROM tv_item WHERE pk_item = 5;
SAVEPOINT a;
UPDATE tb_kind SET label = 'K' || pk_kind;
SELECT pg_tviews_refresh('kind') >= 0;
SELECT pk_kind FROM tv_kind ORDER BY 1;
ROLLBACK TO a;
SELECT pk_kind FROM tv_kind ORDER BY 1;
SELECT kit.check_all();
ROLLBACK;
SELECT kit.check_all();

-- an error in it changes nothing; names that are none
ALTER TABLE tb_item DISABLE TRIGGER USER;
UPDATE tb_item SET fk_kind = NULL WHERE pk_item = 5;
ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
ALTER TABLE tb_item ENABLE TRIGGER USER;
ALTER EVENT TRIGGER pg_tviews_ddl_end ENABLE ALWAYS;
SELECT pg_tviews_refresh('pair');
SELECT count(*) FROM tv_pair;
UPDATE tb_item SET fk_kind = 2 WHERE pk_item = 5;
SELECT kit.check_all();
SELECT pg_tviews_refresh('my_tview');
SELECT pg_tviews_refresh('');
SELECT pg_tviews_refresh('tv_item', NULL::int[]);

DROP SCHEMA t_refresh CASCADE;
SELECT count(*) FROM pg_tview_meta;
