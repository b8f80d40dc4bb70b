--
-- on_error = 'stale': a query that fails leaves those alone who change its
-- tables; the TVIEW says that it is stale, until it is refreshed
--
CREATE SCHEMA t_stale;
SET search_path = t_stale, public;
\pset null '(null)'
CREATE TABLE tb_item (pk_item int PRIMARY KEY, n int);
INSERT INTO tb_item VALUES (1, 1), (2, 2);
SET client_min_messages = warning;
SELECT pg_tviews_create('tv_item', 'SELECT pk_item, 10 / n AS tenth FROM tb_item', options => '{"on_error": "stale"}');
SELECT pg_tviews_create('tv_strict', 'SELECT pk_item AS pk_strict, n FROM tb_item');
SELECT pg_tviews_create('tv_above', 'SELECT pk_item AS pk_above, tenth FROM tv_item');
SELECT pg_tviews_create('tv_x', 'SELECT pk_item AS pk_x FROM tb_item', options => '{"on_error": "ignore"}');

-- the change is kept, the others are right, a warning tells
INSERT INTO tb_item VALUES (3, 0);
SELECT pk_item, tenth FROM tv_item ORDER BY 1;
SELECT * FROM tb_item ORDER BY 1;
SELECT kit.check('tv_strict'), kit.check('tv_above');
SELECT entity, stale_since IS NOT NULL AS stale, stale_code FROM pg_tview_meta ORDER BY 1;
SELECT entity_name, issue, detail FROM pg_tviews_validate('item');
SELECT status, details FROM pg_tviews_health_check() WHERE check_name = 'stale';
SELECT entity_name, source, processed_at, error_message FROM pg_tviews_queue;
SELECT entity_name, is_stale FROM pg_tviews_metrics ORDER BY 1;
-- other rows go on being kept; those that fail go on failing
UPDATE tb_item SET n = 5 WHERE pk_item = 1;
UPDATE tb_item SET n = 0 WHERE pk_item = 2;
SELECT pk_item, tenth FROM tv_item ORDER BY 1;
-- a refresh that fails is an error; one that succeeds heals
SELECT pg_tviews_refresh('item');
UPDATE tb_item SET n = 4 WHERE n = 0;
SELECT pk_item, tenth FROM tv_item ORDER BY 1;
SELECT pg_tviews_refresh('item');
SELECT count(*) FROM pg_tview_meta WHERE stale_since IS NOT NULL OR stale_code IS NOT NULL;
SELECT * FROM pg_tviews_validate();
SELECT kit.check_all();

-- the mark goes with the transaction and with the savepoint
BEGIN;
UPDATE tb_item SET n = 0 WHERE pk_item = 1;
SELECT pk_item, tenth FROM tv_item ORDER BY 1;
SELECT entity FROM pg_tview_meta WHERE stale_since IS NOT NULL;
ROLLBACK;
BEGIN;
SAVEPOINT s;
UPDATE tb_item SET n = 0 WHERE pk_item = 1;
SELECT count(*) FROM tv_item;
ROLLBACK TO s;
UPDATE tb_item SET n = 2 WHERE pk_item = 2;
COMMIT;
SELECT count(*) FROM pg_tview_meta WHERE stale_since IS NOT NULL;
SELECT kit.check_all();
BEGIN;
UPDATE tb_item SET n = 0 WHERE pk_item = 1;
PREPARE TRANSACTION 't_stale';
COMMIT PREPARED 't_stale';
SELECT entity FROM pg_tview_meta WHERE stale_since IS NOT NULL;
UPDATE tb_item SET n = 1 WHERE pk_item = 1;
SELECT pg_tviews_refresh('item');
SELECT kit.check_all();

-- the setting does it for all TVIEWs whose options do not say
UPDATE pg_tview_meta SET options = options - 'on_error' WHERE entity = 'item';
\c -
SET search_path = t_stale, public;
SET client_min_messages = warning;
INSERT INTO tb_item VALUES (4, 0);
SET pg_tviews.on_error = stale;
INSERT INTO tb_item VALUES (4, 0);
DELETE FROM tb_item WHERE pk_item = 4;
SELECT pg_tviews_refresh('item');
CREATE ROLE regress_stale;
SET ROLE regress_stale;
SET pg_tviews.on_error = stale;
RESET ROLE;
SELECT kit.check_all();
SELECT * FROM pg_tviews_validate();
DROP SCHEMA t_stale CASCADE;
DROP ROLE regress_stale;
