--
-- Row-level security of base tables: a TVIEW holds what its owner's view shows by
-- the policies, whatever changes, and says so where these cannot be followed
--
SET client_min_messages = error;
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_policy_owner;
CREATE ROLE regress_policy_other;
CREATE SCHEMA t_policies;
GRANT USAGE ON SCHEMA kit TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA t_policies TO regress_policy_owner, regress_policy_other;
SET search_path = t_policies, public;

CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, visible bool, level int NOT NULL DEFAULT 0);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text, shown bool, note text);
INSERT INTO tb_user VALUES (1, 'ann', true), (2, 'bob', false), (3, 'cid', true);
INSERT INTO tb_post SELECT n, n % 3 + 1, 'post ' || n, n % 2 = 0 FROM generate_series(1, 9) n;
CREATE INDEX ON tb_post (fk_user);
ALTER TABLE tb_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE tb_post ENABLE ROW LEVEL SECURITY;
CREATE POLICY p_user ON tb_user USING (visible);
CREATE POLICY p_post ON tb_post FOR SELECT USING (shown);
CREATE POLICY p_write ON tb_post FOR UPDATE USING (note IS NULL);
GRANT SELECT, TRIGGER ON tb_user, tb_post TO regress_policy_owner, regress_policy_other;

-- none of the queries names a column that the policies read
SET ROLE regress_policy_owner;
CREATE TABLE tv_user AS SELECT pk_user, name FROM tb_user;
CREATE TABLE tv_post AS
  SELECT p.pk_post, p.title, jsonb_build_object('name', u.name, 'title', p.title) AS data
  FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_maybe AS
  SELECT p.pk_post AS pk_maybe, u.name FROM tb_post p LEFT JOIN tb_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_count AS
  SELECT u.pk_user AS pk_count, (SELECT count(*) FROM tb_post p WHERE p.fk_user = u.pk_user) AS posts, u.name
  FROM tb_user u;
CREATE TABLE tv_group AS
  SELECT u.pk_user AS pk_group, g.n, g.titles
  FROM tb_user u
  LEFT JOIN (SELECT fk_user, count(*) AS n, string_agg(title, ',' ORDER BY pk_post) AS titles
             FROM tb_post GROUP BY fk_user) g ON g.fk_user = u.pk_user;
CREATE TABLE tv_first AS
  SELECT DISTINCT ON (fk_user) fk_user AS pk_first, title FROM tb_post ORDER BY fk_user, pk_post;
CREATE TABLE tv_lonely AS
  SELECT u.pk_user AS pk_lonely FROM tb_user u WHERE NOT EXISTS (SELECT FROM tb_post p WHERE p.fk_user = u.pk_user);
SELECT pg_tviews_create('t_policies.tv_again', 'SELECT pk_user AS pk_again, name FROM tv_user');
RESET ROLE;
-- of these only the owner's view is the measure
CREATE PROCEDURE check_all() LANGUAGE plpgsql AS $$
DECLARE tview name;
BEGIN
  SET LOCAL ROLE regress_policy_owner;
  FOR tview IN SELECT relname FROM pg_class WHERE relname LIKE 'tv\_%' AND relnamespace = 't_policies'::regnamespace
               AND pg_get_userbyid(relowner) = 'regress_policy_owner' ORDER BY 1 LOOP
    PERFORM kit.check(tview);
  END LOOP;
  RESET ROLE;
END $$;
CALL check_all();
SELECT pk_user, name FROM tv_user ORDER BY 1;

-- there, away, and back
UPDATE tb_user SET visible = true WHERE pk_user = 2;
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();
UPDATE tb_user SET visible = false WHERE pk_user IN (1, 2);
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();
UPDATE tb_user SET visible = NULL;
CALL check_all();
UPDATE tb_user SET visible = pk_user < 3;
CALL check_all();
UPDATE tb_post SET shown = NOT shown;
SELECT pk_post, data FROM tv_post ORDER BY 1;
CALL check_all();
UPDATE tb_post SET shown = true WHERE pk_post = 1;
UPDATE tb_post SET shown = false WHERE fk_user = 3;
CALL check_all();
UPDATE tb_post SET shown = NOT shown WHERE fk_user = 3;
SELECT pk_group, n, titles FROM tv_group ORDER BY 1;
CALL check_all();

