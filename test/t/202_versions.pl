# The versions of the extension: each can be created, updated and downgraded to
# along every path, with TVIEWs that are live all the while; a database that has
# come to a version has what a fresh one has; and the library, which serves all
# of them, says what to run where it finds another.
use strict;
use warnings;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main', bare => 1);
my @versions = ('0.1.0', '0.1.1', '0.2.0');

# All that PostgreSQL knows of the objects of the extension, but their OIDs.
my $catalog = q{
	CREATE TEMP VIEW members AS
	SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
	 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_tviews';
	CREATE TEMP VIEW relations AS
	SELECT c.* FROM pg_class c JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;

	SELECT extversion, extnamespace::regnamespace, extrelocatable, extconfig::regclass[], extcondition
	  FROM pg_extension WHERE extname = 'pg_tviews';
	SELECT pg_describe_object(classid, objid, 0) AS o FROM members ORDER BY o;
	SELECT pg_describe_object(m.classid, m.objid, 0) AS o, d.objsubid, d.description
	  FROM members m JOIN pg_description d ON d.classoid = m.classid AND d.objoid = m.objid ORDER BY o, 2;
	SELECT pg_get_functiondef(p.oid) AS f, p.proacl, p.proowner::regrole, p.prosrc, p.probin, p.procost,
	       p.prorows, p.provolatile, p.proparallel, p.proisstrict, p.prosecdef, p.proleakproof, p.proconfig
	  FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid ORDER BY f;
	SELECT relname, relkind, relpersistence, relacl, relowner::regrole, relreplident, reloptions, relhastriggers,
	       CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) END
	  FROM relations ORDER BY relname;
	SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, a.attacl,
	       a.attcollation::regcollation, a.attisdropped, pg_get_expr(d.adbin, d.adrelid)
	  FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid
	  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	 WHERE a.attnum > 0 ORDER BY 1, 2;
	SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
	  FROM relations c JOIN pg_constraint k ON k.conrelid = c.oid ORDER BY 1, 2;
	SELECT c.relname, pg_get_indexdef(i.indexrelid) AS d FROM relations c JOIN pg_index i ON i.indrelid = c.oid ORDER BY 1, d;
	SELECT pg_get_triggerdef(t.oid), t.tgenabled FROM relations c JOIN pg_trigger t ON t.tgrelid = c.oid ORDER BY 1;
	SELECT evtname, evtevent, evtowner::regrole, evtfoid::regprocedure, evtenabled, evttags
	  FROM pg_event_trigger ORDER BY 1;
	SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS o,
	       pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS r, d.deptype
	  FROM members m JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.objid ORDER BY o, r, 3;
	SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS o,
	       pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS r, d.deptype
	  FROM relations c JOIN pg_rewrite w ON w.ev_class = c.oid
	  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid ORDER BY o, r, 3;
	SELECT pg_describe_object(p.classoid, p.objoid, p.objsubid) AS o, p.privtype, p.initprivs
	  FROM members m JOIN pg_init_privs p ON p.classoid = m.classid AND p.objoid = m.objid ORDER BY o;
};
# What a TVIEW is made of.
my $tviews = q{
	SELECT entity, tview, view, key_columns, version_created FROM pg_tview_meta ORDER BY 1;
	SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger
	 WHERE tgfoid IN ('pg_tviews_capture'::regproc, 'pg_tviews_guard'::regproc) ORDER BY 1, 2;
};

# A database with that version, and TVIEWs that it has made.
sub database
{
	my ($db, $version) = @_;

	$node->sql("CREATE DATABASE $db");
	$node->sql("CREATE EXTENSION pg_tviews VERSION '$version'", $db);
	$node->load_kit($db);
	$node->sql(q{
		SET client_min_messages = warning;
		CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
		CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text);
		CREATE TABLE tb_log (pk_log int PRIMARY KEY);
		INSERT INTO tb_user SELECT g, 'u' || g FROM generate_series(1, 3) g;
		INSERT INTO tb_post SELECT g, 1 + g % 3, 't' || g FROM generate_series(1, 9) g;
		CREATE TABLE tv_user AS SELECT u.pk_user, u.name, count(p.*) AS posts
			FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
		SELECT pg_tviews_create('post', 'SELECT p.pk_post, p.title, to_jsonb(u.name) AS author, u.posts
			FROM tb_post p JOIN tv_user u ON u.pk_user = p.fk_user');
		CREATE TABLE tv_log AS SELECT pk_log FROM tb_log;
		ALTER TABLE tb_log DISABLE TRIGGER pg_tviews_truncate;
	}, $db);
	return $db;
}

