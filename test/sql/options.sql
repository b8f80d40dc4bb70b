--
-- The options of a TVIEW: what is given at its creation, and changed later.
--
SET client_min_messages = warning;
CREATE SCHEMA t_options;
SET search_path = t_options, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';
CREATE TABLE tb_event (pk_event int PRIMARY KEY, at timestamptz);
INSERT INTO tb_event VALUES (1, '2026-11-21 12:00+00');

-- typing errors are told at once
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"notfy": true}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"notify": "a name that is longer than the sixty-three bytes that channels can have"}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"notify": 1}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"settings": "UTC"}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"settings": {"TimeZone": "Nowhere"}}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '[]');

SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"settings": {"timezone": "UTC"}}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"settings": {"extra_float_digits": 1}}');
SELECT pg_tviews_create('tv_event', 'SELECT pk_event FROM tb_event', options => '{"settings": {"work_mem": "1GB"}}');
-- settings: those given, and those of the session for the rest
SELECT pg_tviews_create('tv_event', 'SELECT pk_event, at::text AS at FROM tb_event', options => '{"settings": {"TimeZone": "Asia/Tokyo"}}');
SET TimeZone = 'America/Lima';
SET DateStyle = 'SQL, DMY';
INSERT INTO tb_event VALUES (2, '2026-11-21 12:00+00');
SELECT pk_event, at FROM tv_event ORDER BY 1;

-- changed later, each option by itself; the rows follow the settings
SELECT pg_tviews_alter('event', options => '{"on_error": "stale", "settings": {"DateStyle": "German"}}');
SELECT options->>'on_error' AS on_error, options->>'notify' AS notify, options->'settings'->>'TimeZone' AS zone, options->'settings'->>'DateStyle' AS style
FROM pg_tview_meta WHERE entity = 'event';
SELECT pk_event, at FROM tv_event ORDER BY 1;
SELECT pg_tviews_alter('event', options => '{"on_error": null, "notify": true}');
SELECT options->>'on_error' AS on_error, options->>'notify' AS notify, options->'settings'->>'TimeZone' AS zone, options->'settings'->>'DateStyle' AS style
FROM pg_tview_meta WHERE entity = 'event';

-- query and options in one call
SELECT pg_tviews_alter('event', 'SELECT pk_event, at::date::text AS at FROM tb_event', '{"notify": false}');
SELECT pk_event, at FROM tv_event ORDER BY 1;
SELECT options->>'notify' AS notify FROM pg_tview_meta WHERE entity = 'event';

-- errors
SELECT pg_tviews_alter('event', options => '{"on_eror": "stale"}');
SELECT pg_tviews_alter('event', options => '{"on_error": "ignore"}');
SELECT pg_tviews_alter('event', options => '{"settings": {"TimeZone": "Nowhere"}}');
SELECT pg_tviews_alter('event', options => '"stale"');
SELECT pg_tviews_alter('event');
SELECT pg_tviews_alter('evnt', options => '{}');
CREATE ROLE regress_options;
GRANT USAGE ON SCHEMA t_options TO regress_options;
SET ROLE regress_options;
SELECT pg_tviews_alter('event', options => '{"notify": true}');
RESET ROLE;

-- what an administrator has written there himself is read with care
UPDATE pg_tview_meta SET options = options || '{"comment": "mine"}' WHERE entity = 'event';
SELECT pg_tviews_alter('event', options => '{"notify": true}');
UPDATE tb_event SET at = '2026-11-22 12:00+00' WHERE pk_event = 1;
SELECT * FROM pg_tviews_validate();
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
SELECT kit.check_all();
DROP SCHEMA t_options CASCADE;
DROP ROLE regress_options;