-- together with other changes, in one transaction and its savepoints
BEGIN;
UPDATE tb_user SET visible = false WHERE pk_user = 1;
UPDATE tb_user SET name = name || '!';
UPDATE tb_user SET visible = true WHERE pk_user = 1;
UPDATE tb_user SET visible = false WHERE pk_user = 2;
UPDATE tb_post SET shown = false WHERE pk_post = 4;
COMMIT;
CALL check_all();
BEGIN;
UPDATE tb_user SET visible = NOT visible;
SELECT count(*) FROM tv_user;
SAVEPOINT s;
UPDATE tb_user SET visible = NOT visible;
UPDATE tb_post SET shown = NOT shown;
SELECT count(*) FROM tv_user;
ROLLBACK TO s;
UPDATE tb_post SET fk_user = fk_user % 3 + 1, shown = true WHERE pk_post < 3;
COMMIT;
CALL check_all();
-- a chain that breaks in its middle while its end changes
BEGIN;
UPDATE tb_post SET shown = false;
UPDATE tb_user SET name = name || '?', visible = true;
COMMIT;
CALL check_all();
BEGIN;
UPDATE tb_user SET name = name || '.';
UPDATE tb_post SET shown = true;
COMMIT;
CALL check_all();
-- what the owner does not see is not computed
UPDATE tb_post SET note = 'n';
CALL check_all();