# Every day's use: writes, queries of what a transaction has changed, DDL.
sub works
{
	my ($db, $name) = @_;

	$node->sql(q{
		UPDATE tb_user SET name = name || '.' WHERE pk_user < 3;
		INSERT INTO tb_post SELECT max(pk_post) + 1, 1, 'new' FROM tb_post;
		DELETE FROM tb_post WHERE pk_post = 3;
		INSERT INTO tb_log SELECT count(*) FROM tb_log;
		SET client_min_messages = warning;
		CREATE TABLE tv_again AS SELECT pk_user AS pk_again, name FROM tb_user;
		UPDATE tb_user SET name = name || '+' WHERE pk_user = 1;
		DROP TABLE tv_again;
		ALTER TABLE tb_user RENAME name TO label;
		ALTER TABLE tb_user RENAME label TO name;
	}, $db);
	$node->checked(3, "$name: maintained", $db);
	is($node->sql(q{BEGIN; UPDATE tb_user SET name = 'seen' WHERE pk_user = 2;
		SELECT (SELECT source FROM pg_tviews_get_queue() ORDER BY 1 LIMIT 1),
			(SELECT count(*) FROM pg_tviews_queue) > 0;
		SELECT name FROM tv_user WHERE pk_user = 2; ROLLBACK}, $db), "tb_user|t\nseen", "$name: in a transaction");
	is($node->sql(q{SELECT count(*), count(backing_table_name), count(last_error) FROM pg_tviews_metadata;
		SELECT count(*) FROM pg_tviews_metrics}, $db), "3|3|0\n3", "$name: views");
	like($node->sql('SELECT pg_tviews_health_check()', $db), qr/^\(tviews,OK,"3 TVIEWs"\)$/m, "$name: health");
	return;
}

# The interface of a version: what is there works, what is not is gone.
sub interface
{
	my ($db, $version, $name) = @_;
	my $is_01 = $version =~ /^0\.1/;
	my @refused = $is_01 ?
	  ('SELECT pg_tviews_stats()', 'SELECT pg_tviews_validate()', q{SELECT pg_tviews_refresh(entity_name => 'user', force => true)},
		'SELECT source_hash FROM pg_tviews_metadata', $version eq '0.1.0' ? q{SELECT pg_tviews_refresh('user')} : ()) :
	  ('SELECT pg_tviews_refresh_all()', q{SELECT pg_tviews_refresh_async('user')}, 'SELECT pg_tviews_debug_queue()',
		q{SELECT pg_tviews_refresh_one('user', 1)}, q{SELECT pg_tviews_refresh(name => 'user', force => true)},
		'SELECT internal_version FROM pg_tviews_metadata', 'SELECT pg_tviews_queue_stats()', 'SELECT pg_tviews_performance_stats()');
	is($node->sql('SELECT pg_tviews_version()', $db), $version, "$name: version");
	foreach my $sql (@refused)
	{
		my $err;

		isnt($node->psql($db, $sql, stderr => \$err), 0, "$name: $sql");
		like($err, qr/does not exist/, "$name: ... does not exist");
	}
	# names that have been made wrong tell what each call refreshes
	foreach my $how ($is_01 ?
		([ q{pg_tviews_refresh('user', false)}, 3 ],
			[ q{pg_tviews_refresh(name => 'user', force => true)}, 3 ],
			[ q{pg_tviews_refresh_one('public.tv_user', 2)}, 1 ],
			[ q{pg_tviews_refresh_batch('public.user', ARRAY[1, 2])}, 2 ],
			[ q{pg_tviews_refresh_all()}, 3 ],
			[ q{pg_tviews_refresh_all('public.tv_u%')}, 3 ],
			[ q{pg_tviews_refresh_all('public.tv_x%')}, 0 ],
			[ q{pg_tviews_refresh_async('tv_user')}, 3 ]) :
		([ q{pg_tviews_refresh('user')}, 3 ],
			[ q{pg_tviews_refresh(entity_name => 'user', force => true)}, 3 ],
			[ q{pg_tviews_refresh(tview_name => 'public.user', primary_keys => ARRAY[1, 2])}, 2 ]))
	{
		my ($call, $rows) = @$how;

		is($node->sql(qq{SET client_min_messages = error;
			BEGIN; ALTER TABLE tv_user DISABLE TRIGGER pg_tviews_guard;
			UPDATE tv_user SET name = 'wrong';
			DO \$\$BEGIN PERFORM $call; END\$\$;
			SELECT count(*) FROM tv_user WHERE name <> 'wrong'; ROLLBACK}, $db), $rows, "$name: $call");
	}
	if ($is_01)
	{
		like($node->sql(q{BEGIN; UPDATE tb_user SET name = 'x' WHERE pk_user = 1; SELECT pg_tviews_debug_queue();
			SELECT pg_tviews_queue_stats() ->> 'queue_size'; ROLLBACK}, $db),
			qr/^\[\{"entity": "tv_user", .*\}\]\n[1-9]/, "$name: queue");
		is($node->sql('SELECT jsonb_array_length(pg_tviews_debug_queue())', $db), 0, "$name: nothing is left in it");
		is($node->sql('SELECT entity, index_count FROM pg_tviews_performance_stats() ORDER BY 1 LIMIT 1', $db), 'log|1',
			"$name: performance");
		is($node->sql('SELECT DISTINCT internal_version FROM pg_tviews_metadata', $db), 1, "$name: internal_version");
	}
	else
	{
		is($node->sql('SELECT count(*) FROM pg_tviews_stats(); SELECT * FROM pg_tviews_validate() WHERE issue !~ \'trigger\'', $db), 3,
			"$name: stats and validate");
	}
	return;
}

