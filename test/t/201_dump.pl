# Every way to dump a database and to restore it: whole, in parts, in parallel,
# over what is there, without data, and data alone.  Each time the TVIEWs come
# back with all that belongs to them, and are maintained.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main');
my $dir = $node->basedir;

# TVIEWs on TVIEWs in two schemas, a view that needs its table's primary key,
# columns, indexes, references and triggers of the user's, a key of two
# columns, partitions, names that need quotes, settings of their own.
$node->sql(q{
	CREATE SCHEMA app;
	CREATE SCHEMA "Odd one";
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, born date);
	CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user,
		title text);
	CREATE INDEX ON app.tb_post (fk_user);
	CREATE TABLE tb_hit (fk_post int, day int, n int) PARTITION BY RANGE (day);
	CREATE TABLE tb_hit_1 PARTITION OF tb_hit FOR VALUES FROM (0) TO (10);
	CREATE TABLE tb_hit_2 PARTITION OF tb_hit FOR VALUES FROM (10) TO (20);
	INSERT INTO tb_user SELECT g, 'u' || g, date '2000-01-01' + g FROM generate_series(1, 5) g;
	INSERT INTO app.tb_post SELECT g, 1 + g % 5, 't' || g FROM generate_series(1, 20) g;
	INSERT INTO tb_hit SELECT 1 + g % 20, g % 20, g FROM generate_series(1, 60) g;
	SET client_min_messages = warning;
	SET DateStyle = 'German';
	CREATE TABLE tv_user AS
		SELECT u.pk_user, u.name, u.born, count(p.pk_post) AS posts
		  FROM tb_user u LEFT JOIN app.tb_post p ON p.fk_user = u.pk_user
		 GROUP BY u.pk_user;
	RESET DateStyle;
	CREATE TABLE app.tv_post AS
		SELECT p.pk_post, p.title, jsonb_build_object('name', u.name, 'posts', u.posts) AS author
		  FROM app.tb_post p LEFT JOIN tv_user u ON u.pk_user = p.fk_user;
	SELECT pg_tviews_create('"Odd one"."tv_Hit"',
		'SELECT h.fk_post, h.day, sum(h.n) AS n, min(p.title) AS title
		   FROM tb_hit h LEFT JOIN app.tv_post p ON p.pk_post = h.fk_post
		  GROUP BY h.fk_post, h.day', ARRAY['fk_post', 'day']);
	ALTER TABLE tv_user ADD COLUMN note text DEFAULT 'none',
		ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', name)) STORED;
	CREATE INDEX idx_tv_user_search ON tv_user USING gin (search);
	CREATE TABLE bookmark (fk_user int REFERENCES tv_user ON DELETE CASCADE);
	INSERT INTO bookmark VALUES (3);
	CREATE TABLE log (what text);
	CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NULL; END$$;
	CREATE TRIGGER log AFTER INSERT OR UPDATE OR DELETE ON app.tv_post
		FOR EACH ROW EXECUTE FUNCTION log();
	CREATE TABLE tb_off (pk_off int PRIMARY KEY);
	CREATE TABLE tv_off AS SELECT pk_off FROM tb_off;
	ALTER TABLE tb_off DISABLE TRIGGER pg_tviews_delete;
	CREATE MATERIALIZED VIEW total AS SELECT sum(posts) AS n FROM tv_user;
});
$node->checked(4, 'before the dumps');

# What has to come back, beside the rows.
my $inventory = q{
	SELECT m.entity, m.tview, m.view, m.key_columns, m.options, m.version_created
	  FROM pg_tview_meta m ORDER BY m.tview::text;
	SELECT t.tgrelid::regclass, t.tgname, t.tgenabled, t.tgtype, t.tgfoid::regproc
	  FROM pg_trigger t WHERE NOT t.tgisinternal
	   AND t.tgrelid <> 'pg_tview_meta'::regclass
	 ORDER BY t.tgrelid::regclass::text, 2;
	SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'app', 'Odd one') ORDER BY 1;
	SELECT attrelid::regclass, attname, atttypid::regtype FROM pg_attribute
	 WHERE attrelid IN (SELECT tview FROM pg_tview_meta) AND attnum > 0 AND NOT attisdropped
	 ORDER BY attrelid::regclass::text, attname;
};
my $before = $node->sql($inventory);
my $rows = $node->sql('SELECT * FROM tv_user ORDER BY 1');

