--
-- pg_tviews_alter(): columns of the table stay like those of the view, and the
-- view stays what it was but for its query
--
CREATE SCHEMA t_redefine;
SET search_path = t_redefine, public;
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE tb_word (pk_word text PRIMARY KEY, n int);
INSERT INTO tb_word VALUES ('a', 1);

-- a key that the table and the view compare differently
CREATE TABLE tv_word AS SELECT pk_word, n FROM tb_word;
ALTER TABLE tv_word ALTER pk_word TYPE text COLLATE nocase;
ALTER TABLE tv_word ALTER pk_word TYPE text COLLATE "C";
INSERT INTO tb_word VALUES ('A', 2);
SELECT pk_word, n FROM tv_word ORDER BY 2;
DELETE FROM tb_word WHERE pk_word = 'A';
SELECT pg_tviews_refresh('word'), pg_tviews_refresh('word', force => true);
-- two that PostgreSQL could not choose between
SELECT pg_tviews_alter('word', 'SELECT pk_word COLLATE "POSIX" AS pk_word, n FROM tb_word');
ALTER TABLE tv_word ALTER pk_word TYPE text COLLATE "C";
SELECT pg_tviews_refresh('word', force => true);

-- it follows the query's
SELECT pg_tviews_alter('word', 'SELECT pk_word COLLATE nocase AS pk_word, n FROM tb_word');
SELECT attname, attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'pk_word';
SELECT pg_tviews_alter('word', 'SELECT pk_word, n FROM tb_word');
SELECT attname, attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'pk_word';
INSERT INTO tb_word VALUES ('A', 2);
SELECT pk_word, n FROM tv_word ORDER BY 2;
SELECT kit.check_all();

-- other columns: the user's collation stays until the query has another
SELECT pg_tviews_alter('word', 'SELECT pk_word, pk_word AS label, n FROM tb_word');
ALTER TABLE tv_word ALTER label TYPE text COLLATE "C";
SELECT pg_tviews_alter('word', 'SELECT pk_word, pk_word AS label, n + 1 AS m FROM tb_word');
SELECT attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'label';
SELECT pg_tviews_alter('word', 'SELECT pk_word, pk_word COLLATE nocase AS label, n + 1 AS m FROM tb_word');
SELECT attcollation::regcollation FROM pg_attribute WHERE attrelid = 'tv_word'::regclass AND attname = 'label';
UPDATE tb_word SET n = n + 1;
SELECT kit.check_all();

-- lengths and precisions, which a dump of the table must have
CREATE FUNCTION types(tview regclass) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END), ', ' ORDER BY attname)
    FROM pg_attribute WHERE attrelid = tview AND attnum > 0 AND NOT attisdropped AND attname <> 'updated_at'
$$;
CREATE TABLE tb_size (pk_size int PRIMARY KEY, name text, n numeric);
INSERT INTO tb_size VALUES (1, 'one', 1234.56789), (2, 'two', NULL);
CREATE TABLE tv_size AS SELECT pk_size, name::varchar(5) AS name, n::numeric(10,2) AS n FROM tb_size;
SELECT pg_tviews_alter('size', 'SELECT pk_size, name::varchar(20) AS name, n::numeric(10,4) AS n FROM tb_size');
SELECT types('tv_size');
UPDATE tb_size SET name = 'one and a half' WHERE pk_size = 1;
SELECT pk_size, name, n FROM tv_size ORDER BY 1;
CREATE TABLE copied (LIKE tv_size);
INSERT INTO copied SELECT * FROM tv_size;
SELECT pg_tviews_alter('size', 'SELECT pk_size, name::varchar(3) AS name, (n / 1000)::numeric(4,3) AS n FROM tb_size');
SELECT types('tv_size');
SELECT pk_size, name, n FROM tv_size ORDER BY 1;
SELECT kit.check_all();
-- a longer column is not written for it
SELECT relfilenode AS before FROM pg_class WHERE oid = 'tv_size'::regclass \gset
SELECT pg_tviews_alter('size', 'SELECT pk_size, left(name, 3)::varchar(30) AS name, (n / 1000)::numeric(4,3) AS n FROM tb_size');
SELECT relfilenode = :before FROM pg_class WHERE oid = 'tv_size'::regclass;
SELECT pg_tviews_alter('size', 'SELECT pk_size, left(name, 3) AS name, (n / 1000)::numeric(4,3) AS n FROM tb_size');
SELECT relfilenode = :before FROM pg_class WHERE oid = 'tv_size'::regclass;
SELECT types('tv_size');