# Fresh ones; and what is in each.
my %fresh;
foreach my $version (@versions)
{
	my $db = 'fresh' . $version =~ tr/.//dr;

	database($db, $version);
	$fresh{$version} = $node->sql($catalog, $db);
	like($fresh{$version}, qr/pg_tviews_ddl_start/, "$version: has objects");
	works($db, "$version, fresh");
	interface($db, $version, "$version, fresh");
	is($node->sql('SELECT DISTINCT version_created FROM pg_tview_meta', $db), $version, "$version: is noted");
}

# Up and down along every path, one step at a time and several.
my $session = $node->background_psql(database('walk', '0.1.0'));
my $before = $node->sql($tviews, 'walk');
foreach my $to ('0.1.1', '0.2.0', '0.1.1', '0.1.0', '0.2.0', '0.1.0', '0.1.1', '0.1.0')
{
	# one that goes on writing, and knows the old functions
	$session->query_safe(q{UPDATE tb_user SET name = name || '-'; SELECT count(*) FROM pg_tviews_metadata});
	$node->sql("ALTER EXTENSION pg_tviews UPDATE TO '$to'", 'walk');
	is($node->sql($catalog, 'walk'), $fresh{$to}, "to $to: the catalog is that of a fresh one");
	is($node->sql($tviews, 'walk'), $before, "to $to: TVIEWs are as before");
	$session->query_safe(q{UPDATE tb_user SET name = name || '_'; DELETE FROM tb_post WHERE pk_post = 4;
		INSERT INTO tb_post VALUES (4, 1, 'back'); SELECT count(*) FROM pg_tviews_metadata; SELECT * FROM pg_tviews_health_check()});
	works('walk', "to $to");
}
$session->quit;
interface('walk', '0.1.0', 'there and back');
$node->sql('ALTER EXTENSION pg_tviews UPDATE', 'walk');
is($node->sql($catalog, 'walk'), $fresh{'0.2.0'}, 'UPDATE alone goes to the current version');
interface('walk', '0.2.0', 'updated');

# In a transaction with changes of its own, and rolled back.
$node->sql(q{
	SET client_min_messages = warning;
	BEGIN;
	UPDATE tb_user SET name = 'pending' WHERE pk_user = 1;
	ALTER EXTENSION pg_tviews UPDATE TO '0.1.0';
	UPDATE tb_user SET name = 'pending too' WHERE pk_user = 2;
	COMMIT}, 'walk');
is($node->sql($catalog, 'walk'), $fresh{'0.1.0'}, 'with changes pending');
works('walk', 'with changes pending');
$node->sql('BEGIN; ALTER EXTENSION pg_tviews UPDATE; UPDATE tb_user SET name = \'gone\'; ROLLBACK', 'walk');
is($node->sql($catalog, 'walk'), $fresh{'0.1.0'}, 'rolled back');
works('walk', 'rolled back');

# What stands on an object that an update removes keeps it from removing it, and
# nothing has changed then; columns of the user's in the catalog stay.
my $err;
$node->sql(q{ALTER TABLE pg_tview_meta ADD COLUMN owner_team text; UPDATE pg_tview_meta SET owner_team = 'blue';
	CREATE VIEW mine AS SELECT entity_name FROM pg_tviews_metadata}, 'walk');
isnt($node->psql('walk', 'ALTER EXTENSION pg_tviews UPDATE', stderr => \$err), 0, 'a view on a view that goes');
like($err, qr/view mine depends on view pg_tviews_metadata/, 'is named');
is($node->sql('SELECT pg_tviews_version()', 'walk'), '0.1.0', 'and the version is still the old one');
$node->sql('DROP VIEW mine; ALTER EXTENSION pg_tviews UPDATE', 'walk');
is($node->sql('SELECT DISTINCT owner_team FROM pg_tview_meta', 'walk'), 'blue', 'columns of the user stay');
works('walk', 'with a column of the user');