# Changes of every base table, which reach all TVIEWs.
sub change
{
	my ($db, $cluster) = @_;

	($cluster // $node)->sql(q{
		UPDATE tb_user SET name = name || '!', born = born + 1 WHERE pk_user <= 2;
		INSERT INTO tb_user VALUES (100, 'new', '2020-02-20') ON CONFLICT DO NOTHING;
		UPDATE app.tb_post SET fk_user = 100 WHERE pk_post % 3 = 0;
		DELETE FROM app.tb_post WHERE pk_post = 7;
		UPDATE tb_hit SET n = n + 1, day = (day + 1) % 20 WHERE fk_post < 4;
		DELETE FROM tb_hit_1 WHERE day = 5;
		TRUNCATE tb_hit_2;
		INSERT INTO tb_hit VALUES (100, 11, 1);
		INSERT INTO tb_off VALUES ((SELECT coalesce(max(pk_off), 0) + 1 FROM tb_off));
	}, $db);
	return;
}

sub restored
{
	my ($db, $name, $cluster) = @_;

	$cluster //= $node;
	$cluster->checked(4, "$name: TVIEWs", $db);
	is($cluster->sql($inventory, $db), $before, "$name: what belongs to them");
	is($cluster->sql('SELECT * FROM tv_user ORDER BY 1', $db), $rows, "$name: rows");
	change($db, $cluster);
	$cluster->checked(4, "$name: maintained", $db);
	return;
}

sub run
{
	my ($program, @args) = @_;

	ok($node->run_tool([ $program, @args ]), "$program @args[0 .. ($#args > 1 ? 1 : $#args)]");
	return;
}

sub new_database
{
	my ($db) = @_;

	$node->sql("CREATE DATABASE $db TEMPLATE template0");
	return $node->connstr($db);
}

