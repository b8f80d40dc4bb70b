-- Queries in which a condition looks like a way to the key and is none.
CREATE SCHEMA adversary;
SET search_path = adversary, public;
SET client_min_messages = error;
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on

CREATE TABLE a (id int PRIMARY KEY, k int, n numeric, t text, x int);
CREATE TABLE b (id int PRIMARY KEY, k int, j int, x int);
CREATE TABLE c (id int PRIMARY KEY, j int, t text);
INSERT INTO a VALUES (1, 1, 1.0, '1.0', 1), (2, 1, 1.00, '1.00', 2),
	(3, 2, 2, '2', 3);
INSERT INTO b VALUES (1, 1, 1, 1), (2, 2, 1, 2), (3, 2, 2, 3);
INSERT INTO c VALUES (1, 1, '1.0'), (2, 2, '1.00'), (3, 3, '2');

-- a condition inside a subquery that has a row even where no row satisfies it
CREATE TABLE tv_counted AS
SELECT c.id AS pk_counted, a.id AS pk_a, a.x, s.n
  FROM c CROSS JOIN a CROSS JOIN LATERAL
	(SELECT count(*) AS n FROM b WHERE b.k = a.k AND b.j = c.j) s
 WHERE a.id = 1;
UPDATE a SET x = 10;
SELECT kit.check('tv_counted');