-- the key's type: what the user has added to rows stays
ALTER TABLE tv_size ADD COLUMN note text DEFAULT 'mine';
INSERT INTO tb_size VALUES (3, 'three');
UPDATE tb_size SET name = NULL WHERE pk_size = 3;
ALTER TABLE tv_size ALTER note DROP DEFAULT;
SELECT pg_tviews_alter('size', 'SELECT pk_size::bigint AS pk_size, name, n FROM tb_size');
SELECT types('tv_size');
SELECT pk_size, name, n, note FROM tv_size ORDER BY 1;
INSERT INTO tb_size VALUES (4, 'four');
SELECT pg_tviews_alter('size', 'SELECT (pk_size + 1)::text AS pk_size, name, n FROM tb_size');
SELECT pk_size, name, n, note FROM tv_size ORDER BY 1;
SELECT pg_tviews_alter('size', 'SELECT make_date(2000, 1, pk_size) AS pk_size, name, n FROM tb_size');
SELECT pg_tviews_alter('size', 'SELECT pk_size, name, n FROM tb_size');
SELECT pg_tviews_alter('size', 'SELECT make_date(2000, 1, pk_size) AS pk_size, name, n FROM tb_size');
SELECT types('tv_size');
SELECT kit.check_all();

-- columns that the user has made NOT NULL
DELETE FROM tb_size WHERE name IS NULL;
ALTER TABLE tv_size ALTER name SET NOT NULL;
SELECT pg_tviews_alter('size', 'SELECT pk_size, length(name) AS name, n FROM tb_size');
SELECT types('tv_size');
SELECT pg_tviews_alter('size', 'SELECT pk_size, to_jsonb(NULL::text) AS name, n FROM tb_size');
SELECT types('tv_size');
SELECT kit.check_all();

-- the view keeps just the privileges that it has, whatever the owner's default ones are
CREATE ROLE regress_reader;
CREATE ROLE regress_owner;
CREATE FUNCTION view_state(view text DEFAULT 'v_state') RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', privilege_type, 'to', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE replace(pg_get_userbyid(grantee), current_user, 'user') END, CASE WHEN is_grantable THEN 'grantable' END)
    FROM pg_class, aclexplode(relacl) WHERE oid = view::regclass AND grantee <> relowner
  UNION ALL SELECT 'owner may not delete' FROM pg_class WHERE oid = view::regclass AND relacl IS NOT NULL
    AND NOT EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = relowner AND privilege_type = 'DELETE')
  UNION ALL SELECT concat_ws(' ', privilege_type, attname, 'to', pg_get_userbyid(grantee), CASE WHEN is_grantable THEN 'grantable' END)
    FROM pg_attribute, aclexplode(attacl) WHERE attrelid = view::regclass
  UNION ALL SELECT concat_ws(' ', coalesce(attname, 'view'), description) FROM pg_description LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND attnum > 0
    WHERE objoid = view::regclass AND classoid = 'pg_class'::regclass
  UNION ALL SELECT unnest(reloptions) FROM pg_class WHERE oid = view::regclass