-- other policies
ALTER POLICY p_user ON tb_user USING (level > 0);
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();
UPDATE tb_user SET level = 1 WHERE pk_user > 1;
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();
CREATE POLICY p_less ON tb_user AS RESTRICTIVE USING (name <> 'none');
UPDATE tb_user SET level = 2, name = 'none' WHERE pk_user = 3;
CALL check_all();
UPDATE tb_user SET name = NULL, level = 0;
UPDATE tb_user SET name = 'some', level = 1;
CALL check_all();
DROP POLICY p_less ON tb_user;
-- whole rows, and a column added to them
ALTER POLICY p_user ON tb_user USING (tb_user::text NOT LIKE '%hide%');
CALL check_all();
ALTER TABLE tb_user ADD COLUMN extra text;
UPDATE tb_user SET extra = 'hide' WHERE pk_user = 2;
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();
UPDATE tb_user SET extra = NULL;
CALL check_all();
-- a function, replaced
CREATE FUNCTION is_shown(level int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT level > 0';
ALTER POLICY p_user ON tb_user USING (is_shown(level));
UPDATE tb_user SET level = pk_user - 1;
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();
CREATE OR REPLACE FUNCTION is_shown(level int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT level = 0';
SELECT pk_user, name FROM tv_user ORDER BY 1;
CALL check_all();

-- partitions: the policies of the table that the query names count
CREATE TABLE tb_part (pk_part int PRIMARY KEY, ok bool, value text) PARTITION BY RANGE (pk_part);
CREATE TABLE tb_part_1 PARTITION OF tb_part FOR VALUES FROM (0) TO (10);
CREATE TABLE tb_part_2 (value text, gone int, ok bool, pk_part int NOT NULL);
ALTER TABLE tb_part_2 DROP COLUMN gone;
ALTER TABLE tb_part ATTACH PARTITION tb_part_2 FOR VALUES FROM (10) TO (20);
INSERT INTO tb_part VALUES (1, true, 'a'), (2, false, 'b'), (11, true, 'c'), (12, false, 'd');
ALTER TABLE tb_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE tb_part_2 ENABLE ROW LEVEL SECURITY;
CREATE POLICY p_part ON tb_part USING (ok);
CREATE POLICY p_part_2 ON tb_part_2 USING (value <> 'c');
GRANT SELECT, TRIGGER ON tb_part TO regress_policy_owner;
SET ROLE regress_policy_owner;
CREATE TABLE tv_part AS SELECT pk_part, value FROM tb_part;
RESET ROLE;
UPDATE tb_part SET ok = NOT ok;
SELECT pk_part, value FROM tv_part ORDER BY 1;
UPDATE tb_part_2 SET ok = true;
CALL check_all();

-- the owner of a table, by force
SET ROLE regress_policy_owner;
CREATE TABLE tb_own (pk_own int PRIMARY KEY, ok bool, value text);
INSERT INTO tb_own VALUES (1, true, 'a'), (2, false, 'b');
ALTER TABLE tb_own ENABLE ROW LEVEL SECURITY;
CREATE POLICY p_own ON tb_own USING (ok) WITH CHECK (true);
CREATE TABLE tv_own AS SELECT pk_own, value FROM tb_own;
RESET ROLE;
UPDATE tb_own SET ok = NOT ok;
SELECT pk_own, value FROM tv_own ORDER BY 1;
ALTER TABLE tb_own FORCE ROW LEVEL SECURITY;
SELECT pk_own, value FROM tv_own ORDER BY 1;
UPDATE tb_own SET ok = NOT ok;
SELECT pk_own, value FROM tv_own ORDER BY 1;
CALL check_all();
ALTER TABLE tb_own NO FORCE ROW LEVEL SECURITY;
CALL check_all();
-- ... also where a foreign key, which is checked without it, has the TVIEW computed
ALTER TABLE tb_own FORCE ROW LEVEL SECURITY;
ALTER TABLE tv_own OWNER TO regress_policy_owner;
GRANT REFERENCES ON tv_own TO regress_policy_owner;
CREATE TABLE tb_refers (pk_own int REFERENCES tv_own);
BEGIN;
UPDATE tb_own SET ok = NOT ok;
INSERT INTO tb_refers VALUES (2);
INSERT INTO tb_own VALUES (3, false, 'c'), (4, true, 'd');
INSERT INTO tb_refers VALUES (4);
COMMIT;
SELECT pk_own, value FROM tv_own ORDER BY 1;
CALL check_all();
DROP TABLE tb_refers;
UPDATE tb_own SET ok = NOT ok;
CALL check_all();

-- views in between show what their owners see, or whoever asks
CREATE VIEW all_users AS SELECT pk_user, name FROM tb_user;
CREATE VIEW all_posts AS SELECT pk_post, fk_user, title FROM tb_post;
CREATE VIEW own_users WITH (security_invoker) AS SELECT pk_user, name FROM tb_user;
GRANT SELECT ON all_users, all_posts, own_users TO regress_policy_owner;
GRANT SELECT ON all_users, all_posts TO regress_policy_other;
CREATE VIEW other_users AS SELECT pk_user, name FROM tb_user;
ALTER VIEW other_users OWNER TO regress_policy_other;
GRANT SELECT ON other_users TO regress_policy_owner;
CREATE POLICY p_other ON tb_user TO regress_policy_other USING (visible);
SET ROLE regress_policy_owner;
CREATE TABLE tv_all AS SELECT pk_user AS pk_all, name FROM all_users;
CREATE TABLE tv_invoked AS SELECT pk_user AS pk_invoked, name FROM own_users;
CREATE TABLE tv_other AS SELECT pk_user AS pk_other, name FROM other_users;
CREATE TABLE tv_through AS
  SELECT p.pk_post AS pk_through, u.name FROM all_posts p JOIN all_users u ON u.pk_user = p.fk_user;
SELECT * FROM pg_tviews_explain('tv_through');
RESET ROLE;
CALL check_all();
UPDATE tb_user SET level = 1 - level, visible = true;
SELECT pk_invoked, name FROM tv_invoked ORDER BY 1;
CALL check_all();
UPDATE tb_user SET level = pk_user, visible = pk_user = 1;
SELECT pk_other, name FROM tv_other ORDER BY 1;
CALL check_all();
UPDATE tb_post SET shown = false;
UPDATE tb_user SET name = name || '+';
SELECT pk_through, name FROM tv_through ORDER BY 1;
CALL check_all();
ALTER VIEW other_users OWNER TO regress_policy_owner;
CALL check_all();

-- roles: PostgreSQL does not report these commands, but what comes later is right
ALTER ROLE regress_policy_owner BYPASSRLS;
SELECT pg_tviews_refresh('t_policies.tv_user') >= 0;
SELECT count(*) FROM tv_user;
SET ROLE regress_policy_owner;
CREATE TABLE tv_role AS SELECT pk_user AS pk_role, name FROM tb_user;
RESET ROLE;
UPDATE tb_user SET level = 1;
ALTER ROLE regress_policy_owner NOBYPASSRLS;
SELECT sum(pg_tviews_refresh(entity_name)) >= 0 FROM pg_tviews_metadata;
SELECT count(*) FROM tv_role;
UPDATE tb_user SET level = 0 WHERE pk_user = 1;
SELECT pk_role, name FROM tv_role ORDER BY 1;
CALL check_all();
DROP TABLE tv_all, tv_invoked, tv_other, tv_through CASCADE;

-- what cannot be followed: other tables, and functions whose results may change
CREATE TABLE tb_right (fk_user int, who name);
CREATE TABLE tb_secret (pk_secret int PRIMARY KEY, fk_user int, who name);
INSERT INTO tb_secret VALUES (1, 1, 'regress_policy_owner'), (2, 2, 'x');
GRANT SELECT, TRIGGER ON tb_right, tb_secret TO regress_policy_owner;
ALTER TABLE tb_secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY p_secret ON tb_secret USING (EXISTS (SELECT FROM tb_right r WHERE r.fk_user = tb_secret.fk_user));
CREATE TABLE tv_hidden AS SELECT pk_secret AS pk_hidden, fk_user FROM tb_secret;
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
SELECT pg_tviews_create('t_policies.tv_secret', 'SELECT u.pk_user AS pk_secret, (SELECT count(*) FROM tb_secret s WHERE s.fk_user = u.pk_user) FROM tb_user u');
RESET ROLE;
CREATE FUNCTION is_right(int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 = 1';
ALTER POLICY p_secret ON tb_secret USING (is_right(fk_user));
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
RESET ROLE;
ALTER POLICY p_secret ON tb_secret USING (who = current_setting('app.who'));
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
RESET ROLE;
ALTER POLICY p_secret ON tb_secret USING (who = session_user);
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
RESET ROLE;
ALTER POLICY p_secret ON tb_secret USING (pg_has_role(who, 'member'));
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
RESET ROLE;
ALTER POLICY p_secret ON tb_secret USING (fk_user < random());
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
RESET ROLE;
-- the owner of the TVIEW is always the same, and so is who asks
ALTER POLICY p_secret ON tb_secret USING (who = current_user AND who = CURRENT_ROLE);
SET ROLE regress_policy_owner;
CREATE TABLE tv_secret AS SELECT pk_secret FROM tb_secret;
RESET ROLE;
UPDATE tb_secret SET who = 'regress_policy_owner';
SELECT pk_secret FROM tv_secret ORDER BY 1;
CALL check_all();
-- later it is refused, where it concerns the owner of a TVIEW
ALTER POLICY p_secret ON tb_secret USING (EXISTS (SELECT FROM tb_right r WHERE r.fk_user = tb_secret.fk_user));
CREATE POLICY p_more ON tb_secret USING (is_right(fk_user));
CREATE POLICY p_more ON tb_secret TO regress_policy_other USING (is_right(fk_user));
CREATE POLICY p_write ON tb_secret FOR INSERT WITH CHECK (is_right(fk_user));
ALTER POLICY p_more ON tb_secret TO PUBLIC;
CREATE OR REPLACE FUNCTION is_shown(level int) RETURNS bool LANGUAGE sql STABLE AS 'SELECT level = 0';
GRANT SELECT ON tb_secret TO regress_policy_other;
ALTER TABLE tv_hidden OWNER TO regress_policy_other;
CREATE TABLE tb_late (pk_late int PRIMARY KEY);
GRANT SELECT, TRIGGER ON tb_late TO regress_policy_owner;
CREATE POLICY p_late ON tb_late USING (EXISTS (SELECT FROM tb_right));
SET ROLE regress_policy_owner;
CREATE TABLE tv_late AS SELECT pk_late FROM tb_late;
RESET ROLE;
ALTER TABLE tb_late ENABLE ROW LEVEL SECURITY;
CALL check_all();
-- not in a role's name: nothing can be refused there, so a change that it concerns is
UPDATE tb_secret SET who = 'regress_policy_owner';
GRANT regress_policy_other TO regress_policy_owner;
\set VERBOSITY terse
UPDATE tb_secret SET who = 'nobody';
\set VERBOSITY default
SELECT issue FROM pg_tviews_validate('tv_secret');
REVOKE regress_policy_other FROM regress_policy_owner;
UPDATE tb_secret SET who = 'nobody';
SELECT count(*) FROM tv_secret;
CALL check_all();

-- a TVIEW, or the table, changes hands
SET ROLE regress_policy_owner;
CREATE TABLE tv_handed AS SELECT pk_user AS pk_handed, name FROM tb_user;
RESET ROLE;
UPDATE tb_user SET visible = pk_user > 1;
SELECT pk_handed, name FROM tv_handed ORDER BY 1;
ALTER TABLE tv_handed OWNER TO regress_policy_other;
SELECT pk_handed, name FROM tv_handed ORDER BY 1;
UPDATE tb_user SET visible = pk_user < 3;
SELECT pk_handed, name FROM tv_handed ORDER BY 1;
ALTER TABLE tv_handed OWNER TO regress_policy_owner;
SELECT pk_handed, name FROM tv_handed ORDER BY 1;
CALL check_all();
ALTER TABLE tb_user OWNER TO regress_policy_owner;
SELECT pk_handed, name FROM tv_handed ORDER BY 1;
UPDATE tb_user SET visible = false, level = pk_user;
CALL check_all();

-- as whom a view in between reads
CREATE TABLE tb_sight (pk_sight int PRIMARY KEY, name text, visible bool);
INSERT INTO tb_sight VALUES (1, 'a', true), (2, 'b', false);
ALTER TABLE tb_sight ENABLE ROW LEVEL SECURITY;
CREATE POLICY p_sight ON tb_sight TO regress_policy_owner USING (visible);
GRANT SELECT, TRIGGER ON tb_sight TO regress_policy_owner;
CREATE VIEW sights AS SELECT * FROM tb_sight;
GRANT SELECT ON sights TO regress_policy_owner;
SET ROLE regress_policy_owner;
CREATE TABLE tv_sight AS SELECT pk_sight, name FROM sights;
RESET ROLE;
SELECT pk_sight, name FROM tv_sight ORDER BY 1;
ALTER VIEW sights SET (security_invoker = true);
SELECT pk_sight, name FROM tv_sight ORDER BY 1;
UPDATE tb_sight SET visible = NOT visible;
CALL check_all();
ALTER VIEW sights RESET (security_invoker);
SELECT pk_sight, name FROM tv_sight ORDER BY 1;
CALL check_all();

DROP SCHEMA t_policies CASCADE;
SELECT count(*) FROM pg_tview_meta;
DROP ROLE regress_policy_owner, regress_policy_other;