sub load
{
	my ($db, $file) = @_;

	run('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file);
	return;
}

# Plain text.
run('pg_dump', '-f', "$dir/plain.sql", $node->connstr('postgres'));
new_database('plain');
load('plain', "$dir/plain.sql");
restored('plain', 'plain');

# As INSERT commands, without owners and rights.
run('pg_dump', '--inserts', '--no-owner', '-x', '-f', "$dir/inserts.sql",
	$node->connstr('postgres'));
new_database('inserts');
load('inserts', "$dir/inserts.sql");
restored('inserts', 'inserts');

# Custom format, in one transaction; then over what is there.
run('pg_dump', '-Fc', '-f', "$dir/custom", $node->connstr('postgres'));
run('pg_restore', '-1', '-d', new_database('custom'), "$dir/custom");
restored('custom', 'custom');
run('pg_restore', '--clean', '--if-exists', '--exit-on-error', '-d',
	$node->connstr('custom'), "$dir/custom");
restored('custom', 'clean');

# A directory, by several processes both ways.
run('pg_dump', '-Fd', '--jobs=3', '-f', "$dir/directory", $node->connstr('postgres'));
run('pg_restore', '--exit-on-error', '--jobs=3', '-d', new_database('directory'),
	"$dir/directory");
restored('directory', 'directory');

# Section by section.
my $sections = new_database('sections');
run('pg_restore', '--exit-on-error', "--section=$_", '-d', $sections, "$dir/custom")
  foreach ('pre-data', 'data', 'post-data');
restored('sections', 'sections');

# Without data: empty, known, and maintained from the first row on.
my $empty = new_database('empty');
run('pg_restore', '--exit-on-error', '--schema-only', '-d', $empty, "$dir/custom");
$node->checked(4, 'schema only', 'empty');
is($node->sql('SELECT count(*) FROM tv_user', 'empty'), 0, 'schema only: empty');
is($node->sql(q{SELECT tview, key_columns FROM pg_tview_meta ORDER BY tview::text}, 'empty'),
	$node->sql(q{SELECT tview, key_columns FROM pg_tview_meta ORDER BY tview::text}),
	'schema only: with their keys');
$node->sql(q{
	INSERT INTO tb_user VALUES (1, 'A', '2001-02-03');
	INSERT INTO app.tb_post VALUES (1, 1, 'x'), (2, NULL, 'y');
}, 'empty');
is($node->sql('SELECT pk_user, posts FROM tv_user', 'empty'), '1|1', 'schema only: first rows');
change('empty');
$node->checked(4, 'schema only: maintained', 'empty');

# Data alone, with and without triggers, plain, custom, and in parallel.  It
# brings the catalog's rows, with their options, in place of those made anew.
foreach my $how ([ 'data_off', 'custom', '--disable-triggers' ],
	[ 'data_on', 'custom', '--no-owner' ],
	[ 'data_jobs', 'directory', '--disable-triggers', '--jobs=3' ],
	[ 'data_jobs_on', 'directory', '--jobs=3' ])
{
	my ($db, $from, @args) = @$how;
	my $target = new_database($db);

	run('pg_restore', '--exit-on-error', '--schema-only', '-d', $target, "$dir/custom");
	# an archive with all in it loads tables in an order that foreign keys forbid
	$node->sql(q{ALTER TABLE app.tb_post DROP CONSTRAINT tb_post_fk_user_fkey;
		ALTER TABLE bookmark DROP CONSTRAINT bookmark_fk_user_fkey}, $db)
	  unless $args[0] =~ /triggers/;
	run('pg_restore', '--exit-on-error', '--data-only', @args, '-d', $target, "$dir/$from");
	$node->checked(4, "$db: TVIEWs", $db);
	is($node->sql($inventory =~ s/t.tgenabled, //r, $db),
		$node->sql($inventory =~ s/t.tgenabled, //r), "$db: what belongs to them");
	is($node->sql(q{SELECT count(*) FROM pg_trigger
		WHERE tgfoid = 'pg_tviews_capture'::regproc AND tgenabled <> 'A'
		  AND tgrelid <> 'tb_off'::regclass}, $db), 0, "$db: triggers are ALWAYS again");
	change($db);
	$node->checked(4, "$db: maintained", $db);
}
run('pg_dump', '--data-only', '--disable-triggers', '-f', "$dir/data.sql",
	$node->connstr('postgres'));
run('pg_dump', '--schema-only', '-f', "$dir/schema.sql", $node->connstr('postgres'));
new_database('data');
load('data', "$dir/schema.sql");
load('data', "$dir/data.sql");
$node->checked(4, 'plain data');

# The base tables' data alone.
my $base = new_database('base');
run('pg_restore', '--exit-on-error', '--schema-only', '-d', $base, "$dir/custom");
run('pg_restore', '--exit-on-error', '--data-only', '--disable-triggers',
	'-t', 'tb_user', '-t', 'tb_post', '-t', 'tb_hit_1', '-d', $base, "$dir/custom");
$node->checked(4, 'data of base tables', 'base');
is($node->sql('SELECT sum(posts) FROM tv_user', 'base'), 20, 'data of base tables: rows');

# One schema into a database that has the extension.
$node->sql('CREATE SCHEMA one');
$node->sql(q{
	CREATE TABLE one.tb_a (pk_a int PRIMARY KEY, b text);
	INSERT INTO one.tb_a VALUES (1, 'x'), (2, 'y');
	CREATE TABLE one.tv_a AS SELECT pk_a, b FROM one.tb_a;
});
run('pg_dump', '-n', 'one', '-f', "$dir/one.sql", $node->connstr('postgres'));
new_database('one');
$node->add_extension('one');
load('one', "$dir/one.sql");
$node->checked(1, 'one schema', 'one');
$node->sql(q{UPDATE one.tb_a SET b = 'z'; DELETE FROM one.tb_a WHERE pk_a = 1}, 'one');
$node->checked(1, 'one schema: maintained', 'one');
is($node->sql('SELECT b FROM one.tv_a', 'one'), 'z', 'one schema: rows');
$node->sql('DROP SCHEMA one CASCADE');
$node->checked(4, 'without that schema');

# The whole cluster into another one.
my $other = TviewCluster->fresh('other', bare => 1);
run('pg_dumpall', '-f', "$dir/all.sql");
$other->run_tool([ 'psql', '-Xq', '-d', $other->connstr('postgres'), '-f', "$dir/all.sql" ]);
restored('postgres', 'pg_dumpall', $other);
$other->checked(1, 'pg_dumpall: another database', 'one');
$other->stop;
$node->stop;
done_testing();
