# Behind pgbouncer: sessions that change hands after each transaction, or that
# are handed on with DISCARD ALL; two-phase commit across them; prepared
# statements.
use strict;
use warnings;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my ($pgbouncer) = grep { -x } '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer';
plan skip_all => 'pgbouncer is not installed' unless $pgbouncer;

my $node = TviewCluster->fresh('main');
$node->sql(q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, n int);
	CREATE INDEX ON tb_post (fk_user);
	INSERT INTO tb_user SELECT g, 'u' || g FROM generate_series(1, 10) g;
	INSERT INTO tb_post SELECT g, 1 + g % 10, 0 FROM generate_series(1, 60) g;
	SET client_min_messages = warning;
	CREATE TABLE tv_user AS SELECT u.pk_user, u.name, sum(p.n) AS n
		FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.n, u.name, u.n AS total
		FROM tb_post p JOIN tv_user u ON u.pk_user = p.fk_user;
});

my $dir = PostgreSQL::Test::Utils::tempdir_short();
my $load = "$dir/load.sql";
append_to_file($load, q{
\set u random(1, 10)
\set p random(1, 60)
BEGIN;
UPDATE tb_post SET fk_user = :u, n = n + 1 WHERE pk_post = :p;
SAVEPOINT s;
UPDATE tb_user SET name = 'v' || :p WHERE pk_user = :u;
SELECT count(*) FROM tv_post WHERE pk_post = :p;
ROLLBACK TO s;
UPDATE tb_user SET name = 'w' || :p WHERE pk_user = :u;
END;
SELECT n FROM tv_user WHERE pk_user = :u;
});

# Two server connections for everybody.
sub bouncer
{
	my ($mode) = @_;
	my ($host, $port) = ($node->host, $node->port);
	my $user = $node->sql('SELECT current_user');

	unlink "$dir/$mode.ini";
	append_to_file("$dir/$mode.ini", qq{
[databases]
postgres = host=$host port=$port user=$user
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $dir
auth_type = any
pool_mode = $mode
default_pool_size = 2
max_client_conn = 50
server_reset_query = DISCARD ALL
ignore_startup_parameters = extra_float_digits
logfile = $dir/$mode.log
});
	my $handle = IPC::Run::start([ $pgbouncer, '-q', "$dir/$mode.ini" ], '<', \undef,
		'>', '/dev/null', '2>', '/dev/null');
	foreach (1 .. 100)
	{
		last if -S "$dir/.s.PGSQL.6432";
		select(undef, undef, undef, 0.1);
	}
	return $handle;
}

# What psql prints, through the pooler.
sub through
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d',
			"host=$dir port=6432 dbname=postgres" ], '<', \$sql, '>', \$out, '2>', \$err);
	chomp($out, $err);
	return $out . $err;
}

foreach my $mode ('transaction', 'session')
{
	my $handle = bouncer($mode);

	is(through("UPDATE tb_user SET name = 'pooled' WHERE pk_user = 1; SELECT name FROM tv_user WHERE pk_user = 1"),
		'pooled', "$mode: a change");
	is(through("BEGIN; UPDATE tb_user SET name = 'mine' WHERE pk_user = 1; SELECT name FROM tv_user WHERE pk_user = 1; ROLLBACK; SELECT name FROM tv_user WHERE pk_user = 1"),
		"mine\npooled", "$mode: its own change, and no more");

	# one prepares, another commits
	through("BEGIN; UPDATE tb_user SET name = 'prepared' WHERE pk_user = 2; PREPARE TRANSACTION 'p'");
	is(through('SELECT name FROM tv_user WHERE pk_user = 2'), 'u2', "$mode: prepared by somebody")
	  if $mode eq 'transaction';
	is(through("COMMIT PREPARED 'p'; SELECT name FROM tv_user WHERE pk_user = 2"), 'prepared',
		"$mode: committed by another");
	through("BEGIN; UPDATE tb_user SET name = 'never' WHERE pk_user = 3; PREPARE TRANSACTION 'q'");
	unlike(through("ROLLBACK PREPARED 'q'; SELECT name FROM tv_user WHERE pk_user = 3"), qr/never/,
		"$mode: rolled back by another");
	is(through("DISCARD ALL; UPDATE tb_user SET name = 'discarded' WHERE pk_user = 4; DISCARD ALL; SELECT name FROM tv_user WHERE pk_user = 4"),
		'discarded', "$mode: DISCARD ALL") if $mode eq 'session';
	is(through("PREPARE s AS UPDATE tb_user SET name = \$1 WHERE pk_user = 5; EXECUTE s('one'); ALTER TABLE tb_user ADD x$mode int; EXECUTE s('two'); SELECT name FROM tv_user WHERE pk_user = 5"),
		'two', "$mode: a prepared statement, and DDL") if $mode eq 'session';
	$node->checked(2, "$mode: equal");

	# many clients on two connections
	my @protocol = $mode eq 'session' ? ('-c', '2', '-M', 'prepared') : ('-c', '10');
	my ($out, $err) = ('', '');
	ok( IPC::Run::run([ 'pgbench', '-n', @protocol, '-T', '3', '--max-tries=100', '-f', $load,
				'-h', $dir, '-p', '6432', 'postgres' ], '<', \undef, '>', \$out, '2>', \$err),
		"$mode: many clients") or diag($err);
	like($out, qr/number of failed transactions: 0 /, "$mode: none fails");
	$node->checked(2, "$mode: equal after that");
	is($node->sql("SELECT count(DISTINCT pid) <= 2 FROM pg_stat_activity
			WHERE datname = 'postgres' AND application_name ~ 'psql|pgbench' AND pid <> pg_backend_pid()"),
		't', "$mode: over two connections");
	$handle->signal('INT');
	$handle->finish;
	unlink "$dir/.s.PGSQL.6432";
}
$node->stop;
done_testing();