$$;
CREATE TABLE tb_state (pk_state int PRIMARY KEY, name text, "Odd" int);
INSERT INTO tb_state VALUES (1, 'a', 1);
CREATE TABLE tv_state AS SELECT pk_state, name, "Odd" FROM tb_state;
ALTER DEFAULT PRIVILEGES IN SCHEMA t_redefine GRANT SELECT, DELETE ON TABLES TO regress_reader, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO regress_owner WITH GRANT OPTION;
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
SELECT pg_tviews_alter('state', 'SELECT pk_state, name, 1 AS one, "Odd" FROM tb_state');
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
GRANT SELECT, INSERT ON v_state TO regress_owner;
GRANT UPDATE ON v_state TO regress_reader WITH GRANT OPTION;
GRANT SELECT (name, "Odd") ON v_state TO regress_reader;
GRANT UPDATE (pk_state) ON v_state TO regress_reader WITH GRANT OPTION;
COMMENT ON VIEW v_state IS 'it''s \\ the view';
COMMENT ON COLUMN v_state."Odd" IS 'odd';
COMMENT ON COLUMN v_state.one IS 'goes';
ALTER VIEW v_state SET (security_barrier = true, check_option = local);
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, name, 2 AS two FROM tb_state');
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
-- in place, too
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, upper(name) AS name, 2 AS two FROM tb_state');
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
-- of another owner, who has not all rights
GRANT SELECT, TRIGGER ON tb_state TO regress_owner;
GRANT USAGE, CREATE ON SCHEMA t_redefine TO regress_owner;
ALTER TABLE tv_state OWNER TO regress_owner;
REVOKE DELETE ON v_state FROM regress_owner;
GRANT SELECT ON v_state TO CURRENT_USER;
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, name, 3 AS three FROM tb_state');
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
SET ROLE regress_owner;
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, name, 4 AS four FROM t_redefine.tb_state');
RESET ROLE;
SELECT line FROM view_state() AS v(line) ORDER BY line COLLATE "C";
SELECT kit.check_all();
-- what is lost is told
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER instead INSTEAD OF UPDATE ON v_state FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE RULE nothing AS ON DELETE TO v_state DO INSTEAD NOTHING;
ALTER VIEW v_state ALTER name SET DEFAULT 'x';
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, name FROM tb_state');
ALTER DEFAULT PRIVILEGES IN SCHEMA t_redefine REVOKE SELECT, DELETE ON TABLES FROM regress_reader, PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM regress_owner;

-- without our event trigger, which does much of it, nothing is done, with other columns or the same
BEGIN;
ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
SAVEPOINT s;
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, lower(name) AS name FROM tb_state');
ROLLBACK TO s;
SELECT pg_tviews_alter('state', 'SELECT pk_state, name FROM tb_state');
ROLLBACK TO s;
-- options need none
SELECT pg_tviews_alter('state', options => '{"notify": true}');
ROLLBACK;
SET session_replication_role = replica;
SELECT pg_tviews_alter('state', 'SELECT "Odd", pk_state, lower(name) AS name FROM tb_state');
RESET session_replication_role;
SELECT kit.check_all();

-- constraints of the table's owner run as he does, whoever changes what it follows
CREATE ROLE regress_evil;
GRANT USAGE, CREATE ON SCHEMA t_redefine TO regress_evil;
CREATE TABLE seen (who text, what text);
CREATE TABLE tb_trap (pk_trap int PRIMARY KEY, v varchar(9), n int);
INSERT INTO tb_trap VALUES (1, 'a', 1);
CREATE VIEW traps AS SELECT pk_trap, v, n FROM tb_trap;
GRANT SELECT ON traps TO regress_evil;
GRANT SELECT, TRIGGER ON tb_trap TO regress_evil;
GRANT INSERT ON seen TO PUBLIC;
SET ROLE regress_evil;
CREATE FUNCTION trap(text, text) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO t_redefine.seen VALUES (current_user, $2); RETURN true; END $$;
CREATE TABLE tv_trap AS SELECT pk_trap, v FROM traps;
ALTER TABLE tv_trap ALTER v TYPE varchar(20), ADD CHECK (t_redefine.trap(v, 'trap'));
RESET ROLE;
CREATE OR REPLACE VIEW traps AS SELECT pk_trap, v, n FROM tb_trap WHERE n > 0;
SELECT pg_tviews_alter('trap', 'SELECT pk_trap, v::varchar(30) FROM traps');
SELECT pg_tviews_alter('trap', 'SELECT pk_trap, v::text FROM traps');
SELECT who, count(*) > 0 FROM seen GROUP BY who;
DROP OWNED BY regress_evil CASCADE;
DROP ROLE regress_evil;
SELECT kit.check_all();

DROP SCHEMA t_redefine CASCADE;
DROP ROLE regress_reader, regress_owner;
SELECT count(*) FROM pg_tview_meta;