-- ... or that is null-extended where none does
SELECT pg_tviews_create('tv_nulled',
	'SELECT c.id AS pk, a.id AS pk2, a.x, s.x AS y
	   FROM adversary.c CROSS JOIN adversary.a LEFT JOIN LATERAL
		(SELECT b.x FROM adversary.b WHERE b.k = a.k AND b.j = c.j
		  ORDER BY b.id LIMIT 1) s ON true', '{pk,pk2}');
UPDATE a SET x = 11;
SELECT kit.check('tv_nulled');

-- ... or that is a sublink's, over tables outside
SELECT pg_tviews_create('tv_outside',
	'SELECT c.id AS pk, a.id AS pk2, a.x,
			(SELECT count(*) FROM adversary.b WHERE a.k = c.j) AS n
	   FROM adversary.c CROSS JOIN adversary.a', '{pk,pk2}');
UPDATE a SET x = 12;
SELECT kit.check('tv_outside');

-- ON of a join that is not the one between the two
CREATE TABLE tv_elsewhere AS
SELECT coalesce(a.id, b.id) AS pk_elsewhere, b.x
  FROM a JOIN b ON a.k = b.j LEFT JOIN c ON a.id = b.id AND c.id = 1
 WHERE b.id > 1;
UPDATE b SET x = 4 WHERE id = 2;
SELECT kit.check('tv_elsewhere');

-- values that are equal, and are not the same: the group of 1.0 and 1.00 may
-- come out as either
CREATE TABLE tv_group AS
SELECT n::text AS pk_group, sum(x) AS x FROM a GROUP BY n;
UPDATE a SET x = 13 WHERE id = 1;
SELECT kit.check('tv_group');
UPDATE a SET x = 14 WHERE id = 2;
SELECT kit.check('tv_group');

SELECT pg_tviews_create('tv_merged',
	'SELECT c.id AS pk, s.x FROM adversary.c JOIN
		(SELECT n::text AS t, sum(x) AS x FROM adversary.a GROUP BY n) s
	  USING (t)', '{pk}');
UPDATE a SET x = 15 WHERE id = 1;
SELECT kit.check('tv_merged');
UPDATE a SET x = 16 WHERE id = 2;
SELECT kit.check('tv_merged');

CREATE TABLE tv_window AS
SELECT a.id AS pk_window, s.x FROM a JOIN
	(SELECT n, max(x) OVER (PARTITION BY n) AS x FROM a) s ON s.n::text = a.t;
UPDATE a SET x = 17 WHERE id = 1;
SELECT kit.check('tv_window');

-- compared as their type does, equal values are one
CREATE TABLE tv_number AS
SELECT n AS pk_number, sum(x) AS x FROM a GROUP BY n;
SELECT strategy FROM pg_tviews_explain('tv_number');
UPDATE a SET x = 18 WHERE id = 2;
SELECT kit.check('tv_number');

-- a column of no collation, which cannot be compared
CREATE TABLE posix (t text COLLATE "POSIX", u text COLLATE "C");
SELECT pg_tviews_create('tv_collation',
	'SELECT c.id AS pk, (SELECT count(*) FROM
		(SELECT u AS t FROM adversary.posix UNION ALL
		 SELECT t FROM adversary.posix) s WHERE length(s.t) = c.id) AS n
	   FROM adversary.c', '{pk}');
INSERT INTO posix VALUES ('two');
SELECT kit.check('tv_collation');

-- a column of grouping sets is NULL where the table's is not
SELECT pg_tviews_create('tv_sets',
	'SELECT s.k AS pk, coalesce(s.j, -1) AS pk2, c.t, s.n
	   FROM (SELECT k, j, count(*) AS n FROM adversary.b
			  GROUP BY GROUPING SETS ((k, j), (k))) s
	   LEFT JOIN adversary.c ON c.j IS NOT DISTINCT FROM s.j', '{pk,pk2}');
INSERT INTO c VALUES (4, NULL, 'none');
SELECT kit.check('tv_sets');

-- functions in FROM: a row of one belongs to the row that its arguments come
-- from, and that may have come for another, or not at all
CREATE TABLE f (id int PRIMARY KEY, k int, v int[]);
INSERT INTO f VALUES (1, 1, '{1}'), (2, 1, '{2}'), (3, 2, '{3}'), (4, 3, '{}');
SELECT pg_tviews_create('tv_limited',
	'SELECT c.id AS pk, count(*) AS n
	   FROM (SELECT v FROM adversary.f ORDER BY id LIMIT 1) s,
			unnest(s.v) u (e) JOIN adversary.c ON c.id = u.e
	  GROUP BY c.id', '{pk}');
SELECT pg_tviews_create('tv_distinct',
	'SELECT u.e AS pk, count(*) AS n
	   FROM (SELECT DISTINCT ON (k) v FROM adversary.f ORDER BY k, id) s,
			unnest(s.v) u (e)
	  GROUP BY u.e', '{pk}');
SELECT pg_tviews_create('tv_absent',
	'SELECT f.id AS pk, sum(c.j) AS j
	   FROM adversary.f LEFT JOIN unnest(f.v) u (e) ON u.e > 1
	   LEFT JOIN adversary.c ON c.id = coalesce(u.e, 0) + f.k
	  GROUP BY f.id', '{pk}');
UPDATE c SET j = 30 WHERE id = 3;
SELECT kit.check('tv_absent');
DELETE FROM f WHERE id = 1;
SELECT kit.check('tv_limited');
SELECT kit.check('tv_distinct');

-- a parallel query inside a function, after a change: workers see it too
CREATE TABLE tv_b AS SELECT id AS pk_b, x FROM b;
CREATE TABLE many AS SELECT 1 AS id FROM generate_series(1, 5000);
ANALYZE many;
CREATE FUNCTION change_and_look() RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	UPDATE adversary.b SET x = 99 WHERE id = 1;
	RETURN QUERY SELECT sum(t.x)::int
		FROM adversary.many m JOIN adversary.tv_b t ON t.pk_b = m.id;
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET parallel_leader_participation = off;
SELECT change_and_look();

RESET ALL;
SET search_path = adversary, public;
SET client_min_messages = error;
-- many flushes inside one savepoint: what each has flushed is not piled up
BEGIN;
SAVEPOINT a;
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		UPDATE adversary.b SET x = 1000 + i WHERE id = 1;
		PERFORM FROM adversary.tv_b;
	END LOOP;
END $$;
SELECT count(*) < 100 FROM pg_backend_memory_contexts
 WHERE name LIKE 'pg_tviews %';
ROLLBACK TO a;
SELECT kit.check_all();
COMMIT;
SELECT kit.check_all();

-- a key of several columns, one of them composite
CREATE TYPE pair AS (one int, two text);
SELECT pg_tviews_create('tv_pair',
	'SELECT (j, t)::adversary.pair AS pk, id AS pk2, t FROM adversary.c',
	'{pk,pk2}');
UPDATE c SET j = coalesce(j, 0) + 1;
SELECT kit.check('tv_pair');

-- NOT NULL that does not hold for every row: children may lack it (until 17),
-- and rows may be older than it (18)
CREATE TABLE full_parent (id int, k int NOT NULL);
CREATE TABLE partial_child () INHERITS (full_parent);
CREATE TABLE full_old (id int, k int);
DO $$
BEGIN
	IF current_setting('server_version_num')::int < 180000 THEN
		ALTER TABLE partial_child ALTER k DROP NOT NULL;
		INSERT INTO partial_child VALUES (2, NULL);
		ALTER TABLE full_old ALTER k SET NOT NULL;
	ELSE
		INSERT INTO full_old VALUES (1, NULL);
		EXECUTE 'ALTER TABLE full_old ADD CONSTRAINT late NOT NULL k NOT VALID';
	END IF;
END $$;
CREATE TABLE seeker (id int PRIMARY KEY, k int NOT NULL);
INSERT INTO seeker VALUES (1, 1), (2, 2);
CREATE TABLE tv_seeker AS SELECT id AS pk_seeker,
	k NOT IN (SELECT k FROM full_parent) AS by_child,
	k NOT IN (SELECT k FROM full_old) AS by_age FROM seeker;
DELETE FROM full_parent;
DELETE FROM full_old;
SELECT kit.check('tv_seeker');

-- BEFORE triggers on a TVIEW that would make it differ from its view
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_ARGV[0] = 'change' THEN NEW.x := 0; RETURN NEW; END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON tv_b
	FOR EACH ROW EXECUTE FUNCTION meddle('change');
UPDATE b SET x = 7 WHERE id = 1;
UPDATE b SET x = 0 WHERE id = 1;
INSERT INTO b VALUES (10, 9, 9, 1);
DROP TRIGGER meddle ON tv_b;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE OR DELETE ON tv_b
	FOR EACH ROW EXECUTE FUNCTION meddle('suppress');
UPDATE b SET x = 7 WHERE id = 1;
INSERT INTO b VALUES (10, 9, 9, 1);
DELETE FROM b WHERE id = 1;
DROP TRIGGER meddle ON tv_b;

SELECT kit.check_all();
DROP SCHEMA adversary CASCADE;