# A dump of an old version is restored into the current one, rows and all.
$node->dump_and_restore('restored', undef, from => 'fresh010');
is($node->sql('SELECT pg_tviews_version()', 'restored'), '0.2.0', 'a dump restores into the current version');
is($node->sql($catalog, 'restored'), $fresh{'0.2.0'}, 'with its catalog');
is($node->sql('SELECT DISTINCT version_created FROM pg_tview_meta', 'restored'), '0.1.0', 'and the rows of the old one');
works('restored', 'restored');

# In a schema of its own.
$node->sql(q{CREATE DATABASE elsewhere});
$node->sql(q{CREATE SCHEMA "Ext"; CREATE EXTENSION pg_tviews SCHEMA "Ext" VERSION '0.1.0';
	CREATE TABLE tb_a (pk_a int PRIMARY KEY, b text); INSERT INTO tb_a VALUES (1, 'x'); CREATE TABLE tv_a AS SELECT pk_a, b FROM tb_a;
	SELECT "Ext".pg_tviews_refresh_all(), "Ext".pg_tviews_refresh_one('tv_a', 1), "Ext".pg_tviews_queue_stats(), "Ext".pg_tviews_debug_queue();
	ALTER EXTENSION pg_tviews UPDATE;
	UPDATE tb_a SET b = 'y'}, 'elsewhere');
is($node->sql('SELECT b FROM tv_a; SELECT entity_name FROM "Ext".pg_tviews_metadata', 'elsewhere'), "y\ntv_a", 'in a schema of its own');

# Objects of a version that this library does not know: no crash, but what to do.
my $hint = qr/HINT:  Update the extension with ALTER EXTENSION pg_tviews UPDATE, or install the library of the extension's version, 0\.2\.0\./;
$node->sql('CREATE EXTENSION pg_tviews', 'template1');
$node->sql(q{SET client_min_messages = warning; CREATE TABLE tb_a (pk_a int PRIMARY KEY);
	CREATE TABLE tv_a AS SELECT pk_a FROM tb_a}, 'template1');
foreach my $change ('ALTER TABLE pg_tview_meta RENAME stale_code TO code', 'ALTER TABLE pg_tview_meta DROP query_plan CASCADE',
	'ALTER TABLE pg_tview_meta ALTER entity TYPE varchar',
	'DROP TABLE pg_tview_meta CASCADE; CREATE TABLE pg_tview_meta (entity text, view_oid oid, table_oid oid)')
{
	$node->sql('CREATE DATABASE unknown');
	# as an update script would: the catalog is changed where event triggers are off
	$node->sql(q{ALTER EVENT TRIGGER pg_tviews_ddl_start DISABLE; ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
		ALTER EVENT TRIGGER pg_tviews_sql_drop DISABLE; SET client_min_messages = error;
		ALTER EXTENSION pg_tviews DROP VIEW pg_tviews_metrics; ALTER EXTENSION pg_tviews DROP VIEW pg_tviews_metadata;
		ALTER EXTENSION pg_tviews DROP VIEW pg_tviews_queue; ALTER EXTENSION pg_tviews DROP VIEW pg_tviews_locks;
		DROP VIEW pg_tviews_metrics, pg_tviews_metadata, pg_tviews_queue, pg_tviews_locks;}
		  . ($change =~ /^DROP/ ? 'ALTER EXTENSION pg_tviews DROP TABLE pg_tview_meta;' : '')
		  . "$change;" . q{ALTER EVENT TRIGGER pg_tviews_ddl_end ENABLE}, 'unknown');
	foreach my $sql ('INSERT INTO tb_a VALUES (1)', 'CREATE TABLE new ()', q{SELECT pg_tviews_refresh('a')},
		'SELECT * FROM pg_tviews_health_check()', 'SELECT * FROM pg_tviews_stats()', q{SELECT pg_tviews_drop('a')},
		'SELECT pg_tviews_export()')
	{
		isnt($node->psql('unknown', $sql, stderr => \$err), 0, "$change: $sql");
		like($err, $hint, 'says what to run');
	}
	$node->sql('DROP DATABASE unknown');
}
foreach my $function ('stats', 'get_queue', 'validate', 'health_check')
{
	$node->sql(qq{CREATE FUNCTION other_$function(OUT a int, OUT b text) RETURNS SETOF record LANGUAGE c
		AS '\$libdir/pg_tviews', 'pg_tviews_$function'}, 'template1');
	isnt($node->psql('template1', "SELECT * FROM other_$function()", stderr => \$err), 0, "$function with other columns");
	like($err, $hint, 'says what to run');
}
$node->stop;
done_testing();
