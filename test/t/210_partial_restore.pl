# Restores that bring only parts, or bring them into a database in which TVIEWs
# are in use: rows that are missing are noticed, rows that come are followed.
# And what else is done with dumps: other owners, other roles, other schemas,
# old versions, TVIEWs that are stale.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main', bare => 1);
my $dir = $node->basedir;

# In a schema whose name sorts before that of what it reads; one TVIEW has a row
# even when there are no others.
sub fill
{
	my ($db, $extension) = @_;

	$node->sql("CREATE DATABASE $db TEMPLATE template0") unless $db eq 'postgres';
	$node->sql($extension // 'CREATE EXTENSION pg_tviews', $db);
	$node->load_kit($db);
	$node->sql(q{
		CREATE SCHEMA zz;
		CREATE SCHEMA aa;
		CREATE TABLE zz.tb_user (pk_user int PRIMARY KEY, name text);
		CREATE TABLE zz.tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
		CREATE INDEX ON zz.tb_post (fk_user);
		CREATE TABLE zz.tb_hit (fk_post int, day int) PARTITION BY RANGE (day);
		CREATE TABLE zz.tb_hit_1 PARTITION OF zz.tb_hit FOR VALUES FROM (0) TO (10);
		CREATE TABLE zz.tb_hit_2 PARTITION OF zz.tb_hit FOR VALUES FROM (10) TO (20);
		CREATE TABLE zz.tb_animal (pk_animal int, legs int);
		CREATE TABLE zz.tb_dog (tail bool) INHERITS (zz.tb_animal);
		INSERT INTO zz.tb_user SELECT g, 'u' || g FROM generate_series(1, 5) g;
		INSERT INTO zz.tb_post SELECT g, 1 + g % 5, 't' || g FROM generate_series(1, 20) g;
		INSERT INTO zz.tb_hit SELECT 1 + g % 20, g % 20 FROM generate_series(1, 60) g;
		INSERT INTO zz.tb_animal VALUES (1, 2); INSERT INTO zz.tb_dog VALUES (2, 4);
		SET client_min_messages = error;
		CREATE TABLE zz.tv_user AS SELECT u.pk_user, u.name, count(p.*) AS posts
			FROM zz.tb_user u LEFT JOIN zz.tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
		CREATE TABLE aa.tv_post AS SELECT p.pk_post, p.title, u.name, u.posts
			FROM zz.tb_post p JOIN zz.tv_user u ON u.pk_user = p.fk_user;
		CREATE TABLE aa.tv_all AS SELECT 1 AS pk_all, count(*) AS n, max(name) AS name FROM aa.tv_post;
		CREATE TABLE aa.tv_day AS SELECT day AS pk_day, count(*) AS n FROM zz.tb_hit GROUP BY day;
		CREATE TABLE aa.tv_animal AS SELECT pk_animal, legs FROM zz.tb_animal;
		CREATE TABLE aa.tv_const AS SELECT 1 AS pk_const, 'x' AS v;
	}, $db);
	return $db;
}

sub change
{
	my ($db) = @_;

	$node->sql(q{
		UPDATE zz.tb_user SET name = name || '!' WHERE pk_user < 3;
		INSERT INTO zz.tb_user SELECT coalesce(max(pk_user), 0) + 1, 'n' FROM zz.tb_user;
		DELETE FROM zz.tb_post WHERE pk_post = (SELECT min(pk_post) FROM zz.tb_post);
		INSERT INTO zz.tb_post SELECT coalesce(max(pk_post), 0) + 1, 2, 'new' FROM zz.tb_post;
		INSERT INTO zz.tb_hit VALUES (1, 5), (1, 15);
		UPDATE zz.tb_hit SET day = 19 - day WHERE fk_post = 3;
		INSERT INTO zz.tb_dog SELECT coalesce(max(pk_animal), 0) + 1, 4 FROM zz.tb_animal;
		UPDATE zz.tb_animal SET legs = legs + 1}, $db);
	return;
}

sub alive
{
	my ($db, $name, $count) = @_;

	$node->checked($count // 6, "$name: TVIEWs", $db);
	change($db);
	$node->checked($count // 6, "$name: maintained", $db);
	return;
}

sub run
{
	my ($program, @args) = @_;

	ok($node->run_tool([ $program, @args ]), "$program @args");
	return;
}

sub new_database
{
	my ($db) = @_;

	$node->sql("CREATE DATABASE $db TEMPLATE template0");
	return $node->connstr($db);
}

sub stale
{
	my ($db) = @_;

	return $node->sql(q{SELECT string_agg(entity || ' ' || stale_code, ', ' ORDER BY entity)
		FROM pg_tview_meta WHERE stale_since IS NOT NULL}, $db);
}

# The archive's table of contents without the lines that match.
sub list_without
{
	my ($archive, $pattern) = @_;
	my $file = "$dir/list";

	unlink $file;
	append_to_file($file, join '', grep { !/$pattern/ } `pg_restore --list $archive`);
	return "--use-list=$file";
}

fill('source');
run('pg_dump', '-Fc', '-f', "$dir/whole", $node->connstr('source'));
run('pg_dump', '-Fd', '--jobs=3', '-f', "$dir/whole.d", $node->connstr('source'));

# Rows of TVIEWs that were left out, in a dump or in a restore, by one process or
# several, with the rows of pg_tview_meta or without: stale, until refreshed.
run('pg_dump', '-Fc', '--exclude-table-data=*.tv_*', '-f', "$dir/without", $node->connstr('source'));
foreach my $how ([ 'without', "$dir/without" ], [ 'listed', list_without("$dir/whole", 'TABLE DATA .* tv_'), "$dir/whole" ],
	[ 'jobs', '--jobs=3', list_without("$dir/whole.d", 'TABLE DATA .* tv_'), "$dir/whole.d" ],
	[ 'no_catalog', list_without("$dir/whole", 'TABLE DATA .* (tv_|pg_tview_meta)'), "$dir/whole" ])
{
	my ($db, @args) = @$how;

	# a list made later has taken the place of the file
	list_without("$dir/whole", 'TABLE DATA .* tv_') if $db eq 'listed';
	list_without("$dir/whole.d", 'TABLE DATA .* tv_') if $db eq 'jobs';
	list_without("$dir/whole", 'TABLE DATA .* (tv_|pg_tview_meta)') if $db eq 'no_catalog';
	run('pg_restore', '--exit-on-error', '-d', new_database($db), @args);
	is($node->sql('SELECT count(*) FROM zz.tv_user', $db), 0, "$db: empty");
	is(stale($db), 'all 02000, animal 02000, const 02000, day 02000, user 02000', "$db: and stale");
	is($node->sql(q{SELECT status FROM pg_tviews_health_check() WHERE check_name = 'stale'}, $db), 'ERROR', "$db: said so");
	$node->sql(q{SELECT pg_tviews_refresh(tview::text) FROM pg_tview_meta}, $db);
	is(stale($db), '', "$db: refreshed");
	alive($db, $db);
}

# Keys after the triggers, as several processes may happen to do it.
{
	my @list = grep { !/TABLE DATA .* tv_/ } `pg_restore --list $dir/whole`;

	unlink "$dir/list";
	append_to_file("$dir/list", join '', (grep { !/CONSTRAINT .* tv_/ } @list), grep { /CONSTRAINT .* tv_/ } @list);
	run('pg_restore', '--exit-on-error', '-d', new_database('keys_last'), "--use-list=$dir/list", "$dir/whole");
	is(stale('keys_last'), 'all 02000, animal 02000, const 02000, day 02000, user 02000', 'keys last: stale');
	$node->sql(q{SELECT pg_tviews_refresh(tview::text) FROM pg_tview_meta}, 'keys_last');
	is(stale('keys_last'), '', 'keys last: refreshed');
	alive('keys_last', 'keys_last');
}

# No rows at all: only what has a row all the same is stale.
run('pg_restore', '--exit-on-error', '--schema-only', '-d', new_database('schema_only'), "$dir/whole");
is(stale('schema_only'), 'all 02000, const 02000', 'schema only: stale');
is($node->sql('SELECT * FROM aa.v_all', 'schema_only'), '1|0|', 'which has a row');
is($node->sql(q{SELECT pg_tviews_refresh('aa.const')}, 'schema_only'), 1, 'schema only: refreshed');
$node->sql('INSERT INTO zz.tb_user VALUES (2, \'b\'); INSERT INTO zz.tb_post VALUES (1, 2, \'x\')', 'schema_only');
is(stale('schema_only'), '', 'schema only: not any more, as all of it was refreshed');
alive('schema_only', 'schema only');

# The whole: nothing is stale, in whatever order the rows come.
run('pg_restore', '--exit-on-error', '--jobs=4', '-d', new_database('jobs_whole'), "$dir/whole.d");
is(stale('jobs_whole'), '', 'whole: nothing is stale');
alive('jobs_whole', 'whole');
# nor is one whose table has no rows, in whatever order its view comes
$node->sql('CREATE DATABASE few TEMPLATE source');
$node->sql('DELETE FROM zz.tb_user', 'few');
run('pg_dump', '-Fd', '-f', "$dir/few.d", $node->connstr('few'));
foreach my $jobs (1, 4, 5)
{
	run('pg_restore', '--exit-on-error', "--jobs=$jobs", '-d', new_database("few$jobs"), "$dir/few.d");
	is(stale("few$jobs"), '', "TVIEWs that are empty: nothing is stale");
	alive("few$jobs", "TVIEWs that are empty, $jobs jobs");
}
my $sections = new_database('backwards');
run('pg_restore', '--exit-on-error', '--section=pre-data', '-d', $sections, "$dir/whole");
unlink "$dir/backwards";
append_to_file("$dir/backwards", join '', reverse grep { /TABLE DATA/ } `pg_restore --list $dir/whole`);
run('pg_restore', '--exit-on-error', "--use-list=$dir/backwards", '-d', $sections, "$dir/whole");
run('pg_restore', '--exit-on-error', '--section=post-data', '-d', $sections, "$dir/whole");
is(stale('backwards'), '', 'rows in reverse order: nothing is stale');
alive('backwards', 'rows in reverse order');

# Triggers that were left out are reported, and can be had again.
run('pg_restore', '--exit-on-error', '-d', new_database('no_triggers'), list_without("$dir/whole", 'TRIGGER '), "$dir/whole");
like($node->sql('SELECT pg_tviews_validate()', 'no_triggers'), qr/tb_user has no trigger for insert.*has no enabled trigger that refuses/s,
	'without triggers: reported');
$node->sql('SET client_min_messages = error; SELECT pg_tviews_convert_existing_table(tview::text) FROM pg_tview_meta', 'no_triggers');
is($node->sql('SELECT * FROM pg_tviews_validate()', 'no_triggers'), '', 'without triggers: made anew');
alive('no_triggers', 'without triggers');

# A partition and a child that were lost come back into a database in use; so
# does a partition that replaces one that has changed since.
foreach my $how ([ 'partition', 'zz.tb_hit_1', 'DROP TABLE zz.tb_hit_1' ], [ 'child', 'zz.tb_dog', 'DROP TABLE zz.tb_dog' ],
	[ 'replaced', 'zz.tb_hit_1', 'INSERT INTO zz.tb_hit_1 VALUES (7, 7); DELETE FROM zz.tb_hit_2 WHERE day = 13', '--clean', '--if-exists' ])
{
	my ($db, $table, $loss, @args) = @$how;
	my $wanted = $table =~ /dog/ ? 'SELECT pk_animal, legs FROM aa.tv_animal ORDER BY 1' :
	  'SELECT pk_day, n FROM aa.tv_day WHERE pk_day < 10 ORDER BY 1';

	fill($db);
	my $before = $node->sql($wanted, $db);
	run('pg_dump', '-t', $table, @args, '-f', "$dir/$db.sql", $node->connstr($db));
	$node->sql($loss, $db);
	$node->checked(6, "$db: lost", $db);
	isnt($node->sql($wanted, $db), $before, "$db: rows are lost");
	run('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', "$dir/$db.sql");
	is($node->sql($wanted, $db), $before, "$db: rows are back");
	is($node->sql('SELECT * FROM pg_tviews_validate()', $db), '', "$db: valid");
	alive($db, $db);
}

# Who goes on in the session in which a dump was loaded: DDL and writes.
fill('session');
is( $node->sql(q{
	SELECT set_config('search_path', '', false); SET check_function_bodies = off; SET client_min_messages = error;
	ALTER TABLE zz.tb_user RENAME name TO called;
	UPDATE zz.tb_user SET called = 'x' WHERE pk_user = 1;
	ALTER TABLE zz.tb_post RENAME TO tb_article;
	DELETE FROM zz.tb_article WHERE pk_post = 2;
	DROP TABLE zz.tb_hit_2;
	CREATE TABLE zz.tv_late AS SELECT pk_user AS pk_late, called FROM zz.tb_user;
	UPDATE zz.tb_user SET called = 'y' WHERE pk_user = 2;
	SELECT kit.check_all();
	UPDATE aa.tv_post SET title = 'wrong'; DELETE FROM aa.tv_animal; TRUNCATE aa.tv_day;
	SELECT kit.check_all()}, 'session'), "\n7\n7", 'in a session like that of a restore');
$node->sql(q{UPDATE zz.tb_user SET called = 'z'; INSERT INTO zz.tb_animal VALUES (9, 9)}, 'session');
$node->checked(7, 'and after it', 'session');

# Owners and roles.
$node->sql('CREATE ROLE regress_owner; CREATE ROLE regress_other; CREATE ROLE regress_super SUPERUSER');
fill('owned');
$node->sql(q{
	ALTER SCHEMA zz OWNER TO regress_owner; ALTER SCHEMA aa OWNER TO regress_owner;
	DO $$
	DECLARE r record;
	BEGIN
		FOR r IN SELECT oid::regclass AS name, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind FROM pg_class
			WHERE relnamespace IN ('aa'::regnamespace, 'zz'::regnamespace) AND relkind IN ('r', 'v', 'p') ORDER BY oid LOOP
			EXECUTE format('ALTER %s %s OWNER TO regress_owner', r.kind, r.name);
		END LOOP;
	END $$}, 'owned');
alive('owned', 'another owner');
run('pg_dump', '-Fc', '-f', "$dir/owned", $node->connstr('owned'));
my $owners = q{SELECT DISTINCT relowner::regrole FROM pg_tview_meta m JOIN pg_class c ON c.oid IN (m.tview, m.view)};
foreach my $how ([ 'same_owner', 'regress_owner' ], [ 'no_owner', $node->sql('SELECT current_user'), '--no-owner' ],
	[ 'as_role', 'regress_owner', '--role=regress_super' ], [ 'of_role', 'regress_super', '--role=regress_super', '--no-owner' ])
{
	my ($db, $owner, @args) = @$how;

	run('pg_restore', '--exit-on-error', '-1', @args, '-d', new_database($db), "$dir/owned");
	is($node->sql($owners, $db), $owner, "$db: owner");
	is(stale($db), '', "$db: nothing is stale");
	alive($db, $db);
}
# by a role that is no superuser, into a database that has the extension
new_database('poor_role');
$node->sql(q{CREATE EXTENSION pg_tviews; CREATE SCHEMA aa AUTHORIZATION regress_other; CREATE SCHEMA zz AUTHORIZATION regress_other},
	'poor_role');
$node->load_kit('poor_role');
run('pg_restore', '--exit-on-error', '--no-owner', '--role=regress_other', '-n', 'aa', '-n', 'zz', '-d', $node->connstr('poor_role'), "$dir/owned");
is($node->sql($owners, 'poor_role'), 'regress_other', 'by a poor role: owner');
alive('poor_role', 'by a poor role');

$node->sql('REASSIGN OWNED BY regress_owner TO regress_other', 'owned');
is($node->sql($owners, 'owned'), 'regress_other', 'REASSIGN OWNED: owner');
alive('owned', 'REASSIGN OWNED');
$node->sql('ALTER TABLE zz.tb_user OWNER TO regress_owner; GRANT USAGE ON SCHEMA zz TO regress_owner; GRANT SELECT ON zz.tb_user TO regress_other', 'owned');
my $err;
isnt($node->psql('owned', 'DROP OWNED BY regress_owner', stderr => \$err), 0, 'DROP OWNED of what TVIEWs read: refused');
like($err, qr/view zz.v_user depends on table zz.tb_user/, 'with what reads it');
$node->sql('REVOKE SELECT ON zz.tb_user FROM regress_other', 'owned');
isnt($node->psql('owned', q{UPDATE zz.tb_user SET name = 'no'}, stderr => \$err), 0, 'a right of the owner that is gone');
like($err, qr/permission denied for table tb_user.*TVIEW zz\.tv_user/s, 'is named, with the TVIEW');
$node->sql('SET client_min_messages = error; DROP OWNED BY regress_owner CASCADE', 'owned');
is($node->sql('SELECT string_agg(entity, \' \' ORDER BY entity) FROM pg_tview_meta', 'owned'), 'animal const day', 'DROP OWNED CASCADE');
$node->sql('INSERT INTO zz.tb_post VALUES (100, 1, \'x\'); INSERT INTO zz.tb_hit VALUES (1, 1)', 'owned');
$node->checked(3, 'what is left', 'owned');
$node->sql('SET client_min_messages = error; DROP OWNED BY regress_other CASCADE', 'owned');
is($node->sql('SELECT count(*) FROM pg_tview_meta; SELECT count(*) FROM pg_trigger WHERE tgname LIKE \'pg_tviews%\' AND tgrelid <> \'pg_tview_meta\'::regclass', 'owned'),
	"0\n0", 'DROP OWNED of the TVIEWs');

# The extension in a schema that is in no search_path, and renamed there.
fill('elsewhere', 'CREATE SCHEMA "Ext 1"; CREATE EXTENSION pg_tviews SCHEMA "Ext 1"');
alive('elsewhere', 'in a schema of its own');
my $session = $node->background_psql('elsewhere');
$session->query_safe(q{UPDATE zz.tb_user SET name = 'a'; SELECT count(*) FROM aa.tv_post WHERE name = 'a'});
$node->sql('ALTER SCHEMA "Ext 1" RENAME TO "Ext 2"', 'elsewhere');
is($session->query_safe(q{UPDATE zz.tb_user SET name = 'b'; SELECT count(*) > 0 FROM aa.tv_post WHERE name = 'b'}), 't', 'renamed below a session');
$session->quit;
isnt($node->psql('elsewhere', 'ALTER EXTENSION pg_tviews SET SCHEMA public', stderr => \$err), 0, 'ALTER EXTENSION SET SCHEMA');
like($err, qr/does not support SET SCHEMA/, 'is not supported');
alive('elsewhere', 'renamed');
run('pg_dump', '-Fc', '-f', "$dir/elsewhere", $node->connstr('elsewhere'));
run('pg_restore', '--exit-on-error', '-d', new_database('elsewhere_whole'), "$dir/elsewhere");
alive('elsewhere_whole', 'in a schema of its own, restored');
run('pg_restore', '--exit-on-error', '--schema-only', '-d', new_database('elsewhere_parts'), "$dir/elsewhere");
run('pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-d', $node->connstr('elsewhere_parts'), "$dir/elsewhere");
alive('elsewhere_parts', 'in a schema of its own, restored in two parts');
$node->sql(q{ALTER DATABASE elsewhere SET search_path = zz, aa}, 'elsewhere');
is($node->sql(q{UPDATE tb_user SET name = 'path'; SELECT DISTINCT name FROM tv_post}, 'elsewhere'), 'path', 'another search_path');
alive('elsewhere', 'another search_path');
isnt($node->psql('elsewhere', 'DROP SCHEMA "Ext 2"', stderr => \$err), 0, 'DROP SCHEMA of the extension');
like($err, qr/table (aa\.)?tv_all depends on extension pg_tviews/, 'is refused');
$node->sql('SET client_min_messages = error; DROP SCHEMA aa CASCADE', 'elsewhere');
$node->sql('UPDATE zz.tb_user SET name = 1; INSERT INTO zz.tb_hit VALUES (1, 1)', 'elsewhere');
$node->checked(1, 'DROP SCHEMA CASCADE of some', 'elsewhere');
$node->sql('SET client_min_messages = error; DROP SCHEMA "Ext 2" CASCADE; UPDATE zz.tb_user SET name = 2', 'elsewhere');
is($node->sql('SELECT to_regclass(\'zz.tv_user\'), to_regclass(\'zz.v_user\'), count(*) FROM pg_trigger WHERE NOT tgisinternal', 'elsewhere'),
	'||0', 'DROP SCHEMA CASCADE of the extension');

# An old version, restored, and over what is there.
fill('old', q{CREATE EXTENSION pg_tviews VERSION '0.1.1'});
run('pg_dump', '-Fc', '-f', "$dir/old", $node->connstr('old'));
run('pg_restore', '--exit-on-error', '-d', new_database('from_old'), "$dir/old");
run('pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $node->connstr('old'), "$dir/old");
foreach my $db ('from_old', 'old')
{
	is($node->sql('SELECT pg_tviews_version()', $db), '0.2.0', "$db: the current version");
	is(stale($db), '', "$db: nothing is stale");
	alive($db, $db);
}

# A TVIEW that is stale when it is dumped is so when it is restored, whole and
# in two parts; and without its cause, no more.
fill('broken');
$node->sql(q{
	SET client_min_messages = error;
	CREATE TABLE tb_ratio (pk_ratio int PRIMARY KEY, n int);
	INSERT INTO tb_ratio VALUES (1, 4), (2, 5);
	SELECT pg_tviews_create('ratio', 'SELECT pk_ratio, 100 / n AS share FROM tb_ratio', NULL, '{"on_error": "stale"}');
	UPDATE tb_ratio SET n = 0 WHERE pk_ratio = 1}, 'broken');
run('pg_dump', '-Fc', '-f', "$dir/broken", $node->connstr('broken'));
run('pg_restore', '--exit-on-error', '-d', new_database('broken_whole'), "$dir/broken");
run('pg_restore', '--exit-on-error', '--schema-only', '-d', new_database('broken_parts'), "$dir/broken");
run('pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-d', $node->connstr('broken_parts'), "$dir/broken");
foreach my $db ('broken_whole', 'broken_parts')
{
	is(stale($db), 'ratio 22012', "$db: stale");
	$node->sql(q{UPDATE tb_ratio SET n = 2; SELECT pg_tviews_refresh('ratio')}, $db);
	is(stale($db), '', "$db: not any more");
	alive($db, $db, 7);
}

# Somebody writes while several processes restore data.
sub restored_below_writes
{
	my ($db, @args) = @_;
	my $writes = "$dir/writes.sql";
	my $errors = '';

	unlink $writes;
	append_to_file($writes, join '', map { "UPDATE zz.tb_user SET name = 'w$_' WHERE pk_user = 1;\n"
		. "INSERT INTO zz.tb_user VALUES (1000 + $_, 'w') ON CONFLICT DO NOTHING;\n"
		. "UPDATE zz.tb_post SET fk_user = 1 + $_ % 5 WHERE pk_post = $_ % 20;\n"
		. "SELECT pg_sleep(0.01);\n" } 1 .. 150);
	my $writer = IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr($db), '-f', $writes ],
		'<', \undef, '>', '/dev/null', '2>', \$errors);
	ok($node->run_tool([ 'pg_restore', '--jobs=3', @args, '-d', $node->connstr($db), "$dir/whole.d" ]), "$db: restored while somebody writes");
	$writer->finish;
	# what the data has brought meanwhile is in nobody's way but its own
	unlike($errors, qr/ERROR:  (?!deadlock)/, "$db: the writer's errors");
	alive($db, $db);
	return;
}

run('pg_restore', '--exit-on-error', '--schema-only', '-d', new_database('below_data'), "$dir/whole");
restored_below_writes('below_data', '--data-only');

# Copies go their own ways.
foreach my $strategy ('wal_log', 'file_copy')
{
	$node->sql("CREATE DATABASE $strategy TEMPLATE source STRATEGY $strategy");
	$node->sql('SET client_min_messages = error; DROP TABLE aa.tv_all; ALTER TABLE zz.tb_user RENAME name TO called', $strategy);
	change('source');
	$node->sql(q{UPDATE zz.tb_user SET called = 'copy'; DELETE FROM zz.tb_post WHERE pk_post > 15}, $strategy);
	$node->checked(5, "$strategy: the copy", $strategy);
	$node->checked(6, "$strategy: the original", 'source');
}
$node->stop;
done_testing();
