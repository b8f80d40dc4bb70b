# DDL on everything that a TVIEW stands on: each statement either adapts the
# TVIEWs, leaves them alone, or is refused with a message that names the TVIEW
# or what stands in the way.  After each, base tables can be written to, and
# every TVIEW that is left equals its view.
#
# With DDL_MATRIX=FILE the outcomes are written there, as docs/ddl-matrix.md.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main');
my $space = PostgreSQL::Test::Utils::tempdir_short();
$node->sql("CREATE TABLESPACE elsewhere LOCATION '$space'");
$node->sql('CREATE ROLE regress_other SUPERUSER; CREATE ROLE regress_poor; CREATE SCHEMA other; GRANT ALL ON SCHEMA public, other TO regress_poor');
$node->sql(q{
	SET client_min_messages = error;
	CREATE TYPE mood AS ENUM ('sad', 'glad');
	CREATE TYPE pair AS (a int, b text);
	CREATE DOMAIN score AS int;
	CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN upper($1);
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, mood mood, score score,
		spare int DEFAULT 1, p pair);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text,
		n int DEFAULT 0, twice int GENERATED ALWAYS AS (n * 2) STORED);
	CREATE INDEX post_user ON tb_post (fk_user);
	CREATE TABLE tb_hit (fk_post int, day int) PARTITION BY RANGE (day);
	CREATE TABLE tb_hit_1 PARTITION OF tb_hit FOR VALUES FROM (0) TO (10);
	CREATE TABLE tb_hit_2 PARTITION OF tb_hit FOR VALUES FROM (10) TO (20);
	CREATE TABLE hit_3 (fk_post int, day int);
	CREATE TABLE tb_animal (pk_animal int, legs int);
	CREATE TABLE tb_dog (tail bool) INHERITS (tb_animal);
	CREATE TABLE cat (tail bool, pk_animal int, legs int);
	INSERT INTO hit_3 VALUES (1, 25), (2, 26);
	INSERT INTO cat VALUES (true, 50, 4);
	INSERT INTO tb_user SELECT g, 'u' || g, 'glad', g, 1, ROW(g, 'x'::text)::pair FROM generate_series(1, 4) g;
	INSERT INTO tb_post SELECT g, 1 + g % 4, 't' || g, g FROM generate_series(1, 12) g;
	INSERT INTO tb_hit SELECT 1 + g % 12, g % 20 FROM generate_series(1, 40) g;
	INSERT INTO tb_animal VALUES (1, 6); INSERT INTO tb_dog VALUES (2, 4, true);
	CREATE VIEW helper AS SELECT pk_user, shout(name) AS name, mood, score, (p).b AS b FROM tb_user;
	CREATE TABLE tv_user AS SELECT u.pk_user, u.name, u.mood, u.score, u.b, count(p.*) AS posts,
		sum(p.twice) AS twice FROM helper u LEFT JOIN tb_post p ON p.fk_user = u.pk_user
		GROUP BY u.pk_user, u.name, u.mood, u.score, u.b;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, to_jsonb(u.name) AS author, u.posts,
		(SELECT count(*) FROM tb_hit h WHERE h.fk_post = p.pk_post) AS hits
		FROM tb_post p LEFT JOIN tv_user u ON u.pk_user = p.fk_user;
	CREATE TABLE tv_animal AS SELECT pk_animal, legs FROM tb_animal;
	CREATE TABLE tv_whole AS SELECT pk_user AS pk_whole, to_jsonb(u) AS data FROM tb_user u;
});
$node->checked(4, 'before');

