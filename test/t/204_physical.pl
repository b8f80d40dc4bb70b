# What happens to files: a standby and its promotion, a base backup and
# recovery to a point in time, crashes under load, rewritten tables, copied
# databases, unlogged tables.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $node = TviewCluster->fresh('main', allows_streaming => 1, has_archiving => 1);
$node->sql(q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, n int);
	CREATE INDEX ON tb_post (fk_user);
	INSERT INTO tb_user SELECT g, 'u' || g FROM generate_series(1, 20) g;
	INSERT INTO tb_post SELECT g, 1 + g % 20, g FROM generate_series(1, 200) g;
	SET client_min_messages = warning;
	CREATE TABLE tv_user AS SELECT u.pk_user, u.name, count(p.*) AS posts, sum(p.n) AS n
		FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.n, u.name, u.posts
		FROM tb_post p JOIN tv_user u ON u.pk_user = p.fk_user;
});

# Writers that never end; each transaction changes both tables.
my $script = $node->basedir . '/load.sql';
append_to_file($script, q{
\set u random(1, 20)
\set p random(1, 200)
BEGIN;
UPDATE tb_post SET fk_user = :u, n = n + 1 WHERE pk_post = :p;
UPDATE tb_user SET name = 'u' || :p WHERE pk_user = :u;
DELETE FROM tb_post WHERE pk_post = :p + 1;
INSERT INTO tb_post VALUES (:p + 1, :u, 0) ON CONFLICT DO NOTHING;
END;
});

sub start_load
{
	my ($cluster) = @_;

	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', '3', '-T', '60', '--max-tries=100', '-f', $script,
			$cluster->connstr('postgres') ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
}

# A standby is read while the primary is written to.
$node->backup('base');
my $standby = bless PostgreSQL::Test::Cluster->new('standby'), 'TviewCluster';
$standby->init_from_backup($node, 'base', has_streaming => 1);
# its timeline is not to get into the primary's archive
$standby->append_conf('postgresql.conf', 'archive_mode = off');
$standby->start;
my $load = start_load($node);
$node->poll_query_until('postgres', 'SELECT count(*) > 5 FROM tb_user WHERE name <> \'u\' || pk_user');
$node->wait_for_catchup($standby);
is($standby->sql('SELECT count(*) FROM tv_user'), 20, 'a standby can be read');
$standby->checked(2, 'each of its snapshots is right') foreach 1 .. 3;
my ($out, $err);
isnt($standby->psql('postgres', 'INSERT INTO tb_user VALUES (99)', stderr => \$err), 0,
	'but not written to');
isnt($standby->psql('postgres', q{SELECT pg_tviews_refresh('post')}, stderr => \$err), 0,
	'nor refreshed');
like($err, qr/cannot execute pg_tviews_refresh\(\) in a read-only transaction/, '... and says so');
like($standby->sql(q{SELECT source FROM pg_tviews_explain('tv_post') LIMIT 1}), qr/./,
	'and explains itself');

# The primary fails under load, the standby takes over.
$node->stop('immediate');
$load->finish;
$standby->promote;
$standby->checked(2, 'promoted');
$standby->sql('UPDATE tb_user SET name = name || pk_user; DELETE FROM tb_post WHERE pk_post < 20');
$standby->checked(2, 'promoted: maintained');
$standby->stop;

# Crashes in the middle of everything.
$node->start;
$node->checked(2, 'after a crash under load');
foreach my $round (1 .. 2)
{
	$load = start_load($node);
	# prepared transactions hold the rows that they have refreshed
	$node->sql("BEGIN; UPDATE tb_user SET name = 'prepared' WHERE pk_user = 1; PREPARE TRANSACTION 'p'")
	  if $round == 1;
	select(undef, undef, undef, 0.7);
	$node->crash;
	$load->finish;
	$node->sql("COMMIT PREPARED 'p'") if $round == 1;
	$node->checked(2, "crash $round");
}
$node->sql("UPDATE tb_user SET name = 'after'; DELETE FROM tb_post WHERE pk_post > 150");
$node->checked(2, 'after crashes: maintained');

# Back to a point in time: after one change, before the next.
$node->sql("UPDATE tb_user SET name = 'wanted' WHERE pk_user = 2");
my $point = $node->sql("SELECT pg_create_restore_point('wanted')");
$node->sql("UPDATE tb_user SET name = 'unwanted'; DELETE FROM tb_post");
$node->sql('SELECT pg_switch_wal()');
my $walfile = $node->sql("SELECT pg_walfile_name('$point')");
$node->poll_query_until('postgres',
	"SELECT last_archived_wal >= '$walfile' FROM pg_stat_archiver");
my $pitr = bless PostgreSQL::Test::Cluster->new('pitr'), 'TviewCluster';
$pitr->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$pitr->append_conf('postgresql.conf',
	"recovery_target_name = 'wanted'\nrecovery_target_action = 'promote'");
$pitr->start;
$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($pitr->sql('SELECT name FROM tv_user WHERE pk_user = 2'), 'wanted', 'point in time');
$pitr->checked(2, 'point in time: all rows');
$pitr->sql("INSERT INTO tb_user VALUES (77, 'x'); INSERT INTO tb_post VALUES (777, 77, 1)");
$pitr->checked(2, 'point in time: maintained');
$pitr->stop;

