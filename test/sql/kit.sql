-- Loads the test kit into the regression database, for the tests that follow,
-- and shows that it fails loudly on each kind of difference.
\getenv srcdir PG_ABS_SRCDIR
\set kit :srcdir '/kit/kit.sql'
\set ECHO none
\i :kit
\set ECHO all
\set SHOW_CONTEXT never

CREATE SCHEMA kit_test;
SET search_path = kit_test, public;
CREATE TABLE base (a int, b text, c numeric, d json, e float8);
CREATE VIEW v AS SELECT * FROM base;
CREATE TABLE t (updated_at timestamptz, e float8, d json, c numeric, b text, a int);

-- Equal: empty, then with NULLs, duplicates and a type that has no "=".
SELECT kit.same('v', 't');
INSERT INTO base VALUES (1, 'x', 1.0, '{"k": 1}', 0), (2, NULL, NULL, NULL, NULL),
	(2, NULL, NULL, NULL, NULL);
INSERT INTO t (a, b, c, d, e) SELECT * FROM base;
SELECT kit.same('v', 't');

-- A row is missing, a row is too many.
BEGIN; DELETE FROM t WHERE a = 1;
SELECT kit.same('v', 't'); ROLLBACK;
BEGIN; INSERT INTO t (a, b) VALUES (3, 'extra');
SELECT kit.same('v', 't'); ROLLBACK;

-- A row is stored once where the view has it twice, and the reverse.
BEGIN; DELETE FROM t WHERE ctid = (SELECT max(ctid) FROM t WHERE a = 2);
SELECT kit.same('v', 't'); ROLLBACK;
BEGIN; INSERT INTO t SELECT * FROM t WHERE a = 1;
SELECT kit.same('v', 't'); ROLLBACK;

-- Differences that "=" does not see, or has no operator for.
BEGIN; UPDATE t SET c = 1.00 WHERE a = 1;
SELECT kit.same('v', 't'); ROLLBACK;
BEGIN; UPDATE t SET e = '-0' WHERE a = 1;
SELECT kit.same('v', 't'); ROLLBACK;
BEGIN; UPDATE t SET d = '{"k":1}' WHERE a = 1;
SELECT kit.same('v', 't'); ROLLBACK;
BEGIN; UPDATE t SET b = '' WHERE a = 2;
SELECT kit.same('v', 't'); ROLLBACK;

-- Only the first five are shown.
BEGIN; INSERT INTO t (a) SELECT generate_series(11, 17);
SELECT kit.same('v', 't'); ROLLBACK;

-- Columns: missing, or of another type.
BEGIN; ALTER TABLE t DROP b, ALTER c TYPE float8;
SELECT kit.same('v', 't'); ROLLBACK;

-- Nothing to compare is no success.
SELECT kit.same('v', NULL);
SELECT kit.check('t');
SELECT kit.check('nowhere');

SET client_min_messages = warning;
DROP SCHEMA kit_test CASCADE;