# object, statement, what must happen:  kept: N TVIEWs are left (4 by default)
#   adapts   succeeds; TVIEWs stay right
#   refused  fails with that message
my @cells = (
	# base table
	[ 'base table', 'ALTER TABLE tb_user RENAME TO people', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user SET SCHEMA other', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user OWNER TO regress_other', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user RENAME COLUMN name TO called', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user RENAME COLUMN pk_user TO id', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user ADD COLUMN age int DEFAULT 7', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user DROP COLUMN spare', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user DROP COLUMN name', 'refused', qr/view helper depends on column name/ ],
	[ 'base table', 'ALTER TABLE tb_user DROP COLUMN name CASCADE', 'adapts', 2 ],
	[ 'base table', 'ALTER TABLE tb_user ALTER COLUMN name TYPE varchar(40)', 'refused', qr/cannot alter type of column "name" .* TVIEW "tv_user" uses it/ ],
	[ 'base table', 'ALTER TABLE tb_user ALTER COLUMN spare TYPE bigint', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user ALTER COLUMN name SET NOT NULL', 'adapts' ],
	[ 'base table', "ALTER TABLE tb_user ALTER COLUMN name SET DEFAULT 'x'", 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user ALTER COLUMN name SET STATISTICS 10', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user ADD CONSTRAINT short CHECK (length(name) < 100)', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user ADD UNIQUE (name)', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_post DROP CONSTRAINT tb_post_pkey', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user DROP CONSTRAINT tb_user_pkey CASCADE', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_post DROP CONSTRAINT tb_post_fk_user_fkey', 'adapts' ],
	[ 'base table', 'DROP INDEX post_user', 'adapts' ],
	[ 'base table', 'CREATE INDEX ON tb_user (name)', 'adapts' ],
	[ 'base table', 'TRUNCATE tb_post', 'adapts' ],
	[ 'base table', 'TRUNCATE tb_user CASCADE', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user SET TABLESPACE elsewhere', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user SET (fillfactor = 50)', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user SET UNLOGGED', 'refused', qr/cannot|could not/ ],
	[ 'base table', 'ALTER TABLE tb_post SET UNLOGGED', 'refused', qr/cannot be unlogged while TVIEW/ ],
	[ 'base table', 'ALTER TABLE tb_user REPLICA IDENTITY FULL', 'adapts' ],
	[ 'base table', 'CLUSTER tb_user USING tb_user_pkey', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_post ENABLE ROW LEVEL SECURITY', 'adapts' ],
	[ 'base table', 'CREATE POLICY p ON tb_post USING (n > 3)', 'adapts' ],
	[ 'base table', 'GRANT SELECT ON tb_animal TO regress_poor; ALTER TABLE tv_animal OWNER TO regress_poor; ALTER TABLE tb_animal ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON tb_animal USING (legs > 4)', 'adapts' ],
	[ 'base table', 'BEGIN; GRANT SELECT ON tb_animal TO regress_poor; ALTER TABLE tv_animal OWNER TO regress_poor; ALTER TABLE tb_animal ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON tb_animal USING (EXISTS (SELECT FROM tb_user))', 'refused', qr/TVIEW "tv_animal" cannot follow policy "p"/ ],
	[ 'base table', 'ALTER TABLE tb_user DISABLE TRIGGER USER; UPDATE tb_user SET name = name || 1; ALTER TABLE tb_user ENABLE TRIGGER USER', 'adapts' ],
	[ 'base table', 'ALTER TABLE tb_user DISABLE TRIGGER ALL; UPDATE tb_user SET name = name || 1; ALTER TABLE tb_user ENABLE TRIGGER ALL', 'adapts' ],
	[ 'base table', 'DROP TRIGGER pg_tviews_update ON tb_user', 'refused', qr/TVIEW "tv_user"/ ],
	[ 'base table', 'ALTER TRIGGER pg_tviews_update ON tb_user RENAME TO mine', 'adapts' ],
	[ 'base table', 'CREATE TABLE child () INHERITS (tb_user); INSERT INTO child VALUES (70)', 'adapts' ],
	[ 'base table', 'CREATE RULE nothing AS ON DELETE TO tb_user DO INSTEAD NOTHING', 'adapts' ],
	[ 'base table', 'DROP TABLE tb_post', 'refused', qr/view v_\w+ depends on table tb_post/ ],
	[ 'base table', 'DROP TABLE tb_post CASCADE', 'adapts', 2 ],
	[ 'base table', "COMMENT ON TABLE tb_user IS 'people'; GRANT SELECT ON tb_user TO PUBLIC", 'adapts' ],
	[ 'generated column', 'ALTER TABLE tb_post ALTER COLUMN twice DROP EXPRESSION', 'adapts' ],
	[ 'generated column', 'ALTER TABLE tb_post ALTER COLUMN twice SET EXPRESSION AS (n * 3)', 'adapts', 4, 17 ],
	# partitions and children
	[ 'partitioned table', 'ALTER TABLE tb_hit ATTACH PARTITION hit_3 FOR VALUES FROM (20) TO (30)', 'adapts' ],
	[ 'partitioned table', 'ALTER TABLE tb_hit DETACH PARTITION tb_hit_2', 'adapts' ],
	[ 'partitioned table', 'ALTER TABLE tb_hit DETACH PARTITION tb_hit_2 CONCURRENTLY', 'adapts' ],
	[ 'partitioned table', 'CREATE TABLE tb_hit_9 PARTITION OF tb_hit FOR VALUES FROM (90) TO (99); INSERT INTO tb_hit_9 VALUES (1, 91)', 'adapts' ],
	[ 'partitioned table', 'DROP TABLE tb_hit_1', 'adapts' ],
	[ 'partitioned table', 'TRUNCATE tb_hit_1', 'adapts' ],
	[ 'partitioned table', 'ALTER TABLE tb_hit RENAME COLUMN fk_post TO post', 'adapts' ],
	[ 'partitioned table', 'ALTER TABLE tb_hit ALTER COLUMN fk_post TYPE bigint', 'refused', qr/TVIEW "tv_post" uses it/ ],
	[ 'partitioned table', 'DROP TABLE tb_hit', 'refused', qr/view v_post depends on table tb_hit/ ],
	[ 'partitioned table', 'ALTER TABLE tb_hit_1 RENAME TO early; ALTER TABLE early SET SCHEMA other', 'adapts' ],
	[ 'parent of children', 'ALTER TABLE cat INHERIT tb_animal', 'adapts' ],
	[ 'parent of children', 'ALTER TABLE tb_dog NO INHERIT tb_animal', 'adapts' ],
	[ 'parent of children', 'DROP TABLE tb_dog', 'adapts' ],
	[ 'parent of children', 'ALTER TABLE tb_animal RENAME COLUMN legs TO feet', 'adapts' ],
	# backing view
	[ 'backing view', 'ALTER VIEW v_user RENAME TO v_people', 'adapts' ],
	[ 'backing view', 'ALTER VIEW v_user SET SCHEMA other', 'adapts' ],
	[ 'backing view', 'ALTER VIEW v_user OWNER TO regress_other', 'adapts' ],
	[ 'backing view', 'ALTER VIEW v_animal OWNER TO regress_poor', 'adapts' ],
	[ 'backing view', 'ALTER VIEW v_user RENAME COLUMN name TO called', 'adapts' ],
	[ 'backing view', 'CREATE OR REPLACE VIEW v_animal AS SELECT pk_animal, legs + 1 AS legs FROM tb_animal', 'adapts' ],
	[ 'backing view', 'CREATE OR REPLACE VIEW v_animal AS SELECT pk_animal, legs, legs > 4 AS insect FROM tb_animal', 'adapts' ],
	[ 'backing view', 'CREATE OR REPLACE VIEW v_animal AS SELECT pk_user AS pk_animal, score::int AS legs FROM tb_user', 'adapts' ],
	[ 'backing view', 'CREATE OR REPLACE VIEW v_animal AS SELECT pk_animal, random()::int AS legs FROM tb_animal', 'refused', qr/volatile|random/ ],
	[ 'backing view', 'CREATE OR REPLACE VIEW v_user AS SELECT u.pk_user, u.name, u.mood, u.score, u.b, p.posts, NULL::bigint AS twice FROM helper u JOIN tv_post p ON p.pk_post = u.pk_user', 'refused', qr/circ/ ],
	[ 'backing view', 'DROP VIEW v_animal', 'refused', qr/cannot drop the view of TVIEW "tv_animal"/ ],
	[ 'backing view', 'DROP VIEW v_animal CASCADE', 'adapts', 3 ],
	[ 'backing view', 'ALTER VIEW v_animal SET (security_barrier = true)', 'adapts' ],
	# helper view
	[ 'helper view', 'ALTER VIEW helper RENAME TO assistant', 'adapts' ],
	[ 'helper view', 'ALTER VIEW helper SET SCHEMA other', 'adapts' ],
	[ 'helper view', 'ALTER VIEW helper RENAME COLUMN name TO called', 'adapts' ],
	[ 'helper view', 'ALTER VIEW helper OWNER TO regress_other', 'adapts' ],
	[ 'helper view', 'CREATE OR REPLACE VIEW helper AS SELECT pk_user, lower(name) AS name, mood, score, (p).b AS b FROM tb_user WHERE pk_user > 1', 'adapts' ],
	[ 'helper view', 'CREATE OR REPLACE VIEW helper AS SELECT pk_animal AS pk_user, NULL::text AS name, NULL::mood AS mood, 1::score AS score, NULL::text AS b FROM tb_animal', 'adapts' ],
	[ 'helper view', "CREATE OR REPLACE VIEW helper AS SELECT pk_user, random()::text AS name, mood, score, (p).b AS b FROM tb_user", 'refused', qr/volatile|random/ ],
	[ 'helper view', 'DROP VIEW helper', 'refused', qr/view v_user depends on view helper/ ],
	[ 'helper view', 'DROP VIEW helper CASCADE', 'adapts', 2 ],
	# functions and types
	[ 'function', q{CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower($1)}, 'adapts' ],
	[ 'function', q{CREATE OR REPLACE FUNCTION shout(text) RETURNS text LANGUAGE sql VOLATILE RETURN lower($1)}, 'refused', qr/volatile/ ],
	[ 'function', 'ALTER FUNCTION shout(text) VOLATILE', 'refused', qr/volatile/ ],
	[ 'function', 'ALTER FUNCTION shout(text) RENAME TO yell', 'adapts' ],
	[ 'function', 'ALTER FUNCTION shout(text) SET SCHEMA other', 'adapts' ],
	[ 'function', 'DROP FUNCTION shout(text)', 'refused', qr/view helper depends on function shout/ ],
	[ 'function', 'DROP FUNCTION shout(text) CASCADE', 'adapts', 2 ],
	[ 'type', q{ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'}, 'adapts' ],
	[ 'type', q{ALTER TYPE mood ADD VALUE 'so-so'}, 'adapts' ],
	[ 'type', 'ALTER TYPE mood RENAME TO temper', 'adapts' ],
	[ 'type', 'ALTER TYPE mood SET SCHEMA other', 'adapts' ],
	[ 'type', 'DROP TYPE mood', 'refused', qr/depends on type mood/ ],
	[ 'type', 'ALTER TYPE pair RENAME ATTRIBUTE b TO c', 'adapts' ],
	[ 'type', 'ALTER DOMAIN score ADD CHECK (VALUE < 1000)', 'adapts' ],
	# the TVIEW's table
	[ 'TVIEW', 'ALTER TABLE tv_user RENAME TO tv_people', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_user RENAME TO people', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_user SET SCHEMA other', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_user OWNER TO regress_other', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_animal OWNER TO regress_poor', 'refused', qr/role "regress_poor" cannot own TVIEW "tv_animal"/ ],
	[ 'TVIEW', 'ALTER TABLE tv_user RENAME COLUMN name TO called', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_animal RENAME COLUMN pk_animal TO id', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_user ADD COLUMN mine int DEFAULT 5', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_user ADD COLUMN mine int NOT NULL', 'refused', qr/contains null values/ ],
	[ 'TVIEW', 'ALTER TABLE tv_animal DROP COLUMN legs', 'refused', qr/tv_animal/ ],
	[ 'TVIEW', 'ALTER TABLE tv_animal DROP COLUMN updated_at', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_animal ALTER COLUMN legs TYPE bigint', 'refused', qr/tv_animal/ ],
	[ 'TVIEW', 'ALTER TABLE tv_animal ADD CHECK (legs < 100)', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_animal DROP CONSTRAINT idx_tv_animal_pk', 'refused', qr/tv_animal/ ],
	[ 'TVIEW', 'CREATE INDEX ON tv_animal (legs)', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_user SET TABLESPACE elsewhere', 'adapts' ],
	[ 'TVIEW', 'CLUSTER tv_animal USING idx_tv_animal_pk', 'adapts' ],
	[ 'TVIEW', 'ALTER TABLE tv_animal SET UNLOGGED', 'refused', qr/TVIEW "tv_animal" cannot be unlogged/ ],
	[ 'TVIEW', 'TRUNCATE tv_animal', 'refused', qr/cannot change TVIEW "tv_animal" directly/ ],
	[ 'TVIEW', 'DELETE FROM tv_animal', 'refused', qr/cannot change TVIEW "tv_animal" directly/ ],
	[ 'TVIEW', 'ALTER TABLE tv_animal DISABLE TRIGGER ALL; DELETE FROM tv_animal; ALTER TABLE tv_animal ENABLE TRIGGER ALL', 'adapts' ],
	[ 'TVIEW', 'DROP TRIGGER pg_tviews_guard ON tv_animal', 'refused', qr/TVIEW "tv_animal"/ ],
	[ 'TVIEW', 'DROP TABLE tv_animal', 'adapts', 3 ],
	[ 'TVIEW under a TVIEW', 'DROP TABLE tv_user', 'refused', qr/view v_post depends on table tv_user/ ],
	[ 'TVIEW under a TVIEW', 'DROP TABLE tv_user CASCADE', 'adapts', 2 ],
	[ 'TVIEW under a TVIEW', 'ALTER TABLE tv_user ALTER COLUMN name TYPE varchar', 'refused', qr/TVIEW "tv_post" uses it/ ],
	[ 'TVIEW under a TVIEW', 'ALTER TABLE tv_user DROP COLUMN posts', 'refused', qr/view v_post depends on column posts/ ],
	[ 'schema', 'ALTER SCHEMA public RENAME TO home', 'adapts' ],
	[ 'schema', 'DROP SCHEMA public CASCADE', 'adapts', 'none' ],
	[ 'extension', 'DROP EXTENSION pg_tviews', 'refused', qr/table tv_user depends on extension/ ],
	[ 'extension', 'DROP EXTENSION pg_tviews CASCADE', 'adapts', 'none' ],
	[ 'extension', 'ALTER EXTENSION pg_tviews ADD TABLE tb_dog', 'adapts' ],
	[ 'extension', 'DROP FUNCTION pg_tviews_capture()', 'refused', qr/extension pg_tviews requires it/ ],
	[ 'extension', 'DROP TABLE pg_tview_meta', 'refused', qr/extension pg_tviews requires it/ ],
);

# What PostgreSQL would refuse without TVIEWs too, or does for the extension's sake.
my %own_reasons = map { $_ => 1 } (
	'ALTER TABLE tb_user SET UNLOGGED', 'ALTER TABLE tv_user ADD COLUMN mine int NOT NULL',
	'DROP FUNCTION pg_tviews_capture()', 'DROP TABLE pg_tview_meta');

# Writes to each base table, wherever and whatever it is called by now.
my $writes = q{
	DO $$
	DECLARE
		rel regclass;
	BEGIN
		FOR rel IN SELECT oid FROM pg_class WHERE relkind = 'r'
			 AND oid IN (SELECT attrelid FROM pg_attribute WHERE attname = 'legs') AND relname !~ '^tv_' LOOP
			EXECUTE format('UPDATE %s SET legs = legs + 1', rel);
		END LOOP;
		FOR rel IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname IN ('tb_user', 'people')
			 AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'spare' AND NOT attisdropped) LOOP
			EXECUTE format('UPDATE %s SET score = score + 1', rel);
		END LOOP;
		FOR rel IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname = 'tb_post' LOOP
			EXECUTE format('UPDATE %s SET title = title || ''!'', n = n + 1', rel);
			EXECUTE format('DELETE FROM %s WHERE pk_post = 5', rel);
		END LOOP;
		FOR rel IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname ~ 'hit_\d|early' LOOP
			EXECUTE format('DELETE FROM %s WHERE ctid = ''(0,2)''', rel);
			EXECUTE format('INSERT INTO %s SELECT * FROM %1$s LIMIT 1', rel);
		END LOOP;
	END $$;
};

my $major = $node->sql("SELECT current_setting('server_version_num')::int / 10000");
my @rows;
foreach my $cell (@cells)
{
	my ($object, $statement, $outcome, $detail, $from) = @$cell;
	my $count = $outcome eq 'refused' ? 4 : $detail // 4;
	my ($out, $err) = ('', '');

	if ($from && $major < $from)
	{
		push @rows, [ $object, $statement, "adapts (from PostgreSQL $from on)" ];
		next;
	}
	if ($outcome eq 'refused')
	{
		my $rc = $node->psql('postgres', $statement, on_error_stop => 1, stderr => \$err);
		ok($rc != 0 && $err =~ $detail, "$statement: refused") or diag($rc ? $err : 'it was not');
		# by us, or for our sake: with what stands in the way, and the way out
		like($err, qr/(?=.*\bt?v_\w)(?=.*^HINT: )/ms, "$statement: why, and what to do") unless $own_reasons{$statement};
		my ($message) = $err =~ /ERROR:\s+(.*)/;
		my ($hint) = $err =~ /HINT:\s+(.*)/;
		push @rows, [ $object, $statement, 'refused: ' . ($message // '?') . ($hint ? " ($hint)" : '') ];
		next;
	}

	# in a transaction that is undone, or else in a database for itself
	my $db = $statement =~ /CONCURRENTLY/ ? 'cell' : 'postgres';
	my ($begin, $end) = $db eq 'cell' ? ('', '') : ('BEGIN;', 'ROLLBACK;');
	my $check = $count eq 'none' ? "SELECT 'none';" : 'SELECT kit.check_all();';
	$node->sql('CREATE DATABASE cell TEMPLATE postgres', 'template1') if $db eq 'cell';
	$node->psql($db, "SET client_min_messages = error; $begin $statement; $writes $check $end",
		on_error_stop => 1, stdout => \$out, stderr => \$err);
	is("$out$err", $count, "$statement: adapts");
	$node->sql('DROP DATABASE cell', 'template1') if $db eq 'cell';
	push @rows, [ $object, $statement,
		$count eq 'none' ? 'all TVIEWs go' : $count < 4 ? (4 - $count) . ' TVIEW(s) go' : 'adapts' ];
}
$node->checked(4, 'what was refused or undone has left no trace');
$node->sql($writes);
$node->checked(4, 'and tables can be written to');
cmp_ok(scalar(@rows), '>=', 60, 'number of cells: ' . @rows);

# The table in the documents, up to the wording of PostgreSQL's messages.
my @lines = map { "| $_->[0] | `$_->[1]` | $_->[2] |\n" }
  map { [ map { s/\|/\\|/gr } @$_ ] } @rows;
if (my $file = $ENV{DDL_MATRIX})
{
	unlink $file;
	append_to_file($file, join '', <DATA>, @lines);
}
my $table = slurp_file(abs_path(dirname(__FILE__) . '/../../docs/ddl-matrix.md'));
my @missing = grep { index($table, s/(adapts|refused|TVIEWs? ?\S* go).*/$1/sr) < 0 } @lines;
is(join('', @missing), '', 'docs/ddl-matrix.md has all of this');
$node->stop;
done_testing();

__END__
# DDL on what a TVIEW stands on

What statements on base tables, views, functions, types and TVIEWs do to the
TVIEWs that stand on them. *Adapts*: the statement succeeds, and every TVIEW
equals its view afterwards, with nothing left to do. *Refused*: it fails with
the message shown, and nothing changes. *Go*: TVIEWs are dropped with what they
read, because the statement says CASCADE, or drops them itself.

This table is written by `test/t/206_ddl.pl`, which runs each statement, then
writes to the base tables and compares every TVIEW with its view. Tested on
PostgreSQL 15, 17 and 18; the messages are those of 15.

| on | statement | what happens |
|---|---|---|