# Rewritten and moved, TVIEWs and base tables alike.
my $space = PostgreSQL::Test::Utils::tempdir_short();
$node->sql("CREATE TABLESPACE elsewhere LOCATION '$space'");
$node->sql("INSERT INTO tb_post SELECT g, 1 + g % 20, g FROM generate_series(1, 50) g");
foreach my $what ('VACUUM (FULL, ANALYZE) %s', 'CLUSTER %s USING %s', 'REINDEX TABLE %s',
	'REINDEX TABLE CONCURRENTLY %s', 'ALTER TABLE %s SET TABLESPACE elsewhere',
	'ALTER INDEX %2$s SET TABLESPACE elsewhere', 'VACUUM (FREEZE) %s')
{
	foreach my $pair ([ 'tb_post', 'tb_post_pkey' ], [ 'tv_user', 'idx_tv_user_pk' ],
		[ 'tv_post', 'idx_tv_post_pk' ])
	{
		$node->sql(sprintf $what, @$pair);
	}
	$node->sql('UPDATE tb_post SET n = n + 1 WHERE pk_post < 9; DELETE FROM tb_post WHERE pk_post = (SELECT max(pk_post) FROM tb_post)');
	$node->checked(2, $what);
}

# Copies of the database.
$node->sql('CREATE DATABASE copied TEMPLATE postgres', 'template1');
$node->checked(2, 'CREATE DATABASE ... TEMPLATE', 'copied');
$node->sql("UPDATE tb_user SET name = 'copied' WHERE pk_user = 3", 'copied');
$node->checked(2, 'a copy: maintained', 'copied');
is($node->sql("SELECT count(*) FROM tv_user WHERE name = 'copied'"), 0, 'apart from the original');
$node->sql('ALTER DATABASE copied RENAME TO renamed');
$node->sql("UPDATE tb_user SET name = 'renamed' WHERE pk_user = 3", 'renamed');
$node->checked(2, 'a renamed database', 'renamed');
$node->sql('CREATE EXTENSION pg_tviews', 'template1');
$node->sql('CREATE DATABASE from_template');
is($node->sql('SELECT pg_tviews_version() IS NOT NULL', 'from_template'), 't',
	'the extension comes with a template');
$node->sql('CREATE TABLE tb_a (pk_a int PRIMARY KEY); CREATE TABLE tv_a AS SELECT pk_a FROM tb_a; INSERT INTO tb_a VALUES (1)',
	'from_template');
is($node->sql('SELECT pk_a FROM tv_a', 'from_template'), 1, 'and works');

# Unlogged: a crash empties the TVIEW with its table, or neither.
$node->sql(q{
	CREATE UNLOGGED TABLE tb_u (pk_u int PRIMARY KEY);
	CREATE UNLOGGED TABLE tv_u AS SELECT pk_u FROM tb_u;
	INSERT INTO tb_u VALUES (1), (2);
});
$node->checked(3, 'unlogged');
$node->crash;
is($node->sql('SELECT count(*) FROM tv_u'), 0, 'a crash empties both');
$node->sql('INSERT INTO tb_u VALUES (3)');
$node->checked(3, 'unlogged: maintained after the crash');
isnt($node->psql('postgres', $_, stderr => \$err), 0, $_)
  foreach ('ALTER TABLE tv_user SET UNLOGGED', 'ALTER TABLE tb_post SET UNLOGGED',
	'ALTER TABLE tv_u SET LOGGED', 'CREATE UNLOGGED TABLE tv_z AS SELECT pk_user AS pk_z FROM tb_user',
	'CREATE TABLE tv_z AS SELECT pk_u AS pk_z FROM tb_u');
like($err, qr/table "tb_u" cannot be unlogged while TVIEW "tv_z", which reads it, is logged/,
	'says why');
# views that have rows when all tables are empty
foreach my $query ('SELECT 1 AS pk_z, count(*) AS n FROM tb_u', 'SELECT 1 AS pk_z, (SELECT max(pk_u) FROM tb_u) AS m',
	'SELECT pk_u AS pk_z FROM tb_u UNION SELECT 9', 'SELECT g AS pk_z, pk_u FROM generate_series(1, 3) g LEFT JOIN tb_u ON pk_u = g',
	'WITH w AS (SELECT count(*) AS n FROM tb_u) SELECT n AS pk_z FROM w', 'SELECT pk_u AS pk_z, count(*) AS n FROM tb_u GROUP BY ROLLUP (pk_u)',
	'SELECT x AS pk_z FROM (VALUES (1)) v (x) FULL JOIN tb_u ON x = pk_u')
{
	isnt($node->psql('postgres', "CREATE UNLOGGED TABLE tv_z AS $query", stderr => \$err), 0, $query);
	like($err, qr/TVIEW "tv_z" cannot be unlogged: its query has rows that do not come from a table/, 'is refused');
}
foreach my $query ('SELECT g AS pk_z FROM generate_series(1, 3) g JOIN tb_u ON pk_u = g', 'SELECT pk_u AS pk_z FROM tb_u EXCEPT SELECT 9',
	'WITH RECURSIVE w AS (SELECT pk_u FROM tb_u UNION SELECT pk_u - 1 FROM w WHERE pk_u > 0) SELECT pk_u AS pk_z FROM w',
	'SELECT pk_u AS pk_z, count(*) AS n FROM tb_u LEFT JOIN (VALUES (1)) v (x) ON x = pk_u GROUP BY pk_u')
{
	$node->sql("SET client_min_messages = error; CREATE UNLOGGED TABLE tv_z AS $query");
	$node->checked(4, $query);
	$node->sql('DROP TABLE tv_z');
}
$node->checked(3, 'refused, and nothing has changed');
$node->stop;
done_testing();
